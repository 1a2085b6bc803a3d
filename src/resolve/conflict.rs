//! The proof that no resolution exists, taken apart into steps that need neither the solver nor the candidates any more.
//!
//! Pubgrub gives a tree whose branches may be shared and which may be as deep as a chain of requirements is long. It is taken apart and dropped without
//! recursion: each step comes after its causes, and parents are dropped while their children are still held.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use pubgrub::DerivationTree;
use pubgrub::Derived;
use pubgrub::External;
use pubgrub::Term;

use crate::model::ExtraName;
use crate::model::PackName;
use crate::model::Place;
use crate::model::Range;
use crate::model::Refusal;
use crate::model::Version;
use crate::resolve::Candidate;
use crate::resolve::Candidates;
use crate::resolve::Root;
use crate::resolve::explain;
use crate::resolve::explain::Length;
use crate::resolve::hints;
use crate::resolve::hints::ConflictHint;
use crate::resolve::lemmas;
use crate::resolve::solver::Proof;
use crate::resolve::solver::Reason;
use crate::resolve::universe::Known;
use crate::resolve::universe::Node;
use crate::resolve::universe::NodeId;
use crate::resolve::universe::PROJECT;
use crate::resolve::universe::Universe;
use crate::resolve::versions::Releases;

/// The proof that no set of releases meets the project's requirements.
#[derive(Debug, Clone)]
pub struct Conflict {
    pub(super) steps: Vec<Step>,
    pub(super) subjects: BTreeMap<NodeId, Subject>,
    hints: Vec<ConflictHint>,
}

/// What a step speaks of.
#[derive(Debug, Clone)]
pub(super) enum Subject {
    /// The project.
    Project,
    /// A pack, or an extra of it, with its releases in the order of their numbers.
    Pack { name: PackName, extra: Option<ExtraName>, versions: Vec<Version> },
}

/// One step of the proof; causes come before what follows from them.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// These releases require that.
    Requires(Requires),
    /// An extra belongs to the same release of its pack.
    Belongs { extra: NodeId, set: Releases },
    /// These releases cannot be chosen at all.
    Unavailable { node: NodeId, set: Releases, reason: Unavailable },
    /// The project is what is being resolved.
    Given,
    /// Two steps together exclude that all these terms hold.
    Derived { terms: Vec<Claim>, causes: [usize; 2] },
}

/// Releases that require a pack.
#[derive(Debug, Clone)]
pub(super) struct Requires {
    pub(super) by: NodeId,
    pub(super) set: Releases,
    pub(super) needed: NodeId,
    /// The releases of the needed pack that will do.
    pub(super) admitted: Releases,
    /// The requirement as written, in as many ways as these releases write it.
    pub(super) ranges: BTreeSet<Range>,
    pub(super) at: Option<Place>,
    /// Why no release will do, if none does.
    pub(super) lack: Option<Lack>,
}

/// Why no release is in a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lack {
    NoSuchPack,
    NoRelease,
    OnlyYanked,
    OnlyPrereleases,
    NoneInRange,
}

/// Why a release cannot be chosen whatever else is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unavailable {
    Refused(Refusal),
    NoSuchExtra,
    NeedsOtherSelf,
}

/// A node is (or is not) at one of these releases.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Claim {
    pub(super) node: NodeId,
    pub(super) is_chosen: bool,
    pub(super) set: Releases,
}

impl Conflict {
    /// Tells why there is no resolution: first the requirements that cannot be met together, each with its place, then the proof in sentences, requirements
    /// as written; at most 40 lines, the last one the conclusion.
    pub fn explain(&self) -> String {
        explain::explain(self, Length::Short)
    }

    /// Tells the same without leaving anything out.
    pub fn explain_all(&self) -> String {
        explain::explain(self, Length::Full)
    }

    /// Tells what may help.
    pub fn hints(&self) -> &[ConflictHint] {
        &self.hints
    }

    /// Takes in what was found out about it elsewhere; what is said of an unknown pack takes the place of what was said before.
    pub fn learn(&mut self, hints: impl IntoIterator<Item = ConflictHint>) {
        let mut all: BTreeSet<ConflictHint> = self.hints.drain(..).collect();
        for hint in hints {
            if let ConflictHint::UnknownPack { name, .. } = &hint {
                all.retain(|other| !matches!(other, ConflictHint::UnknownPack { name: known, .. } if known == name));
            }
            all.insert(hint);
        }
        self.hints = all.into_iter().collect();
    }

    /// Gives the direct requirements that the proof needs, by name: these contradict each other or the world.
    pub fn requirements(&self) -> Vec<(PackName, Range, Option<Place>)> {
        let of_project = self.steps.iter().filter_map(|step| match step {
            Step::Requires(requires) if requires.by == PROJECT => Some(requires),
            _ => None,
        });
        let written = of_project.flat_map(|requires| requires.ranges.iter().map(move |range| (requires, range)));
        let found = written.filter_map(|(requires, range)| match &self.subjects[&requires.needed] {
            Subject::Pack { name, .. } => Some((name.clone(), range.clone(), requires.at.clone())),
            Subject::Project => None,
        });
        found.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Takes a proof apart, with what the universe knows of everything it speaks of.
    pub(super) fn new<C: Candidates>(proof: Proof, universe: &mut Universe<'_, C>) -> Self {
        let (mut ordered, numbers) = in_order_of_proof(proof);
        let steps: Vec<Step> = ordered.iter().map(|tree| step(tree, &numbers, universe)).collect();
        // From the conclusion to its causes: each is dropped while its causes are still held here, so no drop goes deep.
        while ordered.pop().is_some() {}
        let steps = lemmas::once_each(steps);
        let subjects = steps.iter().flat_map(Step::nodes).map(|node| (node, Subject::new(node, universe))).collect();
        let hints = hints::find(&steps, universe);
        Conflict { steps, subjects, hints }
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no set of releases meets the requirements")
    }
}

impl std::error::Error for Conflict {}

impl Step {
    fn nodes(&self) -> Vec<NodeId> {
        match self {
            Step::Requires(requires) => vec![requires.by, requires.needed],
            Step::Belongs { extra: node, .. } | Step::Unavailable { node, .. } => vec![*node],
            Step::Given => Vec::new(),
            Step::Derived { terms, .. } => terms.iter().map(|term| term.node).collect(),
        }
    }
}

impl Subject {
    fn new<C: Candidates>(node: NodeId, universe: &Universe<'_, C>) -> Self {
        let known = universe.known(node);
        let Some(name) = pack_of(universe, known) else { return Subject::Project };
        let extra = match known.node {
            Node::Extra(_, extra) => Some(extra.clone()),
            Node::Project | Node::Pack(_) => None,
        };
        Subject::Pack { name: name.clone(), extra, versions: known.releases.iter().map(|release| release.version.clone()).collect() }
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

fn step<C: Candidates>(tree: &Proof, numbers: &HashMap<*const Proof, usize>, universe: &mut Universe<'_, C>) -> Step {
    match tree {
        DerivationTree::Derived(derived) => {
            let causes = [&derived.cause1, &derived.cause2].map(|cause| numbers[&Arc::as_ptr(cause)]);
            Step::Derived { terms: claims(derived), causes }
        }
        DerivationTree::External(External::NotRoot(..)) => Step::Given,
        DerivationTree::External(External::NoVersions(node, set)) => unreachable!("{set} of {node} holds a release, as every set that is not empty does"),
        DerivationTree::External(External::Custom(node, set, reason)) => {
            Step::Unavailable { node: *node, set: set.clone(), reason: unavailable(universe.known(*node), set, *reason) }
        }
        DerivationTree::External(External::FromDependencyOf(by, set, needed, admitted)) => requires(universe, (*by, set), (*needed, admitted)),
    }
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
    let name = pack_of(universe, universe.known(needed)).expect("nothing requires the project");
    let (ranges, at) = if requirer.node == Node::Project { written_by_project(universe, needed, admitted) } else { (written(requirer, set, name), None) };
    let lack = admitted.is_empty().then(|| lack(universe.known(needed), &ranges));
    Step::Requires(Requires { by, set: set.clone(), needed, admitted: admitted.clone(), ranges, at, lack })
}

fn pack_of<'a, C: Candidates>(universe: &Universe<'a, C>, known: &Known<'a>) -> Option<&'a PackName> {
    match known.node {
        Node::Project => None,
        Node::Pack(name) => Some(name),
        Node::Extra(pack, _) => pack_of(universe, universe.known(pack)),
    }
}

/// The project's requirements that come to this set; two may, if it names the pack twice.
fn written_by_project<C: Candidates>(universe: &mut Universe<'_, C>, needed: NodeId, admitted: &Releases) -> (BTreeSet<Range>, Option<Place>) {
    let known = universe.known(needed);
    let name = pack_of(universe, known).expect("nothing requires the project");
    let asks = |root: &&Root| match known.node {
        Node::Extra(_, extra) => root.name == *name && root.extras.contains(extra),
        Node::Project | Node::Pack(_) => root.name == *name,
    };
    let asking: Vec<&Root> = universe.roots.iter().copied().filter(asks).collect();
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

fn lack(needed: &Known<'_>, ranges: &BTreeSet<Range>) -> Lack {
    let any = |admits: &dyn Fn(&Range, &Candidate) -> bool| needed.releases.iter().any(|release| ranges.iter().any(|range| admits(range, release)));
    match () {
        () if !needed.exists => Lack::NoSuchPack,
        () if needed.releases.is_empty() => Lack::NoRelease,
        () if any(&|range, release| range.matches(&release.version)) => Lack::OnlyYanked,
        () if any(&hints::would_match_as_stable) => Lack::OnlyPrereleases,
        () => Lack::NoneInRange,
    }
}
