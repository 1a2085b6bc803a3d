//! What can go wrong with the store.

use std::path::PathBuf;

use crate::archive::ArchiveError;
use crate::fsys::FsError;
use crate::model::Platform;
use crate::model::ReleaseId;
use crate::model::Sha256Digest;
use crate::model::StorePath;
use crate::model::TreeDigest;
use crate::model::TreePath;

/// Tells why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] FsError),
    /// The home is laid out in a way that this program does not know.
    #[error("the layout of {} is version {found}, and this packs knows version {expected}", home.display())]
    UnknownVersion {
        /// The home.
        home: PathBuf,
        /// The version this program knows.
        expected: &'static str,
        /// The version found, escaped.
        found: String,
    },
    /// The archive of a release was refused.
    #[error("the archive of {release} is refused")]
    Archive {
        /// The release that was expected in it.
        release: Box<ReleaseId>,
        /// Why.
        #[source]
        source: Box<ArchiveError>,
    },
    /// An archive holds another release than promised.
    #[error("the archive of {expected} holds {found}")]
    WrongRelease {
        /// The release that was promised.
        expected: Box<ReleaseId>,
        /// What MANIFEST.json says.
        found: Box<ReleaseId>,
    },
    /// An archive is for another platform than promised.
    #[error("the archive of {release} is for {found}, not for {expected}")]
    WrongPlatform {
        /// The release.
        release: Box<ReleaseId>,
        /// The platform that was promised.
        expected: Platform,
        /// What MANIFEST.json says.
        found: Platform,
    },
    /// An archive unpacks to another tree than promised.
    #[error("{release} must unpack to the tree {expected}, and unpacks to {found}")]
    WrongTree {
        /// The release.
        release: Box<ReleaseId>,
        /// The digest that was promised.
        expected: TreeDigest,
        /// The digest of what is in the archive.
        found: TreeDigest,
    },
    /// A file of a source directory is not what it was when it was listed.
    #[error("{} changed while it was read", path.display())]
    SourceChanged {
        /// The file.
        path: PathBuf,
    },
    /// The files of a pack cannot all be in one tree.
    #[error("the files of {release} cannot be in one tree")]
    NoTree {
        /// The release.
        release: Box<ReleaseId>,
    },
    /// The MANIFEST.json of a store path cannot be read as one.
    #[error("the MANIFEST.json in store path {store_path} is broken")]
    BadPackManifest {
        /// The store path.
        store_path: StorePath,
        /// Why.
        #[source]
        source: Box<ArchiveError>,
    },
    /// What a running command claims to use cannot be understood, so nothing may be taken for unused.
    #[error("{}, line {line}: expected {expected}, found `{found}`", path.display())]
    BadRoot {
        /// The file under `roots/`.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What may stand there.
        expected: &'static str,
        /// What stands there, escaped.
        found: String,
    },
    /// A repair was given an archive of something else.
    #[error("the archive with sha256 {archive} does not hold the tree of {store_path}")]
    WrongArchive {
        /// The store path to be repaired.
        store_path: StorePath,
        /// The archive given.
        archive: Sha256Digest,
        /// Why it cannot be read at all, if that is the cause.
        #[source]
        source: Option<Box<ArchiveError>>,
    },
    /// A store path cannot be repaired from what else is in the store.
    #[error("store path {store_path} cannot be repaired from the store: no good copy of {} is in it", missing.as_ref().map_or("MANIFEST.json", TreePath::as_str))]
    Irreparable {
        /// The store path.
        store_path: StorePath,
        /// The first file without a good copy; `None` for MANIFEST.json, without which nobody knows the others.
        missing: Option<TreePath>,
    },
}
