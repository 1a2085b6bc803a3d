//! The resolver against brute force, on random small worlds.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use packs::model::ExtraName;
use packs::model::PackName;
use packs::model::Place;
use packs::model::Range;
use packs::model::Refusal;
use packs::model::Version;
use packs::resolve::Candidate;
use packs::resolve::Change;
use packs::resolve::Conflict;
use packs::resolve::Limit;
use packs::resolve::Mode;
use packs::resolve::Pin;
use packs::resolve::Preferences;
use packs::resolve::Resolution;
use packs::resolve::Root;
use packs::resolve::find_fixes;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::sample::subsequence;

use crate::resolver::Pinned;
use crate::resolver::World;
use crate::resolver::name;
use crate::resolver::pin;
use crate::resolver::range;
use crate::resolver::solve;
use crate::resolver::solve_by;
use crate::resolver::version;

const PACKS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
const VERSIONS: [&str; 7] = ["1.0.0", "1.1.0", "1.2.0-rc.1", "1.2.0", "2.0.0-rc.1", "2.0.0", "2.1.0+build"];
/// Ranges that admit much, and ranges that admit little: about half of the worlds shall have a resolution.
const WIDE: [&str; 7] = ["*", "*", ">=1.1", "^1", "^2", "<2", ">=1.0.0-rc.1"];
const NARROW: [&str; 10] = ["=1.0.0", "=1.1.0", "=2.1.0", "~1.1", "^1.2.0-rc.1", ">=2.0.0-rc.1", "=2.0.0-rc.1", ">1, <1.2", "=2.0.0", "^3"];

fn any_range() -> impl Strategy<Value = Range> {
    prop_oneof![9 => select(&WIDE[..]), 1 => select(&NARROW[..])].prop_map(range)
}

fn any_requires() -> impl Strategy<Value = BTreeMap<PackName, Range>> {
    let needed = prop_oneof![60 => select(&PACKS[..]), 1 => Just("a-pack-that-never-exists")].prop_map(name);
    proptest::collection::btree_map(needed, any_range(), 0..=2)
}

fn any_release(number: &'static str) -> impl Strategy<Value = Candidate> {
    let refusal = Refusal { rule: "min-quality".into(), reason: "quality 62 is below 80".into(), at: None };
    let refused = proptest::option::weighted(0.08, Just(refusal));
    let yanked = proptest::option::weighted(0.1, Just("broken".to_owned()));
    let extras = proptest::option::weighted(0.8, any_requires());
    (any_requires(), extras, yanked, refused).prop_map(move |(requires, extra, yanked, refused)| Candidate {
        version: version(number),
        requires,
        extras: extra.map(|requires| (extra_name(), requires)).into_iter().collect(),
        yanked,
        refused,
    })
}

fn any_releases() -> impl Strategy<Value = Vec<Candidate>> {
    subsequence(&VERSIONS[..], 2..=4).prop_flat_map(|numbers| numbers.into_iter().map(any_release).collect::<Vec<_>>())
}

fn any_world() -> impl Strategy<Value = World> {
    proptest::collection::vec(any_releases(), PACKS.len()).prop_map(|releases| PACKS.into_iter().map(name).zip(releases).collect())
}

fn any_roots() -> impl Strategy<Value = Vec<Root>> {
    let root = (select(&PACKS[..4]), any_range(), proptest::bool::weighted(0.2));
    proptest::collection::vec(root, 1..=4).prop_map(|roots| {
        let root = |(number, (pack, range, with)): (usize, (&str, Range, bool))| {
            let at = Some(Place { file: "packs.toml".into(), line: 10 + number });
            Root { name: name(pack), range, extras: with.then(extra_name).into_iter().collect(), at }
        };
        roots.into_iter().enumerate().map(root).collect()
    })
}

fn any_locked() -> impl Strategy<Value = BTreeMap<PackName, Version>> {
    proptest::collection::btree_map(select(&PACKS[..]).prop_map(name), select(&VERSIONS[..]).prop_map(version), 0..=2)
}

/// What up to three other environments have locked.
fn any_others() -> impl Strategy<Value = BTreeMap<PackName, BTreeSet<Version>>> {
    let versions = proptest::collection::btree_set(select(&VERSIONS[..]).prop_map(version), 1..=3);
    proptest::collection::btree_map(select(&PACKS[..]).prop_map(name), versions, 0..=3)
}

fn any_preferences() -> impl Strategy<Value = Preferences> {
    let mode = select(vec![Mode::Highest, Mode::Lowest, Mode::LowestDirect]);
    (mode, any_locked(), any_others()).prop_map(|(mode, locked, others)| Preferences { mode, locked, others })
}

fn extra_name() -> ExtraName {
    ExtraName::parse("x").expect("a valid extra")
}

fn any_pins(ranges: &'static [&'static str]) -> impl Strategy<Value = BTreeMap<PackName, Pin>> {
    let pins = proptest::collection::btree_map(select(&PACKS[..]).prop_map(name), select(ranges).prop_map(pin), 1..=2);
    proptest::option::weighted(0.3, pins).prop_map(Option::unwrap_or_default)
}

/// A world, of which the project overrides some packs and constrains others.
fn any_pinned() -> impl Strategy<Value = Pinned> {
    let overrides = any_pins(&["*", "^1", "^2", "=1.1.0", "=2.0.0-rc.1", "^3"]);
    let constraints = any_pins(&["<2", ">=1.1", "^2", "=1.1.0", ">=1.0.0-rc.1"]);
    (any_world(), overrides, constraints).prop_map(|(world, overrides, constraints)| Pinned::new(world, overrides, constraints))
}

/// The rules of choice, written down a second time and as plainly as possible.
struct Oracle<'a> {
    world: &'a Pinned,
    roots: &'a [Root],
    preferences: &'a Preferences,
}

impl Oracle<'_> {
    fn is_visible(&self, name: &PackName, wanted: &Range, release: &Candidate) -> bool {
        release.yanked.is_none()
            || self.preferences.locked.get(name) == Some(&release.version)
            || self.roots.iter().any(|root| root.name == *name && root.range.exact_version().is_some() && root.range.matches(&release.version))
            || wanted.exact_version().is_some()
    }

    fn admits(&self, name: &PackName, wanted: &Range, release: &Candidate) -> bool {
        let wanted = self.world.overrides.get(name).map_or(wanted, |pin| &pin.range);
        wanted.matches(&release.version) && self.is_visible(name, wanted, release)
    }

    /// Whether some of the requirements can be met, with some packs at given versions.
    fn is_solvable(&self, roots: &[&Root], fixed: &BTreeMap<&PackName, &Version>) -> bool {
        let question = Question { oracle: self, extras: extras_of(roots), fixed };
        question.solve(&BTreeMap::new(), &roots.iter().map(|root| (&root.name, &root.range)).collect::<Vec<_>>())
    }

    /// The best release of each pack that the project names: of those that are locked first, then by name, each the best that goes with those before.
    fn best(&self) -> BTreeMap<&PackName, &Version> {
        let locked = &self.preferences.locked;
        let is_locked = |name: &PackName| self.world.world[name].iter().any(|release| locked.get(name) == Some(&release.version));
        let direct: BTreeSet<(bool, &PackName)> = self.roots.iter().map(|root| (!is_locked(&root.name), &root.name)).collect();
        let mut fixed = BTreeMap::new();
        for (_, name) in direct {
            let best = self.best_first(name).into_iter().find(|version| self.fits(&fixed, (name, *version))).expect("there is a resolution");
            fixed.insert(name, best);
        }
        fixed
    }

    /// The releases of a pack, the best first: what is locked, what another environment has, the stable ones, the others; of each of these the higher before the
    /// lower, or the other way round.
    fn best_first(&self, name: &PackName) -> Vec<&Version> {
        let is_direct = self.roots.iter().any(|root| root.name == *name);
        let is_lower_better = match self.preferences.mode {
            Mode::Highest => false,
            Mode::Lowest => true,
            Mode::LowestDirect => is_direct,
        };
        let class = |version: &Version| match () {
            () if self.preferences.locked.get(name) == Some(version) => 0,
            () if self.preferences.others.get(name).is_some_and(|others| others.contains(version)) => 1,
            () if !version.is_prerelease() => 2,
            () => 3,
        };
        let mut releases: Vec<&Version> = self.world.world[name].iter().map(|release| &release.version).collect();
        releases.sort_by(|a, b| {
            let by_number = if is_lower_better { a.cmp(b) } else { b.cmp(a) };
            class(a).cmp(&class(b)).then(by_number)
        });
        releases
    }

    /// Whether all can be met with some packs at given versions, and one more at another.
    fn fits<'v>(&self, fixed: &BTreeMap<&'v PackName, &'v Version>, (name, version): (&'v PackName, &'v Version)) -> bool {
        let mut fixed = fixed.clone();
        fixed.insert(name, version);
        self.is_solvable(&self.roots.iter().collect::<Vec<_>>(), &fixed)
    }

    /// Checks that no pack alone could be at a better release while all others stay: whatever is settled before it, it goes with that too.
    fn check_no_better(&self, resolution: &Resolution) {
        let chosen: BTreeMap<&PackName, &Version> = resolution.releases.iter().map(|(name, chosen)| (name, &chosen.version)).collect();
        for (name, version) in &chosen {
            let better = self.best_first(name).into_iter().take_while(|better| better != version).find(|better| self.fits(&chosen, (*name, *better)));
            assert_eq!(better, None, "{name} is at {version}, and could be at a better release beside the rest");
        }
    }

    /// Checks that an answer meets every requirement and holds nothing else.
    fn verify(&self, resolution: &Resolution) {
        let mut open: Vec<(&PackName, &Range)> = self.roots.iter().map(|root| (&root.name, &root.range)).collect();
        let all_extras = extras_of(&self.roots.iter().collect::<Vec<_>>());
        let mut reached = BTreeSet::new();
        while let Some((name, wanted)) = open.pop() {
            let chosen = resolution.releases.get(name).unwrap_or_else(|| panic!("{name} is needed"));
            let release = self.world.world[name].iter().find(|release| release.version == chosen.version).expect("the release exists");
            assert!(self.admits(name, wanted, release), "{name} {} is not in {wanted}", chosen.version);
            if reached.insert(name) {
                let extras: BTreeSet<&ExtraName> = all_extras.get(name).cloned().unwrap_or_default();
                let needs = needs_of(release, &extras).expect("the release may be chosen");
                let written: BTreeSet<_> =
                    needs.iter().filter(|(needed, _)| *needed != name).map(|(needed, wanted)| ((*needed).clone(), (*wanted).clone())).collect();
                assert_eq!(chosen.requires, written.into_iter().collect::<Vec<_>>());
                assert_eq!(chosen.extras.iter().collect::<BTreeSet<_>>(), extras);
                open.extend(needs);
            }
        }
        assert_eq!(reached, resolution.releases.keys().collect(), "nothing else is chosen");
    }
}

/// One question to the oracle.
struct Question<'a, 'o> {
    oracle: &'o Oracle<'a>,
    extras: BTreeMap<&'o PackName, BTreeSet<&'o ExtraName>>,
    fixed: &'o BTreeMap<&'o PackName, &'o Version>,
}

impl Question<'_, '_> {
    /// Tries every release for the first requirement, then goes on with the rest.
    fn solve(&self, chosen: &BTreeMap<&PackName, &Candidate>, open: &[(&PackName, &Range)]) -> bool {
        let Some(((name, wanted), rest)) = open.split_first() else { return true };
        if let Some(release) = chosen.get(name) {
            return self.oracle.admits(name, wanted, release) && self.solve(chosen, rest);
        }
        let fits = |release: &&Candidate| self.oracle.admits(name, wanted, release) && self.fixed.get(name).is_none_or(|fixed| **fixed == release.version);
        for release in self.oracle.world.world.get(*name).into_iter().flatten().filter(fits) {
            let Some(needs) = needs_of(release, self.extras.get(name).unwrap_or(&BTreeSet::new())) else { continue };
            let mut taken = chosen.clone();
            taken.insert(name, release);
            if self.solve(&taken, &[rest, &needs].concat()) {
                return true;
            }
        }
        false
    }
}

fn extras_of<'r>(roots: &[&'r Root]) -> BTreeMap<&'r PackName, BTreeSet<&'r ExtraName>> {
    let mut extras: BTreeMap<&PackName, BTreeSet<&ExtraName>> = BTreeMap::new();
    for root in roots {
        extras.entry(&root.name).or_default().extend(&root.extras);
    }
    extras
}

fn reversed(pinned: &Pinned) -> Pinned {
    let world = pinned.world.iter().map(|(name, releases)| (name.clone(), releases.iter().rev().cloned().collect())).collect();
    Pinned { world, ..pinned.clone() }
}

/// What a release needs with these extras; `None` if it can never be chosen.
fn needs_of<'w>(release: &'w Candidate, extras: &BTreeSet<&ExtraName>) -> Option<Vec<(&'w PackName, &'w Range)>> {
    if release.refused.is_some() {
        return None;
    }
    let mut needs: Vec<_> = release.requires.iter().collect();
    for extra in extras {
        needs.extend(release.extras.get(*extra)?);
    }
    Some(needs)
}

/// How many worlds are looked at: as many as a few seconds allow, or as `make oracle` says.
#[allow(clippy::disallowed_methods, reason = "how long to look is asked of the one who runs the tests")]
fn cases() -> u32 {
    std::env::var("PACKS_ORACLE_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(1_000)
}

fn check_answer(oracle: &Oracle<'_>, limit: &Limit<'_>) {
    let answer = solve_by(limit, oracle.roots, oracle.world, oracle.preferences);
    assert_eq!(answer.is_ok(), oracle.is_solvable(&oracle.roots.iter().collect::<Vec<_>>(), &BTreeMap::new()));
    let shuffled: Vec<Root> = oracle.roots.iter().rev().cloned().collect();
    match (answer, solve_by(limit, &shuffled, &reversed(oracle.world), oracle.preferences)) {
        (Ok(resolution), Ok(again)) => {
            assert_eq!(resolution, again, "the order of the question decides nothing");
            check_resolution(oracle, &resolution);
        }
        (Err(conflict), Err(again)) => {
            assert_eq!(conflict.explain(), again.explain(), "the order of the question decides nothing");
            check_conflict(oracle, &conflict);
        }
        _ => panic!("the order of the question decides nothing"),
    }
}

fn check_resolution(oracle: &Oracle<'_>, resolution: &Resolution) {
    oracle.verify(resolution);
    let best = oracle.best();
    let chosen: BTreeMap<&PackName, &Version> = best.keys().map(|name| (*name, &resolution.releases[*name].version)).collect();
    assert_eq!(chosen, best, "each direct requirement has the best release that goes with those before it");
    oracle.check_no_better(resolution);
    let locked = resolution.releases.iter().map(|(name, chosen)| (name.clone(), chosen.version.clone())).collect();
    let kept = solve(oracle.roots, oracle.world, &Preferences { locked, ..oracle.preferences.clone() });
    assert_eq!(&kept.expect("it still holds"), resolution, "what is locked stays");
}

fn check_conflict(oracle: &Oracle<'_>, conflict: &Conflict) {
    let explanation = conflict.explain();
    assert!(explanation.contains("cannot be met"), "{explanation}");
    let is_named = |root: &&Root| conflict.requirements().iter().any(|(name, range, at)| (name, range, at) == (&root.name, &root.range, &root.at));
    let named: Vec<&Root> = oracle.roots.iter().filter(is_named).collect();
    assert!(!oracle.is_solvable(&named, &BTreeMap::new()), "the requirements named are enough for the conflict:\n{explanation}");
    for left_out in &named {
        let rest: Vec<&Root> = named.iter().filter(|root| root != &left_out).copied().collect();
        assert!(oracle.is_solvable(&rest, &BTreeMap::new()), "without {left_out:?} the rest could be met:\n{explanation}");
    }
    let is_solvable_where_only = |refusing: &BTreeSet<PackName>| {
        let mut world = oracle.world.clone();
        let others = world.world.iter_mut().filter(|(name, _)| !refusing.contains(*name));
        others.flat_map(|(_, releases)| releases).for_each(|release| release.refused = None);
        Oracle { world: &world, ..*oracle }.is_solvable(&named, &BTreeMap::new())
    };
    let refused = conflict.refused();
    assert!(!is_solvable_where_only(&refused), "the refusals named are enough for the conflict:\n{explanation}");
    for allowed in &refused {
        let rest = refused.iter().filter(|name| *name != allowed).cloned().collect();
        assert!(is_solvable_where_only(&rest), "were all of {allowed} allowed, all could be met:\n{explanation}");
    }
}

/// Makes the changes of a fix by hand.
fn changed(question: &(Pinned, Vec<Root>), changes: &[Change]) -> (Pinned, Vec<Root>) {
    let (mut pinned, mut roots) = question.clone();
    for change in changes {
        match change {
            Change::Range { name, to, .. } => roots.iter_mut().filter(|root| root.name == *name).for_each(|root| root.range = to.clone()),
            Change::Drop { name, .. } => roots.retain(|root| root.name != *name),
            Change::Override { name, to, .. } => drop(pinned.overrides.insert(name.clone(), Pin { range: to.clone(), at: None })),
            Change::DropOverride { name, .. } => drop(pinned.overrides.remove(name)),
            Change::Constraint { name, to, .. } => drop(pinned.constraints.insert(name.clone(), Pin { range: to.clone(), at: None })),
            Change::DropConstraint { name, .. } => drop(pinned.constraints.remove(name)),
            Change::Rename { .. } => panic!("the resolver knows no other names"),
        }
    }
    for release in pinned.world.values_mut().flatten() {
        release.refused = release.refused.take().filter(|refusal| refusal.rule != Refusal::CONSTRAINTS);
    }
    (Pinned::new(pinned.world, pinned.overrides, pinned.constraints), roots)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases()) })]

    #[test]
    fn it_answers_as_brute_force_does(world in any_pinned(), roots in any_roots(), preferences in any_preferences()) {
        let oracle = Oracle { world: &world, roots: &roots, preferences: &preferences };
        check_answer(&oracle, &Limit::none());
    }

    /// Such small worlds hardly ever have as many conflicts as make the resolver search in its second way, so it begins with that at once, or soon.
    #[test]
    fn the_search_for_many_conflicts_answers_as_brute_force_does(
        world in any_pinned(), roots in any_roots(), preferences in any_preferences(), plain_steps in 0u32..8,
    ) {
        let oracle = Oracle { world: &world, roots: &roots, preferences: &preferences };
        check_answer(&oracle, &Limit::of_plain_search(plain_steps));
    }

    /// A fix, made by hand in the project, leaves something that brute force can solve, as the fix says.
    #[test]
    fn every_fix_fixes(world in any_pinned(), roots in any_roots(), preferences in any_preferences()) {
        if let Err(conflict) = solve(&roots, &world, &preferences) {
            let question = packs::resolve::Question { roots: &roots, candidates: &world, preferences: &preferences };
            let fixes = find_fixes(&question, &conflict, 20, &Limit::none());
            for most in [1, 3, 5].into_iter().filter(|most| *most <= fixes.found.len()) {
                let first = find_fixes(&question, &conflict, most, &Limit::none());
                prop_assert_eq!(&first.found[..], &fixes.found[..most], "the first {} are the same however many are asked for", most);
            }
            for fix in &fixes.found {
                let (world, roots) = changed(&(world.clone(), roots.clone()), &fix.changes);
                let oracle = Oracle { world: &world, roots: &roots, preferences: &preferences };
                prop_assert!(oracle.is_solvable(&roots.iter().collect::<Vec<_>>(), &BTreeMap::new()), "{:?}", fix.changes);
                oracle.verify(&fix.resolution);
            }
        }
    }
}
