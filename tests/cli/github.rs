//! Packs from the releases of a repository on GitHub.
#![allow(clippy::disallowed_methods, reason = "tests set up their world on the disk")]

use std::fs;

use crate::support::FaultKind;
use crate::support::GitHubServer;
use crate::support::Pack;
use crate::support::TOKEN;
use crate::support::TestEnv;
use crate::support::by_hand;

const MANIFEST: &str = "[packages]\nkanban = { version = \"^2\", github = \"acme/kanban\" }\n";

/// A world whose project wants `kanban` from GitHub.
fn world() -> (TestEnv, GitHubServer) {
    let world = TestEnv::new();
    world.manifest(MANIFEST);
    (world, GitHubServer::start())
}

fn kanban(version: &str) -> Pack {
    Pack::new("kanban", version).command("kanban", &format!("#!/bin/sh\necho kanban {version}\n"))
}

#[test]
fn archives_uploaded_by_hand_are_locked_and_switched_to() {
    let (world, server) = world();
    server.add_by_hand(&world, "first", &[kanban("1.0.0")]);
    server.add_by_hand(&world, "second", &[kanban("2.0.0")]);
    server.add_by_hand(&world, "third", &[kanban("2.1.0-rc.1")]);
    world.run(&mut server.command(&world, &["switch"])).succeeds();
    let lockfile = world.read("packs.lock").replace(&server.api(), "https://github.example");
    insta::with_settings!({ filters => vec![(r"[0-9a-f]{64}", "[DIGEST]"), (r"[a-z2-7]{52}", "[TREE]"), (r"size = \d+", "size = [SIZE]")] }, {
        insta::assert_snapshot!(lockfile, @r#"
        version = 1
        environment = "default"

        [requirements]
        kanban = { version = "^2", github = "acme/kanban" }

        [[release]]
        name = "kanban"
        version = "2.0.0"
        source = "github+acme/kanban"
        license = "MIT"
        published-at = "2026-01-03T00:00:00Z"
        [[release.artifact]]
        platform = "any"
        archive = "kanban-2.0.0.tar.zst"
        url = "https://github.example/acme/kanban/releases/download/second/kanban-2.0.0.tar.zst"
        size = [SIZE]
        sha256 = "[DIGEST]"
        tree = "[TREE]"
        "#);
    });
    world.packs(["run", "kanban"]).succeeds().prints("kanban 2.0.0");
    assert!(!server.storage_saw_token());
}

#[test]
fn an_archive_is_downloaded_from_the_repository_that_packs_toml_names() {
    let (world, server) = world();
    server.add_by_hand(&world, "v2", &[kanban("2.0.0")]);
    let told = world.run(&mut server.command(&world, &["download", "kanban", "--to", "vendor", "--json"])).succeeds().json();
    assert_eq!(told["archives"][0]["registry"], "github:acme/kanban");
    assert!(world.has("vendor/kanban-2.0.0.tar.zst") && world.has("vendor/kanban-2.0.0.tar.zst.sha256"));
}

#[test]
fn what_is_locked_asks_the_api_nothing() {
    let (world, server) = world();
    server.add_by_hand(&world, "v2", &[kanban("2.0.0")]);
    world.run(&mut server.command(&world, &["lock"])).succeeds();
    assert!(!server.take_api_requests().is_empty());
    fs::remove_dir_all(world.home()).expect("removed");
    world.run(server.command(&world, &["switch", "--locked"]).env("GITHUB_TOKEN", TOKEN)).succeeds();
    let log = server.take_log();
    assert_eq!(log, ["GET /acme/kanban/releases/download/v2/kanban-2.0.0.tar.zst 302"]);
    world.run(&mut server.command(&world, &["switch"])).succeeds();
    assert!(server.take_log().is_empty());
}

#[test]
fn an_unchanged_list_is_not_sent_again_and_nothing_is_read_twice() {
    let (world, server) = world();
    server.add_by_hand(&world, "v2", &[kanban("2.0.0")]);
    world.run(&mut server.command(&world, &["switch"])).succeeds();
    // Only a home that is there keeps a list, and the first switch has just made it.
    world.run(&mut server.command(&world, &["update"])).succeeds();
    server.take_log();
    world.run(&mut server.command(&world, &["update"])).succeeds();
    assert_eq!(server.take_log(), ["GET /repos/acme/kanban/releases?per_page=100&page=1 304"]);
    world.run(server.command(&world, &["update", "--offline"]).env("GITHUB_API_URL", "http://127.0.0.1:1")).fails(6);
    world.run(&mut server.command(&world, &["update", "--offline"])).succeeds();
    assert!(server.take_log().is_empty(), "offline asks nothing");
}

#[test]
fn all_pages_are_read() {
    let (world, server) = world();
    let assets = by_hand(&world, &kanban("2.0.0"));
    server.add_assets("oldest", &assets);
    for number in 0..200 {
        server.add_release(&format!("nightly-{number}"), &[]);
    }
    world.run(&mut server.command(&world, &["lock"])).succeeds();
    let pages: Vec<String> = server.take_api_requests();
    assert_eq!(pages.len(), 3, "{pages:?}");
}

#[test]
fn a_private_repository_needs_a_token_which_stays_at_home() {
    let (world, server) = world();
    server.add_by_hand(&world, "v2", &[kanban("2.0.0")]);
    server.make_private();
    insta::assert_snapshot!(world.run(&mut server.command(&world, &["lock"])).fails(6).stderr, @"
    error: cannot list the releases of acme/kanban: GitHub has nothing there, or does not show it to somebody without a token
    hint: check the name; if the repository is private, put a token into GITHUB_TOKEN or GH_TOKEN
    ");
    world.run(server.command(&world, &["switch"]).env("GH_TOKEN", TOKEN)).succeeds();
    assert!(!server.storage_saw_token(), "the token follows no redirect");
    fs::remove_dir_all(world.home()).expect("removed");
    world.run(server.command(&world, &["switch", "--locked"]).env("GH_TOKEN", TOKEN)).succeeds();
    let ran = world.run(server.command(&world, &["update"]).env("GH_TOKEN", "another-secret")).fails(6);
    insta::assert_snapshot!(ran.stderr, @"
    error: cannot list the releases of acme/kanban: GitHub does not accept the token of GH_TOKEN
    hint: the token in GH_TOKEN is wrong or has run out: make another, or unset GH_TOKEN
    ");
}

#[test]
fn limits_are_explained() {
    let (world, server) = world();
    let limited = vec![("x-ratelimit-remaining", "0".to_owned()), ("x-ratelimit-reset", "1767225600".to_owned())];
    server.fail("GET /repos", 9, FaultKind::Answer(403, limited, r#"{"message":"API rate limit exceeded"}"#));
    insta::assert_snapshot!(world.run(&mut server.command(&world, &["lock"])).fails(6).stderr, @"
    error: cannot list the releases of acme/kanban: GitHub takes no more requests from somebody without a token until [TIME]
    hint: put a token into GITHUB_TOKEN or GH_TOKEN: GitHub then takes 5,000 requests an hour instead of 60
    hint: what is locked is downloaded without any: packs switch --locked
    ");
    insta::assert_snapshot!(world.run(server.command(&world, &["lock"]).env("GITHUB_TOKEN", TOKEN)).fails(6).stderr, @"
    error: cannot list the releases of acme/kanban: GitHub takes no more requests from the token of GITHUB_TOKEN until [TIME]
    hint: try again then; what is locked is downloaded without any request: packs switch --locked
    ");
    let server = GitHubServer::start();
    server.fail("GET /repos", 9, FaultKind::Answer(429, vec![("retry-after", "3600".to_owned())], ""));
    insta::assert_snapshot!(world.run(&mut server.command(&world, &["lock"])).fails(6).stderr, @"
    error: cannot list the releases of acme/kanban: GitHub takes no more requests from somebody without a token for 3600 s
    hint: put a token into GITHUB_TOKEN or GH_TOKEN: GitHub then takes 5,000 requests an hour instead of 60
    hint: what is locked is downloaded without any: packs switch --locked
    ");
}

#[test]
fn a_release_at_fault_is_left_out_and_the_others_count() {
    let (world, server) = world();
    server.add_by_hand(&world, "good", &[kanban("2.0.0")]);
    let mut altered = by_hand(&world, &kanban("2.1.0"));
    altered[0].1[100] ^= 1;
    server.add_assets("altered", &altered);
    let mut alone = by_hand(&world, &kanban("2.2.0"));
    alone.pop();
    server.add_assets("alone", &alone);
    let mut renamed = by_hand(&world, &kanban("2.3.0"));
    renamed[0].0 = "other.tar.zst".into();
    renamed[1].0 = "other.tar.zst.sha256".into();
    server.add_assets("renamed", &renamed);
    let ran = world.run(&mut server.command(&world, &["lock"])).succeeds();
    assert!(world.read("packs.lock").contains("version = \"2.0.0\""), "{}", world.read("packs.lock"));
    insta::assert_snapshot!(ran.stderr, @"
    warning: other.tar.zst in the release renamed of acme/kanban is left out: other.tar.zst.sha256: expected the name other.tar.zst after the digest, found `  kanban-2.3.0.tar.zst`
    warning: kanban-2.2.0.tar.zst in the release alone of acme/kanban is left out: it has no side file kanban-2.2.0.tar.zst.sha256
    warning: kanban-2.1.0.tar.zst in the release altered of acme/kanban is left out: its side file says sha256 [DIGEST], and GitHub has sha256:[DIGEST]
    ");
}

#[test]
fn two_releases_that_contradict_each_other() {
    let (world, server) = world();
    server.add_by_hand(&world, "first", &[kanban("2.0.0")]);
    server.add_by_hand(&world, "second", &[kanban("2.0.0").file("more.txt", "more\n")]);
    let ran = world.run(&mut server.command(&world, &["lock"])).succeeds();
    ran.says("kanban 2.0.0 in the release second of acme/kanban is left out: kanban 2.0.0 is published for any with other content");
    assert!(world.read("packs.lock").contains("/releases/download/first/"));
}

#[test]
fn a_changed_archive_is_not_what_was_locked() {
    let (world, server) = world();
    server.add_by_hand(&world, "v2", &[kanban("2.0.0")]);
    world.run(&mut server.command(&world, &["lock"])).succeeds();
    fs::remove_dir_all(world.home()).expect("removed");
    server.edit("v2", |release| release.assets[0].bytes[100] ^= 1);
    world.run(&mut server.command(&world, &["switch", "--locked"])).fails(5);
    server.edit("v2", |release| release.assets.clear());
    insta::assert_snapshot!(world.run(&mut server.command(&world, &["switch", "--locked"])).fails(6).stderr, @"
    error: the archive kanban-2.0.0.tar.zst of kanban 2.0.0 is not in github:acme/kanban, and its tree is not in the store
    hint: publish it again, or `packs update` to a release that is there
    ");
}

#[test]
fn drafts_are_not_offered_even_to_their_makers() {
    let (world, server) = world();
    server.add_by_hand(&world, "v2", &[kanban("2.0.0")]);
    server.edit("v2", |release| release.draft = true);
    world.run(server.command(&world, &["lock"]).env("GH_TOKEN", TOKEN)).fails(3);
}

#[test]
fn an_api_that_cannot_be_trusted_with_a_token() {
    let (world, _server) = world();
    let ran = world.run(world.command(["lock"]).env("GITHUB_API_URL", "http://ghe.example.org/api").env("GH_TOKEN", TOKEN)).fails(2);
    insta::assert_snapshot!(ran.stderr, @"
    error: GITHUB_API_URL cannot be used: it begins with http://, so that anybody on the way could read the token; use https://
    hint: leave GITHUB_API_URL out for github.com
    ");
}

#[test]
fn info_asks_the_repository_that_the_project_takes_the_pack_from() {
    let (world, server) = world();
    world.publish(&kanban("9.0.0"));
    server.add_by_hand(&world, "v2", &[kanban("2.0.0")]);
    let info = world.run(&mut server.command(&world, &["info", "kanban", "--json"])).succeeds().json();
    assert_eq!((info["registry"].as_str(), info["version"].as_str()), (Some("github:acme/kanban"), Some("2.0.0")));
}

#[test]
fn install_keeps_the_repository_that_packs_toml_names() {
    let (world, server) = world();
    server.add_by_hand(&world, "v2", &[kanban("2.0.0")]);
    world.run(&mut server.command(&world, &["install", "kanban", "--tier", "optional"])).succeeds();
    let own = "kanban = { version = \"^2\", github = \"acme/kanban\", tier = \"optional\" }\n";
    assert!(world.read("packs.toml").contains(own), "{}", world.read("packs.toml"));
    world.manifest("[packages]\nboards = { version = \"^2\", github = \"acme/kanban\" }\n");
    world.run(&mut server.command(&world, &["install", "boards"])).fails(9).says("no pack boards in github:acme/kanban");
}
