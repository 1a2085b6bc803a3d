//! A repository on GitHub as a registry of packs.toml.
#![allow(clippy::disallowed_methods, reason = "tests set up their world on the disk")]

use std::fs;

use crate::support::FaultKind;
use crate::support::GitHubServer;
use crate::support::Pack;
use crate::support::TestEnv;

const REGISTRIES: &str = "[registries]\ndefault = \"file:../registry\"\ntools = \"github:acme/kanban\"\n";

/// A world whose registry `tools` is a repository with releases of two packs, of which one requires the other.
fn world() -> (TestEnv, GitHubServer) {
    let (world, server) = (TestEnv::new(), GitHubServer::start());
    server.add_by_hand(&world, "one", &[Pack::new("workflow", "1.0.0").file("flow.md", "flow\n")]);
    server.add_by_hand(&world, "two", &[kanban("2.0.0"), Pack::new("workflow", "1.2.0").file("flow.md", "flow two\n")]);
    server.add_by_hand(&world, "three", &[kanban("2.1.0")]);
    manifest(&world, REGISTRIES, "");
    (world, server)
}

fn kanban(version: &str) -> Pack {
    Pack::new("kanban", version).requires("workflow", "^1").command("kanban", &format!("#!/bin/sh\necho kanban {version}\n"))
}

fn manifest(world: &TestEnv, registries: &str, rest: &str) {
    world.write("packs.toml", &format!("[project]\nname = \"demo\"\n\n{registries}\n{rest}"));
}

#[test]
fn a_repository_is_searched_described_and_installed_from_by_name() {
    let (world, server) = world();
    let run = |arguments: &[&str]| world.run(&mut server.command(&world, arguments)).succeeds();
    run(&["search", "kanb"]).prints("kanban  2.1.0    tools");
    let info = run(&["info", "kanban", "--json"]).json();
    assert_eq!((info["registry"].as_str(), info["version"].as_str()), (Some("github:acme/kanban"), Some("2.1.0")));
    for registry in ["tools", "github:acme/kanban"] {
        run(&["info", "workflow", "--registry", registry]).prints("workflow 1.2.0 from github:acme/kanban");
        run(&["search", "workflow", "--registry", registry]).prints("workflow  1.2.0");
        run(&["download", "workflow@=1.0.0", "--registry", registry, "--to", "vendor"]);
    }
    assert!(world.has("vendor/workflow-1.0.0.tar.zst.sha256"));
    run(&["install", "kanban@~2.0"]);
    world.packs(["run", "kanban"]).succeeds().prints("kanban 2.0.0");
    let lockfile = world.read("packs.lock").replace(&server.api(), "https://github.example");
    insta::with_settings!({ filters => vec![(r"[0-9a-f]{64}", "[DIGEST]"), (r"[a-z2-7]{52}", "[TREE]"), (r"size = \d+", "size = [SIZE]")] }, {
        insta::assert_snapshot!(lockfile, @r#"
        version = 1
        environment = "default"

        [requirements]
        kanban = "~2.0"

        [[release]]
        name = "kanban"
        version = "2.0.0"
        source = "registry+tools"
        requires = ["workflow ^1"]
        license = "MIT"
        published-at = "2026-01-03T00:00:00Z"
        [[release.artifact]]
        platform = "any"
        archive = "kanban-2.0.0.tar.zst"
        url = "https://github.example/acme/kanban/releases/download/two/kanban-2.0.0.tar.zst"
        size = [SIZE]
        sha256 = "[DIGEST]"
        tree = "[TREE]"

        [[release]]
        name = "workflow"
        version = "1.2.0"
        source = "registry+tools"
        license = "MIT"
        published-at = "2026-01-03T00:00:00Z"
        [[release.artifact]]
        platform = "any"
        archive = "workflow-1.2.0.tar.zst"
        url = "https://github.example/acme/kanban/releases/download/two/workflow-1.2.0.tar.zst"
        size = [SIZE]
        sha256 = "[DIGEST]"
        tree = "[TREE]"
"#);
    });
    assert!(!server.storage_saw_token());
}

#[test]
fn what_is_locked_asks_the_api_nothing() {
    let (world, server) = world();
    manifest(&world, REGISTRIES, "[packages]\nkanban = { version = \"^2\", registry = \"tools\" }\n");
    world.run(&mut server.command(&world, &["lock"])).succeeds();
    assert_eq!(server.take_api_requests().len(), 1, "one list for the pack and what it requires");
    fs::remove_dir_all(world.home()).expect("removed");
    world.run(&mut server.command(&world, &["switch", "--locked"])).succeeds();
    let mut log = server.take_log();
    log.sort();
    assert_eq!(log, ["GET /acme/kanban/releases/download/three/kanban-2.1.0.tar.zst 302", "GET /acme/kanban/releases/download/two/workflow-1.2.0.tar.zst 302"]);
    world.run(&mut server.command(&world, &["switch"])).succeeds();
    world.run(&mut server.command(&world, &["status"])).succeeds();
    assert!(server.take_log().is_empty());
}

#[test]
fn a_repository_may_be_the_default_and_is_listed_once_per_command() {
    let (world, server) = world();
    manifest(&world, "[registries]\ndefault = \"github:acme/kanban\"\n", "");
    world.run(&mut server.command(&world, &["install", "kanban"])).succeeds();
    assert_eq!(server.take_api_requests(), ["GET /repos/acme/kanban/releases?per_page=100&page=1 200"]);
    world.run(&mut server.command(&world, &["install", "kamban"])).fails(9).says("github:acme/kanban");
}

#[test]
fn without_the_network_the_list_is_what_was_known() {
    let (world, server) = world();
    let run = |arguments: &[&str]| world.run(&mut server.command(&world, arguments));
    run(&["search", "kanban", "--offline"]).succeeds().says("the registry tools is left out");
    run(&["install", "workflow@=1.0.0"]).succeeds();
    run(&["update"]).succeeds();
    server.take_log();
    run(&["search", "kanban", "--offline"]).succeeds().prints("kanban  2.1.0");
    run(&["info", "kanban", "--offline"]).succeeds().prints("kanban 2.1.0");
    run(&["install", "workflow@^1", "--offline"]).succeeds();
    assert!(server.take_log().is_empty(), "offline asks nothing");
}

#[test]
fn a_limit_that_is_reached_ends_the_command_and_chooses_no_other_registry() {
    let (world, server) = world();
    manifest(&world, "[registries]\ndefault = \"github:acme/kanban\"\nother = \"file:../registry\"\n", "[packages]\nkanban = \"^2\"\n");
    world.publish(&Pack::new("kanban", "2.9.0").file("a", "b"));
    let limited = vec![("x-ratelimit-remaining", "0".to_owned()), ("x-ratelimit-reset", "1767225600".to_owned())];
    server.fail("GET /repos", 9, FaultKind::Answer(403, limited, r#"{"message":"API rate limit exceeded"}"#));
    let refused = world.run(&mut server.command(&world, &["lock"])).fails(6);
    refused.says("GitHub takes no more requests from somebody without a token until").says("hint: put a token into GITHUB_TOKEN or GH_TOKEN");
    assert!(!world.has("packs.lock"));
    world.run(&mut server.command(&world, &["search", "kanban"])).succeeds().prints("2.9.0").says("the registry default is left out: cannot list");
}

#[test]
fn a_lockfile_from_another_place_finds_its_archives_in_the_repository() {
    let (world, server) = world();
    for version in ["2.0.0", "2.1.0"] {
        world.publish(&kanban(version));
    }
    world.publish(&Pack::new("workflow", "1.2.0").file("flow.md", "flow two\n"));
    manifest(&world, "[registries]\ndefault = \"file:../registry\"\n", "[packages]\nkanban = \"~2.0\"\n");
    world.packs(["lock"]).succeeds();
    manifest(&world, "[registries]\ndefault = \"github:acme/kanban\"\n", "[packages]\nkanban = \"~2.0\"\n");
    world.run(&mut server.command(&world, &["switch", "--locked"])).succeeds();
    assert!(world.has(".packs/active/bin/kanban"));
}

#[test]
fn a_repository_is_not_written_to_as_a_registry() {
    let (world, server) = world();
    let archive = world.build(&kanban("3.0.0"));
    let archive = archive.to_str().expect("UTF-8");
    for registry in ["tools", "github:acme/kanban"] {
        for arguments in [
            &["publish", "--registry", registry, archive][..],
            &["registry", "check", registry],
            &["registry", "init", registry],
            &["yank", "kanban@2.0.0", "--registry", registry],
        ] {
            let refused = world.run(&mut server.command(&world, arguments)).fails(2);
            refused.says("github:acme/kanban is a repository's releases").says("hint: `packs release acme/kanban --tag TAG ARCHIVE…` makes a release there");
        }
    }
    assert!(!world.has("github:acme") && !world.has("tools"));
    world.packs(["registry", "add-key", "tools", "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"]).fails(2);
    assert!(server.take_log().is_empty());
}

#[test]
fn addresses_of_repositories_are_looked_at() {
    let (world, _server) = world();
    let check = |registry: &str, expected: &str| {
        manifest(&world, &format!("[registries]\n{registry}\n"), "");
        world.packs(["status"]).fails(2).says(expected);
    };
    check("tools = \"github:acme\"", "the address names no repository, as \"github:acme/kanban\" does: it must be OWNER/NAME");
    check("tools = \"github://acme/kanban\"", "the address names no repository");
    let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    check(&format!("tools = {{ url = \"github:acme/kanban\", keys = [\"{key}\"] }}"), "bear no signatures of packs, so that `keys` could not be asked for");
    manifest(&world, "[registries]\ntools = \"github:ghp_geheim@acme/kanban\"\n", "");
    assert!(!world.packs(["status"]).fails(2).stderr.contains("geheim"));
}
