//! What an edit of the project moves, when everything is locked.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use packs::model::ExtraName;
use packs::model::PackName;
use packs::model::Version;
use packs::resolve::Pin;
use packs::resolve::Preferences;
use packs::resolve::Root;

use crate::resolver::Pinned;
use crate::resolver::World;
use crate::resolver::name;
use crate::resolver::numbers::Numbers;
use crate::resolver::pin;
use crate::resolver::range;
use crate::resolver::solve;
use crate::resolver::worlds;
use crate::resolver::worlds::Size;

const ISLANDS: usize = 4;
const SIZE: Size = Size { packs: 12, releases: 6, roots: 4 };
/// Edits after which there is a resolution; of the others nothing can be said.
const EDITS: usize = 1_000;

type Versions = BTreeMap<PackName, Version>;

/// A project with two environments, which differ in what they ask for.
#[derive(Clone)]
struct Project {
    roots: Vec<Root>,
    overrides: BTreeMap<PackName, Pin>,
    constraints: BTreeMap<PackName, Pin>,
    /// Whether the environments need not agree.
    is_parted: bool,
}

/// What an edit was made to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Requirement,
    Extra,
    Override,
    Constraint,
    Parting,
}

/// The number of the island that a pack is on.
fn island(name: &PackName) -> usize {
    name.as_str()[5..].parse::<usize>().expect("five digits") / SIZE.packs
}

fn extra() -> ExtraName {
    ExtraName::parse("more").expect("a valid extra")
}

/// Gives every release an extra that needs the last pack of its island.
fn with_extras(mut world: World) -> World {
    for (pack, releases) in &mut world {
        let last = name(&format!("pack-{:05}", (island(pack) + 1) * SIZE.packs - 1));
        for (number, release) in releases.iter_mut().enumerate().filter(|_| *pack != last) {
            release.extras.insert(extra(), BTreeMap::from([(last.clone(), range(&format!(">=1.{}.0", number / 2)))]));
        }
    }
    world
}

impl Project {
    fn versions(&self, world: &World, roots: &[Root], preferences: &Preferences) -> Option<Versions> {
        let world = Pinned::new(world.clone(), self.overrides.clone(), self.constraints.clone());
        let resolution = solve(roots, &world, preferences).ok()?;
        Some(resolution.releases.into_iter().map(|(name, chosen)| (name, chosen.version)).collect())
    }

    /// What the other environment asks for: every second requirement.
    fn others(&self) -> Vec<Root> {
        self.roots.iter().filter(|root| root.name.as_str().ends_with(['0', '2', '4', '6', '8'])).cloned().collect()
    }

    /// Changes, adds or takes away one requirement, extra, override or constraint; gives the pack it is about.
    fn edit(&mut self, all: &[Root], numbers: &mut Numbers) -> (PackName, Kind) {
        let chosen = &all[numbers.below(all.len())];
        let at = self.roots.iter().position(|root| root.name == chosen.name);
        let pinned = name(&format!("pack-{:05}", island(&chosen.name) * SIZE.packs + numbers.below(SIZE.packs)));
        let limit = format!("<=1.{}.0", numbers.below(SIZE.releases));
        let toggle = |pins: &mut BTreeMap<PackName, Pin>| {
            if pins.remove(&pinned).is_none() {
                pins.insert(pinned.clone(), pin(&limit));
            }
        };
        match (numbers.below(9), at) {
            (0, _) => {
                toggle(&mut self.overrides);
                (pinned, Kind::Override)
            }
            (1, _) => {
                toggle(&mut self.constraints);
                (pinned, Kind::Constraint)
            }
            (8, _) => {
                self.is_parted = !self.is_parted;
                (pinned, Kind::Parting)
            }
            (2, Some(at)) => {
                let extras = &mut self.roots[at].extras;
                *extras = if extras.is_empty() { BTreeSet::from([extra()]) } else { BTreeSet::new() };
                (chosen.name.clone(), Kind::Extra)
            }
            (3, Some(at)) => {
                self.roots.remove(at);
                (chosen.name.clone(), Kind::Requirement)
            }
            (_, Some(at)) => {
                self.roots[at].range = range(&limit);
                (chosen.name.clone(), Kind::Requirement)
            }
            (_, None) => {
                self.roots.push(chosen.clone());
                (chosen.name.clone(), Kind::Requirement)
            }
        }
    }
}

/// Checks that nothing unrelated to an edit has moved; tells whether anything has.
#[track_caller]
fn check_moves(before: &Versions, after: &Versions, edited: &PackName, may_move: bool) -> bool {
    let mut moved = false;
    for (name, version) in after {
        let was = before.get(name);
        let is_related = island(name) == island(edited);
        assert!(was == Some(version) || (is_related && (may_move || was.is_none())), "{name} went from {was:?} to {version}, for {edited}");
        moved |= was.is_some_and(|was| was != version);
    }
    moved
}

#[test]
fn an_edit_moves_nothing_that_has_nothing_to_do_with_it() {
    let islands = worlds::islands(ISLANDS, SIZE, 3);
    let world = with_extras(islands.registry);
    let mut numbers = Numbers::new(11);
    let mut project = Project { roots: islands.roots.clone(), overrides: BTreeMap::new(), constraints: BTreeMap::new(), is_parted: false };
    let mut locked = project.versions(&world, &project.roots, &Preferences::default()).expect("there is a resolution");
    let mut others = project.versions(&world, &project.others(), &Preferences::default()).expect("there is a resolution");
    let (mut solved, mut tried, mut moved, mut parted_or_joined, mut kinds) = (0, 0, 0, 0, BTreeMap::new());
    while solved < EDITS {
        tried += 1;
        assert!(tried <= 3 * EDITS, "only {solved} of {tried} edits left a resolution");
        let mut edited = project.clone();
        let (about, kind) = edited.edit(&islands.roots, &mut numbers);
        let of_others = |other: &Versions| other.iter().map(|(name, version)| (name.clone(), BTreeSet::from([version.clone()]))).collect();
        let preferences = |own: &Versions, other: &Versions| Preferences {
            locked: own.clone(),
            others: if edited.is_parted { BTreeMap::new() } else { of_others(other) },
            ..Preferences::default()
        };
        let Some(after) = edited.versions(&world, &edited.roots, &preferences(&locked, &others)) else { continue };
        let Some(others_after) = edited.versions(&world, &edited.others(), &preferences(&others, &after)) else { continue };
        let still_fits = kind == Kind::Requirement && edited.roots.iter().all(|root| locked.get(&root.name).is_some_and(|version| root.range.matches(version)));
        let has_moved = check_moves(&locked, &after, &about, !still_fits);
        let others_have_moved = check_moves(&others, &others_after, &about, true);
        if kind == Kind::Parting {
            assert!(!has_moved && !others_have_moved, "who need not agree stays where it is until something else moves it");
            parted_or_joined += 1;
        } else {
            moved += usize::from(has_moved);
            *kinds.entry(format!("{kind:?}")).or_insert(0) += usize::from(has_moved);
        }
        solved += 1;
        (project, locked, others) = (edited, after, others_after);
    }
    assert!(parted_or_joined > EDITS / 20, "{parted_or_joined}");
    assert!(moved > EDITS / 20 && kinds.len() == 4 && kinds.values().all(|moved| *moved > 0), "{moved} edits moved anything: {kinds:?}");
}
