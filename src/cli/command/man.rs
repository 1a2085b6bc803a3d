//! `packs man`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::cli::command_tree;
use crate::cli::output::Output;
use crate::fsys;
use crate::ops::OpsError;

/// What may follow `packs man`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  packs man | man -l -\n  packs man switch | man -l -\n  packs man --dir ~/.local/share/man/man1")]
pub struct Arguments {
    /// The command whose page to print (default: packs itself)
    command: Option<String>,

    /// Write all pages into this directory instead
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    dir: Option<PathBuf>,
}

pub(super) fn run(arguments: Arguments, output: Output) -> Result<ExitCode, OpsError> {
    if let Some(directory) = arguments.dir {
        fsys::create_dir_all(&directory)?;
        for (name, page) in pages() {
            fsys::write_atomic(&directory.join(name), &page)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let wanted = arguments.command.map_or_else(|| "packs.1".to_owned(), |command| format!("packs-{command}.1"));
    let pages = pages();
    let known = pages.iter().map(|(name, _)| name.trim_start_matches("packs-").trim_end_matches(".1").to_owned()).collect();
    let found = pages.into_iter().find(|(name, _)| *name == wanted);
    let (_, page) = found.ok_or(OpsError::UnknownCommand { name: wanted.trim_start_matches("packs-").trim_end_matches(".1").to_owned(), known })?;
    output.data(&String::from_utf8_lossy(&page));
    Ok(ExitCode::SUCCESS)
}

/// Renders the page of every command: file name and text.
fn pages() -> Vec<(String, Vec<u8>)> {
    let mut tree = command_tree();
    tree.build();
    let mut pages = vec![("packs.1".to_owned(), page(tree.clone()))];
    for command in tree.get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = format!("packs-{}", command.get_name());
        pages.push((format!("{name}.1"), page(command.clone().display_name(name))));
    }
    pages
}

fn page(command: clap::Command) -> Vec<u8> {
    let mut text = Vec::new();
    clap_mangen::Man::new(command).render(&mut text).expect("writing to memory does not fail");
    text
}
