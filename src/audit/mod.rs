//! The audit log: who did what, when, from where, why, and how it ended.
//!
//! Knows entries and their chain; knows nothing of what the commands do. Reads no clock and no user: both are arguments.
//!
//! # Protocol
//! - One JSON object per line in `audit/<year>-<month>.jsonl`. `seq` counts all entries of the home from 1; `prev` is the BLAKE3 of the line before, without
//!   its LF, across months; zeros in the very first.
//! - A changing command writes its `begin` before its first change and its `end` after its last (`Log::begin`, `Log::end`). Each is synced before the
//!   command goes on. A `begin` without an `end` is shown as interrupted.
//! - Appends hold the kernel lock `locks/audit`, the last in the order of `store/locks.rs`, for one line each. Readers take no lock and write nothing, so they
//!   work on a home that cannot be written.
//! - `audit/head` names the newest entry. It is overwritten after the entry is synced, so it may lag after a power cut, but never leads: a log that ends before
//!   its head was cut off.
//! - A last line without LF is an append that a crash cut off, since a line and its LF are one write. The next append moves it aside to
//!   `<month>.torn-<seq>`. It is never taken for tampering, and tampering never for it: the head of a log cut off within a line still names the missing entry.
//! - `audit/reserve` holds 64 KiB for the day when the disk is full: an append that finds no space removes it, tries once more, and reserves again what fits.
//!   The last 8 KiB are for `gc` only, so that it can always begin.
//!
//! # What it proves
//! Every change to a line, a line removed or added in between, and a cut end are found by `Log::verify`. Somebody who may write the home and recomputes the
//! whole chain and the head is not found out; whoever needs that keeps the last `seq` and digest elsewhere.

mod append;
mod chain;
mod entry;
mod error;
mod head;
mod history;
mod lines;

use jiff::Timestamp;

use crate::fsys;
use crate::model::Blake3Digest;
use crate::store::layout::Layout;

pub use chain::Verified;
pub use entry::Begin;
pub use entry::CommandResult;
pub use entry::End;
pub use entry::Entry;
pub use entry::LINE_BYTES_MAX;
pub use entry::Phase;
pub use error::AuditError;
pub use history::Event;
pub use history::EventResult;
pub use history::Filter;
pub use history::Sought;

/// The audit log of a home.
#[derive(Debug, Clone)]
pub struct Log {
    layout: Layout,
}

/// A command whose begin is written and whose end is not.
#[derive(Debug)]
#[must_use = "a begin without an end is shown as interrupted"]
pub struct Pending {
    begin: Begin,
    id: String,
}

impl Pending {
    /// Gives what ties the command's entries.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl Log {
    /// Makes the log of a home; touches nothing.
    pub fn new(layout: &Layout) -> Log {
        Log { layout: layout.clone() }
    }

    /// Writes that a command begins; afterwards that survives a power cut, and the command may make its first change.
    ///
    /// # Errors
    /// [`AuditError::Write`] where it could not be written, [`AuditError::Read`] where the log's end could not be read: the command must not begin.
    pub fn begin(&self, begin: Begin, now: Timestamp) -> Result<Pending, AuditError> {
        let id = fsys::random_id().map_err(AuditError::write)?;
        let pending = Pending { begin, id };
        append::append(&self.layout, &mut entry_of(pending.begin.clone(), pending.id.clone(), now))?;
        Ok(pending)
    }

    /// Writes how a command ended; afterwards that survives a power cut.
    ///
    /// # Errors
    /// As [`Log::begin`]; what the command has done stays done.
    pub fn end(&self, pending: Pending, end: End, now: Timestamp) -> Result<(), AuditError> {
        let begin = Begin { packs: end.packs, ..pending.begin };
        let entry = entry_of(begin, pending.id, now);
        append::append(&self.layout, &mut Entry { phase: Phase::End, result: Some(end.result), error: end.error, ..entry })
    }

    /// Reads the events that a filter asks for, oldest first. A line being written at this moment is not there yet.
    ///
    /// # Errors
    /// [`AuditError::Broken`] names the first line that is no entry; the chain is not looked at.
    pub fn read(&self, filter: &Filter) -> Result<Vec<Event>, AuditError> {
        history::read(&self.layout, filter)
    }

    /// Recomputes the whole chain.
    ///
    /// # Errors
    /// [`AuditError::Broken`] names the first line that does not follow from the one before; [`AuditError::Truncated`] tells that the end is missing.
    pub fn verify(&self) -> Result<Verified, AuditError> {
        chain::verify(&self.layout)
    }
}

/// Makes the entry of a begin; its place in the chain is decided under the lock.
fn entry_of(begin: Begin, id: String, now: Timestamp) -> Entry {
    Entry { seq: 0, at: now, phase: Phase::Begin, begin, result: None, error: None, prev: Blake3Digest::from_bytes([0; 32]), id, packs_left_out: 0 }
}

#[cfg(test)]
mod tests;
