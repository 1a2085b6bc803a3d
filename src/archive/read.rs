//! The strict walk over the entries of an archive.

use crate::archive::ArchiveBytes;
use crate::archive::ArchiveError;
use crate::archive::BLOCK_BYTES;
use crate::archive::Content;
use crate::archive::ContentReader;
use crate::archive::FileHead;
use crate::archive::Limits;
use crate::archive::MANIFEST_FILE;
use crate::archive::PackManifest;
use crate::archive::ReadError;
use crate::archive::Visitor;
use crate::archive::agree::check_tree;
use crate::archive::error::shown;
use crate::archive::extended::Extended;
use crate::archive::header::Header;
use crate::archive::header::Kind;
use crate::archive::input::Input;
use crate::archive::links::check_target;
use crate::archive::names::Names;
use crate::archive::visit::ContentStream;
use crate::model::Blake3Digest;
use crate::model::Node;
use crate::model::Tree;
use crate::model::TreeDigest;
use crate::model::TreePath;

/// Largest file that a visitor is given in one piece, in bytes: hashed and written while it is still in the processor's cache.
const WHOLE_FILE_BYTES_MAX: u64 = 1 << 20;

/// What an archive holds, once all of it was read and found good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// Its MANIFEST.json.
    pub manifest: PackManifest,
    /// The tree that it unpacks to: MANIFEST.json and the pack's directory.
    pub tree: Tree,
    /// The digest of that tree.
    pub digest: TreeDigest,
    /// Bytes of all files together, MANIFEST.json included.
    pub unpacked_bytes: u64,
    /// Entries in the archive, extended headers not counted.
    pub entries: u64,
}

/// Reads an archive from front to back, giving each entry to the visitor.
///
/// The bytes have been verified by size and sha256. Whatever the visitor made of them must stay out of sight until this returns: some
/// faults show only at the very end.
///
/// # Errors
/// [`ReadError::Archive`] if the archive is refused, [`ReadError::Visitor`] as soon as the visitor fails.
pub fn read_archive<V: Visitor>(archive: ArchiveBytes<'_>, limits: &Limits, visitor: &mut V) -> Result<Contents, ReadError<V::Error>> {
    let mut input = Input::open(archive, limits)?;
    let mut walk = Walk { limits, visitor, names: Names::default(), tree: Tree::new(), manifest: None, root: None, entries: 0, unpacked_bytes: 0 };
    let mut extended = Extended::default();
    let mut number = 0u64;
    loop {
        number += 1;
        let entry = format!("entry {number}");
        let Some(block) = input.block(&entry)? else {
            return Err(cut_off(entry, &input, "the end mark of two zero blocks").into());
        };
        if is_zero(&block) {
            break;
        }
        let header = Header::parse(&block, &entry)?;
        match header.kind {
            Kind::PaxLocal | Kind::PaxGlobal | Kind::LongName | Kind::LongLink => read_extension(&mut extended, &header, &mut input, limits, &entry)?,
            _ => walk.entry(&header, &extended.take(), &mut input, &entry)?,
        }
    }
    check_end(&extended, &mut input, limits)?;
    input.finish()?;
    Ok(walk.finish()?)
}

/// What is known while the entries pass by.
struct Walk<'w, V> {
    limits: &'w Limits,
    visitor: &'w mut V,
    names: Names,
    tree: Tree,
    manifest: Option<PackManifest>,
    /// The one directory at the root, as the first entry below it spells it.
    root: Option<String>,
    entries: u64,
    unpacked_bytes: u64,
}

impl<V: Visitor> Walk<'_, V> {
    /// Checks one entry, gives it to the visitor, and puts it into the tree.
    fn entry(&mut self, header: &Header<'_>, extended: &Extended, input: &mut Input<'_>, number: &str) -> Result<(), ReadError<V::Error>> {
        let name = extended.path.clone().unwrap_or_else(|| header.path());
        let entry = if name.is_empty() { number.to_owned() } else { shown(&name) };
        let entry = entry.as_str();
        self.entries += 1;
        self.limits.entries().check(self.entries, entry)?;
        let size = extended.agreed_size(header.size, entry)?;
        let path = entry_path(&name, header.kind, entry)?;
        check_kind(header, size, extended.link.is_some(), entry)?;
        self.check_root(&path, header.kind)?;
        input.check_room(size, entry)?;
        for above in self.names.take_parents(&path, &self.tree)? {
            self.visitor.directory(&above).map_err(ReadError::Visitor)?;
        }
        let link = || link_target(extended.link.as_deref().unwrap_or(header.link), entry);
        match header.kind {
            Kind::File => self.file(FileHead { path: &path, size, executable: header.mode & 0o111 != 0 }, input, entry),
            Kind::Directory => self.directory(&path),
            Kind::Symlink => self.symlink(&path, link()?, entry),
            Kind::HardLink => self.hard_link(&path, &link()?, entry),
            _ => unreachable!("check_kind lets only these pass"),
        }
    }

    /// Lets pass MANIFEST.json, and whatever lies in one directory beside it.
    fn check_root(&mut self, path: &TreePath, kind: Kind) -> Result<(), ArchiveError> {
        let first = path.as_str().split('/').next().expect("a path has a component");
        let outside = |expected: String| ArchiveError::OutsideRoot { entry: path.to_string(), expected };
        if path.as_str() == MANIFEST_FILE && kind == Kind::File {
            return Ok(());
        }
        if first == MANIFEST_FILE || (path.as_str() == first && kind != Kind::Directory) {
            return Err(outside("the pack's".to_owned()));
        }
        match &self.root {
            None => self.root = Some(first.to_owned()),
            Some(root) if root == first => {}
            Some(root) => return Err(outside(format!("{root}/"))),
        }
        Ok(())
    }

    fn directory(&mut self, path: &TreePath) -> Result<(), ReadError<V::Error>> {
        if self.names.take_directory(path, &self.tree)? {
            self.visitor.directory(path).map_err(ReadError::Visitor)?;
        }
        self.insert(path, Node::Directory(Tree::new()));
        Ok(())
    }

    fn file(&mut self, head: FileHead<'_>, input: &mut Input<'_>, entry: &str) -> Result<(), ReadError<V::Error>> {
        self.names.take_leaf(head.path, &self.tree)?;
        let content = if head.path.as_str() == MANIFEST_FILE {
            self.pack_manifest(head, input, entry)?
        } else if head.size <= WHOLE_FILE_BYTES_MAX {
            whole_file(self.visitor, head, input, entry)?
        } else {
            streamed_file(self.visitor, head, input, entry)?
        };
        self.unpacked_bytes += head.size;
        self.insert(head.path, Node::File { content, size: head.size, executable: head.executable });
        Ok(())
    }

    fn pack_manifest(&mut self, head: FileHead<'_>, input: &mut Input<'_>, entry: &str) -> Result<Blake3Digest, ReadError<V::Error>> {
        self.limits.manifest().check(head.size, entry)?;
        if head.executable {
            // It is not listed in itself, so its one bit that could differ is fixed: one content, one tree digest.
            return Err(ArchiveError::ForbiddenKind { entry: entry.to_owned(), kind: "an executable MANIFEST.json".to_owned() }.into());
        }
        let (bytes, digest) = take_whole(head.size, input, entry)?;
        self.manifest = Some(PackManifest::parse_within(bytes, self.limits)?);
        self.visitor.file(head, Content::Whole { bytes, digest }).map_err(ReadError::Visitor)?;
        check_padding(head.size, input, entry)?;
        Ok(digest)
    }

    fn symlink(&mut self, path: &TreePath, target: String, entry: &str) -> Result<(), ReadError<V::Error>> {
        check_target(&target).map_err(|fault| ArchiveError::BadLink { entry: entry.to_owned(), target: target.clone(), fault })?;
        self.names.take_leaf(path, &self.tree)?;
        self.visitor.symlink(path, &target).map_err(ReadError::Visitor)?;
        self.insert(path, Node::Symlink { target });
        Ok(())
    }

    fn hard_link(&mut self, path: &TreePath, target: &str, entry: &str) -> Result<(), ReadError<V::Error>> {
        let bad = |fault| ArchiveError::BadLink { entry: entry.to_owned(), target: target.to_owned(), fault };
        let to = TreePath::parse(target).map_err(|_| bad("is no valid path in the archive"))?;
        let Some(file @ Node::File { .. }) = self.tree.find(&to) else { return Err(bad("is a hard link, and leads to no earlier file").into()) };
        if to.as_str() == MANIFEST_FILE {
            return Err(bad("is a hard link, and leads out of the pack").into());
        }
        let file = file.clone();
        self.names.take_leaf(path, &self.tree)?;
        self.visitor.hard_link(path, &to).map_err(ReadError::Visitor)?;
        self.insert(path, file);
        Ok(())
    }

    fn insert(&mut self, path: &TreePath, node: Node) {
        self.tree.insert(path, node).expect("names are taken once, and only below directories");
    }

    /// Judges the archive as a whole.
    fn finish(self) -> Result<Contents, ArchiveError> {
        let manifest = self.manifest.ok_or_else(|| ArchiveError::Incomplete { missing: MANIFEST_FILE.to_owned() })?;
        check_tree(&manifest, &self.tree, self.limits)?;
        let digest = self.tree.digest();
        Ok(Contents { manifest, digest, tree: self.tree, unpacked_bytes: self.unpacked_bytes, entries: self.entries })
    }
}

fn whole_file<V: Visitor>(visitor: &mut V, head: FileHead<'_>, input: &mut Input<'_>, entry: &str) -> Result<Blake3Digest, ReadError<V::Error>> {
    let (bytes, digest) = take_whole(head.size, input, entry)?;
    visitor.file(head, Content::Whole { bytes, digest }).map_err(ReadError::Visitor)?;
    check_padding(head.size, input, entry)?;
    Ok(digest)
}

fn streamed_file<V: Visitor>(visitor: &mut V, head: FileHead<'_>, input: &mut Input<'_>, entry: &str) -> Result<Blake3Digest, ReadError<V::Error>> {
    let mut stream = ContentStream::new(input, entry, head.size);
    let visited = visitor.file(head, Content::Streamed(&mut ContentReader::new(&mut stream)));
    if let Err(error) = visited {
        // A visitor fails also because its reader did; then the archive's fault is the cause.
        return Err(stream.take_fault().map_or(ReadError::Visitor(error), ReadError::Archive));
    }
    let digest = stream.finish()?;
    check_padding(head.size, input, entry)?;
    Ok(digest)
}

/// Takes a content in one piece; its size has been bounded.
fn take_whole<'i>(size: u64, input: &'i mut Input<'_>, entry: &str) -> Result<(&'i [u8], Blake3Digest), ArchiveError> {
    let size = usize::try_from(size).expect("the limits on pieces in memory fit an address");
    let bytes = input.take(size, entry, "the rest of the file")?;
    Ok((bytes, Blake3Digest::of(bytes)))
}

/// Checks the zeros that fill the content up to a whole block.
fn check_padding(size: u64, input: &mut Input<'_>, entry: &str) -> Result<(), ArchiveError> {
    let over = usize::try_from(size % BLOCK_BYTES as u64).expect("it is less than a block");
    if over == 0 {
        return Ok(());
    }
    let padding = input.take(BLOCK_BYTES - over, entry, "the rest of the file's last block")?;
    if is_zero(padding) { Ok(()) } else { Err(ArchiveError::NotZero { entry: entry.to_owned(), place: "the rest of the file's last block" }) }
}

fn read_extension(extended: &mut Extended, header: &Header<'_>, input: &mut Input<'_>, limits: &Limits, entry: &str) -> Result<(), ArchiveError> {
    limits.extension().check(header.size, entry)?;
    input.check_room(header.size, entry)?;
    let size = usize::try_from(header.size).expect("the limit on extended headers fits an address");
    extended.add(header.kind, input.take(size, entry, "the rest of an extended header")?, entry)?;
    check_padding(header.size, input, entry)
}

/// Gives the path of an entry; a directory's may end in one slash.
fn entry_path(name: &[u8], kind: Kind, entry: &str) -> Result<TreePath, ArchiveError> {
    let text = std::str::from_utf8(name).map_err(|_| ArchiveError::NotUtf8 { entry: entry.to_owned(), what: "path" })?;
    let text = if kind == Kind::Directory { text.strip_suffix('/').unwrap_or(text) } else { text };
    TreePath::parse(text).map_err(|source| ArchiveError::BadPath { entry: entry.to_owned(), source })
}

fn link_target(target: &[u8], entry: &str) -> Result<String, ArchiveError> {
    let text = std::str::from_utf8(target).map_err(|_| ArchiveError::NotUtf8 { entry: entry.to_owned(), what: "link target" })?;
    Ok(text.to_owned())
}

/// Checks what the kind of an entry allows: its bits, its content, its link field.
fn check_kind(header: &Header<'_>, size: u64, has_long_link: bool, entry: &str) -> Result<(), ArchiveError> {
    let forbidden = |kind: String| Err(ArchiveError::ForbiddenKind { entry: entry.to_owned(), kind });
    let kind = match header.kind {
        Kind::File => None,
        Kind::HardLink => Some("a hard link"),
        Kind::Symlink => Some("a symbolic link"),
        Kind::Directory => Some("a directory"),
        other => return forbidden(other.describe()),
    };
    if header.mode & 0o7000 != 0 && header.kind != Kind::Symlink {
        return forbidden(format!("an entry with set-id or sticky bits (mode {:04o})", header.mode & 0o7777));
    }
    if let (Some(kind), true) = (kind, size != 0) {
        return Err(ArchiveError::UnexpectedContent { entry: entry.to_owned(), kind, size });
    }
    let is_link = matches!(header.kind, Kind::HardLink | Kind::Symlink);
    if !is_link && (has_long_link || !header.link.is_empty()) {
        return forbidden(format!("{} with a link target", header.kind.describe()));
    }
    Ok(())
}

/// Checks everything after the first zero block: a second one, then only zeros, and not too many.
fn check_end(extended: &Extended, input: &mut Input<'_>, limits: &Limits) -> Result<(), ArchiveError> {
    let end = || "the end mark".to_owned();
    if extended.is_waiting() {
        return Err(ArchiveError::BadExtension { entry: end(), fault: "an extended header speaks of an entry that does not follow".to_owned() });
    }
    match input.block("the end mark")? {
        Some(block) if is_zero(&block) => {}
        Some(_) => return Err(ArchiveError::NotZero { entry: end(), place: "the second of its two blocks" }),
        None => return Err(cut_off(end(), input, "its second zero block")),
    }
    let start = input.position();
    loop {
        let padding = input.take_some(usize::MAX)?;
        if padding.is_empty() {
            return Ok(());
        }
        if !is_zero(padding) {
            return Err(ArchiveError::NotZero { entry: end(), place: "what follows it" });
        }
        limits.padding().check(input.position() - start, "the end mark")?;
    }
}

fn cut_off(entry: String, input: &Input<'_>, expected: &'static str) -> ArchiveError {
    ArchiveError::CutOff { entry, position: input.position(), expected }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}
