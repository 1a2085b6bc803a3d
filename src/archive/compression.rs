//! How an archive is compressed: zstd or gzip, decided by its first bytes.

use std::fmt;

use crate::archive::ArchiveError;
use crate::archive::error::shown;

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
/// RFC 1952: two magic bytes, and 8 for deflate, the only method there is.
const GZIP_MAGIC: [u8; 3] = [0x1F, 0x8B, 0x08];

/// How an archive is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Compression {
    /// One zstd frame (RFC 8878): `.tar.zst`.
    Zstd,
    /// One gzip member (RFC 1952): `.tar.gz`.
    Gzip,
}

impl Compression {
    /// Tells the compression from the first bytes of an archive.
    pub fn detect(head: &[u8]) -> Result<Self, ArchiveError> {
        if head.starts_with(&ZSTD_MAGIC) {
            Ok(Compression::Zstd)
        } else if head.starts_with(&GZIP_MAGIC) {
            Ok(Compression::Gzip)
        } else {
            Err(ArchiveError::UnknownCompression { found: shown(&head[..head.len().min(4)]) })
        }
    }

    /// Tells what the ending of a file name promises; `None` if it is neither of the two.
    pub fn of_file_name(archive: &str) -> Option<Self> {
        [Compression::Zstd, Compression::Gzip].into_iter().find(|known| archive.ends_with(known.ending()))
    }

    /// Checks that the first bytes of an archive are what its file name promises.
    pub fn check_file_name(archive: &str, head: &[u8]) -> Result<(), ArchiveError> {
        let found = Compression::detect(head)?;
        match Compression::of_file_name(archive) {
            Some(expected) if expected == found => Ok(()),
            _ => Err(ArchiveError::WrongEnding { archive: archive.to_owned(), expected: found.ending(), found }),
        }
    }

    /// Gives the ending of archives' file names.
    pub const fn ending(self) -> &'static str {
        match self {
            Compression::Zstd => ".tar.zst",
            Compression::Gzip => ".tar.gz",
        }
    }
}
impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Compression::Zstd => "zstd",
            Compression::Gzip => "gzip",
        })
    }
}

/// Reads from the head of a zstd frame how large a window its decoder needs; `None` if the head is cut off.
///
/// RFC 8878, 3.1.1.1: a descriptor byte, then a window byte unless the frame is one segment, whose window is its content size.
pub(super) fn zstd_window(head: &[u8]) -> Option<u64> {
    let descriptor = *head.get(4)?;
    if descriptor & 0x20 == 0 {
        let window = *head.get(5)?;
        let base = 1u64 << (10 + (window >> 3));
        return Some(base + base / 8 * u64::from(window & 7));
    }
    let dictionary_bytes = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let size_bytes = 1 << (descriptor >> 6);
    let field = head.get(5 + dictionary_bytes..5 + dictionary_bytes + size_bytes)?;
    let size = field.iter().rev().fold(0u64, |size, byte| size << 8 | u64::from(*byte));
    Some(if size_bytes == 2 { size + 256 } else { size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_decide() {
        assert_eq!(Compression::detect(&[0x28, 0xB5, 0x2F, 0xFD, 0]).expect("zstd"), Compression::Zstd);
        assert_eq!(Compression::detect(&[0x1F, 0x8B, 8, 0]).expect("gzip"), Compression::Gzip);
        // A skippable zstd frame, a plain tar, nothing.
        for other in [&[0x50, 0x2A, 0x4D, 0x18][..], b"MANIFEST.json", b""] {
            assert!(matches!(Compression::detect(other), Err(ArchiveError::UnknownCompression { .. })), "{other:?}");
        }
    }

    #[test]
    fn the_name_must_agree() {
        assert!(Compression::check_file_name("a-1.0.0.tar.gz", &GZIP_MAGIC).is_ok());
        for (name, head) in [("a-1.0.0.tar.zst", &GZIP_MAGIC[..]), ("a-1.0.0.tar.gz", &ZSTD_MAGIC[..]), ("a.zip", &ZSTD_MAGIC[..])] {
            assert!(matches!(Compression::check_file_name(name, head), Err(ArchiveError::WrongEnding { .. })), "{name}");
        }
    }

    #[test]
    fn windows_are_read_from_frames() {
        let head = |rest: &[u8]| [&ZSTD_MAGIC[..], rest].concat();
        assert_eq!(zstd_window(&head(&[0x00, 0x00])), Some(1024));
        assert_eq!(zstd_window(&head(&[0x00, 13 << 3])), Some(8 << 20));
        assert_eq!(zstd_window(&head(&[0x20, 200])), Some(200));
        assert_eq!(zstd_window(&head(&[0x60, 0, 1])), Some(512));
        assert_eq!(zstd_window(&head(&[0x20])), None);
    }
}
