//! A place that packs come from, opened: a registry that keeps documents, or a repository whose releases hold archives.

use std::sync::Arc;

use crate::model::PackName;
use crate::model::nearest;
use crate::net::Answer;
use crate::ops::OpsError;
use crate::ops::github::GitHubReleases;
use crate::ops::github::LockedAsset;
use crate::registry::IndexArtifact;
use crate::registry::IndexDocument;
use crate::registry::Names;
use crate::source::RegistrySource;
use crate::source::Source;

/// A place that packs come from.
#[derive(Clone)]
pub(super) enum Opened<'c> {
    /// A registry.
    Registry(Arc<RegistrySource>),
    /// The releases of a repository.
    Releases(Arc<GitHubReleases<'c>>),
}

impl<'c> Opened<'c> {
    /// Names the place for people; holds no secret.
    pub(super) fn describe(&self) -> String {
        match self {
            Opened::Registry(registry) => registry.describe(),
            Opened::Releases(releases) => releases.describe(),
        }
    }

    /// Gives everything known about a pack's releases; how new that is is not compared with anything.
    ///
    /// # Errors
    /// [`OpsError::Source`].
    pub(super) fn index(&self, name: &PackName) -> Result<Answer<IndexDocument>, OpsError> {
        match self {
            Opened::Registry(registry) => Ok(registry.index(name)?),
            Opened::Releases(releases) => releases.index(name),
        }
    }

    /// Gives the list of its packs.
    ///
    /// # Errors
    /// [`OpsError::Source`].
    pub(super) fn names(&self) -> Result<Answer<Names>, OpsError> {
        match self {
            Opened::Registry(registry) => Ok(registry.names()?),
            Opened::Releases(releases) => releases.names(),
        }
    }

    /// Gives the list of its packs where it can be had.
    pub(super) fn listed(&self) -> Option<Names> {
        self.names().ok().and_then(Answer::found)
    }

    /// Gives the names of its packs; none where it cannot tell without the network.
    ///
    /// # Errors
    /// [`OpsError::Source`].
    pub(super) fn packs(&self) -> Result<Vec<PackName>, OpsError> {
        match self {
            Opened::Registry(registry) => Ok(registry.packs()?),
            Opened::Releases(releases) => Ok(releases.names()?.found().unwrap_or_default().packs.into_iter().map(|pack| pack.name).collect()),
        }
    }

    /// Gives what opens an archive that the place offers.
    pub(super) fn source_of(self, artifact: &IndexArtifact) -> Arc<dyn Source + 'c> {
        match self {
            Opened::Registry(registry) => registry,
            Opened::Releases(releases) => Arc::new(LockedAsset { releases, url: artifact.url.clone().unwrap_or_default() }),
        }
    }
}

/// Says that none of these places has a pack, and which of theirs may be meant.
pub(super) fn no_such_pack(name: &PackName, places: &[Opened<'_>]) -> OpsError {
    let described: Vec<String> = places.iter().map(Opened::describe).collect();
    OpsError::NoSuchPack { name: name.clone(), registry: described.join(" or "), nearest: nearest_listed(name, places.iter().map(Opened::listed)) }
}

/// Finds the pack in registries' lists that a mistyped name most likely means; a list that cannot be had is passed over.
pub(super) fn nearest_listed(name: &PackName, lists: impl IntoIterator<Item = Option<Names>>) -> Option<PackName> {
    let known: Vec<PackName> = lists.into_iter().flatten().flat_map(|names| names.packs).map(|pack| pack.name).collect();
    nearest(name.as_str(), &known).cloned()
}
