//! From a lockfile to the trees it names: what is stored stays, the rest is verified and staged.
//!
//! The only place where the bytes of `fetch` meet `store`. The order is that of `store/locks.rs` and `store/roots.rs`: what will be used is registered as a
//! running root under the shared store lock, and only then the store is looked at; then the unpack locks are taken, and the store is looked at again, since
//! another process may have unpacked meanwhile what we waited for.

use std::collections::BTreeSet;
use std::path::PathBuf;

use rayon::iter::ParallelBridge as _;
use rayon::iter::ParallelIterator as _;
use serde::Serialize;

use crate::archive::Limits;
use crate::archive::PackManifest;
use crate::archive::Verified;
use crate::build::Collected;
use crate::fetch;
use crate::fsys;
use crate::fsys::FileLock;
use crate::generation::WantedRelease;
use crate::lock::LockedArtifact;
use crate::lock::LockedRelease;
use crate::lock::Lockfile;
use crate::manifest::Wants;
use crate::model::PackName;
use crate::model::PathComponent;
use crate::model::Platform;
use crate::model::RegistryName;
use crate::model::ReleaseId;
use crate::model::Sha256Digest;
use crate::model::SourceId;
use crate::model::StorePath;
use crate::net::Answer;
use crate::ops::Context;
use crate::ops::Event;
use crate::ops::OpsError;
use crate::ops::path_pack;
use crate::ops::project::Project;
use crate::ops::sources::Sources;
use crate::registry;
use crate::source::Source as _;
use crate::store::Batch;
use crate::store::Durability;
use crate::store::Expected;
use crate::store::RunningRoot;
use crate::store::Staged;
use crate::store::Store;
use crate::store::locks;

/// What unpacking took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, schemars::JsonSchema)]
pub struct Unpacked {
    /// Archives and directories that were not stored yet.
    pub archives: usize,
    /// Bytes of their files.
    pub unpacked_bytes: u64,
    /// Bytes of those that were written.
    pub written_bytes: u64,
    /// Bytes of those that were stored already under other releases.
    pub shared_bytes: u64,
}

/// One release that an environment links, and where its tree comes from.
struct Needed<'l> {
    id: &'l ReleaseId,
    store_path: StorePath,
    origin: Origin<'l>,
}

enum Origin<'l> {
    Archive(&'l RegistryName, &'l LockedArtifact),
    Directory(Box<Collected>),
}

/// Everything a generation needs, stored or staged; dropping it removes what was staged.
pub(super) struct Prepared<'s> {
    batch: Batch<'s>,
    staged: Vec<Staged>,
    stored: Vec<(StorePath, PackManifest)>,
    root: RunningRoot,
    unpack_locks: Vec<FileLock>,
}

/// Prepares the trees of the packs that an environment links.
///
/// Afterwards the store holds them or stages that nobody sees. If the power goes meanwhile, stages are left for gc.
pub(super) fn prepare<'s>(context: &Context, store: &'s Store, project: &Project, wants: &Wants, lockfile: &Lockfile) -> Result<Prepared<'s>, OpsError> {
    let needed = needed(context, project, wants, lockfile)?;
    let paths: Vec<StorePath> = needed.iter().map(|one| one.store_path.clone()).collect();
    let (root, missing) = register(context, store, &paths)?;
    let archives: Vec<Sha256Digest> = needed.iter().filter(|one| missing.contains(&one.store_path)).filter_map(Needed::sha256).collect();
    let unpack_locks = context.waiting(|waiting| locks::unpack(store.layout(), &archives, waiting))?;
    let (mut to_stage, mut stored) = (Vec::new(), Vec::new());
    for one in needed {
        if store.has(&one.store_path)? {
            stored.push((one.store_path.clone(), store.pack_manifest(&one.store_path)?));
        } else {
            to_stage.push(one);
        }
    }
    let batch = Batch::new(store, Limits::default());
    let staged = stage_all(context, project, &batch, to_stage)?;
    Ok(Prepared { batch, staged, stored, root, unpack_locks })
}

impl Prepared<'_> {
    /// Gives what is to be linked, with each pack's wishes in packs.toml.
    pub(super) fn wanted_releases(&self, wants: &Wants) -> Vec<WantedRelease> {
        let staged = self.staged.iter().map(|staged| (&staged.store_path, &staged.manifest));
        let stored = self.stored.iter().map(|(path, manifest)| (path, manifest));
        staged.chain(stored).map(|(path, manifest)| wanted_release(wants, path, manifest)).collect()
    }

    /// Makes what was staged visible in the store, and gives the root that keeps it until a generation does.
    pub(super) fn publish(self, context: &Context, store: &Store) -> Result<(RunningRoot, Unpacked), OpsError> {
        let mut unpacked = Unpacked { archives: self.staged.len(), ..Unpacked::default() };
        for staged in &self.staged {
            unpacked.unpacked_bytes += staged.unpacked_bytes;
            unpacked.written_bytes += staged.written_bytes;
            unpacked.shared_bytes += staged.shared_bytes;
        }
        let durability = if context.sync { Durability::Synced } else { Durability::Unsynced };
        let store_lock = context.waiting(|waiting| locks::store_shared(store.layout(), waiting))?;
        self.batch.publish(self.staged, durability)?;
        drop(store_lock);
        drop(self.unpack_locks);
        Ok((self.root, unpacked))
    }
}

impl Needed<'_> {
    fn sha256(&self) -> Option<Sha256Digest> {
        match &self.origin {
            Origin::Archive(_, artifact) => Some(artifact.sha256),
            Origin::Directory(_) => None,
        }
    }

    /// Gives the bytes to read, so that the largest are staged first.
    fn size(&self) -> u64 {
        match &self.origin {
            Origin::Archive(_, artifact) => artifact.size,
            Origin::Directory(collected) => collected.manifest.files.iter().map(crate::archive::FileEntry::size).sum(),
        }
    }
}

fn needed<'l>(context: &Context, project: &Project, wants: &Wants, lockfile: &'l Lockfile) -> Result<Vec<Needed<'l>>, OpsError> {
    let linked = lockfile.linked(&wants.tiers);
    lockfile.releases.iter().filter(|(name, _)| linked.contains(name)).map(|(name, release)| need(context, project, wants, lockfile, (name, release))).collect()
}

fn need<'l>(
    context: &Context,
    project: &Project,
    wants: &Wants,
    lockfile: &'l Lockfile,
    (name, release): (&'l PackName, &'l LockedRelease),
) -> Result<Needed<'l>, OpsError> {
    match &release.source {
        SourceId::Registry(registry) => {
            let artifact = context.platform.and_then(|host| lockfile.artifact(name, host)).ok_or_else(|| no_archive(context, release))?;
            Ok(Needed { id: &release.id, store_path: StorePath::new(artifact.tree, &release.id), origin: Origin::Archive(registry, artifact) })
        }
        SourceId::Path(path) => {
            let at =
                wants.packages.get(name).map_or_else(|| crate::model::Place { file: wants.environment.lockfile_name(), line: 1 }, |entry| entry.at.clone());
            let collected = path_pack::collect(name, &project.directory.join(path), &at)?;
            let store_path = path_pack::store_path(&collected);
            Ok(Needed { id: &release.id, store_path, origin: Origin::Directory(Box::new(collected)) })
        }
    }
}

fn no_archive(context: &Context, release: &LockedRelease) -> OpsError {
    OpsError::NoArchiveForHost {
        release: release.id.clone(),
        host: context.platform.map_or_else(|| format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH), |host| host.to_string()),
        offered: release.artifacts.iter().map(|artifact| artifact.platform).collect::<BTreeSet<Platform>>().into_iter().collect(),
    }
}

/// Registers what will be used, and only then looks which of it is missing.
fn register(context: &Context, store: &Store, paths: &[StorePath]) -> Result<(RunningRoot, BTreeSet<StorePath>), OpsError> {
    let _store_lock = context.waiting(|waiting| locks::store_shared(store.layout(), waiting))?;
    let root = RunningRoot::register(store.layout(), &context.holder(), paths)?;
    let mut missing = BTreeSet::new();
    for path in paths {
        if !store.has(path)? {
            missing.insert(path.clone());
        }
    }
    Ok((root, missing))
}

fn stage_all(context: &Context, project: &Project, batch: &Batch<'_>, mut needed: Vec<Needed<'_>>) -> Result<Vec<Staged>, OpsError> {
    if needed.is_empty() {
        return Ok(vec![]);
    }
    needed.sort_by_key(|one| (std::cmp::Reverse(one.size()), one.store_path.clone()));
    context.report.event(Event::UnpackBegins { archives: needed.len(), bytes: needed.iter().map(Needed::size).sum() });
    let sources = Sources::new(&project.manifest, &project.directory);
    let stage_one = |one: Needed<'_>| {
        let (release, bytes) = (one.id.to_string(), one.size());
        let staged = stage(&sources, context, batch, one)?;
        context.report.event(Event::Unpacked { release, bytes });
        Ok(staged)
    };
    let staged = if context.jobs == 1 {
        needed.into_iter().map(stage_one).collect()
    } else {
        needed.into_iter().par_bridge().map(stage_one).collect::<Result<Vec<Staged>, OpsError>>()
    };
    context.report.event(Event::UnpackEnds);
    staged
}

fn stage(sources: &Sources, context: &Context, batch: &Batch<'_>, one: Needed<'_>) -> Result<Staged, OpsError> {
    match one.origin {
        Origin::Archive(registry, artifact) => {
            let verified = open_archive(sources, context, one.id, registry, artifact)?;
            let expected = Expected { release: one.id.clone(), platform: artifact.platform, tree: Some(artifact.tree) };
            Ok(batch.stage(&verified, &expected)?)
        }
        Origin::Directory(collected) => Ok(batch.stage_directory(collected.manifest, &collected.directory)?),
    }
}

/// Opens a locked archive: from the cache, from a directory on this machine without copying it, else through its source.
///
/// # Errors
/// [`OpsError::ArchiveMissing`], [`OpsError::RegistryOffline`] where it cannot be had; [`OpsError::Fetch`] where it is not what is locked.
pub(super) fn open_archive(
    sources: &Sources,
    context: &Context,
    release: &ReleaseId,
    registry: &RegistryName,
    artifact: &LockedArtifact,
) -> Result<Verified, OpsError> {
    let cached = context.layout.archive(&artifact.sha256);
    if fsys::status(&cached)?.is_some()
        && let Ok(verified) = fetch::open_file(&cached, artifact.size, artifact.sha256)
    {
        return Ok(verified);
    }
    let refused = |from: String| move |source: fetch::FetchError| OpsError::Fetch { release: release.to_string(), from, source: Box::new(source) };
    if let Some(path) = local_archive(sources, release, registry, artifact)? {
        return fetch::open_file(&path, artifact.size, artifact.sha256).map_err(refused(path.display().to_string()));
    }
    let source = sources.registry(registry)?;
    match source.archive(release, &artifact.archive)? {
        Answer::Found(mut reader) => fetch::receive(&mut reader, artifact.size, artifact.sha256, Some(&cached)).map_err(refused(source.describe())),
        Answer::Absent => Err(OpsError::ArchiveMissing { archive: artifact.archive.clone(), release: release.clone(), registry: source.describe() }),
        Answer::Offline => Err(OpsError::RegistryOffline { registry: source.describe(), needed: format!("the archive {}", artifact.archive) }),
    }
}

/// Gives the path of an archive in a registry that is a directory of this machine, if it is there.
fn local_archive(sources: &Sources, release: &ReleaseId, registry: &RegistryName, artifact: &LockedArtifact) -> Result<Option<PathBuf>, OpsError> {
    let Some(root) = sources.local_root(registry) else { return Ok(None) };
    // The name comes from a lockfile: it must not lead out of the registry.
    let archive = PathComponent::parse(&artifact.archive)?;
    let path = root.join(registry::archive_path(&release.name, &release.version, archive.as_str()));
    Ok(fsys::status(&path)?.is_some_and(|found| found.kind == fsys::FileKind::File).then_some(path))
}

fn wanted_release(wants: &Wants, path: &StorePath, manifest: &PackManifest) -> WantedRelease {
    let entry = wants.packages.get(&manifest.name);
    WantedRelease {
        id: ReleaseId { name: manifest.name.clone(), version: manifest.version.clone() },
        store_path: path.clone(),
        unpacked_bytes: manifest.files.iter().map(crate::archive::FileEntry::size).sum(),
        manifest: manifest.clone(),
        priority: entry.map_or(0, |entry| entry.priority),
        rename: entry.map(|entry| entry.rename.clone()).unwrap_or_default(),
    }
}
