//! Ingest: archives in memory into a store.

use std::collections::BTreeMap;
use std::io;
use std::io::Cursor;
use std::io::Read;

use criterion::BatchSize;
use criterion::Criterion;
use criterion::Throughput;
use rayon::iter::IntoParallelRefIterator as _;
use rayon::iter::ParallelIterator as _;

use packs::archive::Compression;
use packs::archive::FileEntry;
use packs::archive::Limits;
use packs::archive::PackManifest;
use packs::archive::Packing;
use packs::archive::Verification;
use packs::archive::Verified;
use packs::archive::sha256;
use packs::archive::write_archive;
use packs::model::Blake3Digest;
use packs::model::Platform;
use packs::model::TreePath;
use packs::store::Batch;
use packs::store::Durability;
use packs::store::Expected;
use packs::store::Store;

use crate::made::Home;
use crate::made::release;
use crate::numbers::Numbers;

const ARCHIVES: usize = 40;
const FILES: usize = 30;

/// An archive and what it is.
type Arrived = (Verified, Expected);

pub(crate) fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ingest");
    for (name, compression) in [("gzip", Compression::Gzip), ("zstd", Compression::Zstd)] {
        let (first, second) = (archives("1.0.0", compression), archives("2.0.0", compression));
        group.throughput(Throughput::Bytes(unpacked_bytes()));
        group.bench_function(format!("new content, {name}"), |bencher| {
            bencher.iter_batched_ref(Home::new, |home| ingest(&home.store, &first), BatchSize::PerIteration);
        });
        let filled = || {
            let home = Home::new();
            ingest(&home.store, &first);
            home
        };
        group.bench_function(format!("known content, {name}"), |bencher| {
            bencher.iter_batched_ref(filled, |home| ingest(&home.store, &second), BatchSize::PerIteration);
        });
    }
    group.finish();
}

/// Not synced: how long a disk takes is not ours to measure.
fn ingest(store: &Store, archives: &[Arrived]) {
    let batch = Batch::new(store, Limits::default());
    let staged = archives.par_iter().map(|(archive, expected)| batch.stage(archive, expected)).collect::<Result<Vec<_>, _>>();
    batch.publish(staged.expect("good archives"), Durability::Unsynced).expect("published");
}

/// Makes archives whose files are the same in every version, and a licence that all of them share.
fn archives(version: &str, compression: Compression) -> Vec<Arrived> {
    (0..ARCHIVES).map(|number| archive(number, version, compression)).collect()
}

fn archive(number: usize, version: &str, compression: Compression) -> Arrived {
    let (id, files) = (release(number, version), files(number));
    let entries = files.iter().map(|(path, text)| FileEntry::File {
        path: path.clone(),
        size: text.len() as u64,
        blake3: Blake3Digest::from_bytes(*blake3::hash(text.as_bytes()).as_bytes()),
    });
    let manifest = PackManifest::new(id.name.clone(), id.version.clone(), id.to_string(), jiff::Timestamp::UNIX_EPOCH, entries.collect());
    let mut open = |path: &TreePath| -> io::Result<Box<dyn Read>> { Ok(Box::new(Cursor::new(files[path].clone()))) };
    let mut bytes = Vec::new();
    write_archive(&manifest, Packing::quick(compression), &mut open, &mut bytes).expect("a good archive");
    let verified = Verification::new(bytes.len() as u64, sha256(&bytes)).finish_memory(bytes).expect("as promised");
    (verified, Expected { release: id, platform: Platform::ANY, tree: None })
}

fn files(number: usize) -> BTreeMap<TreePath, String> {
    let mut numbers = Numbers::new(number as u64 + 1);
    let mut files = BTreeMap::from([(path("LICENSE"), Numbers::new(0).text(11_000))]);
    for file in 0..FILES {
        // Most files are small and a few are not, as in real packs.
        let bytes = if file % 10 == 0 { 60_000 } else { 500 + numbers.below(8_000) };
        files.insert(path(&format!("src/part_{}/file_{file}.rs", file % 4)), numbers.text(bytes));
    }
    files
}

fn unpacked_bytes() -> u64 {
    (0..ARCHIVES).flat_map(|number| files(number).into_values()).map(|text| text.len() as u64).sum()
}

fn path(text: &str) -> TreePath {
    TreePath::parse(text).expect("a valid path")
}
