//! Made-up registries for the resolver: large ones, and families that solvers are known to be slow on. The same seed makes the same registry, everywhere.
#![allow(dead_code, reason = "each bench takes the worlds that it needs")]

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use packs::model::PackName;
use packs::model::Range;
use packs::model::Version;
use packs::resolve::Candidate;
use packs::resolve::Root;

use super::numbers::Numbers;

/// All releases there are.
pub(crate) type Registry = BTreeMap<PackName, Vec<Candidate>>;

/// A registry, and what a project wants of it.
pub(crate) struct World {
    /// Its name, as the benches print it.
    pub(crate) name: String,
    /// The releases.
    pub(crate) registry: Registry,
    /// The direct requirements.
    pub(crate) roots: Vec<Root>,
}

/// How large a random registry is.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    /// Packs.
    pub(crate) packs: usize,
    /// Releases of each.
    pub(crate) releases: usize,
    /// Direct requirements, on the first packs.
    pub(crate) roots: usize,
}

/// What the issue of resolvers is measured on.
pub(crate) const LARGE: Size = Size { packs: 10_000, releases: 10, roots: 1_000 };

/// Makes packs that each need up to four of the packs behind them, by ranges that any newer release meets: the newest of everything fits together.
pub(crate) fn free(size: Size, seed: u64) -> World {
    random(format!("conflict-free, seed {seed}"), size, size.releases, seed)
}

/// Makes the same, but the newer half of the releases each ask for the first release of one pack: going back is needed nearly everywhere.
pub(crate) fn rich(size: Size, seed: u64) -> World {
    random(format!("conflict-rich, seed {seed}"), size, size.releases / 2, seed)
}

/// Makes conflict-rich registries that have nothing to do with each other, as one.
pub(crate) fn islands(count: usize, size: Size, seed: u64) -> World {
    let mut all = World { name: format!("{count} islands, seed {seed}"), registry: Registry::new(), roots: Vec::new() };
    for island in 0..count {
        let world = moved(rich(size, seed + island as u64), island * size.packs);
        all.registry.extend(world.registry);
        all.roots.extend(world.roots);
    }
    all
}

/// Renames the packs of a world, so that it may stand beside another one.
fn moved(world: World, offset: usize) -> World {
    let name = |name: &PackName| name_of(offset + name.as_str()[5..].parse::<usize>().expect("five digits"));
    let moved = |mut release: Candidate| {
        release.requires = release.requires.iter().map(|(needed, range)| (name(needed), range.clone())).collect();
        release
    };
    let registry = world.registry.into_iter().map(|(pack, releases)| (name(&pack), releases.into_iter().map(moved).collect())).collect();
    World { name: world.name, registry, roots: world.roots.into_iter().map(|root| Root { name: name(&root.name), ..root }).collect() }
}

fn random(name: String, size: Size, tight_from: usize, seed: u64) -> World {
    let mut numbers = Numbers::new(seed);
    let mut release = |pack: usize, release: usize| {
        let behind = size.packs - pack - 1;
        let needs = if behind == 0 { 0 } else { numbers.below(5) };
        let requires = (0..needs).map(|need| {
            let range = if release >= tight_from && need == 0 { "=1.0.0".to_owned() } else { format!("^1.{}", numbers.below(size.releases / 2)) };
            (pack + 1 + numbers.below(behind), range)
        });
        let requires: Vec<(usize, String)> = requires.collect();
        candidate(&format!("1.{release}.0"), requires.iter().map(|(pack, range)| (*pack, range.as_str())))
    };
    let registry = (0..size.packs).map(|pack| (name_of(pack), (0..size.releases).map(|number| release(pack, number)).collect())).collect();
    World { name, registry, roots: (0..size.roots).map(|pack| root(pack, "^1")).collect() }
}

/// Makes a chain of packs, each of which needs the next; its end needs a pack that does not exist, so that nothing in it can be chosen.
pub(crate) fn failing_chain(length: usize, releases: usize) -> World {
    let of_pack = |pack: usize| (0..releases).map(|number| candidate(&format!("1.{number}.0"), [(pack + 1, "^1")])).collect();
    let registry = (0..length).map(|pack| (name_of(pack), of_pack(pack))).collect();
    World { name: format!("failing chain of {length}, {releases} releases each"), registry, roots: vec![root(0, "^1")] }
}

/// Makes layers of two packs each of which needs both of the next layer: as many ways as 2 to the number of layers lead to the end.
/// Newer releases of the last layer do not exist for what the newer releases above ask.
pub(crate) fn diamonds(layers: usize) -> World {
    let mut registry = Registry::new();
    for layer in 0..layers {
        for side in 0..2 {
            let below = |range| if layer + 1 == layers { vec![] } else { vec![(2 * layer + 2, range), (2 * layer + 3, range)] };
            let releases = vec![candidate("1.0.0", below("=1.0.0")), candidate("1.1.0", below(if side == 0 { "=1.0.0" } else { "=1.1.0" }))];
            registry.insert(name_of(2 * layer + side), releases);
        }
    }
    World { name: format!("diamonds of {layers} layers"), registry, roots: vec![root(0, "^1"), root(1, "^1")] }
}

/// Makes as many pigeons as given, and one hole less: each needs a hole of its own. There is no resolution, and its proof is long for every solver that,
/// as all of these, reasons by single cases.
pub(crate) fn pigeons(count: usize) -> World {
    let mut registry = Registry::new();
    for pigeon in 0..count {
        // A pigeon's release is the hole it sits in, which needs the hole's release of the pigeon's number.
        let releases = (0..count - 1).map(|hole| candidate(&format!("1.{hole}.0"), [(count + hole, format!("=1.{pigeon}.0").as_str())]));
        registry.insert(name_of(pigeon), releases.collect());
    }
    for hole in 0..count - 1 {
        registry.insert(name_of(count + hole), (0..count).map(|pigeon| candidate(&format!("1.{pigeon}.0"), [])).collect());
    }
    World { name: format!("{count} pigeons"), registry, roots: (0..count).map(|pigeon| root(pigeon, "*")).collect() }
}

/// Adds pigeons with a hole too few to a world: a conflict of just these requirements, the first of them before all others and the rest among and behind them.
pub(crate) fn planted(mut world: World, count: usize) -> World {
    let offset = world.registry.len();
    let pigeons = moved(pigeons(count), offset);
    let apart = world.roots.len() / count;
    for (number, root) in pigeons.roots.into_iter().enumerate() {
        world.roots.insert(number * (apart + 1), root);
    }
    world.registry.extend(pigeons.registry);
    World { name: format!("{} with {count} pigeons planted", world.name), ..world }
}

/// Makes conflict-rich registries of which a project asks for the very newest release of every so many packs, which is more than there is.
pub(crate) fn pinned(size: Size, seed: u64, every: usize) -> World {
    let mut world = rich(size, seed);
    let newest = format!("=1.{}.0", size.releases - 1);
    world.roots.iter_mut().step_by(every).for_each(|root| root.range = Range::parse(&newest).expect("a valid range"));
    World { name: format!("{}, every {every}. requirement pinned", world.name), ..world }
}

/// Makes a conflict between the first pack and the last, with many independent choices between them: who goes back step by step tries them all.
pub(crate) fn wrong_backtracking(between: usize, releases: usize) -> World {
    let mut registry = Registry::new();
    let end = between + 1;
    let first = (0..releases).map(|number| candidate(&format!("1.{number}.0"), [(end + 1, format!("=1.{number}.0").as_str())]));
    registry.insert(name_of(0), first.collect());
    for pack in 1..end {
        registry.insert(name_of(pack), (0..releases).map(|number| candidate(&format!("1.{number}.0"), [])).collect());
    }
    registry.insert(name_of(end), vec![candidate("1.0.0", [(end + 1, "=1.0.0")])]);
    registry.insert(name_of(end + 1), (0..releases).map(|number| candidate(&format!("1.{number}.0"), [])).collect());
    World { name: format!("wrong backtracking over {between}"), registry, roots: (0..=end).map(|pack| root(pack, "^1")).collect() }
}

fn candidate<'a>(version: &str, requires: impl IntoIterator<Item = (usize, &'a str)>) -> Candidate {
    let requires = requires.into_iter().map(|(pack, range)| (name_of(pack), Range::parse(range).expect("a valid range"))).collect();
    Candidate { version: Version::parse(version).expect("a valid version"), requires, extras: BTreeMap::new(), yanked: None, refused: None }
}

fn root(pack: usize, range: &str) -> Root {
    Root { name: name_of(pack), range: Range::parse(range).expect("a valid range"), extras: BTreeSet::new(), at: None }
}

fn name_of(number: usize) -> PackName {
    PackName::parse(&format!("pack-{number:05}")).expect("a valid name")
}
