//! Carrying out a plan by the protocol at the head of `gc/`.

use std::collections::BTreeSet;
use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::fsys;
use crate::fsys::Directory;
use crate::fsys::FsError;
use crate::fsys::Waiting;
use crate::gc::GcError;
use crate::gc::drop::drop_generations;
use crate::gc::leftovers::Leftovers;
use crate::gc::leftovers::lock_abandoned;
use crate::gc::mark::Plan;
use crate::gc::measure::DeadBlobs;
use crate::gc::measure::measure;
use crate::gc::parallel::Workers;
use crate::gc::roots::GenerationId;
use crate::gc::roots::Roots;
use crate::gc::roots::Surveyor;
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

impl<'a> Sweep<'a> {
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
            blobs: freed.blob_count(),
            generations: self.plan.generations.clone(),
            projects: self.plan.projects.clone(),
            leftovers: self.leftovers.count(),
            busy: BTreeSet::new(),
        })
    }

    /// Removes what the plan says, as far as it is still dead.
    ///
    /// If the power goes or the process dies, whatever has its old name is whole, and the next collection removes the rest.
    pub(super) fn run(&self, surveyor: &mut Surveyor<'a>) -> Result<Removed, GcError> {
        let mut removed = Removed { leftovers: self.leftovers.count(), ..Removed::default() };
        let mut trees = self.leftovers.abandoned.clone();
        trees.extend(drop_generations(self, surveyor, &mut removed)?);
        let mut dead = self.plan.dead.clone();
        loop {
            let round = self.move_to_trash(surveyor, dead)?;
            if !round.trash.is_empty() {
                // A name that came back after a power cut would show a tree that is half removed.
                fsys::fsync_dir(&self.layout.store()).map_err(GcError::remove)?;
            }
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

    /// Renames to trash what is still dead, under the exclusive store lock.
    ///
    /// The caller syncs `store/` before anything is deleted: until then a power cut may bring back a name, with all that is under it.
    fn move_to_trash(&self, surveyor: &mut Surveyor<'a>, dead: BTreeSet<StorePath>) -> Result<Round, GcError> {
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
        check_all(self.workers.map(&freed.blobs, remove_blobs))?;
        removed.freed_bytes += freed.disk_bytes;
        removed.blobs += freed.blob_count();
        Ok(freed.disk_bytes)
    }
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
            _ if error.is_disk_full() => {
                self.no_space.get_or_insert_with(|| (error, BTreeSet::new())).1.insert(path);
                Ok(())
            }
            _ => Err(GcError::remove(error)),
        }
    }
}

/// Removes a tree unless somebody else is removing it, or has done so.
fn remove_abandoned(tree: &Path) -> fsys::Result<()> {
    match lock_abandoned(tree)? {
        Some(_right) => fsys::remove_tree(tree).map(drop),
        None => Ok(()),
    }
}

/// Removes the dead blobs of a directory, but those that a new tree links to by now.
///
/// Nothing is lost if one does between both calls: a link that was made before the removal has the content under its own name, and only the next ingest of
/// that content writes it again; a link that comes after finds nothing, which tells its maker to write the file.
fn remove_blobs(dead: &DeadBlobs) -> fsys::Result<()> {
    let directory = Directory::open(&dead.directory)?;
    for name in &dead.names {
        if directory.file_status(name)?.is_some_and(|found| found.links <= 1) {
            absent_is_done(directory.remove_file(name))?;
        }
    }
    Ok(())
}

/// Another collection was faster.
fn absent_is_done(result: fsys::Result<()>) -> fsys::Result<()> {
    match result {
        Err(error) if error.io_kind() == Some(ErrorKind::NotFound) => Ok(()),
        other => other,
    }
}

fn check_all(results: Vec<fsys::Result<()>>) -> Result<(), GcError> {
    let mut errors = results.into_iter().filter_map(Result::err);
    match errors.next() {
        Some(source) => Err(GcError::Remove { failures: 1 + errors.count(), source }),
        None => Ok(()),
    }
}
