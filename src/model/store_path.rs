//! Releases and the store paths that hold their trees.

use std::fmt;

use crate::model::InvalidNoun;
use crate::model::PackName;
use crate::model::TreeDigest;
use crate::model::Version;
use crate::model::spelled::spelled_as_text;

/// One version of one pack: `kanban 2.0.3`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct ReleaseId {
    /// The pack.
    pub name: PackName,
    /// The version.
    pub version: Version,
}
impl fmt::Display for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// The name of a tree in the store: `<tree>-<name>-<version>`, one path component.
///
/// The digest alone decides what it holds; name and version are for people, and where they matter MANIFEST.json is asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorePath {
    tree: TreeDigest,
    component: String,
}

impl StorePath {
    /// Makes the name under which a release's tree is stored.
    pub fn new(tree: TreeDigest, release: &ReleaseId) -> Self {
        StorePath { tree, component: format!("{tree}-{}-{}", release.name.component(), release.version) }
    }

    /// Parses a name found in the store: a tree digest, `-`, and a valid rest.
    pub fn parse(text: &str) -> Result<Self, InvalidNoun> {
        let invalid = |reason: &str| InvalidNoun::new("store path", text, reason);
        let (digest, rest) = text.split_once('-').ok_or_else(|| invalid("it must be <tree>-<name>-<version>"))?;
        let tree = TreeDigest::parse(digest).map_err(|error| invalid(&error.reason))?;
        let splits = rest.match_indices('-').map(|(at, _)| (&rest[..at], &rest[at + 1..]));
        let spelled = |(name, version): (&str, &str)| PackName::parse(&name.replace('+', "/")).is_ok() && Version::parse(version).is_ok();
        if !{ splits }.any(spelled) {
            return Err(invalid("no pack name and version follow the digest"));
        }
        Ok(StorePath { tree, component: text.to_owned() })
    }

    /// Gives the digest of the tree it holds.
    pub fn tree(&self) -> TreeDigest {
        self.tree
    }

    /// Gives the name as a path component.
    pub fn as_str(&self) -> &str {
        &self.component
    }
}
impl fmt::Display for StorePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.component)
    }
}
spelled_as_text!(StorePath, "StorePath");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_and_found_agree() {
        let tree = TreeDigest::from_bytes([7; 32]);
        for (name, version) in [("kanban", "2.0.3"), ("@acme/kan-ban", "1.0.0-rc-1+b-2"), ("a-1.0.0", "1.0.0")] {
            let release = ReleaseId { name: PackName::parse(name).expect("valid"), version: Version::parse(version).expect("valid") };
            let path = StorePath::new(tree, &release);
            assert_eq!(StorePath::parse(path.as_str()), Ok(path));
        }
        for bad in ["", ".stage-1", "x-kanban-1.0.0", &format!("{tree}-kanban"), &format!("{tree}-../x-1.0.0")] {
            assert!(StorePath::parse(bad).is_err(), "{bad:?}");
        }
    }
}
