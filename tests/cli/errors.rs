//! The catalogue of messages, as people see them.
#![allow(clippy::disallowed_methods, reason = "tests set up their world on the disk")]

use std::fs;

use crate::support::Pack;
use crate::support::TestEnv;

#[test]
fn a_fault_in_the_manifest() {
    let world = TestEnv::with_kanban();
    world.manifest("[packages]\nkanban = \"~2.0\"\nreports = { version = \"nonsense\", tier = \"requierd\" }\n\n[enviroments.dev]\n");
    insta::assert_snapshot!(world.packs(["switch"]).fails(2).stderr, @r#"
    error: "nonsense" is not a valid version range: unexpected character 'n' while parsing major version number (a range looks like ^1.2 or >=1.2, <3)
     --> packs.toml:9:23
      |
    9 | reports = { version = "nonsense", tier = "requierd" }
      |                       ^^^^^^^^^^ not a valid version range

    error: unknown tier `requierd`, expected one of required, recommended, optional
     --> packs.toml:9:42
      |
    9 | reports = { version = "nonsense", tier = "requierd" }
      |                                          ^^^^^^^^^^ did you mean `required`?

    error: unknown key `enviroments` in packs.toml, expected one of project, registries, packages, overrides, constraints, place, environments, policy
      --> packs.toml:11:2
       |
    11 | [enviroments.dev]
       |  ^^^^^^^^^^^ did you mean `environments`?
    "#);
}

#[test]
fn a_conflict() {
    let world = TestEnv::with_kanban();
    world.manifest("[packages]\nkanban = \"~2.1\"\nworkflow = \"=1.0.0\"\n");
    insta::assert_snapshot!(world.packs(["lock"]).fails(3).stderr, @r#"
    error: environment default: no set of releases satisfies packs.toml
    These two requirements cannot be met together:
      packs.toml:8  kanban ~2.1
      packs.toml:9  workflow =1.0.0
    Because kanban 2.1.0 requires workflow ^1.2 and your project requires kanban ~2.1, your project needs workflow ^1.2.
    And because your project requires workflow =1.0.0, these requirements cannot be met together.
    hint: this would do: in packs.toml:9 write workflow = "=1.2.0" instead of workflow = "=1.0.0"; `packs resolve default --fixes 3` shows more
    "#);
}

#[test]
fn an_unknown_pack() {
    let world = TestEnv::with_kanban();
    world.manifest("[packages]\nkanbna = \"~2.1\"\n");
    insta::assert_snapshot!(world.packs(["lock"]).fails(3).stderr, @"
    error: environment default: no set of releases satisfies packs.toml
    This requirement cannot be met:
      packs.toml:8  kanbna ~2.1
    Because your project requires kanbna ~2.1 (there is no such pack), that requirement cannot be met.
    hint: there is no pack kanbna; did you mean kanban?
    ");
}

#[test]
fn a_damaged_archive() {
    let world = TestEnv::with_kanban();
    fs::write(world.registry().join("packs/kanban/2.0.3/kanban-2.0.3.tar.zst"), b"short").expect("written");
    insta::assert_snapshot!(world.packs(["switch"]).fails(5).stderr, @"
    error: kanban 2.0.3 from [REGISTRY]/packs/kanban/2.0.3/kanban-2.0.3.tar.zst
      cause: [REGISTRY]/packs/kanban/2.0.3/kanban-2.0.3.tar.zst is not the archive that was promised
      cause: 532 bytes were promised, and there are 5
    hint: the archive is not the one that is locked: fetch or publish it anew; nothing of it was unpacked
    ");
}

#[test]
fn no_project_and_no_environment() {
    let world = TestEnv::new();
    insta::assert_snapshot!(world.packs(["switch"]).fails(9).stderr, @"
    error: no packs.toml in [PROJECT] or above
    hint: `packs init` makes a packs.toml here
    ");
    world.manifest("[environments.dev]\n\n[environments.prod]\n");
    insta::assert_snapshot!(world.packs(["switch"]).fails(2).stderr, @r#"
    error: which environment? packs.toml declares dev and prod and names no default-environment
    hint: name it: -E dev, or write default-environment = "dev" under [project]
    "#);
    insta::assert_snapshot!(world.packs(["switch", "staging"]).fails(9).stderr, @"error: no environment staging in packs.toml; there is dev and prod");
}

#[test]
fn a_stale_lockfile() {
    let world = TestEnv::with_kanban();
    world.packs(["lock"]).succeeds();
    world.manifest("[packages]\nkanban = \"~2.1\"\nsnippets = \"1\"\n");
    insta::assert_snapshot!(world.packs(["switch", "--locked"]).fails(4).stderr, @r#"
    error: packs.lock is stale and must not be written (--locked): kanban was "~2.0" and is "~2.1"; snippets = "1" is new
    hint: `packs lock default` makes it anew; so does `packs switch default` without --locked
    "#);
}

#[test]
fn clashing_commands() {
    let world = TestEnv::with_kanban();
    world.publish(&Pack::new("boards", "1.0.0").command("kanban", "#!/bin/sh\n"));
    world.manifest("[packages]\nkanban = \"~2.0\"\nboards = \"1\"\n");
    insta::assert_snapshot!(world.packs(["switch"]).fails(2).stderr, @r#"
    error: the packs cannot be linked together
      bin/kanban is offered by boards (bin/kanban) and kanban (bin/kanban)
    hint: rename one in packs.toml: kanban = { version = "…", rename = { kanban = "kanban-2" } }
    hint: or let one win: kanban = { version = "…", priority = 1 }
    "#);
}

#[test]
fn no_registry() {
    let world = TestEnv::with_kanban();
    fs::remove_dir_all(world.registry()).expect("removed");
    insta::assert_snapshot!(world.packs(["lock"]).fails(6).stderr, @"
    error: the registry file:[PROJECT]/../registry failed
      cause: there is no registry at file:[PROJECT]/../registry
    hint: check the address under [registries] in packs.toml; relative ones start at packs.toml
    ");
    world.write("packs.toml", "[project]\nname = \"demo\"\n\n[registries]\ndefault = \"https://example.org/registry\"\n\n[packages]\nkanban = \"1\"\n");
    insta::assert_snapshot!(world.packs(["lock", "--offline"]).fails(6).stderr, @"
    error: the registry https://example.org/registry is offline, and the index of kanban is needed
    hint: the same command, once without --offline, keeps what it reads for the next time
    ");
}

#[test]
fn a_path_pack_that_cannot_be_packed() {
    let world = TestEnv::with_kanban();
    world.manifest("[packages]\nnotes = { path = \"../nowhere\" }\n");
    insta::assert_snapshot!(world.packs(["switch"]).fails(2).stderr, @"
    error: packs.toml:8: the directory of notes cannot be used
      cause: [PROJECT]/../nowhere is no directory
    ");
}

#[test]
fn what_is_in_the_way_of_undo_and_place() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    world.packs(["install", "snippets"]).succeeds();
    world.packs(["rollback"]).succeeds();
    insta::assert_snapshot!(world.packs(["undo"]).fails(2).stderr, @"
    error: `packs install snippets` cannot be taken back: default was switched since: generation 1 is current, not generation 2
    hint: to go back there first: packs rollback default --to 2
    ");
    world.write("board/mine.txt", "mine\n");
    world.manifest("[packages]\nkanban = \"~2.0\"\n\n[place]\n\"board\" = { pack = \"kanban\" }\n");
    insta::assert_snapshot!(world.packs(["switch"]).fails(2).stderr, @"
    error: files that packs did not place are in the way:
      board of kanban cannot be placed: something that packs did not place is in the way at board/mine.txt
    hint: move these files away, or choose another target under [place]; nothing was changed
    ");
}

#[test]
fn a_home_of_another_version() {
    let world = TestEnv::with_kanban();
    fs::write(world.home().join("VERSION"), "2\n").expect("written");
    insta::assert_snapshot!(world.packs(["switch"]).fails(2).stderr, @"error: the layout of [HOME] is version 2, and this packs knows version 1");
}
