//! `packs uninstall PACK …`

use std::process::ExitCode;

use clap::Args;

use crate::cli::command::ChangeArgs;
use crate::cli::command::switch;
use crate::cli::output::Output;
use crate::cli::settings::Settings;
use crate::model::PackName;
use crate::ops;
use crate::ops::OpsError;
use crate::ops::UninstallRequest;

/// What may follow `packs uninstall`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  packs uninstall kanban\n  packs uninstall debug-kit -E dev\n  packs uninstall kanban -n")]
pub struct Arguments {
    /// Packs to take out
    #[arg(value_name = "PACK", required = true)]
    packs: Vec<PackName>,

    #[command(flatten)]
    change: ChangeArgs,
}

pub(super) fn run(arguments: Arguments, settings: &Settings, output: Output) -> Result<ExitCode, OpsError> {
    let outcome = ops::uninstall(&settings.context, &UninstallRequest { packs: arguments.packs, change: arguments.change.into() })?;
    output.answer("packs.switch/1", &outcome, || switch::render(&outcome));
    Ok(ExitCode::SUCCESS)
}
