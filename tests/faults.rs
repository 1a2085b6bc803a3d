//! Every fault of a web server, met by the index and by an archive: what the command says, that nothing changed, and that the next try succeeds.
//!
//! `cargo test --test main -- faults --nocapture` prints the table.
#![allow(clippy::disallowed_methods, reason = "tests look at their world on the disk")]

use std::fs;
use std::time::Duration;

use crate::support::Fault;
use crate::support::FaultServer;
use crate::support::Ran;
use crate::support::Rule;
use crate::support::TestEnv;

/// How often the fault is met.
#[derive(Debug, Clone, Copy)]
enum Times {
    Always,
    Once,
}

/// What is to come of it: the exit code, and the failure's code.
type Outcome = (i32, &'static str);

const DONE: Outcome = (0, "");

struct Row {
    name: &'static str,
    fault: fn(&FaultServer) -> Fault,
    times: Times,
    index: Outcome,
    archive: Outcome,
}

const fn row(name: &'static str, fault: fn(&FaultServer) -> Fault, times: Times, index: Outcome, archive: Outcome) -> Row {
    Row { name, fault, times, index, archive }
}

const ROWS: &[Row] = &[
    row("cut after 10 bytes, once", |_| Fault::CutAfter(10), Times::Once, DONE, DONE),
    row("cut after 10 bytes, always", |_| Fault::CutAfter(10), Times::Always, (6, "connection-broken"), (6, "download-broken")),
    row("reset after 10 bytes, once", |_| Fault::ResetAfter(10), Times::Once, DONE, DONE),
    row("reset after 10 bytes, always", |_| Fault::ResetAfter(10), Times::Always, (6, "connection-broken"), (6, "download-broken")),
    row("no answer, once", |_| Fault::NoAnswer, Times::Once, DONE, DONE),
    row("no answer, always", |_| Fault::NoAnswer, Times::Always, (6, "connection-broken"), (6, "connection-broken")),
    row("slow", |_| Fault::Slow { piece: 100, pause: Duration::from_millis(1) }, Times::Always, DONE, DONE),
    row("Content-Length 5 too long", |_| Fault::TooLong(5), Times::Always, (6, "connection-broken"), (5, "digest-mismatch")),
    row("Content-Length 5 too short", |_| Fault::TooShort(5), Times::Always, (5, "index-refused"), (5, "digest-mismatch")),
    row("truncated by 5 bytes", |_| Fault::Truncated(5), Times::Always, (5, "index-refused"), (5, "digest-mismatch")),
    row("one byte altered", |_| Fault::Altered(20), Times::Always, (5, "index-refused"), (5, "digest-mismatch")),
    row("gzip'd by a middlebox", |_| Fault::Gzipped, Times::Always, DONE, DONE),
    row("labelled as br", |_| Fault::Labelled("br"), Times::Always, (5, "encoded"), (5, "encoded")),
    row("endless", |_| Fault::Endless, Times::Always, (5, "registry-refused"), (5, "digest-mismatch")),
    row("401", |_| Fault::Status(401, vec![]), Times::Always, (6, "unauthorized"), (6, "unauthorized")),
    row("403", |_| Fault::Status(403, vec![]), Times::Always, (6, "forbidden"), (6, "forbidden")),
    row("404", |_| Fault::Status(404, vec![]), Times::Always, (3, "conflict"), (6, "archive-missing")),
    row("429, Retry-After 0, once", |_| Fault::Status(429, vec![("Retry-After", "0".into())]), Times::Once, DONE, DONE),
    row("429, Retry-After 3600", |_| Fault::Status(429, vec![("Retry-After", "3600".into())]), Times::Always, (6, "rate-limited"), (6, "rate-limited")),
    row("500, once", |_| Fault::Status(500, vec![]), Times::Once, DONE, DONE),
    row("500, always", |_| Fault::Status(500, vec![]), Times::Always, (6, "registry-failed"), (6, "registry-failed")),
    row("503, always", |_| Fault::Status(503, vec![]), Times::Always, (6, "registry-failed"), (6, "registry-failed")),
    row(
        "redirects for ever",
        |server| Fault::Redirect(302, format!("{}/again.tar.zst/kanban.json", server.address())),
        Times::Always,
        (5, "redirect-refused"),
        (5, "redirect-refused"),
    ),
    row("range ignored", |_| Fault::IgnoresRange, Times::Always, DONE, DONE),
    row("no ETag", |_| Fault::NoRevision, Times::Always, DONE, DONE),
];

/// What the fault is met by.
struct Target {
    name: &'static str,
    path: &'static str,
    outcome: fn(&Row) -> Outcome,
}

fn run(world: &TestEnv) -> Ran {
    let mut command = world.command(["switch", "--json"]);
    // One retry: waiting is the schedule's business, which has its own table.
    command.env("PACKS_HTTP_RETRIES", "1").env("PACKS_HTTP_TIMEOUT", "1s");
    world.run(&mut command)
}

/// Requires that no project and no store saw anything of what failed.
#[track_caller]
fn is_unchanged(world: &TestEnv, row: &Row) {
    assert!(!world.has("packs.lock") && !world.has(".packs/active/packs"), "{}", row.name);
    let Ok(listed) = fs::read_dir(world.home().join("store")) else { return };
    let stored: Vec<_> = listed.map(|entry| entry.expect("an entry").file_name()).collect();
    assert!(stored.is_empty(), "{}: {stored:?}", row.name);
}

fn check(target: &Target) {
    let world = TestEnv::with_kanban();
    let server = FaultServer::start(&world.registry(), vec![]);
    let wants = "[packages]\nkanban = \"~2.0\"\n";
    world.write("packs.toml", &format!("[project]\nname = \"demo\"\n\n[registries]\ndefault = \"{}\"\n\n{wants}", server.address()));
    println!("| fault, met by {} | exit | code | state | next try |\n|---|---|---|---|---|", target.name);
    for row in ROWS {
        let fault = (row.fault)(&server);
        server.set_rules(vec![match row.times {
            Times::Always => Rule::always(target.path, fault),
            Times::Once => Rule::first(1, target.path, fault),
        }]);
        let (exit, code) = (target.outcome)(row);
        let ran = run(&world);
        assert_eq!(ran.code, Some(exit), "{} met by {}: {ran:?}", row.name, target.name);
        let state = if exit == 0 {
            "new"
        } else {
            assert_eq!(ran.json()["code"], code, "{} met by {}: {ran:?}", row.name, target.name);
            is_unchanged(&world, row);
            "old"
        };
        server.set_rules(vec![]);
        let again = run(&world).succeeds();
        assert!(world.has(".packs/active/bin/kanban"), "{}", row.name);
        let next = if again.json()["nothing_to_do"] == true { "nothing to do" } else { "done" };
        println!("| {} | {exit} | {} | {state} | {next} |", row.name, if code.is_empty() { "–" } else { code });
        forget(&world);
    }
}

/// Makes the project and the home new; directories of the store are not writable.
fn forget(world: &TestEnv) {
    let gone = [world.home(), world.project().join(".packs"), world.project().join("packs.lock")];
    for command in [["chmod", "-R", "u+w"], ["rm", "-r", "-f"]] {
        let done = std::process::Command::new(command[0]).args(&command[1..]).args(&gone).status();
        assert!(done.expect("it runs").success(), "{command:?}");
    }
}

#[test]
fn every_fault_met_by_the_index() {
    check(&Target { name: "index", path: "kanban.json", outcome: |row| row.index });
}

#[test]
fn every_fault_met_by_an_archive() {
    check(&Target { name: "archive", path: ".tar.zst", outcome: |row| row.archive });
}
