//! A world that is not as packs left it: moved projects, removed generations, fifos for files, a full disk for the answer, empty variables.
#![allow(clippy::disallowed_methods, reason = "tests set up their world")]

use std::fs;
use std::path::PathBuf;

use crate::support::TestEnv;

/// Gives the directory of the only project in the home.
fn project_in_home(world: &TestEnv) -> PathBuf {
    let mut entries = fs::read_dir(world.home().join("projects")).expect("listed");
    entries.next().expect("a project").expect("listed").path()
}

#[test]
fn a_moved_project_keeps_its_generations_once_it_is_switched_in_its_new_place() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    let moved = world.root().join("moved");
    fs::rename(world.project(), &moved).expect("moved");
    fs::create_dir(world.project()).expect("made");
    let at = |arguments: &[&str]| world.packs([&["--project", moved.to_str().expect("text")], arguments].concat());
    at(&["switch"]).succeeds().prints("nothing to do");
    at(&["gc", "--missing-projects", "--keep", "0", "--older-than", "0s"]).succeeds();
    at(&["run", "--", "kanban"]).succeeds().prints("kanban 2.0.3");
}

#[test]
fn a_switch_makes_the_current_generation_anew_where_it_was_removed_by_hand() {
    let world = TestEnv::with_kanban();
    world.manifest("[packages]\nkanban = \"~2.0\"\n\n[place]\n\"board\" = { pack = \"kanban\" }\n\"copied\" = { pack = \"kanban\", mode = \"copy\" }\n");
    world.packs(["switch"]).succeeds();
    let generation = project_in_home(&world).join("default/generations/1");
    fs::rename(&generation, world.root().join("gone")).expect("moved away");
    world.packs(["status"]).fails(9).says("hint: it was removed by something else than packs; `packs switch default`");
    world.packs(["switch"]).succeeds();
    assert_eq!(world.current("default"), 2, "numbers are never reused");
    world.packs(["run", "--", "kanban"]).succeeds().prints("kanban 2.0.3");
    world.packs(["verify"]).succeeds();
    world.packs(["gc", "--keep", "0", "--older-than", "0s"]).succeeds();
    world.packs(["verify"]).succeeds();
}

#[test]
fn a_fifo_in_place_of_a_file_is_refused_at_once() {
    let world = TestEnv::with_kanban();
    let fifo = world.project().join("packs.lock");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::from_raw_mode(0o644), 0).expect("made");
    world.packs(["switch"]).fails(10).says("packs.lock").says("not a regular file");
}

/// Makes something that is no file, in place of whatever is there.
fn put_dud(path: &std::path::Path, kind: &str) {
    let _ = fs::remove_file(path);
    let _ = fs::remove_dir_all(path);
    match kind {
        "directory" => fs::create_dir_all(path.join("below")).expect("made"),
        "link" => std::os::unix::fs::symlink("/nowhere/at/all", path).expect("linked"),
        _ => rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, rustix::fs::Mode::from_raw_mode(0o644), 0).expect("made"),
    }
}

/// Lists the files of the cache, and whatever took their place.
fn in_cache(world: &TestEnv) -> Vec<PathBuf> {
    let mut found = vec![world.home().join("cache")];
    let mut files = Vec::new();
    while let Some(directory) = found.pop() {
        for entry in fs::read_dir(directory).expect("listed").map(|entry| entry.expect("an entry")) {
            let path = entry.path();
            if entry.file_type().expect("known").is_dir() { found.push(path) } else { files.push(path) }
        }
    }
    files
}

#[test]
fn whatever_is_in_the_cache_and_is_no_file_is_replaced() {
    let world = TestEnv::with_kanban();
    let server = crate::support::FaultServer::start(&world.registry(), vec![]);
    world.write("packs.toml", &format!("[project]\nname = \"demo\"\n\n[registries]\ndefault = \"{}\"\n\n[packages]\nkanban = \"~2.0\"\n", server.address()));
    world.packs(["switch"]).succeeds();
    let files = in_cache(&world);
    assert!(["archives", "index", "known"].iter().all(|part| files.iter().any(|file| file.starts_with(world.home().join("cache").join(part)))), "{files:?}");
    for kind in ["directory", "link", "fifo"] {
        fs::remove_dir_all(world.home().join("store"))
            .or_else(|_| {
                let made = std::process::Command::new("chmod").args(["-R", "u+w"]).arg(world.home().join("store")).status();
                assert!(made.is_ok_and(|status| status.success()));
                fs::remove_dir_all(world.home().join("store"))
            })
            .expect("removed");
        files.iter().for_each(|file| put_dud(file, kind));
        let archives: Vec<&PathBuf> = files.iter().filter(|file| file.parent().is_some_and(|parent| parent.ends_with("archives"))).collect();
        archives.iter().for_each(|file| put_dud(&file.with_extension("part"), kind));
        world.packs(["update"]).succeeds();
        world.packs(["switch"]).succeeds();
        world.packs(["run", "--", "kanban"]).succeeds().prints("kanban 2.0.3");
        assert!(files.iter().all(|file| fs::symlink_metadata(file).is_ok_and(|found| found.is_file())), "{kind}: {files:?}");
        assert!(archives.iter().all(|file| fs::symlink_metadata(file.with_extension("part")).is_err()), "{kind}");
    }
}

#[test]
fn what_is_no_file_is_no_archive_and_no_side_file() {
    let world = TestEnv::with_kanban();
    let archive = world.root().join("archives/kanban-2.0.0.tar.zst");
    let side_file = world.root().join("archives/kanban-2.0.0.tar.zst.sha256");
    let (good, text) = (fs::read(&archive).expect("there"), fs::read(&side_file).expect("there"));
    for kind in ["directory", "fifo"] {
        for dud in [&archive, &side_file] {
            put_dud(dud, kind);
            let named = [archive.clone(), side_file.clone()];
            world.packs(["verify".into(), named[0].clone()]).fails(2).says("is no file");
            world.packs(["verify".into(), named[0].clone(), named[1].clone()]).fails(2).says("is no file");
            put_dud(dud, "link");
            fs::remove_file(dud).expect("removed");
            fs::write(dud, if dud == &archive { &good } else { &text }).expect("written");
        }
    }
    world.packs(["verify".into(), archive]).succeeds();
}

#[test]
fn an_answer_that_does_not_reach_its_file_is_no_success() {
    let Ok(full) = fs::OpenOptions::new().write(true).open("/dev/full") else { return println!("NOT RUN: needs /dev/full") };
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    world.run(world.command(["list", "--json"]).stdout(full)).fails(10).says("cannot write to stdout");
}

#[test]
fn a_variable_set_to_nothing_is_as_not_set() {
    let world = TestEnv::with_kanban();
    world.run(world.command(["switch"]).env("PACKS_ENV", "").env("PACKS_WAIT", "")).succeeds().prints("environment default");
}

#[test]
fn a_wrong_request_is_answered_in_the_format_asked_for() {
    let world = TestEnv::with_kanban();
    for arguments in [["frob", "--format=json"].as_slice(), &["gc", "--format", "json", "--keep", "x"], &["frob", "--json"]] {
        assert_eq!(world.packs(arguments).fails(2).json()["schema"], "packs.error/1");
    }
}

#[test]
fn what_took_the_place_of_a_placed_link_is_named_and_kept() {
    let world = TestEnv::with_kanban();
    world.manifest("[packages]\nkanban = \"~2.0\"\n\n[place]\n\"board\" = { pack = \"kanban\" }\n");
    world.packs(["switch"]).succeeds();
    fs::remove_file(world.project().join("board")).expect("removed");
    world.write("board", "mine\n");
    let verified = world.packs(["verify"]);
    assert_ne!(verified.code, Some(0));
    verified.prints("bad board: it is not what generation 1 placed there");
    world.packs(["switch"]).fails(2).says("board of kanban cannot be placed: a file is in the way");
    assert_eq!(world.read("board"), "mine\n");
}
