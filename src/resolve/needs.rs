//! What each node needs: other nodes, and which of their releases will do.

use std::collections::BTreeMap;
use std::fmt;

use pubgrub::VersionSet as _;

use crate::model::PackName;
use crate::model::Range;
use crate::resolve::Candidates;
use crate::resolve::universe::Node;
use crate::resolve::universe::NodeId;
use crate::resolve::universe::Universe;
use crate::resolve::versions::Releases;
use crate::resolve::versions::Slot;

/// The nodes needed, and which of their releases will do.
pub(super) type Needs = Vec<(NodeId, Releases)>;

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

/// Gives what a release needs, or why it cannot be chosen. The release of an extra needs the very release of its pack, which in turn needs what every
/// release needs.
pub(super) fn of<C: Candidates>(universe: &mut Universe<'_, C>, node: NodeId, slot: Slot) -> Result<Needs, Reason> {
    match universe.known(node).node {
        Node::Project => Ok(of_project(universe)),
        Node::Pack(name) => {
            let release = universe.known(node).releases[slot.index()];
            if release.refused.is_some() && universe.is_refusing(name) { Err(Reason::Refused) } else { of_requires(universe, node, slot, &release.requires) }
        }
        Node::Extra(pack, extra) => {
            let release = universe.known(node).releases[slot.index()];
            let mut needs = of_requires(universe, pack, slot, release.extras.get(extra).ok_or(Reason::NoSuchExtra)?)?;
            needs.push((pack, Releases::singleton(slot)));
            Ok(needs)
        }
    }
}

/// Gives what the direct requirements that are in force need.
pub(super) fn of_project<C: Candidates>(universe: &mut Universe<'_, C>) -> Needs {
    let mut needs = Vec::new();
    for root in universe.in_force().to_vec() {
        let pack = universe.pack(&root.name);
        let admitted = universe.admitted(pack, &root.range);
        needs.extend(root.extras.iter().map(|extra| (universe.extra(pack, extra), admitted.clone())));
        needs.push((pack, admitted));
    }
    needs
}

fn of_requires<'a, C: Candidates>(universe: &mut Universe<'a, C>, pack: NodeId, slot: Slot, requires: &'a BTreeMap<PackName, Range>) -> Result<Needs, Reason> {
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
