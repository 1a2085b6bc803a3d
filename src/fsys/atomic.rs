//! Changes to single names: written whole, or not at all.

use std::fs;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use rustix::fs::RenameFlags;

use crate::fsys::Result;
use crate::fsys::change;
use crate::fsys::random_id;
use crate::fsys::sync::flush;
use crate::fsys::sync::fsync_dir;

/// Permission bits of new directories, less those that the umask takes: whatever it leaves, nobody else may write.
const DIRECTORY_MODE: u32 = 0o755;

/// Permission bits of new files, likewise.
pub(super) const FILE_MODE: u32 = 0o644;

/// Creates a directory that must not exist yet.
pub fn create_dir(path: &Path) -> Result<()> {
    change("create directory", path, || fs::DirBuilder::new().mode(DIRECTORY_MODE).create(path))
}

/// Creates a directory and those above it, as far as they are missing.
pub fn create_dir_all(path: &Path) -> Result<()> {
    change("create directory", path, || fs::DirBuilder::new().mode(DIRECTORY_MODE).recursive(true).create(path))
}

/// Writes a new file; an existing one is an error. After a power cut it may be missing, short or empty until synced.
pub fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    change("write", path, || {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(bytes)
    })
}

/// Writes a new file durably under a name that must be free: afterwards it is there whole; after a power cut it is there whole or not at all.
///
/// # Errors
/// Of the kind `AlreadyExists` where the name is taken; that file is as it was.
pub fn write_new_durable(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let beside = name_beside(path)?;
    let written = write_synced(&beside, bytes, mode).and_then(|()| rename_noreplace(&beside, path));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written?;
    fsync_dir(parent_of(path))
}

/// Replaces a file durably: afterwards it holds the new bytes; after a power cut the old or the new ones, never a mix.
///
/// Keeps the permission bits of a file it replaces.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    let beside = name_beside(path)?;
    let written = write_synced(&beside, bytes, mode_of(path)).and_then(|()| rename(&beside, path));
    if written.is_err() {
        // The space must be given back; the error that counts is the first one.
        let _ = fs::remove_file(&beside);
    }
    written?;
    fsync_dir(parent_of(path))
}

fn write_synced(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let mut file = change("create", path, || fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path))?;
    change("write", path, || file.write_all(bytes))?;
    flush(path, || file.sync_all())
}

fn mode_of(path: &Path) -> u32 {
    fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file).map_or(FILE_MODE, |found| found.permissions().mode() & 0o777)
}

/// Overwrites the beginning of a small file without any promise about a power cut.
pub fn write_in_place(path: &Path, bytes: &[u8]) -> Result<()> {
    change("write", path, || fs::OpenOptions::new().write(true).create(true).truncate(false).mode(FILE_MODE).open(path)?.write_all(bytes))
}

/// Appends to a file and syncs it: afterwards the bytes survive a power cut; after one meanwhile, a beginning of them may be there.
///
/// Where the bytes do not fit, the file is cut back to what it was.
pub fn append_durable(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = change("open", path, || fs::OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(path))?;
    let before = change("look at", path, || file.metadata())?.len();
    if let Err(error) = change("append to", path, || file.write_all(bytes)) {
        let _ = file.set_len(before);
        return Err(error);
    }
    flush(path, || file.sync_data())?;
    if before == 0 {
        fsync_dir(parent_of(path))?;
    }
    Ok(())
}

/// Cuts the end of a file off and syncs it: after a power cut it has the old length or the new one.
pub fn truncate_durable(path: &Path, length_bytes: u64) -> Result<()> {
    let file = change("open", path, || fs::OpenOptions::new().write(true).open(path))?;
    change("cut", path, || file.set_len(length_bytes))?;
    flush(path, || file.sync_all())
}

/// Renames, replacing what has the new name.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    change("rename to", to, || fs::rename(from, to))
}

/// Renames unless the new name is taken, which is told as `AlreadyExists`.
///
/// Where the file system cannot promise that, it looks first: callers hold the lock that keeps others away.
pub fn rename_noreplace(from: &Path, to: &Path) -> Result<()> {
    change("rename to", to, || match rustix::fs::renameat_with(rustix::fs::CWD, from, rustix::fs::CWD, to, RenameFlags::NOREPLACE) {
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP) => {
            if fs::symlink_metadata(to).is_ok() {
                return Err(io::Error::from(io::ErrorKind::AlreadyExists));
            }
            fs::rename(from, to)
        }
        other => Ok(other?),
    })
}

/// Swaps two names at once, so that neither is ever missing.
pub fn exchange(one: &Path, other: &Path) -> Result<()> {
    change("exchange with", other, || rustix::fs::renameat_with(rustix::fs::CWD, one, rustix::fs::CWD, other, RenameFlags::EXCHANGE))
}

/// Makes a symbolic link under a free name.
pub fn symlink(target: &Path, link: &Path) -> Result<()> {
    change("link", link, || std::os::unix::fs::symlink(target, link))
}

/// Makes or replaces a symbolic link by one rename: the link points to the old or the new target at every moment.
///
/// Not synced: call [`fsync_dir`] where the change must survive a power cut.
pub fn replace_symlink(target: &Path, link: &Path) -> Result<()> {
    let beside = name_beside(link)?;
    symlink(target, &beside)?;
    let renamed = rename(&beside, link);
    if renamed.is_err() {
        let _ = fs::remove_file(&beside);
    }
    renamed
}

/// Gives a file a second name.
pub fn hard_link(from: &Path, to: &Path) -> Result<()> {
    change("link", to, || fs::hard_link(from, to))
}

/// Sets permission bits of a file or directory; follows no link that the caller has not checked.
pub fn set_mode(path: &Path, mode: u32) -> Result<()> {
    change("set permissions of", path, || fs::set_permissions(path, fs::Permissions::from_mode(mode)))
}

fn name_beside(path: &Path) -> Result<PathBuf> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(path.with_file_name(format!(".{name}.{}.tmp", random_id()?)))
}

fn parent_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_atomic_replaces_and_leaves_nothing_beside() {
        let world = tempfile::tempdir().expect("a directory");
        let path = world.path().join("file");
        write_atomic(&path, b"one").expect("written");
        write_atomic(&path, b"two").expect("replaced");
        assert_eq!(fs::read(&path).expect("there"), b"two");
        assert_eq!(fs::read_dir(world.path()).expect("there").count(), 1);
    }

    #[test]
    fn write_new_durable_overwrites_nothing() {
        let world = tempfile::tempdir().expect("a directory");
        let path = world.path().join("key");
        write_new_durable(&path, b"one", 0o600).expect("written");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        let error = write_new_durable(&path, b"two", 0o600).expect_err("taken");
        assert_eq!(error.io_kind(), Some(io::ErrorKind::AlreadyExists));
        assert_eq!(fs::read(&path).expect("there"), b"one");
        assert_eq!(fs::read_dir(world.path()).expect("there").count(), 1);
    }

    #[test]
    fn rename_noreplace_replaces_nothing() {
        let world = tempfile::tempdir().expect("a directory");
        let (one, two) = (world.path().join("one"), world.path().join("two"));
        fs::create_dir(&one).expect("made");
        fs::create_dir(&two).expect("made");
        let error = rename_noreplace(&one, &two).expect_err("taken");
        assert_eq!(error.io_kind(), Some(io::ErrorKind::AlreadyExists));
        assert!(one.exists());
    }

    #[test]
    fn truncate_durable_keeps_the_beginning() {
        let world = tempfile::tempdir().expect("a directory");
        let path = world.path().join("file");
        append_durable(&path, b"12345").expect("written");
        truncate_durable(&path, 2).expect("cut");
        assert_eq!(fs::read(&path).expect("there"), b"12");
        assert!(truncate_durable(&world.path().join("nothing"), 0).is_err());
    }

    #[test]
    fn replace_symlink_flips() {
        let world = tempfile::tempdir().expect("a directory");
        let link = world.path().join("current");
        replace_symlink(Path::new("a"), &link).expect("made");
        replace_symlink(Path::new("b"), &link).expect("flipped");
        assert_eq!(fs::read_link(&link).expect("a link"), Path::new("b"));
    }
}
