//! What can go wrong with the audit log.

use std::path::PathBuf;

use crate::fsys::FsError;

/// Tells why the audit log could not be written, read or believed.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The disk refused an append; the command that wanted it must not go on.
    #[error("cannot write the audit log")]
    Write {
        /// What the disk said.
        #[source]
        source: FsError,
    },
    /// The disk refused to show the log.
    #[error("cannot read the audit log")]
    Read {
        /// What the disk said.
        #[source]
        source: FsError,
    },
    /// A line is longer than any that was ever written, or does not end where a line must.
    #[error("{}, line {line}: longer than {bytes_max} bytes", file.display())]
    LineTooLong {
        /// The month's file.
        file: PathBuf,
        /// The line, counted from 1; 0 where it was looked at from the file's end.
        line: u64,
        /// The limit, in bytes.
        bytes_max: usize,
    },
    /// The log is not what was written: this is the first line that does not follow from the one before.
    #[error("{}, line {line}: expected {expected}, found {found}", file.display())]
    Broken {
        /// The month's file.
        file: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What the line before, or the head, calls for.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The log ends before its head: its last entries were cut off.
    #[error("{}: expected entries up to number {expected}, found {found}", directory.display())]
    Truncated {
        /// The log's directory.
        directory: PathBuf,
        /// The newest entry the head tells of.
        expected: u64,
        /// The newest entry that is there; 0 for none.
        found: u64,
    },
}

impl AuditError {
    pub(super) fn write(source: FsError) -> Self {
        AuditError::Write { source }
    }

    pub(super) fn read(source: FsError) -> Self {
        AuditError::Read { source }
    }

    /// Tells whether freeing space would help.
    pub(super) fn is_disk_full(&self) -> bool {
        matches!(self, AuditError::Write { source } if source.is_disk_full())
    }
}
