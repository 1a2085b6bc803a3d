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
    ran.says(&format!("{pack} {version} cannot be locked")).says(&format!("`packs resolve --what-if {pack}@{version}` tells")).stderr.clone()
}

/// A newer `app` is there, which nobody asked for.
#[test]
fn precise_moves_a_pack_that_only_another_requires_and_nothing_else() {
    let first = [Pack::new("app", "1.0.0").requires("lib", "^1"), Pack::new("lib", "1.0.0")];
    let second = [Pack::new("app", "1.1.0").requires("lib", "=1.1.0"), Pack::new("lib", "1.1.0"), Pack::new("lib", "1.2.0")];
    let world = world(&["app"], &first, &second);
    refused(&world, "lib", "7.0.0");
    world.packs(["update", "lib", "--precise", "1.1.0"]).succeeds();
    assert_eq!(locked(&world, "packs.lock"), "app 1.0.0, lib 1.1.0");
    world.packs(["lock"]).succeeds();
    assert_eq!(locked(&world, "packs.lock"), "app 1.0.0, lib 1.1.0", "it stays there");
    world.packs(["update", "lib", "--precise", "1.0.0"]).succeeds();
    assert_eq!(locked(&world, "packs.lock"), "app 1.0.0, lib 1.0.0", "and goes back");
    world.packs(["update", "lib"]).succeeds();
    assert_eq!(locked(&world, "packs.lock"), "app 1.0.0, lib 1.2.0");
}

/// What the project requires itself stays where it is locked: that it would have to move is told by a question, and it moves where that is asked for.
#[test]
fn precise_moves_no_locked_requirement_of_the_project() {
    let first = [Pack::new("app", "1.0.0").requires("lib", "=1.0.0"), Pack::new("lib", "1.0.0")];
    let second = [Pack::new("app", "1.1.0").requires("lib", "^1.1"), Pack::new("lib", "1.1.0")];
    let world = world(&["app"], &first, &second);
    refused(&world, "lib", "1.1.0");
    world.packs(["resolve", "--what-if", "lib@1.1.0"]).succeeds().prints("app 1.0.0 → 1.1.0").prints("lib 1.0.0 → 1.1.0");
    world.packs(["update", "app"]).succeeds();
    assert_eq!(locked(&world, "packs.lock"), "app 1.1.0, lib 1.1.0");
}

/// Of two requirements that are locked, the one whose name comes first is settled first, as `docs/concepts/resolution.md` says.
#[test]
fn precise_moves_a_lock_that_is_settled_after_it_and_none_that_is_settled_before() {
    let pair = |moved: &str, other: &str| {
        let first = [Pack::new(moved, "1.0.0"), Pack::new(other, "1.0.0").requires(moved, "=1.0.0")];
        let second = [Pack::new(moved, "1.1.0"), Pack::new(other, "1.1.0").requires(moved, "=1.1.0")];
        world(&[moved, other], &first, &second)
    };
    let world = pair("aaa", "bbb");
    world.packs(["update", "aaa", "--precise", "1.1.0"]).succeeds();
    assert_eq!(locked(&world, "packs.lock"), "aaa 1.1.0, bbb 1.1.0");
    refused(&pair("bbb", "aaa"), "bbb", "1.1.0");
}
