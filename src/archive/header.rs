//! One tar header: 512 bytes, POSIX ustar or GNU.
//!
//! Source: POSIX.1-2024, pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format". Only these two dialects are read: an older
//! header has no magic, and what it means depends on who reads it.

use crate::archive::ArchiveError;
use crate::archive::BLOCK_BYTES;
use crate::archive::error::shown;

/// What a header says, with its names as the raw bytes before the first NUL.
pub(super) struct Header<'a> {
    /// The name field.
    pub(super) name: &'a [u8],
    /// What stands in front of the name and a slash; empty in GNU headers.
    pub(super) prefix: &'a [u8],
    /// The link field.
    pub(super) link: &'a [u8],
    /// Bytes of content.
    pub(super) size: u64,
    /// Permission and set-id bits.
    pub(super) mode: u64,
    /// What the entry is.
    pub(super) kind: Kind,
}

/// What an entry is, from its type flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    HardLink,
    Symlink,
    Directory,
    /// `x`: PAX records for the next entry.
    PaxLocal,
    /// `g`: PAX records for all that follows.
    PaxGlobal,
    /// `L`: the name of the next entry.
    LongName,
    /// `K`: the link target of the next entry.
    LongLink,
    /// Anything else.
    Other(u8),
}

/// Where the fields lie.
mod field {
    use std::ops::Range;
    pub(super) const NAME: Range<usize> = 0..100;
    pub(super) const MODE: Range<usize> = 100..108;
    pub(super) const SIZE: Range<usize> = 124..136;
    pub(super) const CHECKSUM: Range<usize> = 148..156;
    pub(super) const KIND: usize = 156;
    pub(super) const LINK: Range<usize> = 157..257;
    pub(super) const MAGIC: Range<usize> = 257..265;
    pub(super) const PREFIX: Range<usize> = 345..500;
    /// GNU: offset of a volume, sparse map, its flag, real size. All zero unless the file is in pieces.
    pub(super) const GNU_PIECES: Range<usize> = 369..495;
}

const USTAR: &[u8; 8] = b"ustar\x0000";
const GNU: &[u8; 8] = b"ustar  \0";

impl<'a> Header<'a> {
    /// Parses a header; `entry` names it in errors.
    pub(super) fn parse(block: &'a [u8; BLOCK_BYTES], entry: &str) -> Result<Self, ArchiveError> {
        check_sum(block, entry)?;
        let gnu = match &block[field::MAGIC] {
            magic if magic == USTAR => false,
            magic if magic == GNU => true,
            other => return Err(bad(entry, "magic", "that of ustar or GNU tar", other)),
        };
        if gnu && block[field::GNU_PIECES].iter().any(|byte| *byte != 0) {
            return Err(ArchiveError::ForbiddenKind { entry: entry.to_owned(), kind: "a file in pieces (sparse or over several volumes)".to_owned() });
        }
        Ok(Header {
            name: text(block, field::NAME, "name", entry)?,
            prefix: if gnu { b"" } else { text(block, field::PREFIX, "prefix", entry)? },
            link: text(block, field::LINK, "link name", entry)?,
            size: number(&block[field::SIZE], "size", entry)?,
            mode: number(&block[field::MODE], "mode", entry)?,
            kind: Kind::of(block[field::KIND]),
        })
    }

    /// Gives prefix and name as one path.
    pub(super) fn path(&self) -> Vec<u8> {
        if self.prefix.is_empty() { self.name.to_vec() } else { [self.prefix, b"/", self.name].concat() }
    }
}

impl Kind {
    fn of(flag: u8) -> Self {
        match flag {
            b'0' | 0 => Kind::File,
            b'1' => Kind::HardLink,
            b'2' => Kind::Symlink,
            b'5' => Kind::Directory,
            b'x' => Kind::PaxLocal,
            b'g' => Kind::PaxGlobal,
            b'L' => Kind::LongName,
            b'K' => Kind::LongLink,
            other => Kind::Other(other),
        }
    }

    /// Gives what people call it, with its article.
    pub(super) fn describe(self) -> String {
        match self {
            Kind::File => "a file".into(),
            Kind::HardLink => "a hard link".into(),
            Kind::Symlink => "a symbolic link".into(),
            Kind::Directory => "a directory".into(),
            Kind::PaxLocal | Kind::PaxGlobal => "a PAX header".into(),
            Kind::LongName | Kind::LongLink => "a GNU long name".into(),
            Kind::Other(b'3') => "a character device".into(),
            Kind::Other(b'4') => "a block device".into(),
            Kind::Other(b'6') => "a fifo".into(),
            Kind::Other(b'7') => "a contiguous file".into(),
            Kind::Other(b'S') => "a sparse file".into(),
            Kind::Other(b'D') => "a directory listing of an incremental backup".into(),
            Kind::Other(b'M') => "a file continued from another volume".into(),
            Kind::Other(b'V') => "a volume label".into(),
            Kind::Other(flag) => format!("an entry of the unknown type `{}`", shown(&[flag])),
        }
    }
}

/// Checks the sum of all bytes, the field of the sum itself counted as blanks.
fn check_sum(block: &[u8; BLOCK_BYTES], entry: &str) -> Result<(), ArchiveError> {
    let stored = number(&block[field::CHECKSUM], "checksum", entry)?;
    let sum_of = |bytes: &[u8]| bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
    let computed = sum_of(block) - sum_of(&block[field::CHECKSUM]) + 8 * u64::from(b' ');
    if stored == computed { Ok(()) } else { Err(bad(entry, "checksum", &format!("{computed:o}"), &block[field::CHECKSUM])) }
}

/// Takes the bytes before the first NUL; after it there may be nothing else, or another reader could see another name.
fn text<'a>(block: &'a [u8; BLOCK_BYTES], range: std::ops::Range<usize>, name: &'static str, entry: &str) -> Result<&'a [u8], ArchiveError> {
    let bytes = &block[range];
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    if bytes[end..].iter().any(|byte| *byte != 0) {
        let shown_end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        return Err(bad(entry, name, "a text followed by NULs only", &bytes[..shown_end]));
    }
    Ok(&bytes[..end])
}

/// Parses octal digits with blanks before and blanks or NULs after them, or GNU's big-endian form with the highest bit set.
fn number(bytes: &[u8], name: &'static str, entry: &str) -> Result<u64, ArchiveError> {
    let malformed = || bad(entry, name, "an octal number", bytes);
    if bytes[0] & 0x80 != 0 {
        return binary_number(bytes).ok_or_else(|| bad(entry, name, "a number from 0 to 2^63", bytes));
    }
    let digits = bytes.trim_ascii_start();
    let end = digits.iter().position(|byte| !(b'0'..=b'7').contains(byte)).unwrap_or(digits.len());
    let (digits, rest) = digits.split_at(end);
    if digits.is_empty() || rest.iter().any(|byte| !matches!(byte, 0 | b' ')) {
        return Err(malformed());
    }
    // At most 12 digits of 3 bits: it cannot overflow.
    Ok(digits.iter().fold(0, |value, digit| value << 3 | u64::from(digit - b'0')))
}

fn binary_number(bytes: &[u8]) -> Option<u64> {
    let (head, tail) = bytes.split_at(bytes.len().checked_sub(8)?);
    let small = match head {
        // An eight-byte field: the mark is the highest bit of the number itself.
        [] => tail[0] == 0x80,
        [first, rest @ ..] => *first == 0x80 && rest.iter().all(|byte| *byte == 0),
    };
    let value = u64::from_be_bytes(tail.try_into().ok()?) & !(u64::from(head.is_empty()) << 63);
    (small && i64::try_from(value).is_ok()).then_some(value)
}

fn bad(entry: &str, field: &'static str, expected: &str, found: &[u8]) -> ArchiveError {
    ArchiveError::BadHeader { entry: entry.to_owned(), field, expected: expected.to_owned(), found: shown(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: Option<u64>) {
        assert_eq!(number(bytes, "size", "x").ok(), expected, "{bytes:?}");
    }

    #[test]
    fn numbers() {
        check(b"00000000012\0", Some(10));
        check(b"777777777777", Some(0o777_777_777_777));
        check(b"  12 \0", Some(10));
        check(b"12\0\0", Some(10));
        check(b"\0\0\0\0", None);
        check(b"    ", None);
        check(b"12\x003", None);
        check(b"128 ", None);
        check(b"-1 \0", None);
        check(b"0x10", None);
        check(b"+1\0\0", None);
        check(b"\x80\0\0\0\0\0\0\0\0\0\x01\0", Some(256));
        check(b"\x80\0\0\0\0\0\x01\0", Some(256));
        check(b"\x80\0\0\x01\0\0\0\0\0\0\0\0", None);
        check(b"\x80\0\0\0\x80\0\0\0\0\0\0\0", None);
        check(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", None);
    }

    #[test]
    fn a_header_made_by_the_tar_crate() {
        let mut made = tar::Header::new_ustar();
        made.set_path("kanban/bin/kanban").expect("it fits");
        made.set_size(120);
        made.set_mode(0o755);
        made.set_cksum();
        let header = Header::parse(made.as_bytes(), "x").expect("it is good");
        assert_eq!((header.path().as_slice(), header.size, header.mode, header.kind), (&b"kanban/bin/kanban"[..], 120, 0o755, Kind::File));
        made.as_mut_bytes()[0] ^= 1;
        assert!(matches!(Header::parse(made.as_bytes(), "x"), Err(ArchiveError::BadHeader { field: "checksum", .. })));
    }
}
