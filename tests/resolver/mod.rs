//! The resolver, from outside: right, deterministic, and able to say why not.

mod choices;
mod conflicts;
mod deep;
mod documented;
mod edits;
mod modes;
#[path = "../../benches/numbers.rs"]
mod numbers;
mod oracle;
#[path = "../../benches/worlds.rs"]
mod worlds;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use packs::model::ExtraName;
use packs::model::PackName;
use packs::model::Place;
use packs::model::Range;
use packs::model::Refusal;
use packs::model::Version;
use packs::resolve::Candidate;
use packs::resolve::Candidates;
use packs::resolve::Chosen;
use packs::resolve::Conflict;
use packs::resolve::Failure;
use packs::resolve::Limit;
use packs::resolve::Pin;
use packs::resolve::Preferences;
use packs::resolve::Resolution;
use packs::resolve::Root;
use packs::resolve::resolve;

/// All releases of a small world.
type World = BTreeMap<PackName, Vec<Candidate>>;

fn name(text: &str) -> PackName {
    PackName::parse(text).expect("a valid name")
}

fn version(text: &str) -> Version {
    Version::parse(text).expect("a valid version")
}

fn range(text: &str) -> Range {
    Range::parse(text).expect("a valid range")
}

/// A world in which the project has its own mind about some packs.
#[derive(Debug, Clone, Default)]
struct Pinned {
    world: World,
    overrides: BTreeMap<PackName, Pin>,
    constraints: BTreeMap<PackName, Pin>,
}

impl Pinned {
    /// Judges the releases of a world by the constraints.
    fn new(mut world: World, overrides: BTreeMap<PackName, Pin>, constraints: BTreeMap<PackName, Pin>) -> Self {
        for (name, pin) in &constraints {
            let reason = format!("outside {}", pin.range);
            let refusal = Refusal { rule: Refusal::CONSTRAINTS.to_owned(), reason, at: pin.at.clone() };
            for release in world.get_mut(name).into_iter().flatten().filter(|release| !pin.range.matches(&release.version)) {
                release.refused.get_or_insert_with(|| refusal.clone());
            }
        }
        Pinned { world, overrides, constraints }
    }
}

impl Candidates for Pinned {
    fn releases(&self, name: &PackName) -> Option<&[Candidate]> {
        self.world.releases(name)
    }

    fn overridden(&self, name: &PackName) -> Option<&Pin> {
        self.overrides.get(name)
    }

    fn constrained(&self, name: &PackName) -> Option<&Pin> {
        self.constraints.get(name)
    }
}

fn pin(text: &str) -> Pin {
    Pin { range: range(text), at: Some(Place { file: "packs.toml".into(), line: 41 }) }
}

/// Resolves with all the time it takes.
fn solve(roots: &[Root], world: &impl Candidates, preferences: &Preferences) -> Result<Resolution, Box<Conflict>> {
    solve_by(&Limit::none(), roots, world, preferences)
}

/// Resolves under a limit that never comes.
fn solve_by(limit: &Limit<'_>, roots: &[Root], world: &impl Candidates, preferences: &Preferences) -> Result<Resolution, Box<Conflict>> {
    resolve(roots, world, preferences, limit).map_err(|failure| match failure {
        Failure::Conflict(conflict) => conflict,
        Failure::OutOfTime { .. } => panic!("there is no limit"),
    })
}

/// Reads one release per line: `reports 1.0.0 | charting ^1 | +pdf printing ^2 | yanked a reason | refused a reason`.
fn world(text: &str) -> World {
    let mut world = World::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut parts = line.split('|').map(str::trim);
        let (pack, number) = parts.next().and_then(|head| head.split_once(' ')).expect("a name and a version");
        let mut release = Candidate { version: version(number), requires: BTreeMap::new(), extras: BTreeMap::new(), yanked: None, refused: None };
        parts.for_each(|part| add(&mut release, part));
        world.entry(name(pack)).or_default().push(release);
    }
    world
}

fn add(release: &mut Candidate, part: &str) {
    match part.split_once(' ').expect("two words") {
        ("yanked", reason) => release.yanked = Some(reason.to_owned()),
        ("refused", reason) => {
            let at = Some(Place { file: "packs.toml".into(), line: 31 });
            release.refused = Some(Refusal { rule: "min-quality".into(), reason: reason.to_owned(), at });
        }
        (extra, need) if extra.starts_with('+') => {
            let (needed, wanted) = need.split_once(' ').expect("a name and a range");
            let extra = ExtraName::parse(&extra[1..]).expect("a valid extra");
            release.extras.entry(extra).or_default().insert(name(needed), range(wanted));
        }
        (needed, wanted) => drop(release.requires.insert(name(needed), range(wanted))),
    }
}

/// Reads requirements, the first of which stands in line 10: `reports ^1 +pdf +html`.
fn roots(requirements: &[&str]) -> Vec<Root> {
    let root = |(number, text): (usize, &&str)| {
        let mut parts = text.split(" +");
        let (pack, wanted) = parts.next().and_then(|head| head.split_once(' ')).expect("a name and a range");
        let extras = parts.map(|extra| ExtraName::parse(extra).expect("a valid extra")).collect::<BTreeSet<_>>();
        Root { name: name(pack), range: range(wanted), extras, at: Some(Place { file: "packs.toml".into(), line: 10 + number }) }
    };
    requirements.iter().enumerate().map(root).collect()
}

/// Writes a resolution as `a 1.0.0, b 2.0.0 +extra`.
fn show(resolution: &Resolution) -> String {
    let show = |(name, chosen): (&PackName, &Chosen)| {
        let release = format!("{name} {}", chosen.version);
        chosen.extras.iter().fold(release, |shown, extra| format!("{shown} +{extra}"))
    };
    resolution.releases.iter().map(show).collect::<Vec<_>>().join(", ")
}
