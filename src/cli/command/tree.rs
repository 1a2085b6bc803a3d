//! `packs tree [PACK]`

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::Args;

use crate::cli::drawing::Drawing;
use crate::cli::drawing::Edge;
use crate::cli::drawing::Look;
use crate::cli::output::DIM;
use crate::cli::output::Output;
use crate::cli::output::STRONG;
use crate::cli::output::paint;
use crate::cli::output::plain;
use crate::cli::settings::Format;
use crate::cli::settings::Settings;
use crate::model::PackName;
use crate::model::Place;
use crate::model::Range;
use crate::model::Tier;
use crate::ops;
use crate::ops::DuplicatesOutcome;
use crate::ops::OpsError;
use crate::ops::TreeDirection;
use crate::ops::TreeOutcome;
use crate::ops::TreePack;
use crate::ops::TreeRequest;

/// What may follow `packs tree`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  packs tree                            what the project requires, and what that requires\n  packs tree workflow --invert          who requires workflow, up to the project\n  packs tree --format svg > packs.svg   the same as a picture"
)]
pub struct Arguments {
    /// The pack to begin at (default: all that packs.toml names)
    pack: Option<PackName>,

    /// From packs to those that require them
    #[arg(long)]
    invert: bool,

    /// How many levels to show
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    depth: Option<u32>,

    /// Instead, the packs whose locked version differs between the project's environments
    #[arg(long, conflicts_with_all = ["pack", "invert", "depth"])]
    duplicates: bool,
}

impl Arguments {
    /// Tells whether a table is asked for, of which there is no picture.
    pub(super) fn is_table(&self) -> bool {
        self.duplicates
    }
}

pub(super) fn run(arguments: Arguments, settings: &Settings, output: Output) -> Result<ExitCode, OpsError> {
    if arguments.duplicates {
        let outcome = ops::duplicates(&settings.context)?;
        output.answer("packs.tree-duplicates/1", &outcome, || render_duplicates(&outcome));
        return Ok(ExitCode::SUCCESS);
    }
    let direction = if arguments.invert { TreeDirection::Up } else { TreeDirection::Down };
    let depth = arguments.depth.map(|depth| depth as usize);
    let outcome = ops::tree(&settings.context, &TreeRequest { pack: arguments.pack, direction, depth })?;
    output.answer("packs.tree/1", &outcome, || match output.format {
        Format::Dot => drawing(&outcome).dot(),
        Format::Svg => drawing(&outcome).svg(),
        Format::Text | Format::Json => render(&outcome, depth),
    });
    Ok(ExitCode::SUCCESS)
}

/// Most levels that are drawn as text: further in, a line would be wider than any window, and a chain of thousands as wide as it is long.
const LEVELS_MAX: usize = 100;

/// One line that is still to be written.
struct Open<'o> {
    pack: &'o TreePack,
    /// The range on the edge that leads here.
    range: Option<String>,
    /// For each level above, whether more follows there.
    more: Vec<bool>,
}

/// Where the packs are written that hang below one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Below {
    /// There are none within the depth asked for.
    Nothing,
    /// Below this line.
    Here,
    /// Below an earlier one.
    FurtherUp,
    /// Below none, or not below this one: it is on the last level.
    TooDeep,
}

/// Writes the tree to some depth; what hangs below a pack stands once, where it first has room.
fn render(outcome: &TreeOutcome, depth: Option<usize>) -> String {
    let levels = depth.map_or(LEVELS_MAX, |depth| depth.min(LEVELS_MAX));
    let packs: BTreeMap<&PackName, &TreePack> = outcome.packs.iter().map(|pack| (&pack.name, pack)).collect();
    let mut text = format!("environment {}\n", paint(STRONG, &outcome.environment));
    let mut spread: BTreeSet<&PackName> = BTreeSet::new();
    let mut is_shortened = false;
    let mut cut: Option<&PackName> = None;
    let asked = |pack: &TreePack| pack.asked.as_ref().filter(|_| outcome.direction == TreeDirection::Down).map(ToString::to_string);
    let beginnings = outcome.begins_at.iter().filter_map(|name| packs.get(name)).rev();
    let mut open: Vec<Open<'_>> = beginnings.map(|pack| Open { pack, range: asked(pack), more: vec![] }).collect();
    while let Some(line) = open.pop() {
        let below = match (line.pack.edges.is_empty(), line.more.len() + 1 == levels) {
            (true, _) => Below::Nothing,
            _ if spread.contains(&line.pack.name) => Below::FurtherUp,
            (false, true) => Below::TooDeep,
            (false, false) => Below::Here,
        };
        is_shortened |= below == Below::FurtherUp;
        text += &render_line(&line, outcome.direction, below);
        if below == Below::TooDeep && depth != Some(levels) {
            cut.get_or_insert(&line.pack.name);
        }
        if below != Below::Here {
            continue;
        }
        spread.insert(&line.pack.name);
        let below = line.pack.edges.iter().filter_map(|edge| Some((packs.get(&edge.name)?, edge)));
        let below: Vec<Open<'_>> = below.map(|(pack, edge)| Open { pack, range: Some(edge.range.to_string()), more: line.more.clone() }).collect();
        let last = below.len().saturating_sub(1);
        open.extend(below.into_iter().enumerate().rev().map(|(number, mut next)| {
            next.more.push(number < last);
            next
        }));
    }
    if is_shortened {
        text += &format!("{}\n", paint(DIM, "(*) what hangs below it stands further up"));
    }
    if let Some(name) = cut {
        text += &format!("{}\n", paint(DIM, format!("… goes on beyond {LEVELS_MAX} levels: `packs tree {name}` begins there, --json has all")));
    }
    text
}

fn render_line(line: &Open<'_>, direction: TreeDirection, below: Below) -> String {
    let mut text = String::new();
    if let Some((last, above)) = line.more.split_last() {
        above.iter().for_each(|more| text.push_str(if *more { "│   " } else { "    " }));
        text.push_str(if *last { "├── " } else { "└── " });
    }
    text += &label(line.pack);
    let mut remarks: Vec<String> =
        line.range.iter().map(|range| if direction == TreeDirection::Down { range.clone() } else { format!("by {range}") }).collect();
    if direction == TreeDirection::Up {
        remarks.extend(line.pack.asked.as_ref().map(|range| format!("in packs.toml: {range}")));
    }
    remarks.extend(line.pack.overridden.as_ref().map(|range| overridden_by(range, line.pack.overridden_at.as_ref())));
    remarks.extend(line.pack.tier.filter(|tier| *tier != Tier::Required).map(|tier| tier.as_str().to_owned()));
    if !remarks.is_empty() {
        text += &format!("  {}", paint(DIM, plain(&remarks.join(", "))));
    }
    if below == Below::FurtherUp {
        text += " (*)";
    } else if line.pack.goes_on || below == Below::TooDeep {
        text += " …";
    }
    text + "\n"
}

/// Names a locked release with its extras: `reports 1.2.0 [charts]`.
fn label(pack: &TreePack) -> String {
    let extras: Vec<&str> = pack.extras.iter().map(crate::model::ExtraName::as_str).collect();
    let release = format!("{} {}", pack.name, pack.version);
    if extras.is_empty() { release } else { format!("{release} [{}]", extras.join(", ")) }
}

/// Says which range the project puts in the place of another.
fn overridden_by(range: &Range, at: Option<&Place>) -> String {
    let place = at.map(|at| format!(" ({at})")).unwrap_or_default();
    format!("overridden by {range}{place}")
}

/// Says a range as somebody wrote it, and what counts in its place.
pub(super) fn range_with_override(written: &Range, overridden: Option<&Range>, at: Option<&Place>) -> String {
    match overridden {
        Some(range) if range != written => format!("{written}, {}", overridden_by(range, at)),
        _ => written.to_string(),
    }
}

/// Draws who requires whom, whichever way the tree grew.
fn drawing(outcome: &TreeOutcome) -> Drawing {
    let mut drawing = Drawing::default();
    let project = drawing.node(outcome.project.clone(), Look::Project);
    let places: BTreeMap<&PackName, usize> = outcome.packs.iter().map(|pack| (&pack.name, drawing.node(label(pack), Look::Pack))).collect();
    let said = |of: usize, range: &Range| {
        let pack = &outcome.packs[of];
        range_with_override(range, pack.overridden.as_ref(), pack.overridden_at.as_ref())
    };
    for (number, pack) in outcome.packs.iter().enumerate() {
        let at = places[&pack.name];
        if let Some(range) = &pack.asked {
            drawing.edges.push(Edge { from: project, to: at, label: said(number, range) });
        }
        for edge in &pack.edges {
            let Some(other) = places.get(&edge.name) else { continue };
            let (from, to) = if outcome.direction == TreeDirection::Down { (at, *other) } else { (*other, at) };
            // The project's node comes before those of the packs.
            drawing.edges.push(Edge { from, to, label: said(to - 1, &edge.range) });
        }
    }
    drawing
}

fn render_duplicates(outcome: &DuplicatesOutcome) -> String {
    let joined = |names: &[crate::model::EnvironmentName]| names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if outcome.packs.is_empty() {
        return format!("no pack differs between the locked environments ({})\n", joined(&outcome.environments));
    }
    let mut text = String::new();
    for pack in &outcome.packs {
        text += &format!("{}\n", paint(STRONG, &pack.name));
        for version in &pack.versions {
            text += &format!("  {}  {}\n", version.version, paint(DIM, joined(&version.environments)));
        }
    }
    text
}
