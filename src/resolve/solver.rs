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

use pubgrub::Dependencies;
use pubgrub::DependencyConstraints;
use pubgrub::DependencyProvider;
use pubgrub::DerivationTree;
use pubgrub::PackageResolutionStatistics;
use pubgrub::PubGrubError;

use crate::model::ExtraName;
use crate::model::PackName;
use crate::model::Range;
use crate::resolve::Candidate;
use crate::resolve::Candidates;
use crate::resolve::Chosen;
use crate::resolve::Limit;
use crate::resolve::Resolution;
use crate::resolve::needs;
use crate::resolve::needs::Reason;
use crate::resolve::universe::Node;
use crate::resolve::universe::NodeId;
use crate::resolve::universe::PROJECT;
use crate::resolve::universe::Universe;
use crate::resolve::versions::Releases;
use crate::resolve::versions::Slot;

/// A proof that there is no solution, as pubgrub builds it.
pub(super) type Proof = DerivationTree<NodeId, Releases, Reason>;

/// How a search ends without a resolution.
pub(super) enum Stop {
    /// There is none.
    Conflict(Box<Proof>),
    /// More conflicts appeared than this search was for; the nodes that took part in most of them, the hottest first.
    TooManyConflicts { hottest: Vec<NodeId> },
    /// The limit came first; the nodes that took part in most conflicts, the hottest first.
    OutOfTime { hottest: Vec<NodeId> },
}

/// Why pubgrub was told to stop.
#[derive(Debug, thiserror::Error)]
pub(super) enum Told {
    #[error("the limit was reached")]
    LimitReached,
    #[error("too many conflicts appeared")]
    TooManyConflicts,
}

/// Steps between two looks at the limit; some 3 µs each.
const STEPS_PER_LOOK: u32 = 256;

/// How often nodes may take part in conflicts before a plain search is given up; a conflict is between two to five nodes.
const HEAT_OF_PLAIN_SEARCH_MAX: u32 = 100;

/// Most nodes that are called hot.
const HOTTEST_MAX: usize = 10;

/// What the solver was asked, and what it met on its way.
pub(super) struct Solver<'a, 's, C> {
    universe: RefCell<&'s mut Universe<'a, C>>,
    limit: &'s Limit<'s>,
    steps: Cell<u32>,
    /// In how many conflicts each node took part.
    heat: RefCell<HashMap<NodeId, u32>>,
    heat_of_all: Cell<u32>,
}

impl<'a, 's, C: Candidates> Solver<'a, 's, C> {
    /// Prepares a search.
    pub(super) fn new(universe: &'s mut Universe<'a, C>, limit: &'s Limit<'s>) -> Self {
        Solver { universe: RefCell::new(universe), limit, steps: Cell::new(0), heat: RefCell::default(), heat_of_all: Cell::new(0) }
    }

    /// Searches.
    pub(super) fn solve(self) -> Result<Resolution, Stop> {
        match pubgrub::resolve(&self, PROJECT, Slot::new(0, 1)) {
            Ok(selected) => Ok(resolution(&**self.universe.borrow(), selected)),
            Err(PubGrubError::NoSolution(proof)) => Err(Stop::Conflict(Box::new(proof))),
            Err(PubGrubError::ErrorInShouldCancel(Told::TooManyConflicts)) => Err(Stop::TooManyConflicts { hottest: self.hottest() }),
            Err(PubGrubError::ErrorRetrievingDependencies { .. } | PubGrubError::ErrorChoosingVersion { .. } | PubGrubError::ErrorInShouldCancel(_)) => {
                Err(Stop::OutOfTime { hottest: self.hottest() })
            }
        }
    }

    fn hottest(&self) -> Vec<NodeId> {
        let heat = self.heat.borrow();
        let mut hottest: Vec<(Reverse<u32>, NodeId)> = heat.iter().map(|(node, heat)| (Reverse(*heat), *node)).collect();
        hottest.sort_unstable();
        hottest.into_iter().map(|(_, node)| node).take(HOTTEST_MAX).collect()
    }

    fn heat_up(&self, node: NodeId, conflicts: u32) {
        if conflicts > 0 {
            let before = self.heat.borrow_mut().insert(node, conflicts).unwrap_or_default();
            self.heat_of_all.set(self.heat_of_all.get().saturating_add(conflicts.saturating_sub(before)));
        }
    }
}

impl<C: Candidates> DependencyProvider for Solver<'_, '_, C> {
    type P = NodeId;
    type V = Slot;
    type VS = Releases;
    type M = Reason;
    type Err = Told;
    /// The project; what has one release left, since deciding it risks nothing; what the project names itself, since people look at its version, and of that
    /// what is locked; what else is locked. Among equals pubgrub takes what was met first. Measured on random worlds, this beats an order by conflicts or by
    /// releases left five times over.
    type Priority = (bool, bool, bool, bool);

    fn prioritize(&self, node: &NodeId, among: &Releases, statistics: &PackageResolutionStatistics) -> Self::Priority {
        self.heat_up(*node, statistics.conflict_count());
        let universe = self.universe.borrow();
        let known = universe.known(*node);
        (*node == PROJECT, among.len(known.count()) == 1, known.is_direct, known.locked.is_some())
    }

    fn choose_version(&self, node: &NodeId, among: &Releases) -> Result<Option<Slot>, Told> {
        Ok(self.universe.borrow().known(*node).best(among))
    }

    fn get_dependencies(&self, node: &NodeId, slot: &Slot) -> Result<Dependencies<NodeId, Releases, Reason>, Told> {
        Ok(match needs::of(&mut self.universe.borrow_mut(), *node, *slot) {
            Ok(needs) => Dependencies::Available(DependencyConstraints::from_iter(needs)),
            Err(reason) => Dependencies::Unavailable(reason),
        })
    }

    fn should_cancel(&self) -> Result<(), Told> {
        let steps = self.steps.get();
        self.steps.set(steps.wrapping_add(1));
        match () {
            () if self.heat_of_all.get() > HEAT_OF_PLAIN_SEARCH_MAX || self.limit.ends_plain_search(steps) => Err(Told::TooManyConflicts),
            () if steps.is_multiple_of(STEPS_PER_LOOK) && self.limit.is_over() => Err(Told::LimitReached),
            () => Ok(()),
        }
    }
}

/// Puts together what was chosen of each node.
pub(super) fn resolution<C: Candidates>(universe: &Universe<'_, C>, selected: impl IntoIterator<Item = (NodeId, Slot)>) -> Resolution {
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
