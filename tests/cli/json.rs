//! Every document on stdout is what its schema in `schemas/` says, and the schemas are what the types say.
#![allow(clippy::disallowed_methods, reason = "tests read and bless files of this repository")]

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::TestEnv;

fn schema_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas").join(format!("{}.schema.json", name.replace('/', ".v")))
}

#[test]
fn the_kept_schemas_are_the_types() {
    for (name, schema) in packs::cli::schemas() {
        let made = serde_json::to_string_pretty(&schema).expect("JSON") + "\n";
        let path = schema_path(name);
        if std::env::var_os("PACKS_BLESS").is_some() {
            fs::write(&path, &made).expect("written");
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == made, "{} is not what the types say; PACKS_BLESS=1 writes it anew", path.display());
    }
}

#[track_caller]
fn check(document: &Value) {
    let name = document["schema"].as_str().expect("a schema's name");
    let schema: Value = serde_json::from_str(&fs::read_to_string(schema_path(name)).expect("a kept schema")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a valid schema");
    let faults: Vec<String> = validator.iter_errors(document).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
    assert!(faults.is_empty(), "{name}: {faults:#?}\n{document:#}");
}

#[test]
fn what_is_printed_is_what_the_schemas_say() {
    let world = TestEnv::with_kanban();
    for arguments in [
        &["init", "-n", "-C", "../registry"][..],
        &["lock"],
        &["switch"],
        &["switch", "-n"],
        &["install", "snippets"],
        &["config"],
        &["search", "kanban"],
        &["info", "kanban"],
        &["status"],
        &["tree"],
        &["resolve"],
        &["resolve", "--what-if", "workflow@=9.9.9"],
        &["tree", "--invert"],
        &["tree", "--duplicates"],
        &["why", "workflow"],
        &["list"],
        &["history"],
        &["env"],
        &["store", "path", "kanban"],
        &["verify"],
        &["verify", "--store"],
        &["gc", "-n"],
        &["rollback"],
        &["undo", "-n"],
        &["audit"],
        &["audit", "verify"],
        &["build", "../sources/kanban-2.0.3", "--out", "../again"],
        &["registry", "init", "../registry", "-n"],
        &["registry", "check"],
        &["registry", "forget", "default", "-n"],
        &["registry", "add-key", "default", "RWQ2yYRXeehgFqQtZEfIu3JtOcZKM/1X1Wv7L+FRh3JMVTwlx//4Lk8N", "-n"],
        &["key", "generate", "acme", "--no-passphrase"],
        &["key", "list"],
        &["key", "export", "acme"],
        &["registry", "sign", "default", "--key", "acme", "--adopt", "-n"],
        &["yank", "kanban@2.0.3", "--registry", "default", "-n"],
        &["publish", "../again/kanban-2.0.3.tar.zst", "--registry", "../registry", "-n"],
    ] {
        let ran = world.packs([arguments, &["--json"]].concat());
        assert!(!ran.raw_stdout.is_empty(), "{arguments:?} prints nothing: {}", ran.stderr);
        check(&ran.json());
    }
}

#[test]
fn failures_are_documents_too() {
    let world = TestEnv::with_kanban();
    for (arguments, code, exit) in [(&["switch", "--locked"][..], "lock-missing", 4), (&["rollback"], "no-generation", 9), (&["switch", "--forze"], "usage", 2)]
    {
        let ran = world.packs([arguments, &["--json"]].concat()).fails(exit);
        let document = ran.json();
        check(&document);
        assert_eq!((document["code"].as_str(), document["exit"].as_i64()), (Some(code), Some(exit.into())));
        assert!(!ran.stderr.is_empty(), "words go to stderr as well");
    }
}

#[test]
fn kept_documents_are_what_the_schemas_say() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    let read = |path: PathBuf| -> Value { serde_json::from_str(&fs::read_to_string(path).expect("there")).expect("JSON") };
    let environment = fs::read_link(world.project().join(".packs/default")).expect("a link");
    check(&read(environment.join("generation.json")));
    let project = environment.parent().and_then(Path::parent).expect("the project in the home");
    check(&read(project.join("project.json")));
    check(&read(project.join("operations/1/operation.json")));
    check(&read(world.registry().join("index/ka/kanban.json")));
    check(&read(fs::canonicalize(world.project().join(".packs/active/packs/kanban")).expect("there").join("../MANIFEST.json")));
}

#[test]
fn wrong_arguments_are_a_document_however_json_is_asked_for() {
    let world = TestEnv::with_kanban();
    for arguments in [&["--json"][..], &["--format=json"], &["--format", "json"]] {
        let ran = world.packs(arguments.iter().copied().chain(["swtch"])).fails(2);
        assert_eq!((ran.json()["code"].as_str(), ran.json()["exit"].as_u64()), (Some("usage"), Some(2)), "{arguments:?}");
    }
}

#[test]
fn an_answer_that_cannot_be_written_is_no_success() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else {
        println!("NOT RUN: needs /dev/full");
        return;
    };
    let ran = world.command(["list", "--json"]).stdout(full).output().expect("the program starts");
    assert_eq!(ran.status.code(), Some(10), "{}", String::from_utf8_lossy(&ran.stderr));
}
