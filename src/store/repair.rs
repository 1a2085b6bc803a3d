//! Replaces a broken store path by a good one, without a moment in which it is missing.
//!
//! The good tree is built in a stage like any other, but a blob is linked to only after it was read and found good; a bad one is removed, so that nobody else links
//! to it. Then stage and store path exchange their names, and the bad tree goes. Whoever has a file of it open keeps that.

use std::fs::File;
use std::path::Path;
use std::path::PathBuf;

use crate::archive::FileEntry;
use crate::archive::Limits;
use crate::archive::MANIFEST_FILE;
use crate::archive::PackManifest;
use crate::archive::ReadError;
use crate::archive::Verified;
use crate::fsys;
use crate::fsys::FsError;
use crate::model::Blake3Digest;
use crate::model::Node;
use crate::model::StorePath;
use crate::store::BadBlob;
use crate::store::Batch;
use crate::store::Durability;
use crate::store::Staged;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::compare::described;
use crate::store::contents::hash;

/// Where good content comes from.
#[derive(Debug, Clone, Copy)]
pub enum RepairFrom<'a> {
    /// From the archive of the release.
    Archive(&'a Verified),
    /// From what is good of the store path itself, from blobs, and from other store paths with the same content.
    Store,
}

/// Repairs one store path. The caller holds the shared store lock and a root that names it.
///
/// After a power cut the name leads to the broken tree or to the good one.
///
/// # Errors
/// [`StoreError::WrongArchive`] where the archive does not hold this tree; [`StoreError::Irreparable`] where the store has no good copy of a file, or MANIFEST.json is
/// not the one that belongs there. The store path is as it was then.
pub fn repair(store: &Store, path: &StorePath, from: RepairFrom<'_>, durability: Durability) -> Result<(), StoreError> {
    let batch = Batch::distrustful(store, Limits::default());
    let mut staged = match from {
        RepairFrom::Archive(archive) => from_archive(&batch, path, archive)?,
        RepairFrom::Store => from_store(&batch, store, path)?,
    };
    batch.replace(&mut staged, durability)
}

/// Removes blobs that are not what they should be, so that nobody links to them any more; what is linked to them already stays as it is.
///
/// Needs no lock: whoever misses a blob writes the content again.
pub fn discard_blobs(blobs: &[BadBlob]) -> Result<(), StoreError> {
    Ok(blobs.iter().try_for_each(|bad| fsys::remove_file(&bad.path))?)
}

fn from_archive(batch: &Batch<'_>, path: &StorePath, archive: &Verified) -> Result<Staged, StoreError> {
    let wrong = |source| StoreError::WrongArchive { store_path: path.clone(), archive: archive.sha256(), source };
    let staged = batch.stage_archive(archive).map_err(|error| match error {
        ReadError::Archive(source) => wrong(Some(Box::new(source))),
        ReadError::Visitor(error) => error,
    })?;
    if staged.store_path == *path { Ok(staged) } else { Err(wrong(None)) }
}

fn from_store(batch: &Batch<'_>, store: &Store, path: &StorePath) -> Result<Staged, StoreError> {
    let irreparable = |missing| StoreError::Irreparable { store_path: path.clone(), missing };
    let (bytes, manifest) = authentic_manifest(store, path)?.ok_or_else(|| irreparable(None))?;
    let root = store.layout().store_path(path).join(manifest.name.component());
    batch.stage_files(manifest, &bytes, |entry| {
        let (size, content) = (entry.size(), content_of(entry));
        let own = root.join(entry.path().as_str());
        let copy = if is_good(&own, size, content)? { Some(own) } else { find_elsewhere(store, size, content)? };
        copy.ok_or_else(|| irreparable(Some(entry.path().clone())))
    })
}

/// Reads MANIFEST.json, if it is the one that belongs there: then the tree it describes has the digest in the store path's name.
fn authentic_manifest(store: &Store, path: &StorePath) -> Result<Option<(Vec<u8>, PackManifest)>, StoreError> {
    let file = store.layout().store_path(path).join(MANIFEST_FILE);
    let Some(bytes) = fsys::read_optional(&file, Limits::default().manifest_bytes_max)? else { return Ok(None) };
    let Ok(manifest) = PackManifest::parse(&bytes) else { return Ok(None) };
    let content = Blake3Digest::of(&bytes);
    let tree = described(&manifest, Node::File { content, size: bytes.len() as u64, executable: false });
    Ok(tree.is_some_and(|tree| tree.digest() == path.tree()).then_some((bytes, manifest)))
}

fn content_of(entry: &FileEntry) -> Blake3Digest {
    match entry {
        FileEntry::File { blake3, .. } | FileEntry::Executable { blake3, .. } => *blake3,
        FileEntry::Directory { .. } | FileEntry::Symlink { .. } => unreachable!("only the content of files is looked for"),
    }
}

/// Finds a store path that has the same content, and has it unharmed.
fn find_elsewhere(store: &Store, size: u64, content: Blake3Digest) -> Result<Option<PathBuf>, StoreError> {
    for path in store.paths()? {
        // A store path that is broken itself is no place to look.
        let Ok(manifest) = store.pack_manifest(&path) else { continue };
        let root = store.layout().store_path(&path).join(manifest.name.component());
        for entry in manifest.files.iter().filter(|entry| entry.size() == size && matches!(entry.node(), Node::File { content: found, .. } if found == content))
        {
            let file = root.join(entry.path().as_str());
            if is_good(&file, size, content)? {
                return Ok(Some(file));
            }
        }
    }
    Ok(None)
}

/// Tells whether a file is there and holds this content; one that cannot be read is no good copy either.
fn is_good(path: &Path, size: u64, content: Blake3Digest) -> Result<bool, FsError> {
    if !fsys::status(path)?.is_some_and(|found| found.kind == fsys::FileKind::File && found.size == size) {
        return Ok(false);
    }
    Ok(fsys::open(path).and_then(|file: File| hash(file, path)).is_ok_and(|(found, _)| found == content))
}
