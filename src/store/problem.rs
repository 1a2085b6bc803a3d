//! What can be wrong with what is in the store.

use std::path::PathBuf;

use crate::archive::ArchiveError;
use crate::fsys::CANONICAL_MTIME;
use crate::fsys::FileStatus;
use crate::fsys::FsError;
use crate::model::Blake3Digest;
use crate::model::StorePath;
use crate::model::TreeDigest;
use crate::model::TreePath;

/// What is wrong with one entry of a store path.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// It should be there.
    #[error("it is missing")]
    Missing,
    /// It should not be there.
    #[error("it does not belong here")]
    Extra,
    /// It holds a name that nothing in a store path can have.
    #[error("it holds {name:?}, a name that no pack can have")]
    ForeignName {
        /// The name, as far as it is text.
        name: String,
    },
    /// It is something else.
    #[error("it is {found}, and must be {expected}")]
    Kind {
        /// What it must be, with its article.
        expected: &'static str,
        /// What it is, with its article.
        found: &'static str,
    },
    /// Its bytes are others.
    #[error("its content is {found}, and must be {expected}")]
    Content {
        /// What it must be.
        expected: Blake3Digest,
        /// What it is.
        found: Blake3Digest,
    },
    /// A link leads elsewhere.
    #[error("it leads to {found:?}, and must lead to {expected:?}")]
    Target {
        /// The text it must have.
        expected: String,
        /// The text it has.
        found: String,
    },
    /// Its permission bits were changed.
    #[error("its permission bits are {found:04o}, and must be {expected:04o}")]
    Mode {
        /// What they must be.
        expected: u32,
        /// What they are.
        found: u32,
    },
    /// Its time was changed, so it may have been written to.
    #[error("its modification time is {found}, and must be {CANONICAL_MTIME}")]
    Mtime {
        /// Seconds since 1970.
        found: i64,
    },
    /// It could not be read.
    #[error("it cannot be read")]
    Unreadable {
        /// Why.
        #[source]
        source: FsError,
    },
    /// MANIFEST.json is none any more, so nobody knows what the files should be.
    #[error("it is no valid pack manifest any more")]
    Manifest {
        /// Why.
        #[source]
        source: Box<ArchiveError>,
    },
    /// All files are as MANIFEST.json says, and yet the tree is not what its name says: MANIFEST.json was replaced.
    #[error("the tree it describes is {found}, and must be {expected}")]
    Tree {
        /// The digest in the store path's name.
        expected: TreeDigest,
        /// The digest of what is there.
        found: TreeDigest,
    },
}

/// One bad entry of a store path.
#[derive(Debug)]
pub struct BadEntry {
    /// The store path.
    pub store_path: StorePath,
    /// The entry, below the store path's root; `None` for the root itself.
    pub path: Option<TreePath>,
    /// What is wrong.
    pub problem: Problem,
}

/// One bad file under `blobs/`.
#[derive(Debug)]
pub struct BadBlob {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub problem: Problem,
}

/// Tells what is wrong with the permission bits and the time of something in the store.
pub(super) fn unsealed(status: &FileStatus, mode: u32) -> impl Iterator<Item = Problem> + use<> {
    let bits = (status.mode != mode).then_some(Problem::Mode { expected: mode, found: status.mode });
    let time = (status.mtime != CANONICAL_MTIME).then_some(Problem::Mtime { found: status.mtime });
    bits.into_iter().chain(time)
}
