//! `packs install [PACK[@RANGE] …]`

use std::process::ExitCode;

use clap::Args;

use crate::cli::command::ChangeArgs;
use crate::cli::command::switch;
use crate::cli::output::Output;
use crate::cli::settings::Settings;
use crate::model::ExtraName;
use crate::model::RegistryName;
use crate::ops;
use crate::ops::AskedPack;
use crate::ops::InstallRequest;
use crate::ops::OpsError;
use crate::ops::SwitchRequest;

/// What may follow `packs install`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  packs install kanban            the newest release; writes kanban = \"^2.1.0\"\n  packs install kanban@~2.0 -E dev  only in the environment dev\n  packs install                   same as packs switch"
)]
pub struct Arguments {
    /// Packs to add, each with a range if not the newest: kanban, kanban@^2, @acme/boards@=1.0.0; one that packs.toml names keeps its range where none is given
    #[arg(value_name = "PACK[@RANGE]")]
    packs: Vec<AskedPack>,

    /// Ask for an extra of the packs named
    #[arg(long = "with", value_name = "EXTRA")]
    extras: Vec<ExtraName>,

    /// Take the packs from this registry of packs.toml
    #[arg(long, value_name = "NAME")]
    registry: Option<RegistryName>,

    /// How much they are wanted
    #[arg(long, value_name = "TIER", value_parser = ["required", "recommended", "optional"])]
    tier: Option<String>,

    #[command(flatten)]
    change: ChangeArgs,
}

pub(super) fn run(arguments: Arguments, mut settings: Settings, output: Output) -> Result<ExitCode, OpsError> {
    let change = arguments.change.into();
    let outcome = if arguments.packs.is_empty() {
        switch::locked_in_ci(&mut settings, output);
        ops::switch(&settings.context, &SwitchRequest { force: false, change })?
    } else {
        let tier = arguments.tier.as_deref().and_then(crate::model::Tier::find);
        let request = InstallRequest { packs: arguments.packs, extras: arguments.extras, registry: arguments.registry, tier, change };
        ops::install(&settings.context, &request)?
    };
    output.answer("packs.switch/1", &outcome, || switch::render(&outcome));
    Ok(ExitCode::SUCCESS)
}
