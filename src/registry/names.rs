//! The list of a registry's packs, for search: `names.json.zst`.
//!
//! It says nothing that the index documents do not say, and nothing is ever decided from it: what is installed comes from index documents alone. That is why
//! it bears no signature, and why it may lag behind for a moment.

use std::io::Read as _;

use serde::Deserialize;
use serde::Serialize;

use crate::model::PackName;
use crate::model::Version;
use crate::registry::IndexDocument;
use crate::registry::IndexRelease;
use crate::registry::RegistryError;
use crate::registry::json;
use crate::registry::layout::NAMES_BYTES_MAX;
use crate::registry::layout::NAMES_FILE;

/// The schema this program reads and writes.
const SCHEMA: &str = "packs.names/1";

/// Largest list once it is unpacked, in bytes: about a million packs.
const UNPACKED_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The largest window a decoder may be asked for, as a power of two: 8 MiB.
const WINDOW_LOG_MAX: u32 = 23;

/// How hard the list is compressed: it is written once for each publish and read by everyone.
const LEVEL: i32 = 9;

/// All packs of a registry with their newest releases, sorted by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "schema", rename = "packs.names/1")]
pub struct Names {
    /// The packs that can be installed, sorted by name, no name twice.
    #[serde(default, deserialize_with = "json::objects_or_null")]
    pub packs: Vec<NamedPack>,
}

/// What search knows of a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct NamedPack {
    /// Its name.
    pub name: PackName,
    /// Its newest release that was not taken back: a pre-release only where there is nothing else.
    pub version: Version,
    /// One sentence on what that release is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What people search it by.
    #[serde(default, deserialize_with = "json::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    /// Whether that release is no longer cared for.
    #[serde(default, deserialize_with = "json::null_as_default", skip_serializing_if = "is_false")]
    pub deprecated: bool,
}

impl NamedPack {
    /// Summarises an index document; `None` where every release was taken back.
    pub fn of(document: &IndexDocument) -> Option<NamedPack> {
        let offered = document.releases.iter().filter(|release| release.yanked.is_none());
        let newest: &IndexRelease = offered.max_by_key(|release| (!release.version.is_prerelease(), &release.version))?;
        Some(NamedPack {
            name: document.name.clone(),
            version: newest.version.clone(),
            description: newest.description.clone(),
            keywords: newest.keywords.clone(),
            deprecated: newest.deprecated.is_some(),
        })
    }
}

impl Names {
    /// Parses the file as it lies in the registry: zstd around JSON.
    ///
    /// # Errors
    /// As [`RegistryError`] says: too large, no zstd, no JSON, another schema, names out of order or twice.
    pub fn parse(bytes: &[u8]) -> Result<Self, RegistryError> {
        let size = bytes.len() as u64;
        if size > NAMES_BYTES_MAX {
            return Err(RegistryError::TooLarge { document: NAMES_FILE.to_owned(), bytes: size, bytes_max: NAMES_BYTES_MAX });
        }
        Names::parse_json(&unpack(bytes, UNPACKED_BYTES_MAX)?)
    }

    /// Parses the JSON within the file.
    ///
    /// # Errors
    /// Those of [`Names::parse`].
    pub fn parse_json(bytes: &[u8]) -> Result<Self, RegistryError> {
        let names: Names = json::parse(bytes, UNPACKED_BYTES_MAX, SCHEMA, NAMES_FILE)?;
        match names.packs.windows(2).find(|pair| pair[0].name >= pair[1].name) {
            Some(pair) => Err(RegistryError::NamesOutOfOrder { first: Box::new(pair[0].name.clone()), second: Box::new(pair[1].name.clone()) }),
            None => Ok(names),
        }
    }

    /// Formats the file's bytes: one form for one value.
    pub fn format(&self) -> Vec<u8> {
        zstd::bulk::compress(&self.format_json(), LEVEL).expect("compressing memory into memory fails for no input")
    }

    /// Formats the JSON within the file, without blanks: nobody reads it through zstd.
    pub fn format_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("the document has text keys only")
    }

    /// Finds a pack by its name.
    pub fn find(&self, name: &PackName) -> Option<&NamedPack> {
        self.position(name).ok().map(|at| &self.packs[at])
    }

    /// Takes in what a pack's index document says now; tells whether that changed anything.
    pub fn update(&mut self, document: &IndexDocument) -> bool {
        match (self.position(&document.name), NamedPack::of(document)) {
            (Ok(at), Some(pack)) if self.packs[at] == pack => false,
            (Ok(at), Some(pack)) => {
                self.packs[at] = pack;
                true
            }
            (Err(at), Some(pack)) => {
                self.packs.insert(at, pack);
                true
            }
            (Ok(at), None) => {
                self.packs.remove(at);
                true
            }
            (Err(_), None) => false,
        }
    }

    fn position(&self, name: &PackName) -> Result<usize, usize> {
        self.packs.binary_search_by(|pack| pack.name.cmp(name))
    }
}

/// Unpacks at most `bytes_max` bytes, and one more where there are more.
fn unpack(bytes: &[u8], bytes_max: u64) -> Result<Vec<u8>, RegistryError> {
    let damaged = |source| RegistryError::NotUnpackable { document: NAMES_FILE, source };
    let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes).map_err(damaged)?;
    decoder.window_log_max(WINDOW_LOG_MAX).map_err(damaged)?;
    let mut unpacked = Vec::new();
    decoder.take(bytes_max + 1).read_to_end(&mut unpacked).map_err(damaged)?;
    Ok(unpacked)
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An index document with these versions; one that ends in `!` was taken back.
    fn document(name: &str, versions: &[&str]) -> IndexDocument {
        let release = |version: &&str| {
            let yanked = if version.ends_with('!') { "\"broken\"" } else { "null" };
            let artifact = format!(r#"{{"platform":"any","archive":"a.tar.zst","size":1,"sha256":"{}","tree":"{}"}}"#, "0".repeat(64), "a".repeat(52));
            let version = version.trim_end_matches('!');
            format!(r#"{{"version":"{version}","description":"about {version}","keywords":["k"],"yanked":{yanked},"artifacts":[{artifact}]}}"#)
        };
        let releases: Vec<String> = versions.iter().map(release).collect();
        let text = format!(r#"{{"schema":"packs.index/1","name":"{name}","releases":[{}]}}"#, releases.join(","));
        IndexDocument::parse(text.as_bytes(), &PackName::parse(name).expect("valid")).expect("valid")
    }

    #[track_caller]
    fn check_newest(versions: &[&str], expected: Option<&str>) {
        let newest = NamedPack::of(&document("kanban", versions)).map(|pack| pack.version.to_string());
        assert_eq!(newest.as_deref(), expected, "{versions:?}");
    }

    #[test]
    fn the_newest_release_stands_for_the_pack() {
        check_newest(&["1.0.0", "2.0.0", "1.9.0"], Some("2.0.0"));
        check_newest(&["1.0.0", "2.0.0!"], Some("1.0.0"));
        check_newest(&["1.0.0", "2.0.0-rc.1"], Some("1.0.0"));
        check_newest(&["1.0.0!", "2.0.0-rc.1", "2.0.0-rc.2"], Some("2.0.0-rc.2"));
        check_newest(&["1.0.0!"], None);
        check_newest(&[], None);
    }

    #[test]
    fn updates_keep_the_order_and_tell_of_changes() {
        let mut names = Names::default();
        for (name, versions, changes) in [
            ("kanban", &["1.0.0"][..], true),
            ("@acme/boards", &["1.0.0"], true),
            ("zoo", &["1.0.0"], true),
            ("kanban", &["1.0.0"], false),
            ("kanban", &["1.0.0", "1.1.0"], true),
            ("zoo", &["1.0.0!"], true),
            ("zoo", &["1.0.0!"], false),
        ] {
            assert_eq!(names.update(&document(name, versions)), changes, "{name} {versions:?}");
        }
        let listed: Vec<String> = names.packs.iter().map(|pack| format!("{} {}", pack.name, pack.version)).collect();
        assert_eq!(listed, ["@acme/boards 1.0.0", "kanban 1.1.0"]);
        assert_eq!(Names::parse(&names.format()).expect("valid"), names);
        assert!(names.find(&PackName::parse("zoo").expect("valid")).is_none());
        assert!(names.find(&PackName::parse("kanban").expect("valid")).is_some());
    }

    #[track_caller]
    fn check_refused(bytes: &[u8], expected: &str) {
        let error = Names::parse(bytes).expect_err("it is invalid");
        assert!(error.to_string().starts_with(expected), "{error}");
    }

    #[test]
    fn faults_are_named() {
        let packed = |text: &str| zstd::bulk::compress(text.as_bytes(), 1).expect("compressed");
        check_refused(b"", "names.json.zst cannot be unpacked");
        check_refused(b"{}", "names.json.zst cannot be unpacked");
        check_refused(&packed("[]"), "names.json.zst cannot be read");
        check_refused(&packed(r#"{"schema":"packs.names/2"}"#), "names.json.zst has the schema \"packs.names/2\"");
        let twice = r#"{"schema":"packs.names/1","packs":[{"name":"b","version":"1.0.0"},{"name":"a","version":"1.0.0"}]}"#;
        check_refused(&packed(twice), "names.json.zst lists b before a");
        let cut = Names::default().format();
        check_refused(&cut[..cut.len() - 1], "names.json.zst cannot be unpacked");
        let bomb = zstd::bulk::compress(&vec![b' '; 1 << 20], 1).expect("compressed");
        assert_eq!(unpack(&bomb, 100).expect("unpacked").len(), 101);
    }
}
