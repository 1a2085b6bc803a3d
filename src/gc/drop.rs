//! Dropping generations and forgetting projects: the second step of the protocol at the head of `gc/`.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::fsys;
use crate::fsys::FileLock;
use crate::fsys::FsError;
use crate::gc::GcError;
use crate::gc::leftovers::at_once;
use crate::gc::leftovers::remove_litter;
use crate::gc::roots::EnvironmentRoots;
use crate::gc::roots::GenerationId;
use crate::gc::roots::ProjectRoots;
use crate::gc::roots::Roots;
use crate::gc::roots::Surveyor;
use crate::gc::sweep::Removed;
use crate::gc::sweep::Sweep;
use crate::generation::Environment;
use crate::generation::drop_generation;
use crate::model::ProjectId;
use crate::store::locks;

/// Renames to trash what the plan drops, and makes that durable before the store paths behind it may go. Gives the trash.
pub(super) fn drop_generations<'a>(sweep: &Sweep<'a>, surveyor: &mut Surveyor<'a>, removed: &mut Removed) -> Result<Vec<PathBuf>, GcError> {
    let work = work_by_project(sweep);
    if work.is_empty() {
        return Ok(Vec::new());
    }
    let alone = locks::store_exclusive(sweep.layout, sweep.waiting).map_err(GcError::lock)?;
    let roots = surveyor.look()?;
    let mut dropping = Dropping { sweep, surveyor, roots: &roots, removed, trash: Vec::new(), directories: BTreeSet::new() };
    work.iter().try_for_each(|work| dropping.take(work))?;
    let Dropping { trash, directories, .. } = dropping;
    drop(alone);
    for directory in directories {
        fsys::fsync_dir(&directory).map_err(GcError::remove)?;
    }
    Ok(trash)
}

/// What is planned for one project.
struct ProjectWork<'a> {
    /// The project as the plan saw it.
    planned: &'a ProjectRoots,
    drops: Vec<Arc<GenerationId>>,
    litter: Vec<&'a Path>,
    forget: bool,
}

fn work_by_project<'a>(sweep: &Sweep<'a>) -> Vec<ProjectWork<'a>> {
    let mut litter: BTreeMap<&ProjectId, Vec<&Path>> = BTreeMap::new();
    for (project, path) in &sweep.leftovers.litter {
        litter.entry(project).or_default().push(path);
    }
    let work = sweep.roots.projects.iter().map(|planned| ProjectWork {
        planned,
        drops: planned.generations().map(|generation| &generation.id).filter(|id| sweep.plan.generations.contains(*id)).cloned().collect(),
        litter: litter.remove(&planned.id).unwrap_or_default(),
        forget: sweep.plan.projects.contains(&planned.id),
    });
    work.filter(|work| work.forget || !work.drops.is_empty() || !work.litter.is_empty()).collect()
}

/// The work on all projects, while the store is locked.
struct Dropping<'a, 'b> {
    sweep: &'b Sweep<'a>,
    surveyor: &'b mut Surveyor<'a>,
    /// What was there when the store was locked.
    roots: &'b Roots,
    removed: &'b mut Removed,
    trash: Vec<PathBuf>,
    /// Where names have changed, which must be made durable.
    directories: BTreeSet<PathBuf>,
}

impl Dropping<'_, '_> {
    /// Does what is planned for one project, unless it has changed since, or somebody is changing it.
    fn take(&mut self, work: &ProjectWork<'_>) -> Result<(), GcError> {
        let id = &work.planned.id;
        let Some(_held) = self.try_lock(id)? else {
            self.removed.busy.insert(id.clone());
            return Ok(());
        };
        if self.has_changed(work)? {
            self.removed.busy.insert(id.clone());
        } else if work.forget {
            self.forget(id)?;
            self.removed.generations.extend(work.drops.iter().cloned());
        } else {
            self.removed.freed_bytes += remove_litter(&work.litter)?;
            work.drops.iter().try_for_each(|id| self.drop_generation(id))?;
        }
        Ok(())
    }

    /// Locks a project if nobody has it. The store is locked already, against the order: but for who never waits nobody waits in a circle.
    fn try_lock(&self, id: &ProjectId) -> Result<Option<FileLock>, GcError> {
        match locks::project(self.sweep.layout, id, &at_once(self.sweep.waiting)) {
            Ok(held) => Ok(Some(held)),
            Err(FsError::Locked { .. }) => Ok(None),
            Err(source) => Err(GcError::lock(source)),
        }
    }

    /// Tells whether the plan no longer fits a project, whose lock is held.
    fn has_changed(&mut self, work: &ProjectWork<'_>) -> Result<bool, GcError> {
        let now = self.surveyor.environments(&work.planned.id)?;
        let is_used = self.roots.running.iter().flat_map(|running| &running.generations).any(|used| work.drops.iter().any(|id| **id == *used));
        let is_back = work.forget && !self.surveyor.is_still_missing(&work.planned.id);
        Ok(is_used || is_back || !same_currents(&work.planned.environments, &now))
    }

    fn forget(&mut self, id: &ProjectId) -> Result<(), GcError> {
        let layout = self.sweep.layout;
        let trash = layout.project_trash(&fsys::random_id().map_err(GcError::remove)?);
        fsys::rename(&layout.project(id), &trash).map_err(GcError::remove)?;
        self.directories.insert(layout.projects());
        self.trash.push(trash);
        self.removed.projects.insert(id.clone());
        Ok(())
    }

    fn drop_generation(&mut self, id: &Arc<GenerationId>) -> Result<(), GcError> {
        let layout = self.sweep.layout;
        let environment = Environment::new(layout, &id.project, &id.environment);
        let trash = drop_generation(&environment, id.number).map_err(|source| GcError::Drop { source })?;
        self.directories.insert(layout.generations(&id.project, &id.environment));
        self.trash.extend(trash);
        self.removed.generations.insert(id.clone());
        Ok(())
    }
}

fn same_currents(planned: &[EnvironmentRoots], now: &[EnvironmentRoots]) -> bool {
    planned.len() == now.len() && planned.iter().zip(now).all(|(planned, now)| planned.name == now.name && planned.current == now.current)
}
