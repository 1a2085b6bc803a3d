//! `packs why PACK`

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;

use crate::cli::drawing::Drawing;
use crate::cli::drawing::Edge;
use crate::cli::drawing::Look;
use crate::cli::output::DIM;
use crate::cli::output::Output;
use crate::cli::output::STRONG;
use crate::cli::output::paint;
use crate::cli::settings::Format;
use crate::cli::settings::Settings;
use crate::model::PackName;
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
        let step = |(number, step): (usize, &WayStep)| {
            let who = if number == 0 { "packs.toml asks for" } else { "which requires" };
            format!("  {}{} {} {}\n", "  ".repeat(number), paint(DIM, who), step.name, paint(DIM, format!("{} → {}", step.range, step.version)))
        };
        text.extend(way.iter().enumerate().map(step));
    }
    if outcome.ways_left_out > 0 {
        text += &format!("  and {} more ways just as short\n", outcome.ways_left_out);
    }
    text
}

fn drawing(outcome: &WhyOutcome) -> Drawing {
    let mut drawing = Drawing::default();
    let project = drawing.node("packs.toml".to_owned(), Look::Project);
    let mut places: BTreeMap<&PackName, usize> = BTreeMap::new();
    for way in &outcome.ways {
        let mut from = project;
        for step in way {
            let to = *places.entry(&step.name).or_insert_with(|| drawing.node(format!("{} {}", step.name, step.version), Look::Pack));
            let edge = Edge { from, to, label: step.range.to_string() };
            if !drawing.edges.contains(&edge) {
                drawing.edges.push(edge);
            }
            from = to;
        }
    }
    drawing
}
