//! Long chains of requirements: no recursion anywhere, on the small stack of a test thread.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

use packs::model::PackName;
use packs::resolve::Candidate;
use packs::resolve::Failure;
use packs::resolve::FixesEnd;
use packs::resolve::Limit;
use packs::resolve::Preferences;
use packs::resolve::Question;
use packs::resolve::Root;
use packs::resolve::find_fixes;
use packs::resolve::resolve;

use crate::resolver::World;
use crate::resolver::name;
use crate::resolver::range;
use crate::resolver::roots;
use crate::resolver::solve;
use crate::resolver::version;
use crate::resolver::worlds;
use crate::resolver::worlds::Size;

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

/// Most of the project meets no conflict, and eleven pigeons meet nothing else: whenever the limit comes, only these are named.
#[test]
fn the_limit_ends_a_search_and_the_hottest_packs_are_named() {
    let calm = worlds::free(Size { packs: 50, releases: 6, roots: 10 }, 1);
    let of_calm: BTreeSet<PackName> = calm.registry.keys().cloned().collect();
    let world = worlds::planted(calm, 11);
    let mut named = BTreeSet::new();
    for looks_max in [0, 2, 5, 10] {
        let looks = Cell::new(0);
        let over = after(looks_max, &looks);
        let answer = resolve(&world.roots, &world.registry, &Preferences::default(), &Limit::when(&over));
        let Err(Failure::OutOfTime { hottest }) = answer else { panic!("the limit came after {looks_max} looks, and something else first") };
        assert!(hottest.len() <= 10 && hottest.iter().all(|name| !of_calm.contains(name)), "{hottest:?} after {looks_max} looks");
        named.extend(hottest);
    }
    let pigeons: Vec<&Root> = world.roots.iter().filter(|root| !of_calm.contains(&root.name)).collect();
    assert!(pigeons.iter().any(|pigeon| named.contains(&pigeon.name)), "of the pigeons themselves there is one among {named:?}");
}

/// Looks at a clock that goes on by one with each look: it says when a search has had so many.
fn after(looks_max: u32, looks: &Cell<u32>) -> impl Fn() -> bool {
    move || looks.replace(looks.get() + 1) >= looks_max
}

/// However early the limit comes, there is no answer yet or a true one; and it comes everywhere, so no search goes on long after it.
#[test]
fn one_limit_counts_for_the_conflict_and_for_making_it_small() {
    let world = worlds::planted(worlds::rich(Size { packs: 1_000, releases: 10, roots: 100 }, 1), 5);
    let solve_within = |looks_max: u32| {
        let looks = Cell::new(0);
        let over = after(looks_max, &looks);
        let answer = resolve(&world.roots, &world.registry, &Preferences::default(), &Limit::when(&over));
        assert!(looks.get() <= looks_max + 4, "{} looks at a limit that came after {looks_max}", looks.get());
        (answer, looks.get())
    };
    let (Err(Failure::Conflict(whole)), all) = solve_within(u32::MAX - 8) else { panic!("there is a conflict") };
    assert!(whole.is_smallest() && whole.requirements().len() == 5, "{}", whole.explain());
    let mut unfinished = 0;
    for looks_max in 0..all {
        match solve_within(looks_max).0 {
            Err(Failure::OutOfTime { .. }) => {}
            Err(Failure::Conflict(conflict)) => {
                let named = |root: &&Root| conflict.requirements().iter().any(|(name, ..)| *name == root.name);
                let named: Vec<Root> = world.roots.iter().filter(named).cloned().collect();
                assert!(solve(&named, &world.registry, &Preferences::default()).is_err(), "what is named cannot be met");
                assert_eq!(conflict.is_smallest(), !conflict.explain().contains("was not shown to be the smallest conflict"));
                unfinished += usize::from(!conflict.is_smallest());
            }
            Ok(_) => panic!("there is no resolution"),
        }
    }
    assert!(unfinished > 0, "the limit came at {all} places, and never while the conflict was made small");
}

#[test]
fn a_limit_leaves_the_fixes_that_were_found() {
    let world = worlds::planted(worlds::free(Size { packs: 200, releases: 6, roots: 40 }, 1), 3);
    let conflict = solve(&world.roots, &world.registry, &Preferences::default()).expect_err("there is a conflict");
    let question = Question { roots: &world.roots, candidates: &world.registry, preferences: &Preferences::default() };
    let looks = Cell::new(0);
    let whole = find_fixes(&question, &conflict, 20, &Limit::when(&after(u32::MAX, &looks)));
    assert!(whole.ended == FixesEnd::Through && whole.found.len() > 2);
    let mut counts = Vec::new();
    for looks_max in 0..looks.get() {
        let looks = Cell::new(0);
        let fixes = find_fixes(&question, &conflict, 20, &Limit::when(&after(looks_max, &looks)));
        assert!(looks.get() <= looks_max + 4, "{} looks at a limit that came after {looks_max}", looks.get());
        assert!(fixes.ended == FixesEnd::OutOfTime || fixes == whole);
        assert!(fixes.found.iter().all(|fix| whole.found.contains(fix)), "what is found early is found later");
        counts.push(fixes.found.len());
    }
    assert!(counts.is_sorted() && counts.contains(&1), "{counts:?}");
}

/// A large project is solved as a whole only for changes that may help, not for each that is tried.
#[test]
fn a_fix_is_found_in_few_solves_of_the_whole_project() {
    let world = worlds::planted(worlds::free(Size { packs: 2_000, releases: 10, roots: 400 }, 1), 6);
    let looks = Cell::new(0);
    let conflict = resolve(&world.roots, &world.registry, &Preferences::default(), &Limit::when(&after(u32::MAX, &looks)));
    let Err(Failure::Conflict(conflict)) = conflict else { panic!("there is a conflict") };
    let of_one = looks.replace(0);
    let question = Question { roots: &world.roots, candidates: &world.registry, preferences: &Preferences::default() };
    let fixes = find_fixes(&question, &conflict, 20, &Limit::when(&after(u32::MAX, &looks)));
    assert!(fixes.ended == FixesEnd::Through && fixes.found.len() >= 6, "each of the pigeons may go: {}", fixes.found.len());
    let most = of_one * u32::try_from(fixes.found.len() * 4 + 4).expect("few");
    assert!(looks.get() <= most, "{} looks, where one solve takes {of_one} and there are {} fixes", looks.get(), fixes.found.len());
    let all = looks.replace(0);
    let first = find_fixes(&question, &conflict, 2, &Limit::when(&after(u32::MAX, &looks)));
    assert_eq!(first.found, fixes.found[..2], "the first two are the same however many are asked for");
    assert!(looks.get() < all && first.tried < fixes.tried, "{} looks for two fixes, {all} for twenty", looks.get());
}

#[test]
fn a_deep_conflict_has_its_fix_in_few_solves() {
    let world = worlds::failing_chain(LENGTH / 5, 2);
    let looks = Cell::new(0);
    let conflict = resolve(&world.roots, &world.registry, &Preferences::default(), &Limit::when(&after(u32::MAX, &looks)));
    let Err(Failure::Conflict(conflict)) = conflict else { panic!("the end of the chain is missing") };
    let of_one = looks.replace(0);
    let question = Question { roots: &world.roots, candidates: &world.registry, preferences: &Preferences::default() };
    let fixes = find_fixes(&question, &conflict, 3, &Limit::when(&after(u32::MAX, &looks)));
    assert_eq!(fixes.found.len(), 1, "all there is to do is to do without");
    assert!(looks.get() <= 2 * of_one, "{} looks, where one solve takes {of_one}", looks.get());
}
