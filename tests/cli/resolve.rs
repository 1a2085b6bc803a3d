//! `packs resolve`, and what a conflict says of its cure everywhere else
#![allow(clippy::disallowed_methods, reason = "tests look at and tamper with their world on the disk")]

use std::fs;

use crate::cli::resolve_pins::pinned;
use crate::support::Pack;
use crate::support::TestEnv;

/// A project whose dashboard wants a newer charting than it asks for itself.
pub(crate) fn conflicting() -> TestEnv {
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
    hint: this would do: in packs.toml:9 write charting = "^2" instead of charting = "^1"; `packs resolve default --fixes 3` shows more
    "#);
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
    hint: reports 2.4.0 is in the range but is not allowed: quality 62 is below 80, packs.toml:11
    ");
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
    hint: the pre-release kanban 2.0.0-rc.1 is in the range but not named: kanban = "=2.0.0-rc.1" names it
    hint: this would do: in packs.toml:8 write kanban = "^1" instead of kanban = "^2"; `packs resolve default --fixes 3` shows more
    "#);
    insta::assert_snapshot!(hints("board = \"^1\"", &[]), @r#"
    error: environment default: no set of releases satisfies packs.toml
    hint: the pre-release kanban 2.0.0-rc.1 is in the range but not named: kanban = "=2.0.0-rc.1" under [overrides] in packs.toml names it
    hint: this would do: in packs.toml:9 add [overrides], kanban = "=2.0.0-rc.1"; `packs resolve default --fixes 3` shows more
    "#);
    insta::assert_snapshot!(hints("report = \"^1\"", &["--as-of", "2020-01-01"]), @r#"
    error: environment default: no set of releases satisfies packs.toml
    hint: report 1.0.0 is in the range but is not allowed: published at [TIME], after [TIME]
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
    hint: report 1.0.0 is in the range but is not allowed: no archive for linux-aarch64, macos-aarch64
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
    hint: no release of app that may be chosen has any extra, so not chart
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

/// A world where a release of `app`, and one of `tool`, goes with either `core`.
fn two_environments() -> TestEnv {
    let world = TestEnv::new();
    world.publish_all(&[
        Pack::new("core", "1.0.0"),
        Pack::new("core", "2.0.0"),
        Pack::new("app", "1.0.0").requires("core", "^1"),
        Pack::new("app", "2.0.0").requires("core", "^2"),
        Pack::new("tool", "1.0.0").requires("core", "^1"),
        Pack::new("tool", "1.1.0-beta.1").requires("core", "^2"),
    ]);
    world
}

/// What refuses a fix is told of the packs.toml that is there, in which the fix is not made.
#[test]
fn a_refused_fix_is_not_told_as_if_it_were_made() {
    let world = two_environments();
    let own = "[environments.dev.packages]\ntool = \"=1.1.0-beta.1\"\n[environments.prod]\n";
    world.manifest(&format!("[packages]\napp = \"^2\"\ntool = \"^1\"\n{own}"));
    world.packs(["lock", "dev"]).succeeds();
    let before = world.read("packs.toml");
    let ran = world.packs(["resolve", "prod", "--apply", "1"]).fails(3);
    insta::assert_snapshot!(ran.stderr, @r#"
    error: environment dev: no set of releases satisfies packs.toml with fix 1 of environment prod, which was not made
    These two requirements cannot be met together:
      the fix        app ^1
      packs.toml:11  tool =1.1.0-beta.1
    Because tool 1.1.0-beta.1 requires core ^2 and app 1.0.0 requires core ^1, app 1.0.0 and tool 1.1.0-beta.1 cannot be chosen together.
    And because the fix asks for app ^1, tool 1.1.0-beta.1 cannot be chosen.
    And because your project requires tool =1.1.0-beta.1, these requirements cannot be met together.
    hint: this would do: in packs.toml:11 write tool = "^1.0.0" instead of tool = "=1.1.0-beta.1"; then `packs resolve prod --fixes 3` again
    "#);
    assert_eq!(world.read("packs.toml"), before);
}

/// Neither of two environments without a resolution keeps the other from being mended.
#[test]
fn an_environment_without_a_resolution_is_in_no_fix_s_way() {
    let world = two_environments();
    let manifest = |range: &str| {
        let own = |name: &str| format!("[environments.{name}.packages]\napp = \"{range}\"\n");
        world.manifest(&format!("[packages]\ntool = \"^1\"\n\n{}{}", own("dev"), own("prod")));
    };
    manifest("^1");
    world.packs(["lock", "--all"]).succeeds();
    manifest("^2");
    let other = world.read("packs.prod.lock");
    let warning = "packs.prod.lock stays as it was: environment prod has no resolution, before this as after";
    let apply = ["resolve", "dev", "--apply", "1"];
    world.packs([&apply[..], &["-n"]].concat()).succeeds().says(warning);
    world.packs(apply).succeeds().says(warning);
    assert_eq!(world.read("packs.prod.lock"), other);
    world.packs(["lock", "dev", "--check"]).succeeds();
    world.packs(["resolve", "prod", "--apply", "1"]).succeeds();
    world.packs(["lock", "--all", "--check"]).succeeds();
}

/// A command that is suggested is about the environment that was spoken of, and not about the one that is meant without a name.
#[test]
fn what_is_suggested_names_the_environment() {
    let world = two_environments();
    world.manifest("[packages]\napp = \"^1\"\n\n[environments.dev]\n[environments.prod.packages]\ncore = \"^2\"\n");
    let prod = |arguments: &[&str], exit: i32| world.packs(arguments.iter().copied()).fails(exit);
    prod(&["resolve", "prod", "--fixes", "1"], 3).prints("`packs resolve prod --apply N` makes one of them");
    prod(&["lock", "prod"], 3).says("`packs resolve prod --fixes 3` shows more");
    prod(&["resolve", "prod", "--apply", "20"], 9).says("`packs resolve prod --fixes 5` shows those there are");
    prod(&["tree", "-E", "prod"], 4).says("`packs lock prod` makes it; so does `packs switch prod`");
    prod(&["switch", "prod", "--locked"], 4).says("`packs lock prod` makes it; so does `packs switch prod`");
    world.manifest("[packages]\napp = \"^1\"\n\n[overrides]\ncore = \"^1\"\n\n[environments.dev]\n[environments.prod]\n");
    world.packs(["lock", "--all"]).succeeds();
    prod(&["update", "core", "--precise", "2.0.0", "-E", "prod"], 3).says("`packs resolve prod --what-if core@2.0.0`");
}

/// Where no edit helps, that is said, and no list of none is pointed to.
#[test]
fn that_no_edit_helps_is_said() {
    let world = TestEnv::new();
    world.publish(&Pack::new("app", "1.0.0"));
    world.manifest("[packages]\nanteater = \"^1\"\nbeetle = \"^1\"\ncaribou = \"^1\"\ndolphin = \"^1\"\n\n[environments.prod]\n");
    insta::assert_snapshot!(world.packs(["resolve", "prod", "--fixes", "5"]).fails(3).stdout, @"
    environment prod: there is no resolution
    This requirement cannot be met:
      packs.toml:11  dolphin ^1
    Because your project requires dolphin ^1 (there is no such pack), that requirement cannot be met.
    hint: there is no pack dolphin in its registry
    no edit of up to three changes was found that helps
    ");
    insta::assert_snapshot!(world.packs(["resolve", "prod", "--apply", "1"]).fails(9).stderr, @"error: there is no fix 1: no edit of up to three changes was found that helps");
}

/// To name a yanked release is no help where a rule refuses it by any name.
#[test]
fn a_yanked_release_that_a_rule_refuses_is_told_by_the_rule() {
    let world = TestEnv::new();
    world.publish(&Pack::new("reports", "1.1.0"));
    world.edit_index("reports", |document| document["releases"][0]["yanked"] = "loses lines".into());
    world.manifest("[packages]\nreports = \"^1\"\n\n[environments.dev]\nmin-quality = 80\n");
    insta::assert_snapshot!(world.packs(["resolve"]).fails(3).stdout, @"
    environment dev: there is no resolution
    This requirement cannot be met:
      packs.toml:8  reports ^1
    Because your project requires reports ^1 (only yanked releases are in that range), that requirement cannot be met.
    hint: reports 1.1.0 is in the range but is not allowed: no quality is recorded, and at least 80 is required, packs.toml:11
    ");
}
