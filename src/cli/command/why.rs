//! `packs why PACK`

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::Args;

use crate::cli::command::tree::range_with_override;
use crate::cli::drawing::Drawing;
use crate::cli::drawing::Edge;
use crate::cli::drawing::Look;
use crate::cli::output::DIM;
use crate::cli::output::Output;
use crate::cli::output::STRONG;
use crate::cli::output::paint;
use crate::cli::settings::Format;
use crate::cli::settings::Settings;
use crate::model::ExtraName;
use crate::model::PackName;
use crate::model::Range;
use crate::ops;
use crate::ops::OpsError;
use crate::ops::WayStep;
use crate::ops::WhyOutcome;

/// What may follow `packs why`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  packs why workflow                 the shortest ways to it from what packs.toml names\n  packs why workflow -E prod\n  packs why workflow --format dot"
)]
pub struct Arguments {
    /// The pack
    pack: PackName,
}

/// Most steps of a way that are shown; a longer one loses its middle.
const STEPS_MAX: usize = 40;

pub(super) fn run(arguments: &Arguments, settings: &Settings, output: Output) -> Result<ExitCode, OpsError> {
    let outcome = ops::why(&settings.context, &arguments.pack)?;
    output.answer("packs.why/1", &outcome, || match output.format {
        Format::Dot => drawing(&outcome).dot(),
        Format::Svg => drawing(&outcome).svg(),
        Format::Text | Format::Json => render(&outcome),
    });
    Ok(ExitCode::SUCCESS)
}

fn render(outcome: &WhyOutcome) -> String {
    let mut text = format!("environment {}: {} {}\n", paint(STRONG, &outcome.environment), outcome.name, outcome.version);
    for way in &outcome.ways {
        let step = |indent: usize, at: usize| {
            let who = at.checked_sub(1).map_or_else(|| "packs.toml asks for".to_owned(), |before| requiring(&way[before]));
            let (name, version, asked) = (&way[at].name, &way[at].version, range(&way[at]));
            format!("  {}{} {name} {}\n", "  ".repeat(indent), paint(DIM, who), paint(DIM, format!("{asked} → {version}")))
        };
        let (shown_from_start, shown_to_end) = if way.len() > STEPS_MAX { (STEPS_MAX / 2, STEPS_MAX / 2) } else { (way.len(), 0) };
        text.extend((0..shown_from_start).map(|at| step(at, at)));
        if way.len() > STEPS_MAX {
            text += &format!("  {}… {} more packs on the way; --json has all …\n", "  ".repeat(shown_from_start), way.len() - STEPS_MAX);
            text.extend((way.len() - shown_to_end..way.len()).zip(shown_from_start + 1..).map(|(at, indent)| step(indent, at)));
        }
    }
    if outcome.ways_left_out > 0 {
        text += &format!("  and {} more ways just as short\n", outcome.ways_left_out);
    }
    text
}

/// Says that a step requires the next one, with its extras: whether it is required by one of them alone a lockfile does not tell.
fn requiring(step: &WayStep) -> String {
    let extras: Vec<&str> = step.extras.iter().map(ExtraName::as_str).collect();
    match extras.as_slice() {
        [] => "which requires".to_owned(),
        [extra] => format!("which, with the extra {extra}, requires"),
        _ => format!("which, with the extras {}, requires", extras.join(", ")),
    }
}

/// Says the range that a step asks for, and what counts in its place.
fn range(step: &WayStep) -> String {
    range_with_override(&step.range, step.overridden.as_ref(), step.overridden_at.as_ref())
}

fn drawing(outcome: &WhyOutcome) -> Drawing {
    let mut drawing = Drawing::default();
    let project = drawing.node("packs.toml".to_owned(), Look::Project);
    let mut places: BTreeMap<&PackName, usize> = BTreeMap::new();
    let mut drawn: BTreeSet<(usize, usize, &Range)> = BTreeSet::new();
    for way in &outcome.ways {
        let mut from = project;
        for step in way {
            let to = *places.entry(&step.name).or_insert_with(|| drawing.node(format!("{} {}", step.name, step.version), Look::Pack));
            if drawn.insert((from, to, &step.range)) {
                drawing.edges.push(Edge { from, to, label: range(step) });
            }
            from = to;
        }
    }
    drawing
}
