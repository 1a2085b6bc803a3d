//! The layout of the home and the tree digest, as `store-layout/` specifies them.
//!
//! `PACKS_BLESS=1` writes the samples anew; what changes then is a new version of the layout.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use packs::model::Node;
use packs::model::Tree;
use packs::store::layout::LAYOUT_VERSION;
use serde_json::Value;
use serde_json::json;

use super::*;

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("store-layout")
}

/// Compares a sample with what it must be, or writes it.
#[track_caller]
fn agrees(path: &Path, expected: &[u8]) {
    if std::env::var_os("PACKS_BLESS").is_some() {
        fs::write(path, expected).expect("written");
    }
    let found = fs::read(path).unwrap_or_default();
    let (found, expected) = (String::from_utf8_lossy(&found), String::from_utf8_lossy(expected));
    assert!(found == expected, "{} is not\n{expected}", path.display());
}

/// The trees whose digests are written down: a name, and each path with kind and content. `*n` behind a content repeats it n times.
/// Kind, path and content of one entry.
type Described = (&'static str, &'static str, &'static str);

const VECTORS: &[(&str, &[Described])] = &[
    ("nothing", &[]),
    ("one file", &[("a", "file", "1\n")]),
    ("another name", &[("b", "file", "1\n")]),
    ("another content", &[("a", "file", "2\n")]),
    ("an empty file", &[("a", "file", "")]),
    ("an executable", &[("a", "executable", "1\n")]),
    ("a symbolic link", &[("a", "symlink", "1\n")]),
    ("a link to a file", &[("file", "file", "text"), ("link", "symlink", "file")]),
    ("an empty directory", &[("a", "directory", "")]),
    ("a file in a directory", &[("a/a", "file", "1\n")]),
    ("directories in directories", &[("a/b/c/d", "file", "deep"), ("a/b/e", "directory", ""), ("a/f", "symlink", "b/c/d")]),
    (
        "names sort by bytes",
        &[("B", "file", "1"), ("a", "file", "2"), ("a-b", "file", "3"), ("c/x", "directory", ""), ("a.b", "file", "4"), ("Z", "file", "5")],
    ),
    ("a directory sorts by its name, not by its path", &[("a-b", "file", "1"), ("a/b", "file", "2"), ("a.b", "file", "3")]),
    ("names beyond ASCII", &[("z", "file", "1"), ("é", "file", "2"), ("\u{65e5}\u{672c}", "file", "3"), ("\u{1f600}", "file", "4")]),
    ("composed and decomposed names differ", &[("e\u{301}", "file", "1")]),
    ("one block of BLAKE3", &[("a", "file", "x*64")]),
    ("one chunk of BLAKE3", &[("a", "file", "x*1024")]),
    ("one byte more than a chunk", &[("a", "file", "x*1025")]),
    ("many chunks", &[("a", "file", "xyz*7001")]),
    ("a directory of many entries", &[("d*40", "file", "1")]),
    ("a store path", &[("MANIFEST.json", "file", "{}\n"), ("kanban/bin/kanban", "executable", "#!/bin/sh\n"), ("kanban/latest", "symlink", "bin/kanban")]),
];

/// Gives `text*n` as text repeated n times.
fn repeated(content: &str) -> Vec<u8> {
    let (text, count) = content.rsplit_once('*').and_then(|(text, count)| Some((text, count.parse().ok()?))).unwrap_or((content, 1));
    text.repeat(count).into_bytes()
}

/// Gives the entries of a vector; a path `d*40` stands for d00 to d39.
fn entries(vector: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    let numbered = |path: &str| match path.rsplit_once('*').and_then(|(head, count)| Some((head, count.parse::<usize>().ok()?))) {
        Some((head, count)) => (0..count).map(|number| format!("{head}{number:02}")).collect(),
        None => vec![path.to_owned()],
    };
    vector.iter().flat_map(|(path, kind, content)| numbered(path).into_iter().map(|path| (path, (*kind).to_owned(), (*content).to_owned()))).collect()
}

fn tree(entries: &[(String, String, String)]) -> Tree {
    let mut tree = Tree::new();
    for (path, kind, content) in entries {
        let file = |executable| {
            let bytes = repeated(content);
            Node::File { content: Blake3Digest::of(&bytes), size: bytes.len() as u64, executable }
        };
        let node = match kind.as_str() {
            "file" => file(false),
            "executable" => file(true),
            "directory" => Node::Directory(Tree::new()),
            _ => Node::Symlink { target: content.clone() },
        };
        tree.insert(&TreePath::parse(path).expect("valid"), node).expect("free");
    }
    tree
}

fn vector(name: &str, listed: &[(&str, &str, &str)]) -> Value {
    let entries = entries(listed);
    let shown: Vec<_> = entries.iter().map(|(path, kind, content)| json!({ "path": path, "kind": kind, "content": content })).collect();
    json!({ "name": name, "tree": tree(&entries).digest().to_string(), "entries": shown })
}

#[test]
fn tree_digests_are_as_written_down() {
    let mut text = format!("{{\n\"layout\": {LAYOUT_VERSION},\n\"vectors\": [\n");
    for (number, (name, listed)) in VECTORS.iter().enumerate() {
        let comma = if number + 1 < VECTORS.len() { "," } else { "" };
        writeln!(text, "{}{comma}", vector(name, listed)).expect("memory takes it");
    }
    text.push_str("]\n}\n");
    agrees(&samples().join("vectors.json"), text.as_bytes());
}

#[test]
fn different_trees_have_different_digests() {
    let digests: std::collections::BTreeSet<_> = VECTORS.iter().map(|(_, listed)| tree(&entries(listed)).digest()).collect();
    assert_eq!(digests.len(), VECTORS.len());
}

#[test]
fn another_program_computes_the_same() {
    let check = Command::new("python3").arg(samples().join("check.py")).output();
    match check {
        Ok(output) => {
            let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(output.status.success() && said.contains(&format!("{} vectors", VECTORS.len())), "{said}");
        }
        Err(error) if std::env::var_os("PACKS_REQUIRE_PEERS").is_none() => println!("NOT RUN: needs python3 ({error})"),
        Err(error) => panic!("python3 is required: {error}"),
    }
}

fn golden_packs() -> [(&'static str, Items, Compression); 2] {
    let first = items([
        ("bin/board", executable("#!/bin/sh\necho board\n")),
        ("docs/README.md", file("A board.\n")),
        ("docs/empty", file("")),
        ("latest", Item::Symlink("docs/README.md".into())),
        ("todo", Item::Directory),
    ]);
    let mut second = first.clone();
    second.insert("docs/CHANGES.md".into(), file("1.1.0: changes are told.\n"));
    [("1.0.0", first, Compression::Zstd), ("1.1.0", second, Compression::Gzip)]
}

/// Describes everything in a home that is not the machine's own: one line for each name, sorted.
///
/// `<path> <kind> <mode> <mtime> <size> <names> <blake3 or link target>`; a dash stands for what says nothing.
fn describe(home: &Path) -> String {
    let mut lines = Vec::new();
    for top in ["VERSION", "store", "blobs", "cache/known"] {
        describe_below(home, &home.join(top), &mut lines);
    }
    lines.sort();
    lines.join("\n") + "\n"
}

fn describe_below(home: &Path, path: &Path, lines: &mut Vec<String>) {
    let name = path.strip_prefix(home).expect("below the home").to_str().expect("UTF-8");
    let metadata = fs::symlink_metadata(path).expect("there");
    // Only what ends up in trees has modes and times of its own; the rest is as the machine makes it.
    let (mode, mtime) = match name.split('/').collect::<Vec<_>>()[..] {
        ["store", _, ..] if !metadata.is_symlink() => (format!("{:04o}", metadata.mode() & 0o7777), metadata.mtime().to_string()),
        ["store", _, ..] => ("-".into(), metadata.mtime().to_string()),
        ["blobs", _, _] => (format!("{:04o}", metadata.mode() & 0o7777), metadata.mtime().to_string()),
        _ => ("-".into(), "-".into()),
    };
    if metadata.is_dir() {
        lines.push(format!("{name} directory {mode} {mtime} - - -"));
        for name in &list(path) {
            describe_below(home, &path.join(name), lines);
        }
    } else if metadata.is_symlink() {
        lines.push(format!("{name} symlink {mode} {mtime} - - {}", fs::read_link(path).expect("a link").display()));
    } else {
        let digest = blake3::hash(&fs::read(path).expect("read")).to_hex();
        lines.push(format!("{name} file {mode} {mtime} {} {} {digest}", metadata.len(), metadata.nlink()));
    }
}

#[test]
fn the_golden_store_is_rebuilt_exactly() {
    let (world, golden) = (World::new(), samples().join("golden"));
    for (version, content, compression) in golden_packs() {
        let path = golden.join(format!("board-{version}{}", compression.ending()));
        if std::env::var_os("PACKS_BLESS").is_some() {
            fs::write(&path, archive_bytes("board", version, &content, compression)).expect("written");
        }
        let batch = world.batch();
        let staged = batch.stage(&verified(fs::read(&path).expect("read")), &expected("board", version)).expect("staged");
        batch.publish(vec![staged], Durability::Synced).expect("published");
    }
    agrees(&golden.join("golden.txt"), describe(world.store.layout().home()).as_bytes());
}
