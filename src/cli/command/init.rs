//! `packs init`

use std::process::ExitCode;

use clap::Args;

use crate::cli::command::ChangeArgs;
use crate::cli::output::Output;
use crate::cli::output::plain;
use crate::cli::settings::Settings;
use crate::model::EnvironmentName;
use crate::model::ProjectName;
use crate::ops;
use crate::ops::InitOutcome;
use crate::ops::InitRequest;
use crate::ops::OpsError;

/// What may follow `packs init`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  packs init\n  packs init --environments dev,staging,prod\n  packs -C ../shop init --name shop --registry file:/srv/registry"
)]
pub struct Arguments {
    /// The project's name (default: the directory's)
    #[arg(long)]
    name: Option<ProjectName>,

    /// Environments to declare (default: none, so that there is one named default)
    #[arg(long = "environments", visible_alias = "envs", value_name = "NAMES", value_delimiter = ',')]
    environments: Vec<EnvironmentName>,

    /// The address of the default registry
    #[arg(long, value_name = "URL", default_value = "file:registry")]
    registry: String,

    #[command(flatten)]
    change: ChangeArgs,
}

pub(super) fn run(arguments: Arguments, settings: &Settings, output: Output) -> Result<ExitCode, OpsError> {
    let request = InitRequest { name: arguments.name, environments: arguments.environments, registry: arguments.registry, change: arguments.change.into() };
    let outcome = ops::init(&settings.context, &request)?;
    output.answer("packs.init/1", &outcome, || render(&outcome));
    Ok(ExitCode::SUCCESS)
}

fn render(outcome: &InitOutcome) -> String {
    let verb = if outcome.dry_run { "would write" } else { "wrote" };
    outcome.written.iter().map(|file| format!("{verb} {}\n", plain(file))).collect()
}
