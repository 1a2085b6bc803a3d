//! What can go wrong around generations.

use std::path::PathBuf;

use crate::fsys::FsError;
use crate::model::EnvironmentName;
use crate::model::InvalidNoun;
use crate::model::TreePath;

/// Tells what stands in the way, and where.
#[derive(Debug, thiserror::Error)]
pub enum GenerationError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] FsError),
    /// A document of the home is not what its writer made.
    #[error("{} cannot be understood", path.display())]
    BadDocument {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        #[source]
        source: serde_json::Error,
    },
    /// A document of the home has another schema than this program reads.
    #[error("{} has the schema {found:?}, not {expected:?}", path.display())]
    UnknownSchema {
        /// The file.
        path: PathBuf,
        /// The schema that is read.
        expected: &'static str,
        /// The schema found.
        found: String,
    },
    /// A name found on the disk is not what belongs there.
    #[error("{} does not hold what it should", path.display())]
    BadNoun {
        /// The file or link.
        path: PathBuf,
        /// What is wrong with the text.
        #[source]
        source: InvalidNoun,
    },
    /// The link to the current generation points somewhere else.
    #[error("{} points to {found:?}, not to a generation", link.display())]
    BadCurrent {
        /// The link.
        link: PathBuf,
        /// Where it points.
        found: String,
    },
    /// The environment has no such generation.
    #[error("{environment} has no generation {number}{}", if *collected { "; it was collected" } else { "" })]
    NoGeneration {
        /// The environment.
        environment: EnvironmentName,
        /// The generation asked for.
        number: u64,
        /// Whether it was there once.
        collected: bool,
    },
    /// The current generation has none before it.
    #[error("generation {number} of {environment} has no generation before it")]
    NoParent {
        /// The environment.
        environment: EnvironmentName,
        /// The generation.
        number: u64,
    },
    /// A generation that must stay was to be dropped.
    #[error("generation {number} of {environment} is current or the empty one, and stays")]
    MustStay {
        /// The environment.
        environment: EnvironmentName,
        /// The generation.
        number: u64,
    },
    /// Somebody else made a generation of this number meanwhile.
    #[error("generation {number} is there already at {}", path.display())]
    NumberTaken {
        /// The number.
        number: u64,
        /// The generation found.
        path: PathBuf,
    },
    /// Something else lies where a directory must be; nothing is written through links.
    #[error("{} is not a directory; nothing is written through it", path.display())]
    NotADirectory {
        /// What lies there.
        path: PathBuf,
    },
    /// A project's path cannot be written down.
    #[error("the path {} is not UTF-8", path.display())]
    PathNotUtf8 {
        /// The path.
        path: PathBuf,
    },
    /// No free name was found beside a path.
    #[error("no free name is left beside {}", path.display())]
    NoFreeName {
        /// The path.
        path: PathBuf,
    },
    /// Files changed between the plan and the act.
    #[error("{} changed meanwhile", paths.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    ChangedMeanwhile {
        /// The files, as paths in the project.
        paths: Vec<TreePath>,
    },
    /// A content the journal needs is gone.
    #[error("the content {} that operation {sequence} kept is gone", content.display())]
    ContentGone {
        /// The operation.
        sequence: u64,
        /// Where the content was.
        content: PathBuf,
    },
    /// There is nothing to undo.
    #[error("the journal holds no operation that could be undone")]
    NothingToUndo,
}

/// What every function of this folder returns.
pub type Result<T> = std::result::Result<T, GenerationError>;
