//! Archives of a source, verified before anybody reads them.
//!
//! Knows how bytes become a `Verified` archive, and which archives are needed at all (`plan`). It does not know where bytes come from (`source/`), nor what
//! becomes of them (`store/`): the caller brings one to the other.
//!
//! Archives up to 16 MiB are read into memory. Larger ones that arrive from elsewhere are written to a file while they are hashed; those that lie on this
//! machine stay where they are. Nothing here survives a power cut for sure, and nothing needs to: what is cached is checked again whenever it is used.

mod plan;

use std::io;
use std::io::Read;
use std::path::Path;

use crate::archive::Mismatch;
use crate::archive::Verification;
use crate::archive::Verified;
use crate::fsys;
use crate::fsys::FsError;
use crate::fsys::SpoolFile;
use crate::model::Sha256Digest;

pub use plan::Facts;
pub use plan::Need;
pub use plan::Origin;
pub use plan::Plan;
pub use plan::plan;

/// Largest archive that is held in memory, in bytes. Nearly all packs are smaller, and a few at a time fit beside their decoded form.
const MEMORY_BYTES_MAX: u64 = 16 << 20;

/// How much is read and hashed at a time, in bytes.
const PIECE_BYTES: usize = 128 << 10;

/// Tells why an archive could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] FsError),
    /// Its bytes stopped arriving.
    #[error("the archive with sha256 {sha256} could not be read to its end")]
    Interrupted {
        /// The archive that was promised.
        sha256: Sha256Digest,
        /// What the reader said.
        #[source]
        source: io::Error,
    },
    /// Its bytes are not those that were promised.
    #[error("the archive with sha256 {sha256} is not what arrived")]
    Mismatch {
        /// The archive that was promised.
        sha256: Sha256Digest,
        /// What is wrong.
        #[source]
        source: Mismatch,
    },
    /// A file is not the archive that was promised.
    #[error("{} is not the archive that was promised", path.display())]
    WrongFile {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong.
        #[source]
        source: Mismatch,
    },
}

/// Receives an archive: reads not one byte more than promised, and gives it only if all of them are right.
///
/// One of more than 16 MiB is written to `spool` (`cache/archives/<sha256>`), which it gets only once it is good; without `spool` it stays in memory, whatever its
/// size. After a power cut the file may be missing or damaged.
///
/// # Errors
/// [`FetchError::Mismatch`] as soon as it is known; [`FetchError::Interrupted`] where the reader fails.
pub fn receive(reader: &mut dyn Read, size: u64, sha256: Sha256Digest, spool: Option<&Path>) -> Result<Verified, FetchError> {
    let verification = Verification::new(size, sha256);
    match spool.filter(|_| size > MEMORY_BYTES_MAX) {
        Some(spool) => receive_into_file(reader, verification, sha256, spool),
        None => receive_into_memory(reader, verification, size, sha256),
    }
}

/// Opens an archive that lies on this machine, where it is.
///
/// # Errors
/// [`FetchError::WrongFile`] where size or sha256 are others than promised.
pub fn open_file(path: &Path, size: u64, sha256: Sha256Digest) -> Result<Verified, FetchError> {
    let wrong = |source| FetchError::WrongFile { path: path.to_owned(), source };
    let mut verification = Verification::new(size, sha256);
    if size <= MEMORY_BYTES_MAX {
        return match fsys::read(path, size) {
            Err(FsError::TooLarge { .. }) => Err(wrong(Mismatch::Size { expected: size, found: size + 1 })),
            bytes => verification.finish_memory(bytes?).map_err(wrong),
        };
    }
    let mut file = fsys::open(path)?;
    let mut pieces = Pieces::new(&mut file);
    while let Some(piece) = pieces.next().map_err(|source| FsError::io("read", path, source))? {
        verification.update(piece).map_err(wrong)?;
    }
    verification.finish_file(file).map_err(wrong)
}

fn receive_into_memory(reader: &mut dyn Read, verification: Verification, size: u64, sha256: Sha256Digest) -> Result<Verified, FetchError> {
    let mut bytes = Vec::new();
    // One byte more than promised is enough to know that there is more. Nothing is allocated ahead for a size that somebody claims.
    reader.take(size.saturating_add(1)).read_to_end(&mut bytes).map_err(|source| FetchError::Interrupted { sha256, source })?;
    verification.finish_memory(bytes).map_err(|source| FetchError::Mismatch { sha256, source })
}

fn receive_into_file(reader: &mut dyn Read, mut verification: Verification, sha256: Sha256Digest, spool: &Path) -> Result<Verified, FetchError> {
    let mismatch = |source| FetchError::Mismatch { sha256, source };
    let mut file = SpoolFile::create(spool)?;
    let mut pieces = Pieces::new(reader);
    while let Some(piece) = pieces.next().map_err(|source| FetchError::Interrupted { sha256, source })? {
        verification.update(piece).map_err(mismatch)?;
        file.write(piece)?;
    }
    // The file gets its name only if it is good, and is what was hashed: nobody else knows its passing name.
    verification.check().map_err(mismatch)?;
    verification.finish_file(file.keep_as(spool)?).map_err(mismatch)
}

/// Reads a stream piece by piece into one buffer.
struct Pieces<'r> {
    reader: &'r mut dyn Read,
    buffer: Vec<u8>,
}

impl<'r> Pieces<'r> {
    fn new(reader: &'r mut dyn Read) -> Self {
        Pieces { reader, buffer: vec![0; PIECE_BYTES] }
    }

    /// Gives the next piece; `None` at the end.
    fn next(&mut self) -> io::Result<Option<&[u8]>> {
        loop {
            match self.reader.read(&mut self.buffer) {
                Ok(0) => return Ok(None),
                Ok(read) => return Ok(Some(&self.buffer[..read])),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests set up their world")]
mod tests {
    use super::*;
    use crate::archive::sha256;
    use std::fs;

    /// One byte more than fits into memory.
    const LARGE: usize = (16 << 20) + 1;

    /// Changes the promise or the bytes, and requires the mismatch; nothing may be left in the spool's directory.
    #[track_caller]
    fn refused(bytes: &[u8], size: u64, digest: Sha256Digest, is_expected: fn(&Mismatch) -> bool) {
        let world = tempfile::tempdir().expect("a directory");
        let spool = world.path().join("spool");
        match receive(&mut &bytes[..], size, digest, Some(&spool)) {
            Err(FetchError::Mismatch { source, .. }) => assert!(is_expected(&source), "{source}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(fs::read_dir(world.path()).expect("listed").count(), 0);
        let file = world.path().join("file");
        fs::write(&file, bytes).expect("written");
        match open_file(&file, size, digest) {
            Err(FetchError::WrongFile { source, .. }) => assert!(is_expected(&source), "{source}"),
            other => panic!("{other:?}"),
        }
    }

    fn is_size(mismatch: &Mismatch) -> bool {
        matches!(mismatch, Mismatch::Size { .. })
    }

    fn is_digest(mismatch: &Mismatch) -> bool {
        matches!(mismatch, Mismatch::Sha256 { .. })
    }

    #[test]
    fn anything_but_the_promised_bytes_is_refused() {
        for length in [0, 10, LARGE] {
            let bytes = vec![7; length];
            let (size, digest) = (length as u64, sha256(&bytes));
            refused(&[&bytes[..], b"x"].concat(), size, digest, is_size);
            refused(&bytes, size + 1, digest, is_size);
            refused(&bytes, size, sha256(b"other"), is_digest);
        }
    }

    #[test]
    fn the_promised_bytes_are_taken() {
        let world = tempfile::tempdir().expect("a directory");
        for length in [0, 10, LARGE] {
            let (spool, bytes) = (world.path().join(format!("{length}")), vec![7; length]);
            let digest = sha256(&bytes);
            let received = receive(&mut &bytes[..], length as u64, digest, Some(&spool)).expect("received");
            assert_eq!((received.size(), received.sha256()), (length as u64, digest));
            assert_eq!(spool.exists(), length == LARGE, "small ones stay in memory");
            let mut copy = Vec::new();
            received.reader().read_to_end(&mut copy).expect("read");
            assert!(copy == bytes);
        }
    }

    #[test]
    fn a_file_that_changes_afterwards_is_refused_at_its_end() {
        let world = tempfile::tempdir().expect("a directory");
        let (path, mut bytes) = (world.path().join("file"), vec![7; LARGE]);
        fs::write(&path, &bytes).expect("written");
        let opened = open_file(&path, LARGE as u64, sha256(&bytes)).expect("good");
        bytes[5] = 8;
        fs::write(&path, &bytes).expect("changed");
        let error = opened.reader().read_to_end(&mut Vec::new()).expect_err("changed");
        assert!(error.get_ref().is_some_and(|cause| cause.downcast_ref::<Mismatch>().is_some_and(is_digest)), "{error}");
    }

    #[test]
    fn a_reader_that_fails_leaves_nothing() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::ConnectionReset.into())
            }
        }
        let world = tempfile::tempdir().expect("a directory");
        for size in [10, LARGE as u64] {
            let received = receive(&mut Failing, size, sha256(b""), Some(&world.path().join("spool")));
            assert!(matches!(received, Err(FetchError::Interrupted { .. })), "{received:?}");
        }
        assert_eq!(fs::read_dir(world.path()).expect("listed").count(), 0);
    }
}
