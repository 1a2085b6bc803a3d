//! `packs undo`

use crate::support::TestEnv;

#[test]
fn a_key_that_was_trusted_is_taken_back() {
    let world = TestEnv::with_kanban();
    let before = world.read("packs.toml");
    world.packs(["registry", "add-key", "default", "RWQ2yYRXeehgFqQtZEfIu3JtOcZKM/1X1Wv7L+FRh3JMVTwlx//4Lk8N"]).succeeds();
    let trusted = world.read("packs.toml");
    assert!(trusted.contains("RWQ2yYRXeehgFqQt"));
    world.packs(["undo"]).succeeds().prints("packs.toml");
    assert_eq!(world.read("packs.toml"), before);
    world.packs(["undo"]).fails(9);
}

#[test]
fn takes_back_manifest_lockfile_and_generation_together() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    let (manifest, lockfile) = (world.read("packs.toml"), world.read("packs.lock"));
    world.packs(["install", "snippets"]).succeeds();
    assert!(world.has(".packs/active/packs/snippets"));
    let ran = world.packs(["undo"]).succeeds();
    insta::assert_snapshot!(ran.stdout, @"
    took back packs install snippets
      restored packs.lock
      restored packs.toml
    environment default: generation 1 is current (from 2)
    ");
    assert_eq!((world.read("packs.toml"), world.read("packs.lock"), world.current("default")), (manifest, lockfile, 1));
    assert!(!world.has(".packs/active/packs/snippets"));
}

#[test]
fn again_takes_back_the_one_before() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    world.packs(["install", "snippets"]).succeeds();
    world.packs(["undo"]).succeeds();
    world.packs(["undo"]).succeeds();
    assert!(!world.has("packs.lock"));
    assert_eq!(world.current("default"), 0);
    world.packs(["undo"]).fails(9).says("nothing to undo");
}

#[test]
fn refuses_what_was_changed_since_and_loses_nothing() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    world.packs(["install", "snippets"]).succeeds();
    let edited = format!("{}# my own line\n", world.read("packs.toml"));
    world.write("packs.toml", &edited);
    let ran = world.packs(["undo"]).fails(2);
    assert!(ran.stderr.contains("packs.toml"), "{}", ran.stderr);
    assert_eq!((world.read("packs.toml"), world.current("default")), (edited, 2));
}

#[test]
fn dry_run_changes_nothing() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    world.packs(["undo", "-n"]).succeeds().prints("would take back");
    assert_eq!(world.current("default"), 1);
    assert!(world.has("packs.lock"));
}

#[test]
fn the_log_says_which_packs_went_back() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    world.packs(["install", "snippets"]).succeeds();
    world.packs(["undo"]).succeeds();
    let events = world.packs(["audit", "--action", "undo", "--pack", "snippets", "--json"]).succeeds().json();
    let packs = &events["events"][0]["packs"];
    assert_eq!(packs[0], serde_json::json!({ "name": "snippets", "from": "1.0.0", "to": null }));
    assert_eq!((packs.as_array().map(Vec::len), events["events"][0]["environment"].as_str()), (Some(1), Some("default")));
}
