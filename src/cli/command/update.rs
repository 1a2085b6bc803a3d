//! `packs update [PACK …]`

use std::process::ExitCode;

use clap::Args;

use crate::cli::command::ChangeArgs;
use crate::cli::command::switch;
use crate::cli::output::Output;
use crate::cli::settings::Settings;
use crate::model::PackName;
use crate::model::Version;
use crate::ops;
use crate::ops::OpsError;
use crate::ops::UpdateRequest;

/// What may follow `packs update`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  packs update                          all packs, within their ranges\n  packs update kanban --latest          move its range in packs.toml too\n  packs update kanban --precise 2.0.3   exactly this release"
)]
pub struct Arguments {
    /// Packs to update (default: all)
    #[arg(value_name = "PACK")]
    packs: Vec<PackName>,

    /// Move the ranges in packs.toml to the newest release too
    #[arg(long, conflicts_with = "precise")]
    latest: bool,

    /// Lock exactly this version of the one pack named
    #[arg(long, value_name = "VERSION", requires = "packs")]
    precise: Option<Version>,

    #[command(flatten)]
    change: ChangeArgs,
}

pub(super) fn run(arguments: Arguments, settings: &Settings, output: Output) -> Result<ExitCode, OpsError> {
    if arguments.precise.is_some() && arguments.packs.len() > 1 {
        return Err(OpsError::PreciseOfMany { packs: arguments.packs });
    }
    let request = UpdateRequest { packs: arguments.packs, latest: arguments.latest, precise: arguments.precise, change: arguments.change.into() };
    let outcome = ops::update(&settings.context, &request)?;
    output.answer("packs.switch/1", &outcome, || switch::render(&outcome));
    Ok(ExitCode::SUCCESS)
}
