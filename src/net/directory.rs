//! A directory as registry.
//!
//! Protocol, for processes that write to one directory at once:
//!
//! 1. A writer fills a temporary file `.packs-tmp-<pid>-<n>` beside its target, kernel-locked from birth, and fsyncs it. This holds no other lock, however long it takes.
//! 2. It takes the kernel lock of `.packs-registry.lock` at the root, for which it waits only so long, writes into it who it is, for people who wait, looks whether the precondition holds, renames the temporary file over the target, and fsyncs the directory.
//! 3. Temporary files are born and cleared away under the registry's lock too: one that can be locked has lost its writer, and the next writer to that directory removes it.
//!
//! Order of locks: the registry's, then a temporary file's; nobody waits for the registry's lock with a writer's file half made. Readers lock nothing, so a
//! read-only registry is read as any other. If the power goes, the target is the old file or the new one, and at most a temporary file is left.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::fs::TryLockError;
use std::io;
use std::io::Read;
use std::io::Seek as _;
use std::io::SeekFrom;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::model::TreePath;
use crate::net::Answer;
use crate::net::Body;
use crate::net::Fetched;
use crate::net::NetError;
use crate::net::Precondition;
use crate::net::Revision;
use crate::net::Transport;
use crate::net::Written;

/// The file at the root whose kernel lock orders writers.
const LOCK_FILE: &str = ".packs-registry.lock";

/// How long a writer waits for others where nobody says.
const WAIT_MAX: Duration = Duration::from_mins(5);

/// How often a waiter looks again: short beside any operation, long beside the call.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(20);

/// How the names of temporary files start; no file of a registry starts with a dot.
const TEMPORARY_PREFIX: &str = ".packs-tmp-";

/// Tells apart the temporary files of one process.
static NEXT_TEMPORARY: AtomicU64 = AtomicU64::new(0);

/// After this a waiter says for whom it waits.
const SAY_AFTER: Duration = Duration::from_secs(1);

/// Longest text of a holder that is read, in bytes.
const HOLDER_BYTES_MAX: u64 = 1024;

/// Is told for whom is waited.
type OnWait = dyn Fn(&str) + Send + Sync;

/// A registry in a directory of this machine, or of a mounted file system with kernel locks.
#[derive(Clone)]
pub struct Directory {
    root: PathBuf,
    wait_max: Duration,
    /// Who we are, for those who wait for us; all who may read the registry see it.
    holder: String,
    on_wait: Option<Arc<OnWait>>,
}

impl Directory {
    /// Names the directory; it is looked at when it is used.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Directory { root: root.into(), wait_max: WAIT_MAX, holder: String::new(), on_wait: None }
    }

    /// Waits no longer than this for other writers; zero tries once.
    #[must_use]
    pub fn waiting(self, wait_max: Duration) -> Self {
        Directory { wait_max, ..self }
    }

    /// Says to those who wait for it who it is, and tells once, after a second, for whom it waits itself.
    #[must_use]
    pub fn named(self, holder: String, on_wait: Arc<OnWait>) -> Self {
        Directory { holder, on_wait: Some(on_wait), ..self }
    }

    /// Gives the directory.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

impl Transport for Directory {
    fn read(&self, path: &str, bytes_max: u64) -> Result<Answer<Fetched>, NetError> {
        let place = self.place(path)?;
        let Some(file) = place.open()? else { return Ok(Answer::Absent) };
        let size = file.metadata().map_err(|source| place.failed("look at", source))?.len();
        let mut bytes = Vec::with_capacity(usize::try_from(size.min(bytes_max)).unwrap_or_default().saturating_add(1));
        file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(|source| place.failed("read", source))?;
        if bytes.len() as u64 > bytes_max {
            return Err(NetError::TooLarge { root: self.describe(), path: path.to_owned(), bytes_max });
        }
        let revision = Revision::new(blake3::hash(&bytes).to_hex().as_str());
        Ok(Answer::Found(Fetched { bytes, revision }))
    }

    fn open_at(&self, path: &str, offset: u64, _known: Option<&Revision>) -> Result<Answer<Body>, NetError> {
        let place = self.place(path)?;
        let Some(mut file) = place.open()? else { return Ok(Answer::Absent) };
        let size = file.metadata().map_err(|source| place.failed("look at", source))?.len();
        // A file without a name for its state begins anew where there is not as much of it; the caller's digest decides about the rest.
        let offset = if offset <= size { offset } else { 0 };
        file.seek(SeekFrom::Start(offset)).map_err(|source| place.failed("read", source))?;
        Ok(Answer::Found(Body { offset, size: Some(size), revision: None, reader: Box::new(file) }))
    }

    fn write_from(&self, path: &str, content: &mut dyn Read, when: &Precondition) -> Result<Written, NetError> {
        let place = self.place(path)?;
        self.require_root()?;
        place.create_directory()?;
        let mut temporary = place.create_temporary()?;
        place.fill(&mut temporary.file, content)?;
        temporary.file.sync_all().map_err(|source| place.failed("fsync", source))?;
        let _lock = place.lock()?;
        if !place.holds(when)? {
            return Ok(Written::PreconditionFailed);
        }
        temporary.rename_to(&place.target).map_err(|source| place.failed("write", source))?;
        fsync_directory(place.directory()).map_err(|source| place.failed("fsync the directory of", source))?;
        Ok(Written::Done)
    }

    fn list(&self, directory: &str) -> Result<Option<Vec<String>>, NetError> {
        let place = self.place(directory)?;
        self.require_root()?;
        let mut files = Vec::new();
        list_into(directory, &place.target, &mut files).map_err(|source| place.failed("list", source))?;
        files.sort();
        Ok(Some(files))
    }

    fn describe(&self) -> String {
        format!("file:{}", self.root.display())
    }
}

impl Directory {
    fn place<'a>(&'a self, path: &'a str) -> Result<FilePlace<'a>, NetError> {
        match TreePath::parse(path) {
            Ok(_) => Ok(FilePlace { registry: self, path, target: self.root.join(path) }),
            Err(source) => Err(NetError::InvalidPath { root: self.describe(), path: path.to_owned(), source }),
        }
    }

    fn require_root(&self) -> Result<(), NetError> {
        if self.root.is_dir() { Ok(()) } else { Err(NetError::NoRegistry { root: self.describe() }) }
    }
}

/// Collects the files below a directory by their paths in the registry; hidden ones, which no registry has, and names that are no text are passed over.
fn list_into(path: &str, directory: &Path, files: &mut Vec<String>) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
        let (below, kind) = (format!("{path}/{name}"), entry.file_type()?);
        if kind.is_dir() {
            list_into(&below, &entry.path(), files)?;
        } else {
            files.push(below);
        }
    }
    Ok(())
}

/// One file of a registry, which may not exist yet.
struct FilePlace<'a> {
    registry: &'a Directory,
    path: &'a str,
    target: PathBuf,
}

impl FilePlace<'_> {
    fn directory(&self) -> &Path {
        self.target.parent().expect("the target lies below the root")
    }

    fn failed(&self, operation: &'static str, source: io::Error) -> NetError {
        NetError::Io { operation, root: self.registry.describe(), path: self.path.to_owned(), source }
    }

    /// Opens the file if it is there; what is no regular file is refused, and a pipe does not make us wait.
    fn open(&self) -> Result<Option<File>, NetError> {
        let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let file = match OpenOptions::new().read(true).custom_flags(nonblocking).open(&self.target) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.registry.require_root().map(|()| None),
            Err(source) => return Err(self.failed("open", source)),
        };
        let metadata = file.metadata().map_err(|source| self.failed("look at", source))?;
        if metadata.is_file() {
            return Ok(Some(file));
        }
        Err(NetError::NotAFile { root: self.registry.describe(), path: self.path.to_owned() })
    }

    /// Makes the directories above the file, each durable before the next.
    fn create_directory(&self) -> Result<(), NetError> {
        let missing: Vec<&Path> = self.directory().ancestors().take_while(|directory| !directory.is_dir()).collect();
        for directory in missing.into_iter().rev() {
            let parent = directory.parent().expect("the root exists, so this is below it");
            match fs::create_dir(directory) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => made.and_then(|()| fsync_directory(parent)).map_err(|source| self.failed("make the directory of", source))?,
            }
        }
        Ok(())
    }

    fn lock(&self) -> Result<Held, NetError> {
        let failed = |source| self.failed("lock the registry to write", source);
        let (path, wait_max) = (self.registry.root.join(LOCK_FILE), self.registry.wait_max);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        let (began, mut has_said) = (Instant::now(), false);
        loop {
            match file.try_lock() {
                Ok(()) => {
                    write_holder(&file, &self.registry.holder);
                    return Ok(Held(file));
                }
                Err(TryLockError::WouldBlock) if began.elapsed() >= wait_max => return Err(NetError::Locked { holder: read_holder(&file), path, wait_max }),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
            if let Some(on_wait) = self.registry.on_wait.as_ref().filter(|_| !has_said && began.elapsed() >= SAY_AFTER) {
                on_wait(&read_holder(&file));
                has_said = true;
            }
            thread::sleep(LOOK_AGAIN_AFTER);
        }
    }

    fn create_temporary(&self) -> Result<Temporary, NetError> {
        let _lock = self.lock()?;
        clear_abandoned(self.directory()).map_err(|source| self.failed("clear away what a crash left beside", source))?;
        Temporary::create(self.directory()).map_err(|source| self.failed("make a temporary file beside", source))
    }

    fn fill(&self, file: &mut File, content: &mut dyn Read) -> Result<(), NetError> {
        let mut buffer = vec![0; 128 * 1024];
        loop {
            let filled = match content.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(filled) => filled,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(NetError::Content { root: self.registry.describe(), path: self.path.to_owned(), source }),
            };
            file.write_all(&buffer[..filled]).map_err(|source| self.failed("write", source))?;
        }
    }

    fn holds(&self, when: &Precondition) -> Result<bool, NetError> {
        match when {
            Precondition::None => Ok(true),
            Precondition::Absent => Ok(self.open()?.is_none()),
            Precondition::Unchanged(revision) => Ok(self.revision()?.as_ref() == Some(revision)),
        }
    }

    fn revision(&self) -> Result<Option<Revision>, NetError> {
        let Some(file) = self.open()? else { return Ok(None) };
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(file).map_err(|source| self.failed("read", source))?;
        Ok(Some(Revision::new(hasher.finalize().to_hex().as_str())))
    }
}

/// The lock of a registry; what it says of its holder goes with it, since a web server may show it to everybody.
struct Held(File);

impl Drop for Held {
    fn drop(&mut self) {
        write_holder(&self.0, "");
    }
}

/// Tells others who we are; the kernel decides who has the lock, so a failure changes nothing but the quality of a message.
fn write_holder(mut file: &File, holder: &str) {
    let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(holder.as_bytes()));
}

fn read_holder(mut file: &File) -> String {
    let mut text = Vec::new();
    let read = file.rewind().and_then(|()| file.take(HOLDER_BYTES_MAX).read_to_end(&mut text));
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    if read.is_err() || text.is_empty() { "another packs that writes there".to_owned() } else { text }
}

/// A temporary file that is removed unless it was renamed; its lock tells others that its writer lives.
struct Temporary {
    path: PathBuf,
    file: File,
    renamed: bool,
}

impl Temporary {
    /// Makes and locks a new file; the caller holds the registry's lock.
    fn create(directory: &Path) -> io::Result<Self> {
        loop {
            let number = NEXT_TEMPORARY.fetch_add(1, Ordering::Relaxed);
            let path = directory.join(format!("{TEMPORARY_PREFIX}{}-{number}", process::id()));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => {
                    let temporary = Temporary { path, file, renamed: false };
                    temporary.file.lock()?;
                    return Ok(temporary);
                }
                // Another machine that mounts this directory may have a process of our number.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn rename_to(&mut self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            // What cannot be removed now is removed by the next writer.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes temporary files whose writers are gone; the caller holds the registry's lock.
fn clear_abandoned(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(TEMPORARY_PREFIX.as_bytes()) && entry.file_type()?.is_file() {
            remove_if_abandoned(&entry.path())?;
        }
    }
    Ok(())
}

fn remove_if_abandoned(path: &Path) -> io::Result<()> {
    let removed = match OpenOptions::new().write(true).open(path) {
        Ok(file) => match file.try_lock() {
            Ok(()) => fs::remove_file(path),
            Err(_) => Ok(()),
        },
        Err(error) => Err(error),
    };
    match removed {
        // Its writer removed or renamed it meanwhile; or it is another user's, who clears it away.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => Ok(()),
        removed => removed,
    }
}

fn fsync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_the_lock_is_named_as_long_as_it_is_held() {
        let world = tempfile::tempdir().expect("a directory");
        let named = |holder: &str| Directory::new(world.path()).waiting(Duration::ZERO).named(holder.to_owned(), Arc::new(|_| {}));
        let (first, second) = (named("pid 1 on here: packs publish"), named("pid 2 on here: packs yank"));
        let held = first.place("a").expect("a path").lock().expect("free");
        match second.write("a", b"1", &Precondition::None) {
            Err(NetError::Locked { holder, .. }) => assert_eq!(holder, "pid 1 on here: packs publish"),
            other => panic!("{other:?}"),
        }
        drop(held);
        assert_eq!(second.write("a", b"1", &Precondition::None).expect("free"), Written::Done);
        assert_eq!(fs::read(world.path().join(LOCK_FILE)).expect("there"), b"");
    }
}
