//! The resolver against brute force, on random small worlds.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use packs::model::ExtraName;
use packs::model::PackName;
use packs::model::Range;
use packs::model::Refusal;
use packs::model::Version;
use packs::resolve::Candidate;
use packs::resolve::Preferences;
use packs::resolve::Resolution;
use packs::resolve::Root;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::sample::subsequence;

use crate::resolver::World;
use crate::resolver::name;
use crate::resolver::range;
use crate::resolver::solve;
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
    proptest::collection::vec(root, 1..=3).prop_map(|roots| {
        let root = |(pack, range, with): (&str, Range, bool)| Root { name: name(pack), range, extras: with.then(extra_name).into_iter().collect(), at: None };
        roots.into_iter().map(root).collect()
    })
}

fn any_locked() -> impl Strategy<Value = BTreeMap<PackName, Version>> {
    proptest::collection::btree_map(select(&PACKS[..]).prop_map(name), select(&VERSIONS[..]).prop_map(version), 0..=2)
}

fn extra_name() -> ExtraName {
    ExtraName::parse("x").expect("a valid extra")
}

/// The rules of choice, written down a second time and as plainly as possible.
struct Oracle<'a> {
    world: &'a World,
    roots: &'a [Root],
    locked: &'a BTreeMap<PackName, Version>,
}

impl Oracle<'_> {
    fn is_visible(&self, name: &PackName, wanted: &Range, release: &Candidate) -> bool {
        release.yanked.is_none()
            || self.locked.get(name) == Some(&release.version)
            || self.roots.iter().any(|root| root.name == *name && root.range.exact_version().is_some() && root.range.matches(&release.version))
            || wanted.exact_version().is_some()
    }

    fn admits(&self, name: &PackName, wanted: &Range, release: &Candidate) -> bool {
        wanted.matches(&release.version) && self.is_visible(name, wanted, release)
    }

    fn extras(&self, name: &PackName) -> BTreeSet<&ExtraName> {
        self.roots.iter().filter(|root| root.name == *name).flat_map(|root| &root.extras).collect()
    }

    /// What a release needs with the extras asked of it; `None` if it can never be chosen.
    fn needs<'w>(&self, name: &PackName, release: &'w Candidate) -> Option<Vec<(&'w PackName, &'w Range)>> {
        if release.refused.is_some() {
            return None;
        }
        let mut needs: Vec<_> = release.requires.iter().collect();
        for extra in self.extras(name) {
            needs.extend(release.extras.get(extra)?);
        }
        Some(needs)
    }

    fn is_solvable(&self) -> bool {
        self.solve(&mut BTreeMap::new(), &self.roots.iter().map(|root| (&root.name, &root.range)).collect::<Vec<_>>())
    }

    /// Tries every release for the first requirement, then goes on with the rest.
    fn solve<'w>(&'w self, chosen: &mut BTreeMap<&'w PackName, &'w Candidate>, open: &[(&'w PackName, &'w Range)]) -> bool {
        let Some(((name, wanted), rest)) = open.split_first() else { return true };
        if let Some(release) = chosen.get(name) {
            return self.admits(name, wanted, release) && self.solve(chosen, rest);
        }
        for release in self.world.get(*name).into_iter().flatten().filter(|release| self.admits(name, wanted, release)) {
            let Some(needs) = self.needs(name, release) else { continue };
            let mut taken = chosen.clone();
            taken.insert(name, release);
            if self.solve(&mut taken, &[rest, &needs].concat()) {
                return true;
            }
        }
        false
    }

    /// Checks that an answer meets every requirement and holds nothing else.
    fn verify(&self, resolution: &Resolution) {
        let mut open: Vec<(&PackName, &Range)> = self.roots.iter().map(|root| (&root.name, &root.range)).collect();
        let mut reached = BTreeSet::new();
        while let Some((name, wanted)) = open.pop() {
            let chosen = resolution.releases.get(name).unwrap_or_else(|| panic!("{name} is needed"));
            let release = self.world[name].iter().find(|release| release.version == chosen.version).expect("the release exists");
            assert!(self.admits(name, wanted, release), "{name} {} is not in {wanted}", chosen.version);
            if reached.insert(name) {
                let needs = self.needs(name, release).expect("the release may be chosen");
                let written: BTreeSet<_> =
                    needs.iter().filter(|(needed, _)| *needed != name).map(|(needed, wanted)| ((*needed).clone(), (*wanted).clone())).collect();
                assert_eq!(chosen.requires, written.into_iter().collect::<Vec<_>>());
                assert_eq!(chosen.extras.iter().collect::<BTreeSet<_>>(), self.extras(name));
                open.extend(needs);
            }
        }
        assert_eq!(reached, resolution.releases.keys().collect(), "nothing else is chosen");
    }
}

fn reversed(world: &World) -> World {
    world.iter().map(|(name, releases)| (name.clone(), releases.iter().rev().cloned().collect())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn it_answers_as_brute_force_does(world in any_world(), roots in any_roots(), locked in any_locked()) {
        let oracle = Oracle { world: &world, roots: &roots, locked: &locked };
        let preferences = Preferences { locked: locked.clone(), ..Preferences::default() };
        let answer = solve(&roots, &world, &preferences);
        prop_assert_eq!(answer.is_ok(), oracle.is_solvable());
        let shuffled: Vec<Root> = roots.iter().rev().cloned().collect();
        let again = solve(&shuffled, &reversed(&world), &preferences);
        match (answer, again) {
            (Ok(resolution), Ok(again)) => {
                oracle.verify(&resolution);
                prop_assert_eq!(&resolution, &again, "the order of the question decides nothing");
                let locked = resolution.releases.iter().map(|(name, chosen)| (name.clone(), chosen.version.clone())).collect();
                let kept = solve(&roots, &world, &Preferences { locked, ..Preferences::default() });
                prop_assert_eq!(kept.expect("it still holds"), resolution, "what is locked stays");
            }
            (Err(conflict), Err(again)) => {
                let explanation = conflict.explain();
                prop_assert_eq!(&explanation, &again.explain(), "the order of the question decides nothing");
                prop_assert!(explanation.lines().count() <= 40, "{}", explanation);
                prop_assert!(explanation.contains("cannot be met"), "{}", explanation);
                let named: Vec<Root> = roots.iter().filter(|root| conflict.requirements().iter().any(|(name, range, _)| (name, range) == (&root.name, &root.range))).cloned().collect();
                let alone = solve(&named, &world, &preferences);
                prop_assert!(alone.is_err(), "the requirements named are enough for the conflict:\n{}", explanation);
            }
            _ => prop_assert!(false, "the order of the question decides nothing"),
        }
    }
}
