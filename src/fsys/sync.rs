//! Changes that survive a power cut, unless the user has said that they need not.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use crate::fsys::Result;
use crate::fsys::change;

/// Whether nothing is synced in this process.
static SKIPPED: AtomicBool = AtomicBool::new(false);

/// Syncs nothing for the rest of the process: for homes that are thrown away anyway. After a power cut they may hold anything.
pub fn skip_syncs() {
    SKIPPED.store(true, Ordering::Relaxed);
}

/// Makes the names in a directory survive a power cut.
pub fn fsync_dir(path: &Path) -> Result<()> {
    flush(path, || fs::File::open(path)?.sync_all())
}

/// Makes the content of a file survive a power cut.
pub fn fsync_file(path: &Path) -> Result<()> {
    flush(path, || fs::File::open(path)?.sync_all())
}

/// Makes everything on the file system of `path` survive a power cut, in one call.
pub fn sync_filesystem(path: &Path) -> Result<()> {
    flush(path, || sync_all_of(path))
}

/// Announces a sync, then makes it.
pub(super) fn flush(path: &Path, sync: impl FnOnce() -> io::Result<()>) -> Result<()> {
    flush_unless(SKIPPED.load(Ordering::Relaxed), path, sync)
}

fn flush_unless(skipped: bool, path: &Path, sync: impl FnOnce() -> io::Result<()>) -> Result<()> {
    if skipped { Ok(()) } else { change("flush", path, sync) }
}

#[cfg(target_os = "linux")]
fn sync_all_of(path: &Path) -> io::Result<()> {
    Ok(rustix::fs::syncfs(fs::File::open(path)?)?)
}

/// macOS has no `syncfs`: `sync` schedules all writes, F_FULLFSYNC then waits for the drive.
#[cfg(not(target_os = "linux"))]
fn sync_all_of(path: &Path) -> io::Result<()> {
    rustix::fs::sync();
    fs::File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_skipped_is_not_called() {
        let failing = || Err(io::ErrorKind::StorageFull.into());
        assert!(flush_unless(true, Path::new("x"), failing).is_ok());
        let error = flush_unless(false, Path::new("x"), failing).expect_err("called");
        assert_eq!((error.io_kind(), error.to_string()), (Some(io::ErrorKind::StorageFull), "cannot flush x".to_owned()));
    }
}
