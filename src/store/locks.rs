//! The kernel locks of a home: which there are, who takes them when, in which order.
//!
//! | lock file | mode | held by |
//! |---|---|---|
//! | `project-<id>` | exclusive | a command that changes packs.toml, lockfiles, placed files, generations or `current` of this project, from its plan to its end |
//! | `unpack-<nn>` | exclusive | whoever unpacks archives whose sha256 falls into this bucket, so that no two processes unpack the same |
//! | `cache/archives/<sha256>.part` itself | exclusive | whoever fetches this archive, so that no two processes fetch the same |
//! | `store` | shared | whoever publishes store paths, or says under `roots/` what it uses |
//! | `store` | exclusive | gc, while it decides for good what is dead and renames it to trash |
//! | `registries` | exclusive | whoever notes which index revisions a registry has shown |
//! | `audit` | exclusive | whoever appends to the audit log, for one line |
//!
//! **Order.** A process takes locks only downwards in this table, unpack buckets in ascending order, and never one that it holds already. So no two
//! processes ever wait for each other. Nobody waits for the network or unpacks while holding `store`.
//!
//! **After waiting, look again.** Whoever got an unpack lock looks whether the store path is there by now; whoever got the shared store lock and has written
//! its root looks whether the store paths it wants are still there.
//!
//! Stages, trash and the files under `roots/` are locked themselves by whoever works with them, without waiting; a lock that is free there says that its
//! holder has died. Kernel locks end with their process, so nothing here is ever left behind.

use std::collections::BTreeSet;
use std::path::Path;

use crate::fsys::FileLock;
use crate::fsys::FsError;
use crate::fsys::LockMode;
use crate::fsys::LockRequest;
use crate::fsys::Waiting;
use crate::model::ProjectId;
use crate::model::Sha256Digest;
use crate::store::layout::Layout;

/// Lock files that archives share: enough that two strangers rarely meet, few enough to hold one for each of many archives.
const UNPACK_BUCKETS: u8 = 64;

/// Locks one project against other changes of it.
pub fn project(layout: &Layout, id: &ProjectId, waiting: &Waiting<'_>) -> Result<FileLock, FsError> {
    acquire(&layout.lock(&format!("project-{id}")), LockMode::Exclusive, waiting)
}

/// Locks archives against being unpacked by others at the same time.
pub fn unpack(layout: &Layout, archives: &[Sha256Digest], waiting: &Waiting<'_>) -> Result<Vec<FileLock>, FsError> {
    let buckets: BTreeSet<u8> = archives.iter().map(|archive| archive.as_bytes()[0] % UNPACK_BUCKETS).collect();
    buckets.into_iter().map(|bucket| acquire(&layout.lock(&format!("unpack-{bucket:02}")), LockMode::Exclusive, waiting)).collect()
}

/// Locks the store against gc, together with others who publish or register.
pub fn store_shared(layout: &Layout, waiting: &Waiting<'_>) -> Result<FileLock, FsError> {
    acquire(&layout.lock("store"), LockMode::Shared, waiting)
}

/// Locks the store against all who publish or register.
pub fn store_exclusive(layout: &Layout, waiting: &Waiting<'_>) -> Result<FileLock, FsError> {
    acquire(&layout.lock("store"), LockMode::Exclusive, waiting)
}

/// Locks what is known of registries' index revisions, for one change.
pub fn registries(layout: &Layout, waiting: &Waiting<'_>) -> Result<FileLock, FsError> {
    acquire(&layout.lock("registries"), LockMode::Exclusive, waiting)
}

/// Locks the audit log for one line.
pub fn audit(layout: &Layout, waiting: &Waiting<'_>) -> Result<FileLock, FsError> {
    acquire(&layout.lock("audit"), LockMode::Exclusive, waiting)
}

fn acquire(path: &Path, mode: LockMode, waiting: &Waiting<'_>) -> Result<FileLock, FsError> {
    FileLock::acquire(&LockRequest { path, mode, waiting })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use std::time::Duration;

    #[test]
    fn buckets_are_taken_once_each_and_keep_others_out() {
        let world = tempfile::tempdir().expect("a directory");
        let layout = Store::create(Layout::new(world.path().join("home"))).expect("made").layout().clone();
        let waiting = Waiting { wait_max: Duration::ZERO, holder: "pid 1", on_wait: &|_| {} };
        let archives = [3, 67, 1].map(|first| Sha256Digest::from_bytes([first; 32]));
        let held = unpack(&layout, &archives, &waiting).expect("free");
        assert_eq!(held.len(), 2, "3 and 67 share a bucket");
        assert!(matches!(unpack(&layout, &archives[..1], &waiting), Err(FsError::Locked { .. })));
        assert!(unpack(&layout, &[Sha256Digest::from_bytes([2; 32])], &waiting).is_ok());
    }

    #[test]
    fn publishers_share_the_store_and_gc_has_it_alone() {
        let world = tempfile::tempdir().expect("a directory");
        let layout = Store::create(Layout::new(world.path().join("home"))).expect("made").layout().clone();
        let waiting = Waiting { wait_max: Duration::ZERO, holder: "pid 1", on_wait: &|_| {} };
        let one = store_shared(&layout, &waiting).expect("free");
        let two = store_shared(&layout, &waiting).expect("shared");
        assert!(store_exclusive(&layout, &waiting).is_err());
        drop((one, two));
        let _alone = store_exclusive(&layout, &waiting).expect("free again");
        assert!(store_shared(&layout, &waiting).is_err());
    }
}
