//! What an operation changes: as the journal writes it down, and as its planner hands it over.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use crate::generation::document::Document;
use crate::model::Blake3Digest;
use crate::model::EnvironmentName;
use crate::model::StorePath;
use crate::model::TreePath;

/// One side of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// As it was.
    Before,
    /// As it is to be.
    After,
}

/// operation.json, schema `packs.operation/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Operation {
    /// Its number within the project, ascending.
    pub sequence: u64,
    /// What it is, as the audit log calls it: `switch`, `install`, `undo`.
    pub action: String,
    /// The command line.
    pub command: String,
    /// When it began.
    #[schemars(with = "String")]
    pub began_at: jiff::Timestamp,
    /// The operation that it takes back, if it is an undo.
    pub undoes: Option<u64>,
    /// The files of the project that change, in the order in which they do.
    pub files: Vec<FileChange>,
    /// Directories that are made for them.
    pub made_directories: Vec<TreePath>,
    /// The environments whose current generation changes.
    pub currents: BTreeMap<EnvironmentName, CurrentFlip>,
    /// How the active environment changes.
    pub active: Option<ActiveFlip>,
}

/// What becomes of one file of the project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FileChange {
    /// Its path in the project.
    pub path: TreePath,
    /// What it was.
    pub before: FileState,
    /// What it is to be.
    pub after: FileState,
}

/// What is at a path, as the journal writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum FileState {
    /// Nothing.
    Absent,
    /// A regular file.
    File {
        /// BLAKE3 of its bytes.
        blake3: Blake3Digest,
        /// Whether its owner may execute it.
        executable: bool,
        /// Where its bytes are, unless they are kept in `before/` or `after/`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stored: Option<StoredContent>,
    },
    /// A symbolic link.
    Symlink {
        /// The text of the link.
        target: String,
    },
}

/// A file in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StoredContent {
    /// The tree it is in.
    pub store_path: StorePath,
    /// Its path in the tree, the pack's directory included.
    pub path: TreePath,
}

/// How `current` of an environment changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CurrentFlip {
    /// The generation it points at.
    pub before: u64,
    /// The generation it is to point at.
    pub after: u64,
    /// Whether that generation is made by this operation, and dropped if it is taken back.
    pub makes: bool,
}

/// How the active environment changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ActiveFlip {
    /// The one that is active.
    pub before: Option<EnvironmentName>,
    /// The one that is to be.
    pub after: Option<EnvironmentName>,
}

/// How an operation ended; the content of its `done`, schema `packs.operation-done/1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was carried out.
    Done,
    /// It was interrupted and carried out by the next command.
    RolledForward,
    /// It was taken back, by itself or by the next command.
    RolledBack,
}

/// What an operation is to change, with the contents that the journal is to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOperation {
    /// What it is, as the audit log calls it.
    pub action: String,
    /// The command line.
    pub command: String,
    /// Now.
    pub began_at: jiff::Timestamp,
    /// The operation that it takes back.
    pub undoes: Option<u64>,
    /// The files, in the order in which they are to change.
    pub files: Vec<Change>,
    /// The environments whose current generation changes.
    pub currents: BTreeMap<EnvironmentName, CurrentFlip>,
    /// How the active environment changes.
    pub active: Option<ActiveFlip>,
}

/// A file that is to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its path in the project.
    pub path: TreePath,
    /// What is there.
    pub before: State,
    /// What is to be there.
    pub after: State,
}

/// What is at a path, with the way to its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    Absent,
    /// A regular file.
    File {
        /// Its bytes.
        content: Content,
        /// Whether its owner may execute it.
        executable: bool,
    },
    /// A symbolic link.
    Symlink {
        /// The text of the link.
        target: String,
    },
}

/// The bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// In memory; the journal keeps them.
    Bytes(Vec<u8>),
    /// In the store; the journal names them.
    Stored {
        /// Where in the store.
        at: StoredContent,
        /// BLAKE3 of them.
        blake3: Blake3Digest,
    },
    /// In a file that may change or vanish; the journal keeps a copy.
    Disk {
        /// The file.
        path: PathBuf,
        /// BLAKE3 of them.
        blake3: Blake3Digest,
    },
}

impl Document for Operation {
    const SCHEMA: &'static str = "packs.operation/1";
}

impl State {
    /// Makes the state of a file that lies in memory, or of none.
    pub fn text(bytes: Option<&[u8]>) -> State {
        bytes.map_or(State::Absent, |bytes| State::File { content: Content::Bytes(bytes.to_vec()), executable: false })
    }

    pub(super) fn recorded(&self) -> FileState {
        match self {
            State::Absent => FileState::Absent,
            State::Symlink { target } => FileState::Symlink { target: target.clone() },
            State::File { content, executable } => FileState::File { blake3: content.digest(), executable: *executable, stored: content.stored() },
        }
    }
}

impl Content {
    fn digest(&self) -> Blake3Digest {
        match self {
            Content::Bytes(bytes) => Blake3Digest::of(bytes),
            Content::Stored { blake3, .. } | Content::Disk { blake3, .. } => *blake3,
        }
    }

    fn stored(&self) -> Option<StoredContent> {
        match self {
            Content::Stored { at, .. } => Some(at.clone()),
            Content::Bytes(_) | Content::Disk { .. } => None,
        }
    }
}

impl Change {
    pub(super) fn on(&self, side: Side) -> &State {
        match side {
            Side::Before => &self.before,
            Side::After => &self.after,
        }
    }
}

impl FileChange {
    /// Gives what the file is on one side.
    pub(super) fn on(&self, side: Side) -> &FileState {
        match side {
            Side::Before => &self.before,
            Side::After => &self.after,
        }
    }
}

impl Side {
    /// Gives the other side.
    pub(super) fn other(self) -> Side {
        match self {
            Side::Before => Side::After,
            Side::After => Side::Before,
        }
    }

    pub(super) fn directory(self) -> &'static str {
        match self {
            Side::Before => "before",
            Side::After => "after",
        }
    }
}
