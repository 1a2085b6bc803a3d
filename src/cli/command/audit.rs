//! `packs audit`

use std::process::ExitCode;

use clap::Args;
use clap::Subcommand;

use crate::audit::Sought;
use crate::cli::output::BAD;
use crate::cli::output::CHANGED;
use crate::cli::output::DIM;
use crate::cli::output::GOOD;
use crate::cli::output::Output;
use crate::cli::output::STRONG;
use crate::cli::output::counted;
use crate::cli::output::paint;
use crate::cli::output::plain;
use crate::cli::settings::Settings;
use crate::model::PackName;
use crate::ops;
use crate::ops::AuditEvent;
use crate::ops::AuditOutcome;
use crate::ops::AuditRequest;
use crate::ops::Moment;
use crate::ops::OpsError;

/// What may follow `packs audit`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:\n  packs audit --since 7d\n  packs audit --pack kanban --user ada --json\n  packs audit verify")]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    filter: FilterArguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Recompute the chain and name the first broken line
    Verify,
}

#[derive(Debug, Args)]
struct FilterArguments {
    /// Only from this time on: 2026-11-01, 2026-11-01T12:00:00Z, or an age such as 7d
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,

    /// Only before this time
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,

    /// Only by this user
    #[arg(long)]
    user: Option<String>,

    /// Only by this team
    #[arg(long)]
    team: Option<String>,

    /// Only this action: switch, rollback, gc, …
    #[arg(long)]
    action: Option<String>,

    /// Only what changed this pack
    #[arg(long)]
    pack: Option<PackName>,

    /// Only of the project with this name
    #[arg(long, value_name = "NAME")]
    of_project: Option<String>,
}

pub(super) fn run(arguments: Arguments, settings: &Settings, output: Output) -> Result<ExitCode, OpsError> {
    if matches!(arguments.command, Some(Command::Verify)) {
        let outcome = ops::verify_audit(&settings.context)?;
        output.answer("packs.audit-verify/1", &outcome, || {
            let torn = if outcome.torn_tail { ", and an unfinished last line that a crash left" } else { "" };
            format!(
                "{}: {} in {}{torn}\n",
                paint(GOOD, "good"),
                counted(outcome.entries, "entry").replace("entrys", "entries"),
                counted(outcome.months, "month")
            )
        });
        return Ok(ExitCode::SUCCESS);
    }
    let filter = arguments.filter;
    let sought = Sought {
        user: filter.user,
        team: filter.team,
        action: filter.action,
        pack: filter.pack,
        project: filter.of_project,
        environment: settings.context.environment.clone(),
    };
    let request = AuditRequest { since: filter.since, until: filter.until, sought };
    let outcome = ops::audit(&settings.context, &request)?;
    output.answer("packs.audit/1", &outcome, || render(&outcome));
    Ok(ExitCode::SUCCESS)
}

fn render(outcome: &AuditOutcome) -> String {
    if outcome.events.is_empty() {
        return "nothing was changed yet, or nothing matches\n".to_owned();
    }
    outcome.events.iter().map(line).collect()
}

fn line(event: &AuditEvent) -> String {
    let result = match event.result.as_str() {
        "success" => paint(GOOD, "success"),
        "failure" => paint(BAD, "failure"),
        other => paint(CHANGED, other),
    };
    let time = event.at.strftime("%Y-%m-%d %H:%M:%S UTC");
    let whole =
        [event.project.as_deref(), event.environment.as_ref().map(crate::model::EnvironmentName::as_str)].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let reason = event.reason.as_ref().map_or_else(String::new, |reason| format!("  “{}”", plain(reason)));
    let mut text = format!("{} {} {} {result}  {}{reason}\n", paint(DIM, time), plain(&event.user), paint(STRONG, plain(&event.action)), plain(&whole));
    text += &crate::cli::command::change_lines(&event.changes);
    if let Some(error) = &event.error {
        text += &format!("  {}\n", plain(error));
    }
    text
}
