//! `packs gc`

use std::process::ExitCode;

use clap::Args;

use crate::cli::output::Output;
use crate::cli::output::STRONG;
use crate::cli::output::counted;
use crate::cli::output::human_bytes;
use crate::cli::output::paint;
use crate::cli::output::plain;
use crate::cli::settings::Settings;
use crate::gc::Keeper;
use crate::gc::KeeperKind;
use crate::gc::Outcome;
use crate::ops;
use crate::ops::Age;
use crate::ops::ByteSize;
use crate::ops::GcRequest;
use crate::ops::OpsError;

/// How many keepers of live store paths are shown, unless asked for all.
const KEEPERS_SHOWN: usize = 10;

/// What may follow `packs gc`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  packs gc -n                          the same path and the same numbers, removing nothing\n  packs gc --keep 3 --older-than 7d    keep less of each environment\n  packs gc --max-size 20G              drop old generations until the store fits"
)]
pub struct Arguments {
    /// Keep at least the newest N generations of each environment (default: 10, or the setting gc.keep)
    #[arg(long, value_name = "N")]
    keep: Option<usize>,

    /// Keep every generation younger than this: 30d, 12h, 2w (default: 30d, or the setting gc.older-than)
    #[arg(long, value_name = "AGE")]
    older_than: Option<Age>,

    /// Drop the oldest unprotected generations until the store is no larger: 500M, 20G
    #[arg(long, value_name = "SIZE")]
    max_size: Option<ByteSize>,

    /// Also drop the generations of projects whose directory is gone
    #[arg(long)]
    missing_projects: bool,

    /// Show what would be removed, and remove nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

pub(super) fn run(arguments: &Arguments, settings: &Settings, output: Output) -> Result<ExitCode, OpsError> {
    let request = GcRequest {
        keep: arguments.keep.unwrap_or(settings.keep),
        older_than: arguments.older_than.unwrap_or(settings.older_than),
        max_size: arguments.max_size,
        missing_projects: arguments.missing_projects,
        dry_run: arguments.dry_run,
    };
    let outcome = ops::collect_garbage(&settings.context, &request)?;
    output.answer("packs.gc/1", &outcome, || render(&outcome, output.verbose > 0));
    Ok(ExitCode::SUCCESS)
}

fn render(outcome: &Outcome, all: bool) -> String {
    let verb = if outcome.dry_run { "would free" } else { "freed" };
    let mut text = format!(
        "{verb} {}: {}, {}, {}, {}\n",
        paint(STRONG, human_bytes(outcome.freed_bytes)),
        counted(outcome.paths.len(), "store path"),
        counted(usize::try_from(outcome.blobs).unwrap_or(usize::MAX), "blob"),
        counted(outcome.generations.len(), "generation"),
        counted(usize::try_from(outcome.leftovers).unwrap_or(usize::MAX), "leftover")
    );
    for path in outcome.paths.iter().take(if all { outcome.paths.len() } else { 0 }) {
        text += &format!("  - {path}\n");
    }
    text += &format!("kept {}\n", counted(usize::try_from(outcome.kept.paths).unwrap_or(usize::MAX), "store path"));
    let shown = if all { outcome.kept.by.len() } else { KEEPERS_SHOWN };
    text += &outcome.kept.by.iter().take(shown).map(keeper_line).collect::<String>();
    let left_out = outcome.kept.by.len().saturating_sub(shown) + usize::try_from(outcome.kept.keepers_left_out).unwrap_or(usize::MAX);
    if left_out > 0 {
        text += &format!("  and {left_out} more (-v shows them)\n");
    }
    for missing in &outcome.missing {
        text += &format!(
            "note: the project {} is no longer at {}; --missing-projects drops its generations\n",
            plain(&missing.name),
            plain(&missing.path.display().to_string())
        );
    }
    for unreachable in &outcome.unreachable {
        text += &format!("note: {} cannot be reached; the generations of {} stay\n", plain(&unreachable.path.display().to_string()), plain(&unreachable.name));
    }
    for busy in &outcome.busy {
        text += &format!("note: another packs is changing {busy}; its generations stay this time\n");
    }
    if outcome.over_limit_bytes > 0 {
        text += &format!("note: what must be kept is {} larger than --max-size\n", human_bytes(outcome.over_limit_bytes));
    }
    text
}

fn keeper_line(keeper: &Keeper) -> String {
    let paths = counted(usize::try_from(keeper.paths).unwrap_or(usize::MAX), "path");
    let alone = if keeper.paths_only_here == 0 { String::new() } else { format!("; {} by it alone", keeper.paths_only_here) };
    match &keeper.who {
        KeeperKind::Environment { name, environment, generations, .. } => {
            let numbers: Vec<String> = generations.iter().map(|generation| generation.number.to_string()).collect();
            format!("  {paths} kept by {} {environment}, generations {}{alone}\n", plain(name), numbers.join(", "))
        }
        KeeperKind::Running { holder } => format!("  {paths} kept by {}{alone}\n", plain(holder)),
    }
}
