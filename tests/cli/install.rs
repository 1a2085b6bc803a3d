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

/// Whoever adds an extra, or asks again, has not asked for another range.
#[test]
fn keeps_the_written_range_where_none_is_given() {
    let world = TestEnv::with_kanban();
    world.manifest("[packages]\nkanban = \"=2.0.0\"  # pinned\n");
    world.packs(["lock"]).succeeds();
    let install = |arguments: &[&str], expected: &str| {
        world.packs([&["install", "kanban"], arguments].concat()).succeeds();
        assert!(world.read("packs.toml").contains(expected), "{arguments:?}:\n{}", world.read("packs.toml"));
    };
    install(&[], "kanban = \"=2.0.0\"  # pinned");
    install(&["--tier", "optional"], "kanban = { version = \"=2.0.0\", tier = \"optional\" }  # pinned");
    install(&["--tier", "required"], "kanban = { version = \"=2.0.0\" }  # pinned");
    assert!(world.read("packs.lock").contains("version = \"2.0.0\""));
    // An environment of its own takes over what the project asks for, and keeps its own range from then on.
    world.manifest("[packages]\nkanban = \"=2.0.0\"\n\n[environments.dev]\n\n[environments.prod]\n");
    install(&["--tier", "optional", "-E", "dev"], "[environments.dev.packages]\nkanban = { version = \"=2.0.0\", tier = \"optional\" }\n");
    world.packs(["install", "kanban@~2.0", "-E", "dev"]).succeeds();
    install(&["-E", "dev"], "[environments.dev.packages]\nkanban = { version = \"~2.0\", tier = \"optional\" }\n");
    assert!(world.read("packs.toml").contains("[packages]\nkanban = \"=2.0.0\"\n"), "{}", world.read("packs.toml"));
    world.packs(["install", "kanban"]).succeeds();
    assert!(world.read("packs.toml").contains("[packages]\nkanban = \"=2.0.0\"\n"), "what one environment asks for is not the project's");
}

#[test]
fn keeps_a_pin_when_an_extra_is_added() {
    let world = TestEnv::new();
    let reports = |version: &str| Pack::new("reports", version).more("\n[extras]\ncharts = { charting = \"^1\" }\n");
    world.publish_all(&[reports("2.0.0"), reports("2.4.0"), Pack::new("charting", "1.0.0")]);
    world.manifest("[packages]\nreports = { version = \"=2.0.0\" }\n");
    world.packs(["install", "reports", "--with", "charts"]).succeeds().prints("reports 2.0.0");
    assert!(world.read("packs.toml").contains("reports = { version = \"=2.0.0\", with = [\"charts\"] }"), "{}", world.read("packs.toml"));
    world.packs(["install", "reports@^2", "--with", "charts"]).succeeds().prints("2.0.0 → 2.4.0");
}

/// However the last thing that an environment asks for is written, the environment stays when it goes.
#[test]
fn an_environment_outlives_what_is_uninstalled_from_it() {
    let world = TestEnv::with_kanban();
    let packages = "[packages]\nkanban = \"~2.0\"\n";
    for (own, left) in [
        ("[environments.prod.packages.snippets]\nversion = \"^1\"\n\n[environments.dev]\n", "[environments.prod]\n\n[environments.dev]\n"),
        ("[environments.prod.packages]\nsnippets = \"^1\"\n", "[environments.prod.packages]\n"),
        ("[environments]\nprod.packages.snippets = \"^1\"\n\n[constraints]\n", "[environments]\n\n[constraints]\n\n[environments.prod]\n"),
        ("[environments]\nprod = { packages = { snippets = \"^1\" } }\n", "[environments]\nprod = { packages = {} }\n"),
    ] {
        world.manifest(&format!("{packages}\n{own}"));
        let before = world.read("packs.toml");
        world.packs(["uninstall", "snippets", "-E", "prod"]).succeeds();
        assert_eq!(world.read("packs.toml"), before.replace(own, left));
    }
}
