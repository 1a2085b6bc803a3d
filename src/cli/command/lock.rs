//! `packs lock`

use std::process::ExitCode;

use clap::Args;

use crate::cli::command::ChangeArgs;
use crate::cli::command::change_lines;
use crate::cli::command::with_environment;
use crate::cli::output::Output;
use crate::cli::output::STRONG;
use crate::cli::output::paint;
use crate::cli::settings::Settings;
use crate::model::EnvironmentName;
use crate::ops;
use crate::ops::LockOutcome;
use crate::ops::LockRequest;
use crate::ops::LockfileState;
use crate::ops::OpsError;

/// What may follow `packs lock`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  packs lock             the lockfile of the environment meant\n  packs lock --all       the lockfiles of all environments\n  packs lock --check     fail with exit code 4 if a lockfile is missing or stale"
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

    #[command(flatten)]
    change: ChangeArgs,
}

pub(super) fn run(arguments: &Arguments, settings: Settings, output: Output) -> Result<ExitCode, OpsError> {
    let settings = with_environment(settings, arguments.environment.clone());
    let request = LockRequest { all: arguments.all, check: arguments.check, change: arguments.change.clone().into() };
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
        text += &format!("environment {}: {} {what}, {} releases\n", paint(STRONG, &locked.environment), locked.lockfile, locked.releases);
        text += &change_lines(&locked.changes);
    }
    text
}
