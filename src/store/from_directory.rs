//! Packs that come from a directory instead of an archive: `path` packs of packs.toml.

use std::io;
use std::io::Read as _;
use std::path::Path;
use std::path::PathBuf;

use crate::archive::Contents;
use crate::archive::FileEntry;
use crate::archive::MANIFEST_FILE;
use crate::archive::PackManifest;
use crate::archive::check_tree;
use crate::fsys;
use crate::fsys::FsError;
use crate::model::Blake3Digest;
use crate::model::Node;
use crate::model::ReleaseId;
use crate::model::Tree;
use crate::model::TreePath;
use crate::store::Batch;
use crate::store::Staged;
use crate::store::StoreError;
use crate::store::batch::staged;
use crate::store::compare::described;
use crate::store::ingest::Ingest;
use crate::store::ingest::NewFile;
use crate::store::ingest::Target;
use crate::store::origins::ContentKey;
use crate::store::stage::Stage;

/// How much is copied and hashed at a time, in bytes.
const PIECE_BYTES: usize = 128 << 10;

impl Batch<'_> {
    /// Puts the files of a directory into a stage, exactly as its manifest lists them; the same tree as its archive would unpack to.
    ///
    /// Content that is in the store already is linked without being read again: the digest in the manifest says what it is.
    ///
    /// # Errors
    /// [`StoreError::SourceChanged`] where a file is not what the manifest says any more; [`StoreError::Archive`] where an archive with this manifest would be
    /// refused, for links that lead out or commands that are not there; [`StoreError::NoTree`].
    pub fn stage_directory(&self, manifest: PackManifest, directory: &Path) -> Result<Staged, StoreError> {
        let bytes = manifest.format();
        self.stage_files(manifest, &bytes, |entry| Ok(directory.join(entry.path().as_str())))
    }

    /// Puts the files that a manifest lists into a stage; `find` gives a file to copy each from, where it is not in the store yet.
    pub(super) fn stage_files(
        &self,
        manifest: PackManifest,
        json: &[u8],
        find: impl Fn(&FileEntry) -> Result<PathBuf, StoreError>,
    ) -> Result<Staged, StoreError> {
        let release = || Box::new(ReleaseId { name: manifest.name.clone(), version: manifest.version.clone() });
        let content = Blake3Digest::of(json);
        let manifest_json = Node::File { content, size: json.len() as u64, executable: false };
        let tree = described(&manifest, manifest_json).ok_or_else(|| StoreError::NoTree { release: release() })?;
        check_tree(&manifest, &tree, self.limits()).map_err(|source| StoreError::Archive { release: release(), source: Box::new(source) })?;
        let stage = Stage::create(self.store().layout())?;
        let mut ingest = Ingest::new(self.origins(), stage.root());
        put_manifest(&mut ingest, json, content)?;
        let root = TreePath::parse(&manifest.name.component()).expect("a pack's name is a path component");
        ingest.put_directory(&root)?;
        for entry in &manifest.files {
            let path = root.join(entry.path().as_str()).expect("it is in the tree");
            put_entry(&mut ingest, entry, &path, &find)?;
        }
        let volume = ingest.finish()?;
        Ok(staged(stage, contents(manifest, tree, json), volume, None))
    }
}

fn put_manifest(ingest: &mut Ingest<'_>, json: &[u8], content: Blake3Digest) -> Result<(), FsError> {
    let path = TreePath::parse(MANIFEST_FILE).expect("it is a valid path");
    let key = ContentKey { digest: content, executable: false };
    ingest.put(Target { path: &path, key, size: json.len() as u64 }, |file| file.write(json))
}

fn put_entry(ingest: &mut Ingest<'_>, entry: &FileEntry, path: &TreePath, find: impl Fn(&FileEntry) -> Result<PathBuf, StoreError>) -> Result<(), StoreError> {
    match entry.node() {
        Node::File { content, size, executable } => {
            let key = ContentKey { digest: content, executable };
            ingest.put(Target { path, key, size }, |file| copy(&find(entry)?, file, size, content))
        }
        Node::Directory(_) => Ok(ingest.put_directory(path)?),
        Node::Symlink { target } => Ok(ingest.put_symlink(path, &target)?),
    }
}

/// Copies a file and checks on the way that it is what the manifest says.
fn copy(source: &Path, file: &NewFile<'_>, size: u64, content: Blake3Digest) -> Result<(), StoreError> {
    let changed = || StoreError::SourceChanged { path: source.to_owned() };
    // One byte more than listed is enough to know that it grew.
    let mut reader = fsys::open(source)?.take(size.saturating_add(1));
    let (mut buffer, mut hasher, mut copied) = (vec![0; PIECE_BYTES.min(usize::try_from(size).unwrap_or(PIECE_BYTES) + 1)], blake3::Hasher::new(), 0);
    loop {
        let read = match reader.read(&mut buffer) {
            Ok(0) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.map_err(|error| FsError::io("read", source, error))?,
        };
        copied += read as u64;
        if copied > size {
            return Err(changed());
        }
        hasher.update(&buffer[..read]);
        file.write(&buffer[..read])?;
    }
    let as_listed = copied == size && Blake3Digest::from(hasher.finalize()) == content;
    if as_listed { Ok(()) } else { Err(changed()) }
}

fn contents(manifest: PackManifest, tree: Tree, json: &[u8]) -> Contents {
    let unpacked_bytes = json.len() as u64 + manifest.files.iter().map(FileEntry::size).sum::<u64>();
    Contents { digest: tree.digest(), unpacked_bytes, entries: manifest.files.len() as u64 + 2, tree, manifest }
}
