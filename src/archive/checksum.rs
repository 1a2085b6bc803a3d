//! The side file beside an archive: one line as `sha256sum` writes it.

use sha2::Digest as _;
use sha2::Sha256;

use crate::archive::ArchiveError;
use crate::archive::Limits;
use crate::archive::error::shown;
use crate::model::Sha256Digest;
use crate::model::side_file_of;

/// Parses `<64 hex digits>  <archive>`, or the digits alone, with at most one line feed at the end.
///
/// # Errors
/// [`ArchiveError::BadSideFile`] if it is anything else, names another file, or has more than one line; [`ArchiveError::OverLimit`] if it is longer than 4 KiB.
pub fn parse_side_file(bytes: &[u8], archive_name: &str) -> Result<Sha256Digest, ArchiveError> {
    let side_file = side_file_of(archive_name);
    Limits::default().side_file().check(bytes.len() as u64, &side_file)?;
    let bad = |expected: String, found: &[u8]| ArchiveError::BadSideFile { side_file: side_file.clone(), expected, found: shown(found) };
    let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    if line.contains(&b'\n') {
        return Err(bad("one line".into(), line));
    }
    let (digits, rest) = line.split_at_checked(64).unwrap_or((line, b""));
    let digest = std::str::from_utf8(digits).ok().and_then(|text| Sha256Digest::parse(text).ok());
    let digest = digest.ok_or_else(|| bad("64 hex digits".into(), line))?;
    match rest {
        b"" => Ok(digest),
        // Two blanks, or a blank and the star of binary mode: on systems of today the same.
        [b' ', b' ' | b'*', name @ ..] if name == archive_name.as_bytes() => Ok(digest),
        _ => Err(bad(format!("the name {archive_name} after the digest"), rest)),
    }
}

/// Parses a list as `sha256sum` writes it for several files: one `<64 hex digits>  <archive>` a line, each archive once.
///
/// # Errors
/// [`ArchiveError::BadChecksums`] with the line.
pub fn parse_checksums(bytes: &[u8], list: &str) -> Result<Vec<(Sha256Digest, String)>, ArchiveError> {
    let mut found: Vec<(Sha256Digest, String)> = Vec::new();
    for (index, line) in bytes.strip_suffix(b"\n").unwrap_or(bytes).split(|byte| *byte == b'\n').enumerate() {
        let bad = |expected: &str| ArchiveError::BadChecksums { list: list.to_owned(), line: index + 1, expected: expected.to_owned(), found: shown(line) };
        let text = std::str::from_utf8(line).map_err(|_| bad("UTF-8"))?;
        let (digits, name) = text.split_once([' ']).ok_or_else(|| bad("64 hex digits and a file name"))?;
        let digest = Sha256Digest::parse(digits).map_err(|_| bad("64 hex digits"))?;
        let name = name.strip_prefix([' ', '*']).filter(|name| is_plain(name)).ok_or_else(|| bad("the name of a file in the same directory"))?;
        if found.iter().any(|(_, other)| other == name) {
            return Err(bad("each file once"));
        }
        found.push((digest, name.to_owned()));
    }
    Ok(found)
}

/// Finds the digest of one archive in such a list.
///
/// # Errors
/// [`ArchiveError::BadChecksums`], [`ArchiveError::NotListed`].
pub fn find_checksum(bytes: &[u8], list: &str, archive_name: &str) -> Result<Sha256Digest, ArchiveError> {
    let listed = parse_checksums(bytes, list)?;
    let found = listed.into_iter().find(|(_, name)| name == archive_name).map(|(digest, _)| digest);
    found.ok_or_else(|| ArchiveError::NotListed { list: list.to_owned(), archive: archive_name.to_owned() })
}

/// Tells whether a name stays in its directory and on its line.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\']) && !name.chars().any(char::is_control)
}

/// Formats the line that `sha256sum` would write, with its line feed.
pub fn format_side_file(digest: &Sha256Digest, archive_name: &str) -> String {
    format!("{digest}  {archive_name}\n")
}

/// Computes the sha256 of bytes in memory.
pub fn sha256(bytes: &[u8]) -> Sha256Digest {
    Sha256Digest::from_bytes(Sha256::digest(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[track_caller]
    fn check(text: &str, expected: Result<(), &str>) {
        match (parse_side_file(text.as_bytes(), "kanban-1.0.0.tar.zst"), expected) {
            (Ok(digest), Ok(())) => assert_eq!(digest, sha256(b"abc"), "{text:?}"),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{text:?} gave {error}"),
            (found, _) => panic!("{text:?} gave {found:?}"),
        }
    }

    #[test]
    fn good_side_files() {
        check(&format!("{HEX}  kanban-1.0.0.tar.zst\n"), Ok(()));
        check(&format!("{HEX}  kanban-1.0.0.tar.zst"), Ok(()));
        check(&format!("{HEX} *kanban-1.0.0.tar.zst\n"), Ok(()));
        check(&format!("{}\n", HEX.to_uppercase()), Ok(()));
        check(&format_side_file(&sha256(b"abc"), "kanban-1.0.0.tar.zst"), Ok(()));
    }

    #[track_caller]
    fn check_list(text: &str, expected: Result<usize, &str>) {
        match (parse_checksums(text.as_bytes(), "checksums.txt"), expected) {
            (Ok(found), Ok(count)) => assert_eq!(found.len(), count, "{text:?}"),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{text:?} gave {error}"),
            (found, _) => panic!("{text:?} gave {found:?}"),
        }
    }

    #[test]
    fn lists_of_checksums() {
        check_list(&format!("{HEX}  a.tar.zst\n{HEX} *b c.tar.gz\n"), Ok(2));
        check_list(&format!("{HEX}  a.tar.zst"), Ok(1));
        check_list("", Err("checksums.txt:1: expected 64 hex digits and a file name"));
        check_list(&format!("{HEX}  a\n\n"), Err("checksums.txt:2"));
        check_list(&format!("{HEX}  a\n{HEX}  a\n"), Err("checksums.txt:2: expected each file once"));
        check_list(&format!("{HEX}  ../a\n"), Err("in the same directory"));
        check_list(&format!("{HEX} a\n"), Err("in the same directory"));
        check_list(&format!("{HEX}  a\r\n"), Err("in the same directory"));
        check_list("abc  a\n", Err("64 hex digits"));
        let list = format!("{HEX}  a.tar.zst\n");
        assert_eq!(find_checksum(list.as_bytes(), "checksums.txt", "a.tar.zst").expect("listed"), sha256(b"abc"));
        assert!(matches!(find_checksum(list.as_bytes(), "checksums.txt", "b.tar.zst"), Err(ArchiveError::NotListed { .. })));
    }

    #[test]
    fn bad_side_files() {
        check("", Err("64 hex digits"));
        check(&HEX[1..], Err("64 hex digits"));
        check(&format!("\\{HEX}  a"), Err("64 hex digits"));
        check(&format!("{HEX}  other-1.0.0.tar.zst\n"), Err("the name kanban-1.0.0.tar.zst"));
        check(&format!("{HEX} kanban-1.0.0.tar.zst\n"), Err("the name kanban"));
        check(&format!("{HEX}  ./kanban-1.0.0.tar.zst\n"), Err("the name kanban"));
        check(&format!("{HEX}  kanban-1.0.0.tar.zst\r\n"), Err("the name kanban"));
        check(&format!("{HEX}\n{HEX}\n"), Err("one line"));
        check(&format!("{HEX}\n\n"), Err("one line"));
        check(&" ".repeat(5000), Err("limits.side-file-bytes-max"));
        check(&"é".repeat(40), Err("64 hex digits"));
    }
}
