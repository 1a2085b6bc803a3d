//! `packs audit`
#![allow(clippy::disallowed_methods, reason = "tests look at and tamper with their world on the disk")]

use std::fs;
use std::path::PathBuf;

use crate::support::TestEnv;

fn month(world: &TestEnv) -> PathBuf {
    let names = fs::read_dir(world.home().join("audit")).expect("there").map(|entry| entry.expect("read").path());
    names.filter(|path| path.extension().is_some_and(|end| end == "jsonl")).max().expect("a month")
}

#[test]
fn every_change_is_told_with_who_what_and_why() {
    let world = TestEnv::with_kanban();
    world.packs(["switch", "-m", "first"]).succeeds();
    world.packs(["install", "snippets"]).succeeds();
    world.packs(["rollback"]).succeeds();
    world.packs(["switch", "--locked"]).succeeds();
    let json = world.packs(["audit", "--json", "--of-project", "demo"]).succeeds().json();
    let actions: Vec<_> = json["events"].as_array().expect("events").iter().map(|event| event["action"].as_str().expect("text").to_owned()).collect();
    assert_eq!(actions, ["switch", "install", "rollback", "switch"]);
    assert_eq!(json["events"][0]["reason"], "first");
    assert_eq!(json["events"][0]["user"], "tester");
    world.packs(["audit", "verify"]).succeeds().prints("good");
    world.packs(["audit", "--pack", "snippets", "--action", "install"]).succeeds().prints("+ snippets 1.0.0");
}

#[test]
fn a_failed_change_is_told_too() {
    let world = TestEnv::with_kanban();
    let archive = world.registry().join("packs/kanban/2.0.3/kanban-2.0.3.tar.zst");
    fs::write(&archive, b"not an archive").expect("written");
    world.packs(["switch"]).fails(5);
    world.packs(["audit", "--action", "switch"]).succeeds().prints("failure");
}

#[test]
fn tampering_is_named_by_file_and_line() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    world.packs(["rollback", "--to", "0"]).succeeds();
    let month = month(&world);
    let text = fs::read_to_string(&month).expect("there");
    fs::write(&month, text.replacen("tester", "nobody", 1)).expect("written");
    world.packs(["audit", "verify"]).fails(5).says(".jsonl");
}

#[test]
fn a_log_that_is_gone_is_noticed_by_what_it_should_tell_of() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    world.packs(["install", "snippets"]).succeeds();
    world.packs(["audit", "verify"]).succeeds();
    fs::remove_dir_all(world.home().join("audit")).expect("removed");
    world.packs(["audit", "verify"]).fails(5).says("tells of 0 changes, and 2 generations were made: entries are missing");
    // One begun anew is too short.
    world.packs(["rollback"]).succeeds();
    world.packs(["audit", "verify"]).fails(5).says("tells of 1 changes");
}

#[test]
fn a_cut_off_end_is_noticed() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    let month = month(&world);
    let text = fs::read_to_string(&month).expect("there");
    let kept: Vec<&str> = text.lines().take(text.lines().count() - 1).collect();
    fs::write(&month, kept.join("\n") + "\n").expect("written");
    world.packs(["audit", "verify"]).fails(5);
}
