//! Long chains of requirements: no recursion anywhere, on the small stack of a test thread.

use std::collections::BTreeMap;

use packs::resolve::Candidate;
use packs::resolve::Preferences;

use crate::resolver::World;
use crate::resolver::name;
use crate::resolver::range;
use crate::resolver::roots;
use crate::resolver::solve;
use crate::resolver::version;

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
