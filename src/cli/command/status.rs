//! `packs status`, and `packs` alone

use std::process::ExitCode;

use clap::Args;

use crate::cli::command_tree;
use crate::cli::output::BAD;
use crate::cli::output::CHANGED;
use crate::cli::output::GOOD;
use crate::cli::output::Output;
use crate::cli::output::STRONG;
use crate::cli::output::counted;
use crate::cli::output::paint;
use crate::cli::output::plain;
use crate::cli::settings::Settings;
use crate::ops;
use crate::ops::EnvironmentStatus;
use crate::ops::LockfileCondition;
use crate::ops::OpsError;
use crate::ops::StatusOutcome;

/// What may follow `packs status`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  packs status\n  packs status --json\n  packs -C ../shop status")]
pub struct Arguments {}

pub(super) fn run(_: &Arguments, settings: &Settings, output: Output) -> Result<ExitCode, OpsError> {
    let outcome = ops::status(&settings.context)?;
    output.answer("packs.status/1", &outcome, || render(&outcome));
    Ok(ExitCode::SUCCESS)
}

/// Answers `packs` without a command: the status of a project, or the short help where there is none.
pub(super) fn run_bare(settings: &Settings, output: Output) -> Result<ExitCode, OpsError> {
    if ops::Project::find(&settings.context)?.is_some() {
        return run(&Arguments {}, settings, output);
    }
    output.data(&command_tree().render_help().ansi().to_string());
    Ok(ExitCode::SUCCESS)
}

fn render(outcome: &StatusOutcome) -> String {
    let mut text = format!("project {} in {}\n", paint(STRONG, &outcome.project), plain(&outcome.directory));
    for environment in &outcome.environments {
        text += &line(environment);
    }
    text
}

fn line(status: &EnvironmentStatus) -> String {
    let mark = if status.active { paint(GOOD, "●") } else { "○".to_owned() };
    let generation = match status.generation {
        Some(number) => format!("generation {number}, {}", counted(status.packs, "pack")),
        None => "not switched to yet".to_owned(),
    };
    let lockfile = match status.lockfile {
        LockfileCondition::Fresh if status.switched => paint(GOOD, "up to date"),
        LockfileCondition::Fresh if status.generation.is_none() => paint(CHANGED, "locked"),
        LockfileCondition::Fresh => paint(CHANGED, "the lockfile changed since: packs switch"),
        LockfileCondition::Stale => paint(CHANGED, "the lockfile is stale: packs lock"),
        LockfileCondition::Missing => paint(CHANGED, "not locked yet: packs lock"),
        LockfileCondition::Invalid => paint(BAD, "the lockfile cannot be read: packs lock"),
    };
    format!("{mark} {}: {generation}; {lockfile}\n", paint(STRONG, &status.environment))
}
