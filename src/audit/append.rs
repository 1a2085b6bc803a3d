//! Appending: the only writer of the log.

use std::time::Duration;

use jiff::Timestamp;

use crate::audit::AuditError;
use crate::audit::entry::Entry;
use crate::audit::head::Head;
use crate::audit::head::Need;
use crate::audit::head::note_head;
use crate::audit::head::read_head;
use crate::audit::head::refill_reserve;
use crate::audit::head::release_reserve;
use crate::audit::lines::FileEnd;
use crate::audit::lines::months;
use crate::audit::lines::read_end;
use crate::fsys;
use crate::fsys::Waiting;
use crate::model::Blake3Digest;
use crate::store::layout::Layout;
use crate::store::locks;

/// How long an append waits for others: each holds the lock for one sync of the disk.
const WAIT_MAX: Duration = Duration::from_mins(1);

/// The action of the command that frees space.
const FREES_SPACE: &str = "gc";

/// The digest before the very first line.
const NO_LINE: Blake3Digest = Blake3Digest::from_bytes([0; 32]);

/// Appends an entry whose `seq` and `prev` are filled in here; afterwards it survives a power cut.
///
/// A power cut before the sync leaves the log as it was, or with a torn last line that the next append moves aside.
pub(super) fn append(layout: &Layout, entry: &mut Entry) -> Result<(), AuditError> {
    entry.clip();
    let waiting = Waiting { wait_max: WAIT_MAX, holder: &entry.begin.command, on_wait: &|_| {} };
    let _held = locks::audit(layout, &waiting).map_err(AuditError::write)?;
    let need = if entry.begin.action == FREES_SPACE { Need::FreesSpace } else { Need::Ordinary };
    let mut attempt = || append_locked(layout, &mut *entry);
    with_reserve(&mut attempt, || release_reserve(layout, need))?;
    refill_reserve(layout);
    Ok(())
}

/// Tries once more, with the reserved space given back, where the disk is full.
fn with_reserve(attempt: &mut dyn FnMut() -> Result<(), AuditError>, release: impl FnOnce() -> Result<bool, AuditError>) -> Result<(), AuditError> {
    match attempt() {
        Err(error) if error.is_disk_full() => {
            if release()? {
                attempt()
            } else {
                Err(error)
            }
        }
        other => other,
    }
}

fn append_locked(layout: &Layout, entry: &mut Entry) -> Result<(), AuditError> {
    let months = months(layout)?;
    if months.is_empty() {
        fsys::create_dir_all(&layout.audit()).map_err(AuditError::write)?;
    }
    let head = read_head(layout)?;
    let newest = months.last();
    let end = newest.map(|month| read_end(&layout.audit_month(month))).transpose()?.unwrap_or_default();
    let (seq, prev) = next_link(last_line(layout, &months, &end)?.as_deref(), head);
    newest.map_or(Ok(()), |month| mend(layout, month, (&end, seq)))?;
    (entry.seq, entry.prev) = (seq, prev);
    // A clock that went back writes on in the newest month: the months stay in the order of the chain.
    let this_month = month_of(entry.at);
    let (month, whole_bytes) = match newest {
        Some(newest) if *newest >= this_month => (newest.as_str(), end.whole_bytes),
        _ => (this_month.as_str(), 0),
    };
    let line = entry.format();
    write_line(layout, month, whole_bytes, &line)?;
    note_head(layout, Head { seq, hash: hash_line(line.as_bytes()) });
    Ok(())
}

/// Decides the number of the next entry and the digest it chains to.
///
/// Whatever others did to the log, work goes on and the damage stays visible: after a truncation the numbers jump over the entries that are missing, and
/// after a line that cannot be read they go on from the head.
fn next_link(last: Option<&[u8]>, head: Option<Head>) -> (u64, Blake3Digest) {
    let last_seq = last.and_then(Entry::parse_seq).unwrap_or(0);
    let newest = last_seq.max(head.map_or(0, |head| head.seq));
    (newest.saturating_add(1), last.map_or(NO_LINE, hash_line))
}

/// Finds the newest whole line, given the end of the newest month: a new month's file may be empty after a crash.
fn last_line(layout: &Layout, months: &[String], newest: &FileEnd) -> Result<Option<Vec<u8>>, AuditError> {
    if newest.last.is_some() {
        return Ok(newest.last.clone());
    }
    for month in months.iter().rev().skip(1) {
        if let Some(line) = read_end(&layout.audit_month(month))?.last {
            return Ok(Some(line));
        }
    }
    Ok(None)
}

/// Moves a torn last line of the newest month aside.
///
/// After a power cut it may be both in the log and aside; the next append does the same again.
fn mend(layout: &Layout, month: &str, (end, next_seq): (&FileEnd, u64)) -> Result<(), AuditError> {
    if end.torn.is_empty() {
        return Ok(());
    }
    fsys::write_atomic(&layout.audit_torn(month, next_seq), &end.torn).map_err(AuditError::write)?;
    fsys::truncate_durable(&layout.audit_month(month), end.whole_bytes).map_err(AuditError::write)
}

/// Writes a line and its LF, or takes back what was written of it: a caller that is told of a failure has changed nothing.
fn write_line(layout: &Layout, month: &str, whole_bytes: u64, line: &str) -> Result<(), AuditError> {
    let file = layout.audit_month(month);
    fsys::append_durable(&file, format!("{line}\n").as_bytes()).map_err(|source| {
        // Where even this fails the line stays, whole or torn; a begin without an end then says what is true: the command did not get further.
        let _ = fsys::truncate_durable(&file, whole_bytes);
        AuditError::write(source)
    })
}

pub(super) fn hash_line(line: &[u8]) -> Blake3Digest {
    Blake3Digest::of(line)
}

pub(super) fn month_of(at: Timestamp) -> String {
    at.strftime("%Y-%m").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fsys::FsError;
    use std::io;
    use std::path::Path;

    fn failure(kind: io::ErrorKind) -> AuditError {
        AuditError::write(FsError::io("append to", Path::new("log"), kind))
    }

    #[track_caller]
    fn check_reserve(first: Option<io::ErrorKind>, reserved: bool, attempts: u32, succeeds: bool) {
        let mut made = 0;
        let mut attempt = || {
            made += 1;
            first.filter(|_| made == 1).map_or(Ok(()), |kind| Err(failure(kind)))
        };
        let result = with_reserve(&mut attempt, || Ok(reserved));
        assert_eq!((made, result.is_ok()), (attempts, succeeds), "{first:?}");
    }

    #[test]
    fn the_reserve_is_for_a_full_disk_only() {
        check_reserve(None, true, 1, true);
        check_reserve(Some(io::ErrorKind::StorageFull), true, 2, true);
        check_reserve(Some(io::ErrorKind::QuotaExceeded), true, 2, true);
        check_reserve(Some(io::ErrorKind::StorageFull), false, 1, false);
        check_reserve(Some(io::ErrorKind::PermissionDenied), true, 1, false);
    }

    #[test]
    fn links_go_on_and_hide_nothing() {
        let head = |seq| Some(Head { seq, hash: NO_LINE });
        let line = b"not an entry";
        assert_eq!(next_link(None, None), (1, NO_LINE));
        assert_eq!(next_link(None, head(9)), (10, NO_LINE), "everything was cut off");
        assert_eq!(next_link(Some(line), head(9)), (10, hash_line(line)));
        assert_eq!(next_link(Some(line), head(u64::MAX)), (u64::MAX, hash_line(line)));
    }
}
