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
use crate::resolve::fixes::Fixes;
use crate::resolve::fixes::FixesEnd;
use crate::resolve::fixes::Question;
use crate::resolve::fixes::attempt::Attempt;
use crate::resolve::fixes::attempt::Manner;
use crate::resolve::fixes::attempt::Rank;
use crate::resolve::fixes::attempt::Trial;
use crate::resolve::fixes::attempt::Written;
use crate::resolve::fixes::attempt::attempts;
use crate::resolve::fixes::attempt::manner;
use crate::resolve::fixes::attempt::promise;
use crate::resolve::fixes::world::world;
use crate::resolve::fixes::written::alike;
use crate::resolve::fixes::written::caret;
use crate::resolve::is_some_met;
use crate::resolve::resolve;
use crate::resolve::resolve_some;

/// Most solves of the whole project in one search, for each manner of trials.
const SOLVES_MAX: usize = 120;

/// What came of a trial.
enum Tried {
    Solved(Rank, Fix),
    Failed(Trial, Option<Rc<Conflict>>),
    Known,
    OutOfTime,
}

/// What came of one solve.
enum Solved {
    Yes(Resolution),
    /// With the conflict, if the proof is wanted.
    No(Option<Rc<Conflict>>),
    /// There were too many already.
    TooMany,
    OutOfTime,
}

/// Whether it matters why a trial fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    Wanted,
    Unused,
}

/// The trials of one conflict, and what they taught.
pub(super) struct Search<'a, 'q, C> {
    question: &'q Question<'a, C>,
    limit: &'q Limit<'q>,
    /// How many fixes are wanted.
    most: usize,
    /// How often the whole project was solved, for each manner of trials.
    whole_solves: BTreeMap<Manner, usize>,
    seen: BTreeSet<Trial>,
    /// The trials that went well.
    solved: Vec<Trial>,
    /// The conflicts met so far.
    met: Vec<Met>,
    found: BTreeMap<Rank, Fix>,
    pub(super) ended: FixesEnd,
}

/// A conflict that a trial met.
struct Met {
    /// The trial's manner; gentler ones do not hear of it.
    manner: Manner,
    /// The packs that its proof speaks of.
    packs: BTreeSet<PackName>,
    conflict: Rc<Conflict>,
}

impl<'a, 'q, C: Candidates> Search<'a, 'q, C> {
    /// Begins a search for so many fixes that knows of no conflict yet.
    pub(super) fn new(question: &'q Question<'a, C>, most: usize, limit: &'q Limit<'q>) -> Self {
        Search {
            question,
            limit,
            most,
            whole_solves: BTreeMap::new(),
            seen: BTreeSet::new(),
            solved: Vec::new(),
            met: Vec::new(),
            found: BTreeMap::new(),
            ended: FixesEnd::Through,
        }
    }

    /// Tells whether a fix was found that forces nothing.
    pub(super) fn has_gentle_fix(&self) -> bool {
        self.found.first_key_value().is_some_and(|(((manner, ..), _), _)| *manner == Manner::Asking)
    }

    /// Gives the best of what was found.
    pub(super) fn fixes(self) -> Fixes {
        Fixes { found: self.found.into_values().take(self.most).collect(), ended: self.ended, tried: self.seen.len() }
    }

    /// Tries one more change on top of each of the trials that failed, for as long as what comes may be better than what is found. Gives at most so many of
    /// those that failed again.
    pub(super) fn add_one(&mut self, failed: &[(Trial, Rc<Conflict>)], width: usize) -> Vec<(Trial, Rc<Conflict>)> {
        let mut failed_again = Vec::new();
        for (promise, trial) in self.bolder(failed) {
            if self.has_enough(&(promise, trial.clone())) {
                break;
            }
            if self.is_more_than_needed(&trial) {
                continue;
            }
            let proof = if failed_again.len() < width { Proof::Wanted } else { Proof::Unused };
            match self.attempt(trial, proof) {
                Tried::Solved(rank, fix) => self.find(rank, fix),
                Tried::Failed(trial, Some(conflict)) => failed_again.push((trial, conflict)),
                Tried::Failed(..) | Tried::Known => {}
                Tried::OutOfTime => {
                    self.ended = FixesEnd::OutOfTime;
                    break;
                }
            }
        }
        failed_again
    }

    /// Keeps a fix; of two that change the same, the one that ranks better.
    fn find(&mut self, rank: Rank, fix: Fix) {
        let same = self.found.iter().find(|(_, found)| found.changes == fix.changes).map(|(rank, _)| rank.clone());
        if let Some(same) = same {
            if same <= rank {
                return;
            }
            self.found.remove(&same);
        }
        self.found.insert(rank, fix);
    }

    /// Gives trials with one more change than those that failed, those first that promise most.
    fn bolder(&self, failed: &[(Trial, Rc<Conflict>)]) -> BTreeSet<Rank> {
        let with_each = |(trial, conflict): &(Trial, Rc<Conflict>)| {
            let more = self.attempts(conflict, trial).into_iter();
            let bolder = more.map(|(name, attempt)| trial.iter().map(|(name, attempt)| (name.clone(), attempt.clone())).chain([(name, attempt)]).collect());
            bolder.map(|bolder: Trial| (promise(&bolder), bolder)).collect::<Vec<_>>()
        };
        failed.iter().flat_map(with_each).collect()
    }

    /// Tells whether as many are found as are wanted, and what comes is worse than each of these, however well it goes.
    fn has_enough(&self, at_best: &Rank) -> bool {
        self.most.checked_sub(1).is_none_or(|last| self.found.keys().nth(last).is_some_and(|worst| worst < at_best))
    }

    /// Tells whether a part of a trial does it already.
    fn is_more_than_needed(&self, trial: &Trial) -> bool {
        self.solved.iter().any(|solved| solved.len() < trial.len() && solved.iter().all(|(name, attempt)| trial.get(name) == Some(attempt)))
    }

    /// Remembers a conflict that was met by trials of a manner.
    pub(super) fn meet(&mut self, manner: Manner, conflict: &Rc<Conflict>) {
        self.met.push(Met { manner, packs: conflict.packs(), conflict: Rc::clone(conflict) });
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

    fn attempt(&mut self, trial: Trial, proof: Proof) -> Tried {
        if !self.seen.insert(trial.clone()) {
            return Tried::Known;
        }
        match self.solve((&trial, &BTreeMap::new()), proof) {
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
            let solved = if ranges.is_empty() { Solved::Yes(opened.clone()) } else { self.solve((trial, &ranges), Proof::Unused) };
            match solved {
                Solved::Yes(resolution) => {
                    let changes = self.changes(trial, &ranges);
                    if changes.len() < trial.len() {
                        // An override of what is not needed any more: nothing is left to write there.
                        return Tried::Known;
                    }
                    // What was left open and is written as it was helps nothing. The rank stays the trial's, or fewer fixes would not begin like more of them.
                    let rank = ((manner(trial), trial.len(), self.cost(trial, &ranges)), trial.clone());
                    let (needed, changes): (Trial, Vec<Change>) = trial.clone().into_iter().zip(changes).filter(|(_, change)| !self.is_idle(change)).unzip();
                    if needed.is_empty() {
                        return Tried::Known;
                    }
                    self.solved.push(needed);
                    return Tried::Solved(rank, Fix { changes, resolution });
                }
                Solved::No(_) | Solved::TooMany => {}
                Solved::OutOfTime => return Tried::OutOfTime,
            }
        }
        Tried::Known
    }

    /// Tells whether a change writes what is there, wherever it is asked for.
    fn is_idle(&self, change: &Change) -> bool {
        match change {
            Change::Range { name, to, .. } => self.question.roots.iter().filter(|root| root.name == *name).all(|root| root.range == *to),
            Change::Override { from, to, .. } => from.as_ref() == Some(to),
            Change::Constraint { from, to, .. } => from == to,
            Change::DropOverride { .. } | Change::DropConstraint { .. } | Change::Rename { .. } | Change::Drop { .. } => false,
        }
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
    fn solve(&mut self, (trial, written): (&Trial, &Written), proof: Proof) -> Solved {
        let roots = &self.roots(trial, written);
        let world = world(self.question.candidates, trial, written);
        let (preferences, limit, manner) = (self.question.preferences, self.limit, manner(trial));
        for Met { packs, conflict, .. } in self.met.iter().rev().filter(|met| met.manner <= manner) {
            if trial.keys().all(|name| !packs.contains(name)) {
                return Solved::No(Some(Rc::clone(conflict)));
            }
            let asked: BTreeSet<PackName> = conflict.requirements().into_iter().map(|(name, ..)| name).collect();
            let is_asked = |root: &Root| asked.contains(&root.name);
            let is_met = match proof {
                Proof::Unused => is_some_met(roots, is_asked, (&world, preferences), limit),
                Proof::Wanted => match resolve_some(roots, is_asked, (&world, preferences), limit) {
                    Ok(_) => Some(true),
                    Err(Failure::OutOfTime { .. }) => None,
                    Err(Failure::Conflict(conflict)) => return Solved::No(Some(Rc::from(conflict))),
                },
            };
            match is_met {
                Some(true) => {}
                Some(false) => return Solved::No(None),
                None => return Solved::OutOfTime,
            }
        }
        let solves = self.whole_solves.entry(manner).or_default();
        if *solves == SOLVES_MAX {
            self.ended = FixesEnd::Exhausted;
            return Solved::TooMany;
        }
        *solves += 1;
        match resolve(roots, &world, preferences, limit) {
            Ok(resolution) => Solved::Yes(resolution),
            Err(Failure::OutOfTime { .. }) => Solved::OutOfTime,
            Err(Failure::Conflict(conflict)) => {
                let conflict = Rc::from(conflict);
                self.meet(manner, &conflict);
                Solved::No(Some(conflict))
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
        let more = |(name, attempt): (&PackName, &Attempt)| match attempt {
            Attempt::Open => u32::from(!self.is_newer(name, written.get(name))),
            Attempt::OpenConstraint => 2 * u32::from(!written.contains_key(name)),
            Attempt::Exactly(_) | Attempt::OpenOverride | Attempt::DropOverride | Attempt::Override(_) | Attempt::Drop => 0,
        };
        trial.iter().map(|(name, attempt)| attempt.least_cost() + more((name, attempt))).sum()
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
