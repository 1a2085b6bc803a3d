//! The side file beside an archive: one line as `sha256sum` writes it.

use sha2::Digest as _;
use sha2::Sha256;

use crate::archive::ArchiveError;
use crate::archive::Limits;
use crate::archive::error::shown;
use crate::model::Sha256Digest;

/// Parses `<64 hex digits>  <archive>`, or the digits alone, with at most one line feed at the end.
///
/// # Errors
/// [`ArchiveError::BadSideFile`] if it is anything else, names another file, or has more than one line; [`ArchiveError::OverLimit`] if it is longer than 4 KiB.
pub fn parse_side_file(bytes: &[u8], archive_name: &str) -> Result<Sha256Digest, ArchiveError> {
    let side_file = format!("{archive_name}.sha256");
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
