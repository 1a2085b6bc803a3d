//! Harm done to the store is found, named, and repaired.

use packs::store::Problem;
use packs::store::RepairFrom;
use packs::store::Report;
use packs::store::repair;
use packs::store::verify_paths;
use packs::store::verify_store;

use super::*;

fn verify(world: &World) -> Report {
    verify_store(&world.store, &|_| {}).expect("verified")
}

/// Says what is wrong, one line for each bad entry: `<path below the store path>: <problem>`.
fn lines(report: &Report) -> Vec<String> {
    report.bad.iter().map(|bad| format!("{}: {}", bad.path.as_ref().map_or(".", TreePath::as_str), bad.problem)).collect()
}

/// Makes a file or directory writable, changes it, and gives it the bits and the time of before.
fn tamper(path: &Path, change: impl FnOnce(&Path)) {
    let before = fs::symlink_metadata(path).expect("there");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("set");
    change(path);
    fs::set_permissions(path, before.permissions()).expect("set");
    let time = before.modified().expect("a time");
    fs::File::open(path).expect("opened").set_modified(time).expect("set");
}

#[test]
fn an_unharmed_store_is_good_and_read_once() {
    let world = World::new();
    world.ingest(&[("one", "1.0.0", &sample()), ("two", "1.0.0", &sample())]);
    let seen = std::sync::Mutex::new(Vec::new());
    let report = verify_store(&world.store, &|progress| seen.lock().expect("whole").push(progress.paths)).expect("verified");
    assert!(report.is_good(), "{report:?}");
    // Five contents of the sample that have bytes, two empty files, two manifests.
    assert_eq!((report.paths, report.contents), (2, 9));
    let manifests = ["one", "two"].map(|name| manifest(name, "1.0.0", &sample()).format().len() as u64);
    let content: usize = sample().values().map(|item| if let Item::File(bytes) | Item::Executable(bytes) = item { bytes.len() } else { 0 }).sum();
    assert_eq!(report.bytes, content as u64 + manifests[0] + manifests[1]);
    assert_eq!(seen.into_inner().expect("whole").len(), 2);
}

#[track_caller]
fn check(harm: impl FnOnce(&Path), expected: &[&str]) {
    let world = World::new();
    let stored = world.ingest(&[("kanban", "2.0.3", &sample())]).remove(0);
    let path = world.on_disk(&stored.store_path);
    harm(&path);
    let found = lines(&verify(&world));
    let as_expected = found.len() == expected.len() && found.iter().zip(expected).all(|(found, part)| found.starts_with(part));
    assert!(as_expected, "{found:#?}");
    assert_eq!(lines(&verify_paths(&world.store, &[stored.store_path], &|_| {})), found);
}

#[test]
fn every_harm_is_named() {
    check(|_| {}, &[]);
    check(
        |path| tamper(&path.join("kanban/docs/README.md"), |file| fs::write(file, "A bored.\n").expect("written")),
        &["kanban/docs/README.md: its content is"],
    );
    check(|path| tamper(&path.join("kanban/docs"), |docs| fs::remove_file(docs.join("a-b")).expect("removed")), &["kanban/docs/a-b: it is missing"]);
    check(|path| tamper(&path.join("kanban/docs"), |docs| fs::remove_dir_all(docs.join("a")).expect("removed")), &["kanban/docs/a: it is missing"]);
    check(
        |path| {
            tamper(&path.join("kanban"), |kanban| {
                fs::write(kanban.join("new"), "1").expect("written");
                fs::set_permissions(kanban.join("new"), fs::Permissions::from_mode(0o444)).expect("set");
            });
        },
        &["kanban/new: its modification time is", "kanban/new: it does not belong here"],
    );
    check(
        |path| fs::set_permissions(path.join("kanban/docs/a-b"), fs::Permissions::from_mode(0o644)).expect("set"),
        &["kanban/docs/a-b: its permission bits are 0644, and must be 0444"],
    );
    check(
        |path| fs::set_permissions(path.join("kanban/docs/a-b"), fs::Permissions::from_mode(0o555)).expect("set"),
        &["kanban/docs/a-b: it is an executable file, and must be a file"],
    );
    check(|path| fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("set"), &[".: its permission bits are 0755, and must be 0555"]);
    check(
        |path| fs::File::open(path.join("kanban/docs")).expect("opened").set_modified(std::time::SystemTime::UNIX_EPOCH).expect("set"),
        &["kanban/docs: its modification time is 0"],
    );
    check(
        |path| {
            tamper(&path.join("kanban"), |kanban| {
                fs::remove_file(kanban.join("latest")).expect("removed");
                std::os::unix::fs::symlink("docs", kanban.join("latest")).expect("linked");
            });
        },
        &["kanban/latest: its modification time is", "kanban/latest: it leads to \"docs\", and must lead to \"docs/README.md\""],
    );
    check(
        |path| {
            tamper(&path.join("kanban"), |kanban| {
                fs::remove_file(kanban.join("latest")).expect("removed");
                fs::create_dir(kanban.join("latest")).expect("made");
                fs::set_permissions(kanban.join("latest"), fs::Permissions::from_mode(0o555)).expect("set");
            });
        },
        &["kanban/latest: its modification time is", "kanban/latest: it is a directory, and must be a symbolic link"],
    );
    check(|path| tamper(&path.join("MANIFEST.json"), |file| fs::write(file, "{").expect("written")), &["MANIFEST.json: it is no valid pack manifest"]);
    check(
        |path| {
            tamper(&path.join("MANIFEST.json"), |file| {
                let text = fs::read_to_string(file).expect("read");
                fs::write(file, text.replace("\"framework\"", " \"framework\"")).expect("written");
            });
        },
        &["MANIFEST.json: the tree it describes is"],
    );
    check(|path| tamper(path, |path| fs::remove_file(path.join("MANIFEST.json")).expect("removed")), &["MANIFEST.json: it is missing"]);
}

#[test]
fn a_foreign_name_and_a_fifo_stop_nothing() {
    let world = World::new();
    let stored = world.ingest(&[("kanban", "2.0.3", &sample())]).remove(0);
    tamper(&world.on_disk(&stored.store_path).join("kanban"), |kanban| {
        fs::write(kanban.join("a\nb"), "1").expect("written");
        assert!(std::process::Command::new("mkfifo").arg(kanban.join("fifo")).status().expect("runs").success());
    });
    let report = verify(&world);
    assert!(report.bad.iter().any(|bad| matches!(&bad.problem, Problem::ForeignName { name } if name == "a\nb")), "{report:?}");
    assert!(lines(&report).contains(&"kanban/fifo: it does not belong here".to_owned()), "{report:?}");
}

#[test]
fn a_store_path_that_is_not_there_is_missing_only_if_it_was_asked_for() {
    let world = World::new();
    let path = StorePath::new(TreeDigest::from_bytes([1; 32]), &release("kanban", "2.0.3"));
    assert_eq!(lines(&verify_paths(&world.store, &[path], &|_| {})), [".: it is missing"]);
    assert!(verify(&world).is_good());
}

#[test]
fn a_bad_blob_is_named_with_all_who_share_it_and_never_linked_again_by_a_repair() {
    let world = World::new();
    let content = items([("same", file("same")), ("own", file("own"))]);
    let stored = world.ingest(&[("one", "1.0.0", &content), ("two", "1.0.0", &content), ("three", "1.0.0", &content)]);
    let blob = world.store.layout().blob(&Blake3Digest::of(b"same"), false);
    tamper(&blob, |blob| fs::write(blob, "lame").expect("written"));
    let report = verify(&world);
    let mut named: Vec<_> = report.bad.iter().map(|bad| bad.path.as_ref().expect("a file").to_string()).collect();
    named.sort();
    assert_eq!(named, ["one/same", "three/same", "two/same"]);
    assert_eq!(report.bad_blobs.iter().map(|bad| &bad.path).collect::<Vec<_>>(), [&blob]);

    let irreparable = repair(&world.store, &stored[0].store_path, RepairFrom::Store, Durability::Unsynced).expect_err("no good copy");
    assert!(matches!(&irreparable, StoreError::Irreparable { missing: Some(path), .. } if path.as_str() == "same"), "{irreparable}");
    repair(&world.store, &stored[0].store_path, RepairFrom::Archive(&archive("one", "1.0.0", &content)), Durability::Synced).expect("repaired");
    for other in &stored[1..] {
        repair(&world.store, &other.store_path, RepairFrom::Store, Durability::Unsynced).expect("repaired from the first");
    }
    assert!(verify(&world).is_good());
    let at = |index: usize, path: &str| inode(&world.on_disk(&stored[index].store_path).join(path));
    assert_eq!([at(0, "one/same"), at(1, "two/same"), at(2, "three/same")], [inode(&blob); 3]);
    assert_eq!(world.names().len(), 3, "nothing of the bad trees is left");
}

#[test]
fn a_bad_blob_that_nobody_shares_is_found_and_discarded() {
    let world = World::new();
    let stored = world.ingest(&[("kanban", "2.0.3", &sample())]).remove(0);
    packs::fsys::remove_tree(&world.on_disk(&stored.store_path)).expect("removed");
    let blob = world.store.layout().blob(&Blake3Digest::of(b"A board.\n"), false);
    tamper(&blob, |blob| fs::write(blob, "A bored.\n").expect("written"));
    let foreign = blob.with_file_name("notes.txt");
    fs::write(&foreign, "not mine").expect("written");
    let report = verify(&world);
    assert!(report.bad.is_empty());
    assert_eq!(report.bad_blobs.iter().map(|bad| (&bad.path, matches!(bad.problem, Problem::Extra))).collect::<Vec<_>>(), [(&blob, false), (&foreign, true)]);
    packs::store::discard_blobs(&report.bad_blobs).expect("removed");
    assert!(verify(&world).is_good());
}

#[test]
fn a_repair_takes_the_right_archive_only() {
    let world = World::new();
    let stored = world.ingest(&[("kanban", "2.0.3", &sample())]).remove(0);
    let file = world.on_disk(&stored.store_path).join("kanban/docs/README.md");
    tamper(&file, |file| fs::write(file, "A bored.\n").expect("written"));
    for other in [archive("kanban", "2.0.4", &sample()), verified(b"no archive".to_vec())] {
        let error = repair(&world.store, &stored.store_path, RepairFrom::Archive(&other), Durability::Unsynced).expect_err("another one");
        assert!(matches!(error, StoreError::WrongArchive { .. }), "{error}");
    }
    assert_eq!(fs::read(&file).expect("read"), b"A bored.\n", "a refused repair changes nothing");
    let right = archive("kanban", "2.0.3", &sample());
    repair(&world.store, &stored.store_path, RepairFrom::Archive(&right), Durability::Unsynced).expect("repaired");
    assert_eq!(read_back(&world.on_disk(&stored.store_path).join("kanban")), sample());
    assert!(verify(&world).is_good());
}

#[test]
fn a_missing_store_path_comes_back_and_a_lost_manifest_needs_the_archive() {
    let world = World::new();
    let stored = world.ingest(&[("kanban", "2.0.3", &sample())]).remove(0);
    let path = world.on_disk(&stored.store_path);
    tamper(&path, |path| fs::remove_file(path.join("MANIFEST.json")).expect("removed"));
    let error = repair(&world.store, &stored.store_path, RepairFrom::Store, Durability::Unsynced).expect_err("nobody knows the files");
    assert!(matches!(error, StoreError::Irreparable { missing: None, .. }), "{error}");
    packs::fsys::remove_tree(&path).expect("removed");
    let right = archive("kanban", "2.0.3", &sample());
    repair(&world.store, &stored.store_path, RepairFrom::Archive(&right), Durability::Unsynced).expect("repaired");
    assert_eq!(read_back(&path.join("kanban")), sample());
}
