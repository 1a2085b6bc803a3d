//! An open directory: names below it are reached relative to it, never through a link.
//!
//! The hot path of ingest: one system call per effect, no path is resolved twice. A staged tree is nobody else's, so its names cannot be swapped meanwhile.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::path::PathBuf;

use rustix::fs::AtFlags;
use rustix::fs::FlockOperation;
use rustix::fs::Mode;
use rustix::fs::OFlags;
use rustix::fs::Timespec;
use rustix::fs::Timestamps;

use crate::fsys::Result;
use crate::fsys::change;
use crate::fsys::look;

/// The modification time of everything in the store, in seconds since 1970: one value, so that equal trees are equal; not 0, which some tools take for "unknown".
pub const CANONICAL_MTIME: i64 = 1;

/// An open directory and the path it was opened by, which only messages use.
#[derive(Debug)]
pub struct Directory {
    handle: OwnedFd,
    path: PathBuf,
}

/// What tells whether a name still is the file that was once written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileKey {
    /// Its length in bytes.
    pub size: u64,
    /// Its permission bits.
    pub mode: u32,
    /// Its modification time, in seconds since 1970.
    pub mtime: i64,
    /// How many names it has.
    pub links: u64,
}

impl Directory {
    /// Opens a directory; a link in its place is an error.
    pub fn open(path: &Path) -> Result<Directory> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = look("open", path, || rustix::fs::openat(rustix::fs::CWD, path, flags, Mode::empty()))?;
        Ok(Directory { handle, path: path.to_owned() })
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

    /// Creates a new file with its final permission bits, for writing.
    pub fn create_file(&self, name: &OsStr, mode: u32) -> Result<fs::File> {
        let path = self.path.join(name);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = change("create", &path, || rustix::fs::openat(&self.handle, name, flags, Mode::from_bits_truncate(mode)))?;
        Ok(fs::File::from(handle))
    }

    /// Writes a new file whole, with these permission bits as far as the umask lets them; the caller seals it.
    pub fn write_file(&self, name: &OsStr, bytes: &[u8], mode: u32) -> Result<fs::File> {
        let file = self.create_file(name, mode)?;
        if !bytes.is_empty() {
            self.write_to(&file, name, bytes)?;
        }
        Ok(file)
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

    /// Looks at a regular file below this directory; `None` where there is none, or something else.
    pub fn file_key(&self, name: &OsStr) -> Result<Option<FileKey>> {
        let path = self.path.join(name);
        let found = look("look at", &path, || match rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(rustix::io::Errno::NOENT) => Ok(None),
            other => other.map(Some),
        })?;
        Ok(found.filter(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::RegularFile).map(|stat| FileKey {
            size: u64::try_from(stat.st_size).unwrap_or(u64::MAX),
            mode: stat.st_mode & 0o7777,
            mtime: stat.st_mtime,
            #[allow(clippy::useless_conversion, reason = "its width differs between platforms")]
            links: u64::from(stat.st_nlink),
        }))
    }

    /// Makes the names in this directory survive a power cut.
    pub fn fsync(&self) -> Result<()> {
        change("flush", &self.path, || rustix::fs::fsync(&self.handle))
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
        let file = directory.write_file(OsStr::new("one"), b"123", 0o444).expect("written");
        directory.seal_file(&file, OsStr::new("one")).expect("sealed");
        directory.hard_link(OsStr::new("one"), &directory, OsStr::new("two")).expect("linked");
        let key = directory.file_key(OsStr::new("two")).expect("looked at");
        assert_eq!(key, Some(FileKey { size: 3, mode: 0o444, mtime: CANONICAL_MTIME, links: 2 }));
        assert_eq!(directory.file_key(OsStr::new("three")).expect("looked at"), None);
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        let world = tempfile::tempdir().expect("a directory");
        std::os::unix::fs::symlink("elsewhere", world.path().join("link")).expect("linked");
        let directory = Directory::open(world.path()).expect("opened");
        assert!(directory.write_file(OsStr::new("link"), b"1", 0o444).is_err());
        assert!(directory.open_dir(OsStr::new("link")).is_err());
    }
}
