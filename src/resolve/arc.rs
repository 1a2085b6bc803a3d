//! Arc consistency: which releases no answer can hold, and which packs every answer holds, found without a search.
//!
//! Two rules are applied until nothing changes. A release that needs a pack of which no release that would do is left cannot be chosen. And what all
//! releases left of a needed pack need is needed as well, at one of the releases that any of them admits. Each finding is written down as a [`Fact`]
//! whose causes come before it, so that a conflict found here has its proof.
//!
//! The work is linear in the number of requirements of all releases that can be reached, but for packs that change often. Where requirements clash all over
//! a registry, this takes the place of thousands of wrong choices; where they do not, it would be wasted, so the solver asks only once conflicts appear.

use std::collections::BTreeMap;
use std::collections::VecDeque;

use pubgrub::VersionSet as _;
use rustc_hash::FxHashMap;

use crate::resolve::Candidates;
use crate::resolve::Limit;
use crate::resolve::needs;
use crate::resolve::needs::Reason;
use crate::resolve::universe::NodeId;
use crate::resolve::universe::Universe;
use crate::resolve::versions::Releases;
use crate::resolve::versions::Slot;

/// Nodes between two looks at the limit; some 10 µs each.
const NODES_PER_LOOK: usize = 128;

/// The number of a demand.
type DemandId = u32;

/// That one of these releases of a node be chosen, and who demands it.
struct Demand {
    needed: NodeId,
    admitted: Releases,
    by: Vec<(NodeId, u32)>,
    /// No release that would do is left; all who demand it are gone.
    is_lost: bool,
}

/// What releases of a node need, by the number of the release.
type OfReleases = Vec<Result<Vec<DemandId>, Reason>>;

/// Something found out; what it rests on was found out before.
#[derive(Debug, Clone)]
pub(super) struct Fact {
    /// What it is about.
    pub(super) node: NodeId,
    /// The releases that cannot be chosen, or one of which has to be.
    pub(super) set: Releases,
    /// What it says of them, and why.
    pub(super) kind: Kind,
}

/// What a fact says, and why.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// These releases cannot be chosen, whatever else is.
    Unavailable(Reason),
    /// These releases cannot be chosen, since no release is left that each of them needs.
    Dead { needed: NodeId, admitted: Releases },
    /// The project needs one of these.
    Wanted { admitted: Releases },
    /// Every release left of a needed pack needs one of these; the releases that admit the same are together.
    Needed { by: NodeId, groups: Vec<(Releases, Releases)> },
}

impl Kind {
    /// Tells whether it says that a node is needed.
    pub(super) fn is_needed(&self) -> bool {
        matches!(self, Kind::Wanted { .. } | Kind::Needed { .. })
    }
}

/// What is known of a node.
struct State {
    alive: Releases,
    is_needed: bool,
    is_queued: bool,
    facts: Vec<usize>,
}

/// What was found out of all nodes that can be reached.
pub(super) struct Arcs {
    /// By the number of the node; blank where it cannot be reached.
    states: Vec<State>,
    /// All facts, causes first.
    pub(super) facts: Vec<Fact>,
    /// The needed node of which no release is left, if there is one: then there is no answer.
    pub(super) lost: Option<NodeId>,
    /// The needed nodes, in the order in which that was found out.
    needed: Vec<NodeId>,
    web: Web,
}

impl Arcs {
    /// Finds out what can be found out without a search; `None` where the limit comes first.
    pub(super) fn find<C: Candidates>(universe: &mut Universe<'_, C>, limit: &Limit<'_>) -> Option<Arcs> {
        let wanted = needs::of_project(universe);
        let web = Web::of(universe, wanted.iter().map(|(node, _)| *node), limit)?;
        Revision::new(web).run(wanted, limit)
    }

    /// Gives the releases that are left of a node.
    pub(super) fn alive(&self, node: NodeId) -> &Releases {
        &self.states[node.index()].alive
    }

    /// Gives every node that every answer holds, with the releases left of it.
    pub(super) fn needed(&self) -> impl Iterator<Item = (NodeId, &Releases)> {
        self.needed.iter().map(|node| (*node, self.alive(*node)))
    }

    /// Gives every node that can be reached, in the order in which it was.
    pub(super) fn reached(&self) -> impl Iterator<Item = NodeId> {
        self.web.reached.iter().map(|(node, _)| *node)
    }

    /// Gives what releases left require: those of a node that require the same are together.
    pub(super) fn requirements(&self) -> impl Iterator<Item = (NodeId, Releases, NodeId, Releases)> {
        let of_demand = |demand: &Demand| {
            let together = demand.by.chunk_by(|(node, _), (next, _)| node == next);
            let written = together.map(|releases| {
                let (by, count) = (releases[0].0, self.web.count(releases[0].0));
                let set = Releases::of(releases.iter().map(|(_, release)| Slot::new(*release as usize, count)));
                (by, set, demand.needed, demand.admitted.clone())
            });
            written.filter(|(by, set, ..)| !set.is_disjoint(self.alive(*by))).collect::<Vec<_>>()
        };
        self.web.demands.iter().flat_map(of_demand)
    }

    /// Gives the facts that reduce these releases of a node to those left before a fact was found out; facts that it is needed come first, and only if without
    /// them it cannot be said.
    pub(super) fn reduce(&self, node: NodeId, set: &Releases, before: usize) -> Vec<usize> {
        let facts = &self.states[node.index()].facts;
        let facts = &facts[..facts.partition_point(|fact| *fact < before)];
        let left = facts.iter().fold(set.clone(), |left, fact| self.left_by(*fact, &left));
        let dead = |start: &Releases| {
            let (mut rest, mut used) = (start.clone(), Vec::new());
            for fact in facts.iter().filter(|fact| !self.facts[**fact].kind.is_needed()) {
                let after = self.left_by(*fact, &rest);
                if after != rest {
                    rest = after;
                    used.push(*fact);
                }
            }
            (rest, used)
        };
        match dead(set) {
            (rest, used) if rest == left => used,
            _ => {
                let needed = facts.iter().rev().find(|fact| self.facts[**fact].kind.is_needed()).expect("only a need can have left less");
                let (_, mut used) = dead(&self.left_by(*needed, set));
                used.insert(0, *needed);
                used
            }
        }
    }

    /// Gives what a fact about a node leaves of a set of its releases.
    pub(super) fn left_by(&self, fact: usize, set: &Releases) -> Releases {
        let fact = &self.facts[fact];
        set.intersection(&if fact.kind.is_needed() { fact.set.clone() } else { fact.set.complement() })
    }

    /// Gives the last fact before another that says that a node is needed.
    pub(super) fn need(&self, node: NodeId, before: usize) -> Option<usize> {
        self.states[node.index()].facts.iter().rev().copied().find(|fact| *fact < before && self.facts[*fact].kind.is_needed())
    }
}

/// Who demands what of whom, among all nodes that can be reached.
struct Web {
    demands: Vec<Demand>,
    numbers: FxHashMap<(NodeId, Releases), DemandId>,
    /// The nodes in the order in which they were reached.
    reached: Vec<(NodeId, OfReleases)>,
    /// Where each node stands among those reached, by its number.
    of_node: Vec<Option<usize>>,
    /// The demands on each node, by its number.
    on: Vec<Vec<DemandId>>,
}

impl Web {
    fn of<C: Candidates>(universe: &mut Universe<'_, C>, start: impl Iterator<Item = NodeId>, limit: &Limit<'_>) -> Option<Web> {
        let mut web = Web { demands: Vec::new(), numbers: FxHashMap::default(), reached: Vec::new(), of_node: Vec::new(), on: Vec::new() };
        start.for_each(|node| web.reach(node));
        let mut at = 0;
        while let Some((node, _)) = web.reached.get(at) {
            if at.is_multiple_of(NODES_PER_LOOK) && limit.is_over() {
                return None;
            }
            let node = *node;
            let count = universe.known(node).count();
            let of_releases = (0..count).map(|index| web.demand(universe, node, Slot::new(index, count))).collect();
            web.reached[at].1 = of_releases;
            at += 1;
        }
        Some(web)
    }

    fn count(&self, node: NodeId) -> usize {
        self.of_releases(node).len()
    }

    fn of_releases(&self, node: NodeId) -> &OfReleases {
        &self.reached[self.of_node[node.index()].expect("every node that is demanded was reached")].1
    }

    fn reach(&mut self, node: NodeId) {
        if self.of_node.len() <= node.index() {
            self.of_node.resize(node.index() + 1, None);
            self.on.resize(node.index() + 1, Vec::new());
        }
        if self.of_node[node.index()].is_none() {
            self.of_node[node.index()] = Some(self.reached.len());
            self.reached.push((node, Vec::new()));
        }
    }

    fn demand<C: Candidates>(&mut self, universe: &mut Universe<'_, C>, node: NodeId, slot: Slot) -> Result<Vec<DemandId>, Reason> {
        let needs = needs::of(universe, node, slot)?;
        let number = |(needed, admitted): (NodeId, Releases)| {
            self.reach(needed);
            let next = DemandId::try_from(self.demands.len()).expect("fewer than 2^32 demands fit into memory");
            let id = *self.numbers.entry((needed, admitted.clone())).or_insert(next);
            if id == next {
                self.demands.push(Demand { needed, admitted, by: Vec::new(), is_lost: false });
                self.on[needed.index()].push(id);
            }
            let release = u32::try_from(slot.index()).expect("a slot's number has 32 bits");
            self.demands[id as usize].by.push((node, release));
            id
        };
        Ok(needs.into_iter().map(number).collect())
    }
}

/// The rules at work.
struct Revision {
    queue: VecDeque<NodeId>,
    found: Arcs,
}

impl Revision {
    fn new(web: Web) -> Self {
        let blank = || State { alive: Releases::empty(), is_needed: false, is_queued: false, facts: Vec::new() };
        let mut states: Vec<State> = std::iter::repeat_with(blank).take(web.of_node.len()).collect();
        for (node, _) in web.reached.iter().filter(|(_, of_releases)| !of_releases.is_empty()) {
            states[node.index()].alive = Releases::full();
        }
        Revision { queue: VecDeque::new(), found: Arcs { states, facts: Vec::new(), lost: None, needed: Vec::new(), web } }
    }

    fn run(mut self, wanted: Vec<(NodeId, Releases)>, limit: &Limit<'_>) -> Option<Arcs> {
        self.strike_unavailable();
        for at in 0..self.found.web.demands.len() {
            if self.found.web.demands[at].admitted.is_empty() {
                self.lose(at);
            }
        }
        for (node, admitted) in wanted {
            self.need(node, &admitted.clone(), Kind::Wanted { admitted });
        }
        for revised in 1usize.. {
            let Some(node) = self.queue.pop_front().filter(|_| self.found.lost.is_none()) else { break };
            if revised.is_multiple_of(NODES_PER_LOOK) && limit.is_over() {
                return None;
            }
            self.state(node).is_queued = false;
            self.revise(node);
        }
        Some(self.found)
    }

    fn state(&mut self, node: NodeId) -> &mut State {
        &mut self.found.states[node.index()]
    }

    fn strike_unavailable(&mut self) {
        let unavailable = |(node, of_releases): &(NodeId, OfReleases)| {
            let (node, count) = (*node, of_releases.len());
            let slots = of_releases.iter().enumerate().filter_map(move |(index, needs)| Some((Slot::new(index, count), *needs.as_ref().err()?)));
            slots.map(|(slot, reason)| (node, slot, reason)).collect::<Vec<_>>()
        };
        for (node, slot, reason) in self.found.web.reached.iter().flat_map(unavailable).collect::<Vec<_>>() {
            self.strike(node, &Releases::singleton(slot), Kind::Unavailable(reason));
        }
    }

    /// Puts the rules to a node that has changed.
    fn revise(&mut self, node: NodeId) {
        let on = self.found.web.on[node.index()].clone();
        for demand in on {
            let alive = &self.found.states[node.index()].alive;
            let demand = demand as usize;
            if !self.found.web.demands[demand].is_lost && self.found.web.demands[demand].admitted.is_disjoint(alive) {
                self.lose(demand);
            }
        }
        if self.found.states[node.index()].is_needed {
            self.pass_on(node);
        }
    }

    /// Strikes the releases with a demand that cannot be met.
    fn lose(&mut self, demand: usize) {
        let demand = &mut self.found.web.demands[demand];
        demand.is_lost = true;
        let (needed, admitted) = (demand.needed, demand.admitted.clone());
        let mut struck: BTreeMap<NodeId, Vec<u32>> = BTreeMap::new();
        for (node, release) in &demand.by {
            struck.entry(*node).or_default().push(*release);
        }
        for (node, releases) in struck {
            let count = self.found.web.count(node);
            let set = Releases::of(releases.into_iter().map(|release| Slot::new(release as usize, count)));
            self.strike(node, &set, Kind::Dead { needed, admitted: admitted.clone() });
        }
    }

    fn strike(&mut self, node: NodeId, set: &Releases, kind: Kind) {
        let state = self.state(node);
        let set = set.intersection(&state.alive);
        if !set.is_empty() {
            state.alive = state.alive.intersection(&set.complement());
            self.record(Fact { node, set, kind });
        }
    }

    fn need(&mut self, node: NodeId, admitted: &Releases, kind: Kind) {
        let state = self.state(node);
        if state.is_needed && state.alive.subset_of(admitted) {
            return;
        }
        let was_needed = std::mem::replace(&mut state.is_needed, true);
        state.alive = state.alive.intersection(admitted);
        let before = self.found.need(node, usize::MAX);
        let set = before.map_or_else(|| admitted.clone(), |before| self.found.facts[before].set.intersection(admitted));
        if !was_needed {
            self.found.needed.push(node);
        }
        self.record(Fact { node, set, kind });
    }

    fn record(&mut self, fact: Fact) {
        let number = self.found.facts.len();
        let node = fact.node;
        self.found.facts.push(fact);
        let state = self.state(node);
        state.facts.push(number);
        let is_lost = state.is_needed && state.alive.is_empty();
        if !std::mem::replace(&mut state.is_queued, true) {
            self.queue.push_back(node);
        }
        if is_lost && self.found.lost.is_none() {
            self.found.lost = Some(node);
        }
    }

    /// Passes on that a node is needed to what all of its releases left need.
    fn pass_on(&mut self, node: NodeId) {
        let of_releases = self.found.web.of_releases(node);
        let count = of_releases.len();
        let alive: Vec<(usize, &[DemandId])> =
            self.found.states[node.index()].alive.indexes(count).map(|index| (index, of_releases[index].as_deref().unwrap_or_default())).collect();
        let Some(((_, first), rest)) = alive.split_first() else { return };
        let mut needed: Vec<(NodeId, BTreeMap<DemandId, Vec<usize>>)> = Vec::new();
        for demand in *first {
            let target = self.found.web.demands[*demand as usize].needed;
            let of_target = |demands: &[DemandId]| demands.iter().copied().find(|demand| self.found.web.demands[*demand as usize].needed == target);
            let mut groups = BTreeMap::from([(*demand, vec![alive[0].0])]);
            let all = rest.iter().all(|(index, demands)| {
                of_target(demands).is_some_and(|demand| {
                    groups.entry(demand).or_default().push(*index);
                    true
                })
            });
            if all {
                needed.push((target, groups));
            }
        }
        for (target, groups) in needed {
            let slots = |indexes: Vec<usize>| Releases::of(indexes.into_iter().map(|index| Slot::new(index, count)));
            let groups: Vec<(Releases, Releases)> =
                groups.into_iter().map(|(demand, indexes)| (slots(indexes), self.found.web.demands[demand as usize].admitted.clone())).collect();
            let admitted = groups.iter().fold(Releases::empty(), |all, (_, admitted)| all.union(admitted));
            self.need(target, &admitted, Kind::Needed { by: node, groups });
        }
    }
}
