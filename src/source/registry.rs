//! A registry as source, and as the place to publish to.
//!
//! Order of a publish, so that a power cut leaves nothing that an index names and is not there: archives, then their side files, then MANIFEST.json, each
//! only if absent; the index document last, conditionally, and again from a fresh reading if another publisher was faster. Files of a publish that did not
//! come to its index are found equal by the next try.

use std::io;
use std::io::Read;

use sha2::Digest as _;
use sha2::Sha256;

use crate::model::PackName;
use crate::model::PathComponent;
use crate::model::ReleaseId;
use crate::model::Sha256Digest;
use crate::net::Answer;
use crate::net::Body;
use crate::net::NetError;
use crate::net::Precondition;
use crate::net::Transport;
use crate::net::Written;
use crate::registry;
use crate::registry::INDEX_BYTES_MAX;
use crate::registry::IndexArtifact;
use crate::registry::IndexDocument;
use crate::registry::IndexRelease;
use crate::registry::Published;
use crate::registry::REGISTRY_FILE;
use crate::registry::REGISTRY_FILE_BYTES_MAX;
use crate::registry::RegistryDocument;
use crate::registry::RegistryError;
use crate::source::ArchivePosition;
use crate::source::Source;
use crate::source::SourceError;

/// How often an index is read again because another publisher was faster; each time at least one of them got through.
const ATTEMPTS_MAX: u32 = 100;

/// A registry behind a transport.
pub struct RegistrySource {
    transport: Box<dyn Transport>,
}

/// An archive on its way into a registry.
pub struct Upload<'a> {
    /// Its file name, as the release lists it.
    pub archive: PathComponent,
    /// Its bytes, read once.
    pub content: Box<dyn Read + 'a>,
    /// The text of its side file.
    pub side_file: String,
}

impl Source for RegistrySource {
    fn index(&self, name: &PackName) -> Result<Answer<IndexDocument>, SourceError> {
        let answer = self.transport.read(&registry::index_path(name), INDEX_BYTES_MAX).map_err(|source| self.failed(source))?;
        answer.try_map(|fetched| IndexDocument::parse(&fetched.bytes, name).map_err(|source| self.refused(source)))
    }

    fn archive_at(&self, release: &ReleaseId, archive: &str, position: ArchivePosition<'_>) -> Result<Answer<Body>, SourceError> {
        let path = registry::archive_path(&release.name, &release.version, archive);
        self.transport.open_at(&path, position.offset, position.known).map_err(|source| self.failed(source))
    }

    fn describe(&self) -> String {
        self.transport.describe()
    }
}

impl RegistrySource {
    /// Reads and writes a registry through a transport.
    pub fn new(transport: Box<dyn Transport>) -> Self {
        RegistrySource { transport }
    }

    /// Reads what the registry says of itself; one without the file is a registry too.
    pub fn document(&self) -> Result<Answer<RegistryDocument>, SourceError> {
        let answer = self.transport.read(REGISTRY_FILE, REGISTRY_FILE_BYTES_MAX).map_err(|source| self.failed(source))?;
        answer.try_map(|fetched| RegistryDocument::parse(&fetched.bytes).map_err(|source| self.refused(source)))
    }

    /// Writes what the registry says of itself, unless it says something already.
    pub fn initialize(&self, document: &RegistryDocument) -> Result<Written, SourceError> {
        self.transport.write(REGISTRY_FILE, &document.format(), &Precondition::Absent).map_err(|source| self.failed(source))
    }

    /// Publishes archives of one release; `entry` lists exactly those given in `uploads`.
    ///
    /// If the release is published already with the same bytes, nothing is written. The first platform's `manifest` stays the release's MANIFEST.json.
    ///
    /// # Errors
    /// [`SourceError::OtherArchives`] and [`SourceError::NotTaken`] before anything is written; [`SourceError::LeftOver`] if an unlisted archive is in the
    /// way; [`SourceError::Transport`] if reading or writing fails, or an upload has not the digest its entry says. The index then is as it was.
    pub fn publish(&self, name: &PackName, entry: &IndexRelease, uploads: Vec<Upload<'_>>, manifest: &[u8]) -> Result<Published, SourceError> {
        let release = ReleaseId { name: name.clone(), version: entry.version.clone() };
        let pairs = pair_up(&release, entry, uploads)?;
        let edit = self.edit_index(&release, entry)?;
        if edit.published == Published::AlreadyThere {
            return Ok(Published::AlreadyThere);
        }
        for (artifact, upload) in pairs {
            self.upload(&release, artifact, upload)?;
        }
        self.write_if_absent(&registry::manifest_path(name, &entry.version), manifest)?;
        self.write_index(&release, entry, edit)
    }

    /// Tells what [`RegistrySource::publish`] would do with a release, and refuses what it would refuse for what is published; writes nothing.
    ///
    /// # Errors
    /// [`SourceError::NotTaken`] where the version is published already with other bytes; [`SourceError::Transport`] if reading fails.
    pub fn plan_publish(&self, name: &PackName, entry: &IndexRelease) -> Result<Published, SourceError> {
        let release = ReleaseId { name: name.clone(), version: entry.version.clone() };
        Ok(self.edit_index(&release, entry)?.published)
    }

    /// Writes the archive and its side file, unless the same bytes are there.
    fn upload(&self, release: &ReleaseId, artifact: &IndexArtifact, upload: Upload<'_>) -> Result<(), SourceError> {
        let path = registry::archive_path(&release.name, &release.version, upload.archive.as_str());
        let left_over = || SourceError::LeftOver { registry: self.describe(), release: Box::new(release.clone()), archive: upload.archive.clone() };
        if !self.holds(&path, artifact, left_over)? {
            let mut content = Checked::new(upload.content, artifact.sha256);
            let written = self.transport.write_from(&path, &mut content, &Precondition::Absent).map_err(|source| self.failed(source))?;
            // Another publisher of the same release was faster: equal bytes are as good as ours.
            if written == Written::PreconditionFailed {
                self.holds(&path, artifact, left_over)?;
            }
        }
        let side_file = registry::side_file_path(&release.name, &release.version, upload.archive.as_str());
        self.write_if_absent(&side_file, upload.side_file.as_bytes())
    }

    /// Tells whether the archive is there; other bytes under its name are an error.
    fn holds(&self, path: &str, artifact: &IndexArtifact, left_over: impl Fn() -> SourceError) -> Result<bool, SourceError> {
        let Answer::Found(content) = self.transport.open(path).map_err(|source| self.failed(source))? else { return Ok(false) };
        let mut content = Checked::new(content, artifact.sha256);
        match io::copy(&mut content, &mut io::sink()) {
            Ok(_) => Ok(true),
            Err(_) if content.is_other() => Err(left_over()),
            Err(source) => Err(self.failed(NetError::Io { operation: "read", root: self.describe(), path: path.to_owned(), source })),
        }
    }

    fn write_if_absent(&self, path: &str, bytes: &[u8]) -> Result<(), SourceError> {
        match self.transport.write(path, bytes, &Precondition::Absent).map_err(|source| self.failed(source))? {
            Written::Done | Written::PreconditionFailed => Ok(()),
        }
    }

    /// Reads the index and plans what it becomes with the release in it.
    fn edit_index(&self, release: &ReleaseId, entry: &IndexRelease) -> Result<IndexEdit, SourceError> {
        let path = registry::index_path(&release.name);
        let (mut document, when) = match self.transport.read(&path, INDEX_BYTES_MAX).map_err(|source| self.failed(source))? {
            Answer::Offline => return Err(SourceError::Offline { registry: self.describe() }),
            Answer::Absent => (IndexDocument::new(release.name.clone()), Precondition::Absent),
            Answer::Found(fetched) => {
                let document = IndexDocument::parse(&fetched.bytes, &release.name).map_err(|source| self.refused(source))?;
                (document, Precondition::Unchanged(fetched.revision))
            }
        };
        let not_taken = |source| SourceError::NotTaken { registry: self.describe(), release: Box::new(release.clone()), source: Box::new(source) };
        let published = document.publish(entry.clone()).map_err(not_taken)?;
        Ok(IndexEdit { document, when, published })
    }

    /// Writes the planned index, and plans again as long as others are faster.
    fn write_index(&self, release: &ReleaseId, entry: &IndexRelease, mut edit: IndexEdit) -> Result<Published, SourceError> {
        let path = registry::index_path(&release.name);
        for _ in 0..ATTEMPTS_MAX {
            if edit.published == Published::AlreadyThere {
                return Ok(Published::AlreadyThere);
            }
            let written = self.transport.write(&path, &edit.document.format(), &edit.when).map_err(|source| self.failed(source))?;
            if written == Written::Done {
                return Ok(Published::Added);
            }
            edit = self.edit_index(release, entry)?;
        }
        Err(SourceError::Contended { registry: self.describe(), release: Box::new(release.clone()), attempts: ATTEMPTS_MAX })
    }

    fn failed(&self, source: NetError) -> SourceError {
        SourceError::Transport { registry: self.describe(), source: Box::new(source) }
    }

    fn refused(&self, source: RegistryError) -> SourceError {
        SourceError::Document { registry: self.describe(), source: Box::new(source) }
    }
}

/// An index as it shall be, and the state it was planned from.
struct IndexEdit {
    document: IndexDocument,
    when: Precondition,
    published: Published,
}

/// Gives each upload the artifact that lists it.
fn pair_up<'a, 'b>(release: &ReleaseId, entry: &'a IndexRelease, uploads: Vec<Upload<'b>>) -> Result<Vec<(&'a IndexArtifact, Upload<'b>)>, SourceError> {
    let mut listed: Vec<_> = entry.artifacts.iter().collect();
    let mut given = uploads;
    listed.sort_by(|a, b| a.archive.cmp(&b.archive));
    given.sort_by(|a, b| a.archive.cmp(&b.archive));
    let listed_names: Vec<&str> = listed.iter().map(|artifact| artifact.archive.as_str()).collect();
    let given_names: Vec<&str> = given.iter().map(|upload| upload.archive.as_str()).collect();
    if listed_names != given_names {
        return Err(SourceError::OtherArchives { release: Box::new(release.clone()), listed: listed_names.join(", "), given: given_names.join(", ") });
    }
    Ok(listed.into_iter().zip(given).collect())
}

/// Hashes what passes through, and fails at the end if it is not what was announced.
struct Checked<R> {
    inner: R,
    hasher: Sha256,
    expected: Sha256Digest,
    found: Option<Sha256Digest>,
}

impl<R: Read> Checked<R> {
    fn new(inner: R, expected: Sha256Digest) -> Self {
        Checked { inner, hasher: Sha256::new(), expected, found: None }
    }

    /// Tells whether it was read to its end and found to be something else.
    fn is_other(&self) -> bool {
        self.found.is_some_and(|found| found != self.expected)
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let filled = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..filled]);
        if filled > 0 || buffer.is_empty() {
            return Ok(filled);
        }
        let found = *self.found.get_or_insert_with(|| Sha256Digest::from_bytes(self.hasher.clone().finalize().into()));
        if found == self.expected {
            return Ok(0);
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, format!("its sha256 is {found}, not {}", self.expected)))
    }
}
