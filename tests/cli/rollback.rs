//! `packs rollback` and `packs history`
#![allow(clippy::disallowed_methods, reason = "tests look at and tamper with their world on the disk")]

use crate::support::TestEnv;

fn two_generations() -> TestEnv {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    world.manifest("[packages]\nkanban = \"~2.1\"\n");
    world.packs(["switch"]).succeeds();
    world
}

#[test]
fn goes_to_the_parent_and_leaves_the_files() {
    let world = two_generations();
    let ran = world.packs(["rollback"]).succeeds();
    insta::assert_snapshot!(ran.stdout, @"
    environment default
      ~ kanban 2.1.0 → 2.0.3
    generation 1 is current (from 2)
    ");
    assert_eq!(world.current("default"), 1);
    assert!(world.read("packs.toml").contains("~2.1"), "packs.toml stays as it is");
}

#[test]
fn after_a_rollback_the_parent_counts_not_the_number() {
    let world = two_generations();
    world.packs(["rollback"]).succeeds();
    world.manifest("[packages]\nkanban = \"~2.0\"\nsnippets = \"1\"\n");
    world.packs(["switch"]).succeeds();
    assert_eq!(world.current("default"), 3);
    world.packs(["rollback"]).succeeds();
    assert_eq!(world.current("default"), 1);
}

#[test]
fn to_any_generation_and_down_to_the_empty_one() {
    let world = two_generations();
    world.packs(["rollback", "--to", "0"]).succeeds();
    assert!(!world.has(".packs/active/packs/kanban"));
    world.packs(["rollback", "--to", "2"]).succeeds();
    assert!(world.has(".packs/active/packs/kanban"));
    world.packs(["rollback", "--to", "7"]).fails(9).says("no generation 7");
    assert_eq!(world.current("default"), 2);
}

#[test]
fn restore_puts_manifest_and_lockfile_back() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    let (manifest, lockfile) = (world.read("packs.toml"), world.read("packs.lock"));
    world.manifest("[packages]\nkanban = \"~2.1\"\n");
    world.packs(["switch"]).succeeds();
    world.packs(["rollback", "--restore"]).succeeds();
    assert_eq!((world.read("packs.toml"), world.read("packs.lock"), world.current("default")), (manifest, lockfile, 1));
    world.packs(["switch"]).succeeds().prints("nothing to do");
}

#[test]
fn dry_run_changes_nothing() {
    let world = two_generations();
    world.packs(["rollback", "-n"]).succeeds().prints("would go back to generation 1");
    assert_eq!(world.current("default"), 2);
}

#[test]
fn without_a_generation_there_is_nothing_to_go_back_to() {
    let world = TestEnv::with_kanban();
    world.packs(["rollback"]).fails(9).says("no generation yet");
}

#[test]
fn history_draws_the_tree() {
    let world = two_generations();
    world.packs(["rollback"]).succeeds();
    let ran = world.packs(["history"]).succeeds();
    insta::assert_snapshot!(ran.stdout, @"
    environment default
    │ ○ 2 from 1 ~1  48 B  [TIME]  tester@vm  packs switch
    ● 1 from 0 +2  48 B  [TIME]  tester@vm  packs switch
    ○ 0  0 B  [TIME]  tester@vm  packs switch
    ");
    let json = world.packs(["history", "--json"]).succeeds().json();
    assert_eq!(json["schema"], "packs.history/1");
    assert_eq!(json["current"], 1);
    let numbers: Vec<_> = json["generations"].as_array().expect("rows").iter().map(|row| (row["number"].as_u64(), row["parent"].as_u64())).collect();
    assert_eq!(numbers, [(Some(0), None), (Some(1), Some(0)), (Some(2), Some(1))]);
}

#[test]
fn where_the_same_is_placed_it_is_one_rename_and_no_operation() {
    let world = TestEnv::with_kanban();
    let place = "\n[place]\n\"flows\" = { pack = \"workflow\", mode = \"copy\" }\n\"kanban\" = { pack = \"kanban\" }\n";
    for range in ["~2.0", "~2.1"] {
        world.manifest(&format!("[packages]\nkanban = \"{range}\"\nworkflow = \"=1.2.0\"\n{place}"));
        world.packs(["switch"]).succeeds();
    }
    world.write("flows/docs/flow.md", "my own\n");
    world.packs(["rollback"]).succeeds();
    assert!(world.read("kanban/bin/kanban").contains("2.0.3"));
    assert_eq!(world.read("flows/docs/flow.md"), "my own\n");
    // The journal's newest operation is still the switch, and undo says what came after it.
    world.packs(["undo"]).fails(2).says("rollback default --to 2");
    world.packs(["rollback", "--to", "2", "--force"]).succeeds().prints("is kept as");
    assert_eq!(world.read("flows/docs/flow.md"), "flow two\n");
}

#[test]
fn a_broken_manifest_keeps_nobody_from_going_back() {
    let world = two_generations();
    let whole = world.read("packs.toml");
    world.write("packs.toml", "[project\nname = 1\n");
    world.packs(["history"]).succeeds().says("going by what the home knows");
    assert_eq!(world.packs(["run", "--", "kanban"]).succeeds().stdout, "kanban 2.1.0\n");
    world.packs(["rollback"]).succeeds();
    assert_eq!(world.current("default"), 1);
    world.packs(["rollback", "--to", "2", "--restore"]).succeeds();
    assert_eq!((world.read("packs.toml"), world.current("default")), (whole, 2));
    world.write("packs.toml", "[project\nname = 1\n");
    world.packs(["switch"]).fails(2);
    world.packs(["verify"]).fails(2);
}
