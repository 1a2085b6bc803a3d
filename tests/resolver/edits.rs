//! What an edit of the project moves, when everything is locked.

use std::collections::BTreeMap;

use packs::model::PackName;
use packs::model::Version;
use packs::resolve::Preferences;
use packs::resolve::Root;

use crate::resolver::numbers::Numbers;
use crate::resolver::range;
use crate::resolver::solve;
use crate::resolver::worlds;
use crate::resolver::worlds::Size;
use crate::resolver::worlds::World;

const ISLANDS: usize = 4;
const SIZE: Size = Size { packs: 12, releases: 6, roots: 4 };
const EDITS: usize = 1_000;

type Versions = BTreeMap<PackName, Version>;

fn versions(roots: &[Root], world: &World, locked: &Versions) -> Option<Versions> {
    let preferences = Preferences { locked: locked.clone(), ..Preferences::default() };
    let resolution = solve(roots, &world.registry, &preferences).ok()?;
    Some(resolution.releases.into_iter().map(|(name, chosen)| (name, chosen.version)).collect())
}

/// The number of the island that a pack is on.
fn island(name: &PackName) -> usize {
    name.as_str()[5..].parse::<usize>().expect("five digits") / SIZE.packs
}

/// Changes, adds or takes away one requirement; gives the pack it is about.
fn edit(roots: &mut Vec<Root>, all: &[Root], numbers: &mut Numbers) -> PackName {
    let chosen = &all[numbers.below(all.len())];
    let at = roots.iter().position(|root| root.name == chosen.name);
    match (at, numbers.below(3)) {
        (Some(at), 0) => drop(roots.remove(at)),
        (Some(at), _) => roots[at].range = range(&format!("<=1.{}.0", numbers.below(SIZE.releases))),
        (None, _) => roots.push(chosen.clone()),
    }
    chosen.name.clone()
}

#[test]
fn an_edit_moves_nothing_that_has_nothing_to_do_with_it() {
    let world = worlds::islands(ISLANDS, SIZE, 3);
    let mut numbers = Numbers::new(11);
    let (mut roots, mut locked) = (world.roots.clone(), versions(&world.roots, &world, &Versions::new()).expect("there is a resolution"));
    let (mut moved, mut refused) = (0, 0);
    for _ in 0..EDITS {
        let before = roots.clone();
        let edited = edit(&mut roots, &world.roots, &mut numbers);
        let Some(after) = versions(&roots, &world, &locked) else {
            (roots, refused) = (before, refused + 1);
            continue;
        };
        let still_fits = roots.iter().all(|root| locked.get(&root.name).is_some_and(|version| root.range.matches(version)));
        for (name, version) in &after {
            let was = locked.get(name);
            let is_unrelated = island(name) != island(&edited);
            assert!(was == Some(version) || !(is_unrelated || still_fits && was.is_some()), "{name} went from {was:?} to {version}, for {edited}");
        }
        moved += usize::from(after.iter().any(|(name, version)| locked.get(name).is_some_and(|was| was != version)));
        locked = after;
    }
    assert!(moved > EDITS / 20, "only {moved} edits moved anything, {refused} could not be met");
}
