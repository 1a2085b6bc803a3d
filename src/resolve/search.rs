//! The search where requirements clash: PubGrub's rules over what arc consistency has left, made so that a wrong choice costs little.
//!
//! All that is required is known before the search begins, so each set of releases that require the same is one nogood, in place from the start. What is known of
//! a node changes along a trail; going back undoes only what came since. A nogood is looked at only when one of two of its terms comes to hold. What was learnt
//! from a conflict remembers from what, so that a proof can be written, but not the steps between.
//!
//! Nodes are decided in a fixed order, each for the best release left to it. What was learnt holds whatever is decided, so a release is passed over only if it fits
//! with no answer that agrees with all earlier decisions.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use pubgrub::VersionSet as _;

use crate::resolve::Candidates;
use crate::resolve::Limit;
use crate::resolve::arc::Arcs;
use crate::resolve::nogood;
use crate::resolve::nogood::Nogood;
use crate::resolve::nogood::Term;
use crate::resolve::universe::NodeId;
use crate::resolve::universe::Universe;
use crate::resolve::versions::Releases;
use crate::resolve::versions::Slot;

/// The number of a nogood.
pub(super) type NogoodId = u32;

/// Where a nogood comes from.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    /// These releases require that.
    Requires { by: NodeId, set: Releases, needed: NodeId, admitted: Releases },
    /// Arc consistency has struck releases.
    Struck { fact: usize },
    /// Every answer holds the node, at one of the releases that arc consistency has left.
    Settled { node: NodeId },
    /// The first, with each of the others in turn about the node named.
    Learnt { first: NogoodId, others: Vec<(NogoodId, NodeId)> },
}

/// How the search ends without an answer.
pub(super) enum Dead {
    /// This nogood, which has no terms, is the last of these.
    Refuted(Vec<Origin>),
    /// The limit came first; the nodes that took part in most conflicts, the hottest first.
    OutOfTime { hottest: Vec<NodeId> },
}

/// Conflicts and decisions between two looks at the limit; some 10 µs each.
const STEPS_PER_LOOK: u32 = 128;

/// Most nodes that are called hot.
const HOTTEST_MAX: usize = 10;

/// What is known of a node at some time.
#[derive(Debug, Clone)]
struct Known {
    /// The releases it may still be at, if it is chosen.
    left: Releases,
    is_needed: bool,
}

impl Known {
    fn satisfies(&self, term: &Term) -> bool {
        match term {
            Term::In(set) => self.is_needed && self.left.subset_of(set),
            Term::NotIn(set) => self.left.is_disjoint(set),
        }
    }

    fn contradicts(&self, term: &Term) -> bool {
        match term {
            Term::In(set) => self.left.is_disjoint(set),
            Term::NotIn(set) => self.is_needed && self.left.subset_of(set),
        }
    }

    fn with(&self, term: &Term) -> Known {
        match term {
            Term::In(set) => Known { left: self.left.intersection(set), is_needed: true },
            Term::NotIn(set) => Known { left: self.left.intersection(&set.complement()), is_needed: self.is_needed },
        }
    }
}

/// What became known of a node at one point of the trail.
struct Change {
    /// The point.
    at: u32,
    level: u32,
    /// Why; a decision has no cause.
    cause: Option<NogoodId>,
    after: Known,
}

/// A node and its history.
struct Local {
    history: Vec<Change>,
    /// The nogoods to look at when it changes.
    watched: Vec<NogoodId>,
    /// Which node to decide first: the lowest.
    rank: (u8, u32),
    is_queued: bool,
    heat: u32,
}

/// The search.
pub(super) struct Search<'s, 'a, C> {
    universe: &'s Universe<'a, C>,
    arcs: &'s Arcs,
    limit: &'s Limit<'s>,
    locals: Vec<Local>,
    nogoods: Vec<Nogood>,
    origins: Vec<Origin>,
    /// The nodes changed, in order.
    trail: Vec<NodeId>,
    level: u32,
    /// Nodes changed whose nogoods were not looked at yet.
    open: Vec<NodeId>,
    /// Needed nodes that may have to be decided.
    undecided: BinaryHeap<Reverse<((u8, u32), NodeId)>>,
    nothing_known: Known,
}

impl<'s, 'a, C: Candidates> Search<'s, 'a, C> {
    /// Prepares a search of what arc consistency has left, in which each needed node still has a release.
    pub(super) fn new(universe: &'s Universe<'a, C>, arcs: &'s Arcs, limit: &'s Limit<'s>) -> Self {
        let blank = || Local { history: Vec::new(), watched: Vec::new(), rank: (u8::MAX, u32::MAX), is_queued: false, heat: 0 };
        let mut locals: Vec<Local> = std::iter::repeat_with(blank).take(universe.nodes().count()).collect();
        for (node, number) in arcs.reached().zip(0..) {
            let known = universe.known(node);
            let class = match (known.is_direct, known.locked.is_some()) {
                (true, true) => 0,
                (true, false) => 1,
                (false, true) => 2,
                (false, false) => 3,
            };
            locals[node.index()].rank = (class, number);
        }
        Search {
            universe,
            arcs,
            limit,
            locals,
            nogoods: Vec::new(),
            origins: Vec::new(),
            trail: Vec::new(),
            level: 0,
            open: Vec::new(),
            undecided: BinaryHeap::new(),
            nothing_known: Known { left: Releases::full(), is_needed: false },
        }
    }

    /// Searches for a release of every node that is needed.
    pub(super) fn run(mut self) -> Result<Vec<(NodeId, Slot)>, Dead> {
        self.learn_what_is_given();
        for steps in 0u32.. {
            if steps.is_multiple_of(STEPS_PER_LOOK) && self.limit.is_over() {
                return Err(Dead::OutOfTime { hottest: self.hottest() });
            }
            match self.propagate() {
                Some(conflict) if !self.resolve(conflict) => return Err(Dead::Refuted(self.origins)),
                None if !self.decide() => break,
                Some(_) | None => {}
            }
        }
        Ok(self.answer())
    }

    fn learn_what_is_given(&mut self) {
        for (by, set, needed, admitted) in self.arcs.requirements() {
            let terms = [(by, Term::In(set.clone())), (needed, Term::NotIn(admitted.clone()))];
            let terms = terms.into_iter().filter(|(_, term)| !term.is_always_so()).collect();
            self.add(terms, Origin::Requires { by, set, needed, admitted });
        }
        for (number, fact) in self.arcs.facts.iter().enumerate().filter(|(_, fact)| !fact.kind.is_needed()) {
            let struck = self.add(vec![(fact.node, Term::In(fact.set.clone()))], Origin::Struck { fact: number });
            self.derive(struck, fact.node);
        }
        for (node, left) in self.arcs.needed() {
            let settled = self.add(vec![(node, Term::NotIn(left.clone()))], Origin::Settled { node });
            self.derive(settled, node);
        }
    }

    fn known(&self, node: NodeId) -> &Known {
        self.locals[node.index()].history.last().map_or(&self.nothing_known, |change| &change.after)
    }

    /// Adds a nogood, watched through its first two terms.
    fn add(&mut self, terms: Nogood, origin: Origin) -> NogoodId {
        let id = NogoodId::try_from(self.nogoods.len()).expect("fewer than 2^32 nogoods fit into memory");
        for (node, _) in terms.iter().take(2) {
            self.locals[node.index()].watched.push(id);
        }
        self.nogoods.push(terms);
        self.origins.push(origin);
        id
    }

    /// Draws the conclusion about a node from a nogood of which all other terms hold.
    fn derive(&mut self, cause: NogoodId, node: NodeId) {
        let term = nogood::term_of(&self.nogoods[cause as usize], node).negate();
        self.change(node, &term, Some(cause));
    }

    fn change(&mut self, node: NodeId, term: &Term, cause: Option<NogoodId>) {
        let after = self.known(node).with(term);
        let at = u32::try_from(self.trail.len()).expect("a trail is shorter than 2^32");
        let local = &mut self.locals[node.index()];
        self.trail.push(node);
        if after.is_needed {
            self.undecided.push(Reverse((local.rank, node)));
        }
        local.history.push(Change { at, level: self.level, cause, after });
        if !std::mem::replace(&mut local.is_queued, true) {
            self.open.push(node);
        }
    }

    /// Draws all conclusions; gives a nogood all of whose terms hold, if it comes to that.
    fn propagate(&mut self) -> Option<NogoodId> {
        while let Some(node) = self.open.pop() {
            self.locals[node.index()].is_queued = false;
            let mut at = 0;
            while let Some(nogood) = self.locals[node.index()].watched.get(at).copied() {
                match self.look_at(nogood, node) {
                    Look::Moved => drop(self.locals[node.index()].watched.swap_remove(at)),
                    Look::Stays => at += 1,
                    Look::Conflict => {
                        for node in std::mem::take(&mut self.open) {
                            self.locals[node.index()].is_queued = false;
                        }
                        return Some(nogood);
                    }
                }
            }
        }
        None
    }

    fn look_at(&mut self, id: NogoodId, changed: NodeId) -> Look {
        let terms = &mut self.nogoods[id as usize];
        if terms.len() > 1 && terms[0].0 == changed {
            terms.swap(0, 1);
        }
        let terms = &self.nogoods[id as usize];
        let holds = |(node, term): &(NodeId, Term)| self.known(*node).satisfies(term);
        let (mine, other) = match terms.as_slice() {
            [only] => return if holds(only) { Look::Conflict } else { Look::Stays },
            [other, mine, ..] => (mine, other),
            [] => unreachable!("a nogood without terms ends the search"),
        };
        if !holds(mine) || self.known(other.0).contradicts(&other.1) {
            return Look::Stays;
        }
        if let Some(at) = (2..terms.len()).find(|at| !holds(&terms[*at])) {
            let watch = terms[at].0;
            self.nogoods[id as usize].swap(1, at);
            self.locals[watch.index()].watched.push(id);
            return Look::Moved;
        }
        if holds(other) {
            return Look::Conflict;
        }
        let node = other.0;
        self.derive(id, node);
        Look::Stays
    }

    /// Decides the next node that is needed and has more than one release left; tells whether there was one.
    fn decide(&mut self) -> bool {
        while let Some(Reverse((_, node))) = self.undecided.pop() {
            let (known, of_universe) = (self.known(node), self.universe.known(node));
            if !known.is_needed || known.left.len(of_universe.count()) == 1 {
                continue;
            }
            let best = of_universe.best(&known.left).expect("a node without releases is a conflict");
            self.level += 1;
            self.change(node, &Term::In(Releases::singleton(best)), None);
            return true;
        }
        false
    }

    /// Learns from a conflict and goes back to where what was learnt has a consequence; tells whether there is such a place.
    fn resolve(&mut self, conflict: NogoodId) -> bool {
        let (mut terms, mut others) = (self.nogoods[conflict as usize].clone(), Vec::new());
        loop {
            let Some((node, at)) = self.last_satisfier(&terms) else {
                self.origins.push(Origin::Learnt { first: conflict, others });
                return false;
            };
            let change = &self.locals[node.index()].history[at];
            let (level, cause) = (change.level, change.cause);
            let term = nogood::term_of(&terms, node);
            let reason = match cause {
                Some(cause) => nogood::term_of(&self.nogoods[cause as usize], node).clone(),
                None => Term::NotIn(change.after.left.clone()),
            };
            let back_to = self.level_without(&terms, node, &term.or(&reason));
            match cause {
                Some(cause) if back_to >= level => {
                    terms = nogood::resolve(&terms, &self.nogoods[cause as usize], node);
                    others.push((cause, node));
                }
                _ => {
                    self.go_back(back_to);
                    self.conclude(conflict, terms, others, node);
                    return true;
                }
            }
        }
    }

    /// Finds the last of the changes each of which made a term hold.
    fn last_satisfier(&self, terms: &Nogood) -> Option<(NodeId, usize)> {
        let satisfiers = terms.iter().map(|(node, term)| {
            let history = &self.locals[node.index()].history;
            let at = history.partition_point(|change| !change.after.satisfies(term));
            (history[at].at, *node, at)
        });
        satisfiers.max().map(|(_, node, at)| (node, at))
    }

    /// Finds the level at which all terms held, but of one node only what is left to show.
    fn level_without(&self, terms: &Nogood, node: NodeId, left: &Term) -> u32 {
        let level = |(node, term): (NodeId, &Term)| {
            let history = &self.locals[node.index()].history;
            history[history.partition_point(|change| !change.after.satisfies(term))].level
        };
        let others = terms.iter().filter(|(other, _)| *other != node).map(|(node, term)| level((*node, term)));
        others.chain((!left.is_always_so()).then(|| level((node, left)))).max().unwrap_or(0)
    }

    fn go_back(&mut self, level: u32) {
        while let Some(node) = self.trail.last().copied() {
            let local = &mut self.locals[node.index()];
            if local.history.last().is_none_or(|change| change.level <= level) {
                break;
            }
            self.trail.pop();
            local.history.pop();
            if local.history.last().is_some_and(|change| change.after.is_needed) {
                self.undecided.push(Reverse((local.rank, node)));
            }
        }
        self.level = level;
    }

    /// Adds what was learnt, watched where it can have a consequence next, and draws it.
    fn conclude(&mut self, first: NogoodId, mut terms: Nogood, others: Vec<(NogoodId, NodeId)>, node: NodeId) {
        for (node, _) in &terms {
            self.locals[node.index()].heat += 1;
        }
        let about = terms.iter().position(|(other, _)| *other == node).expect("it speaks of the node");
        terms.swap(0, about);
        if terms.len() > 2 {
            let last = (1..terms.len())
                .max_by_key(|at| self.locals[terms[*at].0.index()].history.iter().find(|change| change.after.satisfies(&terms[*at].1)).map(|change| change.at));
            terms.swap(1, last.expect("there are more"));
        }
        let learnt = if others.is_empty() { first } else { self.add(terms, Origin::Learnt { first, others }) };
        self.derive(learnt, node);
    }

    fn answer(&self) -> Vec<(NodeId, Slot)> {
        let chosen = |node: NodeId| {
            let known = self.locals[node.index()].history.last().filter(|change| change.after.is_needed)?;
            let count = self.universe.known(node).count();
            Some((node, Slot::new(known.after.left.highest(count)?, count)))
        };
        self.arcs.reached().filter_map(chosen).collect()
    }

    fn hottest(&self) -> Vec<NodeId> {
        let heat = |node: NodeId| Reverse(self.locals[node.index()].heat);
        let mut hottest: Vec<NodeId> = self.arcs.reached().filter(|node| heat(*node).0 > 0).collect();
        hottest.sort_by_key(|node| (heat(*node), *node));
        hottest.truncate(HOTTEST_MAX);
        hottest
    }
}

/// What came of looking at a nogood.
enum Look {
    /// Another term is watched instead.
    Moved,
    /// Nothing more to do.
    Stays,
    /// All terms hold.
    Conflict,
}
