//! From a lockfile to the trees it names: what is stored stays, the rest is verified and staged.
//!
//! The only place where the bytes of `fetch` meet `store`. The order is that of `store/locks.rs` and `store/roots.rs`: what will be used is registered as a
//! running root under the shared store lock, and only then the store is looked at; then the unpack locks are taken, and the store is looked at again, since
//! another process may have unpacked meanwhile what we waited for.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::PathBuf;

use rayon::iter::ParallelBridge as _;
use rayon::iter::ParallelIterator as _;
use serde::Serialize;

use crate::archive::FileEntry;
use crate::archive::PackManifest;
use crate::archive::Verified;
use crate::build::Collected;
use crate::fetch;
use crate::fetch::Facts;
use crate::fetch::Need;
use crate::fetch::Origin;
use crate::fsys;
use crate::fsys::FileLock;
use crate::generation::WantedRelease;
use crate::lock::LockedArtifact;
use crate::lock::LockedRelease;
use crate::lock::Lockfile;
use crate::manifest::Wants;
use crate::model::PathComponent;
use crate::model::Place;
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

/// What an environment links: archives of registries, each with its registry, and directories of packs.toml.
struct Needed {
    archives: Vec<(Need, RegistryName)>,
    directories: Vec<(StorePath, Collected)>,
}

/// One tree that is to be staged.
enum ToStage<'n> {
    Archive(&'n Need, &'n RegistryName, Origin),
    Directory(&'n Collected),
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
    let needed = Needed::collect(context, project, wants, lockfile)?;
    let paths = needed.store_paths();
    let (root, missing) = register(context, store, &paths)?;
    let archives: Vec<Sha256Digest> = needed.archives.iter().filter(|(need, _)| missing.contains(&need.store_path())).map(|(need, _)| need.sha256).collect();
    let unpack_locks = context.waiting(|waiting| locks::unpack(store.layout(), &archives, waiting))?;
    let facts = needed.facts(store)?;
    let mut stored = Vec::new();
    for path in paths.iter().filter(|path| facts.stored.contains(path)) {
        stored.push((path.clone(), store.pack_manifest(path)?));
    }
    let batch = Batch::new(store, context.limits);
    let staged = stage_all(context, project, &batch, &needed, &facts)?;
    staged.iter().map(|staged| &staged.manifest).chain(stored.iter().map(|(_, manifest)| manifest)).try_for_each(|manifest| check_edges(lockfile, manifest))?;
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

impl Needed {
    fn collect(context: &Context, project: &Project, wants: &Wants, lockfile: &Lockfile) -> Result<Needed, OpsError> {
        let linked = lockfile.linked(&wants.tiers);
        let mut needed = Needed { archives: vec![], directories: vec![] };
        for (name, release) in lockfile.releases.iter().filter(|(name, _)| linked.contains(name)) {
            match &release.source {
                SourceId::Registry(registry) => {
                    let artifact = context.platform.and_then(|host| lockfile.artifact(name, host)).ok_or_else(|| no_archive(context, release))?;
                    needed.archives.push((need(release, artifact), registry.clone()));
                }
                // What comes from there is not fetched yet.
                SourceId::GitHub(_) => return Err(no_archive(context, release)),
                SourceId::Path(path) => {
                    let written_at = || Place { file: wants.environment.lockfile_name(), line: 1 };
                    let at = wants.packages.get(name).map_or_else(written_at, |entry| entry.at.clone());
                    let collected = path_pack::collect(name, &project.directory.join(path), &at)?;
                    needed.directories.push((path_pack::store_path(&collected), collected));
                }
            }
        }
        Ok(needed)
    }

    fn store_paths(&self) -> Vec<StorePath> {
        self.archives.iter().map(|(need, _)| need.store_path()).chain(self.directories.iter().map(|(path, _)| path.clone())).collect()
    }

    /// Looks what is on this machine already.
    fn facts(&self, store: &Store) -> Result<Facts, OpsError> {
        let mut facts = Facts::default();
        for path in self.store_paths() {
            if store.has(&path)? {
                facts.stored.insert(path);
            }
        }
        for (need, _) in self.archives.iter().filter(|(need, _)| !facts.stored.contains(&need.store_path())) {
            if fsys::status(&store.layout().archive(&need.sha256))?.is_some() {
                facts.cached.insert(need.sha256);
            }
        }
        Ok(facts)
    }
}

/// Checks that what was solved with is what the release itself says: an index that leaves out a requirement, or makes one up, is found out here.
fn check_edges(lockfile: &Lockfile, manifest: &PackManifest) -> Result<(), OpsError> {
    let Some(locked) = lockfile.releases.get(&manifest.name) else { return Ok(()) };
    let of_extras = locked.extras.iter().filter_map(|extra| manifest.extras.get(extra)).flatten();
    let found: BTreeSet<String> = manifest.requires.iter().chain(of_extras).map(|(name, range)| format!("{name} {range}")).collect();
    let solved: BTreeSet<String> = locked.requires.iter().map(|edge| format!("{} {}", edge.name, edge.range)).collect();
    if found == solved {
        return Ok(());
    }
    let listed = |edges: &BTreeSet<String>| if edges.is_empty() { "nothing".to_owned() } else { edges.iter().cloned().collect::<Vec<_>>().join(", ") };
    Err(OpsError::OtherRequirements { release: locked.id.clone(), locked: listed(&solved), found: listed(&found) })
}

/// Gives what `fetch` needs to know of a locked archive.
pub(super) fn need(release: &LockedRelease, artifact: &LockedArtifact) -> Need {
    Need {
        release: release.id.clone(),
        platform: artifact.platform,
        archive: artifact.archive.clone(),
        size: artifact.size,
        sha256: artifact.sha256,
        tree: artifact.tree,
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

fn stage_all(context: &Context, project: &Project, batch: &Batch<'_>, needed: &Needed, facts: &Facts) -> Result<Vec<Staged>, OpsError> {
    let needs: Vec<Need> = needed.archives.iter().map(|(need, _)| need.clone()).collect();
    let registries: BTreeMap<StorePath, &RegistryName> = needed.archives.iter().map(|(need, registry)| (need.store_path(), registry)).collect();
    let plan = fetch::plan(&needs, facts);
    let archives = plan.unpack.iter().map(|(need, origin)| ToStage::Archive(need, registries[&need.store_path()], *origin));
    let directories = needed.directories.iter().filter(|(path, _)| !facts.stored.contains(path)).map(|(_, collected)| ToStage::Directory(collected));
    let to_stage: Vec<ToStage<'_>> = archives.chain(directories).collect();
    if to_stage.is_empty() {
        return Ok(vec![]);
    }
    context.report.event(Event::UnpackBegins { archives: to_stage.len(), bytes: plan.unpack_bytes() });
    let sources = Sources::new(context, &project.manifest, &project.directory);
    let stage_one = |one: ToStage<'_>| stage(&sources, context, batch, &one);
    let staged = if context.jobs == 1 { to_stage.into_iter().map(stage_one).collect() } else { to_stage.into_iter().par_bridge().map(stage_one).collect() };
    context.report.event(Event::UnpackEnds);
    staged
}

fn stage(sources: &Sources<'_>, context: &Context, batch: &Batch<'_>, one: &ToStage<'_>) -> Result<Staged, OpsError> {
    let (release, bytes, staged) = match one {
        ToStage::Archive(need, registry, origin) => {
            let verified = open_archive(sources, context, need, registry, *origin)?;
            let expected = Expected { release: need.release.clone(), platform: need.platform, tree: Some(need.tree) };
            (need.release.to_string(), need.size, batch.stage(&verified, &expected)?)
        }
        ToStage::Directory(collected) => {
            let bytes = collected.manifest.files.iter().map(FileEntry::size).sum();
            (collected.manifest.name.to_string(), bytes, batch.stage_directory(collected.manifest.clone(), &collected.directory)?)
        }
    };
    context.report.event(Event::Unpacked { release, bytes });
    Ok(staged)
}

/// Opens a locked archive: from the cache, from a directory on this machine without copying it, else through its source.
///
/// # Errors
/// [`OpsError::ArchiveMissing`], [`OpsError::RegistryOffline`] where it cannot be had; [`OpsError::Fetch`] where it is not what is locked.
pub(super) fn open_archive(sources: &Sources<'_>, context: &Context, need: &Need, registry: &RegistryName, origin: Origin) -> Result<Verified, OpsError> {
    let release = &need.release;
    let cached = context.layout.archive(&need.sha256);
    // A damaged cache is as good as none: the source has the archive.
    if origin == Origin::Cache
        && let Ok(verified) = fetch::open_file(&cached, need.size, need.sha256)
    {
        return Ok(verified);
    }
    let refused = |from: String| move |source: fetch::FetchError| OpsError::Fetch { release: release.to_string(), from, source: Box::new(source) };
    if let Some(path) = local_archive(sources, need, registry)? {
        return fetch::open_file(&path, need.size, need.sha256).map_err(refused(path.display().to_string()));
    }
    let source = sources.registry(registry)?;
    match source.archive(release, &need.archive)? {
        Answer::Found(mut reader) => fetch::receive(&mut reader, need.size, need.sha256, Some(&cached)).map_err(refused(source.describe())),
        Answer::Absent => Err(OpsError::ArchiveMissing { archive: need.archive.clone(), release: release.clone(), registry: source.describe() }),
        Answer::Offline => Err(OpsError::RegistryOffline { registry: source.describe(), needed: format!("the archive {}", need.archive) }),
    }
}

/// Gives the path of an archive in a registry that is a directory of this machine, if it is there.
fn local_archive(sources: &Sources<'_>, need: &Need, registry: &RegistryName) -> Result<Option<PathBuf>, OpsError> {
    let Some(root) = sources.local_root(registry) else { return Ok(None) };
    // The name comes from a lockfile: it must not lead out of the registry.
    let archive = PathComponent::parse(&need.archive)?;
    let path = root.join(registry::archive_path(&need.release.name, &need.release.version, archive.as_str()));
    Ok(fsys::status(&path)?.is_some_and(|found| found.kind == fsys::FileKind::File).then_some(path))
}

fn wanted_release(wants: &Wants, path: &StorePath, manifest: &PackManifest) -> WantedRelease {
    let entry = wants.packages.get(&manifest.name);
    WantedRelease {
        id: ReleaseId { name: manifest.name.clone(), version: manifest.version.clone() },
        store_path: path.clone(),
        unpacked_bytes: manifest.files.iter().map(FileEntry::size).sum(),
        manifest: manifest.clone(),
        priority: entry.map_or(0, |entry| entry.priority),
        rename: entry.map(|entry| entry.rename.clone()).unwrap_or_default(),
    }
}
