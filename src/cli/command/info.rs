//! `packs info PACK[@RANGE]`

use std::process::ExitCode;

use clap::Args;
use comfy_table::Table;
use comfy_table::TableStyle;

use crate::cli::output::Output;
use crate::cli::output::STRONG;
use crate::cli::output::human_bytes;
use crate::cli::output::paint;
use crate::cli::output::plain;
use crate::cli::settings::Settings;
use crate::ops;
use crate::ops::AskedPack;
use crate::ops::InfoOutcome;
use crate::ops::InfoRelease;
use crate::ops::InfoRequest;
use crate::ops::OpsError;

/// What may follow `packs info`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  packs info kanban\n  packs info kanban@~2.0 --registry internal\n  packs info kanban --json | jq '.releases[].version'")]
pub struct Arguments {
    /// The pack; with a range, its newest release within it: kanban@^2
    #[arg(value_name = "PACK[@RANGE]")]
    pack: AskedPack,

    /// The registry: a directory, an address, or its name in packs.toml (default: where the project takes the pack from)
    #[arg(long, value_name = "REGISTRY")]
    registry: Option<String>,
}

pub(super) fn run(arguments: Arguments, settings: &Settings, output: Output) -> Result<ExitCode, OpsError> {
    let outcome = ops::info(&settings.context, &InfoRequest { pack: arguments.pack, registry: arguments.registry })?;
    output.answer("packs.info/1", &outcome, || render(&outcome));
    Ok(ExitCode::SUCCESS)
}

fn render(outcome: &InfoOutcome) -> String {
    let mut text = format!("{} {} from {}\n", paint(STRONG, &outcome.name), outcome.version, plain(&outcome.registry));
    text += &outcome.description.as_ref().map_or_else(String::new, |description| format!("{}\n", plain(description)));
    let requires: Vec<String> = outcome.requires.iter().map(|(name, range)| format!("{name} {range}")).collect();
    let extras: Vec<String> = outcome.extras.keys().map(ToString::to_string).collect();
    let locked: Vec<String> = outcome.locked.iter().map(|locked| format!("{} ({})", locked.environment, locked.version)).collect();
    let license: Vec<String> = outcome.license.iter().cloned().collect();
    for (what, values) in [
        ("license", &license),
        ("authors", &outcome.authors),
        ("keywords", &outcome.keywords),
        ("requires", &requires),
        ("extras", &extras),
        ("locked in environment", &locked),
    ] {
        if !values.is_empty() {
            text += &format!("{what}: {}\n", plain(&values.join(", ")));
        }
    }
    let mut table = Table::new();
    table.load_style(TableStyle::new()).set_header(["version", "published", "platforms", "size", "quality", ""]);
    table.add_rows(outcome.releases.iter().map(row));
    text + &table.lines().map(|line| format!("{}\n", line.trim_end())).collect::<String>()
}

fn row(release: &InfoRelease) -> [String; 6] {
    let published = release.published_at.map_or_else(|| "-".to_owned(), |at| at.strftime("%Y-%m-%d").to_string());
    let platforms: Vec<&str> = release.platforms.iter().map(crate::model::Platform::as_str).collect();
    let quality = release.quality.map_or_else(|| "-".to_owned(), |quality| quality.to_string());
    let mut notes = Vec::new();
    notes.extend(release.production_ready.then(|| "production-ready".to_owned()));
    notes.extend(release.yanked.as_ref().map(|reason| format!("yanked: {}", plain(reason))));
    if let Some(deprecated) = &release.deprecated {
        let instead = deprecated.replacement.as_ref().map_or_else(String::new, |name| format!("; use {name}"));
        notes.push(format!("deprecated: {}{instead}", plain(&deprecated.message)));
    }
    [release.version.to_string(), published, platforms.join(", "), human_bytes(release.size), quality, notes.join(", ")]
}
