//! Tree digest: a directory of many files to its name in the store.

use std::hint::black_box;

use criterion::BenchmarkId;
use criterion::Criterion;
use criterion::Throughput;

use packs::model::Blake3Digest;
use packs::model::Node;
use packs::model::Tree;
use packs::model::TreePath;

pub(crate) fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tree");
    for files in [100, 10_000] {
        let paths = paths(files);
        group.throughput(Throughput::Elements(files as u64));
        group.bench_with_input(BenchmarkId::new("insert", files), &paths, |bencher, paths| bencher.iter_with_large_drop(|| tree(paths)));
        let tree = tree(&paths);
        group.bench_with_input(BenchmarkId::new("digest", files), &tree, |bencher, tree| bencher.iter(|| black_box(tree.digest())));
    }
    group.finish();
}

fn paths(files: usize) -> Vec<TreePath> {
    let path = |file: usize| format!("pack/src/part_{}/deeper_{}/file_{file:05}.rs", file % 7, file % 31);
    let mut paths: Vec<TreePath> = (0..files).map(|file| TreePath::parse(&path(file)).expect("a valid path")).collect();
    paths.sort();
    paths
}

fn tree(paths: &[TreePath]) -> Tree {
    let mut tree = Tree::new();
    for path in paths {
        let content = Blake3Digest::from_bytes(*blake3::hash(path.as_str().as_bytes()).as_bytes());
        tree.insert(path, Node::File { content, size: 1, executable: false }).expect("each path once");
    }
    tree
}
