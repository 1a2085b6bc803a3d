//! `packs lock`

use std::process::ExitCode;

use clap::Args;

use crate::cli::command::ChangeArgs;
use crate::cli::command::change_lines;
use crate::cli::command::with_environment;
use crate::cli::output::Output;
use crate::cli::output::STRONG;
use crate::cli::output::counted;
use crate::cli::output::paint;
use crate::cli::settings::Settings;
use crate::lock::ResolutionMode;
use crate::model::EnvironmentName;
use crate::ops;
use crate::ops::AsOf;
use crate::ops::LockOutcome;
use crate::ops::LockRequest;
use crate::ops::LockfileState;
use crate::ops::OpsError;

/// What may follow `packs lock`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  packs lock             the lockfile of the environment meant\n  packs lock --all       the lockfiles of all environments\n  packs lock --check     fail with exit code 4 if a lockfile is missing or stale\n  packs lock --as-of 2026-11-01            with what was published by then"
)]
pub struct Arguments {
    /// The environment (default: the active one, or default-environment)
    #[arg(conflicts_with = "all")]
    environment: Option<EnvironmentName>,

    /// Lock every environment
    #[arg(long)]
    all: bool,

    /// Only tell whether the lockfile is fresh
    #[arg(long)]
    check: bool,

    /// Which of the releases that will do; kept in the lockfile until another is asked for
    #[arg(long, value_name = "MODE", value_parser = ["highest", "lowest", "lowest-direct"], conflicts_with = "check")]
    resolution: Option<String>,

    /// Only releases published by then, 2026-11-01 or a time; kept in the lockfile until `none` is asked for
    #[arg(long, value_name = "DATE", conflicts_with = "check")]
    as_of: Option<AsOf>,

    #[command(flatten)]
    change: ChangeArgs,
}

pub(super) fn run(arguments: &Arguments, settings: Settings, output: Output) -> Result<ExitCode, OpsError> {
    let settings = with_environment(settings, arguments.environment.clone());
    let resolution = arguments.resolution.as_deref().and_then(ResolutionMode::find);
    let request = LockRequest { all: arguments.all, check: arguments.check, resolution, as_of: arguments.as_of, change: arguments.change.clone().into() };
    let outcome = ops::lock(&settings.context, &request)?;
    output.answer("packs.lock/1", &outcome, || render(&outcome));
    Ok(ExitCode::SUCCESS)
}

fn render(outcome: &LockOutcome) -> String {
    let mut text = String::new();
    for locked in &outcome.lockfiles {
        let what = match (locked.state, outcome.dry_run) {
            (LockfileState::Fresh, _) => "is fresh",
            (LockfileState::Created, true) => "would be made",
            (LockfileState::Created, false) => "is made",
            (LockfileState::Updated, true) => "would be updated",
            (LockfileState::Updated, false) => "is updated",
            (LockfileState::Merged, true) => "would be merged from both sides of the git conflict",
            (LockfileState::Merged, false) => "is merged from both sides of the git conflict",
        };
        text += &format!("environment {}: {} {what}, {}\n", paint(STRONG, &locked.environment), locked.lockfile, counted(locked.releases, "release"));
        text += &change_lines(&locked.changes);
    }
    text
}
