//! `packs store path|verify`

use std::process::ExitCode;

use clap::Args;
use clap::Subcommand;

use crate::cli::command::verify;
use crate::cli::output::Output;
use crate::cli::settings::Format;
use crate::cli::settings::Settings;
use crate::model::PackName;
use crate::ops;
use crate::ops::OpsError;

/// What may follow `packs store`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print where the store, or a pack of the project, lies
    Path(PathArguments),
    /// Re-hash everything in the store
    Verify(VerifyArguments),
}

/// What may follow `packs store path`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  packs store path\n  packs store path kanban\n  ls \"$(packs store path kanban)\"")]
pub struct PathArguments {
    /// A pack of the environment's current generation (default: the store itself)
    pack: Option<PackName>,
}

/// What may follow `packs store verify`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  packs store verify\n  packs store verify --repair\n  packs store verify --json")]
pub struct VerifyArguments {
    /// Replace what is bad from the archive cache, a registry or an identical blob
    #[arg(long)]
    repair: bool,
}

pub(super) fn run(command: Command, settings: &Settings, output: Output) -> Result<ExitCode, OpsError> {
    match command {
        Command::Path(arguments) => {
            let outcome = ops::store_path(&settings.context, arguments.pack.as_ref())?;
            if output.format == Format::Json {
                output.answer("packs.store-path/1", &outcome, String::new);
            } else {
                output.data(&outcome.path);
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Verify(arguments) => verify::run_store(arguments.repair, settings, output),
    }
}
