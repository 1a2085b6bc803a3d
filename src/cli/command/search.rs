//! `packs search TEXT`

use std::process::ExitCode;

use clap::Args;
use comfy_table::Table;
use comfy_table::TableStyle;

use crate::cli::output::Output;
use crate::cli::output::plain;
use crate::cli::settings::Settings;
use crate::ops;
use crate::ops::OpsError;
use crate::ops::SearchOutcome;
use crate::ops::SearchRequest;

/// What may follow `packs search`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  packs search kanban                     by name, nearly the name, keyword or description\n  packs search board --registry internal  in one registry\n  packs search kanbna --offline           from the last time the lists were read"
)]
pub struct Arguments {
    /// What to look for
    text: String,

    /// The registry: a directory, an address, or its name in packs.toml (default: all of the project)
    #[arg(long, value_name = "REGISTRY")]
    registry: Option<String>,

    /// Show at most so many
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
}

pub(super) fn run(arguments: Arguments, settings: &Settings, output: Output) -> Result<ExitCode, OpsError> {
    let request = SearchRequest { text: arguments.text, registry: arguments.registry, limit: arguments.limit };
    let outcome = ops::search(&settings.context, &request)?;
    output.answer("packs.search/1", &outcome, || render(&outcome));
    Ok(ExitCode::SUCCESS)
}

fn render(outcome: &SearchOutcome) -> String {
    if outcome.packs.is_empty() {
        return format!("no pack fits {}\n", plain(&outcome.text));
    }
    let mut table = Table::new();
    table.load_style(TableStyle::new()).set_header(["pack", "version", "registry", "description"]);
    for pack in &outcome.packs {
        let description = plain(pack.description.as_deref().unwrap_or("-"));
        let description = if pack.deprecated { format!("(deprecated) {description}") } else { description };
        table.add_row([pack.name.to_string(), pack.version.to_string(), plain(&pack.registry), description]);
    }
    let lines: String = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    let more = outcome.total - outcome.packs.len();
    if more == 0 { lines } else { format!("{lines}and {more} more (--limit shows them)\n") }
}
