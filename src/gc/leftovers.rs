//! What dead processes left behind: stages, trash, files beside those they were to replace.

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::fsys;
use crate::fsys::FileKind;
use crate::fsys::FileLock;
use crate::fsys::FileStatus;
use crate::fsys::Waiting;
use crate::gc::GcError;
use crate::gc::measure::inodes_below;
use crate::gc::roots::ProjectRoots;
use crate::gc::roots::Roots;
use crate::model::ProjectId;
use crate::model::Sha256Digest;
use crate::store::layout::Layout;
use crate::store::layout::PARTIAL_SUFFIX;
use crate::store::layout::STAGE_PREFIX;
use crate::store::layout::TRASH_PREFIX;

/// How long after its last write a file that is written in one go counts as left behind.
const PASSING_AGE: SignedDuration = SignedDuration::from_hours(1);

/// How the names of files begin that `registry check` downloads to read them once.
const CHECK_PREFIX: &str = ".check-";

/// What was left behind.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Leftovers {
    /// Stages, trash and beginnings of archives, which nobody has locked, and roots of dead processes. Whoever locks one may remove it.
    pub(super) abandoned: Vec<PathBuf>,
    /// What was being written without a lock of its own. Only the holder of the project's lock may remove it.
    pub(super) litter: Vec<(ProjectId, PathBuf)>,
}

impl Leftovers {
    /// Counts all of it.
    pub(super) fn count(&self) -> u64 {
        (self.abandoned.len() + self.litter.len()) as u64
    }
}

/// From when on something without an owner counts as left behind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ages {
    /// Beginnings of archives, whose downloads may yet go on.
    pub(super) partials: Timestamp,
    /// What is written in one go, or read once.
    pub(super) passing: Timestamp,
}

impl Ages {
    /// Takes the age from which on nothing is kept, and the present.
    pub(super) fn new(young: Timestamp, now: Timestamp) -> Ages {
        Ages { partials: young, passing: now.checked_sub(PASSING_AGE).unwrap_or(Timestamp::MIN) }
    }
}

/// Finds what was left behind in a home; what has neither an owner nor a lock of its own, only if it is old enough.
pub(super) fn find_leftovers(layout: &Layout, roots: &Roots, ages: Ages) -> Result<Leftovers, GcError> {
    let mut found = Leftovers { abandoned: roots.stale.clone(), litter: Vec::new() };
    find_archives(layout, ages, &mut found)?;
    find_passing(&layout.index_caches(), ages.passing, &mut found)?;
    find_passing(&layout.registries(), ages.passing, &mut found)?;
    find_abandoned(&layout.store(), &mut found)?;
    find_abandoned(&layout.projects(), &mut found)?;
    for project in &roots.projects {
        find_in_project(layout, project, &mut found)?;
    }
    Ok(found)
}

fn find_in_project(layout: &Layout, project: &ProjectRoots, found: &mut Leftovers) -> Result<(), GcError> {
    find_litter(&project.id, &layout.project(&project.id), found)?;
    find_litter(&project.id, &layout.operations(&project.id), found)?;
    for environment in &project.environments {
        find_litter(&project.id, &layout.environment(&project.id, &environment.name), found)?;
        find_abandoned(&layout.generations(&project.id, &environment.name), found)?;
    }
    Ok(())
}

/// Finds stages and trash whose maker has died: their lock is free.
fn find_abandoned(directory: &Path, found: &mut Leftovers) -> Result<(), GcError> {
    for entry in fsys::list_dir(directory).map_err(GcError::look)? {
        let name = entry.name.to_string_lossy();
        let path = directory.join(&entry.name);
        if (name.starts_with(STAGE_PREFIX) || name.starts_with(TRASH_PREFIX)) && lock_abandoned(&path).map_err(GcError::look)?.is_some() {
            found.abandoned.push(path);
        }
    }
    Ok(())
}

fn find_litter(project: &ProjectId, directory: &Path, found: &mut Leftovers) -> Result<(), GcError> {
    for entry in fsys::list_dir(directory).map_err(GcError::look)? {
        if entry.name_str().is_some_and(is_litter) {
            found.litter.push((project.clone(), directory.join(&entry.name)));
        }
    }
    Ok(())
}

fn is_litter(name: &str) -> bool {
    replaced_name(name).is_some() || name.starts_with(STAGE_PREFIX) || name.starts_with(TRASH_PREFIX)
}

fn find_archives(layout: &Layout, ages: Ages, found: &mut Leftovers) -> Result<(), GcError> {
    for (entry, status) in fsys::list_dir_status(&layout.archives()).map_err(GcError::look)? {
        let Some(name) = entry.name_str() else { continue };
        let is_partial = name.strip_suffix(PARTIAL_SUFFIX).is_some_and(|digest| Sha256Digest::parse(digest).is_ok());
        let oldest_kept = match (is_partial, name.starts_with(CHECK_PREFIX)) {
            (true, _) => ages.partials,
            (false, true) => ages.passing,
            (false, false) => continue,
        };
        add_if_old(layout.archives().join(name), &status, oldest_kept, found)?;
    }
    Ok(())
}

/// Finds what was being written beside the files of a directory and those below it, by whoever may be dead.
fn find_passing(directory: &Path, oldest_kept: Timestamp, found: &mut Leftovers) -> Result<(), GcError> {
    for (entry, status) in fsys::list_dir_status(directory).map_err(GcError::look)? {
        let path = directory.join(&entry.name);
        let is_passing = entry.name_str().is_some_and(|name| name.starts_with('.') && name.ends_with(".tmp"));
        match status.kind {
            FileKind::Directory => find_passing(&path, oldest_kept, found)?,
            _ if is_passing => add_if_old(path, &status, oldest_kept, found)?,
            _ => {}
        }
    }
    Ok(())
}

fn add_if_old(path: PathBuf, status: &FileStatus, oldest_kept: Timestamp, found: &mut Leftovers) -> Result<(), GcError> {
    if status.mtime < oldest_kept.as_second() && lock_abandoned(&path).map_err(GcError::look)?.is_some() {
        found.abandoned.push(path);
    }
    Ok(())
}

/// Gives the name that a file was to get: `fsys` writes it as `.<name>.<random>.tmp` first.
fn replaced_name(name: &str) -> Option<&str> {
    Some(name.strip_prefix('.')?.strip_suffix(".tmp")?.rsplit_once('.')?.0)
}

/// The right to remove something that was left behind.
#[derive(Debug)]
pub(super) struct Abandoned {
    /// What has a lock of its own is locked while it is removed, so that two collections do not meet in it.
    _lock: Option<FileLock>,
}

/// Takes the right to remove something; `None` where somebody works with it, or nothing is there any more.
pub(super) fn lock_abandoned(path: &Path) -> fsys::Result<Option<Abandoned>> {
    match fsys::status(path)?.map(|found| found.kind) {
        None => Ok(None),
        Some(FileKind::Directory | FileKind::File) => Ok(FileLock::try_acquire_existing(path)?.map(|lock| Abandoned { _lock: Some(lock) })),
        // Nothing of ours; a link must not be locked, since that would lock what it points to.
        Some(FileKind::Symlink | FileKind::Other) => Ok(Some(Abandoned { _lock: None })),
    }
}

/// Removes what dead processes were writing; gives what that frees, in bytes.
pub(super) fn remove_litter(litter: &[&Path]) -> Result<u64, GcError> {
    let mut freed_bytes = 0;
    for path in litter {
        let inodes = inodes_below(path).map_err(GcError::remove)?;
        fsys::remove_tree(path).map_err(GcError::remove)?;
        freed_bytes += inodes.iter().map(|inode| inode.disk_bytes).sum::<u64>();
    }
    Ok(freed_bytes)
}

/// Tries once, whatever else may be waited for.
pub(super) fn at_once<'a>(waiting: &Waiting<'a>) -> Waiting<'a> {
    Waiting { wait_max: Duration::ZERO, ..*waiting }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passing_names() {
        for (name, expected) in [(".project.json.k3v9.tmp", Some("project.json")), (".current.k3v9.tmp", Some("current")), (".tmp", None), ("a.b.tmp", None)] {
            assert_eq!(replaced_name(name), expected, "{name}");
        }
        assert!(is_litter(".stage-k3v9") && is_litter(".trash-k3v9") && !is_litter("7") && !is_litter("current"));
    }
}
