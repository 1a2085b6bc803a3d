//! What is tried out on a project that has no resolution: one attempt for a pack, several together.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::model::PackName;
use crate::model::Range;
use crate::model::Version;
use crate::resolve::Conflict;
use crate::resolve::ConflictHint;

/// What a trial does to one pack.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Attempt {
    /// Lets the project take any stable release.
    Open,
    /// Lets the project take just this release.
    Exactly(Version),
    /// Lets everybody take this range.
    Override(Range),
    /// Overrides with any stable release instead of the range that is there.
    OpenOverride,
    /// Takes the override out.
    DropOverride,
    /// Lets the pack be outside its constraint.
    OpenConstraint,
    /// Takes the requirement out.
    Drop,
}

/// Attempts that are made together.
pub(super) type Trial = BTreeMap<PackName, Attempt>;

/// The ranges to write in the place of those that a trial leaves open.
pub(super) type Written = BTreeMap<PackName, Range>;

/// How good the fix of a trial is, the lowest the best; trials that are as good are in their own order.
pub(super) type Rank = (Promise, Trial);

/// How good the fix of a trial is, or can be at best: its manner, how many changes it is of, and their cost.
pub(super) type Promise = (Manner, usize, u32);

/// How a fix goes about it, the gentlest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Manner {
    /// It asks for other releases, and forces nothing.
    Asking,
    /// It takes back what was yanked, overrides what packs require, changes a constraint, or does without.
    Forcing,
}

impl Attempt {
    /// Tells how a fix that is made of it goes about it.
    pub(super) fn manner(&self) -> Manner {
        match self {
            Attempt::Exactly(version) if !version.is_prerelease() => Manner::Forcing,
            Attempt::Open | Attempt::Exactly(_) | Attempt::OpenOverride | Attempt::DropOverride => Manner::Asking,
            Attempt::Override(_) | Attempt::OpenConstraint | Attempt::Drop => Manner::Forcing,
        }
    }

    /// Says how much it takes from a project at least: a newer release less than an older one, an unstable or a forced one more, doing without most.
    pub(super) fn least_cost(&self) -> u32 {
        match self {
            Attempt::Open => 1,
            Attempt::OpenOverride => 3,
            Attempt::Exactly(version) if version.is_prerelease() => 4,
            Attempt::DropOverride => 5,
            Attempt::Exactly(_) => 6,
            Attempt::Override(_) => 8,
            Attempt::OpenConstraint => 9,
            Attempt::Drop => 16,
        }
    }
}

/// Tells how a fix that is made of a trial goes about it.
pub(super) fn manner(trial: &Trial) -> Manner {
    trial.values().map(Attempt::manner).max().unwrap_or(Manner::Asking)
}

/// Tells how good the fix of a trial can be at best.
pub(super) fn promise(trial: &Trial) -> Promise {
    (manner(trial), trial.len(), trial.values().map(Attempt::least_cost).sum())
}

/// Gives what a conflict itself says may be changed, besides what is changed already.
pub(super) fn attempts(conflict: &Conflict, trial: &Trial, direct: BTreeSet<PackName>) -> Vec<(PackName, Attempt)> {
    let mut attempts: Vec<(PackName, Attempt)> = direct.iter().map(|name| (name.clone(), Attempt::Open)).collect();
    for hint in conflict.hints() {
        let (ConflictHint::PrereleaseExists { name, version, .. } | ConflictHint::Yanked { name, version, .. }) = hint else { continue };
        let exactly = if direct.contains(name) { Attempt::Exactly(version.clone()) } else { Attempt::Override(Range::exactly(version)) };
        attempts.push((name.clone(), exactly));
    }
    // What the project itself asks for is overridden with nothing else: one file would say two things.
    let asked: BTreeSet<(PackName, Range)> = conflict.requirements().into_iter().map(|(name, range, _)| (name, range)).collect();
    let demands = conflict.demands().into_iter().filter(|demand| !direct.contains(&demand.0) || asked.contains(demand));
    attempts.extend(demands.map(|(name, range)| (name, Attempt::Override(range))));
    attempts.extend(conflict.overridden().into_iter().flat_map(|name| [(name.clone(), Attempt::OpenOverride), (name, Attempt::DropOverride)]));
    attempts.extend(conflict.constrained().into_iter().map(|name| (name, Attempt::OpenConstraint)));
    attempts.extend(direct.into_iter().map(|name| (name, Attempt::Drop)));
    attempts.retain(|(name, _)| !trial.contains_key(name));
    attempts
}
