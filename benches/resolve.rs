//! Resolve: a registry of 1,000 packs with 10 releases each.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::hint::black_box;

use criterion::Criterion;

use packs::model::PackName;
use packs::model::Range;
use packs::model::Version;
use packs::resolve::Candidate;
use packs::resolve::Limit;
use packs::resolve::Preferences;
use packs::resolve::Root;
use packs::resolve::resolve;

use crate::made::Numbers;
use crate::made::pack;

const PACKS: usize = 1_000;
const RELEASES: usize = 10;
const ROOTS: usize = 100;

pub(crate) fn benches(criterion: &mut Criterion) {
    let (free, tight) = (registry(RELEASES), registry(RELEASES / 2));
    let roots: Vec<Root> = (0..ROOTS).map(|number| root(number, "1")).collect();
    let preferences = Preferences::default();
    let resolution = resolve(&roots, &free, &preferences, &Limit::none()).expect("there is one");
    let locked = Preferences { locked: resolution.releases.into_iter().map(|(name, chosen)| (name, chosen.version)).collect(), ..Preferences::default() };
    let mut group = criterion.benchmark_group("resolve");
    group.bench_function("no conflicts", |bencher| bencher.iter(|| black_box(resolve(&roots, &free, &preferences, &Limit::none()))));
    group.bench_function("all locked", |bencher| bencher.iter(|| black_box(resolve(&roots, &free, &locked, &Limit::none()))));
    assert!(resolve(&roots, &tight, &preferences, &Limit::none()).is_ok(), "there is one after going back");
    group.bench_function("newest releases conflict", |bencher| bencher.iter(|| black_box(resolve(&roots, &tight, &preferences, &Limit::none()))));
    let impossible: Vec<Root> = roots.iter().cloned().chain([root(ROOTS - 1, "=1.0.0"), root(ROOTS, "2")]).collect();
    group.bench_function("no resolution", |bencher| {
        bencher.iter(|| black_box(resolve(&impossible, &free, &preferences, &Limit::none()).expect_err("none")));
    });
    group.finish();
}

fn root(number: usize, range: &str) -> Root {
    Root { name: pack(number), range: Range::parse(range).expect("a valid range"), extras: BTreeSet::new(), at: None }
}

/// Makes packs that each need up to four of the packs behind them; releases from number `tight_from` on ask for the first release of one of theirs.
fn registry(tight_from: usize) -> BTreeMap<PackName, Vec<Candidate>> {
    let mut numbers = Numbers::new(7);
    (0..PACKS).map(|number| (pack(number), (0..RELEASES).map(|release| candidate(number, release, tight_from, &mut numbers)).collect())).collect()
}

fn candidate(number: usize, release: usize, tight_from: usize, numbers: &mut Numbers) -> Candidate {
    let behind = PACKS - number - 1;
    let needs = if behind == 0 { 0 } else { numbers.below(5) };
    let mut requires = BTreeMap::new();
    for need in 0..needs {
        let range = if release >= tight_from && need == 0 { "=1.0.0".to_owned() } else { format!("^1.{}", numbers.below(RELEASES / 2)) };
        requires.insert(pack(number + 1 + numbers.below(behind)), Range::parse(&range).expect("a valid range"));
    }
    let version = Version::parse(&format!("1.{release}.0")).expect("a valid version");
    Candidate { version, requires, extras: BTreeMap::new(), yanked: None, refused: None }
}
