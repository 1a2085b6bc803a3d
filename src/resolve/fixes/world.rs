//! The world that a trial makes of a project's.

use std::collections::BTreeMap;

use crate::model::PackName;
use crate::model::Range;
use crate::model::Refusal;
use crate::resolve::Candidate;
use crate::resolve::Candidates;
use crate::resolve::Pin;
use crate::resolve::fixes::attempt::Attempt;
use crate::resolve::fixes::attempt::Trial;
use crate::resolve::fixes::attempt::Written;

/// The same world with other overrides and constraints.
pub(super) struct Changed<'a, C> {
    inner: &'a C,
    /// What is written in the place of an override; `None` where it is taken out.
    overrides: BTreeMap<&'a PackName, Option<Pin>>,
    /// The releases of packs whose constraint is another one.
    freed: BTreeMap<&'a PackName, Vec<Candidate>>,
}

impl<C: Candidates> Candidates for Changed<'_, C> {
    fn releases(&self, name: &PackName) -> Option<&[Candidate]> {
        self.freed.get(name).map(Vec::as_slice).or_else(|| self.inner.releases(name))
    }

    fn names(&self) -> Vec<&PackName> {
        self.inner.names()
    }

    fn overridden(&self, name: &PackName) -> Option<&Pin> {
        self.overrides.get(name).map_or_else(|| self.inner.overridden(name), Option::as_ref)
    }

    fn constrained(&self, name: &PackName) -> Option<&Pin> {
        self.inner.constrained(name).filter(|_| !self.freed.contains_key(name))
    }
}

/// Gives the world that a trial makes, with what is written in the place of what it leaves open.
pub(super) fn world<'w, C: Candidates>(candidates: &'w C, trial: &'w Trial, written: &Written) -> Changed<'w, C> {
    let mut world = Changed { inner: candidates, overrides: BTreeMap::new(), freed: BTreeMap::new() };
    for (name, attempt) in trial {
        let pin = |range: Range| Pin { range, at: None };
        match attempt {
            Attempt::Override(range) => drop(world.overrides.insert(name, Some(pin(range.clone())))),
            Attempt::OpenOverride => drop(world.overrides.insert(name, Some(pin(written.get(name).cloned().unwrap_or_else(Range::any))))),
            Attempt::DropOverride => drop(world.overrides.insert(name, None)),
            Attempt::OpenConstraint => {
                drop(world.freed.insert(name, freed(candidates.releases(name).unwrap_or_default(), written.get(name))));
            }
            Attempt::Open | Attempt::Exactly(_) | Attempt::Drop => {}
        }
    }
    world
}

/// Judges releases by another constraint than the one that they were judged by, or by none.
fn freed(releases: &[Candidate], constraint: Option<&Range>) -> Vec<Candidate> {
    let judge = |release: &Candidate| match &release.refused {
        Some(refusal) if refusal.rule == Refusal::CONSTRAINTS && constraint.is_none_or(|range| range.matches(&release.version)) => {
            Candidate { refused: None, ..release.clone() }
        }
        _ => release.clone(),
    };
    releases.iter().map(judge).collect()
}
