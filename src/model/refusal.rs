//! Where something was written, and which rule refused a release.

use std::fmt;

/// A line in a file that a person can open: `packs.toml:31`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct Place {
    /// The file as the person would name it, mostly relative to the project.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
}
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Why a rule does not allow a release: `quality 62 is below 80` by `min-quality` at `packs.toml:31`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct Refusal {
    /// The rule's name, as its key in packs.toml: `min-quality`.
    pub rule: String,
    /// What the rule found, as half a sentence.
    pub reason: String,
    /// Where the rule is written, if a person wrote it.
    pub at: Option<Place>,
}
impl Refusal {
    /// The rule of a release outside the range that the project allows of its pack.
    pub const CONSTRAINTS: &str = "constraints";

    /// The rule of a release that was published later than the moment a lockfile is made of.
    pub const AS_OF: &str = "as-of";
}
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            Some(place) => write!(f, "{}, {place}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}
