//! `packs completions SHELL`

use std::process::ExitCode;

use clap::Args;
use clap_complete::Shell;

use crate::cli::command_tree;
use crate::cli::output::Output;
use crate::ops::OpsError;

/// What may follow `packs completions`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  packs completions bash > ~/.local/share/bash-completion/completions/packs\n  packs completions zsh > ~/.zfunc/_packs\n  packs completions fish > ~/.config/fish/completions/packs.fish"
)]
pub struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

#[allow(clippy::unnecessary_wraps, reason = "all commands answer alike")]
pub(super) fn run(arguments: &Arguments, output: Output) -> Result<ExitCode, OpsError> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command_tree(), "packs", &mut script);
    output.data(&String::from_utf8_lossy(&script));
    Ok(ExitCode::SUCCESS)
}
