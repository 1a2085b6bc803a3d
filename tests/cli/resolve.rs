//! `packs resolve`, and what a conflict says of its cure everywhere else
#![allow(clippy::disallowed_methods, reason = "tests look at and tamper with their world on the disk")]

use std::fs;

use crate::support::Pack;
use crate::support::TestEnv;

/// A project whose dashboard wants a newer charting than it asks for itself.
fn conflicting() -> TestEnv {
    let world = TestEnv::new();
    world.publish_all(&[
        Pack::new("charting", "1.0.0"),
        Pack::new("charting", "1.3.0"),
        Pack::new("charting", "2.1.0"),
        Pack::new("dashboard", "1.3.0").requires("charting", "^1"),
        Pack::new("dashboard", "1.4.0").requires("charting", "^2"),
        Pack::new("snippets", "1.0.0"),
    ]);
    world.manifest("# ours\n[packages]\ncharting = \"^1\"  # old\ndashboard = \"^1.4\"\nsnippets = \"1\"\n");
    world
}

#[test]
fn explains_first_what_it_is_about() {
    let world = conflicting();
    insta::assert_snapshot!(world.packs(["resolve"]).fails(3).stdout, @r"
    environment default: there is no resolution
    These two requirements cannot be met together:
      packs.toml:9   charting ^1
      packs.toml:10  dashboard ^1.4
    Because dashboard 1.4.0 requires charting ^2 and your project requires charting ^1, dashboard 1.4.0 cannot be chosen.
    And because your project requires dashboard ^1.4, these requirements cannot be met together.
    ");
    assert!(!world.has("packs.lock") && !world.has(".packs"), "a question writes nothing");
    insta::assert_snapshot!(world.packs(["lock"]).fails(3).stderr, @r#"
    error: environment default: no set of releases satisfies packs.toml
    These two requirements cannot be met together:
      packs.toml:9   charting ^1
      packs.toml:10  dashboard ^1.4
    Because dashboard 1.4.0 requires charting ^2 and your project requires charting ^1, dashboard 1.4.0 cannot be chosen.
    And because your project requires dashboard ^1.4, these requirements cannot be met together.
    hint: this would do: in packs.toml:9 write charting = "^2" instead of charting = "^1"; `packs resolve --fixes 3` shows more
    "#);
}

#[test]
fn fixes_are_ranked_edits() {
    let world = conflicting();
    insta::assert_snapshot!(world.packs(["resolve", "--fixes", "5"]).fails(3).stdout, @r#"
    environment default: there is no resolution
    These two requirements cannot be met together:
      packs.toml:9   charting ^1
      packs.toml:10  dashboard ^1.4
    Because dashboard 1.4.0 requires charting ^2 and your project requires charting ^1, dashboard 1.4.0 cannot be chosen.
    And because your project requires dashboard ^1.4, these requirements cannot be met together.
    fix 1
      packs.toml:9
        - charting = "^1"  # old
        + charting = "^2"  # old
      would lock: + charting 2.1.0, + dashboard 1.4.0, + snippets 1.0.0
    fix 2
      packs.toml:10
        - dashboard = "^1.4"
        + dashboard = "^1.3"
      would lock: + charting 1.3.0, + dashboard 1.3.0, + snippets 1.0.0
    fix 3
      packs.toml:12
        +
        + [overrides]
        + charting = "^1"
      would lock: + charting 1.3.0, + dashboard 1.4.0, + snippets 1.0.0
    fix 4
      packs.toml:9
        - charting = "^1"  # old
      would lock: + charting 2.1.0, + dashboard 1.4.0, + snippets 1.0.0
    fix 5
      packs.toml:10
        - dashboard = "^1.4"
      would lock: + charting 1.3.0, + snippets 1.0.0
    `packs resolve --apply N` makes one of them
    "#);
    let document = world.packs(["resolve", "--fixes", "2", "--json"]).fails(3).json();
    assert_eq!(document["fixes"].as_array().map(Vec::len), Some(2));
    assert_eq!(document["fixes"][0]["edits"][0]["line"], 9);
    assert_eq!(document["conflict"]["requirements"].as_array().map(Vec::len), Some(2));
}

/// Every fix that is offered makes packs.toml solvable, and nothing else changes in it.
#[test]
fn every_fix_fixes() {
    let count = conflicting().packs(["resolve", "--fixes", "20", "--json"]).fails(3).json()["fixes"].as_array().map_or(0, Vec::len);
    assert!(count >= 4, "{count} fixes");
    for number in 1..=count {
        let world = conflicting();
        let before = world.read("packs.toml");
        let number = number.to_string();
        world.packs(["resolve", "--fixes", "20", "--apply", &number, "-n"]).succeeds().prints("would be made");
        assert_eq!(world.read("packs.toml"), before, "a dry run writes nothing");
        world.packs(["resolve", "--fixes", "20", "--apply", &number]).succeeds().prints("is made");
        assert!(world.read("packs.toml").starts_with("[project]") && world.read("packs.toml").contains("# ours"));
        world.packs(["lock", "--check"]).succeeds();
        world.packs(["resolve"]).succeeds().prints("nothing moves");
        world.packs(["undo"]).succeeds();
        assert_eq!(world.read("packs.toml"), before, "a fix can be taken back");
        assert!(!world.has("packs.lock"));
    }
    conflicting().packs(["resolve", "--apply", "20"]).fails(9).says("there is no fix 20");
}

#[test]
fn a_fix_is_recorded_and_refused_where_lockfiles_must_not_change() {
    let world = conflicting();
    world.packs(["resolve", "--apply", "1", "--locked"]).fails(4);
    world.packs(["resolve", "--apply", "1", "-m", "newer charts"]).succeeds();
    world.packs(["audit"]).succeeds().prints("resolve").prints("newer charts");
}

#[test]
fn what_if_tells_what_would_move() {
    let world = TestEnv::with_kanban();
    world.packs(["lock"]).succeeds();
    let before = (world.read("packs.toml"), world.read("packs.lock"));
    insta::assert_snapshot!(world.packs(["resolve", "--what-if", "kanban@2.1.0"]).succeeds().stdout, @r"
    environment default: there is a resolution, 2 releases; against what is locked:
      ~ kanban 2.0.3 → 2.1.0
    ");
    world.packs(["resolve", "--what-if", "workflow@1.0.0"]).succeeds().prints("workflow 1.2.0 → 1.0.0");
    world.packs(["resolve", "--what-if", "snippets"]).succeeds().prints("+ snippets 1.0.0");
    world.packs(["resolve", "--what-if", "workflow@3.0.0"]).fails(3).prints("workflow =3.0.0").prints("the newest is 1.2.0");
    assert_eq!((world.read("packs.toml"), world.read("packs.lock")), before);
}

#[test]
fn a_conflict_can_be_drawn() {
    let world = conflicting();
    let dot = world.packs(["resolve", "--format", "dot"]).fails(3).stdout;
    assert!(dot.contains("-> ") && dot.contains("1.4.0: ^2") && dot.contains("#c0392b"), "{dot}");
    assert!(!dot.contains("snippets"), "only what the conflict is about: {dot}");
    let svg = world.packs(["resolve", "--format", "svg"]).fails(3).stdout;
    assert!(svg.contains(">dashboard</text>") && svg.contains(">1.4.0: ^2</text>"), "{svg}");
}

#[test]
fn a_refusal_names_rule_and_place() {
    let world = TestEnv::new();
    let archive = world.build(&Pack::new("reports", "2.4.0"));
    let publish = ["publish", archive.to_str().expect("text"), "--registry", "../registry", "--quality=62"];
    world.packs(publish).succeeds();
    world.manifest("[packages]\nreports = \"2\"\n\n[environments.prod]\nmin-quality = 80\n");
    insta::assert_snapshot!(world.packs(["resolve"]).fails(3).stdout, @r"
    environment prod: there is no resolution
    This requirement cannot be met:
      packs.toml:8  reports 2
    Because reports 2.4.0 is not allowed (quality 62 is below 80, packs.toml:11) and your project requires reports 2, that requirement cannot be met.
    hint: reports 2.4.0 would do but is not allowed: quality 62 is below 80, packs.toml:11
    ");
}

#[test]
fn a_pre_release_is_offered_by_its_name() {
    let world = TestEnv::new();
    world.publish_all(&[
        Pack::new("runbooks", "7.0.0").requires("metrics", "^5"),
        Pack::new("runbooks", "8.0.0-rc.1").requires("metrics", "^6"),
        Pack::new("metrics", "5.0.0"),
        Pack::new("metrics", "6.0.0"),
        Pack::new("capacity", "1.0.0").requires("metrics", "^6"),
    ]);
    world.manifest("[packages]\ncapacity = \"^1\"\nrunbooks = \"^7\"\n");
    world.packs(["resolve", "--fixes", "1"]).fails(3).prints("+ runbooks = \"=8.0.0-rc.1\"");
    world.packs(["resolve", "--apply", "1"]).succeeds();
    assert!(world.read("packs.lock").contains("version = \"8.0.0-rc.1\""));
}

#[test]
fn a_pack_of_another_registry_is_found_there() {
    let world = TestEnv::with_kanban();
    world.write(
        "packs.toml",
        "[project]\nname = \"demo\"\n[registries]\ndefault = \"file:../empty\"\nours = \"file:../registry\"\n[packages]\nkanban = { version = \"2\", registry = \"default\" }\n",
    );
    fs::create_dir(world.root().join("empty")).expect("made");
    world.packs(["lock"]).fails(3).says("the registry ours has a pack kanban").says("registry = \"ours\"");
    world.manifest("[packages]\nkanbna = \"2\"\n");
    world.packs(["lock"]).fails(3).says("there is no pack kanbna; did you mean kanban?");
}

/// Each rule makes a release unavailable with its own reason and the line it is written in.
#[test]
fn every_rule_says_why() {
    let world = TestEnv::with_kanban();
    for (rules, reason, line) in [
        ("[environments.prod]\nproduction-ready = true\n", "it is not marked production-ready", 11),
        ("[environments.prod]\nmin-quality = 80\n", "no quality is recorded, and at least 80 is required", 11),
        ("[environments.prod]\ncool-down = \"500w\"\n", "less than 500w ago", 11),
        ("[policy]\nlicenses = { deny = [\"MIT\"] }\n", "its licence MIT is denied", 11),
        ("[constraints]\nkanban = \">3\"\n", "it is outside >3", 11),
    ] {
        world.manifest(&format!("[packages]\nkanban = \"~2.1\"\n\n{rules}"));
        let ran = world.packs(["resolve"]).fails(3);
        ran.prints("kanban 2.1.0 is not allowed (").prints(reason).prints(&format!("packs.toml:{line})"));
    }
}

#[test]
fn a_yanked_release_is_offered_last() {
    let world = TestEnv::with_kanban();
    world.edit_index("snippets", |document| document["releases"][0]["yanked"] = "loses lines".into());
    world.manifest("[packages]\nsnippets = \"^1\"\n");
    insta::assert_snapshot!(world.packs(["resolve", "--fixes", "3"]).fails(3).stdout, @r#"
    environment default: there is no resolution
    This requirement cannot be met:
      packs.toml:8  snippets ^1
    Because your project requires snippets ^1 (only yanked releases are in that range), that requirement cannot be met.
    hint: snippets 1.0.0 would do but was yanked (loses lines): write snippets = "=1.0.0" to take it all the same
    fix 1
      packs.toml:8
        - snippets = "^1"
        + snippets = "=1.0.0"
      would lock: + snippets 1.0.0
    fix 2
      packs.toml:8
        - snippets = "^1"
    `packs resolve --apply N` makes one of them
    "#);
}
