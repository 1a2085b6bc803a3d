//! A conflict for programs: what it is about, each step of its proof, and the graph of who requires whom in it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Serialize;

use crate::model::ExtraName;
use crate::model::PackName;
use crate::model::Place;
use crate::model::Range;
use crate::model::Refusal;
use crate::model::Version;
use crate::resolve::Conflict;
use crate::resolve::ConflictHint;
use crate::resolve::Pin;
use crate::resolve::conflict::Step;
use crate::resolve::conflict::Subject;
use crate::resolve::conflict::Unavailable;
use crate::resolve::universe::NodeId;
use crate::resolve::versions::Releases;
use crate::resolve::wording::Wording;

/// Everything that is known of a conflict.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct ConflictReport {
    /// The direct requirements that cannot be met together.
    pub requirements: Vec<AskedRange>,
    /// Whether that is shown to be the smallest set: without any one of them the others can be met. Otherwise the time limit came first.
    pub is_smallest: bool,
    /// The explanation for people, line by line and uncut.
    pub explanation: Vec<String>,
    /// The proof: each step follows from earlier ones or is a fact; the last one is the conclusion.
    pub steps: Vec<ProofStep>,
    /// What may help.
    pub hints: Vec<ConflictHint>,
    /// Who requires whom in the proof.
    pub graph: ConflictGraph,
}

/// A direct requirement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct AskedRange {
    /// The pack.
    pub name: PackName,
    /// The range as written.
    pub range: Range,
    /// Where it is written.
    pub at: Option<Place>,
}

/// One step of the proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ProofStep {
    /// What kind of step it is.
    pub kind: StepKind,
    /// The pack it speaks of; `None` for the project.
    pub name: Option<PackName>,
    /// The extra of that pack.
    pub extra: Option<ExtraName>,
    /// The versions it speaks of, ascending.
    pub versions: Vec<Version>,
    /// What these releases require.
    pub needs: Option<Need>,
    /// The rule that does not allow them.
    pub refusal: Option<Refusal>,
    /// The steps it follows from, by their place in the list.
    pub causes: Vec<usize>,
    /// The step in words.
    pub says: String,
}

/// What some releases require.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Need {
    /// The pack.
    pub name: PackName,
    /// The ranges as written, in as many ways as these releases write them.
    pub ranges: BTreeSet<Range>,
    /// What the project puts in the place of these ranges.
    pub overridden: Option<Pin>,
    /// The versions that will do, ascending.
    pub admits: Vec<Version>,
    /// Where it is written, if the project requires it.
    pub at: Option<Place>,
}

/// What kind of step it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// Releases, or the project, require a pack.
    Requires,
    /// An extra belongs to the same release of its pack.
    Belongs,
    /// Releases cannot be chosen at all.
    Unavailable,
    /// The project is what is being resolved.
    Project,
    /// It follows from two other steps.
    Follows,
}

/// Who requires whom in a proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ConflictGraph {
    /// The project and the packs.
    pub nodes: Vec<GraphNode>,
    /// The requirements between them, by the places of the nodes in their list.
    pub edges: Vec<GraphEdge>,
}

/// The project or a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct GraphNode {
    /// The pack; `None` for the project.
    pub name: Option<PackName>,
    /// What it is called: `reports with the extra charts`.
    pub label: String,
    /// Whether requirements on it cannot be met, or no release of it may be chosen.
    pub is_trouble: bool,
}

/// One requirement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
pub struct GraphEdge {
    /// The place of who requires.
    pub from: usize,
    /// The place of what is required.
    pub to: usize,
    /// The versions that require it, in words; empty for the project.
    pub by: String,
    /// The ranges as written, in words.
    pub range: String,
}

impl Conflict {
    /// Tells everything that is known, for programs.
    pub fn report(&self) -> ConflictReport {
        let requirements = self.requirements().into_iter().map(|(name, range, at)| AskedRange { name, range, at }).collect();
        let wording = Wording::new(self);
        ConflictReport {
            requirements,
            is_smallest: self.is_smallest(),
            explanation: self.explain_all().lines().map(str::to_owned).collect(),
            steps: (0..self.steps.len()).map(|number| self.proof_step(number, &wording)).collect(),
            hints: self.hints().to_vec(),
            graph: self.graph(),
        }
    }

    /// Gives what releases of packs, and the project, ask of packs that others ask something else of.
    pub(super) fn demands(&self) -> BTreeSet<(PackName, Range)> {
        let mut demands = BTreeSet::new();
        for step in &self.steps {
            if let Step::Requires(requires) = step
                && let Subject::Pack { name, extra: None, .. } = &self.subjects[&requires.needed]
            {
                demands.extend(requires.ranges.iter().map(|range| (name.clone(), range.clone())));
            }
        }
        let mut counts: BTreeMap<&PackName, usize> = BTreeMap::new();
        demands.iter().for_each(|(name, _)| *counts.entry(name).or_default() += 1);
        demands.iter().filter(|(name, _)| counts[name] > 1).cloned().collect()
    }

    /// Gives the packs of which the proof rests on an override.
    pub(super) fn overridden(&self) -> BTreeSet<PackName> {
        let overridden = self.steps.iter().filter_map(|step| match step {
            Step::Requires(requires) if requires.overridden.is_some() => self.pack(requires.needed),
            _ => None,
        });
        overridden.cloned().collect()
    }

    /// Gives the packs of which the proof rests on a constraint.
    pub(super) fn constrained(&self) -> BTreeSet<PackName> {
        let constrained = self.steps.iter().filter_map(|step| match step {
            Step::Unavailable { node, reason: Unavailable::Refused(refusal), .. } if refusal.rule == Refusal::CONSTRAINTS => self.pack(*node),
            _ => None,
        });
        constrained.cloned().collect()
    }

    /// Gives the packs that the proof speaks of: while nothing is changed about any of them, it holds.
    pub(super) fn packs(&self) -> BTreeSet<PackName> {
        self.subjects.keys().filter_map(|node| self.pack(*node).cloned()).collect()
    }

    fn proof_step(&self, number: usize, wording: &Wording<'_>) -> ProofStep {
        let bare = |kind| ProofStep { kind, name: None, extra: None, versions: vec![], needs: None, refusal: None, causes: vec![], says: wording.step(number) };
        match &self.steps[number] {
            Step::Given => bare(StepKind::Project),
            Step::Derived { causes, .. } => ProofStep { causes: causes.to_vec(), ..bare(StepKind::Follows) },
            Step::Belongs { extra, set } => self.of(*extra, set, bare(StepKind::Belongs)),
            Step::Unavailable { node, set, reason } => {
                let refusal = if let Unavailable::Refused(refusal) = reason { Some(refusal.clone()) } else { None };
                ProofStep { refusal, ..self.of(*node, set, bare(StepKind::Unavailable)) }
            }
            Step::Requires(requires) => {
                let need = |name: &PackName| Need {
                    name: name.clone(),
                    ranges: requires.ranges.clone(),
                    overridden: requires.overridden.clone(),
                    admits: self.versions(requires.needed, &requires.admitted),
                    at: requires.at.clone(),
                };
                ProofStep { needs: self.pack(requires.needed).map(need), ..self.of(requires.by, &requires.set, bare(StepKind::Requires)) }
            }
        }
    }

    fn of(&self, node: NodeId, set: &Releases, step: ProofStep) -> ProofStep {
        let extra = match &self.subjects[&node] {
            Subject::Pack { extra, .. } => extra.clone(),
            Subject::Project => None,
        };
        ProofStep { name: self.pack(node).cloned(), extra, versions: self.versions(node, set), ..step }
    }

    pub(super) fn pack(&self, node: NodeId) -> Option<&PackName> {
        match &self.subjects[&node] {
            Subject::Pack { name, .. } => Some(name),
            Subject::Project => None,
        }
    }

    fn versions(&self, node: NodeId, set: &Releases) -> Vec<Version> {
        let Subject::Pack { versions, .. } = &self.subjects[&node] else { return Vec::new() };
        let mut held: Vec<Version> = set.indexes(versions.len()).map(|index| versions[index].clone()).collect();
        held.sort();
        held
    }

    fn graph(&self) -> ConflictGraph {
        let wording = Wording::new(self);
        let mut places: BTreeMap<NodeId, usize> = BTreeMap::new();
        let mut demands: BTreeMap<NodeId, BTreeSet<&BTreeSet<Range>>> = BTreeMap::new();
        let mut trouble: BTreeSet<NodeId> = BTreeSet::new();
        let (mut nodes, mut edges) = (Vec::new(), BTreeSet::new());
        let mut place = |node: NodeId| {
            *places.entry(node).or_insert_with(|| {
                nodes.push(GraphNode { name: self.pack(node).cloned(), label: wording.name(node), is_trouble: false });
                nodes.len() - 1
            })
        };
        for step in &self.steps {
            match step {
                Step::Requires(requires) => {
                    let ranges: Vec<&str> = requires.ranges.iter().map(Range::as_str).collect();
                    let by = wording.versions_in_words(requires.by, &requires.set);
                    let instead = requires.overridden.as_ref().map(|pin| format!(", overridden with {}", pin.range)).unwrap_or_default();
                    edges.insert(GraphEdge { from: place(requires.by), to: place(requires.needed), by, range: ranges.join(" or ") + &instead });
                    demands.entry(requires.needed).or_default().insert(&requires.ranges);
                    if requires.lack.is_some() {
                        trouble.insert(requires.needed);
                    }
                }
                Step::Unavailable { node, .. } => {
                    place(*node);
                    trouble.insert(*node);
                }
                Step::Belongs { .. } | Step::Given | Step::Derived { .. } => {}
            }
        }
        trouble.extend(demands.into_iter().filter(|(_, ranges)| ranges.len() > 1).map(|(node, _)| node));
        for node in trouble {
            nodes[places[&node]].is_trouble = true;
        }
        ConflictGraph { nodes, edges: edges.into_iter().collect() }
    }
}
