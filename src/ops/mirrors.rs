//! Mirrors: other addresses of the same registry, asked before its own.
//!
//! Which addresses are asked is decided by spelling alone; then they are asked in order until one has an answer. A mirror that fails, or lacks a file, is
//! passed over; one that does not answer at all is passed over until the command ends, and a note says so. One whose index is older than what was seen, or
//! whose file is not what was promised or cannot be read, is passed over for that file (`Transport::pass_over`), and a note says so. That a file is not there is believed of the registry itself; of mirrors alone, only if each of
//! them says so: one that is down may have it, and who believed the others would look for the pack elsewhere. What comes from a mirror is no more trusted than what comes from the registry: index documents are checked against the
//! registry's keys, archives against the lockfile's digests.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;
use std::sync::Mutex;

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
    places: Vec<Place>,
    end: End,
    memo: Arc<Memo>,
    report: Arc<dyn Report>,
    progress: Mutex<BTreeMap<String, Progress>>,
}

/// One address.
struct Place {
    /// What falls silent together: the server, or the whole address where there is none.
    host: String,
    transport: Box<dyn Transport>,
}

/// Who is asked last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The registry itself: its word counts.
    Registry,
    /// A mirror, as any other.
    Mirror,
}

/// How far the asking for a file has come.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    /// The first place that may be asked: those before it are behind.
    from: usize,
    /// The place that answered last.
    answered: usize,
}

impl Mirrored {
    /// Opens the addresses of a registry, in the order of asking; at least one.
    pub(super) fn open(
        context: &Context,
        registry: &str,
        addresses: &[String],
        open: impl Fn(&Context, &str) -> Result<Box<dyn Transport>, NetError>,
    ) -> Result<Mirrored, NetError> {
        let place = |address: &String| Ok(Place { host: host_of(address), transport: open(context, address)? });
        let end = if addresses.last().is_some_and(|last| last == registry) { End::Registry } else { End::Mirror };
        let places = addresses.iter().map(place).collect::<Result<Vec<_>, NetError>>()?;
        Ok(Mirrored::new(places, end, Arc::clone(&context.memo), Arc::clone(&context.report)))
    }

    fn new(places: Vec<Place>, end: End, memo: Arc<Memo>, report: Arc<dyn Report>) -> Mirrored {
        assert!(!places.is_empty(), "a registry has an address");
        Mirrored { places, end, memo, report, progress: Mutex::new(BTreeMap::new()) }
    }

    /// Asks one after the other.
    fn first<T>(&self, path: &str, ask: impl Fn(usize, &dyn Transport) -> Result<Answer<T>, NetError>) -> Result<Answer<T>, NetError> {
        let (from, last) = (self.progress(path).from, self.places.len() - 1);
        let (mut undecided, mut skipped) = (None, None);
        for (index, place) in self.places.iter().enumerate().skip(from) {
            if index < last && self.memo.is_silent(&place.host) {
                skipped.get_or_insert(index);
                continue;
            }
            match ask(index, &*place.transport) {
                Ok(Answer::Found(found)) => {
                    self.progress.lock().expect("no holder panics").insert(path.to_owned(), Progress { from, answered: index });
                    return Ok(Answer::Found(found));
                }
                answer if index == last && (self.end == End::Registry || answer.is_err()) => return answer,
                Ok(Answer::Absent) => {}
                Ok(Answer::Offline) => {
                    self.passed_over(place, path, "it is offline");
                    undecided.get_or_insert(Ok(Answer::Offline));
                }
                Err(error) => {
                    self.failed(place, path, &error);
                    undecided.get_or_insert(Err(error));
                }
            }
        }
        match (undecided, skipped) {
            (Some(undecided), _) => undecided,
            // Its failure is the answer, and only it can tell which one.
            (None, Some(index)) => ask(index, &*self.places[index].transport),
            (None, None) => Ok(Answer::Absent),
        }
    }

    fn progress(&self, path: &str) -> Progress {
        self.progress.lock().expect("no holder panics").get(path).copied().unwrap_or_default()
    }

    fn failed(&self, place: &Place, path: &str, error: &NetError) {
        if !is_silence(error) {
            self.passed_over(place, path, &error.to_string());
        } else if self.memo.fall_silent(&place.host) {
            self.report.event(Event::Note(format!("the mirror {} does not answer, and is passed over from now on: {error}", place.transport.describe())));
        }
    }

    /// Leaves behind the place that answered last for a file, if there is another after it; names it.
    fn step_over(&self, path: &str) -> Option<String> {
        let mut progress = self.progress.lock().expect("no holder panics");
        let reached = progress.get_mut(path)?;
        if reached.answered + 1 >= self.places.len() {
            return None;
        }
        reached.from = reached.answered + 1;
        Some(self.places[reached.answered].transport.describe())
    }

    /// Says once in a command that what a mirror gives is not believed: one that lags behind or is damaged mostly is so in many files.
    fn tell_not_believed(&self, mirror: &str, why: &str) {
        let text = format!("the mirror {mirror} is passed over: {why}");
        let is_first = self.memo.is_first(&format!("not believed {mirror}"));
        self.report.event(if is_first { Event::Note(text) } else { Event::Detail(text) });
    }

    fn passed_over(&self, place: &Place, path: &str, reason: &str) {
        self.report.event(Event::Detail(format!("the mirror {} is passed over for {path}: {reason}", place.transport.describe())));
    }
}

/// Tells whether nobody is there, so that asking for the next file would end no better.
fn is_silence(error: &NetError) -> bool {
    matches!(error, NetError::Unreachable { .. } | NetError::Timeout { .. } | NetError::NoRegistry { .. })
}

/// Gives the part of an address that names the server: `https://mirror.local:8080`.
fn host_of(address: &str) -> String {
    let web = address.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"));
    web.map_or_else(|| address.to_owned(), |(scheme, rest)| format!("{scheme}://{}", rest.split(['/', '?', '#']).next().unwrap_or_default()))
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

    fn pass_over(&self, path: &str, why: &str) -> bool {
        let Some(mirror) = self.step_over(path) else { return false };
        self.tell_not_believed(&mirror, why);
        true
    }

    fn describe_answer(&self, path: &str) -> String {
        let reached = self.progress.lock().expect("no holder panics").get(path).copied();
        reached.map_or_else(|| self.describe(), |reached| self.places[reached.answered].transport.describe())
    }

    fn describe(&self) -> String {
        self.places.iter().map(|place| place.transport.describe()).collect::<Vec<_>>().join(", then ")
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
    use std::time::Duration;

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

    /// How a place answers every reading.
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Says {
        Text(&'static str),
        Absent,
        Offline,
        Fails,
        Nothing,
    }

    struct Fixed(&'static str, Says, Arc<Mutex<usize>>);

    impl Transport for Fixed {
        fn read(&self, path: &str, _bytes_max: u64) -> Result<Answer<Fetched>, NetError> {
            *self.2.lock().expect("no panic") += 1;
            match self.1 {
                Says::Absent => Ok(Answer::Absent),
                Says::Offline => Ok(Answer::Offline),
                Says::Text(text) => Ok(Answer::Found(Fetched { bytes: text.into(), revision: Revision::new("tag") })),
                Says::Fails => Err(NetError::TooLarge { root: self.describe(), path: path.into(), bytes_max: 1 }),
                Says::Nothing => Err(NetError::Timeout { address: self.describe(), missing: "no answer came", limit: Duration::from_secs(3) }),
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
            let (Event::Detail(text) | Event::Note(text)) = event else { return };
            self.0.lock().expect("no panic").push(text);
        }
    }

    /// Places that answer so, called `one`, `two` and so on, with what they note and how often they are asked.
    struct World {
        all: Mirrored,
        notes: Arc<Notes>,
        asked: Vec<Arc<Mutex<usize>>>,
    }

    impl World {
        fn new(says: &[Says], end: End) -> World {
            let (notes, asked): (_, Vec<Arc<Mutex<usize>>>) = (Arc::new(Notes::default()), says.iter().map(|_| Arc::default()).collect());
            let place = |((name, says), asked): ((&'static str, &Says), &Arc<Mutex<usize>>)| Place {
                host: name.to_owned(),
                transport: Box::new(Fixed(name, *says, Arc::clone(asked))),
            };
            let places = ["one", "two", "three"].into_iter().zip(says).zip(&asked).map(place).collect();
            World { all: Mirrored::new(places, end, Arc::default(), Arc::clone(&notes) as Arc<dyn Report>), notes, asked }
        }

        fn read(&self) -> String {
            match self.all.read("a", 9) {
                Ok(Answer::Found(fetched)) => format!("{} {}", String::from_utf8(fetched.bytes).expect("text"), fetched.revision.as_str()),
                Ok(Answer::Absent) => "absent".to_owned(),
                Ok(Answer::Offline) => "offline".to_owned(),
                Err(error) => error.to_string(),
            }
        }

        fn notes(&self) -> Vec<String> {
            self.notes.0.lock().expect("no panic").clone()
        }

        fn asked(&self) -> Vec<usize> {
            self.asked.iter().map(|asked| *asked.lock().expect("no panic")).collect()
        }
    }

    #[test]
    fn a_mirror_that_fails_or_lacks_a_file_is_passed_over() {
        let world = World::new(&[Says::Fails, Says::Absent, Says::Text("text")], End::Registry);
        assert_eq!(world.read(), "text 2 tag");
        assert_eq!(world.notes(), ["the mirror one is passed over for a: a of one is larger than 1 bytes"]);
    }

    #[test]
    fn that_a_file_is_not_there_is_believed_of_the_registry_or_of_all_mirrors() {
        use Says::Absent;
        use Says::Fails;
        use Says::Nothing;
        use Says::Offline;
        let check = |says: &[Says], end: End, expected: &str| assert_eq!(World::new(says, end).read(), expected);
        check(&[Fails, Absent], End::Registry, "absent");
        check(&[Offline, Absent], End::Registry, "absent");
        check(&[Absent, Fails], End::Registry, "a of two is larger than 1 bytes");
        check(&[Absent, Offline], End::Registry, "offline");
        check(&[Absent, Absent], End::Mirror, "absent");
        check(&[Fails, Absent], End::Mirror, "a of one is larger than 1 bytes");
        check(&[Absent, Fails], End::Mirror, "a of two is larger than 1 bytes");
        check(&[Offline, Absent], End::Mirror, "offline");
        let down = World::new(&[Nothing, Absent], End::Mirror);
        assert_eq!((down.read(), down.read()), ("one: no answer came for 3 s".to_owned(), "one: no answer came for 3 s".to_owned()));
    }

    #[test]
    fn a_mirror_that_does_not_answer_is_asked_once() {
        let world = World::new(&[Says::Nothing, Says::Text("text")], End::Registry);
        assert_eq!((world.read(), world.read()), ("text 1 tag".to_owned(), "text 1 tag".to_owned()));
        assert_eq!(world.notes(), ["the mirror one does not answer, and is passed over from now on: one: no answer came for 3 s"]);
        assert_eq!(world.asked(), [1, 2]);
    }

    #[test]
    fn a_mirror_that_is_behind_is_passed_over_for_that_file() {
        let world = World::new(&[Says::Text("old"), Says::Text("older"), Says::Text("new")], End::Registry);
        assert_eq!(world.read(), "old 0 tag");
        assert_eq!((world.all.pass_over("a", "it is old"), world.read()), (true, "older 1 tag".to_owned()));
        assert_eq!((world.all.pass_over("a", "it is older"), world.read()), (true, "new 2 tag".to_owned()));
        assert_eq!((world.all.pass_over("a", "it is new"), world.all.pass_over("b", "it is old")), (false, false));
        assert_eq!((world.all.describe_answer("a"), world.all.describe_answer("b")), ("three".to_owned(), "one, then two, then three".to_owned()));
        assert_eq!(world.notes(), ["the mirror one is passed over: it is old", "the mirror two is passed over: it is older"]);
    }

    #[test]
    fn a_state_is_only_known_to_who_named_it() {
        let world = World::new(&[Says::Text("text")], End::Registry);
        let offset = |known: Option<&str>| {
            let Ok(Answer::Found(body)) = world.all.open_at("a", 7, known.map(Revision::new).as_ref()) else { panic!("it is there") };
            body.offset
        };
        assert_eq!((offset(Some("0 tag")), offset(Some("1 tag")), offset(None)), (7, 0, 7));
    }

    #[test]
    fn a_server_falls_silent_as_a_whole() {
        for (address, expected) in
            [("https://a:1/x/y", "https://a:1"), ("https://a?x", "https://a"), ("s3://bucket/main", "s3://bucket/main"), ("file:/srv/a", "file:/srv/a")]
        {
            assert_eq!(host_of(address), expected);
        }
    }
}
