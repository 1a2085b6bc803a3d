//! The disk: reading, atomic changes, links, locks, trees, child processes.
//!
//! The only folder (with `net/`) that calls the operating system. It knows nothing of packs. Each function is one effect, says in its doc what is on the
//! disk if the power goes, and reports failures with the operation and the path.
//!
//! Every function announces itself to `fault` first, so that a test build can fail or kill the n-th call of a whole command.
#![allow(clippy::disallowed_methods, reason = "this folder is the boundary to the disk")]

mod atomic;
mod copy;
mod directory;
pub mod fault;
mod lock_file;
mod open_files;
mod partial;
mod process;
mod random;
mod read;
mod remove;
mod sync;

use std::io;
use std::path::Path;
use std::path::PathBuf;

pub use atomic::append_durable;
pub use atomic::create_dir;
pub use atomic::create_dir_all;
pub use atomic::exchange;
pub use atomic::hard_link;
pub use atomic::rename;
pub use atomic::rename_noreplace;
pub use atomic::replace_symlink;
pub use atomic::set_mode;
pub use atomic::symlink;
pub use atomic::truncate_durable;
pub use atomic::write_atomic;
pub use atomic::write_in_place;
pub use atomic::write_new;
pub use atomic::write_new_durable;
pub use copy::CopyProgress;
pub use copy::copy_file;
pub use directory::CANONICAL_MTIME;
pub use directory::Directory;
pub use lock_file::FileLock;
pub use lock_file::LockMode;
pub use lock_file::LockRequest;
pub use lock_file::Waiting;
pub use open_files::raise_open_files_max;
pub use partial::PartialFile;
pub use process::become_program;
pub use process::run_for_output;
pub use random::random_bytes;
pub use random::random_id;
pub use read::DirEntry;
pub use read::FileKind;
pub use read::FileStatus;
pub use read::absolute;
pub use read::canonicalize;
pub use read::free_bytes;
pub use read::list_dir;
pub use read::list_dir_status;
pub use read::open;
pub use read::read;
pub use read::read_cached;
pub use read::read_link;
pub use read::read_optional;
pub use read::status;
pub use read::status_of;
pub use remove::make_owner_writable;
pub use remove::remove_dir;
pub use remove::remove_file;
pub use remove::remove_tree;
pub use remove::remove_unless_file;
pub use sync::fsync_dir;
pub use sync::fsync_file;
pub use sync::skip_syncs;
pub use sync::sync_filesystem;

/// Tells which effect on which path failed, and why.
#[derive(Debug, thiserror::Error)]
pub enum FsError {
    /// The operating system refused.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// What was being done, as a verb: `write`, `rename to`.
        operation: &'static str,
        /// The path it was done to.
        path: PathBuf,
        /// The operating system's answer.
        #[source]
        source: io::Error,
    },
    /// A file is larger than its reader allows.
    #[error("{} is larger than {bytes_max} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit, in bytes.
        bytes_max: u64,
    },
    /// Another process held a lock longer than we were told to wait.
    #[error("{} is locked by {holder}", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// Who holds it: pid, command, since when; as that process wrote it.
        holder: String,
    },
}

impl FsError {
    /// Gives the kind of an operating system error.
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        match self {
            FsError::Io { source, .. } => Some(source.kind()),
            FsError::TooLarge { .. } | FsError::Locked { .. } => None,
        }
    }

    /// Tells whether the place may only be read, by its rights or because its whole file system is so.
    pub fn is_read_only(&self) -> bool {
        matches!(self.io_kind(), Some(io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied))
    }

    /// Tells whether there is no space left, on the disk or of what the user may take; removing something would help.
    pub fn is_disk_full(&self) -> bool {
        matches!(self.io_kind(), Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }

    /// Tells whether a name does not stand for what it was opened as: there is nothing, a link, or something that is no directory or no link.
    pub fn is_of_another_kind(&self) -> bool {
        let FsError::Io { source, .. } = self else { return false };
        let is_loop = source.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
        is_loop || matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidInput)
    }

    pub(crate) fn io(operation: &'static str, path: &Path, source: impl Into<io::Error>) -> Self {
        FsError::Io { operation, path: path.to_owned(), source: source.into() }
    }
}

/// What every function of this folder returns.
pub type Result<T> = std::result::Result<T, FsError>;

/// Announces a call that changes the disk, then makes it.
fn change<T, E: Into<io::Error>>(operation: &'static str, path: &Path, effect: impl FnOnce() -> std::result::Result<T, E>) -> Result<T> {
    fault::before_change(operation, path)?;
    effect().map_err(|source| FsError::io(operation, path, source))
}

/// Announces a call that only looks, then makes it.
fn look<T, E: Into<io::Error>>(operation: &'static str, path: &Path, effect: impl FnOnce() -> std::result::Result<T, E>) -> Result<T> {
    fault::before_look(operation, path)?;
    effect().map_err(|source| FsError::io(operation, path, source))
}
