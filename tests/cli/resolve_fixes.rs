//! `packs resolve --fixes` and `--apply`: edits that end a conflict, and the one that everything else hints at.

use crate::cli::resolve::conflicting;
use crate::cli::resolve_pins::pinned;
use crate::support::Pack;
use crate::support::TestEnv;

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
    `packs resolve default --apply N` makes one of them
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
fn a_yanked_release_is_offered_last() {
    let world = TestEnv::with_kanban();
    world.edit_index("snippets", |document| document["releases"][0]["yanked"] = "loses lines".into());
    world.manifest("[packages]\nsnippets = \"^1\"\n");
    insta::assert_snapshot!(world.packs(["resolve", "--fixes", "3"]).fails(3).stdout, @r#"
    environment default: there is no resolution
    This requirement cannot be met:
      packs.toml:8  snippets ^1
    Because your project requires snippets ^1 (only yanked releases are in that range), that requirement cannot be met.
    hint: snippets 1.0.0 is in the range but was yanked (loses lines): snippets = "=1.0.0" admits it all the same
    fix 1
      packs.toml:8
        - snippets = "^1"
        + snippets = "=1.0.0"
      would lock: + snippets 1.0.0
    fix 2
      packs.toml:8
        - snippets = "^1"
    `packs resolve default --apply N` makes one of them
    "#);
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
    `packs resolve default --apply N` makes one of them
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
    hint: core 2.0.0 is in the range but is not allowed: outside <2, packs.toml:12
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

/// A fix of a range leaves all else of an entry as people wrote it.
#[test]
fn a_fix_of_a_range_keeps_how_extras_are_written() {
    let world = TestEnv::new();
    world.publish_all(&[Pack::new("ex", "2.0.0").more("\n[extras]\nc = { core = \"^1\" }\n"), Pack::new("core", "1.0.0")]);
    for entry in [
        "[packages]\nex = { version=\"^1.2\", with=[\n  # why charts\n  \"c\",  # charts\n] }\n",
        "[packages.ex]\nversion = '^1.2' # old\nwith = [\n  # why charts\n  \"c\",  # charts\n]\n",
        "[packages]\nex = { version = \"^1.2\", with = [\"c\" , ] , tier = 'optional' }\n",
    ] {
        world.manifest(entry);
        let before = world.read("packs.toml");
        world.packs(["resolve", "--apply", "1"]).succeeds();
        assert_eq!(world.read("packs.toml"), before.replace("'^1.2'", "\"^2.0\"").replace("^1.2", "^2.0"));
    }
}

/// The number of the first fix of which this is the only change.
fn fix_of(world: &TestEnv, environment: &str, change: &str) -> String {
    let document = world.packs(["resolve", environment, "--fixes", "20", "--json"]).fails(3).json();
    let fixes = document["fixes"].as_array().expect("fixes").iter();
    let is_it = |fix: &serde_json::Value| {
        let changes = fix["changes"].as_array().expect("changes");
        changes.len() == 1 && change == format!("{} {}", changes[0]["kind"].as_str().expect("kind"), changes[0]["name"].as_str().expect("name"))
    };
    (fixes.map(is_it).position(|is_it| is_it).expect("it is offered") + 1).to_string()
}

#[test]
fn an_environment_outlives_the_last_thing_that_it_asks_for() {
    let world = on_core(&[("dash", "1.0.0", "^2")]);
    let body = |own: &str| format!("[packages]\ncore = \"^1\"\n\n# for prod\n{own}# why\n\n[environments.dev]\n");
    world.manifest(&body("[environments.prod.packages.dash]\nversion = \"^1\"\n"));
    let before = world.read("packs.toml");
    let number = fix_of(&world, "prod", "drop dash");
    world.packs(["resolve", "prod", "--fixes", "20", "--apply", &number]).succeeds();
    let expected = before.replace(".packages.dash]\nversion = \"^1\"", "]");
    assert_eq!(world.read("packs.toml"), expected);
}

/// Makes the edits that a fix shows, in lines.
fn rebuilt(text: &str, edits: &serde_json::Value) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let list =
        |lines: &serde_json::Value| -> Vec<String> { lines.as_array().expect("lines").iter().map(|line| line.as_str().expect("text").to_owned()).collect() };
    for edit in edits.as_array().expect("edits").iter().rev() {
        let (before, after) = (list(&edit["before"]), list(&edit["after"]));
        assert!(!before.is_empty() || !after.is_empty(), "an edit of nothing: {edits}");
        let start = usize::try_from(edit["line"].as_u64().expect("a line")).expect("small") - 1;
        let gone: Vec<String> = lines.splice(start..start + before.len(), after).collect();
        assert_eq!(gone, before, "{edits}");
    }
    lines.join("\n") + "\n"
}

/// What a fix shows is what is made, also where it is made of several changes.
#[test]
fn the_edits_of_a_compound_fix_are_those_that_are_made() {
    let world = TestEnv::new();
    let both = |name: &str, version: &str, core: &str, lib: &str| Pack::new(name, version).requires("core", core).requires("lib", lib);
    let mut all = vec![both("x", "1.0.0", "^1", "^1"), both("x", "2.0.0", "^2", "^3"), both("y", "1.0.0", "^2", "^2")];
    all.extend(["1.0.0", "2.0.0", "3.0.0"].into_iter().flat_map(|version| [Pack::new("core", version), Pack::new("lib", version)]));
    world.publish_all(&all);
    let mut compound = 0;
    for own in ["x = \"^1\"\ny = \"^1\"\n", "x = \"*\"\n\n[environments.prod.packages]\nx = \"^1\" # ours\ny = \"^1\"\n\n[constraints]\nlib = \"<3\"\n"] {
        world.manifest(&format!("[environments.prod]\n\n[packages]\n{own}"));
        let before = world.read("packs.toml");
        let document = world.packs(["resolve", "prod", "--fixes", "20", "--json"]).fails(3).json();
        let fixes = document["fixes"].as_array().expect("fixes").iter().enumerate();
        for (at, fix) in fixes.filter(|(_, fix)| fix["changes"].as_array().is_some_and(|changes| changes.len() > 1)).take(4) {
            compound += 1;
            world.packs(["resolve", "prod", "--fixes", "20", "--apply", &(at + 1).to_string()]).succeeds();
            assert_eq!(rebuilt(&before, &fix["edits"]), world.read("packs.toml"), "{fix}");
            world.packs(["undo"]).succeeds();
            assert_eq!(world.read("packs.toml"), before);
        }
    }
    assert!(compound >= 4, "{compound} compound fixes");
}

#[test]
fn a_change_that_writes_what_is_there_is_none() {
    let world = on_core(&[("app", "2.1.0", "^2"), ("app", "3.0.0", "^3"), ("side", "1.0.0", "^1")]);
    world.publish(&Pack::new("core", "3.0.0"));
    world.manifest("[packages]\napp = \"^2.1\"\n");
    world.packs(["lock"]).succeeds();
    world.manifest("[packages]\napp = \"^2.1\"\nside = \"^1\"\n");
    let document = world.packs(["resolve", "--fixes", "20", "--json"]).fails(3).json();
    let fixes = document["fixes"].as_array().expect("fixes");
    let changes = |fix: &serde_json::Value| fix["changes"].as_array().expect("changes").clone();
    assert!(!fixes.iter().flat_map(changes).any(|change| change.get("to").is_some() && change.get("to") == change.get("from")), "{document}");
    let forced: Vec<_> = fixes.iter().filter(|fix| changes(fix).iter().any(|change| change["kind"] == "override" && change["to"] == "^3")).collect();
    assert_eq!(forced.iter().map(|fix| changes(fix).len()).collect::<Vec<_>>(), [1], "{document}");
    for (at, fix) in fixes.iter().enumerate() {
        assert!(fixes[..at].iter().all(|earlier| earlier["edits"] != fix["edits"]), "{document}");
    }
}
