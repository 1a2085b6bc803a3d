//! What can go wrong between here and a registry.

use std::io;

use crate::model::InvalidNoun;

/// Tells what a registry could not do, and for which file.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// An address of a kind that packs does not speak.
    #[error("{address} is no address of a registry that packs can open")]
    Unsupported {
        /// The address, without any secret in it.
        address: String,
    },
    /// Something was to be written where nothing may be asked.
    #[error("{root} may not be asked: the network is not to be used (--offline)")]
    NotAsked {
        /// The root, as people name it.
        root: String,
    },
    /// The root itself is not there.
    #[error("there is no registry at {root}")]
    NoRegistry {
        /// The root, as people name it.
        root: String,
    },
    /// A path that no file of a registry can have.
    #[error("no file of {root} can be called {path:?}")]
    InvalidPath {
        /// The root.
        root: String,
        /// The path as it was asked for.
        path: String,
        /// What is wrong with it.
        #[source]
        source: InvalidNoun,
    },
    /// What lies at the path is no regular file.
    #[error("{path} of {root} is not a regular file")]
    NotAFile {
        /// The root.
        root: String,
        /// The path below it.
        path: String,
    },
    /// The file is larger than its reader allows.
    #[error("{path} of {root} is larger than {bytes_max} bytes")]
    TooLarge {
        /// The root.
        root: String,
        /// The path below it.
        path: String,
        /// The limit, in bytes.
        bytes_max: u64,
    },
    /// The operating system refused.
    #[error("cannot {operation} {path} of {root}")]
    Io {
        /// What was being done, as a verb.
        operation: &'static str,
        /// The root.
        root: String,
        /// The path below it.
        path: String,
        /// The operating system's answer.
        #[source]
        source: io::Error,
    },
    /// The reader of what was to be written failed.
    #[error("cannot read what is to be written to {path} of {root}")]
    Content {
        /// The root.
        root: String,
        /// The path below it.
        path: String,
        /// The reader's answer.
        #[source]
        source: io::Error,
    },
}
