//! Files into a stage, one pass: each content is linked if it is there already, else written once.
//!
//! The directories from the root to the current one are kept open, so every call names one component relative to an open directory, and nothing is ever
//! written through a link. A directory is sealed (0555, canonical time) when it is left; archives are sorted, so that is nearly always once.

use std::ffi::OsStr;
use std::fs::File;
use std::io::ErrorKind;
use std::sync::Arc;

use crate::archive::Content;
use crate::archive::ContentReader;
use crate::archive::FileHead;
use crate::archive::Visitor;
use crate::fsys::Directory;
use crate::fsys::FsError;
use crate::model::Blake3Digest;
use crate::model::TreePath;
use crate::store::EXECUTABLE_MODE;
use crate::store::StoreError;
use crate::store::mode_of;
use crate::store::origins::ContentKey;
use crate::store::origins::Origins;
use crate::store::origins::Part;
use crate::store::origins::cannot_link;

/// What was put into a stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Volume {
    /// Bytes of the files that were written.
    pub(super) written_bytes: u64,
    /// Bytes of the files that were linked to content that was there.
    pub(super) shared_bytes: u64,
}

/// Writes one tree into its stage.
pub(super) struct Ingest<'b> {
    origins: &'b Origins,
    root: Arc<Directory>,
    /// The directories below the root that lead to the current one.
    open: Vec<(Box<str>, Directory)>,
    volume: Volume,
    umask: Umask,
}

/// Whether new files get the permission bits they are created with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Umask {
    /// Nothing was created so far.
    Unknown,
    /// They do.
    Harmless,
    /// The umask (or a default ACL) takes some away: they are set once more.
    Cuts,
}

/// Where a content goes, and what is known of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) path: &'a TreePath,
    pub(super) key: ContentKey,
    pub(super) size: u64,
}

/// A new file of a stage, to be filled.
pub(super) struct NewFile<'a> {
    directory: &'a Directory,
    name: &'a OsStr,
    file: &'a File,
}

impl NewFile<'_> {
    /// Appends bytes.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<(), FsError> {
        if bytes.is_empty() { Ok(()) } else { self.directory.write_to(self.file, self.name, bytes) }
    }
}

impl<'b> Ingest<'b> {
    pub(super) fn new(origins: &'b Origins, root: &Arc<Directory>) -> Self {
        Ingest { origins, root: Arc::clone(root), open: Vec::new(), volume: Volume::default(), umask: Umask::Unknown }
    }

    /// Seals what is still open, the root last.
    pub(super) fn finish(mut self) -> Result<Volume, FsError> {
        self.enter("")?;
        self.root.seal(EXECUTABLE_MODE)?;
        Ok(self.volume)
    }

    /// Puts a content whose digest is known to a path: a link if it is there already, else what `content` writes.
    pub(super) fn put<E: From<FsError>>(&mut self, target: Target<'_>, content: impl FnOnce(&NewFile<'_>) -> Result<(), E>) -> Result<(), E> {
        let Target { path, key, size } = target;
        let name = self.enter_parent(path)?;
        if size == 0 {
            // Nothing to share, and one inode for all empty files of a machine would soon have all names it can have.
            return self.write(name, &target, content);
        }
        let origins = self.origins;
        let mut part = origins.part(&key);
        if origins.link(&mut part, &key, size, (self.here(), name))? {
            self.volume.shared_bytes += size;
            return Ok(());
        }
        self.write(name, &target, content)?;
        origins.note(&mut part, key, &self.root, path.as_str());
        Ok(())
    }

    /// Makes a symbolic link.
    pub(super) fn put_symlink(&mut self, path: &TreePath, target: &str) -> Result<(), FsError> {
        let name = self.enter_parent(path)?;
        self.here().symlink(target, name)
    }

    /// Makes a directory and those above it.
    pub(super) fn put_directory(&mut self, path: &TreePath) -> Result<(), FsError> {
        self.enter(path.as_str())
    }

    /// Puts a large content, whose digest is known only when it has been written: if the same is there already, the new copy makes way for a link.
    fn put_streamed(&mut self, head: &FileHead<'_>, content: &mut ContentReader<'_>) -> Result<(), StoreError> {
        let name = self.enter_parent(head.path)?;
        let mode = mode_of(head.executable);
        let file = self.here().create_file(name, mode)?;
        let key = ContentKey { digest: self.write_pieces(content, &file, name)?, executable: head.executable };
        self.seal_new(&file, name, mode)?;
        drop(file);
        let origins = self.origins;
        let mut part = origins.part(&key);
        if self.replace_by_link(&mut part, &key, head.size, name)? {
            self.volume.shared_bytes += head.size;
        } else {
            self.volume.written_bytes += head.size;
            origins.note(&mut part, key, &self.root, head.path.as_str());
        }
        Ok(())
    }

    fn write_pieces(&self, content: &mut ContentReader<'_>, file: &File, name: &OsStr) -> Result<Blake3Digest, FsError> {
        let unreadable = |source| FsError::io("unpack", &self.here().path().join(name), source);
        loop {
            let piece = content.next_piece().map_err(unreadable)?;
            if piece.is_empty() {
                return content.digest().ok_or_else(|| unreadable(ErrorKind::UnexpectedEof.into()));
            }
            self.here().write_to(file, name, piece)?;
        }
    }

    /// Links the same content beside MANIFEST.json, where no file of a pack can be, and renames that over the copy; tells whether it could.
    fn replace_by_link(&self, part: &mut Part, key: &ContentKey, size: u64, name: &OsStr) -> Result<bool, FsError> {
        let beside = OsStr::new(".link");
        if !self.origins.link(part, key, size, (&self.root, beside))? {
            return Ok(false);
        }
        self.root.rename(beside, self.here(), name).map(|()| true)
    }

    /// Gives an earlier file of this tree a second name; where it cannot have one, a copy.
    fn put_hard_link(&mut self, path: &TreePath, to: &TreePath) -> Result<(), FsError> {
        let name = self.enter_parent(path)?;
        let to = OsStr::new(to.as_str());
        let found = self.root.file_status(to)?.ok_or_else(|| FsError::io("link", self.root.path(), ErrorKind::NotFound))?;
        if found.size > 0 {
            match self.root.hard_link(to, self.here(), name) {
                Err(error) if cannot_link(&error) || error.io_kind() == Some(ErrorKind::TooManyLinks) => {}
                linked => {
                    self.volume.shared_bytes += found.size;
                    return linked;
                }
            }
        }
        let file = self.root.copy_file(to, self.here(), name, found.mode)?;
        self.volume.written_bytes += found.size;
        self.seal_new(&file, name, found.mode)
    }

    fn write<E: From<FsError>>(&mut self, name: &OsStr, target: &Target<'_>, content: impl FnOnce(&NewFile<'_>) -> Result<(), E>) -> Result<(), E> {
        let mode = target.key.mode();
        let file = self.here().create_file(name, mode)?;
        content(&NewFile { directory: self.here(), name, file: &file })?;
        self.volume.written_bytes += target.size;
        Ok(self.seal_new(&file, name, mode)?)
    }

    /// Gives a new file its final bits, if the umask has cut them, and the canonical time.
    fn seal_new(&mut self, file: &File, name: &OsStr, mode: u32) -> Result<(), FsError> {
        if self.umask == Umask::Unknown {
            let found = self.here().file_status(name)?;
            self.umask = if found.is_some_and(|found| found.mode == mode) { Umask::Harmless } else { Umask::Cuts };
        }
        if self.umask == Umask::Cuts {
            self.here().set_file_mode(file, name, mode)?;
        }
        self.here().seal_file(file, name)
    }

    fn here(&self) -> &Directory {
        self.open.last().map_or(&self.root, |(_, directory)| directory)
    }

    /// Goes to the directory that holds `path`, and gives its name there.
    fn enter_parent<'p>(&mut self, path: &'p TreePath) -> Result<&'p OsStr, FsError> {
        let (parent, name) = path.as_str().rsplit_once('/').unwrap_or(("", path.as_str()));
        self.enter(parent)?;
        Ok(OsStr::new(name))
    }

    /// Goes to a directory: seals those that are left, makes and opens those that are missing.
    fn enter(&mut self, path: &str) -> Result<(), FsError> {
        let wanted = || path.split('/').filter(|component| !component.is_empty());
        let common = self.open.iter().zip(wanted()).take_while(|((name, _), component)| **name == **component).count();
        while self.open.len() > common {
            let (_, left) = self.open.pop().expect("there are more than the common ones");
            left.seal(EXECUTABLE_MODE)?;
        }
        for component in wanted().skip(common) {
            let directory = self.here().enter_dir(OsStr::new(component))?;
            self.open.push((component.into(), directory));
        }
        Ok(())
    }
}

impl Visitor for Ingest<'_> {
    type Error = StoreError;

    fn directory(&mut self, path: &TreePath) -> Result<(), StoreError> {
        Ok(self.put_directory(path)?)
    }

    fn file(&mut self, head: FileHead<'_>, content: Content<'_>) -> Result<(), StoreError> {
        match content {
            Content::Whole { bytes, digest } => {
                let key = ContentKey { digest, executable: head.executable };
                Ok(self.put(Target { path: head.path, key, size: head.size }, |file| file.write(bytes))?)
            }
            Content::Streamed(content) => self.put_streamed(&head, content),
        }
    }

    fn symlink(&mut self, path: &TreePath, target: &str) -> Result<(), StoreError> {
        Ok(self.put_symlink(path, target)?)
    }

    fn hard_link(&mut self, path: &TreePath, to: &TreePath) -> Result<(), StoreError> {
        Ok(self.put_hard_link(path, to)?)
    }
}
