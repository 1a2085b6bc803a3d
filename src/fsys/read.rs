//! Looking at the disk; nothing here changes it.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use crate::fsys::FsError;
use crate::fsys::Result;
use crate::fsys::look;

/// What a name in a directory stands for, without following a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A device, socket or fifo.
    Other,
}

/// What the file system says of a path, without following a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStatus {
    /// What it is.
    pub kind: FileKind,
    /// Its length in bytes.
    pub size: u64,
    /// Its permission bits, set-id and sticky bits included.
    pub mode: u32,
    /// When it was last changed, in seconds since 1970.
    pub mtime: i64,
    /// How many names it has.
    pub links: u64,
    /// What it takes on the disk, in bytes.
    pub disk_bytes: u64,
    /// The file system it is on.
    pub device: u64,
    /// Its number on that file system: two names of one file share it.
    pub inode: u64,
}

impl FileStatus {
    /// Tells whether its owner may execute it.
    pub fn is_executable(&self) -> bool {
        self.mode & 0o100 != 0
    }
}

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirEntry {
    /// The name.
    pub name: OsString,
}

impl DirEntry {
    /// Gives the name if it is UTF-8.
    pub fn name_str(&self) -> Option<&str> {
        self.name.to_str()
    }
}

/// Reads a whole file of at most `bytes_max` bytes; a fifo or a device is refused, since it may never answer or never end.
pub fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>> {
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = look("open", path, || fs::OpenOptions::new().read(true).custom_flags(nonblock).open(path))?;
    read_open(file, path, bytes_max)
}

/// Reads the whole of an open file, likewise.
pub(super) fn read_open(file: fs::File, path: &Path, bytes_max: u64) -> Result<Vec<u8>> {
    let found = status_of(&file, path)?;
    if found.kind == FileKind::Other {
        return look("read", path, || Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")));
    }
    // Room for all of it at once: growing by doubling copies large files twice.
    let announced = found.size.min(bytes_max);
    let mut bytes = Vec::with_capacity(usize::try_from(announced).unwrap_or(0) + 1);
    look("read", path, || file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes))?;
    if bytes.len() as u64 > bytes_max {
        return Err(FsError::TooLarge { path: path.to_owned(), bytes_max });
    }
    Ok(bytes)
}

/// Reads a whole file, or gives `None` where there is none.
pub fn read_optional(path: &Path, bytes_max: u64) -> Result<Option<Vec<u8>>> {
    absent_as_none(read(path, bytes_max))
}

/// Reads a whole file of a cache; `None` where there is none, or a directory, a link, a fifo, or something longer than anything of ours.
pub fn read_cached(path: &Path, bytes_max: u64) -> Result<Option<Vec<u8>>> {
    match status(path)? {
        Some(found) if found.kind == FileKind::File => {}
        _ => return Ok(None),
    }
    match read_optional(path, bytes_max) {
        Err(FsError::TooLarge { .. }) => Ok(None),
        read => read,
    }
}

/// Opens a file for reading; a fifo that took its place meanwhile keeps nobody waiting, but is empty.
pub fn open(path: &Path) -> Result<fs::File> {
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    look("open", path, || fs::OpenOptions::new().read(true).custom_flags(nonblock).open(path))
}

/// Lists a directory in order of the names' bytes; a directory that is not there is empty.
pub fn list_dir(path: &Path) -> Result<Vec<DirEntry>> {
    let listed =
        look("list", path, || fs::read_dir(path)?.map(|entry| entry.map(|entry| DirEntry { name: entry.file_name() })).collect::<io::Result<Vec<_>>>());
    let mut entries = absent_as_none(listed)?.unwrap_or_default();
    entries.sort();
    Ok(entries)
}

/// Lists a directory as [`list_dir`] does, with what each name stands for; a name that vanishes meanwhile is not in it.
pub fn list_dir_status(path: &Path) -> Result<Vec<(DirEntry, FileStatus)>> {
    let listed = look("list", path, || fs::read_dir(path)?.filter_map(|entry| entry_status(entry).transpose()).collect::<io::Result<Vec<_>>>());
    let mut entries = absent_as_none(listed)?.unwrap_or_default();
    entries.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(entries)
}

/// The look goes through the open directory: no path is resolved again.
fn entry_status(entry: io::Result<fs::DirEntry>) -> io::Result<Option<(DirEntry, FileStatus)>> {
    let entry = entry?;
    match entry.metadata() {
        Ok(metadata) => Ok(Some((DirEntry { name: entry.file_name() }, from_metadata(&metadata)))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Looks at a path itself, following no link; `None` where there is nothing.
pub fn status(path: &Path) -> Result<Option<FileStatus>> {
    let found = absent_as_none(look("look at", path, || fs::symlink_metadata(path)))?;
    Ok(found.map(|metadata| from_metadata(&metadata)))
}

/// Looks at an open file.
pub fn status_of(file: &fs::File, path: &Path) -> Result<FileStatus> {
    Ok(from_metadata(&look("look at", path, || file.metadata())?))
}

fn from_metadata(metadata: &fs::Metadata) -> FileStatus {
    let file_type = metadata.file_type();
    let kind = if file_type.is_file() {
        FileKind::File
    } else if file_type.is_dir() {
        FileKind::Directory
    } else if file_type.is_symlink() {
        FileKind::Symlink
    } else {
        FileKind::Other
    };
    FileStatus {
        kind,
        size: metadata.size(),
        mode: metadata.mode() & 0o7777,
        mtime: metadata.mtime(),
        links: metadata.nlink(),
        disk_bytes: metadata.blocks() * 512,
        device: metadata.dev(),
        inode: metadata.ino(),
    }
}

/// Reads where a symbolic link points; `None` where there is no link.
pub fn read_link(path: &Path) -> Result<Option<PathBuf>> {
    match look("read link", path, || fs::read_link(path)) {
        // EINVAL: there is something, but it is no link.
        Err(FsError::Io { source, .. }) if source.kind() == io::ErrorKind::InvalidInput => Ok(None),
        other => absent_as_none(other),
    }
}

/// Resolves all links of a path that exists.
pub fn canonicalize(path: &Path) -> Result<PathBuf> {
    look("resolve", path, || fs::canonicalize(path))
}

/// Makes a path absolute without looking at the disk.
pub fn absolute(path: &Path) -> Result<PathBuf> {
    look("resolve", path, || std::path::absolute(path))
}

/// Gives the bytes an ordinary user may still write to the file system of `path`.
pub fn free_bytes(path: &Path) -> Result<u64> {
    let found = look("measure", path, || rustix::fs::statvfs(path))?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Turns "not found" into an answer.
fn absent_as_none<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(FsError::Io { source, .. }) if matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(other) => Err(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absence_is_an_answer() {
        let world = tempfile::tempdir().expect("a directory");
        let nothing = world.path().join("nothing");
        assert_eq!(read_optional(&nothing, 10).expect("an answer"), None);
        assert_eq!(status(&nothing).expect("an answer"), None);
        assert_eq!(read_link(&nothing).expect("an answer"), None);
        assert_eq!(list_dir(&nothing).expect("an answer"), []);
        assert_eq!(list_dir_status(&nothing).expect("an answer"), []);
        assert!(read(&nothing, 10).is_err());
    }

    #[test]
    fn a_list_tells_what_names_stand_for() {
        let world = tempfile::tempdir().expect("a directory");
        std::os::unix::fs::symlink("nowhere", world.path().join("b")).expect("linked");
        fs::write(world.path().join("a"), b"12345").expect("written");
        fs::create_dir(world.path().join("c")).expect("made");
        let listed = list_dir_status(world.path()).expect("listed");
        let found: Vec<_> = listed.iter().map(|(entry, status)| (entry.name_str(), status.kind)).collect();
        assert_eq!(found, [(Some("a"), FileKind::File), (Some("b"), FileKind::Symlink), (Some("c"), FileKind::Directory)]);
        assert_eq!(listed[0].1, status(&world.path().join("a")).expect("an answer").expect("there"));
    }

    #[test]
    fn reading_is_bounded() {
        let world = tempfile::tempdir().expect("a directory");
        let path = world.path().join("file");
        fs::write(&path, b"12345").expect("written");
        assert_eq!(read(&path, 5).expect("fits"), b"12345");
        assert!(matches!(read(&path, 4), Err(FsError::TooLarge { bytes_max: 4, .. })));
        assert_eq!(read_link(&path).expect("an answer"), None, "a file is no link");
    }
}
