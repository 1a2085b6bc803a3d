//! The packs of one solve: numbered as they are met, their releases in order of preference, and ranges as sets of these.

use std::cmp::Reverse;

use rustc_hash::FxHashMap;
use rustc_hash::FxHashSet;

use crate::model::ExtraName;
use crate::model::PackName;
use crate::model::Range;
use crate::model::Version;
use crate::resolve::Candidate;
use crate::resolve::Candidates;
use crate::resolve::Mode;
use crate::resolve::Preferences;
use crate::resolve::Root;
use crate::resolve::versions::Releases;
use crate::resolve::versions::Slot;

/// The number of a node, in the order they were met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct NodeId(u32);

impl NodeId {
    /// Gives the number.
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

impl std::fmt::Display for NodeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "node {}", self.0)
    }
}

/// The project itself, as a pack with one release.
pub(super) const PROJECT: NodeId = NodeId(0);

/// What the solver chooses a release of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node<'a> {
    /// The project.
    Project,
    /// A pack.
    Pack(&'a PackName),
    /// An extra of a pack: has the pack's releases, and needs the same release of the pack.
    Extra(NodeId, &'a ExtraName),
}

/// A node with what was found out about it.
pub(super) struct Known<'a> {
    /// What it is.
    pub(super) node: Node<'a>,
    /// Its releases in order of preference, the best last; shared with its pack if it is an extra.
    pub(super) releases: Vec<&'a Candidate>,
    /// Whether there is such a pack.
    pub(super) exists: bool,
    /// Whether the project itself requires it.
    pub(super) is_direct: bool,
    /// The locked release of it, if that still exists.
    pub(super) locked: Option<usize>,
    /// The releases to try before the best, first one first.
    preferred: Vec<usize>,
    /// The yanked releases that may be chosen by any range.
    unveiled: Vec<usize>,
}

impl Known<'_> {
    /// Counts its releases; the project is one.
    pub(super) fn count(&self) -> usize {
        if self.node == Node::Project { 1 } else { self.releases.len() }
    }

    /// Gives the release to try first among these.
    pub(super) fn best(&self, among: &Releases) -> Option<Slot> {
        let preferred = self.preferred.iter().copied().find(|index| among.holds(*index));
        preferred.or_else(|| among.highest(self.count())).map(|index| Slot::new(index, self.count()))
    }
}

/// All nodes of a solve.
pub(super) struct Universe<'a, C> {
    candidates: &'a C,
    preferences: &'a Preferences,
    /// The direct requirements, sorted, so that their order in the project decides nothing.
    roots: Vec<&'a Root>,
    /// Those of them that count now; all decide which yanked releases may be seen.
    in_force: Vec<&'a Root>,
    /// The packs whose refused releases cannot be chosen; `None` for all.
    refusing: Option<FxHashSet<&'a PackName>>,
    nodes: Vec<Known<'a>>,
    packs: FxHashMap<&'a PackName, NodeId>,
    extras: FxHashMap<(NodeId, &'a ExtraName), NodeId>,
    sets: FxHashMap<(NodeId, &'a str), Releases>,
}

impl<'a, C: Candidates> Universe<'a, C> {
    /// Starts with the project alone.
    pub(super) fn new(roots: &'a [Root], candidates: &'a C, preferences: &'a Preferences) -> Self {
        let mut roots: Vec<&Root> = roots.iter().collect();
        roots.sort();
        roots.dedup();
        Universe::of(roots.clone(), roots, candidates, preferences)
    }

    fn of(roots: Vec<&'a Root>, in_force: Vec<&'a Root>, candidates: &'a C, preferences: &'a Preferences) -> Self {
        let project =
            Known { node: Node::Project, releases: Vec::new(), exists: true, is_direct: true, locked: None, preferred: Vec::new(), unveiled: Vec::new() };
        let (nodes, packs, extras, sets) = (vec![project], FxHashMap::default(), FxHashMap::default(), FxHashMap::default());
        Universe { candidates, preferences, roots, in_force, refusing: None, nodes, packs, extras, sets }
    }

    /// Gives the direct requirements that count.
    pub(super) fn in_force(&self) -> &[&'a Root] {
        &self.in_force
    }

    /// Lets only some direct requirements count.
    pub(super) fn put_in_force(&mut self, roots: &[&'a Root]) {
        self.in_force = roots.to_vec();
    }

    /// Lets the refusals of only some packs count.
    pub(super) fn refuse_only(&mut self, packs: &[&'a PackName]) {
        self.refusing = Some(packs.iter().copied().collect());
    }

    /// Tells whether the refusals of a pack count.
    pub(super) fn is_refusing(&self, name: &PackName) -> bool {
        self.refusing.as_ref().is_none_or(|packs| packs.contains(name))
    }

    /// Gives what is known of a node.
    pub(super) fn known(&self, id: NodeId) -> &Known<'a> {
        &self.nodes[id.0 as usize]
    }

    /// Gives the node of the pack that a node is about: its own, or that of an extra.
    pub(super) fn pack_of(&self, id: NodeId) -> NodeId {
        if let Node::Extra(pack, _) = self.known(id).node { pack } else { id }
    }

    /// Gives the name of the pack that a node is about, which must not be the project.
    pub(super) fn name_of(&self, id: NodeId) -> &'a PackName {
        match self.known(self.pack_of(id)).node {
            Node::Pack(name) => name,
            Node::Project | Node::Extra(..) => unreachable!("nothing requires the project, and an extra is one of a pack"),
        }
    }

    /// Finds the node of a pack that was met.
    pub(super) fn find(&self, name: &PackName) -> Option<NodeId> {
        self.packs.get(name).copied()
    }

    /// Starts again, with only some direct requirements in force.
    pub(super) fn again(&self, in_force: &[&'a Root]) -> Self {
        Universe::of(self.roots.clone(), in_force.to_vec(), self.candidates, self.preferences)
    }

    /// Gives the names of packs, and of the packs of extras, each once, in the order given.
    pub(super) fn names(&self, nodes: &[NodeId]) -> Vec<PackName> {
        let mut names: Vec<PackName> = Vec::new();
        for id in nodes {
            if let Node::Pack(name) = self.known(self.pack_of(*id)).node
                && !names.contains(name)
            {
                names.push(name.clone());
            }
        }
        names
    }

    /// Gives the candidates the solve is about.
    pub(super) fn candidates(&self) -> &'a C {
        self.candidates
    }

    /// Gives all nodes met so far.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &Known<'a>> {
        self.nodes.iter()
    }

    /// Gives the node of a pack, met for the first time or again.
    pub(super) fn pack(&mut self, name: &'a PackName) -> NodeId {
        if let Some(id) = self.packs.get(name) {
            return *id;
        }
        let known = self.look_up(name);
        let id = self.add(known);
        self.packs.insert(name, id);
        id
    }

    /// Gives the node of an extra.
    pub(super) fn extra(&mut self, pack: NodeId, extra: &'a ExtraName) -> NodeId {
        if let Some(id) = self.extras.get(&(pack, extra)) {
            return *id;
        }
        let base = self.known(pack);
        let known = Known {
            node: Node::Extra(pack, extra),
            releases: base.releases.clone(),
            exists: base.exists,
            is_direct: true,
            locked: base.locked,
            preferred: base.preferred.clone(),
            unveiled: Vec::new(),
        };
        let id = self.add(known);
        self.extras.insert((pack, extra), id);
        id
    }

    /// Gives the releases of a pack that a range admits: those it matches, but yanked ones only if it names them with `=` or everybody may see them.
    pub(super) fn admitted(&mut self, pack: NodeId, range: &'a Range) -> Releases {
        if let Some(set) = self.sets.get(&(pack, range.as_str())) {
            return set.clone();
        }
        let known = self.known(pack);
        let meant = match known.node {
            Node::Pack(name) => self.candidates.overridden(name).map_or(range, |pin| &pin.range),
            Node::Project | Node::Extra(..) => range,
        };
        let exact = meant.exact_version();
        let admits = |(index, release): &(usize, &&Candidate)| {
            let is_visible = release.yanked.is_none() || exact.is_some() || known.unveiled.contains(index);
            is_visible && meant.matches(&release.version)
        };
        let count = known.count();
        let set = Releases::of(known.releases.iter().enumerate().filter(admits).map(|(index, _)| Slot::new(index, count)));
        self.sets.insert((pack, range.as_str()), set.clone());
        set
    }

    fn add(&mut self, known: Known<'a>) -> NodeId {
        let id = NodeId(u32::try_from(self.nodes.len()).expect("fewer than 2^32 packs fit into memory"));
        self.nodes.push(known);
        id
    }

    fn look_up(&self, name: &'a PackName) -> Known<'a> {
        let found = self.candidates.releases(name);
        let mut releases: Vec<&Candidate> = found.unwrap_or_default().iter().collect();
        let roots = self.roots_of(name);
        let is_lowest = match self.preferences.mode {
            Mode::Lowest => true,
            Mode::LowestDirect => !roots.is_empty(),
            Mode::Highest => false,
        };
        if is_lowest {
            releases.sort_by_key(|release| (!release.version.is_prerelease(), Reverse(&release.version)));
        } else {
            releases.sort_by_key(|release| (!release.version.is_prerelease(), &release.version));
        }
        let index_of = |version: &Version| releases.iter().position(|release| release.version == *version);
        let locked = self.preferences.locked.get(name).and_then(index_of);
        let others = self.preferences.others.get(name).into_iter().flatten();
        let others: Vec<&Version> = if is_lowest { others.collect() } else { others.rev().collect() };
        let others = others.into_iter().filter_map(index_of);
        let preferred = locked.into_iter().chain(others).collect();
        let named = roots.iter().filter(|root| root.range.exact_version().is_some());
        let named = named.filter_map(|root| releases.iter().position(|release| root.range.matches(&release.version)));
        let unveiled = locked.into_iter().chain(named).collect();
        Known { node: Node::Pack(name), exists: found.is_some(), is_direct: !roots.is_empty(), locked, releases, preferred, unveiled }
    }

    /// Gives the project's own requirements of a pack.
    fn roots_of(&self, name: &PackName) -> &[&'a Root] {
        let start = self.roots.partition_point(|root| root.name < *name);
        let length = self.roots[start..].partition_point(|root| root.name == *name);
        &self.roots[start..start + length]
    }
}
