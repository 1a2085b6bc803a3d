//! Criterion benches of the parts: `cargo bench`, or `cargo bench -- tree` for some of them.
//!
//! Everything measured is made in memory, always the same, or in a home of its own that is removed afterwards. They tell a change for the worse from one for
//! the better on one machine; how packs stands beside other programs is measured by `compare/run.sh`.

mod gc;
mod generation;
mod ingest;
mod made;
mod numbers;
mod resolve;
mod tree;
mod worlds;

use std::time::Duration;

use criterion::Criterion;

fn main() {
    // Few samples: the machines this runs on are shared, and more samples would tell more about them than about packs.
    let mut criterion =
        Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2)).configure_from_args();
    ingest::benches(&mut criterion);
    tree::benches(&mut criterion);
    generation::benches(&mut criterion);
    gc::benches(&mut criterion);
    resolve::benches(&mut criterion);
    criterion.final_summary();
}
