//! `packs undo`

use std::process::ExitCode;

use clap::Args;

use crate::cli::command::ChangeArgs;
use crate::cli::output::Output;
use crate::cli::output::STRONG;
use crate::cli::output::paint;
use crate::cli::output::plain;
use crate::cli::settings::Settings;
use crate::ops;
use crate::ops::OpsError;
use crate::ops::UndoOutcome;

/// What may follow `packs undo`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  packs undo       take back the last change of this project\n  packs undo -n    show what that would be\n  packs undo -m 'broke the build'"
)]
pub struct Arguments {
    #[command(flatten)]
    change: ChangeArgs,
}

pub(super) fn run(arguments: Arguments, settings: &Settings, output: Output) -> Result<ExitCode, OpsError> {
    let outcome = ops::undo(&settings.context, &arguments.change.into())?;
    output.answer("packs.undo/1", &outcome, || render(&outcome));
    Ok(ExitCode::SUCCESS)
}

fn render(outcome: &UndoOutcome) -> String {
    let verb = if outcome.dry_run { "would take back" } else { "took back" };
    let mut text = format!("{verb} {}\n", paint(STRONG, plain(&outcome.command)));
    for file in &outcome.files {
        text += &format!("  {} {}\n", if file.removed { "removed" } else { "restored" }, plain(&file.path));
    }
    for flip in &outcome.generations {
        text += &format!("environment {}: generation {} is current (from {})\n", paint(STRONG, &flip.environment), flip.to, flip.from);
    }
    if outcome.dry_run { text + "nothing was changed\n" } else { text }
}
