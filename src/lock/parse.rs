//! Text to [`Lockfile`]; hostile text is refused with its line. Fields that this packs does not know are ignored.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Deserializer;
use serde::de::MapAccess;
use serde::de::Visitor;
use serde::de::value::MapAccessDeserializer;
use toml::Spanned;
use toml::de::DeTable;

use crate::lock::Edge;
use crate::lock::LockError;
use crate::lock::LockedArtifact;
use crate::lock::LockedRelease;
use crate::lock::Lockfile;
use crate::lock::Options;
use crate::lock::ResolutionMode;
use crate::lock::merge::find_marker_line;
use crate::model::ArchiveAddress;
use crate::model::EnvironmentName;
use crate::model::ExtraName;
use crate::model::PackName;
use crate::model::PathComponent;
use crate::model::Platform;
use crate::model::Range;
use crate::model::RegistryName;
use crate::model::ReleaseId;
use crate::model::Repository;
use crate::model::Requirement;
use crate::model::RequirementSource;
use crate::model::Sha256Digest;
use crate::model::SourceId;
use crate::model::Tier;
use crate::model::TreeDigest;
use crate::model::Version;

/// Longest lockfile, in bytes: some 100,000 releases.
const LOCKFILE_BYTES_MAX: usize = 64 * 1024 * 1024;

impl Lockfile {
    /// Parses a lockfile; `file` is how its faults call it.
    ///
    /// What it says is not yet believed: [`Lockfile::verify`] tells whether it is whole.
    ///
    /// # Errors
    /// `TooLong`; `Newer` for a version that this packs would misread; `Conflicted` for git conflict markers; `Invalid` with the line of
    /// anything else.
    pub fn parse(text: &str, file: &str) -> Result<Lockfile, LockError> {
        if text.len() > LOCKFILE_BYTES_MAX {
            return Err(LockError::TooLong { file: file.to_owned(), bytes: text.len(), bytes_max: LOCKFILE_BYTES_MAX });
        }
        let reading = Reading { text, file };
        let document = DeTable::parse(text).map_err(|error| reading.refuse_toml(&error))?;
        reading.check_version(document.get_ref())?;
        let raw = RawLockfile::deserialize(toml::de::Deserializer::from(document)).map_err(|error| reading.invalid_at(error.span(), error.message()))?;
        reading.lockfile(raw)
    }
}

/// The text being read, for naming lines.
#[derive(Clone, Copy)]
struct Reading<'t> {
    text: &'t str,
    file: &'t str,
}

impl Reading<'_> {
    fn check_version(self, document: &DeTable<'_>) -> Result<(), LockError> {
        let Some(value) = document.get("version") else { return Err(self.invalid_at(None, "`version` is missing; a lockfile begins with version = 1")) };
        let number = value.get_ref().as_integer().and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok());
        match number {
            Some(Lockfile::VERSION) => Ok(()),
            Some(version) if version > Lockfile::VERSION => {
                Err(LockError::Newer { file: self.file.to_owned(), version, version_max: Lockfile::VERSION, packs: env!("CARGO_PKG_VERSION") })
            }
            _ => Err(self.invalid_at(Some(value.span()), "`version` must be a whole number from 1")),
        }
    }

    fn lockfile(self, raw: RawLockfile) -> Result<Lockfile, LockError> {
        let requirements = raw.requirements.into_iter().map(|(name, requirement)| (name.clone(), requirement.named(name))).collect();
        let mut releases = BTreeMap::new();
        for release in raw.release {
            let span = release.span();
            let release = self.release(release)?;
            let name = release.id.name.clone();
            if releases.insert(name.clone(), release).is_some() {
                return Err(self.invalid_at(Some(span), &format!("{name} is locked twice: one of the two must go")));
            }
        }
        Ok(Lockfile { environment: raw.environment, revision: raw.revision, options: raw.options.into_options(), requirements, releases })
    }

    fn release(self, raw: Spanned<RawRelease>) -> Result<LockedRelease, LockError> {
        let (span, raw) = (raw.span(), raw.into_inner());
        let refuse = |reason: String| self.invalid_at(Some(span.clone()), &format!("{} {}: {reason}", raw.name, raw.version));
        let mut requires = raw.requires.iter().map(|edge| parse_edge(edge)).collect::<Result<Vec<_>, _>>().map_err(&refuse)?;
        requires.sort();
        requires.dedup();
        let mut artifacts = raw.artifact;
        artifacts.sort_by_key(|artifact| artifact.platform);
        if let Some(twice) = artifacts.windows(2).find(|pair| pair[0].platform == pair[1].platform) {
            return Err(refuse(format!("two archives for {}", twice[0].platform)));
        }
        let artifacts = artifacts.into_iter().map(|artifact| artifact.checked(&raw.source)).collect::<Result<_, _>>().map_err(&refuse)?;
        if let Some(quality) = raw.quality.filter(|quality| *quality > 100) {
            return Err(refuse(format!("`quality` is {quality}, expected a number from 0 to 100")));
        }
        Ok(LockedRelease {
            id: ReleaseId { name: raw.name, version: raw.version },
            source: raw.source,
            requires,
            extras: raw.extras,
            license: raw.license,
            published_at: raw.published_at,
            quality: raw.quality,
            production_ready: raw.production_ready,
            yanked: raw.yanked,
            artifacts,
        })
    }

    /// Tells invalid TOML from a text that git left in conflict.
    fn refuse_toml(self, error: &toml::de::Error) -> LockError {
        match find_marker_line(self.text) {
            Some(line) => LockError::Conflicted { file: self.file.to_owned(), line },
            None => self.invalid_at(error.span(), &format!("invalid TOML: {}", error.message())),
        }
    }

    fn invalid_at(self, span: Option<std::ops::Range<usize>>, reason: &str) -> LockError {
        let before = span.and_then(|span| self.text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        LockError::Invalid { file: self.file.to_owned(), line, reason: printable(reason) }
    }
}

/// Escapes control characters of foreign text; keeps all else.
fn printable(reason: &str) -> String {
    reason.trim_end().chars().map(|character| if character.is_control() { character.escape_default().to_string() } else { character.to_string() }).collect()
}

/// Parses `workflow ^1.2`: the name goes to the first blank, the rest is the range.
fn parse_edge(text: &str) -> Result<Edge, String> {
    let (name, range) = text.split_once(' ').ok_or_else(|| format!("{text:?} is no requirement; one looks like \"workflow ^1.2\""))?;
    let name = PackName::parse(name).map_err(|error| error.to_string())?;
    let range = Range::parse(range).map_err(|error| error.to_string())?;
    Ok(Edge { name, range })
}

#[derive(Deserialize)]
struct RawLockfile {
    #[serde(default)]
    revision: u32,
    environment: EnvironmentName,
    #[serde(default)]
    options: RawOptions,
    #[serde(default)]
    requirements: BTreeMap<PackName, RawRequirement>,
    #[serde(default)]
    release: Vec<Spanned<RawRelease>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", default)]
struct RawOptions {
    resolution: RawResolution,
    as_of: Option<Timestamp>,
    overrides: BTreeMap<PackName, Range>,
    constraints: BTreeMap<PackName, Range>,
    platforms: Option<BTreeSet<Platform>>,
    production_ready: bool,
    min_quality: Option<u8>,
    cool_down: Option<String>,
    licenses: RawLicenses,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
enum RawResolution {
    #[default]
    Highest,
    Lowest,
    LowestDirect,
}

impl From<RawResolution> for ResolutionMode {
    fn from(raw: RawResolution) -> Self {
        match raw {
            RawResolution::Highest => ResolutionMode::Highest,
            RawResolution::Lowest => ResolutionMode::Lowest,
            RawResolution::LowestDirect => ResolutionMode::LowestDirect,
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawLicenses {
    allow: Option<BTreeSet<String>>,
    deny: BTreeSet<String>,
}

impl RawOptions {
    fn into_options(self) -> Options {
        Options {
            resolution: self.resolution.into(),
            as_of: self.as_of,
            overrides: self.overrides,
            constraints: self.constraints,
            platforms: self.platforms.map_or_else(|| Options::default().platforms, |platforms| platforms.into_iter().collect()),
            production_ready: self.production_ready,
            min_quality: self.min_quality,
            cool_down: self.cool_down,
            licenses_allowed: self.licenses.allow,
            licenses_denied: self.licenses.deny,
        }
    }
}

/// A requirement as a range or as a table, still without its name.
struct RawRequirement(RawRequirementTable);

#[derive(Deserialize)]
struct RawRequirementTable {
    version: Option<Range>,
    registry: Option<RegistryName>,
    github: Option<Repository>,
    path: Option<String>,
    #[serde(default)]
    with: BTreeSet<ExtraName>,
    #[serde(default)]
    tier: Tier,
}

impl RawRequirement {
    fn named(self, name: PackName) -> Requirement {
        let RawRequirement(table) = self;
        let source = match (table.path, table.github) {
            (Some(path), _) => RequirementSource::Path(path),
            (None, Some(repository)) => RequirementSource::GitHub(repository),
            (None, None) => RequirementSource::Registry(table.registry),
        };
        Requirement { name, range: table.version.unwrap_or_else(Range::any), source, extras: table.with, tier: table.tier }
    }
}

/// By hand rather than as an untagged enum, which would swallow what is wrong and where.
impl<'de> Deserialize<'de> for RawRequirement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RangeOrTable)
    }
}

struct RangeOrTable;

impl<'de> Visitor<'de> for RangeOrTable {
    type Value = RawRequirement;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a range such as \"^1.2\", or a table")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        let version = Some(Range::parse(text).map_err(E::custom)?);
        Ok(RawRequirement(RawRequirementTable { version, registry: None, github: None, path: None, with: BTreeSet::new(), tier: Tier::default() }))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        RawRequirementTable::deserialize(MapAccessDeserializer::new(map)).map(RawRequirement)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RawRelease {
    name: PackName,
    version: Version,
    source: SourceId,
    #[serde(default)]
    requires: Vec<String>,
    #[serde(default)]
    extras: BTreeSet<ExtraName>,
    license: Option<String>,
    published_at: Option<Timestamp>,
    quality: Option<u8>,
    #[serde(default)]
    production_ready: bool,
    yanked: Option<String>,
    #[serde(default)]
    artifact: Vec<RawArtifact>,
}

#[derive(Deserialize)]
struct RawArtifact {
    platform: Platform,
    archive: PathComponent,
    url: Option<ArchiveAddress>,
    size: u64,
    sha256: Sha256Digest,
    tree: TreeDigest,
}

impl RawArtifact {
    fn checked(self, source: &SourceId) -> Result<LockedArtifact, String> {
        let archive = self.archive.as_str().to_owned();
        match (source, &self.url) {
            (SourceId::GitHub(_), None) => return Err(format!("`url` is missing: it says where {archive} lies")),
            // A registry may be a repository's releases: that is known where packs.toml is, and one that is not has no use for an address.
            (SourceId::Path(_), Some(_)) => return Err(format!("`url` of {archive} is not used: {source} says where it lies")),
            _ => {}
        }
        let url = self.url.map(|url| url.to_string());
        Ok(LockedArtifact { platform: self.platform, archive, url, size: self.size, sha256: self.sha256, tree: self.tree })
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the samples are files, and rewriting them is asked for by a variable")]
mod tests {
    use std::path::Path;
    use std::path::PathBuf;

    use proptest::prelude::*;

    use super::*;

    const SAMPLE: &str = include_str!("../../schemas/samples/lock/v1/packs.prod.lock");

    fn samples(kind: &str) -> Vec<PathBuf> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/samples/lock").join(kind);
        let mut files: Vec<PathBuf> = std::fs::read_dir(directory).expect("the samples are there").map(|entry| entry.expect("readable").path()).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "lock"));
        files.sort();
        assert!(!files.is_empty(), "no samples of {kind}");
        files
    }

    #[test]
    fn golden_lockfiles_are_read_and_written_alike() {
        for file in samples("v1") {
            let text = std::fs::read_to_string(&file).expect("readable");
            let lockfile = Lockfile::parse(&text, "packs.lock").expect("a golden lockfile");
            assert_eq!(lockfile.format(), text, "{}", file.display());
            lockfile.verify().expect("a whole lockfile");
        }
    }

    /// Beside each invalid sample lies what people see; `PACKS_BLESS=1` writes it anew.
    #[test]
    fn invalid_samples_are_refused() {
        for file in samples("invalid") {
            let text = std::fs::read_to_string(&file).expect("readable");
            let refusal = format!("{}\n", Lockfile::parse(&text, "packs.lock").expect_err("an invalid sample"));
            let refusal = refusal.replace(env!("CARGO_PKG_VERSION"), "[VERSION]");
            let expected_file = file.with_extension("txt");
            if std::env::var_os("PACKS_BLESS").is_some() {
                std::fs::write(&expected_file, &refusal).expect("writable");
            }
            let expected = std::fs::read_to_string(&expected_file).unwrap_or_default();
            assert_eq!(refusal, expected, "{}", file.display());
        }
    }

    #[test]
    fn unknown_fields_newer_revisions_and_carriage_returns_are_read() {
        let lockfile = Lockfile::parse(SAMPLE, "packs.lock").expect("the sample");
        let newer = SAMPLE.replace("environment =", "revision = 7\nsigned = true\nenvironment =").replace("size =", "unpacked = 3\nsize =");
        let newer = Lockfile::parse(&newer, "packs.lock").expect("a newer revision");
        assert_eq!((newer.revision, newer.releases), (7, lockfile.releases.clone()));
        assert_eq!(Lockfile::parse(&SAMPLE.replace('\n', "\r\n"), "packs.lock").expect("with CRLF"), lockfile);
    }

    #[test]
    fn defaults_are_filled_in() {
        let lockfile = Lockfile::parse("version = 1\nenvironment = \"default\"\n", "packs.lock").expect("the smallest lockfile");
        assert_eq!(lockfile.options, Options::default());
        assert_eq!((lockfile.revision, lockfile.releases.len()), (0, 0));
    }

    #[test]
    fn a_host_takes_its_archive() {
        let lockfile = Lockfile::parse(SAMPLE, "packs.lock").expect("the sample");
        let archive = |name: &str, host: &str| {
            let artifact = lockfile.artifact(&PackName::parse(name).expect("valid"), Platform::parse(host).expect("valid"));
            artifact.map(|artifact| artifact.platform.as_str())
        };
        assert_eq!(archive("@acme/axes", "linux-x86_64"), Some("linux-x86_64-musl"));
        assert_eq!(archive("@acme/axes", "macos-aarch64"), Some("macos-aarch64"));
        assert_eq!(archive("@acme/axes", "macos-x86_64"), None);
        assert_eq!(archive("kanban", "macos-x86_64"), Some("any"));
        assert_eq!(archive("snippets", "linux-x86_64"), None);
    }

    #[test]
    fn tiers_decide_what_is_linked() {
        let lockfile = Lockfile::parse(SAMPLE, "packs.lock").expect("the sample");
        let linked = |tiers: &[Tier]| lockfile.linked(tiers).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(linked(&[Tier::Required]), ["@acme/axes", "kanban", "reports", "snippets", "workflow"]);
        assert_eq!(linked(&[Tier::Optional]), ["linter"]);
        assert_eq!(linked(&[]), Vec::<String>::new());
    }

    #[test]
    fn too_long_a_file_is_refused_unread() {
        let error = Lockfile::parse(&" ".repeat(LOCKFILE_BYTES_MAX + 1), "packs.lock").expect_err("too long");
        assert!(matches!(error, LockError::TooLong { .. }), "{error}");
    }

    proptest! {
        #[test]
        fn no_text_panics(at in 0..SAMPLE.len(), cut in 0..60_usize, inserted in "[\\[\\]{}=\".,a-z0-9 \n\u{0}ä#<>-]{0,8}") {
            let mut text: Vec<u8> = SAMPLE.as_bytes().to_vec();
            text.splice(at..(at + cut).min(text.len()), inserted.bytes());
            let text = String::from_utf8_lossy(&text);
            if let Ok(lockfile) = Lockfile::parse(&text, "packs.lock") {
                let again = Lockfile::parse(&lockfile.format(), "packs.lock").expect("what is written is valid");
                prop_assert_eq!(again, lockfile);
            }
        }
    }
}
