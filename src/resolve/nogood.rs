//! What cannot hold together: terms about nodes, and how two such sets make a third.

use pubgrub::VersionSet as _;

use crate::resolve::universe::NodeId;
use crate::resolve::versions::Releases;

/// What is said of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Term {
    /// It is chosen, at one of these releases.
    In(Releases),
    /// It is not chosen, or at another release.
    NotIn(Releases),
}

impl Term {
    /// Says the contrary.
    pub(super) fn negate(&self) -> Term {
        match self {
            Term::In(set) => Term::NotIn(set.clone()),
            Term::NotIn(set) => Term::In(set.clone()),
        }
    }

    /// Says either.
    pub(super) fn or(&self, other: &Term) -> Term {
        match (self, other) {
            (Term::In(a), Term::In(b)) => Term::In(a.union(b)),
            (Term::In(a), Term::NotIn(b)) | (Term::NotIn(b), Term::In(a)) => Term::NotIn(b.intersection(&a.complement())),
            (Term::NotIn(a), Term::NotIn(b)) => Term::NotIn(a.intersection(b)),
        }
    }

    /// Says both.
    pub(super) fn and(&self, other: &Term) -> Term {
        match (self, other) {
            (Term::In(a), Term::In(b)) => Term::In(a.intersection(b)),
            (Term::In(a), Term::NotIn(b)) | (Term::NotIn(b), Term::In(a)) => Term::In(a.intersection(&b.complement())),
            (Term::NotIn(a), Term::NotIn(b)) => Term::NotIn(a.union(b)),
        }
    }

    /// Tells whether it says nothing.
    pub(super) fn is_always_so(&self) -> bool {
        matches!(self, Term::NotIn(set) if set.is_empty())
    }
}

/// Terms that do not all hold in any answer, each node once.
pub(super) type Nogood = Vec<(NodeId, Term)>;

/// Says what follows from two of them about all other nodes, where they contradict each other about this one.
pub(super) fn resolve(first: &Nogood, second: &Nogood, about: NodeId) -> Nogood {
    let mut terms = first.clone();
    for (node, term) in second {
        match terms.iter_mut().find(|(known, _)| known == node) {
            Some((_, known)) => *known = if *node == about { known.or(term) } else { known.and(term) },
            None => terms.push((*node, term.clone())),
        }
    }
    terms.retain(|(_, term)| !term.is_always_so());
    terms
}

/// Finds what is said of a node.
pub(super) fn term_of(nogood: &Nogood, about: NodeId) -> &Term {
    &nogood.iter().find(|(node, _)| *node == about).expect("it speaks of the node").1
}
