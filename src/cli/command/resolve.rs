//! `packs resolve [ENV]`

use std::process::ExitCode;

use clap::Args;
use clap::ValueEnum;

use crate::cli::command::ChangeArgs;
use crate::cli::command::change_lines;
use crate::cli::command::with_environment;
use crate::cli::drawing::Drawing;
use crate::cli::drawing::Edge;
use crate::cli::drawing::Look;
use crate::cli::error;
use crate::cli::output::BAD;
use crate::cli::output::GOOD;
use crate::cli::output::Output;
use crate::cli::output::STRONG;
use crate::cli::output::counted;
use crate::cli::output::paint;
use crate::cli::output::plain;
use crate::cli::settings::Format;
use crate::cli::settings::Settings;
use crate::model::EnvironmentName;
use crate::ops;
use crate::ops::AskedPack;
use crate::ops::Changes;
use crate::ops::LineEdit;
use crate::ops::LockfileState;
use crate::ops::OpsError;
use crate::ops::ResolveOutcome;
use crate::ops::ResolveRequest;
use crate::ops::ShownFix;
use crate::resolve::ConflictGraph;
use crate::resolve::FixesEnd;

/// What may follow `packs resolve`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  packs resolve                          is there a resolution, and if not, why not\n  packs resolve --fixes 3                the smallest edits of packs.toml that would help; --apply 1 makes the first\n  packs resolve --what-if kanban@2.1.0   what that release would move"
)]
pub struct Arguments {
    /// The environment (default: the active one, or default-environment)
    environment: Option<EnvironmentName>,

    /// How much to tell of why there is no resolution (default: short)
    #[arg(long, value_enum, value_name = "LENGTH", num_args = 0..=1, default_missing_value = "short", require_equals = true)]
    explain: Option<Explain>,

    /// Look for so many small edits of packs.toml that would help, best first; each is tried out
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=20))]
    fixes: Option<u8>,

    /// Make the edit of this number, and lock
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u8).range(1..=20))]
    apply: Option<u8>,

    /// As if packs.toml asked for this release
    #[arg(long, value_name = "PACK@VERSION", conflicts_with_all = ["apply", "fixes"])]
    what_if: Option<AskedPack>,

    #[command(flatten)]
    change: ChangeArgs,
}

/// Most releases that are listed as what a fix would lock.
const MOVES_MAX: usize = 8;

/// Said where fixes were looked for and there are none.
const NO_FIX: &str = "no edit of up to three changes was found that helps";

/// How much of an explanation is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Explain {
    /// At most 40 lines
    Short,
    /// All of it
    Full,
}

pub(super) fn run(arguments: Arguments, settings: Settings, output: Output) -> Result<ExitCode, OpsError> {
    let settings = with_environment(settings, arguments.environment);
    let request = ResolveRequest {
        what_if: arguments.what_if,
        fixes: arguments.fixes.map_or(0, usize::from),
        apply: arguments.apply.map(usize::from),
        change: arguments.change.into(),
    };
    let outcome = ops::resolve(&settings.context, &request).map_err(|failure| apart(failure, arguments.explain))?;
    let drawing = outcome.conflict.as_ref().map(|conflict| graph(&conflict.graph));
    output.answer("packs.resolve/1", &outcome, || match (output.format, &drawing) {
        (Format::Dot, Some(drawing)) => drawing.dot(),
        (Format::Svg, Some(drawing)) => drawing.svg(),
        // An empty picture would look like an answer.
        (Format::Dot | Format::Svg, None) => String::new(),
        (Format::Text | Format::Json, _) => render(&outcome, arguments.explain.unwrap_or(Explain::Short), arguments.fixes),
    });
    if let (Format::Dot | Format::Svg, None) = (output.format, &drawing) {
        output.say(&nothing_to_draw(&outcome, output.format));
    }
    let is_good = outcome.solvable || outcome.applied.is_some();
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::from(error::kind::CONFLICT) })
}

/// Tells a length that was written apart from `--explain` from an environment, for which it is taken then.
fn apart(failure: OpsError, explain: Option<Explain>) -> OpsError {
    match failure {
        OpsError::UnknownEnvironment { name, .. } if explain.is_some() && Explain::from_str(name.as_str(), false).is_ok() => {
            OpsError::ValueApart { option: "--explain", value: name.to_string() }
        }
        failure => failure,
    }
}

/// Says why there is no picture, and who draws one.
fn nothing_to_draw(outcome: &ResolveOutcome, format: Format) -> String {
    let format = if format == Format::Svg { "svg" } else { "dot" };
    format!("environment {}: there is a resolution, so no conflict to draw; `packs tree --format {format}` draws what is locked", outcome.environment)
}

fn render(outcome: &ResolveOutcome, explain: Explain, fixes: Option<u8>) -> String {
    let environment = paint(STRONG, &outcome.environment);
    let Some(conflict) = &outcome.conflict else {
        let moves = if outcome.changes.is_empty() { "nothing moves" } else { "against what is locked:" };
        return format!(
            "environment {environment}: there is a resolution, {}; {moves}\n{}{}",
            counted(outcome.releases, "release"),
            change_lines(&outcome.changes),
            displaced(outcome)
        );
    };
    if let Some(number) = outcome.applied {
        let edits: String = outcome.fixes.get(number - 1).map(|fix| fix.edits.iter().map(render_edit).collect()).unwrap_or_default();
        let (done, verb) = if outcome.dry_run {
            ("would be made".to_owned(), "would lock")
        } else {
            (format!("is made, and locked; `packs switch {}` makes it current", outcome.environment), "locked")
        };
        let locked = outcome.lockfiles.iter().filter(|locked| locked.state != LockfileState::Fresh);
        let moves: String = locked.map(|locked| render_moves(&format!("{verb} {}", locked.lockfile), &locked.changes)).collect();
        return format!("environment {environment}: fix {number} {done}\n{edits}{moves}");
    }
    let explanation = match explain {
        Explain::Short => outcome.explanation.clone().unwrap_or_default(),
        Explain::Full => conflict.explanation.join("\n"),
    };
    let mut text = format!("environment {environment}: there is no resolution\n");
    text.extend(explanation.lines().map(|line| plain(line) + "\n"));
    text += &displaced(outcome);
    let hint = |hint: String| format!("{} {}\n", paint(GOOD, "hint:"), plain(&hint));
    text.extend(conflict.hints.iter().map(|told| error::hint::conflict_hint(told, &outcome.environment)).map(hint));
    text.extend((!conflict.is_smallest).then(|| hint(error::hint::cut_short("the smallest conflict", outcome.solve_timeout_s))));
    text.extend(outcome.fixes.iter().enumerate().map(|(number, fix)| format!("{} {}\n{}", paint(STRONG, "fix"), paint(STRONG, number + 1), render_fix(fix))));
    text.extend((fixes.is_some() && outcome.fixes.is_empty()).then(|| format!("{NO_FIX}\n")));
    text.extend(fixes_left_out(outcome).map(hint));
    if !outcome.fixes.is_empty() {
        text += &format!("`packs resolve {} --apply N` makes one of them\n", outcome.environment);
    }
    text
}

/// Says what ended the search for fixes before it was through.
fn fixes_left_out(outcome: &ResolveOutcome) -> Option<String> {
    match outcome.fixes_ended {
        FixesEnd::Through => None,
        FixesEnd::OutOfTime => Some(error::hint::cut_short("fixes", outcome.solve_timeout_s)),
        FixesEnd::Exhausted => Some(format!("the search for fixes ended after {} edits that were tried: there may be better ones", outcome.fixes_tried)),
    }
}

/// Says which override the release asked about is taken in the place of.
fn displaced(outcome: &ResolveOutcome) -> String {
    let Some(pin) = &outcome.displaced_override else { return String::new() };
    let place = pin.at.as_ref().map_or_else(|| "packs.toml".to_owned(), ToString::to_string);
    format!("this is without the override {} in {place}: --what-if takes its place\n", pin.range)
}

/// Shows the lines to edit, and what would move.
fn render_fix(fix: &ShownFix) -> String {
    let moves = if fix.moves.is_empty() { String::new() } else { render_moves("would lock", &fix.moves) };
    fix.edits.iter().map(render_edit).collect::<String>() + &moves
}

/// Lists what moves after what was done, in one line; of many releases the first.
fn render_moves(done: &str, changes: &Changes) -> String {
    let lines = change_lines(changes);
    let moves: Vec<&str> = lines.lines().map(str::trim).collect();
    let more = moves.len().saturating_sub(MOVES_MAX);
    let mut listed = moves[..moves.len() - more].join(", ");
    if more > 0 {
        listed += &format!(", and {more} more");
    }
    let listed = if moves.is_empty() { "no release moves" } else { &listed };
    format!("  {done}: {listed}\n")
}

fn render_edit(edit: &LineEdit) -> String {
    let lines = |style, sign: &str, lines: &[String]| {
        lines.iter().map(|line| format!("    {}\n", paint(style, format!("{sign} {}", plain(line)).trim_end()))).collect::<String>()
    };
    format!("  {}:{}\n{}{}", edit.file, edit.line, lines(BAD, "-", &edit.before), lines(GOOD, "+", &edit.after))
}

/// Draws who requires whom in a conflict.
fn graph(graph: &ConflictGraph) -> Drawing {
    let mut drawing = Drawing::default();
    for node in &graph.nodes {
        let look = match (&node.name, node.is_trouble) {
            (None, _) => Look::Project,
            (Some(_), true) => Look::Trouble,
            (Some(_), false) => Look::Pack,
        };
        drawing.node(node.label.clone(), look);
    }
    let label = |by: &str, range: &str| if by.is_empty() { range.to_owned() } else { format!("{by}: {range}") };
    drawing.edges = graph.edges.iter().map(|edge| Edge { from: edge.from, to: edge.to, label: label(&edge.by, &edge.range) }).collect();
    drawing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(fixes_ended: FixesEnd) -> ResolveOutcome {
        ResolveOutcome {
            environment: EnvironmentName::default_environment(),
            solvable: false,
            releases: 0,
            changes: Changes::default(),
            displaced_override: None,
            idle_pins: vec![],
            conflict: None,
            explanation: None,
            fixes: vec![],
            fixes_cut_short: fixes_ended != FixesEnd::Through,
            fixes_ended,
            fixes_tried: 712,
            solve_timeout_s: 3,
            applied: None,
            lockfiles: vec![],
            dry_run: false,
        }
    }

    #[test]
    fn what_was_not_looked_for_is_said() {
        let said = |ended| fixes_left_out(&outcome(ended));
        assert_eq!(said(FixesEnd::Through), None);
        assert_eq!(said(FixesEnd::OutOfTime).as_deref(), Some("the time limit of 3 s ended the search for fixes: give it longer with --solve-timeout SECONDS"));
        assert_eq!(said(FixesEnd::Exhausted).as_deref(), Some("the search for fixes ended after 712 edits that were tried: there may be better ones"));
    }
}
