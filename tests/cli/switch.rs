//! `packs switch`
#![allow(clippy::disallowed_methods, reason = "tests look at and tamper with their world on the disk")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::support::Pack;
use crate::support::TestEnv;

#[test]
fn locks_unpacks_links_and_says_so() {
    let world = TestEnv::with_kanban();
    let ran = world.packs(["switch"]).succeeds();
    insta::assert_snapshot!(ran.stdout, @"
    environment default
    locked packs.lock
      + kanban 2.0.3
      + workflow 1.2.0
    generation 1 is current (from 0)   2 packs unpacked, 933 B written
    ");
    assert!(world.read("packs.lock").contains("version = \"2.0.3\""));
    assert_eq!(world.read(".packs/active/packs/kanban/docs/README.md"), "board\n");
    assert_eq!(world.read(".packs/active/packs/workflow/docs/flow.md"), "flow two\n");
    assert_eq!(world.read(".packs/.gitignore").trim(), "*");
    assert_eq!(world.current("default"), 1);
}

#[test]
fn again_there_is_nothing_to_do_and_no_generation() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    let ran = world.packs(["switch"]).succeeds();
    insta::assert_snapshot!(ran.stdout, @"
    environment default
    nothing to do: generation 1 is current
    ");
    assert_eq!(world.current("default"), 1);
    assert!(!world.has(".packs/default/../generations/2"));
}

#[test]
fn a_changed_line_becomes_the_next_generation() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    world.manifest("[packages]\nkanban = \"~2.1\"\nsnippets = \"1\"\n");
    let ran = world.packs(["switch", "-m", "newer boards"]).succeeds();
    insta::assert_snapshot!(ran.stdout, @"
    environment default
    locked again packs.lock
      + snippets 1.0.0
      ~ kanban 2.0.3 → 2.1.0
    generation 2 is current (from 1)   2 packs unpacked, 925 B written, 6 B shared
    ");
    assert_eq!(world.current("default"), 2);
}

#[test]
fn dry_run_shows_and_changes_nothing() {
    let world = TestEnv::with_kanban();
    let ran = world.packs(["switch", "--dry-run"]).succeeds();
    insta::assert_snapshot!(ran.stdout, @"
    environment default
    would lock packs.lock
      + kanban 2.0.3
      + workflow 1.2.0
    would become generation 1; nothing was changed
    ");
    assert!(!world.has("packs.lock") && !world.has(".packs"));
    assert_eq!(fs::read_dir(world.home().join("store")).expect("there").count(), 0);
}

#[test]
fn what_is_in_the_store_is_read_only_and_old() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    let pack = fs::canonicalize(world.project().join(".packs/active/packs/kanban")).expect("there");
    let mode = |path: &str| fs::metadata(pack.join(path)).expect("there").permissions().mode() & 0o7777;
    assert_eq!((mode(""), mode("bin"), mode("bin/kanban"), mode("docs/README.md")), (0o555, 0o555, 0o555, 0o444));
    let modified = fs::metadata(pack.join("docs/README.md")).expect("there").modified().expect("a time");
    assert_eq!(modified.duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs(), 1);
}

#[test]
fn equal_files_of_two_packs_share_one_inode() {
    use std::os::unix::fs::MetadataExt as _;
    let world = TestEnv::new();
    world.publish_all(&[Pack::new("one", "1.0.0").file("LICENSE", "the same\n"), Pack::new("two", "1.0.0").file("LICENSE", "the same\n")]);
    world.manifest("[packages]\none = \"1\"\ntwo = \"1\"\n");
    world.packs(["switch"]).succeeds();
    let inode = |pack: &str| fs::metadata(world.project().join(format!(".packs/active/packs/{pack}/LICENSE"))).expect("there").ino();
    assert_eq!(inode("one"), inode("two"));
}

#[test]
fn a_fresh_lockfile_needs_no_registry_once_stored() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    fs::remove_dir_all(world.registry()).expect("removed");
    fs::remove_dir_all(world.project().join(".packs")).expect("removed");
    world.packs(["switch", "--frozen"]).succeeds();
    assert_eq!(world.read(".packs/active/packs/kanban/docs/README.md"), "board\n");
}

#[test]
fn locked_refuses_what_is_missing_or_stale() {
    let world = TestEnv::with_kanban();
    world.packs(["switch", "--locked"]).fails(4).says("packs.lock is missing");
    world.packs(["switch"]).succeeds();
    world.manifest("[packages]\nkanban = \"~2.1\"\n");
    let before = world.read("packs.lock");
    world.packs(["switch", "--frozen"]).fails(4).says("kanban was \"~2.0\" and is \"~2.1\"");
    assert_eq!((world.read("packs.lock"), world.current("default")), (before, 1));
}

#[test]
fn in_ci_the_lockfile_holds_and_that_is_said() {
    let world = TestEnv::with_kanban();
    let ran = world.run(world.command(["switch"]).env("CI", "true")).fails(4);
    assert!(ran.stderr.contains("--locked holds"), "{}", ran.stderr);
    // Whoever really wants to lock in CI says so.
    world.run(world.command(["switch"]).env("CI", "true").env("PACKS_LOCKED", "0")).succeeds();
}

#[test]
fn environments_have_their_own_lockfiles_and_generations() {
    let world = TestEnv::with_kanban();
    world.manifest(
        "[packages]\nkanban = \"^2\"\nsnippets = { version = \"1\", tier = \"optional\" }\n\n[environments.dev]\ntiers = [\"required\", \"recommended\", \"optional\"]\n\n\
         [environments.prod.packages]\nkanban = \"=2.0.3\"\n",
    );
    world.packs(["switch"]).fails(2).says("which environment?");
    world.packs(["switch", "dev"]).succeeds();
    world.packs(["switch", "prod"]).succeeds();
    assert!(world.has(".packs/dev/packs/snippets") && !world.has(".packs/prod/packs/snippets"));
    assert!(world.read("packs.prod.lock").contains("name = \"snippets\""), "all tiers are locked");
    let link = fs::read_link(world.project().join(".packs/active")).expect("a link");
    assert_eq!(link.to_str(), Some("prod"));
    // From now on the active environment is meant.
    world.packs(["switch"]).succeeds().prints("environment prod");
}

#[test]
fn a_damaged_archive_is_refused_and_nothing_changes() {
    let world = TestEnv::with_kanban();
    let archive = world.registry().join("packs/kanban/2.0.3/kanban-2.0.3.tar.zst");
    let mut bytes = fs::read(&archive).expect("there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&archive, bytes).expect("written");
    let ran = world.packs(["switch"]).fails(5);
    assert!(ran.stderr.contains("kanban 2.0.3"), "{}", ran.stderr);
    assert!(!world.has("packs.lock") && !world.has(".packs/active"));
}

#[test]
fn clashing_commands_are_all_named_before_anything_is_written() {
    let world = TestEnv::with_kanban();
    let script = "#!/bin/sh\necho other\n";
    world.publish_all(&[Pack::new("boards", "1.0.0").command("kanban", script).command("b", script), Pack::new("b", "1.0.0").command("b", script)]);
    world.manifest("[packages]\nkanban = \"~2.0\"\nboards = \"1\"\nb = \"1\"\n");
    let ran = world.packs(["switch"]).fails(2);
    assert!(ran.stderr.contains("bin/kanban") && ran.stderr.contains("bin/b"), "{}", ran.stderr);
    assert!(!world.has(".packs/active"));
    world.manifest("[packages]\nkanban = \"~2.0\"\nboards = { version = \"1\", rename = { kanban = \"boards\" } }\nb = { version = \"1\", priority = 1 }\n");
    world.packs(["switch"]).succeeds();
    assert!(world.has(".packs/active/bin/boards") && world.has(".packs/active/bin/kanban"));
}

#[test]
fn a_path_pack_is_taken_as_it_is_at_each_switch() {
    let world = TestEnv::with_kanban();
    world.write("../notes/notes.md", "one\n");
    world.manifest("[packages]\nnotes = { path = \"../notes\" }\n");
    world.packs(["switch"]).succeeds();
    assert_eq!(world.read(".packs/active/packs/notes/notes.md"), "one\n");
    world.write("../notes/notes.md", "two\n");
    assert_eq!(world.read(".packs/active/packs/notes/notes.md"), "one\n", "a snapshot, never a live link");
    world.packs(["switch"]).succeeds();
    assert_eq!((world.read(".packs/active/packs/notes/notes.md").as_str(), world.current("default")), ("two\n", 2));
    world.packs(["switch"]).succeeds().prints("nothing to do");
}

#[test]
fn a_moved_home_is_found_again() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    let moved = world.root().join("moved-home");
    fs::rename(world.home(), &moved).expect("moved");
    world.run(world.command(["switch"]).env("PACKS_HOME", &moved)).succeeds();
    assert_eq!(world.read(".packs/active/packs/kanban/docs/README.md"), "board\n");
}

#[test]
fn git_conflict_markers_in_a_lockfile_are_solved_and_said() {
    let world = TestEnv::with_kanban();
    world.packs(["lock"]).succeeds();
    let ours = world.read("packs.lock");
    world.manifest("[packages]\nkanban = \"~2.0\"\nsnippets = \"1\"\n");
    world.packs(["lock"]).succeeds();
    let theirs = world.read("packs.lock");
    world.write("packs.lock", &format!("<<<<<<< ours\n{ours}=======\n{theirs}>>>>>>> theirs\n"));
    for arguments in [["switch", "--locked"].as_slice(), &["lock", "--check"], &["lock", "--locked"], &["install", "snippets", "--frozen"]] {
        let ran = world.packs(arguments).fails(4);
        ran.says("packs.lock is stale and must not be written (--locked): it has unresolved git conflict markers, the first in line 1");
        ran.says("hint: `packs lock default` settles the conflict");
    }
    world.packs(["switch"]).succeeds().prints("solved the git conflict in packs.lock");
    assert_eq!(world.read("packs.lock"), theirs);
}

#[test]
fn an_index_that_hides_a_requirement_is_found_out() {
    let world = TestEnv::with_kanban();
    world.edit_index("kanban", |document| {
        let releases = document["releases"].as_array_mut().expect("releases");
        releases.iter_mut().for_each(|release| release["requires"] = serde_json::json!({}));
    });
    world.packs(["switch"]).fails(5).says("kanban 2.0.3 is locked as requiring nothing, but its MANIFEST.json requires workflow ^1");
    assert!(!world.has("packs.lock") && !world.has(".packs/active"));
}
