//! `packs init`

use crate::support::TestEnv;

#[test]
fn writes_a_valid_manifest_and_replaces_none() {
    let world = TestEnv::new();
    world.packs(["init", "--environments", "dev,prod", "--registry", "file:../registry"]).succeeds();
    insta::assert_snapshot!(world.read("packs.toml"), @r#"
    # What this project needs. `packs switch` makes it so; docs: packs switch --help

    [project]
    name = "project"
    default-environment = "dev"

    [registries]
    # A directory, relative to this file or absolute.
    default = "file:../registry"

    [packages]
    # kanban = "^2.0"                                   a range in Cargo's semver syntax
    # linter = { version = "1", tier = "recommended" }   required (default), recommended or optional
    # snippets = { path = "../snippets" }               a directory of your own

    [environments.dev]

    [environments.prod]
    "#);
    world.packs(["status"]).succeeds();
    assert!(world.read(".gitattributes").contains("packs.lock text eol=lf"));
    let before = world.read("packs.toml");
    world.packs(["init"]).fails(2).says("exists already");
    assert_eq!(world.read("packs.toml"), before);
}

#[test]
fn dry_run_writes_nothing() {
    let world = TestEnv::new();
    world.packs(["init", "-n"]).succeeds().prints("would write packs.toml");
    assert!(!world.has("packs.toml"));
}
