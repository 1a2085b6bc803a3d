//! Archives of a source, verified before anybody reads them.
//!
//! Knows how bytes become a `Verified` archive, and which archives are needed at all (`plan`). It does not know where bytes come from (`source/`), nor what
//! becomes of them (`store/`): the caller brings one to the other.
//!
//! What lies on this machine is read where it is: up to 16 MiB into memory, larger ones as a stream. What lies elsewhere comes into the cache (`download`),
//! and stays there until the cache is cleared: nothing survives a power cut for sure, and nothing needs to, since it is checked again whenever it is used.

mod download;
mod plan;
mod retry;

use std::io;
use std::io::Read;
use std::path::Path;

use crate::archive::Mismatch;
use crate::archive::Verification;
use crate::archive::Verified;
use crate::fsys;
use crate::fsys::FsError;
use crate::model::Sha256Digest;

pub use download::Cut;
pub use download::DownloadError;
pub use download::Ends;
pub use download::Open;
pub use download::Received;
pub use download::Wanted;
pub use download::download;
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

    /// Changes the promise or the bytes, and requires the mismatch.
    #[track_caller]
    fn refused(bytes: &[u8], size: u64, digest: Sha256Digest, is_expected: fn(&Mismatch) -> bool) {
        let world = tempfile::tempdir().expect("a directory");
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
            let (path, bytes) = (world.path().join(format!("{length}")), vec![7; length]);
            let digest = sha256(&bytes);
            fs::write(&path, &bytes).expect("written");
            let opened = open_file(&path, length as u64, digest).expect("good");
            assert_eq!((opened.size(), opened.sha256()), (length as u64, digest));
            let mut copy = Vec::new();
            opened.reader().read_to_end(&mut copy).expect("read");
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
}
