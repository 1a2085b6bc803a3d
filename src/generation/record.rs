//! generation.json, schema `packs.generation/1`: what a generation is made of, and who made it, when and why.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::generation::document::Document;
use crate::manifest::PlaceMode;
use crate::model::Blake3Digest;
use crate::model::EnvironmentName;
use crate::model::PackName;
use crate::model::StorePath;
use crate::model::TreePath;
use crate::model::Version;

/// Everything known of one generation; immutable once the generation is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct GenerationRecord {
    /// Its number; 0 is the empty generation.
    pub number: u64,
    /// The generation that was current when it was made; only 0 has none.
    pub parent: Option<u64>,
    /// The environment it belongs to.
    pub environment: EnvironmentName,
    /// BLAKE3 of the lockfile's text; the empty generation has none.
    pub lockfile: Option<Blake3Digest>,
    /// Its releases, by name.
    pub releases: Vec<GenerationRelease>,
    /// Its links: path within the generation to the text of the link.
    pub links: BTreeMap<TreePath, String>,
    /// What it places in the project, by target.
    pub place: Vec<PlacedEntry>,
    /// When it was made.
    #[schemars(with = "String")]
    pub created_at: jiff::Timestamp,
    /// Who made it.
    pub user: String,
    /// On which machine.
    pub host: String,
    /// Why, if they said so.
    pub reason: Option<String>,
    /// The command line that made it.
    pub command: String,
}

/// One release of a generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct GenerationRelease {
    /// The pack.
    pub name: PackName,
    /// The version.
    pub version: Version,
    /// Its tree in the store.
    pub store_path: StorePath,
    /// What its files take when unpacked, in bytes.
    pub unpacked_bytes: u64,
}

/// What lies at one target of `[place]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PlacedEntry {
    /// Where in the project.
    pub target: TreePath,
    /// Whose files.
    pub pack: PackName,
    /// As one link or as copies.
    pub mode: PlaceMode,
    /// The copied files, by path; empty for a link.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<PlacedFile>,
}

/// One file of a copy, as it was copied: people's edits show by their digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PlacedFile {
    /// Its path below the target, which is also its path below the pack's directory.
    pub path: TreePath,
    /// What was put there.
    #[serde(flatten)]
    pub content: PlacedContent,
}

/// What lies at one path of a copy; empty directories are not copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum PlacedContent {
    /// A regular file.
    File {
        /// BLAKE3 of its bytes.
        blake3: Blake3Digest,
    },
    /// A regular file that may be executed.
    Executable {
        /// BLAKE3 of its bytes.
        blake3: Blake3Digest,
    },
    /// A symbolic link.
    Symlink {
        /// The text of the link.
        target: String,
    },
}

/// Who makes a generation, out of what, and why: the part of the record that no plan decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The number it gets.
    pub number: u64,
    /// The generation that is current now.
    pub parent: Option<u64>,
    /// BLAKE3 of the lockfile's text.
    pub lockfile: Option<Blake3Digest>,
    /// Now.
    pub created_at: jiff::Timestamp,
    /// Who makes it.
    pub user: String,
    /// On which machine.
    pub host: String,
    /// Why.
    pub reason: Option<String>,
    /// The command line.
    pub command: String,
}

impl Document for GenerationRecord {
    const SCHEMA: &'static str = "packs.generation/1";
}

impl GenerationRecord {
    /// Makes the record of the empty generation, from which every environment starts.
    pub fn empty(environment: EnvironmentName, about: About) -> Self {
        GenerationRecord {
            number: about.number,
            parent: about.parent,
            environment,
            lockfile: about.lockfile,
            releases: Vec::new(),
            links: BTreeMap::new(),
            place: Vec::new(),
            created_at: about.created_at,
            user: about.user,
            host: about.host,
            reason: about.reason,
            command: about.command,
        }
    }

    /// Gives what its releases take when unpacked, in bytes.
    pub fn unpacked_bytes(&self) -> u64 {
        self.releases.iter().map(|release| release.unpacked_bytes).sum()
    }

    /// Finds the release of a pack.
    pub fn release(&self, name: &PackName) -> Option<&GenerationRelease> {
        self.releases.iter().find(|release| release.name == *name)
    }
}

#[cfg(test)]
impl About {
    /// Says where a generation stands, and nothing of who made it.
    pub(crate) fn unsigned(number: u64, parent: Option<u64>) -> About {
        let text = String::new;
        About { number, parent, lockfile: None, created_at: jiff::Timestamp::UNIX_EPOCH, user: text(), host: text(), reason: None, command: text() }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::generation::GenerationError;
    use crate::generation::document::format_document;
    use crate::generation::document::parse_document;

    fn record() -> GenerationRecord {
        let about = About {
            number: 2,
            parent: Some(1),
            lockfile: Some(Blake3Digest::from_bytes([1; 32])),
            created_at: "2026-11-20T00:00:00Z".parse().expect("a time"),
            user: "ada".into(),
            host: "engine".into(),
            reason: None,
            command: "packs switch".into(),
        };
        let file = |path: &str, content| PlacedFile { path: TreePath::parse(path).expect("valid"), content };
        let place = PlacedEntry {
            target: TreePath::parse("frameworks/kanban").expect("valid"),
            pack: PackName::parse("kanban").expect("valid"),
            mode: PlaceMode::Copy,
            files: vec![
                file("a", PlacedContent::Executable { blake3: Blake3Digest::from_bytes([2; 32]) }),
                file("b", PlacedContent::Symlink { target: "a".into() }),
            ],
        };
        GenerationRecord { place: vec![place], ..GenerationRecord::empty(EnvironmentName::default_environment(), about) }
    }

    #[test]
    fn written_and_read_agree() {
        let text = format_document(&record());
        assert_eq!(parse_document::<GenerationRecord>(&text, Path::new("generation.json")).expect("understood"), record());
    }

    #[test]
    fn unknown_fields_are_ignored_and_unknown_schemas_refused() {
        let text = String::from_utf8(format_document(&record())).expect("text");
        let longer = text.replacen('{', "{ \"invented\": 1,", 1);
        assert!(parse_document::<GenerationRecord>(longer.as_bytes(), Path::new("x")).is_ok());
        let newer = text.replace("packs.generation/1", "packs.generation/2");
        let refused = parse_document::<GenerationRecord>(newer.as_bytes(), Path::new("x")).expect_err("refused");
        assert!(matches!(refused, GenerationError::UnknownSchema { found, .. } if found == "packs.generation/2"));
    }
}
