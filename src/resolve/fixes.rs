//! The smallest changes of what a project asks for that would make it solvable. Each is tried out by a solve before it is named.
//!
//! Changes are only made to what takes part in the conflict, so the search is narrow: one change at a time, then, where no single one will do, another on top
//! of those that came nearest. A range is first left open to see what would be chosen, and then written as closely to the old one as still solves.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Serialize;

use crate::model::PackName;
use crate::model::Place;
use crate::model::Range;
use crate::model::Version;
use crate::resolve::Candidate;
use crate::resolve::Candidates;
use crate::resolve::Conflict;
use crate::resolve::ConflictHint;
use crate::resolve::Failure;
use crate::resolve::Limit;
use crate::resolve::Preferences;
use crate::resolve::Resolution;
use crate::resolve::Root;
use crate::resolve::resolve;

/// Most changes that one fix is made of; more is no small change.
const CHANGES_MAX: usize = 3;

/// Most failed attempts that another change is added to.
const WIDTH: usize = 24;

/// Most solves of one search.
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
    /// A range in the place of what other packs require.
    Override {
        /// The pack.
        name: PackName,
        /// The range to write.
        to: Range,
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
    /// Takes the requirement out.
    Drop,
}

/// Attempts that are made together.
type Trial = BTreeMap<PackName, Attempt>;

/// How good a fix is; the lowest is the best.
type Rank = (usize, u32, Vec<Change>);

/// The same world with some ranges in the place of everybody's.
struct Overridden<'a, C> {
    inner: &'a C,
    overrides: BTreeMap<&'a PackName, &'a Range>,
}

impl<C: Candidates> Candidates for Overridden<'_, C> {
    fn releases(&self, name: &PackName) -> Option<&[Candidate]> {
        self.inner.releases(name)
    }

    fn names(&self) -> Vec<&PackName> {
        self.inner.names()
    }

    fn overridden(&self, name: &PackName) -> Option<&Range> {
        self.overrides.get(name).copied().or_else(|| self.inner.overridden(name))
    }
}

/// Finds at most so many fixes of a conflict, the smallest change first; none where the limit comes before the search is through.
pub fn find_fixes<C: Candidates>(question: &Question<'_, C>, conflict: &Conflict, most: usize, limit: &Limit<'_>) -> Vec<Fix> {
    let mut search = Search { question, limit, solves_left: SOLVES_MAX, seen: BTreeSet::new() };
    let mut failed: Vec<(Trial, Box<Conflict>)> = vec![(Trial::new(), Box::new(conflict.clone()))];
    for _ in 0..CHANGES_MAX {
        let mut found = BTreeMap::new();
        let mut next = Vec::new();
        for (trial, conflict) in failed {
            for (name, attempt) in search.attempts(&conflict, &trial) {
                let mut bolder = trial.clone();
                bolder.insert(name, attempt);
                match search.attempt(bolder) {
                    Tried::Solved(rank, fix) => drop(found.insert(rank, fix)),
                    Tried::Failed(trial, conflict) if next.len() < WIDTH => next.push((trial, conflict)),
                    Tried::Failed(..) | Tried::Known => {}
                    Tried::OutOfTime => return Vec::new(),
                }
            }
        }
        if !found.is_empty() {
            return found.into_values().take(most).collect();
        }
        failed = next;
    }
    Vec::new()
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
    attempts.extend(direct.into_iter().map(|name| (name, Attempt::Drop)));
    attempts.retain(|(name, _)| !trial.contains_key(name));
    attempts
}

/// What came of a trial.
enum Tried {
    Solved(Rank, Fix),
    Failed(Trial, Box<Conflict>),
    Known,
    OutOfTime,
}

struct Search<'a, 'q, C> {
    question: &'q Question<'a, C>,
    limit: &'q Limit<'q>,
    solves_left: usize,
    seen: BTreeSet<Trial>,
}

impl<C: Candidates> Search<'_, '_, C> {
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
        if !self.seen.insert(trial.clone()) || self.solves_left == 0 {
            return Tried::Known;
        }
        match self.solve(&self.roots(&trial, &BTreeMap::new()), &trial) {
            Ok(resolution) => self.written(&trial, &resolution),
            Err(Failure::Conflict(conflict)) => Tried::Failed(trial, conflict),
            Err(Failure::OutOfTime { .. }) => Tried::OutOfTime,
        }
    }

    /// Turns the open ranges of a trial that went well into ranges to write, as near to the old ones as still solves.
    fn written(&mut self, trial: &Trial, opened: &Resolution) -> Tried {
        let of_opened = |write: fn(&Range, &Version) -> Range| -> BTreeMap<PackName, Range> {
            let open = self.question.roots.iter().filter(|root| trial.get(&root.name) == Some(&Attempt::Open));
            open.filter_map(|root| Some((root.name.clone(), write(&root.range, &opened.releases.get(&root.name)?.version)))).collect()
        };
        let ways: BTreeSet<(usize, BTreeMap<PackName, Range>)> =
            [of_opened(alike), of_opened(|_, version| caret(version)), of_opened(|_, version| Range::exactly(version))].into_iter().enumerate().collect();
        let mut tried = BTreeSet::new();
        for (_, ranges) in ways {
            if !tried.insert(ranges.clone()) {
                continue;
            }
            match self.solve(&self.roots(trial, &ranges), trial) {
                Ok(resolution) => {
                    let changes = self.changes(trial, &ranges);
                    let rank = (changes.len(), self.cost(trial, &ranges), changes.clone());
                    return Tried::Solved(rank, Fix { changes, resolution });
                }
                Err(Failure::Conflict(_)) => {}
                Err(Failure::OutOfTime { .. }) => return Tried::OutOfTime,
            }
        }
        Tried::Known
    }

    fn solve(&self, roots: &[Root], trial: &Trial) -> Result<Resolution, Failure> {
        let overrides = trial.iter().filter_map(|(name, attempt)| match attempt {
            Attempt::Override(range) => Some((name, range)),
            Attempt::Open | Attempt::Exactly(_) | Attempt::Drop => None,
        });
        let world = Overridden { inner: self.question.candidates, overrides: overrides.collect() };
        resolve(roots, &world, self.question.preferences, self.limit)
    }

    /// Gives the direct requirements of a trial; an open range is any, or what is to be written in its place.
    fn roots(&self, trial: &Trial, written: &BTreeMap<PackName, Range>) -> Vec<Root> {
        let root = |root: &Root| match trial.get(&root.name) {
            None | Some(Attempt::Override(_)) => Some(root.clone()),
            Some(Attempt::Open) => Some(Root { range: written.get(&root.name).cloned().unwrap_or_else(Range::any), ..root.clone() }),
            Some(Attempt::Exactly(version)) => Some(Root { range: Range::exactly(version), ..root.clone() }),
            Some(Attempt::Drop) => None,
        };
        self.question.roots.iter().filter_map(root).collect()
    }

    fn changes(&self, trial: &Trial, written: &BTreeMap<PackName, Range>) -> Vec<Change> {
        let change = |(name, attempt): (&PackName, &Attempt)| {
            let root = self.question.roots.iter().find(|root| root.name == *name);
            let range = |to: Range| root.map(|root| Change::Range { name: name.clone(), from: root.range.clone(), to, at: root.at.clone() });
            match attempt {
                Attempt::Open => range(written.get(name)?.clone()),
                Attempt::Exactly(version) => range(Range::exactly(version)),
                Attempt::Override(to) => Some(Change::Override { name: name.clone(), to: to.clone() }),
                Attempt::Drop => root.map(|root| Change::Drop { name: name.clone(), from: root.range.clone(), at: root.at.clone() }),
            }
        };
        trial.iter().filter_map(change).collect()
    }

    /// Says how much each attempt takes from a project: a newer release less than an older one, an unstable or a forced one more, doing without most.
    fn cost(&self, trial: &Trial, written: &BTreeMap<PackName, Range>) -> u32 {
        let cost = |(name, attempt): (&PackName, &Attempt)| match attempt {
            Attempt::Open => 1 + u32::from(!self.is_newer(name, written.get(name))),
            Attempt::Exactly(version) if version.is_prerelease() => 4,
            Attempt::Exactly(_) => 6,
            Attempt::Override(_) => 8,
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

/// Writes a range around a version in the way of another one: `^1` around 2.3.4 is `^2`, `~1.0` is `~2.3`, `=1.0.0` is `=2.3.4`.
fn alike(range: &Range, version: &Version) -> Range {
    let text = range.as_str();
    let digits = text.trim_start_matches(['^', '~', '=', ' ']);
    let operator = &text[..text.len() - digits.len()];
    let count = digits.split('.').count();
    let is_plain = count <= 3 && digits.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    let semver = version.as_semver();
    let parts = [semver.major, semver.minor, semver.patch].map(|part| part.to_string());
    let written = Range::parse(&format!("{operator}{}", parts[..count.min(3)].join(".")));
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
