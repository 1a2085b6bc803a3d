//! Parts that the outcomes of several use cases share.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Serialize;

use crate::model::PackChange;
use crate::model::PackName;
use crate::model::Version;

/// What changes from one set of releases to another, in order of names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, schemars::JsonSchema)]
pub struct Changes {
    /// Packs that were not there.
    pub added: Vec<PackChange>,
    /// Packs with another version, or other content under the same version.
    pub changed: Vec<PackChange>,
    /// Packs that are gone.
    pub removed: Vec<PackChange>,
}

impl Changes {
    /// Sorts single changes into their kinds.
    pub fn from_all(all: impl IntoIterator<Item = PackChange>) -> Changes {
        let mut changes = Changes::default();
        for change in all {
            match (&change.from, &change.to) {
                (None, _) => changes.added.push(change),
                (Some(_), None) => changes.removed.push(change),
                (Some(_), Some(_)) => changes.changed.push(change),
            }
        }
        changes
    }

    /// Compares two sets of releases by their versions.
    pub fn between(before: &BTreeMap<PackName, Version>, after: &BTreeMap<PackName, Version>) -> Changes {
        let names: BTreeSet<&PackName> = before.keys().chain(after.keys()).collect();
        let change = |name: &PackName| PackChange { name: name.clone(), from: before.get(name).cloned(), to: after.get(name).cloned() };
        Changes::from_all(names.into_iter().filter(|name| before.get(*name) != after.get(*name)).map(change))
    }

    /// Tells whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }

    /// Gives all changes, added ones first.
    pub fn all(&self) -> impl Iterator<Item = &PackChange> {
        self.added.iter().chain(&self.changed).chain(&self.removed)
    }
}

/// What became of a lockfile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LockfileState {
    /// It was fresh and stays as it is.
    Fresh,
    /// There was none; it is made.
    Created,
    /// It was stale, or better releases were asked for; it is made anew.
    Updated,
    /// It had git conflict markers; both sides' pins were kept where they agree with packs.toml.
    Merged,
}
