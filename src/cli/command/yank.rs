//! `packs yank PACK@RANGE --registry WHERE`

use std::process::ExitCode;

use clap::Args;

use crate::cli::output::Output;
use crate::cli::output::plain;
use crate::cli::passphrase::SigningArgs;
use crate::cli::settings::Settings;
use crate::ops;
use crate::ops::AskedReleases;
use crate::ops::OpsError;
use crate::ops::YankOutcome;
use crate::ops::YankRequest;
use crate::ops::YankWish;

/// What may follow `packs yank`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  packs yank kanban@2.0.3 --registry ../registry -m 'loses cards'\n  packs yank 'kanban@>=2.0, <2.0.4' --registry team --dry-run\n  packs yank kanban@2.0.3 --registry team --undo --key acme"
)]
pub struct Arguments {
    /// The releases: kanban@2.0.3 is that one alone, kanban@^2.0 all in the range
    #[arg(value_name = "PACK@RANGE")]
    releases: AskedReleases,

    /// The registry: a directory, an address, or its name in packs.toml
    #[arg(long, value_name = "REGISTRY", default_value = "default")]
    registry: String,

    /// Let them count again
    #[arg(long, conflicts_with = "reason")]
    undo: bool,

    /// Why; shown wherever the releases appear
    #[arg(short = 'm', long = "message", value_name = "REASON")]
    reason: Option<String>,

    #[command(flatten)]
    signing: SigningArgs,

    /// Show what would be taken back, and write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

pub(super) fn run(arguments: Arguments, settings: &Settings, output: Output) -> Result<ExitCode, OpsError> {
    let wish = if arguments.undo { YankWish::Undo } else { YankWish::TakeBack(arguments.reason) };
    let request = YankRequest { releases: arguments.releases, registry: arguments.registry, wish, dry_run: arguments.dry_run };
    let passphrases = arguments.signing.passphrases(settings);
    let outcome = ops::yank(&settings.context, &request, &arguments.signing.signing(&passphrases))?;
    output.answer("packs.yank/1", &outcome, || render(&outcome));
    Ok(ExitCode::SUCCESS)
}

fn render(outcome: &YankOutcome) -> String {
    let would = if outcome.dry_run { "would be" } else { "is" };
    let (what, already) = match &outcome.reason {
        Some(reason) => (format!("{would} taken back: {}", plain(reason)), "was taken back already, for the same reason"),
        None => (format!("{} again", if outcome.dry_run { "would count" } else { "counts" }), "counts as it did"),
    };
    let changed = outcome.versions.iter().map(|version| format!("{} {version} {what}\n", outcome.name));
    let unchanged = outcome.unchanged.iter().map(|version| format!("{} {version} {already}\n", outcome.name));
    changed.chain(unchanged).collect()
}
