//! Writing a collected pack as an archive with its side file.

use std::ffi::OsStr;
use std::io;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use crate::archive::Packing;
use crate::archive::Written;
use crate::archive::format_side_file;
use crate::archive::write_archive;
use crate::build::BuildError;
use crate::build::Collected;
use crate::fsys;
use crate::fsys::FsError;
use crate::model::side_file_of;

/// An archive and its side file on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The archive.
    pub archive: PathBuf,
    /// Its side file.
    pub side_file: PathBuf,
    /// Size and digests.
    pub written: Written,
}

/// Writes a collected pack as an archive into `out`.
///
/// # Errors
/// [`BuildError::Archive`] if a file changed since it was collected, or `out` fails.
pub fn write_archive_file<W: Write>(collected: &Collected, packing: Packing, out: W) -> Result<Written, BuildError> {
    let directory = fsys::Directory::open_resolved(&collected.directory)?;
    // No link is followed on the way: what took the place of a directory since it was collected is not looked at.
    let mut open = |path: &crate::model::TreePath| match directory.open_file_beneath(Path::new(path.as_str())) {
        Ok(file) => Ok(Box::new(file) as Box<dyn Read>),
        Err(FsError::Io { source, .. }) => Err(source),
        Err(other) => Err(io::Error::other(other)),
    };
    Ok(write_archive(&collected.manifest, packing, &mut open, out)?)
}

/// Writes archive and side file into a directory, replacing those of the same names.
///
/// The archive is complete before it gets its name, and the side file comes last: whoever finds both, finds them whole. After a power cut
/// between the two, an older side file refuses the new archive until it is built again.
pub fn write_into(collected: &Collected, packing: Packing, out_directory: &Path) -> Result<Built, BuildError> {
    fsys::create_dir_all(out_directory)?;
    let name = collected.archive_name(packing.compression());
    let (archive, side_file) = (out_directory.join(&name), out_directory.join(side_file_of(&name)));
    let id = fsys::random_id()?;
    let unfinished = format!(".{name}.{id}");
    sweep_abandoned(out_directory, &format!(".{name}."), unfinished.len())?;
    let beside = out_directory.join(&unfinished);
    let written = write_beside(collected, packing, out_directory, &unfinished).and_then(|(written, _lock)| {
        fsys::rename(&beside, &archive)?;
        Ok(written)
    });
    if written.is_err() {
        // The first failure is the one to tell; what is left behind is hidden and named after the archive.
        let _ = fsys::remove_file(&beside);
    }
    let written = written?;
    fsys::write_atomic(&side_file, format_side_file(&written.sha256, &name).as_bytes())?;
    Ok(Built { archive, side_file, written })
}

/// Removes what builds of the same archive left that were killed: nobody holds its lock.
fn sweep_abandoned(out_directory: &Path, beginning: &str, length: usize) -> Result<(), BuildError> {
    let is_ours = |name: &str| name.starts_with(beginning) && name.len() == length;
    for entry in fsys::list_dir(out_directory)?.iter().filter(|entry| entry.name_str().is_some_and(is_ours)) {
        let path = out_directory.join(&entry.name);
        if let Some(_lock) = fsys::FileLock::try_acquire_existing(&path)? {
            fsys::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Writes the archive under a name of its own, locked as long as somebody is at work on it.
fn write_beside(collected: &Collected, packing: Packing, out_directory: &Path, name: &str) -> Result<(Written, Option<fsys::FileLock>), BuildError> {
    let file = fsys::Directory::open(&fsys::canonicalize(out_directory)?)?.create_file(OsStr::new(name), 0o644)?;
    let lock = fsys::FileLock::try_acquire_existing(&out_directory.join(name))?;
    let written = write_archive_file(collected, packing, &file)?;
    fsys::fsync_file(&out_directory.join(name))?;
    Ok((written, lock))
}
