//! What a crash left: operations without `done` are carried to their end, or taken back.

use std::path::Path;

use crate::fsys;
use crate::generation::Journal;
use crate::generation::Operation;
use crate::generation::Outcome;
use crate::generation::Result;
use crate::generation::active_environment;
use crate::generation::operation::Side;
use crate::generation::project::PACKS_DIR;
use crate::model::TreePath;

/// Characters of the random part of a temporary name.
const RANDOM_CHARS: usize = 16;

/// What became of an operation that did not go through.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Recovered {
    /// The operation.
    pub sequence: u64,
    /// What it was.
    pub action: String,
    /// Its command line.
    pub command: String,
    /// Whether it was carried to its end or taken back.
    pub outcome: Outcome,
    /// Files that are neither what they were nor what they were to be, and were left alone.
    pub left_alone: Vec<TreePath>,
}

impl Recovered {
    pub(super) fn new(operation: &Operation, outcome: Outcome, left_alone: Vec<TreePath>) -> Self {
        Recovered { sequence: operation.sequence, action: operation.action.clone(), command: operation.command.clone(), outcome, left_alone }
    }
}

impl Journal {
    /// Tells whether an operation was interrupted; reads no operation, so that a switch with nothing to do stays quick.
    pub fn is_interrupted(&self) -> Result<bool> {
        for sequence in self.sequences()? {
            if fsys::status(&self.directory(sequence).join("done"))?.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Carries interrupted operations to their end or takes them back, newest first; the head of `journal.rs` tells which.
    ///
    /// May itself be interrupted anywhere and called again.
    pub fn recover(&self) -> Result<Vec<Recovered>> {
        let mut recovered = Vec::new();
        for operation in self.interrupted()? {
            self.remove_temporaries(&operation)?;
            recovered.push(match self.decide(&operation)? {
                Side::After => self.roll_forward(&operation)?,
                Side::Before => self.roll_back(&operation)?,
            });
        }
        Ok(recovered)
    }

    fn decide(&self, operation: &Operation) -> Result<Side> {
        let mut flips = Vec::new();
        for (name, flip) in operation.currents.iter().filter(|(_, flip)| flip.before != flip.after) {
            flips.push(self.environment(name).current()? == Some(flip.after));
        }
        if let Some(flip) = operation.active.as_ref().filter(|flip| flip.before != flip.after) {
            flips.push(active_environment(&self.project.directory)? == flip.after);
        }
        Ok(side_of(&flips))
    }

    /// Removes files half written beside those that the operation changes.
    fn remove_temporaries(&self, operation: &Operation) -> Result<()> {
        let project = &self.project.directory;
        for change in &operation.files {
            let parent = change.path.parent().map_or(project.clone(), |parent| project.join(parent.as_str()));
            remove_temporaries_of(&parent, change.path.file_name())?;
        }
        for environment in operation.currents.keys() {
            remove_temporaries_of(&self.layout.environment(&self.project.id, environment), "current")?;
        }
        remove_temporaries_of(&project.join(PACKS_DIR), "active")
    }
}

/// Decides by the flips of an operation, each done or not: only if there are some, and all are done, it goes forward.
fn side_of(flips: &[bool]) -> Side {
    if !flips.is_empty() && flips.iter().all(|is_done| *is_done) { Side::After } else { Side::Before }
}

fn remove_temporaries_of(directory: &Path, name: &str) -> Result<()> {
    // Nothing of ours was written through a link.
    if fsys::status(directory)?.is_none_or(|found| found.kind != fsys::FileKind::Directory) {
        return Ok(());
    }
    for entry in fsys::list_dir(directory)? {
        if entry.name_str().is_some_and(|found| is_temporary_of(found, name)) {
            fsys::remove_file(&directory.join(&entry.name))?;
        }
    }
    Ok(())
}

/// Tells whether a name is `.<name>.<16 random characters>.tmp`.
fn is_temporary_of(found: &str, name: &str) -> bool {
    let random = found.strip_prefix('.').and_then(|rest| rest.strip_prefix(name)).and_then(|rest| rest.strip_prefix('.'));
    let random = random.and_then(|rest| rest.strip_suffix(".tmp"));
    random.is_some_and(|random| random.len() == RANDOM_CHARS && random.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_flips_or_none() {
        for (flips, expected) in
            [(&[][..], Side::Before), (&[true], Side::After), (&[false], Side::Before), (&[true, false], Side::Before), (&[true, true], Side::After)]
        {
            assert_eq!(side_of(flips), expected, "{flips:?}");
        }
    }

    #[test]
    fn only_our_temporary_names_are_removed() {
        for (found, expected) in [
            (".packs.toml.abcdefghijklmn27.tmp", true),
            (".packs.toml.abcdefghijklmn2.tmp", false),
            (".packs.lock.abcdefghijklmn27.tmp", false),
            ("packs.toml.abcdefghijklmn27.tmp", false),
            (".packs.toml.tmp", false),
        ] {
            assert_eq!(is_temporary_of(found, "packs.toml"), expected, "{found}");
        }
    }
}
