//! Where content that is needed again can be linked from: blobs of the home, and what this batch has written itself.
//!
//! One inode per distinct content and executable bit. A blob is linked to only if size, permission bits and time are as they were written; it may vanish at any
//! moment (gc removes those without other names), then the content is written again. What a batch writes becomes a blob only when it is published, so
//! within the batch it is found through memory.
//!
//! The parts of the map are those of `blobs/`: by the first byte of the digest. A part is locked while one of its contents is looked for and written, so that two
//! threads never write the same one.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use crate::fsys;
use crate::fsys::CANONICAL_MTIME;
use crate::fsys::Directory;
use crate::fsys::FsError;
use crate::model::Blake3Digest;
use crate::store::contents::hash;
use crate::store::layout::Layout;
use crate::store::layout::blob_file_name;
use crate::store::mode_of;

/// Parts of `blobs/`: one for each first byte of a digest.
const PARTS: usize = 256;

/// What makes two files one inode: their content, and whether they may be executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ContentKey {
    pub(super) digest: Blake3Digest,
    pub(super) executable: bool,
}

impl ContentKey {
    /// Gives the permission bits of its inode.
    pub(super) fn mode(&self) -> u32 {
        mode_of(self.executable)
    }
}

/// When a blob is believed to be what its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// If size, permission bits and time are as written.
    Status,
    /// Only if it was read again, too.
    Content,
}

/// Everything that one batch can link to.
#[derive(Debug)]
pub(super) struct Origins {
    layout: Layout,
    trust: Trust,
    parts: Vec<Mutex<Part>>,
    /// Whether this file system links files at all; found out by the first try.
    links: AtomicBool,
}

/// The contents whose digests begin with one byte.
#[derive(Debug, Default)]
pub(super) struct Part {
    blobs: Blobs,
    contents: HashMap<ContentKey, Origin>,
}

/// One directory of `blobs/`, opened when first needed.
#[derive(Debug, Default)]
enum Blobs {
    #[default]
    NotLookedAt,
    Absent,
    Open(Directory),
}

/// Where one content can be linked from.
#[derive(Debug, Clone)]
enum Origin {
    /// From its blob, which was found to be as written.
    Blob,
    /// From a file that this batch wrote.
    Written {
        stage: Arc<Directory>,
        path: Box<str>,
        /// Whether its blob has as many names as the file system allows, so that this one takes its place.
        replaces_blob: bool,
    },
}

/// What became of an attempt to link.
enum Linked {
    Done,
    Absent,
    Full,
}

impl Origins {
    pub(super) fn new(layout: &Layout, trust: Trust) -> Self {
        Origins { layout: layout.clone(), trust, parts: (0..PARTS).map(|_| Mutex::default()).collect(), links: AtomicBool::new(true) }
    }

    /// Locks the part that a content belongs to.
    pub(super) fn part(&self, key: &ContentKey) -> MutexGuard<'_, Part> {
        // A panic elsewhere leaves at worst an entry out, and the content is written again.
        self.parts[usize::from(key.digest.as_bytes()[0])].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Links a content of `size` bytes to a new name, if it is in the home or in this batch. Tells whether it was.
    pub(super) fn link(&self, part: &mut Part, key: &ContentKey, size: u64, to: (&Directory, &OsStr)) -> Result<bool, FsError> {
        if !self.links.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let Some(origin) = part.find(self, key, size)? else { return Ok(false) };
        let linked = match &origin {
            Origin::Blob => self.try_link(part.open_blobs(&self.layout, key)?, &blob_file_name(&key.digest, key.executable), to)?,
            Origin::Written { stage, path, .. } => self.try_link(Some(stage), path, to)?,
        };
        match linked {
            Linked::Done => return Ok(true),
            Linked::Absent => {
                part.contents.remove(key);
            }
            // Stays in the map, so that the next one who writes it knows that he replaces it.
            Linked::Full => {}
        }
        Ok(false)
    }

    /// Notes that a content was written to `path` in a stage, so that the next one links to it.
    pub(super) fn note(&self, part: &mut Part, key: ContentKey, stage: &Arc<Directory>, path: &str) {
        if self.links.load(Ordering::Relaxed) {
            let replaces_blob = part.contents.contains_key(&key);
            part.contents.insert(key, Origin::Written { stage: Arc::clone(stage), path: path.into(), replaces_blob });
        }
    }

    /// Links what was written into `blobs/`; a blob that is there already stays, unless it has all the names it can have.
    ///
    /// Blobs are derived from the store paths: after a power cut any of them may be missing.
    pub(super) fn publish(&self, index: usize) -> Result<(), FsError> {
        let mut part = self.parts[index].lock().unwrap_or_else(PoisonError::into_inner);
        let written: Vec<_> = part.contents.drain().filter(|(_, origin)| matches!(origin, Origin::Written { .. })).collect();
        let Some((first, _)) = written.first() else { return Ok(()) };
        let path = self.layout.blob_dir(&first.digest);
        if part.open_blobs(&self.layout, first)?.is_none() {
            match fsys::create_dir(&path) {
                Err(error) if error.io_kind() != Some(ErrorKind::AlreadyExists) => return Err(error),
                _ => {}
            }
            part.blobs = Blobs::Open(Directory::open(&path)?);
        }
        let Blobs::Open(blobs) = &part.blobs else { return Ok(()) };
        written.into_iter().try_for_each(|(key, origin)| self.publish_one(blobs, &key, &origin))
    }

    /// Counts the parts, for those who publish all of them.
    pub(super) fn parts(&self) -> usize {
        self.parts.len()
    }

    fn publish_one(&self, blobs: &Directory, key: &ContentKey, origin: &Origin) -> Result<(), FsError> {
        let Origin::Written { stage, path, replaces_blob } = origin else { return Ok(()) };
        let name = blob_file_name(&key.digest, key.executable);
        if *replaces_blob {
            let beside = format!(".{}", fsys::random_id()?);
            if let Linked::Done = self.try_link(Some(stage), path, (blobs, OsStr::new(&beside)))? {
                blobs.rename(OsStr::new(&beside), blobs, OsStr::new(&name))?;
            }
            return Ok(());
        }
        match self.try_link(Some(stage), path, (blobs, OsStr::new(&name))) {
            Err(error) if error.io_kind() == Some(ErrorKind::AlreadyExists) => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// Links, and tells apart what only means that the content must be written.
    fn try_link(&self, from: Option<&Directory>, name: &str, to: (&Directory, &OsStr)) -> Result<Linked, FsError> {
        let Some(from) = from else { return Ok(Linked::Absent) };
        let Err(error) = from.hard_link(OsStr::new(name), to.0, to.1) else { return Ok(Linked::Done) };
        match error.io_kind() {
            Some(ErrorKind::NotFound) => Ok(Linked::Absent),
            Some(ErrorKind::TooManyLinks) => Ok(Linked::Full),
            _ if cannot_link(&error) => {
                self.links.store(false, Ordering::Relaxed);
                Ok(Linked::Absent)
            }
            _ => Err(error),
        }
    }
}

/// Tells whether a content's blob is there and may be linked to. One that may not is removed: blobs are derived, and the next good one takes its place.
fn is_as_written(blobs: &Directory, key: &ContentKey, size: u64, trust: Trust) -> Result<bool, FsError> {
    let name = blob_file_name(&key.digest, key.executable);
    let name = OsStr::new(&name);
    let Some(found) = blobs.file_status(name)? else { return Ok(false) };
    let sealed = found.size == size && found.mode == key.mode() && found.mtime == CANONICAL_MTIME;
    if sealed && (trust == Trust::Status || hash(blobs.open_file(name)?, &blobs.path().join(name))?.0 == key.digest) {
        return Ok(true);
    }
    blobs.remove_file(name)?;
    Ok(false)
}

/// Tells a file system that does not link from one that failed: EXDEV, EOPNOTSUPP, EPERM.
pub(super) fn cannot_link(error: &FsError) -> bool {
    matches!(error.io_kind(), Some(ErrorKind::CrossesDevices | ErrorKind::Unsupported | ErrorKind::PermissionDenied))
}

impl Part {
    fn find(&mut self, origins: &Origins, key: &ContentKey, size: u64) -> Result<Option<Origin>, FsError> {
        if let Some(origin) = self.contents.get(key) {
            return Ok(Some(origin.clone()));
        }
        let Some(blobs) = self.open_blobs(&origins.layout, key)? else { return Ok(None) };
        if !is_as_written(blobs, key, size, origins.trust)? {
            return Ok(None);
        }
        self.contents.insert(*key, Origin::Blob);
        Ok(Some(Origin::Blob))
    }

    fn open_blobs(&mut self, layout: &Layout, key: &ContentKey) -> Result<Option<&Directory>, FsError> {
        if let Blobs::NotLookedAt = self.blobs {
            self.blobs = match Directory::open(&layout.blob_dir(&key.digest)) {
                Err(error) if error.io_kind() == Some(ErrorKind::NotFound) => Blobs::Absent,
                opened => Blobs::Open(opened?),
            };
        }
        Ok(match &self.blobs {
            Blobs::Open(directory) => Some(directory),
            Blobs::NotLookedAt | Blobs::Absent => None,
        })
    }
}
