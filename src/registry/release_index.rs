//! What one release of a repository offers: `packs-index.json`, an asset beside its archives.
//!
//! A place without index documents, such as the releases of a repository, says with it what a solve must know of its archives, so that none has to be
//! opened. It lists the releases of all packs whose archives lie beside it.

use serde::Deserialize;
use serde::Serialize;

use crate::model::PackName;
use crate::registry::IndexRelease;
use crate::registry::RegistryError;
use crate::registry::json;

/// The schema this program reads and writes.
const SCHEMA: &str = "packs.release-index/1";

/// The file's name among the assets of a release.
pub const RELEASE_INDEX_FILE: &str = "packs-index.json";

/// Largest such file that is read, in bytes: a thousand archives, GitHub's limit, each with many requirements.
pub const RELEASE_INDEX_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// The packs whose archives lie beside this document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "schema", rename = "packs.release-index/1")]
pub struct ReleaseIndex {
    /// The packs, by name and version.
    pub packs: Vec<ReleasedPack>,
}

/// One release of one pack, as an index document lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ReleasedPack {
    /// The pack.
    pub name: PackName,
    /// The release; its archives are files beside this document.
    pub release: IndexRelease,
}

impl ReleaseIndex {
    /// Parses the document's bytes.
    ///
    /// # Errors
    /// As [`RegistryError`] says; it is refused as a whole, as an index document is.
    pub fn parse(bytes: &[u8]) -> Result<Self, RegistryError> {
        let document: Self = json::parse(bytes, RELEASE_INDEX_BYTES_MAX, SCHEMA, RELEASE_INDEX_FILE)?;
        document.packs.iter().try_for_each(|pack| pack.release.verify(&pack.name))?;
        Ok(document)
    }

    /// Formats the document's bytes: one form for one value.
    pub fn format(&self) -> Vec<u8> {
        json::format(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = r#"{
  "schema": "packs.release-index/1",
  "packs": [ { "name": "kanban", "release": { "version": "2.0.3", "requires": { "workflow": "^1.2" }, "artifacts": [
    { "platform": "any", "archive": "kanban-2.0.3.tar.zst", "size": 48213,
      "sha256": "9a7f739f627198465eeab537a6f7a435dc4a0c332f9e4a8462293eb3f4ab7ee0",
      "tree": "xjyxvdslaaptdgjufu4wzgizpjgwisvlz32yfvumatnirm235c2a" } ] } } ]
}"#;

    #[test]
    fn round_trip() {
        let document = ReleaseIndex::parse(SAMPLE.as_bytes()).expect("valid");
        assert_eq!(ReleaseIndex::parse(&document.format()).expect("valid"), document);
        assert_eq!(document.packs[0].release.requires.len(), 1);
    }

    #[track_caller]
    fn check(from: &str, to: &str, expected: &str) {
        assert!(SAMPLE.contains(from), "{from:?} is not in the sample");
        let error = ReleaseIndex::parse(SAMPLE.replace(from, to).as_bytes()).expect_err("it is invalid");
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn faults_are_named() {
        check("index/1", "index/2", r#"packs-index.json has the schema "packs.release-index/2"; this packs reads "packs.release-index/1""#);
        check("kanban-2.0.3.tar.zst", "../x.tar.zst", "packs-index.json cannot be read");
        check("kanban-2.0.3.tar.zst", "x.zip", "the index lists \"x.zip\" for kanban 2.0.3, which ends in neither .tar.zst nor .tar.gz");
        check("\"kanban\"", "\"Kanban\"", "packs-index.json cannot be read");
    }
}
