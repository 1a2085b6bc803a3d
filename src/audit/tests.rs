//! The log as a whole, in real homes.
#![allow(clippy::disallowed_methods, reason = "tests set up their world")]

use std::path::Path;

use super::*;
use crate::audit::entry::tests::change;
use crate::audit::entry::tests::sample_begin;
use crate::model::PackName;

const OCTOBER: &str = "2026-10-31T23:59:59.999999Z";
const NOVEMBER: &str = "2026-11-01T00:00:00Z";

struct World {
    _directory: tempfile::TempDir,
    layout: Layout,
    log: Log,
}

impl World {
    fn new() -> World {
        let directory = tempfile::tempdir().expect("a directory");
        let layout = Layout::new(directory.path());
        for path in layout.directories() {
            std::fs::create_dir_all(path).expect("made");
        }
        World { log: Log::new(&layout), layout, _directory: directory }
    }

    /// Writes one command's begin and end.
    fn run(&self, action: &str, at: &str) {
        let pending = self.log.begin(Begin { action: action.into(), ..sample_begin() }, time(at)).expect("begun");
        self.log.end(pending, success(), time(at)).expect("ended");
    }

    fn month(&self, month: &str) -> String {
        std::fs::read_to_string(self.layout.audit_month(month)).expect("there")
    }

    fn write_month(&self, month: &str, text: &str) {
        std::fs::write(self.layout.audit_month(month), text).expect("written");
    }

    #[track_caller]
    fn check_whole(&self, entries: u64, months: u64) {
        let verified = self.log.verify().expect("a whole chain");
        assert_eq!(verified, Verified { entries, months, torn_tail: false, end_checked: true });
    }

    #[track_caller]
    fn check_broken(&self, at_line: u64, expected_part: &str) {
        match self.log.verify() {
            Err(AuditError::Broken { line, expected, .. }) => assert!(line == at_line && expected.contains(expected_part), "line {line}: {expected}"),
            other => panic!("expected line {at_line} to be broken, found {other:?}"),
        }
    }
}

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn success() -> End {
    End { result: CommandResult::Success, error: None, packs: vec![change("kanban", None, Some("2.0.3"))] }
}

#[test]
fn an_empty_log_is_whole() {
    let world = World::new();
    world.check_whole(0, 0);
    assert_eq!(world.log.read(&Filter::default()).expect("read"), []);
}

#[test]
fn months_are_chained() {
    let world = World::new();
    world.run("switch", OCTOBER);
    world.run("rollback", NOVEMBER);
    world.check_whole(4, 2);
    let last_of_october = world.month("2026-10").lines().last().expect("a line").to_owned();
    let expected = format!("\"prev\":\"{}\"", blake3::hash(last_of_october.as_bytes()).to_hex());
    assert!(world.month("2026-11").lines().next().expect("a line").contains(&expected));
}

#[test]
fn a_clock_that_goes_back_stays_in_the_newest_month() {
    let world = World::new();
    world.run("switch", NOVEMBER);
    world.run("rollback", OCTOBER);
    assert!(!world.layout.audit_month("2026-10").exists());
    world.check_whole(4, 1);
}

#[test]
fn every_change_to_a_line_is_found() {
    let world = World::new();
    world.run("switch", NOVEMBER);
    world.run("rollback", NOVEMBER);
    let text = world.month("2026-11");
    let lines: Vec<&str> = text.lines().collect();
    let joined = |kept: &[&str]| kept.join("\n") + "\n";

    world.write_month("2026-11", &text.replacen("\"user\":\"ana\"", "\"user\":\"eve\"", 1));
    world.check_broken(2, "the digest of the line before");
    world.write_month("2026-11", &joined(&[lines[0], lines[2], lines[3]]));
    world.check_broken(2, "entry number 2");
    world.write_month("2026-11", &joined(&[lines[0], lines[1], lines[1], lines[2], lines[3]]));
    world.check_broken(3, "entry number 3");
    world.write_month("2026-11", &joined(&[lines[0], "", lines[1], lines[2], lines[3]]));
    world.check_broken(2, "an entry");
    world.write_month("2026-11", &joined(&[lines[0], lines[1], lines[2], &lines[3].replace("ana", "eve")]));
    world.check_broken(4, "as the head tells");
    world.write_month("2026-11", &text);
    world.check_whole(4, 1);
}

#[test]
fn a_cut_end_is_found_and_never_hidden() {
    let world = World::new();
    world.run("switch", NOVEMBER);
    world.run("rollback", NOVEMBER);
    let text = world.month("2026-11");
    let kept: String = text.split_inclusive('\n').take(2).collect();

    // Between two lines, and within one: the head tells both apart from a crash.
    for cut in [kept.clone(), text[..text.len() - 10].to_owned()] {
        world.write_month("2026-11", &cut);
        assert!(matches!(world.log.verify(), Err(AuditError::Truncated { expected: 4, .. })), "{cut}");
    }

    world.write_month("2026-11", &kept);
    world.run("gc", NOVEMBER);
    world.check_broken(3, "entry number 3");

    std::fs::remove_file(world.layout.audit_month("2026-11")).expect("removed");
    world.run("gc", NOVEMBER);
    world.check_broken(1, "entry number 1");
}

#[test]
fn a_torn_line_is_moved_aside() {
    let world = World::new();
    world.run("switch", OCTOBER);
    let text = world.month("2026-10");
    world.write_month("2026-10", &format!("{text}{{\"seq\":3,\"at"));
    assert!(world.log.verify().expect("whole but for the tail").torn_tail);
    assert_eq!(world.log.read(&Filter::default()).expect("read").len(), 1);

    world.run("switch", NOVEMBER);
    world.check_whole(4, 2);
    assert_eq!(world.month("2026-10"), text);
    assert_eq!(std::fs::read_to_string(world.layout.audit_torn("2026-10", 3)).expect("aside"), "{\"seq\":3,\"at");
}

#[test]
fn an_old_month_must_end_in_a_line_feed() {
    let world = World::new();
    world.run("switch", OCTOBER);
    world.run("switch", NOVEMBER);
    world.write_month("2026-10", &format!("{}{{", world.month("2026-10")));
    world.check_broken(3, "a line feed");
}

#[test]
fn a_first_line_torn_leaves_an_empty_month() {
    let world = World::new();
    world.run("switch", OCTOBER);
    world.write_month("2026-11", "{\"se");
    world.run("switch", NOVEMBER);
    world.check_whole(4, 2);
}

#[test]
fn a_missing_head_is_said() {
    let world = World::new();
    world.run("switch", NOVEMBER);
    std::fs::remove_file(world.layout.audit_head()).expect("removed");
    assert!(!world.log.verify().expect("whole").end_checked);
    world.run("switch", NOVEMBER);
    world.check_whole(4, 1);
}

#[test]
fn a_head_that_lags_is_true() {
    let world = World::new();
    world.run("switch", NOVEMBER);
    let head = std::fs::read(world.layout.audit_head()).expect("there");
    world.run("switch", NOVEMBER);
    std::fs::write(world.layout.audit_head(), head).expect("written");
    world.check_whole(4, 1);
    world.run("switch", NOVEMBER);
    world.check_whole(6, 1);
}

#[test]
fn begins_and_ends_are_joined() {
    let world = World::new();
    let one = world.log.begin(sample_begin(), time(OCTOBER)).expect("begun");
    let two = world.log.begin(Begin { action: "gc".into(), project: None, ..sample_begin() }, time(OCTOBER)).expect("begun");
    let failure = End { result: CommandResult::Failure, error: Some("no space".into()), packs: vec![] };
    world.log.end(one, failure, time(NOVEMBER)).expect("ended");
    drop(two);
    let events = world.log.read(&Filter::default()).expect("read");
    let summary: Vec<_> = events.iter().map(|event| (event.seq, event.begin.action.as_str(), event.result, event.error.as_deref())).collect();
    assert_eq!(summary, [(1, "switch", EventResult::Failure, Some("no space")), (2, "gc", EventResult::Interrupted, None)]);
    assert_eq!((events[0].ended_at, events[1].ended_at), (Some(time(NOVEMBER)), None));
    assert_eq!(events[0].begin.packs, [], "what was changed counts, not what was planned");
}

#[test]
fn filters() {
    let world = World::new();
    world.run("switch", OCTOBER);
    let other = Begin { action: "gc".into(), user: "bo".into(), team: None, project: None, environment: None, ..sample_begin() };
    let pending = world.log.begin(other, time(NOVEMBER)).expect("begun");
    world.log.end(pending, End { packs: vec![], ..success() }, time(NOVEMBER)).expect("ended");

    let check = |filter: Filter, expected: &[u64]| {
        let found: Vec<u64> = world.log.read(&filter).expect("read").iter().map(|event| event.seq).collect();
        assert_eq!(found, expected, "{filter:?}");
    };
    let none = Filter::default;
    let check_sought = |sought: Sought, expected: &[u64]| check(Filter { sought, ..none() }, expected);
    let any = Sought::default;
    check(none(), &[1, 3]);
    check(Filter { since: Some(time(NOVEMBER)), ..none() }, &[3]);
    check(Filter { until: Some(time(NOVEMBER)), ..none() }, &[1]);
    check_sought(Sought { user: Some("bo".into()), ..any() }, &[3]);
    check_sought(Sought { team: Some("payments".into()), ..any() }, &[1]);
    check_sought(Sought { action: Some("gc".into()), ..any() }, &[3]);
    check_sought(Sought { project: Some("checkout-service".into()), ..any() }, &[1]);
    check_sought(Sought { environment: sample_begin().environment, ..any() }, &[1]);
    check_sought(Sought { pack: Some(PackName::parse("kanban").expect("valid")), ..any() }, &[1]);
    check_sought(Sought { pack: Some(PackName::parse("other").expect("valid")), ..any() }, &[]);
}

#[test]
fn appends_at_once_make_one_chain() {
    let world = World::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..5).for_each(|_| world.run("switch", NOVEMBER)));
        }
    });
    world.check_whole(40, 1);
    assert!(world.log.read(&Filter::default()).expect("read").iter().all(|event| event.result == EventResult::Success));
}

#[test]
fn a_removed_directory_is_made_again() {
    let world = World::new();
    std::fs::remove_dir_all(world.layout.audit()).expect("removed");
    world.run("switch", NOVEMBER);
    world.check_whole(2, 1);
}

/// Reads a sample home of `schemas/samples/audit`, which readers never change.
fn sample_log(path: &Path) -> Log {
    Log::new(&Layout::new(path))
}

#[test]
fn samples() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/samples/audit");
    let list = |kind: &str| -> Vec<_> { std::fs::read_dir(samples.join(kind)).expect("samples").map(|entry| entry.expect("an entry").path()).collect() };
    let (valid, invalid) = (list("valid"), list("invalid"));
    assert!(!valid.is_empty() && !invalid.is_empty());
    for sample in valid {
        let log = sample_log(&sample);
        assert!(log.verify().expect("a whole chain").end_checked, "{}", sample.display());
        log.read(&Filter::default()).expect("readable");
    }
    for sample in invalid {
        let error = sample_log(&sample).verify().expect_err("refused").to_string();
        let message = error.replace(sample.to_str().expect("UTF-8"), "[HOME]");
        let expected = std::fs::read_to_string(sample.join("expected.txt")).expect("there");
        assert_eq!(message, expected.trim_end(), "{}", sample.display());
    }
}
