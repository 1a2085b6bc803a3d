//! The example scripts that install and publish without packs.
#![allow(clippy::disallowed_methods, reason = "tests run scripts and look at what they left")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::process::Output;

use crate::support::Pack;
use crate::support::TestEnv;

/// Runs a script; `None` where one of the tools that it needs is not here.
fn script(world: &TestEnv, name: &str, arguments: &[&str]) -> Option<Output> {
    for tool in ["curl", "tar", "zstd", "sha256sum"] {
        match Command::new(tool).arg("--version").output() {
            Ok(_) => {}
            Err(error) if std::env::var_os("PACKS_REQUIRE_PEERS").is_none() => {
                println!("NOT RUN: needs {tool} ({error})");
                return None;
            }
            Err(error) => panic!("{tool}: {error}"),
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/by-hand").join(name);
    Some(Command::new("sh").arg(path).args(arguments).current_dir(world.project()).output().expect("sh starts"))
}

/// Publishes kanban 1.0.0 by hand; gives the address of its archive.
fn published(world: &TestEnv) -> Option<String> {
    let archive = world.build(&Pack::new("kanban", "1.0.0").requires("workflow", "^1.2").command("kanban", "#!/bin/sh\necho board\n").file("a b.md", "x"));
    let archive = archive.to_str().expect("text");
    let ran = script(world, "publish.sh", &["site", archive])?;
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    Some(format!("file://{}/site/packs/kanban/1.0.0/kanban-1.0.0.tar.zst", world.project().display()))
}

fn installed(world: &TestEnv, address: &str) -> (bool, String) {
    let ran = script(world, "install.sh", &[address, "tools"]).expect("its tools are here");
    (ran.status.success(), format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr)))
}

#[test]
fn what_is_published_by_hand_is_installed_by_hand() {
    let world = TestEnv::new();
    let Some(address) = published(&world) else { return };
    let (good, text) = installed(&world, &address);
    assert!(good && text.contains("kanban-1.0.0.tar.zst: OK") && text.contains("it requires workflow: ^1.2"), "{text}");
    let ran = Command::new(world.project().join("tools/kanban/bin/kanban")).output().expect("the command is executable");
    assert_eq!(ran.stdout, b"board\n");
    assert!(world.has("tools/kanban-1.0.0/MANIFEST.json") && world.has("tools/kanban/a b.md"));
    let (good, text) = installed(&world, &address);
    assert!(!good && text.contains("is there already"), "{text}");
    assert_eq!(fs::read_dir(world.project().join("tools")).expect("there").count(), 2, "nothing half-done is left");
}

#[test]
fn a_wrong_digest_stops_an_installation_by_hand() {
    let world = TestEnv::new();
    let Some(address) = published(&world) else { return };
    let side_file = world.project().join("site/packs/kanban/1.0.0/kanban-1.0.0.tar.zst.sha256");
    let good = fs::read_to_string(&side_file).expect("there");
    for (side, part) in [
        (format!("{}{}", "0".repeat(64), &good[64..]), "FAILED"),
        (good.replace("kanban-1.0.0", "other-1.0.0"), "is not one line about"),
        (format!("{good}{good}"), "is not one line about"),
    ] {
        fs::write(&side_file, side).expect("written");
        let (good, text) = installed(&world, &address);
        assert!(!good && text.contains(part), "{text}");
        assert_eq!(fs::read_dir(world.project().join("tools")).expect("there").count(), 0, "nothing is left");
    }
}

#[test]
fn a_published_version_never_changes_by_hand_either() {
    let world = TestEnv::new();
    let Some(_) = published(&world) else { return };
    let archive = world.root().join("archives/kanban-1.0.0.tar.zst");
    let archive = archive.to_str().expect("text");
    let ran = script(&world, "publish.sh", &["site", archive]).expect("its tools are here");
    assert!(ran.status.success() && String::from_utf8_lossy(&ran.stdout).contains("published already"));
    world.build(&Pack::new("kanban", "1.0.0").file("other", "y"));
    let ran = script(&world, "publish.sh", &["site", archive]).expect("its tools are here");
    assert!(!ran.status.success() && String::from_utf8_lossy(&ran.stderr).contains("raise the version"));
    fs::write(format!("{archive}.sha256"), format!("{}  kanban-1.0.0.tar.zst\n", "0".repeat(64))).expect("written");
    let ran = script(&world, "publish.sh", &["site", archive]).expect("its tools are here");
    assert!(!ran.status.success());
}
