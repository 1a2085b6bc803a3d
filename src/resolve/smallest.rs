//! The smallest conflict: as few direct requirements as cannot be met together.
//!
//! A proof needs some of the requirements, not always all of those it uses. They are taken away in halves, quarters and at last one by one; what still cannot be
//! met is smaller, and its own proof says which of the rest it needs. What is left at the end has lost each of its members once, and could then be met. For `k`
//! of `n` requirements that takes some 2 k log2(n / k) solves of ever fewer of them, and mostly `k`, since the first proof names no others.
//! Which yanked releases may be seen is decided by all requirements throughout, so that fewer requirements can never be harder to meet.
//!
//! What a rule refuses is a cause only if it would help to allow it: of the packs whose refused releases the proof names, as few are kept in the same way.
//!
//! One limit counts for all of it. Where it comes too early, the smallest conflict proved by then is given, and says that it may not be the smallest.

use crate::model::PackName;
use crate::resolve::Candidates;
use crate::resolve::Conflict;
use crate::resolve::Failure;
use crate::resolve::Limit;
use crate::resolve::Resolution;
use crate::resolve::Root;
use crate::resolve::arc::Arcs;
use crate::resolve::argument;
use crate::resolve::conflict;
use crate::resolve::conflict::Extent;
use crate::resolve::conflict::Step;
use crate::resolve::search::Dead;
use crate::resolve::search::Search;
use crate::resolve::solver;
use crate::resolve::solver::Solver;
use crate::resolve::solver::Stop;
use crate::resolve::universe::NodeId;
use crate::resolve::universe::Universe;

/// How a try ends without a resolution.
enum End {
    /// There is none, and this proves it.
    Conflict(Vec<Step>),
    /// The limit came first.
    OutOfTime { hottest: Vec<PackName> },
}

/// Resolves what is in force; a conflict is made as small as the limit allows.
pub(super) fn resolve<C: Candidates>(mut universe: Universe<'_, C>, limit: &Limit<'_>) -> Result<Resolution, Failure> {
    match attempt(&mut universe, limit) {
        Ok(resolution) => Ok(resolution),
        Err(End::OutOfTime { hottest }) => Err(Failure::OutOfTime { hottest }),
        Err(End::Conflict(steps)) => Err(Failure::Conflict(Box::new(smallest(steps, &mut universe, limit)))),
    }
}

/// Tells whether what is in force can be met; `None` where the limit came first.
pub(super) fn is_met<C: Candidates>(mut universe: Universe<'_, C>, limit: &Limit<'_>) -> Option<bool> {
    match attempt(&mut universe, limit) {
        Ok(_) => Some(true),
        Err(End::Conflict(_)) => Some(false),
        Err(End::OutOfTime { .. }) => None,
    }
}

/// Searches plainly; where many conflicts appear, finds out what can be found out without a search, and then searches so that conflicts cost little.
fn attempt<C: Candidates>(universe: &mut Universe<'_, C>, limit: &Limit<'_>) -> Result<Resolution, End> {
    match Solver::new(universe, limit).solve() {
        Ok(resolution) => Ok(resolution),
        Err(Stop::Conflict(proof)) => Err(End::Conflict(argument::of_proof(*proof, universe))),
        Err(Stop::OutOfTime { hottest }) => Err(End::OutOfTime { hottest: universe.names(&hottest) }),
        Err(Stop::TooManyConflicts { hottest }) => attempt_hard(universe, limit, &hottest),
    }
}

fn attempt_hard<C: Candidates>(universe: &mut Universe<'_, C>, limit: &Limit<'_>, hottest: &[NodeId]) -> Result<Resolution, End> {
    let Some(arcs) = Arcs::find(universe, limit) else { return Err(End::OutOfTime { hottest: universe.names(hottest) }) };
    if let Some(lost) = arcs.lost {
        return Err(End::Conflict(argument::of_arcs(&arcs, lost, universe)));
    }
    match Search::new(universe, &arcs, limit).run() {
        Ok(chosen) => Ok(solver::resolution(universe, chosen)),
        Err(Dead::Refuted(origins)) => Err(End::Conflict(argument::of_search(&origins, &arcs, universe))),
        Err(Dead::OutOfTime { hottest }) => Err(End::OutOfTime { hottest: universe.names(&hottest) }),
    }
}

/// Makes a conflict as small as it gets. Its proof is then found anew, in a universe in which nothing else was ever met, so that it speaks of nothing else.
fn smallest<'a, C: Candidates>(steps: Vec<Step>, universe: &mut Universe<'a, C>, limit: &Limit<'_>) -> Conflict {
    let all: Vec<&Root> = universe.in_force().to_vec();
    let first = conflict::needed_roots(&steps, universe);
    let count = first.len();
    let mut best = steps;
    let (needed, extent) = shrink(first, |rest: &[&'a Root]| {
        universe.put_in_force(rest);
        match attempt(universe, limit) {
            Err(End::Conflict(steps)) => {
                let needed = conflict::needed_roots(&steps, universe);
                best = steps;
                Found::Conflict(needed)
            }
            Err(End::OutOfTime { .. }) => Found::Nothing,
            Ok(_) => Found::Resolution,
        }
    });
    universe.put_in_force(&all);
    let refused = conflict::refused_packs(&best, universe);
    if needed.len() == count && refused.is_empty() {
        return Conflict::new(best, universe, extent);
    }
    let (refused, extent) = match necessary_refusals(refused, &mut universe.again(&needed), limit) {
        (refused, Extent::Smallest) => (refused, extent),
        unfinished => unfinished,
    };
    let mut fresh = universe.again(&needed);
    fresh.refuse_only(&refused);
    match attempt(&mut fresh, limit) {
        Err(End::Conflict(steps)) => Conflict::new(steps, &fresh, extent),
        Err(End::OutOfTime { .. }) => Conflict::new(best, universe, extent),
        Ok(_) => unreachable!("requirements that could not be met before cannot be met now"),
    }
}

/// Gives as few of these packs as must go on refusing releases for the conflict to stand; all of them where the limit comes first.
fn necessary_refusals<'a, C: Candidates>(refused: Vec<&'a PackName>, universe: &mut Universe<'a, C>, limit: &Limit<'_>) -> (Vec<&'a PackName>, Extent) {
    if refused.is_empty() {
        return (refused, Extent::Smallest);
    }
    let mut attempt = |rest: &[&'a PackName]| {
        universe.refuse_only(rest);
        match attempt(universe, limit) {
            Err(End::Conflict(steps)) => Found::Conflict(conflict::refused_packs(&steps, universe)),
            Err(End::OutOfTime { .. }) => Found::Nothing,
            Ok(_) => Found::Resolution,
        }
    };
    match attempt(&[]) {
        Found::Conflict(_) => (Vec::new(), Extent::Smallest),
        Found::Resolution => shrink(refused, attempt),
        Found::Nothing => (refused, Extent::Unfinished),
    }
}

/// What was found out about some of the requirements.
enum Found<T> {
    /// They cannot be met together; these of them are enough for that.
    Conflict(Vec<T>),
    /// They can.
    Resolution,
    /// The limit came first.
    Nothing,
}

/// Takes requirements away for as long as what is left cannot be met.
fn shrink<T: Copy>(mut needed: Vec<T>, mut attempt: impl FnMut(&[T]) -> Found<T>) -> (Vec<T>, Extent) {
    let mut chunk = needed.len();
    while chunk > 1 {
        // So few are mostly all needed.
        chunk = if needed.len() < 8 { 1 } else { chunk / 2 };
        let mut at = 0;
        while at < needed.len() && needed.len() > 1 {
            let mut rest = needed.clone();
            drop(rest.drain(at..needed.len().min(at + chunk)));
            match attempt(&rest) {
                Found::Conflict(fewer) => needed = fewer,
                Found::Resolution => at += chunk,
                Found::Nothing => return (needed, Extent::Unfinished),
            }
        }
    }
    (needed, Extent::Smallest)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::ExtraName;
    use crate::model::Range;
    use crate::model::Refusal;
    use crate::model::Version;
    use crate::resolve::Candidate;
    use crate::resolve::Mode;
    use crate::resolve::Pin;
    use crate::resolve::Preferences;
    use crate::resolve::conflict::Claim;
    use crate::resolve::nogood;
    use crate::resolve::nogood::Nogood;
    use crate::resolve::nogood::Term;
    use crate::resolve::universe::PROJECT;

    const VERSIONS: [&str; 5] = ["1.0.0", "1.1.0", "2.0.0-rc.1", "2.0.0", "2.1.0"];

    struct World {
        releases: BTreeMap<PackName, Vec<Candidate>>,
        overrides: BTreeMap<PackName, Pin>,
    }

    impl Candidates for World {
        fn releases(&self, name: &PackName) -> Option<&[Candidate]> {
            self.releases.releases(name)
        }

        fn overridden(&self, name: &PackName) -> Option<&Pin> {
            self.overrides.get(name)
        }
    }

    /// A sequence of numbers that looks random and is always the same.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, end: u64) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from((self.0 >> 33) % end).expect("a small number")
        }

        fn range(&mut self) -> Range {
            const RANGES: [&str; 10] = ["*", "^1", "^2", ">=1.1", "<2", "=1.0.0", "=1.1.0", "=2.0.0", "=2.1.0", "^3"];
            let number = if self.below(3) == 0 { self.below(10) } else { self.below(5) };
            Range::parse(RANGES[number]).expect("a valid range")
        }

        fn requires(&mut self) -> BTreeMap<PackName, Range> {
            (0..self.below(4)).map(|_| (pack(self.below(8)), self.range())).collect()
        }

        fn version(&mut self) -> Version {
            Version::parse(VERSIONS[self.below(5)]).expect("a valid version")
        }

        fn release(&mut self, number: &str) -> Candidate {
            let refusal = Refusal { rule: "min-quality".into(), reason: "quality 62 is below 80".into(), at: None };
            Candidate {
                version: Version::parse(number).expect("a valid version"),
                requires: self.requires(),
                extras: if self.below(4) > 0 { BTreeMap::from([(extra(), self.requires())]) } else { BTreeMap::new() },
                yanked: (self.below(12) == 0).then(|| "broken".to_owned()),
                refused: (self.below(12) == 0).then_some(refusal),
            }
        }

        fn world(&mut self) -> World {
            let releases = (0..8).map(|number| (pack(number), VERSIONS.map(|number| self.release(number)).into())).collect();
            let overrides = if self.below(3) == 0 { BTreeMap::from([(pack(self.below(8)), Pin { range: self.range(), at: None })]) } else { BTreeMap::new() };
            World { releases, overrides }
        }

        fn preferences(&mut self) -> Preferences {
            let mode = [Mode::Highest, Mode::Lowest, Mode::LowestDirect][self.below(3)];
            let locked = (0..self.below(4)).map(|_| (pack(self.below(8)), self.version())).collect();
            let others = (0..self.below(4)).map(|_| (pack(self.below(8)), (0..3).map(|_| self.version()).collect())).collect();
            Preferences { mode, locked, others }
        }

        fn roots(&mut self) -> Vec<Root> {
            let mut root = |_| Root {
                name: pack(self.below(6)),
                range: self.range(),
                extras: if self.below(4) == 0 { BTreeSet::from([extra()]) } else { BTreeSet::new() },
                at: None,
            };
            (0..4).map(&mut root).collect()
        }
    }

    fn pack(number: usize) -> PackName {
        PackName::parse(&format!("p{number}")).expect("a valid name")
    }

    fn extra() -> ExtraName {
        ExtraName::parse("x").expect("a valid extra")
    }

    fn said(step: &Step, universe: &Universe<'_, World>) -> Nogood {
        let claim = |claim: &Claim| (claim.node, if claim.is_chosen { Term::In(claim.set.clone()) } else { Term::NotIn(claim.set.clone()) });
        let mut terms = match step {
            Step::Requires(requires) => vec![(requires.by, Term::In(requires.set.clone())), (requires.needed, Term::NotIn(requires.admitted.clone()))],
            Step::Belongs { extra, set } => vec![(*extra, Term::In(set.clone())), (universe.pack_of(*extra), Term::NotIn(set.clone()))],
            Step::Unavailable { node, set, .. } => vec![(*node, Term::In(set.clone()))],
            Step::Given => vec![],
            Step::Derived { terms, .. } => terms.iter().map(claim).collect(),
        };
        terms.retain(|(node, term)| *node != PROJECT && !term.is_always_so());
        terms.sort_by_key(|(node, _)| *node);
        terms
    }

    /// Checks that each step says no more than follows from its causes, and the last that there is no answer.
    fn check_proof(steps: &[Step], universe: &Universe<'_, World>) {
        for (number, step) in steps.iter().enumerate() {
            let Step::Derived { causes: [first, second], .. } = step else { continue };
            assert!(*first < number && *second < number);
            let (first, second, expected) = (said(&steps[*first], universe), said(&steps[*second], universe), said(step, universe));
            let follows = |about| {
                let mut terms = nogood::resolve(&first, &second, about);
                terms.sort_by_key(|(node, _)| *node);
                terms == expected
            };
            let about = first.iter().map(|(node, _)| *node).chain([PROJECT]);
            assert!(about.into_iter().any(follows), "{first:?} and {second:?} do not say {expected:?}");
        }
        assert_eq!(said(steps.last().expect("there are steps"), universe), vec![]);
    }

    /// Both ways to search answer the same of what the project names, and prove what they cannot answer.
    #[test]
    fn the_hard_way_answers_as_the_plain_way_does() {
        let mut numbers = Numbers(7);
        let (mut met, mut refuted) = (0, 0);
        for _ in 0..1_000 {
            let (world, roots, preferences) = (numbers.world(), numbers.roots(), numbers.preferences());
            let (mut plain, mut hard) = (Universe::new(&roots, &world, &preferences), Universe::new(&roots, &world, &preferences));
            match (attempt(&mut plain, &Limit::none()), attempt_hard(&mut hard, &Limit::none(), &[])) {
                (Ok(plain), Ok(hard)) => {
                    for root in &roots {
                        assert_eq!(plain.releases[&root.name].version, hard.releases[&root.name].version, "{} of {roots:?}", root.name);
                    }
                    met += 1;
                }
                (Err(End::Conflict(of_plain)), Err(End::Conflict(of_hard))) => {
                    check_proof(&of_plain, &plain);
                    check_proof(&of_hard, &hard);
                    let needed = conflict::needed_roots(&of_hard, &hard);
                    assert!(attempt(&mut plain.again(&needed), &Limit::none()).is_err(), "{needed:?} can be met");
                    refuted += 1;
                }
                (plain, hard) => panic!("the plain way finds an answer: {}, the hard way: {}", plain.is_ok(), hard.is_ok()),
            }
        }
        assert!(met > 100 && refuted > 100, "{met} were met, {refuted} were refuted");
    }

    /// Shrinks a thousand things, of which these cannot be together, asking somebody who only says yes or no; gives what is left, and how often it asked.
    fn shrunk(culprits: &[usize], asks_max: usize) -> (Vec<usize>, Extent, usize) {
        let mut asked = 0;
        let (left, extent) = shrink((0..1_000).collect(), |rest: &[usize]| {
            asked += 1;
            match culprits.iter().all(|culprit| rest.contains(culprit)) {
                _ if asked > asks_max => Found::Nothing,
                true => Found::Conflict(rest.to_vec()),
                false => Found::Resolution,
            }
        });
        (left, extent, asked)
    }

    #[test]
    fn a_small_conflict_among_many_requirements_takes_few_solves() {
        for culprits in [&[0][..], &[999], &[0, 999], &[17, 400, 401], &[3, 250, 499, 730, 999], &[0, 100, 200, 300, 400, 500, 600, 700, 800, 900]] {
            let (left, extent, asked) = shrunk(culprits, usize::MAX);
            assert_eq!((left.as_slice(), extent), (culprits, Extent::Smallest));
            let count = culprits.len();
            let asks_max = 2 * count * (3 + (1_000 / count).ilog2() as usize);
            assert!(asked <= asks_max, "{asked} solves for {count} of 1,000, more than {asks_max}");
        }
    }

    #[test]
    fn a_limit_leaves_a_true_conflict_that_is_not_called_the_smallest() {
        let culprits = [17, 400, 401];
        let (_, _, all) = shrunk(&culprits, usize::MAX);
        for asks_max in 0..all {
            let (left, extent, _) = shrunk(&culprits, asks_max);
            assert_eq!(extent, Extent::Unfinished);
            assert!(culprits.iter().all(|culprit| left.contains(culprit)), "{left:?}");
        }
    }
}
