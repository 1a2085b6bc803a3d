//! Carrying out a plan; the protocol is at the head of `gc/`.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::fsys;
use crate::fsys::FileLock;
use crate::fsys::FsError;
use crate::fsys::Waiting;
use crate::gc::GcError;
use crate::gc::leftovers::Leftovers;
use crate::gc::leftovers::lock_abandoned;
use crate::gc::mark::Plan;
use crate::gc::measure::measure;
use crate::gc::parallel::Workers;
use crate::gc::roots::EnvironmentRoots;
use crate::gc::roots::GenerationId;
use crate::gc::roots::Presence;
use crate::gc::roots::ProjectRoots;
use crate::gc::roots::Roots;
use crate::gc::roots::Surveyor;
use crate::generation::Environment;
use crate::generation::drop_generation;
use crate::model::ProjectId;
use crate::model::StorePath;
use crate::store::layout::Layout;
use crate::store::locks;

/// What was removed, or would be.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Removed {
    pub(super) freed_bytes: u64,
    pub(super) paths: BTreeSet<StorePath>,
    pub(super) blobs: u64,
    pub(super) generations: BTreeSet<Arc<GenerationId>>,
    pub(super) projects: BTreeSet<ProjectId>,
    pub(super) leftovers: u64,
    /// Projects that another command was changing: they keep all generations this time.
    pub(super) busy: BTreeSet<ProjectId>,
}

/// Where to sweep, and with what.
pub(super) struct Sweep<'a> {
    pub(super) layout: &'a Layout,
    pub(super) workers: &'a Workers,
    pub(super) waiting: &'a Waiting<'a>,
    /// The roots the plan was made from.
    pub(super) roots: &'a Roots,
    pub(super) plan: &'a Plan,
    pub(super) leftovers: &'a Leftovers,
}

impl Sweep<'_> {
    /// Tells what [`Sweep::run`] would remove if nobody else were at work; changes nothing.
    pub(super) fn preview(&self) -> Result<Removed, GcError> {
        let forgotten = self.plan.projects.iter().map(|id| self.layout.project(id));
        let dropped = self.plan.generations.iter().filter(|id| !self.plan.projects.contains(&id.project));
        let dropped = dropped.map(|id| self.layout.generation(&id.project, &id.environment, id.number));
        let litter = self.leftovers.litter.iter().filter(|(id, _)| !self.plan.projects.contains(id)).map(|(_, path)| path.clone());
        let dead = self.plan.dead.iter().map(|path| self.layout.store_path(path));
        let trees: Vec<PathBuf> = self.leftovers.abandoned.iter().cloned().chain(litter).chain(forgotten).chain(dropped).chain(dead).collect();
        let freed = measure(self.layout, &trees, self.workers).map_err(GcError::look)?;
        Ok(Removed {
            freed_bytes: freed.disk_bytes,
            paths: self.plan.dead.clone(),
            blobs: freed.blobs.len() as u64,
            generations: self.plan.generations.clone(),
            projects: self.plan.projects.clone(),
            leftovers: self.leftovers.count(),
            busy: BTreeSet::new(),
        })
    }

    /// Removes what the plan says, as far as it is still dead.
    ///
    /// If the power goes or the process dies, whatever has its old name is whole, and the next collection removes the rest.
    pub(super) fn run(&self, surveyor: &mut Surveyor<'_>) -> Result<Removed, GcError> {
        let mut removed = Removed { leftovers: self.leftovers.count(), ..Removed::default() };
        let mut trees = self.leftovers.abandoned.clone();
        trees.extend(self.drop_generations(surveyor, &mut removed)?);
        let mut dead = self.plan.dead.clone();
        loop {
            let round = self.move_to_trash(surveyor, dead)?;
            removed.paths.extend(round.moved);
            trees.extend(round.trash);
            let freed_bytes = self.remove(&trees, &mut removed)?;
            match round.no_space {
                // The disk is too full even for new names: with what was removed just now there is space for some.
                Some((source, _)) if freed_bytes == 0 => return Err(GcError::remove(source)),
                Some((_, left)) => dead = left,
                None => return Ok(removed),
            }
            trees.clear();
        }
    }

    /// Drops generations and forgets projects, and makes that durable before their store paths may go. Gives the trash.
    fn drop_generations(&self, surveyor: &mut Surveyor<'_>, removed: &mut Removed) -> Result<Vec<PathBuf>, GcError> {
        let work = self.work_by_project();
        if work.is_empty() {
            return Ok(Vec::new());
        }
        let alone = locks::store_exclusive(self.layout, self.waiting).map_err(GcError::lock)?;
        let roots = surveyor.look()?;
        let mut changed = Changed::default();
        for (id, work) in &work {
            match self.try_lock_project(id)? {
                Some(_held) => self.work_on_project(surveyor, &roots, work, &mut changed, removed)?,
                None => _ = removed.busy.insert(id.clone()),
            }
        }
        drop(alone);
        for directory in changed.directories {
            fsys::fsync_dir(&directory).map_err(GcError::remove)?;
        }
        Ok(changed.trash)
    }

    fn work_by_project(&self) -> BTreeMap<ProjectId, ProjectWork<'_>> {
        let mut work: BTreeMap<ProjectId, ProjectWork<'_>> = BTreeMap::new();
        for project in &self.roots.projects {
            let drops: Vec<&GenerationId> = project.generations().map(|generation| &*generation.id).filter(|id| self.plan.generations.contains(*id)).collect();
            let litter: Vec<&Path> = self.leftovers.litter.iter().filter(|(id, _)| *id == project.id).map(|(_, path)| path.as_path()).collect();
            let forget = self.plan.projects.contains(&project.id);
            if forget || !drops.is_empty() || !litter.is_empty() {
                work.insert(project.id.clone(), ProjectWork { planned: project, drops, litter, forget });
            }
        }
        work
    }

    /// Locks a project if nobody has it. The store is locked already, against the order: but who never waits is waited for by nobody in a circle.
    fn try_lock_project(&self, id: &ProjectId) -> Result<Option<FileLock>, GcError> {
        let at_once = Waiting { wait_max: Duration::ZERO, ..*self.waiting };
        match locks::project(self.layout, id, &at_once) {
            Ok(held) => Ok(Some(held)),
            Err(FsError::Locked { .. }) => Ok(None),
            Err(source) => Err(GcError::lock(source)),
        }
    }

    /// Does what is planned for one project, whose lock is held, unless the project has changed since.
    fn work_on_project(
        &self,
        surveyor: &mut Surveyor<'_>,
        roots: &Roots,
        work: &ProjectWork<'_>,
        changed: &mut Changed,
        removed: &mut Removed,
    ) -> Result<(), GcError> {
        let id = &work.planned.id;
        let now = surveyor.environments(id)?;
        let is_used = roots.running.iter().flat_map(|running| &running.generations).any(|used| work.drops.contains(&used));
        let is_missing = roots.projects.iter().any(|project| project.id == *id && project.presence == Presence::Missing);
        if is_used || !same_currents(&work.planned.environments, &now) || (work.forget && !is_missing) {
            removed.busy.insert(id.clone());
        } else if work.forget {
            self.forget_project(id, changed)?;
            removed.projects.insert(id.clone());
            removed.generations.extend(work.planned.generations().map(|generation| generation.id.clone()));
        } else {
            removed.freed_bytes += remove_litter(&work.litter)?;
            self.drop_of_project(work, changed)?;
            removed.generations.extend(work.drops.iter().map(|id| Arc::new((*id).clone())));
        }
        Ok(())
    }

    fn forget_project(&self, id: &ProjectId, changed: &mut Changed) -> Result<(), GcError> {
        let trash = self.layout.project_trash(&fsys::random_id().map_err(GcError::remove)?);
        fsys::rename(&self.layout.project(id), &trash).map_err(GcError::remove)?;
        changed.directories.insert(self.layout.projects());
        changed.trash.push(trash);
        Ok(())
    }

    fn drop_of_project(&self, work: &ProjectWork<'_>, changed: &mut Changed) -> Result<(), GcError> {
        for id in &work.drops {
            let environment = Environment::new(self.layout, &id.project, &id.environment);
            let trash = drop_generation(&environment, id.number).map_err(|source| GcError::Drop { source })?;
            changed.directories.insert(self.layout.generations(&id.project, &id.environment));
            changed.trash.extend(trash);
        }
        Ok(())
    }

    /// Renames to trash what is still dead, under the exclusive store lock.
    ///
    /// Not synced: after a power cut a name is the old one or trash, and what was dead stays dead.
    fn move_to_trash(&self, surveyor: &mut Surveyor<'_>, dead: BTreeSet<StorePath>) -> Result<Round, GcError> {
        let mut round = Round::default();
        if dead.is_empty() {
            return Ok(round);
        }
        let _alone = locks::store_exclusive(self.layout, self.waiting).map_err(GcError::lock)?;
        let roots = surveyor.look()?;
        // Whatever generation is on the disk counts, also one that the retention would drop: it was not dropped.
        let live: HashSet<&StorePath> = roots.store_paths().map(|path| &**path).collect();
        for path in dead.into_iter().filter(|path| !live.contains(path)) {
            let trash = self.layout.trash(&fsys::random_id().map_err(GcError::remove)?);
            match fsys::rename(&self.layout.store_path(&path), &trash) {
                Ok(()) => round.add(path, trash),
                Err(error) => round.failed(path, error)?,
            }
        }
        Ok(round)
    }

    /// Removes trees and then the blobs that nothing links to any more. Needs no lock; gives what it freed, in bytes.
    fn remove(&self, trees: &[PathBuf], removed: &mut Removed) -> Result<u64, GcError> {
        let freed = measure(self.layout, trees, self.workers).map_err(GcError::remove)?;
        check_all(self.workers.map(trees, |tree| remove_abandoned(tree)))?;
        check_all(self.workers.map(&freed.blobs, |blob| remove_blob(blob)))?;
        removed.freed_bytes += freed.disk_bytes;
        removed.blobs += freed.blobs.len() as u64;
        Ok(freed.disk_bytes)
    }
}

/// What is planned for one project.
struct ProjectWork<'a> {
    /// The project as the plan saw it.
    planned: &'a ProjectRoots,
    drops: Vec<&'a GenerationId>,
    litter: Vec<&'a Path>,
    forget: bool,
}

/// What was renamed, and where that must be made durable.
#[derive(Default)]
struct Changed {
    trash: Vec<PathBuf>,
    directories: BTreeSet<PathBuf>,
}

/// What one stay in the locked store has moved to trash.
#[derive(Default)]
struct Round {
    moved: Vec<StorePath>,
    trash: Vec<PathBuf>,
    /// What found no space for its new name, and the first answer of the disk.
    no_space: Option<(FsError, BTreeSet<StorePath>)>,
}

impl Round {
    fn add(&mut self, path: StorePath, trash: PathBuf) {
        self.moved.push(path);
        self.trash.push(trash);
    }

    fn failed(&mut self, path: StorePath, error: FsError) -> Result<(), GcError> {
        match error.io_kind() {
            // Another gc was faster.
            Some(ErrorKind::NotFound) => Ok(()),
            Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
                self.no_space.get_or_insert_with(|| (error, BTreeSet::new())).1.insert(path);
                Ok(())
            }
            _ => Err(GcError::remove(error)),
        }
    }
}

fn same_currents(planned: &[EnvironmentRoots], now: &[EnvironmentRoots]) -> bool {
    planned.iter().all(|planned| now.iter().any(|now| now.name == planned.name && now.current == planned.current))
}

/// Removes what replacing files left behind; gives what that frees, in bytes.
fn remove_litter(litter: &[&Path]) -> Result<u64, GcError> {
    let mut freed_bytes = 0;
    for path in litter {
        let found = fsys::status(path).map_err(GcError::remove)?;
        fsys::remove_tree(path).map_err(GcError::remove)?;
        freed_bytes += found.map_or(0, |found| found.disk_bytes);
    }
    Ok(freed_bytes)
}

/// Removes a tree unless somebody else is removing it, or has done so.
fn remove_abandoned(tree: &Path) -> fsys::Result<()> {
    match lock_abandoned(tree)? {
        Some(_right) => fsys::remove_tree(tree).map(drop),
        None => Ok(()),
    }
}

/// Removes a blob unless a new tree links to it by now.
///
/// Nothing is lost if one does between both calls: a link that was made before the removal has the content under its own name, and only the next ingest of
/// that content writes it again; a link that comes after finds nothing, which tells its maker to write the file.
fn remove_blob(blob: &Path) -> fsys::Result<()> {
    match fsys::status(blob)? {
        Some(found) if found.links <= 1 => fsys::remove_file(blob),
        Some(_) | None => Ok(()),
    }
}

fn check_all(results: Vec<fsys::Result<()>>) -> Result<(), GcError> {
    let mut errors = results.into_iter().filter_map(Result::err);
    match errors.next() {
        Some(source) => Err(GcError::Remove { failures: 1 + errors.count(), source }),
        None => Ok(()),
    }
}
