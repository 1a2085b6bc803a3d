//! What may help in a conflict, as values; the words are made where people are spoken to.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Serialize;

use crate::model::ExtraName;
use crate::model::PackName;
use crate::model::Place;
use crate::model::Range;
use crate::model::Refusal;
use crate::model::RegistryName;
use crate::model::Version;
use crate::model::nearest;
use crate::resolve::Candidate;
use crate::resolve::Candidates;
use crate::resolve::conflict::Requires;
use crate::resolve::conflict::Step;
use crate::resolve::conflict::Unavailable;
use crate::resolve::universe::Known;
use crate::resolve::universe::Node;
use crate::resolve::universe::NodeId;
use crate::resolve::universe::PROJECT;
use crate::resolve::universe::Universe;

/// Most releases of a pack that are named as refused by one rule.
const REFUSED_MAX: usize = 2;

/// Something that a person can do, or should know, about a conflict.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ConflictHint {
    /// Somebody requires a pack that does not exist.
    UnknownPack {
        /// The name that was written.
        name: PackName,
        /// A pack that may have been meant.
        nearest: Option<PackName>,
        /// The registry that the project takes it from by name; `None` if it names none.
        registry: Option<RegistryName>,
        /// Where the project writes it; `None` if a release does.
        at: Option<Place>,
    },
    /// A pack is not in the registry it is looked for in, but in another one of the project.
    InOtherRegistry {
        /// The pack.
        name: PackName,
        /// The registry that has it.
        registry: RegistryName,
        /// The range that the project writes; any if it writes none.
        range: Range,
    },
    /// An extra was asked for that the release does not have.
    UnknownExtra {
        /// The pack.
        name: PackName,
        /// The release.
        version: Version,
        /// The extra that was asked for.
        extra: ExtraName,
        /// The extras that any of its releases has that may be chosen.
        known: Vec<ExtraName>,
        /// The newest release that has the extra and may be chosen; `None` if there is none.
        newest_with: Option<Version>,
        /// The newest release that has the extra, where all that have it are yanked or refused.
        newest_hidden_with: Option<Version>,
    },
    /// A pre-release is in the range, but the range does not name it.
    PrereleaseExists {
        /// The pack.
        name: PackName,
        /// The range that admits stable releases only.
        range: Range,
        /// The highest such pre-release.
        version: Version,
        /// Whether it is the project that asks for this range; else only an override can name the pre-release.
        direct: bool,
    },
    /// A yanked release is in the range, but not named with `=`.
    Yanked {
        /// The pack.
        name: PackName,
        /// The yanked release.
        version: Version,
        /// Why it was yanked.
        reason: String,
    },
    /// A rule refused a release that is asked for.
    Refused {
        /// The pack.
        name: PackName,
        /// The release.
        version: Version,
        /// The rule, its reason, and where it is written.
        refusal: Refusal,
    },
}

impl ConflictHint {
    /// Gives the place of what it speaks of, if it is about something that is written.
    pub(super) fn place_mut(&mut self) -> Option<&mut Option<Place>> {
        match self {
            ConflictHint::UnknownPack { at, .. } => Some(at),
            ConflictHint::Refused { refusal, .. } => Some(&mut refusal.at),
            ConflictHint::InOtherRegistry { .. } | ConflictHint::UnknownExtra { .. } | ConflictHint::PrereleaseExists { .. } | ConflictHint::Yanked { .. } => {
                None
            }
        }
    }
}

/// Finds what may help, in a fixed order.
pub(super) fn find<C: Candidates>(steps: &[Step], universe: &Universe<'_, C>) -> Vec<ConflictHint> {
    let mut demands: BTreeMap<NodeId, Vec<&Requires>> = BTreeMap::new();
    for step in steps {
        if let Step::Requires(requires) = step {
            demands.entry(requires.needed).or_default().push(requires);
        }
    }
    // What nobody asks for is no help, whatever stands against it.
    let is_asked_for = |node: &NodeId, index: &usize| demands.get(node).is_none_or(|all| all.iter().any(|demand| demand.admitted.holds(*index)));
    let mut hints = BTreeSet::new();
    for step in steps {
        if let Step::Unavailable { node, set, reason } = step {
            let known = universe.known(*node);
            let asked_for = set.indexes(known.count()).filter(|index| is_asked_for(node, index));
            hints.extend(asked_for.filter_map(|index| of_unavailable(universe, known, known.releases[index], reason)));
        }
    }
    for (node, demands) in demands {
        if let Node::Pack(name) = universe.known(node).node {
            hints.extend(of_demands(universe, name, universe.known(node), &demands));
        }
    }
    leave_newest_refused(&mut hints);
    hints.into_iter().collect()
}

/// Leaves of the refusals by one rule those of the newest releases of each pack, and of an extra that is not there what the newest has.
fn leave_newest_refused(hints: &mut BTreeSet<ConflictHint>) {
    let mut refused: BTreeMap<(PackName, String), BTreeSet<Version>> = BTreeMap::new();
    for hint in hints.iter() {
        if let ConflictHint::Refused { name, version, refusal } = hint {
            refused.entry((name.clone(), refusal.rule.clone())).or_default().insert(version.clone());
        }
    }
    let with_extra = |hint: &ConflictHint| match hint {
        ConflictHint::UnknownExtra { name, extra, version, .. } => Some(((name.clone(), extra.clone()), version.clone())),
        _ => None,
    };
    // Hints of one pack are sorted by version, so the last one stays.
    let newest: BTreeMap<(PackName, ExtraName), Version> = hints.iter().filter_map(with_extra).collect();
    hints.retain(|hint| match hint {
        ConflictHint::UnknownExtra { name, extra, version, .. } => newest[&(name.clone(), extra.clone())] == *version,
        ConflictHint::Refused { name, version, refusal } => {
            let newer = refused[&(name.clone(), refusal.rule.clone())].range(version..).count();
            newer <= REFUSED_MAX
        }
        _ => true,
    });
}

fn of_unavailable<C: Candidates>(universe: &Universe<'_, C>, known: &Known<'_>, release: &Candidate, reason: &Unavailable) -> Option<ConflictHint> {
    let version = release.version.clone();
    match (known.node, reason) {
        (Node::Pack(name), Unavailable::Refused(refusal)) => Some(ConflictHint::Refused { name: name.clone(), version, refusal: refusal.clone() }),
        (Node::Extra(pack, extra), Unavailable::NoSuchExtra) => match universe.known(pack).node {
            Node::Pack(name) => Some(unknown_extra((name, version), extra, &known.releases)),
            Node::Project | Node::Extra(..) => None,
        },
        _ => None,
    }
}

/// Says of an extra that one release does not have what all releases have.
fn unknown_extra((name, version): (&PackName, Version), extra: &ExtraName, releases: &[&Candidate]) -> ConflictHint {
    let (usable, hidden): (Vec<&Candidate>, Vec<&Candidate>) = releases.iter().partition(|release| release.yanked.is_none() && release.refused.is_none());
    let known: BTreeSet<&ExtraName> = usable.iter().flat_map(|release| release.extras.keys()).collect();
    let newest_of =
        |releases: &[&Candidate]| releases.iter().filter(|release| release.extras.contains_key(extra)).map(|release| &release.version).max().cloned();
    let newest_with = newest_of(&usable);
    let newest_hidden_with = if newest_with.is_none() { newest_of(&hidden) } else { None };
    let known = known.into_iter().cloned().collect();
    ConflictHint::UnknownExtra { name: name.clone(), version, extra: extra.clone(), known, newest_with, newest_hidden_with }
}

fn of_demands<C: Candidates>(universe: &Universe<'_, C>, name: &PackName, known: &Known<'_>, demands: &[&Requires]) -> Vec<ConflictHint> {
    if !known.exists {
        let at = demands.iter().find_map(|demand| demand.at.clone());
        return vec![ConflictHint::UnknownPack { name: name.clone(), nearest: nearest_pack(universe, name), registry: None, at }];
    }
    let mut hints = yanked(name, known, demands);
    let unmet = demands.iter().filter(|demand| demand.admitted.is_empty());
    // What the project overrides, only an override can change.
    let of_demand = |demand: &&Requires| {
        let direct = demand.by == PROJECT && demand.overridden.is_none();
        demand.ranges_that_count().filter_map(|range| prerelease((name, direct), known, range)).collect::<Vec<_>>()
    };
    hints.extend(unmet.flat_map(of_demand));
    hints
}

/// Hidden releases that one demand without any release names, or that all of several demands would share.
fn yanked(name: &PackName, known: &Known<'_>, demands: &[&Requires]) -> Vec<ConflictHint> {
    let admits = |demand: &&&Requires, release: &Candidate| demand.ranges_that_count().any(|range| range.matches(&release.version));
    let mut hints = Vec::new();
    for (index, release) in known.releases.iter().enumerate() {
        let Some(reason) = &release.yanked else { continue };
        let is_hidden = demands.iter().all(|demand| !demand.admitted.holds(index));
        let fills_a_lack = demands.iter().filter(|demand| demand.admitted.is_empty()).any(|demand| admits(&demand, release));
        let is_shared = demands.len() > 1 && demands.iter().all(|demand| admits(&demand, release));
        if is_hidden && (fills_a_lack || is_shared) {
            let (name, version) = (name.clone(), release.version.clone());
            // What a rule refuses would be refused under its own name as well.
            hints.push(match &release.refused {
                Some(refusal) => ConflictHint::Refused { name, version, refusal: refusal.clone() },
                None => ConflictHint::Yanked { name, version, reason: reason.clone() },
            });
        }
    }
    hints
}

fn prerelease((name, direct): (&PackName, bool), known: &Known<'_>, range: &Range) -> Option<ConflictHint> {
    let highest = known.releases.iter().filter(|release| range.matches_as_stable(&release.version)).max_by_key(|release| &release.version)?;
    Some(ConflictHint::PrereleaseExists { name: name.clone(), range: range.clone(), version: highest.version.clone(), direct })
}

/// Finds the pack that may have been meant, of all that are listed or were met.
fn nearest_pack<C: Candidates>(universe: &Universe<'_, C>, meant: &PackName) -> Option<PackName> {
    let met = universe.nodes().filter_map(|known| match known.node {
        Node::Pack(name) if known.exists => Some(name),
        _ => None,
    });
    nearest(meant.as_str(), universe.candidates().names().into_iter().chain(met)).cloned()
}
