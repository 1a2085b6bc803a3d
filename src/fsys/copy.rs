//! Copies of single files out of the store into a project, across file systems if need be.

use std::fs;
use std::io;
use std::path::Path;

use crate::fsys::FsError;
use crate::fsys::Result;
use crate::fsys::fault;
use crate::fsys::set_mode;

/// Bytes copied so far and in all, of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyProgress {
    /// Bytes written so far.
    pub copied_bytes: u64,
    /// Bytes of the file.
    pub total_bytes: u64,
}

/// Copies a file under a free name with these permission bits, and syncs it.
///
/// After a power cut the new file may be missing or short; the caller's journal says what it was to be.
pub fn copy_file(from: &Path, to: &Path, mode: u32, mut progress: impl FnMut(CopyProgress)) -> Result<()> {
    fault::before_change("copy to", to)?;
    if fs::symlink_metadata(to).is_ok() {
        return Err(FsError::io("copy to", to, io::ErrorKind::AlreadyExists));
    }
    let options = fs_extra::file::CopyOptions::new();
    fs_extra::file::copy_with_progress(from, to, &options, |state| progress(CopyProgress { copied_bytes: state.copied_bytes, total_bytes: state.total_bytes }))
        .map_err(|error| FsError::io("copy to", to, into_io(error)))?;
    set_mode(to, mode)?;
    crate::fsys::fsync_file(to)
}

fn into_io(error: fs_extra::error::Error) -> io::Error {
    match error.kind {
        fs_extra::error::ErrorKind::Io(source) => source,
        other => io::Error::other(format!("{other:?}")),
    }
}
