//! Trials, one change more at a time, and the ranges that are written for those that go well.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::rc::Rc;

use crate::model::PackName;
use crate::model::Range;
use crate::model::Version;
use crate::resolve::Candidates;
use crate::resolve::Change;
use crate::resolve::Conflict;
use crate::resolve::Failure;
use crate::resolve::Limit;
use crate::resolve::Pin;
use crate::resolve::Resolution;
use crate::resolve::Root;
use crate::resolve::fixes::Fix;
use crate::resolve::fixes::Question;
use crate::resolve::fixes::attempt::Attempt;
use crate::resolve::fixes::attempt::Manner;
use crate::resolve::fixes::attempt::Rank;
use crate::resolve::fixes::attempt::Trial;
use crate::resolve::fixes::attempt::Written;
use crate::resolve::fixes::attempt::attempts;
use crate::resolve::fixes::world::world;
use crate::resolve::fixes::written::alike;
use crate::resolve::fixes::written::caret;
use crate::resolve::resolve;
use crate::resolve::resolve_some;

/// Most failed attempts that another change is added to.
const WIDTH: usize = 24;

/// Most solves of the whole project in one search.
const SOLVES_MAX: usize = 240;

/// What came of the trials so far, and of those with one more change.
pub(super) struct Round {
    /// What solves, of this round and those before.
    pub(super) found: BTreeMap<Rank, Fix>,
    pub(super) failed: Vec<(Trial, Rc<Conflict>)>,
}

/// What came of a trial.
enum Tried {
    Solved(Rank, Fix),
    Failed(Trial, Rc<Conflict>),
    Known,
    OutOfTime,
}

/// What came of one solve.
enum Solved {
    Yes(Resolution),
    No(Rc<Conflict>),
    /// There were too many already.
    TooMany,
    OutOfTime,
}

/// The trials of one conflict, and what they taught.
pub(super) struct Search<'a, 'q, C> {
    question: &'q Question<'a, C>,
    limit: &'q Limit<'q>,
    solves_left: usize,
    seen: BTreeSet<Trial>,
    /// The trials that went well.
    solved: Vec<Trial>,
    /// The conflicts met so far, with the packs that their proofs speak of.
    met: Vec<(BTreeSet<PackName>, Rc<Conflict>)>,
}

impl<'a, 'q, C: Candidates> Search<'a, 'q, C> {
    /// Begins a search that knows of no conflict yet.
    pub(super) fn new(question: &'q Question<'a, C>, limit: &'q Limit<'q>) -> Self {
        Search { question, limit, solves_left: SOLVES_MAX, seen: BTreeSet::new(), solved: Vec::new(), met: Vec::new() }
    }

    /// Tries one more change on top of each of the trials that failed; tells whether the limit left time for all.
    pub(super) fn add_one(&mut self, failed: Vec<(Trial, Rc<Conflict>)>, round: &mut Round) -> bool {
        for (trial, conflict) in failed {
            for (name, attempt) in self.attempts(&conflict, &trial) {
                let mut bolder = trial.clone();
                bolder.insert(name, attempt);
                if self.is_more_than_needed(&bolder) {
                    continue;
                }
                match self.attempt(bolder) {
                    Tried::Solved(rank, fix) => drop(round.found.insert(rank, fix)),
                    Tried::Failed(trial, conflict) if round.failed.len() < WIDTH => round.failed.push((trial, conflict)),
                    Tried::Failed(..) | Tried::Known => {}
                    Tried::OutOfTime => return false,
                }
            }
        }
        true
    }

    /// Tells whether a part of a trial does it already.
    fn is_more_than_needed(&self, trial: &Trial) -> bool {
        self.solved.iter().any(|solved| solved.len() < trial.len() && solved.iter().all(|(name, attempt)| trial.get(name) == Some(attempt)))
    }

    /// Remembers a conflict that was met.
    pub(super) fn meet(&mut self, conflict: &Rc<Conflict>) {
        self.met.push((conflict.packs(), Rc::clone(conflict)));
    }

    /// Gives what may be changed about a conflict besides what is changed already.
    fn attempts(&self, conflict: &Conflict, trial: &Trial) -> Vec<(PackName, Attempt)> {
        let direct: BTreeSet<PackName> = conflict.requirements().into_iter().map(|(name, ..)| name).collect();
        let free = direct.iter().filter(|name| !trial.contains_key(name));
        let unstable: Vec<(PackName, Attempt)> = free.filter_map(|name| Some((name.clone(), Attempt::Exactly(self.newest_unstable(name)?)))).collect();
        let mut attempts = attempts(conflict, trial, direct);
        attempts.extend(unstable);
        attempts
    }

    /// Gives the newest release of a pack if it is a pre-release that may be chosen.
    fn newest_unstable(&self, name: &PackName) -> Option<Version> {
        let usable = self.question.candidates.releases(name)?.iter().filter(|release| release.yanked.is_none() && release.refused.is_none());
        usable.map(|release| &release.version).max().filter(|version| version.is_prerelease()).cloned()
    }

    fn attempt(&mut self, trial: Trial) -> Tried {
        if !self.seen.insert(trial.clone()) {
            return Tried::Known;
        }
        match self.solve(&trial, &BTreeMap::new()) {
            Solved::Yes(resolution) => self.written(&trial, &resolution),
            Solved::No(conflict) => Tried::Failed(trial, conflict),
            Solved::TooMany => Tried::Known,
            Solved::OutOfTime => Tried::OutOfTime,
        }
    }

    /// Turns the open ranges of a trial that went well into ranges to write, as near to the old ones as still solves.
    fn written(&mut self, trial: &Trial, opened: &Resolution) -> Tried {
        let of_opened = |write: fn(&Range, &Version) -> Range| -> Written {
            let open = trial.keys().filter_map(|name| Some((name, self.opened_range(trial, name)?, opened.releases.get(name)?)));
            open.map(|(name, range, chosen)| (name.clone(), write(range, &chosen.version))).collect()
        };
        let mut ways = vec![of_opened(alike), of_opened(|_, version| caret(version)), of_opened(|_, version| Range::exactly(version))];
        // Last, without the constraints.
        let mut without = ways[0].clone();
        without.retain(|name, _| trial[name] != Attempt::OpenConstraint);
        ways.push(without);
        let mut tried = BTreeSet::new();
        for ranges in ways {
            if !tried.insert(ranges.clone()) {
                continue;
            }
            let solved = if ranges.is_empty() { Solved::Yes(opened.clone()) } else { self.solve(trial, &ranges) };
            match solved {
                Solved::Yes(resolution) => {
                    let changes = self.changes(trial, &ranges);
                    if changes.len() < trial.len() {
                        // An override of what is not needed any more: nothing is left to write there.
                        return Tried::Known;
                    }
                    let manner = trial.values().map(Attempt::manner).max().unwrap_or(Manner::Asking);
                    let rank = (manner, changes.len(), self.cost(trial, &ranges), changes.clone());
                    self.solved.push(trial.clone());
                    return Tried::Solved(rank, Fix { changes, resolution });
                }
                Solved::No(_) | Solved::TooMany => {}
                Solved::OutOfTime => return Tried::OutOfTime,
            }
        }
        Tried::Known
    }

    /// Gives the range that a trial leaves open.
    fn opened_range(&self, trial: &Trial, name: &PackName) -> Option<&Range> {
        match trial.get(name)? {
            Attempt::Open => self.question.roots.iter().find(|root| root.name == *name).map(|root| &root.range),
            Attempt::OpenOverride => self.question.candidates.overridden(name).map(|pin| &pin.range),
            Attempt::OpenConstraint => self.question.candidates.constrained(name).map(|pin| &pin.range),
            Attempt::Exactly(_) | Attempt::Override(_) | Attempt::DropOverride | Attempt::Drop => None,
        }
    }

    /// Solves a trial, the whole project only if no conflict met so far stands.
    fn solve(&mut self, trial: &Trial, written: &Written) -> Solved {
        let roots = &self.roots(trial, written);
        let world = world(self.question.candidates, trial, written);
        let (preferences, limit) = (self.question.preferences, self.limit);
        for (packs, conflict) in self.met.iter().rev() {
            if trial.keys().all(|name| !packs.contains(name)) {
                return Solved::No(Rc::clone(conflict));
            }
            let asked: BTreeSet<PackName> = conflict.requirements().into_iter().map(|(name, ..)| name).collect();
            match resolve_some(roots, |root| asked.contains(&root.name), (&world, preferences), limit) {
                Ok(_) => {}
                Err(Failure::Conflict(conflict)) => return Solved::No(Rc::from(conflict)),
                Err(Failure::OutOfTime { .. }) => return Solved::OutOfTime,
            }
        }
        let Some(left) = self.solves_left.checked_sub(1) else { return Solved::TooMany };
        self.solves_left = left;
        match resolve(roots, &world, preferences, limit) {
            Ok(resolution) => Solved::Yes(resolution),
            Err(Failure::OutOfTime { .. }) => Solved::OutOfTime,
            Err(Failure::Conflict(conflict)) => {
                let conflict = Rc::from(conflict);
                self.meet(&conflict);
                Solved::No(conflict)
            }
        }
    }

    /// Gives the direct requirements of a trial; an open range is any, or what is to be written in its place.
    fn roots(&self, trial: &Trial, written: &Written) -> Vec<Root> {
        let root = |root: &Root| match trial.get(&root.name) {
            None | Some(Attempt::Override(_) | Attempt::OpenOverride | Attempt::DropOverride | Attempt::OpenConstraint) => Some(root.clone()),
            Some(Attempt::Open) => Some(Root { range: written.get(&root.name).cloned().unwrap_or_else(Range::any), ..root.clone() }),
            Some(Attempt::Exactly(version)) => Some(Root { range: Range::exactly(version), ..root.clone() }),
            Some(Attempt::Drop) => None,
        };
        self.question.roots.iter().filter_map(root).collect()
    }

    fn changes(&self, trial: &Trial, written: &Written) -> Vec<Change> {
        let change = |(name, attempt): (&PackName, &Attempt)| {
            let (overridden, constrained) = (self.question.candidates.overridden(name), self.question.candidates.constrained(name));
            let overriding = |to: &Range| {
                let (from, at) = (overridden.map(|pin| pin.range.clone()), overridden.and_then(|pin| pin.at.clone()));
                Change::Override { name: name.clone(), from, to: to.clone(), at }
            };
            let root = self.question.roots.iter().find(|root| root.name == *name);
            let range = |to: Range| root.map(|root| Change::Range { name: name.clone(), from: root.range.clone(), to, at: root.at.clone() });
            match attempt {
                Attempt::Open => range(written.get(name)?.clone()),
                Attempt::Exactly(version) => range(Range::exactly(version)),
                Attempt::Override(to) => Some(overriding(to)),
                Attempt::OpenOverride => written.get(name).map(overriding),
                Attempt::DropOverride => overridden.cloned().map(|Pin { range: from, at }| Change::DropOverride { name: name.clone(), from, at }),
                Attempt::OpenConstraint => constrained.cloned().map(|Pin { range: from, at }| match written.get(name).cloned() {
                    Some(to) => Change::Constraint { name: name.clone(), from, to, at },
                    None => Change::DropConstraint { name: name.clone(), from, at },
                }),
                Attempt::Drop => root.map(|root| Change::Drop { name: name.clone(), from: root.range.clone(), at: root.at.clone() }),
            }
        };
        trial.iter().filter_map(change).collect()
    }

    /// Says how much each attempt takes from a project: a newer release less than an older one, an unstable or a forced one more, doing without most.
    fn cost(&self, trial: &Trial, written: &Written) -> u32 {
        let cost = |(name, attempt): (&PackName, &Attempt)| match attempt {
            Attempt::Open => 1 + u32::from(!self.is_newer(name, written.get(name))),
            Attempt::Exactly(version) if version.is_prerelease() => 4,
            Attempt::Exactly(_) => 6,
            Attempt::OpenOverride => 3,
            Attempt::DropOverride => 5,
            Attempt::Override(_) => 8,
            Attempt::OpenConstraint => 9 + 2 * u32::from(!written.contains_key(name)),
            Attempt::Drop => 16,
        };
        trial.iter().map(cost).sum()
    }

    /// Tells whether a range to be written lies above the one that is there.
    fn is_newer(&self, name: &PackName, written: Option<&Range>) -> bool {
        let admitted_by = |range: &Range| {
            let releases = self.question.candidates.releases(name).unwrap_or_default();
            releases.iter().map(|release| &release.version).filter(|version| range.matches(version)).max()
        };
        let before = self.question.roots.iter().find(|root| root.name == *name).and_then(|root| admitted_by(&root.range));
        before < written.and_then(admitted_by) && before.is_some()
    }
}
