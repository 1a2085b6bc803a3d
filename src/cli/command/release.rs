//! `packs release OWNER/REPO --tag TAG ARCHIVE …`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::cli::output::Output;
use crate::cli::output::plain;
use crate::cli::settings::Settings;
use crate::model::GitTag;
use crate::model::Repository;
use crate::ops;
use crate::ops::OpsError;
use crate::ops::ReleaseOutcome;
use crate::ops::ReleaseRequest;

/// What may follow `packs release`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  packs release acme/kanban --tag v2.0.3 dist/*.tar.zst\n  packs release acme/kanban --tag v2.1.0-rc.1 --prerelease --notes-template notes.md dist/kanban-2.1.0-rc.1.tar.zst\n  packs release acme/kanban --tag v2.0.3 --dry-run dist/*.tar.zst"
)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag that may be written")]
pub struct Arguments {
    /// The repository on GitHub
    #[arg(value_name = "OWNER/REPO")]
    repository: Repository,

    /// Archives, each with its .sha256 file beside it
    #[arg(value_name = "ARCHIVE", required = true)]
    archives: Vec<PathBuf>,

    /// The git tag; GitHub makes it when the release is published, if there is none
    #[arg(long, value_name = "TAG")]
    tag: GitTag,

    /// The branch or commit for a tag that is made (default: the repository's default branch)
    #[arg(long, value_name = "COMMIT")]
    target: Option<String>,

    /// The title (default: the tag)
    #[arg(long, value_name = "TITLE")]
    title: Option<String>,

    /// A Markdown file for the notes, in which {{ packs }}, {{ requirements }}, {{ checksums }}, {{ tag }} and {{ repository }} are replaced
    #[arg(long, value_name = "FILE")]
    notes_template: Option<PathBuf>,

    /// Have GitHub call it a pre-release
    #[arg(long)]
    prerelease: bool,

    /// Leave it a draft, for somebody to look at and publish
    #[arg(long)]
    draft: bool,

    /// Call the releases fit for production
    #[arg(long)]
    production_ready: bool,

    /// Check everything, and send nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

pub(super) fn run(arguments: Arguments, settings: &Settings, output: Output) -> Result<ExitCode, OpsError> {
    let request = ReleaseRequest {
        repository: arguments.repository,
        tag: arguments.tag,
        target: arguments.target,
        title: arguments.title,
        archives: arguments.archives,
        notes_template: arguments.notes_template,
        prerelease: arguments.prerelease,
        draft: arguments.draft,
        production_ready: arguments.production_ready,
        dry_run: arguments.dry_run,
    };
    let outcome = ops::release(&settings.context, &request)?;
    output.answer("packs.release/1", &outcome, || render(&outcome));
    Ok(ExitCode::SUCCESS)
}

fn render(outcome: &ReleaseOutcome) -> String {
    let what = match (outcome.dry_run, outcome.draft) {
        (true, false) => "would be published",
        (true, true) => "would be a draft",
        (false, false) => "is published",
        (false, true) => "is a draft",
    };
    let mut text = format!("{} of {} {what}", outcome.tag, outcome.repository);
    text += &outcome.url.as_ref().map(|url| format!(": {}", plain(url))).unwrap_or_default();
    text.push('\n');
    for asset in &outcome.assets {
        text += &format!("  {} ({} bytes)\n", plain(&asset.name), asset.size);
    }
    text
}
