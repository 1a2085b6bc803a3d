//! `packs config [SETTING]`

use std::process::ExitCode;

use clap::Args;
use comfy_table::Table;
use comfy_table::TableStyle;
use serde::Serialize;

use crate::cli::keys::KEYS;
use crate::cli::keys::Key;
use crate::cli::output::DIM;
use crate::cli::output::Output;
use crate::cli::output::paint;
use crate::cli::output::plain;
use crate::cli::settings::Settings;
use crate::ops::OpsError;

/// What may follow `packs config`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  packs config                         every setting of the files, its value, and who said so\n  packs config http.timeout            one value alone\n  packs config --json | jq '.settings[] | select(.origin != \"default\")'"
)]
pub struct Arguments {
    /// Print this setting's value alone: home, http.retries, …
    setting: Option<String>,
}

/// Every setting, with its value and who said so.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(in crate::cli) struct ConfigOutcome {
    /// The settings files looked for, weakest first.
    files: Vec<String>,
    /// The settings.
    settings: Vec<ShownSetting>,
    /// The mirrors, in the order in which their rules are tried.
    mirrors: Vec<ShownMirror>,
    /// The variables found that belong to the network; by name only, since they may hold secrets.
    network_variables: Vec<String>,
}

/// The setting that has many lines.
const MIRRORS: &str = "mirrors";

/// One setting.
#[derive(Debug, Serialize, schemars::JsonSchema)]
struct ShownSetting {
    /// Its name, with its table.
    name: &'static str,
    /// Its value as a settings file spells it; `None` where there is none.
    value: Option<String>,
    /// Who said so: `default`, a file with its line, a variable, a flag.
    origin: String,
    /// The variable that sets it.
    variable: &'static str,
}

/// One rule of `[[mirrors]]`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
struct ShownMirror {
    /// How the addresses begin that it is about.
    from: String,
    /// What stands in its place, in the order of asking.
    to: Vec<String>,
    /// Whether the original is never asked.
    only: bool,
    /// Where it is written.
    origin: String,
}

pub(super) fn run(arguments: &Arguments, settings: &Settings, output: Output) -> Result<ExitCode, OpsError> {
    let outcome = outcome(settings);
    let Some(name) = &arguments.setting else {
        output.answer("packs.config/1", &outcome, || render(&outcome));
        return Ok(ExitCode::SUCCESS);
    };
    if name == MIRRORS {
        let mirrors = ConfigOutcome { settings: vec![], ..outcome };
        output.answer("packs.config/1", &mirrors, || render_mirrors(&mirrors));
        return Ok(ExitCode::SUCCESS);
    }
    let known = || KEYS.iter().map(|key| key.name).chain([MIRRORS]).map(str::to_owned).collect();
    let key = Key::find(name).ok_or_else(|| OpsError::UnknownSetting { name: name.clone(), known: known() })?;
    let one = ConfigOutcome { settings: outcome.settings.into_iter().filter(|shown| shown.name == key.name).collect(), ..outcome };
    output.answer("packs.config/1", &one, || one.settings.iter().filter_map(|shown| shown.value.as_deref()).map(plain).collect());
    Ok(ExitCode::SUCCESS)
}

fn outcome(settings: &Settings) -> ConfigOutcome {
    let worked_out = |name: &str| match name {
        "home" => Some(settings.context.layout.home().display().to_string()),
        "jobs" => Some(settings.context.jobs.to_string()),
        _ => None,
    };
    let shown = |key: &'static Key| {
        let said = settings.values.said(key.name);
        let value = worked_out(key.name).or_else(|| (!said.text.is_empty()).then(|| said.text.clone()));
        ShownSetting { name: key.name, value, origin: said.origin.to_string(), variable: key.variable }
    };
    let mirrors = settings.values.mirrors.iter();
    ConfigOutcome {
        files: settings.config_files.clone(),
        settings: KEYS.iter().filter_map(|key| Key::find(key.name)).map(shown).collect(),
        mirrors: mirrors.map(|(rule, at)| ShownMirror { from: rule.from.clone(), to: rule.to.clone(), only: rule.only, origin: at.to_string() }).collect(),
        network_variables: settings.network_variables.clone(),
    }
}

fn render(outcome: &ConfigOutcome) -> String {
    let mut table = Table::new();
    table.load_style(TableStyle::new()).set_header(["setting", "value", "said by"]);
    for shown in &outcome.settings {
        let value = shown.value.as_deref().map_or_else(|| "-".to_owned(), plain);
        table.add_row([shown.name.to_owned(), value, plain(&shown.origin)]);
    }
    let mut text: String = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    text += &render_mirrors(outcome);
    if !outcome.network_variables.is_empty() {
        text += &format!("variables for the network that are set: {}\n", outcome.network_variables.join(", "));
    }
    text + &paint(DIM, format!("settings files: {}\n", plain(&outcome.files.join(", "))))
}

fn render_mirrors(outcome: &ConfigOutcome) -> String {
    let mut text = String::new();
    for mirror in &outcome.mirrors {
        let only = if mirror.only { ", and nowhere else" } else { "" };
        text += &format!("mirror of {}: {}{only} ({})\n", plain(&mirror.from), plain(&mirror.to.join(", then ")), plain(&mirror.origin));
    }
    text
}
