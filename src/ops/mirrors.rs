//! Mirrors: other addresses of the same registry, asked before its own.
//!
//! Which addresses are asked is decided by spelling alone; then they are asked in order until one has an answer. A mirror that fails, or lacks a file, is
//! passed over, and a note says so. What comes from a mirror is no more trusted than what comes from the registry: index documents are checked against the
//! registry's keys, archives against the lockfile's digests.

use std::io::Read;
use std::sync::Arc;

use crate::net::Answer;
use crate::net::Body;
use crate::net::Changed;
use crate::net::Fetched;
use crate::net::NetError;
use crate::net::Precondition;
use crate::net::Revision;
use crate::net::Transport;
use crate::net::Written;
use crate::ops::Event;
use crate::ops::Report;

/// One rule of the settings: addresses that begin so are asked for there first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// How the addresses begin: `https://packs.example.org/`.
    pub from: String,
    /// What stands in its place, in the order of asking.
    pub to: Vec<String>,
    /// Whether the original is never asked.
    pub only: bool,
}

/// Gives the addresses of a registry in the order of asking: by the first rule that fits, its mirrors, then the original unless the rule forbids it.
pub(super) fn addresses(mirrors: &[Mirror], address: &str) -> Vec<String> {
    let rewritten = |mirror: &Mirror| Some((mirror.only, rest_after(address, &mirror.from)?, mirror.to.clone()));
    let Some((only, rest, to)) = mirrors.iter().find_map(rewritten) else { return vec![address.to_owned()] };
    let mirrored = to.iter().map(|base| joined(base, rest));
    mirrored.chain((!only).then(|| address.to_owned())).collect()
}

/// Gives what follows a prefix, if the prefix ends where a component does: `https://a/b` is no prefix of `https://a/bc`.
fn rest_after<'a>(address: &'a str, from: &str) -> Option<&'a str> {
    let rest = address.strip_prefix(from.trim_end_matches('/'))?;
    (rest.is_empty() || rest.starts_with('/')).then(|| rest.trim_start_matches('/'))
}

fn joined(base: &str, rest: &str) -> String {
    let base = base.trim_end_matches('/');
    if rest.is_empty() { base.to_owned() } else { format!("{base}/{rest}") }
}

/// Several addresses of one registry as one: each reading is answered by the first that can.
///
/// States of files are told apart by who named them, so that two mirrors' names for states are never taken for each other.
pub(super) struct Mirrored {
    addresses: Vec<Box<dyn Transport>>,
    report: Arc<dyn Report>,
}

impl Mirrored {
    /// Takes the addresses in the order of asking; at least one.
    pub(super) fn new(addresses: Vec<Box<dyn Transport>>, report: Arc<dyn Report>) -> Self {
        assert!(!addresses.is_empty(), "a registry has an address");
        Mirrored { addresses, report }
    }

    /// Asks one after the other; absent is the answer only where the last one asked has it so.
    fn first<T>(&self, path: &str, ask: impl Fn(usize, &dyn Transport) -> Result<Answer<T>, NetError>) -> Result<Answer<T>, NetError> {
        let (last, before) = self.addresses.split_last().expect("there is one");
        for (index, transport) in before.iter().enumerate() {
            match ask(index, &**transport) {
                Ok(Answer::Found(found)) => return Ok(Answer::Found(found)),
                Ok(Answer::Absent) => {}
                Ok(Answer::Offline) => self.passed_over(&**transport, path, "it is offline"),
                Err(error) => self.passed_over(&**transport, path, &error.to_string()),
            }
        }
        ask(before.len(), &**last)
    }

    fn passed_over(&self, mirror: &dyn Transport, path: &str, reason: &str) {
        self.report.event(Event::Detail(format!("the mirror {} is passed over for {path}: {reason}", mirror.describe())));
    }
}

impl Transport for Mirrored {
    fn read(&self, path: &str, bytes_max: u64) -> Result<Answer<Fetched>, NetError> {
        self.first(path, |index, transport| transport.read(path, bytes_max)?.try_map(|fetched| Ok(named(index, fetched))))
    }

    fn read_changed(&self, path: &str, bytes_max: u64, known: &Revision) -> Result<Answer<Changed>, NetError> {
        self.first(path, |index, transport| match named_by(index, known) {
            None => transport.read(path, bytes_max)?.try_map(|fetched| Ok(Changed::Other(named(index, fetched)))),
            Some(known) => transport.read_changed(path, bytes_max, &known)?.try_map(|changed| {
                Ok(match changed {
                    Changed::Same => Changed::Same,
                    Changed::Other(fetched) => Changed::Other(named(index, fetched)),
                })
            }),
        })
    }

    fn open_at(&self, path: &str, offset: u64, known: Option<&Revision>) -> Result<Answer<Body>, NetError> {
        self.first(path, |index, transport| {
            let own = known.and_then(|known| named_by(index, known));
            // What another mirror began is begun anew here, unless no state was named at all: then the archive's digest decides.
            let offset = if known.is_some() && own.is_none() { 0 } else { offset };
            let body = transport.open_at(path, offset, own.as_ref())?;
            body.try_map(|body| Ok(Body { revision: body.revision.map(|revision| name(index, &revision)), ..body }))
        })
    }

    /// Nothing is written through mirrors: a registry to write to is opened at its own address.
    fn write_from(&self, _path: &str, _content: &mut dyn Read, _when: &Precondition) -> Result<Written, NetError> {
        Err(NetError::NotAsked { root: self.describe() })
    }

    fn describe(&self) -> String {
        self.addresses.iter().map(|transport| transport.describe()).collect::<Vec<_>>().join(", then ")
    }
}

fn named(index: usize, fetched: Fetched) -> Fetched {
    Fetched { revision: name(index, &fetched.revision), ..fetched }
}

fn name(index: usize, revision: &Revision) -> Revision {
    Revision::new(format!("{index} {}", revision.as_str()))
}

fn named_by(index: usize, revision: &Revision) -> Option<Revision> {
    let (by, tag) = revision.as_str().split_once(' ')?;
    (by == index.to_string()).then(|| Revision::new(tag))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn rule(from: &str, to: &[&str], only: bool) -> Mirror {
        Mirror { from: from.into(), to: to.iter().map(|&to| to.to_owned()).collect(), only }
    }

    #[track_caller]
    fn check(mirrors: &[Mirror], address: &str, expected: &[&str]) {
        assert_eq!(addresses(mirrors, address), expected, "{address}");
    }

    #[test]
    fn addresses_are_rewritten_by_the_first_rule_that_fits() {
        let rules = [
            rule("https://packs.example.org/main/", &["https://near/main", "s3://copy/main/"], false),
            rule("https://packs.example.org", &["https://far"], true),
        ];
        check(&rules, "https://packs.example.org/main", &["https://near/main", "s3://copy/main", "https://packs.example.org/main"]);
        check(&rules, "https://packs.example.org/main/eu", &["https://near/main/eu", "s3://copy/main/eu", "https://packs.example.org/main/eu"]);
        check(&rules, "https://packs.example.org/mainly", &["https://far/mainly"]);
        check(&rules, "https://packs.example.org.evil/main", &["https://packs.example.org.evil/main"]);
        check(&[], "s3://bucket", &["s3://bucket"]);
    }

    /// Answers every reading with one text, or fails.
    struct Fixed(&'static str, Option<&'static str>);

    impl Transport for Fixed {
        fn read(&self, path: &str, _bytes_max: u64) -> Result<Answer<Fetched>, NetError> {
            match self.1 {
                Some("") => Ok(Answer::Absent),
                Some(text) => Ok(Answer::Found(Fetched { bytes: text.into(), revision: Revision::new("tag") })),
                None => Err(NetError::TooLarge { root: self.describe(), path: path.into(), bytes_max: 1 }),
            }
        }
        fn open_at(&self, path: &str, offset: u64, known: Option<&Revision>) -> Result<Answer<Body>, NetError> {
            assert!(known.is_none_or(|known| known.as_str() == "tag"));
            self.read(path, 1)?.try_map(|_| Ok(Body { offset, size: None, revision: Some(Revision::new("tag")), reader: Box::new(std::io::empty()) }))
        }
        fn write_from(&self, _: &str, _: &mut dyn Read, _: &Precondition) -> Result<Written, NetError> {
            Ok(Written::Done)
        }
        fn describe(&self) -> String {
            self.0.to_owned()
        }
    }

    #[derive(Default)]
    struct Notes(Mutex<Vec<String>>);
    impl Report for Notes {
        fn event(&self, event: Event) {
            if let Event::Detail(text) = event {
                self.0.lock().expect("no panic").push(text);
            }
        }
    }

    fn mirrored(all: Vec<Fixed>) -> (Mirrored, Arc<Notes>) {
        let notes = Arc::new(Notes::default());
        let all = all.into_iter().map(|one| Box::new(one) as Box<dyn Transport>).collect();
        (Mirrored::new(all, Arc::clone(&notes) as Arc<dyn Report>), notes)
    }

    #[test]
    fn a_mirror_that_fails_or_lacks_a_file_is_passed_over() {
        let (all, notes) = mirrored(vec![Fixed("one", None), Fixed("two", Some("")), Fixed("three", Some("text"))]);
        let Answer::Found(fetched) = all.read("a", 9).expect("an answer") else { panic!("it is there") };
        assert_eq!((fetched.bytes, fetched.revision.as_str()), (b"text".to_vec(), "2 tag"));
        assert_eq!(*notes.0.lock().expect("no panic"), ["the mirror one is passed over for a: a of one is larger than 1 bytes"]);
        let (none, _) = mirrored(vec![Fixed("one", Some("text")), Fixed("two", None)]);
        assert!(matches!(none.read("a", 9), Ok(Answer::Found(_))));
        let (failed, _) = mirrored(vec![Fixed("one", Some("")), Fixed("two", None)]);
        assert!(failed.read("a", 9).is_err(), "the last one's failure is the answer");
    }

    #[test]
    fn a_state_is_only_known_to_who_named_it() {
        let (all, _) = mirrored(vec![Fixed("one", Some("text"))]);
        let offset = |known: Option<&str>| {
            let Ok(Answer::Found(body)) = all.open_at("a", 7, known.map(Revision::new).as_ref()) else { panic!("it is there") };
            body.offset
        };
        assert_eq!((offset(Some("0 tag")), offset(Some("1 tag")), offset(None)), (7, 0, 7));
    }
}
