//! PubGrub over a [`Universe`]: which node next, which release of it, what it needs.
//!
//! The answer depends on names, versions and ranges alone: nodes are numbered in the order in which sorted requirements name them, and pubgrub's own hash
//! maps hash the same way in every process.

use std::cell::Cell;
use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::fmt;

use pubgrub::Dependencies;
use pubgrub::DependencyConstraints;
use pubgrub::DependencyProvider;
use pubgrub::DerivationTree;
use pubgrub::PackageResolutionStatistics;
use pubgrub::PubGrubError;
use pubgrub::SelectedDependencies;
use pubgrub::VersionSet as _;

use crate::model::ExtraName;
use crate::model::PackName;
use crate::model::Range;
use crate::resolve::Candidate;
use crate::resolve::Candidates;
use crate::resolve::Chosen;
use crate::resolve::Limit;
use crate::resolve::Resolution;
use crate::resolve::universe::Node;
use crate::resolve::universe::NodeId;
use crate::resolve::universe::PROJECT;
use crate::resolve::universe::Universe;
use crate::resolve::versions::Releases;
use crate::resolve::versions::Slot;

/// Why a release cannot be chosen whatever else is; the universe knows the details.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// A rule refused it.
    Refused,
    /// It does not have the extra that was asked for.
    NoSuchExtra,
    /// It requires another release of itself.
    NeedsOtherSelf,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A proof that there is no solution, as pubgrub builds it.
pub(super) type Proof = DerivationTree<NodeId, Releases, Reason>;

/// How a solve ends without a resolution.
pub(super) enum Stop {
    /// There is none.
    Conflict(Box<Proof>),
    /// The limit came first; the nodes that took part in most conflicts, the hottest first.
    OutOfTime { hottest: Vec<NodeId> },
}

/// The limit was reached.
#[derive(Debug, thiserror::Error)]
#[error("the limit was reached")]
pub(super) struct Over;

/// Steps between two looks at the limit; some 3 µs each.
const STEPS_PER_LOOK: u32 = 256;

/// Most nodes that are called hot.
const HOTTEST_MAX: usize = 10;

/// What the solver was asked, and what it met on its way.
pub(super) struct Solver<'a, 's, C> {
    universe: RefCell<Universe<'a, C>>,
    limit: &'s Limit<'s>,
    steps: Cell<u32>,
    /// In how many conflicts each node took part.
    heat: RefCell<HashMap<NodeId, u32>>,
}

impl<'a, 's, C: Candidates> Solver<'a, 's, C> {
    /// Solves, and gives back what was met.
    pub(super) fn solve(universe: Universe<'a, C>, limit: &'s Limit<'s>) -> (Result<Resolution, Stop>, Universe<'a, C>) {
        let solver = Solver { universe: RefCell::new(universe), limit, steps: Cell::new(0), heat: RefCell::default() };
        let answer = pubgrub::resolve(&solver, PROJECT, Slot::new(0, 1));
        let hottest = solver.hottest();
        let universe = solver.universe.into_inner();
        let answer = match answer {
            Ok(selected) => Ok(resolution(&universe, selected)),
            Err(PubGrubError::NoSolution(proof)) => Err(Stop::Conflict(Box::new(proof))),
            Err(PubGrubError::ErrorRetrievingDependencies { .. } | PubGrubError::ErrorChoosingVersion { .. } | PubGrubError::ErrorInShouldCancel(Over)) => {
                Err(Stop::OutOfTime { hottest })
            }
        };
        (answer, universe)
    }

    fn hottest(&self) -> Vec<NodeId> {
        let heat = self.heat.borrow();
        let mut hottest: Vec<(Reverse<u32>, NodeId)> = heat.iter().map(|(node, heat)| (Reverse(*heat), *node)).collect();
        hottest.sort_unstable();
        hottest.into_iter().map(|(_, node)| node).take(HOTTEST_MAX).collect()
    }
}

impl<C: Candidates> DependencyProvider for Solver<'_, '_, C> {
    type P = NodeId;
    type V = Slot;
    type VS = Releases;
    type M = Reason;
    type Err = Over;
    /// The project; what has one release left, since deciding it risks nothing; what the project names itself, since people look at its version. Among
    /// equals pubgrub takes what was met first. Measured on random worlds, this beats an order by conflicts or by releases left five times over.
    type Priority = (bool, bool, bool);

    fn prioritize(&self, node: &NodeId, among: &Releases, statistics: &PackageResolutionStatistics) -> Self::Priority {
        if statistics.conflict_count() > 0 {
            self.heat.borrow_mut().insert(*node, statistics.conflict_count());
        }
        let universe = self.universe.borrow();
        let known = universe.known(*node);
        (*node == PROJECT, among.len(known.count()) == 1, known.is_direct)
    }

    fn choose_version(&self, node: &NodeId, among: &Releases) -> Result<Option<Slot>, Over> {
        Ok(self.universe.borrow().known(*node).best(among))
    }

    fn get_dependencies(&self, node: &NodeId, slot: &Slot) -> Result<Dependencies<NodeId, Releases, Reason>, Over> {
        let mut universe = self.universe.borrow_mut();
        let needs = match universe.known(*node).node {
            Node::Project => Ok(needs_of_project(&mut universe)),
            Node::Pack(_) => {
                let release = universe.known(*node).releases[slot.index()];
                needs_of_release(&mut universe, *node, *slot, release)
            }
            Node::Extra(pack, extra) => {
                let release = universe.known(*node).releases[slot.index()];
                needs_of_extra(&mut universe, pack, *slot, release.extras.get(extra))
            }
        };
        Ok(match needs {
            Ok(needs) => Dependencies::Available(DependencyConstraints::from_iter(needs)),
            Err(reason) => Dependencies::Unavailable(reason),
        })
    }

    fn should_cancel(&self) -> Result<(), Over> {
        let steps = self.steps.get();
        self.steps.set(steps.wrapping_add(1));
        if steps.is_multiple_of(STEPS_PER_LOOK) && self.limit.is_over() { Err(Over) } else { Ok(()) }
    }
}

/// The nodes needed, and which of their releases will do.
type Needs = Vec<(NodeId, Releases)>;

fn needs_of_project<C: Candidates>(universe: &mut Universe<'_, C>) -> Needs {
    let mut needs = Vec::new();
    for root in universe.roots.clone() {
        let pack = universe.pack(&root.name);
        let admitted = universe.admitted(pack, &root.range);
        needs.extend(root.extras.iter().map(|extra| (universe.extra(pack, extra), admitted.clone())));
        needs.push((pack, admitted));
    }
    needs
}

fn needs_of_release<'a, C: Candidates>(universe: &mut Universe<'a, C>, pack: NodeId, slot: Slot, release: &'a Candidate) -> Result<Needs, Reason> {
    if release.refused.is_some() {
        return Err(Reason::Refused);
    }
    needs_of(universe, pack, slot, &release.requires)
}

/// An extra needs the very release it belongs to, which in turn needs what every release needs.
fn needs_of_extra<'a, C: Candidates>(
    universe: &mut Universe<'a, C>,
    pack: NodeId,
    slot: Slot,
    requires: Option<&'a BTreeMap<PackName, Range>>,
) -> Result<Needs, Reason> {
    let mut needs = needs_of(universe, pack, slot, requires.ok_or(Reason::NoSuchExtra)?)?;
    needs.push((pack, Releases::singleton(slot)));
    Ok(needs)
}

fn needs_of<'a, C: Candidates>(universe: &mut Universe<'a, C>, pack: NodeId, slot: Slot, requires: &'a BTreeMap<PackName, Range>) -> Result<Needs, Reason> {
    let mut needs = Vec::with_capacity(requires.len() + 1);
    for (name, range) in requires {
        let needed = universe.pack(name);
        let admitted = universe.admitted(needed, range);
        if needed != pack {
            needs.push((needed, admitted));
        } else if !admitted.contains(&slot) {
            return Err(Reason::NeedsOtherSelf);
        }
    }
    Ok(needs)
}

fn resolution<C: Candidates>(universe: &Universe<'_, C>, selected: SelectedDependencies<NodeId, Slot>) -> Resolution {
    let mut releases: BTreeMap<NodeId, (&Candidate, BTreeSet<ExtraName>)> = BTreeMap::new();
    for (id, slot) in selected {
        let known = universe.known(id);
        let (pack, extra) = match known.node {
            Node::Project => continue,
            Node::Pack(_) => (id, None),
            Node::Extra(pack, extra) => (pack, Some(extra)),
        };
        let (_, extras) = releases.entry(pack).or_insert_with(|| (known.releases[slot.index()], BTreeSet::new()));
        extras.extend(extra.cloned());
    }
    let chosen = |(id, (release, extras)): (NodeId, _)| match universe.known(id).node {
        Node::Pack(name) => Some((name.clone(), choose(name, release, extras))),
        Node::Project | Node::Extra(..) => None,
    };
    Resolution { releases: releases.into_iter().filter_map(chosen).collect() }
}

fn choose(name: &PackName, release: &Candidate, extras: BTreeSet<ExtraName>) -> Chosen {
    let of_extras = extras.iter().filter_map(|extra| release.extras.get(extra)).flatten();
    let requires: BTreeSet<(&PackName, &Range)> = release.requires.iter().chain(of_extras).filter(|(needed, _)| *needed != name).collect();
    let requires = requires.into_iter().map(|(needed, range)| (needed.clone(), range.clone())).collect();
    Chosen { version: release.version.clone(), extras, requires }
}
