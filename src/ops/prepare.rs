//! From a lockfile to the trees it names: what is stored stays, the rest is verified and staged.
//!
//! The only place where the bytes of `fetch` meet `store`. The order is that of `store/locks.rs` and `store/roots.rs`: what will be used is registered as a
//! running root under the shared store lock, and only then the store is looked at; then the unpack locks are taken, and the store is looked at again, since
//! another process may have unpacked meanwhile what we waited for.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Mutex;

use serde::Serialize;

use crate::archive::FileEntry;
use crate::archive::PackManifest;
use crate::build::Collected;
use crate::fetch;
use crate::fetch::Facts;
use crate::fetch::Need;
use crate::fetch::Origin;
use crate::fetch::Received;
use crate::fsys;
use crate::fsys::FileLock;
use crate::generation::WantedRelease;
use crate::lock::LockedArtifact;
use crate::lock::LockedRelease;
use crate::lock::Lockfile;
use crate::manifest::Wants;
use crate::model::Place;
use crate::model::Platform;
use crate::model::ReleaseId;
use crate::model::Sha256Digest;
use crate::model::SourceId;
use crate::model::StorePath;
use crate::ops::Context;
use crate::ops::Event;
use crate::ops::OpsError;
use crate::ops::archives::Archives;
use crate::ops::archives::LockedArchive;
use crate::ops::path_pack;
use crate::ops::pipeline;
use crate::ops::pipeline::Load;
use crate::ops::pipeline::Stages;
use crate::ops::pipeline::Threads;
use crate::ops::project::Project;
use crate::ops::sources::LockedFrom;
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
    /// Archives that were downloaded.
    pub downloaded_archives: usize,
    /// Bytes that arrived for them; less than their size where a part was there from an earlier try.
    pub downloaded_bytes: u64,
}

/// What came over the network.
#[derive(Debug, Clone, Copy, Default)]
struct Downloaded {
    archives: usize,
    bytes: u64,
}

impl Downloaded {
    fn count(&mut self, received: &Received) {
        self.archives += usize::from(received.arrived_bytes > 0);
        self.bytes += received.arrived_bytes;
    }
}

/// What an environment links: archives, each with the place it comes from, and directories of packs.toml.
struct Needed {
    archives: Vec<(Need, LockedFrom)>,
    directories: Vec<(StorePath, Collected)>,
}

/// One tree that is to be staged.
enum ToStage<'n> {
    Archive(LockedArchive<'n>),
    Directory(&'n Collected),
}

/// Everything a generation needs, stored or staged; dropping it removes what was staged.
pub(super) struct Prepared<'s> {
    batch: Batch<'s>,
    staged: Vec<Staged>,
    downloaded: Downloaded,
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
    let (staged, downloaded) = stage_all(context, project, &batch, &needed, &facts)?;
    staged.iter().map(|staged| &staged.manifest).chain(stored.iter().map(|(_, manifest)| manifest)).try_for_each(|manifest| check_edges(lockfile, manifest))?;
    Ok(Prepared { batch, staged, downloaded, stored, root, unpack_locks })
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
        let mut unpacked = Unpacked {
            archives: self.staged.len(),
            downloaded_archives: self.downloaded.archives,
            downloaded_bytes: self.downloaded.bytes,
            ..Unpacked::default()
        };
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
                SourceId::Registry(_) | SourceId::GitHub(_) => {
                    let artifact = context.platform.and_then(|host| lockfile.artifact(name, host)).ok_or_else(|| no_archive(context, release))?;
                    let from = LockedFrom::new(&release.source, artifact).expect("it is no directory");
                    needed.archives.push((need(release, artifact), from));
                }
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
            if fsys::status(&store.layout().archive(&need.sha256))?.is_some_and(|found| found.kind == fsys::FileKind::File) {
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

/// Stages all that is not stored: what lies far away is downloaded while the rest is unpacked.
fn stage_all(context: &Context, project: &Project, batch: &Batch<'_>, needed: &Needed, facts: &Facts) -> Result<(Vec<Staged>, Downloaded), OpsError> {
    let archives = Archives::new(context, project);
    let needs: Vec<Need> = needed.archives.iter().map(|(need, _)| need.clone()).collect();
    let places: BTreeMap<StorePath, &LockedFrom> = needed.archives.iter().map(|(need, from)| (need.store_path(), from)).collect();
    let plan = fetch::plan(&needs, facts);
    let (mut far, mut near) = (vec![], vec![]);
    for (need, origin) in &plan.unpack {
        let locked = LockedArchive { need, from: places[&need.store_path()] };
        let is_far = *origin == Origin::Source && archives.local_file(locked)?.is_none();
        if is_far { far.push(locked) } else { near.push(locked) }
    }
    archives.require_reachable(&far)?;
    let directories = needed.directories.iter().filter(|(path, _)| !facts.stored.contains(path)).map(|(_, collected)| ToStage::Directory(collected));
    let near: Vec<ToStage<'_>> = near.into_iter().map(ToStage::Archive).chain(directories).collect();
    if far.is_empty() && near.is_empty() {
        return Ok((vec![], Downloaded::default()));
    }
    context.report.event(Event::StageBegins {
        downloads: far.len(),
        download_bytes: far.iter().fold(0, |sum, locked| locked.need.size.saturating_add(sum)),
        archives: far.len() + near.len(),
        bytes: plan.unpack_bytes(),
    });
    let downloaded = Mutex::new(Downloaded::default());
    let staged = stage_overlapping(&archives, batch, Load { far: far.into_iter().map(ToStage::Archive).collect(), near }, &downloaded);
    context.report.event(Event::StageEnds);
    Ok((staged?, downloaded.into_inner().expect("no holder panics")))
}

fn stage_overlapping(archives: &Archives<'_>, batch: &Batch<'_>, load: Load<ToStage<'_>>, downloaded: &Mutex<Downloaded>) -> Result<Vec<Staged>, OpsError> {
    let context = archives.context();
    let fetch = |one: &ToStage<'_>| match one {
        ToStage::Archive(locked) => {
            let received = archives.download(*locked)?;
            downloaded.lock().expect("no holder panics").count(&received);
            Ok(received)
        }
        ToStage::Directory(_) => unreachable!("directories are here"),
    };
    let work = |one: ToStage<'_>, received: Option<Received>| stage(archives, batch, &one, received);
    pipeline::run(load, &Stages { fetch: &fetch, work: &work }, Threads { fetching: context.connections, working: context.jobs }, &context.interrupt)
}

fn stage(archives: &Archives<'_>, batch: &Batch<'_>, one: &ToStage<'_>, received: Option<Received>) -> Result<Staged, OpsError> {
    let (release, bytes, staged) = match one {
        ToStage::Archive(locked) => {
            let need = locked.need;
            let verified = received.map_or_else(|| archives.open(*locked), |received| archives.open_received(*locked, received))?;
            let expected = Expected { release: need.release.clone(), platform: need.platform, tree: Some(need.tree) };
            (need.release.to_string(), need.size, batch.stage(&verified, &expected)?)
        }
        ToStage::Directory(collected) => {
            let bytes = collected.manifest.files.iter().map(FileEntry::size).sum();
            (collected.manifest.name.to_string(), bytes, batch.stage_directory(collected.manifest.clone(), &collected.directory)?)
        }
    };
    archives.context().report.event(Event::Unpacked { release, bytes });
    Ok(staged)
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
