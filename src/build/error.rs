//! Why a source directory cannot be packed.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::archive::ArchiveError;
use crate::fsys::FsError;
use crate::manifest::ManifestError;
use crate::model::InvalidNoun;
use crate::model::PackName;
use crate::model::Place;
use crate::model::Sha256Digest;
use crate::model::in_one_line;

/// Tells why a source directory cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// There is no such directory.
    #[error("{} is no directory", directory.display())]
    NoDirectory {
        /// The directory.
        directory: PathBuf,
    },
    /// A file that says something of the pack is a link.
    #[error("{} is a symbolic link; what is said about a pack is read from its own directory only", path.display())]
    LinkedDeclaration {
        /// The link.
        path: PathBuf,
    },
    /// Nothing says what version it is.
    #[error("{} says nothing of a version: there is no pack.toml, gpack.toml or package.toml, and no VERSION", directory.display())]
    NoVersion {
        /// The directory.
        directory: PathBuf,
    },
    /// VERSION holds something else.
    #[error("{at}: VERSION must hold one version")]
    BadVersionFile {
        /// The line.
        at: Place,
        /// What is wrong with it.
        #[source]
        source: InvalidNoun,
    },
    /// Nothing says what it is called, and the directory's name will not do.
    #[error("{} says nothing of a name: there is no pack.toml, gpack.toml or package.toml, and the directory's name is none", directory.display())]
    NoName {
        /// The directory.
        directory: PathBuf,
        /// A name that is near and valid.
        suggested: Option<PackName>,
        /// What is wrong with the directory's name.
        #[source]
        source: InvalidNoun,
    },
    /// The archives were to go to the very directory that is packed.
    #[error("the archive of {} cannot go to that directory itself: it would be packed by the next build", directory.display())]
    OutIsSource {
        /// The directory.
        directory: PathBuf,
    },
    /// Two directories give archives of one name.
    #[error("{} and {} both give {}", one.display(), other.display(), archive.display())]
    SameArchive {
        /// The archive.
        archive: PathBuf,
        /// The first directory.
        one: PathBuf,
        /// The other.
        other: PathBuf,
    },
    /// A second build gave other bytes.
    #[error("a second build of {} gave other bytes: the sha256 was {first}, and is {second}", directory.display())]
    NotReproducible {
        /// The directory.
        directory: PathBuf,
        /// What was written.
        first: Sha256Digest,
        /// What the second build gave.
        second: Sha256Digest,
    },
    /// None of the searched directories holds a pack.
    #[error("no pack below {}: no directory has a pack.toml, gpack.toml or package.toml", directories.iter().map(|one| one.display().to_string()).collect::<Vec<_>>().join(", "))]
    NoPacksBelow {
        /// Where was looked.
        directories: Vec<PathBuf>,
    },
    /// pack.toml, gpack.toml or package.toml is not in order; all its faults with their spans.
    #[error(transparent)]
    PackToml {
        /// The faults.
        source: ManifestError,
    },
    /// A line of .packsignore, or a pattern of `[files]`, is no pattern.
    #[error("{place}: not a pattern")]
    BadPattern {
        /// File and line, or file and pattern.
        place: String,
        /// What is wrong with it.
        #[source]
        source: ignore::Error,
    },
    /// Files cannot be packed; all of them.
    #[error("{}", list(directory, faults))]
    Unfit {
        /// The directory.
        directory: PathBuf,
        /// One fault per file.
        faults: Vec<BuildError>,
    },
    /// The disk refused.
    #[error(transparent)]
    Disk {
        /// The operation, the path, and what the system said.
        #[from]
        source: FsError,
    },
    /// A name or a text is not UTF-8.
    #[error("{path}: not UTF-8")]
    NotUtf8 {
        /// The path, with what is no UTF-8 replaced.
        path: String,
    },
    /// A path is not one that a tree can hold.
    #[error("{path}: the path is refused")]
    BadPath {
        /// The path, escaped.
        path: String,
        /// Why.
        #[source]
        source: InvalidNoun,
    },
    /// Something is neither file nor directory nor link.
    #[error("{path}: a device, socket or fifo cannot be packed")]
    ForbiddenKind {
        /// The path.
        path: String,
    },
    /// Something else took the place of a file, a link or a directory while the source was read.
    #[error("{path}: something else took its place while it was read")]
    Replaced {
        /// The path.
        path: String,
    },
    /// Two names would be one on some file system.
    #[error("{path}: the name differs from {other} only in case or in spelling of the same letters, and many file systems take both for one")]
    NameTaken {
        /// The path.
        path: String,
        /// The other name.
        other: String,
    },
    /// The archive would be refused by its readers, or could not be written.
    #[error(transparent)]
    Archive {
        /// Why.
        #[from]
        source: ArchiveError,
    },
}

impl From<ManifestError> for BuildError {
    fn from(source: ManifestError) -> Self {
        BuildError::PackToml { source }
    }
}

/// Most faults that are listed: a screen's worth.
const LISTED_MAX: usize = 20;

fn list(directory: &std::path::Path, faults: &[BuildError]) -> String {
    let mut text = format!("{} cannot be packed:", directory.display());
    for fault in faults.iter().take(LISTED_MAX) {
        // The causes belong on the same line: no chain of errors can tell of many faults.
        let _ = write!(text, "\n  {}", in_one_line(fault));
    }
    if faults.len() > LISTED_MAX {
        let _ = write!(text, "\n  … and {} more", faults.len() - LISTED_MAX);
    }
    text
}
