//! `packs build [DIR …]`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::ValueEnum;
use serde::Serialize;

use crate::archive::Compression;
use crate::build::Instead;
use crate::cli::error;
use crate::cli::error::Failure;
use crate::cli::output::CHANGED;
use crate::cli::output::DIM;
use crate::cli::output::Output;
use crate::cli::output::counted;
use crate::cli::output::human_bytes;
use crate::cli::output::paint;
use crate::cli::output::plain;
use crate::cli::settings::Settings;
use crate::model::PackName;
use crate::model::Platform;
use crate::model::Version;
use crate::ops;
use crate::ops::BuildEffort;
use crate::ops::BuildOutcome;
use crate::ops::BuildRequest;
use crate::ops::BuildScope;
use crate::ops::BuiltArchive;
use crate::ops::OpsError;

/// What may follow `packs build`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  packs build                                    the pack in this directory, into dist/\n  packs build --all packs --out dist             every pack below packs/, and checksums.txt\n  packs build --version 1.2.0 --check snippets   a directory without pack.toml, built twice and compared"
)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag that may be written")]
pub struct Arguments {
    /// Source directories: with pack.toml, gpack.toml or package.toml, or with VERSION and README (default: this directory)
    #[arg(value_name = "DIR", default_value = ".")]
    directories: Vec<PathBuf>,

    /// Build every pack in or below the directories
    #[arg(long)]
    all: bool,

    /// The pack's name, instead of the one that is declared
    #[arg(long, value_name = "NAME")]
    name: Option<PackName>,

    /// The version, instead of the one that is declared
    #[arg(long, value_name = "VERSION")]
    version: Option<Version>,

    /// What the archives are for, instead of what is declared: any, linux-x86_64, …
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<Platform>,

    /// Where to put the archives
    #[arg(short, long, value_name = "DIR", default_value = "dist")]
    out: PathBuf,

    /// The form of the archives; --format tar.gz means the same
    #[arg(long = "archive-format", value_enum, value_name = "FORM", default_value = "tar.zst")]
    archive_format: FormArg,

    /// How hard the compressor tries: 1 to 22 for tar.zst (default: 12), 1 to 9 for tar.gz (default: 9)
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    level: Option<i32>,

    /// Build a second time and compare: exit 1 if the bytes differ
    #[arg(long, conflicts_with = "dry_run")]
    check: bool,

    /// Build also what is unchanged
    #[arg(long)]
    force: bool,

    /// Show what would be built, and write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// The form of an archive, as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FormArg {
    /// Zstandard
    #[value(name = "tar.zst")]
    TarZst,
    /// gzip
    #[value(name = "tar.gz")]
    TarGz,
}

/// What `packs build --json` prints: what was built, and what could not be.
#[derive(Serialize, schemars::JsonSchema)]
pub(in crate::cli) struct Document {
    #[serde(flatten)]
    outcome: BuildOutcome,
    /// Directories that could not be built; the others were.
    refused: Vec<Refused>,
}

/// A directory that could not be built.
#[derive(Serialize, schemars::JsonSchema)]
struct Refused {
    /// The source directory.
    directory: String,
    /// Why.
    failure: Failure,
}

pub(super) fn run(arguments: Arguments, settings: &Settings, output: Output) -> Result<ExitCode, OpsError> {
    let request = BuildRequest {
        directories: arguments.directories,
        scope: if arguments.all { BuildScope::Below } else { BuildScope::Named },
        instead: Instead { name: arguments.name, version: arguments.version, platform: arguments.platform },
        out: arguments.out,
        compression: match arguments.archive_format {
            FormArg::TarZst => Compression::Zstd,
            FormArg::TarGz => Compression::Gzip,
        },
        level: arguments.level,
        source_date_epoch: settings.source_date_epoch,
        effort: match (arguments.check, arguments.force) {
            (true, _) => BuildEffort::Twice,
            (false, true) => BuildEffort::All,
            (false, false) => BuildEffort::Changed,
        },
        dry_run: arguments.dry_run,
    };
    let mut outcome = ops::build(&settings.context, &request)?;
    let refused = std::mem::take(&mut outcome.refused);
    let refusals = refused.iter().map(|one| Refused { directory: one.directory.display().to_string(), failure: error::document(&one.error) }).collect();
    let document = Document { outcome, refused: refusals };
    output.answer("packs.build/1", &document, || render(&document.outcome));
    let codes = refused.iter().map(|one| error::tell(&one.error));
    // Each is told; the exit code is that of the first.
    Ok(codes.collect::<Vec<_>>().first().copied().map_or(ExitCode::SUCCESS, ExitCode::from))
}

fn render(outcome: &BuildOutcome) -> String {
    let mut text: String = outcome.archives.iter().map(|built| archive_lines(built, outcome.dry_run)).collect();
    for directory in &outcome.without_packs {
        text += &format!("{} no pack in or below {}\n", paint(DIM, "passed over:"), plain(directory));
    }
    if let Some(checksums) = &outcome.checksums {
        let verb = if outcome.dry_run { "would write" } else { "wrote" };
        text += &format!("{verb} {} of {}\n", plain(checksums), counted(outcome.archives.len(), "archive"));
    }
    text
}

fn archive_lines(built: &BuiltArchive, dry_run: bool) -> String {
    let verb = match (built.unchanged, dry_run) {
        (true, _) => "unchanged",
        (false, true) => "would build",
        (false, false) => "built",
    };
    let size = built.size.map_or_else(String::new, |size| format!(", {}", human_bytes(size)));
    let again = if built.reproduced == Some(true) { ", twice with the same bytes" } else { "" };
    let mut text = format!("{verb} {} ({}{size}{again})\n", plain(&built.path), counted(built.files, "file"));
    for note in &built.notes {
        let at = note.at.as_ref().map_or_else(String::new, |place| format!("{}: ", plain(&place.to_string())));
        text += &format!("  {} {at}{}\n", paint(CHANGED, "note:"), plain(&note.text));
    }
    text
}
