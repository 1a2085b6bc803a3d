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

/// An empty picture would look like an answer.
#[test]
fn without_a_conflict_nothing_is_drawn_and_that_is_said() {
    let world = TestEnv::with_kanban();
    for format in ["dot", "svg"] {
        let ran = world.packs(["resolve", "--format", format]).succeeds();
        assert_eq!(ran.stdout, "");
        let expected = format!("environment default: there is a resolution, so no conflict to draw; `packs tree --format {format}` draws what is locked\n");
        assert_eq!(ran.stderr, expected);
    }
}

#[test]
fn a_length_apart_from_its_option_is_told() {
    let world = conflicting();
    insta::assert_snapshot!(world.packs(["resolve", "--explain", "full"]).fails(2).stderr, @"
    error: there is no environment full, and --explain takes its value after an equals sign
    hint: write --explain=full, with an equals sign and no blank
    ");
    world.packs(["resolve", "--explain=full"]).fails(3).prints("cannot be met together");
    let ran = world.packs(["resolve", "full"]).fails(9);
    assert!(!ran.stderr.contains("--explain"), "nobody asked to explain: {}", ran.stderr);
    world.manifest("[packages]\ncharting = \"^1\"\n\n[environments.full]\n");
    world.packs(["resolve", "--explain", "full"]).succeeds().prints("environment full");
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
    world
        .packs(["lock"])
        .fails(3)
        .says("the registry ours has a pack kanban")
        .says("write kanban = { version = \"2\", registry = \"ours\" }")
        .says("there is no pack kanban in the registry default");
    world.manifest("[packages]\nkanbna = \"2\"\n");
    world.packs(["lock"]).fails(3).says("there is no pack kanbna; did you mean kanban?");
}

/// Each rule makes a release unavailable with its own reason and the line it is written in.
#[test]
fn every_rule_says_why() {
    let world = TestEnv::with_kanban();
    for (rules, reason, line) in [
        ("[environments.prod]\nproduction-ready = true\n", "not marked production-ready", 11),
        ("[environments.prod]\nmin-quality = 80\n", "no quality is recorded, and at least 80 is required", 11),
        ("[environments.prod]\ncool-down = \"500w\"\n", "less than 500w ago", 11),
        ("[policy]\nlicenses = { deny = [\"MIT\"] }\n", "its licence MIT is denied", 11),
        ("[constraints]\nkanban = \">3\"\n", "outside >3", 11),
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

/// A project whose override and constraint can be part of a conflict.
fn pinned(pins: &str) -> TestEnv {
    let world = TestEnv::new();
    world.publish_all(&[
        Pack::new("forms", "1.0.0"),
        Pack::new("forms", "1.3.0"),
        Pack::new("forms", "2.0.0"),
        Pack::new("app", "1.0.0").requires("forms", "^1"),
        Pack::new("app", "2.0.0").requires("forms", "^2"),
    ]);
    world.manifest(&format!("[packages]\napp = \"^2\"\n\n{pins}"));
    world
}

#[test]
fn an_override_that_counts_is_named_and_may_be_changed() {
    let world = pinned("[overrides]\nforms = \"~1.2\"  # for now\n");
    insta::assert_snapshot!(world.packs(["resolve", "--fixes", "5"]).fails(3).stdout, @r#"
    environment default: there is no resolution
    This requirement cannot be met:
      packs.toml:8  app ^2
    Because app 2.0.0 requires forms ^2 (packs.toml:11 overrides that with ~1.2; no release is in that range; the newest is 2.0.0) and your project requires app ^2, that requirement cannot be met.
    fix 1
      packs.toml:11
        - forms = "~1.2"  # for now
        + forms = "~2.0"  # for now
      would lock: + app 2.0.0, + forms 2.0.0
    fix 2
      packs.toml:11
        - forms = "~1.2"  # for now
      would lock: + app 2.0.0, + forms 2.0.0
    fix 3
      packs.toml:8
        - app = "^2"
    `packs resolve --apply N` makes one of them
    "#);
    let document = world.packs(["resolve", "--json"]).fails(3).json();
    let step = &document["conflict"]["steps"].as_array().expect("steps").iter().find(|step| step["needs"]["name"] == "forms").expect("it is there")["needs"];
    assert_eq!((&step["overridden"]["range"], &step["overridden"]["at"]["line"]), (&"~1.2".into(), &11.into()));
    world.packs(["lock"]).fails(3).says("this would do: in packs.toml:11 write forms = \"~2.0\" instead of forms = \"~1.2\"");
    world.packs(["resolve", "--apply", "2"]).succeeds();
    assert!(!world.read("packs.toml").contains("~1.2"), "{}", world.read("packs.toml"));
}

#[test]
fn an_override_is_named_where_it_contradicts_another_pack() {
    let world = pinned("[overrides]\nforms = \"=2.0.0\"\n[constraints]\nforms = \"<2\"\n");
    let ran = world.packs(["resolve"]).fails(3);
    ran.prints("app 2.0.0 requires forms ^2 (packs.toml:11 overrides that with =2.0.0)").prints("forms 2.0.0 is not allowed (outside <2, packs.toml:13)");
}

#[test]
fn a_constraint_may_be_changed_by_a_fix_but_not_by_a_hint() {
    let world = pinned("[constraints]\nforms = \"<2\"\n");
    insta::assert_snapshot!(world.packs(["resolve", "--fixes", "5"]).fails(3).stdout, @r#"
    environment default: there is no resolution
    This requirement cannot be met:
      packs.toml:8  app ^2
    Because forms 2.0.0 is not allowed (outside <2, packs.toml:11), app 2.0.0 requires forms ^2, and your project requires app ^2, that requirement cannot be met.
    hint: forms 2.0.0 would do but is not allowed: outside <2, packs.toml:11
    fix 1
      packs.toml:8
        - app = "^2"
        + app = "^1"
      would lock: + app 1.0.0, + forms 1.3.0
    fix 2
      packs.toml:11
        - forms = "<2"
        + forms = "<3"
      would lock: + app 2.0.0, + forms 2.0.0
    fix 3
      packs.toml:8
        - app = "^2"
    `packs resolve --apply N` makes one of them
    "#);
    world.manifest("[packages]\napp = \"=2.0.0\"\nforms = \"*\"\n\n[constraints]\nforms = \"<2\"\n");
    let ran = world.packs(["lock"]).fails(3);
    assert!(!ran.stderr.contains("forms = \"<3\""), "{}", ran.stderr);
    world.packs(["resolve", "--fixes", "9"]).fails(3).prints("+ forms = \"<3\"");
}

/// Where another rule refuses a release as well, a wider constraint is no fix.
#[test]
fn a_constraint_is_not_blamed_for_what_another_rule_refuses() {
    let world = pinned("[constraints]\nforms = \"<2\"\n\n[policy]\nlicenses = { deny = [\"MIT\"] }\n");
    let ran = world.packs(["resolve", "--fixes", "5"]).fails(3);
    ran.prints("its licence MIT is denied");
    assert!(!ran.stdout.contains("<3"), "{}", ran.stdout);
}

#[test]
fn a_pin_that_counts_for_nothing_is_told() {
    let world = pinned("[overrides]\nfroms = \"^2\"\n\n[constraints]\ncharts = \"<3\"\nforms = \"<3\"\n");
    let ran = world.packs(["lock"]).succeeds();
    insta::assert_snapshot!(ran.stderr, @r#"
    warning: packs.toml:11: froms = "^2" under [overrides] counts for nothing: nothing requires froms; did you mean forms?
    warning: packs.toml:14: charts = "<3" under [constraints] counts for nothing: nothing requires charts
    "#);
    assert!(world.packs(["lock"]).succeeds().stderr.is_empty(), "nothing is solved anew");
    let document = world.packs(["resolve", "--json"]).succeeds().json();
    assert_eq!(document["idle_pins"].as_array().map(Vec::len), Some(2), "{document}");
    // A pack that some release requires, even if none of these is chosen, is one that may have to be pinned.
    world.manifest("[packages]\napp = \"^2\"\n\n[constraints]\nforms = \">=1\"\n");
    let document = world.packs(["lock", "--json"]).succeeds().json();
    assert_eq!(document["lockfiles"][0]["idle_pins"].as_array().map(Vec::len), Some(0), "{document}");
}

#[test]
fn a_mistyped_name_is_renamed_by_a_fix() {
    let world = pinned("");
    world.manifest("[packages]\napp = \"^2\"\nfomrs = { version = \"^2\", priority = 3 }  # ours\n");
    insta::assert_snapshot!(world.packs(["resolve", "--fixes", "3"]).fails(3).stdout, @r#"
    environment default: there is no resolution
    This requirement cannot be met:
      packs.toml:9  fomrs ^2
    Because your project requires fomrs ^2 (there is no such pack), that requirement cannot be met.
    hint: there is no pack fomrs; did you mean forms?
    fix 1
      packs.toml:9
        - fomrs = { version = "^2", priority = 3 }  # ours
        + forms = { version = "^2", priority = 3 }  # ours
      would lock: + app 2.0.0, + forms 2.0.0
    fix 2
      packs.toml:9
        - fomrs = { version = "^2", priority = 3 }  # ours
      would lock: + app 2.0.0, + forms 2.0.0
    `packs resolve --apply N` makes one of them
    "#);
    world.packs(["resolve", "--apply", "1"]).succeeds();
    assert!(world.read("packs.toml").contains("forms = { version = \"^2\", priority = 3 }  # ours"), "{}", world.read("packs.toml"));
    world.packs(["lock", "--check"]).succeeds();
    // Two at once, and none where the other name does not help.
    world.manifest("[packages]\napps = \"^2\"\nfomrs = \"^2\"\n");
    world.packs(["resolve", "--fixes", "1"]).fails(3).prints("+ app = \"^2\"").prints("+ forms = \"^2\"");
    world.manifest("[packages]\napp = \"^2\"\nfomrs = \"^1\"\n");
    assert!(!world.packs(["resolve", "--fixes", "9"]).fails(3).stdout.contains("+ forms"));
    world.manifest("[packages]\nforms = \"^2\"\nfomrs = \"^2\"\n");
    assert!(!world.packs(["resolve", "--fixes", "9"]).fails(3).stdout.contains("+ forms"), "it is required already");
}

/// Every hint that a conflict may have, as it is shown.
#[test]
fn each_hint_says_what_to_do() {
    let world = TestEnv::new();
    world.publish_all(&[
        Pack::new("kanban", "1.0.0"),
        Pack::new("kanban", "2.0.0-rc.1"),
        Pack::new("board", "1.0.0").requires("kanban", "^2"),
        Pack::new("report", "1.0.0"),
    ]);
    let hints = |packages: &str, arguments: &[&str]| {
        world.manifest(&format!("[packages]\n{packages}\n"));
        let stderr = world.packs([&["lock"], arguments].concat()).fails(3).stderr;
        stderr.lines().filter(|line| line.starts_with("hint: ") || line.starts_with("error: ")).map(|line| format!("{line}\n")).collect::<String>()
    };
    insta::assert_snapshot!(hints("kanban = \"^2\"", &[]), @r#"
    error: environment default: no set of releases satisfies packs.toml
    hint: the pre-release kanban 2.0.0-rc.1 would do: write kanban = "=2.0.0-rc.1"
    hint: this would do: in packs.toml:8 write kanban = "^1" instead of kanban = "^2"; `packs resolve --fixes 3` shows more
    "#);
    insta::assert_snapshot!(hints("board = \"^1\"", &[]), @r#"
    error: environment default: no set of releases satisfies packs.toml
    hint: the pre-release kanban 2.0.0-rc.1 would do: write kanban = "=2.0.0-rc.1" under [overrides] in packs.toml
    hint: this would do: in packs.toml:9 add [overrides], kanban = "=2.0.0-rc.1"; `packs resolve --fixes 3` shows more
    "#);
    insta::assert_snapshot!(hints("report = \"^1\"", &["--as-of", "2020-01-01"]), @r#"
    error: environment default: no set of releases satisfies packs.toml
    hint: report 1.0.0 would do but is not allowed: published at [TIME], after [TIME]
    "#);
    insta::assert_snapshot!(hints("repord = \"^1\"", &[]), @r#"
    error: environment default: no set of releases satisfies packs.toml
    hint: there is no pack repord; did you mean report?
    "#);
    let index = world.registry().join("index/re/report.json");
    let mut document: serde_json::Value = serde_json::from_str(&fs::read_to_string(&index).expect("there")).expect("JSON");
    document["revision"] = (document["revision"].as_u64().expect("a number") + 1).into();
    document["releases"][0]["artifacts"][0]["platform"] = "linux-x86_64".into();
    fs::write(&index, document.to_string()).expect("written");
    insta::assert_snapshot!(hints("report = \"^1\"", &[]), @r#"
    error: environment default: no set of releases satisfies packs.toml
    hint: report 1.0.0 would do but is not allowed: no archive for linux-aarch64, macos-aarch64
    "#);
}

#[test]
fn an_extra_that_no_release_has_is_told_once() {
    let world = pinned("");
    world.manifest("[packages]\napp = { version = \"*\", with = [\"chart\"] }\n");
    insta::assert_snapshot!(world.packs(["resolve"]).fails(3).stdout, @"
    environment default: there is no resolution
    This requirement cannot be met:
      packs.toml:8  app *
    Because no version of app has an extra chart and your project requires app * with the extra chart, that requirement cannot be met.
    hint: app has no extras, so not chart
    ");
}

#[test]
fn what_is_only_supposed_has_no_line() {
    let world = pinned("");
    insta::assert_snapshot!(world.packs(["resolve", "--what-if", "app@9.0.0"]).fails(3).stdout, @"
    environment default: there is no resolution
    This requirement cannot be met:
      --what-if  app =9.0.0
    Because --what-if asks for app =9.0.0 (no release is in that range; the newest is 2.0.0), that requirement cannot be met.
    ");
    // What the file says is said of the file, and what is supposed of the question.
    world.manifest("[packages]\napp = \"^2\"\nforms = \"^2\"\n");
    insta::assert_snapshot!(world.packs(["resolve", "--what-if", "forms@1.0.0"]).fails(3).stdout, @"
    environment default: there is no resolution
    These two requirements cannot be met together:
      --what-if     forms =1.0.0
      packs.toml:8  app ^2
    Because app 2.0.0 requires forms ^2 and your project requires app ^2, your project needs forms ^2.
    And because --what-if asks for forms =1.0.0, these requirements cannot be met together.
    ");
    let document = world.packs(["resolve", "--what-if", "forms@1.0.0", "--json"]).fails(3).json();
    let says: Vec<&str> = document["conflict"]["steps"].as_array().expect("steps").iter().filter_map(|step| step["says"].as_str()).collect();
    assert!(says.contains(&"--what-if asks for forms =1.0.0") && says.contains(&"your project requires app ^2"), "{says:?}");
}

#[test]
fn an_idle_pin_is_told_once_for_all_environments() {
    let world = pinned("[overrides]\nfroms = \"^2\"\n[environments.dev]\n[environments.prod]\n");
    assert_eq!(world.packs(["lock", "--all"]).succeeds().stderr.matches("counts for nothing").count(), 1);
}

/// A release asked about counts, whatever the project overrides: an answer never has another one.
#[test]
fn what_if_takes_the_place_of_an_override() {
    let world = pinned("[overrides]\nforms = \"~1.0\"\n");
    world.packs(["lock"]).succeeds();
    insta::assert_snapshot!(world.packs(["resolve", "--what-if", "forms@1.3.0"]).succeeds().stdout, @r"
    environment default: there is a resolution, 2 releases; against what is locked:
      ~ forms 1.0.0 → 1.3.0
    this is without the override ~1.0 in packs.toml:11: --what-if takes its place
    ");
    let document = world.packs(["resolve", "--what-if", "forms@1.3.0", "--json"]).succeeds().json();
    assert_eq!((&document["displaced_override"]["range"], &document["displaced_override"]["at"]["line"]), (&"~1.0".into(), &11.into()));
    world.packs(["resolve", "--what-if", "forms@1.9.9"]).fails(3).prints("--what-if  forms =1.9.9").prints("this is without the override ~1.0");
    assert!(world.packs(["resolve", "--json"]).succeeds().json()["displaced_override"].is_null());
}

/// There is nothing to edit where a requirement was only supposed, and what was written keeps its line.
#[test]
fn what_is_supposed_cannot_be_edited_and_moves_no_line() {
    let world = pinned("[constraints]\nforms = \"<1\"\n");
    world.packs(["resolve", "--what-if", "forms@1.0.0", "--fixes", "2"]).fails(2).says("cannot be used with");
    world.packs(["resolve", "--what-if", "forms@1.0.0", "--apply", "1"]).fails(2).says("cannot be used with");
    world.packs(["resolve", "--what-if", "forms@1.0.0"]).fails(3).prints("--what-if  forms =1.0.0").prints("packs.toml:11");
}

/// A world with two releases of `core`, and packs that each require one: name, version, range.
fn on_core(packs: &[(&str, &str, &str)]) -> TestEnv {
    let world = TestEnv::new();
    let mut all = vec![Pack::new("core", "1.0.0"), Pack::new("core", "2.0.0")];
    all.extend(packs.iter().map(|(name, version, range)| Pack::new(name, version).requires("core", range)));
    world.publish_all(&all);
    world
}

/// Two environments that share a requirement: what mends one moves the other too, and both are told.
#[test]
fn a_fix_tells_what_moves_in_every_lockfile() {
    let world = on_core(&[("auth", "1.0.0", "^1"), ("auth", "2.0.0", "^2")]);
    world.manifest("[packages]\nauth = \"^1\"\n[environments.dev]\n[environments.prod]\n");
    world.packs(["lock", "dev"]).succeeds();
    world.manifest("[packages]\nauth = \"^1\"\n[environments.dev]\n[environments.prod.packages]\ncore = \"^2\"\n");
    insta::assert_snapshot!(world.packs(["resolve", "prod", "--apply", "1", "-n"]).succeeds().stdout, @r#"
    environment prod: fix 1 would be made
      packs.toml:8
        - auth = "^1"
        + auth = "^2"
      would lock packs.prod.lock: + auth 2.0.0, + core 2.0.0
      would lock packs.dev.lock: ~ auth 1.0.0 → 2.0.0, ~ core 1.0.0 → 2.0.0
    "#);
    let document = world.packs(["resolve", "prod", "--apply", "1", "-n", "--json"]).succeeds().json();
    assert_eq!(
        (&document["lockfiles"][1]["lockfile"], &document["lockfiles"][1]["changed"][0]["name"]),
        (&"packs.dev.lock".into(), &"auth".into()),
        "{document}"
    );
    insta::assert_snapshot!(world.packs(["resolve", "prod", "--apply", "1"]).succeeds().stdout, @r#"
    environment prod: fix 1 is made, and locked; `packs switch prod` makes it current
      packs.toml:8
        - auth = "^1"
        + auth = "^2"
      locked packs.prod.lock: + auth 2.0.0, + core 2.0.0
      locked packs.dev.lock: ~ auth 1.0.0 → 2.0.0, ~ core 1.0.0 → 2.0.0
    "#);
    insta::assert_snapshot!(world.packs(["resolve", "prod", "--apply", "1"]).fails(9).stderr, @r#"
    error: environment prod: there is a resolution, so there is no fix 1 to make; packs.toml is as it was
    hint: `packs lock prod` locks it
    "#);
    conflicting().packs(["resolve", "--fixes", "1", "--apply", "20"]).fails(9).says("there is no fix 20: only ");
}

/// What an install was refused for is not in packs.toml: the hint edits the file that is there, and then the install does.
#[test]
fn a_refused_install_hints_at_what_makes_it_possible() {
    let world = on_core(&[("auth", "1.0.0", "^1"), ("dash", "1.0.0", "^2")]);
    world.manifest("[packages]\nauth = \"^1\"\n");
    world.packs(["lock"]).succeeds();
    insta::assert_snapshot!(world.packs(["install", "dash"]).fails(3).stderr, @r#"
    error: environment default: no set of releases satisfies packs.toml with what is asked for, which is not written
    These two requirements cannot be met together:
      asked for     dash *
      packs.toml:8  auth ^1
    Because dash 1.0.0 requires core ^2 and auth 1.0.0 requires core ^1, auth 1.0.0 and dash 1.0.0 cannot be chosen together.
    And because your project requires auth ^1, dash 1.0.0 cannot be chosen.
    And because you ask for dash *, these requirements cannot be met together.
    hint: this would do: in packs.toml:9 add [overrides], core = "^1"; then the same command again
    "#);
    assert!(!world.read("packs.toml").contains("dash"));
    let hinted = world.read("packs.toml") + "\n[overrides]\ncore = \"^1\"\n";
    world.write("packs.toml", &hinted);
    world.packs(["install", "dash"]).succeeds();
    // What is asked for stands nowhere, and what was there before keeps its line though the new one would come above it.
    world.manifest("[packages]\ncore = \"^1\"\nother = \"^1\"\n\n[constraints]\ncore = \"<2\"\n");
    world.publish(&Pack::new("other", "1.0.0"));
    insta::assert_snapshot!(world.packs(["install", "dash@^1", "auth"]).fails(3).stderr, @"
    error: environment default: no set of releases satisfies packs.toml with what is asked for, which is not written
    This requirement cannot be met:
      asked for  dash ^1
    Because core 2.0.0 is not allowed (outside <2, packs.toml:12), dash 1.0.0 requires core ^2, and you ask for dash ^1, that requirement cannot be met.
    hint: core 2.0.0 would do but is not allowed: outside <2, packs.toml:12
    ");
    let document = world.packs(["install", "dash@^1", "--json"]).fails(3).json();
    assert!(!document.to_string().contains("packs.toml:14"), "{document}");
    // An edit of what is only asked for is no edit of packs.toml.
    let ran = world.packs(["install", "dash@^7"]).fails(3);
    assert!(!ran.stderr.contains("this would do"), "{}", ran.stderr);
}

/// One edit that forces something, or does without, does not hide two that only ask for newer releases.
#[test]
fn two_gentle_edits_come_before_one_that_forces() {
    let world = on_core(&[("auth", "1.0.0", "^1"), ("auth", "2.0.0", "^2"), ("billing", "1.0.0", "^1"), ("billing", "2.0.0", "^2"), ("dash", "1.0.0", "^2")]);
    world.manifest("[packages]\nauth = \"^1\"\nbilling = \"^1\"\n");
    world.packs(["lock"]).succeeds();
    world.packs(["install", "dash"]).fails(3).says("packs.toml:8 write auth = \"^2\"").says("packs.toml:9 write billing = \"^2\"");
    world.manifest("[packages]\nauth = \"^1\"\nbilling = \"^1\"\ndash = \"^1\"\n");
    let document = world.packs(["resolve", "--fixes", "5", "--json"]).fails(3).json();
    let kinds = |fix: &serde_json::Value| -> Vec<String> {
        let changes = fix["changes"].as_array().expect("changes").iter();
        changes.map(|change| format!("{} {}", change["kind"].as_str().expect("kind"), change["name"].as_str().expect("name"))).collect()
    };
    let fixes: Vec<Vec<String>> = document["fixes"].as_array().expect("fixes").iter().map(kinds).collect();
    assert_eq!(fixes[0], ["range auth", "range billing"], "{fixes:?}");
    assert!(fixes.contains(&vec!["override core".to_owned()]) && fixes.contains(&vec!["drop dash".to_owned()]), "{fixes:?}");
    world.packs(["resolve", "--apply", "1"]).succeeds();
    world.packs(["lock", "--check"]).succeeds();
}
