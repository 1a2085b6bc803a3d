//! Releases on GitHub, made whole or not at all.
#![allow(clippy::disallowed_methods, reason = "tests set up their world on the disk")]

use std::fs;
use std::process::Command;
use std::process::Stdio;

use crate::support::FaultKind;
use crate::support::GitHubServer;
use crate::support::Pack;
use crate::support::TOKEN;
use crate::support::TestEnv;

/// A world with two archives, and an empty repository.
fn world() -> (TestEnv, GitHubServer) {
    let world = TestEnv::new();
    world.manifest("[packages]\nkanban = { version = \"^2\", github = \"acme/kanban\" }\nflow = { version = \"1\", github = \"acme/kanban\" }\n");
    world.build(&Pack::new("kanban", "2.0.3").requires("flow", "^1").file("a.txt", "a\n"));
    world.build(&Pack::new("flow", "1.0.0+b").file("b.txt", "b\n"));
    (world, GitHubServer::start())
}

/// Prepares `packs release acme/kanban --tag v2 …` with both archives.
fn release(world: &TestEnv, server: &GitHubServer, more: &[&str]) -> Command {
    let mut arguments = vec!["release", "acme/kanban", "--tag", "v2", "../archives/kanban-2.0.3.tar.zst", "../archives/flow-1.0.0+b.tar.zst"];
    arguments.extend(more);
    let mut command = server.command(world, &arguments);
    command.env("GITHUB_TOKEN", TOKEN);
    command
}

fn names(server: &GitHubServer) -> Vec<String> {
    let releases = server.releases();
    let [only] = releases.as_slice() else { panic!("{} releases", releases.len()) };
    only.assets.iter().map(|asset| asset.name.clone()).collect()
}

#[test]
fn a_release_is_made_and_others_lock_it() {
    let (world, server) = world();
    let ran = world.run(&mut release(&world, &server, &["--production-ready"])).succeeds();
    ran.prints("v2 of acme/kanban is published");
    let made = &server.releases()[0];
    assert!(!made.draft && !made.prerelease && made.title == "v2" && !made.notes.contains("in the making"), "{made:?}");
    assert!(made.notes.contains("kanban = { version = \"^2.0.3\", github = \"acme/kanban\" }"), "{}", made.notes);
    let expected = ["kanban-2.0.3.tar.zst", "kanban-2.0.3.tar.zst.sha256", "flow-1.0.0.b.tar.zst", "flow-1.0.0.b.tar.zst.sha256", "packs-index.json"];
    assert_eq!(names(&server), expected);
    let side_file = String::from_utf8(made.assets[3].bytes.clone()).expect("UTF-8");
    assert!(side_file.ends_with("  flow-1.0.0.b.tar.zst\n"), "sha256sum finds the file: {side_file}");
    server.take_log();
    world.run(&mut server.command(&world, &["switch"])).succeeds();
    let log = server.take_log();
    assert_eq!(log.iter().filter(|line| line.contains("/repos/")).count(), 1, "one page of the list, and nothing else: {log:?}");
    assert_eq!(log.iter().filter(|line| line.contains("tar.zst ")).count(), 2, "each archive once: {log:?}");
    assert!(!server.storage_saw_token());
    world.packs(["audit"]).succeeds().prints("release");
}

#[test]
fn an_archive_that_is_not_there_is_told_before_its_side_file() {
    let (world, server) = world();
    let registry = world.registry().display().to_string();
    world.packs(["publish", "nofile.tar.zst", "--registry", &registry]).fails(9).says("nofile.tar.zst");
    let ran = world.run(&mut release(&world, &server, &["nofile.tar.zst"])).fails(9);
    assert!(!ran.stderr.contains("sha256sum") && !ran.stderr.contains("side file"), "{}", ran.stderr);
    assert!(server.releases().is_empty(), "nothing was begun");
}

#[test]
fn a_dry_run_and_a_release_that_is_there() {
    let (world, server) = world();
    world.run(&mut release(&world, &server, &["--dry-run"])).succeeds().prints("v2 of acme/kanban would be published");
    assert!(server.releases().is_empty());
    world.run(&mut release(&world, &server, &[])).succeeds();
    world.run(&mut release(&world, &server, &["--dry-run"])).fails(2).says("acme/kanban has a release v2 already");
    let json = world.run(&mut release(&world, &server, &["--json"])).fails(2).json();
    assert_eq!(json["code"], "release-exists");
}

#[test]
fn a_draft_stays_for_people() {
    let (world, server) = world();
    world.run(&mut release(&world, &server, &["--draft", "--prerelease"])).succeeds().prints("is a draft");
    let made = &server.releases()[0];
    assert!(made.draft && made.prerelease && !made.notes.contains("in the making"));
    world.run(&mut release(&world, &server, &[])).fails(2).says("a draft release v2 that packs did not make, or was told to leave");
    assert_eq!(server.releases().len(), 1);
}

#[test]
fn notes_come_from_a_template() {
    let (world, server) = world();
    world.write("notes.md", "# {{ tag }}\n{{ packs }}\n{{checksums}}\n");
    world.run(&mut release(&world, &server, &["--notes-template", "notes.md", "--title", "Two"])).succeeds();
    let made = &server.releases()[0];
    assert!(made.title == "Two" && made.notes.starts_with("# v2\n- **flow** 1.0.0+b\n- **kanban** 2.0.3\n"), "{}", made.notes);
    world.write("notes.md", "one\n{{ version }}\n");
    let ran = world.run(&mut release(&world, &server, &["--notes-template", "notes.md"])).fails(2);
    ran.says("notes.md:2: there is no `version`; a template can name repository, tag, packs, requirements, checksums");
}

/// Requires a release to come about although something goes wrong on the way.
#[track_caller]
fn survives(on: &'static str, kind: FaultKind) {
    let (world, server) = world();
    server.fail(on, 1, kind);
    world.run(&mut release(&world, &server, &[])).succeeds();
    let made = &server.releases()[0];
    assert!(!made.draft && made.assets.len() == 5 && made.assets.iter().all(|asset| asset.whole), "{made:?}");
}

#[test]
fn what_passes_is_borne() {
    survives("POST /uploads", FaultKind::Answer(502, vec![], ""));
    survives("POST /uploads", FaultKind::CutUpload);
    survives("POST /uploads", FaultKind::NoAnswer);
    survives("PATCH /repos", FaultKind::NoAnswer);
    survives("PATCH /repos", FaultKind::Answer(500, vec![], ""));
}

/// Requires a release to fail with an exit code and words, and nothing to be left of it.
#[track_caller]
fn fails(on: &'static str, times: usize, kind: FaultKind, code: i32, words: &str) {
    let (world, server) = world();
    server.fail(on, times, kind);
    let ran = world.run(&mut release(&world, &server, &[])).fails(code);
    ran.says(words);
    assert!(server.releases().is_empty(), "{:?}", server.releases());
    assert!(!ran.stderr.contains(TOKEN) && !ran.stderr.contains("sig="), "{}", ran.stderr);
    world.run(&mut release(&world, &server, &[])).succeeds();
}

#[test]
fn what_fails_leaves_nothing() {
    fails("POST /uploads", 1, FaultKind::AlteredUpload, 5, "was sent with sha256");
    fails(
        "POST /uploads",
        1,
        FaultKind::Answer(403, vec![], r#"{"message":"Not yours"}"#),
        6,
        "GitHub does not allow it to the token of GITHUB_TOKEN: Not yours",
    );
    fails("POST /uploads", 1, FaultKind::Answer(422, vec![], r#"{"message":"too large"}"#), 6, "status 422: too large");
    fails("PATCH /repos", 1, FaultKind::Answer(422, vec![], r#"{"message":"tag is bad"}"#), 6, "nothing was published; the draft was removed");
    fails("POST /repos", 1, FaultKind::NoAnswer, 6, "cannot make a draft release of v2");
    let limited = vec![("x-ratelimit-remaining", "0".to_owned()), ("x-ratelimit-reset", "1767225600".to_owned())];
    fails("POST /uploads", 1, FaultKind::Answer(403, limited, ""), 6, "GitHub takes no more requests from the token of GITHUB_TOKEN");
}

#[test]
fn a_draft_that_cannot_be_removed_is_named_and_the_next_run_removes_it() {
    let (world, server) = world();
    server.fail("POST /uploads", 1, FaultKind::AlteredUpload);
    server.fail("DELETE /repos", 1, FaultKind::Answer(403, vec![], ""));
    let ran = world.run(&mut release(&world, &server, &[])).fails(5);
    ran.says("nothing was published, and the draft http").says("could not be removed");
    assert_eq!(server.releases().len(), 1);
    world.run(&mut release(&world, &server, &[])).succeeds();
    assert_eq!(names(&server).len(), 5);
}

#[test]
fn nobody_may_not_write() {
    let (world, server) = world();
    let ran = world.run(release(&world, &server, &[]).env_remove("GITHUB_TOKEN")).fails(6);
    ran.says("hint:");
    assert!(server.releases().is_empty());
}

#[test]
fn archives_are_checked_before_anything_is_sent() {
    let (world, server) = world();
    let path = world.root().join("archives/kanban-2.0.3.tar.zst");
    let mut bytes = fs::read(&path).expect("built");
    bytes[100] ^= 1;
    fs::write(&path, bytes).expect("altered");
    world.run(&mut release(&world, &server, &[])).fails(5);
    assert!(server.take_log().is_empty());
    let twice = ["release", "acme/kanban", "--tag", "v2", "../archives/flow-1.0.0+b.tar.zst", "../archives/flow-1.0.0+b.tar.zst"];
    world.packs(twice).fails(2).says("two files of the release would be called flow-1.0.0.b.tar.zst");
}

/// Ends a release while a request waits for its answer, and gives what was said.
fn ended_at(world: &TestEnv, server: &GitHubServer, on: &str) -> String {
    let child = release(world, server, &[]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    server.wait_for(on);
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("it runs").success());
    let ended = child.wait_with_output().expect("it ends");
    let said = String::from_utf8(ended.stderr).expect("UTF-8");
    assert_eq!(ended.status.code(), Some(130), "{said}");
    assert!(!said.contains(TOKEN), "{said}");
    said
}

#[test]
fn ctrl_c_removes_the_draft_before_it_leaves() {
    for on in ["POST /uploads", "GET /repos/acme/kanban/releases/assets/"] {
        let (world, server) = world();
        server.fail(on, 1, FaultKind::Stall);
        let said = ended_at(&world, &server, on);
        assert!(said.contains("interrupted: the draft of v2 in acme/kanban is being removed"), "{said}");
        assert!(said.contains("error: interrupted, state unchanged"), "{said}");
        assert!(server.releases().is_empty(), "{:?}", server.releases());
        world.run(&mut release(&world, &server, &[])).succeeds();
    }
}

#[test]
fn ctrl_c_names_the_draft_that_it_cannot_remove() {
    let (world, server) = world();
    server.fail("POST /uploads", 1, FaultKind::Stall);
    server.fail("DELETE /repos", 9, FaultKind::Answer(403, vec![], r#"{"message":"Not yours"}"#));
    let said = ended_at(&world, &server, "POST /uploads");
    assert!(said.contains("nothing was published, and the draft http") && said.contains("could not be removed"), "{said}");
}
