//! Resolve: made-up registries of 1,000 and 10,000 packs with 10 releases each, and families that solvers are known to be slow on.

use std::hint::black_box;

use criterion::Criterion;

use packs::resolve::Failure;
use packs::resolve::Limit;
use packs::resolve::Preferences;
use packs::resolve::Resolution;
use packs::resolve::resolve;

use crate::worlds;
use crate::worlds::LARGE;
use crate::worlds::Size;
use crate::worlds::World;

const SMALL: Size = Size { packs: 1_000, releases: 10, roots: 100 };

pub(crate) fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("resolve");
    for world in solvable() {
        let resolution = answer(&world, &Preferences::default()).expect("there is one");
        let locked = Preferences { locked: resolution.releases.into_iter().map(|(name, chosen)| (name, chosen.version)).collect(), ..Preferences::default() };
        group.bench_function(&world.name, |bencher| bencher.iter(|| black_box(answer(&world, &Preferences::default()))));
        group.bench_function(format!("{}, all locked", world.name), |bencher| bencher.iter(|| black_box(answer(&world, &locked))));
    }
    for world in unsolvable() {
        group.bench_function(format!("{}, explained", world.name), |bencher| {
            bencher.iter(|| match answer(&world, &Preferences::default()) {
                Err(Failure::Conflict(conflict)) => black_box(conflict.explain()),
                _ => panic!("there is none"),
            });
        });
    }
    group.finish();
}

fn solvable() -> Vec<World> {
    vec![
        worlds::free(SMALL, 1),
        worlds::rich(SMALL, 1),
        worlds::free(LARGE, 1),
        worlds::rich(LARGE, 1),
        worlds::diamonds(2_000),
        worlds::wrong_backtracking(1_000, 10),
    ]
}

fn unsolvable() -> Vec<World> {
    vec![
        worlds::failing_chain(50_000, 2),
        worlds::pigeons(7),
        worlds::planted(worlds::free(LARGE, 1), 3),
        worlds::planted(worlds::rich(LARGE, 1), 3),
        worlds::pinned(LARGE, 1, 5),
    ]
}

fn answer(world: &World, preferences: &Preferences) -> Result<Resolution, Failure> {
    resolve(&world.roots, &world.registry, preferences, &Limit::none())
}
