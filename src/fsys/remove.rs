//! Removal of files and trees, following no link.

use std::ffi::CStr;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::AtFlags;
use rustix::fs::FileType;
use rustix::fs::Mode;
use rustix::fs::OFlags;

use crate::fsys::FileKind;
use crate::fsys::FsError;
use crate::fsys::Result;
use crate::fsys::change;
use crate::fsys::fault;
use crate::fsys::status;

const OPEN_DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Removes a file or link; one that is not there is removed already.
pub fn remove_file(path: &Path) -> Result<()> {
    absent_is_done(change("remove", path, || fs::remove_file(path)))
}

/// Makes room for a file of a cache: removes what is there and is no regular file, with all below it.
pub fn remove_unless_file(path: &Path) -> Result<()> {
    match status(path)? {
        None => Ok(()),
        Some(found) if found.kind == FileKind::File => Ok(()),
        Some(_) => remove_tree(path).map(drop),
    }
}

/// Removes an empty directory; one that is not there is removed already.
pub fn remove_dir(path: &Path) -> Result<()> {
    absent_is_done(change("remove", path, || fs::remove_dir(path)))
}

/// Removes whatever is at `path`, with all below it; makes its directories writable first and follows no link.
///
/// Gives the count of names removed. After a failure or a power cut a part may be left: callers rename to trash first.
pub fn remove_tree(path: &Path) -> Result<u64> {
    fault::before_change("remove", path)?;
    let removed = match rustix::fs::openat(rustix::fs::CWD, path, OPEN_DIRECTORY, Mode::empty()) {
        Ok(directory) => empty_directory(&directory).and_then(|below| rustix::fs::rmdir(path).map(|()| below + 1)),
        Err(rustix::io::Errno::ACCESS) => {
            make_writable(path).and_then(|directory| empty_directory(&directory)).and_then(|below| rustix::fs::rmdir(path).map(|()| below + 1))
        }
        Err(rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP) => rustix::fs::unlink(path).map(|()| 1),
        Err(rustix::io::Errno::NOENT) => Ok(0),
        Err(error) => Err(error),
    };
    removed.map_err(|error| FsError::io("remove", path, error))
}

/// Gives the owner the right to change a directory of the store, before it is renamed or emptied.
pub fn make_owner_writable(path: &Path) -> Result<()> {
    change("set permissions of", path, || {
        let directory = rustix::fs::openat(rustix::fs::CWD, path, OPEN_DIRECTORY, Mode::empty())?;
        rustix::fs::fchmod(directory, Mode::RWXU)
    })
}

fn make_writable(path: &Path) -> rustix::io::Result<OwnedFd> {
    rustix::fs::chmodat(rustix::fs::CWD, path, Mode::RWXU, AtFlags::empty())?;
    rustix::fs::openat(rustix::fs::CWD, path, OPEN_DIRECTORY, Mode::empty())
}

/// Removes all below an open directory; depth is bounded by what the store accepts (128 levels).
fn empty_directory(directory: &OwnedFd) -> rustix::io::Result<u64> {
    rustix::fs::fchmod(directory, Mode::RWXU)?;
    let mut removed = 0;
    let mut listing = rustix::fs::Dir::read_from(directory)?;
    while let Some(entry) = listing.read() {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        removed += remove_name(directory.as_fd(), name, entry.file_type())?;
    }
    Ok(removed)
}

fn remove_name(directory: std::os::fd::BorrowedFd<'_>, name: &CStr, kind: FileType) -> rustix::io::Result<u64> {
    if kind != FileType::Directory {
        match rustix::fs::unlinkat(directory, name, AtFlags::empty()) {
            // A file system that does not tell kinds while listing: it was a directory after all.
            Err(rustix::io::Errno::ISDIR | rustix::io::Errno::PERM) if kind == FileType::Unknown => {}
            Err(error) => return Err(error),
            Ok(()) => return Ok(1),
        }
    }
    let below = match rustix::fs::openat(directory, name, OPEN_DIRECTORY, Mode::empty()) {
        Err(rustix::io::Errno::ACCESS) => {
            rustix::fs::chmodat(directory, name, Mode::RWXU, AtFlags::empty())?;
            rustix::fs::openat(directory, name, OPEN_DIRECTORY, Mode::empty())?
        }
        other => other?,
    };
    let removed = empty_directory(&below)?;
    rustix::fs::unlinkat(directory, name, AtFlags::REMOVEDIR)?;
    Ok(removed + 1)
}

fn absent_is_done(result: Result<()>) -> Result<()> {
    match result {
        Err(error) if error.io_kind() == Some(io::ErrorKind::NotFound) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn only_what_is_no_file_makes_room() {
        let world = tempfile::tempdir().expect("a directory");
        let path = |name: &str| world.path().join(name);
        fs::write(path("file"), b"1").expect("written");
        fs::create_dir_all(path("directory/below")).expect("made");
        std::os::unix::fs::symlink("file", path("link")).expect("linked");
        rustix::fs::mknodat(rustix::fs::CWD, path("fifo"), FileType::Fifo, Mode::RUSR, 0).expect("made");
        for name in ["file", "directory", "link", "fifo", "nothing"] {
            remove_unless_file(&path(name)).expect("done");
        }
        let left: Vec<_> = fs::read_dir(world.path()).expect("listed").map(|entry| entry.expect("an entry").file_name()).collect();
        assert_eq!(left, ["file"]);
    }

    #[test]
    fn removes_read_only_trees_and_follows_no_link() {
        let world = tempfile::tempdir().expect("a directory");
        let (kept, tree) = (world.path().join("kept"), world.path().join("tree"));
        fs::create_dir_all(&kept).expect("made");
        fs::write(kept.join("file"), b"1").expect("written");
        fs::create_dir_all(tree.join("a/b")).expect("made");
        fs::write(tree.join("a/b/file"), b"1").expect("written");
        std::os::unix::fs::symlink(&kept, tree.join("link")).expect("linked");
        for directory in ["a/b", "a", ""] {
            fs::set_permissions(tree.join(directory), fs::Permissions::from_mode(0o555)).expect("set");
        }
        assert_eq!(remove_tree(&tree).expect("removed"), 5);
        assert!(!tree.exists() && kept.join("file").exists());
        assert_eq!(remove_tree(&tree).expect("removed already"), 0);
    }
}
