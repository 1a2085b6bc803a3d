//! `packs list`

use std::process::ExitCode;

use clap::Args;
use comfy_table::Table;
use comfy_table::TableStyle;

use crate::cli::command::with_environment;
use crate::cli::output::Output;
use crate::cli::output::STRONG;
use crate::cli::output::human_bytes;
use crate::cli::output::paint;
use crate::cli::output::plain;
use crate::cli::settings::Settings;
use crate::model::EnvironmentName;
use crate::ops;
use crate::ops::ListOutcome;
use crate::ops::OpsError;

/// What may follow `packs list`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  packs list\n  packs list prod\n  packs list --json | jq '.packs[].name'")]
pub struct Arguments {
    /// The environment (default: the active one, or default-environment)
    environment: Option<EnvironmentName>,
}

pub(super) fn run(arguments: Arguments, settings: Settings, output: Output) -> Result<ExitCode, OpsError> {
    let settings = with_environment(settings, arguments.environment);
    let outcome = ops::list(&settings.context)?;
    output.answer("packs.list/1", &outcome, || render(&outcome));
    Ok(ExitCode::SUCCESS)
}

fn render(outcome: &ListOutcome) -> String {
    let mut table = Table::new();
    table.load_style(TableStyle::new()).set_header(["pack", "version", "asked for", "tier", "size", "source"]);
    for pack in &outcome.packs {
        let asked = pack.asked.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        let tier = pack.tier.map_or("-", crate::model::Tier::as_str);
        table.add_row([pack.name.to_string(), pack.version.to_string(), asked, tier.to_owned(), human_bytes(pack.size), plain(&pack.source.to_string())]);
    }
    let lines: String = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    let generation = outcome.generation.map_or_else(|| "not switched to yet".to_owned(), |number| format!("generation {number}"));
    format!("environment {}, {generation}\n{lines}", paint(STRONG, &outcome.environment))
}
