//! Archives over the network: side by side, resumed, verified, once each; and `packs download`
#![allow(clippy::disallowed_methods, reason = "tests set up their world on the disk and start the program under test")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use crate::support::Fault;
use crate::support::FaultServer;
use crate::support::Pack;
use crate::support::Rule;
use crate::support::TestEnv;

/// How long a test waits for something that another process is about to do.
const PATIENCE: Duration = Duration::from_secs(20);

/// A world whose registry is served over http: kanban and workflow, and `big`, whose archive is too large for a handful of packets.
fn served(wants: &str) -> (TestEnv, FaultServer) {
    let world = TestEnv::with_kanban();
    world.publish(&Pack::new("big", "1.0.0").file("noise", &noise(600_000)));
    let server = FaultServer::start(&world.registry(), vec![]);
    let head = format!("[project]\nname = \"demo\"\n\n[registries]\ndefault = \"{}\"\n\n", server.address());
    world.write("packs.toml", &format!("{head}[packages]\n{wants}"));
    (world, server)
}

/// Text that does not get much smaller.
fn noise(length: usize) -> String {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'!' + u8::try_from(state % 90).expect("below 90"))
    };
    (0..length).map(|_| next()).collect()
}

fn archive_size(world: &TestEnv, archive: &str) -> u64 {
    fs::metadata(world.root().join("archives").join(archive)).expect("built").len()
}

/// How often each archive was asked for.
fn archive_requests(server: &FaultServer) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for request in server.requests().iter().filter(|request| request.path().ends_with(".tar.zst")) {
        *counts.entry(request.path().rsplit('/').next().unwrap_or_default().to_owned()).or_default() += 1;
    }
    counts
}

fn partials(world: &TestEnv) -> Vec<PathBuf> {
    let listed = fs::read_dir(world.home().join("cache/archives")).expect("there");
    listed.map(|entry| entry.expect("an entry").path()).filter(|path| path.extension().is_some_and(|ending| ending == "part")).collect()
}

/// Waits until something holds.
#[track_caller]
fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "waited too long for: {what}");
        std::thread::yield_now();
    }
}

/// Starts a switch, and waits until so many bytes of its one archive are in the cache.
fn start_until_partial(world: &TestEnv, bytes: u64) -> Child {
    let mut command = world.command(["switch"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let there = || {
        fs::read_dir(world.home().join("cache/archives")).is_ok()
            && partials(world).iter().any(|path| fs::metadata(path).is_ok_and(|found| found.len() == bytes))
    };
    wait_until("the beginning of the archive", there);
    child
}

fn signal(child: &Child, name: &str) {
    let killed = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status().expect("kill runs");
    assert!(killed.success());
}

#[test]
fn a_switch_downloads_each_archive_once_and_says_so() {
    let (world, server) = served("kanban = \"~2.0\"\nbig = \"1\"\n");
    let switched = world.packs(["switch"]).succeeds();
    let mut lines: Vec<&str> =
        switched.stderr.lines().filter(|line| line.starts_with("downloaded ")).map(|line| line.split(" (").next().expect("a part")).collect();
    lines.sort_unstable();
    assert_eq!(lines, ["downloaded big 1.0.0", "downloaded kanban 2.0.3", "downloaded workflow 1.2.0"]);
    assert_eq!(archive_requests(&server).values().copied().collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!(world.read(".packs/active/packs/big/noise").len(), 600_000);
    assert!(partials(&world).is_empty());
    world.packs(["verify", "--store"]).succeeds();
}

#[test]
fn nothing_is_said_to_programs_and_to_those_who_want_quiet() {
    for quiet in ["--json", "-q"] {
        let (world, _server) = served("kanban = \"~2.0\"\n");
        let switched = world.packs(["switch", quiet]).succeeds();
        assert_eq!(switched.stderr, "", "{quiet}");
        if quiet == "--json" {
            assert_eq!(switched.json()["unpacked"]["downloaded_archives"], 2);
        }
    }
}

#[test]
fn what_was_downloaded_once_needs_no_network_again() {
    let (world, server) = served("kanban = \"~2.0\"\n");
    world.packs(["switch"]).succeeds();
    drop(server);
    world.packs(["rollback", "--to", "0"]).succeeds();
    world.packs(["gc", "--keep", "0", "--older-than", "0s"]).succeeds();
    assert!(fs::read_dir(world.home().join("store")).expect("there").next().is_none(), "nothing is stored any more");
    world.packs(["switch", "--frozen"]).succeeds();
    assert!(world.has(".packs/active/bin/kanban"));
}

#[test]
fn a_cut_is_gone_on_from_in_the_same_run() {
    let (world, server) = served("big = \"1\"\n");
    let size = archive_size(&world, "big-1.0.0.tar.zst");
    let half = usize::try_from(size / 2).expect("small");
    world.packs(["lock"]).succeeds();
    server.set_rules(vec![Rule::first(1, "big-1.0.0.tar.zst", Fault::CutAfter(half))]);
    server.forget();
    let switched = world.packs(["switch", "--json"]).succeeds();
    assert_eq!(switched.json()["unpacked"]["downloaded_bytes"], size, "not one byte came twice");
    let ranges: Vec<_> = server.requests().iter().filter(|one| one.path().ends_with(".zst")).map(|one| one.header("range").map(str::to_owned)).collect();
    assert_eq!(ranges, [None, Some(format!("bytes={half}-"))]);
    assert_eq!(archive_bytes_sent(&server), size);
}

/// Bytes that were sent of archives; the index is in the cache by then, or answers that it has not changed.
fn archive_bytes_sent(server: &FaultServer) -> u64 {
    server.bytes_sent()
}

#[test]
fn after_a_kill_the_next_run_goes_on() {
    let (world, server) = served("big = \"1\"\n");
    let size = archive_size(&world, "big-1.0.0.tar.zst");
    let half = size / 2;
    world.packs(["lock"]).succeeds();
    server.set_rules(vec![Rule::first(1, "big-1.0.0.tar.zst", Fault::StallAfter(usize::try_from(half).ok()))]);
    let mut child = start_until_partial(&world, half);
    child.kill().expect("killed");
    assert_eq!(child.wait().expect("it ends").signal(), Some(9));
    server.forget();
    let switched = world.packs(["switch"]).succeeds();
    switched.says("of it earlier)");
    assert_eq!(archive_bytes_sent(&server), size - half);
    assert!(partials(&world).is_empty());
}

#[test]
fn ctrl_c_ends_a_download_and_changes_nothing() {
    for name in ["INT", "TERM"] {
        let (world, server) = served("big = \"1\"\n");
        let size = archive_size(&world, "big-1.0.0.tar.zst");
        world.packs(["lock"]).succeeds();
        let lockfile = world.read("packs.lock");
        server.set_rules(vec![Rule::first(1, "big-1.0.0.tar.zst", Fault::StallAfter(Some(1000)))]);
        let child = start_until_partial(&world, 1000);
        signal(&child, name);
        let ended = child.wait_with_output().expect("it ends");
        assert_eq!(ended.status.code(), Some(130), "{ended:?}");
        assert!(String::from_utf8_lossy(&ended.stderr).contains("error: interrupted, state unchanged"), "{ended:?}");
        assert_eq!(world.read("packs.lock"), lockfile);
        assert!(!world.has(".packs/active/packs"));
        world.packs(["gc"]).succeeds();
        assert!(fs::read_dir(world.home().join("store")).expect("there").next().is_none(), "gc leaves no stage");
        server.forget();
        world.packs(["switch"]).succeeds();
        assert_eq!(archive_bytes_sent(&server), size - 1000, "what was there is not fetched again");
        world.packs(["audit", "verify"]).succeeds();
    }
}

#[test]
fn a_second_ctrl_c_ends_it_at_once() {
    let (world, server) = served("big = \"1\"\n");
    server.set_rules(vec![Rule::always("big-1.0.0.tar.zst", Fault::StallAfter(Some(1000)))]);
    let child = start_until_partial(&world, 1000);
    signal(&child, "INT");
    signal(&child, "INT");
    assert_eq!(child.wait_with_output().expect("it ends").status.code(), Some(130));
    server.set_rules(vec![]);
    world.packs(["switch"]).succeeds();
}

#[test]
fn offline_all_that_is_missing_is_named_and_nothing_is_asked() {
    let (world, server) = served("kanban = \"~2.0\"\n");
    world.packs(["lock"]).succeeds();
    server.forget();
    let refused = world.packs(["switch", "--frozen"]).fails(6);
    let told = refused.stderr.replace(&server.address(), "[SERVER]");
    let sizes = regex::Regex::new(r"\(\d+ B\)").expect("valid").replace_all(&told, "([SIZE])").into_owned();
    insta::assert_snapshot!(sizes, @r"
    error: 2 archives must be downloaded, and this run is offline; nothing was changed
      kanban 2.0.3: kanban-2.0.3.tar.zst ([SIZE]) from [SERVER]
      workflow 1.2.0: workflow-1.2.0.tar.zst ([SIZE]) from [SERVER]
    hint: the same command without --offline downloads them
    ");
    let document = world.packs(["switch", "--frozen", "--json"]).fails(6).json();
    assert_eq!(document["code"], "archives-offline");
    assert_eq!(document["missing"][0]["archive"], "kanban-2.0.3.tar.zst");
    assert_eq!(document["missing"][1]["size"], archive_size(&world, "workflow-1.2.0.tar.zst"));
    assert!(server.requests().is_empty());
    assert!(!world.has(".packs/active/packs"));
}

#[test]
fn two_runs_at_once_download_each_archive_once() {
    let (world, server) = served("kanban = \"~2.0\"\nbig = \"1\"\n");
    let other = world.root().join("other");
    fs::create_dir_all(&other).expect("made");
    fs::write(other.join("packs.toml"), world.read("packs.toml").replace("demo", "other")).expect("written");
    let mut second = world.command(["switch"]);
    second.current_dir(&other);
    let children = [world.command(["switch"]), second].map(|mut command| command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts"));
    for child in children {
        let ended = child.wait_with_output().expect("it ends");
        assert!(ended.status.success(), "{ended:?}");
    }
    assert_eq!(archive_requests(&server).values().copied().collect::<Vec<_>>(), [1, 1, 1]);
}

#[test]
fn with_one_job_the_largest_comes_first_and_one_after_the_other() {
    let (world, server) = served("kanban = \"~2.0\"\nbig = \"1\"\n");
    world.packs(["switch", "--jobs", "1"]).succeeds();
    let asked: Vec<_> = server.requests().into_iter().filter(|request| request.path().ends_with(".tar.zst")).collect();
    assert!(asked[0].path().contains("big"), "{asked:?}");
    assert!(asked.iter().all(|request| request.connection == asked[0].connection), "one connection is enough");
}

#[test]
fn archives_are_fetched_without_installing() {
    let (world, server) = served("kanban = \"~2.0\"\n");
    let fetched = world.packs(["download", "kanban@~2.0", "snippets", "--to", "vendor"]).succeeds();
    insta::assert_snapshot!(fetched.stdout, @r"
    kanban-2.0.3.tar.zst is in [PROJECT]/vendor
    snippets-1.0.0.tar.zst is in [PROJECT]/vendor
    ");
    assert!(!world.home().join("store").exists() || fs::read_dir(world.home().join("store")).expect("there").next().is_none());
    let checked = Command::new("sha256sum").args(["-c", "kanban-2.0.3.tar.zst.sha256"]).current_dir(world.project().join("vendor")).status();
    assert!(checked.expect("sha256sum runs").success());
    world.packs(["verify", "vendor/kanban-2.0.3.tar.zst"]).succeeds();
    server.forget();
    let again = world.packs(["download", "kanban@~2.0", "--to", "vendor", "--json"]).succeeds();
    assert_eq!(again.json()["archives"][0]["downloaded_bytes"], 0);
    assert!(archive_requests(&server).is_empty());
}

#[test]
fn a_download_is_chosen_or_refused_before_anything_is_written() {
    let (world, server) = served("kanban = \"~2.0\"\n");
    let planned = world.packs(["download", "kanban", "--to", "vendor", "-n"]).succeeds();
    assert!(planned.stdout.contains("would download kanban-2.1.0.tar.zst"), "{}", planned.stdout);
    world.packs(["download", "kanban@^9", "--to", "vendor"]).fails(9).says("is in ^9; the newest is 2.1.0");
    world.edit_index("snippets", |document| document["releases"][0]["artifacts"][0]["platform"] = "macos-aarch64".into());
    let ran = world.packs(["download", "snippets", "--platform", "linux-x86_64", "--to", "vendor"]).fails(3);
    ran.says("snippets 1.0.0 has no archive for linux-x86_64; its archives are for macos-aarch64").says("--platform macos-aarch64");
    world.packs(["download", "snippets", "--platform", "macos-aarch64", "--to", "vendor", "-n"]).succeeds();
    world.publish(&Pack::new("early", "1.0.0-beta.2"));
    world.packs(["download", "early", "--to", "vendor"]).fails(9).says("is taken only where it is named: early@=1.0.0-beta.2");
    world.packs(["download", "kanbam", "--to", "vendor"]).fails(9).says("no pack kanbam");
    assert!(!world.has("vendor"));
    // Without a project the registry must be named: a directory or an address.
    let elsewhere = world.root().join("elsewhere");
    fs::create_dir_all(&elsewhere).expect("made");
    let outside = |registry: &str| {
        let mut command = world.command(["download", "workflow@=1.0.0", "--registry", registry]);
        command.current_dir(&elsewhere);
        world.run(&mut command).succeeds();
        fs::remove_file(elsewhere.join("workflow-1.0.0.tar.zst")).expect("it came");
    };
    outside(&server.address());
    outside("../registry");
}

/// Publishes a pack into another registry of the world.
fn publish_to(world: &TestEnv, registry: &str, pack: &Pack) {
    let directory = world.root().join(registry);
    fs::create_dir_all(&directory).expect("made");
    let archive = world.build(pack);
    world.packs([PathBuf::from("publish"), archive, "--registry".into(), directory]).succeeds();
}

/// Dependency confusion: the same name is in a registry where everybody may publish.
#[test]
fn a_pack_is_downloaded_from_where_the_project_takes_it() {
    let world = TestEnv::with_kanban();
    publish_to(&world, "internal", &Pack::new("kanban", "9.0.0"));
    publish_to(&world, "internal", &Pack::new("secrets", "1.0.0"));
    let head = "[project]\nname = \"demo\"\ndefault-environment = \"dev\"\n\n[registries]\ndefault = \"file:../registry\"\ninternal = \"file:../internal\"\n\n";
    let from_internal = "{ version = \"*\", registry = \"internal\" }";
    let chosen = |rest: &str, arguments: &[&str]| {
        world.write("packs.toml", &format!("{head}{rest}"));
        let told = world.packs(["download", "-n", "--json"].iter().chain(arguments)).succeeds().json();
        told["archives"][0]["archive"].as_str().expect("a name").to_owned()
    };
    let of_dev = format!("[environments.dev.packages]\nkanban = {from_internal}\n[environments.prod.packages]\nkanban = \"*\"\n");
    assert_eq!(chosen(&of_dev, &["kanban"]), "kanban-9.0.0.tar.zst", "an environment's own packs count");
    assert_eq!(chosen(&of_dev, &["kanban", "-E", "prod"]), "kanban-2.1.0.tar.zst");
    let of_prod = format!("[environments.dev]\n[environments.prod.packages]\nkanban = {from_internal}\n");
    assert_eq!(chosen(&of_prod, &["kanban"]), "kanban-9.0.0.tar.zst", "another environment knows it");
    assert_eq!(chosen("[environments.dev]\n", &["kanban"]), "kanban-2.1.0.tar.zst", "the first that has it");
    assert_eq!(chosen("[environments.dev]\n", &["secrets"]), "secrets-1.0.0.tar.zst", "only the second has it");
    assert_eq!(chosen("[environments.dev]\n", &["kanban", "--registry", "internal"]), "kanban-9.0.0.tar.zst");
    world.packs(["download", "nothing"]).fails(9).says("no pack nothing in").says(" or ");
    world.write("packs.toml", &format!("{head}[environments.dev.packages]\nkanban = {{ path = \"here\" }}\n"));
    world.packs(["download", "kanban"]).fails(2).says("packs.toml takes kanban from a directory").says("hint: `packs build DIRECTORY`");
}

#[test]
fn a_download_replaces_nothing_else_unless_it_is_told_to() {
    let world = TestEnv::with_kanban();
    world.write("kanban-2.0.3.tar.zst", "mine\n");
    insta::assert_snapshot!(world.packs(["download", "kanban@~2.0", "snippets"]).fails(2).stderr, @"
    error: [PROJECT]/./kanban-2.0.3.tar.zst is there, and is another file; nothing was written
    hint: move it away, or download into another directory with --to; --force replaces a file
    ");
    world.packs(["download", "kanban@~2.0", "-n"]).fails(2).says("is there, and is another file");
    assert!(!world.has("snippets-1.0.0.tar.zst"), "nothing was written");
    assert_eq!(world.read("kanban-2.0.3.tar.zst"), "mine\n");
    world.packs(["download", "kanban@~2.0", "--force"]).succeeds().prints("kanban-2.0.3.tar.zst is in [PROJECT]/");
    world.packs(["verify", "kanban-2.0.3.tar.zst"]).succeeds();
    // What is there is told, and left as it is: also a side file of another form.
    let digest = world.read("kanban-2.0.3.tar.zst.sha256").split(' ').next().expect("a digest").to_owned();
    world.write("kanban-2.0.3.tar.zst.sha256", &digest);
    world.packs(["download", "kanban@~2.0", "kanban@=2.0.3"]).succeeds().prints("already, and good");
    assert_eq!(world.read("kanban-2.0.3.tar.zst.sha256"), digest);
    world.write("kanban-2.0.3.tar.zst.sha256", &"0".repeat(64));
    world.packs(["download", "kanban@~2.0"]).fails(2).says("kanban-2.0.3.tar.zst.sha256 is there, and is another file");
    fs::create_dir(world.project().join("snippets-1.0.0.tar.zst")).expect("made");
    world.packs(["download", "snippets", "--force"]).fails(2).says("is there, and is a directory");
}

#[test]
fn two_archives_of_one_name_do_not_overwrite_each_other() {
    let world = TestEnv::with_kanban();
    let other = world.root().join("other");
    fs::create_dir(&other).expect("made");
    // Another pack whose archive is called as one of kanban's.
    let archive = world.build(&Pack::new("boards", "1.0.0").file("a", "x\n"));
    let renamed = archive.with_file_name("kanban-2.0.3.tar.zst");
    fs::rename(&archive, &renamed).expect("renamed");
    let side_file = fs::read_to_string(archive.with_file_name("boards-1.0.0.tar.zst.sha256")).expect("there");
    fs::write(renamed.with_file_name("kanban-2.0.3.tar.zst.sha256"), side_file.replace("boards-1.0.0", "kanban-2.0.3")).expect("written");
    world.packs(["publish".into(), renamed, "--registry".into(), world.registry()]).succeeds();
    insta::assert_snapshot!(world.packs(["download", "kanban@~2.0", "boards"]).fails(2).stderr, @"
    error: kanban 2.0.3 for any in file:[REGISTRY] and boards 1.0.0 for any in file:[REGISTRY] are two archives, and both are named kanban-2.0.3.tar.zst
    hint: download them one after the other, each into a directory of its own with --to; nothing was written
    ");
    assert!(!world.has("kanban-2.0.3.tar.zst"));
}

#[test]
fn a_download_notices_an_older_index_and_remembers_a_newer_one() {
    let world = TestEnv::with_kanban();
    world.write("packs.toml", "[project]\nname = \"demo\"\n\n[registries]\ndefault = \"file:../registry\"\n\n[packages]\nkanban = \"*\"\n");
    // A home, in which something can be remembered.
    world.packs(["switch"]).succeeds();
    let index = world.registry().join("index/sn/snippets.json");
    let old = fs::read(&index).expect("there");
    world.publish(&Pack::new("snippets", "1.1.0"));
    world.packs(["download", "snippets", "-n"]).succeeds();
    fs::write(&index, old).expect("written");
    for registry in [&[][..], &["--registry", "default"]] {
        world.packs(["download", "snippets"].iter().chain(registry)).fails(5).says("snippets");
    }
    assert!(!world.has("snippets-1.0.0.tar.zst"));
}
