//! `packs install`, `uninstall` and `update`

use crate::support::Pack;
use crate::support::TestEnv;

#[test]
fn writes_the_manifest_locks_and_switches() {
    let world = TestEnv::with_kanban();
    let ran = world.packs(["install", "snippets", "-m", "for the wiki"]).succeeds();
    insta::assert_snapshot!(ran.stdout, @"
    environment default
    locked packs.lock
      + kanban 2.0.3
      + snippets 1.0.0
      + workflow 1.2.0
    generation 1 is current (from 0)   3 packs unpacked, 1.2 KiB written
    ");
    assert!(world.read("packs.toml").contains("snippets = \"^1.0.0\""), "{}", world.read("packs.toml"));
    assert!(world.has(".packs/active/packs/snippets") && world.has(".packs/active/packs/kanban"));
}

#[test]
fn takes_a_range_and_replaces_one() {
    let world = TestEnv::with_kanban();
    world.packs(["install", "kanban@=2.0.0"]).succeeds();
    assert!(world.read("packs.toml").contains("kanban = \"=2.0.0\""));
    assert!(world.read("packs.lock").contains("version = \"2.0.0\""));
}

#[test]
fn into_one_environment_only() {
    let world = TestEnv::with_kanban();
    world.manifest("[packages]\nkanban = \"~2.0\"\n\n[environments.dev]\n\n[environments.prod]\n");
    world.packs(["lock", "--all"]).succeeds();
    world.packs(["install", "snippets", "-E", "dev"]).succeeds();
    let manifest = world.read("packs.toml");
    assert!(manifest.contains("[environments.dev.packages]"), "{manifest}");
    assert!(world.read("packs.dev.lock").contains("snippets") && !world.read("packs.prod.lock").contains("snippets"));
}

#[test]
fn relocks_every_lockfile_it_affects() {
    let world = TestEnv::with_kanban();
    world.manifest("[packages]\nkanban = \"~2.0\"\n\n[environments.dev]\n\n[environments.prod]\n");
    world.packs(["lock", "--all"]).succeeds();
    world.packs(["switch", "dev"]).succeeds();
    world.packs(["install", "snippets"]).succeeds();
    assert!(world.read("packs.dev.lock").contains("snippets") && world.read("packs.prod.lock").contains("snippets"));
    assert!(!world.has(".packs/prod/packs"), "only the chosen environment is switched");
}

#[test]
fn all_or_nothing() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    let before = (world.read("packs.toml"), world.read("packs.lock"));
    world.packs(["install", "snippets", "nonsense"]).fails(9).says("nonsense");
    world.packs(["install", "kanban@^9"]).fails(3);
    assert_eq!((world.read("packs.toml"), world.read("packs.lock")), before);
    assert_eq!(world.current("default"), 1);
}

#[test]
fn uninstall_is_the_reverse() {
    let world = TestEnv::with_kanban();
    let before = world.read("packs.toml");
    world.packs(["install", "snippets"]).succeeds();
    world.packs(["uninstall", "snippets"]).succeeds();
    assert_eq!(world.read("packs.toml"), before);
    assert!(!world.has(".packs/active/packs/snippets"));
    world.packs(["uninstall", "snippets"]).fails(9).says("snippets is not in packs.toml");
}

#[test]
fn update_moves_within_the_range_and_latest_moves_the_range() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    world.publish(&Pack::new("kanban", "2.0.4").requires("workflow", "^1"));
    world.packs(["switch"]).succeeds().prints("nothing to do");
    world.packs(["update", "kanban"]).succeeds().prints("2.0.3 → 2.0.4");
    assert!(world.read("packs.toml").contains("~2.0"));
    world.packs(["update", "kanban", "--latest"]).succeeds().prints("2.0.4 → 2.1.0");
    assert!(world.read("packs.toml").contains("^2.1.0"), "{}", world.read("packs.toml"));
}

#[test]
fn precise_locks_exactly_that() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    world.packs(["update", "kanban", "--precise", "2.0.0"]).succeeds().prints("2.0.3 → 2.0.0");
    world.packs(["update", "kanban", "--precise", "2.1.0"]).fails(3);
    assert!(world.read("packs.lock").contains("version = \"2.0.0\""));
}

#[test]
fn dry_run_changes_nothing() {
    let world = TestEnv::with_kanban();
    let before = world.read("packs.toml");
    world.packs(["install", "snippets", "-n"]).succeeds().prints("+ snippets 1.0.0");
    world.packs(["uninstall", "kanban", "-n"]).succeeds();
    world.packs(["update", "-n"]).succeeds();
    assert_eq!(world.read("packs.toml"), before);
    assert!(!world.has("packs.lock") && !world.has(".packs"));
}

#[test]
fn edits_keep_comments_and_order() {
    let world = TestEnv::with_kanban();
    world.manifest("# what we need\n[packages]\n# the board\nkanban = \"~2.0\" # pinned by ops\n\n# the end\n");
    world.packs(["install", "snippets"]).succeeds();
    let text = world.read("packs.toml");
    for comment in ["# what we need", "# the board", "# pinned by ops", "# the end"] {
        assert!(text.contains(comment), "{comment} is gone:\n{text}");
    }
}

#[test]
fn update_takes_one_precise_version_for_one_pack() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    world.packs(["update", "kanban", "workflow", "--precise", "2.0.0"]).fails(2).says("kanban and workflow");
    world.packs(["update", "--locked"]).fails(4).says("packs.lock is fresh");
}

#[test]
fn update_solves_a_git_conflict_like_lock() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    let text = world.read("packs.lock");
    world.write("packs.lock", &format!("<<<<<<< ours\n{text}=======\n{text}>>>>>>> theirs\n"));
    world.packs(["update", "kanban"]).succeeds();
    assert_eq!(world.read("packs.lock"), text);
}

#[test]
fn what_is_for_one_environment_asks_nothing_of_the_others() {
    let world = TestEnv::with_kanban();
    world.manifest("[packages]\nkanban = \"~2.0\"\n\n[environments.dev]\n\n[environments.prod]\n");
    world.packs(["lock", "--all"]).succeeds();
    world.write("packs.prod.lock", "broken = [\n");
    world.packs(["install", "snippets", "-E", "dev"]).succeeds();
    world.packs(["uninstall", "snippets", "-E", "dev"]).succeeds();
    assert_eq!(world.read("packs.prod.lock"), "broken = [\n");
    world.packs(["install", "snippets", "-E", "dev", "-n"]).succeeds();
}

#[test]
fn a_variable_chooses_the_environment_but_not_the_table() {
    let world = TestEnv::with_kanban();
    world.manifest("[packages]\nkanban = \"~2.0\"\n\n[environments.dev]\n\n[environments.prod]\n");
    world.run(world.command(["install", "snippets"]).env("PACKS_ENV", "dev")).succeeds().prints("environment dev");
    assert!(!world.read("packs.toml").contains("[environments.dev.packages]"), "{}", world.read("packs.toml"));
}
