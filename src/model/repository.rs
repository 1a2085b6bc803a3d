//! A repository on GitHub, whose releases hold archives.

use crate::model::InvalidNoun;
use crate::model::spelled::kept_as_text;

/// Longest name of an owner, in bytes; GitHub allows no more.
const OWNER_BYTES_MAX: usize = 39;

/// Longest name of a repository, in bytes; GitHub allows no more.
const NAME_BYTES_MAX: usize = 100;

/// What the address of a repository begins with: `github:acme/kanban`.
const ADDRESS_BEGINNING: &str = "github:";

/// A repository by owner and name: `acme/kanban`.
///
/// The text form is also its path in GitHub's addresses: both are spelled with characters that need no escape there. GitHub takes either case;
/// what is written counts as written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository(String);

impl Repository {
    /// Parses `OWNER/NAME`.
    pub fn parse(text: &str) -> Result<Self, InvalidNoun> {
        let invalid = |reason: &str| InvalidNoun::new("GitHub repository", text, reason);
        let (owner, name) = text.split_once('/').filter(|_| !text.contains(':')).ok_or_else(|| invalid("it must be OWNER/NAME, as in acme/kanban"))?;
        let is_owner = is_spelled(owner, OWNER_BYTES_MAX, b"-") && !owner.starts_with('-');
        if !is_owner {
            return Err(invalid("an owner has 1 to 39 letters, digits or `-`, and does not begin with `-`"));
        }
        if !is_spelled(name, NAME_BYTES_MAX, b"-._") || name == "." || name == ".." {
            return Err(invalid("a repository has 1 to 100 letters, digits, `-`, `.` or `_`"));
        }
        if name.strip_suffix(".git").is_some() {
            return Err(invalid("leave out `.git`"));
        }
        Ok(Repository(text.to_owned()))
    }

    /// Reads `github:OWNER/NAME`; `None` for what does not begin so.
    pub fn of_address(address: &str) -> Option<Result<Self, InvalidNoun>> {
        address.strip_prefix(ADDRESS_BEGINNING).map(Repository::parse)
    }

    /// Gives the address by which packs.toml calls it as a registry: `github:acme/kanban`.
    pub fn address(&self) -> String {
        format!("{ADDRESS_BEGINNING}{}", self.0)
    }
}

fn is_spelled(text: &str, bytes_max: usize, besides: &[u8]) -> bool {
    !text.is_empty() && text.len() <= bytes_max && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || besides.contains(&byte))
}

kept_as_text!(Repository, "Repository");

/// The name of a git tag that a release belongs to: `v2.0.3`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GitTag(String);

impl GitTag {
    /// Parses a tag, as strictly as git does and a little more: no blank, so that it needs no care anywhere.
    pub fn parse(text: &str) -> Result<Self, InvalidNoun> {
        let invalid = |reason: &str| Err(InvalidNoun::new("git tag", text, reason));
        if text.is_empty() || text.len() > NAME_BYTES_MAX {
            return invalid("it must have 1 to 100 characters");
        }
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._+/@".contains(&byte)) {
            return invalid("it must be letters, digits, `-`, `.`, `_`, `+`, `/` or `@`");
        }
        let is_bad_part = |part: &str| part.is_empty() || part.starts_with(['.', '-']) || part.ends_with('.') || part.ends_with(".lock");
        if text.contains("..") || text == "@" || text.split('/').any(is_bad_part) {
            return invalid("git takes no tag like this");
        }
        Ok(GitTag(text.to_owned()))
    }
}

kept_as_text!(GitTag, "GitTag");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags() {
        for good in ["v2.0.3", "kanban-2.0.3+b", "release/2026", "@a"] {
            assert_eq!(GitTag::parse(good).expect("valid").as_str(), good);
        }
        for bad in ["", "@", "a b", "a..b", "a.lock", "/a", "a/", "a//b", "-a", ".a", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "a#b", "ä"] {
            assert!(GitTag::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn addresses() {
        let repository = |address| Repository::of_address(address).map(|found| found.map(|found| found.address()).ok());
        assert_eq!(repository("github:acme/kanban"), Some(Some("github:acme/kanban".to_owned())));
        for bad in ["github:acme", "github:", "github://acme/kanban", "github:ana:secret@acme/kanban"] {
            assert_eq!(repository(bad), Some(None), "{bad}");
        }
        for other in ["github", "acme/kanban", "GitHub:acme/kanban", "https://github.com/acme/kanban"] {
            assert_eq!(repository(other), None, "{other}");
        }
    }

    #[test]
    fn spelling() {
        for good in ["acme/kanban", "A-1/x.y_z-", "a/.github"] {
            assert_eq!(Repository::parse(good).expect("valid").as_str(), good);
        }
        let long = format!("acme/{}", "a".repeat(101));
        for bad in ["", "acme", "acme/", "/kanban", "acme/..", "a/b/c", "-a/b", "a b/c", "a/b?c", "a/b#c", "a/b%2f", "acme/kanban.git", "ünï/x", &long] {
            assert!(Repository::parse(bad).is_err(), "{bad:?}");
        }
    }
}
