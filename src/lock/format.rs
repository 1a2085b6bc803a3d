//! A lockfile's text: byte-identical for the same value on every machine.
//!
//! Written by hand rather than by a serializer, because the bytes are the promise: `version` and `environment` first, then `[options]` and
//! `[requirements]`, then `[[release]]` by name with its `[[release.artifact]]` by platform; what is usual is left out, arrays are sorted,
//! and a long one has a line per element, so that branches that add different packs mostly merge.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rayon::iter::ParallelIterator as _;
use rayon::slice::ParallelSlice as _;

use crate::lock::LockedArtifact;
use crate::lock::LockedRelease;
use crate::lock::Lockfile;
use crate::lock::Options;
use crate::lock::ResolutionMode;
use crate::model::PackName;
use crate::model::Range;
use crate::model::Requirement;
use crate::model::RequirementSource;
use crate::model::Tier;

/// Longest line with an array, in characters; a longer array gets one line per element.
const ARRAY_LINE_CHARS_MAX: usize = 100;

/// How many releases one thread formats at once: enough that handing them out costs nothing beside it.
const RELEASES_AT_ONCE: usize = 256;

/// About what the text of a release has, in bytes.
const RELEASE_BYTES_USUAL: usize = 512;

impl Lockfile {
    /// Formats the text form, with LF and a line feed at the end.
    pub fn format(&self) -> String {
        let mut text = format!("version = {}\n", Lockfile::VERSION);
        if self.revision != Lockfile::REVISION {
            line(&mut text, "revision", &self.revision.to_string());
        }
        line(&mut text, "environment", &quote(self.environment.as_str()));
        let options = format_option_lines(&self.options);
        if !options.is_empty() {
            text.push_str("\n[options]\n");
            for (key, value) in &options {
                line(&mut text, key, value);
            }
        }
        if !self.requirements.is_empty() {
            text.push_str("\n[requirements]\n");
            for (name, requirement) in &self.requirements {
                line(&mut text, &format_key(name.as_str()), &format_requirement(requirement));
            }
        }
        let releases: Vec<&LockedRelease> = self.releases.values().collect();
        let formatted: Vec<String> = releases.par_chunks(RELEASES_AT_ONCE).map(format_releases).collect();
        text.extend(formatted);
        text
    }
}

/// Gives the lines of `[options]`, key and value, without those that are usual.
pub(super) fn format_option_lines(options: &Options) -> BTreeMap<&'static str, String> {
    let usual = Options::default();
    let mut lines = BTreeMap::new();
    if options.resolution != ResolutionMode::default() {
        lines.insert("resolution", quote(options.resolution.as_str()));
    }
    lines.extend(options.as_of.map(|moment| ("as-of", quote(&moment.to_string()))));
    lines.extend(format_ranges(&options.overrides).map(|ranges| ("overrides", ranges)));
    lines.extend(format_ranges(&options.constraints).map(|ranges| ("constraints", ranges)));
    let mut platforms = options.platforms.clone();
    platforms.sort_unstable();
    if platforms != usual.platforms {
        lines.insert("platforms", format_array("platforms", platforms.iter()));
    }
    if options.production_ready {
        lines.insert("production-ready", "true".to_owned());
    }
    lines.extend(options.min_quality.map(|quality| ("min-quality", quality.to_string())));
    lines.extend(options.cool_down.as_ref().map(|cool_down| ("cool-down", quote(cool_down))));
    if let Some(licenses) = format_licenses(options) {
        lines.insert("licenses", licenses);
    }
    lines
}

/// Formats ranges by the names of their packs: `{ charting = "^2" }`.
fn format_ranges(ranges: &BTreeMap<PackName, Range>) -> Option<String> {
    let fields: Vec<String> = ranges.iter().map(|(name, range)| format!("{} = {}", format_key(name.as_str()), quote(range.as_str()))).collect();
    (!fields.is_empty()).then(|| format!("{{ {} }}", fields.join(", ")))
}

fn format_licenses(options: &Options) -> Option<String> {
    let inline =
        |key: &str, list: &std::collections::BTreeSet<String>| format!("{key} = [{}]", list.iter().map(|text| quote(text)).collect::<Vec<_>>().join(", "));
    let allow = options.licenses_allowed.as_ref().map(|allowed| inline("allow", allowed));
    let deny = (!options.licenses_denied.is_empty()).then(|| inline("deny", &options.licenses_denied));
    let fields: Vec<String> = allow.into_iter().chain(deny).collect();
    (!fields.is_empty()).then(|| format!("{{ {} }}", fields.join(", ")))
}

/// Formats a requirement as a value: `"^2"`, or a table when there is more to say.
pub(super) fn format_requirement(requirement: &Requirement) -> String {
    let mut fields = vec![("version", quote(requirement.range.as_str()))];
    match &requirement.source {
        RequirementSource::Registry(None) => {}
        RequirementSource::Registry(Some(name)) => fields.push(("registry", quote(name.as_str()))),
        RequirementSource::GitHub(repository) => fields.push(("github", quote(repository.as_str()))),
        RequirementSource::Path(path) if requirement.range.as_str() == "*" => fields = vec![("path", quote(path))],
        RequirementSource::Path(path) => fields.push(("path", quote(path))),
    }
    if !requirement.extras.is_empty() {
        let extras: Vec<String> = requirement.extras.iter().map(|extra| quote(extra.as_str())).collect();
        fields.push(("with", format!("[{}]", extras.join(", "))));
    }
    if requirement.tier != Tier::default() {
        fields.push(("tier", quote(requirement.tier.as_str())));
    }
    match fields.as_slice() {
        [("version", range)] => range.clone(),
        fields => format!("{{ {} }}", fields.iter().map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>().join(", ")),
    }
}

fn format_releases(releases: &[&LockedRelease]) -> String {
    let mut text = String::with_capacity(releases.len() * RELEASE_BYTES_USUAL);
    releases.iter().for_each(|release| format_release(&mut text, release));
    text
}

fn format_release(text: &mut String, release: &LockedRelease) {
    text.push_str("\n[[release]]\n");
    quoted_line(text, "name", release.id.name.as_str());
    quoted_line(text, "version", &release.id.version.to_string());
    quoted_line(text, "source", &release.source.to_string());
    if !release.requires.is_empty() {
        let mut edges = release.requires.clone();
        edges.sort();
        edges.dedup();
        line(text, "requires", &format_array("requires", edges.iter().map(|edge| format!("{} {}", edge.name, edge.range))));
    }
    if !release.extras.is_empty() {
        line(text, "extras", &format_array("extras", release.extras.iter()));
    }
    optional_line(text, "license", release.license.as_deref().map(quote));
    optional_line(text, "published-at", release.published_at.map(|at| quote(&at.to_string())));
    optional_line(text, "quality", release.quality.map(|quality| quality.to_string()));
    optional_line(text, "production-ready", release.production_ready.then(|| "true".to_owned()));
    optional_line(text, "yanked", release.yanked.as_deref().map(quote));
    let mut artifacts: Vec<&LockedArtifact> = release.artifacts.iter().collect();
    artifacts.sort_by_key(|artifact| artifact.platform);
    for artifact in artifacts {
        format_artifact(text, artifact);
    }
}

fn format_artifact(text: &mut String, artifact: &LockedArtifact) {
    text.push_str("[[release.artifact]]\n");
    quoted_line(text, "platform", artifact.platform.as_str());
    quoted_line(text, "archive", &artifact.archive);
    optional_line(text, "url", artifact.url.as_deref().map(quote));
    line(text, "size", &artifact.size.to_string());
    quoted_line(text, "sha256", &artifact.sha256.to_string());
    quoted_line(text, "tree", &artifact.tree.to_string());
}

fn line(text: &mut String, key: &str, value: &str) {
    text.push_str(key);
    text.push_str(" = ");
    text.push_str(value);
    text.push('\n');
}

fn quoted_line(text: &mut String, key: &str, value: &str) {
    text.push_str(key);
    text.push_str(" = ");
    push_quoted(text, value);
    text.push('\n');
}

fn optional_line(text: &mut String, key: &str, value: Option<String>) {
    if let Some(value) = value {
        line(text, key, &value);
    }
}

fn format_array(key: &str, elements: impl Iterator<Item = impl ToString>) -> String {
    let elements: Vec<String> = elements.map(|element| quote(&element.to_string())).collect();
    let one_line = format!("[{}]", elements.join(", "));
    if key.len() + " = ".len() + one_line.chars().count() <= ARRAY_LINE_CHARS_MAX {
        return one_line;
    }
    format!("[\n    {},\n]", elements.join(",\n    "))
}

/// Writes a key, which is never empty, bare where TOML allows it, else quoted.
fn format_key(key: &str) -> String {
    let is_bare = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if is_bare { key.to_owned() } else { quote(key) }
}

/// Writes a basic string on one line.
fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    push_quoted(&mut quoted, text);
    quoted
}

fn push_quoted(quoted: &mut String, text: &str) {
    quoted.push('"');
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\') {
        quoted.push_str(text);
    } else {
        push_escaped(quoted, text);
    }
    quoted.push('"');
}

fn push_escaped(quoted: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            _ if character.is_control() => write!(quoted, "\\u{:04x}", u32::from(character)).expect("a string takes all that is written"),
            _ => quoted.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::lock::Edge;
    use crate::model::EnvironmentName;
    use crate::model::ExtraName;
    use crate::model::Platform;
    use crate::model::RegistryName;
    use crate::model::ReleaseId;
    use crate::model::Repository;
    use crate::model::Sha256Digest;
    use crate::model::SourceId;
    use crate::model::TreeDigest;
    use crate::model::Version;

    #[test]
    fn arrays_break_when_long() {
        let array = |length: usize| format_array("requires", std::iter::once("x".repeat(length)));
        assert!(!array(85).contains('\n'));
        assert_eq!(array(86), format!("[\n    \"{}\",\n]", "x".repeat(86)));
    }

    #[test]
    fn strings_are_quoted_so_that_toml_reads_them() {
        for text in ["a", "a.b", "@acme/axes", "\"\\", "\u{0}\u{1f}\u{7f}\u{85}\n\t\r", "ä…🦀", "'"] {
            let read: toml::Table = toml::from_str(&format!("{} = {}", format_key(text), quote(text))).expect("valid TOML");
            assert_eq!(read.get(text).and_then(toml::Value::as_str), Some(text), "{text:?}");
            assert!(!quote(text).contains('\n'));
        }
    }

    fn name() -> impl Strategy<Value = PackName> {
        "(@[a-z]{1,3}/)?[a-z0-9][a-z0-9._-]{0,6}[a-z0-9]".prop_filter_map("a valid name", |text| PackName::parse(&text).ok())
    }

    fn range() -> impl Strategy<Value = Range> {
        "(\\^|=|~|>=)?[0-9]{1,2}(\\.[0-9]{1,2}(\\.[0-9]{1,2})?)?(, <9)?".prop_filter_map("a valid range", |text| Range::parse(&text).ok())
    }

    fn extras() -> impl Strategy<Value = std::collections::BTreeSet<ExtraName>> {
        proptest::collection::btree_set("[a-z]{1,4}".prop_map(|text| ExtraName::parse(&text).expect("valid")), 0..3)
    }

    fn requirement() -> impl Strategy<Value = Requirement> {
        let registry = || proptest::option::of("[a-z]{1,4}".prop_map(|text| RegistryName::parse(&text).expect("valid")));
        let repository = "[a-z]{1,3}/[a-z._-]{3}".prop_filter_map("a valid repository", |text| Repository::parse(&text).ok());
        let source = prop_oneof![
            registry().prop_map(RequirementSource::Registry),
            repository.prop_map(RequirementSource::GitHub),
            "\\.\\./[a-z \"\\\\]{1,4}".prop_map(RequirementSource::Path)
        ];
        (name(), prop_oneof![range(), Just(Range::any())], source, extras(), proptest::sample::select(Tier::ALL.to_vec()))
            .prop_map(|(name, range, source, extras, tier)| Requirement { name, range, source, extras, tier })
    }

    fn artifacts() -> impl Strategy<Value = Vec<LockedArtifact>> {
        let platforms = ["any", "linux-aarch64", "linux-x86_64", "macos-aarch64"].map(|text| Platform::parse(text).expect("valid")).to_vec();
        let platforms = proptest::sample::subsequence(platforms, 0..=4);
        (platforms, proptest::option::of(r"https://[a-z]{1,5}/[a-z0-9%+~@!]{1,5}(\?[a-z=&]{1,3})?"), 0..u64::from(u32::MAX), any::<[u8; 32]>()).prop_map(
            |(platforms, url, size, digest)| {
                let artifact = |platform| LockedArtifact {
                    platform,
                    archive: format!("kanban-1.0.0-{platform}.tar.zst"),
                    url: url.clone(),
                    size,
                    sha256: Sha256Digest::from_bytes(digest),
                    tree: TreeDigest::from_bytes(digest),
                };
                platforms.into_iter().map(artifact).collect()
            },
        )
    }

    fn release() -> impl Strategy<Value = LockedRelease> {
        let facts =
            (proptest::option::of("\\PC{0,8}"), proptest::option::of(0..=100_u8), any::<bool>(), proptest::option::of(any::<String>()), 0..2_000_000_000_i64);
        let version = "[0-9]{1,2}\\.[0-9]\\.[0-9](-rc\\.[1-9])?(\\+[a-z]{1,3})?".prop_map(|text| Version::parse(&text.replace("00.", "0.")).ok());
        let edges = proptest::collection::btree_set((name(), range()).prop_map(|(name, range)| Edge { name, range }), 0..6);
        (name(), version.prop_filter_map("a valid version", |version| version), edges, extras(), facts, artifacts()).prop_map(
            |(name, version, requires, extras, (license, quality, production_ready, yanked, published_at), artifacts)| LockedRelease {
                id: ReleaseId { name, version },
                // Only what lies in no registry has an address of its own.
                source: SourceId::parse(if artifacts.iter().any(|artifact| artifact.url.is_some()) { "github+acme/kanban" } else { "registry+default" })
                    .expect("valid"),
                requires: requires.into_iter().collect(),
                extras,
                license,
                published_at: jiff::Timestamp::from_second(published_at).ok(),
                quality,
                production_ready,
                yanked,
                artifacts,
            },
        )
    }

    fn options() -> impl Strategy<Value = Options> {
        let licenses = || proptest::collection::btree_set("[A-Za-z0-9.-]{1,6}", 0..3);
        let platforms = proptest::sample::subsequence(["linux-aarch64", "linux-x86_64", "macos-aarch64", "macos-x86_64"].to_vec(), 1..=4);
        let ranges = || proptest::collection::btree_map(name(), range(), 0..3);
        let mode = proptest::sample::select(ResolutionMode::ALL.to_vec());
        let solved = (mode, proptest::option::of(0..2_000_000_000_i64), ranges(), ranges());
        let rules = (any::<bool>(), proptest::option::of(0..=100_u8), proptest::option::of("[0-9]{1,3}[hdw]"));
        (platforms, solved, rules, proptest::option::of(licenses()), licenses()).prop_map(
            |(platforms, (resolution, as_of, overrides, constraints), (production_ready, min_quality, cool_down), licenses_allowed, licenses_denied)| Options {
                resolution,
                as_of: as_of.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok()),
                overrides,
                constraints,
                platforms: platforms.into_iter().map(|text| Platform::parse(text).expect("valid")).collect(),
                production_ready,
                min_quality,
                cool_down,
                licenses_allowed,
                licenses_denied,
            },
        )
    }

    fn lockfile() -> impl Strategy<Value = Lockfile> {
        let requirements = proptest::collection::vec(requirement(), 0..4);
        let releases = proptest::collection::vec(release(), 0..5);
        ("[a-z]{2,5}", 0..3_u32, options(), requirements, releases).prop_filter_map(
            "a valid environment",
            |(environment, revision, options, requirements, releases)| {
                Some(Lockfile {
                    environment: EnvironmentName::parse(&environment).ok()?,
                    revision,
                    options,
                    requirements: requirements.into_iter().map(|requirement| (requirement.name.clone(), requirement)).collect(),
                    releases: releases.into_iter().map(|release| (release.id.name.clone(), release)).collect(),
                })
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_written_is_read(lockfile in lockfile()) {
            let text = lockfile.format();
            prop_assert_eq!(&Lockfile::parse(&text, "packs.lock").expect("what is written is valid"), &lockfile);
            prop_assert!(!text.contains('\r'));
        }
    }
}
