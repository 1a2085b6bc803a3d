//! `packs tree` and `packs why`
#![allow(clippy::disallowed_methods, reason = "tests look at and tamper with their world on the disk")]

use std::fs;

use crate::support::Pack;
use crate::support::TestEnv;

/// A project whose `app` reaches `workflow` on two ways of two steps, and on one of one step by `kanban`.
fn world() -> TestEnv {
    let world = TestEnv::with_kanban();
    world.publish_all(&[
        Pack::new("app", "1.0.0").requires("left", "^1").requires("right", "^1"),
        Pack::new("left", "1.0.0").requires("workflow", "^1"),
        Pack::new("right", "1.0.0").requires("workflow", ">=1.1"),
    ]);
    world.manifest("[packages]\nkanban = \"~2.0\"\napp = { version = \"1\", tier = \"optional\" }\n");
    world.packs(["lock"]).succeeds();
    world
}

#[test]
fn shows_who_requires_what_with_ranges() {
    let world = world();
    insta::assert_snapshot!(world.packs(["tree"]).succeeds().stdout, @r"
    environment default
    app 1.0.0  1, optional
    ├── left 1.0.0  ^1
    │   └── workflow 1.2.0  ^1
    └── right 1.0.0  ^1
        └── workflow 1.2.0  >=1.1
    kanban 2.0.3  ~2.0
    └── workflow 1.2.0  ^1
    ");
    insta::assert_snapshot!(world.packs(["tree", "--depth", "2"]).succeeds().stdout, @r"
    environment default
    app 1.0.0  1, optional
    ├── left 1.0.0  ^1 …
    └── right 1.0.0  ^1 …
    kanban 2.0.3  ~2.0
    └── workflow 1.2.0  ^1
    ");
    insta::assert_snapshot!(world.packs(["tree", "workflow", "--invert"]).succeeds().stdout, @r"
    environment default
    workflow 1.2.0
    ├── kanban 2.0.3  by ^1, in packs.toml: ~2.0
    ├── left 1.0.0  by ^1
    │   └── app 1.0.0  by ^1, in packs.toml: 1, optional
    └── right 1.0.0  by >=1.1
        └── app 1.0.0  by ^1, in packs.toml: 1, optional
    ");
}

/// What lies within the depth is drawn with all its requirements, and only what lies beyond goes on.
#[test]
fn the_depth_hides_no_requirement_between_shown_packs() {
    let world = world();
    world.manifest("[packages]\nkanban = \"~2.0\"\nleft = \"1\"\nworkflow = \"1\"\napp = \"1\"\n");
    world.packs(["lock"]).succeeds();
    let outcome = world.packs(["tree", "--depth", "1", "--json"]).succeeds().json();
    let packs = outcome["packs"].as_array().expect("packs").iter();
    let shown: Vec<String> = packs.map(|pack| format!("{} {} {}", pack["name"], pack["edges"].as_array().expect("edges").len(), pack["goes_on"])).collect();
    assert_eq!(shown, ["\"app\" 1 true", "\"kanban\" 1 false", "\"left\" 1 false", "\"workflow\" 0 false"]);
    let dot = world.packs(["tree", "--depth", "1", "--format", "dot"]).succeeds().stdout;
    assert_eq!(dot.matches(" -> ").count(), 7, "{dot}");
    insta::assert_snapshot!(world.packs(["tree", "--depth", "1"]).succeeds().stdout, @"
    environment default
    app 1.0.0  1 …
    kanban 2.0.3  ~2.0 …
    left 1.0.0  1 …
    workflow 1.2.0  1
    ");
    insta::assert_snapshot!(world.packs(["tree", "--depth", "2"]).succeeds().stdout, @"
    environment default
    app 1.0.0  1
    ├── left 1.0.0  ^1 …
    └── right 1.0.0  ^1 …
    kanban 2.0.3  ~2.0
    └── workflow 1.2.0  ^1
    left 1.0.0  1
    └── workflow 1.2.0  ^1
    workflow 1.2.0  1
    ");
}

#[test]
fn what_was_shown_is_not_shown_again() {
    let world = world();
    world.manifest("[packages]\nright = \"1\"\napp = \"1\"\n");
    world.packs(["lock"]).succeeds();
    insta::assert_snapshot!(world.packs(["tree"]).succeeds().stdout, @r"
    environment default
    app 1.0.0  1
    ├── left 1.0.0  ^1
    │   └── workflow 1.2.0  ^1
    └── right 1.0.0  ^1
        └── workflow 1.2.0  >=1.1
    right 1.0.0  1 (*)
    (*) what hangs below it stands further up
    ");
}

#[test]
fn why_gives_all_shortest_ways() {
    let world = world();
    insta::assert_snapshot!(world.packs(["why", "workflow"]).succeeds().stdout, @r"
    environment default: workflow 1.2.0
      packs.toml asks for kanban ~2.0 → 2.0.3
        which requires workflow ^1 → 1.2.0
      packs.toml asks for app 1 → 1.0.0
        which requires left ^1 → 1.0.0
          which requires workflow ^1 → 1.2.0
      packs.toml asks for app 1 → 1.0.0
        which requires right ^1 → 1.0.0
          which requires workflow >=1.1 → 1.2.0
    ");
    world.packs(["why", "workflwo"]).fails(9).says("workflwo is not in packs.lock").says("did you mean workflow?");
}

/// Who requires the pack itself need not require what its extras do, and a lockfile does not tell the two apart: so nothing more is claimed.
#[test]
fn why_says_where_an_extra_may_be_the_reason() {
    let world = TestEnv::with_kanban();
    world.edit_index("kanban", |document| {
        let releases = document["releases"].as_array_mut().expect("releases");
        releases.iter_mut().for_each(|release| release["extras"] = serde_json::json!({ "charts": { "snippets": "^1" } }));
    });
    world.publish(&Pack::new("mid", "1.0.0").requires("kanban", "*"));
    world.manifest("[packages]\nmid = \"1\"\nkanban = { version = \"~2.0\", with = [\"charts\"] }\n");
    world.packs(["lock"]).succeeds();
    insta::assert_snapshot!(world.packs(["why", "snippets"]).succeeds().stdout, @r"
    environment default: snippets 1.0.0
      packs.toml asks for kanban ~2.0 → 2.0.3
        which, with the extra charts, requires snippets ^1 → 1.0.0
      packs.toml asks for mid 1 → 1.0.0
        which requires kanban * → 2.0.3
          which, with the extra charts, requires snippets ^1 → 1.0.0
    ");
}

#[test]
fn reads_lockfiles_and_nothing_else() {
    let world = world();
    fs::remove_dir_all(world.registry()).expect("removed");
    let _ = fs::remove_dir_all(world.home());
    world.packs(["tree", "--offline"]).succeeds();
    world.packs(["why", "workflow", "--offline"]).succeeds();
    assert!(!world.home().exists(), "a question makes no home");
    fs::remove_file(world.project().join("packs.lock")).expect("removed");
    world.packs(["tree"]).fails(4).says("packs.lock is missing");
}

#[test]
fn pictures_hold_every_pack_and_range() {
    let world = world();
    let dot = world.packs(["tree", "--format", "dot"]).succeeds().stdout;
    let svg = world.packs(["tree", "--format", "svg"]).succeeds().stdout;
    for label in ["demo", "app 1.0.0", "kanban 2.0.3", "workflow 1.2.0"] {
        assert!(dot.contains(&format!("\"{label}\"")), "{dot}");
        assert!(svg.contains(&format!(">{label}</text>")), "{svg}");
    }
    assert!(svg.contains(">&gt;=1.1</text>") && svg.starts_with("<svg "), "{svg}");
    assert_eq!(dot.matches(" -> ").count(), 7);
    assert_eq!(world.packs(["why", "left", "--format", "dot"]).succeeds().stdout.matches(" -> ").count(), 2);
    world.packs(["list", "--format", "svg"]).fails(2).says("this command has no --format svg; it has text and json");
}

/// Where the project puts another range in the place of everybody's, no command shows the old one alone.
#[test]
fn an_override_is_told_wherever_a_range_is_shown() {
    let world = world();
    world.manifest("[packages]\napp = \"1\"\nworkflow = \"^9\"\n\n[overrides]\nworkflow = \"=1.0.0\"\n");
    world.packs(["lock"]).succeeds();
    insta::assert_snapshot!(world.packs(["why", "workflow"]).succeeds().stdout, @"
    environment default: workflow 1.0.0
      packs.toml asks for workflow ^9, overridden by =1.0.0 (packs.toml:12) → 1.0.0
      packs.toml asks for app 1 → 1.0.0
        which requires left ^1 → 1.0.0
          which requires workflow ^1, overridden by =1.0.0 (packs.toml:12) → 1.0.0
      packs.toml asks for app 1 → 1.0.0
        which requires right ^1 → 1.0.0
          which requires workflow >=1.1, overridden by =1.0.0 (packs.toml:12) → 1.0.0
    ");
    insta::assert_snapshot!(world.packs(["tree"]).succeeds().stdout, @"
    environment default
    app 1.0.0  1
    ├── left 1.0.0  ^1
    │   └── workflow 1.0.0  ^1, overridden by =1.0.0 (packs.toml:12)
    └── right 1.0.0  ^1
        └── workflow 1.0.0  >=1.1, overridden by =1.0.0 (packs.toml:12)
    workflow 1.0.0  ^9, overridden by =1.0.0 (packs.toml:12)
    ");
    insta::assert_snapshot!(world.packs(["tree", "workflow", "--invert"]).succeeds().stdout, @"
    environment default
    workflow 1.0.0  in packs.toml: ^9, overridden by =1.0.0 (packs.toml:12)
    ├── left 1.0.0  by ^1
    │   └── app 1.0.0  by ^1, in packs.toml: 1
    └── right 1.0.0  by >=1.1
        └── app 1.0.0  by ^1, in packs.toml: 1
    ");
    for command in ["tree", "why"] {
        for (format, range) in [("dot", ">=1.1"), ("svg", "&gt;=1.1")] {
            let drawn = world.packs(if command == "why" { vec![command, "workflow", "--format", format] } else { vec![command, "--format", format] });
            let drawn = drawn.succeeds().stdout;
            assert!(drawn.contains("^9, overridden by =1.0.0 (packs.toml:12)"), "{drawn}");
            assert!(command == "why" || drawn.contains(&format!("{range}, overridden by =1.0.0 (packs.toml:12)")), "{drawn}");
        }
    }
    let step = &world.packs(["why", "workflow", "--json"]).succeeds().json()["ways"][0][0];
    assert_eq!((&step["overridden"], &step["overridden_at"]["line"]), (&"=1.0.0".into(), &12.into()), "{step}");
    let packs = world.packs(["tree", "--json"]).succeeds().json();
    let pack = packs["packs"].as_array().expect("packs").iter().find(|pack| pack["name"] == "workflow").expect("it is there").clone();
    assert_eq!((&pack["overridden"], &pack["overridden_at"]["line"]), (&"=1.0.0".into(), &12.into()), "{pack}");
    // What is locked counts, and it has no line where packs.toml says something else by now.
    world.manifest("[packages]\napp = \"1\"\nworkflow = \"^9\"\n");
    world.packs(["why", "workflow"]).succeeds().prints("workflow ^9, overridden by =1.0.0 → 1.0.0");
}

#[test]
fn duplicates_are_what_environments_do_not_share() {
    let world = TestEnv::with_kanban();
    world.manifest("[packages]\nkanban = \"2\"\n\n[environments.dev]\n\n[environments.prod]\n[environments.prod.packages]\nkanban = \"=2.0.0\"\n");
    world.packs(["tree", "--duplicates"]).fails(4);
    world.packs(["lock", "--all"]).succeeds();
    insta::assert_snapshot!(world.packs(["tree", "--duplicates"]).succeeds().stdout, @r"
    kanban
      2.0.0  prod
      2.1.0  dev
    ");
    for format in ["dot", "svg"] {
        let ran = world.packs(["tree", "--duplicates", "--format", format]).fails(2);
        assert_eq!(ran.stdout, "", "a table has no picture");
        ran.says(&format!("this command has no --format {format}; it has text and json"));
    }
    assert!(world.packs(["tree", "--duplicates", "--json"]).succeeds().json()["packs"].is_array());
    world.manifest("[packages]\nkanban = \"=2.0.0\"\n\n[environments.dev]\n\n[environments.prod]\n");
    world.packs(["lock", "--all"]).succeeds();
    world.packs(["tree", "--duplicates"]).succeeds().prints("no pack differs between the locked environments (dev, prod)");
}
