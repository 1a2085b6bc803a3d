//! Plan and link: releases to a complete generation beside its place.

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::BenchmarkId;
use criterion::Criterion;
use criterion::Throughput;

use packs::archive::FileEntry;
use packs::archive::PackManifest;
use packs::generation;
use packs::generation::About;
use packs::generation::Copies;
use packs::generation::GenerationRecord;
use packs::generation::Wanted;
use packs::generation::WantedRelease;
use packs::model::Blake3Digest;
use packs::model::CommandName;
use packs::model::EnvironmentName;
use packs::model::ProjectId;
use packs::model::StorePath;
use packs::model::TreeDigest;
use packs::model::TreePath;

use crate::made::Home;
use crate::made::release;

pub(crate) fn benches(criterion: &mut Criterion) {
    let home = Home::new();
    let project = ProjectId::new("bench", "00000000").expect("a valid id");
    let generations = home.store.layout().generations(&project, &EnvironmentName::default_environment());
    packs::fsys::create_dir_all(&generations).expect("made");
    let mut group = criterion.benchmark_group("generation");
    for packs in [10, 100, 1_000] {
        let wanted = wanted(packs);
        group.throughput(Throughput::Elements(packs as u64));
        group.bench_with_input(BenchmarkId::new("plan", packs), &wanted, |bencher, wanted| bencher.iter(|| black_box(generation::plan(wanted))));
        let record = record(&wanted);
        group.bench_with_input(BenchmarkId::new("link", packs), &record, |bencher, record| {
            bencher.iter_with_large_drop(|| generation::build(home.store.layout(), &project, record, &Copies::default()).expect("built"));
        });
    }
    group.finish();
}

fn wanted(packs: usize) -> Wanted {
    Wanted { environment: EnvironmentName::default_environment(), releases: (0..packs).map(wanted_release).collect(), place: vec![] }
}

/// A release with a command, a man page and some files that are not linked.
fn wanted_release(number: usize) -> WantedRelease {
    let id = release(number, "1.0.0");
    let blake3 = Blake3Digest::from_bytes([1; 32]);
    let command = TreePath::parse(&format!("bin/tool-{number}")).expect("a valid path");
    let mut files = vec![FileEntry::Executable { path: command.clone(), size: 100, blake3 }];
    let others = (0..20).map(|file| format!("lib/part-{file:02}")).chain([format!("share/man/man1/tool-{number}.1")]);
    files.extend(others.map(|path| FileEntry::File { path: TreePath::parse(&path).expect("a valid path"), size: 100, blake3 }));
    let mut manifest = PackManifest::new(id.name.clone(), id.version.clone(), id.to_string(), jiff::Timestamp::UNIX_EPOCH, files);
    manifest.bin = BTreeMap::from([(CommandName::parse(&format!("tool-{number}")).expect("a valid command"), command)]);
    let store_path = StorePath::new(TreeDigest::from_bytes(*blake3::hash(id.to_string().as_bytes()).as_bytes()), &id);
    WantedRelease { id, store_path, unpacked_bytes: 2_200, manifest, priority: 0, rename: BTreeMap::new() }
}

fn record(wanted: &Wanted) -> GenerationRecord {
    let about = About {
        number: 1,
        parent: Some(0),
        lockfile: None,
        created_at: jiff::Timestamp::UNIX_EPOCH,
        user: "bench".to_owned(),
        host: "bench".to_owned(),
        reason: None,
        command: "packs switch".to_owned(),
    };
    generation::plan(wanted).expect("no clashes").into_record(about)
}
