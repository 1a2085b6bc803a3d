//! The index cache: documents of registries that are not on this machine, kept in the home with the state they had.
//!
//! Nothing is believed because it is cached. Each document is asked for again, once per command (`memo`), with the state it had (an `ETag`): a registry that says it
//! is the same spares its bytes, no more. Only where the network may not be asked is the cache the answer, and how old it is is said.
//!
//! A document is kept once its reader believes it (`Transport::accept`): one that is refused, or a registry that lacks it for once, leaves the one before in
//! its place, so that `--offline` still has it.
//!
//! Protocol: an entry is one file, a line of JSON with the digest of everything in it, then the document's bytes. It is written under another name and
//! renamed, unsynced: whoever reads sees one entry or another, and what a power cut or a hand damaged has another digest and counts as not there. Any of it
//! may be deleted at any time. What a failed write would have kept is fetched again.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;

use jiff::SignedDuration;
use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::fsys;
use crate::net::Answer;
use crate::net::Body;
use crate::net::Changed;
use crate::net::Fetched;
use crate::net::NetError;
use crate::net::Precondition;
use crate::net::Revision;
use crate::net::Transport;
use crate::net::Written;
use crate::ops::Context;
use crate::ops::Event;
use crate::ops::Memo;
use crate::ops::Report;
use crate::registry::NAMES_FILE;

/// Bytes that an entry has besides its document's, at most.
const HEAD_BYTES_MAX: u64 = 64 * 1024;

/// How old the note of the last asking may become before it is written anew: it only serves to say how old the cache is.
const NOTE_AGE_MAX: SignedDuration = SignedDuration::from_mins(10);

/// What the first line of an entry says.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    schema: String,
    /// The document's path in the registry.
    path: String,
    /// The state that the registry named.
    revision: String,
    /// When the registry was asked last.
    asked_at: Timestamp,
    /// The BLAKE3 of path, state and document, each with its length before it.
    digest: String,
}

/// An entry that is whole.
struct Entry {
    fetched: Fetched,
    asked_at: Timestamp,
}

const SCHEMA: &str = "packs.index-cache/1";

/// A registry whose index documents are kept.
pub(super) struct Cached {
    inner: Box<dyn Transport>,
    address: String,
    directory: PathBuf,
    now: Timestamp,
    memo: Arc<Memo>,
    report: Arc<dyn Report>,
    /// What was read and nobody has accepted yet, by path.
    unjudged: Mutex<BTreeMap<String, Fetched>>,
}

impl Cached {
    /// Keeps what is read of the registry at this address.
    pub(super) fn new(inner: Box<dyn Transport>, address: &str, context: &Context) -> Self {
        Cached {
            inner,
            address: address.to_owned(),
            directory: directory(context, address),
            now: context.now(),
            memo: Arc::clone(&context.memo),
            report: Arc::clone(&context.report),
            unjudged: Mutex::new(BTreeMap::new()),
        }
    }

    fn entry(&self, path: &str, bytes_max: u64) -> Option<Entry> {
        let bytes = fsys::read_cached(&self.directory.join(path), bytes_max.saturating_add(HEAD_BYTES_MAX)).ok()??;
        parse(&bytes, path).filter(|entry| entry.fetched.bytes.len() as u64 <= bytes_max)
    }

    /// Holds what was read until its reader has judged it; nothing where there is nothing new.
    fn hold(&self, path: &str, fetched: Option<&Fetched>) {
        let mut unjudged = self.unjudged.lock().expect("no holder panics");
        match fetched {
            Some(fetched) => drop(unjudged.insert(path.to_owned(), fetched.clone())),
            None => drop(unjudged.remove(path)),
        }
    }

    /// Writes an entry; a cache that cannot be written is no failure.
    fn keep(&self, path: &str, fetched: &Fetched) {
        let _ = write_cached(&self.directory.join(path), &format(path, fetched, self.now));
    }

    /// Says once how old the cache is that stands in for the registry.
    fn tell_age(&self, asked_at: Timestamp) {
        if self.memo.is_first(&format!("offline {}", self.address)) {
            let age = age(self.now.duration_since(asked_at));
            self.report.event(Event::Note(format!("offline: what {} has is taken from the index cache, {age} old", self.inner.describe())));
        }
    }

    /// Asks the registry for a document, with the state it had where it is known; offline the cache answers.
    fn ask(&self, path: &str, bytes_max: u64) -> Result<Answer<Fetched>, NetError> {
        let Some(entry) = self.entry(path, bytes_max) else {
            let answer = self.inner.read(path, bytes_max)?;
            if let Answer::Found(fetched) = &answer {
                self.hold(path, Some(fetched));
            }
            return Ok(answer);
        };
        self.hold(path, None);
        Ok(match self.inner.read_changed(path, bytes_max, &entry.fetched.revision)? {
            Answer::Found(Changed::Same) => {
                if self.now.duration_since(entry.asked_at) > NOTE_AGE_MAX {
                    self.keep(path, &entry.fetched);
                }
                Answer::Found(entry.fetched)
            }
            Answer::Found(Changed::Other(fetched)) => {
                self.hold(path, Some(&fetched));
                Answer::Found(fetched)
            }
            Answer::Absent => Answer::Absent,
            Answer::Offline => {
                self.tell_age(entry.asked_at);
                Answer::Found(entry.fetched)
            }
        })
    }
}

/// Gives the bytes of a document of the registry at an address as they were read last, in this command or before.
pub(super) fn known(context: &Context, address: &str, path: &str, bytes_max: u64) -> Option<Vec<u8>> {
    let kept = || {
        let bytes = fsys::read_optional(&directory(context, address).join(path), bytes_max.saturating_add(HEAD_BYTES_MAX)).ok()??;
        parse(&bytes, path).map(|entry| entry.fetched)
    };
    context.memo.document(address, path).and_then(Answer::found).or_else(kept).map(|fetched| fetched.bytes)
}

fn directory(context: &Context, address: &str) -> PathBuf {
    context.layout.index_cache(&blake3::hash(address.as_bytes()).to_hex()[..32])
}

impl Transport for Cached {
    fn read(&self, path: &str, bytes_max: u64) -> Result<Answer<Fetched>, NetError> {
        if !is_kept(path) {
            return self.inner.read(path, bytes_max);
        }
        if let Some(answer) = self.memo.document(&self.address, path) {
            return Ok(answer);
        }
        let answer = self.ask(path, bytes_max)?;
        if is_index(path) {
            self.memo.keep_document(&self.address, path, answer.clone());
        }
        Ok(answer)
    }

    fn read_changed(&self, path: &str, bytes_max: u64, known: &Revision) -> Result<Answer<Changed>, NetError> {
        self.inner.read_changed(path, bytes_max, known)
    }

    fn open_at(&self, path: &str, offset: u64, known: Option<&Revision>) -> Result<Answer<Body>, NetError> {
        self.inner.open_at(path, offset, known)
    }

    fn write_from(&self, path: &str, content: &mut dyn Read, when: &Precondition) -> Result<Written, NetError> {
        self.inner.write_from(path, content, when)
    }

    fn list(&self, directory: &str) -> Result<Option<Vec<String>>, NetError> {
        self.inner.list(directory)
    }

    fn accept(&self, path: &str) {
        // Apart, so that the lock is free again before the disk is written.
        let accepted = self.unjudged.lock().expect("no holder panics").remove(path);
        if let Some(fetched) = accepted {
            self.keep(path, &fetched);
        }
    }

    fn pass_over(&self, path: &str, why: &str) -> bool {
        self.hold(path, None);
        self.memo.forget_document(&self.address, path);
        self.inner.pass_over(path, why)
    }

    fn describe_answer(&self, path: &str) -> String {
        self.inner.describe_answer(path)
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

/// Writes a file of a cache: under another name first, then in the place of whatever is there; unsynced.
///
/// # Errors
/// Those of the disk; the file is then as it was.
pub(super) fn write_cached(file: &Path, bytes: &[u8]) -> Result<(), fsys::FsError> {
    let parent = file.parent().expect("it lies in the cache");
    fsys::create_dir_all(parent)?;
    fsys::remove_unless_file(file)?;
    let temporary = parent.join(format!(".{}.tmp", fsys::random_id()?));
    let written = fsys::write_new(&temporary, bytes, 0o600).and_then(|()| fsys::rename(&temporary, file));
    if written.is_err() {
        let _ = fsys::remove_file(&temporary);
    }
    written
}

/// Index documents and the list of names are kept; archives have a cache of their own.
fn is_kept(path: &str) -> bool {
    is_index(path) || path == NAMES_FILE
}

fn is_index(path: &str) -> bool {
    path.starts_with("index/")
}

fn format(path: &str, fetched: &Fetched, asked_at: Timestamp) -> Vec<u8> {
    let revision = fetched.revision.as_str().to_owned();
    let head = Head { schema: SCHEMA.to_owned(), path: path.to_owned(), digest: digest(path, &revision, &fetched.bytes), revision, asked_at };
    let mut entry = serde_json::to_vec(&head).expect("the head has text keys only");
    entry.push(b'\n');
    entry.extend_from_slice(&fetched.bytes);
    entry
}

fn parse(entry: &[u8], path: &str) -> Option<Entry> {
    let end = entry.iter().position(|byte| *byte == b'\n')?;
    let (head, bytes) = (serde_json::from_slice::<Head>(&entry[..end]).ok()?, &entry[end + 1..]);
    let is_whole = head.schema == SCHEMA && head.path == path && head.digest == digest(path, &head.revision, bytes);
    is_whole.then(|| Entry { fetched: Fetched { bytes: bytes.to_vec(), revision: Revision::new(head.revision) }, asked_at: head.asked_at })
}

fn digest(path: &str, revision: &str, bytes: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [path.as_bytes(), revision.as_bytes(), bytes] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().to_hex().to_string()
}

/// Writes an age for people, in the largest unit that fits.
fn age(age: SignedDuration) -> String {
    let seconds = age.as_secs().max(0);
    let (count, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetched(text: &str) -> Fetched {
        Fetched { bytes: text.into(), revision: Revision::new("\"a b\"") }
    }

    #[test]
    fn an_entry_is_read_as_it_was_kept_or_not_at_all() {
        let entry = format("index/ka/kanban.json", &fetched("{\n}\n"), Timestamp::UNIX_EPOCH);
        let read = parse(&entry, "index/ka/kanban.json").expect("whole");
        assert_eq!((read.fetched, read.asked_at), (fetched("{\n}\n"), Timestamp::UNIX_EPOCH));
        assert!(parse(&entry, "index/ka/kanbam.json").is_none(), "another document's entry");
        for at in 0..entry.len() {
            let mut damaged = entry.clone();
            damaged[at] ^= 1;
            let read = parse(&damaged, "index/ka/kanban.json");
            assert!(read.is_none_or(|read| read.fetched == fetched("{\n}\n")), "byte {at}");
            assert!(parse(&entry[..at], "index/ka/kanban.json").is_none(), "cut at {at}");
        }
    }

    #[test]
    fn ages_are_said_in_the_largest_unit() {
        for (seconds, expected) in [(0, "0 seconds"), (1, "1 second"), (119, "1 minute"), (7200, "2 hours"), (90_000, "1 day"), (-5, "0 seconds")] {
            assert_eq!(age(SignedDuration::from_secs(seconds)), expected);
        }
    }
}
