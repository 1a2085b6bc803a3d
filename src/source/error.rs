//! What can go wrong at a source.

use crate::model::PathComponent;
use crate::model::ReleaseId;
use crate::net::NetError;
use crate::registry::RegistryError;

/// Tells what a source could not give or take.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The registry could not be read or written.
    #[error("the registry {registry} failed")]
    Transport {
        /// The registry, as people name it.
        registry: String,
        /// What happened.
        #[source]
        source: Box<NetError>,
    },
    /// A document of the registry is refused, or refuses the release.
    #[error("the registry {registry} is refused")]
    Document {
        /// The registry.
        registry: String,
        /// What is wrong.
        #[source]
        source: Box<RegistryError>,
    },
    /// The release cannot enter the index.
    #[error("the registry {registry} does not take {release}")]
    NotTaken {
        /// The registry.
        registry: String,
        /// The release.
        release: Box<ReleaseId>,
        /// Why.
        #[source]
        source: Box<RegistryError>,
    },
    /// An archive of this name lies in the registry, unlisted and with other bytes.
    #[error("{archive} of {release} lies in {registry} with other content, though its index does not list it; an interrupted publish may have left it")]
    LeftOver {
        /// The registry.
        registry: String,
        /// The release.
        release: Box<ReleaseId>,
        /// The archive's file name.
        archive: PathComponent,
    },
    /// An archive that is to be published was not given, or one was given that the release does not list.
    #[error("{release} lists the archives {listed}, but {given} are given")]
    OtherArchives {
        /// The release.
        release: Box<ReleaseId>,
        /// The file names listed, with commas.
        listed: String,
        /// The file names given, with commas.
        given: String,
    },
    /// The index changed under the writer each time it tried.
    #[error("the index of {} in {registry} was changed by others {attempts} times in a row", release.name)]
    Contended {
        /// The registry.
        registry: String,
        /// The release that was to be published.
        release: Box<ReleaseId>,
        /// How often it was tried.
        attempts: u32,
    },
    /// The registry cannot be reached, and publishing needs it.
    #[error("the registry {registry} is offline")]
    Offline {
        /// The registry.
        registry: String,
    },
}
