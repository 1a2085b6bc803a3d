//! Walking a source directory: every name that belongs to the pack, in an order that depends on nothing but the names.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use crate::archive::FileEntry;
use crate::build::BuildError;
use crate::build::selection::Selection;
use crate::fsys;
use crate::fsys::Directory;
use crate::fsys::FileKind;
use crate::fsys::FileStatus;
use crate::fsys::FsError;
use crate::model::Blake3Digest;
use crate::model::Tree;
use crate::model::TreePath;
use crate::model::fold_name;

/// How much of a file is read at a time, in bytes.
const PIECE_BYTES: usize = 128 << 10;

/// Everything that belongs to the pack, and everything that would but cannot.
#[derive(Default)]
pub(super) struct Found {
    /// What is listed in the manifest, sorted by path.
    pub(super) files: Vec<FileEntry>,
    /// The same as a tree.
    pub(super) tree: Tree,
    /// What cannot be packed, in the order of the walk.
    pub(super) faults: Vec<BuildError>,
    /// When the newest file was changed, in seconds since 1970; not before.
    pub(super) newest_mtime: i64,
}

/// Walks a source directory; `root` is the directory in the archive, which counts for the length of paths.
///
/// Everything below it is opened from the directory that lists it, and no link is followed: what takes a place meanwhile cannot lead elsewhere.
pub(super) fn walk(directory: &Path, root: &str, selection: &Selection) -> Found {
    let mut walk = Walk { root, selection, found: Found::default() };
    match Directory::open_resolved(directory) {
        Ok(opened) => drop(walk.directory(&opened, "")),
        Err(source) => walk.found.faults.push(source.into()),
    }
    let mut found = walk.found;
    found.files.sort_by(|a, b| a.path().cmp(b.path()));
    found
}

struct Walk<'w> {
    root: &'w str,
    selection: &'w Selection,
    found: Found,
}

/// A name in a directory, and what it stood for when the directory was listed.
struct Entry<'w> {
    directory: &'w Directory,
    name: &'w str,
    status: FileStatus,
}

impl Walk<'_> {
    /// Walks one directory, given with its path and a slash at the end; tells whether it is empty on the disk.
    fn directory(&mut self, directory: &Directory, prefix: &str) -> bool {
        let entries = match directory.entries() {
            Ok(entries) => entries,
            Err(source) => {
                self.found.faults.push(source.into());
                return false;
            }
        };
        let mut spellings = HashMap::new();
        for (name, status) in &entries {
            let Some(name) = name.to_str() else {
                self.found.faults.push(BuildError::NotUtf8 { path: format!("{prefix}{}", name.to_string_lossy().escape_debug()) });
                continue;
            };
            if let Err(fault) = self.entry(&format!("{prefix}{name}"), &Entry { directory, name, status: *status }, &mut spellings) {
                self.found.faults.push(fault);
            }
        }
        entries.is_empty()
    }

    fn entry(&mut self, path: &str, entry: &Entry<'_>, spellings: &mut HashMap<String, String>) -> Result<(), BuildError> {
        let path = self.tree_path(path)?;
        let is_directory = entry.status.kind == FileKind::Directory;
        if self.selection.leaves_out(&path, is_directory) || (!is_directory && !self.selection.asks_for(&path, false)) {
            return Ok(());
        }
        if let Some(other) = spellings.insert(fold_name(entry.name), entry.name.to_owned()) {
            return Err(BuildError::NameTaken { path: path.to_string(), other });
        }
        let name = OsStr::new(entry.name);
        match entry.status.kind {
            FileKind::Directory => {
                let inner = entry.directory.open_dir(name).map_err(|error| unless_replaced(&path, error))?;
                entry.require_same(&path, &inner.status()?)?;
                if self.directory(&inner, &format!("{path}/")) && self.selection.asks_for(&path, true) {
                    self.add(FileEntry::Directory { path }, &entry.status);
                }
            }
            FileKind::Symlink => {
                let target = entry.directory.read_link(name).map_err(|error| unless_replaced(&path, error))?;
                let target = target.to_str().ok_or_else(|| BuildError::NotUtf8 { path: path.to_string() })?.to_owned();
                self.add(FileEntry::Symlink { path, target }, &entry.status);
            }
            FileKind::File => {
                let file = entry.directory.open_file(name).map_err(|error| unless_replaced(&path, error))?;
                let on_disk = entry.directory.path().join(name);
                entry.require_same(&path, &fsys::status_of(&file, &on_disk)?)?;
                let (size, blake3) = hash(file, &on_disk)?;
                let executable = entry.status.is_executable();
                self.add(if executable { FileEntry::Executable { path, size, blake3 } } else { FileEntry::File { path, size, blake3 } }, &entry.status);
            }
            FileKind::Other => return Err(BuildError::ForbiddenKind { path: path.to_string() }),
        }
        Ok(())
    }

    /// Parses a path as it will be in the archive, below the pack's directory.
    fn tree_path(&self, path: &str) -> Result<TreePath, BuildError> {
        let bad = |source| BuildError::BadPath { path: path.escape_debug().to_string(), source };
        TreePath::parse(&format!("{}/{path}", self.root)).map_err(bad)?;
        TreePath::parse(path).map_err(bad)
    }

    fn add(&mut self, file: FileEntry, status: &FileStatus) {
        self.found.tree.insert(file.path(), file.node()).expect("a directory of the disk has each name once");
        // The time of a directory or link says when the source was checked out, not when it was written.
        if status.kind == FileKind::File {
            self.found.newest_mtime = self.found.newest_mtime.max(status.mtime);
        }
        self.found.files.push(file);
    }
}

impl Entry<'_> {
    /// Refuses what was opened if it is not what was listed.
    fn require_same(&self, path: &TreePath, opened: &FileStatus) -> Result<(), BuildError> {
        let id = |status: &FileStatus| (status.device, status.inode, status.kind);
        if id(opened) == id(&self.status) { Ok(()) } else { Err(BuildError::Replaced { path: path.to_string() }) }
    }
}

/// Tells a name that stands for something else now from a disk that fails.
fn unless_replaced(path: &TreePath, error: FsError) -> BuildError {
    if error.is_of_another_kind() { BuildError::Replaced { path: path.to_string() } } else { error.into() }
}

fn hash(mut file: fs::File, path: &Path) -> Result<(u64, Blake3Digest), FsError> {
    let failed = |source| FsError::Io { operation: "read", path: path.to_owned(), source };
    let (mut piece, mut hasher) = (vec![0; PIECE_BYTES], blake3::Hasher::new());
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok((hasher.count(), Blake3Digest::from(hasher.finalize()))),
            Ok(read) => hasher.update(&piece[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed(error)),
        };
    }
}
