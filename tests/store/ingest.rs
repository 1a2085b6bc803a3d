//! Archives and directories in, store paths out.

use std::path::PathBuf;

use proptest::prelude::Just;
use proptest::prelude::ProptestConfig;
use proptest::prelude::Strategy;
use proptest::prelude::any;
use proptest::prelude::prop_oneof;
use rayon::iter::IndexedParallelIterator as _;
use rayon::iter::IntoParallelIterator as _;
use rayon::iter::IntoParallelRefIterator as _;
use rayon::iter::ParallelIterator as _;

use super::*;

#[test]
fn what_is_ingested_is_what_was_packed() {
    for compression in [Compression::Zstd, Compression::Gzip] {
        let world = World::new();
        let batch = world.batch();
        let archive = verified(archive_bytes("kanban", "2.0.3", &sample(), compression));
        let staged = batch.stage(&archive, &expected("kanban", "2.0.3")).expect("staged");
        assert_eq!(world.store.paths().expect("listed"), [], "nothing is in sight before it is published");
        let stored = batch.publish(vec![staged], Durability::Synced).expect("published").remove(0);
        let path = world.on_disk(&stored.store_path);
        assert_eq!(read_back(&path.join("kanban")), sample());
        assert_eq!(fs::read(path.join("MANIFEST.json")).expect("read"), manifest("kanban", "2.0.3", &sample()).format());
        sealed(&path, 0o555);
        assert_eq!(world.names(), [stored.store_path.to_string()], "no stage is left");
        assert_eq!(world.store.known(&archive.sha256(), &release("kanban", "2.0.3")).expect("an answer"), Some(stored.store_path.clone()));
        assert_eq!(world.store.pack_manifest(&stored.store_path).expect("read").name.to_string(), "kanban");
        assert_eq!(stored.unpacked_bytes, stored.written_bytes);
    }
}

#[test]
fn equal_content_is_one_inode() {
    let world = World::new();
    let one = items([("a", file("same")), ("b", file("same")), ("run", executable("same")), ("empty", file("")), ("empty-too", file(""))]);
    let two = items([("other", file("same")), ("new", file("new"))]);
    let first = world.ingest(&[("one", "1.0.0", &one)]).remove(0);
    let second = world.ingest(&[("two", "1.0.0", &two)]).remove(0);
    let at = |stored: &Stored, path: &str| inode(&world.on_disk(&stored.store_path).join(path));
    assert_eq!(at(&first, "one/a"), at(&first, "one/b"), "within an archive");
    assert_eq!(at(&first, "one/a"), at(&second, "two/other"), "across batches");
    assert_ne!(at(&first, "one/a"), at(&first, "one/run"), "the executable bit is part of the inode");
    assert_ne!(at(&first, "one/empty"), at(&first, "one/empty-too"), "empty files are never linked");
    let manifest_bytes = manifest("two", "1.0.0", &two).format().len() as u64;
    assert_eq!(second.written_bytes, manifest_bytes + 3, "only what is new is written");
}

#[test]
fn an_upgrade_that_changes_nothing_writes_only_its_manifest() {
    let world = World::new();
    let batch = world.batch();
    let staged = batch.stage(&archive("kanban", "1.0.0", &sample()), &expected("kanban", "1.0.0")).expect("staged");
    batch.publish(vec![staged], Durability::Unsynced).expect("published");
    let batch = world.batch();
    let staged = batch.stage(&archive("kanban", "1.0.1", &sample()), &expected("kanban", "1.0.1")).expect("staged");
    assert_eq!(staged.written_bytes, manifest("kanban", "1.0.1", &sample()).format().len() as u64);
    assert_eq!(staged.written_bytes + staged.shared_bytes, staged.unpacked_bytes);
}

#[test]
fn a_batch_writes_shared_content_once_whatever_threads_do() {
    let world = World::new();
    let shared: Items = (0..40).map(|number| (format!("f{number}"), Item::File(vec![number; 2000]))).collect();
    let releases: Vec<_> = (0..16).map(|number| format!("1.0.{number}")).collect();
    let batch = world.batch();
    let staged: Vec<Staged> = releases
        .par_iter()
        .with_max_len(1)
        .map(|version| batch.stage(&archive("pack", version, &shared), &expected("pack", version)).expect("staged"))
        .collect();
    let written: u64 = staged.iter().map(|staged| staged.written_bytes).sum();
    let manifests: usize = releases.iter().map(|version| manifest("pack", version, &shared).format().len()).sum();
    assert_eq!(written, 40 * 2000 + manifests as u64);
    let stored = batch.publish(staged, Durability::Unsynced).expect("published");
    for stored in &stored {
        assert_eq!(read_back(&world.on_disk(&stored.store_path).join("pack")), shared);
    }
    let blob = world.store.layout().blob(&Blake3Digest::of(&[7; 2000]), false);
    assert_eq!(fs::metadata(blob).expect("there").nlink(), 17, "sixteen files and the blob");
}

#[test]
fn two_batches_on_one_archive_make_one_path() {
    let world = World::new();
    let bytes = archive_bytes("kanban", "2.0.3", &sample(), Compression::Zstd);
    let stored: Vec<_> = (0..4)
        .into_par_iter()
        .with_max_len(1)
        .map(|_| {
            let batch = world.batch();
            let staged = batch.stage(&verified(bytes.clone()), &expected("kanban", "2.0.3")).expect("staged");
            batch.publish(vec![staged], Durability::Unsynced).expect("published").remove(0).store_path
        })
        .collect();
    assert_eq!(world.names(), [stored[0].to_string()]);
    assert!(stored.iter().all(|path| *path == stored[0]));
    assert_eq!(read_back(&world.on_disk(&stored[0]).join("kanban")), sample());
}

#[test]
fn a_dropped_stage_leaves_nothing() {
    let world = World::new();
    let batch = world.batch();
    let staged = batch.stage(&archive("kanban", "2.0.3", &sample()), &expected("kanban", "2.0.3")).expect("staged");
    assert!(world.names()[0].starts_with(".stage-"));
    drop(staged);
    assert_eq!(world.names(), [""; 0]);
    // What it had written is written again for the next one, not linked from nowhere.
    let staged = batch.stage(&archive("kanban", "2.0.3", &sample()), &expected("kanban", "2.0.3")).expect("staged again");
    let stored = batch.publish(vec![staged], Durability::Unsynced).expect("published").remove(0);
    assert_eq!(read_back(&world.on_disk(&stored.store_path).join("kanban")), sample());
    let readme = world.on_disk(&stored.store_path).join("kanban/docs/README.md");
    assert_eq!(fs::metadata(readme).expect("there").nlink(), 2, "the file and its blob");
}

#[test]
fn a_stage_is_locked_while_somebody_works_in_it() {
    let world = World::new();
    let batch = world.batch();
    let staged = batch.stage(&archive("kanban", "2.0.3", &sample()), &expected("kanban", "2.0.3")).expect("staged");
    let stage = world.store.layout().store().join(&world.names()[0]);
    assert!(packs::fsys::FileLock::try_acquire_existing(&stage).expect("an answer").is_none());
    drop((staged, batch));
    fs::create_dir(&stage).expect("left behind by a dead process");
    assert!(packs::fsys::FileLock::try_acquire_existing(&stage).expect("an answer").is_some());
}

/// Requires that staging is refused and leaves nothing.
#[track_caller]
fn refused(expected: &Expected, is_expected: fn(&StoreError) -> bool) {
    let world = World::new();
    let batch = world.batch();
    let error = batch.stage(&archive("kanban", "2.0.3", &sample()), expected).expect_err("refused");
    assert!(is_expected(&error), "{error}");
    assert_eq!(world.names(), [""; 0]);
}

#[test]
fn what_is_not_as_expected_is_refused() {
    let good = expected("kanban", "2.0.3");
    refused(&Expected { tree: Some(TreeDigest::from_bytes([1; 32])), ..good.clone() }, |error| matches!(error, StoreError::WrongTree { .. }));
    refused(&expected("kanban", "2.0.4"), |error| matches!(error, StoreError::WrongRelease { .. }));
    refused(&expected("board", "2.0.3"), |error| matches!(error, StoreError::WrongRelease { .. }));
    let platform = Platform::parse("linux-x86_64").expect("valid");
    refused(&Expected { platform, ..good }, |error| matches!(error, StoreError::WrongPlatform { .. }));
}

#[test]
fn a_broken_archive_leaves_nothing() {
    let world = World::new();
    let bytes = archive_bytes("kanban", "2.0.3", &sample(), Compression::Zstd);
    let error = world.batch().stage(&verified(bytes[..bytes.len() - 1].to_vec()), &expected("kanban", "2.0.3")).expect_err("cut off");
    assert!(matches!(error, StoreError::Archive { .. }), "{error}");
    assert_eq!(world.names(), [""; 0]);
}

#[test]
fn blobs_that_were_touched_are_not_linked_to_but_replaced() {
    let digest = Blake3Digest::of(b"same");
    let one = items([("a", file("same"))]);
    for harm in ["mode", "time", "size", "gone"] {
        let world = World::new();
        world.ingest(&[("one", "1.0.0", &one)]);
        let blob = world.store.layout().blob(&digest, false);
        match harm {
            "mode" => fs::set_permissions(&blob, fs::Permissions::from_mode(0o644)).expect("set"),
            "time" => fs::File::options().append(true).open(&blob).expect("opened").set_modified(std::time::SystemTime::UNIX_EPOCH).expect("set"),
            "size" => fs::write(&blob, "other size").expect("written"),
            _ => fs::remove_file(&blob).expect("removed"),
        }
        let stored = world.ingest(&[("two", "1.0.0", &one)]).remove(0);
        let path = world.on_disk(&stored.store_path).join("two");
        assert_eq!(read_back(&path), one, "{harm}");
        assert_eq!(inode(&blob), inode(&path.join("a")), "{harm}: the new content is the blob now");
        sealed(&blob, 0o444);
    }
}

#[test]
fn a_content_with_all_the_names_it_can_have_gets_a_fresh_inode() {
    let world = World::new();
    let one = items([("a", file("same"))]);
    world.ingest(&[("one", "1.0.0", &one)]);
    let blob = world.store.layout().blob(&Blake3Digest::of(b"same"), false);
    let many = world.path("many");
    fs::create_dir(&many).expect("made");
    if (0..70_000).all(|number| fs::hard_link(&blob, many.join(number.to_string())).is_ok()) {
        println!("NOT RUN: needs a file system that limits the names of a file");
        return;
    }
    let batch = world.batch();
    let stage = |name: &str| batch.stage(&archive(name, "1.0.0", &one), &expected(name, "1.0.0")).expect("staged");
    let staged = vec![stage("two"), stage("three")];
    let stored = batch.publish(staged, Durability::Unsynced).expect("published");
    let at = |index: usize, name: &str| inode(&world.on_disk(&stored[index].store_path).join(name).join("a"));
    assert_eq!(at(0, "two"), at(1, "three"), "the fresh one is shared in turn");
    assert_eq!(at(0, "two"), inode(&blob), "and is the blob now");
}

#[test]
fn large_files_are_shared_too() {
    let world = World::new();
    let large: Vec<u8> = (0..3_000_000_u32).map(|number| u8::try_from(number % 251).expect("small")).collect();
    let one = items([("big", Item::File(large.clone())), ("deep/er/big-too", Item::File(large))]);
    let first = world.ingest(&[("one", "1.0.0", &one)]).remove(0);
    let second = world.ingest(&[("two", "1.0.0", &one)]).remove(0);
    let at = |stored: &Stored, path: &str| inode(&world.on_disk(&stored.store_path).join(path));
    assert_eq!(read_back(&world.on_disk(&second.store_path).join("two")), one);
    assert_eq!(at(&first, "one/big"), at(&first, "one/deep/er/big-too"));
    assert_eq!(at(&first, "one/big"), at(&second, "two/big"));
    assert!(first.written_bytes < 3_010_000 && second.written_bytes < 10_000, "{} {}", first.written_bytes, second.written_bytes);
}

/// Packs entries in this very order; `None` as content makes a hard link to `docs/z`.
fn raw_archive(manifest: &PackManifest, entries: &[(&str, Option<&str>)]) -> Verified {
    let mut tar = tar::Builder::new(Vec::new());
    let mut add = |path: &str, bytes: &[u8], kind: tar::EntryType| {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o644);
        header.set_size(bytes.len() as u64);
        header.set_entry_type(kind);
        if kind == tar::EntryType::Link {
            header.set_link_name("kanban/docs/z").expect("fits");
        }
        tar.append_data(&mut header, path, bytes).expect("packed");
    };
    for (path, content) in entries {
        add(path, content.unwrap_or_default().as_bytes(), if content.is_some() { tar::EntryType::Regular } else { tar::EntryType::Link });
    }
    add("MANIFEST.json", &manifest.format(), tar::EntryType::Regular);
    verified(zstd::bulk::compress(&tar.into_inner().expect("packed"), 1).expect("compressed"))
}

#[test]
fn entries_in_any_order_and_hard_links_make_the_same_tree() {
    let world = World::new();
    let content = items([("docs/a/x", file("x")), ("docs/b", file("zed")), ("docs/z", file("zed")), ("other/x", file("x"))]);
    let manifest = manifest("kanban", "2.0.3", &content);
    let archive =
        raw_archive(&manifest, &[("kanban/other/x", Some("x")), ("kanban/docs/z", Some("zed")), ("kanban/docs/a/x", Some("x")), ("kanban/docs/b", None)]);
    let batch = world.batch();
    let tree = manifest.tree().expect("a tree").digest();
    let staged = batch.stage(&archive, &Expected { tree: Some(tree), ..expected("kanban", "2.0.3") }).expect("staged");
    assert_eq!(staged.shared_bytes, 4, "one hard link of the archive, one content that occurs twice");
    let stored = batch.publish(vec![staged], Durability::Unsynced).expect("published").remove(0);
    let path = world.on_disk(&stored.store_path).join("kanban");
    assert_eq!(read_back(&path), content);
    assert_eq!(inode(&path.join("docs/b")), inode(&path.join("docs/z")));
}

/// Writes files to a directory as an author has them.
fn write_source(directory: &Path, content: &Items) {
    for (path, item) in content {
        let path = directory.join(path);
        fs::create_dir_all(path.parent().expect("below the source")).expect("made");
        match item {
            Item::File(bytes) | Item::Executable(bytes) => fs::write(&path, bytes).expect("written"),
            Item::Directory => fs::create_dir(&path).expect("made"),
            Item::Symlink(target) => std::os::unix::fs::symlink(target, &path).expect("linked"),
        }
    }
}

#[test]
fn a_directory_becomes_the_tree_of_its_archive() {
    let world = World::new();
    let source: PathBuf = world.path("source");
    write_source(&source, &sample());
    let stored = world.ingest(&[("kanban", "2.0.3", &sample())]).remove(0);
    let batch = world.batch();
    let staged = batch.stage_directory(manifest("kanban", "2.0.3", &sample()), &source).expect("staged");
    assert_eq!((&staged.store_path, staged.unpacked_bytes), (&stored.store_path, stored.unpacked_bytes));
    assert_eq!(staged.written_bytes, 0, "all of it is in the store");

    let other = World::new();
    let batch = other.batch();
    let staged = batch.stage_directory(manifest("kanban", "2.0.3", &sample()), &source).expect("staged");
    let stored = batch.publish(vec![staged], Durability::Unsynced).expect("published").remove(0);
    assert_eq!(read_back(&other.on_disk(&stored.store_path).join("kanban")), sample());
}

#[test]
fn a_source_that_changes_meanwhile_is_refused() {
    for harm in ["A bored.\n", "A board.\nand more", "A"] {
        let world = World::new();
        let source = world.path("source");
        write_source(&source, &sample());
        fs::write(source.join("docs/README.md"), harm).expect("written");
        let error = world.batch().stage_directory(manifest("kanban", "2.0.3", &sample()), &source).expect_err("changed");
        assert!(matches!(&error, StoreError::SourceChanged { path } if path.ends_with("docs/README.md")), "{error}");
        assert_eq!(world.names(), [""; 0]);
    }
}

#[test]
fn a_directory_with_a_link_that_leaves_is_refused() {
    let world = World::new();
    let content = items([("out", Item::Symlink("../../elsewhere".into()))]);
    let error = world.batch().stage_directory(manifest("kanban", "2.0.3", &content), &world.path("source")).expect_err("leaves");
    assert!(matches!(error, StoreError::Archive { .. }), "{error}");
}

fn any_item() -> impl Strategy<Value = Item> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200).prop_map(Item::File),
        proptest::collection::vec(0..3_u8, 0..3).prop_map(Item::File),
        proptest::collection::vec(0..3_u8, 0..3).prop_map(Item::Executable),
        Just(Item::Directory),
        Just(Item::Symlink("m".into())),
    ]
}

/// Trees whose paths never lead through something that is no directory; `m` is where all links lead.
fn any_items() -> impl Strategy<Value = Items> {
    let path = proptest::collection::vec("[a-d]{1,2}", 1..4).prop_map(|components| components.join("/"));
    proptest::collection::btree_map(path, any_item(), 0..12).prop_map(|mut found| {
        let paths: Vec<_> = found.keys().cloned().collect();
        found.retain(|path, item| {
            !paths.iter().any(|other| other.starts_with(&format!("{path}/"))) && (!path.contains('/') || !matches!(item, Item::Symlink(_)))
        });
        found.insert("m".into(), file("where links lead"));
        found
    })
}

proptest::proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_survives_the_store(content in any_items(), second in any_items()) {
        let world = World::new();
        let stored = world.ingest(&[("one", "1.0.0", &content), ("two", "1.0.0", &second)]);
        assert_eq!(read_back(&world.on_disk(&stored[0].store_path).join("one")), content);
        assert_eq!(read_back(&world.on_disk(&stored[1].store_path).join("two")), second);
        assert!(packs::store::verify_store(&world.store, &|_| {}).expect("verified").is_good());
    }
}
