//! The identity of a project within a home.

use crate::model::InvalidNoun;
use crate::model::spelled::kept_as_text;

/// Longest readable head of an id, in bytes.
const SLUG_BYTES_MAX: usize = 40;

/// Longest id, in bytes: a slug, `-` and random characters.
const ID_BYTES_MAX: usize = 80;

/// The name of a project's directory in the home: a readable slug and a random tail, `checkout-service-k3v9q2m7`.
///
/// It is kept in the project's `.packs/id`, so a moved project keeps its generations and a copied one gets its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProjectId(String);

impl ProjectId {
    /// Makes an id from a project's name and random characters of `[a-z0-9]`.
    pub fn new(name: &str, random: &str) -> Result<Self, InvalidNoun> {
        let spelled: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).take(SLUG_BYTES_MAX).collect();
        let slug = spelled.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
        ProjectId::parse(&format!("{}-{random}", if slug.is_empty() { "project" } else { &slug }))
    }

    /// Parses an id as found in `.packs/id` or in the home.
    pub fn parse(text: &str) -> Result<Self, InvalidNoun> {
        let spelled_well = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if text.is_empty() || text.len() > ID_BYTES_MAX || text.starts_with('-') || !text.contains('-') || !spelled_well {
            return Err(InvalidNoun::new("project id", text, "it must be a name, `-` and random characters, all of a-z, 0-9 or `-`"));
        }
        Ok(ProjectId(text.to_owned()))
    }
}
kept_as_text!(ProjectId, "ProjectId");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs() {
        for (name, expected) in [("Checkout Service", "checkout-service-x1"), ("../..", "project-x1"), ("ünï", "n-x1"), ("a--b", "a-b-x1")] {
            assert_eq!(ProjectId::new(name, "x1").expect("valid").as_str(), expected);
        }
        for bad in ["", "nodash", "../x-1", "A-b", "-a"] {
            assert!(ProjectId::parse(bad).is_err(), "{bad:?}");
        }
    }
}
