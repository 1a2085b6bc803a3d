//! `packs publish ARCHIVE … --registry WHERE`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::cli::output::Output;
use crate::cli::output::plain;
use crate::cli::passphrase::SigningArgs;
use crate::cli::settings::Settings;
use crate::ops;
use crate::ops::OpsError;
use crate::ops::PublishOutcome;
use crate::ops::PublishRequest;

/// What may follow `packs publish`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  packs publish dist/kanban-2.0.3.tar.zst --registry ../registry\n  packs publish dist/*.tar.zst --registry file:/srv/registry\n  packs publish dist/*.tar.zst --registry s3://acme-packs/main --key acme --production-ready"
)]
pub struct Arguments {
    /// Archives, each with its .sha256 file beside it
    #[arg(value_name = "ARCHIVE", required = true)]
    archives: Vec<PathBuf>,

    /// The registry: a directory, an address (file:, s3://, gs://, az://), or its name in packs.toml
    #[arg(long, value_name = "REGISTRY", default_value = "default")]
    registry: String,

    /// The registry's judgement of the releases' quality, 0 to 100
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=100))]
    quality: Option<u8>,

    /// Call the releases fit for production
    #[arg(long)]
    production_ready: bool,

    #[command(flatten)]
    signing: SigningArgs,

    /// Check everything, and write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

pub(super) fn run(arguments: Arguments, settings: &Settings, output: Output) -> Result<ExitCode, OpsError> {
    let request = PublishRequest {
        archives: arguments.archives,
        registry: arguments.registry,
        quality: arguments.quality,
        production_ready: arguments.production_ready,
        published_at: settings.source_date_epoch,
        dry_run: arguments.dry_run,
    };
    let passphrases = arguments.signing.passphrases(settings);
    let outcome = ops::publish(&settings.context, &request, &arguments.signing.signing(&passphrases))?;
    output.answer("packs.publish/1", &outcome, || render(&outcome));
    Ok(ExitCode::SUCCESS)
}

fn render(outcome: &PublishOutcome) -> String {
    let mut text = String::new();
    for release in &outcome.releases {
        let what = match (release.already_there, outcome.dry_run) {
            (true, _) => "is published already",
            (false, true) => "would be published",
            (false, false) => "is published",
        };
        let besides = match (release.judged, release.restored, outcome.dry_run) {
            (true, _, true) => "; its quality would be changed as given",
            (true, _, false) => "; its quality is changed as given",
            (_, true, true) => "; files of it are missing there and would be put back",
            (_, true, false) => "; files of it were missing there and are put back",
            (false, false, _) => "",
        };
        text += &format!("{} {} {what} to {}{besides}\n", release.name, release.version, plain(&outcome.registry));
    }
    text
}
