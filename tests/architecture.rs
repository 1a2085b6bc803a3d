//! The arrows: which folder of `src/` imports which, and that the map says so.
//!
//! The table below is the one place that knows. `ARCHITECTURE.md` shows it, `src/lib.rs` has one sentence per folder, and every
//! test file is reached from `tests/main.rs`. One `use` per path makes all of this a text search.

#![allow(clippy::disallowed_methods, reason = "these tests read the source files of the project")]

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// The rows of the house, lowest first. A folder imports only from rows below its own: folders of one row do not know each other.
const ROWS: &[&[&str]] = &[
    &["model"],
    &["fsys", "net"],
    &["archive"],
    &["manifest", "registry", "resolve"],
    &["lock"],
    &["source", "fetch", "store"],
    &["policy", "generation", "audit"],
    &["build", "gc"],
    &["ops"],
    &["cli"],
];

/// Each folder with the folders it imports, exactly: an import that is not listed fails, and so does one that is listed and gone.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("fsys", &[]),
    ("net", &["model"]),
    ("archive", &["model"]),
    ("manifest", &["model"]),
    ("registry", &["model"]),
    ("resolve", &["model"]),
    ("lock", &["manifest", "model"]),
    ("source", &["model", "net", "registry"]),
    ("fetch", &["archive", "fsys", "model", "net"]),
    ("store", &["archive", "fsys", "model"]),
    ("policy", &["manifest", "model"]),
    ("generation", &["archive", "fsys", "manifest", "model", "store"]),
    ("audit", &["fsys", "model", "store"]),
    ("build", &["archive", "fsys", "manifest", "model"]),
    ("gc", &["archive", "fsys", "generation", "model", "store"]),
    (
        "ops",
        &[
            "archive",
            "audit",
            "build",
            "fetch",
            "fsys",
            "gc",
            "generation",
            "lock",
            "manifest",
            "model",
            "net",
            "policy",
            "registry",
            "resolve",
            "source",
            "store",
        ],
    ),
    (
        "cli",
        &[
            "archive",
            "audit",
            "build",
            "fetch",
            "fsys",
            "gc",
            "generation",
            "lock",
            "manifest",
            "model",
            "net",
            "ops",
            "registry",
            "resolve",
            "source",
            "store",
        ],
    ),
];

/// The folders that touch the world; only they lift the bans of `clippy.toml` for more than their tests.
const BOUNDARIES: &[&str] = &["fsys", "net", "cli"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

/// The entries of a directory, sorted by name.
fn entries(directory: &Path) -> Vec<PathBuf> {
    let listing = fs::read_dir(directory).unwrap_or_else(|error| panic!("cannot list {}: {error}", directory.display()));
    let mut paths: Vec<PathBuf> = listing.map(|entry| entry.expect("a listed entry can be read").path()).collect();
    paths.sort();
    paths
}

fn name_of(path: &Path) -> String {
    path.file_name().expect("a listed entry has a name").to_string_lossy().into_owned()
}

/// The folders of `src/`.
fn folders() -> BTreeSet<String> {
    entries(&root().join("src")).iter().filter(|path| path.is_dir()).map(|path| name_of(path)).collect()
}

/// Every Rust file below a directory.
fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let (directories, files): (Vec<_>, Vec<_>) = entries(directory).into_iter().partition(|path| path.is_dir());
    let mut found: Vec<_> = files.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "rs")).collect();
    found.extend(directories.iter().flat_map(|directory| rust_files(directory)));
    found
}

/// The lines of a source text that are not comments, with their numbers.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line)).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// The first name of every path in a line that starts with `crate::`; `{` for a grouped import.
fn crate_paths(line: &str) -> Vec<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let heads = line.match_indices("crate::").filter(|(at, _)| !line[..*at].ends_with(is_name)).map(|(at, path)| &line[at + path.len()..]);
    heads.map(|rest| if rest.starts_with('{') { "{".to_owned() } else { rest.chars().take_while(|c| is_name(*c)).collect() }).collect()
}

/// Which folders each folder imports, and every line that hides an import from a text search.
fn imports() -> (BTreeMap<String, BTreeSet<String>>, Vec<String>) {
    let mut arrows = BTreeMap::new();
    let mut hidden = Vec::new();
    for folder in folders() {
        let mut imported = BTreeSet::new();
        for file in rust_files(&root().join("src").join(&folder)) {
            let text = read(&file);
            for (number, line) in code_lines(&text) {
                let heads = crate_paths(line);
                if line.contains("super::super::") || heads.iter().any(|head| head == "{") {
                    hidden.push(format!("{}:{number}: write `use crate::folder::Thing;`, one path per line: {}", file.display(), line.trim()));
                }
                imported.extend(heads.into_iter().filter(|head| *head != folder && head != "{"));
            }
        }
        arrows.insert(folder, imported);
    }
    (arrows, hidden)
}

fn row_of(folder: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&folder))
}

/// The table as it would have to read for the sources as they are.
fn table_of(arrows: &BTreeMap<String, BTreeSet<String>>) -> String {
    ROWS.iter().flat_map(|row| row.iter()).fold(String::new(), |mut table, folder| {
        let imported = arrows.get(*folder).cloned().unwrap_or_default();
        writeln!(table, "    (\"{folder}\", &{:?}),", imported.iter().collect::<Vec<_>>()).expect("writing to a string does not fail");
        table
    })
}

/// The rows and arrows as `ARCHITECTURE.md` shows them, highest row first.
fn printed_table() -> String {
    let mut table = "| row | folder | imports |\n|---|---|---|\n".to_owned();
    for (index, row) in ROWS.iter().enumerate().rev() {
        for folder in *row {
            let imported = ARROWS.iter().find(|(name, _)| name == folder).map_or(&[][..], |(_, imported)| *imported);
            let names = imported.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            writeln!(table, "| {} | `{folder}` | {} |", index + 1, if names.is_empty() { "nothing" } else { &names })
                .expect("writing to a string does not fail");
        }
    }
    table
}

#[test]
fn paths_are_found_in_lines() {
    let check = |line: &str, expected: &[&str]| assert_eq!(crate_paths(line), expected, "{line}");
    check("use crate::model::Version;", &["model"]);
    check("    let x = crate::lock::diff(a, crate::model::b());", &["lock", "model"]);
    check("$crate::model::InvalidNoun", &["model"]);
    check("use crate::{model, lock};", &["{"]);
    check("use mycrate::thing;", &[]);
}

#[test]
fn every_folder_has_one_row_and_one_line_of_arrows() {
    let in_rows: Vec<&str> = ROWS.iter().flat_map(|row| row.iter().copied()).collect();
    let in_arrows: Vec<&str> = ARROWS.iter().map(|(folder, _)| *folder).collect();
    assert_eq!(in_rows, in_arrows, "ROWS and ARROWS name the same folders in the same order");
    let on_disk: BTreeSet<&str> = in_rows.iter().copied().collect();
    assert_eq!(on_disk.len(), in_rows.len(), "a folder stands in ROWS twice");
    let folders = folders();
    assert_eq!(folders.iter().map(String::as_str).collect::<BTreeSet<_>>(), on_disk, "left: the folders of src/, right: ROWS");
}

#[test]
fn arrows_only_point_down() {
    for (folder, imported) in ARROWS {
        for target in *imported {
            let (from, to) =
                (row_of(folder).expect("checked above"), row_of(target).unwrap_or_else(|| panic!("`{folder}` imports `{target}`, which is no folder")));
            assert!(to < from, "`{folder}` (row {}) must not import `{target}` (row {}): arrows only point down", from + 1, to + 1);
        }
    }
}

#[test]
fn the_table_is_what_the_sources_import() {
    let (arrows, hidden) = imports();
    assert!(hidden.is_empty(), "imports that a text search cannot see:\n{}", hidden.join("\n"));
    let listed: BTreeMap<String, BTreeSet<String>> =
        ARROWS.iter().map(|(folder, imported)| ((*folder).to_owned(), imported.iter().map(|name| (*name).to_owned()).collect())).collect();
    assert!(
        arrows == listed,
        "the arrows have changed. If the change is meant (it is the thing to discuss), ARROWS in tests/architecture.rs reads:\n{}",
        table_of(&arrows)
    );
}

#[test]
fn the_paper_shows_the_table() {
    let file = root().join("ARCHITECTURE.md");
    let paper = read(&file);
    let parts = paper.split_once("<!-- arrows -->\n").and_then(|(above, rest)| Some((above, rest.split_once("<!-- /arrows -->")?)));
    let (above, (shown, below)) = parts.expect("ARCHITECTURE.md holds the table between <!-- arrows --> and <!-- /arrows -->");
    if std::env::var_os("PACKS_BLESS").is_some() {
        fs::write(&file, format!("{above}<!-- arrows -->\n{}<!-- /arrows -->{below}", printed_table())).expect("ARCHITECTURE.md can be written");
        return;
    }
    assert!(shown == printed_table(), "ARCHITECTURE.md shows another table; PACKS_BLESS=1 writes this one:\n\n{}", printed_table());
}

#[test]
fn the_map_has_one_sentence_per_folder() {
    let map = read(&root().join("src/lib.rs"));
    let lines: Vec<&str> = map.lines().collect();
    let mut named = BTreeSet::new();
    for (index, line) in lines.iter().enumerate() {
        let Some(folder) = line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(';')) else { continue };
        let sentence = index.checked_sub(1).and_then(|above| lines[above].strip_prefix("/// "));
        let sentence = sentence.unwrap_or_else(|| panic!("src/lib.rs:{}: `{folder}` has no sentence above it", index + 1));
        let continued = index >= 2 && lines[index - 2].starts_with("///");
        assert!(sentence.ends_with('.') && !continued, "src/lib.rs:{}: `{folder}` needs exactly one line, ending in a full stop", index + 1);
        named.insert(folder.to_owned());
    }
    assert_eq!(named, folders(), "left: named in src/lib.rs, right: the folders of src/");
}

#[test]
fn the_file_overview_names_functions_that_are_there() {
    let map = read(&root().join("src/lib.rs"));
    let named: Vec<(&str, &str)> = map.split('`').filter_map(|word| word.split_once(".rs::")).collect();
    assert!(named.len() > 20, "{named:?}");
    for (file, function) in named {
        let source = read(&root().join(format!("src/{file}.rs")));
        assert!(source.contains(&format!("fn {function}(")) || source.contains(&format!("fn {function}<")), "src/lib.rs: {file}.rs has no function {function}");
    }
}

#[test]
fn everybody_who_touches_files_is_in_the_file_overview() {
    const TOUCHES: [&str; 12] = [
        "read(",
        "read_optional(",
        "read_cached(",
        "open(",
        "write_atomic(",
        "write_new(",
        "write_new_durable(",
        "write_in_place(",
        "append_durable(",
        "replace_symlink(",
        "symlink(",
        "copy_file(",
    ];
    let map = read(&root().join("src/lib.rs"));
    let src = root().join("src");
    for path in rust_files(&src).iter().filter(|path| !path.starts_with(src.join("fsys"))) {
        let file = path.strip_prefix(&src).expect("it lies there").to_string_lossy().into_owned();
        let text = read(path);
        let beside_tests = text.split("#[cfg(test)]").next().unwrap_or_default();
        let is_test = file.ends_with("tests.rs") || file.contains("/tests/");
        let Some(touch) = TOUCHES.iter().find(|touch| !is_test && beside_tests.contains(&format!("fsys::{touch}"))) else { continue };
        assert!(map.contains(&format!("`{file}::")), "src/{file} calls fsys::{touch}…), and the file overview in src/lib.rs does not name it");
    }
}

#[test]
fn only_the_boundaries_touch_the_world() {
    for folder in folders().iter().filter(|folder| !BOUNDARIES.contains(&folder.as_str())) {
        for file in rust_files(&root().join("src").join(folder)).iter().filter(|file| name_of(file) != "tests.rs") {
            let text = read(file);
            let lines: Vec<&str> = text.lines().collect();
            for (number, line) in code_lines(&text).filter(|(_, line)| line.contains("clippy::disallowed_")) {
                let on_tests = line.trim_start().starts_with("#[allow") && lines.get(number).is_some_and(|next| next.trim_start().starts_with("mod "));
                assert!(on_tests, "{}:{number}: outside {BOUNDARIES:?} only a test module lifts the bans of clippy.toml", file.display());
            }
        }
    }
}

#[test]
fn no_test_is_forgotten() {
    let tests = root().join("tests");
    let mut forgotten = missing_modules(&tests, "main.rs");
    for directory in entries(&tests).iter().filter(|path| path.join("mod.rs").is_file()) {
        forgotten.extend(missing_modules(directory, "mod.rs"));
    }
    assert!(forgotten.is_empty(), "files that no `mod` line names, so their tests never run:\n{}", forgotten.join("\n"));
}

/// The modules beside a file that it does not name.
fn missing_modules(directory: &Path, parent: &str) -> Vec<String> {
    let text = read(&directory.join(parent));
    let named: BTreeSet<&str> = text.lines().filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';')).collect();
    let beside = entries(directory).into_iter().filter(|path| path.join("mod.rs").is_file() || path.extension().is_some_and(|ending| ending == "rs"));
    let stem = |path: &Path| path.file_stem().expect("a listed entry has a name").to_string_lossy().into_owned();
    beside.filter(|path| name_of(path) != parent && !named.contains(stem(path).as_str())).map(|path| path.display().to_string()).collect()
}

#[test]
fn links_of_the_papers_lead_somewhere() {
    let mut broken = Vec::new();
    for paper in papers() {
        let text = read(&paper);
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
        for target in targets.filter(|target| !target.contains("://") && !target.starts_with('#')) {
            let file = target.split('#').next().expect("a split has a first part");
            if !paper.parent().expect("a paper lies in a directory").join(file).exists() {
                broken.push(format!("{}: {target}", paper.display()));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}

#[test]
fn the_summary_names_every_page() {
    let summary = read(&root().join("docs/SUMMARY.md"));
    let docs = root().join("docs");
    let pages = papers().into_iter().filter_map(|paper| Some(paper.strip_prefix(&docs).ok()?.display().to_string()));
    let forgotten: Vec<_> = pages.filter(|page| page != "SUMMARY.md" && !summary.contains(&format!("]({page})"))).collect();
    assert!(forgotten.is_empty(), "docs/SUMMARY.md does not name {forgotten:?}");
}

/// The Markdown files of the root and of `docs/`.
fn papers() -> Vec<PathBuf> {
    let is_paper = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "md");
    let mut found: Vec<PathBuf> = entries(root()).into_iter().filter(is_paper).collect();
    let mut directories = vec![root().join("docs"), root().join("examples")];
    while let Some(directory) = directories.pop() {
        let (below, files): (Vec<_>, Vec<_>) = entries(&directory).into_iter().partition(|path| path.is_dir());
        directories.extend(below.into_iter().filter(|path| !path.starts_with(root().join("examples"))));
        found.extend(files.into_iter().filter(is_paper));
    }
    found
}
