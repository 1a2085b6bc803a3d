//! How a step of a proof is said: releases, requirements as written, what follows.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;

use pubgrub::VersionSet as _;

use crate::model::Range;
use crate::model::Refusal;
use crate::model::Version;
use crate::resolve::conflict::Claim;
use crate::resolve::conflict::Conflict;
use crate::resolve::conflict::Lack;
use crate::resolve::conflict::Requires;
use crate::resolve::conflict::Step;
use crate::resolve::conflict::Subject;
use crate::resolve::conflict::Unavailable;
use crate::resolve::explain::join;
use crate::resolve::universe::NodeId;
use crate::resolve::universe::PROJECT;
use crate::resolve::versions::Releases;

/// Most versions that are listed one by one.
const LISTED_MAX: usize = 3;

/// A conflict, with the requirements by the sets they come to.
pub(super) struct Wording<'a> {
    conflict: &'a Conflict,
    /// The range that somebody wrote for this set of a node's releases.
    written: HashMap<(NodeId, &'a Releases), &'a Range>,
}

impl<'a> Wording<'a> {
    pub(super) fn new(conflict: &'a Conflict) -> Self {
        let mut written: HashMap<(NodeId, &Releases), &Range> = HashMap::new();
        for step in &conflict.steps {
            if let Step::Requires(requires) = step {
                // Where one set was written in several ways, the first by its text, so that the choice is no accident.
                let known = written.get(&(requires.needed, &requires.admitted)).copied();
                if let Some(first) = requires.ranges_that_count().chain(known).min() {
                    written.insert((requires.needed, &requires.admitted), first);
                }
            }
        }
        Wording { conflict, written }
    }

    /// Says a proof of one step.
    pub(super) fn single(&self, number: usize) -> String {
        format!("Because {}, {}.", join(&self.premises(&[number]), "and"), self.verdict())
    }

    /// Says steps that are given, what the project requires last, and refusals by one rule in one.
    pub(super) fn premises(&self, numbers: &[usize]) -> Vec<String> {
        let mut said = Vec::new();
        let mut unavailable: BTreeMap<(NodeId, Kind<'_>), (Releases, Vec<&Unavailable>)> = BTreeMap::new();
        for number in self.in_reading_order(numbers) {
            match &self.conflict.steps[number] {
                Step::Requires(requires) => said.push(self.requires(requires)),
                Step::Belongs { extra, set } => said.push(format!("{} belongs to that very version", self.releases(*extra, set, "and").text)),
                Step::Unavailable { node, set, reason } => {
                    let (all, reasons) = unavailable.entry((*node, Kind::of(reason))).or_insert_with(|| (Releases::empty(), Vec::new()));
                    *all = all.union(set);
                    reasons.push(reason);
                }
                Step::Given | Step::Derived { .. } => {}
            }
        }
        let ruled_out = unavailable.into_iter().map(|((node, _), (set, reasons))| self.unavailable(node, &set, &reasons));
        let mut premises: Vec<String> = ruled_out.collect();
        premises.append(&mut said);
        premises
    }

    /// Says what a derived step concludes.
    pub(super) fn conclusion(&self, number: usize) -> String {
        let Step::Derived { terms, .. } = &self.conflict.steps[number] else { return self.verdict() };
        let chosen: Vec<&Claim> = terms.iter().filter(|claim| claim.is_chosen).collect();
        let needed: Vec<String> = terms.iter().filter(|claim| !claim.is_chosen).map(|claim| self.wanted(claim)).collect();
        match (chosen.as_slice(), needed.is_empty()) {
            ([], true) => self.verdict(),
            ([], false) => format!("your project needs {}", join(&needed, "or")),
            ([only], true) if self.is_every(only) => format!("no version of {} can be chosen", self.name(only.node)),
            ([only], true) => format!("{} cannot be chosen", self.releases(only.node, &only.set, "and").text),
            ([only], false) => format!("{} {}", self.releases(only.node, &only.set, "and").with_verb("requires", "require"), join(&needed, "or")),
            ([one, other], true) if self.is_every(one) || self.is_every(other) => {
                let (every, other) = if self.is_every(one) { (one, other) } else { (other, one) };
                let others =
                    if self.is_every(other) { format!("any version of {}", self.name(other.node)) } else { self.releases(other.node, &other.set, "or").text };
                format!("no version of {} goes together with {others}", self.name(every.node))
            }
            (several, true) => format!("{} cannot be chosen together", join(&self.choices(several), "and")),
            (several, false) => format!("{} together require {}", join(&self.choices(several), "and"), join(&needed, "or")),
        }
    }

    /// Says the end of the matter; what it is about stands at the head of the explanation.
    fn verdict(&self) -> String {
        match self.conflict.requirements().len() {
            0 => "your project's requirements cannot be met".to_owned(),
            1 => "that requirement cannot be met".to_owned(),
            _ => "these requirements cannot be met together".to_owned(),
        }
    }

    /// Says one step by itself.
    pub(super) fn step(&self, number: usize) -> String {
        match &self.conflict.steps[number] {
            Step::Given => "your project is what is resolved".to_owned(),
            Step::Derived { .. } => self.conclusion(number),
            Step::Requires(_) | Step::Belongs { .. } | Step::Unavailable { .. } => self.premises(&[number]).concat(),
        }
    }

    /// Says which versions of a pack are held; nothing of the project.
    pub(super) fn versions_in_words(&self, node: NodeId, set: &Releases) -> String {
        let versions = self.versions(node);
        if *set == Releases::full() && versions.len() > 1 { "every version".to_owned() } else { listed(versions, set, "and") }
    }

    /// Orders requirements so that one that needs a pack comes before those of that pack, and the project's come last.
    fn in_reading_order(&self, numbers: &[usize]) -> Vec<usize> {
        let mut ordered = numbers.to_vec();
        ordered.sort_by_key(|number| match &self.conflict.steps[*number] {
            Step::Requires(requires) if requires.by == PROJECT => 1,
            _ => 0,
        });
        if let [first, second, ..] = ordered.as_mut_slice()
            && let (Step::Requires(a), Step::Requires(b)) = (&self.conflict.steps[*first], &self.conflict.steps[*second])
            && b.needed == a.by
            && b.by != PROJECT
        {
            std::mem::swap(first, second);
        }
        ordered
    }

    fn requires(&self, requires: &Requires) -> String {
        let ranges: Vec<&str> = requires.ranges.iter().map(Range::as_str).collect();
        let who = match requires.at {
            None if requires.by == PROJECT => self.conflict.unwritten.requires().to_owned(),
            _ => self.releases(requires.by, &requires.set, "and").with_verb("requires", "require"),
        };
        let asked = format!("{who} {}", self.name_with_range(requires.needed, &join(&ranges, "or")));
        let instead = requires.overridden.as_ref().map(|pin| {
            let place = pin.at.as_ref().map_or_else(|| self.conflict.unwritten.place().to_owned(), ToString::to_string);
            format!("{place} overrides that with {}", pin.range)
        });
        let remarks: Vec<String> = instead.into_iter().chain(requires.lack.map(|lack| self.lack(requires.needed, lack))).collect();
        if remarks.is_empty() { asked } else { format!("{asked} ({})", remarks.join("; ")) }
    }

    fn lack(&self, needed: NodeId, lack: Lack) -> String {
        let newest = || match &self.conflict.subjects[&needed] {
            Subject::Pack { versions, .. } => versions
                .iter()
                .filter(|version| !version.is_prerelease())
                .max()
                .or_else(|| versions.iter().max())
                .map(|newest| format!("; the newest is {newest}"))
                .unwrap_or_default(),
            Subject::Project => String::new(),
        };
        match lack {
            Lack::NoSuchPack => "there is no such pack".to_owned(),
            Lack::NoRelease => "it has no release".to_owned(),
            Lack::OnlyYanked => "only yanked releases are in that range".to_owned(),
            Lack::OnlyPrereleases => "only pre-releases come near that range".to_owned(),
            Lack::NoneInRange => format!("no release is in that range{}", newest()),
        }
    }

    fn unavailable(&self, node: NodeId, set: &Releases, reasons: &[&Unavailable]) -> String {
        let releases = self.releases(node, set, "and");
        match reasons {
            [Unavailable::NoSuchExtra, ..] if *set == Releases::full() && self.versions(node).len() > 1 => self.no_release_with(node),
            [Unavailable::NoSuchExtra, ..] => format!("{} {}", self.releases_of_pack(node, set).with_verb("has", "have"), self.no_extra(node)),
            [Unavailable::NeedsOtherSelf, ..] => releases.with_verb("requires another release of itself", "require other releases of themselves"),
            _ => {
                let refusals: Vec<&Refusal> = reasons.iter().filter_map(|reason| refusal(reason)).collect();
                if *set == Releases::full() && self.versions(node).len() > 1 {
                    return format!("no version of {} is allowed ({})", self.name(node), reasons_of(&refusals));
                }
                format!("{} not allowed ({})", releases.with_verb("is", "are"), reasons_of(&refusals))
            }
        }
    }

    /// Says of an extra that no release has it.
    fn no_release_with(&self, node: NodeId) -> String {
        match &self.conflict.subjects[&node] {
            Subject::Pack { name, extra: Some(extra), .. } => format!("no version of {name} has an extra {extra}"),
            Subject::Pack { .. } | Subject::Project => "no version has such an extra".to_owned(),
        }
    }

    fn no_extra(&self, node: NodeId) -> String {
        match &self.conflict.subjects[&node] {
            Subject::Pack { extra: Some(extra), .. } => format!("no extra {extra}"),
            Subject::Pack { .. } | Subject::Project => "no such extra".to_owned(),
        }
    }

    /// Says what is needed: as written where somebody wrote just that, else the releases.
    fn wanted(&self, claim: &Claim) -> String {
        match self.written.get(&(claim.node, &claim.set)) {
            Some(range) => self.name_with_range(claim.node, range.as_str()),
            None => self.releases(claim.node, &claim.set, "or").text.replacen("every version of", "some version of", 1),
        }
    }

    fn choices(&self, claims: &[&Claim]) -> Vec<String> {
        claims.iter().map(|claim| self.releases(claim.node, &claim.set, "or").text.replacen("every version of", "any version of", 1)).collect()
    }

    fn is_every(&self, claim: &Claim) -> bool {
        claim.set == Releases::full() && self.versions(claim.node).len() > 1
    }

    fn versions(&self, node: NodeId) -> &'a [Version] {
        match &self.conflict.subjects[&node] {
            Subject::Project => &[],
            Subject::Pack { versions, .. } => versions,
        }
    }

    pub(super) fn name(&self, node: NodeId) -> String {
        self.name_with_range(node, "")
    }

    /// Says `reports ^1 with the extra charts`.
    fn name_with_range(&self, node: NodeId, range: &str) -> String {
        let between = if range.is_empty() { "" } else { " " };
        match &self.conflict.subjects[&node] {
            Subject::Project => "your project".to_owned(),
            Subject::Pack { name, extra: None, .. } => format!("{name}{between}{range}"),
            Subject::Pack { name, extra: Some(extra), .. } => format!("{name}{between}{range} with the extra {extra}"),
        }
    }

    fn releases(&self, node: NodeId, set: &Releases, word: &str) -> Phrase {
        let versions = self.versions(node);
        let count = set.len(versions.len());
        if *set == Releases::full() && versions.len() != 1 {
            let text = if node == PROJECT { self.name(node) } else { format!("every version of {}", self.name(node)) };
            return Phrase { text, is_plural: false };
        }
        Phrase { text: self.name_with_range(node, &listed(versions, set, word)), is_plural: count > 1 && word == "and" }
    }

    fn releases_of_pack(&self, extra: NodeId, set: &Releases) -> Phrase {
        match &self.conflict.subjects[&extra] {
            Subject::Pack { name, versions, .. } if *set != Releases::full() || versions.len() == 1 => {
                Phrase { text: format!("{name} {}", listed(versions, set, "and")), is_plural: set.len(versions.len()) > 1 }
            }
            Subject::Pack { name, .. } => Phrase { text: format!("every version of {name}"), is_plural: false },
            Subject::Project => Phrase { text: self.name(extra), is_plural: false },
        }
    }
}

/// Some releases, and how a verb follows them.
struct Phrase {
    text: String,
    is_plural: bool,
}

impl Phrase {
    fn with_verb(&self, singular: &str, plural: &str) -> String {
        format!("{} {}", self.text, if self.is_plural { plural } else { singular })
    }
}

/// Lists versions by number: each if they are few, else from where to where.
fn listed(versions: &[Version], set: &Releases, word: &str) -> String {
    let mut held: Vec<&Version> = set.indexes(versions.len()).map(|index| &versions[index]).collect();
    held.sort();
    match held.as_slice() {
        [first, .., last] if held.len() > LISTED_MAX => {
            let between = versions.iter().filter(|version| (first..=last).contains(&version)).count();
            if between == held.len() { format!("{first} to {last}") } else { format!("{first} to {last} ({} of {between})", held.len()) }
        }
        few => join(&few.iter().map(ToString::to_string).collect::<Vec<_>>(), word),
    }
}

/// What reasons that are said in one have in common.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Kind<'r> {
    NoSuchExtra,
    NeedsOtherSelf,
    /// The rule that refused.
    Refused(&'r str),
}

impl<'r> Kind<'r> {
    fn of(reason: &'r Unavailable) -> Self {
        match reason {
            Unavailable::NoSuchExtra => Kind::NoSuchExtra,
            Unavailable::NeedsOtherSelf => Kind::NeedsOtherSelf,
            Unavailable::Refused(refusal) => Kind::Refused(&refusal.rule),
        }
    }
}

fn refusal(reason: &Unavailable) -> Option<&Refusal> {
    match reason {
        Unavailable::Refused(refusal) => Some(refusal),
        Unavailable::NoSuchExtra | Unavailable::NeedsOtherSelf => None,
    }
}

/// Lists what a rule found, each once, and which rule it was and where it is written.
fn reasons_of(refusals: &[&Refusal]) -> String {
    let found: BTreeSet<&str> = refusals.iter().map(|refusal| refusal.reason.as_str()).collect();
    let and_more = found.len().checked_sub(LISTED_MAX).filter(|more| *more > 0).map(|more| format!("{more} more reasons"));
    let parts = found.into_iter().take(LISTED_MAX).map(str::to_owned).chain(and_more);
    let reasons = parts.collect::<Vec<_>>().join("; ");
    match refusals.first().map(|refusal| (&refusal.at, &refusal.rule)) {
        Some((Some(place), _)) => format!("{reasons}, {place}"),
        Some((None, rule)) => format!("{reasons}, by {rule}"),
        None => reasons,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::versions::Slot;

    #[track_caller]
    fn check(versions: &[&str], held: &[usize], expected: &str) {
        let versions: Vec<Version> = versions.iter().map(|text| Version::parse(text).expect("a valid version")).collect();
        let set = Releases::of(held.iter().map(|index| Slot::new(*index, versions.len())));
        assert_eq!(listed(&versions, &set, "or"), expected);
    }

    #[test]
    fn versions_are_listed_or_spanned() {
        // In the solver's order: pre-releases first.
        let versions = ["1.3.0-rc.1", "1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0"];
        check(&versions, &[1], "1.0.0");
        check(&versions, &[1, 3], "1.0.0 or 1.2.0");
        check(&versions, &[0, 3, 4], "1.2.0, 1.3.0-rc.1, or 1.3.0");
        check(&versions, &[0, 1, 2, 3, 4], "1.0.0 to 1.3.0");
        check(&versions, &[1, 2, 3, 4], "1.0.0 to 1.3.0 (4 of 5)");
    }
}
