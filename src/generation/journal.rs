//! The journal of a project: changes that are more than one rename happen as one, whatever comes between.
//!
//! ```text
//! operations/<seq>/operation.json    what is to change, from what to what: files of the project, `current` of environments, the active environment
//! operations/<seq>/before/<k>        the content of the k-th file as it was,  unless it lies in the store
//! operations/<seq>/after/<k>         the content of the k-th file as it is to be, unless it lies in the store
//! operations/<seq>/done              the outcome: done, rolled-forward, rolled-back
//! operations/.stage-<random>/ .trash-<random>/
//! ```
//!
//! The protocol, all of it under the project's lock:
//!
//! 1. [`Journal::recover`] first: an operation without `done` was interrupted. If every link it lists was flipped, its files are brought to their `after`
//!    and it is done; else its files and links are brought to their `before`. An operation that flips no link is always taken back. A file that equals neither
//!    side was changed by somebody else: it is left alone and named. Both ways may be interrupted and done again.
//! 2. [`Journal::begin`] writes the operation whole and makes it durable before anything else changes.
//! 3. [`RunningOperation::apply_files`], then [`RunningOperation::flip`]: the last flip is the moment from which the new state holds.
//! 4. [`RunningOperation::finish`] writes `done`. An operation that cannot go on, or not even end, is taken back with [`RunningOperation::take_back`].
//!
//! Contents that lie in the store are named, not kept: while an operation has no `done`, the generation that they are of is current, before or after.
//! The newest 50 operations are kept, so that they can be undone; a sequence number is never used again.
//!
//! How the format may change: see `document.rs`.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use crate::fsys;
use crate::generation::Project;
use crate::generation::Result;
use crate::generation::carry::missing_parents;
use crate::generation::document::Document;
use crate::generation::document::format_document;
use crate::generation::document::read_document;
use crate::model::Blake3Digest;
use crate::model::EnvironmentName;
use crate::model::StorePath;
use crate::model::TreePath;
use crate::store::layout::Layout;
use crate::store::layout::STAGE_PREFIX;
use crate::store::layout::TRASH_PREFIX;

/// How many finished operations are kept.
const OPERATIONS_KEPT: usize = 50;

const OPERATION_FILE: &str = "operation.json";
const DONE_FILE: &str = "done";

/// Permission bits of the files in the journal: contents of a project may be private.
const FILE_MODE: u32 = 0o600;

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

#[derive(Serialize, Deserialize, schemars::JsonSchema)]
pub(super) struct DoneFile {
    outcome: Outcome,
}

impl Document for Operation {
    const SCHEMA: &'static str = "packs.operation/1";
}

impl Document for DoneFile {
    const SCHEMA: &'static str = "packs.operation-done/1";
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

/// The journal of one project.
#[derive(Debug, Clone)]
pub struct Journal {
    pub(super) layout: Layout,
    pub(super) project: Project,
}

/// An operation that has begun: durable in the journal, and not done.
///
/// Dropping it leaves it to the next command's [`Journal::recover`].
#[derive(Debug)]
#[must_use = "an operation that began must be finished or taken back"]
pub struct RunningOperation {
    pub(super) journal: Journal,
    pub(super) operation: Operation,
}

/// One operation of the journal and how it ended; without an outcome it was interrupted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// The operation.
    pub operation: Operation,
    /// How it ended.
    pub outcome: Option<Outcome>,
}

impl State {
    /// Makes the state of a file that lies in memory, or of none.
    pub fn text(bytes: Option<&[u8]>) -> State {
        bytes.map_or(State::Absent, |bytes| State::File { content: Content::Bytes(bytes.to_vec()), executable: false })
    }

    fn recorded(&self) -> FileState {
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
            Content::Bytes(bytes) => Blake3Digest::from_bytes(*blake3::hash(bytes).as_bytes()),
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
    fn on(&self, side: Side) -> &State {
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

    fn directory(self) -> &'static str {
        match self {
            Side::Before => "before",
            Side::After => "after",
        }
    }
}

impl Journal {
    /// Takes the journal of a project that the home knows; looks at nothing.
    pub fn new(layout: &Layout, project: &Project) -> Self {
        Journal { layout: layout.clone(), project: project.clone() }
    }

    /// Reads all operations that are kept, oldest first.
    pub fn entries(&self) -> Result<Vec<JournalEntry>> {
        let mut entries = Vec::new();
        for sequence in self.sequences()? {
            let Some(operation) = self.read_operation(sequence)? else { continue };
            let done: Option<DoneFile> = read_document(&self.directory(sequence).join(DONE_FILE))?;
            entries.push(JournalEntry { operation, outcome: done.map(|done| done.outcome) });
        }
        Ok(entries)
    }

    /// Reads the operations that were interrupted, newest first.
    pub fn interrupted(&self) -> Result<Vec<Operation>> {
        let mut found = Vec::new();
        for sequence in self.sequences()?.into_iter().rev() {
            if fsys::status(&self.directory(sequence).join(DONE_FILE))?.is_none() {
                found.extend(self.read_operation(sequence)?);
            }
        }
        Ok(found)
    }

    /// Begins an operation: writes down all of it, durable, before anything else changes.
    ///
    /// After a power cut during the call the operation is in the journal whole, or not at all; nothing else has changed.
    pub fn begin(&self, new: &NewOperation) -> Result<RunningOperation> {
        let operations = self.layout.operations(&self.project.id);
        fsys::create_dir_all(&operations)?;
        self.remove_leftovers()?;
        self.prune()?;
        let operation = self.recorded(new)?;
        let stage = operations.join(format!("{STAGE_PREFIX}{}", fsys::random_id()?));
        let begun = write_operation(&stage, new, &operation).and_then(|()| Ok(fsys::rename_noreplace(&stage, &self.directory(operation.sequence))?));
        if begun.is_err() {
            // The space must be given back; the error that counts is the first one.
            let _ = fsys::remove_tree(&stage);
        }
        begun?;
        fsys::fsync_dir(&operations)?;
        fsys::fsync_dir(&self.layout.project(&self.project.id))?;
        Ok(RunningOperation { journal: self.clone(), operation })
    }

    /// Gives where the bytes of a file are on one side.
    pub(super) fn content_path(&self, operation: &Operation, index: usize, side: Side) -> PathBuf {
        match operation.files[index].on(side) {
            FileState::File { stored: Some(stored), .. } => self.layout.store_path(&stored.store_path).join(stored.path.as_str()),
            _ => self.directory(operation.sequence).join(side.directory()).join(index.to_string()),
        }
    }

    /// Writes down how an operation ended, durable.
    pub(super) fn conclude(&self, sequence: u64, outcome: Outcome) -> Result<()> {
        Ok(fsys::write_atomic(&self.directory(sequence).join(DONE_FILE), &format_document(&DoneFile { outcome }))?)
    }

    fn read_operation(&self, sequence: u64) -> Result<Option<Operation>> {
        read_document(&self.directory(sequence).join(OPERATION_FILE))
    }

    pub(super) fn directory(&self, sequence: u64) -> PathBuf {
        self.layout.operation(&self.project.id, sequence)
    }

    pub(super) fn sequences(&self) -> Result<Vec<u64>> {
        let entries = fsys::list_dir(&self.layout.operations(&self.project.id))?;
        let mut found: Vec<u64> = entries.iter().filter_map(fsys::DirEntry::name_str).filter_map(|name| name.parse().ok()).collect();
        found.sort_unstable();
        Ok(found)
    }

    fn recorded(&self, new: &NewOperation) -> Result<Operation> {
        let changed = |change: &Change| FileChange { path: change.path.clone(), before: change.before.recorded(), after: change.after.recorded() };
        let files: Vec<FileChange> = new.files.iter().map(changed).collect();
        Ok(Operation {
            sequence: self.sequences()?.last().map_or(1, |newest| newest + 1),
            action: new.action.clone(),
            command: new.command.clone(),
            began_at: new.began_at,
            undoes: new.undoes,
            made_directories: missing_parents(&self.project.directory, &files)?,
            files,
            currents: new.currents.clone(),
            active: new.active.clone(),
        })
    }

    /// Removes stages and trash of the journal; only one process at a time is here, so they are a crash's.
    fn remove_leftovers(&self) -> Result<()> {
        let operations = self.layout.operations(&self.project.id);
        for entry in fsys::list_dir(&operations)? {
            if entry.name_str().is_some_and(|name| name.starts_with(STAGE_PREFIX) || name.starts_with(TRASH_PREFIX)) {
                fsys::remove_tree(&operations.join(&entry.name))?;
            }
        }
        Ok(())
    }

    /// Makes room for one more operation by removing the oldest; each is renamed first, so that none ever lies there without its `done`.
    fn prune(&self) -> Result<()> {
        let sequences = self.sequences()?;
        for sequence in &sequences[..sequences.len().saturating_sub(OPERATIONS_KEPT - 1)] {
            let trash = self.layout.operations(&self.project.id).join(format!("{TRASH_PREFIX}{}", fsys::random_id()?));
            fsys::rename(&self.directory(*sequence), &trash)?;
            fsys::remove_tree(&trash)?;
        }
        Ok(())
    }
}

fn write_operation(directory: &Path, new: &NewOperation, operation: &Operation) -> Result<()> {
    fsys::create_dir(directory)?;
    for side in [Side::Before, Side::After] {
        let contents = directory.join(side.directory());
        fsys::create_dir(&contents)?;
        for (index, change) in new.files.iter().enumerate() {
            keep_content(change.on(side), &contents.join(index.to_string()))?;
        }
        fsys::fsync_dir(&contents)?;
    }
    write_synced(&directory.join(OPERATION_FILE), &format_document(operation))?;
    Ok(fsys::fsync_dir(directory)?)
}

fn keep_content(state: &State, at: &Path) -> Result<()> {
    match state {
        State::File { content: Content::Bytes(bytes), .. } => write_synced(at, bytes),
        State::File { content: Content::Disk { path, .. }, .. } => Ok(fsys::copy_file(path, at, FILE_MODE, |_| {})?),
        State::File { content: Content::Stored { .. }, .. } | State::Absent | State::Symlink { .. } => Ok(()),
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<()> {
    fsys::write_new(path, bytes, FILE_MODE)?;
    Ok(fsys::fsync_file(path)?)
}
