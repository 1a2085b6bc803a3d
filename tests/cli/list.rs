//! `packs list` and `packs status`

use crate::support::TestEnv;

#[test]
fn list_shows_what_is_locked_and_why() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    insta::assert_snapshot!(world.packs(["list"]).succeeds().stdout, @"
    environment default, generation 1
     pack      version  asked for  tier      size  source
     kanban    2.0.3    ~2.0       required  39 B  registry+default
     workflow  1.2.0    -          -         9 B   registry+default
    ");
    let json = world.packs(["list", "--json"]).succeeds().json();
    assert_eq!(json["packs"][0]["name"], "kanban");
}

#[test]
fn status_tells_where_each_environment_stands() {
    let world = TestEnv::with_kanban();
    world.manifest("[packages]\nkanban = \"~2.0\"\n\n[environments.dev]\n\n[environments.prod]\n\n[environments.staging]\n");
    world.packs(["switch", "dev"]).succeeds();
    world.packs(["lock", "prod"]).succeeds();
    insta::assert_snapshot!(world.packs(["status"]).succeeds().stdout, @"
    project demo in [PROJECT]
    ● dev: generation 1, 2 packs; up to date
    ○ prod: not switched to yet; locked
    ○ staging: not switched to yet; not locked yet: packs lock
    ");
    assert_eq!(world.packs(std::iter::empty::<&str>()).succeeds().stdout, world.packs(["status"]).succeeds().stdout);
}

#[test]
fn status_sees_a_stale_lockfile() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    world.manifest("[packages]\nkanban = \"~2.1\"\n");
    world.packs(["status"]).succeeds().prints("the lockfile is stale");
}

#[test]
fn without_a_project_packs_alone_shows_the_short_help() {
    let world = TestEnv::new();
    let ran = world.packs(std::iter::empty::<&str>()).succeeds();
    assert!(ran.stdout.contains("Usage: packs"), "{}", ran.stdout);
    world.packs(["status"]).fails(9).says("no packs.toml");
}
