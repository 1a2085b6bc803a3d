//! Recomputing the chain.

use std::path::Path;

use crate::audit::AuditError;
use crate::audit::append::hash_line;
use crate::audit::entry::Entry;
use crate::audit::head::Head;
use crate::audit::head::read_head;
use crate::audit::lines::Line;
use crate::audit::lines::Lines;
use crate::audit::lines::months;
use crate::model::Blake3Digest;
use crate::store::layout::Layout;

/// Most characters of a damaged line that an error shows.
const SHOWN_CHARS_MAX: usize = 60;

/// What a whole chain consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Verified {
    /// How many entries there are.
    pub entries: u64,
    /// How many months have a file.
    pub months: u64,
    /// Whether the last line was cut off by a crash, or is being written at this moment; the next append moves it aside.
    pub torn_tail: bool,
    /// Whether the log's end could be checked: a missing head cannot tell of entries that were cut off.
    pub end_checked: bool,
}

/// Recomputes the whole chain; see [`crate::audit::Log::verify`].
pub(super) fn verify(layout: &Layout) -> Result<Verified, AuditError> {
    // The head is read first: what is appended meanwhile makes the log longer, never the head.
    let mut chain = Chain { entries: 0, last: None, head: read_head(layout)? };
    let months = months(layout)?;
    let mut torn_tail = false;
    for (at, month) in months.iter().enumerate() {
        let file = layout.audit_month(month);
        let is_newest = at + 1 == months.len();
        let mut lines = Lines::open(&file)?;
        while let Some(line) = lines.next()? {
            if !line.whole && is_newest {
                torn_tail = true;
                break;
            }
            chain.take(&file, &line)?;
        }
    }
    chain.end(layout)?;
    Ok(Verified { entries: chain.entries, months: months.len() as u64, torn_tail, end_checked: chain.head.is_some() || chain.entries == 0 })
}

/// The chain as far as it was recomputed.
struct Chain {
    entries: u64,
    last: Option<Head>,
    head: Option<Head>,
}

impl Chain {
    /// Adds a line, or tells why it does not follow from the one before.
    fn take(&mut self, file: &Path, line: &Line) -> Result<(), AuditError> {
        let broken = |expected: String, found: String| Err(AuditError::Broken { file: file.to_owned(), line: line.number, expected, found });
        if !line.whole {
            return broken("a line feed at its end".into(), "the end of the file".into());
        }
        let entry = parse_line(file, line)?;
        let (seq, prev) = self.last.map_or((1, Blake3Digest::from_bytes([0; 32])), |last| (last.seq.saturating_add(1), last.hash));
        if entry.seq != seq {
            return broken(format!("entry number {seq}"), format!("number {}", entry.seq));
        }
        if entry.prev != prev {
            return broken(format!("prev {prev}, the digest of the line before"), format!("prev {}", entry.prev));
        }
        let here = Head { seq, hash: hash_line(&line.bytes) };
        if let Some(head) = self.head.filter(|head| head.seq == seq && *head != here) {
            return broken(format!("a line of digest {}, as the head tells", head.hash), format!("digest {}", here.hash));
        }
        self.entries += 1;
        self.last = Some(here);
        Ok(())
    }

    /// Compares the log's end with the head.
    fn end(&self, layout: &Layout) -> Result<(), AuditError> {
        let found = self.last.map_or(0, |last| last.seq);
        match self.head {
            Some(head) if head.seq > found => Err(AuditError::Truncated { directory: layout.audit(), expected: head.seq, found }),
            _ => Ok(()),
        }
    }
}

/// Parses a line, or tells where it is and why it is none.
pub(super) fn parse_line(file: &Path, line: &Line) -> Result<Entry, AuditError> {
    Entry::parse(&line.bytes).map_err(|error| {
        let text: String = String::from_utf8_lossy(&line.bytes).chars().take(SHOWN_CHARS_MAX).collect();
        // The parser counts lines within what it was given, which is one line of ours.
        let reason = error.to_string().replace(" at line 1 column", " at column");
        AuditError::Broken { file: file.to_owned(), line: line.number, expected: "an entry".into(), found: format!("{text:?} ({reason})") }
    })
}
