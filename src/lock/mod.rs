//! Lockfiles: the resolution of one environment, written down with digests, in git.
//!
//! Knows the text form, what makes a lockfile whole, fresh or different from another, and how to read one that git left in conflict.
//! Knows nothing of registries, stores or disks, and never solves.
//!
//! How the format may change: `version` is raised when an older packs would misread a lockfile, and an older packs then refuses it;
//! `revision` is raised when something is added that an older packs may ignore, and every packs reads every revision. A new form is read
//! one release before it is written. Golden samples of every version ever written lie in `schemas/samples/lock/`.

mod diff;
mod error;
mod format;
mod freshness;
mod merge;
mod parse;
mod verify;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::manifest::Policy;
use crate::manifest::Wants;
use crate::model::EnvironmentName;
use crate::model::ExtraName;
use crate::model::PackName;
use crate::model::Platform;
use crate::model::Range;
use crate::model::ReleaseId;
use crate::model::Requirement;
use crate::model::Sha256Digest;
use crate::model::SourceId;
use crate::model::Tier;
use crate::model::TreeDigest;
use crate::model::Version;

pub use diff::diff;
pub use error::LockError;
pub use freshness::Staleness;
pub use freshness::freshness;
pub use merge::conflict_pins;
pub use merge::conflict_sides;
pub use merge::find_marker_line;

/// The resolution of one environment, with everything that a switch needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lockfile {
    /// The environment it is of.
    pub environment: EnvironmentName,
    /// The revision of the format it is written in; [`Lockfile::REVISION`] in a new one.
    pub revision: u32,
    /// Everything besides the requirements that changed the answer.
    pub options: Options,
    /// The direct requirements it was solved from.
    pub requirements: BTreeMap<PackName, Requirement>,
    /// The release chosen for every needed pack.
    pub releases: BTreeMap<PackName, LockedRelease>,
}

/// Which releases a solve prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResolutionMode {
    /// The highest that will do.
    #[default]
    Highest,
    /// The lowest that will do.
    Lowest,
    /// The lowest of packs that packs.toml names, the highest of all others.
    LowestDirect,
}

impl ResolutionMode {
    /// Gives the text form, as in lockfiles.
    pub fn as_str(self) -> &'static str {
        match self {
            ResolutionMode::Highest => "highest",
            ResolutionMode::Lowest => "lowest",
            ResolutionMode::LowestDirect => "lowest-direct",
        }
    }

    /// All modes.
    pub const ALL: [ResolutionMode; 3] = [ResolutionMode::Highest, ResolutionMode::Lowest, ResolutionMode::LowestDirect];

    /// Finds the mode of this text form.
    pub fn find(text: &str) -> Option<ResolutionMode> {
        ResolutionMode::ALL.into_iter().find(|mode| mode.as_str() == text)
    }
}

/// What besides the requirements changed the answer of a solve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Which releases are preferred.
    pub resolution: ResolutionMode,
    /// The moment after which no release counts as published.
    pub as_of: Option<Timestamp>,
    /// The ranges that take the place of every requirement on a pack.
    pub overrides: BTreeMap<PackName, Range>,
    /// The ranges outside of which no release of a pack is allowed.
    pub constraints: BTreeMap<PackName, Range>,
    /// The project's platforms, sorted.
    pub platforms: Vec<Platform>,
    /// Whether only releases are allowed whose index entry says they are production-ready.
    pub production_ready: bool,
    /// The lowest quality allowed, 0 to 100.
    pub min_quality: Option<u8>,
    /// The lowest age allowed, as written.
    pub cool_down: Option<String>,
    /// The licences allowed; `None` allows all that are not denied.
    pub licenses_allowed: Option<BTreeSet<String>>,
    /// The licences denied.
    pub licenses_denied: BTreeSet<String>,
}

/// One release of a resolution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedRelease {
    /// Name and version.
    pub id: ReleaseId,
    /// Where it comes from.
    pub source: SourceId,
    /// What it requires, those of its chosen extras included; sorted.
    pub requires: Vec<Edge>,
    /// The extras chosen.
    pub extras: BTreeSet<ExtraName>,
    /// Its licence as an SPDX expression.
    pub license: Option<String>,
    /// When it was published.
    pub published_at: Option<Timestamp>,
    /// Its quality, 0 to 100.
    pub quality: Option<u8>,
    /// Whether its index entry says that it is production-ready.
    pub production_ready: bool,
    /// Why it was yanked, if it was when locked.
    pub yanked: Option<String>,
    /// Its archives, sorted by platform; none for a directory of the project.
    pub artifacts: Vec<LockedArtifact>,
}

/// What a release requires of another pack: `workflow ^1.2`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// The other pack.
    pub name: PackName,
    /// The releases of it that will do.
    pub range: Range,
}

/// The archive of a release for one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedArtifact {
    /// What it runs on.
    pub platform: Platform,
    /// Its file name.
    pub archive: String,
    /// Where it lies, if it is a file of a release of a repository.
    pub url: Option<String>,
    /// Its size in bytes.
    pub size: u64,
    /// Its digest: proves the download.
    pub sha256: Sha256Digest,
    /// The digest of what it unpacks to: proves the result.
    pub tree: TreeDigest,
}

impl Lockfile {
    /// The version of the format that this packs writes, and the highest it reads.
    pub const VERSION: i64 = 1;

    /// The revision of the format that this packs writes.
    pub const REVISION: u32 = 0;

    /// Finds the archive that a host takes: exact, then `-musl`, then `any`.
    pub fn artifact(&self, name: &PackName, host: Platform) -> Option<&LockedArtifact> {
        let artifacts = &self.releases.get(name)?.artifacts;
        host.accepted().into_iter().find_map(|platform| artifacts.iter().find(|artifact| artifact.platform == platform))
    }

    /// Gives the packs reached from the requirements of these tiers: those that a switch links.
    pub fn linked(&self, tiers: &[Tier]) -> BTreeSet<PackName> {
        let roots = self.requirements.values().filter(|requirement| tiers.contains(&requirement.tier));
        self.reached(roots.map(|requirement| &requirement.name))
    }

    /// Gives the chosen versions, as preferences of the next solve.
    pub fn pins(&self) -> BTreeMap<PackName, Version> {
        self.releases.iter().map(|(name, release)| (name.clone(), release.id.version.clone())).collect()
    }

    /// Gives every locked pack that can be reached from these.
    fn reached<'n>(&'n self, roots: impl Iterator<Item = &'n PackName>) -> BTreeSet<PackName> {
        let mut reached = BTreeSet::new();
        let mut open: Vec<&PackName> = roots.collect();
        while let Some(name) = open.pop() {
            let Some(release) = self.releases.get(name) else { continue };
            if reached.insert(name.clone()) {
                open.extend(release.requires.iter().map(|edge| &edge.name));
            }
        }
        reached
    }
}

/// The options of a project and an environment that set none; part of the format, because a lockfile leaves them out.
impl Default for Options {
    fn default() -> Self {
        let platforms = ["linux-aarch64", "linux-x86_64", "macos-aarch64"];
        Options {
            resolution: ResolutionMode::default(),
            as_of: None,
            overrides: BTreeMap::new(),
            constraints: BTreeMap::new(),
            platforms: platforms.map(|platform| Platform::parse(platform).expect("a known platform")).to_vec(),
            production_ready: false,
            min_quality: None,
            cool_down: None,
            licenses_allowed: None,
            licenses_denied: BTreeSet::new(),
        }
    }
}

impl Options {
    /// Gives the options that an environment's wants and the project's policy ask for.
    pub fn wanted(wants: &Wants, policy: Option<&Policy>) -> Self {
        let licenses = policy.and_then(|policy| policy.licenses.as_ref());
        let written = |terms: &[crate::manifest::LicenseTerm]| terms.iter().map(|term| term.as_str().to_owned()).collect();
        let ranges =
            |entries: &BTreeMap<PackName, crate::manifest::RangeEntry>| entries.iter().map(|(name, entry)| (name.clone(), entry.range.clone())).collect();
        let mut platforms = wants.platforms.clone();
        platforms.sort_unstable();
        Options {
            resolution: ResolutionMode::Highest,
            as_of: None,
            overrides: ranges(&wants.overrides),
            constraints: ranges(&wants.constraints),
            platforms,
            production_ready: wants.rules.production_ready.as_ref().is_some_and(|(required, _)| *required),
            min_quality: wants.rules.min_quality.as_ref().map(|(quality, _)| *quality),
            cool_down: wants.rules.cool_down.as_ref().map(|(cool_down, _)| cool_down.to_string()),
            licenses_allowed: licenses.and_then(|licenses| licenses.allow.as_deref()).map(written),
            licenses_denied: licenses.map(|licenses| written(&licenses.deny)).unwrap_or_default(),
        }
    }

    /// Takes over what only a lockfile says: it was asked for by `packs lock` once, and holds until something else is asked for.
    #[must_use]
    pub fn keeping(self, found: &Options) -> Self {
        Options { resolution: found.resolution, as_of: found.as_of, ..self }
    }
}
