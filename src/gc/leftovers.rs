//! What dead processes left behind: stages, trash, files beside those they were to replace.

use std::path::Path;
use std::path::PathBuf;

use crate::fsys;
use crate::fsys::FileKind;
use crate::fsys::FileLock;
use crate::gc::GcError;
use crate::gc::roots::ProjectRoots;
use crate::gc::roots::Roots;
use crate::model::ProjectId;
use crate::store::layout::Layout;
use crate::store::layout::STAGE_PREFIX;
use crate::store::layout::TRASH_PREFIX;

/// What was left behind.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Leftovers {
    /// Stages and trash, which nobody has locked, and roots of dead processes. Whoever locks one may remove it.
    pub(super) abandoned: Vec<PathBuf>,
    /// New files that never took the place of the old one. Only the holder of the project's lock may remove them.
    pub(super) litter: Vec<(ProjectId, PathBuf)>,
}

impl Leftovers {
    /// Counts all of it.
    pub(super) fn count(&self) -> u64 {
        (self.abandoned.len() + self.litter.len()) as u64
    }
}

/// Finds what was left behind in a home.
pub(super) fn find_leftovers(layout: &Layout, roots: &Roots) -> Result<Leftovers, GcError> {
    let mut found = Leftovers { abandoned: roots.stale.clone(), litter: Vec::new() };
    find_abandoned(&layout.store(), &mut found)?;
    find_abandoned(&layout.projects(), &mut found)?;
    for project in &roots.projects {
        find_in_project(layout, project, &mut found)?;
    }
    Ok(found)
}

fn find_in_project(layout: &Layout, project: &ProjectRoots, found: &mut Leftovers) -> Result<(), GcError> {
    find_litter(&project.id, &layout.project(&project.id), found)?;
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
        // The name under which `fsys` writes what is to replace another file: `.<name>.<random>.tmp`.
        if entry.name_str().and_then(|name| name.strip_prefix('.')?.strip_suffix(".tmp")).is_some() {
            found.litter.push((project.clone(), directory.join(&entry.name)));
        }
    }
    Ok(())
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
