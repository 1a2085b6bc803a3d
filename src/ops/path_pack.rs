//! `path` packs: directories of packs.toml, taken as they are at each lock and switch; never a live link.

use std::path::Path;

use crate::build;
use crate::build::CollectOptions;
use crate::build::Collected;
use crate::model::PackName;
use crate::model::Place;
use crate::model::ReleaseId;
use crate::model::StorePath;
use crate::ops::OpsError;

/// Collects the directory of a `path` requirement, which packs.toml writes at `at`.
///
/// The time of its entries is fixed: where the directory came from must not change what is stored.
///
/// # Errors
/// [`OpsError::PathPack`] where it cannot be packed, or declares another name than it is required by.
pub(super) fn collect(name: &PackName, directory: &Path, at: &Place) -> Result<Collected, OpsError> {
    let options = CollectOptions { wanted_as: Some(name.clone()), time: Some(jiff::Timestamp::UNIX_EPOCH), ..CollectOptions::default() };
    build::collect(directory, &options).map_err(|source| OpsError::PathPack { name: name.clone(), at: at.clone(), source: Box::new(source) })
}

/// Gives the store path that a collected directory gets.
pub(super) fn store_path(collected: &Collected) -> StorePath {
    let manifest = &collected.manifest;
    let tree = manifest.tree().expect("a collected manifest lists each path once");
    StorePath::new(tree.digest(), &ReleaseId { name: manifest.name.clone(), version: manifest.version.clone() })
}
