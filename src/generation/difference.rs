//! What a planned generation changes, against the current one. Pure.

use std::collections::BTreeMap;

use crate::generation::GenerationRecord;
use crate::generation::GenerationRelease;
use crate::generation::LinkPlan;
use crate::generation::PlacedEntry;
use crate::model::PackChange;
use crate::model::PackName;
use crate::model::TreePath;

/// What differs between two generations.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, schemars::JsonSchema)]
pub struct Difference {
    /// Packs that come.
    pub added: Vec<PackChange>,
    /// Packs whose release or content changes.
    pub changed: Vec<PackChange>,
    /// Packs that go.
    pub removed: Vec<PackChange>,
    /// Whether names in `bin/` or `share/` change that no added, changed or removed pack explains.
    pub links_changed: bool,
    /// Whether what is placed in the project changes.
    pub place_changed: bool,
    /// Whether nothing differs at all: the generation need not be made.
    pub same: bool,
}

/// Tells what a plan changes; without a current generation, everything comes.
pub fn difference(current: Option<&GenerationRecord>, planned: &LinkPlan) -> Difference {
    compare(&current.map(Side::of_record).unwrap_or_default(), &Side { releases: &planned.releases, links: Some(&planned.links), place: &planned.place })
}

/// Tells what changed from one generation to another.
pub fn difference_between(from: Option<&GenerationRecord>, to: &GenerationRecord) -> Difference {
    compare(&from.map(Side::of_record).unwrap_or_default(), &Side::of_record(to))
}

/// What is compared of a generation or a plan.
#[derive(Default)]
struct Side<'a> {
    releases: &'a [GenerationRelease],
    links: Option<&'a BTreeMap<TreePath, String>>,
    place: &'a [PlacedEntry],
}

impl<'a> Side<'a> {
    fn of_record(record: &'a GenerationRecord) -> Self {
        Side { releases: &record.releases, links: Some(&record.links), place: &record.place }
    }
}

fn compare(old: &Side<'_>, new: &Side<'_>) -> Difference {
    let by_name = |side: &Side<'_>| -> BTreeMap<PackName, GenerationRelease> { side.releases.iter().map(|r| (r.name.clone(), r.clone())).collect() };
    let (before, after) = (by_name(old), by_name(new));
    let step = |name: &PackName| PackChange {
        name: name.clone(),
        from: before.get(name).map(|release| release.version.clone()),
        to: after.get(name).map(|release| release.version.clone()),
    };
    let mut found = Difference {
        added: after.keys().filter(|name| !before.contains_key(name)).map(step).collect(),
        removed: before.keys().filter(|name| !after.contains_key(name)).map(step).collect(),
        changed: after.iter().filter(|(name, release)| before.get(name).is_some_and(|old| differs(old, release))).map(|(name, _)| step(name)).collect(),
        place_changed: old.place != new.place,
        ..Difference::default()
    };
    let same_releases = found.added.is_empty() && found.changed.is_empty() && found.removed.is_empty();
    let links_differ = old.links.into_iter().flatten().ne(new.links.into_iter().flatten());
    found.links_changed = same_releases && links_differ;
    found.same = same_releases && !links_differ && !found.place_changed;
    found
}

fn differs(old: &GenerationRelease, new: &GenerationRelease) -> bool {
    old.version != new.version || old.store_path != new.store_path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generation::About;
    use crate::model::EnvironmentName;
    use crate::model::ReleaseId;
    use crate::model::StorePath;
    use crate::model::TreeDigest;
    use crate::model::Version;

    /// A plan of `name version tree` triples and link texts.
    fn planned(releases: &[(&str, &str, u8)], links: &[&str]) -> LinkPlan {
        let release = |(name, version, tree): &(&str, &str, u8)| {
            let id = ReleaseId { name: PackName::parse(name).expect("valid"), version: Version::parse(version).expect("valid") };
            let store_path = StorePath::new(TreeDigest::from_bytes([*tree; 32]), &id);
            GenerationRelease { name: id.name, version: id.version, store_path, unpacked_bytes: 1 }
        };
        LinkPlan {
            environment: EnvironmentName::default_environment(),
            releases: releases.iter().map(release).collect(),
            links: links.iter().map(|path| (TreePath::parse(path).expect("valid"), "x".to_owned())).collect(),
            place: Vec::new(),
            not_placed: Vec::new(),
        }
    }

    #[track_caller]
    fn check(old: &LinkPlan, new: &LinkPlan, expected: &str) {
        let found = difference(Some(&old.clone().into_record(About::unsigned(1, Some(0)))), new);
        let text = |mark: &str, steps: &[PackChange]| {
            steps
                .iter()
                .map(|step| format!("{mark}{} {:?}>{:?}", step.name, step.from.as_ref().map(ToString::to_string), step.to.as_ref().map(ToString::to_string)))
                .collect()
        };
        let mut all: Vec<String> = text("+", &found.added);
        all.extend::<Vec<String>>(text("~", &found.changed));
        all.extend::<Vec<String>>(text("-", &found.removed));
        assert_eq!(format!("{} links:{} same:{}", all.join(" ").replace("Some(\"", "").replace("\")", ""), found.links_changed, found.same).trim(), expected);
    }

    #[test]
    fn differences() {
        let base = planned(&[("a", "1.0.0", 1), ("b", "1.0.0", 1)], &["bin/x"]);
        check(&base, &base, "links:false same:true");
        check(&base, &planned(&[("b", "1.1.0", 1), ("c", "1.0.0", 1)], &[]), "+c None>1.0.0 ~b 1.0.0>1.1.0 -a 1.0.0>None links:false same:false");
        check(&base, &planned(&[("a", "1.0.0", 1), ("b", "1.0.0", 2)], &["bin/x"]), "~b 1.0.0>1.0.0 links:false same:false");
        check(&base, &planned(&[("a", "1.0.0", 1), ("b", "1.0.0", 1)], &["bin/y"]), "links:true same:false");
    }

    #[test]
    fn without_a_current_generation_everything_comes() {
        let found = difference(None, &planned(&[("a", "1.0.0", 1)], &[]));
        assert_eq!(found.added.len(), 1);
        assert!(difference(None, &planned(&[], &[])).same);
    }
}
