//! The lowest instead of the highest, and ranges that the project puts in the place of others'.

use std::collections::BTreeMap;

use packs::resolve::Limit;
use packs::resolve::Mode;
use packs::resolve::Preferences;
use packs::resolve::resolve;

use crate::resolver::Pinned;
use crate::resolver::name;
use crate::resolver::pin;
use crate::resolver::roots;
use crate::resolver::show;
use crate::resolver::version;
use crate::resolver::world;

const RELEASES: &str = "
    app 1.0.0-rc.1 | lib ^1
    app 1.0.0 | lib ^1
    app 1.1.0 | lib ^1
    lib 1.0.0
    lib 1.1.0
    lib 1.2.0-rc.1
    lib 2.0.0
";

#[track_caller]
fn check(mode: Mode, requirements: &[&str], expected: &str) {
    let preferences = Preferences { mode, ..Preferences::default() };
    let found = resolve(&roots(requirements), &world(RELEASES), &preferences, &Limit::none()).expect("a resolution");
    assert_eq!(show(&found), expected, "{mode:?} {requirements:?}");
}

#[test]
fn modes_choose_from_the_other_end() {
    check(Mode::Highest, &["app *"], "app 1.1.0, lib 1.1.0");
    check(Mode::Lowest, &["app *"], "app 1.0.0, lib 1.0.0");
    check(Mode::LowestDirect, &["app *"], "app 1.0.0, lib 1.1.0");
    check(Mode::LowestDirect, &["app *", "lib *"], "app 1.0.0, lib 1.0.0");
    check(Mode::Lowest, &["lib >=1.2.0-rc.1, <3"], "lib 2.0.0");
}

#[test]
fn what_is_locked_comes_before_every_mode() {
    let preferences = Preferences { mode: Mode::Lowest, locked: [(name("lib"), version("1.1.0"))].into(), ..Preferences::default() };
    let found = resolve(&roots(&["app *"]), &world(RELEASES), &preferences, &Limit::none()).expect("a resolution");
    assert_eq!(show(&found), "app 1.0.0, lib 1.1.0");
}

#[test]
fn an_override_takes_the_place_of_every_requirement() {
    let world = Pinned::new(world(RELEASES), [(name("lib"), pin("^2"))].into(), BTreeMap::new());
    let found = resolve(&roots(&["app ^1", "lib ^1"]), &world, &Preferences::default(), &Limit::none()).expect("a resolution");
    assert_eq!(show(&found), "app 1.1.0, lib 2.0.0");
    // What a release says it needs stays as it says it: the lockfile must agree with its manifest.
    let edges: Vec<String> = found.releases[&name("app")].requires.iter().map(|(name, range)| format!("{name} {range}")).collect();
    assert_eq!(edges, ["lib ^1"]);
}
