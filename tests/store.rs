//! The store from outside: archives in, store paths out, and what is promised of them.
#![allow(clippy::disallowed_methods, reason = "tests set up their world and look at the disk")]

mod ingest;
mod layout;
mod user;
mod verify;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

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
use packs::model::PackName;
use packs::model::Platform;
use packs::model::ReleaseId;
use packs::model::StorePath;
use packs::model::TreeDigest;
use packs::model::TreePath;
use packs::model::Version;
use packs::store::Batch;
use packs::store::Durability;
use packs::store::Expected;
use packs::store::Staged;
use packs::store::Store;
use packs::store::StoreError;
use packs::store::Stored;
use packs::store::layout::Layout;

/// What lies at a path of a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    File(Vec<u8>),
    Executable(Vec<u8>),
    Directory,
    Symlink(String),
}

/// The content of a pack, by path below its directory.
type Items = BTreeMap<String, Item>;

fn items<const N: usize>(list: [(&str, Item); N]) -> Items {
    list.into_iter().map(|(path, item)| (path.to_owned(), item)).collect()
}

fn file(text: &str) -> Item {
    Item::File(text.as_bytes().to_vec())
}

fn executable(text: &str) -> Item {
    Item::Executable(text.as_bytes().to_vec())
}

fn release(name: &str, version: &str) -> ReleaseId {
    ReleaseId { name: PackName::parse(name).expect("valid"), version: Version::parse(version).expect("valid") }
}

fn expected(name: &str, version: &str) -> Expected {
    Expected { release: release(name, version), platform: Platform::ANY, tree: None }
}

fn manifest(name: &str, version: &str, items: &Items) -> PackManifest {
    let digest = |bytes: &[u8]| Blake3Digest::of(bytes);
    let entries = items.iter().map(|(path, item)| {
        let path = TreePath::parse(path).expect("valid");
        match item {
            Item::File(bytes) => FileEntry::File { path, size: bytes.len() as u64, blake3: digest(bytes) },
            Item::Executable(bytes) => FileEntry::Executable { path, size: bytes.len() as u64, blake3: digest(bytes) },
            Item::Directory => FileEntry::Directory { path },
            Item::Symlink(target) => FileEntry::Symlink { path, target: target.clone() },
        }
    });
    let ReleaseId { name, version } = release(name, version);
    PackManifest::new(name.clone(), version, name.to_string(), jiff::Timestamp::UNIX_EPOCH, entries.collect())
}

fn archive_bytes(name: &str, version: &str, items: &Items, compression: Compression) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut open = |path: &TreePath| match &items[path.as_str()] {
        Item::File(content) | Item::Executable(content) => Ok(Box::new(std::io::Cursor::new(content.clone())) as Box<dyn std::io::Read>),
        Item::Directory | Item::Symlink(_) => Err(std::io::ErrorKind::NotFound.into()),
    };
    write_archive(&manifest(name, version, items), Packing::quick(compression), &mut open, &mut bytes).expect("a good archive");
    bytes
}

fn verified(bytes: Vec<u8>) -> Verified {
    Verification::new(bytes.len() as u64, sha256(&bytes)).finish_memory(bytes).expect("as promised")
}

fn archive(name: &str, version: &str, items: &Items) -> Verified {
    verified(archive_bytes(name, version, items, Compression::Zstd))
}

struct World {
    root: tempfile::TempDir,
    store: Store,
}

impl World {
    fn new() -> World {
        let root = tempfile::tempdir().expect("a directory");
        let store = Store::create(Layout::new(root.path().join("home"))).expect("made");
        World { root, store }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.root.path().join(name)
    }

    fn batch(&self) -> Batch<'_> {
        Batch::new(&self.store, Limits::default())
    }

    /// Stages and publishes archives in one batch.
    fn ingest(&self, archives: &[(&str, &str, &Items)]) -> Vec<Stored> {
        let batch = self.batch();
        let staged =
            archives.iter().map(|(name, version, items)| batch.stage(&archive(name, version, items), &expected(name, version)).expect("staged")).collect();
        batch.publish(staged, Durability::Unsynced).expect("published")
    }

    fn on_disk(&self, path: &StorePath) -> std::path::PathBuf {
        self.store.layout().store_path(path)
    }

    /// Names in the store's directory, hidden ones too.
    fn names(&self) -> Vec<String> {
        list(&self.store.layout().store())
    }
}

fn list(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory).expect("listed").map(|entry| entry.expect("read").file_name().into_string().expect("UTF-8")).collect();
    names.sort();
    names
}

/// Reads a tree back, and requires the canonical bits and times of everything in it.
#[track_caller]
fn read_back(root: &Path) -> Items {
    let mut found = Items::new();
    read_below(root, "", &mut found);
    found
}

#[track_caller]
fn read_below(directory: &Path, prefix: &str, found: &mut Items) {
    sealed(directory, 0o555);
    let names = list(directory);
    if names.is_empty() {
        found.insert(prefix.trim_end_matches('/').to_owned(), Item::Directory);
    }
    for name in names {
        let (path, at) = (directory.join(&name), format!("{prefix}{name}"));
        let kind = fs::symlink_metadata(&path).expect("there").file_type();
        if kind.is_dir() {
            read_below(&path, &format!("{at}/"), found);
        } else if kind.is_symlink() {
            found.insert(at, Item::Symlink(fs::read_link(&path).expect("a link").to_str().expect("UTF-8").to_owned()));
        } else {
            let bytes = fs::read(&path).expect("read");
            let runs = fs::metadata(&path).expect("there").permissions().mode() & 0o111 != 0;
            sealed(&path, if runs { 0o555 } else { 0o444 });
            found.insert(at, if runs { Item::Executable(bytes) } else { Item::File(bytes) });
        }
    }
}

#[track_caller]
fn sealed(path: &Path, mode: u32) {
    let metadata = fs::metadata(path).expect("there");
    assert_eq!((metadata.mode() & 0o7777, metadata.mtime(), metadata.mtime_nsec()), (mode, 1, 0), "{}", path.display());
}

fn inode(path: &Path) -> u64 {
    fs::symlink_metadata(path).expect("there").ino()
}

fn sample() -> Items {
    items([
        ("bin/kanban", executable("#!/bin/sh\necho board\n")),
        ("docs/README.md", file("A board.\n")),
        ("docs/a-b", file("sorts between `a` and `a/b`")),
        ("docs/a/b", file("below")),
        ("docs/empty", file("")),
        ("empty", Item::Directory),
        ("latest", Item::Symlink("docs/README.md".into())),
        ("ünïcode/…", file("text")),
    ])
}
