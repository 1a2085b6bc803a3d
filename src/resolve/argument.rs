//! From what a search and arc consistency have found to the steps of a proof.
//!
//! Pubgrub gives a tree whose branches may be shared and which may be as deep as a chain of requirements is long. It is taken apart and dropped without
//! recursion: each step comes after its causes, and parents are dropped while their children are still held.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::Arc;

use pubgrub::DerivationTree;
use pubgrub::Derived;
use pubgrub::External;
use pubgrub::Term;
use pubgrub::VersionSet as _;

use crate::model::PackName;
use crate::model::Place;
use crate::model::Range;
use crate::model::Version;
use crate::resolve::Candidate;
use crate::resolve::Candidates;
use crate::resolve::Root;
use crate::resolve::arc::Arcs;
use crate::resolve::arc::Kind;
use crate::resolve::conflict::Claim;
use crate::resolve::conflict::Lack;
use crate::resolve::conflict::Requires;
use crate::resolve::conflict::Step;
use crate::resolve::conflict::Unavailable;
use crate::resolve::needs::Reason;
use crate::resolve::nogood;
use crate::resolve::nogood::Nogood;
use crate::resolve::nogood::Term as NogoodTerm;
use crate::resolve::search::NogoodId;
use crate::resolve::search::Origin;
use crate::resolve::solver::Proof;
use crate::resolve::universe::Known;
use crate::resolve::universe::Node;
use crate::resolve::universe::NodeId;
use crate::resolve::universe::PROJECT;
use crate::resolve::universe::Universe;
use crate::resolve::versions::Releases;

/// The steps of what pubgrub proved.
pub(super) fn of_proof<C: Candidates>(proof: Proof, universe: &mut Universe<'_, C>) -> Vec<Step> {
    let mut argument = Argument { universe, steps: Vec::new(), of_fact: HashMap::new() };
    let (mut ordered, numbers) = in_order_of_proof(proof);
    let mut written = Vec::with_capacity(ordered.len());
    for tree in &ordered {
        let number = argument.write_tree(tree, |cause| written[numbers[&Arc::as_ptr(cause)]]);
        written.push(number);
    }
    // From the conclusion to its causes: each is dropped while its causes are still held here, so no drop goes deep.
    while ordered.pop().is_some() {}
    argument.steps
}

/// The steps of what arc consistency proved alone: that of this needed node no release is left.
pub(super) fn of_arcs<C: Candidates>(arcs: &Arcs, lost: NodeId, universe: &mut Universe<'_, C>) -> Vec<Step> {
    let mut argument = Argument { universe, steps: Vec::new(), of_fact: HashMap::new() };
    argument.settle(arcs, lost, usize::MAX);
    argument.steps
}

/// The steps of what the search over what arc consistency has left proved.
pub(super) fn of_search<C: Candidates>(origins: &[Origin], arcs: &Arcs, universe: &mut Universe<'_, C>) -> Vec<Step> {
    let mut argument = Argument { universe, steps: Vec::new(), of_fact: HashMap::new() };
    let mut said: HashMap<NogoodId, (usize, Nogood)> = HashMap::new();
    for id in used(origins) {
        let step = match &origins[id as usize] {
            Origin::Requires { by, set, needed, admitted } => {
                let terms = [(*by, NogoodTerm::In(set.clone())), (*needed, NogoodTerm::NotIn(admitted.clone()))];
                (argument.write_requires((*by, set), (*needed, admitted)), Vec::from(terms))
            }
            Origin::Struck { fact } => {
                argument.write_fact(arcs, *fact);
                (argument.of_fact[fact], vec![(arcs.facts[*fact].node, NogoodTerm::In(arcs.facts[*fact].set.clone()))])
            }
            Origin::Settled { node } => (argument.settle(arcs, *node, usize::MAX), vec![(*node, NogoodTerm::NotIn(arcs.alive(*node).clone()))]),
            Origin::Learnt { first, others } => others.iter().fold(said[first].clone(), |(step, terms), (other, about)| {
                let (cause, others) = &said[other];
                let terms = nogood::resolve(&terms, others, *about);
                (argument.derive(terms.iter().map(claim), [step, *cause]), terms)
            }),
        };
        said.insert(id, step);
    }
    argument.steps
}

/// The nogoods that the last one rests on, and itself, in their order.
fn used(origins: &[Origin]) -> Vec<NogoodId> {
    let mut is_used = vec![false; origins.len()];
    is_used[origins.len() - 1] = true;
    for id in (0..origins.len()).rev() {
        if let (true, Origin::Learnt { first, others }) = (is_used[id], &origins[id]) {
            is_used[*first as usize] = true;
            for (other, _) in others {
                is_used[*other as usize] = true;
            }
        }
    }
    (0..).zip(is_used).filter_map(|(id, is_used)| is_used.then_some(id)).collect()
}

fn claim((node, term): &(NodeId, NogoodTerm)) -> Claim {
    match term {
        NogoodTerm::In(set) => Claim::chosen(*node, set),
        NogoodTerm::NotIn(set) => Claim::excluded(*node, set),
    }
}

/// Steps as they are written.
struct Argument<'u, 'a, C> {
    universe: &'u mut Universe<'a, C>,
    steps: Vec<Step>,
    /// The step that says what a fact says.
    of_fact: HashMap<usize, usize>,
}

impl<C: Candidates> Argument<'_, '_, C> {
    fn write(&mut self, step: Step) -> usize {
        self.steps.push(step);
        self.steps.len() - 1
    }

    fn derive(&mut self, terms: impl IntoIterator<Item = Claim>, causes: [usize; 2]) -> usize {
        let mut terms: Vec<Claim> = terms.into_iter().filter(|claim| !claim.set.is_empty()).collect();
        terms.sort_by_key(|claim| claim.node);
        self.write(Step::Derived { terms, causes })
    }

    fn write_tree(&mut self, tree: &Proof, written: impl Fn(&Arc<Proof>) -> usize) -> usize {
        match tree {
            DerivationTree::Derived(derived) => {
                let causes = [&derived.cause1, &derived.cause2].map(written);
                self.write(Step::Derived { terms: claims(derived), causes })
            }
            DerivationTree::External(External::NotRoot(..)) => self.write(Step::Given),
            DerivationTree::External(External::NoVersions(node, set)) => unreachable!("{set} of {node} holds a release, as every set that is not empty does"),
            DerivationTree::External(External::Custom(node, set, reason)) => {
                let reason = unavailable(self.universe.known(*node), set, *reason);
                self.write(Step::Unavailable { node: *node, set: set.clone(), reason })
            }
            DerivationTree::External(External::FromDependencyOf(by, set, needed, admitted)) => self.write_requires((*by, set), (*needed, admitted)),
        }
    }

    fn write_requires(&mut self, by: (NodeId, &Releases), needed: (NodeId, &Releases)) -> usize {
        let step = requires(self.universe, by, needed);
        self.write(step)
    }

    /// What some releases require, less what was struck before a fact was found out.
    fn write_weaker(&mut self, arcs: &Arcs, (by, set): (NodeId, &Releases), (needed, admitted): (NodeId, Releases), before: usize) -> usize {
        let facts = arcs.reduce(needed, &admitted, before);
        for fact in &facts {
            self.write_fact(arcs, *fact);
        }
        let mut step = self.write_requires((by, set), (needed, &admitted));
        let mut left = admitted;
        for fact in facts {
            left = arcs.left_by(fact, &left);
            step = self.derive([Claim::chosen(by, set), Claim::excluded(needed, &left)], [step, self.of_fact[&fact]]);
        }
        step
    }

    /// That a needed node is at one of the releases that were left of it before a fact was found out.
    fn settle(&mut self, arcs: &Arcs, node: NodeId, before: usize) -> usize {
        let need = arcs.need(node, before).expect("only needed nodes are settled");
        self.write_fact(arcs, need);
        let mut left = arcs.facts[need].set.clone();
        let facts = arcs.reduce(node, &left, before);
        for fact in &facts {
            self.write_fact(arcs, *fact);
        }
        let mut step = self.of_fact[&need];
        for fact in facts {
            left = arcs.left_by(fact, &left);
            step = self.derive([Claim::excluded(node, &left)], [step, self.of_fact[&fact]]);
        }
        step
    }

    /// Writes what a fact says, after what it rests on.
    fn write_fact(&mut self, arcs: &Arcs, fact: usize) {
        let mut open = vec![fact];
        while let Some(fact) = open.last().copied() {
            let missing: Vec<usize> = if self.of_fact.contains_key(&fact) { vec![] } else { causes(arcs, fact) };
            let missing: Vec<usize> = missing.into_iter().filter(|cause| !self.of_fact.contains_key(cause)).collect();
            if missing.is_empty() {
                open.pop();
                if !self.of_fact.contains_key(&fact) {
                    let step = self.conclude(arcs, fact);
                    self.of_fact.insert(fact, step);
                }
            }
            open.extend(missing);
        }
    }

    /// Writes what a fact says, when all it rests on is written.
    fn conclude(&mut self, arcs: &Arcs, number: usize) -> usize {
        let fact = &arcs.facts[number];
        let (step, said) = match &fact.kind {
            Kind::Unavailable(reason) => {
                let reason = unavailable(self.universe.known(fact.node), &fact.set, *reason);
                return self.write(Step::Unavailable { node: fact.node, set: fact.set.clone(), reason });
            }
            Kind::Dead { needed, admitted } => return self.write_weaker(arcs, (fact.node, &fact.set), (*needed, admitted.clone()), number),
            Kind::Wanted { admitted } => (self.write_requires((PROJECT, &Releases::full()), (fact.node, admitted)), admitted.clone()),
            Kind::Needed { by, groups } => self.pass_on(arcs, number, *by, groups),
        };
        match arcs.need(fact.node, number) {
            Some(before) if said != fact.set => self.derive([Claim::excluded(fact.node, &fact.set)], [step, self.of_fact[&before]]),
            _ => step,
        }
    }

    /// That a node is needed because every release left of another needs it; and at which releases.
    fn pass_on(&mut self, arcs: &Arcs, number: usize, by: NodeId, groups: &[(Releases, Releases)]) -> (usize, Releases) {
        let node = arcs.facts[number].node;
        let mut step = self.settle(arcs, by, number);
        let mut open = groups.iter().fold(Releases::empty(), |all, (group, _)| all.union(group));
        let mut said = Releases::empty();
        for (group, admitted) in groups {
            let requires = self.write_requires((by, group), (node, admitted));
            (open, said) = (open.intersection(&group.complement()), said.union(admitted));
            step = self.derive([Claim::excluded(by, &open), Claim::excluded(node, &said)], [step, requires]);
        }
        (step, said)
    }
}

/// The facts that a fact rests on.
fn causes(arcs: &Arcs, number: usize) -> Vec<usize> {
    let fact = &arcs.facts[number];
    match &fact.kind {
        Kind::Unavailable(_) => vec![],
        Kind::Dead { needed, admitted } => arcs.reduce(*needed, admitted, number),
        Kind::Wanted { .. } => arcs.need(fact.node, number).into_iter().collect(),
        Kind::Needed { by, .. } => {
            let need = arcs.need(*by, number).expect("only a needed node passes on that it is needed");
            let struck = arcs.reduce(*by, &arcs.facts[need].set, number);
            [need].into_iter().chain(struck).chain(arcs.need(fact.node, number)).collect()
        }
    }
}

/// The trees of a proof, causes before effects, each once, and the number of each by its address.
type Ordered = (Vec<Arc<Proof>>, HashMap<*const Proof, usize>);

fn in_order_of_proof(proof: Proof) -> Ordered {
    let (mut ordered, mut numbers) = (Vec::new(), HashMap::new());
    let mut open = vec![(Arc::new(proof), false)];
    while let Some((tree, causes_are_done)) = open.pop() {
        if numbers.contains_key(&Arc::as_ptr(&tree)) {
            continue;
        }
        match &*tree {
            DerivationTree::Derived(derived) if !causes_are_done => {
                let (first, second) = (derived.cause1.clone(), derived.cause2.clone());
                open.extend([(tree, true), (second, false), (first, false)]);
            }
            DerivationTree::Derived(_) | DerivationTree::External(_) => {
                numbers.insert(Arc::as_ptr(&tree), ordered.len());
                ordered.push(tree);
            }
        }
    }
    (ordered, numbers)
}

/// The terms by the number of their node, without the project, which always holds.
fn claims(derived: &Derived<NodeId, Releases, Reason>) -> Vec<Claim> {
    let others = derived.terms.iter().filter(|(node, _)| **node != PROJECT);
    let mut claims: Vec<Claim> = others
        .map(|(node, term)| match term {
            Term::Positive(set) => Claim { node: *node, is_chosen: true, set: set.clone() },
            Term::Negative(set) => Claim { node: *node, is_chosen: false, set: set.clone() },
        })
        .collect();
    claims.sort_by_key(|claim| claim.node);
    claims
}

fn unavailable(known: &Known<'_>, set: &Releases, reason: Reason) -> Unavailable {
    let refusal = || set.indexes(known.count()).find_map(|index| known.releases[index].refused.clone());
    match reason {
        Reason::Refused => Unavailable::Refused(refusal().expect("only a refused release is unavailable as refused")),
        Reason::NoSuchExtra => Unavailable::NoSuchExtra,
        Reason::NeedsOtherSelf => Unavailable::NeedsOtherSelf,
    }
}

fn requires<C: Candidates>(universe: &mut Universe<'_, C>, (by, set): (NodeId, &Releases), (needed, admitted): (NodeId, &Releases)) -> Step {
    let requirer = universe.known(by);
    if matches!(requirer.node, Node::Extra(pack, _) if pack == needed) {
        return Step::Belongs { extra: by, set: set.clone() };
    }
    let name = universe.name_of(needed);
    let (ranges, at) = if requirer.node == Node::Project { written_by_project(universe, needed, admitted) } else { (written(requirer, set, name), None) };
    let overridden = universe.candidates().overridden(name).filter(|pin| ranges.iter().any(|range| *range != pin.range)).cloned();
    let mut step = Requires { by, set: set.clone(), needed, admitted: admitted.clone(), ranges, at, overridden, lack: None };
    step.lack = admitted.is_empty().then(|| lack(universe.known(needed), &step));
    Step::Requires(step)
}

/// The project's requirements that come to this set; two may, if it names the pack twice.
fn written_by_project<C: Candidates>(universe: &mut Universe<'_, C>, needed: NodeId, admitted: &Releases) -> (BTreeSet<Range>, Option<Place>) {
    let known = universe.known(needed);
    let name = universe.name_of(needed);
    let asks = |root: &&Root| match known.node {
        Node::Extra(_, extra) => root.name == *name && root.extras.contains(extra),
        Node::Project | Node::Pack(_) => root.name == *name,
    };
    let asking: Vec<&Root> = universe.in_force().iter().copied().filter(asks).collect();
    let pack = universe.pack(name);
    let written: Vec<&Root> = asking.into_iter().filter(|root| universe.admitted(pack, &root.range) == *admitted).collect();
    (written.iter().map(|root| root.range.clone()).collect(), written.iter().find_map(|root| root.at.clone()))
}

fn written(requirer: &Known<'_>, set: &Releases, needed: &PackName) -> BTreeSet<Range> {
    let of_release = |release: &Candidate| match requirer.node {
        Node::Extra(_, extra) => release.extras.get(extra).and_then(|requires| requires.get(needed)).cloned(),
        Node::Project | Node::Pack(_) => release.requires.get(needed).cloned(),
    };
    set.indexes(requirer.count()).filter_map(|index| of_release(requirer.releases[index])).collect()
}

fn lack(needed: &Known<'_>, requires: &Requires) -> Lack {
    let any =
        |admits: fn(&Range, &Version) -> bool| needed.releases.iter().any(|release| requires.ranges_that_count().any(|range| admits(range, &release.version)));
    match () {
        () if !needed.exists => Lack::NoSuchPack,
        () if needed.releases.is_empty() => Lack::NoRelease,
        () if any(Range::matches) => Lack::OnlyYanked,
        () if any(Range::matches_as_stable) => Lack::OnlyPrereleases,
        () => Lack::NoneInRange,
    }
}
