//! Which release is chosen where there is a choice.

use std::collections::BTreeSet;

use packs::resolve::Preferences;

use crate::resolver::name;
use crate::resolver::roots;
use crate::resolver::show;
use crate::resolver::solve;
use crate::resolver::version;
use crate::resolver::world;

const KANBAN: &str = "
    kanban 1.0.0
    kanban 1.2.0
    kanban 1.2.1 | yanked broken
    kanban 1.3.0-rc.1
    kanban 2.0.0-rc.1
    kanban 2.0.0-rc.2
";

#[track_caller]
fn check_with(preferences: &Preferences, releases: &str, requirements: &[&str], expected: &str) {
    let found = solve(&roots(requirements), &world(releases), preferences);
    assert_eq!(found.map_or_else(|conflict| conflict.explain(), |resolution| show(&resolution)), expected);
}

#[track_caller]
fn check(releases: &str, requirements: &[&str], expected: &str) {
    check_with(&Preferences::default(), releases, requirements, expected);
}

#[test]
fn nothing_needs_nothing() {
    check(KANBAN, &[], "");
}

#[test]
fn the_highest_stable_release_is_chosen() {
    check(KANBAN, &["kanban *"], "kanban 1.2.0");
    check(KANBAN, &["kanban ^1"], "kanban 1.2.0");
    check(KANBAN, &["kanban <1.2"], "kanban 1.0.0");
}

#[test]
fn a_prerelease_is_chosen_where_the_range_names_one() {
    check(KANBAN, &["kanban ^2.0.0-rc.1"], "kanban 2.0.0-rc.2");
    check(KANBAN, &["kanban =2.0.0-rc.1"], "kanban 2.0.0-rc.1");
    check(KANBAN, &["kanban >=1.0.0, <2.0.0-rc.2"], "kanban 1.2.0");
    // It admits 1.3.0-rc.1 alone.
    check(KANBAN, &["kanban ^1.3.0-rc.1"], "kanban 1.3.0-rc.1");
}

#[test]
fn a_yanked_release_is_chosen_where_it_is_named_or_locked() {
    check(KANBAN, &["kanban =1.2.1"], "kanban 1.2.1");
    let locked = |number: &str| Preferences { locked: [(name("kanban"), version(number))].into(), ..Preferences::default() };
    check_with(&locked("1.2.1"), KANBAN, &["kanban ^1"], "kanban 1.2.1");
    check_with(&locked("1.0.0"), KANBAN, &["kanban ^1"], "kanban 1.0.0");
    check_with(&locked("9.9.9"), KANBAN, &["kanban ^1"], "kanban 1.2.0");
    check_with(&locked("1.0.0"), KANBAN, &["kanban >=1.1"], "kanban 1.2.0");
    // Named by the project, it is a choice for everybody.
    check("a 1.0.0 | kanban ^1\n kanban 1.2.1 | yanked broken", &["a *", "kanban =1.2.1"], "a 1.0.0, kanban 1.2.1");
    // Named by a release, it is one for that release.
    check("a 1.0.0 | kanban =1.2.1\n kanban 1.2.1 | yanked broken", &["a *"], "a 1.0.0, kanban 1.2.1");
}

#[test]
fn what_other_environments_use_comes_after_what_is_locked() {
    let others = Preferences { others: [(name("kanban"), BTreeSet::from([version("1.0.0")]))].into(), ..Preferences::default() };
    check_with(&others, KANBAN, &["kanban *"], "kanban 1.0.0");
    let both = Preferences { locked: [(name("kanban"), version("1.2.0"))].into(), ..others };
    check_with(&both, KANBAN, &["kanban *"], "kanban 1.2.0");
}

#[test]
fn what_the_project_names_gets_the_higher_release() {
    let releases = "
        app 1.0.0 | lib ^1
        app 2.0.0 | lib ^1
        lib 1.0.0
        lib 2.0.0
        tool 1.0.0 | lib *
    ";
    check(releases, &["app *", "tool *"], "app 2.0.0, lib 1.0.0, tool 1.0.0");
}

#[test]
fn an_older_release_is_chosen_where_a_newer_one_does_not_fit() {
    let releases = "
        menu 1.5.0 | dropdown ^2
        menu 1.0.0 | dropdown ^1
        dropdown 2.0.0 | icons ^2
        dropdown 1.8.0 | intl ^3
        icons 2.0.0
        icons 1.0.0
        intl 3.0.0
    ";
    check(releases, &["menu *", "icons ^1"], "dropdown 1.8.0, icons 1.0.0, intl 3.0.0, menu 1.0.0");
}

#[test]
fn extras_bring_what_they_need() {
    let releases = "
        reports 1.0.0 | core ^1 | +pdf printing ^1 | +html core ^1.1
        reports 1.1.0 | core ^1
        core 1.0.0
        core 1.1.0
        printing 1.0.0
    ";
    check(releases, &["reports ^1"], "core 1.1.0, reports 1.1.0");
    check(releases, &["reports ^1 +pdf"], "core 1.1.0, printing 1.0.0, reports 1.0.0 +pdf");
    check(releases, &["reports ^1 +html +pdf"], "core 1.1.0, printing 1.0.0, reports 1.0.0 +html +pdf");
    let resolution = solve(&roots(&["reports ^1 +html"]), &world(releases), &Preferences::default()).expect("there is one");
    let requires: Vec<String> = resolution.releases[&name("reports")].requires.iter().map(|(name, range)| format!("{name} {range}")).collect();
    assert_eq!(requires, ["core ^1", "core ^1.1"]);
}

#[test]
fn circles_are_no_obstacle() {
    check("a 1.0.0 | b ^1\n b 1.0.0 | a ^1 | b ^1", &["a *"], "a 1.0.0, b 1.0.0");
    check("a 1.0.0 | b ^1\n b 1.0.0 | a ^1 | b ^2\n b 1.1.0", &["a *"], "a 1.0.0, b 1.1.0");
    check("a 2.0.0 | a ^1\n a 1.0.0 | a ^1", &["a *"], "a 1.0.0");
}

#[test]
fn a_refused_release_is_passed_over() {
    check("a 1.0.0\n a 1.1.0 | refused quality 62 is below 80", &["a *"], "a 1.0.0");
    let locked = Preferences { locked: [(name("a"), version("1.1.0"))].into(), ..Preferences::default() };
    check_with(&locked, "a 1.0.0\n a 1.1.0 | refused quality 62 is below 80", &["a *"], "a 1.0.0");
}
