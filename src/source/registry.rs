//! A registry as source: what it says of packs, whose signatures count, and its archives.

use std::sync::Arc;

use crate::model;
use crate::model::PackName;
use crate::model::Place;
use crate::model::PublicKey;
use crate::model::RegistryName;
use crate::model::ReleaseId;
use crate::net::Answer;
use crate::net::Body;
use crate::net::Fetched;
use crate::net::NetError;
use crate::net::Transport;
use crate::registry;
use crate::registry::INDEX_BYTES_MAX;
use crate::registry::IndexDocument;
use crate::registry::MANIFEST_BYTES_MAX;
use crate::registry::REGISTRY_FILE;
use crate::registry::REGISTRY_FILE_BYTES_MAX;
use crate::registry::RegistryDocument;
use crate::registry::RegistryError;
use crate::registry::SIDE_FILE_BYTES_MAX;
use crate::registry::SecretKey;
use crate::registry::Shown;
use crate::source::ArchivePosition;
use crate::source::Memory;
use crate::source::Source;
use crate::source::SourceError;
use crate::source::memory;

/// A registry behind a transport.
pub struct RegistrySource {
    pub(super) transport: Box<dyn Transport>,
    pub(super) trust: Option<Trust>,
    pub(super) keys: Vec<SecretKey>,
    memory: Option<Arc<dyn Memory>>,
}

/// Whose signatures the documents of a registry must bear, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// The registry, as packs.toml calls it.
    pub registry: RegistryName,
    /// The keys, of which one must have signed; at least one.
    pub keys: Vec<PublicKey>,
    /// Where the keys are written.
    pub at: Place,
}

impl Source for RegistrySource {
    fn index(&self, name: &PackName) -> Result<Answer<IndexDocument>, SourceError> {
        self.index_as_remembered(name, self.memory.as_deref())
    }

    fn archive_at(&self, release: &ReleaseId, archive: &str, position: ArchivePosition<'_>) -> Result<Answer<Body>, SourceError> {
        let path = registry::archive_path(&release.name, &release.version, archive);
        self.transport.open_at(&path, position.offset, position.known).map_err(|source| self.failed(source))
    }

    fn pass_over_archive(&self, release: &ReleaseId, archive: &str, why: &str) -> bool {
        self.transport.pass_over(&registry::archive_path(&release.name, &release.version, archive), why)
    }

    fn describe_archive(&self, release: &ReleaseId, archive: &str) -> String {
        self.transport.describe_answer(&registry::archive_path(&release.name, &release.version, archive))
    }

    fn describe(&self) -> String {
        self.transport.describe()
    }
}

impl RegistrySource {
    /// Reads and writes a registry through a transport; nobody's signature is asked for.
    pub fn new(transport: Box<dyn Transport>) -> Self {
        RegistrySource { transport, trust: None, keys: Vec::new(), memory: None }
    }

    /// Believes only documents that one of these keys signed.
    #[must_use]
    pub fn trusting(mut self, trust: Trust) -> Self {
        self.trust = Some(trust);
        self
    }

    /// Signs with these keys what it writes.
    #[must_use]
    pub fn signing(mut self, keys: Vec<SecretKey>) -> Self {
        self.keys = keys;
        self
    }

    /// Reads a pack's index document, which must be signed and as new as was seen before, as far as that is asked for.
    ///
    /// An address whose document is not believed is passed over where there is another: a mirror may lag behind or be damaged.
    ///
    /// # Errors
    /// Those of [`RegistrySource::read_index`], `memory::require_newest` and `memory::require_unseen`, of the last address.
    pub fn index_as_remembered(&self, name: &PackName, memory: Option<&dyn Memory>) -> Result<Answer<IndexDocument>, SourceError> {
        loop {
            match self.index_of_one_address(name, memory) {
                Err(error) if self.pass_over(&registry::index_path(name), &error) => {}
                answer => return answer,
            }
        }
    }

    fn index_of_one_address(&self, name: &PackName, memory: Option<&dyn Memory>) -> Result<Answer<IndexDocument>, SourceError> {
        let fetched = match self.index_file(name)? {
            Answer::Found(fetched) => fetched,
            Answer::Absent => return memory.map_or(Ok(()), |memory| memory::require_unseen(memory, name)).map(|()| Answer::Absent),
            Answer::Offline => return Ok(Answer::Offline),
        };
        let document = self.read_index(&fetched, name)?;
        memory.map_or(Ok(()), |memory| memory::require_newest(memory, &document, &fetched.bytes))?;
        // Not before: what is refused must not take the place of what was good.
        self.transport.accept(&registry::index_path(name));
        Ok(Answer::Found(document))
    }

    /// Compares its index documents with those that are remembered, and remembers what is newer.
    #[must_use]
    pub fn remembering(mut self, memory: Arc<dyn Memory>) -> Self {
        self.memory = Some(memory);
        self
    }

    /// Tells whose signatures must be there, if anybody's.
    pub fn trust(&self) -> Option<&Trust> {
        self.trust.as_ref()
    }

    /// Reads what the registry says of itself; one without the file is a registry too.
    pub fn document(&self) -> Result<Answer<RegistryDocument>, SourceError> {
        let answer = self.transport.read(REGISTRY_FILE, REGISTRY_FILE_BYTES_MAX).map_err(|source| self.failed(source))?;
        answer.try_map(|fetched| RegistryDocument::parse(&fetched.bytes).map_err(|source| self.refused(source)))
    }

    /// Reads the bytes of a pack's index document, unchecked.
    pub fn index_file(&self, name: &PackName) -> Result<Answer<Fetched>, SourceError> {
        self.transport.read(&registry::index_path(name), INDEX_BYTES_MAX).map_err(|source| self.failed(source))
    }

    /// Tells the transport that a document is not believed, if that is what is wrong; tells whether another address will be asked for it from now on.
    pub(super) fn pass_over(&self, path: &str, error: &SourceError) -> bool {
        let is_not_believed = matches!(error, SourceError::OlderIndex { .. } | SourceError::Document { .. } | SourceError::Untrusted { .. });
        is_not_believed && self.transport.pass_over(path, &reason(error))
    }

    /// Reads a document that was fetched, and believes it if one of the trusted keys signed it.
    ///
    /// # Errors
    /// [`SourceError::Untrusted`], [`SourceError::Document`].
    pub fn read_index(&self, fetched: &Fetched, name: &PackName) -> Result<IndexDocument, SourceError> {
        let trusted = self.trust.as_ref().map_or(&[][..], |trust| &trust.keys);
        self.parse_index(&fetched.bytes, name, trusted)
    }

    /// Reads the bytes of an archive's side file, unchecked.
    pub fn side_file(&self, release: &ReleaseId, archive: &str) -> Result<Answer<Fetched>, SourceError> {
        let path = registry::side_file_path(&release.name, &release.version, archive);
        self.transport.read(&path, SIDE_FILE_BYTES_MAX).map_err(|source| self.failed(source))
    }

    /// Reads the bytes of a release's MANIFEST.json, unchecked.
    pub fn manifest(&self, release: &ReleaseId) -> Result<Answer<Fetched>, SourceError> {
        let path = registry::manifest_path(&release.name, &release.version);
        self.transport.read(&path, MANIFEST_BYTES_MAX).map_err(|source| self.failed(source))
    }

    /// Reads a document as one that must bear a signature by one of these keys; by anybody or nobody where there are none.
    pub(super) fn parse_index(&self, bytes: &[u8], name: &PackName, trusted: &[PublicKey]) -> Result<IndexDocument, SourceError> {
        IndexDocument::parse_signed(bytes, name, trusted).map_err(|source| self.refused_at(&registry::index_path(name), source))
    }

    /// Compares a document with what is remembered of its pack, as `memory::require_newest` does.
    pub fn require_newest(&self, document: &IndexDocument, bytes: &[u8]) -> Result<(), SourceError> {
        self.memory.as_deref().map_or(Ok(()), |memory| memory::require_newest(memory, document, bytes))
    }

    /// Refuses the absence of a document that is remembered, as `memory::require_unseen` does.
    pub(super) fn require_unseen(&self, name: &PackName) -> Result<(), SourceError> {
        self.memory.as_deref().map_or(Ok(()), |memory| memory::require_unseen(memory, name))
    }

    /// Gives the packs that are remembered and not among these, each with the refusal of its absence.
    pub fn gone(&self, packs: &[PackName]) -> Vec<(PackName, SourceError)> {
        let remembered = self.memory.as_deref().map_or_else(Vec::new, Memory::names);
        let absent = remembered.into_iter().filter(|name| !packs.contains(name));
        absent.filter_map(|name| self.require_unseen(&name).err().map(|error| (name, error))).collect()
    }

    /// Remembers a document that was just written.
    pub(super) fn learn(&self, document: &IndexDocument, bytes: &[u8]) {
        if let Some(memory) = &self.memory {
            memory.learn(&document.name, Shown::of(document, bytes));
        }
    }

    pub(super) fn failed(&self, source: NetError) -> SourceError {
        SourceError::Transport { registry: self.describe(), source: Box::new(source) }
    }

    /// Refuses a document that was read, and names the address that it came from.
    pub(super) fn refused_at(&self, path: &str, source: RegistryError) -> SourceError {
        self.refused_by(self.transport.describe_answer(path), source)
    }

    pub(super) fn refused(&self, source: RegistryError) -> SourceError {
        self.refused_by(self.describe(), source)
    }

    fn refused_by(&self, registry: String, source: RegistryError) -> SourceError {
        match &self.trust {
            Some(trust) if source.is_about_trust() => SourceError::Untrusted { registry, trust: Box::new(trust.clone()), source: Box::new(source) },
            _ => SourceError::Document { registry, source: Box::new(source) },
        }
    }
}

/// Says in one line why a document is not believed; which address it came from is told beside it.
fn reason(error: &SourceError) -> String {
    match error {
        SourceError::Document { source, .. } | SourceError::Untrusted { source, .. } => model::in_one_line(&**source),
        other => other.to_string(),
    }
}
