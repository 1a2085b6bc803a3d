//! `packs lock`
#![allow(clippy::disallowed_methods, reason = "tests look at and tamper with their world on the disk")]

use std::ffi::OsStr;
use std::fs;

use crate::support::Pack;
use crate::support::TestEnv;

#[test]
fn is_byte_identical_for_the_same_input() {
    let (one, two) = (TestEnv::with_kanban(), TestEnv::with_kanban());
    one.packs(["lock"]).succeeds();
    two.packs(["lock", "-j1"]).succeeds();
    assert_eq!(one.read("packs.lock"), two.read("packs.lock"));
    assert!(!one.has(".packs/active"), "lock switches nothing");
}

#[test]
fn check_tells_and_writes_nothing() {
    let world = TestEnv::with_kanban();
    world.packs(["lock", "--check"]).fails(4);
    assert!(!world.has("packs.lock"));
    world.packs(["lock"]).succeeds();
    world.packs(["lock", "--check"]).succeeds();
    world.manifest("[packages]\nkanban = \"2\"\n");
    world.packs(["lock", "--check"]).fails(4).says("kanban was");
}

#[test]
fn keeps_what_is_locked() {
    let world = TestEnv::with_kanban();
    world.packs(["lock"]).succeeds();
    world.publish(&Pack::new("workflow", "1.3.0"));
    world.manifest("[packages]\nkanban = \"~2.0\"\nsnippets = \"1\"\n");
    world.packs(["lock"]).succeeds();
    assert!(world.read("packs.lock").contains("version = \"1.2.0\""), "an unrelated edit moves nothing");
}

#[test]
fn a_yanked_release_stays_locked_and_is_not_chosen_anew() {
    let world = TestEnv::with_kanban();
    world.packs(["lock"]).succeeds();
    let index = world.registry().join("index/ka/kanban.json");
    let mut document: serde_json::Value = serde_json::from_str(&fs::read_to_string(&index).expect("there")).expect("JSON");
    for release in document["releases"].as_array_mut().expect("releases") {
        if release["version"] == "2.0.3" {
            release["yanked"] = "loses cards".into();
        }
    }
    fs::write(&index, document.to_string()).expect("written");
    world.manifest("[packages]\nkanban = \"~2.0\"\nsnippets = \"1\"\n");
    world.packs(["lock"]).succeeds();
    assert!(world.read("packs.lock").contains("version = \"2.0.3\""));
    fs::remove_file(world.project().join("packs.lock")).expect("removed");
    world.packs(["lock"]).succeeds();
    assert!(world.read("packs.lock").contains("name = \"kanban\"\nversion = \"2.0.0\""), "{}", world.read("packs.lock"));
}

#[test]
fn environments_stay_together() {
    let world = TestEnv::with_kanban();
    world.manifest("[packages]\nworkflow = \"1\"\n\n[environments.dev]\n\n[environments.prod]\n");
    world.packs(["lock", "dev"]).succeeds();
    world.publish(&Pack::new("workflow", "1.9.0"));
    world.packs(["lock", "prod"]).succeeds();
    assert!(world.read("packs.prod.lock").contains("version = \"1.2.0\""), "prod follows what dev has");
}

#[test]
fn a_newer_lockfile_is_refused_and_kept() {
    let world = TestEnv::with_kanban();
    world.packs(["lock"]).succeeds();
    let newer = world.read("packs.lock").replace("version = 1\n", "version = 2\n");
    world.write("packs.lock", &newer);
    let ran = world.packs(["lock"]).fails(2);
    assert!(ran.stderr.contains("version 2"), "{}", ran.stderr);
    assert_eq!(world.read("packs.lock"), newer);
}

#[test]
fn what_the_rules_refuse_is_not_taken_from_a_lockfile_either() {
    let world = TestEnv::new();
    let archive = world.build(&Pack::new("kanban", "1.0.0").file("docs/README.md", "board\n"));
    let registry = world.registry();
    world.packs([OsStr::new("publish"), archive.as_os_str(), OsStr::new("--registry"), registry.as_os_str(), OsStr::new("--quality=87")]).succeeds();
    world.manifest("[packages]\nkanban = \"1\"\n\n[environments.prod]\nmin-quality = 80\n");
    world.packs(["lock"]).succeeds();
    let good = world.read("packs.prod.lock");
    world.write("packs.prod.lock", &good.replace("quality = 87", "quality = 10"));
    assert_ne!(world.read("packs.prod.lock"), good);
    world.packs(["switch", "--locked"]).fails(7).says("kanban 1.0.0").says("below 80").says("packs.toml:11");
    world.packs(["lock", "--check"]).fails(7).says("below 80");
    world.packs(["switch"]).succeeds();
    assert_eq!(world.read("packs.prod.lock"), good, "without --locked it is solved again");
}
