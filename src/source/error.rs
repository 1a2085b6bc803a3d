//! What can go wrong at a source.

use crate::model::Blake3Digest;
use crate::model::PackName;
use crate::model::PathComponent;
use crate::model::ReleaseId;
use crate::net::NetError;
use crate::registry::RegistryError;
use crate::registry::Signers;
use crate::source::Called;
use crate::source::GitHubError;
use crate::source::Trust;

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
    /// A document of the registry bears no signature that is trusted.
    #[error("the registry {registry} is refused: {} trusts {} for it", trust.at, trusted(trust))]
    Untrusted {
        /// The registry.
        registry: String,
        /// Who should have signed, and who says so.
        trust: Box<Trust>,
        /// What is wrong with the signature.
        #[source]
        source: Box<RegistryError>,
    },
    /// A document is signed, and no key is at hand to sign its change.
    #[error("the index of {name} in {registry} is signed by {signers}: without a key nothing can be changed there")]
    KeyNeeded {
        /// The registry.
        registry: String,
        /// The pack.
        name: PackName,
        /// The keys that signed it.
        signers: Signers,
    },
    /// A document that bears no signature would be written to a registry whose documents do, and no key is at hand.
    #[error("the registry {registry} is signed by {signers}: without a key the index of {name}, which is not signed now, cannot be written there")]
    SignedRegistry {
        /// The registry.
        registry: String,
        /// The pack.
        name: PackName,
        /// The keys that are expected.
        signers: Signers,
    },
    /// A document is to be signed, and nobody known vouches for what it says.
    #[error("the index of {name} in {registry} would be signed as a whole, and nobody known vouches for what it says now")]
    NobodyVouches {
        /// The registry.
        registry: String,
        /// The pack.
        name: PackName,
        /// What is wrong with its signature.
        #[source]
        source: Box<RegistryError>,
    },
    /// A registry shows an older document than it did before.
    #[error("{} shows revision {found} of the index of {name}, and has shown revision {seen} before", registry.name)]
    OlderIndex {
        /// The registry.
        registry: Box<Called>,
        /// The pack.
        name: PackName,
        /// The revision it shows.
        found: u64,
        /// The newest one seen.
        seen: u64,
    },
    /// A registry shows two documents of one revision.
    #[error("{} shows revision {revision} of the index of {name} with other content than before: its digest is {found}, and was {seen}", registry.name)]
    OtherIndex {
        /// The registry.
        registry: Box<Called>,
        /// The pack.
        name: PackName,
        /// The revision.
        revision: u64,
        /// The BLAKE3 of its canonical bytes.
        found: Blake3Digest,
        /// The one seen before.
        seen: Blake3Digest,
    },
    /// A registry no longer has the document of a pack.
    #[error("{} has no index of {name} now, and has shown revision {seen} of it before", registry.name)]
    GoneIndex {
        /// The registry.
        registry: Box<Called>,
        /// The pack.
        name: PackName,
        /// The newest revision seen.
        seen: u64,
    },
    /// A document has a field that this packs does not know, and would lose by writing it.
    #[error("{file} in {registry} has a field that this packs does not know, {field}: writing it would lose that")]
    NewerField {
        /// The registry.
        registry: String,
        /// The document.
        file: String,
        /// Where the field is.
        field: String,
    },
    /// The registry does not have the pack.
    #[error("there is no pack {name} in {registry}")]
    NoSuchPack {
        /// The registry.
        registry: String,
        /// The pack.
        name: PackName,
    },
    /// Nothing tells which packs the registry has.
    #[error("the registry {registry} cannot be listed and has no names.json.zst")]
    NotListed {
        /// The registry.
        registry: String,
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
    /// A file changed under the writer each time it tried.
    #[error("{file} in {registry} was changed by others {attempts} times in a row")]
    Contended {
        /// The registry.
        registry: String,
        /// The file.
        file: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// GitHub refused, or could not be asked.
    #[error(transparent)]
    GitHub(#[from] GitHubError),
    /// An archive's address in a lockfile is none.
    #[error("the address of the archive is not the https address of a file")]
    BadAddress,
    /// The registry cannot be reached, and publishing needs it.
    #[error("the registry {registry} is offline")]
    Offline {
        /// The registry.
        registry: String,
    },
}

/// Names the keys that are trusted: `only key 1660E8795784C936`.
fn trusted(trust: &Trust) -> String {
    let ids: Vec<String> = trust.keys.iter().map(|key| key.id().to_string()).collect();
    format!("{} {}", if ids.len() == 1 { "only key" } else { "only keys" }, ids.join(" and "))
}
