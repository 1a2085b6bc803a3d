//! Writing to a registry: releases, what is said of them, and signatures.
//!
//! Order of a publish, so that a power cut leaves nothing that an index names and is not there: archives, then their side files, then MANIFEST.json, each
//! only if absent; the index document last, conditionally, and again from a fresh reading if another publisher was faster. Files of a publish that did not
//! come to its index are found equal by the next try.
//!
//! Who signs vouches for the whole document. So a document is changed with a key only if a key that is known signed what it says now, and one that is signed
//! is never changed without a key: it would be refused by all who trust that key. Nor is one changed that is older than what is remembered: a signature
//! would make somebody's old copy the newest document.

use std::io;
use std::io::Read;

use sha2::Digest as _;
use sha2::Sha256;

use crate::model::KeyId;
use crate::model::PackName;
use crate::model::PathComponent;
use crate::model::PublicKey;
use crate::model::ReleaseId;
use crate::model::Sha256Digest;
use crate::model::Version;
use crate::net::Answer;
use crate::net::Fetched;
use crate::net::NetError;
use crate::net::Precondition;
use crate::net::Written;
use crate::registry;
use crate::registry::IndexArtifact;
use crate::registry::IndexDocument;
use crate::registry::IndexRelease;
use crate::registry::Published;
use crate::registry::RegistryError;
use crate::registry::SecretKey;
use crate::registry::Signers;
use crate::source::RegistrySource;
use crate::source::Source as _;
use crate::source::SourceError;

/// How often a file is read again because another writer was faster; each time at least one of them got through.
pub(super) const ATTEMPTS_MAX: u32 = 100;

/// An archive on its way into a registry.
pub struct Upload<'a> {
    /// Its file name, as the release lists it.
    pub archive: PathComponent,
    /// Its bytes, read once.
    pub content: Box<dyn Read + 'a>,
    /// The text of its side file.
    pub side_file: String,
}

/// Which releases are taken back, or count again.
pub struct Yank<'a> {
    /// Tells whether a release is meant.
    pub which: &'a (dyn Fn(&Version) -> bool + Sync),
    /// Why they are taken back; `None` lets them count again.
    pub reason: Option<&'a str>,
}

/// Whether documents are signed whose content nobody known vouches for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adopt {
    /// Only what bears a known key's signature is signed anew.
    SignedOnly,
    /// Unsigned documents, and those that strangers signed, are signed as they stand: somebody has looked at them.
    All,
}

/// Whether a planned change of an index is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It is only planned: everything is read and refused as it would be.
    Plan,
    /// It is written.
    Write,
}

impl RegistrySource {
    /// Publishes archives of one release; `entry` lists exactly those given in `uploads`.
    ///
    /// If the release is published already with the same bytes, only those of its files are written that were lost. The first platform's `manifest` stays the release's MANIFEST.json.
    ///
    /// # Errors
    /// [`SourceError::OtherArchives`], [`SourceError::NotTaken`], [`SourceError::KeyNeeded`] and [`SourceError::NobodyVouches`] before anything is written;
    /// [`SourceError::LeftOver`] if an unlisted archive is in the way; [`SourceError::Transport`] if reading or writing fails, or an upload has not the
    /// digest its entry says. The index then is as it was.
    pub fn publish(&self, name: &PackName, entry: &IndexRelease, uploads: Vec<Upload<'_>>, manifest: &[u8]) -> Result<Published, SourceError> {
        let release = ReleaseId { name: name.clone(), version: entry.version.clone() };
        let pairs = pair_up(&release, entry, uploads)?;
        let change = |document: &mut IndexDocument| self.take(document, &release, entry);
        let edit = self.plan_index(name, Adopt::SignedOnly, &change)?;
        if edit.value != Published::Added {
            let restored = self.restore(&edit.document, &release, pairs, manifest)?;
            return if edit.is_changed { self.write_index(name, Adopt::SignedOnly, edit, &change) } else { Ok(restored) };
        }
        for (artifact, upload) in pairs {
            self.upload(&release, artifact, upload)?;
        }
        // One that is there already is the first platform's, or an interrupted publish left it.
        let (Written::Done | Written::PreconditionFailed) = self.write_if_absent(&registry::manifest_path(name, &entry.version), manifest)?;
        self.write_index(name, Adopt::SignedOnly, edit, &change)
    }

    /// Tells what [`RegistrySource::publish`] would do with a release, and refuses what it would refuse for what is published; writes nothing.
    ///
    /// # Errors
    /// Those of [`RegistrySource::publish`] that come before anything is written.
    pub fn plan_publish(&self, name: &PackName, entry: &IndexRelease) -> Result<Published, SourceError> {
        let release = ReleaseId { name: name.clone(), version: entry.version.clone() };
        let edit = self.plan_index(name, Adopt::SignedOnly, &|document| self.take(document, &release, entry))?;
        if edit.value != Published::AlreadyThere {
            return Ok(edit.value);
        }
        let archives = entry.artifacts.iter().map(|artifact| published_name(&edit.document, &release, artifact));
        self.plan_restore(&release, archives)
    }

    /// Takes releases of a pack back, or lets them count again; gives those that changed.
    ///
    /// # Errors
    /// [`SourceError::NoSuchPack`], [`SourceError::KeyNeeded`], [`SourceError::NobodyVouches`], [`SourceError::Transport`]. Nothing has changed then.
    pub fn yank(&self, name: &PackName, yank: &Yank<'_>, effect: Effect) -> Result<Vec<Version>, SourceError> {
        self.change_known(name, Adopt::SignedOnly, effect, &|document| Ok(document.yank(&|version| (yank.which)(version), yank.reason)))
    }

    /// Signs a pack's document with the keys at hand, in place of the signatures it has; tells whether that changed anything.
    ///
    /// # Errors
    /// Those of [`RegistrySource::yank`].
    pub fn sign(&self, name: &PackName, adopt: Adopt, effect: Effect) -> Result<bool, SourceError> {
        let ours: Vec<KeyId> = self.keys.iter().map(|key| key.public().id()).collect();
        self.change_known(name, adopt, effect, &|document| {
            let signers = self.signers(document)?;
            let is_new = signers != ours;
            document.revision += u64::from(is_new);
            Ok(is_new)
        })
    }

    fn take(&self, document: &mut IndexDocument, release: &ReleaseId, entry: &IndexRelease) -> Result<Published, SourceError> {
        let not_taken = |source| SourceError::NotTaken { registry: self.describe(), release: Box::new(release.clone()), source: Box::new(source) };
        document.publish(entry.clone()).map_err(not_taken)
    }

    /// Writes those files of a published release that are gone; what is there is left as it is, for `registry check` to judge.
    fn restore(
        &self,
        document: &IndexDocument,
        release: &ReleaseId,
        pairs: Vec<(&IndexArtifact, Upload<'_>)>,
        manifest: &[u8],
    ) -> Result<Published, SourceError> {
        let mut written = Vec::new();
        for (artifact, upload) in pairs {
            let archive = published_name(document, release, artifact);
            let side_file = upload.side_file.replace(upload.archive.as_str(), archive.as_str());
            let path = registry::archive_path(&release.name, &release.version, archive.as_str());
            // Whoever has it whole must not send it again, and whoever sends it sends just what the index says.
            if self.is_lost(&path)? {
                let mut content = Checked::new(upload.content, artifact.sha256);
                written.push(self.transport.write_from(&path, &mut content, &Precondition::Absent).map_err(|source| self.failed(source))?);
            }
            written.push(self.write_if_absent(&registry::side_file_path(&release.name, &release.version, archive.as_str()), side_file.as_bytes())?);
        }
        written.push(self.write_if_absent(&registry::manifest_path(&release.name, &release.version), manifest)?);
        Ok(if written.contains(&Written::Done) { Published::Restored } else { Published::AlreadyThere })
    }

    /// Tells whether files of a published release are gone.
    fn plan_restore<'a>(&self, release: &ReleaseId, archives: impl Iterator<Item = &'a PathComponent>) -> Result<Published, SourceError> {
        let mut paths = vec![registry::manifest_path(&release.name, &release.version)];
        for archive in archives {
            paths.push(registry::archive_path(&release.name, &release.version, archive.as_str()));
            paths.push(registry::side_file_path(&release.name, &release.version, archive.as_str()));
        }
        let lost = paths.iter().map(|path| self.is_lost(path)).collect::<Result<Vec<_>, _>>()?;
        Ok(if lost.contains(&true) { Published::Restored } else { Published::AlreadyThere })
    }

    fn is_lost(&self, path: &str) -> Result<bool, SourceError> {
        Ok(matches!(self.transport.open(path).map_err(|source| self.failed(source))?, Answer::Absent))
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
        self.write_if_absent(&side_file, upload.side_file.as_bytes()).map(drop)
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

    fn write_if_absent(&self, path: &str, bytes: &[u8]) -> Result<Written, SourceError> {
        self.transport.write(path, bytes, &Precondition::Absent).map_err(|source| self.failed(source))
    }

    /// Changes the document of a pack that is published.
    fn change_known<C>(&self, name: &PackName, adopt: Adopt, effect: Effect, change: &Change<'_, C>) -> Result<C, SourceError> {
        let edit = self.plan_index(name, adopt, change)?;
        if edit.when == Precondition::Absent {
            return Err(SourceError::NoSuchPack { registry: self.describe(), name: name.clone() });
        }
        match effect {
            Effect::Plan => Ok(edit.value),
            Effect::Write => self.write_index(name, adopt, edit, change),
        }
    }

    /// Reads the index and plans what it becomes.
    fn plan_index<C>(&self, name: &PackName, adopt: Adopt, change: &Change<'_, C>) -> Result<IndexEdit<C>, SourceError> {
        let mut unknown = None;
        let (mut document, when) = match self.index_file(name)? {
            Answer::Offline => return Err(SourceError::Offline { registry: self.describe() }),
            Answer::Absent => {
                self.require_unseen(name)?;
                self.require_keys(name)?;
                (IndexDocument::new(name.clone()), Precondition::Absent)
            }
            Answer::Found(fetched) => {
                let document = self.parse_to_change(&fetched, name, adopt)?;
                // Whoever signs an old document anew makes it the newest: what it lacks would be lost to all who trust the key.
                match self.require_newest(&document, &fetched.bytes) {
                    // Somebody has looked at what it says.
                    Err(SourceError::OtherIndex { .. }) if adopt == Adopt::All => {}
                    compared => compared?,
                }
                unknown = document.unknown_field(&fetched.bytes);
                (document, Precondition::Unchanged(fetched.revision))
            }
        };
        let before = document.revision;
        let value = change(&mut document)?;
        let is_changed = document.revision != before;
        if is_changed {
            if let Some(field) = unknown {
                return Err(SourceError::NewerField { registry: self.describe(), file: registry::index_path(name), field });
            }
            document.sign(&self.keys).map_err(|source| self.refused(source))?;
        }
        Ok(IndexEdit { document, when, value, is_changed })
    }

    /// Writes the planned index, and plans again as long as others are faster.
    fn write_index<C>(&self, name: &PackName, adopt: Adopt, mut edit: IndexEdit<C>, change: &Change<'_, C>) -> Result<C, SourceError> {
        let path = registry::index_path(name);
        for _ in 0..ATTEMPTS_MAX {
            if !edit.is_changed {
                return Ok(edit.value);
            }
            let bytes = edit.document.format();
            if self.transport.write(&path, &bytes, &edit.when).map_err(|source| self.failed(source))? == Written::Done {
                self.learn(&edit.document, &bytes);
                return Ok(edit.value);
            }
            edit = self.plan_index(name, adopt, change)?;
        }
        Err(SourceError::Contended { registry: self.describe(), file: path, attempts: ATTEMPTS_MAX })
    }

    /// Reads a document that is to be changed: one that somebody known vouches for, if it is to be signed.
    fn parse_to_change(&self, fetched: &Fetched, name: &PackName, adopt: Adopt) -> Result<IndexDocument, SourceError> {
        if self.keys.is_empty() {
            let document = self.parse_index(&fetched.bytes, name, self.trust.as_ref().map_or(&[][..], |trust| &trust.keys))?;
            let signers = self.signers(&document)?;
            return if signers.is_empty() { self.require_keys(name).map(|()| document) } else { Err(self.key_needed(name, signers)) };
        }
        let known: Vec<PublicKey> = self.keys.iter().map(SecretKey::public).chain(self.trust.iter().flat_map(|trust| trust.keys.clone())).collect();
        match IndexDocument::parse_signed(&fetched.bytes, name, &known) {
            Err(RegistryError::Unsigned { .. } | RegistryError::UnknownSigner { .. }) if adopt == Adopt::All => self.parse_index(&fetched.bytes, name, &[]),
            Err(source @ (RegistryError::Unsigned { .. } | RegistryError::UnknownSigner { .. })) => {
                Err(SourceError::NobodyVouches { registry: self.describe(), name: name.clone(), source: Box::new(source) })
            }
            parsed => parsed.map_err(|source| self.refused(source)),
        }
    }

    /// Refuses a document without a signature where signatures are expected: by packs.toml, by what the registry says of itself, or where it says nothing,
    /// by its other documents.
    fn require_keys(&self, name: &PackName) -> Result<(), SourceError> {
        if !self.keys.is_empty() {
            return Ok(());
        }
        let trusted = self.trust.iter().flat_map(|trust| &trust.keys).map(PublicKey::id).collect::<Vec<_>>();
        let listed = || match self.document()? {
            Answer::Found(document) => Ok(document.known_keys().iter().map(PublicKey::id).collect()),
            Answer::Absent | Answer::Offline => self.signers_found(),
        };
        let expected: Vec<KeyId> = if trusted.is_empty() { listed()? } else { trusted };
        if expected.is_empty() {
            Ok(())
        } else {
            Err(SourceError::SignedRegistry { registry: self.describe(), name: name.clone(), signers: Signers(expected) })
        }
    }

    /// Gives the keys that a document of the registry says it is signed by; of the first that is signed, in order of names.
    fn signers_found(&self) -> Result<Vec<KeyId>, SourceError> {
        let packs = match self.packs() {
            // One that cannot be listed and has no list of names is new, or says nothing.
            Err(SourceError::NotListed { .. }) => return Ok(Vec::new()),
            packs => packs?,
        };
        for name in packs {
            if let Answer::Found(fetched) = self.index_file(&name)? {
                let signers = self.signers(&self.parse_index(&fetched.bytes, &name, &[])?)?;
                if !signers.is_empty() {
                    return Ok(signers);
                }
            }
        }
        Ok(Vec::new())
    }

    fn key_needed(&self, name: &PackName, signers: Vec<KeyId>) -> SourceError {
        SourceError::KeyNeeded { registry: self.describe(), name: name.clone(), signers: Signers(signers) }
    }

    fn signers(&self, document: &IndexDocument) -> Result<Vec<KeyId>, SourceError> {
        document.signers().map_err(|source| self.refused(source))
    }
}

/// What is to become of a document; a change raises its revision.
type Change<'a, C> = dyn Fn(&mut IndexDocument) -> Result<C, SourceError> + 'a;

/// An index as it shall be, and the state it was planned from.
struct IndexEdit<C> {
    document: IndexDocument,
    when: Precondition,
    value: C,
    is_changed: bool,
}

/// Gives the name under which the index knows an archive: who publishes it again may have named it otherwise.
fn published_name<'a>(document: &'a IndexDocument, release: &ReleaseId, artifact: &'a IndexArtifact) -> &'a PathComponent {
    let published = document.find(&release.version).and_then(|known| known.artifacts.iter().find(|known| known.sha256 == artifact.sha256));
    &published.unwrap_or(artifact).archive
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
