//! Archives whose size and sha256 were checked, before anybody looks into them.
//!
//! A [`Verified`] is made by a [`Verification`] alone. Small ones are in memory. Larger ones stay in a file that somebody could change meanwhile, so they
//! are hashed again while they are decoded, and what was read of a changed one is refused at its end.

use std::fs::File;
use std::io;
use std::io::Read;
use std::os::unix::fs::FileExt as _;

use sha2::Digest as _;
use sha2::Sha256;

use crate::archive::ArchiveBytes;
use crate::archive::ArchiveError;
use crate::archive::Contents;
use crate::archive::Limits;
use crate::archive::Nothing;
use crate::archive::ReadError;
use crate::archive::Visitor;
use crate::archive::memory_needed;
use crate::archive::read_archive;
use crate::model::Sha256Digest;

/// Memory that reading an archive from a file takes: the window of the decoder and its buffers, in bytes.
const STREAMED_MEMORY_BYTES: u64 = 9 << 20;

/// Tells that bytes are not the archive that was promised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// It is longer or shorter.
    #[error("{expected} bytes were promised, and there are {}", if *found > *expected { "more".to_owned() } else { found.to_string() })]
    Size {
        /// Bytes that were promised.
        expected: u64,
        /// Bytes there were, or one more than promised where reading stopped there.
        found: u64,
    },
    /// Its bytes are others.
    #[error("its sha256 must be {expected}, and is {found}")]
    Sha256 {
        /// The digest that was promised.
        expected: Sha256Digest,
        /// The digest of the bytes.
        found: Sha256Digest,
    },
}

/// Checks bytes against a promised size and sha256 while they arrive.
#[derive(Debug, Clone)]
pub struct Verification {
    size: u64,
    sha256: Sha256Digest,
    seen_bytes: u64,
    hasher: Sha256,
    kept: Option<Vec<u8>>,
}

impl Verification {
    /// Begins with nothing seen.
    pub fn new(size: u64, sha256: Sha256Digest) -> Self {
        Verification { size, sha256, seen_bytes: 0, hasher: Sha256::new(), kept: None }
    }

    /// Begins with nothing seen, and keeps in memory what it will be given.
    pub fn keeping(size: u64, sha256: Sha256Digest) -> Self {
        Verification { kept: Some(Vec::new()), ..Verification::new(size, sha256) }
    }

    /// Gives how many bytes were taken so far.
    pub fn seen_bytes(&self) -> u64 {
        self.seen_bytes
    }

    /// Takes the next bytes; refuses as soon as there are more than promised.
    pub fn update(&mut self, bytes: &[u8]) -> Result<(), Mismatch> {
        self.seen_bytes += bytes.len() as u64;
        if self.seen_bytes > self.size {
            return Err(Mismatch::Size { expected: self.size, found: self.seen_bytes });
        }
        self.hasher.update(bytes);
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(bytes);
        }
        Ok(())
    }

    /// Ends with the bytes that were taken, if they were kept.
    pub fn finish_kept(self) -> Result<Option<Verified>, Mismatch> {
        self.check()?;
        Ok(self.kept.map(|bytes| Verified { size: self.size, sha256: self.sha256, content: Held::Memory(bytes) }))
    }

    /// Checks bytes in memory, of which none were taken before, and keeps them.
    pub fn finish_memory(mut self, bytes: Vec<u8>) -> Result<Verified, Mismatch> {
        self.update(&bytes)?;
        self.check()?;
        Ok(Verified { size: self.size, sha256: self.sha256, content: Held::Memory(bytes) })
    }

    /// Ends with the file that holds exactly the bytes that were taken.
    pub fn finish_file(self, file: File) -> Result<Verified, Mismatch> {
        self.check()?;
        Ok(Verified { size: self.size, sha256: self.sha256, content: Held::File(file) })
    }

    /// Checks that all bytes were taken, and that they are the right ones.
    pub fn check(&self) -> Result<(), Mismatch> {
        if self.seen_bytes != self.size {
            return Err(Mismatch::Size { expected: self.size, found: self.seen_bytes });
        }
        let found = Sha256Digest::from_bytes(self.hasher.clone().finalize().into());
        if found.equals_in_constant_time(&self.sha256) { Ok(()) } else { Err(Mismatch::Sha256 { expected: self.sha256, found }) }
    }
}

/// An archive whose size and sha256 are as promised.
#[derive(Debug)]
pub struct Verified {
    size: u64,
    sha256: Sha256Digest,
    content: Held,
}

#[derive(Debug)]
enum Held {
    Memory(Vec<u8>),
    File(File),
}

impl Verified {
    /// Gives its length in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Gives the digest it was checked against.
    pub fn sha256(&self) -> Sha256Digest {
        self.sha256
    }

    /// Tells how many bytes of memory reading it takes, besides those it holds already.
    pub fn memory_needed(&self) -> u64 {
        match &self.content {
            Held::Memory(bytes) => memory_needed(bytes),
            Held::File(_) => STREAMED_MEMORY_BYTES,
        }
    }

    /// Reads it, as often as wanted and by any number of threads at once.
    ///
    /// # Errors
    /// Those of [`read_archive`]; a file that changed since it was checked is [`crate::archive::ArchiveError::Unreadable`] with a [`Mismatch`] as its cause.
    pub fn read<V: Visitor>(&self, limits: &Limits, visitor: &mut V) -> Result<Contents, ReadError<V::Error>> {
        match &self.content {
            Held::Memory(bytes) => read_archive(ArchiveBytes::Memory(bytes), limits, visitor),
            Held::File(file) => {
                let mut reader = CheckedReader { file, verification: Some(Verification::new(self.size, self.sha256)), position: 0 };
                read_archive(ArchiveBytes::Stream { reader: &mut reader, size: self.size }, limits, visitor)
            }
        }
    }

    /// Reads it through, and keeps nothing of it but what it describes.
    ///
    /// # Errors
    /// As [`Verified::read`].
    pub fn look_through(&self, limits: &Limits) -> Result<Contents, ArchiveError> {
        self.read(limits, &mut Nothing).map_err(|error| match error {
            ReadError::Archive(error) => error,
            ReadError::Visitor(never) => match never {},
        })
    }

    /// Gives all of it, for a copy elsewhere; the same checks hold at the end.
    pub fn reader(&self) -> Box<dyn Read + Send + '_> {
        match &self.content {
            Held::Memory(bytes) => Box::new(&bytes[..]),
            Held::File(file) => Box::new(CheckedReader { file, verification: Some(Verification::new(self.size, self.sha256)), position: 0 }),
        }
    }
}

/// Reads a file from its beginning and fails at the end if the bytes were not those that were checked.
///
/// Its own position, not the file's: several may read one file.
struct CheckedReader<'a> {
    file: &'a File,
    verification: Option<Verification>,
    position: u64,
}

impl Read for CheckedReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.position)?;
        self.position += read as u64;
        let Some(verification) = &mut self.verification else { return Ok(read) };
        verification.update(&buffer[..read]).map_err(io::Error::other)?;
        if read == 0
            && !buffer.is_empty()
            && let Some(verification) = self.verification.take()
        {
            verification.check().map_err(io::Error::other)?;
        }
        Ok(read)
    }
}
