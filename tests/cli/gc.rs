//! `packs gc`
#![allow(clippy::disallowed_methods, reason = "tests look at and tamper with their world on the disk")]

use std::fs;

use crate::support::TestEnv;

fn store_paths(world: &TestEnv) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(world.home().join("store")).expect("there").map(|entry| entry.expect("read").file_name().into_string().expect("text")).collect();
    names.sort();
    names
}

fn with_garbage() -> TestEnv {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    for range in ["=2.0.0", "~2.1", "=2.0.0", "~2.1"] {
        world.manifest(&format!("[packages]\nkanban = \"{range}\"\n"));
        world.packs(["switch"]).succeeds();
    }
    world
}

#[test]
fn keeps_everything_by_default() {
    let world = with_garbage();
    let before = store_paths(&world);
    world.packs(["gc"]).succeeds();
    assert_eq!(store_paths(&world), before);
}

#[test]
fn removes_what_no_kept_generation_reaches_and_dry_run_agrees() {
    let world = with_garbage();
    let arguments = ["gc", "--keep", "1", "--older-than", "0s"];
    let planned = world.packs([&arguments[..], &["-n", "--json"]].concat()).succeeds().json();
    let before = store_paths(&world);
    let done = world.packs([&arguments[..], &["--json"]].concat()).succeeds().json();
    let numbers = |outcome: &serde_json::Value| ["freed_bytes", "paths", "blobs", "generations", "leftovers"].map(|key| outcome[key].clone());
    assert_eq!(numbers(&planned), numbers(&done), "the same path, the same numbers");
    assert!(done["freed_bytes"].as_u64() > Some(0) && !done["generations"].as_array().expect("a list").is_empty());
    let after = store_paths(&world);
    assert!(after.len() < before.len(), "{after:?}");
    assert!(world.has(".packs/active/packs/kanban/docs/README.md"), "the current generation is never touched");
    world.packs(["verify", "--store"]).succeeds();
    world.packs(["rollback"]).succeeds();
    assert!(world.has(".packs/active/packs/kanban/docs/README.md"), "the parent is kept");
}

#[test]
fn says_what_keeps_the_rest() {
    let world = with_garbage();
    let ran = world.packs(["gc"]).succeeds();
    assert!(ran.stdout.contains("paths kept by demo default, generations"), "{}", ran.stdout);
}

#[test]
fn removes_leftovers_of_a_crash() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    let left = world.home().join("store/.stage-aaaaaaaaaaaaaaaa");
    fs::create_dir_all(left.join("kanban")).expect("made");
    world.packs(["gc"]).succeeds();
    assert!(!left.exists());
}

#[test]
fn an_unreadable_root_means_nothing_is_removed() {
    let world = with_garbage();
    let generations = fs::read_link(world.project().join(".packs/default")).expect("a link").parent().expect("the environment").join("generations");
    fs::write(generations.join("1/generation.json"), "{").expect("written");
    let before = store_paths(&world);
    world.packs(["gc", "--keep", "0", "--older-than", "0s"]).fails(5).says("generation.json");
    assert_eq!(store_paths(&world), before);
}

#[test]
fn a_project_that_is_gone_keeps_its_generations_until_told() {
    let world = with_garbage();
    fs::remove_dir_all(world.project()).expect("removed");
    fs::create_dir_all(world.project()).expect("made");
    let before = store_paths(&world);
    world.packs(["gc", "--keep", "0", "--older-than", "0s"]).succeeds();
    assert!(!store_paths(&world).is_empty());
    world.packs(["gc", "--missing-projects"]).succeeds();
    assert!(store_paths(&world).is_empty(), "{before:?}");
}
