//! Carrying out an operation: its files and links, to one side or the other.
//!
//! Every step looks first: what is already on the wanted side stays, what is on the other side is changed by one rename, and anything else was made by
//! somebody else and is left alone. So each way can be interrupted anywhere and taken again.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use crate::fsys;
use crate::fsys::FileKind;
use crate::fsys::FileLock;
use crate::generation::Environment;
use crate::generation::FileChange;
use crate::generation::FileState;
use crate::generation::GenerationError;
use crate::generation::Journal;
use crate::generation::Operation;
use crate::generation::Outcome;
use crate::generation::Recovered;
use crate::generation::Result;
use crate::generation::RunningOperation;
use crate::generation::activate;
use crate::generation::active_environment;
use crate::generation::drop_generation;
use crate::generation::operation::Side;
use crate::generation::sight::Sighting;
use crate::generation::sight::look_beneath;
use crate::model::EnvironmentName;
use crate::model::TreePath;

/// Permission bits of a file placed in a project.
const FILE_MODE: u32 = 0o644;

/// Permission bits of an executable placed in a project.
const EXECUTABLE_MODE: u32 = 0o755;

impl RunningOperation {
    /// Gives what it changes.
    pub fn operation(&self) -> &Operation {
        &self.operation
    }

    /// Writes all files as they are to be: each by one rename, all durable at the end.
    ///
    /// After a power cut during the call some are old and some new, until the next command recovers.
    ///
    /// # Errors
    /// Before anything is written: [`GenerationError::ChangedMeanwhile`] if a file is no longer what the plan saw, [`GenerationError::ContentGone`] if what
    /// is to be written is not in the store.
    pub fn apply_files(&self) -> Result<()> {
        let Journal { project, .. } = &self.journal;
        let mut changed = Vec::new();
        for (index, change) in self.operation.files.iter().enumerate() {
            if let Some(content) = self.journal.missing_content(&self.operation, index, Side::After)? {
                return Err(GenerationError::ContentGone { sequence: self.operation.sequence, content });
            }
            let found = look_beneath(&project.directory, &change.path)?;
            if !is_on(&found, &change.before) && !is_on(&found, &change.after) && !makes_way(&self.operation, &change.path) {
                changed.push(change.path.clone());
            }
        }
        if changed.is_empty() {
            changed = self.journal.bring_files_to(&self.operation, Side::After)?;
        }
        if changed.is_empty() { Ok(()) } else { Err(GenerationError::ChangedMeanwhile { paths: changed }) }
    }

    /// Flips the links: `current` of each environment, then the active one. The last of them is the moment from which the new state holds.
    ///
    /// After a power cut during the call some are flipped, until the next command recovers.
    pub fn flip(&self) -> Result<()> {
        for (name, flip) in self.operation.currents.iter().filter(|(_, flip)| flip.before != flip.after) {
            self.journal.environment(name).flip(flip.after)?;
        }
        match self.operation.active.as_ref().filter(|flip| flip.before != flip.after) {
            Some(flip) => activate(&self.journal.project.directory, flip.after.as_ref()),
            None => Ok(()),
        }
    }

    /// Ends it: durable when it returns, and from then on it can be undone. After a failure it can still be taken back.
    pub fn finish(&self) -> Result<()> {
        self.journal.conclude(self.operation.sequence, Outcome::Done)
    }

    /// Takes it back: files and links are as before, generations it made are dropped.
    ///
    /// Where even that fails, the next command's recovery tries again.
    pub fn take_back(&self) -> Result<Recovered> {
        self.journal.roll_back(&self.operation)
    }
}

impl Journal {
    /// Brings files, then links, to what they were, drops generations that were made, and concludes the operation.
    pub(super) fn roll_back(&self, operation: &Operation) -> Result<Recovered> {
        let directory = &self.project.directory;
        if let Some(flip) = operation.active.as_ref().filter(|flip| flip.before != flip.after)
            && active_environment(directory)? == flip.after
        {
            activate(directory, flip.before.as_ref())?;
        }
        for (name, flip) in operation.currents.iter().filter(|(_, flip)| flip.before != flip.after) {
            let environment = self.environment(name);
            if environment.current()? == Some(flip.after) {
                environment.flip(flip.before)?;
            }
        }
        let left_alone = self.bring_files_to(operation, Side::Before)?;
        self.drop_made(operation)?;
        self.conclude(operation.sequence, Outcome::RolledBack)?;
        Ok(Recovered::new(operation, Outcome::RolledBack, left_alone))
    }

    /// Brings files to what they are to be, and concludes the operation; its links are flipped already.
    pub(super) fn roll_forward(&self, operation: &Operation) -> Result<Recovered> {
        let left_alone = self.bring_files_to(operation, Side::After)?;
        self.conclude(operation.sequence, Outcome::RolledForward)?;
        Ok(Recovered::new(operation, Outcome::RolledForward, left_alone))
    }

    pub(super) fn environment(&self, name: &EnvironmentName) -> Environment {
        Environment::new(&self.layout, &self.project.id, name)
    }

    /// Drops the generations that an operation made and that did not become current.
    fn drop_made(&self, operation: &Operation) -> Result<()> {
        for (name, flip) in operation.currents.iter().filter(|(_, flip)| flip.makes) {
            let environment = self.environment(name);
            if environment.current()? == Some(flip.after) {
                continue;
            }
            // A gc that is faster to lock the trash removes it.
            if let Some(trash) = drop_generation(&environment, flip.after)?
                && let Some(_lock) = FileLock::try_acquire_existing(&trash)?
            {
                fsys::remove_tree(&trash)?;
            }
        }
        Ok(())
    }

    /// Brings all files to one side; gives those that are on neither.
    ///
    /// Backwards it goes in reverse order, so that what made way for something else comes back after that is gone.
    fn bring_files_to(&self, operation: &Operation, side: Side) -> Result<Vec<TreePath>> {
        let (mut left_alone, mut touched) = (Vec::new(), BTreeSet::new());
        for index in 0..operation.files.len() {
            let index = if side == Side::After { index } else { operation.files.len() - 1 - index };
            match self.bring_file_to(operation, index, side)? {
                Brought::Already => {}
                Brought::Changed => touched.extend(directories_above(&operation.files[index].path)),
                Brought::LeftAlone => left_alone.push(operation.files[index].path.clone()),
            }
        }
        for parent in touched.iter().map(|parent| self.project.directory.join(parent)) {
            if fsys::status(&parent)?.is_some() {
                fsys::fsync_dir(&parent)?;
            }
        }
        Ok(left_alone)
    }

    fn bring_file_to(&self, operation: &Operation, index: usize, side: Side) -> Result<Brought> {
        let change = &operation.files[index];
        let found = look_beneath(&self.project.directory, &change.path)?;
        if is_on(&found, change.on(side)) {
            if side == Side::Before && found == Sighting::Absent {
                // The interruption may have come between making the directories and the file.
                remove_empty_parents(&self.project.directory, operation, &change.path, side)?;
            }
            return Ok(Brought::Already);
        }
        // A content that somebody took out of the store must not stop recovery for ever: the file is named like the others.
        if !is_on(&found, change.on(side.other())) || self.missing_content(operation, index, side)?.is_some() {
            return Ok(Brought::LeftAlone);
        }
        self.write_side(operation, index, side)?;
        Ok(Brought::Changed)
    }

    /// Finds out whether the bytes a file is to have are gone, and where they were.
    fn missing_content(&self, operation: &Operation, index: usize, side: Side) -> Result<Option<PathBuf>> {
        if !matches!(operation.files[index].on(side), FileState::File { .. }) {
            return Ok(None);
        }
        let content = self.content_path(operation, index, side);
        Ok(fsys::status(&content)?.is_none().then_some(content))
    }

    /// Puts one file into the state of a side by one rename or removal.
    fn write_side(&self, operation: &Operation, index: usize, side: Side) -> Result<()> {
        let change = &operation.files[index];
        let root = &self.project.directory;
        let path = root.join(change.path.as_str());
        match change.on(side) {
            FileState::Absent => {
                fsys::remove_file(&path)?;
                remove_empty_parents(root, operation, &change.path, side)
            }
            FileState::Symlink { target } => {
                make_parents(root, &change.path)?;
                Ok(fsys::replace_symlink(Path::new(target), &path)?)
            }
            FileState::File { executable, .. } => {
                make_parents(root, &change.path)?;
                replace_by_copy(&self.content_path(operation, index, side), &path, mode_for(&path, *executable)?)
            }
        }
    }
}

enum Brought {
    Already,
    Changed,
    LeftAlone,
}

/// Lists the directories above a path, as relative paths; the root is the empty one.
fn directories_above(path: &TreePath) -> Vec<String> {
    let above = std::iter::successors(path.parent(), TreePath::parent).map(|parent| parent.to_string());
    above.chain([String::new()]).collect()
}

/// Lists the directories that are missing above the files that an operation makes, parents first.
pub(super) fn missing_parents(root: &Path, files: &[FileChange]) -> Result<Vec<TreePath>> {
    let mut missing = BTreeSet::new();
    for change in files.iter().filter(|change| change.after != FileState::Absent) {
        let mut above = change.path.parent();
        while let Some(parent) = above {
            // A link that makes way for a directory counts: the directory is not there yet.
            let is_there = look_beneath(root, &parent)? == Sighting::Directory;
            if is_there || !missing.insert(parent.clone()) {
                break;
            }
            above = parent.parent();
        }
    }
    Ok(missing.into_iter().collect())
}

/// Tells whether what was found is what a side says; nothing is what is found behind a link.
pub(super) fn is_on(found: &Sighting, state: &FileState) -> bool {
    match (found, state) {
        (Sighting::Absent | Sighting::Blocked { .. }, FileState::Absent) => true,
        (Sighting::File { blake3, executable }, FileState::File { blake3: wanted, executable: wanted_executable, .. }) => {
            blake3 == wanted && executable == wanted_executable
        }
        (Sighting::Symlink { target }, FileState::Symlink { target: wanted }) => target == wanted,
        _ => false,
    }
}

/// Tells whether a directory at `path` is one that the operation empties, so that it is gone when the turn of `path` comes.
fn makes_way(operation: &Operation, path: &TreePath) -> bool {
    let below = format!("{path}/");
    operation.files.iter().any(|change| change.after == FileState::Absent && change.path.as_str().starts_with(&below))
}

/// Makes the directories above a path; a link among them is refused, wherever it leads.
fn make_parents(root: &Path, path: &TreePath) -> Result<()> {
    let Some(parent) = path.parent() else { return Ok(()) };
    let directory = root.join(parent.as_str());
    match fsys::status(&directory)? {
        Some(found) if found.kind == FileKind::Directory => make_parents(root, &parent),
        Some(_) => Err(GenerationError::NotADirectory { path: directory }),
        None => {
            make_parents(root, &parent)?;
            Ok(fsys::create_dir(&directory)?)
        }
    }
}

/// Removes the directories above a removed file that are empty now: backwards only those that the operation made.
fn remove_empty_parents(root: &Path, operation: &Operation, path: &TreePath, side: Side) -> Result<()> {
    let mut above = path.parent();
    while let Some(parent) = above {
        if side == Side::Before && !operation.made_directories.contains(&parent) {
            break;
        }
        match fsys::remove_dir(&root.join(parent.as_str())) {
            Err(error) if error.io_kind() == Some(io::ErrorKind::DirectoryNotEmpty) => break,
            other => other?,
        }
        above = parent.parent();
    }
    Ok(())
}

/// Gives the permission bits a file gets: those of the file it replaces, where they agree on being executable.
fn mode_for(path: &Path, executable: bool) -> Result<u32> {
    let found = fsys::status(path)?.filter(|found| found.kind == FileKind::File && found.is_executable() == executable);
    Ok(found.map_or(if executable { EXECUTABLE_MODE } else { FILE_MODE }, |found| found.mode & 0o777))
}

/// Copies a file over another by a copy beside it and one rename.
fn replace_by_copy(from: &Path, to: &Path, mode: u32) -> Result<()> {
    let beside = name_beside(to)?;
    let copied = fsys::copy_file(from, &beside, mode, |_| {}).and_then(|()| fsys::rename(&beside, to));
    if copied.is_err() {
        // The space must be given back; the error that counts is the first one.
        let _ = fsys::remove_file(&beside);
    }
    Ok(copied?)
}

fn name_beside(path: &Path) -> Result<PathBuf> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(path.with_file_name(format!(".{name}.{}.tmp", fsys::random_id()?)))
}
