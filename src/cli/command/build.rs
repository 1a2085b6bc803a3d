//! `packs build [DIR …]`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use clap::ValueEnum;

use crate::cli::output::Output;
use crate::cli::output::human_bytes;
use crate::cli::output::plain;
use crate::cli::settings::Settings;
use crate::ops;
use crate::ops::ArchiveFormat;
use crate::ops::BuildOutcome;
use crate::ops::BuildRequest;
use crate::ops::OpsError;

/// What may follow `packs build`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  packs build\n  packs build packs/kanban packs/reports --out dist\n  SOURCE_DATE_EPOCH=0 packs build --format tar.gz")]
pub struct Arguments {
    /// Source directories, each with a pack.toml (default: this directory)
    #[arg(value_name = "DIR", default_value = ".")]
    directories: Vec<PathBuf>,

    /// Where to put the archives
    #[arg(short, long, value_name = "DIR", default_value = "dist")]
    out: PathBuf,

    /// The form of the archives
    #[arg(long = "archive-format", value_enum, value_name = "FORM", default_value = "tar.zst")]
    archive_format: FormArg,

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

pub(super) fn run(arguments: Arguments, settings: &Settings, output: Output) -> Result<ExitCode, OpsError> {
    let request = BuildRequest {
        directories: arguments.directories,
        out: arguments.out,
        format: match arguments.archive_format {
            FormArg::TarZst => ArchiveFormat::TarZst,
            FormArg::TarGz => ArchiveFormat::TarGz,
        },
        source_date_epoch: settings.source_date_epoch,
        dry_run: arguments.dry_run,
    };
    let outcome = ops::build(&settings.context, &request)?;
    output.answer("packs.build/1", &outcome, || render(&outcome));
    Ok(ExitCode::SUCCESS)
}

fn render(outcome: &BuildOutcome) -> String {
    let mut text = String::new();
    for built in &outcome.archives {
        let verb = if outcome.dry_run { "would build" } else { "built" };
        let size = built.size.map_or_else(String::new, |size| format!(", {}", human_bytes(size)));
        text += &format!("{verb} {} ({} files{size})\n", plain(&built.path), built.files);
    }
    text
}
