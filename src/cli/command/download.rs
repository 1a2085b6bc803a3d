//! `packs download PACK[@RANGE] …`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::cli::output::Output;
use crate::cli::output::human_bytes;
use crate::cli::output::plain;
use crate::cli::settings::Settings;
use crate::model::Platform;
use crate::ops;
use crate::ops::AskedPack;
use crate::ops::DownloadOutcome;
use crate::ops::DownloadRequest;
use crate::ops::DownloadedArchive;
use crate::ops::Existing;
use crate::ops::OpsError;

/// What may follow `packs download`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  packs download kanban                 the newest release, into this directory\n  packs download kanban@~2.0 snippets --to vendor\n  packs download kanban --registry https://packs.example.org/main --platform macos-aarch64"
)]
pub struct Arguments {
    /// Packs, each with a range if not the newest: kanban, kanban@^2, @acme/boards@=1.0.0
    #[arg(value_name = "PACK[@RANGE]", required = true)]
    packs: Vec<AskedPack>,

    /// The directory to put archives and their .sha256 files into
    #[arg(long, value_name = "DIR", default_value = ".")]
    to: PathBuf,

    /// The registry: a directory, an address, or its name in packs.toml (default: what packs.toml says of the pack)
    #[arg(long, value_name = "REGISTRY")]
    registry: Option<String>,

    /// What the archives are to run on (default: this machine)
    #[arg(long, value_name = "PLATFORM", value_parser = Platform::parse)]
    platform: Option<Platform>,

    /// Replace other files that have the names of the archives or of their .sha256 files
    #[arg(long)]
    force: bool,

    /// Choose only, and write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

pub(super) fn run(arguments: Arguments, settings: &Settings, output: Output) -> Result<ExitCode, OpsError> {
    let request = DownloadRequest {
        packs: arguments.packs,
        directory: arguments.to,
        registry: arguments.registry,
        platform: arguments.platform,
        existing: if arguments.force { Existing::Replace } else { Existing::Keep },
        dry_run: arguments.dry_run,
    };
    let outcome = ops::download(&settings.context, &request)?;
    output.answer("packs.download/1", &outcome, || render(&outcome));
    Ok(ExitCode::SUCCESS)
}

fn render(outcome: &DownloadOutcome) -> String {
    outcome.archives.iter().map(|one| line(one, outcome)).collect()
}

fn line(one: &DownloadedArchive, outcome: &DownloadOutcome) -> String {
    let (archive, directory, size) = (plain(&one.archive), plain(&outcome.directory), human_bytes(one.size));
    match (outcome.dry_run, one.downloaded_bytes) {
        (true, _) => format!("would download {archive} ({size}) from {}\n", plain(&one.registry)),
        (false, 0) => format!("{archive} is in {directory} already, and good\n"),
        (false, _) => format!("{archive} is in {directory}\n"),
    }
}
