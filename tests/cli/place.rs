//! `[place]`: a pack's files where the project expects them.
#![allow(clippy::disallowed_methods, reason = "tests look at and tamper with their world on the disk")]

use std::fs;

use crate::support::TestEnv;

const COPY: &str = "\n[place]\n\"board\" = { pack = \"kanban\", mode = \"copy\" }\n";

#[test]
fn a_link_follows_the_active_environment() {
    let world = TestEnv::with_kanban();
    world.manifest("[packages]\nkanban = \"~2.0\"\n\n[place]\n\"frameworks/kanban\" = { pack = \"kanban\" }\n");
    world.packs(["switch"]).succeeds();
    let link = fs::read_link(world.project().join("frameworks/kanban")).expect("a link");
    assert_eq!(link.to_str(), Some("../.packs/active/packs/kanban"));
    assert_eq!(world.read("frameworks/kanban/docs/README.md"), "board\n");
    world.manifest("[packages]\nkanban = \"~2.0\"\n");
    world.packs(["switch"]).succeeds();
    assert!(!world.has("frameworks/kanban") && fs::symlink_metadata(world.project().join("frameworks/kanban")).is_err());
}

#[test]
fn a_copy_is_writable_and_follows_until_edited() {
    let world = TestEnv::with_kanban();
    world.manifest(&format!("[packages]\nkanban = \"=2.0.0\"\n{COPY}"));
    world.packs(["switch"]).succeeds();
    assert!(world.read("board/bin/kanban").contains("2.0.0"));
    world.manifest(&format!("[packages]\nkanban = \"=2.0.3\"\n{COPY}"));
    world.packs(["switch"]).succeeds();
    assert!(world.read("board/bin/kanban").contains("2.0.3"));
    world.write("board/bin/kanban", "my own\n");
    world.manifest(&format!("[packages]\nkanban = \"~2.1\"\n{COPY}"));
    world.packs(["switch"]).succeeds().prints("kept board/bin/kanban as you edited it");
    assert_eq!(world.read("board/bin/kanban"), "my own\n");
}

#[test]
fn force_replaces_and_keeps_yours_beside() {
    let world = TestEnv::with_kanban();
    world.manifest(&format!("[packages]\nkanban = \"=2.0.0\"\n{COPY}"));
    world.packs(["switch"]).succeeds();
    world.write("board/bin/kanban", "my own\n");
    world.manifest(&format!("[packages]\nkanban = \"~2.1\"\n{COPY}"));
    world.packs(["switch", "--force"]).succeeds().prints("is kept as");
    assert!(world.read("board/bin/kanban").contains("2.1.0"));
    let kept = fs::read_dir(world.project().join("board/bin"))
        .expect("there")
        .filter_map(Result::ok)
        .find(|entry| entry.file_name() != "kanban")
        .expect("a saved file");
    assert_eq!(fs::read_to_string(kept.path()).expect("read"), "my own\n");
}

#[test]
fn force_replaces_even_where_nothing_else_is_to_do() {
    let world = TestEnv::with_kanban();
    world.manifest(&format!("[packages]\nkanban = \"=2.0.0\"\n{COPY}"));
    world.packs(["switch"]).succeeds();
    world.write("board/bin/kanban", "my own\n");
    world.packs(["switch"]).succeeds().prints("nothing to do");
    world.packs(["switch", "--force"]).succeeds().prints("is kept as");
    assert!(world.read("board/bin/kanban").contains("2.0.0"));
    assert_eq!(world.current("default"), 1, "the generation is the same");
    world.packs(["switch", "--force"]).succeeds().prints("nothing to do");
}

#[test]
fn what_is_not_ours_is_never_overwritten() {
    let world = TestEnv::with_kanban();
    world.write("board/docs/README.md", "mine\n");
    world.manifest(&format!("[packages]\nkanban = \"=2.0.0\"\n{COPY}"));
    let ran = world.packs(["switch"]).fails(2);
    assert!(ran.stderr.contains("board"), "{}", ran.stderr);
    assert_eq!(world.read("board/docs/README.md"), "mine\n");
    assert!(!world.has("packs.lock") && !world.has(".packs/active"));
}

#[test]
fn rollback_brings_the_copies_of_then() {
    let world = TestEnv::with_kanban();
    world.manifest(&format!("[packages]\nkanban = \"=2.0.0\"\n{COPY}"));
    world.packs(["switch"]).succeeds();
    world.manifest(&format!("[packages]\nkanban = \"=2.0.3\"\n{COPY}"));
    world.packs(["switch"]).succeeds();
    world.packs(["rollback"]).succeeds();
    assert!(world.read("board/bin/kanban").contains("2.0.0"));
    world.packs(["undo"]).succeeds();
    assert!(world.read("board/bin/kanban").contains("2.0.3"));
}

#[test]
fn what_took_the_place_of_a_link_is_told_and_not_passed_over() {
    let world = TestEnv::with_kanban();
    world.manifest("[packages]\nkanban = \"~2.0\"\n\n[place]\n\"frameworks/kanban\" = { pack = \"kanban\" }\n");
    world.packs(["switch"]).succeeds();
    fs::remove_file(world.project().join("frameworks/kanban")).expect("removed");
    world.write("frameworks/kanban/mine.md", "mine\n");
    world.packs(["verify"]).fails(5).prints("frameworks/kanban: it is not what generation 1 placed there");
    world.packs(["switch"]).fails(2).says("frameworks/kanban");
    assert_eq!(world.read("frameworks/kanban/mine.md"), "mine\n");
    fs::remove_dir_all(world.project().join("frameworks/kanban")).expect("removed");
    world.packs(["switch"]).succeeds();
    world.packs(["verify"]).succeeds();
    assert_eq!(world.read("frameworks/kanban/docs/README.md"), "board\n");
}
