//! Garbage collection: what is reached from where, and removal of what is not.
//!
//! Knows what keeps store paths alive and for how long generations are kept; does not know how either came to be. Writes nothing but the removal itself,
//! follows no link, touches nothing outside the home, and needs no space: it works on a full disk.
//!
//! # What keeps a store path
//! A generation on the disk that has it, or a running command that says so under `roots/`. Per environment these generations are kept: the current one, the
//! one it came from, 0, the newest ten, and all younger than 30 days (`Retention`); further those of projects that cannot be seen, and those that a
//! running command uses. What cannot be read could keep anything, so then nothing is removed.
//!
//! # Protocol
//! 1. Without a lock: list the store, read all roots, decide (`mark()`). A dry run ends here, and measures the same trees as a real one.
//! 2. Drop generations: under the exclusive store lock, for each project whose own lock is free, look again, and rename what goes to trash. Who makes a
//!    generation current holds the project's lock; who runs from one has said so under the shared store lock. After the lock is released, sync the
//!    directories: no generation comes back after a power cut whose store paths went.
//! 3. Under the exclusive store lock again: read all roots, subtract what they reach from what was dead before, rename the rest to trash. Who wants a store
//!    path says so under `roots/` while holding the store lock shared and looks only then whether it is there: we see the claim, or it sees the path gone. A
//!    path that appeared meanwhile is not among those that were dead before. After the lock is released, sync `store/`.
//! 4. Without a lock, in parallel: remove the trash, then the blobs whose only name is the one in `blobs/`.
//!
//! Running commands are read before generations. A switch lets its claim go only after its generation is current, so one of both is seen.
//!
//! Everything renamed to trash is locked by who removes it (flock on the directory). A crash leaves trash, which the next collection removes, just as the
//! stages of processes that died. The lock is held while names are read and renamed, never while files are deleted.

mod drop;
mod error;
mod fit;
mod leftovers;
mod mark;
mod measure;
mod outcome;
mod parallel;
mod presence;
mod roots;
mod sweep;

use std::collections::BTreeSet;

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::fsys;
use crate::fsys::Waiting;
use crate::model::StorePath;
use crate::store::layout::Layout;

pub use error::GcError;
pub use mark::Keep;
pub use mark::Plan;
pub use mark::Rules;
pub use mark::Why;
pub use mark::mark;
pub use measure::Inode;
pub use measure::Sizes;
pub use outcome::AbsentProject;
pub use outcome::Keeper;
pub use outcome::KeeperKind;
pub use outcome::Kept;
pub use outcome::KeptGeneration;
pub use outcome::Outcome;
pub use roots::EnvironmentRoots;
pub use roots::GenerationId;
pub use roots::GenerationRoot;
pub use roots::Presence;
pub use roots::ProjectRoots;
pub use roots::Roots;
pub use roots::RunningRoots;

/// How many of the newest generations of an environment are kept, unless asked otherwise: some weeks of ordinary work.
const KEEP: usize = 10;

/// How long every generation is kept, unless asked otherwise, in days: a mistake found within a month can be rolled back.
const YOUNG_DAYS: i64 = 30;

/// Which generations of an environment are kept besides the current one and 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How many of the newest, the current one included where it is among them.
    pub keep: usize,
    /// All that are younger than this.
    pub younger_than: SignedDuration,
    /// Whether projects that are gone are forgotten, with all their generations.
    pub missing_projects: bool,
    /// How much live paths may take on the disk, in bytes; if it is more, kept generations are dropped too, the oldest first, those that `rollback` would go
    /// to last. Current ones stay, and what running commands use, so it may remain more.
    pub max_bytes: Option<u64>,
}

impl Default for Retention {
    fn default() -> Self {
        Retention { keep: KEEP, younger_than: SignedDuration::from_hours(24 * YOUNG_DAYS), missing_projects: false, max_bytes: None }
    }
}

/// What is to be collected, and how.
pub struct Collection<'a> {
    /// What is kept.
    pub retention: &'a Retention,
    /// The age of generations is counted to this moment.
    pub now: Timestamp,
    /// Whether only to tell what would be removed; then nothing is written and no lock is waited for.
    pub dry_run: bool,
    /// How many threads remove; 1 means this one, in an order that is always the same.
    pub jobs: usize,
    /// How long to wait for commands that hold the store.
    pub waiting: &'a Waiting<'a>,
}

/// Reads everything that keeps store paths.
///
/// Without the exclusive store lock what changes meanwhile may be missing: enough for answers to people, not for removing anything.
pub fn roots(layout: &Layout) -> Result<Roots, GcError> {
    roots::Surveyor::new(layout).look()
}

/// Removes what nothing keeps, or tells what that would be.
///
/// # Errors
/// All but [`GcError::Drop`] and [`GcError::Remove`] come before the first change.
pub fn collect(layout: &Layout, collection: &Collection<'_>) -> Result<Outcome, GcError> {
    let workers = parallel::Workers::start(collection.jobs)?;
    let mut surveyor = roots::Surveyor::new(layout);
    // The store first: what is published after that is not ours to judge.
    let stored = list_stored(layout)?;
    let roots = surveyor.look()?;
    let sizes = if collection.retention.max_bytes.is_some() { measure::sizes(layout, &stored, &workers)? } else { Sizes::new() };
    let young = collection.now.checked_sub(collection.retention.younger_than).unwrap_or(Timestamp::MIN);
    let leftovers = leftovers::find_leftovers(layout, &roots, leftovers::Ages::new(young, collection.now))?;
    let rules = Rules { now: collection.now, retention: collection.retention, sizes: &sizes, busy: &BTreeSet::new() };
    let plan = mark(&roots, &stored, &rules);
    let sweep = sweep::Sweep { layout, workers: &workers, waiting: collection.waiting, roots: &roots, plan: &plan, leftovers: &leftovers };
    let removed = if collection.dry_run { sweep.preview()? } else { sweep.run(&mut surveyor)? };
    let plan = if removed.busy.is_empty() { plan } else { mark(&roots, &stored, &Rules { busy: &removed.busy, ..rules }) };
    Ok(outcome::outcome(collection, &outcome::Found { roots: &roots, stored: &stored, plan: &plan }, removed))
}

/// Lists the store paths of a home; stages, trash and what is not ours are none.
fn list_stored(layout: &Layout) -> Result<BTreeSet<StorePath>, GcError> {
    let names = fsys::list_dir(&layout.store()).map_err(GcError::look)?;
    Ok(names.iter().filter_map(|entry| StorePath::parse(entry.name_str()?).ok()).collect())
}

#[cfg(test)]
mod tests;
