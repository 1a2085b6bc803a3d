//! A stage: a tree being built in the store, beside the store paths and out of their readers' sight.
//!
//! `store/.stage-<random>/` is locked by its maker as long as he lives, so gc knows which ones were left behind. It lies in `store/` itself, because a
//! sealed directory can be renamed only within its own parent by an ordinary user.

use std::io::ErrorKind;
use std::sync::Arc;

use crate::fsys;
use crate::fsys::Directory;
use crate::fsys::FsError;
use crate::model::StorePath;
use crate::store::layout::Layout;

/// How often a stage may vanish between its making and its opening: only a gc that takes each away within a moment could use up even two.
const STAGE_ATTEMPTS: u32 = 100;

/// A stage that its maker works in; everything in it is removed when it is dropped, unless it was published.
#[derive(Debug)]
pub(super) struct Stage {
    /// Shared with those who link to its files; the lock lasts until the last of them is done.
    root: Arc<Directory>,
    published: bool,
}

impl Stage {
    /// Makes an empty stage.
    pub(super) fn create(layout: &Layout) -> Result<Stage, FsError> {
        let store = Directory::open(&layout.store())?;
        let mut attempts = 1..=STAGE_ATTEMPTS;
        loop {
            let path = layout.stage(&fsys::random_id()?);
            let name = path.file_name().expect("a stage has a name");
            // Before it is locked gc may have taken it for left behind: then it is gone or about to go.
            match store.create_dir(name) {
                Err(error) if error.io_kind() == Some(ErrorKind::NotFound) && attempts.next().is_some() => {}
                created => {
                    let stage = Stage { root: Arc::new(created?), published: false };
                    if stage.root.try_lock()? && stage.root.is_at_its_path()? {
                        return Ok(stage);
                    }
                }
            }
        }
    }

    /// Gives its open root directory.
    pub(super) fn root(&self) -> &Arc<Directory> {
        &self.root
    }

    /// Renames it to its store path, unless that is taken: then it stays a stage, and goes when dropped.
    ///
    /// One rename: after a power cut the name is there or not, and what is under it is complete if it was synced before.
    pub(super) fn publish(&mut self, layout: &Layout, path: &StorePath) -> Result<(), FsError> {
        match fsys::rename_noreplace(self.root.path(), &layout.store_path(path)) {
            Err(error) if error.io_kind() == Some(ErrorKind::AlreadyExists) => Ok(()),
            renamed => {
                self.published = renamed.is_ok();
                renamed
            }
        }
    }

    /// Exchanges it with a broken store path, which then is the stage, and goes when dropped. Neither name is ever missing.
    pub(super) fn exchange(&self, layout: &Layout, path: &StorePath) -> Result<(), FsError> {
        fsys::exchange(self.root.path(), &layout.store_path(path))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if !self.published {
            // What cannot be removed now is no longer locked when this process ends, and gc removes it.
            let _ = fsys::remove_tree(self.root.path());
        }
    }
}
