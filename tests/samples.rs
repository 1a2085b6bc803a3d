//! Samples of every format: the valid ones are read, the invalid ones refused with the words beside them, and schemas, examples and program agree.
//!
//! packs.toml, lockfiles and whole audit logs have their samples read where they are parsed. `PACKS_BLESS=1` writes the words of the invalid ones anew.
#![allow(clippy::disallowed_methods, reason = "tests read and bless files of this repository, and run its scripts")]

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use packs::archive::PackManifest;
use packs::archive::parse_side_file;
use packs::lock::Lockfile;
use packs::model::PackName;
use packs::registry::IndexDocument;
use packs::registry::RegistryDocument;
use packs::registry::ReleaseIndex;
use serde_json::Value;

use crate::support::TestEnv;
use crate::support::directory;

/// The archive that the samples of side files stand beside.
const ARCHIVE: &str = "kanban-2.0.3.tar.zst";

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Lists the samples of a format, without the words beside them.
fn samples(format: &str, kind: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(repository().join("schemas/samples").join(format).join(kind)).expect("the samples are there");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.extension().is_some_and(|it| it != "txt")).collect();
    files.sort();
    assert!(!files.is_empty(), "no {kind} samples of {format}");
    files
}

fn schema(name: &str) -> jsonschema::Validator {
    let text = fs::read(repository().join("schemas").join(format!("{name}.schema.json"))).expect("a kept schema");
    jsonschema::validator_for(&serde_json::from_slice(&text).expect("JSON")).expect("a valid schema")
}

fn words(error: &dyn Error) -> String {
    let mut words = format!("{error}\n");
    let mut source = error.source();
    while let Some(error) = source {
        words.push_str(&format!("  cause: {error}\n"));
        source = error.source();
    }
    words
}

/// Requires a refusal to be the one kept beside the sample.
#[track_caller]
fn check_refusal(sample: &Path, refusal: &str) {
    let kept = sample.with_extension("txt");
    if std::env::var_os("PACKS_BLESS").is_some() {
        fs::write(&kept, refusal).expect("written");
    }
    let expected = fs::read_to_string(&kept).unwrap_or_default();
    assert_eq!(refusal, expected, "{}", sample.display());
}

#[track_caller]
fn check_samples(format: &str, read: impl Fn(&[u8]) -> Result<(), Box<dyn Error>>) {
    for sample in samples(format, "valid") {
        let read = read(&fs::read(&sample).expect("readable"));
        assert!(read.is_ok(), "{}: {}", sample.display(), words(&*read.expect_err("checked")));
    }
    for sample in samples(format, "invalid") {
        let refusal = read(&fs::read(&sample).expect("readable"));
        check_refusal(&sample, &words(&*refusal.expect_err(&format!("{} is read", sample.display()))));
    }
}

/// Requires the schema to take every valid sample and to refuse these invalid ones; what lies between needs more than a schema.
#[track_caller]
fn check_schema(format: &str, name: &str, refused: &[&str]) {
    let schema = schema(name);
    for sample in samples(format, "valid") {
        let document: Value = serde_json::from_slice(&fs::read(&sample).expect("readable")).expect("JSON");
        let faults: Vec<String> = schema.iter_errors(&document).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
        assert!(faults.is_empty(), "{name} refuses {}: {faults:#?}", sample.display());
    }
    for sample in refused {
        let path = repository().join("schemas/samples").join(format).join("invalid").join(format!("{sample}.json"));
        let document: Value = serde_json::from_slice(&fs::read(&path).expect("readable")).expect("JSON");
        assert!(!schema.is_valid(&document), "{name} takes {}", path.display());
    }
}

#[test]
fn pack_manifests() {
    check_samples("MANIFEST.json", |bytes| Ok(PackManifest::parse(bytes).map(drop)?));
    let refused = ["a-list", "newer-schema", "no-schema", "no-framework", "no-files", "unknown-field", "unknown-kind", "negative-size"];
    check_schema("MANIFEST.json", "packs.manifest.v1", &refused);
}

#[test]
fn pack_manifests_are_written_as_the_samples_are() {
    for name in ["smallest", "full"] {
        let text = fs::read(repository().join(format!("schemas/samples/MANIFEST.json/valid/{name}.json"))).expect("readable");
        let written = PackManifest::parse(&text).expect("valid").format();
        assert_eq!(String::from_utf8_lossy(&written), String::from_utf8_lossy(&text));
    }
}

#[test]
fn index_documents() {
    let kanban = PackName::parse("kanban").expect("valid");
    check_samples("index", |bytes| Ok(IndexDocument::parse(bytes, &kanban).map(drop)?));
    let refused = [
        "a-list",
        "newer-schema",
        "no-schema",
        "no-name",
        "artifacts-missing",
        "negative-size",
        "quality-over-100",
        "list-for-deprecated",
        "list-for-artifact",
    ];
    check_schema("index", "packs.index.v1", &refused);
    let full = fs::read(repository().join("schemas/samples/index/valid/full.json")).expect("readable");
    let written = IndexDocument::parse(&full, &kanban).expect("valid").format();
    assert_eq!(String::from_utf8_lossy(&written), String::from_utf8_lossy(&full));
}

#[test]
fn registry_documents() {
    check_samples("packs-registry.json", |bytes| Ok(RegistryDocument::parse(bytes).map(drop)?));
    check_schema("packs-registry.json", "packs.registry.v1", &["newer-schema", "no-name", "keys-is-text", "a-list"]);
}

#[test]
fn release_indexes() {
    check_samples("packs-index.json", |bytes| Ok(ReleaseIndex::parse(bytes).map(drop)?));
    check_schema("packs-index.json", "packs.release-index.v1", &["newer-schema", "no-packs", "a-list"]);
}

#[test]
fn side_files() {
    check_samples("side-file", |bytes| Ok(parse_side_file(bytes, ARCHIVE).map(drop)?));
}

/// Builds a pack of this pack.toml and two files through the real program.
fn build(world: &TestEnv, pack_toml: &Path) -> crate::support::Ran {
    let _ = fs::remove_dir_all(world.root().join("source"));
    world.write("../source/bin/kanban", "#!/bin/sh\n");
    world.write("../source/docs/README.md", "board\n");
    fs::set_permissions(world.root().join("source/bin/kanban"), fs::Permissions::from_mode(0o755)).expect("set");
    fs::copy(pack_toml, world.root().join("source/pack.toml")).expect("copied");
    world.packs(["build", "../source", "--out", "../archives"])
}

#[test]
fn pack_tomls() {
    let world = TestEnv::new();
    for sample in samples("pack.toml", "valid") {
        build(&world, &sample).succeeds();
    }
    for sample in samples("pack.toml", "invalid") {
        check_refusal(&sample, &build(&world, &sample).fails(2).stderr);
    }
}

#[test]
fn audit_lines_are_what_their_schema_says() {
    let schema = schema("packs.audit-line.v1");
    let line = |log: &str, number: usize| -> Value {
        let text = fs::read_to_string(repository().join("schemas/samples/audit").join(log)).expect("readable");
        serde_json::from_str(text.lines().nth(number).expect("a line")).expect("JSON")
    };
    for month in ["2026-10", "2026-11"] {
        let log = format!("valid/two-months/audit/{month}.jsonl");
        let faults: Vec<String> = schema.iter_errors(&line(&log, 0)).map(|fault| fault.to_string()).collect();
        assert!(faults.is_empty(), "{log}: {faults:#?}");
    }
    let all: Vec<bool> = (0..2).map(|number| schema.is_valid(&line("invalid/unknown-phase/audit/2026-11.jsonl", number))).collect();
    assert!(all.contains(&false), "an unknown phase is in the schema: {all:?}");
}

/// Requires each JSON document of this name below a directory to be what its schema says.
#[track_caller]
fn check_documents(below: &Path, file_name: &str, name: &str) {
    let schema = schema(name);
    let files: Vec<PathBuf> = files_below(below).into_keys().filter(|path| path.file_name().is_some_and(|it| it == file_name)).collect();
    assert!(!files.is_empty(), "no {file_name}");
    for file in files {
        let document: Value = serde_json::from_slice(&fs::read(below.join(&file)).expect("readable")).expect("JSON");
        let faults: Vec<String> = schema.iter_errors(&document).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
        assert!(faults.is_empty(), "{}: {faults:#?}\n{document:#}", file.display());
    }
}

#[test]
fn what_is_kept_on_the_disk_is_what_the_schemas_say() {
    let world = TestEnv::with_kanban();
    world.packs(["switch", "-m", "the first"]).succeeds();
    world.packs(["install", "snippets"]).succeeds();
    world.packs(["rollback"]).succeeds();
    check_documents(&world.home(), "MANIFEST.json", "packs.manifest.v1");
    check_documents(&world.home(), "generation.json", "packs.generation.v1");
    check_documents(&world.home(), "operation.json", "packs.operation.v1");
    check_documents(&world.home(), "project.json", "packs.project.v1");
    check_documents(&world.registry(), "kanban.json", "packs.index.v1");
    let line = schema("packs.audit-line.v1");
    let audit = files_below(&world.home().join("audit"));
    let months: Vec<&Vec<u8>> = audit.iter().filter(|(path, _)| path.extension().is_some_and(|it| it == "jsonl")).map(|(_, bytes)| bytes).collect();
    assert!(!months.is_empty());
    for text in months.into_iter().flat_map(|bytes| std::str::from_utf8(bytes).expect("UTF-8").lines()) {
        assert!(line.is_valid(&serde_json::from_str(text).expect("JSON")), "{text}");
    }
}

#[test]
fn golden_lockfiles_are_read_and_written_byte_for_byte() {
    let mut golden = samples("lock", "v1");
    golden.extend(["dev", "staging", "prod"].map(|environment| repository().join(format!("examples/quickstart/packs.{environment}.lock"))));
    for file in golden {
        let text = fs::read_to_string(&file).expect("readable");
        let lockfile = Lockfile::parse(&text, "packs.lock").unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert_eq!(lockfile.format(), text, "{}", file.display());
    }
}

/// Reads all files below a directory, without following links.
fn files_below(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).expect("readable") {
            let path = entry.expect("an entry").path();
            let kind = fs::symlink_metadata(&path).expect("there").file_type();
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() {
                found.insert(path.strip_prefix(directory).expect("below").to_owned(), fs::read(&path).expect("readable"));
            }
        }
    }
    found
}

/// Requires two directories to hold the same files with the same bytes.
#[track_caller]
fn check_same(made: &Path, kept: &Path) {
    let (made, kept) = (files_below(made), files_below(kept));
    let paths = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(paths(&made), paths(&kept));
    let differing: Vec<&PathBuf> = made.keys().filter(|path| made[*path] != kept[*path]).collect();
    assert!(differing.is_empty(), "{differing:?} are not what is kept; run examples/rebuild.sh and `packs lock --all` if that is meant");
}

/// Prepares a script of the examples to be run with the program under test.
fn script(name: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg(repository().join("examples").join(name)).env("PACKS", env!("CARGO_BIN_EXE_packs")).env("PACKS_NO_SYNC", "1").env_remove("PACKS_HOME");
    command
}

#[track_caller]
fn runs_green(mut command: Command) -> String {
    let output = command.output().expect("sh starts");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{:?}\n{said}", output.status);
    said
}

#[test]
fn the_example_registry_is_what_its_sources_make() {
    let work = directory();
    let mut rebuild = script("rebuild.sh");
    rebuild.arg(work.path().join("registry"));
    runs_green(rebuild);
    check_same(&work.path().join("registry"), &repository().join("examples/registry"));
}

#[test]
fn the_example_lockfiles_are_what_lock_makes() {
    let world = TestEnv::new();
    let copied =
        Command::new("cp").arg("-R").arg(repository().join("examples/registry")).arg(repository().join("examples/quickstart")).arg(world.root()).status();
    assert!(copied.expect("cp runs").success());
    let quickstart = world.root().join("quickstart");
    for environment in ["dev", "staging", "prod"] {
        fs::remove_file(quickstart.join(format!("packs.{environment}.lock"))).expect("kept in the example");
    }
    world.run(world.command(["lock", "--all"]).current_dir(&quickstart)).succeeds();
    for environment in ["dev", "staging", "prod"] {
        let name = format!("packs.{environment}.lock");
        let read = |directory: &Path| fs::read_to_string(directory.join(&name)).expect("there");
        assert_eq!(read(&quickstart), read(&repository().join("examples/quickstart")), "{name}");
    }
}

#[test]
fn the_demo_runs_green() {
    let said = runs_green(script("demo.sh"));
    assert!(said.contains("Done: declared, locked, switched, rolled back, collected, verified."), "{said}");
}

#[test]
fn every_schema_and_every_kind_of_sample_is_in_the_index() {
    let readme = fs::read_to_string(repository().join("schemas/README.md")).expect("the index of the schemas");
    let names = |directory: &str| -> Vec<String> {
        let entries = fs::read_dir(repository().join(directory)).expect("there");
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).filter(|name| name != "README.md").collect()
    };
    let (schemas, kinds) = (names("schemas"), names("schemas/samples"));
    for name in schemas.iter().filter(|name| name.contains(".schema.")) {
        let lines = readme.lines().filter(|line| line.starts_with(&format!("| [`{name}`]({name})"))).count();
        assert_eq!(lines, 1, "schemas/README.md has {lines} lines on {name}");
    }
    for kind in kinds {
        assert!(readme.contains(&format!("`samples/{kind}/")), "schemas/README.md does not name samples/{kind}/");
    }
    for named in readme.lines().filter_map(|line| line.strip_prefix("| [`")?.split('`').next()) {
        assert!(schemas.iter().any(|name| name == named), "schemas/README.md names {named}, which is not there");
    }
}
