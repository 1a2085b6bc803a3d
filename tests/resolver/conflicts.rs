//! What is said of a conflict, and what is hinted at.

use packs::resolve::Preferences;

use crate::resolver::roots;
use crate::resolver::solve;
use crate::resolver::world;

fn explain(releases: &str, requirements: &[&str]) -> String {
    let conflict = solve(&roots(requirements), &world(releases), &Preferences::default()).expect_err("there is no resolution");
    let hints = conflict.hints().iter().map(|hint| format!("hint: {}", serde_json::to_string(hint).expect("a hint is JSON")));
    [conflict.explain()].into_iter().chain(hints).collect::<Vec<_>>().join("\n")
}

#[test]
fn two_requirements_want_different_releases() {
    let releases = "
        dashboard 1.4.0 | charting ^2
        charting 1.0.0
        charting 2.0.0
    ";
    insta::assert_snapshot!(explain(releases, &["dashboard ^1.4", "charting ^1"]), @"
    These two requirements cannot be met together:
      packs.toml:10  dashboard ^1.4
      packs.toml:11  charting ^1
    Because dashboard 1.4.0 requires charting ^2 and your project requires charting ^1, dashboard 1.4.0 cannot be chosen.
    And because your project requires dashboard ^1.4, these requirements cannot be met together.
    ");
}

#[test]
fn a_name_is_misspelled() {
    let releases = "
        kanban 1.0.0
    ";
    insta::assert_snapshot!(explain(releases, &["kanban ^1", "kanbn ^1"]), @r#"
    This requirement cannot be met:
      packs.toml:11  kanbn ^1
    Because your project requires kanbn ^1 (there is no such pack), that requirement cannot be met.
    hint: {"kind":"unknown-pack","name":"kanbn","nearest":"kanban","registry":null,"at":{"file":"packs.toml","line":11}}
    "#);
}

#[test]
fn nothing_is_in_the_range() {
    let releases = "
        kanban 1.0.0
        kanban 1.1.0
    ";
    insta::assert_snapshot!(explain(releases, &["kanban ^2"]), @"
    This requirement cannot be met:
      packs.toml:10  kanban ^2
    Because your project requires kanban ^2 (no release is in that range; the newest is 1.1.0), that requirement cannot be met.
    ");
}

#[test]
fn only_a_prerelease_would_do() {
    let releases = "
        app 1.0.0 | kanban ^2
        kanban 1.0.0
        kanban 2.0.0-rc.1
        kanban 2.0.0-rc.2
    ";
    insta::assert_snapshot!(explain(releases, &["app ^1"]), @r#"
    This requirement cannot be met:
      packs.toml:10  app ^1
    Because app 1.0.0 requires kanban ^2 (only pre-releases come near that range) and your project requires app ^1, that requirement cannot be met.
    hint: {"kind":"prerelease-exists","name":"kanban","range":"^2","version":"2.0.0-rc.2","direct":false}
    "#);
}

/// What the project asks for itself decides nothing about what another pack asks for.
#[test]
fn a_prerelease_that_the_project_names_is_no_advice_for_others() {
    let releases = "
        board 1.0.0 | kanban ^2
        kanban 1.0.0
        kanban 2.0.0-rc.1
    ";
    insta::assert_snapshot!(explain(releases, &["board ^1", "kanban >=2.0.0-rc.1"]), @r#"
    This requirement cannot be met:
      packs.toml:10  board ^1
    Because board 1.0.0 requires kanban ^2 (only pre-releases come near that range) and your project requires board ^1, that requirement cannot be met.
    hint: {"kind":"prerelease-exists","name":"kanban","range":"^2","version":"2.0.0-rc.1","direct":false}
    "#);
}

#[test]
fn only_a_yanked_release_would_do() {
    let releases = "
        app 1.0.0 | kanban ^2
        app 1.1.0 | kanban ^2
        kanban 1.0.0
        kanban 2.0.0 | yanked it lost data
    ";
    insta::assert_snapshot!(explain(releases, &["app *"]), @r#"
    This requirement cannot be met:
      packs.toml:10  app *
    Because every version of app requires kanban ^2 (only yanked releases are in that range) and your project requires app *, that requirement cannot be met.
    hint: {"kind":"yanked","name":"kanban","version":"2.0.0","reason":"it lost data"}
    "#);
}

#[test]
fn a_rule_refuses_what_would_do() {
    let releases = "
        app 1.0.0 | kanban ^2
        kanban 1.0.0
        kanban 2.0.0 | refused quality 70 is below 80
        kanban 2.0.1 | refused quality 62 is below 80
    ";
    insta::assert_snapshot!(explain(releases, &["app ^1"]), @r#"
    This requirement cannot be met:
      packs.toml:10  app ^1
    Because kanban 2.0.0 and 2.0.1 are not allowed (quality 62 is below 80; quality 70 is below 80, packs.toml:31) and app 1.0.0 requires kanban ^2, app 1.0.0 cannot be chosen.
    And because your project requires app ^1, that requirement cannot be met.
    hint: {"kind":"refused","name":"kanban","version":"2.0.0","refusal":{"rule":"min-quality","reason":"quality 70 is below 80","at":{"file":"packs.toml","line":31}}}
    hint: {"kind":"refused","name":"kanban","version":"2.0.1","refusal":{"rule":"min-quality","reason":"quality 62 is below 80","at":{"file":"packs.toml","line":31}}}
    "#);
}

#[test]
fn what_nobody_asks_for_is_not_named_as_refused() {
    let releases = "
        kanban 1.0.0 | refused quality 70 is below 80
        kanban 2.0.0 | refused quality 71 is below 80
        kanban 3.0.0 | refused quality 72 is below 80
        app 1.0.0 | kanban >=2
    ";
    let explained = explain(releases, &["kanban ^2"]);
    assert!(explained.contains(r#""version":"2.0.0""#) && !explained.contains(r#""version":"3.0.0""#), "{explained}");
    let explained = explain(releases, &["kanban ^2", "app ^1"]);
    assert!(explained.contains(r#""version":"2.0.0""#) && !explained.contains(r#""version":"1.0.0""#), "{explained}");
}

#[test]
fn an_extra_is_gone() {
    let releases = "
        reports 1.0.0 | +pdf printing ^1
        reports 2.0.0 | +html printing ^1
        printing 1.0.0
    ";
    insta::assert_snapshot!(explain(releases, &["reports ^2 +pdf"]), @r#"
    This requirement cannot be met:
      packs.toml:10  reports ^2
    Because reports 2.0.0 has no extra pdf and your project requires reports ^2 with the extra pdf, that requirement cannot be met.
    hint: {"kind":"unknown-extra","name":"reports","version":"2.0.0","extra":"pdf","known":["html","pdf"],"newest_with":"1.0.0","newest_hidden_with":null}
    "#);
}

#[test]
fn an_extra_of_releases_that_may_not_be_chosen_is_not_offered() {
    let releases = "
        reports 1.0.0 | +pdf printing ^1 | yanked loses lines
        reports 2.0.0 | +html printing ^1
        printing 1.0.0
    ";
    insta::assert_snapshot!(explain(releases, &["reports ^2 +pdf"]), @r#"
    This requirement cannot be met:
      packs.toml:10  reports ^2
    Because reports 2.0.0 has no extra pdf and your project requires reports ^2 with the extra pdf, that requirement cannot be met.
    hint: {"kind":"unknown-extra","name":"reports","version":"2.0.0","extra":"pdf","known":["html"],"newest_with":null,"newest_hidden_with":"1.0.0"}
    "#);
}

#[test]
fn an_extra_wants_too_much() {
    let releases = "
        reports 1.0.0 | +pdf printing ^2
        printing 1.0.0
        printing 2.0.0
    ";
    insta::assert_snapshot!(explain(releases, &["reports ^1 +pdf", "printing ^1"]), @"
    These two requirements cannot be met together:
      packs.toml:10  reports ^1
      packs.toml:11  printing ^1
    Because reports 1.0.0 with the extra pdf requires printing ^2 and your project requires printing ^1, reports 1.0.0 with the extra pdf cannot be chosen.
    And because your project requires reports ^1 with the extra pdf, these requirements cannot be met together.
    ");
}

#[test]
fn two_branches_fail_for_different_reasons() {
    let releases = "
        menu 1.0.0 | dropdown ^1
        menu 1.1.0 | dropdown ^2
        menu 1.2.0 | dropdown ^2
        dropdown 1.0.0 | intl ^3
        dropdown 2.0.0 | icons ^2
        dropdown 2.1.0 | icons ^2
        icons 1.0.0
        icons 2.0.0
        intl 3.0.0
        intl 5.0.0
    ";
    insta::assert_snapshot!(explain(releases, &["menu *", "icons ^1", "intl ^5"]), @"
    These 3 requirements cannot be met together:
      packs.toml:10  menu *
      packs.toml:11  icons ^1
      packs.toml:12  intl ^5
    Because menu 1.1.0 and 1.2.0 require dropdown ^2 and menu 1.0.0 requires dropdown ^1, every version of menu requires some version of dropdown.
    And because dropdown 1.0.0 requires intl ^3, every version of menu requires intl ^3 or dropdown ^2.
    And because dropdown 2.0.0 and 2.1.0 require icons ^2, every version of menu requires icons ^2 or intl ^3.
    And because your project requires icons ^1, every version of menu requires intl ^3.
    And because your project requires intl ^5, no version of menu can be chosen.
    And because your project requires menu *, these requirements cannot be met together.
    ");
}

#[test]
fn two_releases_of_one_pack_are_needed() {
    let releases = "
        a 1.0.0 | b ^1 | c ^1
        b 1.0.0 | d ^1
        c 1.0.0 | d ^2
        d 1.0.0
        d 2.0.0
    ";
    insta::assert_snapshot!(explain(releases, &["a *"]), @"
    This requirement cannot be met:
      packs.toml:10  a *
    Because c 1.0.0 requires d ^2 and b 1.0.0 requires d ^1, b 1.0.0 and c 1.0.0 cannot be chosen together.
    And because a 1.0.0 requires b ^1, a 1.0.0 and c 1.0.0 cannot be chosen together.
    And because a 1.0.0 requires c ^1, a 1.0.0 cannot be chosen.
    And because your project requires a *, that requirement cannot be met.
    ");
}

#[test]
fn each_release_fails_for_its_own_reason() {
    let releases = "
        foo 1.0.0 | a ^1 | b ^1
        foo 1.1.0 | x ^1 | y ^1
        a 1.0.0 | b ^2
        b 1.0.0
        b 2.0.0
        x 1.0.0 | y ^2
        y 1.0.0
        y 2.0.0
    ";
    insta::assert_snapshot!(explain(releases, &["foo *"]), @"
    This requirement cannot be met:
      packs.toml:10  foo *
    Because foo 1.0.0 requires a ^1 and a 1.0.0 requires b ^2, foo 1.0.0 requires b ^2.
    And because foo 1.0.0 requires b ^1, foo 1.0.0 cannot be chosen. (1)
    Because foo 1.1.0 requires x ^1 and x 1.0.0 requires y ^2, foo 1.1.0 requires y ^2.
    And because foo 1.1.0 requires y ^1, foo 1.1.0 cannot be chosen.
    And because foo 1.0.0 cannot be chosen (1), no version of foo can be chosen.
    And because your project requires foo *, that requirement cannot be met.
    ");
}

#[test]
fn a_release_requires_another_of_itself() {
    let releases = "
        a 1.0.0 | a ^2
        a 2.0.0 | nothing *
    ";
    insta::assert_snapshot!(explain(releases, &["a *"]), @r#"
    This requirement cannot be met:
      packs.toml:10  a *
    Because a 1.0.0 requires another release of itself, a 2.0.0 requires nothing * (there is no such pack), and your project requires a *, that requirement cannot be met.
    hint: {"kind":"unknown-pack","name":"nothing","nearest":null,"registry":null,"at":null}
    "#);
}

/// A release that needs another one of itself is not one without the extra.
#[test]
fn what_lacks_an_extra_and_what_needs_another_self_are_told_apart() {
    let releases = "
        reports 1.0.0
        reports 2.0.0 | +pdf reports ^1
    ";
    insta::assert_snapshot!(explain(releases, &["reports * +pdf"]), @r#"
    This requirement cannot be met:
      packs.toml:10  reports *
    Because reports 1.0.0 has no extra pdf, reports 2.0.0 with the extra pdf requires another release of itself, and your project requires reports * with the extra pdf, that requirement cannot be met.
    hint: {"kind":"unknown-extra","name":"reports","version":"1.0.0","extra":"pdf","known":["pdf"],"newest_with":"2.0.0","newest_hidden_with":null}
    "#);
}
