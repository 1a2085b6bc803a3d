//! Why an archive was refused.

use crate::archive::Compression;
use crate::model::InvalidNoun;

/// Tells why an archive, its MANIFEST.json or its side file was refused.
///
/// `entry` is the path in the archive as it is spelled there, escaped, or the entry's number where its name could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The first bytes are those of neither compression.
    #[error("an archive starts as zstd or gzip data does, this one with `{found}`")]
    UnknownCompression {
        /// The first bytes, escaped.
        found: String,
    },
    /// The file name promises another compression than the bytes show.
    #[error("{archive} holds {found} data, so its name must end in {expected}")]
    WrongEnding {
        /// The archive's file name.
        archive: String,
        /// The ending it should have.
        expected: &'static str,
        /// What the bytes are.
        found: Compression,
    },
    /// The bytes of the archive could not be had at all.
    #[error("the bytes of the archive could not be read")]
    Unreadable {
        /// What the reader said.
        #[source]
        source: std::io::Error,
    },
    /// The compressed stream is cut off or damaged.
    #[error("the {compression} stream is cut off or damaged, after {position} good bytes of its content")]
    Damaged {
        /// Its compression.
        compression: Compression,
        /// Decoded bytes before the fault was noticed.
        position: u64,
        /// What the decoder said.
        #[source]
        source: std::io::Error,
    },
    /// Something follows the compressed stream.
    #[error("something follows the end of the {compression} stream; an archive is exactly one {compression} stream")]
    BytesAfterStream {
        /// Its compression.
        compression: Compression,
    },
    /// The decoded stream ends within an entry or before the end mark.
    #[error("{entry}: the archive ends at byte {position} of its content, where {expected} should follow")]
    CutOff {
        /// The entry.
        entry: String,
        /// Length of the decoded stream.
        position: u64,
        /// What is missing.
        expected: &'static str,
    },
    /// Something other than zeros stands where only zeros may.
    #[error("{entry}: {place} holds bytes other than zero")]
    NotZero {
        /// The entry.
        entry: String,
        /// Where.
        place: &'static str,
    },
    /// More than a limit allows.
    #[error("{entry}: {found} {what}, more than the limit of {max} ({setting})")]
    OverLimit {
        /// The entry, or the archive.
        entry: String,
        /// What is limited.
        what: &'static str,
        /// How much was found or announced.
        found: u64,
        /// How much is allowed.
        max: u64,
        /// The setting that changes the limit.
        setting: &'static str,
    },
    /// A field of a tar header is not as it must be.
    #[error("{entry}: the tar header's {field} must be {expected}, not `{found}`")]
    BadHeader {
        /// The entry.
        entry: String,
        /// The field.
        field: &'static str,
        /// What it must be.
        expected: String,
        /// What it is, escaped.
        found: String,
    },
    /// An extended header is malformed, doubled, or says what no header may say.
    #[error("{entry}: {fault}")]
    BadExtension {
        /// The entry.
        entry: String,
        /// What is wrong, as a sentence.
        fault: String,
    },
    /// A path is not one that a tree can hold.
    #[error("{entry}: the path is refused")]
    BadPath {
        /// The entry.
        entry: String,
        /// Why.
        #[source]
        source: InvalidNoun,
    },
    /// A path or link target is not UTF-8.
    #[error("{entry}: the {what} is not UTF-8")]
    NotUtf8 {
        /// The entry.
        entry: String,
        /// `path` or `link target`.
        what: &'static str,
    },
    /// An entry is of a kind that no pack may hold.
    #[error("{entry}: {kind} is refused; a pack holds regular files, directories and symbolic links")]
    ForbiddenKind {
        /// The entry.
        entry: String,
        /// The kind, with its article.
        kind: String,
    },
    /// A link or directory comes with content.
    #[error("{entry}: {kind} has no content, but {size} bytes are announced")]
    UnexpectedContent {
        /// The entry.
        entry: String,
        /// The kind, with its article.
        kind: &'static str,
        /// The announced size.
        size: u64,
    },
    /// Two entries share a name, or would on some file system.
    #[error("{entry}: the name is taken already by {other}")]
    NameTaken {
        /// The entry.
        entry: String,
        /// The earlier entry as it is spelled.
        other: String,
    },
    /// An entry lies at the root of the archive where only MANIFEST.json and the pack's directory may.
    #[error("{entry}: an archive holds MANIFEST.json and one directory, {expected}")]
    OutsideRoot {
        /// The entry.
        entry: String,
        /// The one directory.
        expected: String,
    },
    /// A link leads to nothing it may lead to.
    #[error("{entry}: the link to {target:?} {fault}")]
    BadLink {
        /// The entry.
        entry: String,
        /// The target as written.
        target: String,
        /// What is wrong, as half a sentence.
        fault: &'static str,
    },
    /// There is no MANIFEST.json, or no directory of the pack.
    #[error("the archive has no {missing}")]
    Incomplete {
        /// What is missing.
        missing: String,
    },
    /// MANIFEST.json is not valid JSON of its schema.
    #[error("MANIFEST.json is not a valid pack manifest")]
    BadManifest {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// MANIFEST.json is of a schema that this program does not know.
    #[error("MANIFEST.json: the schema is `{found}`, and only `{expected}` is known")]
    UnknownSchema {
        /// The known schema.
        expected: &'static str,
        /// The schema found, escaped.
        found: String,
    },
    /// MANIFEST.json lists its files out of order or twice.
    #[error("MANIFEST.json: files must be sorted by path, each once; {path} follows {previous}")]
    FilesOutOfOrder {
        /// The path.
        path: String,
        /// The path before it.
        previous: String,
    },
    /// MANIFEST.json and the archive disagree.
    #[error("{entry}: MANIFEST.json says {expected}, the archive has {found}")]
    Disagreement {
        /// The path.
        entry: String,
        /// What MANIFEST.json says.
        expected: String,
        /// What the archive has.
        found: String,
    },
    /// The side file is not a line of sha256sum for this archive.
    #[error("{side_file}: expected {expected}, found `{found}`")]
    BadSideFile {
        /// The side file's name.
        side_file: String,
        /// What should be there.
        expected: String,
        /// What is there, escaped.
        found: String,
    },
    /// A list of checksums is not as sha256sum writes it.
    #[error("{list}:{line}: expected {expected}, found `{found}`")]
    BadChecksums {
        /// The list's name.
        list: String,
        /// The line, from 1.
        line: usize,
        /// What should be there.
        expected: String,
        /// What is there, escaped.
        found: String,
    },
    /// A list of checksums says nothing of an archive.
    #[error("{list} does not list {archive}")]
    NotListed {
        /// The list's name.
        list: String,
        /// The archive.
        archive: String,
    },
    /// A file to be packed could not be opened or read.
    #[error("{path} could not be read to be packed")]
    Source {
        /// The path below the pack's directory.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file changed between listing and packing.
    #[error("{path} changed while it was packed: {expected} before, {found} now")]
    Changed {
        /// The path below the pack's directory.
        path: String,
        /// What was listed.
        expected: String,
        /// What was read.
        found: String,
    },
    /// The archive could not be written.
    #[error("the archive could not be written")]
    Write {
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// Tells who stopped the reading of an archive: the archive, or its visitor.
#[derive(Debug, thiserror::Error)]
pub enum ReadError<E> {
    /// The archive was refused.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The visitor failed, for reasons of its own.
    #[error("what was read could not be used")]
    Visitor(#[source] E),
}

/// Longest piece of foreign text that an error shows, in characters.
const SHOWN_CHARS_MAX: usize = 160;

/// Makes foreign bytes fit to be shown: control characters escaped, length bounded.
pub(super) fn shown(bytes: &[u8]) -> String {
    // Every entry is named for the case that it is at fault; nearly all names need no care.
    if bytes.len() <= SHOWN_CHARS_MAX && bytes.iter().all(|byte| (b' '..=b'~').contains(byte)) {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * SHOWN_CHARS_MAX)]);
    let mut shown = String::new();
    for character in text.chars().take(SHOWN_CHARS_MAX) {
        // Debug escapes exactly what a terminal could act upon; quotes and backslashes are harmless and stay readable.
        if matches!(character, '"' | '\'' | '\\') {
            shown.push(character);
        } else {
            shown.extend(character.escape_debug());
        }
    }
    if bytes.len() > 4 * SHOWN_CHARS_MAX || text.chars().nth(SHOWN_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_bytes_are_tamed() {
        assert_eq!(shown(b"a\x1b[31mb\0\xff"), "a\\u{1b}[31mb\\0\u{fffd}");
        assert!(shown(&[b'a'; 10_000]).len() < 200);
        assert_eq!(shown("…/ü".as_bytes()), "…/ü");
    }
}
