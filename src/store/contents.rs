//! The digests of files on the disk, each inode read once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use crate::fsys;
use crate::fsys::Directory;
use crate::fsys::FileKind;
use crate::fsys::FileStatus;
use crate::fsys::FsError;
use crate::model::Blake3Digest;

/// What is read at a time, in bytes: fits the second-level cache, and most files at once. Mapping files is 3.7 times slower where most are small.
const BUFFER_BYTES: usize = 256 << 10;

/// Parts of the map of inodes, so that threads rarely meet.
const PARTS: usize = 64;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; BUFFER_BYTES]);
}

/// What is known of one inode; locked while it is read.
type Known = Arc<Mutex<Option<Blake3Digest>>>;

/// The digests of everything that was read so far.
#[derive(Debug)]
pub(super) struct Contents {
    /// Only inodes with several names: the others are met once.
    parts: Vec<Mutex<HashMap<(u64, u64), Known>>>,
    files: AtomicU64,
    bytes: AtomicU64,
}

impl Contents {
    pub(super) fn new() -> Self {
        Contents { parts: (0..PARTS).map(|_| Mutex::default()).collect(), files: AtomicU64::new(0), bytes: AtomicU64::new(0) }
    }

    /// Counts the distinct files read so far.
    pub(super) fn files(&self) -> u64 {
        self.files.load(Ordering::Relaxed)
    }

    /// Counts the bytes read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Gives the digest of a file, reading it unless one of its names was read before.
    pub(super) fn digest(&self, directory: &Directory, name: &OsStr, status: &FileStatus) -> Result<Blake3Digest, FsError> {
        if status.links == 1 {
            return self.read(directory, name);
        }
        let inode = (status.device, status.inode);
        let part = &self.parts[usize::try_from(status.inode % PARTS as u64).expect("it is below the count of parts")];
        let known = Arc::clone(part.lock().unwrap_or_else(PoisonError::into_inner).entry(inode).or_default());
        // A panic while reading leaves `None` behind, and the next one reads.
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        match *known {
            Some(digest) => Ok(digest),
            None => Ok(*known.insert(self.read(directory, name)?)),
        }
    }

    fn read(&self, directory: &Directory, name: &OsStr) -> Result<Blake3Digest, FsError> {
        let (digest, bytes) = hash(directory.open_file(name)?, &directory.path().join(name))?;
        self.files.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(digest)
    }
}

/// Reads a file to its end and gives the digest and count of its bytes.
pub(super) fn hash(mut file: File, path: &Path) -> Result<(Blake3Digest, u64), FsError> {
    let status = fsys::status_of(&file, path)?;
    if status.kind != FileKind::File {
        return Err(FsError::io("read", path, io::ErrorKind::InvalidInput));
    }
    BUFFER.with_borrow_mut(|buffer| {
        let (mut hasher, mut bytes) = (blake3::Hasher::new(), 0);
        loop {
            match file.read(buffer) {
                Ok(0) => return Ok((Blake3Digest::from(hasher.finalize()), bytes)),
                Ok(read) => {
                    hasher.update(&buffer[..read]);
                    bytes += read as u64;
                    // Less than was asked for, and as much as there is: most files end here, without being asked once more.
                    if read < buffer.len() && bytes == status.size {
                        return Ok((Blake3Digest::from(hasher.finalize()), bytes));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(FsError::io("read", path, error)),
            }
        }
    })
}
