//! `packs build` and `packs publish`
#![allow(clippy::disallowed_methods, reason = "tests look at and tamper with their world on the disk")]

use std::fs;

use crate::support::Pack;
use crate::support::TestEnv;

#[test]
fn the_same_source_gives_the_same_bytes() {
    let (one, two) = (TestEnv::new(), TestEnv::new());
    let pack = Pack::new("kanban", "1.0.0").command("kanban", "#!/bin/sh\n").file("a b/ü.md", "text\n");
    assert_eq!(fs::read(one.build(&pack)).expect("there"), fs::read(two.build(&pack)).expect("there"));
}

#[test]
fn sha256sum_and_tar_agree() {
    let world = TestEnv::new();
    let archive = world.build(&Pack::new("kanban", "1.0.0").file("a.md", "text\n"));
    let directory = archive.parent().expect("a directory");
    let checked = std::process::Command::new("sha256sum").arg("-c").arg("kanban-1.0.0.tar.zst.sha256").current_dir(directory).output().expect("sha256sum runs");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn publishing_the_same_again_is_fine_and_other_bytes_are_refused() {
    let world = TestEnv::new();
    let pack = Pack::new("kanban", "1.0.0").file("a.md", "one\n");
    let archive = world.publish(&pack);
    let (archive, registry) = (archive.to_str().expect("text").to_owned(), world.registry().to_str().expect("text").to_owned());
    world.packs(["publish", &archive, "--registry", &registry]).succeeds().prints("is published already");
    let index = fs::read(world.registry().join("index/ka/kanban.json")).expect("there");
    world.build(&Pack::new("kanban", "1.0.0").file("a.md", "two\n"));
    world.packs(["publish", &archive, "--registry", &registry]).fails(5).says("kanban 1.0.0");
    assert_eq!(fs::read(world.registry().join("index/ka/kanban.json")).expect("there"), index);
}

#[test]
fn an_archive_without_a_side_file_is_refused() {
    let world = TestEnv::new();
    let archive = world.build(&Pack::new("kanban", "1.0.0").file("a.md", "one\n"));
    fs::remove_file(format!("{}.sha256", archive.display())).expect("removed");
    world.packs(["publish", archive.to_str().expect("text"), "--registry", world.registry().to_str().expect("text")]).fails(5).says("side file");
    assert!(!world.registry().join("index").exists());
}

#[test]
fn dry_run_writes_nothing() {
    let world = TestEnv::new();
    let archive = world.build(&Pack::new("kanban", "1.0.0").file("a.md", "one\n"));
    world
        .packs(["publish", "-n", archive.to_str().expect("text"), "--registry", world.registry().to_str().expect("text")])
        .succeeds()
        .prints("would be published");
    assert!(!world.registry().join("index").exists());
}
