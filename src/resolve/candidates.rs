//! What the solver asks of the world, and what it is told of a release.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Serialize;

use crate::model::ExtraName;
use crate::model::PackName;
use crate::model::Place;
use crate::model::Range;
use crate::model::Refusal;
use crate::model::Version;

/// A release that may be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The version.
    pub version: Version,
    /// The packs it needs.
    pub requires: BTreeMap<PackName, Range>,
    /// What each of its extras needs besides.
    pub extras: BTreeMap<ExtraName, BTreeMap<PackName, Range>>,
    /// Why it was taken back, if it was; it is then chosen only where it is locked or named with `=`.
    pub yanked: Option<String>,
    /// The rule that does not allow it, if one does not.
    pub refused: Option<Refusal>,
}

/// A range that the project sets for a pack, whoever requires it: one line of `[overrides]` or of `[constraints]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
pub struct Pin {
    /// The range.
    pub range: Range,
    /// Where it is written.
    pub at: Option<Place>,
}

/// All releases there are; the one question the solver has.
pub trait Candidates {
    /// Gives the releases of a pack in any order, or `None` if there is no such pack. Asked again, it answers the same.
    fn releases(&self, name: &PackName) -> Option<&[Candidate]>;

    /// Gives names of packs that there are, to find the one that was meant; may be incomplete.
    fn names(&self) -> Vec<&PackName> {
        Vec::new()
    }

    /// Gives the range that the project puts in the place of every requirement on a pack, its own too.
    fn overridden(&self, _name: &PackName) -> Option<&Pin> {
        None
    }

    /// Gives the range that every release of a pack must be in. Those that nothing else refuses, and that are outside, have [`Refusal::CONSTRAINTS`] as
    /// the rule that does.
    fn constrained(&self, _name: &PackName) -> Option<&Pin> {
        None
    }
}

impl Candidates for BTreeMap<PackName, Vec<Candidate>> {
    fn releases(&self, name: &PackName) -> Option<&[Candidate]> {
        self.get(name).map(Vec::as_slice)
    }

    fn names(&self) -> Vec<&PackName> {
        self.keys().collect()
    }
}

/// A direct requirement of the project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Root {
    /// The pack.
    pub name: PackName,
    /// The releases that will do.
    pub range: Range,
    /// The extras asked for.
    pub extras: BTreeSet<ExtraName>,
    /// Where it is written.
    pub at: Option<Place>,
}

/// Which of several releases that would do is the best.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// The highest.
    #[default]
    Highest,
    /// The lowest.
    Lowest,
    /// The lowest of packs that the project itself requires, the highest of all others.
    LowestDirect,
}

/// Releases to choose where there is a choice; never a reason for a conflict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preferences {
    /// Which releases are better than others.
    pub mode: Mode,
    /// What this environment's lockfile says. It also makes a yanked release visible.
    pub locked: BTreeMap<PackName, Version>,
    /// What other environments of the project use; weaker.
    pub others: BTreeMap<PackName, BTreeSet<Version>>,
}

/// The releases that meet all requirements, one per pack that is needed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolution {
    /// What was chosen, by name.
    pub releases: BTreeMap<PackName, Chosen>,
}

/// What was chosen of one pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The version.
    pub version: Version,
    /// The extras that were asked for.
    pub extras: BTreeSet<ExtraName>,
    /// What it and its chosen extras need, sorted; a name stands twice if two ranges are asked of it.
    pub requires: Vec<(PackName, Range)>,
}
