//! Every release a solve may choose, with the verdict of the environment's rules on each.
//!
//! This is where what a registry offers meets what the project allows: `resolve` only sees candidates, each free or refused with its reason.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::PathBuf;

use jiff::Timestamp;

use crate::archive::PackManifest;
use crate::manifest::Policy;
use crate::manifest::RangeEntry;
use crate::manifest::Wants;
use crate::model::PackName;
use crate::model::Platform;
use crate::model::Refusal;
use crate::model::RequirementSource;
use crate::model::SourceId;
use crate::model::Version;
use crate::ops::Context;
use crate::ops::OpsError;
use crate::ops::path_pack;
use crate::ops::project::Project;
use crate::ops::reachable;
use crate::ops::reachable::Assigned;
use crate::ops::sources::Sources;
use crate::policy;
use crate::policy::Moment;
use crate::policy::ReleaseFacts;
use crate::registry::Deprecation;
use crate::registry::IndexArtifact;
use crate::registry::IndexDocument;
use crate::registry::IndexRelease;
use crate::resolve::Candidate;
use crate::resolve::Candidates;
use crate::resolve::Pin;

/// All candidates of one environment's solve.
pub(super) struct Universe {
    stated: BTreeMap<PackName, (SourceId, Vec<Stated>)>,
    paths: BTreeMap<PackName, (SourceId, PackManifest)>,
    candidates: BTreeMap<PackName, Vec<Candidate>>,
    overrides: BTreeMap<PackName, Pin>,
    constraints: BTreeMap<PackName, Pin>,
}

/// What the index states of a release besides what the solver asks: that a lockfile records.
pub(super) struct Stated {
    /// Its licence, as an SPDX expression.
    pub license: Option<String>,
    /// When it was published.
    pub published_at: Option<Timestamp>,
    /// The registry's judgement of its quality.
    pub quality: Option<u8>,
    /// Whether its maker calls it fit for production.
    pub production_ready: bool,
    /// Its archives.
    pub artifacts: Vec<IndexArtifact>,
    /// What to use instead, if it is no longer cared for.
    pub deprecated: Option<Box<Deprecation>>,
}

/// One release of the universe, with what a lockfile records of it.
pub(super) enum Offered<'u> {
    /// From a registry.
    Registry(&'u SourceId, &'u Candidate, &'u Stated),
    /// From a directory of packs.toml.
    Path(&'u SourceId, &'u PackManifest),
}

impl Candidates for Universe {
    fn releases(&self, name: &PackName) -> Option<&[Candidate]> {
        self.candidates.get(name).map(Vec::as_slice)
    }

    fn overridden(&self, name: &PackName) -> Option<&Pin> {
        self.overrides.get(name)
    }

    fn constrained(&self, name: &PackName) -> Option<&Pin> {
        self.constraints.get(name)
    }
}

impl Universe {
    /// Loads everything that the wants may reach and judges each release.
    pub(super) fn load(context: &Context, project: &Project, wants: &Wants, moment: Option<Moment>) -> Result<Universe, OpsError> {
        let sources = Sources::new(context, &project.manifest, &project.directory);
        let paths = collect_paths(project, wants)?;
        let now = moment.as_ref().map_or_else(|| context.now(), |moment| moment.as_of);
        let rules = Judge { wants, policy: project.manifest.policy.as_ref(), moment, now };
        let assigned = Assigned::new(project, wants)?;
        let judged = reachable::load_reachable(&sources, &assigned, starting_names(wants, &paths), |name, found| rules.judged(name, found))?;
        let (stated, candidates): (Vec<_>, Vec<_>) =
            judged.into_iter().map(|(name, (source, of_pack, said))| ((name.clone(), (source, said)), (name, of_pack))).unzip();
        let (stated, mut candidates) = (BTreeMap::from_iter(stated), BTreeMap::from_iter(candidates));
        candidates.extend(paths.iter().map(|(name, (_, manifest))| (name.clone(), vec![rules.of_path(name, manifest)])));
        Ok(Universe { stated, paths, candidates, overrides: pins(&wants.overrides), constraints: pins(&wants.constraints) })
    }

    /// Takes it that a pack is not overridden in the line where packs.toml names it.
    pub(super) fn forget_place(&mut self, name: &PackName) {
        self.overrides.get_mut(name).into_iter().for_each(|pin| pin.at = None);
    }

    /// Tells whether there is a pack among all that may be reached.
    pub(super) fn has(&self, name: &PackName) -> bool {
        self.candidates.contains_key(name)
    }

    /// Gives all packs that may be reached.
    pub(super) fn names(&self) -> impl Iterator<Item = &PackName> {
        self.candidates.keys()
    }

    /// Gives all packs that any release requires, with or without an extra, as often as it is required.
    pub(super) fn required(&self) -> impl Iterator<Item = &PackName> {
        self.candidates.values().flatten().flat_map(|release| release.requires.keys().chain(release.extras.values().flat_map(BTreeMap::keys)))
    }

    /// Finds a release that was chosen.
    pub(super) fn find(&self, name: &PackName, version: &Version) -> Option<Offered<'_>> {
        if let Some((source, manifest)) = self.paths.get(name) {
            return (manifest.version == *version).then_some(Offered::Path(source, manifest));
        }
        let (source, stated) = self.stated.get(name)?;
        let mut releases = self.candidates.get(name)?.iter().zip(stated);
        releases.find(|(release, _)| release.version == *version).map(|(release, stated)| Offered::Registry(source, release, stated))
    }
}

fn pins(entries: &BTreeMap<PackName, RangeEntry>) -> BTreeMap<PackName, Pin> {
    entries.iter().map(|(name, entry)| (name.clone(), Pin { range: entry.range.clone(), at: Some(entry.at.clone()) })).collect()
}

fn starting_names(wants: &Wants, paths: &BTreeMap<PackName, (SourceId, PackManifest)>) -> BTreeSet<PackName> {
    let direct = wants.packages.keys().cloned();
    let below_paths = paths.values().flat_map(|(_, manifest)| manifest.requires.keys().chain(manifest.extras.values().flat_map(BTreeMap::keys)).cloned());
    direct.chain(below_paths).collect()
}

/// Collects the `path` packs of an environment, as they are now.
fn collect_paths(project: &Project, wants: &Wants) -> Result<BTreeMap<PackName, (SourceId, PackManifest)>, OpsError> {
    let mut collected = BTreeMap::new();
    for (name, entry) in &wants.packages {
        if let RequirementSource::Path(path) = &entry.requirement.source {
            let directory: PathBuf = project.directory.join(path);
            let pack = path_pack::collect(name, &directory, &entry.at)?;
            collected.insert(name.clone(), (SourceId::Path(path.clone()), pack.manifest));
        }
    }
    Ok(collected)
}

/// The rules of an environment, ready to be put to releases.
struct Judge<'w> {
    wants: &'w Wants,
    policy: Option<&'w Policy>,
    moment: Option<Moment>,
    now: Timestamp,
}

impl Judge<'_> {
    /// Judges the releases of a document, and takes each apart into what the solver asks and what else a lockfile records; the rest is let go of.
    fn judged(&self, name: &PackName, (source, document): (SourceId, IndexDocument)) -> (SourceId, Vec<Candidate>, Vec<Stated>) {
        let releases = document.releases.into_iter().map(|release| {
            let refused = self.judge(name, &release);
            let IndexRelease { version, requires, extras, yanked, license, published_at, quality, production_ready, artifacts, deprecated, .. } = release;
            (
                Candidate { version, requires, extras, yanked, refused },
                Stated { license, published_at, quality, production_ready, artifacts, deprecated: deprecated.map(Box::new) },
            )
        });
        let (candidates, stated) = releases.unzip();
        (source, candidates, stated)
    }

    /// A directory of the project has no index entry, so only a constraint speaks of it.
    fn of_path(&self, name: &PackName, manifest: &PackManifest) -> Candidate {
        Candidate {
            version: manifest.version.clone(),
            requires: manifest.requires.clone(),
            extras: manifest.extras.clone(),
            yanked: None,
            refused: self.constraints(name, &manifest.version),
        }
    }

    fn judge(&self, name: &PackName, release: &IndexRelease) -> Option<Refusal> {
        let moment = self.moment.as_ref().and_then(|moment| policy::judge_moment(release.published_at, moment));
        // A constraint speaks last: what it alone refuses is free where it is changed.
        moment.or_else(|| self.platforms(release)).or_else(|| self.rules(release)).or_else(|| self.constraints(name, &release.version))
    }

    fn constraints(&self, name: &PackName, version: &Version) -> Option<Refusal> {
        self.wants.constraints.get(name).and_then(|constraint| policy::judge_constraint(version, constraint))
    }

    fn rules(&self, release: &IndexRelease) -> Option<Refusal> {
        let facts = ReleaseFacts {
            quality: release.quality,
            production_ready: release.production_ready,
            license: release.license.as_deref(),
            published_at: release.published_at,
        };
        policy::judge(&facts, &self.wants.rules, self.policy, self.now)
    }

    /// A release must have an archive for `any` or for every platform of the project.
    fn platforms(&self, release: &IndexRelease) -> Option<Refusal> {
        let offered: BTreeSet<Platform> = release.artifacts.iter().map(|artifact| artifact.platform).collect();
        let missing: Vec<&str> = self
            .wants
            .platforms
            .iter()
            .filter(|platform| !platform.accepted().iter().any(|accepted| offered.contains(accepted)))
            .map(Platform::as_str)
            .collect();
        (!missing.is_empty()).then(|| Refusal {
            rule: "platforms".to_owned(),
            reason: format!("no archive for {}", missing.join(", ")),
            at: self.wants.platforms_at.clone(),
        })
    }
}
