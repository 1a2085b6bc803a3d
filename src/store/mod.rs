//! The immutable store: layout of the home, ingest, reading, verifying, repairing.
//!
//! Knows how the home is laid out, how an archive becomes a store path, how content is shared, and who may lock what. It does not know where archives
//! come from, what a generation is, or who needs which store path.
//!
//! The protocol of an ingest, so that a power cut or a kill at any moment leaves nothing but what the next gc removes:
//!
//! 1. the caller holds the unpack locks of its archives (`locks`) and a `RunningRoot` that names the store paths it is about to use;
//! 2. `Batch::stage` unpacks each archive into `store/.stage-<random>/`, which is locked by whoever works in it and is sealed when it is complete;
//! 3. `Batch::publish`, under the shared store lock: one sync of the file system, new blobs linked, stages renamed to their store paths without
//!    replacing anything, `store/` synced.
//!
//! A store path's name therefore appears only when its tree is complete, and is never changed again; `repair` exchanges a broken one as a whole.

mod batch;
mod budget;
mod compare;
mod contents;
mod error;
mod from_directory;
mod ingest;
pub mod layout;
pub mod locks;
mod origins;
mod problem;
mod repair;
mod roots;
mod stage;
mod verify;

use crate::archive::Limits;
use crate::archive::MANIFEST_FILE;
use crate::archive::PackManifest;
use crate::fsys;
use crate::fsys::FileKind;
use crate::model::ReleaseId;
use crate::model::Sha256Digest;
use crate::model::StorePath;
use crate::store::layout::LAYOUT_VERSION;
use crate::store::layout::Layout;

pub use batch::Batch;
pub use batch::Durability;
pub use batch::Expected;
pub use batch::Staged;
pub use batch::Stored;
pub use error::StoreError;
pub use problem::BadBlob;
pub use problem::BadEntry;
pub use problem::Problem;
pub use repair::RepairFrom;
pub use repair::discard_blobs;
pub use repair::repair;
pub use roots::RootClaim;
pub use roots::RunningRoot;
pub use roots::clear_dead_roots;
pub use roots::read_roots;
pub use verify::OnProgress;
pub use verify::Report;
pub use verify::VerifyProgress;
pub use verify::verify_paths;
pub use verify::verify_store;

/// Largest VERSION file and note of a known archive that is read, in bytes.
const NOTE_BYTES_MAX: u64 = 1024;

/// The permission bits of directories and executable files in the store.
const EXECUTABLE_MODE: u32 = 0o555;

/// The permission bits of all other files in the store.
const FILE_MODE: u32 = 0o444;

/// Gives the permission bits of a file in the store.
fn mode_of(executable: bool) -> u32 {
    if executable { EXECUTABLE_MODE } else { FILE_MODE }
}

/// The store of one home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    layout: Layout,
}

impl Store {
    /// Opens the store of a home, making what is missing of it: all of it, or what somebody deleted because it is derived.
    ///
    /// After a power cut a part of the directories may be there; the next call makes the others. VERSION comes last.
    ///
    /// # Errors
    /// [`StoreError::UnknownVersion`] where another layout lies there; nothing is made then.
    pub fn create(layout: Layout) -> Result<Store, StoreError> {
        let found = Store::open(layout.clone())?;
        for directory in layout.directories() {
            if fsys::status(&directory)?.is_none() {
                fsys::create_dir_all(&directory)?;
            }
        }
        if found.is_none() {
            fsys::write_atomic(&layout.version_file(), format!("{LAYOUT_VERSION}\n").as_bytes())?;
        }
        Ok(Store { layout })
    }

    /// Opens the store of a home if there is one, without writing anything.
    ///
    /// # Errors
    /// [`StoreError::UnknownVersion`] where another layout lies there.
    pub fn open(layout: Layout) -> Result<Option<Store>, StoreError> {
        let Some(found) = fsys::read_optional(&layout.version_file(), NOTE_BYTES_MAX)? else { return Ok(None) };
        if found.trim_ascii() == LAYOUT_VERSION.as_bytes() {
            return Ok(Some(Store { layout }));
        }
        let found = String::from_utf8_lossy(found.trim_ascii()).escape_debug().to_string();
        Err(StoreError::UnknownVersion { home: layout.home().to_owned(), expected: LAYOUT_VERSION, found })
    }

    /// Gives the paths of its home.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Tells whether a store path is there; if it is, it is complete.
    pub fn has(&self, path: &StorePath) -> Result<bool, StoreError> {
        Ok(fsys::status(&self.layout.store_path(path))?.is_some_and(|found| found.kind == FileKind::Directory))
    }

    /// Reads the pack manifest of a store path.
    pub fn pack_manifest(&self, path: &StorePath) -> Result<PackManifest, StoreError> {
        let file = self.layout.store_path(path).join(MANIFEST_FILE);
        let bytes = fsys::read(&file, Limits::default().manifest_bytes_max)?;
        PackManifest::parse(&bytes).map_err(|source| StoreError::BadPackManifest { store_path: path.clone(), source: Box::new(source) })
    }

    /// Lists all store paths, in order of their names; stages, trash and foreign names are none.
    pub fn paths(&self) -> Result<Vec<StorePath>, StoreError> {
        let listed = fsys::list_dir(&self.layout.store())?;
        Ok(listed.iter().filter_map(|entry| StorePath::parse(entry.name_str()?).ok()).collect())
    }

    /// Finds the store path that an archive is known to unpack to, if it is there.
    ///
    /// The note of an earlier ingest is believed only if it names this release; a broken note is none.
    pub fn known(&self, archive: &Sha256Digest, release: &ReleaseId) -> Result<Option<StorePath>, StoreError> {
        let Some(note) = fsys::read_cached(&self.layout.known(archive), NOTE_BYTES_MAX)? else { return Ok(None) };
        let noted = std::str::from_utf8(&note).ok().and_then(|text| StorePath::parse(text.trim_end()).ok());
        let Some(path) = noted.filter(|path| *path == StorePath::new(path.tree(), release)) else { return Ok(None) };
        Ok(self.has(&path)?.then_some(path))
    }

    /// Notes which store path an archive unpacks to. Not synced: a note that a power cut tore is none.
    fn note_known(&self, archive: &Sha256Digest, path: &StorePath) -> Result<(), StoreError> {
        let file = self.layout.known(archive);
        let note = format!("{path}\n");
        if fsys::read_cached(&file, NOTE_BYTES_MAX)?.is_some_and(|found| found == note.as_bytes()) {
            return Ok(());
        }
        // Whatever else is there: the cache may be deleted at any time.
        fsys::remove_tree(&file)?;
        match fsys::write_new(&file, note.as_bytes(), 0o644) {
            // Somebody else noted the same in between.
            Err(error) if error.io_kind() == Some(std::io::ErrorKind::AlreadyExists) => Ok(()),
            other => Ok(other?),
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests set up their world")]
mod tests {
    use super::*;
    use crate::model::PackName;
    use crate::model::TreeDigest;
    use crate::model::Version;
    use std::fs;

    fn world() -> (tempfile::TempDir, Layout) {
        let world = tempfile::tempdir().expect("a directory");
        let layout = Layout::new(world.path().join("home"));
        (world, layout)
    }

    fn release(version: &str) -> ReleaseId {
        ReleaseId { name: PackName::parse("kanban").expect("valid"), version: Version::parse(version).expect("valid") }
    }

    #[test]
    fn open_makes_nothing_and_create_makes_it_all() {
        let (world, layout) = world();
        assert_eq!(Store::open(layout.clone()).expect("an answer"), None);
        assert_eq!(fs::read_dir(world.path()).expect("listed").count(), 0);
        let store = Store::create(layout.clone()).expect("made");
        assert_eq!(Store::open(layout.clone()).expect("an answer"), Some(store));
        fs::remove_dir_all(layout.home().join("cache")).expect("it may be deleted at any time");
        Store::create(layout.clone()).expect("made again");
        assert!(layout.directories().iter().all(|directory| directory.is_dir()));
        assert_eq!(fs::read_to_string(layout.version_file()).expect("there"), "1\n");
    }

    #[test]
    fn another_version_is_refused_and_left_alone() {
        let (_world, layout) = world();
        fs::create_dir_all(layout.home()).expect("made");
        fs::write(layout.version_file(), "2\n").expect("written");
        for refused in [Store::create(layout.clone()).map(Some), Store::open(layout.clone())] {
            assert!(matches!(refused, Err(StoreError::UnknownVersion { found, .. }) if found == "2"));
        }
        assert_eq!(fs::read_dir(layout.home()).expect("listed").count(), 1);
    }

    #[test]
    fn notes_are_believed_only_with_a_store_path_of_that_release() {
        let (_world, layout) = world();
        let store = Store::create(layout).expect("made");
        let archive = Sha256Digest::from_bytes([1; 32]);
        let path = StorePath::new(TreeDigest::from_bytes([2; 32]), &release("1.0.0"));
        let known = |version: &str| store.known(&archive, &release(version)).expect("an answer");
        assert_eq!(known("1.0.0"), None);
        store.note_known(&archive, &path).expect("noted");
        assert_eq!(known("1.0.0"), None, "the store path is not there");
        fs::create_dir(store.layout().store_path(&path)).expect("made");
        assert_eq!(known("1.0.0"), Some(path.clone()));
        assert_eq!(known("1.0.1"), None, "another release");
        fs::write(store.layout().known(&archive), &path.as_str()[..20]).expect("torn");
        assert_eq!(known("1.0.0"), None, "a torn note");
        store.note_known(&archive, &path).expect("noted again");
        assert_eq!(known("1.0.0"), Some(path));
    }

    #[test]
    fn foreign_names_are_no_store_paths() {
        let (_world, layout) = world();
        let store = Store::create(layout).expect("made");
        let path = StorePath::new(TreeDigest::from_bytes([2; 32]), &release("1.0.0"));
        for name in [".stage-a", ".trash-b", "lost+found", path.as_str()] {
            fs::create_dir(store.layout().store().join(name)).expect("made");
        }
        assert_eq!(store.paths().expect("listed"), [path]);
    }
}
