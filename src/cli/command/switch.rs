//! `packs switch [ENV]`

use std::process::ExitCode;

use clap::Args;

use crate::cli::command::ChangeArgs;
use crate::cli::command::change_lines;
use crate::cli::command::with_environment;
use crate::cli::output::DIM;
use crate::cli::output::Output;
use crate::cli::output::STRONG;
use crate::cli::output::counted;
use crate::cli::output::human_bytes;
use crate::cli::output::paint;
use crate::cli::output::plain;
use crate::cli::settings::Settings;
use crate::model::EnvironmentName;
use crate::ops;
use crate::ops::LockfileState;
use crate::ops::Locking;
use crate::ops::OpsError;
use crate::ops::SwitchOutcome;
use crate::ops::SwitchRequest;

/// What may follow `packs switch`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  packs switch                 the active or default environment\n  packs switch prod --frozen   exactly the lockfile, without any network\n  packs switch -n              only show what would change"
)]
pub struct Arguments {
    /// The environment (default: the active one, or default-environment)
    environment: Option<EnvironmentName>,

    /// Replace placed copies even where they were edited; the edited file is kept beside it
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    change: ChangeArgs,
}

pub(super) fn run(arguments: Arguments, settings: Settings, output: Output) -> Result<ExitCode, OpsError> {
    let mut settings = with_environment(settings, arguments.environment);
    locked_in_ci(&mut settings, output);
    let outcome = ops::switch(&settings.context, &SwitchRequest { force: arguments.force, change: arguments.change.into() })?;
    output.answer("packs.switch/1", &outcome, || render(&outcome));
    Ok(ExitCode::SUCCESS)
}

/// With `CI` set the lockfile must not change unless somebody says otherwise: what was reviewed is what is switched to.
pub(super) fn locked_in_ci(settings: &mut Settings, output: Output) {
    if settings.ci && settings.context.locking == Locking::Allowed {
        settings.context.locking = Locking::Locked;
        output.say("CI is set: --locked holds");
    }
}

/// Writes the outcome of a switch for people; install, uninstall and update end alike.
pub(super) fn render(outcome: &SwitchOutcome) -> String {
    let mut text = format!("environment {}\n", paint(STRONG, &outcome.environment));
    if let Some(line) = lockfile_line(outcome) {
        text += &line;
    }
    text += &change_lines(&outcome.changes);
    for edit in &outcome.edited_copies {
        text += &format!("  kept {} as you edited it (--force replaces it and keeps yours beside it)\n", plain(edit));
    }
    for saved in &outcome.saved_copies {
        text += &format!("  your {} is kept as {}\n", plain(&saved.path), plain(&saved.saved_as));
    }
    text + &last_line(outcome)
}

fn lockfile_line(outcome: &SwitchOutcome) -> Option<String> {
    let file = &outcome.lockfile;
    match outcome.lockfile_state {
        LockfileState::Fresh => None,
        LockfileState::Created => Some(format!("{} {file}\n", would(outcome, "would lock", "locked"))),
        LockfileState::Updated => Some(format!("{} {file}\n", would(outcome, "would lock again", "locked again"))),
        LockfileState::Merged => Some(format!("{} the git conflict in {file}\n", would(outcome, "would solve", "solved"))),
    }
}

fn last_line(outcome: &SwitchOutcome) -> String {
    if outcome.nothing_to_do {
        let number = outcome.generation.map_or_else(|| "none".to_owned(), |number| number.to_string());
        return format!("nothing to do: generation {number} is current\n");
    }
    let from = outcome.previous.map_or_else(String::new, |previous| format!(" (from {previous})"));
    if outcome.dry_run {
        return format!("would become generation {}{from}; nothing was changed\n", outcome.generation.unwrap_or(0));
    }
    let unpacked = &outcome.unpacked;
    let work = if unpacked.archives == 0 {
        String::new()
    } else {
        let shared = if unpacked.shared_bytes == 0 { String::new() } else { format!(", {} shared", human_bytes(unpacked.shared_bytes)) };
        paint(DIM, format!("   {} unpacked, {} written{shared}", counted(unpacked.archives, "pack"), human_bytes(unpacked.written_bytes)))
    };
    format!("generation {} is current{from}{work}\n", paint(STRONG, outcome.generation.unwrap_or(0)))
}

fn would(outcome: &SwitchOutcome, planned: &'static str, done: &'static str) -> &'static str {
    if outcome.dry_run { planned } else { done }
}
