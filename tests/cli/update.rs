//! `packs update --precise`: what of the rest stays, and what stands in its way

use crate::cli::lock::locked;
use crate::support::Pack;
use crate::support::TestEnv;

/// Publishes the first releases, locks what the project asks for, and publishes the second.
fn world(asked: &[&str], first: &[Pack], second: &[Pack]) -> TestEnv {
    let world = TestEnv::new();
    world.publish_all(first);
    let asked: String = asked.iter().map(|name| format!("{name} = \"^1\"\n")).collect();
    world.manifest(&format!("[packages]\n{asked}"));
    world.packs(["lock"]).succeeds();
    world.publish_all(second);
    world
}

/// Asks for a release that is not to be had; gives what is said, and checks that nothing has moved.
#[track_caller]
fn refused(world: &TestEnv, pack: &str, version: &str) -> String {
    let before = world.read("packs.lock");
    let ran = world.packs(["update", pack, "--precise", version]).fails(3);
    assert_eq!(world.read("packs.lock"), before);
    assert!(!world.has(".packs/active"), "nothing is switched to");
    ran.stderr.clone()
}

/// A newer `app` is there, which nobody asked for.
#[test]
fn precise_moves_a_pack_that_only_another_requires_and_nothing_else() {
    let first = [Pack::new("app", "1.0.0").requires("lib", "^1"), Pack::new("lib", "1.0.0")];
    let second = [Pack::new("app", "1.1.0").requires("lib", "=1.1.0"), Pack::new("lib", "1.1.0"), Pack::new("lib", "1.2.0")];
    let world = world(&["app"], &first, &second);
    insta::assert_snapshot!(refused(&world, "lib", "7.0.0"), @"
    error: environment default: no set of releases satisfies packs.toml with what is asked for, which is not written
    This requirement cannot be met:
      asked for  lib =7.0.0
    Because you ask for lib =7.0.0 (no release is in that range; the newest is 1.2.0), that requirement cannot be met.
    ");
    world.packs(["update", "lib", "--precise", "1.1.0"]).succeeds();
    assert_eq!(locked(&world, "packs.lock"), "app 1.0.0, lib 1.1.0");
    world.packs(["lock"]).succeeds();
    assert_eq!(locked(&world, "packs.lock"), "app 1.0.0, lib 1.1.0", "it stays there");
    world.packs(["update", "lib", "--precise", "1.0.0"]).succeeds();
    assert_eq!(locked(&world, "packs.lock"), "app 1.0.0, lib 1.0.0", "and goes back");
    world.packs(["update", "lib"]).succeeds();
    assert_eq!(locked(&world, "packs.lock"), "app 1.0.0, lib 1.2.0");
}

/// What is locked makes room as far as it must, whatever its name, and no further.
#[test]
fn precise_moves_what_stands_in_its_way() {
    let pair = |moved: &str, other: &str| {
        let first = [Pack::new(moved, "1.0.0"), Pack::new(other, "1.0.0").requires(moved, "=1.0.0"), Pack::new("calm", "1.0.0")];
        let second = [Pack::new(moved, "1.1.0"), Pack::new(other, "1.1.0").requires(moved, "^1.1"), Pack::new("calm", "1.1.0")];
        world(&[moved, other, "calm"], &first, &second)
    };
    for (moved, other) in [("aaa", "bbb"), ("bbb", "aaa")] {
        let world = pair(moved, other);
        world.packs(["update", moved, "--precise", "1.1.0"]).succeeds();
        assert_eq!(locked(&world, "packs.lock"), "aaa 1.1.0, bbb 1.1.0, calm 1.0.0");
    }
    let first = [Pack::new("app", "1.0.0").requires("lib", "=1.0.0"), Pack::new("lib", "1.0.0")];
    let second = [Pack::new("app", "1.1.0").requires("lib", "^1.1"), Pack::new("lib", "1.1.0")];
    let world = world(&["app"], &first, &second);
    world.packs(["update", "lib", "--precise", "1.1.0"]).succeeds();
    assert_eq!(locked(&world, "packs.lock"), "app 1.1.0, lib 1.1.0");
}

/// What packs.toml itself rules out is told as any conflict is.
#[test]
fn precise_goes_no_further_than_packs_toml() {
    let first = [Pack::new("app", "1.0.0").requires("lib", "=1.0.0"), Pack::new("lib", "1.0.0")];
    let second = [Pack::new("lib", "1.1.0"), Pack::new("app", "2.0.0").requires("lib", "^1.1")];
    let world = world(&["app"], &first, &second);
    insta::assert_snapshot!(refused(&world, "lib", "1.1.0"), @"
    error: environment default: no set of releases satisfies packs.toml with what is asked for, which is not written
    These two requirements cannot be met together:
      asked for     lib =1.1.0
      packs.toml:8  app ^1
    Because app 1.0.0 requires lib =1.0.0 and your project requires app ^1, your project needs lib =1.0.0.
    And because you ask for lib =1.1.0, these requirements cannot be met together.
    ");
    world.manifest("[packages]\napp = \"^1\"\n[overrides]\nlib = \"=1.0.0\"\n");
    insta::assert_snapshot!(refused(&world, "lib", "1.1.0"), @"
    error: lib 1.1.0 cannot be locked: [overrides] in packs.toml leaves 1.0.0
    hint: `packs resolve default --what-if lib@1.1.0` tells what stands against it, or would move with it
    ");
}

/// A release that would come in without being required by anything is not locked.
#[test]
fn precise_brings_nothing_in() {
    let first = [Pack::new("app", "1.0.0").requires("lib", "^1"), Pack::new("lib", "1.0.0")];
    let second = [Pack::new("lib", "1.1.0"), Pack::new("app", "1.1.0")];
    let world = world(&["app"], &first, &second);
    world.packs(["update", "app"]).succeeds();
    world.packs(["update", "lib", "--precise", "1.1.0"]).fails(9);
}
