//! What removing trees gives back: the disk blocks of inodes whose last name goes.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;

use crate::fsys;
use crate::fsys::FileKind;
use crate::fsys::FsError;
use crate::gc::GcError;
use crate::gc::parallel::Workers;
use crate::model::StorePath;
use crate::store::layout::Layout;

/// Hex digits of a blob's name: those of a digest, without the two of its directory.
const BLOB_NAME_DIGITS: usize = 62;

/// Characters of the random names that `fsys` gives.
const RANDOM_CHARS: usize = 16;

/// Something that has a name in a tree, and what it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inode {
    /// Its number on the home's file system.
    pub number: u64,
    /// How many names it has anywhere.
    pub links: u64,
    /// What it takes on the disk, in bytes.
    pub disk_bytes: u64,
}

/// The inodes of each stored path, once for each name.
pub type Sizes = BTreeMap<StorePath, Vec<Inode>>;

/// What removing some trees frees.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Freed {
    /// The disk blocks of what has no name left, in bytes.
    pub(super) disk_bytes: u64,
    /// Blobs whose only name is in `blobs/` then, by directory.
    pub(super) blobs: Vec<DeadBlobs>,
}

/// The dead blobs of one directory.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DeadBlobs {
    /// The directory.
    pub(super) directory: PathBuf,
    /// Their names in it.
    pub(super) names: Vec<OsString>,
}

impl Freed {
    /// Counts the dead blobs.
    pub(super) fn blob_count(&self) -> u64 {
        self.blobs.iter().map(|dead| dead.names.len() as u64).sum()
    }
}

/// Measures what goes when these trees go, and with them every blob that nothing else links to.
pub(super) fn measure(layout: &Layout, trees: &[PathBuf], workers: &Workers) -> Result<Freed, FsError> {
    let mut removed = Names::default();
    for inodes in workers.map(trees, |tree| inodes_below(tree)) {
        removed.add(&inodes?);
    }
    let mut freed = Freed::default();
    let directories: Vec<PathBuf> = fsys::list_dir(&layout.blobs())?.iter().map(|entry| layout.blobs().join(&entry.name)).collect();
    let listed = workers.map(&directories, |directory| list_blobs(directory));
    for (directory, blobs) in directories.into_iter().zip(listed) {
        let mut dead = DeadBlobs { directory, names: Vec::new() };
        for (name, inode) in blobs? {
            let removed_names = removed.take(inode.number);
            if inode.links.saturating_sub(removed_names) <= 1 {
                freed.disk_bytes += inode.disk_bytes;
                dead.names.push(name);
            }
        }
        if !dead.names.is_empty() {
            freed.blobs.push(dead);
        }
    }
    freed.disk_bytes += removed.nameless_bytes();
    Ok(freed)
}

/// Measures each stored path.
pub(super) fn sizes(layout: &Layout, stored: &BTreeSet<StorePath>, workers: &Workers) -> Result<Sizes, GcError> {
    let paths: Vec<&StorePath> = stored.iter().collect();
    let measured = workers.map(&paths, |path| inodes_below(&layout.store_path(path)));
    paths.into_iter().zip(measured).map(|(path, inodes)| Ok((path.clone(), inodes.map_err(GcError::look)?))).collect()
}

/// Gives everything in a tree, once for each name, the tree itself included; what vanishes meanwhile is not in it.
pub(super) fn inodes_below(tree: &Path) -> Result<Vec<Inode>, FsError> {
    let mut found = Vec::new();
    if let Some(status) = fsys::status(tree)? {
        found.push(inode_of(&status));
        if status.kind == FileKind::Directory {
            collect_below(tree, &mut found)?;
        }
    }
    Ok(found)
}

fn collect_below(directory: &Path, found: &mut Vec<Inode>) -> Result<(), FsError> {
    for (entry, status) in fsys::list_dir_status(directory)? {
        found.push(inode_of(&status));
        if status.kind == FileKind::Directory {
            collect_below(&directory.join(&entry.name), found)?;
        }
    }
    Ok(())
}

/// A directory's links are its own dots: it has one name.
fn inode_of(status: &fsys::FileStatus) -> Inode {
    let links = if status.kind == FileKind::Directory { 1 } else { status.links };
    Inode { number: status.inode, links, disk_bytes: status.disk_bytes }
}

/// Lists the blobs of a directory; what is not named as one is not ours.
fn list_blobs(directory: &Path) -> Result<Vec<(OsString, Inode)>, FsError> {
    let listed = fsys::list_dir_status(directory)?;
    let blobs = listed.into_iter().filter(|(entry, status)| status.kind == FileKind::File && entry.name_str().is_some_and(is_blob_name));
    Ok(blobs.map(|(entry, status)| (entry.name, inode_of(&status))).collect())
}

/// A blob is named by its digest without the two digits of its directory, and `.x` where it is executable; by `.` and random characters for the moment in
/// which it takes the place of another, while the stage of its maker has it too.
fn is_blob_name(name: &str) -> bool {
    let is_passing = name.strip_prefix('.').is_some_and(|random| random.len() == RANDOM_CHARS && random.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let digits = name.strip_suffix(".x").unwrap_or(name);
    is_passing || digits.len() == BLOB_NAME_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// The names that go, by inode.
#[derive(Debug, Default)]
struct Names {
    by_inode: HashMap<u64, (u64, Inode)>,
}

impl Names {
    fn add(&mut self, inodes: &[Inode]) {
        for inode in inodes {
            self.by_inode.entry(inode.number).or_insert((0, *inode)).0 += 1;
        }
    }

    /// Gives how many names of an inode go, and forgets it.
    fn take(&mut self, number: u64) -> u64 {
        self.by_inode.remove(&number).map_or(0, |(names, _)| names)
    }

    /// Gives what those take that have no other name.
    fn nameless_bytes(&self) -> u64 {
        self.by_inode.values().filter(|(names, inode)| inode.links <= *names).map(|(_, inode)| inode.disk_bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blob_names() {
        let digits = "0a".repeat(31);
        for name in [digits.clone(), format!("{digits}.x"), ".abcdefghijklmn27".to_owned()] {
            assert!(is_blob_name(&name), "{name}");
        }
        for name in [digits.to_uppercase(), digits[1..].to_owned(), format!("{digits}.y"), "notes".to_owned(), ".notes".to_owned()] {
            assert!(!is_blob_name(&name), "{name}");
        }
    }
}
