//! The reference of all commands, made from their definitions: `docs/reference/cli.md`, which a test compares.

use std::fmt::Write as _;

use crate::cli::command_tree;

/// Writes the long help of every command as one page.
pub fn reference() -> String {
    let mut tree = command_tree().term_width(100);
    tree.build();
    let mut page = "# Commands\n\nMade from the program by `tests/cli/reference.rs`; do not edit.\n".to_owned();
    describe(&mut page, &mut tree.clone(), "packs");
    page
}

fn describe(page: &mut String, command: &mut clap::Command, name: &str) {
    let help = command.clone().bin_name(name).render_long_help().to_string();
    let help: String = help.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    write!(page, "\n## {name}\n\n```text\n{}\n```\n", help.trim_end()).expect("a String takes all");
    for inner in command.get_subcommands_mut().filter(|inner| !inner.is_hide_set()) {
        let name = format!("{name} {}", inner.get_name());
        describe(page, inner, &name);
    }
}
