//! Walking a source directory: every name that belongs to the pack, in an order that depends on nothing but the names.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::Path;

use crate::archive::FileEntry;
use crate::build::BuildError;
use crate::build::selection::Selection;
use crate::fsys;
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
pub(super) fn walk(directory: &Path, root: &str, selection: &Selection) -> Found {
    let mut walk = Walk { directory, root, selection, found: Found::default() };
    walk.directory("");
    let mut found = walk.found;
    found.files.sort_by(|a, b| a.path().cmp(b.path()));
    found
}

struct Walk<'w> {
    directory: &'w Path,
    root: &'w str,
    selection: &'w Selection,
    found: Found,
}

impl Walk<'_> {
    /// Walks one directory, given by its path with a slash at the end; tells whether it is empty on the disk.
    fn directory(&mut self, prefix: &str) -> bool {
        let entries = match fsys::list_dir(&self.directory.join(prefix)) {
            Ok(entries) => entries,
            Err(source) => {
                self.found.faults.push(source.into());
                return false;
            }
        };
        let mut spellings = HashMap::new();
        for entry in &entries {
            let Some(name) = entry.name_str() else {
                self.found.faults.push(BuildError::NotUtf8 { path: format!("{prefix}{}", entry.name.to_string_lossy().escape_debug()) });
                continue;
            };
            if let Err(fault) = self.entry(&format!("{prefix}{name}"), name, &mut spellings) {
                self.found.faults.push(fault);
            }
        }
        entries.is_empty()
    }

    fn entry(&mut self, path: &str, name: &str, spellings: &mut HashMap<String, String>) -> Result<(), BuildError> {
        let on_disk = self.directory.join(path);
        let Some(status) = fsys::status(&on_disk)? else {
            return Err(FsError::Io { operation: "look at", path: on_disk, source: std::io::ErrorKind::NotFound.into() }.into());
        };
        let path = self.tree_path(path)?;
        let is_directory = status.kind == FileKind::Directory;
        if self.selection.leaves_out(&path, is_directory) || (!is_directory && !self.selection.asks_for(&path, false)) {
            return Ok(());
        }
        if let Some(other) = spellings.insert(fold_name(name), name.to_owned()) {
            return Err(BuildError::NameTaken { path: path.to_string(), other });
        }
        match status.kind {
            FileKind::Directory => {
                if self.directory(&format!("{path}/")) && self.selection.asks_for(&path, true) {
                    self.add(FileEntry::Directory { path }, &status);
                }
            }
            FileKind::Symlink => {
                let target = read_target(&on_disk)?;
                self.add(FileEntry::Symlink { path, target }, &status);
            }
            FileKind::File => {
                let (size, blake3) = hash(&on_disk)?;
                let executable = status.is_executable();
                self.add(if executable { FileEntry::Executable { path, size, blake3 } } else { FileEntry::File { path, size, blake3 } }, &status);
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

fn read_target(path: &Path) -> Result<String, BuildError> {
    let target = fsys::read_link(path)?.unwrap_or_default();
    target.to_str().map(str::to_owned).ok_or_else(|| BuildError::NotUtf8 { path: path.display().to_string() })
}

fn hash(path: &Path) -> Result<(u64, Blake3Digest), FsError> {
    let failed = |source| FsError::Io { operation: "read", path: path.to_owned(), source };
    let mut file = fsys::open(path)?;
    let (mut piece, mut hasher) = (vec![0; PIECE_BYTES], blake3::Hasher::new());
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok((hasher.count(), Blake3Digest::from_bytes(*hasher.finalize().as_bytes()))),
            Ok(read) => hasher.update(&piece[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed(error)),
        };
    }
}
