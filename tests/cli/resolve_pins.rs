//! Overrides and constraints in answers, conflicts and fixes.

use crate::support::Pack;
use crate::support::TestEnv;

/// A project whose override and constraint can be part of a conflict.
pub(crate) fn pinned(pins: &str) -> TestEnv {
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
    `packs resolve default --apply N` makes one of them
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
    hint: forms 2.0.0 is in the range but is not allowed: outside <2, packs.toml:11
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
    `packs resolve default --apply N` makes one of them
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
