//! Where a locked release came from.

use std::fmt;

use crate::model::InvalidNoun;
use crate::model::RegistryName;
use crate::model::Repository;
use crate::model::spelled::spelled_as_text;

/// The source of a locked release: `registry+default`, `github+acme/kanban` or `path+../snippets`.
///
/// A registry goes by its name, not its address: mirrors may differ from machine to machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceId {
    /// A registry of packs.toml.
    Registry(RegistryName),
    /// The releases of a repository on GitHub.
    GitHub(Repository),
    /// A directory, as written in packs.toml.
    Path(String),
}

impl SourceId {
    /// Parses the text form.
    pub fn parse(text: &str) -> Result<Self, InvalidNoun> {
        let invalid = |reason: String| InvalidNoun::new("source", text, reason);
        match text.split_once('+') {
            Some(("registry", name)) => RegistryName::parse(name).map(SourceId::Registry).map_err(|error| invalid(error.reason)),
            Some(("github", repository)) => Repository::parse(repository).map(SourceId::GitHub).map_err(|error| invalid(error.reason)),
            Some(("path", path)) if !path.is_empty() && !path.chars().any(char::is_control) => Ok(SourceId::Path(path.to_owned())),
            _ => Err(invalid("it must be registry+NAME, github+OWNER/NAME or path+DIRECTORY".into())),
        }
    }
}
impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceId::Registry(name) => write!(f, "registry+{name}"),
            SourceId::GitHub(repository) => write!(f, "github+{repository}"),
            SourceId::Path(path) => write!(f, "path+{path}"),
        }
    }
}
spelled_as_text!(SourceId, "SourceId");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        for text in ["registry+default", "github+acme/kanban", "path+../snippets", "path+/a b"] {
            assert_eq!(SourceId::parse(text).expect("valid").to_string(), text);
        }
        for bad in ["", "registry+", "registry", "path+", "git+x", "registry+A", "github+acme"] {
            assert!(SourceId::parse(bad).is_err(), "{bad:?}");
        }
    }
}
