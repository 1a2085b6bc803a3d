//! The same store for every user: whatever the umask, and without the rights of root.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use packs::store::RepairFrom;
use packs::store::repair;
use packs::store::verify_store;

use super::*;

/// Names the directory in which the test below is to work; without it there is nothing to do.
const CHILD_WORLD: &str = "PACKS_TEST_CHILD_WORLD";

/// Somebody who is not root: `nobody` on every system.
const ORDINARY_USER: u32 = 65534;

/// Runs in a process of its own, started by the tests below.
#[test]
fn in_a_process_of_its_own() {
    let Some(home) = std::env::var_os(CHILD_WORLD) else { return };
    let store = Store::create(Layout::new(Path::new(&home).join("home"))).expect("made");
    let ingest = |version: &str| {
        let batch = Batch::new(&store, Limits::default());
        let staged = batch.stage(&archive("kanban", version, &sample()), &expected("kanban", version)).expect("staged");
        drop(batch.stage(&archive("kanban", "3.0.0", &sample()), &expected("kanban", "3.0.0")).expect("staged"));
        batch.publish(vec![staged], Durability::Unsynced).expect("published").remove(0)
    };
    let stored = [ingest("1.0.0"), ingest("1.0.1")];
    let path = |stored: &Stored| store.layout().store_path(&stored.store_path);
    let harmed = path(&stored[0]).join("kanban/bin");
    fs::set_permissions(&harmed, fs::Permissions::from_mode(0o755)).expect("set");
    fs::remove_file(harmed.join("kanban")).expect("removed");
    repair(&store, &stored[0].store_path, RepairFrom::Store, Durability::Unsynced).expect("repaired");
    for stored in &stored {
        assert_eq!(read_back(&path(stored).join("kanban")), sample());
    }
    assert!(verify_store(&store, &|_| {}).expect("verified").is_good());
    assert_eq!(list(&store.layout().store()).len(), 2, "no stage is left");
}

/// Starts this test program again for that one test.
fn child(umask: &str, world: &Path) -> Command {
    let mut command = Command::new("sh");
    let program = std::env::current_exe().expect("this program");
    command.arg("-c").arg(format!("umask {umask} && exec \"$0\" --exact store::user::in_a_process_of_its_own")).arg(program).env(CHILD_WORLD, world);
    command
}

#[track_caller]
fn succeeds(mut command: Command) {
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "the test was not found");
}

#[test]
fn the_umask_changes_nothing() {
    for umask in ["000", "022", "077"] {
        let world = tempfile::tempdir().expect("a directory");
        succeeds(child(umask, world.path()));
    }
}

#[test]
fn an_ordinary_user_can_do_all_of_it() {
    let world = tempfile::tempdir().expect("a directory");
    let mut command = child("022", world.path());
    if fs::metadata(world.path()).expect("there").uid() == 0 {
        std::os::unix::fs::chown(world.path(), Some(ORDINARY_USER), Some(ORDINARY_USER)).expect("given away");
        command.uid(ORDINARY_USER).gid(ORDINARY_USER);
    }
    succeeds(command);
}
