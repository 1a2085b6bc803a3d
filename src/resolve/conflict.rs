//! The proof that no resolution exists, in steps that need neither the solver nor the candidates any more.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;

use crate::model::ExtraName;
use crate::model::PackName;
use crate::model::Place;
use crate::model::Range;
use crate::model::Refusal;
use crate::model::Version;
use crate::resolve::Candidates;
use crate::resolve::Pin;
use crate::resolve::Root;
use crate::resolve::explain;
use crate::resolve::explain::Length;
use crate::resolve::hints;
use crate::resolve::hints::ConflictHint;
use crate::resolve::lemmas;
use crate::resolve::universe::Node;
use crate::resolve::universe::NodeId;
use crate::resolve::universe::PROJECT;
use crate::resolve::universe::Universe;
use crate::resolve::versions::Releases;

/// How far the search for the smallest conflict came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// To its end: without any one of its requirements, the others can be met.
    Smallest,
    /// Not to its end, since the limit came first: some of its requirements may not be needed.
    Unfinished,
}

/// Who asks for what stands in no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unwritten {
    /// A question about what would be.
    #[default]
    Supposed,
    /// A command that would write it, if there were a resolution.
    Asked,
    /// A fix that was to be made.
    Fix,
}

impl Unwritten {
    /// Stands where others have their line.
    pub(super) fn place(self) -> &'static str {
        match self {
            Unwritten::Supposed => "--what-if",
            Unwritten::Asked => "asked for",
            Unwritten::Fix => "the fix",
        }
    }

    /// Says who requires it.
    pub(super) fn requires(self) -> &'static str {
        match self {
            Unwritten::Supposed => "--what-if asks for",
            Unwritten::Asked => "you ask for",
            Unwritten::Fix => "the fix asks for",
        }
    }
}

/// The proof that no set of releases meets the project's requirements.
#[derive(Debug, Clone)]
pub struct Conflict {
    /// The smallest set of direct requirements that cannot be met together, as far as was found out.
    requirements: Vec<(PackName, Range, Option<Place>)>,
    extent: Extent,
    /// Who asks for the requirements that have no place.
    pub(super) unwritten: Unwritten,
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
    /// What the project puts in the place of these ranges.
    pub(super) overridden: Option<Pin>,
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

    /// Moves everything it speaks of to other places; what gets none is asked for by somebody else than a file.
    pub fn move_places(&mut self, unwritten: Unwritten, to: impl Fn(Place) -> Option<Place>) {
        self.unwritten = unwritten;
        let of_requirements = self.requirements.iter_mut().map(|(_, _, at)| at);
        let of_steps = self.steps.iter_mut().flat_map(Step::places_mut);
        let of_hints = self.hints.iter_mut().filter_map(ConflictHint::place_mut);
        of_requirements.chain(of_steps).chain(of_hints).for_each(|at| *at = at.take().and_then(&to));
    }

    /// Tells whether it is shown to be the smallest: without any one of its requirements the others can be met. Otherwise the limit came first.
    pub fn is_smallest(&self) -> bool {
        self.extent == Extent::Smallest
    }

    /// Gives the direct requirements that contradict each other or the world, by name: the smallest set of them if [`Conflict::is_smallest`].
    pub fn requirements(&self) -> Vec<(PackName, Range, Option<Place>)> {
        self.requirements.clone()
    }

    /// Gives the packs of which it matters that a rule refuses releases, by name: the requirements cannot be met even if those of all others were allowed, and
    /// they could if those of any one of these were allowed as well, if [`Conflict::is_smallest`].
    pub fn refused(&self) -> BTreeSet<PackName> {
        let refused = self.steps.iter().filter_map(|step| match step {
            Step::Unavailable { node, reason: Unavailable::Refused(_), .. } => self.pack(*node),
            _ => None,
        });
        refused.cloned().collect()
    }

    /// Makes one of a proof, with what the universe knows of everything it speaks of.
    pub(super) fn new<C: Candidates>(steps: Vec<Step>, universe: &Universe<'_, C>, extent: Extent) -> Self {
        let steps = lemmas::once_each(steps);
        let requirements: BTreeSet<_> =
            needed_roots(&steps, universe).into_iter().map(|root| (root.name.clone(), root.range.clone(), root.at.clone())).collect();
        let subjects = steps.iter().flat_map(Step::nodes).map(|node| (node, Subject::new(node, universe))).collect();
        let hints = hints::find(&steps, universe);
        Conflict { requirements: requirements.into_iter().collect(), extent, unwritten: Unwritten::default(), steps, subjects, hints }
    }
}

/// Gives the packs of which a proof needs that a rule refused releases, each once.
pub(super) fn refused_packs<'a, C: Candidates>(steps: &[Step], universe: &Universe<'a, C>) -> Vec<&'a PackName> {
    let refused: BTreeSet<&PackName> = steps
        .iter()
        .filter_map(|step| match step {
            Step::Unavailable { node, reason: Unavailable::Refused(_), .. } => Some(universe.name_of(*node)),
            _ => None,
        })
        .collect();
    refused.into_iter().collect()
}

/// Gives the direct requirements that a proof needs, in their order.
pub(super) fn needed_roots<'a, C: Candidates>(steps: &[Step], universe: &Universe<'a, C>) -> Vec<&'a Root> {
    let of_project: BTreeSet<(NodeId, &Range)> = steps
        .iter()
        .filter_map(|step| match step {
            Step::Requires(requires) if requires.by == PROJECT => Some(requires),
            _ => None,
        })
        .flat_map(|requires| requires.ranges.iter().map(move |range| (universe.pack_of(requires.needed), range)))
        .collect();
    let is_needed = |root: &&Root| universe.find(&root.name).is_some_and(|pack| of_project.contains(&(pack, &root.range)));
    universe.in_force().iter().copied().filter(is_needed).collect()
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no set of releases meets the requirements")
    }
}

impl std::error::Error for Conflict {}

impl Claim {
    /// That one of these releases is chosen.
    pub(super) fn chosen(node: NodeId, set: &Releases) -> Self {
        Claim { node, is_chosen: true, set: set.clone() }
    }

    /// That none of these releases is chosen.
    pub(super) fn excluded(node: NodeId, set: &Releases) -> Self {
        Claim { node, is_chosen: false, set: set.clone() }
    }
}

impl Requires {
    /// Gives the ranges that count: those written, or what the project puts in their place.
    pub(super) fn ranges_that_count(&self) -> impl Iterator<Item = &Range> {
        let written = self.ranges.iter().filter(|_| self.overridden.is_none());
        self.overridden.iter().map(|pin| &pin.range).chain(written)
    }
}

impl Step {
    fn places_mut(&mut self) -> Vec<&mut Option<Place>> {
        match self {
            Step::Requires(requires) => requires.overridden.as_mut().map(|pin| &mut pin.at).into_iter().chain([&mut requires.at]).collect(),
            Step::Unavailable { reason: Unavailable::Refused(refusal), .. } => vec![&mut refusal.at],
            Step::Unavailable { .. } | Step::Belongs { .. } | Step::Given | Step::Derived { .. } => Vec::new(),
        }
    }

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
        let Node::Pack(name) = universe.known(universe.pack_of(node)).node else { return Subject::Project };
        let extra = match known.node {
            Node::Extra(_, extra) => Some(extra.clone()),
            Node::Project | Node::Pack(_) => None,
        };
        Subject::Pack { name: name.clone(), extra, versions: known.releases.iter().map(|release| release.version.clone()).collect() }
    }
}
