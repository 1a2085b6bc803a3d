//! `packs run -- COMMAND …`

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Args;

use crate::cli::settings::Settings;
use crate::ops;
use crate::ops::OpsError;
use crate::ops::RunRequest;

/// What may follow `packs run`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  packs run -- kanban list\n  packs run -E dev -- sh -c 'command -v kanban'\n  packs run -- make test")]
pub struct Arguments {
    /// The command and its arguments
    #[arg(trailing_var_arg = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

pub(super) fn run(arguments: Arguments, settings: &Settings) -> Result<ExitCode, OpsError> {
    let request = RunRequest { command: arguments.command, path: settings.path.clone() };
    match ops::run(&settings.context, &request)? {}
}
