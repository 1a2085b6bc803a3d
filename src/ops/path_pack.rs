//! `path` packs: directories of packs.toml, taken as they are at each lock and switch; never a live link.

use std::path::Path;

use crate::archive::MANIFEST_FILE;
use crate::build;
use crate::build::CollectOptions;
use crate::build::Collected;
use crate::model::Blake3Digest;
use crate::model::Node;
use crate::model::PackName;
use crate::model::Place;
use crate::model::ReleaseId;
use crate::model::StorePath;
use crate::model::Tree;
use crate::model::TreePath;
use crate::ops::OpsError;

/// Collects the directory of a `path` requirement, which packs.toml writes at `at`.
///
/// The time of its entries is fixed: where the directory came from must not change what is stored.
///
/// # Errors
/// [`OpsError::PathPack`] where it cannot be packed, or declares another name than it is required by.
pub(super) fn collect(name: &PackName, directory: &Path, at: &Place) -> Result<Collected, OpsError> {
    let options = CollectOptions { wanted_as: Some(name.clone()), time: Some(jiff::Timestamp::UNIX_EPOCH) };
    build::collect(directory, &options).map_err(|source| OpsError::PathPack { name: name.clone(), at: at.clone(), source: Box::new(source) })
}

/// Gives the store path that a collected directory gets.
pub(super) fn store_path(collected: &Collected) -> StorePath {
    let manifest = &collected.manifest;
    let bytes = manifest.format();
    let content = Blake3Digest::from_bytes(*blake3::hash(&bytes).as_bytes());
    let mut tree = Tree::new();
    let path = |text: &str| TreePath::parse(text).expect("it is one valid component");
    tree.insert(&path(MANIFEST_FILE), Node::File { content, size: bytes.len() as u64, executable: false }).expect("the tree is empty");
    let below = manifest.tree().expect("a collected manifest lists each path once");
    tree.insert(&path(&manifest.name.component()), Node::Directory(below)).expect("no pack has the manifest's name");
    StorePath::new(tree.digest(), &ReleaseId { name: manifest.name.clone(), version: manifest.version.clone() })
}
