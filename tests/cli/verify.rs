//! `packs verify` and `packs store`
#![allow(clippy::disallowed_methods, reason = "tests look at and tamper with their world on the disk")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::support::TestEnv;

fn tamper(world: &TestEnv, path: &str) -> PathBuf {
    let file = fs::canonicalize(world.project().join(path)).expect("there");
    let mut bytes = fs::read(&file).expect("read");
    bytes[0] ^= 1;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("set");
    fs::write(&file, bytes).expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).expect("set");
    file
}

#[test]
fn a_whole_project_is_good() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    let ran = world.packs(["verify"]).succeeds();
    assert!(ran.stdout.starts_with("good"), "{}", ran.stdout);
    world.packs(["verify", "--store"]).succeeds();
    world.packs(["store", "verify"]).succeeds();
}

#[test]
fn every_bad_file_is_named() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    tamper(&world, ".packs/active/packs/kanban/docs/README.md");
    tamper(&world, ".packs/active/packs/workflow/docs/flow.md");
    let ran = world.packs(["verify"]).fails(5);
    assert!(ran.stdout.contains("docs/README.md") && ran.stdout.contains("docs/flow.md"), "{}", ran.stdout);
    world.packs(["verify", "--store"]).fails(5);
}

#[test]
fn repair_mends_from_the_registry() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    tamper(&world, ".packs/active/packs/kanban/docs/README.md");
    world.packs(["verify", "--repair"]).succeeds().prints("(repaired)").prints("good again, 2 problems repaired: checked");
    assert_eq!(world.read(".packs/active/packs/kanban/docs/README.md"), "board\n");
    world.packs(["verify", "--store"]).succeeds();
}

#[test]
fn a_changed_lockfile_or_a_lost_link_is_found() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    let lockfile = world.read("packs.lock");
    world.manifest("[packages]\nkanban = \"=2.0.0\"\n");
    world.packs(["lock"]).succeeds();
    world.packs(["verify"]).fails(1).prints("was made from another lockfile");
    world.packs(["status"]).succeeds().prints("the lockfile changed since: packs switch");
    world.manifest("[packages]\nkanban = \"~2.0\"\n");
    world.write("packs.lock", &lockfile);
    fs::remove_file(world.project().join(".packs/active")).expect("removed");
    world.packs(["verify"]).fails(5).prints(".packs/active");
}

/// A switch that has nothing to do leaves nothing to complain of: neither without any packs, nor where the same ones are asked for in other words.
#[test]
fn a_lockfile_that_means_the_current_generation_is_no_drift() {
    let world = TestEnv::new();
    world.write("packs.toml", "[project]\nname = \"demo\"\n");
    world.packs(["lock"]).succeeds();
    world.packs(["switch"]).succeeds();
    world.packs(["status"]).succeeds().prints("generation 0, 0 packs; up to date");
    world.packs(["verify"]).succeeds();
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    world.manifest("[packages]\nkanban = \">=2.0, <2.1\"\n");
    world.packs(["status"]).succeeds().prints("the lockfile is stale");
    world.packs(["switch"]).succeeds().prints("generation 1 is current");
    world.packs(["status"]).succeeds().prints("generation 1, 2 packs; up to date");
    world.packs(["verify"]).succeeds();
    world.manifest("[packages]\n");
    world.packs(["lock"]).succeeds();
    world.packs(["status"]).succeeds().prints("the lockfile changed since");
    world.packs(["verify"]).fails(1).prints("was made from another lockfile");
}

#[test]
fn archives_are_checked_against_their_side_files() {
    let world = TestEnv::with_kanban();
    let archive = world.root().join("archives/kanban-2.0.3.tar.zst");
    world.packs(["verify", archive.to_str().expect("text")]).succeeds().prints("good: checked 1 archive");
    let side_file = world.root().join("archives/kanban-2.0.3.tar.zst.sha256");
    let text = fs::read_to_string(&side_file).expect("there");
    fs::write(&side_file, text.replace("kanban-2.0.3", "other-2.0.3")).expect("written");
    world.packs(["verify", archive.to_str().expect("text")]).fails(5).prints("other-2.0.3");
    fs::remove_file(&side_file).expect("removed");
    world.packs(["verify", archive.to_str().expect("text")]).fails(5).prints("side file");
}

#[test]
fn store_path_is_data() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    assert_eq!(world.packs(["store", "path"]).succeeds().stdout, "[HOME]/store\n");
    let path = world.packs(["store", "path", "kanban"]).succeeds();
    assert_eq!(path.stdout, "[HOME]/store/[TREE]-kanban-2.0.3\n");
    world.packs(["store", "path", "nothing"]).fails(9);
}

#[test]
fn an_archive_that_is_not_there_is_no_bad_archive() {
    let world = TestEnv::with_kanban();
    world.packs(["verify", "no-such-1.0.0.tar.zst"]).fails(9).says("no-such-1.0.0.tar.zst");
}
