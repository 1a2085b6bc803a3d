//! MANIFEST.json, schema `packs.manifest/1`: what a pack is, and every file in it.
//!
//! Evolution: a new schema gets a new number, is read one release before it is written, and unknown fields are refused, because whoever
//! ignores a field of a pack would unpack something else than its author meant.

use std::collections::BTreeMap;
use std::io;

use serde::Deserialize;
use serde::Serialize;

use crate::archive::ArchiveError;
use crate::archive::Limits;
use crate::archive::MANIFEST_FILE;
use crate::archive::error::shown;
use crate::model::Blake3Digest;
use crate::model::CommandName;
use crate::model::ExtraName;
use crate::model::Node;
use crate::model::PackName;
use crate::model::Platform;
use crate::model::Range;
use crate::model::Tree;
use crate::model::TreePath;
use crate::model::Version;
use crate::model::unique_keys;
use crate::model::unique_keys_twice;

/// The one schema that this program reads and writes.
const SCHEMA: &str = "packs.manifest/1";

/// The pack manifest: who a release is, what it needs and offers, and every file it holds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PackManifest {
    schema: Schema,
    /// Name of the pack.
    pub name: PackName,
    /// Version of the release.
    pub version: Version,
    /// Human name of what is packed.
    pub framework: String,
    /// One sentence or more about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authors: Vec<String>,
    /// SPDX expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Where its source lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Where its users read about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    /// What it runs on; `any` unless it says otherwise.
    #[serde(default = "any_platform")]
    pub platform: Platform,
    /// Packs it needs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "unique_keys")]
    pub requires: BTreeMap<PackName, Range>,
    /// Packs it needs only where somebody asks for the extra.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "unique_keys_twice")]
    pub extras: BTreeMap<ExtraName, BTreeMap<PackName, Range>>,
    /// Commands it offers: name to path below the pack's directory.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "unique_keys")]
    pub bin: BTreeMap<CommandName, TreePath>,
    /// When it was made; every entry of the archive bears this time.
    #[schemars(with = "String")]
    pub created_at: jiff::Timestamp,
    /// Every file and link, and the directories that are empty; sorted by the bytes of the paths.
    pub files: Vec<FileEntry>,
}

/// One line of `files`: what lies at a path below the pack's directory.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(try_from = "FlatEntry", into = "FlatEntry")]
pub enum FileEntry {
    /// A regular file.
    File {
        /// Where it lies.
        path: TreePath,
        /// Its length in bytes.
        size: u64,
        /// BLAKE3 of its bytes.
        blake3: Blake3Digest,
    },
    /// A regular file that may be executed.
    Executable {
        /// Where it lies.
        path: TreePath,
        /// Its length in bytes.
        size: u64,
        /// BLAKE3 of its bytes.
        blake3: Blake3Digest,
    },
    /// A directory with nothing in it.
    Directory {
        /// Where it lies.
        path: TreePath,
    },
    /// A symbolic link.
    Symlink {
        /// Where it lies.
        path: TreePath,
        /// The text of the link.
        target: String,
    },
}

impl PackManifest {
    /// Makes a manifest of the required fields; the others can be set afterwards.
    pub fn new(name: PackName, version: Version, framework: String, created_at: jiff::Timestamp, files: Vec<FileEntry>) -> Self {
        PackManifest {
            schema: Schema::V1,
            name,
            version,
            framework,
            description: None,
            authors: Vec::new(),
            license: None,
            repository: None,
            homepage: None,
            keywords: Vec::new(),
            platform: Platform::ANY,
            requires: BTreeMap::new(),
            extras: BTreeMap::new(),
            bin: BTreeMap::new(),
            created_at,
            files,
        }
    }

    /// Parses MANIFEST.json under the default limits.
    ///
    /// # Errors
    /// [`ArchiveError::UnknownSchema`], [`ArchiveError::BadManifest`], [`ArchiveError::FilesOutOfOrder`], [`ArchiveError::OverLimit`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ArchiveError> {
        PackManifest::parse_within(bytes, &Limits::default())
    }

    /// Parses MANIFEST.json under the given limits.
    pub(super) fn parse_within(bytes: &[u8], limits: &Limits) -> Result<Self, ArchiveError> {
        limits.manifest().check(bytes.len() as u64, MANIFEST_FILE)?;
        let shape = JsonShape::of(bytes);
        limits.json_depth().check(shape.depth, MANIFEST_FILE)?;
        if shape.has_list_for_object {
            return Err(why_not(bytes, serde::de::Error::custom("a list stands where an object belongs")));
        }
        let manifest: PackManifest = serde_json::from_slice(bytes).map_err(|error| why_not(bytes, error))?;
        manifest.check_order()?;
        Ok(manifest)
    }

    /// Formats MANIFEST.json: the same manifest always gives the same bytes, one line per field and per file.
    pub fn format(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(1024 + 160 * self.files.len());
        let mut serializer = serde_json::Serializer::with_formatter(&mut text, Lines::default());
        self.serialize(&mut serializer).expect("memory takes every byte, and a manifest is plain data");
        text.push(b'\n');
        text
    }

    /// Gives the tree that an archive with this manifest unpacks to: MANIFEST.json and the pack's directory.
    ///
    /// `None` if the files cannot all be in one tree; a manifest that came with an archive always can.
    pub fn tree(&self) -> Option<Tree> {
        let mut tree = Tree::new();
        let bytes = self.format();
        let content = Blake3Digest::of(&bytes);
        let root = TreePath::parse(&self.name.component()).ok()?;
        tree.insert(&TreePath::parse(MANIFEST_FILE).ok()?, Node::File { content, size: bytes.len() as u64, executable: false }).ok()?;
        tree.insert(&root, Node::Directory(Tree::new())).ok()?;
        for file in &self.files {
            tree.insert(&root.join(file.path().as_str()).ok()?, file.node()).ok()?;
        }
        Some(tree)
    }

    pub(super) fn check_order(&self) -> Result<(), ArchiveError> {
        let bad = self.files.windows(2).find(|pair| pair[0].path() >= pair[1].path());
        match bad {
            None => Ok(()),
            Some(pair) => Err(ArchiveError::FilesOutOfOrder { path: pair[1].path().to_string(), previous: pair[0].path().to_string() }),
        }
    }
}

impl FileEntry {
    /// Gives the path below the pack's directory.
    pub fn path(&self) -> &TreePath {
        match self {
            FileEntry::File { path, .. } | FileEntry::Executable { path, .. } | FileEntry::Directory { path } | FileEntry::Symlink { path, .. } => path,
        }
    }

    /// Gives the length of a file; nothing for the others.
    pub fn size(&self) -> u64 {
        match self {
            FileEntry::File { size, .. } | FileEntry::Executable { size, .. } => *size,
            FileEntry::Directory { .. } | FileEntry::Symlink { .. } => 0,
        }
    }

    /// Gives what the entry is in a tree.
    pub fn node(&self) -> Node {
        match self {
            FileEntry::File { size, blake3, .. } => Node::File { content: *blake3, size: *size, executable: false },
            FileEntry::Executable { size, blake3, .. } => Node::File { content: *blake3, size: *size, executable: true },
            FileEntry::Directory { .. } => Node::Directory(Tree::new()),
            FileEntry::Symlink { target, .. } => Node::Symlink { target: target.clone() },
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, schemars::JsonSchema)]
enum Schema {
    #[serde(rename = "packs.manifest/1")]
    V1,
}

/// A line of `files` as it is written; which fields belong to which kind is checked in one place.
#[derive(Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct FlatEntry {
    path: TreePath,
    kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blake3: Option<Blake3Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<String>,
}

#[derive(Clone, Copy, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Kind {
    File,
    Executable,
    Directory,
    Symlink,
}

impl TryFrom<FlatEntry> for FileEntry {
    type Error = String;

    fn try_from(flat: FlatEntry) -> Result<Self, String> {
        let path = flat.path;
        match (flat.kind, flat.size, flat.blake3, flat.target) {
            (Kind::File, Some(size), Some(blake3), None) => Ok(FileEntry::File { path, size, blake3 }),
            (Kind::Executable, Some(size), Some(blake3), None) => Ok(FileEntry::Executable { path, size, blake3 }),
            (Kind::Directory, None, None, None) => Ok(FileEntry::Directory { path }),
            (Kind::Symlink, None, None, Some(target)) => Ok(FileEntry::Symlink { path, target }),
            (Kind::File | Kind::Executable, ..) => Err(format!("`{path}` is a file: it has size and blake3, and no target")),
            (Kind::Directory, ..) => Err(format!("`{path}` is a directory: it has no size, blake3 or target")),
            (Kind::Symlink, ..) => Err(format!("`{path}` is a symbolic link: it has a target, and no size or blake3")),
        }
    }
}

impl From<FileEntry> for FlatEntry {
    fn from(entry: FileEntry) -> FlatEntry {
        let flat = |path, kind| FlatEntry { path, kind, size: None, blake3: None, target: None };
        match entry {
            FileEntry::File { path, size, blake3 } => FlatEntry { size: Some(size), blake3: Some(blake3), ..flat(path, Kind::File) },
            FileEntry::Executable { path, size, blake3 } => FlatEntry { size: Some(size), blake3: Some(blake3), ..flat(path, Kind::Executable) },
            FileEntry::Directory { path } => flat(path, Kind::Directory),
            FileEntry::Symlink { path, target } => FlatEntry { target: Some(target), ..flat(path, Kind::Symlink) },
        }
    }
}

fn any_platform() -> Platform {
    Platform::ANY
}

/// Breaks lines between the fields of the manifest and between the elements of its lists, and nowhere deeper.
#[derive(Default)]
struct Lines {
    depth: usize,
    /// Whether the innermost bracket was just opened.
    is_empty: bool,
}

/// Brackets down to this depth have their content on lines of its own: the manifest, and its lists.
const LINED_DEPTH: usize = 2;

impl Lines {
    fn open<W: io::Write + ?Sized>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.is_empty = true;
        writer.write_all(bracket)
    }

    fn close<W: io::Write + ?Sized>(&mut self, writer: &mut W, is_lined: bool, bracket: &[u8]) -> io::Result<()> {
        self.depth -= 1;
        if is_lined && !std::mem::take(&mut self.is_empty) {
            write!(writer, "\n{}", "  ".repeat(self.depth))?;
        }
        writer.write_all(bracket)
    }

    fn next<W: io::Write + ?Sized>(&mut self, writer: &mut W, is_lined: bool, first: bool) -> io::Result<()> {
        self.is_empty = false;
        match (is_lined, first) {
            (true, true) => write!(writer, "\n{}", "  ".repeat(self.depth)),
            (true, false) => write!(writer, ",\n{}", "  ".repeat(self.depth)),
            (false, true) => Ok(()),
            (false, false) => writer.write_all(b", "),
        }
    }
}

impl serde_json::ser::Formatter for Lines {
    fn begin_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"[")
    }

    fn end_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, self.depth <= LINED_DEPTH, b"]")
    }

    fn begin_array_value<W: io::Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.next(writer, self.depth <= LINED_DEPTH, first)
    }

    fn begin_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"{")
    }

    fn end_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, self.depth < LINED_DEPTH, b"}")
    }

    fn begin_object_key<W: io::Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.next(writer, self.depth < LINED_DEPTH, first)
    }

    fn begin_object_value<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

/// Prefers "I do not know this schema" over what a newer schema's first unknown field would give.
fn why_not(bytes: &[u8], error: serde_json::Error) -> ArchiveError {
    #[derive(Deserialize)]
    struct OnlySchema {
        schema: String,
    }
    match serde_json::from_slice::<OnlySchema>(bytes) {
        Ok(only) if only.schema != SCHEMA => ArchiveError::UnknownSchema { expected: SCHEMA, found: shown(only.schema.as_bytes()) },
        _ => ArchiveError::BadManifest { line: error.line(), column: error.column(), source: error },
    }
}

/// What brackets outside strings show before anything is parsed; malformed JSON shows something and is refused by the parser.
#[derive(Default)]
struct JsonShape {
    /// The deepest nesting.
    depth: u64,
    /// Whether the document, or an element of a list, is a list: there is none in a manifest, and serde would read it as an object without names.
    has_list_for_object: bool,
}

impl JsonShape {
    fn of(bytes: &[u8]) -> JsonShape {
        let mut shape = JsonShape::default();
        let (mut depth, mut in_string, mut escaped) = (0u64, false, false);
        // One bit for each open bracket, the innermost lowest: set for lists. What is shifted out lies deeper than the limit.
        let mut lists = 1u128;
        for byte in bytes {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_string => escaped = true,
                b'"' => in_string = !in_string,
                b'[' | b'{' if !in_string => {
                    let is_list = *byte == b'[';
                    shape.has_list_for_object |= is_list && lists & 1 == 1;
                    lists = lists << 1 | u128::from(is_list);
                    depth += 1;
                    shape.depth = shape.depth.max(depth);
                }
                b']' | b'}' if !in_string => {
                    lists >>= 1;
                    depth = depth.saturating_sub(1);
                }
                _ => {}
            }
        }
        shape
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALLEST: &str =
        r#"{"schema":"packs.manifest/1","name":"kanban","version":"2.0.3","framework":"Kanban","created_at":"2026-11-20T00:00:00Z","files":[]}"#;

    /// Replaces a piece of the smallest manifest and gives the refusal with its causes.
    #[track_caller]
    fn refusal(from: &str, to: &str) -> String {
        assert!(SMALLEST.contains(from));
        let error = PackManifest::parse(SMALLEST.replace(from, to).as_bytes()).expect_err("it is not valid");
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        format!("{error}: {cause}")
    }

    #[track_caller]
    fn check(from: &str, to: &str, expected: &str) {
        let found = refusal(from, to);
        assert!(found.contains(expected), "expected {expected:?} in {found}");
    }

    #[test]
    fn whoever_writes_reads_the_same() {
        let mut manifest = PackManifest::parse(SMALLEST.as_bytes()).expect("valid");
        let path = |text| TreePath::parse(text).expect("valid");
        let blake3 = Blake3Digest::from_bytes([7; 32]);
        manifest.files = vec![
            FileEntry::Executable { path: path("bin/kanban"), size: 120, blake3 },
            FileEntry::File { path: path("docs/README.md"), size: 3, blake3 },
            FileEntry::Directory { path: path("empty") },
            FileEntry::Symlink { path: path("latest"), target: "docs/README.md".into() },
        ];
        manifest.description = Some("a \"board\"\n".into());
        manifest.requires.insert(PackName::parse("workflow").expect("valid"), Range::parse("^1.2").expect("valid"));
        manifest.bin.insert(CommandName::parse("kanban").expect("valid"), path("bin/kanban"));
        let text = manifest.format();
        assert_eq!(PackManifest::parse(&text).expect("what was written is valid"), manifest);
        insta::assert_snapshot!(String::from_utf8(text).expect("JSON is UTF-8"));
    }

    #[test]
    fn every_field_is_written() {
        let mut manifest = PackManifest::parse(SMALLEST.as_bytes()).expect("valid");
        (manifest.authors, manifest.keywords) = (vec!["a".into()], vec!["k".into()]);
        (manifest.license, manifest.repository, manifest.homepage) = (Some("MIT".into()), Some("r".into()), Some("h".into()));
        manifest.extras.insert(ExtraName::parse("x").expect("valid"), BTreeMap::new());
        assert_eq!(PackManifest::parse(&manifest.format()).expect("valid"), manifest);
    }

    #[test]
    fn what_is_no_manifest() {
        check("packs.manifest/1", "packs.manifest/2", "only `packs.manifest/1` is known");
        check("\"files\"", "\"colour\":1,\"files\"", "unknown field `colour`");
        check("\"files\"", "\"name\":\"b\",\"files\"", "duplicate field `name`");
        check("\"files\"", "\"requires\":{\"a\":\"1\",\"a\":\"2\"},\"files\"", "the key `a` stands twice");
        check("\"version\":\"2.0.3\",", "", "missing field `version`");
        check("kanban", "../kanban", "not a valid pack name");
        check("2.0.3", "2.0", "not a valid version");
        check("[]", "[{\"path\":\"a\",\"kind\":\"device\"}]", "unknown variant `device`");
        check("[]", "[{\"path\":\"a\",\"kind\":\"file\"}]", "has size and blake3");
        check("[]", "[{\"path\":\"a\",\"kind\":\"directory\",\"size\":1}]", "has no size");
        check("[]", "[{\"path\":\"a\",\"kind\":\"symlink\"}]", "has a target");
        check("[]", "[{\"path\":\"../a\",\"kind\":\"directory\"}]", "not a valid path");
        check("[]", "[{\"path\":\"b\",\"kind\":\"directory\"},{\"path\":\"a\",\"kind\":\"directory\"}]", "a follows b");
        check("[]", "[{\"path\":\"a\",\"kind\":\"directory\"},{\"path\":\"a\",\"kind\":\"directory\"}]", "a follows a");
        check("[]}", "[]}{}", "trailing characters");
        check("[]", &format!("{}{}", "[".repeat(65), "]".repeat(65)), "limits.json-depth-max");
    }

    #[test]
    fn depth_is_counted_outside_strings() {
        for (json, depth) in [("1", 0), ("[]", 1), ("[[],{}]", 2), (r#"["[[[\"[", 1]"#, 1), ("]]][", 1)] {
            assert_eq!(JsonShape::of(json.as_bytes()).depth, depth, "{json}");
        }
    }

    #[test]
    fn a_manifest_is_also_a_tree() {
        let mut manifest = PackManifest::parse(SMALLEST.as_bytes()).expect("valid");
        manifest.files = vec![FileEntry::Directory { path: TreePath::parse("empty").expect("valid") }];
        let tree = manifest.tree().expect("its files fit together");
        assert!(matches!(tree.find(&TreePath::parse("kanban/empty").expect("valid")), Some(Node::Directory(_))));
        assert!(tree.find(&TreePath::parse(MANIFEST_FILE).expect("valid")).is_some());
    }
}
