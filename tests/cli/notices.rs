//! Locked releases that were taken back since, or are no longer cared for
#![allow(clippy::disallowed_methods, reason = "tests set up their world on the disk")]

use std::fs;

use crate::support::FaultServer;
use crate::support::TestEnv;

const YANKED: &str = "warning: kanban 2.0.3 in packs.lock was yanked: loses cards; it stays locked until `packs update kanban`";
const DEPRECATED: &str = "warning: workflow 1.2.0 in packs.lock is deprecated: finished; use snippets instead";

/// Takes back what is locked of one pack, and says of the other that nobody cares for it any more, as the registry's keeper does.
fn take_back(world: &TestEnv) {
    world.packs(["yank", "kanban@2.0.3", "-m", "loses cards", "--registry", "../registry"]).succeeds();
    let path = world.registry().join("index/wo/workflow.json");
    let document = fs::read_to_string(&path).expect("there");
    let said = r#""deprecated": { "message": "finished", "replacement": "snippets" }"#;
    fs::write(&path, document.replace("\"deprecated\": null", said).replace("\"revision\": 2", "\"revision\": 3")).expect("written");
}

#[test]
fn they_are_said_of_wherever_the_lockfile_is_used_and_stay() {
    let world = TestEnv::with_kanban();
    let quiet = world.packs(["switch"]).succeeds();
    assert!(!quiet.stderr.contains("warning"), "{}", quiet.stderr);
    let locked = world.read("packs.lock");
    take_back(&world);
    for arguments in [&["switch"][..], &["switch", "--dry-run"], &["lock"], &["lock", "--check"], &["status"], &["list"], &["install", "snippets", "-n"]] {
        let ran = world.packs(arguments).succeeds();
        for line in [YANKED, DEPRECATED] {
            assert_eq!(ran.stderr.lines().filter(|said| *said == line).count(), 1, "{arguments:?}:\n{}", ran.stderr);
        }
    }
    assert_eq!(world.read("packs.lock"), locked);
    let warnings = |arguments: &[&str], pointer: &str| {
        let told = world.packs(arguments).succeeds().json();
        let warnings = told.pointer(pointer).unwrap_or_else(|| panic!("{arguments:?}: {told}"));
        assert_eq!((warnings[0]["name"].as_str(), warnings[0]["yanked"].as_str()), (Some("kanban"), Some("loses cards")), "{arguments:?}");
        assert_eq!((warnings[1]["version"].as_str(), warnings[1]["deprecated"]["replacement"].as_str()), (Some("1.2.0"), Some("snippets")), "{arguments:?}");
    };
    warnings(&["switch", "--json"], "/warnings");
    warnings(&["lock", "--json"], "/lockfiles/0/warnings");
    warnings(&["status", "--json"], "/environments/0/warnings");
    warnings(&["list", "--json"], "/warnings");
    warnings(&["install", "snippets", "--json"], "/warnings");
    assert_eq!(world.packs(["update", "kanban", "--json"]).succeeds().json()["warnings"][0]["name"], "workflow");
}

#[test]
fn nobody_is_asked_for_them() {
    let world = TestEnv::with_kanban();
    let server = FaultServer::start(&world.registry(), vec![]);
    let manifest = |packages: &str| {
        world.write("packs.toml", &format!("[project]\nname = \"demo\"\n\n[registries]\ndefault = \"{}\"\n\n[packages]\n{packages}", server.address()));
    };
    manifest("kanban = \"~2.0\"\n");
    world.packs(["switch"]).succeeds();
    take_back(&world);
    server.forget();
    let quiet = world.packs(["switch"]).succeeds();
    assert!(!quiet.stderr.contains("warning") && server.requests().is_empty(), "what is not known is not said");
    // Whatever reads the documents next makes it known.
    world.packs(["info", "kanban"]).succeeds();
    server.forget();
    world.packs(["switch"]).succeeds().says(YANKED);
    world.packs(["status", "--offline"]).succeeds().says(YANKED);
    assert!(server.requests().is_empty());
    fs::remove_dir_all(world.home().join("cache/index")).expect("removed");
    let quiet = world.packs(["switch"]).succeeds();
    assert!(!quiet.stderr.contains("warning"), "{}", quiet.stderr);
}

#[test]
fn a_yanked_release_that_was_locked_on_purpose_is_said_from_the_lockfile() {
    let world = TestEnv::with_kanban();
    take_back(&world);
    world.manifest("[packages]\nkanban = \"=2.0.3\"\n");
    // No update takes it away: it is there for being named.
    let named = YANKED.replace("until `packs update kanban`", "as long as packs.toml:8 names it");
    world.packs(["switch"]).succeeds().says(&named);
    world.packs(["update", "kanban"]).succeeds().says(&named);
    assert!(world.read("packs.lock").contains("yanked = \"loses cards\""), "{}", world.read("packs.lock"));
    fs::remove_dir_all(world.registry()).expect("removed");
    world.packs(["switch"]).succeeds().says(&named);
}
