//! The indexes that are needed and are not known here, gathered while the network may not be asked: whoever must go online once wants to hear of all.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::model::PackName;
use crate::ops::OpsError;

/// Registries as people know them, each with the packs whose index is missing.
#[derive(Debug, Default)]
pub(super) struct MissingIndexes(BTreeMap<String, BTreeSet<PackName>>);

impl MissingIndexes {
    /// Keeps in mind that a pack's index is missing; `None` then. Everything else is given back.
    pub(super) fn sort_out<T>(&mut self, name: &PackName, answer: Result<T, OpsError>) -> Result<Option<T>, OpsError> {
        match answer {
            Err(OpsError::RegistryOffline { registry, .. }) => {
                self.0.entry(registry).or_default().insert(name.clone());
                Ok(None)
            }
            answer => answer.map(Some),
        }
    }

    /// Requires that none is missing.
    ///
    /// # Errors
    /// [`OpsError::IndexesOffline`] with all of them.
    pub(super) fn none(self) -> Result<(), OpsError> {
        if self.0.is_empty() { Ok(()) } else { Err(OpsError::IndexesOffline { missing: self.0 }) }
    }
}
