//! `packs history [ENV]`

use std::process::ExitCode;

use clap::Args;

use crate::cli::command::with_environment;
use crate::cli::output::BAD;
use crate::cli::output::CHANGED;
use crate::cli::output::DIM;
use crate::cli::output::GOOD;
use crate::cli::output::Output;
use crate::cli::output::STRONG;
use crate::cli::output::human_bytes;
use crate::cli::output::paint;
use crate::cli::output::plain;
use crate::cli::settings::Settings;
use crate::model::EnvironmentName;
use crate::ops;
use crate::ops::HistoryOutcome;
use crate::ops::HistoryRow;
use crate::ops::OpsError;

/// What may follow `packs history`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  packs history\n  packs history prod --json\n  packs history -v          with every pack that changed")]
pub struct Arguments {
    /// The environment (default: the active one, or default-environment)
    environment: Option<EnvironmentName>,
}

pub(super) fn run(arguments: Arguments, settings: Settings, output: Output) -> Result<ExitCode, OpsError> {
    let settings = with_environment(settings, arguments.environment);
    let outcome = ops::history(&settings.context)?;
    output.answer("packs.history/1", &outcome, || render(&outcome, output.verbose > 0));
    Ok(ExitCode::SUCCESS)
}

fn render(outcome: &HistoryOutcome, with_packs: bool) -> String {
    let mut text = format!("environment {}\n", paint(STRONG, &outcome.environment));
    for row in outcome.generations.iter().rev() {
        text += &line(row, outcome.current == Some(row.number));
        if with_packs {
            text += &crate::cli::command::change_lines(&row.changes()).lines().map(|line| format!("      {line}\n")).collect::<String>();
        }
    }
    text
}

fn line(row: &HistoryRow, is_current: bool) -> String {
    let mark = if is_current { paint(GOOD, "●") } else { "○".to_owned() };
    let lanes = "│ ".repeat(row.lane);
    let parent = row.parent.map_or_else(String::new, |parent| format!(" from {parent}"));
    let counts = [(GOOD, "+", row.added.len()), (CHANGED, "~", row.changed.len()), (BAD, "-", row.removed.len())];
    let counts: String =
        counts.into_iter().filter(|(_, _, count)| *count > 0).map(|(style, sign, count)| format!(" {}", paint(style, format!("{sign}{count}")))).collect();
    let reason = row.reason.as_ref().map_or_else(String::new, |reason| format!("  “{}”", plain(reason)));
    let time = row.created_at.strftime("%Y-%m-%d %H:%M:%S UTC");
    let who = paint(DIM, format!("{time}  {}@{}  {}", plain(&row.user), plain(&row.host), plain(&row.command)));
    format!("{lanes}{mark} {}{parent}{counts}  {}  {who}{reason}\n", paint(STRONG, row.number), human_bytes(row.size))
}
