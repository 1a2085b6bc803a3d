//! Registries as their keepers run them: made, looked through, releases taken back, and the list of packs kept.
#![allow(clippy::disallowed_methods, reason = "tests change registries on the disk")]

use std::fs;
use std::thread;

use packs::registry::Names;

use crate::support::Pack;
use crate::support::TestEnv;

fn names(world: &TestEnv) -> Vec<String> {
    let names = Names::parse(&fs::read(world.registry().join("names.json.zst")).expect("there")).expect("valid");
    names.packs.iter().map(|pack| format!("{} {}", pack.name, pack.version)).collect()
}

#[test]
fn what_a_newer_packs_wrote_is_not_lost() {
    let world = TestEnv::with_kanban();
    world.edit_index("kanban", |document| document["releases"][1]["artifacts"][0]["provenance"] = "later".into());
    let before = fs::read(world.registry().join("index/ka/kanban.json")).expect("there");
    world.packs(["lock"]).succeeds();
    let archive = world.build(&Pack::new("kanban", "3.0.0").file("a", "x\n"));
    let field = "a field that this packs does not know, releases[1].artifacts[0].provenance: writing it would lose that";
    world.packs(["publish".into(), archive, "--registry".into(), world.registry()]).fails(2).says(field);
    world.packs(["yank", "kanban@2.0.0", "--registry", "../registry"]).fails(2).says(field);
    assert_eq!(fs::read(world.registry().join("index/ka/kanban.json")).expect("there"), before);
    assert!(!world.registry().join("packs/kanban/3.0.0").exists());
    // What changes nothing loses nothing.
    let same = world.root().join("archives/kanban-2.1.0.tar.zst");
    world.packs(["publish".into(), same, "--registry".into(), world.registry()]).succeeds();
}

/// Somebody else writes to the directory: who it is, is said after a second, and at once where there is no time to wait.
#[test]
fn who_holds_a_registry_is_named() {
    use std::io::BufRead as _;
    let world = TestEnv::with_kanban();
    let archive = world.build(&Pack::new("boards", "1.0.0").file("a", "x\n"));
    let lock = fs::File::options().read(true).write(true).open(world.registry().join(".packs-registry.lock")).expect("there");
    assert_eq!(lock.metadata().expect("there").len(), 0, "nobody has it, and nobody is named");
    lock.lock().expect("locked");
    fs::write(world.registry().join(".packs-registry.lock"), "pid 7 on elsewhere: packs publish").expect("written");
    let publish = |wait: &str| world.command(["publish", archive.to_str().expect("text"), "--registry", "../registry", "--wait", wait]);
    world.run(&mut publish("0")).fails(8).says("is locked by pid [PID] on [HOST]: packs publish, waited 0 s");
    let mut waiting = publish("60").stderr(std::process::Stdio::piped()).spawn().expect("started");
    let mut said = String::new();
    std::io::BufReader::new(waiting.stderr.take().expect("piped")).read_line(&mut said).expect("read");
    assert_eq!(said, "waiting for pid 7 on elsewhere: packs publish\n");
    drop(lock);
    assert!(waiting.wait().expect("it ends").success());
}

#[test]
fn publishing_keeps_the_list_of_packs() {
    let world = TestEnv::with_kanban();
    assert_eq!(names(&world), ["kanban 2.1.0", "snippets 1.0.0", "workflow 1.2.0"]);
    assert!(fs::read_to_string(world.registry().join("packs-registry.json")).expect("there").contains("\"name\": \"registry\""));
    for damage in ["removed", "damaged"] {
        let list = world.registry().join("names.json.zst");
        if damage == "removed" {
            fs::remove_file(&list).expect("removed");
        } else {
            fs::write(&list, "x").expect("written");
        }
        world.publish(&Pack::new("snippets", "1.1.0").file("snippets.md", "- two\n"));
        assert_eq!(names(&world), ["kanban 2.1.0", "snippets 1.1.0", "workflow 1.2.0"], "{damage}");
    }
}

#[test]
fn publishers_at_once_lose_no_name() {
    let world = TestEnv::new();
    let archives: Vec<_> = (0..6).map(|number| world.build(&Pack::new(&format!("pack{number}"), "1.0.0").file("a", "one\n"))).collect();
    thread::scope(|scope| {
        for archive in &archives {
            let world = &world;
            scope.spawn(move || world.packs(["publish", archive.to_str().expect("UTF-8"), "--registry", "../registry"]).succeeds());
        }
    });
    assert_eq!(names(&world), (0..6).map(|number| format!("pack{number} 1.0.0")).collect::<Vec<_>>());
}

#[test]
fn releases_are_taken_back() {
    let world = TestEnv::with_kanban();
    let yank = |arguments: &[&str]| world.packs([&["yank", "--registry", "default"], arguments].concat());
    yank(&["kanban@2.0.3", "-m", "loses cards", "-n"]).succeeds().prints("kanban 2.0.3 would be taken back: loses cards");
    yank(&["kanban@2.0.3", "-m", "loses cards"]).succeeds().prints("kanban 2.0.3 is taken back: loses cards");
    yank(&["kanban@2.0.3", "-m", "loses cards"]).succeeds().prints("kanban 2.0.3 was taken back already");
    world.packs(["lock"]).succeeds();
    assert!(world.read("packs.lock").contains("version = \"2.0.0\""), "{}", world.read("packs.lock"));
    // A range takes all of them; the list of packs then has none.
    yank(&["kanban@^2"]).succeeds().prints("kanban 2.1.0 is taken back: taken back by its maker");
    assert_eq!(names(&world), ["snippets 1.0.0", "workflow 1.2.0"]);
    world.packs(["download", "kanban", "-n"]).fails(9).says("the newest, 2.1.0: taken back by its maker").says("kanban@=2.1.0");
    yank(&["kanban@2.0.3", "--undo"]).succeeds().prints("kanban 2.0.3 counts again");
    assert_eq!(names(&world), ["kanban 2.0.3", "snippets 1.0.0", "workflow 1.2.0"]);
    insta::assert_snapshot!(yank(&["kanban@3.0.0"]).fails(9).stderr, @"
    error: no release of kanban in file:[REGISTRY] is 3.0.0
    hint: there is 2.1.0, 2.0.3, 2.0.0
    ");
    yank(&["kanbam@1.0.0"]).fails(9).says("no pack kanbam").says("hint: did you mean kanban?");
    yank(&["kanban"]).fails(2);
    yank(&["kanban@1", "-m", "x", "--undo"]).fails(2);
    world.packs(["audit"]).succeeds().prints("yank");
}

#[test]
fn a_place_becomes_a_registry() {
    let world = TestEnv::new();
    let init = |arguments: &[&str]| world.packs([&["registry", "init"], arguments].concat());
    init(&["../team", "-n"]).succeeds().prints("would become a registry named team");
    assert!(!world.root().join("team").exists());
    init(&["../team"]).succeeds().prints("is a registry now, named team");
    let archive = world.build(&Pack::new("kanban", "1.0.0").file("a", "one\n"));
    world.packs(["publish", archive.to_str().expect("UTF-8"), "--registry", "../team"]).succeeds();
    init(&["../team", "--name", "other"]).succeeds().prints("is a registry already, named team");
    world.packs(["registry", "check", "../team"]).succeeds().prints("good: checked 1 pack, 1 release, 1 archive");
}

#[test]
fn a_check_names_everything_that_is_wrong() {
    let world = TestEnv::with_kanban();
    let check = |code: i32| world.packs(["registry", "check", "../registry"]).fails(code);
    check(0).prints("good: checked 3 packs, 6 releases, 6 archives");
    let file = |path: &str| world.registry().join(path);
    let edit = |path: &str, change: &dyn Fn(Vec<u8>) -> Vec<u8>| fs::write(file(path), change(fs::read(file(path)).expect("there"))).expect("written");
    let replace = |path: &str, from: &str, to: &str| edit(path, &|bytes| String::from_utf8(bytes).expect("UTF-8").replacen(from, to, 1).into_bytes());
    edit("packs/kanban/2.0.0/kanban-2.0.0.tar.zst", &|mut bytes| {
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        bytes
    });
    fs::remove_file(file("packs/kanban/2.0.3/kanban-2.0.3.tar.zst")).expect("removed");
    replace("packs/kanban/2.1.0/kanban-2.1.0.tar.zst.sha256", "a", "b");
    replace("packs/snippets/1.0.0/MANIFEST.json", "\"MIT\"", "\"BSD\"");
    world.edit_index("workflow", |document| document["releases"][0]["license"] = "BSD".into());
    fs::write(file("packs/snippets/1.0.0/more"), "x").expect("written");
    edit("names.json.zst", &|bytes| {
        let mut names = Names::parse(&bytes).expect("valid");
        names.packs.remove(0);
        names.format()
    });
    insta::assert_snapshot!(check(5).stdout, @"
    bad names.json.zst: it is behind the index of kanban
    bad packs/kanban/2.0.0/kanban-2.0.0.tar.zst: [PROJECT]/../registry/packs/kanban/2.0.0/kanban-2.0.0.tar.zst is not the archive that was promised: its sha256 must be [DIGEST], and is [DIGEST]
    bad packs/kanban/2.0.3/kanban-2.0.3.tar.zst: it is missing
    bad packs/kanban/2.1.0/kanban-2.1.0.tar.zst.sha256: it says [DIGEST], and the index [DIGEST]
    bad packs/snippets/1.0.0/MANIFEST.json: no archive of the release has this manifest
    bad packs/workflow/1.0.0/workflow-1.0.0.tar.zst: its licence is not what the index says
    note: no document lists packs/snippets/1.0.0/more
    6 problems: checked 3 packs, 6 releases, 6 archives, 2.6 KiB; not signed
    ");
    fs::write(file("index/wo/workflow.json"), "{}").expect("written");
    check(5).prints("bad index/wo/workflow.json: the index of workflow cannot be read");
    world.packs(["registry", "check", "../nowhere"]).fails(9);
    world.packs(["registry", "check", "file:../nowhere"]).fails(6);
}

#[test]
fn a_registry_that_somebody_else_writes_to_is_waited_for_only_so_long() {
    let world = TestEnv::with_kanban();
    let archive = world.build(&Pack::new("kanban", "4.0.0").file("a", "one\n"));
    let publish = |wait: &str| world.packs(["publish", archive.to_str().expect("UTF-8"), "--registry", "../registry", "--wait", wait]);
    let held = fs::File::create(world.registry().join(".packs-registry.lock")).expect("made");
    held.lock().expect("free");
    publish("0").fails(8).says(".packs-registry.lock is locked by another packs").says("hint: wait longer with --wait SECONDS");
    drop(held);
    // A child that another test starts just now has the lock too, until it becomes another program.
    publish("60").succeeds();
}
