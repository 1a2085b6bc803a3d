//! A whole registry, looked through: every document, signature, archive, side file and MANIFEST.json, and the list of names.
//!
//! It goes on after each finding, and tells apart what is wrong from what could not be looked at.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::ops::ControlFlow;
use std::sync::Mutex;

use rayon::iter::IntoParallelRefIterator as _;
use rayon::iter::ParallelIterator as _;
use serde::Serialize;

use crate::archive;
use crate::archive::PackManifest;
use crate::archive::Verification;
use crate::archive::Verified;
use crate::fetch;
use crate::fetch::Ends;
use crate::fetch::FetchError;
use crate::fetch::Wanted;
use crate::fsys;
use crate::model::KeyId;
use crate::model::PackName;
use crate::model::PublicKey;
use crate::model::ReleaseId;
use crate::model::in_one_line;
use crate::net::Answer;
use crate::ops::Context;
use crate::ops::OpsError;
use crate::ops::sources;
use crate::ops::typed;
use crate::registry;
use crate::registry::IndexArtifact;
use crate::registry::IndexDocument;
use crate::registry::IndexRelease;
use crate::registry::NAMES_FILE;
use crate::registry::NamedPack;
use crate::registry::Names;
use crate::registry::REGISTRY_FILE;
use crate::source::ArchivePosition;
use crate::source::RegistrySource;
use crate::source::Source as _;
use crate::source::SourceError;

/// The directory of all archives.
const PACKS_DIR: &str = "packs";

/// Largest archive that is read into memory, in bytes, where it does not lie on this machine.
const MEMORY_BYTES_MAX: u64 = 16 << 20;

/// What was found in a registry.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct RegistryCheckOutcome {
    /// The registry.
    pub registry: String,
    /// The packs looked at.
    pub packs: usize,
    /// Their releases.
    pub releases: usize,
    /// The archives read through.
    pub archives: usize,
    /// Bytes of these archives.
    pub bytes: u64,
    /// The keys whose signatures were asked for; none where documents need not be signed.
    pub keys: Vec<KeyId>,
    /// What is wrong, by path.
    pub problems: Vec<RegistryProblem>,
    /// What could not be looked at, by path.
    pub unknown: Vec<RegistryProblem>,
    /// Files that no document lists, as an interrupted publish leaves them.
    pub unlisted: Vec<String>,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
pub struct RegistryProblem {
    /// The file of the registry.
    pub path: String,
    /// What is the matter with it.
    pub message: String,
}

/// Looks through a registry; the findings are part of the outcome.
///
/// # Errors
/// [`OpsError::Source`] where not even its packs could be listed.
pub fn check_registry(context: &Context, registry: &str) -> Result<RegistryCheckOutcome, OpsError> {
    let source = typed::open_to_check(context, registry)?;
    let found = Findings::default();
    let check = Check { context, keys: keys(&source, &found), source: &source, found: &found };
    let packs = source.packs()?;
    source.gone(&packs).iter().for_each(|(name, error)| found.add(&registry::index_path(name), error));
    let names = check.names();
    let documents: Vec<IndexDocument> = packs.par_iter().filter_map(|name| check.document(name)).collect();
    check.compare_names(names.as_ref(), &documents, &packs);
    let archives: Vec<(&IndexDocument, &IndexRelease)> =
        documents.iter().flat_map(|document| document.releases.iter().map(move |release| (document, release))).collect();
    let bytes = archives.par_iter().map(|(document, release)| check.release(&document.name, release)).sum();
    let unlisted = check.unlisted(&documents)?;
    let keys = check.keys.iter().map(PublicKey::id).collect();
    Ok(RegistryCheckOutcome {
        registry: source.describe(),
        packs: packs.len(),
        releases: archives.len(),
        archives: archives.iter().map(|(_, release)| release.artifacts.len()).sum(),
        bytes,
        keys,
        problems: sorted(found.problems),
        unknown: sorted(found.unknown),
        unlisted,
    })
}

fn sorted(found: Mutex<Vec<RegistryProblem>>) -> Vec<RegistryProblem> {
    let mut found = found.into_inner().expect("no holder panics");
    found.sort();
    found
}

/// Tells whose signatures are to be there: those of packs.toml, else those that the registry itself speaks of.
fn keys(source: &RegistrySource, found: &Findings) -> Vec<PublicKey> {
    let listed = match source.document() {
        Ok(answer) => answer.found().map_or_else(Vec::new, |document| document.known_keys()),
        Err(error) => {
            found.add(REGISTRY_FILE, &error);
            Vec::new()
        }
    };
    source.trust().map_or(listed, |trust| trust.keys.clone())
}

/// What was found so far.
#[derive(Debug, Default)]
struct Findings {
    problems: Mutex<Vec<RegistryProblem>>,
    unknown: Mutex<Vec<RegistryProblem>>,
}

impl Findings {
    fn problem(&self, path: &str, message: impl Into<String>) {
        self.problems.lock().expect("no holder panics").push(RegistryProblem { path: path.to_owned(), message: message.into() });
    }

    fn unknown(&self, path: &str, message: impl Into<String>) {
        self.unknown.lock().expect("no holder panics").push(RegistryProblem { path: path.to_owned(), message: message.into() });
    }

    /// Adds what a source said: a registry that cannot be asked has said nothing.
    fn add(&self, path: &str, error: &SourceError) {
        match error {
            SourceError::Transport { .. } | SourceError::Offline { .. } => self.unknown(path, in_one_line(error)),
            _ => self.problem(path, in_one_line(error)),
        }
    }

    /// Gives what was asked for, or adds why it is not there.
    fn take<T>(&self, path: &str, answer: Result<Answer<T>, SourceError>) -> Option<T> {
        match answer {
            Ok(Answer::Found(found)) => return Some(found),
            Ok(Answer::Absent) => self.problem(path, "it is missing"),
            Ok(Answer::Offline) => self.unknown(path, "the registry is offline"),
            Err(error) => self.add(path, &error),
        }
        None
    }
}

/// One look through a registry.
struct Check<'c> {
    context: &'c Context,
    source: &'c RegistrySource,
    keys: Vec<PublicKey>,
    found: &'c Findings,
}

impl Check<'_> {
    fn names(&self) -> Option<Names> {
        self.found.take(NAMES_FILE, self.source.names())
    }

    fn document(&self, name: &PackName) -> Option<IndexDocument> {
        let path = registry::index_path(name);
        let fetched = self.found.take(&path, self.source.index_file(name))?;
        match IndexDocument::parse_signed(&fetched.bytes, name, &self.keys) {
            Ok(document) => {
                if let Err(error) = self.source.require_newest(&document, &fetched.bytes) {
                    self.found.problem(&path, in_one_line(&error));
                }
                Some(document)
            }
            Err(error) => {
                self.found.problem(&path, in_one_line(&error));
                // Whoever signed it, its archives can be looked at.
                IndexDocument::parse(&fetched.bytes, name).ok()
            }
        }
    }

    fn compare_names(&self, names: Option<&Names>, documents: &[IndexDocument], packs: &[PackName]) {
        let Some(names) = names else { return };
        for document in documents {
            if names.find(&document.name) != NamedPack::of(document).as_ref() {
                self.found.problem(NAMES_FILE, format!("it is behind the index of {}", document.name));
            }
        }
        for listed in names.packs.iter().filter(|listed| packs.binary_search(&listed.name).is_err() && !packs.contains(&listed.name)) {
            self.found.problem(NAMES_FILE, format!("it lists {}, which has no index document", listed.name));
        }
    }

    /// Looks at everything of one release; gives the bytes of its archives.
    fn release(&self, name: &PackName, entry: &IndexRelease) -> u64 {
        let release = ReleaseId { name: name.clone(), version: entry.version.clone() };
        let manifests: Vec<PackManifest> = entry.artifacts.iter().filter_map(|artifact| self.archive(&release, entry, artifact)).collect();
        let path = registry::manifest_path(name, &entry.version);
        if let Some(fetched) = self.found.take(&path, self.source.manifest(&release)) {
            match PackManifest::parse(&fetched.bytes) {
                Err(error) => self.found.problem(&path, in_one_line(&error)),
                Ok(manifest) if !manifests.is_empty() && !manifests.contains(&manifest) => {
                    self.found.problem(&path, "no archive of the release has this manifest");
                }
                Ok(_) => {}
            }
        }
        entry.artifacts.iter().map(|artifact| artifact.size).sum()
    }

    /// Looks at an archive and its side file; gives its manifest if it is what the index says.
    fn archive(&self, release: &ReleaseId, entry: &IndexRelease, artifact: &IndexArtifact) -> Option<PackManifest> {
        let file = artifact.archive.as_str();
        let side_path = registry::side_file_path(&release.name, &release.version, file);
        if let Some(side) = self.found.take(&side_path, self.source.side_file(release, file)) {
            match archive::parse_side_file(&side.bytes, file) {
                Err(error) => self.found.problem(&side_path, in_one_line(&error)),
                Ok(sha256) if sha256 != artifact.sha256 => self.found.problem(&side_path, format!("it says {sha256}, and the index {}", artifact.sha256)),
                Ok(_) => {}
            }
        }
        let path = registry::archive_path(&release.name, &release.version, file);
        let verified = self.verified(&path, release, artifact)?;
        let contents = verified.look_through(&self.context.limits).map_err(|error| self.found.problem(&path, in_one_line(&error))).ok()?;
        let manifest = contents.manifest;
        for (differs, what) in [
            (contents.digest != artifact.tree, "its tree digest"),
            (artifact.unpacked_size.is_some_and(|size| size != contents.unpacked_bytes), "its unpacked size"),
            (manifest.name != release.name || manifest.version != release.version, "its name and version"),
            (manifest.platform != artifact.platform, "its platform"),
            (manifest.requires != entry.requires, "what it requires"),
            (manifest.extras != entry.extras, "its extras"),
            (manifest.license != entry.license, "its licence"),
        ] {
            if differs {
                self.found.problem(&path, format!("{what} is not what the index says"));
            }
        }
        Some(manifest)
    }

    /// Reads an archive whole, and gives it if it is the one that the index lists.
    fn verified(&self, path: &str, release: &ReleaseId, artifact: &IndexArtifact) -> Option<Verified> {
        if let Some(root) = sources::local_directory(&self.source.describe()) {
            return self.checked(path, fetch::open_file(&root.join(path), artifact.size, artifact.sha256));
        }
        if artifact.size > MEMORY_BYTES_MAX {
            return self.checked_in_cache(path, release, artifact);
        }
        let reader = self.found.take(path, self.source.archive(release, artifact.archive.as_str()))?;
        let mut bytes = Vec::new();
        match reader.take(artifact.size.saturating_add(1)).read_to_end(&mut bytes) {
            Ok(_) => match Verification::new(artifact.size, artifact.sha256).finish_memory(bytes) {
                Ok(verified) => return Some(verified),
                Err(mismatch) => self.found.problem(path, in_one_line(&mismatch)),
            },
            Err(error) => self.found.unknown(path, in_one_line(&error)),
        }
        None
    }

    /// Takes a large archive through a file of the cache that has no name afterwards.
    fn checked_in_cache(&self, path: &str, release: &ReleaseId, artifact: &IndexArtifact) -> Option<Verified> {
        let archives = self.context.layout.archives();
        let cached = archives.join(format!(".check-{}", fsys::random_id().ok()?));
        let partial = cached.with_extension("part");
        let wanted = Wanted { size: artifact.size, sha256: artifact.sha256, cached: &cached, partial: &partial };
        let open = |offset: u64, known: Option<&_>| self.source.archive_at(release, artifact.archive.as_str(), ArchivePosition { offset, known });
        let watch = |_| if self.context.interrupt.is_asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        let received = fsys::create_dir_all(&archives).map_err(|error| in_one_line(&error)).and_then(|()| {
            self.context
                .waiting(|waiting| fetch::download(&wanted, &Ends { open: &open, watch: &watch, elsewhere: &|_| false }, waiting))
                .map_err(|error| in_one_line(&error))
        });
        let verified = match received {
            Ok(Answer::Found(_)) => self.checked(path, fetch::open_file(&cached, artifact.size, artifact.sha256)),
            Ok(_) => self.found.take::<Verified>(path, Ok(Answer::Absent)),
            Err(message) => {
                self.found.unknown(path, message);
                None
            }
        };
        // It is open still; nobody else knows its name, and gc finds what a crash leaves.
        for file in [&cached, &partial] {
            let _ = fsys::remove_file(file);
        }
        verified
    }

    fn checked(&self, path: &str, opened: Result<Verified, FetchError>) -> Option<Verified> {
        match opened {
            Ok(verified) => return Some(verified),
            Err(error @ (FetchError::Mismatch { .. } | FetchError::WrongFile { .. })) => self.found.problem(path, in_one_line(&error)),
            Err(FetchError::Disk(error)) if error.io_kind() == Some(std::io::ErrorKind::NotFound) => self.found.problem(path, "it is missing"),
            Err(error) => self.found.unknown(path, in_one_line(&error)),
        }
        None
    }

    /// Lists files below `packs/` that nothing leads to.
    fn unlisted(&self, documents: &[IndexDocument]) -> Result<Vec<String>, OpsError> {
        let Some(files) = self.source.files(PACKS_DIR)? else { return Ok(Vec::new()) };
        let mut listed = BTreeSet::new();
        for (name, release) in documents.iter().flat_map(|document| document.releases.iter().map(move |release| (&document.name, release))) {
            listed.insert(registry::manifest_path(name, &release.version));
            for artifact in &release.artifacts {
                listed.insert(registry::archive_path(name, &release.version, artifact.archive.as_str()));
                listed.insert(registry::side_file_path(name, &release.version, artifact.archive.as_str()));
            }
        }
        Ok(files.into_iter().filter(|file| !listed.contains(file)).collect())
    }
}
