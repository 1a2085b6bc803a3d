//! What a registry has shown before, so that one that goes back, says something else of the same state, or lacks what it had, is noticed.

use crate::model::PackName;
use crate::model::Place;
use crate::registry::IndexDocument;
use crate::registry::Shown;
use crate::source::SourceError;

/// A registry, as the person called it who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    /// A name of packs.toml, a directory or an address without secrets: what may be typed for it.
    pub name: String,
    /// Where packs.toml declares it.
    pub at: Option<Place>,
}

/// Remembers the newest document of each pack of one registry.
pub trait Memory: Send + Sync {
    /// Tells how the registry is called.
    fn called(&self) -> &Called;

    /// Gives the newest document of a pack that is known.
    fn known(&self, name: &PackName) -> Option<Shown>;

    /// Gives the packs of which something is known, in order.
    fn names(&self) -> Vec<PackName>;

    /// Takes in a document that is believed, or was just written.
    fn learn(&self, name: &PackName, shown: Shown);
}

/// Refuses a document that is older than one seen before, or another one of the same revision; remembers what is new.
///
/// # Errors
/// [`SourceError::OlderIndex`], [`SourceError::OtherIndex`].
pub(super) fn require_newest(memory: &dyn Memory, document: &IndexDocument, bytes: &[u8]) -> Result<(), SourceError> {
    let (name, known) = (document.name.clone(), memory.known(&document.name));
    if known.is_some_and(|seen| seen.is_just(document, bytes)) {
        return Ok(());
    }
    let found = Shown::of(document, bytes);
    let registry = || Box::new(memory.called().clone());
    match known {
        Some(seen) if found.revision < seen.revision => Err(SourceError::OlderIndex { registry: registry(), name, found: found.revision, seen: seen.revision }),
        Some(Shown { revision, digest: Some(seen), .. }) if found.revision == revision => match found.digest {
            Some(found) if found != seen => Err(SourceError::OtherIndex { registry: registry(), name, revision, found, seen }),
            // The same in another form, or signed anew.
            _ => {
                memory.learn(&name, found);
                Ok(())
            }
        },
        _ => {
            memory.learn(&name, found);
            Ok(())
        }
    }
}

/// Refuses the absence of a document that was seen before: whoever can withhold it could let another registry have the name.
///
/// # Errors
/// [`SourceError::GoneIndex`].
pub(super) fn require_unseen(memory: &dyn Memory, name: &PackName) -> Result<(), SourceError> {
    match memory.known(name) {
        Some(seen) => Err(SourceError::GoneIndex { registry: Box::new(memory.called().clone()), name: name.clone(), seen: seen.revision }),
        None => Ok(()),
    }
}
