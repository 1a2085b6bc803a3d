//! Writing archives: the same manifest and the same files give the same bytes, on every machine.
//!
//! The tar file has MANIFEST.json first, so that a reader knows early what it reads, then the pack's directory, then what the manifest lists,
//! in its order. All entries are of uid and gid 0 without names, of the time at which the manifest was made, and of modes that depend
//! on nothing but the executable bit. Compression runs in one thread with fixed settings.

use std::io;
use std::io::Read;
use std::io::Write;

use sha2::Digest as _;
use sha2::Sha256;

use crate::archive::ArchiveError;
use crate::archive::BLOCK_BYTES;
use crate::archive::Compression;
use crate::archive::FileEntry;
use crate::archive::Limits;
use crate::archive::MANIFEST_FILE;
use crate::archive::PackManifest;
use crate::archive::agree::check_tree;
use crate::model::Blake3Digest;
use crate::model::Sha256Digest;
use crate::model::TreeDigest;
use crate::model::TreePath;

/// Window of zstd frames, as a power of two: 8 MiB, what every decoder accepts without being told.
const ZSTD_WINDOW_LOG: u32 = 23;

/// Largest size that the octal field of a header holds; beyond it a PAX record says the size.
const OCTAL_SIZE_MAX: u64 = 0o77_777_777_777;

/// How much of a file is read at a time, in bytes.
const PIECE_BYTES: usize = 128 << 10;

/// How an archive is compressed, and how hard the compressor tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packing {
    compression: Compression,
    level: i32,
}

impl Packing {
    /// Takes the level that archives are published with.
    pub fn best(compression: Compression) -> Self {
        match compression {
            // Measured on 330 source archives (310 MB): 9 takes 3 s, 12 takes 9 s, 19 takes 108 s; 12 is 2 % smaller than 9, and 19 is 7 % smaller than 12.
            Compression::Zstd => Packing { compression, level: 12 },
            Compression::Gzip => Packing { compression, level: 9 },
        }
    }

    /// Takes a level that is quick and still reproducible, for archives that do not travel.
    pub fn quick(compression: Compression) -> Self {
        Packing { compression, level: 1 }
    }

    /// Takes a level of the compression's own: 1 to 22 for zstd, 1 to 9 for gzip; `None` for others.
    pub fn at_level(compression: Compression, level: i32) -> Option<Self> {
        Packing::levels(compression).contains(&level).then_some(Packing { compression, level })
    }

    /// Gives the levels of a compression.
    pub const fn levels(compression: Compression) -> std::ops::RangeInclusive<i32> {
        match compression {
            Compression::Zstd => 1..=22,
            Compression::Gzip => 1..=9,
        }
    }

    /// Gives the compression.
    pub fn compression(&self) -> Compression {
        self.compression
    }
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Bytes of the archive.
    pub size: u64,
    /// Its sha256, for the side file and the index.
    pub sha256: Sha256Digest,
    /// The tree that it unpacks to.
    pub tree: TreeDigest,
    /// Bytes of all files together, MANIFEST.json included.
    pub unpacked_bytes: u64,
}

/// Writes the archive of a manifest; `open` gives the content of each listed file.
///
/// # Errors
/// Refuses what reading would refuse (links that leave, commands that are not there), and files that are not, or no longer, as listed
/// ([`ArchiveError::Changed`]), and what is larger than readers accept ([`ArchiveError::OverLimit`]). Whatever was written before an error is no archive.
pub fn write_archive<W: Write>(
    manifest: &PackManifest,
    packing: Packing,
    open: &mut dyn FnMut(&TreePath) -> io::Result<Box<dyn Read>>,
    out: W,
) -> Result<Written, ArchiveError> {
    manifest.check_order()?;
    let tree = manifest.tree().ok_or_else(|| ArchiveError::Incomplete { missing: "room for all paths in one tree".to_owned() })?;
    let limits = Limits::default();
    check_tree(manifest, &tree, &limits)?;
    let plan = Plan::of(manifest)?;
    limits.entries().check(manifest.files.len() as u64, &plan.root)?;
    limits.manifest().check(plan.manifest_json.len() as u64, &plan.root)?;
    limits.unpacked(u64::MAX).check(plan.bytes(), &plan.root)?;
    let failed = |source| ArchiveError::Write { source };
    let mut sink = Sink { out, sha256: Sha256::new(), size: 0 };
    match packing.compression {
        Compression::Zstd => {
            let mut encoder = zstd_encoder(&mut sink, packing.level, plan.bytes()).map_err(failed)?;
            plan.write(open, &mut encoder)?;
            encoder.finish().map_err(failed)?;
        }
        Compression::Gzip => {
            // RFC 1952: no time, no name, 255 for "unknown system", so that the header says nothing about the machine.
            let builder = flate2::GzBuilder::new().mtime(0).operating_system(255);
            let mut encoder = builder.write(&mut sink, flate2::Compression::new(packing.level.unsigned_abs()));
            plan.write(open, &mut encoder)?;
            encoder.finish().map_err(failed)?;
        }
    }
    sink.out.flush().map_err(failed)?;
    // What compresses better than anything honest does would be refused as a bomb by every reader.
    limits.unpacked(sink.size).check(plan.bytes(), &plan.root)?;
    let sha256 = Sha256Digest::from_bytes(sink.sha256.finalize().into());
    Ok(Written { size: sink.size, sha256, tree: tree.digest(), unpacked_bytes: plan.content_bytes() })
}

fn zstd_encoder<W: Write>(sink: W, level: i32, bytes: u64) -> io::Result<zstd::stream::write::Encoder<'static, W>> {
    let mut encoder = zstd::stream::write::Encoder::new(sink, level)?;
    encoder.window_log(ZSTD_WINDOW_LOG)?;
    encoder.include_checksum(true)?;
    // The frame then tells its content size, and a reader decodes a small one into one buffer.
    encoder.set_pledged_src_size(Some(bytes))?;
    Ok(encoder)
}

/// Everything about the tar file that is known before its files are read.
struct Plan<'m> {
    manifest_json: Vec<u8>,
    root: String,
    files: &'m [FileEntry],
    mtime: u64,
}

impl<'m> Plan<'m> {
    fn of(manifest: &'m PackManifest) -> Result<Self, ArchiveError> {
        let root = manifest.name.component();
        for file in &manifest.files {
            let whole = TreePath::parse(&format!("{root}/{}", file.path()));
            whole.map_err(|source| ArchiveError::BadPath { entry: file.path().to_string(), source })?;
        }
        // Times before 1970 or after 2242 do not fit the header; nobody's archive depends on them.
        let mtime = u64::try_from(manifest.created_at.as_second()).unwrap_or(0).min(OCTAL_SIZE_MAX);
        Ok(Plan { manifest_json: manifest.format(), root, files: &manifest.files, mtime })
    }

    /// Gives the length of the tar file.
    fn bytes(&self) -> u64 {
        let head = self.head(MANIFEST_FILE, Shape::File { size: self.manifest_json.len() as u64, executable: false }).len() + self.root_head().len();
        let files: u64 = self.files.iter().map(|file| self.file_head(file).len() as u64 + padded(file.size())).sum();
        head as u64 + padded(self.manifest_json.len() as u64) + files + 2 * BLOCK_BYTES as u64
    }

    fn content_bytes(&self) -> u64 {
        self.manifest_json.len() as u64 + self.files.iter().map(FileEntry::size).sum::<u64>()
    }

    fn write(&self, open: &mut dyn FnMut(&TreePath) -> io::Result<Box<dyn Read>>, out: &mut dyn Write) -> Result<(), ArchiveError> {
        let failed = |source| ArchiveError::Write { source };
        let size = self.manifest_json.len() as u64;
        out.write_all(&self.head(MANIFEST_FILE, Shape::File { size, executable: false })).map_err(failed)?;
        out.write_all(&self.manifest_json).map_err(failed)?;
        pad(size, out)?;
        out.write_all(&self.root_head()).map_err(failed)?;
        for file in self.files {
            out.write_all(&self.file_head(file)).map_err(failed)?;
            if let FileEntry::File { path, size, blake3 } | FileEntry::Executable { path, size, blake3 } = file {
                copy_file(path, *size, *blake3, open, out)?;
                pad(*size, out)?;
            }
        }
        out.write_all(&[0; 2 * BLOCK_BYTES]).map_err(failed)
    }

    fn root_head(&self) -> Vec<u8> {
        self.head(&format!("{}/", self.root), Shape::Directory)
    }

    fn file_head(&self, file: &FileEntry) -> Vec<u8> {
        let path = format!("{}/{}", self.root, file.path());
        match file {
            FileEntry::File { size, .. } => self.head(&path, Shape::File { size: *size, executable: false }),
            FileEntry::Executable { size, .. } => self.head(&path, Shape::File { size: *size, executable: true }),
            FileEntry::Directory { .. } => self.head(&format!("{path}/"), Shape::Directory),
            FileEntry::Symlink { target, .. } => self.head(&path, Shape::Symlink { target }),
        }
    }

    /// Makes the header of an entry, with a PAX header before it for whatever does not fit.
    fn head(&self, path: &str, shape: Shape<'_>) -> Vec<u8> {
        let mut records = Vec::new();
        let (prefix, name) = split_path(path).unwrap_or_else(|| {
            push_record(&mut records, "path", path);
            ("", cut(path))
        });
        let (flag, mode, mut size, mut link) = match shape {
            Shape::File { size, executable } => (b'0', if executable { 0o755 } else { 0o644 }, size, ""),
            Shape::Directory => (b'5', 0o755, 0, ""),
            Shape::Symlink { target } => (b'2', 0o777, 0, target),
        };
        if link.len() > NAME_BYTES {
            push_record(&mut records, "linkpath", link);
            link = cut(link);
        }
        if size > OCTAL_SIZE_MAX {
            push_record(&mut records, "size", &size.to_string());
            size = 0;
        }
        let mut head = Vec::with_capacity(BLOCK_BYTES);
        if !records.is_empty() {
            let length = records.len() as u64;
            head.extend_from_slice(&self.block(&Fields { prefix: "", name: "PaxHeader", link: "", flag: b'x', mode: 0o644, size: length }));
            head.append(&mut records);
            head.resize(head.len().next_multiple_of(BLOCK_BYTES), 0);
        }
        head.extend_from_slice(&self.block(&Fields { prefix, name, link, flag, mode, size }));
        head
    }

    fn block(&self, fields: &Fields<'_>) -> [u8; BLOCK_BYTES] {
        let mut block = [0; BLOCK_BYTES];
        let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, fields.name.as_bytes());
        put(100, format!("{:07o}\0", fields.mode).as_bytes());
        put(108, b"0000000\x000000000\0");
        put(124, format!("{:011o}\0", fields.size).as_bytes());
        put(136, format!("{:011o}\0", self.mtime).as_bytes());
        put(148, b"        ");
        put(156, &[fields.flag]);
        put(157, fields.link.as_bytes());
        put(257, b"ustar\x0000");
        put(329, b"0000000\x000000000\0");
        put(345, fields.prefix.as_bytes());
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block
    }
}

/// What an entry is.
#[derive(Clone, Copy)]
enum Shape<'a> {
    File { size: u64, executable: bool },
    Directory,
    Symlink { target: &'a str },
}

/// What differs between headers.
struct Fields<'a> {
    prefix: &'a str,
    name: &'a str,
    link: &'a str,
    flag: u8,
    mode: u32,
    size: u64,
}

/// Bytes of the name and link fields.
const NAME_BYTES: usize = 100;

/// Bytes of the prefix field.
const PREFIX_BYTES: usize = 155;

/// Splits a path into prefix and name, if both fit their fields.
fn split_path(path: &str) -> Option<(&str, &str)> {
    if path.len() <= NAME_BYTES {
        return Some(("", path));
    }
    let inner = path.trim_end_matches('/');
    let (at, _) = inner.match_indices('/').find(|(at, _)| path.len() - at - 1 <= NAME_BYTES)?;
    (at <= PREFIX_BYTES).then(|| (&path[..at], &path[at + 1..]))
}

/// Cuts a text to what a name field holds; the PAX header before it says all of it.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(NAME_BYTES)]
}

/// Appends `<length of all of it> <key>=<value>\n`.
fn push_record(records: &mut Vec<u8>, key: &str, value: &str) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    records.extend_from_slice(format!("{length} {key}={value}\n").as_bytes());
}

/// Copies one file, and checks that it is what the manifest lists.
fn copy_file(
    path: &TreePath,
    size: u64,
    blake3: Blake3Digest,
    open: &mut dyn FnMut(&TreePath) -> io::Result<Box<dyn Read>>,
    out: &mut dyn Write,
) -> Result<(), ArchiveError> {
    let unreadable = |source| ArchiveError::Source { path: path.to_string(), source };
    let changed = |expected: String, found: String| ArchiveError::Changed { path: path.to_string(), expected, found };
    let mut file = open(path).map_err(unreadable)?;
    let (mut piece, mut hasher, mut copied) = (vec![0; PIECE_BYTES], blake3::Hasher::new(), 0u64);
    loop {
        let read = match file.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other.map_err(unreadable)?,
        };
        copied += read as u64;
        if copied > size || (read == 0 && copied < size) {
            let found = if read == 0 { format!("{copied} bytes") } else { "more".to_owned() };
            return Err(changed(format!("{size} bytes"), found));
        }
        if read == 0 {
            break;
        }
        hasher.update(&piece[..read]);
        out.write_all(&piece[..read]).map_err(|source| ArchiveError::Write { source })?;
    }
    let found = Blake3Digest::from(hasher.finalize());
    if found == blake3 { Ok(()) } else { Err(changed(format!("blake3 {blake3}"), found.to_string())) }
}

fn padded(size: u64) -> u64 {
    size.next_multiple_of(BLOCK_BYTES as u64)
}

fn pad(size: u64, out: &mut dyn Write) -> Result<(), ArchiveError> {
    let missing = usize::try_from(padded(size) - size).expect("it is less than a block");
    out.write_all(&[0; BLOCK_BYTES][..missing]).map_err(|source| ArchiveError::Write { source })
}

/// Counts and hashes what passes through.
struct Sink<W> {
    out: W,
    sha256: Sha256,
    size: u64,
}

impl<W: Write> Write for Sink<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.sha256.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Cursor;

    use super::*;
    use crate::archive::ArchiveBytes;
    use crate::archive::Nothing;
    use crate::archive::read_archive;
    use crate::archive::sha256;

    #[track_caller]
    fn check_split(path: &str, expected: Option<(&str, &str)>) {
        assert_eq!(split_path(path), expected, "{path}");
    }

    #[test]
    fn long_paths_are_split_where_they_can_be() {
        let (long, longer) = ("d".repeat(90), "f".repeat(101));
        check_split("a/b", Some(("", "a/b")));
        check_split(&format!("{long}/{long}"), Some((&long, &long)));
        check_split(&format!("{long}/{long}/"), Some((&long, &format!("{long}/"))));
        check_split(&longer, None);
        check_split(&format!("a/{longer}"), None);
        check_split(&format!("{long}/{long}/{long}"), None);
    }

    #[test]
    fn records_count_themselves() {
        for length in [1, 2, 89, 90, 91, 92, 980, 990, 991, 1000] {
            let mut records = Vec::new();
            push_record(&mut records, "path", &"x".repeat(length));
            let counted: usize = String::from_utf8_lossy(&records).split(' ').next().and_then(|n| n.parse().ok()).expect("a number");
            assert_eq!(counted, records.len());
        }
    }

    fn path(text: &str) -> TreePath {
        TreePath::parse(text).expect("a valid path")
    }

    fn listed(name: &str, bytes: &[u8]) -> FileEntry {
        FileEntry::File { path: path(name), size: bytes.len() as u64, blake3: Blake3Digest::of(bytes) }
    }

    /// A manifest of a file, an executable, a long path with a long link to it, an empty directory, and a file that is read in pieces.
    fn sample() -> (PackManifest, BTreeMap<TreePath, Vec<u8>>) {
        let deep = format!("{}/{}", "d".repeat(120), "f".repeat(120));
        let contents: BTreeMap<_, _> =
            [("README.md", b"# hi\n".to_vec()), ("bin/run", b"#!/bin/sh\n".to_vec()), (&deep, vec![1; 512]), ("large", vec![7; 3 << 20])]
                .into_iter()
                .map(|(name, bytes)| (path(name), bytes))
                .collect();
        let mut files: Vec<_> = contents.iter().map(|(name, bytes)| listed(name.as_str(), bytes)).collect();
        if let FileEntry::File { path, size, blake3 } = files[1].clone() {
            files[1] = FileEntry::Executable { path, size, blake3 };
        }
        files.push(FileEntry::Directory { path: path("empty") });
        files.push(FileEntry::Symlink { path: path("latest"), target: deep });
        files.sort_by(|a, b| a.path().cmp(b.path()));
        let created_at = "2026-11-20T00:00:00Z".parse().expect("a valid time");
        let name = crate::model::PackName::parse("@acme/kanban").expect("a valid name");
        let version = crate::model::Version::parse("1.2.3").expect("a valid version");
        (PackManifest::new(name, version, "Kanban".into(), created_at, files), contents)
    }

    fn write(manifest: &PackManifest, contents: &BTreeMap<TreePath, Vec<u8>>, packing: Packing) -> Result<(Vec<u8>, Written), ArchiveError> {
        let mut archive = Vec::new();
        let mut open = |path: &TreePath| match contents.get(path) {
            Some(bytes) => Ok(Box::new(Cursor::new(bytes.clone())) as Box<dyn Read>),
            None => Err(io::Error::from(io::ErrorKind::NotFound)),
        };
        let written = write_archive(manifest, packing, &mut open, &mut archive)?;
        Ok((archive, written))
    }

    #[test]
    fn what_is_written_is_read() {
        let (manifest, contents) = sample();
        for packing in
            [Packing::best(Compression::Zstd), Packing::best(Compression::Gzip), Packing::quick(Compression::Zstd), Packing::quick(Compression::Gzip)]
        {
            let (archive, written) = write(&manifest, &contents, packing).expect("it is good");
            assert_eq!(write(&manifest, &contents, packing).expect("it is good").0, archive, "the same input gives the same bytes");
            assert_eq!((written.size, written.sha256), (archive.len() as u64, sha256(&archive)));
            let whole = read_archive(ArchiveBytes::Memory(&archive), &Limits::default(), &mut Nothing).expect("it is good");
            let mut reader = archive.as_slice();
            let stream = ArchiveBytes::Stream { reader: &mut reader, size: archive.len() as u64 };
            let streamed = read_archive(stream, &Limits::default(), &mut Nothing).expect("it is good");
            assert_eq!(whole, streamed);
            assert_eq!((&whole.manifest, whole.digest, whole.unpacked_bytes), (&manifest, written.tree, written.unpacked_bytes));
        }
    }

    #[test]
    fn sizes_beyond_the_octal_field_get_a_record() {
        let (manifest, _) = sample();
        let plan = Plan::of(&manifest).expect("it is good");
        let head = plan.head("@acme+kanban/huge", Shape::File { size: 1 << 33, executable: false });
        assert_eq!(head.len(), 3 * BLOCK_BYTES);
        assert!(head[BLOCK_BYTES..].starts_with(b"19 size=8589934592\n"));
    }

    #[test]
    fn files_that_change_are_noticed() {
        let (manifest, contents) = sample();
        for now in [&b"# ho\n"[..], b"# hi", b"# hi\n\n", b""] {
            let mut changed = contents.clone();
            changed.insert(path("README.md"), now.to_vec());
            let refused = write(&manifest, &changed, Packing::quick(Compression::Zstd)).map(|_| ());
            assert!(matches!(refused, Err(ArchiveError::Changed { ref path, .. }) if path == "README.md"), "{refused:?}");
        }
        let mut without = contents;
        without.remove(&path("README.md"));
        assert!(matches!(write(&manifest, &without, Packing::quick(Compression::Gzip)), Err(ArchiveError::Source { .. })));
    }

    #[test]
    fn what_reading_refuses_is_not_written() {
        let (mut manifest, contents) = sample();
        manifest.files.push(FileEntry::Symlink { path: path("zz"), target: "../../etc/passwd".into() });
        assert!(matches!(write(&manifest, &contents, Packing::quick(Compression::Zstd)), Err(ArchiveError::BadLink { .. })));
        let zeros = vec![0; 80 << 20];
        let mut bomb = manifest.clone();
        bomb.files = vec![listed("zeros", &zeros)];
        let contents_of_bomb = BTreeMap::from([(path("zeros"), zeros)]);
        assert!(matches!(write(&bomb, &contents_of_bomb, Packing::quick(Compression::Zstd)), Err(ArchiveError::OverLimit { .. })));
        manifest.files.reverse();
        assert!(matches!(write(&manifest, &contents, Packing::quick(Compression::Zstd)), Err(ArchiveError::FilesOutOfOrder { .. })));
    }
}
