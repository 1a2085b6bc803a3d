//! Long chains of requirements: no recursion anywhere, on the small stack of a test thread.

use std::cell::Cell;
use std::collections::BTreeMap;

use packs::resolve::Candidate;
use packs::resolve::Failure;
use packs::resolve::Limit;
use packs::resolve::Preferences;
use packs::resolve::resolve;

use crate::resolver::World;
use crate::resolver::name;
use crate::resolver::range;
use crate::resolver::roots;
use crate::resolver::solve;
use crate::resolver::version;
use crate::resolver::worlds;

const LENGTH: usize = 50_000;

/// A chain of packs, each of which needs the next.
fn chain() -> World {
    let release = |number: usize| Candidate {
        version: version("1.0.0"),
        requires: BTreeMap::from([(name(&format!("p{:05}", number + 1)), range("^1"))]),
        extras: BTreeMap::new(),
        yanked: None,
        refused: None,
    };
    (0..LENGTH).map(|number| (name(&format!("p{number:05}")), vec![release(number)])).collect()
}

#[test]
fn a_deep_chain_resolves() {
    let mut world = chain();
    let last = Candidate { version: version("1.0.0"), requires: BTreeMap::new(), extras: BTreeMap::new(), yanked: None, refused: None };
    world.insert(name(&format!("p{LENGTH:05}")), vec![last]);
    let resolution = solve(&roots(&["p00000 *"]), &world, &Preferences::default()).expect("there is a resolution");
    assert_eq!(resolution.releases.len(), LENGTH + 1);
}

#[test]
fn a_deep_conflict_is_explained() {
    let conflict = solve(&roots(&["p00000 *"]), &chain(), &Preferences::default()).expect_err("the end of the chain is missing");
    let explanation = conflict.explain();
    assert_eq!(explanation.lines().count(), 40);
    assert!(explanation.contains("p50000 ^1 (there is no such pack)"), "{explanation}");
    assert!(explanation.ends_with("And because your project requires p00000 *, that requirement cannot be met."), "{explanation}");
}

#[test]
fn a_deep_chain_of_many_releases_fails_in_time_and_explains() {
    // In full where the code is optimised: `make oracle`.
    let length = if cfg!(debug_assertions) { LENGTH / 10 } else { LENGTH };
    let world = worlds::failing_chain(length, 2);
    let conflict = solve(&world.roots, &world.registry, &Preferences::default()).expect_err("the end of the chain is missing");
    assert_eq!(conflict.requirements().len(), 1);
    let explanation = conflict.explain();
    assert!(explanation.lines().count() <= 40, "{explanation}");
    assert!(explanation.contains("there is no such pack"), "{explanation}");
}

#[test]
fn families_that_are_known_to_be_slow_are_answered() {
    let answer = |world: &worlds::World| solve(&world.roots, &world.registry, &Preferences::default()).map(|resolution| resolution.releases.len());
    assert_eq!(answer(&worlds::diamonds(300)).expect("there is one"), 600);
    assert_eq!(answer(&worlds::wrong_backtracking(300, 10)).expect("there is one"), 303);
    let conflict = answer(&worlds::pigeons(6)).expect_err("there is a hole too few");
    assert_eq!(conflict.requirements().len(), 6, "every pigeon is needed for the conflict");
}

#[test]
fn the_limit_ends_a_search_and_the_hottest_packs_are_named() {
    let world = worlds::pigeons(11);
    let looks = Cell::new(0);
    let over = || looks.replace(looks.get() + 1) > 20;
    match resolve(&world.roots, &world.registry, &Preferences::default(), &Limit::when(&over)) {
        Err(Failure::OutOfTime { hottest }) => assert!((1..=10).contains(&hottest.len()), "{hottest:?}"),
        other => panic!("the limit came first: {:?}", other.map(|resolution| resolution.releases.len())),
    }
}
