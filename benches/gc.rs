//! Mark: 1,000 generations and 10,000 store paths to what is dead.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::sync::Arc;

use criterion::Criterion;
use jiff::SignedDuration;
use jiff::Timestamp;

use packs::gc::EnvironmentRoots;
use packs::gc::GenerationId;
use packs::gc::GenerationRoot;
use packs::gc::Presence;
use packs::gc::ProjectRoots;
use packs::gc::Retention;
use packs::gc::Roots;
use packs::gc::Rules;
use packs::gc::Sizes;
use packs::gc::mark;
use packs::model::EnvironmentName;
use packs::model::ProjectId;
use packs::model::StorePath;
use packs::model::TreeDigest;

use crate::made::release;
use crate::numbers::Numbers;

const STORE_PATHS: usize = 10_000;
const PROJECTS: usize = 50;
const GENERATIONS_EACH: u64 = 20;
const PACKS_EACH: usize = 100;
const DAY_SECONDS: i64 = 24 * 60 * 60;

pub(crate) fn benches(criterion: &mut Criterion) {
    let paths: Vec<Arc<StorePath>> = (0..STORE_PATHS).map(|number| Arc::new(store_path(number))).collect();
    let stored: BTreeSet<StorePath> = paths.iter().map(|path| (**path).clone()).collect();
    let now = Timestamp::from_second(400 * DAY_SECONDS).expect("a time");
    let roots = Roots { projects: (0..PROJECTS).map(|number| project(number, &paths, now)).collect(), running: vec![], stale: vec![] };
    let retention = Retention { keep: 5, younger_than: SignedDuration::from_hours(24 * 7), ..Retention::default() };
    let (sizes, busy) = (Sizes::new(), BTreeSet::new());
    let rules = Rules { now, retention: &retention, sizes: &sizes, busy: &busy };
    assert!(!mark(&roots, &stored, &rules).dead.is_empty(), "something is dead");
    criterion.bench_function("gc/mark 1,000 generations, 10,000 paths", |bencher| {
        bencher.iter_with_large_drop(|| black_box(mark(&roots, &stored, &rules)));
    });
}

/// A project that got a new generation every three days, each with packs chosen at random.
fn project(number: usize, paths: &[Arc<StorePath>], now: Timestamp) -> ProjectRoots {
    let id = ProjectId::new("bench", &format!("{number:08}")).expect("a valid id");
    let name = EnvironmentName::default_environment();
    let mut numbers = Numbers::new(number as u64 + 1);
    let generation = |generation: u64| {
        let chosen: BTreeSet<Arc<StorePath>> = (0..PACKS_EACH).map(|_| paths[numbers.below(paths.len())].clone()).collect();
        let age_days = 3 * (GENERATIONS_EACH - generation);
        Arc::new(GenerationRoot {
            id: Arc::new(GenerationId { project: id.clone(), environment: name.clone(), number: generation }),
            parent: generation.checked_sub(1),
            created_at: now - SignedDuration::from_secs(DAY_SECONDS * i64::try_from(age_days).expect("a small number")),
            store_paths: chosen.into_iter().collect(),
        })
    };
    let generations = (0..GENERATIONS_EACH).map(generation).collect();
    let environment = EnvironmentRoots { name: name.clone(), current: Some(GENERATIONS_EACH - 1), generations };
    ProjectRoots { id: id.clone(), name: id.to_string(), path: "bench".into(), presence: Presence::Present, environments: vec![environment] }
}

fn store_path(number: usize) -> StorePath {
    let id = release(number, "1.0.0");
    StorePath::new(TreeDigest::from_bytes(*blake3::hash(id.to_string().as_bytes()).as_bytes()), &id)
}
