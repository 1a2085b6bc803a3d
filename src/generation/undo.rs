//! Undo: the newest operation backwards, as an operation of its own.

use std::fmt;

use crate::fsys;
use crate::generation::ActiveFlip;
use crate::generation::Change;
use crate::generation::Content;
use crate::generation::CurrentFlip;
use crate::generation::FileState;
use crate::generation::GenerationError;
use crate::generation::Journal;
use crate::generation::JournalEntry;
use crate::generation::NewOperation;
use crate::generation::Operation;
use crate::generation::Outcome;
use crate::generation::Result;
use crate::generation::State;
use crate::generation::active_environment;
use crate::generation::carry::is_on;
use crate::generation::operation::Side;
use crate::generation::sight::look_beneath;
use crate::model::EnvironmentName;
use crate::model::TreePath;

/// What undoing the newest operation would do, and what stands in its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoPlan {
    /// The operation that is taken back.
    pub operation: Operation,
    /// What has changed since, so that it cannot be taken back; empty if it can.
    pub obstacles: Vec<UndoObstacle>,
    files: Vec<Change>,
}

/// Why an operation cannot be taken back.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum UndoObstacle {
    /// A file was changed since.
    FileChanged {
        /// The file.
        path: TreePath,
    },
    /// Another generation is current now.
    CurrentMoved {
        /// The environment.
        environment: EnvironmentName,
        /// The generation the operation made current.
        expected: u64,
        /// The one that is current now.
        found: Option<u64>,
    },
    /// Another environment is active now.
    ActiveMoved {
        /// The environment the operation made active.
        expected: Option<EnvironmentName>,
        /// The one that is active now.
        found: Option<EnvironmentName>,
    },
    /// The generation to go back to was collected.
    GenerationGone {
        /// The environment.
        environment: EnvironmentName,
        /// The generation.
        number: u64,
    },
    /// What a file was is no longer in the store.
    ContentGone {
        /// The file.
        path: TreePath,
    },
}

impl fmt::Display for UndoObstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |found: &Option<u64>| found.map_or("none".to_owned(), |number| format!("generation {number}"));
        let name = |found: &Option<EnvironmentName>| found.as_ref().map_or("none".to_owned(), ToString::to_string);
        match self {
            UndoObstacle::FileChanged { path } => write!(f, "{path} was changed since"),
            UndoObstacle::CurrentMoved { environment, expected, found } => {
                write!(f, "{environment} was switched since: {} is current, not generation {expected}", number(found))
            }
            UndoObstacle::ActiveMoved { expected, found } => write!(f, "the active environment is {}, not {}", name(found), name(expected)),
            UndoObstacle::GenerationGone { environment, number } => write!(f, "generation {number} of {environment} was collected"),
            UndoObstacle::ContentGone { path } => write!(f, "what {path} was is no longer in the store"),
        }
    }
}

impl UndoPlan {
    /// Makes the operation that takes the other one back.
    ///
    /// Only for a plan without obstacles; its files are checked once more when it is applied.
    pub fn into_operation(self, command: String, began_at: jiff::Timestamp) -> NewOperation {
        let back = |flip: &CurrentFlip| CurrentFlip { before: flip.after, after: flip.before, makes: false };
        NewOperation {
            action: "undo".to_owned(),
            command,
            began_at,
            undoes: Some(self.operation.sequence),
            files: self.files,
            currents: self.operation.currents.iter().map(|(name, flip)| (name.clone(), back(flip))).collect(),
            active: self.operation.active.map(|flip| ActiveFlip { before: flip.after, after: flip.before }),
        }
    }
}

impl Journal {
    /// Plans to take back the newest operation that was done, is no undo and was not undone yet.
    ///
    /// # Errors
    /// [`GenerationError::NothingToUndo`] if there is none.
    pub fn plan_undo(&self) -> Result<UndoPlan> {
        let operation = newest_undoable(self.entries()?).ok_or(GenerationError::NothingToUndo)?;
        let (files, mut obstacles) = self.backwards(&operation)?;
        obstacles.extend(self.links_in_the_way(&operation)?);
        Ok(UndoPlan { operation, obstacles, files })
    }

    /// Turns the files of an operation round, last first.
    fn backwards(&self, operation: &Operation) -> Result<(Vec<Change>, Vec<UndoObstacle>)> {
        let (mut files, mut obstacles) = (Vec::new(), Vec::new());
        for (index, change) in operation.files.iter().enumerate().rev() {
            let path = change.path.clone();
            if !is_on(&look_beneath(&self.project.directory, &path)?, &change.after) {
                obstacles.push(UndoObstacle::FileChanged { path: path.clone() });
            }
            if matches!(change.before, FileState::File { .. }) && fsys::status(&self.content_path(operation, index, Side::Before))?.is_none() {
                obstacles.push(UndoObstacle::ContentGone { path: path.clone() });
            }
            files.push(Change { path, before: self.state(operation, index, Side::After), after: self.state(operation, index, Side::Before) });
        }
        Ok((files, obstacles))
    }

    fn state(&self, operation: &Operation, index: usize, side: Side) -> State {
        match operation.files[index].on(side) {
            FileState::Absent => State::Absent,
            FileState::Symlink { target } => State::Symlink { target: target.clone() },
            FileState::File { blake3, executable, stored: Some(at) } => {
                State::File { content: Content::Stored { at: at.clone(), blake3: *blake3 }, executable: *executable }
            }
            FileState::File { blake3, executable, stored: None } => {
                let path = self.content_path(operation, index, side);
                State::File { content: Content::Disk { path, blake3: *blake3 }, executable: *executable }
            }
        }
    }

    fn links_in_the_way(&self, operation: &Operation) -> Result<Vec<UndoObstacle>> {
        let mut obstacles = Vec::new();
        for (name, flip) in operation.currents.iter().filter(|(_, flip)| flip.before != flip.after) {
            let environment = self.environment(name);
            let found = environment.current()?;
            if found != Some(flip.after) {
                obstacles.push(UndoObstacle::CurrentMoved { environment: name.clone(), expected: flip.after, found });
            }
            if !environment.numbers()?.contains(&flip.before) {
                obstacles.push(UndoObstacle::GenerationGone { environment: name.clone(), number: flip.before });
            }
        }
        let found = active_environment(&self.project.directory)?;
        if let Some(flip) = operation.active.as_ref().filter(|flip| flip.before != flip.after && flip.after != found) {
            obstacles.push(UndoObstacle::ActiveMoved { expected: flip.after.clone(), found });
        }
        Ok(obstacles)
    }
}

fn newest_undoable(entries: Vec<JournalEntry>) -> Option<Operation> {
    let happened = |entry: &JournalEntry| matches!(entry.outcome, Some(Outcome::Done | Outcome::RolledForward));
    let undone: Vec<u64> = entries.iter().filter(|entry| happened(entry)).filter_map(|entry| entry.operation.undoes).collect();
    let candidate = |entry: &JournalEntry| happened(entry) && entry.operation.undoes.is_none() && !undone.contains(&entry.operation.sequence);
    entries.into_iter().rev().find(candidate).map(|entry| entry.operation)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// A journal of `outcome undoes` in order of sequence, from 1.
    #[track_caller]
    fn check(journal: &[(Option<Outcome>, Option<u64>)], expected: Option<u64>) {
        let operation = |sequence, undoes| Operation {
            sequence,
            action: String::new(),
            command: String::new(),
            began_at: jiff::Timestamp::UNIX_EPOCH,
            undoes,
            files: Vec::new(),
            made_directories: Vec::new(),
            currents: BTreeMap::new(),
            active: None,
        };
        let entries = (1..).zip(journal).map(|(sequence, (outcome, undoes))| JournalEntry { operation: operation(sequence, *undoes), outcome: *outcome });
        assert_eq!(newest_undoable(entries.collect()).map(|operation| operation.sequence), expected, "{journal:?}");
    }

    #[test]
    fn the_newest_that_stands_is_undone() {
        let (done, back) = (Some(Outcome::Done), Some(Outcome::RolledBack));
        check(&[], None);
        check(&[(done, None), (done, None)], Some(2));
        check(&[(done, None), (back, None)], Some(1));
        check(&[(done, None), (Some(Outcome::RolledForward), None)], Some(2));
        check(&[(done, None), (done, None), (done, Some(2))], Some(1));
        check(&[(done, None), (done, None), (back, Some(2))], Some(2));
        check(&[(done, None), (done, Some(1))], None);
        check(&[(done, None), (done, Some(1)), (done, None)], Some(3));
    }
}
