//! A source of the tests that cuts, lies and changes, and what a download makes of it.
#![allow(clippy::disallowed_methods, reason = "tests set up their world")]

use std::cell::Cell;
use std::cell::RefCell;
use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::archive::sha256;

const NOBODY: Waiting<'static> = Waiting { wait_max: Duration::ZERO, holder: "", on_wait: &|_| {} };

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refusal(&'static str);

/// One answer of the source, to one request.
#[derive(Debug, Clone)]
enum Reply {
    /// The rest from where it was asked, cut off after so many bytes.
    Cut(usize),
    /// The rest from where it was asked.
    Rest,
    /// All of it, wherever it was asked from.
    Whole,
    /// All of it, without a word about its length.
    Unsized(Vec<u8>),
    /// These bytes as if they were all of it.
    Lie(Vec<u8>),
    /// From here on, though it was asked otherwise.
    From(u64),
    Absent,
    Fails,
}

struct World {
    directory: tempfile::TempDir,
    bytes: Vec<u8>,
    asked: RefCell<Vec<(u64, Option<String>)>>,
}

struct CutReader(std::io::Cursor<Vec<u8>>);

impl Read for CutReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::ErrorKind::ConnectionReset.into()),
            read => Ok(read),
        }
    }
}

impl World {
    fn new(length: usize) -> World {
        let bytes = (0..length).map(|at| u8::try_from(at * 31 % 251).expect("below 251")).collect();
        World { directory: tempfile::tempdir().expect("a directory"), bytes, asked: RefCell::default() }
    }

    fn cached(&self) -> PathBuf {
        self.directory.path().join("archive")
    }

    fn partial(&self) -> PathBuf {
        self.directory.path().join("archive.part")
    }

    fn answer(&self, reply: Reply, offset: u64) -> Result<Answer<Body>, Refusal> {
        let from = |at: u64| self.bytes[usize::try_from(at).expect("small").min(self.bytes.len())..].to_vec();
        let body = |offset, size, reader: Box<dyn Read + Send>| Ok(Answer::Found(Body { offset, size, revision: Some(Revision::new("one")), reader }));
        let size = Some(self.bytes.len() as u64);
        match reply {
            Reply::Cut(after) => {
                let mut rest = from(offset);
                rest.truncate(after);
                body(offset, size, Box::new(CutReader(io::Cursor::new(rest))))
            }
            Reply::Rest => body(offset, size, Box::new(io::Cursor::new(from(offset)))),
            Reply::Whole => body(0, size, Box::new(io::Cursor::new(from(0)))),
            Reply::Unsized(bytes) => body(0, None, Box::new(io::Cursor::new(bytes))),
            Reply::Lie(bytes) => body(0, Some(bytes.len() as u64), Box::new(io::Cursor::new(bytes))),
            Reply::From(at) => body(at, size, Box::new(io::Cursor::new(from(at)))),
            Reply::Absent => Ok(Answer::Absent),
            Reply::Fails => Err(Refusal("it is down")),
        }
    }

    /// Downloads with these answers, the last one again and again.
    fn download(&self, replies: &[Reply]) -> Result<Answer<Received>, DownloadError<Refusal>> {
        let next = Cell::new(0);
        let open = |offset: u64, known: Option<&Revision>| {
            self.asked.borrow_mut().push((offset, known.map(|known| known.as_str().to_owned())));
            let reply = replies[next.get().min(replies.len() - 1)].clone();
            next.set(next.get() + 1);
            self.answer(reply, offset)
        };
        self.receive(&Ends { open: &open, watch: &|_| ControlFlow::Continue(()), elsewhere: &|_| false })
    }

    fn receive(&self, ends: &Ends<'_, Refusal>) -> Result<Answer<Received>, DownloadError<Refusal>> {
        let (cached, partial) = (self.cached(), self.partial());
        let wanted = Wanted { size: self.bytes.len() as u64, sha256: sha256(&self.bytes), cached: &cached, partial: &partial };
        download(&wanted, ends, &NOBODY)
    }

    fn offsets(&self) -> Vec<u64> {
        self.asked.borrow().iter().map(|(offset, _)| *offset).collect()
    }

    /// Requires the archive in the cache, and so many bytes to have arrived.
    #[track_caller]
    fn has_arrived(&self, done: Result<Answer<Received>, DownloadError<Refusal>>, there_bytes: u64, arrived_bytes: u64) {
        let received = done.expect("downloaded").found().expect("it is there");
        assert_eq!((received.there_bytes, received.arrived_bytes), (there_bytes, arrived_bytes));
        assert_eq!(received.verified.is_some(), self.bytes.len() as u64 <= HANDED_ON_BYTES_MAX);
        assert!(fs::read(self.cached()).expect("cached") == self.bytes);
        assert!(!self.partial().exists());
    }

    #[track_caller]
    fn is_refused(&self, replies: &[Reply], is_expected: fn(&Mismatch) -> bool) {
        match self.download(replies) {
            Err(DownloadError::Refused(FetchError::Mismatch { source, .. })) => assert!(is_expected(&source), "{source}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(fs::read_dir(self.directory.path()).expect("listed").count(), 0, "nothing wrong is kept");
    }
}

const SMALL: usize = 1000;
const LARGE: usize = (1 << 20) + 1;

#[test]
fn an_archive_arrives_in_one_answer() {
    for length in [0, 1, SMALL, LARGE] {
        let world = World::new(length);
        world.has_arrived(world.download(&[Reply::Rest]), 0, length as u64);
        assert_eq!(world.offsets(), [0]);
    }
}

#[test]
fn after_a_cut_only_the_rest_is_asked_for() {
    for length in [SMALL, LARGE] {
        let world = World::new(length);
        world.has_arrived(world.download(&[Reply::Cut(length / 2), Reply::Rest]), 0, length as u64);
        let half = (length / 2) as u64;
        assert_eq!(*world.asked.borrow(), [(0, None), (half, Some("one".to_owned()))], "the same state is asked for");
    }
}

#[test]
fn the_next_run_goes_on_where_a_cut_left_it() {
    let world = World::new(LARGE);
    let failed = world.download(&[Reply::Cut(LARGE / 2), Reply::Fails]);
    assert!(matches!(failed, Err(DownloadError::Cut { there_bytes, source: Cut::Source(_) }) if there_bytes == LARGE as u64 / 2), "{failed:?}");
    assert!(!world.cached().exists());
    world.has_arrived(world.download(&[Reply::Rest]), LARGE as u64 / 2, (LARGE - LARGE / 2) as u64);
    assert_eq!(world.offsets(), [0, LARGE as u64 / 2, LARGE as u64 / 2]);
}

#[test]
fn a_run_that_was_killed_before_the_name_asks_for_nothing() {
    let world = World::new(LARGE);
    fs::write(world.partial(), &world.bytes).expect("written");
    world.has_arrived(world.download(&[Reply::Fails]), LARGE as u64, 0);
    assert!(world.offsets().is_empty());
}

#[test]
fn what_another_brought_meanwhile_is_taken() {
    let world = World::new(SMALL);
    fs::write(world.cached(), &world.bytes).expect("written");
    world.has_arrived(world.download(&[Reply::Fails]), SMALL as u64, 0);
}

#[test]
fn a_damaged_archive_in_the_cache_is_replaced() {
    let world = World::new(SMALL);
    fs::write(world.cached(), b"damaged").expect("written");
    world.has_arrived(world.download(&[Reply::Rest]), 0, SMALL as u64);
}

#[test]
fn a_source_that_gives_whole_files_only_is_read_from_the_beginning() {
    let world = World::new(SMALL);
    world.has_arrived(world.download(&[Reply::Cut(300), Reply::Whole]), 0, 300 + SMALL as u64);
}

#[test]
fn an_answer_from_somewhere_else_is_not_pieced_in() {
    let world = World::new(SMALL);
    world.has_arrived(world.download(&[Reply::Cut(300), Reply::From(100), Reply::Rest]), 0, 300 + SMALL as u64);
    assert_eq!(world.offsets(), [0, 300, 0]);
}

#[test]
fn a_wrong_beginning_of_an_earlier_run_costs_one_fresh_try() {
    for beginning in [vec![0xff; 300], vec![0xff; SMALL], vec![0xff; SMALL + 1]] {
        let world = World::new(SMALL);
        fs::write(world.partial(), &beginning).expect("written");
        let done = world.download(&[Reply::Rest]).expect("downloaded").found().expect("it is there");
        assert!(done.arrived_bytes >= SMALL as u64);
        assert!(fs::read(world.cached()).expect("cached") == world.bytes);
    }
}

#[test]
fn anything_but_the_promised_bytes_is_refused_and_nothing_of_it_kept() {
    let size = |mismatch: &Mismatch| matches!(mismatch, Mismatch::Size { .. });
    let digest = |mismatch: &Mismatch| matches!(mismatch, Mismatch::Sha256 { .. });
    for length in [SMALL, LARGE] {
        World::new(length).is_refused(&[Reply::Lie(vec![1; length])], digest);
        World::new(length).is_refused(&[Reply::Lie(vec![1; length - 1])], size);
        World::new(length).is_refused(&[Reply::Lie(vec![1; length + 1])], size);
        World::new(length).is_refused(&[Reply::Unsized(vec![1; 10 * length])], size);
        // Two wrong ones in a row: the fresh try is as wrong as the first.
        World::new(length).is_refused(&[Reply::Cut(10), Reply::Lie(vec![1; length])], digest);
    }
}

#[test]
fn an_answer_of_another_length_is_not_read_at_all() {
    let world = World::new(SMALL);
    let read = Cell::new(false);
    let open = |_: u64, _: Option<&Revision>| world.answer(Reply::Lie(vec![1; 5]), 0);
    let watch = |_: u64| {
        read.set(true);
        ControlFlow::Continue(())
    };
    assert!(matches!(world.receive(&Ends { open: &open, watch: &watch, elsewhere: &|_| false }), Err(DownloadError::Refused(_))));
    assert!(!read.get());
}

#[test]
fn a_source_that_only_cuts_is_given_up() {
    let world = World::new(SMALL);
    let failed = world.download(&[Reply::Cut(1)]);
    assert!(matches!(failed, Err(DownloadError::Cut { there_bytes: 3, source: Cut::Broken(_) })), "{failed:?}");
    assert_eq!(fs::read(world.partial()).expect("kept").len(), 3);
    let world = World::new(SMALL);
    let failed = world.download(&[Reply::Unsized(world.bytes[..500].to_vec())]);
    assert!(matches!(failed, Err(DownloadError::Cut { there_bytes: 500, .. })), "{failed:?}");
    assert_eq!(world.offsets().len(), 3);
}

#[test]
fn a_long_one_that_is_cut_again_and_again_arrives_all_the_same() {
    let world = World::new(LARGE);
    world.has_arrived(world.download(&[Reply::Cut(70_000)]), 0, LARGE as u64);
    assert_eq!(world.offsets().len(), LARGE.div_ceil(70_000));
}

#[test]
fn absence_leaves_nothing() {
    let world = World::new(SMALL);
    assert!(matches!(world.download(&[Reply::Absent]), Ok(Answer::Absent)));
    assert_eq!(fs::read_dir(world.directory.path()).expect("listed").count(), 0);
}

#[test]
fn whoever_watches_may_stop_it_and_the_next_run_goes_on() {
    let world = World::new(LARGE);
    let open = |offset: u64, _: Option<&Revision>| world.answer(Reply::Rest, offset);
    let stopped = world.receive(&Ends {
        open: &open,
        watch: &|there| if there > 300_000 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) },
        elsewhere: &|_| false,
    });
    assert!(matches!(stopped, Err(DownloadError::Stopped)));
    let there = fs::metadata(world.partial()).expect("kept").len();
    assert!(there > 300_000 && there < LARGE as u64);
    world.has_arrived(world.download(&[Reply::Rest]), there, LARGE as u64 - there);
}
