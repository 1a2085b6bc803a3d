//! The catalogue of messages, as people see them.
#![allow(clippy::disallowed_methods, reason = "tests set up their world on the disk")]

use std::fs;

use crate::support::Pack;
use crate::support::TestEnv;

#[test]
fn a_fault_in_the_manifest() {
    let world = TestEnv::with_kanban();
    world.manifest("[packages]\nkanban = \"~2.0\"\nreports = { version = \"nonsense\", tier = \"requierd\" }\n\n[enviroments.dev]\n");
    insta::assert_snapshot!(world.packs(["switch"]).fails(2).stderr, @"");
}

#[test]
fn a_conflict() {
    let world = TestEnv::with_kanban();
    world.manifest("[packages]\nkanban = \"~2.1\"\nworkflow = \"=1.0.0\"\n");
    insta::assert_snapshot!(world.packs(["lock"]).fails(3).stderr, @"");
}

#[test]
fn an_unknown_pack() {
    let world = TestEnv::with_kanban();
    world.manifest("[packages]\nkanbna = \"~2.1\"\n");
    insta::assert_snapshot!(world.packs(["lock"]).fails(3).stderr, @"");
}

#[test]
fn a_damaged_archive() {
    let world = TestEnv::with_kanban();
    fs::write(world.registry().join("packs/kanban/2.0.3/kanban-2.0.3.tar.zst"), b"short").expect("written");
    insta::assert_snapshot!(world.packs(["switch"]).fails(5).stderr, @"");
}

#[test]
fn no_project_and_no_environment() {
    let world = TestEnv::new();
    insta::assert_snapshot!(world.packs(["switch"]).fails(9).stderr, @"");
    world.manifest("[environments.dev]\n\n[environments.prod]\n");
    insta::assert_snapshot!(world.packs(["switch"]).fails(2).stderr, @"");
    insta::assert_snapshot!(world.packs(["switch", "staging"]).fails(9).stderr, @"");
}

#[test]
fn a_stale_lockfile() {
    let world = TestEnv::with_kanban();
    world.packs(["lock"]).succeeds();
    world.manifest("[packages]\nkanban = \"~2.1\"\nsnippets = \"1\"\n");
    insta::assert_snapshot!(world.packs(["switch", "--locked"]).fails(4).stderr, @"");
}

#[test]
fn clashing_commands() {
    let world = TestEnv::with_kanban();
    world.publish(&Pack::new("boards", "1.0.0").command("kanban", "#!/bin/sh\n"));
    world.manifest("[packages]\nkanban = \"~2.0\"\nboards = \"1\"\n");
    insta::assert_snapshot!(world.packs(["switch"]).fails(2).stderr, @"");
}

#[test]
fn no_registry() {
    let world = TestEnv::with_kanban();
    fs::remove_dir_all(world.registry()).expect("removed");
    insta::assert_snapshot!(world.packs(["lock"]).fails(6).stderr, @"");
    world.write("packs.toml", "[project]\nname = \"demo\"\n\n[registries]\ndefault = \"https://example.org/registry\"\n\n[packages]\nkanban = \"1\"\n");
    insta::assert_snapshot!(world.packs(["lock"]).fails(2).stderr, @"");
}

#[test]
fn a_path_pack_that_cannot_be_packed() {
    let world = TestEnv::with_kanban();
    world.manifest("[packages]\nnotes = { path = \"../nowhere\" }\n");
    insta::assert_snapshot!(world.packs(["switch"]).fails(2).stderr, @"");
}

#[test]
fn what_is_in_the_way_of_undo_and_place() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    world.packs(["install", "snippets"]).succeeds();
    world.packs(["rollback"]).succeeds();
    insta::assert_snapshot!(world.packs(["undo"]).fails(2).stderr, @"");
    world.write("board/mine.txt", "mine\n");
    world.manifest("[packages]\nkanban = \"~2.0\"\n\n[place]\n\"board\" = { pack = \"kanban\" }\n");
    insta::assert_snapshot!(world.packs(["switch"]).fails(2).stderr, @"");
}

#[test]
fn a_home_of_another_version() {
    let world = TestEnv::with_kanban();
    fs::write(world.home().join("VERSION"), "2\n").expect("written");
    insta::assert_snapshot!(world.packs(["switch"]).fails(2).stderr, @"");
}
