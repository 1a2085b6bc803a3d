//! An open directory: names below it are reached relative to it, never through a link.
//!
//! The hot path of ingest: one system call per effect, no path is resolved twice. A staged tree is nobody else's, so its names cannot be swapped meanwhile.

use std::ffi::OsStr;
use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::path::PathBuf;

use rustix::fs::AtFlags;
use rustix::fs::FileType;
use rustix::fs::FlockOperation;
use rustix::fs::Mode;
use rustix::fs::OFlags;
use rustix::fs::Timespec;
use rustix::fs::Timestamps;

use crate::fsys::FileKind;
use crate::fsys::FileStatus;
use crate::fsys::FsError;
use crate::fsys::Result;
use crate::fsys::change;
use crate::fsys::look;
use crate::fsys::read::read_open;
use crate::fsys::sync::flush;

/// The modification time of everything in the store, in seconds since 1970: one value, so that equal trees are equal; not 0, which some tools take for "unknown".
pub const CANONICAL_MTIME: i64 = 1;

/// An open directory and the path it was opened by, which only messages use.
#[derive(Debug)]
pub struct Directory {
    handle: OwnedFd,
    path: PathBuf,
}

impl Directory {
    /// Opens a directory; a link in its place is an error.
    pub fn open(path: &Path) -> Result<Directory> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = look("open", path, || rustix::fs::openat(rustix::fs::CWD, path, flags, Mode::empty()))?;
        Ok(Directory { handle, path: path.to_owned() })
    }

    /// Opens a directory that may be named by a link; messages name it as it was given.
    pub fn open_resolved(path: &Path) -> Result<Directory> {
        let opened = Directory::open(&crate::fsys::canonicalize(path)?)?;
        Ok(Directory { path: path.to_owned(), ..opened })
    }

    /// Gives the path it was opened by, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Creates a directory below this one and opens it.
    pub fn create_dir(&self, name: &OsStr) -> Result<Directory> {
        let path = self.path.join(name);
        change("create directory", &path, || rustix::fs::mkdirat(&self.handle, name, Mode::RWXU))?;
        self.open_dir(name)
    }

    /// Opens a directory below this one for changes, and creates it if it is missing.
    ///
    /// One that was sealed already is made writable again.
    pub fn enter_dir(&self, name: &OsStr) -> Result<Directory> {
        match self.create_dir(name) {
            Err(error) if error.io_kind() == Some(std::io::ErrorKind::AlreadyExists) => {
                let directory = self.open_dir(name)?;
                change("set permissions of", &directory.path, || rustix::fs::fchmod(&directory.handle, Mode::RWXU))?;
                Ok(directory)
            }
            other => other,
        }
    }

    /// Opens a directory below this one; a link is an error.
    pub fn open_dir(&self, name: &OsStr) -> Result<Directory> {
        let path = self.path.join(name);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = look("open", &path, || rustix::fs::openat(&self.handle, name, flags, Mode::empty()))?;
        Ok(Directory { handle, path })
    }

    /// Creates a new file for writing, with these permission bits as far as the umask lets them; the caller seals it.
    pub fn create_file(&self, name: &OsStr, mode: u32) -> Result<fs::File> {
        let path = self.path.join(name);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = change("create", &path, || rustix::fs::openat(&self.handle, name, flags, Mode::from_bits_truncate(mode)))?;
        Ok(fs::File::from(handle))
    }

    /// Writes bytes at the end of what was written to an open file of this directory.
    pub fn write_to(&self, mut file: &fs::File, name: &OsStr, bytes: &[u8]) -> Result<()> {
        change("write", &self.path.join(name), || file.write_all(bytes))
    }

    /// Copies a file at a path below this directory to a new one in another directory; the caller seals it.
    pub fn copy_file(&self, from: &OsStr, to: &Directory, to_name: &OsStr, mode: u32) -> Result<fs::File> {
        let mut from = self.open_file(from)?;
        let mut file = to.create_file(to_name, mode)?;
        change("copy to", &to.path.join(to_name), || std::io::copy(&mut from, &mut file))?;
        Ok(file)
    }

    /// Gives an open file the canonical time.
    pub fn seal_file(&self, file: &fs::File, name: &OsStr) -> Result<()> {
        change("set the time of", &self.path.join(name), || rustix::fs::futimens(file.as_fd(), &canonical_times()))
    }

    /// Sets the permission bits of an open file, which the process's umask may have cut.
    pub fn set_file_mode(&self, file: &fs::File, name: &OsStr, mode: u32) -> Result<()> {
        change("set permissions of", &self.path.join(name), || rustix::fs::fchmod(file.as_fd(), Mode::from_bits_truncate(mode)))
    }

    /// Opens a file below this directory for reading; a link is an error.
    pub fn open_file(&self, name: &OsStr) -> Result<fs::File> {
        let path = self.path.join(name);
        // NONBLOCK: a fifo that somebody put there must not stop us; for regular files it means nothing.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(fs::File::from(look("open", &path, || rustix::fs::openat(&self.handle, name, flags, Mode::empty()))?))
    }

    /// Reads a whole file below this directory, of at most `bytes_max` bytes; a link is an error, and so is a fifo or a device.
    pub fn read_file(&self, name: &OsStr, bytes_max: u64) -> Result<Vec<u8>> {
        read_open(self.open_file(name)?, &self.path.join(name), bytes_max)
    }

    /// Opens a file at a path of several names below this directory for reading; a link anywhere on the way is an error.
    ///
    /// # Errors
    /// Of the kind `NotFound` where the path has no last name, as an empty one.
    pub fn open_file_beneath(&self, path: &Path) -> Result<fs::File> {
        let Some(name) = path.file_name() else { return Err(FsError::io("open", &self.path.join(path), std::io::ErrorKind::NotFound)) };
        let mut inner: Option<Directory> = None;
        for component in path.parent().into_iter().flat_map(Path::components) {
            inner = Some(inner.as_ref().unwrap_or(self).open_dir(component.as_os_str())?);
        }
        inner.as_ref().unwrap_or(self).open_file(name)
    }

    /// Takes the kernel lock of this directory if it is free; it is held until this handle is closed.
    pub fn try_lock(&self) -> Result<bool> {
        look("lock", &self.path, || match rustix::fs::flock(&self.handle, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
            other => other.map(|()| true),
        })
    }

    /// Tells whether the path it was opened by still leads to this directory.
    pub fn is_at_its_path(&self) -> Result<bool> {
        let here = look("look at", &self.path, || rustix::fs::fstat(&self.handle))?;
        let there = look("look at", &self.path, || match rustix::fs::lstat(&self.path) {
            Err(rustix::io::Errno::NOENT) => Ok(None),
            other => other.map(Some),
        })?;
        Ok(there.is_some_and(|there| (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)))
    }

    /// Gives this directory its final permission bits and the canonical time.
    pub fn seal(&self, mode: u32) -> Result<()> {
        change("set permissions of", &self.path, || rustix::fs::fchmod(&self.handle, Mode::from_bits_truncate(mode)))?;
        change("set the time of", &self.path, || rustix::fs::futimens(&self.handle, &canonical_times()))
    }

    /// Makes a symbolic link below this directory, with the canonical time.
    pub fn symlink(&self, target: &str, name: &OsStr) -> Result<()> {
        let path = self.path.join(name);
        change("link", &path, || rustix::fs::symlinkat(target, &self.handle, name))?;
        change("set the time of", &path, || rustix::fs::utimensat(&self.handle, name, &canonical_times(), AtFlags::SYMLINK_NOFOLLOW))
    }

    /// Gives a file at a path below this directory a second name in another one; a link at its end is not followed.
    pub fn hard_link(&self, name: &OsStr, to: &Directory, to_name: &OsStr) -> Result<()> {
        change("link", &to.path.join(to_name), || rustix::fs::linkat(&self.handle, name, &to.handle, to_name, AtFlags::empty()))
    }

    /// Renames a file of this directory into another one, replacing what has the new name.
    pub fn rename(&self, name: &OsStr, to: &Directory, to_name: &OsStr) -> Result<()> {
        change("rename to", &to.path.join(to_name), || rustix::fs::renameat(&self.handle, name, &to.handle, to_name))
    }

    /// Removes a file or link below this directory.
    pub fn remove_file(&self, name: &OsStr) -> Result<()> {
        change("remove", &self.path.join(name), || rustix::fs::unlinkat(&self.handle, name, AtFlags::empty()))
    }

    /// Looks at a regular file at a path below this directory; `None` where there is none, or something else.
    pub fn file_status(&self, name: &OsStr) -> Result<Option<FileStatus>> {
        let found = look("look at", &self.path.join(name), || match status_at(&self.handle, name) {
            Err(rustix::io::Errno::NOENT) => Ok(None),
            other => other.map(Some),
        })?;
        Ok(found.filter(|found| found.kind == FileKind::File))
    }

    /// Lists this directory with what each name stands for, in order of the names' bytes; follows no link.
    pub fn entries(&self) -> Result<Vec<(OsString, FileStatus)>> {
        let mut entries = look("list", &self.path, || {
            let mut names = Vec::new();
            for entry in rustix::fs::Dir::read_from(&self.handle)? {
                let entry = entry?;
                if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                    names.push(OsStr::from_bytes(entry.file_name().to_bytes()).to_owned());
                }
            }
            names.into_iter().map(|name| Ok((status_at(&self.handle, &name)?, name))).collect::<rustix::io::Result<Vec<_>>>()
        })?;
        entries.sort_by(|(_, one), (_, two)| one.cmp(two));
        Ok(entries.into_iter().map(|(status, name)| (name, status)).collect())
    }

    /// Looks at this directory itself.
    pub fn status(&self) -> Result<FileStatus> {
        look("look at", &self.path, || rustix::fs::fstat(&self.handle)).map(|stat| from_stat(&stat))
    }

    /// Reads the text of a symbolic link below this directory.
    pub fn read_link(&self, name: &OsStr) -> Result<OsString> {
        let target = look("read link", &self.path.join(name), || rustix::fs::readlinkat(&self.handle, name, Vec::new()))?;
        Ok(OsStr::from_bytes(target.as_bytes()).to_owned())
    }

    /// Makes the names in this directory survive a power cut.
    pub fn fsync(&self) -> Result<()> {
        flush(&self.path, || Ok(rustix::fs::fsync(&self.handle)?))
    }
}

fn status_at(directory: &OwnedFd, name: &OsStr) -> rustix::io::Result<FileStatus> {
    Ok(from_stat(&rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?))
}

#[allow(
    clippy::useless_conversion,
    clippy::unnecessary_cast,
    clippy::cast_sign_loss,
    reason = "widths and signs differ between platforms; none of these is negative"
)]
fn from_stat(stat: &rustix::fs::Stat) -> FileStatus {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Symlink,
        _ => FileKind::Other,
    };
    FileStatus {
        kind,
        size: stat.st_size as u64,
        mode: u32::from(stat.st_mode) & 0o7777,
        mtime: stat.st_mtime,
        links: u64::from(stat.st_nlink),
        disk_bytes: stat.st_blocks as u64 * 512,
        device: stat.st_dev as u64,
        inode: stat.st_ino,
    }
}

fn canonical_times() -> Timestamps {
    let time = Timespec { tv_sec: CANONICAL_MTIME, tv_nsec: 0 };
    Timestamps { last_access: time, last_modification: time }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_sealed_and_linked() {
        let world = tempfile::tempdir().expect("a directory");
        let directory = Directory::open(world.path()).expect("opened");
        let file = directory.create_file(OsStr::new("one"), 0o444).expect("created");
        directory.write_to(&file, OsStr::new("one"), b"123").expect("written");
        directory.seal_file(&file, OsStr::new("one")).expect("sealed");
        directory.hard_link(OsStr::new("one"), &directory, OsStr::new("two")).expect("linked");
        let found = directory.file_status(OsStr::new("two")).expect("looked at").expect("a file");
        assert_eq!((found.size, found.mode, found.mtime, found.links), (3, 0o444, CANONICAL_MTIME, 2));
        assert_eq!(directory.file_status(OsStr::new("three")).expect("looked at"), None);
        let entries = directory.entries().expect("listed");
        assert_eq!(entries.iter().map(|(name, _)| name.as_os_str()).collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!(entries[1].1, found);
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        let world = tempfile::tempdir().expect("a directory");
        std::os::unix::fs::symlink("elsewhere", world.path().join("link")).expect("linked");
        let directory = Directory::open(world.path()).expect("opened");
        assert!(directory.create_file(OsStr::new("link"), 0o444).is_err());
        assert!(directory.open_dir(OsStr::new("link")).is_err());
    }

    #[test]
    fn reading_is_bounded_and_follows_no_link() {
        let world = tempfile::tempdir().expect("a directory");
        fs::write(world.path().join("file"), b"12345").expect("written");
        std::os::unix::fs::symlink("file", world.path().join("link")).expect("linked");
        rustix::fs::mkfifoat(rustix::fs::CWD, world.path().join("fifo"), Mode::RWXU).expect("made");
        let directory = Directory::open(world.path()).expect("opened");
        let read = |name: &str, bytes_max| directory.read_file(OsStr::new(name), bytes_max);
        assert_eq!(read("file", 5).expect("fits"), b"12345");
        assert!(matches!(read("file", 4), Err(FsError::TooLarge { bytes_max: 4, path }) if path == world.path().join("file")));
        assert!(read("link", 5).is_err_and(|error| error.is_of_another_kind()));
        assert!(read("fifo", 5).is_err());
    }

    #[test]
    fn no_link_is_followed_on_the_way_to_a_file() {
        let world = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(world.path().join("a/b")).expect("made");
        fs::write(world.path().join("a/b/file"), b"1").expect("written");
        std::os::unix::fs::symlink("a", world.path().join("link")).expect("linked");
        std::os::unix::fs::symlink("b/file", world.path().join("a/file")).expect("linked");
        let directory = Directory::open(world.path()).expect("opened");
        assert!(directory.open_file_beneath(Path::new("a/b/file")).is_ok());
        for path in ["link/b/file", "a/file", "a/b/nothing", "", "../a/b/file/.."] {
            assert!(directory.open_file_beneath(Path::new(path)).is_err(), "{path:?}");
        }
    }
}
