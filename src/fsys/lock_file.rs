//! Kernel locks (flock) on files that are never removed.
//!
//! A lock dies with its process, so no crash leaves one behind. The holder of an exclusive lock writes who it is into the file; a waiter reads that to say for
//! whom it waits. The text is only for people: the kernel decides.
//!
//! Who may lock what in which order is told at the head of `store/locks.rs`.

use std::fs;
use std::io::Read as _;
use std::io::Seek as _;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::fsys::FsError;
use crate::fsys::Result;
use crate::fsys::atomic::FILE_MODE;
use crate::fsys::change;
use crate::fsys::look;

/// How often a waiter looks again: short beside any operation, long beside the call.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(20);

/// After this a waiter says for whom it waits.
const SAY_AFTER: Duration = Duration::from_secs(1);

/// Longest text of a holder that is read, in bytes.
const HOLDER_BYTES_MAX: u64 = 1024;

/// Alone, or together with others of the same mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockMode {
    /// With other shared holders.
    Shared,
    /// Alone.
    Exclusive,
}

/// How long to wait, as whom, and whom to tell.
pub struct Waiting<'a> {
    /// Give up after this; zero tries once.
    pub wait_max: Duration,
    /// Who we are: pid, command, since when.
    pub holder: &'a str,
    /// Is told once, after a second, for whom we wait.
    pub on_wait: &'a (dyn Fn(&str) + Sync),
}

/// What is to be locked, and how.
pub struct LockRequest<'a> {
    /// The lock file; it is created if missing.
    pub path: &'a Path,
    /// Alone or together.
    pub mode: LockMode,
    /// How long to wait.
    pub waiting: &'a Waiting<'a>,
}

/// A lock that is held until dropped.
#[derive(Debug)]
pub struct FileLock {
    file: fs::File,
    path: PathBuf,
}

impl FileLock {
    /// Takes a lock, waiting as long as the request says.
    ///
    /// # Errors
    /// [`FsError::Locked`] names the holder if it was not released in time.
    pub fn acquire(request: &LockRequest<'_>) -> Result<FileLock> {
        let file = open_lock_file(request.path)?;
        wait_for(&file, request, read_holder)?;
        let lock = FileLock { file, path: request.path.to_owned() };
        if request.mode == LockMode::Exclusive {
            lock.write_holder(request.waiting.holder);
        }
        Ok(lock)
    }

    /// Takes a lock if it is free; `None` where somebody holds it.
    pub fn try_acquire(path: &Path, mode: LockMode) -> Result<Option<FileLock>> {
        let file = open_lock_file(path)?;
        let nobody = Waiting { wait_max: Duration::ZERO, holder: "", on_wait: &|_| {} };
        let taken = try_lock(&file, &LockRequest { path, mode, waiting: &nobody })?;
        Ok(taken.then(|| FileLock { file, path: path.to_owned() }))
    }

    /// Takes an exclusive lock on an existing file or directory if it is free: staging, trash and roots are locked themselves while in use.
    ///
    /// `None` where somebody holds it or nothing is there.
    pub fn try_acquire_existing(path: &Path) -> Result<Option<FileLock>> {
        let file = match look("open", path, || fs::File::open(path)) {
            Err(error) if error.io_kind() == Some(std::io::ErrorKind::NotFound) => return Ok(None),
            other => other?,
        };
        let nobody = Waiting { wait_max: Duration::ZERO, holder: "", on_wait: &|_| {} };
        let taken = try_lock(&file, &LockRequest { path, mode: LockMode::Exclusive, waiting: &nobody })?;
        Ok(taken.then(|| FileLock { file, path: path.to_owned() }))
    }

    /// Creates a file that must not exist yet and locks it, so that everybody sees by its lock that its maker lives.
    ///
    /// `None` where somebody took it for left behind in between: the caller tries another name.
    pub fn create(path: &Path) -> Result<Option<FileLock>> {
        let file = change("create", path, || fs::OpenOptions::new().read(true).append(true).create_new(true).mode(FILE_MODE).open(path))?;
        if !matches!(file.try_lock(), Ok(())) {
            return Ok(None);
        }
        let lock = FileLock { file, path: path.to_owned() };
        Ok(is_at(&lock.path, &lock.file)?.then_some(lock))
    }

    /// Appends to the locked file; whoever reads it holds a lock that keeps us away, or bears with a torn end.
    pub fn append(&self, bytes: &[u8]) -> Result<()> {
        change("append to", &self.path, || (&self.file).write_all(bytes))
    }

    /// Lets the lock last when this process becomes another program, and in its children, until the last of them ends.
    pub fn keep_across_exec(&self) -> Result<()> {
        look("keep open", &self.path, || rustix::io::fcntl_setfd(&self.file, rustix::io::FdFlags::empty()))
    }

    /// Gives the path of the lock file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Tells others who we are; a failure changes nothing but the quality of a message.
    fn write_holder(&self, holder: &str) {
        let _ = self.file.set_len(0);
        let mut file = &self.file;
        let _ = file.rewind().and_then(|()| file.write_all(holder.as_bytes()));
    }
}

fn open_lock_file(path: &Path) -> Result<fs::File> {
    look("open", path, || fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(FILE_MODE).open(path))
}

/// Takes the lock of an open file, waiting as long as the request says; `name_holder` tells who has it, as far as the file does.
pub(super) fn wait_for(file: &fs::File, request: &LockRequest<'_>, name_holder: fn(&fs::File) -> String) -> Result<()> {
    let began = Instant::now();
    let mut said = false;
    while !try_lock(file, request)? {
        let waited = began.elapsed();
        if waited >= request.waiting.wait_max {
            return Err(FsError::Locked { path: request.path.to_owned(), holder: name_holder(file) });
        }
        if waited >= SAY_AFTER && !said {
            (request.waiting.on_wait)(&name_holder(file));
            said = true;
        }
        thread::sleep(LOOK_AGAIN_AFTER);
    }
    Ok(())
}

/// Tells whether a path still leads to an open file.
pub(super) fn is_at(path: &Path, file: &fs::File) -> Result<bool> {
    let here = look("look at", path, || file.metadata())?;
    match look("look at", path, || fs::symlink_metadata(path)) {
        Err(error) if error.io_kind() == Some(std::io::ErrorKind::NotFound) => Ok(false),
        there => there.map(|there| (there.dev(), there.ino()) == (here.dev(), here.ino())),
    }
}

fn try_lock(file: &fs::File, request: &LockRequest<'_>) -> Result<bool> {
    let tried = match request.mode {
        LockMode::Shared => file.try_lock_shared(),
        LockMode::Exclusive => file.try_lock(),
    };
    match tried {
        Ok(()) => Ok(true),
        Err(fs::TryLockError::WouldBlock) => Ok(false),
        Err(fs::TryLockError::Error(source)) => Err(FsError::io("lock", request.path, source)),
    }
}

fn read_holder(mut file: &fs::File) -> String {
    let mut text = Vec::new();
    let read = file.rewind().and_then(|()| file.take(HOLDER_BYTES_MAX).read_to_end(&mut text));
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    if read.is_err() || text.is_empty() { "another packs".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request<'a>(path: &'a Path, mode: LockMode, waiting: &'a Waiting<'a>) -> LockRequest<'a> {
        LockRequest { path, mode, waiting }
    }

    #[test]
    fn exclusive_keeps_others_out_and_names_itself() {
        let world = tempfile::tempdir().expect("a directory");
        let path = world.path().join("lock");
        let waiting = Waiting { wait_max: Duration::ZERO, holder: "pid 1, packs switch", on_wait: &|_| {} };
        let held = FileLock::acquire(&request(&path, LockMode::Exclusive, &waiting)).expect("free");
        let refused = FileLock::acquire(&request(&path, LockMode::Shared, &waiting)).expect_err("held");
        assert!(matches!(refused, FsError::Locked { holder, .. } if holder == "pid 1, packs switch"));
        drop(held);
        let _one = FileLock::acquire(&request(&path, LockMode::Shared, &waiting)).expect("free again");
        let _two = FileLock::acquire(&request(&path, LockMode::Shared, &waiting)).expect("shared");
        assert!(FileLock::try_acquire(&path, LockMode::Exclusive).expect("an answer").is_none());
    }
}
