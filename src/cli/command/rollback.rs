//! `packs rollback [ENV] [--to N] [--restore]`

use std::process::ExitCode;

use clap::Args;

use crate::cli::command::ChangeArgs;
use crate::cli::command::change_lines;
use crate::cli::command::with_environment;
use crate::cli::output::Output;
use crate::cli::output::STRONG;
use crate::cli::output::paint;
use crate::cli::output::plain;
use crate::cli::settings::Settings;
use crate::model::EnvironmentName;
use crate::ops;
use crate::ops::OpsError;
use crate::ops::RollbackOutcome;
use crate::ops::RollbackRequest;

/// What may follow `packs rollback`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  packs rollback                  to the generation this one came from\n  packs rollback prod --to 12     to generation 12 of prod\n  packs rollback --restore        and put its packs.toml and lockfile back too"
)]
pub struct Arguments {
    /// The environment (default: the active one, or default-environment)
    environment: Option<EnvironmentName>,

    /// The generation to go back to (default: the parent of the current one)
    #[arg(long, value_name = "N")]
    to: Option<u64>,

    /// Also put that generation's packs.toml and lockfile back
    #[arg(long)]
    restore: bool,

    /// Replace placed copies even where they were edited; the edited file is kept beside it
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    change: ChangeArgs,
}

pub(super) fn run(arguments: Arguments, settings: Settings, output: Output) -> Result<ExitCode, OpsError> {
    let settings = with_environment(settings, arguments.environment);
    let request = RollbackRequest { to: arguments.to, restore: arguments.restore, force: arguments.force, change: arguments.change.into() };
    let outcome = ops::rollback(&settings.context, &request)?;
    output.answer("packs.rollback/1", &outcome, || render(&outcome));
    Ok(ExitCode::SUCCESS)
}

fn render(outcome: &RollbackOutcome) -> String {
    let mut text = format!("environment {}\n{}", paint(STRONG, &outcome.environment), change_lines(&outcome.changes));
    for edit in &outcome.edited_copies {
        text += &format!("  kept {} as you edited it (--force replaces it and keeps yours beside it)\n", plain(edit));
    }
    for saved in &outcome.saved_copies {
        text += &format!("  your {} is kept as {}\n", plain(&saved.path), plain(&saved.saved_as));
    }
    if outcome.restored {
        text += &format!("{} packs.toml and {} of generation {}\n", if outcome.dry_run { "would restore" } else { "restored" }, outcome.lockfile, outcome.to);
    }
    if outcome.nothing_to_do {
        return text + &format!("nothing to do: generation {} is current\n", outcome.to);
    }
    if outcome.dry_run {
        return text + &format!("would go back to generation {} (from {}); nothing was changed\n", outcome.to, outcome.from);
    }
    text + &format!("generation {} is current (from {})\n", paint(STRONG, outcome.to), outcome.from)
}
