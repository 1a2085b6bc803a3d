//! Everything a registry says of one pack, and where the project at hand has it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::lock::Lockfile;
use crate::model::EnvironmentName;
use crate::model::ExtraName;
use crate::model::PackName;
use crate::model::Platform;
use crate::model::Range;
use crate::model::Version;
use crate::ops::AskedPack;
use crate::ops::Context;
use crate::ops::OpsError;
use crate::ops::asked::AskedPlace;
use crate::ops::asked::Offer;
use crate::ops::project::Project;
use crate::registry::Deprecation;
use crate::registry::IndexRelease;

/// Which pack, and where.
#[derive(Debug, Clone)]
pub struct InfoRequest {
    /// The pack; with a range, its newest release within it is described.
    pub pack: AskedPack,
    /// A directory, an address, or the name of a registry in packs.toml; the registry that the project takes it from where there is none.
    pub registry: Option<String>,
}

/// What is known of a pack.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct InfoOutcome {
    /// Its name.
    pub name: PackName,
    /// The registry, for people.
    pub registry: String,
    /// The release that is described.
    pub version: Version,
    /// One sentence on what it is.
    pub description: Option<String>,
    /// Its licence, as an SPDX expression.
    pub license: Option<String>,
    /// Who made it.
    pub authors: Vec<String>,
    /// What people search it by.
    pub keywords: Vec<String>,
    /// What it needs.
    pub requires: BTreeMap<PackName, Range>,
    /// What each of its extras needs besides.
    pub extras: BTreeMap<ExtraName, BTreeMap<PackName, Range>>,
    /// All its releases, newest first.
    pub releases: Vec<InfoRelease>,
    /// The environments of the project at hand that have it locked.
    pub locked: Vec<LockedIn>,
}

/// One release.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct InfoRelease {
    /// Its version.
    pub version: Version,
    /// When it was published.
    #[schemars(with = "Option<String>")]
    pub published_at: Option<Timestamp>,
    /// What it runs on.
    pub platforms: Vec<Platform>,
    /// Bytes of its largest archive.
    pub size: u64,
    /// The registry's judgement of its quality, 0 to 100.
    pub quality: Option<u8>,
    /// Whether its maker calls it fit for production.
    pub production_ready: bool,
    /// Why it was taken back.
    pub yanked: Option<String>,
    /// What to use instead, if it is no longer cared for.
    pub deprecated: Option<Deprecation>,
}

/// One environment that has the pack locked.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct LockedIn {
    /// The environment.
    pub environment: EnvironmentName,
    /// The locked version.
    pub version: Version,
}

/// Tells what a registry says of a pack.
///
/// # Errors
/// [`OpsError::NoSuchPack`], also where the range has no release, [`OpsError::RegistryOffline`].
pub fn info(context: &Context, request: &InfoRequest) -> Result<InfoOutcome, OpsError> {
    let name = &request.pack.name;
    let project = match Project::open(context) {
        Ok(project) => Some(project),
        Err(OpsError::NoProject { .. }) if request.registry.is_some() => None,
        Err(error) => return Err(error),
    };
    let asked = AskedPlace::open(context, request.registry.as_deref())?;
    let offer = asked.offer(context, name);
    // What was seen counts even where it was refused.
    asked.remember()?;
    let Offer { document, place } = offer?.ok_or_else(|| taken_from_directory(name))?;
    let registry = place.describe();
    let mut releases: Vec<&IndexRelease> = document.releases.iter().collect();
    releases.sort_by(|one, other| other.version.cmp(&one.version));
    let fits = |release: &&&IndexRelease| request.pack.range.as_ref().is_none_or(|range| range.matches(&release.version));
    let described = releases.iter().filter(fits).max_by_key(|release| (release.yanked.is_none(), !release.version.is_prerelease(), &release.version));
    let described = described.ok_or_else(|| OpsError::NoSuchPack { name: name.clone(), registry: format!("that range in {registry}"), nearest: None })?;
    Ok(InfoOutcome {
        name: name.clone(),
        registry,
        version: described.version.clone(),
        description: described.description.clone(),
        license: described.license.clone(),
        authors: described.authors.clone(),
        keywords: described.keywords.clone(),
        requires: described.requires.clone(),
        extras: described.extras.clone(),
        releases: releases.iter().map(|release| summary(release)).collect(),
        locked: project.as_ref().map(|project| locked(project, name)).transpose()?.unwrap_or_default(),
    })
}

fn taken_from_directory(name: &PackName) -> OpsError {
    OpsError::NoSuchPack { name: name.clone(), registry: "a registry: packs.toml takes it from a directory".to_owned(), nearest: None }
}

fn summary(release: &IndexRelease) -> InfoRelease {
    InfoRelease {
        version: release.version.clone(),
        published_at: release.published_at,
        platforms: release.artifacts.iter().map(|artifact| artifact.platform).collect(),
        size: release.artifacts.iter().map(|artifact| artifact.size).max().unwrap_or(0),
        quality: release.quality,
        production_ready: release.production_ready,
        yanked: release.yanked.clone(),
        deprecated: release.deprecated.clone(),
    }
}

fn locked(project: &Project, name: &PackName) -> Result<Vec<LockedIn>, OpsError> {
    let mut found = Vec::new();
    for environment in project.environments() {
        let text = project.lockfile_text(&environment)?;
        let lockfile = text.and_then(|text| Lockfile::parse(&text, &environment.lockfile_name()).ok());
        let version = lockfile.and_then(|mut lockfile| lockfile.releases.remove(name)).map(|release| release.id.version);
        found.extend(version.map(|version| LockedIn { environment, version }));
    }
    Ok(found)
}
