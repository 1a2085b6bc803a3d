//! Versions and ranges, exactly as Cargo reads them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::model::InvalidNoun;
use crate::model::spelled::spelled_as_text;

/// Longest version, in bytes, so that a store path's name always fits a file name.
const VERSION_BYTES_MAX: usize = 64;

/// Longest range, in bytes: far beyond any written by hand, and bounds the work of parsing.
const RANGE_BYTES_MAX: usize = 1024;

/// The version of a release, in semver 2.0: `2.0.3`, `1.0.0-rc.1+linux`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(semver::Version);

impl Version {
    /// Parses a version.
    pub fn parse(text: &str) -> Result<Self, InvalidNoun> {
        let invalid = |reason: String| InvalidNoun::new("version", text, reason);
        if text.len() > VERSION_BYTES_MAX {
            return Err(invalid(format!("it is {} bytes long, more than {VERSION_BYTES_MAX}", text.len())));
        }
        semver::Version::parse(text).map(Version).map_err(|error| invalid(format!("{error} (a version looks like 1.2.3)")))
    }

    /// Tells whether it is a pre-release, which only a range that names one chooses.
    pub fn is_prerelease(&self) -> bool {
        !self.0.pre.is_empty()
    }

    /// Tells whether both differ in build metadata at most; no registry may hold two such releases.
    pub fn same_but_for_build(&self, other: &Version) -> bool {
        self.0.cmp_precedence(&other.0).is_eq()
    }

    /// Gives the parsed semver value.
    pub fn as_semver(&self) -> &semver::Version {
        &self.0
    }
}
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
spelled_as_text!(Version, "Version");

/// A range of versions in Cargo's syntax: `^2.0`, `>=1.2, <3`, `=2.0.3`, `*`.
///
/// Two ranges are equal when they are written alike: lockfiles compare what people wrote. A copy shares the value.
#[derive(Debug, Clone)]
pub struct Range(Arc<Parsed>);

/// A range as it was written, and what it means.
#[derive(Debug)]
struct Parsed {
    written: String,
    requirement: semver::VersionReq,
}

/// How many ranges a thread remembers; beyond, it forgets all and begins anew.
const REMEMBERED_MAX: usize = 4096;

thread_local! {
    /// The ranges parsed last: a registry of 100,000 releases asks for the same few hundred ranges over and over.
    static REMEMBERED: RefCell<HashMap<String, Range>> = RefCell::new(HashMap::new());
}

impl Range {
    /// Parses a range and keeps it as written, without blanks at its ends.
    pub fn parse(text: &str) -> Result<Self, InvalidNoun> {
        if let Some(range) = REMEMBERED.with_borrow(|known| known.get(text).cloned()) {
            return Ok(range);
        }
        let range = Range::parse_anew(text)?;
        REMEMBERED.with_borrow_mut(|known| {
            if known.len() >= REMEMBERED_MAX {
                known.clear();
            }
            known.insert(text.to_owned(), range.clone());
        });
        Ok(range)
    }

    fn parse_anew(text: &str) -> Result<Self, InvalidNoun> {
        let invalid = |reason: String| InvalidNoun::new("version range", text, reason);
        if text.len() > RANGE_BYTES_MAX {
            return Err(invalid(format!("it is {} bytes long, more than {RANGE_BYTES_MAX}", text.len())));
        }
        let written = text.trim();
        let requirement = semver::VersionReq::parse(written).map_err(|error| invalid(format!("{error} (a range looks like ^1.2 or >=1.2, <3)")))?;
        Ok(Range::new(written.to_owned(), requirement))
    }

    fn new(written: String, requirement: semver::VersionReq) -> Self {
        Range(Arc::new(Parsed { written, requirement }))
    }

    /// Gives the range that every release satisfies, pre-releases apart.
    pub fn any() -> Self {
        Range::new("*".to_owned(), semver::VersionReq::STAR)
    }

    /// Gives the range that only this version satisfies.
    pub fn exactly(version: &Version) -> Self {
        let written = format!("={version}");
        let requirement = semver::VersionReq::parse(&written).expect("`=` and a version is a range");
        Range::new(written, requirement)
    }

    /// Tells whether a version is in the range; a pre-release only if the range names one of the same triple.
    ///
    /// Build metadata is compared only where the range names one: `=1.0.0+b` means that very release.
    pub fn matches(&self, version: &Version) -> bool {
        self.0.requirement.matches(version.as_semver()) && self.exact_version().is_none_or(|exact| exact.as_semver().build.is_empty() || exact == *version)
    }

    /// Tells whether a pre-release would be in the range if it were the stable release of its number.
    pub fn matches_as_stable(&self, prerelease: &Version) -> bool {
        let semver::Version { major, minor, patch, .. } = prerelease.0;
        prerelease.is_prerelease() && self.matches(&Version(semver::Version::new(major, minor, patch)))
    }

    /// Gives the version if the range names exactly one (`=1.2.3`).
    pub fn exact_version(&self) -> Option<Version> {
        let [only] = self.0.requirement.comparators.as_slice() else { return None };
        (only.op == semver::Op::Exact && only.minor.is_some() && only.patch.is_some())
            .then(|| Version::parse(self.0.written.trim_start_matches('=').trim()).ok())
            .flatten()
    }

    /// Gives the range as written.
    pub fn as_str(&self) -> &str {
        &self.0.written
    }

    /// Gives the parsed semver range.
    pub fn as_semver(&self) -> &semver::VersionReq {
        &self.0.requirement
    }
}
impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.written)
    }
}
impl PartialEq for Range {
    fn eq(&self, other: &Self) -> bool {
        self.0.written == other.0.written
    }
}
impl Eq for Range {}
impl PartialOrd for Range {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Range {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.written.cmp(&other.0.written)
    }
}
impl std::hash::Hash for Range {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.written.hash(state);
    }
}
spelled_as_text!(Range, "Range");

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(range: &str, version: &str, expected: bool) {
        let range = Range::parse(range).expect("a valid range");
        let version = Version::parse(version).expect("a valid version");
        assert_eq!(range.matches(&version), expected, "{range} on {version}");
    }

    #[test]
    fn ranges_are_cargos() {
        check("^2.0", "2.9.0", true);
        check("2", "2.9.0", true);
        check("^0.2", "0.3.0", false);
        check(">=1.2, <3", "3.0.0", false);
        check("*", "1.0.0-rc.1", false);
        check("^1.0.0-rc.1", "1.0.0-rc.2", true);
        check("^1.0.0-rc.1", "1.1.0-rc.1", false);
        check("=1.0.0", "1.0.0+b", true);
        check("=1.0.0+b", "1.0.0+b", true);
        check("=1.0.0+b", "1.0.0+c", false);
    }

    #[test]
    fn a_prerelease_may_be_in_a_range_but_for_being_one() {
        let as_stable = |range: &str, version: &str| Range::parse(range).expect("valid").matches_as_stable(&Version::parse(version).expect("valid"));
        assert!(as_stable("^2", "2.0.0-rc.1"));
        assert!(as_stable("*", "0.1.0-beta+b"));
        assert!(!as_stable("^2", "3.0.0-rc.1"));
        assert!(!as_stable("^2", "2.0.0"));
    }

    #[test]
    fn exact_version_is_known() {
        let exact = |text| Range::parse(text).expect("valid").exact_version().map(|v| v.to_string());
        assert_eq!(exact("=1.2.3"), Some("1.2.3".into()));
        assert_eq!(exact("= 1.2.3-rc.1+x"), Some("1.2.3-rc.1+x".into()));
        assert_eq!(exact("=1.2"), None);
        assert_eq!(exact("^1.2.3"), None);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "one", "1.2.3.4", "^", ">= ", "latest", &"1,".repeat(600)] {
            assert!(Range::parse(text).is_err(), "{text:?}");
        }
        assert!(Version::parse("1.2").is_err());
        assert!(Version::parse(&format!("1.0.0-{}", "a".repeat(80))).is_err());
    }
}
