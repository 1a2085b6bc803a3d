//! Stops after every disk call in turn: afterwards the state is the old one or the new one, gc cleans, and a second try succeeds.
//!
//! `fail:N` and `full:N` let the N-th disk call of a command fail with EIO or ENOSPC; `kill:N` ends the process before the N-th call that changes the disk, as
//! `kill -9` would. N runs from 1 until a run meets no fault any more. Calls are counted by `fsys::fault`, which every disk call passes.
#![allow(clippy::disallowed_methods, reason = "tests set up their world on the disk")]

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::Pack;
use crate::support::TestEnv;
use crate::support::directory;

/// The line by which the program says that a fault struck.
const MARK: &str = "packs-fault:";

/// More calls than any swept command makes; a sweep that comes here never ends.
const CALLS_MAX: u32 = 5_000;

/// One command, swept.
struct Sweep {
    /// Brings the world to where the command starts.
    prepare: fn(&TestEnv),
    /// The command.
    command: &'static [&'static str],
    /// The command that finishes the job after a fault, if the same one cannot run twice.
    again: &'static [&'static str],
}

/// What a person sees of a project.
#[derive(Debug, PartialEq, Eq, Clone)]
struct State {
    files: Vec<(String, String)>,
    current: Option<String>,
}

fn state(world: &TestEnv) -> State {
    let read = |path: &str| fs::read_to_string(world.project().join(path)).ok().map(|text| (path.to_owned(), text));
    let files = [
        "packs.toml",
        "packs.lock",
        "board/docs/README.md",
        "board/bin/kanban",
        ".packs/active/packs/kanban/bin/kanban",
        ".packs/active/packs/snippets/snippets.md",
    ];
    let current =
        fs::read_link(world.project().join(".packs/default")).ok().and_then(|link| fs::read_link(link).ok()).map(|current| current.display().to_string());
    // The empty generation is what an environment is before its first use.
    let current = current.filter(|current| current != "generations/0");
    State { files: files.iter().filter_map(|path| read(path)).collect(), current }
}

fn copy(from: &Path, to: &Path) {
    let _ = Command::new("chmod").args(["-R", "u+w"]).arg(to).output();
    let _ = fs::remove_dir_all(to);
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp runs");
    assert!(copied.success());
}

struct Restorable {
    world: TestEnv,
    saved: tempfile::TempDir,
}

impl Restorable {
    fn new(prepare: fn(&TestEnv)) -> Restorable {
        let world = TestEnv::with_kanban();
        prepare(&world);
        let saved = directory();
        let both = Restorable { world, saved };
        for part in ["home", "project"] {
            copy(&both.world.root().join(part), &both.saved.path().join(part));
        }
        both
    }

    fn restore(&self) {
        for part in ["home", "project"] {
            copy(&self.saved.path().join(part), &self.world.root().join(part));
        }
    }
}

fn sweep(kind: &str, sweep: &Sweep) {
    let at = Restorable::new(sweep.prepare);
    let old = state(&at.world);
    at.world.packs(sweep.command).succeeds();
    let new = state(&at.world);
    assert_ne!(old, new, "the command must change something");
    // After a kill it is `packs lock` that recovers, which makes a stale lockfile fresh besides.
    at.restore();
    at.world.packs(["lock"]).succeeds();
    let locked = state(&at.world);
    let mut calls = 0;
    for call in 1..CALLS_MAX {
        at.restore();
        let arguments = [sweep.command, &["-j1"]].concat();
        let ran = at.world.run(at.world.command(arguments).env("PACKS_TEST_FAULT", format!("{kind}:{call}")).env_remove("PACKS_NO_SYNC"));
        if !ran.stderr.contains(MARK) {
            assert_eq!(ran.code, Some(0), "{}", ran.stderr);
            break;
        }
        calls = call;
        let allowed = if kind == "kill" { vec![&old, &locked, &new] } else { vec![&old, &new] };
        check_after(&at.world, sweep, &ran.stderr, &allowed, kind == "kill");
    }
    assert!(calls > 3, "the sweep met only {calls} calls");
    println!("swept {kind} over packs {}: {calls} calls, {calls} states, none bad", sweep.command.join(" "));
}

/// After a failure the state is whole at once; after a kill, as soon as the next command has run.
fn check_after(world: &TestEnv, sweep: &Sweep, fault: &str, allowed: &[&State], killed: bool) {
    let new = allowed[allowed.len() - 1];
    if killed {
        world.packs(["lock"]).succeeds();
    }
    let after = state(world);
    assert!(allowed.contains(&&after), "neither the old state nor the new one after\n{fault}\nallowed {allowed:#?}\nfound {after:#?}");
    if after != *new {
        world.packs(sweep.again).succeeds();
    }
    assert_eq!(state(world).files, new.files, "a second try does not succeed after\n{fault}");
    world.packs(["gc"]).succeeds();
    world.packs(["verify", "--store"]).succeeds();
    world.packs(["audit", "verify"]).succeeds();
    let left: Vec<String> = fs::read_dir(world.home().join("store"))
        .expect("there")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert!(left.is_empty(), "gc left {left:?} after\n{fault}");
}

fn switched(world: &TestEnv) {
    world.packs(["switch"]).succeeds();
}

fn placed(world: &TestEnv) {
    world.manifest("[packages]\nkanban = \"~2.0\"\n\n[place]\n\"board\" = { pack = \"kanban\", mode = \"copy\" }\n");
    world.packs(["switch"]).succeeds();
    world.publish(&Pack::new("kanban", "2.2.0").command("kanban", "#!/bin/sh\necho kanban 2.2.0\n").file("docs/README.md", "a new board\n"));
    world.manifest("[packages]\nkanban = \"~2.2\"\n\n[place]\n\"board\" = { pack = \"kanban\", mode = \"copy\" }\n");
}

fn placed_twice(world: &TestEnv) {
    placed(world);
    world.packs(["switch"]).succeeds();
}

fn installed(world: &TestEnv) {
    world.packs(["switch"]).succeeds();
    world.packs(["install", "snippets"]).succeeds();
}

const FIRST_SWITCH: Sweep = Sweep { prepare: |_| {}, command: &["switch"], again: &["switch"] };
const INSTALL: Sweep = Sweep { prepare: switched, command: &["install", "snippets"], again: &["install", "snippets"] };
const COPIES: Sweep = Sweep { prepare: placed, command: &["switch"], again: &["switch"] };
const ROLLBACK: Sweep = Sweep { prepare: installed, command: &["rollback", "--to", "1"], again: &["rollback", "--to", "1"] };
const ROLLBACK_COPIES: Sweep = Sweep { prepare: placed_twice, command: &["rollback", "--to", "1"], again: &["rollback", "--to", "1"] };
const UNDO: Sweep = Sweep { prepare: installed, command: &["undo"], again: &["undo"] };

#[test]
fn first_switch_failing() {
    sweep("fail", &FIRST_SWITCH);
}

#[test]
fn first_switch_killed() {
    sweep("kill", &FIRST_SWITCH);
}

#[test]
fn install_failing() {
    sweep("fail", &INSTALL);
}

#[test]
fn install_on_a_full_disk() {
    sweep("full", &INSTALL);
}

#[test]
fn install_killed() {
    sweep("kill", &INSTALL);
}

#[test]
fn switch_with_copies_failing() {
    sweep("fail", &COPIES);
}

#[test]
fn switch_with_copies_killed() {
    sweep("kill", &COPIES);
}

#[test]
fn rollback_failing() {
    sweep("fail", &ROLLBACK);
}

#[test]
fn rollback_killed() {
    sweep("kill", &ROLLBACK);
}

#[test]
fn rollback_with_copies_failing() {
    sweep("fail", &ROLLBACK_COPIES);
}

#[test]
fn rollback_with_copies_killed() {
    sweep("kill", &ROLLBACK_COPIES);
}

#[test]
fn undo_failing() {
    sweep("fail", &UNDO);
}

#[test]
fn undo_killed() {
    sweep("kill", &UNDO);
}

/// gc has no state of a project to lose, but a store: whatever fails, what is live stays whole, and the next gc finishes.
fn sweep_gc(kind: &str) {
    let at = Restorable::new(|world| {
        world.packs(["switch"]).succeeds();
        for range in ["=2.0.0", "~2.1", "=2.0.0"] {
            world.manifest(&format!("[packages]\nkanban = \"{range}\"\n"));
            world.packs(["switch"]).succeeds();
        }
    });
    let gc = ["gc", "--keep", "0", "--older-than", "0s", "-j1"];
    let mut calls = 0;
    for call in 1..CALLS_MAX {
        at.restore();
        let ran = at.world.run(at.world.command(gc).env("PACKS_TEST_FAULT", format!("{kind}:{call}")));
        if !ran.stderr.contains(MARK) {
            break;
        }
        calls = call;
        assert_eq!(at.world.read(".packs/active/packs/kanban/docs/README.md"), "board\n", "{}", ran.stderr);
        at.world.packs(["verify"]).succeeds();
        at.world.packs(gc).succeeds();
        at.world.packs(["verify", "--store"]).succeeds();
        let left = fs::read_dir(at.world.home().join("store")).expect("there").count();
        assert_eq!(left, 3, "kanban 2.0.0 and 2.1.0 and their workflow, no leftovers, after\n{}", ran.stderr);
    }
    assert!(calls > 3, "the sweep met only {calls} calls");
    println!("swept {kind} over packs gc: {calls} calls, {calls} states, none bad");
}

#[test]
fn gc_failing() {
    sweep_gc("fail");
}

#[test]
fn gc_killed() {
    sweep_gc("kill");
}
