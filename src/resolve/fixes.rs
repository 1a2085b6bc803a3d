//! The smallest changes of what a project asks for that would make it solvable. Each is tried out by a solve before it is named.
//!
//! Changes are only made to what takes part in the conflict, so the search is narrow: one change at a time, then, where no single one will do without force, another
//! on top of those that came nearest. A range is first left open to see what would be chosen, and then written as closely to the old one as still solves.
//!
//! A whole project is solved only for changes that do away with every conflict met so far: one whose proof speaks of nothing that is changed stands as it is,
//! and of any other it is enough to try its own requirements.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::rc::Rc;

use serde::Serialize;

use crate::model::PackName;
use crate::model::Place;
use crate::model::Range;
use crate::model::Refusal;
use crate::model::Version;
use crate::resolve::Candidate;
use crate::resolve::Candidates;
use crate::resolve::Conflict;
use crate::resolve::ConflictHint;
use crate::resolve::Failure;
use crate::resolve::Limit;
use crate::resolve::Pin;
use crate::resolve::Preferences;
use crate::resolve::Resolution;
use crate::resolve::Root;
use crate::resolve::resolve;
use crate::resolve::resolve_some;

/// Most changes that one fix is made of; more is no small change.
const CHANGES_MAX: usize = 3;

/// Most failed attempts that another change is added to.
const WIDTH: usize = 24;

/// Most solves of the whole project in one search.
const SOLVES_MAX: usize = 240;

/// A solve, as it was asked for.
#[derive(Debug)]
pub struct Question<'a, C> {
    /// The direct requirements.
    pub roots: &'a [Root],
    /// All releases there are.
    pub candidates: &'a C,
    /// The releases preferred.
    pub preferences: &'a Preferences,
}

/// Changes that together make a project solvable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// The changes, by the name of their pack.
    pub changes: Vec<Change>,
    /// What is chosen then.
    pub resolution: Resolution,
}

/// What a search for fixes found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixes {
    /// The fixes, the gentlest first, and of these the smallest.
    pub found: Vec<Fix>,
    /// Whether the search came to its end; otherwise the limit came first, and there may be better ones.
    pub is_complete: bool,
}

/// One change of what a project asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Change {
    /// Another range for a direct requirement.
    Range {
        /// The pack.
        name: PackName,
        /// The range as written.
        from: Range,
        /// The range to write.
        to: Range,
        /// Where it is written.
        at: Option<Place>,
    },
    /// A range in the place of what everybody requires.
    Override {
        /// The pack.
        name: PackName,
        /// The range that is there, if one is.
        from: Option<Range>,
        /// The range to write.
        to: Range,
        /// Where the one that is there is written.
        at: Option<Place>,
    },
    /// No override of the pack any more.
    DropOverride {
        /// The pack.
        name: PackName,
        /// The range as written.
        from: Range,
        /// Where it is written.
        at: Option<Place>,
    },
    /// Another range that every release of the pack must be in.
    Constraint {
        /// The pack.
        name: PackName,
        /// The range as written.
        from: Range,
        /// The range to write.
        to: Range,
        /// Where it is written.
        at: Option<Place>,
    },
    /// No constraint on the pack any more.
    DropConstraint {
        /// The pack.
        name: PackName,
        /// The range as written.
        from: Range,
        /// Where it is written.
        at: Option<Place>,
    },
    /// Another pack in the place of one that does not exist.
    Rename {
        /// The pack that does not exist.
        name: PackName,
        /// The pack that may have been meant.
        to: PackName,
        /// Where it is written.
        at: Option<Place>,
    },
    /// No requirement on the pack any more.
    Drop {
        /// The pack.
        name: PackName,
        /// The range as written.
        from: Range,
        /// Where it is written.
        at: Option<Place>,
    },
}

/// What a trial does to one pack.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Attempt {
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
type Trial = BTreeMap<PackName, Attempt>;

/// The ranges to write in the place of those that a trial leaves open.
type Written = BTreeMap<PackName, Range>;

/// How good a fix is; the lowest is the best.
type Rank = (Manner, usize, u32, Vec<Change>);

/// How a fix goes about it, the gentlest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Manner {
    /// It asks for other releases, and forces nothing.
    Asking,
    /// It takes back what was yanked, overrides what packs require, changes a constraint, or does without.
    Forcing,
}

impl Attempt {
    fn manner(&self) -> Manner {
        match self {
            Attempt::Exactly(version) if !version.is_prerelease() => Manner::Forcing,
            Attempt::Open | Attempt::Exactly(_) | Attempt::OpenOverride | Attempt::DropOverride => Manner::Asking,
            Attempt::Override(_) | Attempt::OpenConstraint | Attempt::Drop => Manner::Forcing,
        }
    }
}

/// The same world with other overrides and constraints.
struct Changed<'a, C> {
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

/// Finds at most so many fixes of a conflict, the gentlest first, and of these the smallest; where the limit comes before the search is through, those found by then.
pub fn find_fixes<C: Candidates>(question: &Question<'_, C>, conflict: &Conflict, most: usize, limit: &Limit<'_>) -> Fixes {
    let conflict = Rc::new(conflict.clone());
    let mut search = Search { question, limit, solves_left: SOLVES_MAX, seen: BTreeSet::new(), solved: Vec::new(), met: Vec::new() };
    search.meet(&conflict);
    let mut failed: Vec<(Trial, Rc<Conflict>)> = vec![(Trial::new(), conflict)];
    let (mut found, mut is_complete) = (BTreeMap::new(), true);
    for _ in 0..CHANGES_MAX {
        let mut round = Round { found, failed: Vec::new() };
        is_complete = search.add_one(failed, &mut round);
        (found, failed) = (round.found, round.failed);
        // One change that forces something, or does without, must not hide two that only ask for other releases.
        if !is_complete || found.first_key_value().is_some_and(|((manner, ..), _)| *manner == Manner::Asking) {
            break;
        }
    }
    Fixes { found: found.into_values().take(most).collect(), is_complete }
}

/// What came of the trials so far, and of those with one more change.
struct Round {
    /// What solves, of this round and those before.
    found: BTreeMap<Rank, Fix>,
    failed: Vec<(Trial, Rc<Conflict>)>,
}

/// Gives what a conflict itself says may be changed, besides what is changed already.
fn attempts(conflict: &Conflict, trial: &Trial, direct: BTreeSet<PackName>) -> Vec<(PackName, Attempt)> {
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

struct Search<'a, 'q, C> {
    question: &'q Question<'a, C>,
    limit: &'q Limit<'q>,
    solves_left: usize,
    seen: BTreeSet<Trial>,
    /// The trials that went well.
    solved: Vec<Trial>,
    /// The conflicts met so far, with the packs that their proofs speak of.
    met: Vec<(BTreeSet<PackName>, Rc<Conflict>)>,
}

impl<C: Candidates> Search<'_, '_, C> {
    /// Tries one more change on top of each of the trials that failed; tells whether the limit left time for all.
    fn add_one(&mut self, failed: Vec<(Trial, Rc<Conflict>)>, round: &mut Round) -> bool {
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

    fn meet(&mut self, conflict: &Rc<Conflict>) {
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

    /// Gives the world that a trial makes, with what is written in the place of what it leaves open.
    fn world<'w>(candidates: &'w C, trial: &'w Trial, written: &Written) -> Changed<'w, C> {
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

    /// Solves a trial, the whole project only if no conflict met so far stands.
    fn solve(&mut self, trial: &Trial, written: &Written) -> Solved {
        let roots = &self.roots(trial, written);
        let world = Self::world(self.question.candidates, trial, written);
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

/// Writes a range around a version in the way of another one: `^1` around 2.3.4 is `^2`, `~1.0` is `~2.3`, `=1.0.0` is `=2.3.4`, `<2` is `<3`.
fn alike(range: &Range, version: &Version) -> Range {
    let text = range.as_str();
    let digits = text.trim_start_matches(['^', '~', '<', '>', '=', ' ']);
    let operator = &text[..text.len() - digits.len()];
    let count = digits.split('.').count();
    let is_plain = count <= 3 && digits.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    let semver = version.as_semver();
    let mut parts = [semver.major, semver.minor, semver.patch];
    if operator.trim() == "<" {
        // The first that is not meant any more.
        parts[count.min(3) - 1] = parts[count.min(3) - 1].saturating_add(1);
    }
    let written = Range::parse(&format!("{operator}{}", parts.map(|part| part.to_string())[..count.min(3)].join(".")));
    written.ok().filter(|written| is_plain && written.matches(version)).unwrap_or_else(|| caret(version))
}

fn caret(version: &Version) -> Range {
    Range::parse(&format!("^{version}")).expect("a caret and a version are a range")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_written_alike() {
        for (range, version, expected) in [
            ("^1", "2.3.4", "^2"),
            ("1", "2.3.4", "2"),
            ("^1.2", "2.3.4", "^2.3"),
            ("~1.0", "2.3.4", "~2.3"),
            ("=1.0.0", "2.3.4", "=2.3.4"),
            ("= 1.0.0", "2.3.4", "= 2.3.4"),
            ("^0.2", "0.3.1", "^0.3"),
            ("<2", "2.3.4", "<3"),
            ("< 2.0", "2.3.4", "< 2.4"),
            ("<=1.4.0", "2.3.4", "<=2.3.4"),
            (">=3", "2.3.4", ">=2"),
            (">3", "2.3.4", "^2.3.4"),
            (">=1, <2", "2.3.4", "^2.3.4"),
            ("1.*", "2.3.4", "^2.3.4"),
            ("*", "2.3.4", "^2.3.4"),
            ("^1.0.0-rc.1", "2.3.4", "^2.3.4"),
            ("^1", "2.0.0-rc.1", "^2.0.0-rc.1"),
        ] {
            let (range, version) = (Range::parse(range).expect("valid"), Version::parse(version).expect("valid"));
            let written = alike(&range, &version);
            assert!(written.matches(&version));
            assert_eq!(written.as_str(), expected, "{range} around {version}");
        }
    }
}
