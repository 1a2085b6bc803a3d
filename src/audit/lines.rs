//! The lines of a month's file, from its beginning or from its end, never more than is needed in memory.

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read as _;
use std::io::Seek as _;
use std::io::SeekFrom;
use std::path::Path;
use std::path::PathBuf;

use crate::audit::AuditError;
use crate::audit::entry::LINE_BYTES_MAX;
use crate::fsys;
use crate::fsys::FsError;
use crate::store::layout::Layout;

/// How much of a file's end is read at first: a few dozen ordinary lines.
const TAIL_BYTES: u64 = 64 * 1024;

/// How much of a file's end is read at most: the longest line and the longest torn one after it, with their LFs.
const TAIL_BYTES_MAX: u64 = 2 * (LINE_BYTES_MAX as u64 + 1) + 1;

/// One line, without its LF.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Counted from 1.
    pub(super) number: u64,
    /// What it holds.
    pub(super) bytes: Vec<u8>,
    /// Whether an LF ended it; only the last line of a file may lack one.
    pub(super) whole: bool,
}

/// Reads a file line by line.
pub(super) struct Lines {
    reader: BufReader<std::fs::File>,
    file: PathBuf,
    number: u64,
}

impl Lines {
    pub(super) fn open(file: &Path) -> Result<Lines, AuditError> {
        let reader = BufReader::new(fsys::open(file).map_err(AuditError::read)?);
        Ok(Lines { reader, file: file.to_owned(), number: 0 })
    }

    /// Reads the next line, or gives `None` at the file's end.
    pub(super) fn next(&mut self) -> Result<Option<Line>, AuditError> {
        let mut bytes = Vec::new();
        let bytes_max = LINE_BYTES_MAX as u64 + 1;
        let read = self.reader.by_ref().take(bytes_max).read_until(b'\n', &mut bytes);
        read.map_err(|source| AuditError::read(FsError::io("read", &self.file, source)))?;
        if bytes.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        let whole = bytes.pop_if(|last| *last == b'\n').is_some();
        if bytes.len() > LINE_BYTES_MAX {
            return Err(AuditError::LineTooLong { file: self.file.clone(), line: self.number, bytes_max: LINE_BYTES_MAX });
        }
        Ok(Some(Line { number: self.number, bytes, whole }))
    }
}

/// The end of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct FileEnd {
    /// The last whole line, without its LF.
    pub(super) last: Option<Vec<u8>>,
    /// What follows it: an append that was cut off.
    pub(super) torn: Vec<u8>,
    /// The file's length without the torn part, in bytes.
    pub(super) whole_bytes: u64,
}

/// Reads the end of a file, however long the file is.
pub(super) fn read_end(file: &Path) -> Result<FileEnd, AuditError> {
    let mut open = fsys::open(file).map_err(AuditError::read)?;
    let failed = |source| AuditError::read(FsError::io("read", file, source));
    let length = open.seek(SeekFrom::End(0)).map_err(failed)?;
    for window_bytes in [TAIL_BYTES, TAIL_BYTES_MAX] {
        let begin = length.saturating_sub(window_bytes);
        let mut window = Vec::new();
        open.seek(SeekFrom::Start(begin)).map_err(failed)?;
        open.by_ref().take(length - begin).read_to_end(&mut window).map_err(failed)?;
        if let Some((last, torn)) = split_end(&window, begin == 0) {
            return Ok(FileEnd { last, whole_bytes: length - torn.len() as u64, torn });
        }
    }
    Err(AuditError::LineTooLong { file: file.to_owned(), line: 0, bytes_max: LINE_BYTES_MAX })
}

/// Splits the end of a file into its last whole line and what follows; `None` where the window shows too little.
fn split_end(window: &[u8], from_beginning: bool) -> Option<(Option<Vec<u8>>, Vec<u8>)> {
    let line_feed_before = |end: usize| window[..end].iter().rposition(|byte| *byte == b'\n');
    let Some(last_end) = line_feed_before(window.len()) else {
        return from_beginning.then(|| (None, window.to_vec()));
    };
    let last_begin = match line_feed_before(last_end) {
        Some(line_feed) => line_feed + 1,
        None if from_beginning => 0,
        None => return None,
    };
    Some((Some(window[last_begin..last_end].to_vec()), window[last_end + 1..].to_vec()))
}

/// Gives the months that have a file, oldest first: `2026-11`.
pub(super) fn months(layout: &Layout) -> Result<Vec<String>, AuditError> {
    let listed = fsys::list_dir(&layout.audit()).map_err(AuditError::read)?;
    Ok(listed.iter().filter_map(|entry| entry.name_str()?.strip_suffix(".jsonl")).filter(|name| is_month(name)).map(str::to_owned).collect())
}

fn is_month(name: &str) -> bool {
    name.len() == 7 && name.bytes().enumerate().all(|(at, byte)| if at == 4 { byte == b'-' } else { byte.is_ascii_digit() })
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests set up their world")]
mod tests {
    use super::*;

    #[track_caller]
    fn check_end(content: &[u8], last: Option<&[u8]>, torn: &[u8]) {
        let world = tempfile::tempdir().expect("a directory");
        let file = world.path().join("2026-11.jsonl");
        std::fs::write(&file, content).expect("written");
        let whole_bytes = (content.len() - torn.len()) as u64;
        assert_eq!(read_end(&file).expect("read"), FileEnd { last: last.map(<[u8]>::to_vec), torn: torn.to_vec(), whole_bytes });
    }

    #[test]
    fn ends_of_files() {
        check_end(b"", None, b"");
        check_end(b"torn", None, b"torn");
        check_end(b"one\n", Some(b"one"), b"");
        check_end(b"one\ntwo\n", Some(b"two"), b"");
        check_end(b"one\ntwo\nto", Some(b"two"), b"to");
        let long = vec![b'x'; LINE_BYTES_MAX];
        check_end(&[b"one\n", long.as_slice(), b"\n", long.as_slice()].concat(), Some(&long), &long);
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let world = tempfile::tempdir().expect("a directory");
        let file = world.path().join("2026-11.jsonl");
        std::fs::write(&file, vec![b'x'; 3 * LINE_BYTES_MAX]).expect("written");
        assert!(matches!(read_end(&file), Err(AuditError::LineTooLong { .. })));
        assert!(matches!(Lines::open(&file).expect("opened").next(), Err(AuditError::LineTooLong { line: 1, .. })));
    }

    #[test]
    fn lines_are_counted() {
        let world = tempfile::tempdir().expect("a directory");
        let file = world.path().join("2026-11.jsonl");
        std::fs::write(&file, b"one\n\nthr").expect("written");
        let mut lines = Lines::open(&file).expect("opened");
        let mut next = || lines.next().expect("read");
        assert_eq!(next(), Some(Line { number: 1, bytes: b"one".to_vec(), whole: true }));
        assert_eq!(next(), Some(Line { number: 2, bytes: vec![], whole: true }));
        assert_eq!(next(), Some(Line { number: 3, bytes: b"thr".to_vec(), whole: false }));
        assert_eq!(next(), None);
    }

    #[test]
    fn only_months_count() {
        for (name, expected) in [("2026-11", true), ("head", false), ("2026-1", false), ("20261-1", false), ("2026_11", false)] {
            assert_eq!(is_month(name), expected, "{name}");
        }
    }
}
