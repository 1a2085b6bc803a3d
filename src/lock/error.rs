//! What can be wrong with a lockfile.

use crate::model::ExtraName;
use crate::model::PackName;
use crate::model::Range;
use crate::model::SourceId;
use crate::model::Version;

/// Tells why a lockfile cannot be read or believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// It is larger than any lockfile.
    #[error("{file}: the lockfile has {bytes} bytes, more than {bytes_max}")]
    TooLong {
        /// The lockfile.
        file: String,
        /// Its size.
        bytes: usize,
        /// The largest size read.
        bytes_max: usize,
    },
    /// A later packs wrote it in a form that this one would misread.
    #[error("{file}: the lockfile has version {version}; packs {packs} reads version {version_max} and a newer packs reads this one")]
    Newer {
        /// The lockfile.
        file: String,
        /// Its version.
        version: i64,
        /// The newest version that this packs reads.
        version_max: i64,
        /// The version of this packs.
        packs: &'static str,
    },
    /// It is no TOML, or an entry of it is not what it should be.
    #[error("{file}:{line}: {reason}")]
    Invalid {
        /// The lockfile.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong, as a sentence.
        reason: String,
    },
    /// It has git conflict markers.
    #[error("{file}:{line}: the lockfile has an unresolved git conflict")]
    Conflicted {
        /// The lockfile.
        file: String,
        /// The line of the first marker.
        line: usize,
    },
    /// Its git conflict markers are not as git writes them.
    #[error("{file}:{line}: the git conflict markers cannot be read: {reason}")]
    Markers {
        /// The lockfile.
        file: String,
        /// The line of the marker that is out of order.
        line: usize,
        /// What is out of order.
        reason: &'static str,
    },
    /// A pack is required and not locked.
    #[error("{by} requires {name} {range}, but no release of {name} is locked")]
    Missing {
        /// The pack.
        name: PackName,
        /// The releases that would do.
        range: Box<Range>,
        /// Who requires it: `packs.toml` or a release.
        by: String,
    },
    /// The locked version is not in a range that someone requires.
    #[error("{by} requires {name} {range}, but {name} {version} is locked")]
    OutOfRange {
        /// The pack.
        name: PackName,
        /// The locked version.
        version: Version,
        /// The releases that would do.
        range: Box<Range>,
        /// Who requires it: `packs.toml` or a release.
        by: String,
    },
    /// The locked release comes from elsewhere than the requirement says.
    #[error("packs.toml requires {name} from {wanted}, but it is locked from {found}")]
    OtherSource {
        /// The pack.
        name: PackName,
        /// The source that the requirement says, as the lockfile would write it.
        wanted: String,
        /// The source that is locked.
        found: SourceId,
    },
    /// An extra is asked for and not locked.
    #[error("packs.toml asks for the extra {extra} of {name}, which is not locked")]
    ExtraMissing {
        /// The pack.
        name: PackName,
        /// The extra.
        extra: ExtraName,
    },
    /// A release is locked that nothing requires.
    #[error("{name} {version} is locked, but nothing requires it")]
    Unreachable {
        /// The pack.
        name: PackName,
        /// The locked version.
        version: Version,
    },
}
