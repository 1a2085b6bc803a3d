//! The whole tree of `--help` is the reference page, and every command answers for itself.
#![allow(clippy::disallowed_methods, reason = "tests read and bless files of this repository")]

use std::fs;
use std::path::Path;

use crate::support::TestEnv;

#[test]
fn the_reference_page_is_the_help() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/cli.md");
    let made = packs::cli::reference();
    if std::env::var_os("PACKS_BLESS").is_some() {
        fs::write(&path, &made).expect("written");
    }
    let kept = fs::read_to_string(&path).expect("docs/reference/cli.md is there");
    assert!(kept == made, "docs/reference/cli.md is not what the program says; PACKS_BLESS=1 writes it anew");
}

/// Every exit code of the source has its row, and every row its code.
#[test]
fn the_exit_codes_are_those_of_the_program() {
    let read = |path: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path);
    let (source, page) = (read("src/cli/error/kind.rs"), read("docs/reference/exit-codes.md"));
    let declared = source.lines().filter_map(|line| line.split_once(": u8 = ")?.1.strip_suffix(';')?.parse::<u8>().ok());
    let of_children = [126, 127];
    let mut codes: Vec<u8> = declared.filter(|code| !of_children.contains(code)).chain([0]).collect();
    let mut rows: Vec<u8> = page.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" |")?.0.parse().ok()).collect();
    codes.sort_unstable();
    rows.sort_unstable();
    assert_eq!(rows, codes);
    assert!(of_children.iter().all(|code| page.contains(&code.to_string())), "{page}");
}

#[test]
fn every_command_has_help_and_examples() {
    let world = TestEnv::new();
    for command in packs::cli::command_tree().get_subcommands().filter(|command| command.get_name() != "store") {
        let ran = world.packs([command.get_name(), "--help"]).succeeds();
        assert!(ran.stdout.contains("Usage:") && ran.stdout.contains("Examples:"), "{}:\n{}", command.get_name(), ran.stdout);
    }
    world.packs(["--version"]).succeeds().prints(concat!("packs ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_mistyped_command_or_flag_names_the_nearest() {
    let world = TestEnv::new();
    world.packs(["swich"]).fails(2).says("switch");
    world.packs(["switch", "--dry-rum"]).fails(2).says("--dry-run");
}

#[test]
fn completions_and_man_pages_are_made() {
    let world = TestEnv::new();
    for shell in ["bash", "zsh", "fish"] {
        world.packs(["completions", shell]).succeeds().prints("packs");
    }
    world.packs(["man"]).succeeds().prints(".TH packs 1");
    world.packs(["man", "switch"]).succeeds().prints("packs-switch");
    world.packs(["man", "swich"]).fails(2).says("did you mean switch?");
    world.packs(["man", "--dir", "man1"]).succeeds();
    assert!(world.has("man1/packs-rollback.1"));
}
