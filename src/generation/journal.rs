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

use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use crate::fsys;
use crate::generation::Change;
use crate::generation::Content;
use crate::generation::FileChange;
use crate::generation::FileState;
use crate::generation::NewOperation;
use crate::generation::Operation;
use crate::generation::Outcome;
use crate::generation::Project;
use crate::generation::Result;
use crate::generation::State;
use crate::generation::carry::missing_parents;
use crate::generation::document::Document;
use crate::generation::document::format_document;
use crate::generation::document::read_document;
use crate::generation::operation::Side;
use crate::store::layout::Layout;
use crate::store::layout::STAGE_PREFIX;
use crate::store::layout::TRASH_PREFIX;

/// How many finished operations are kept.
const OPERATIONS_KEPT: usize = 50;

const OPERATION_FILE: &str = "operation.json";
const DONE_FILE: &str = "done";

/// Permission bits of the files in the journal: contents of a project may be private.
const FILE_MODE: u32 = 0o600;

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

#[derive(Serialize, Deserialize, schemars::JsonSchema)]
pub(super) struct DoneFile {
    outcome: Outcome,
}

impl Document for DoneFile {
    const SCHEMA: &'static str = "packs.operation-done/1";
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
