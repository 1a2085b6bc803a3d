//! Whether the store still is what its names say: everything is read again, each inode once.
//!
//! Store paths, and the entries of each directory, are looked at in parallel, in the rayon pool of the caller. It goes on after every fault, and names each bad
//! file. What has several names is read once: whoever comes first reads, the others wait for the digest.

use std::ffi::OsStr;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use rayon::iter::IntoParallelRefIterator as _;
use rayon::iter::ParallelIterator as _;

use crate::archive::MANIFEST_FILE;
use crate::fsys;
use crate::fsys::Directory;
use crate::fsys::FileKind;
use crate::fsys::FileStatus;
use crate::fsys::FsError;
use crate::model::Node;
use crate::model::StorePath;
use crate::model::Tree;
use crate::model::TreePath;
use crate::store::EXECUTABLE_MODE;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::compare::compare;
use crate::store::compare::described;
use crate::store::contents::Contents;
use crate::store::layout::blob_of_file_name;
use crate::store::mode_of;
use crate::store::problem::BadBlob;
use crate::store::problem::BadEntry;
use crate::store::problem::Problem;
use crate::store::problem::unsealed;

/// What a verification found.
#[derive(Debug, Default)]
pub struct Report {
    /// Store paths looked at.
    pub paths: usize,
    /// Distinct files read.
    pub contents: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Everything that is wrong with store paths, in order of their names and of the entries' paths.
    pub bad: Vec<BadEntry>,
    /// Blobs that are not what their names say; store paths that share them are in `bad` as well.
    pub bad_blobs: Vec<BadBlob>,
}

impl Report {
    /// Tells whether nothing is wrong.
    pub fn is_good(&self) -> bool {
        self.bad.is_empty() && self.bad_blobs.is_empty()
    }
}

/// How far a verification got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyProgress {
    /// Store paths looked at so far.
    pub paths: usize,
    /// Store paths in all.
    pub paths_total: usize,
    /// Bytes read so far.
    pub bytes: u64,
}

/// Is told how far a verification got; called from any thread.
pub type OnProgress<'a> = &'a (dyn Fn(VerifyProgress) + Sync);

/// Verifies all store paths and blobs. What gc removes meanwhile is not missed.
///
/// # Errors
/// Only where the store cannot be listed; everything else is in the report.
pub fn verify_store(store: &Store, on_progress: OnProgress<'_>) -> Result<Report, StoreError> {
    let round = Round::new(store, on_progress);
    let mut bad = round.paths(&store.paths()?);
    bad.retain(|bad| !matches!(store.has(&bad.store_path), Ok(false)));
    let bad_blobs = round.blobs()?;
    Ok(round.report(bad, bad_blobs))
}

/// Verifies some store paths; one that is not there is bad.
pub fn verify_paths(store: &Store, paths: &[StorePath], on_progress: OnProgress<'_>) -> Report {
    let round = Round::new(store, on_progress);
    let bad = round.paths(paths);
    round.report(bad, Vec::new())
}

/// One verification under way.
struct Round<'a> {
    store: &'a Store,
    contents: Contents,
    paths: AtomicUsize,
    on_progress: OnProgress<'a>,
}

impl<'a> Round<'a> {
    fn new(store: &'a Store, on_progress: OnProgress<'a>) -> Self {
        // Each thread holds the directories open that lead to where it is, at most 128.
        fsys::raise_open_files_max();
        Round { store, contents: Contents::new(), paths: AtomicUsize::new(0), on_progress }
    }

    fn report(&self, mut bad: Vec<BadEntry>, bad_blobs: Vec<BadBlob>) -> Report {
        bad.sort_by(|one, two| (&one.store_path, &one.path).cmp(&(&two.store_path, &two.path)));
        Report { paths: self.paths.load(Ordering::Relaxed), contents: self.contents.files(), bytes: self.contents.bytes(), bad, bad_blobs }
    }

    fn paths(&self, paths: &[StorePath]) -> Vec<BadEntry> {
        let look_at = |path: &StorePath| {
            let bad = self.path(path);
            let done = self.paths.fetch_add(1, Ordering::Relaxed) + 1;
            (self.on_progress)(VerifyProgress { paths: done, paths_total: paths.len(), bytes: self.contents.bytes() });
            bad
        };
        paths.par_iter().flat_map_iter(look_at).collect()
    }

    /// Verifies one store path.
    fn path(&self, store_path: &StorePath) -> Vec<BadEntry> {
        let view = View { contents: &self.contents, problems: Mutex::default() };
        let found = match Directory::open(&self.store.layout().store_path(store_path)) {
            Ok(root) => view.root(&root),
            Err(error) if error.io_kind() == Some(std::io::ErrorKind::NotFound) => return bad_entries(store_path, vec![(None, Problem::Missing)]),
            Err(source) => return bad_entries(store_path, vec![(None, Problem::Unreadable { source })]),
        };
        let mut problems = view.problems.into_inner().unwrap_or_else(PoisonError::into_inner);
        if found.digest() != store_path.tree() {
            let unreadable = |path: &TreePath| problems.iter().any(|(at, problem)| at.as_ref() == Some(path) && matches!(problem, Problem::Unreadable { .. }));
            let differences: Vec<_> = self.explain(store_path, &found).into_iter().filter(|(path, _)| !unreadable(path)).collect();
            problems.extend(differences.into_iter().map(|(path, problem)| (Some(path), problem)));
        }
        bad_entries(store_path, problems)
    }

    /// Says which files make the tree another one, as far as MANIFEST.json still tells.
    fn explain(&self, store_path: &StorePath, found: &Tree) -> Vec<(TreePath, Problem)> {
        let at = TreePath::parse(MANIFEST_FILE).expect("it is a valid path");
        let Some(node @ Node::File { .. }) = found.get(MANIFEST_FILE) else { return vec![(at, Problem::Missing)] };
        let replaced = || Problem::Tree { expected: store_path.tree(), found: found.digest() };
        match self.store.pack_manifest(store_path) {
            Err(StoreError::BadPackManifest { source, .. }) => vec![(at, Problem::Manifest { source })],
            Err(StoreError::Disk(source)) => vec![(at, Problem::Unreadable { source })],
            Err(_) => vec![(at, replaced())],
            Ok(manifest) => match described(&manifest, node.clone()).map(|expected| compare(&expected, found)) {
                Some(differences) if !differences.is_empty() => differences,
                _ => vec![(at, replaced())],
            },
        }
    }

    /// Verifies that all blobs are what their names say, and as they were written.
    fn blobs(&self) -> Result<Vec<BadBlob>, StoreError> {
        let blobs = self.store.layout().blobs();
        let names = fsys::list_dir(&blobs)?;
        let parts = names.par_iter().map(|entry| self.blobs_in(&entry.name)).collect::<Result<Vec<_>, FsError>>()?;
        Ok(parts.into_iter().flatten().collect())
    }

    fn blobs_in(&self, part: &OsStr) -> Result<Vec<BadBlob>, FsError> {
        let path = self.store.layout().blobs().join(part);
        let directory = match Directory::open(&path) {
            Err(error) if error.io_kind() == Some(std::io::ErrorKind::NotADirectory) => return Ok(vec![BadBlob { path, problem: Problem::Extra }]),
            opened => opened?,
        };
        let entries = directory.entries()?;
        let bad = entries.iter().flat_map(|(name, status)| {
            let problems = self.blob(&directory, part, name, status);
            problems.into_iter().map(|problem| BadBlob { path: directory.path().join(name), problem }).collect::<Vec<_>>()
        });
        Ok(bad.collect())
    }

    fn blob(&self, directory: &Directory, part: &OsStr, name: &OsStr, status: &FileStatus) -> Vec<Problem> {
        let spelled = format!("{}{}", part.to_string_lossy(), name.to_string_lossy());
        let Some((expected, executable)) = blob_of_file_name(&spelled).filter(|_| status.kind == FileKind::File) else {
            return vec![Problem::Extra];
        };
        let mut problems: Vec<_> = unsealed(status, mode_of(executable)).collect();
        match self.contents.digest(directory, name, status) {
            Ok(found) if found == expected => {}
            Ok(found) => problems.push(Problem::Content { expected, found }),
            // Removed by gc in between.
            Err(error) if error.io_kind() == Some(std::io::ErrorKind::NotFound) => problems.clear(),
            Err(source) => problems.push(Problem::Unreadable { source }),
        }
        problems
    }
}

fn bad_entries(store_path: &StorePath, problems: Vec<(Option<TreePath>, Problem)>) -> Vec<BadEntry> {
    problems.into_iter().map(|(path, problem)| BadEntry { store_path: store_path.clone(), path, problem }).collect()
}

/// One store path as it is on the disk, and what is wrong with it by itself.
struct View<'a> {
    contents: &'a Contents,
    problems: Mutex<Vec<(Option<TreePath>, Problem)>>,
}

impl View<'_> {
    fn note(&self, path: Option<&TreePath>, problem: Problem) {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).push((path.cloned(), problem));
    }

    fn root(&self, root: &Directory) -> Tree {
        match root.status() {
            Ok(status) => unsealed(&status, EXECUTABLE_MODE).for_each(|problem| self.note(None, problem)),
            Err(source) => self.note(None, Problem::Unreadable { source }),
        }
        self.tree(None, root)
    }

    /// Reads all below a directory; what cannot be read or is no part of a tree is noted and left out.
    fn tree(&self, path: Option<&TreePath>, directory: &Directory) -> Tree {
        let entries = directory.entries().unwrap_or_else(|source| {
            self.note(path, Problem::Unreadable { source });
            Vec::new()
        });
        let nodes: Vec<_> = entries.par_iter().filter_map(|(name, status)| self.entry(path, directory, name, status)).collect();
        let mut tree = Tree::new();
        for (name, node) in nodes {
            tree.insert(&name, node).expect("a directory has each name once");
        }
        tree
    }

    /// Reads one entry, and gives it under its name alone.
    fn entry(&self, parent: Option<&TreePath>, directory: &Directory, name: &OsStr, status: &FileStatus) -> Option<(TreePath, Node)> {
        let spelled = name.to_str().and_then(|name| {
            let path = parent.map_or_else(|| TreePath::parse(name), |parent| parent.join(name)).ok()?;
            Some((path, TreePath::parse(name).ok()?))
        });
        let Some((path, name_alone)) = spelled else {
            self.note(parent, Problem::ForeignName { name: name.to_string_lossy().into_owned() });
            return None;
        };
        match self.node(&path, directory, name, status) {
            Ok(node) => node.map(|node| (name_alone, node)),
            Err(source) => {
                self.note(Some(&path), Problem::Unreadable { source });
                None
            }
        }
    }

    fn node(&self, path: &TreePath, directory: &Directory, name: &OsStr, status: &FileStatus) -> Result<Option<Node>, FsError> {
        let executable = status.is_executable();
        let mode = match status.kind {
            FileKind::File => mode_of(executable),
            FileKind::Directory => EXECUTABLE_MODE,
            // Links have no permission bits of their own.
            FileKind::Symlink | FileKind::Other => status.mode,
        };
        unsealed(status, mode).for_each(|problem| self.note(Some(path), problem));
        Ok(match status.kind {
            FileKind::File => Some(Node::File { content: self.contents.digest(directory, name, status)?, size: status.size, executable }),
            FileKind::Directory => Some(Node::Directory(self.tree(Some(path), &directory.open_dir(name)?))),
            FileKind::Symlink => Some(Node::Symlink { target: directory.read_link(name)?.to_string_lossy().into_owned() }),
            FileKind::Other => {
                self.note(Some(path), Problem::Extra);
                None
            }
        })
    }
}
