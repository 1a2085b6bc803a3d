//! Everything that one command ingests: archives and directories into stages, stages into the store.

use rayon::iter::IntoParallelIterator as _;
use rayon::iter::ParallelIterator as _;

use crate::archive::Contents;
use crate::archive::Limits;
use crate::archive::PackManifest;
use crate::archive::ReadError;
use crate::archive::Verified;
use crate::fsys;
use crate::model::Platform;
use crate::model::ReleaseId;
use crate::model::Sha256Digest;
use crate::model::StorePath;
use crate::model::TreeDigest;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::budget::Budget;
use crate::store::ingest::Ingest;
use crate::store::ingest::Volume;
use crate::store::origins::Origins;
use crate::store::origins::Trust;
use crate::store::stage::Stage;

/// Bytes that decoding may take at the same time: with the archives themselves, below 128 MiB.
const DECODING_BYTES_MAX: u64 = 64 << 20;

/// What an archive must turn out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The release.
    pub release: ReleaseId,
    /// The platform it is for.
    pub platform: Platform,
    /// The tree it unpacks to, where the lockfile or the index says so.
    pub tree: Option<TreeDigest>,
}

/// Whether what is published survives a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// It does, as soon as publishing returns.
    Synced,
    /// Nobody knows: for homes that are thrown away anyway. After a power cut store paths and blobs may hold anything.
    Unsynced,
}

/// Everything one command ingests; content that its archives share is written once.
///
/// Any number of threads may stage at the same time; give them the largest archives first.
#[derive(Debug)]
pub struct Batch<'s> {
    store: &'s Store,
    limits: Limits,
    memory: Budget,
    origins: Origins,
}

/// A complete tree in its stage, not yet in sight; dropping it removes it.
#[derive(Debug)]
pub struct Staged {
    /// The store path it will be.
    pub store_path: StorePath,
    /// Its pack manifest.
    pub manifest: PackManifest,
    /// Bytes of all its files.
    pub unpacked_bytes: u64,
    /// Bytes of those that were written.
    pub written_bytes: u64,
    /// Bytes of those that were linked to content that was there.
    pub shared_bytes: u64,
    archive: Option<Sha256Digest>,
    stage: Stage,
}

/// A tree in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Where it is.
    pub store_path: StorePath,
    /// Its pack manifest.
    pub manifest: PackManifest,
    /// Bytes of all its files.
    pub unpacked_bytes: u64,
    /// Bytes of those that were written for it.
    pub written_bytes: u64,
}

impl<'s> Batch<'s> {
    /// Begins with nothing; touches the disk only when something is staged.
    pub fn new(store: &'s Store, limits: Limits) -> Batch<'s> {
        Batch::trusting(store, limits, Trust::Status)
    }

    /// Begins with nothing, and links to no blob that was not read and found good.
    pub(super) fn distrustful(store: &'s Store, limits: Limits) -> Batch<'s> {
        Batch::trusting(store, limits, Trust::Content)
    }

    fn trusting(store: &'s Store, limits: Limits, trust: Trust) -> Batch<'s> {
        fsys::raise_open_files_max();
        Batch { store, limits, memory: Budget::new(DECODING_BYTES_MAX), origins: Origins::new(store.layout(), trust) }
    }

    /// Unpacks an archive into a stage, and checks that it is what was expected.
    ///
    /// After a power cut there is a stage that nobody locks, for gc to remove.
    ///
    /// # Errors
    /// [`StoreError::Archive`] where the archive is refused; [`StoreError::WrongRelease`], [`StoreError::WrongPlatform`], [`StoreError::WrongTree`] where it
    /// is good and something else; nothing is left of it then.
    pub fn stage(&self, archive: &Verified, expected: &Expected) -> Result<Staged, StoreError> {
        let staged = self.stage_archive(archive).map_err(|error| match error {
            ReadError::Archive(source) => StoreError::Archive { release: Box::new(expected.release.clone()), source: Box::new(source) },
            ReadError::Visitor(error) => error,
        })?;
        check(expected, &staged)?;
        Ok(staged)
    }

    /// Unpacks an archive into a stage, whatever release it holds.
    pub(super) fn stage_archive(&self, archive: &Verified) -> Result<Staged, ReadError<StoreError>> {
        let _memory = self.memory.take(archive.memory_needed());
        let disk = |source| ReadError::Visitor(StoreError::Disk(source));
        let stage = Stage::create(self.store.layout()).map_err(disk)?;
        let mut ingest = Ingest::new(&self.origins, stage.root());
        let contents = archive.read(&self.limits, &mut ingest)?;
        let volume = ingest.finish().map_err(disk)?;
        Ok(staged(stage, contents, volume, Some(archive.sha256())))
    }

    /// Makes stages store paths, in the order given. The caller holds the shared store lock.
    ///
    /// The order, and what a power cut leaves after each step: sync of the file system (stages); new blobs (stages, and blobs with a second name in them); renames
    /// (some of the store paths, each complete); sync of `store/` (all of them). A store path that somebody else published meanwhile stays as it is.
    pub fn publish(self, mut staged: Vec<Staged>, durability: Durability) -> Result<Vec<Stored>, StoreError> {
        if staged.is_empty() {
            return Ok(Vec::new());
        }
        self.settle(durability)?;
        for staged in &mut staged {
            staged.stage.publish(self.store.layout(), &staged.store_path)?;
        }
        self.sync_names(durability)?;
        staged.into_par_iter().map(|staged| self.note(staged)).collect()
    }

    /// Exchanges a stage with the store path it is to be, or makes it that path where nothing is there; for repairs.
    pub(super) fn replace(&self, staged: &mut Staged, durability: Durability) -> Result<(), StoreError> {
        self.settle(durability)?;
        let layout = self.store.layout();
        if fsys::status(&layout.store_path(&staged.store_path))?.is_some() {
            staged.stage.exchange(layout, &staged.store_path)?;
        } else {
            staged.stage.publish(layout, &staged.store_path)?;
        }
        self.sync_names(durability)
    }

    /// Makes what was staged survive a power cut, then gives it to others through `blobs/`.
    fn settle(&self, durability: Durability) -> Result<(), StoreError> {
        if durability == Durability::Synced {
            fsys::sync_filesystem(&self.store.layout().store())?;
        }
        Ok((0..self.origins.parts()).into_par_iter().try_for_each(|part| self.origins.publish(part))?)
    }

    fn sync_names(&self, durability: Durability) -> Result<(), StoreError> {
        if durability == Durability::Synced {
            fsys::fsync_dir(&self.store.layout().store())?;
        }
        Ok(())
    }

    pub(super) fn store(&self) -> &Store {
        self.store
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn origins(&self) -> &Origins {
        &self.origins
    }

    /// Notes which store path an archive unpacks to, so that it need not be read again.
    fn note(&self, staged: Staged) -> Result<Stored, StoreError> {
        if let Some(archive) = &staged.archive {
            self.store.note_known(archive, &staged.store_path)?;
        }
        Ok(Stored { store_path: staged.store_path, manifest: staged.manifest, unpacked_bytes: staged.unpacked_bytes, written_bytes: staged.written_bytes })
    }
}

/// Puts together what is known of a complete stage.
pub(super) fn staged(stage: Stage, contents: Contents, volume: Volume, archive: Option<Sha256Digest>) -> Staged {
    let release = ReleaseId { name: contents.manifest.name.clone(), version: contents.manifest.version.clone() };
    Staged {
        store_path: StorePath::new(contents.digest, &release),
        manifest: contents.manifest,
        unpacked_bytes: contents.unpacked_bytes,
        written_bytes: volume.written_bytes,
        shared_bytes: volume.shared_bytes,
        archive,
        stage,
    }
}

fn check(expected: &Expected, staged: &Staged) -> Result<(), StoreError> {
    let manifest = &staged.manifest;
    let found = ReleaseId { name: manifest.name.clone(), version: manifest.version.clone() };
    if found != expected.release {
        return Err(StoreError::WrongRelease { expected: Box::new(expected.release.clone()), found: Box::new(found) });
    }
    if manifest.platform != expected.platform {
        return Err(StoreError::WrongPlatform { release: Box::new(found), expected: expected.platform, found: manifest.platform });
    }
    match expected.tree {
        Some(tree) if tree != staged.store_path.tree() => {
            Err(StoreError::WrongTree { release: Box::new(found), expected: tree, found: staged.store_path.tree() })
        }
        _ => Ok(()),
    }
}
