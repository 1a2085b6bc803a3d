//! Paths within a tree, which cannot leave it.

use unicode_normalization::UnicodeNormalization as _;

use crate::model::InvalidNoun;
use crate::model::spelled::kept_as_text;

/// Longest name of a file, in bytes: the limit of every file system in use.
const COMPONENT_BYTES_MAX: usize = 255;

/// Longest path within a tree, in bytes: leaves room for the home in front under `PATH_MAX` of 4,096 (macOS: 1,024 for one call, and calls here are relative to the tree).
const PATH_BYTES_MAX: usize = 1024;

/// Deepest nesting of a path within a tree.
const PATH_DEPTH_MAX: usize = 128;

/// One name within a directory: no `.`, `..`, `/`, `\`, NUL or control character, at most 255 bytes of UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathComponent(Box<str>);

impl PathComponent {
    /// Parses one name.
    pub fn parse(text: &str) -> Result<Self, InvalidNoun> {
        check_component(text).map_err(|reason| InvalidNoun::new("file name", text, reason))?;
        Ok(PathComponent(text.into()))
    }

    /// Takes a part of a path, which has been checked with it.
    pub(super) fn of_path(part: &str) -> Self {
        PathComponent(part.into())
    }
}
impl std::borrow::Borrow<str> for PathComponent {
    fn borrow(&self) -> &str {
        &self.0
    }
}
kept_as_text!(PathComponent, "PathComponent");

/// A path of at least one component, relative to the root of a tree: `docs/README.md`.
///
/// It cannot leave the tree: at most 1,024 bytes and 128 components, each a valid [`PathComponent`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(Box<str>);

impl TreePath {
    /// Parses a path with `/` between its components and none at its ends.
    pub fn parse(text: &str) -> Result<Self, InvalidNoun> {
        let invalid = |reason: String| InvalidNoun::new("path", text, reason);
        if text.is_empty() {
            return Err(invalid("it is empty".into()));
        }
        if text.starts_with('/') {
            return Err(invalid("it is absolute".into()));
        }
        if text.len() > PATH_BYTES_MAX {
            return Err(invalid(format!("it is {} bytes long, more than {PATH_BYTES_MAX}", text.len())));
        }
        text.split('/').try_for_each(check_component).map_err(invalid)?;
        let depth = text.split('/').count();
        if depth > PATH_DEPTH_MAX {
            return Err(invalid(format!("it is {depth} directories deep, more than {PATH_DEPTH_MAX}")));
        }
        Ok(TreePath(text.into()))
    }

    /// Gives the components in order; there is at least one.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = PathComponent> + '_ {
        self.0.split('/').map(|part| PathComponent(part.into()))
    }

    /// Gives the directory that holds it, unless that is the root.
    pub fn parent(&self) -> Option<TreePath> {
        self.0.rsplit_once('/').map(|(parent, _)| TreePath(parent.into()))
    }

    /// Gives its last component.
    pub fn file_name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&*self.0, |(_, name)| name)
    }

    /// Gives the path `self/name`, if it stays within the limits.
    pub fn join(&self, name: &str) -> Result<TreePath, InvalidNoun> {
        TreePath::parse(&format!("{}/{name}", self.0))
    }
}
kept_as_text!(TreePath, "TreePath");

/// Gives the key under which two names clash on some file system: NFC, then case folded.
///
/// Upper before lower case also joins pairs that only one of the two mappings joins, such as `ß` and `SS`.
pub fn fold_name(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    name.nfc().collect::<String>().to_uppercase().to_lowercase().nfc().collect()
}

fn check_component(text: &str) -> Result<(), String> {
    match text {
        "" => return Err("a component of it is empty".into()),
        "." | ".." => return Err(format!("`{text}` is not allowed in it")),
        _ => {}
    }
    if text.len() > COMPONENT_BYTES_MAX {
        return Err(format!("a component of it is {} bytes long, more than {COMPONENT_BYTES_MAX}", text.len()));
    }
    match text.chars().find(|c| c.is_control() || matches!(c, '/' | '\\')) {
        Some(bad) => Err(format!("{bad:?} is not allowed in it")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, valid: bool) {
        assert_eq!(TreePath::parse(text).is_ok(), valid, "{text:?}: {:?}", TreePath::parse(text));
    }

    #[test]
    fn paths() {
        for good in ["a", "a/b", "…/ü", "a b/c", ".hidden", "..a", "a:b", "-"] {
            check(good, true);
        }
        for bad in ["", "/", "/a", "a/", "a//b", ".", "..", "a/..", "a/./b", "../a", "a\\b", "a\0b", "a\nb", "a\u{7f}", "a\u{85}b"] {
            check(bad, false);
        }
        check(&"a".repeat(255), true);
        check(&"a".repeat(256), false);
        check(&["a"; 128].join("/"), true);
        check(&["a"; 129].join("/"), false);
        check(&["a".repeat(200).as_str(); 6].join("/"), false);
    }

    #[test]
    fn names_that_clash_fold_alike() {
        for (a, b) in [("README", "readme"), ("é", "e\u{301}"), ("É", "e\u{301}"), ("straße", "STRASSE"), ("ς", "Σ")] {
            assert_eq!(fold_name(a), fold_name(b), "{a} {b}");
        }
        assert_ne!(fold_name("a"), fold_name("b"));
    }

    #[test]
    fn parents() {
        let path = TreePath::parse("a/b/c").expect("valid");
        assert_eq!(path.parent().map(|p| p.to_string()), Some("a/b".into()));
        assert_eq!(path.file_name(), "c");
        assert_eq!(TreePath::parse("a").expect("valid").parent(), None);
    }
}
