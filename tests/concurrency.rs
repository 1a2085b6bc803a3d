//! Several processes on one home and one registry at once: all succeed or wait, nothing is lost, nothing in use is removed, and `kill -9` leaves nothing to do.
#![allow(clippy::disallowed_methods, reason = "tests set up their world on the disk and start the program under test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::support::Pack;
use crate::support::TestEnv;

/// Projects that switch at once.
const PROJECTS: usize = 6;

/// Publishers of one pack at once.
const PUBLISHERS: usize = 8;

/// Rounds of a loop against another: enough for the two to meet in many places, few enough for every run of the tests.
const ROUNDS: usize = 12;

/// Switches that are killed.
const KILLS: u32 = 40;

/// How much later each one is killed than the one before; after one that had finished, it begins anew with smaller steps.
const KILL_STEP: Duration = Duration::from_millis(2);

/// Packs of the project whose switch is killed, and files of each.
const MANY: usize = 20;

fn start(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
}

fn run_all(commands: Vec<Command>) -> Vec<Output> {
    let children: Vec<Child> = commands.into_iter().map(start).collect();
    children.into_iter().map(|child| child.wait_with_output().expect("it ends")).collect()
}

#[track_caller]
fn succeeded(output: &Output) -> Value {
    assert!(output.status.success(), "{:?}\n--- stdout\n{}\n--- stderr\n{}", output.status, text(&output.stdout), text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Makes one more project beside the world's own.
fn project(world: &TestEnv, name: &str, packages: &str) -> PathBuf {
    let directory = world.root().join(name);
    fs::create_dir_all(&directory).expect("made");
    let text = format!("[project]\nname = \"{name}\"\n\n[registries]\ndefault = \"file:../registry\"\n\n[packages]\n{packages}");
    fs::write(directory.join("packs.toml"), text).expect("written");
    directory
}

fn within(world: &TestEnv, directory: &Path, arguments: &[&str]) -> Command {
    let mut command = world.command(arguments);
    command.current_dir(directory);
    command
}

fn store_names(world: &TestEnv) -> BTreeSet<String> {
    let entries = fs::read_dir(world.home().join("store")).expect("there");
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect()
}

/// Requires that the store, the audit log and what gc sees are whole.
#[track_caller]
fn check_home(world: &TestEnv) {
    world.packs(["verify", "--store"]).succeeds();
    world.packs(["audit", "verify"]).succeeds();
    world.packs(["gc"]).succeeds();
    let left: Vec<String> = store_names(world).into_iter().filter(|name| name.starts_with('.')).collect();
    assert!(left.is_empty(), "gc left {left:?}");
}

#[test]
fn projects_that_switch_at_once_unpack_each_archive_once() {
    let world = TestEnv::with_kanban();
    let projects: Vec<PathBuf> = (0..PROJECTS).map(|n| project(&world, &format!("project-{n}"), "kanban = \"~2.0\"\nsnippets = \"1\"\n")).collect();
    fs::remove_dir_all(world.home()).expect("removed: they make the home at once as well");
    let done = run_all(projects.iter().map(|project| within(&world, project, &["switch", "--json"])).collect());
    let unpacked: u64 = done.iter().map(|output| succeeded(output)["unpacked"]["archives"].as_u64().expect("a count")).sum();
    assert_eq!(unpacked, 3, "kanban, workflow and snippets, each by one of the {PROJECTS}");
    assert_eq!(store_names(&world).len(), 3);
    for project in &projects {
        let kanban = Command::new(project.join(".packs/active/bin/kanban")).output().expect("it is linked");
        assert_eq!(text(&kanban.stdout), "kanban 2.0.3\n");
    }
    check_home(&world);
}

#[test]
fn switches_of_one_project_come_one_after_the_other() {
    let world = TestEnv::with_kanban();
    let done = run_all((0..4).map(|_| world.command(["switch", "--json"])).collect());
    let outcomes: Vec<Value> = done.iter().map(succeeded).collect();
    let made = outcomes.iter().filter(|outcome| outcome["nothing_to_do"] == false).count();
    assert_eq!(made, 1, "one makes the generation, the others find it: {outcomes:#?}");
    assert!(outcomes.iter().all(|outcome| outcome["generation"] == 1), "{outcomes:#?}");
    assert_eq!(world.current("default"), 1);
    world.packs(["verify"]).succeeds();
    check_home(&world);
}

#[test]
fn installs_into_one_project_at_once_lose_nothing() {
    let world = TestEnv::with_kanban();
    let names: Vec<String> = (0..4).map(|n| format!("tool-{n}")).collect();
    world.publish_all(&names.iter().map(|name| Pack::new(name, "1.0.0").file("tool", name)).collect::<Vec<_>>());
    for output in run_all(names.iter().map(|name| world.command(["install", name, "--json"])).collect()) {
        succeeded(&output);
    }
    let history = world.packs(["history", "--json"]).succeeds().json();
    let generations: Vec<(u64, u64)> = history["generations"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|generation| generation["number"] != 0)
        .map(|generation| (generation["number"].as_u64().expect("a number"), generation["parent"].as_u64().expect("a parent")))
        .collect();
    let chain: BTreeSet<(u64, u64)> = (1..=4).map(|number| (number, number - 1)).collect();
    assert_eq!(generations.into_iter().collect::<BTreeSet<_>>(), chain, "each one grew from the one before");
    for name in &names {
        assert_eq!(&world.read(&format!(".packs/active/packs/{name}/tool")), name);
    }
    check_home(&world);
}

#[test]
fn a_collection_beside_switches_removes_nothing_in_use() {
    let world = TestEnv::with_kanban();
    let other = project(&world, "other", "kanban = \"=2.1.0\"\n");
    let collect = || world.packs(["gc", "--keep", "0", "--older-than", "0s"]).succeeds();
    thread::scope(|scope| {
        let collector = scope.spawn(|| (0..ROUNDS).for_each(|_| drop(collect())));
        scope.spawn(|| {
            for round in 0..ROUNDS {
                let range = ["=2.0.0", "=2.1.0", "~2.0"][round % 3];
                project(&world, "other", &format!("kanban = \"{range}\"\n"));
                succeeded(&within(&world, &other, &["switch"]).output().expect("it starts"));
                assert!(other.join(".packs/active/packs/kanban/docs/README.md").exists(), "a dangling link after {range}");
                assert!(other.join(".packs/active/packs/workflow/docs/flow.md").exists(), "a dangling link after {range}");
            }
        });
        for round in 0..ROUNDS {
            let range = ["~2.0", "=2.0.0", "=2.1.0"][round % 3];
            world.manifest(&format!("[packages]\nkanban = \"{range}\"\n"));
            world.packs(["switch"]).succeeds();
            assert!(world.has(".packs/active/packs/kanban/docs/README.md"), "a dangling link after {range}");
            assert!(world.has(".packs/active/packs/workflow/docs/flow.md"), "a dangling link after {range}");
        }
        collector.join().expect("every collection succeeds");
    });
    world.packs(["verify"]).succeeds();
    succeeded(&within(&world, &other, &["verify"]).output().expect("it starts"));
    check_home(&world);
}

/// Builds archives with the world's program, without publishing them.
fn archives(world: &TestEnv, packs: &[Pack]) -> Vec<PathBuf> {
    packs.iter().map(|pack| world.build(pack)).collect()
}

fn publish(world: &TestEnv, archive: &Path) -> Command {
    let mut command = world.command(["publish", "--json", "--registry"]);
    command.arg(world.registry()).arg(archive);
    command
}

fn index(world: &TestEnv, path: &str) -> Value {
    serde_json::from_slice(&fs::read(world.registry().join(path)).expect("published")).expect("JSON")
}

fn published_versions(index: &Value) -> BTreeSet<String> {
    index["releases"].as_array().expect("a list").iter().map(|release| release["version"].as_str().expect("text").to_owned()).collect()
}

#[test]
fn publishers_of_one_pack_lose_no_release() {
    let world = TestEnv::new();
    let versions: BTreeSet<String> = (0..PUBLISHERS).map(|n| format!("1.{n}.0")).collect();
    let packs: Vec<Pack> = versions.iter().map(|version| Pack::new("tool", version).file("version", version)).collect();
    let archives = archives(&world, &packs);
    for output in run_all(archives.iter().map(|archive| publish(&world, archive)).collect()) {
        succeeded(&output);
    }
    let index = index(&world, "index/to/tool.json");
    assert_eq!(published_versions(&index), versions);
    assert_eq!(index["revision"], PUBLISHERS, "each publication is one revision");
    world.manifest(&format!("[packages]\ntool = \"=1.{}.0\"\n", PUBLISHERS - 1));
    world.packs(["switch"]).succeeds();
}

#[test]
fn the_same_release_is_published_once() {
    let world = TestEnv::new();
    let archive = world.build(&Pack::new("tool", "1.0.0").file("file", "same"));
    let outcomes: Vec<Value> = run_all((0..4).map(|_| publish(&world, &archive)).collect()).iter().map(succeeded).collect();
    let first = outcomes.iter().filter(|outcome| outcome["releases"][0]["already_there"] == false).count();
    assert_eq!(first, 1, "{outcomes:#?}");
    assert_eq!(index(&world, "index/to/tool.json")["revision"], 1);
}

#[test]
fn of_two_contents_of_one_release_one_is_published() {
    let world = TestEnv::new();
    let built: Vec<PathBuf> = (0..4)
        .map(|n| {
            let archive = world.build(&Pack::new("tool", "1.0.0").file("file", &format!("content {n}")));
            let own = world.root().join(format!("publisher-{n}"));
            fs::create_dir_all(&own).expect("made");
            for beside in ["", ".sha256"] {
                let name = format!("tool-1.0.0.tar.zst{beside}");
                fs::copy(archive.with_file_name(&name), own.join(&name)).expect("copied");
            }
            own.join("tool-1.0.0.tar.zst")
        })
        .collect();
    let done = run_all(built.iter().map(|archive| publish(&world, archive)).collect());
    let mut codes: Vec<Option<i32>> = done.iter().map(|output| output.status.code()).collect();
    codes.sort();
    assert_eq!(codes, [Some(0), Some(5), Some(5), Some(5)], "{:?}", done.iter().map(|output| text(&output.stderr)).collect::<Vec<_>>());
    let winner = done.iter().position(|output| output.status.success()).expect("one");
    let published = fs::read(world.registry().join("packs/tool/1.0.0/tool-1.0.0.tar.zst")).expect("published");
    assert_eq!(published, fs::read(&built[winner]).expect("there"), "the archive is the one whose publisher was told so");
    world.manifest("[packages]\ntool = \"1\"\n");
    world.packs(["switch"]).succeeds();
}

#[test]
fn a_held_lock_is_named_and_not_waited_for_longer_than_asked() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    let id = world.read(".packs/id");
    let path = world.home().join("locks").join(format!("project-{}", id.trim()));
    let held = fs::OpenOptions::new().read(true).write(true).open(&path).expect("the lock file is kept");
    held.lock().expect("nobody else is here");
    fs::write(&path, "pid 4711 on elsewhere: packs switch prod (since 2026-11-20 09:00:00 UTC)").expect("written");
    world.manifest("[packages]\nkanban = \"~2.1\"\n");
    world.packs(["switch", "--wait", "0"]).fails(8).says("packs switch prod");
    let failure = world.packs(["install", "snippets", "--wait", "0", "--json"]).fails(8).json();
    assert_eq!(failure["exit"], 8, "{failure:#}");
    for reads in ["status", "list", "history", "verify"] {
        let code = world.packs([reads, "--wait", "0"]).code;
        assert!(matches!(code, Some(0 | 1)), "{reads} must not need the lock, and gave {code:?}");
    }
    assert_eq!(world.current("default"), 1, "nothing was changed");
    drop(held);
    world.packs(["switch", "--wait", "0"]).succeeds();
    assert_eq!(world.current("default"), 2);
}

#[test]
fn kill_9_at_any_moment_leaves_nothing_to_repair() {
    let world = TestEnv::with_kanban();
    let packs: Vec<Pack> =
        (0..MANY).map(|n| (0..MANY).fold(Pack::new(&format!("pack-{n}"), "1.0.0"), |pack, m| pack.file(&format!("file-{m}"), &format!("{n} {m}\n")))).collect();
    world.publish_all(&packs);
    world.packs(["switch"]).succeeds();
    let wanted: String = (0..MANY).map(|n| format!("pack-{n} = \"1\"\n")).collect();
    let wanted = format!("[packages]\nkanban = \"~2.0\"\n{wanted}");
    let prepare = |is_cold: bool| {
        world.manifest("[packages]\nkanban = \"~2.0\"\n");
        world.packs(["switch"]).succeeds();
        if is_cold {
            world.packs(["gc", "--keep", "0", "--older-than", "0s"]).succeeds();
        }
        world.manifest(&wanted);
    };
    let (mut killed, mut delay, mut step) = (0, Duration::ZERO, KILL_STEP);
    for kill in 0..KILLS {
        // Every other one has to unpack, every other one finds the store paths that a switch before left.
        prepare(kill % 2 == 0);
        let mut command = world.command(["switch"]);
        let mut child = command.env_remove("PACKS_NO_SYNC").stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        thread::sleep(delay);
        child.kill().expect("it is ours");
        if child.wait().expect("it ends").success() {
            (delay, step) = (Duration::ZERO, step * 2 / 3);
        } else {
            (killed, delay) = (killed + 1, delay + step);
        }
        assert_eq!(world.read(".packs/active/packs/kanban/docs/README.md"), "board\n", "the environment works right after kill {kill}");
        world.packs(["switch"]).succeeds();
        assert_eq!(world.read(".packs/active/packs/pack-7/file-3"), "7 3\n");
        if kill % 8 == 7 {
            check_home(&world);
        }
    }
    check_home(&world);
    assert!(killed > 2, "only {killed} of {KILLS} were killed before they had finished");
    println!("killed {killed} of {KILLS} switches; every next one succeeded");
}
