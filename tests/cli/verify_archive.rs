//! `packs verify ARCHIVE`: what is good, and every failure with its own words.
#![allow(clippy::disallowed_methods, reason = "tests make archives on the disk")]

use std::fs;
use std::path::PathBuf;

use packs::archive::format_side_file;
use packs::archive::sha256;

use crate::hostile::Entry;
use crate::hostile::tar;
use crate::support::Pack;
use crate::support::TestEnv;

/// The name that all archives of these tests have.
const ARCHIVE: &str = "kanban-1.0.0.tar.zst";

/// A MANIFEST.json with these fields after the required ones but `files`, and this list of files.
fn manifest(more: &str, files: &str) -> Entry {
    let text = format!(
        "{{\"schema\":\"packs.manifest/1\",\"name\":\"kanban\",\"version\":\"1.0.0\",\"framework\":\"Kanban\",\"created_at\":\"2026-11-20T00:00:00Z\"{more},\"files\":[{files}]}}"
    );
    Entry::file("MANIFEST.json", text.as_bytes())
}

fn listed(path: &str, content: &str) -> String {
    format!("{{\"path\":\"{path}\",\"kind\":\"file\",\"size\":{},\"blake3\":\"{}\"}}", content.len(), blake3::hash(content.as_bytes()))
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ::zstd::stream::encode_all(bytes, 1).expect("memory takes it")
}

/// Writes an archive of these bytes with a right side file.
fn write(world: &TestEnv, name: &str, bytes: &[u8]) -> PathBuf {
    let path = world.project().join(name);
    fs::write(&path, bytes).expect("written");
    fs::write(world.project().join(format!("{name}.sha256")), format_side_file(&sha256(bytes), name)).expect("written");
    path
}

/// Gives the line about the archive; the one after it counts.
fn first_line(text: &str) -> String {
    text.split_inclusive('\n').next().unwrap_or_default().replace("[PROJECT]/", "")
}

/// Gives what is said of an archive of these entries, whose digest is right.
fn refusal(entries: &[Entry]) -> String {
    refusal_of(ARCHIVE, &zstd(&tar(entries)))
}

fn refusal_of(name: &str, bytes: &[u8]) -> String {
    let world = TestEnv::new();
    write(&world, name, bytes);
    first_line(&world.packs(["verify", name]).fails(5).stdout)
}

/// A good archive and its side file, and what remains of them after `change`.
fn promised(change: impl FnOnce(&TestEnv, &PathBuf)) -> String {
    let world = TestEnv::new();
    let path = write(&world, ARCHIVE, &zstd(&tar(&[manifest("", &listed("a", "a")), Entry::file("kanban/a", b"a")])));
    world.packs(["verify", ARCHIVE]).succeeds();
    change(&world, &path);
    first_line(&world.packs(["verify", ARCHIVE]).fails(5).stdout)
}

#[test]
fn the_digest_comes_first() {
    let mut all = Vec::new();
    let side_file = |text: &str| promised(|world, _| world.write(&format!("{ARCHIVE}.sha256"), text));
    all.push(promised(|world, _| fs::remove_file(world.project().join(format!("{ARCHIVE}.sha256"))).expect("removed")));
    all.push(promised(|_, path| fs::write(path, b"other").expect("written")));
    all.push(side_file(&format!("{}  other-1.0.0.tar.zst\n", "a".repeat(64))));
    all.push(side_file(&format!("{}  {ARCHIVE}\n{}  {ARCHIVE}\n", "a".repeat(64), "b".repeat(64))));
    all.push(side_file("no digest\n"));
    all.push(side_file(""));
    all.push(side_file(&"a".repeat(5000)));
    insta::assert_snapshot!(all.concat());
}

#[test]
fn then_the_stream() {
    let mut all = Vec::new();
    let good = tar(&[manifest("", &listed("a", "a")), Entry::file("kanban/a", b"a")]);
    let whole = zstd(&good);
    all.push(refusal_of(ARCHIVE, b"no archive"));
    all.push(refusal_of("kanban-1.0.0.tar.gz", &whole));
    all.push(refusal_of("kanban-1.0.0.zip", &whole));
    all.push(refusal_of(ARCHIVE, &whole[..whole.len() - 6]));
    all.push(refusal_of(ARCHIVE, &[whole.as_slice(), b"more"].concat()));
    all.push(refusal_of(ARCHIVE, &zstd(&good[..good.len() - 1024])));
    all.push(refusal_of(ARCHIVE, &zstd(&[good.as_slice(), &[7; 512]].concat())));
    all.push(refusal_of(ARCHIVE, &zstd(&vec![0; 200 << 20])));
    insta::assert_snapshot!(all.concat());
}

#[test]
fn then_the_entries() {
    let mut all = Vec::new();
    let with = |entry: Entry| refusal(&[manifest("", &listed("a", "a")), Entry::file("kanban/a", b"a"), entry]);
    all.push(with(Entry::file("kanban/../../etc/passwd", b"x")));
    all.push(with(Entry::file("/etc/passwd", b"x")));
    all.push(with(Entry::file("other/a", b"x")));
    all.push(with(Entry::file("kanban/a", b"x")));
    all.push(with(Entry::file("kanban/A", b"x")));
    all.push(with(Entry::hard_link("kanban/b", "kanban/a")));
    all.push(with(Entry::new(b'3', "kanban/device", b"")));
    all.push(with(Entry::symlink("kanban/out", "../../x")));
    all.push(with(Entry { mode: b"0004755\0".to_vec(), ..Entry::file("kanban/set", b"x") }));
    all.push(with(Entry { checksum: Some(b"000000\0 ".to_vec()), ..Entry::file("kanban/b", b"x") }));
    all.push(with(Entry::file("kanban/e\u{1b}[31m", b"x")));
    insta::assert_snapshot!(all.concat());
}

#[test]
fn then_the_manifest() {
    let mut all = Vec::new();
    let a = || Entry::file("kanban/a", b"a");
    let plain = |text: &str| refusal(&[Entry::file("MANIFEST.json", text.as_bytes()), a()]);
    all.push(refusal(&[a()]));
    all.push(refusal(&[manifest("", "")]));
    all.push(plain("{"));
    all.push(plain("{\"schema\":\"packs.manifest/2\"}"));
    all.push(refusal(&[manifest(",\"colour\":1", &listed("a", "a")), a()]));
    all.push(refusal(&[manifest("", &[listed("b", "b"), listed("a", "a")].join(",")), a()]));
    all.push(refusal(&[manifest("", &[listed("a", "a"), listed("b", "b")].join(",")), a()]));
    all.push(refusal(&[manifest("", &listed("a", "a")), a(), Entry::file("kanban/b", b"b")]));
    all.push(refusal(&[manifest("", &listed("a", "b")), a()]));
    all.push(refusal(&[manifest("", &listed("a", "ab")), a()]));
    all.push(refusal(&[manifest(",\"bin\":{\"x\":\"gone\"}", &listed("a", "a")), a()]));
    all.push(refusal(&[manifest(",\"requires\":{\"b\":\"nope\"}", &listed("a", "a")), a()]));
    insta::assert_snapshot!(all.concat());
}

#[test]
fn a_digest_may_be_typed_or_lie_elsewhere() {
    let mut all = Vec::new();
    let world = TestEnv::new();
    let bytes = zstd(&tar(&[manifest("", &listed("a", "a")), Entry::file("kanban/a", b"a")]));
    write(&world, ARCHIVE, &bytes);
    let side = format!("{ARCHIVE}.sha256");
    let digest = sha256(&bytes).to_string();
    world.write("elsewhere/promise.sha256", &digest.to_uppercase());
    world.write("elsewhere/checksums.txt", &format!("{digest}  {ARCHIVE}\n"));
    world.packs(["verify", ARCHIVE, &side]).succeeds();
    world.packs(["verify", &side]).succeeds();
    fs::remove_file(world.project().join(&side)).expect("removed");
    world.packs(["verify", ARCHIVE, "elsewhere/promise.sha256"]).succeeds();
    world.packs(["verify", ARCHIVE, "elsewhere/checksums.txt"]).succeeds();
    world.packs(["verify", ARCHIVE, "--sha256", &digest]).succeeds();
    world.packs(["verify", "--sha256", &digest.to_uppercase(), ARCHIVE]).succeeds();
    world.packs(["verify", ARCHIVE, "--sha256", &"a".repeat(64)]).fails(5).prints("its sha256 must be [DIGEST], and is [DIGEST]");
    world.packs(["verify", ARCHIVE, "--sha256", "abc"]).fails(2);
    all.push(world.packs(["verify", ARCHIVE, ARCHIVE, "--sha256", &digest]).fails(2).stderr);
    world.packs(["verify", ARCHIVE, "gone.sha256"]).fails(9).says("gone.sha256 is not there");
    world.write("elsewhere/checksums.txt", &format!("{digest}  other.tar.zst\n"));
    all.push(world.packs(["verify", ARCHIVE, "elsewhere/checksums.txt"]).fails(5).stdout);
    world.write("elsewhere/checksums.txt", &format!("{digest}  ../{ARCHIVE}\n"));
    all.push(world.packs(["verify", ARCHIVE, "elsewhere/checksums.txt"]).fails(5).stdout);
    all.push(world.packs(["verify", "elsewhere/checksums.txt"]).fails(5).stderr);
    insta::assert_snapshot!(all.concat());
}

#[test]
fn a_list_stands_for_all_that_it_lists() {
    let world = TestEnv::new();
    for name in ["a", "b"] {
        world.build(&Pack::new(name, "1.0.0").file("x", name));
    }
    let archives = world.root().join("archives");
    let lines = ["a", "b"].map(|name| fs::read_to_string(archives.join(format!("{name}-1.0.0.tar.zst.sha256"))).expect("there"));
    fs::write(archives.join("checksums.txt"), lines.concat()).expect("written");
    let list = archives.join("checksums.txt");
    let list = list.to_str().expect("text");
    world.packs(["verify", list]).succeeds().prints("checked 2 archives");
    fs::write(archives.join("b-1.0.0.tar.zst"), b"other").expect("written");
    let ran = world.packs(["verify", list]).fails(5);
    assert_eq!(ran.stdout.matches("bad ").count(), 1, "{}", ran.stdout);
    fs::remove_file(archives.join("b-1.0.0.tar.zst")).expect("removed");
    world.packs(["verify", list]).fails(9).says("b-1.0.0.tar.zst is not there");
}
