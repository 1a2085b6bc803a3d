//! What can be wrong with a registry's documents, and why a release cannot be published.

use crate::model::KeyId;
use crate::model::PackName;
use crate::model::Platform;
use crate::model::ReleaseId;
use crate::model::Sha256Digest;
use crate::model::Version;
use crate::registry::Signers;

/// Tells what is wrong with a document of a registry, or why a release cannot enter one.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The document is larger than any honest one.
    #[error("{document} has {bytes} bytes, more than the {bytes_max} that are read")]
    TooLarge {
        /// The document, as `index of kanban`.
        document: String,
        /// Its size, in bytes.
        bytes: u64,
        /// The limit, in bytes.
        bytes_max: u64,
    },
    /// The document nests deeper than any honest one.
    #[error("{document} nests deeper than {depth_max} levels")]
    TooDeep {
        /// The document.
        document: String,
        /// The limit.
        depth_max: usize,
    },
    /// The document is no JSON, or a value in it is not what it should be.
    #[error("{document} cannot be read")]
    Json {
        /// The document.
        document: String,
        /// What the JSON reader found, with line and column.
        #[source]
        source: serde_json::Error,
    },
    /// A compressed document cannot be unpacked.
    #[error("{document} cannot be unpacked")]
    NotUnpackable {
        /// The document.
        document: &'static str,
        /// What the decoder said.
        #[source]
        source: std::io::Error,
    },
    /// The list of packs is not sorted, or has a name twice.
    #[error("names.json.zst lists {first} before {second}; each name stands there once, in order")]
    NamesOutOfOrder {
        /// The one that comes first.
        first: Box<PackName>,
        /// The one after it.
        second: Box<PackName>,
    },
    /// The document has a schema this program does not know.
    #[error("{document} has the schema {found:?}; this packs reads {expected:?}")]
    UnknownSchema {
        /// The document.
        document: String,
        /// The schema found.
        found: String,
        /// The schema that is read.
        expected: &'static str,
    },
    /// A document that must be signed is not.
    #[error("{document} has no signature")]
    Unsigned {
        /// The document.
        document: String,
    },
    /// A document is signed, and by nobody who is trusted.
    #[error("{document} is signed by {signers}, which is not trusted")]
    UnknownSigner {
        /// The document.
        document: String,
        /// The keys its signatures name.
        signers: Signers,
    },
    /// A signature names a trusted key and does not fit.
    #[error("the signature of {document} by key {signer} is wrong: the document was changed, or another made it")]
    WrongSignature {
        /// The document.
        document: String,
        /// The key.
        signer: KeyId,
    },
    /// The field `signature` holds something else.
    #[error("the signature of {document} is not in minisign's form: {reason}")]
    SignatureSyntax {
        /// The document.
        document: String,
        /// What is wrong, as half a sentence.
        reason: &'static str,
    },
    /// A file is no secret key; nothing of it is repeated.
    #[error("it is no secret key in minisign's form: {reason}")]
    SecretKeySyntax {
        /// What is wrong, as half a sentence.
        reason: &'static str,
    },
    /// A secret key does not open.
    #[error("the passphrase does not open the key")]
    WrongPassphrase,
    /// The document is another pack's.
    #[error("the index of {expected} names another pack, {found}")]
    OtherPack {
        /// The pack whose index was asked for.
        expected: Box<PackName>,
        /// The pack the document names.
        found: Box<PackName>,
    },
    /// Two releases of one document are the same, or differ in build metadata only.
    #[error("the index of {name} lists two releases that count as one: {first} and {second}")]
    SameVersionTwice {
        /// The pack.
        name: PackName,
        /// The smaller of both.
        first: Version,
        /// The other.
        second: Version,
    },
    /// A release offers nothing to install.
    #[error("the index of {} lists no archive for {}", release.name, release.version)]
    NoArtifact {
        /// The release.
        release: Box<ReleaseId>,
    },
    /// A release offers two archives for one platform.
    #[error("the index lists two archives of {release} for {platform}")]
    PlatformTwice {
        /// The release.
        release: Box<ReleaseId>,
        /// The platform.
        platform: Platform,
    },
    /// An archive's file name is not that of an archive.
    #[error("the index lists {archive:?} for {release}, which ends in neither .tar.zst nor .tar.gz")]
    NotAnArchive {
        /// The release.
        release: Box<ReleaseId>,
        /// The file name found.
        archive: String,
    },
    /// The count of a document's changes is beyond what JSON numbers hold exactly.
    #[error("the index of {name} says revision {revision}; {revision_max} is the largest that there is")]
    RevisionOutOfRange {
        /// The pack.
        name: Box<PackName>,
        /// The revision found.
        revision: u64,
        /// The largest.
        revision_max: u64,
    },
    /// The size of an archive is beyond what JSON numbers hold exactly, and any disk.
    #[error("the index says that {archive} of {release} has {size} bytes; {size_max} is the largest that there is")]
    SizeOutOfRange {
        /// The release.
        release: Box<ReleaseId>,
        /// The archive.
        archive: String,
        /// The size found, in bytes.
        size: u64,
        /// The largest, in bytes.
        size_max: u64,
    },
    /// A release's quality is no judgement from 0 to 100; a lockfile could not hold it.
    #[error("the index says the quality of {release} is {quality}, and it goes from 0 to 100")]
    QualityOutOfRange {
        /// The release.
        release: Box<ReleaseId>,
        /// The quality found.
        quality: u8,
    },
    /// The release is published, with other content.
    #[error("{release} is published for {platform} with other content (sha256 {published}, not {offered}); a published release never changes")]
    OtherBytes {
        /// The release.
        release: Box<ReleaseId>,
        /// The platform of the archive.
        platform: Platform,
        /// The digest of the archive that is published.
        published: Sha256Digest,
        /// The digest of the archive that was offered.
        offered: Sha256Digest,
    },
    /// The release is published for other platforms, with other requirements.
    #[error("{release} is published for another platform with other requirements; all archives of a release share them")]
    OtherRequirements {
        /// The release.
        release: Box<ReleaseId>,
    },
    /// A release that differs in build metadata only is published.
    #[error("{release} differs from the published {published} in build metadata only, so no range could tell them apart")]
    BuildMetadataClash {
        /// The release that was offered.
        release: Box<ReleaseId>,
        /// The version that is published.
        published: Version,
    },
}

impl RegistryError {
    /// Tells whether it is about who signed, not about what is written.
    pub fn is_about_trust(&self) -> bool {
        matches!(self, Self::Unsigned { .. } | Self::UnknownSigner { .. } | Self::WrongSignature { .. } | Self::SignatureSyntax { .. })
    }
}
