//! Which packs an environment of the project has.

use serde::Serialize;

use crate::lock::Lockfile;
use crate::model::EnvironmentName;
use crate::model::PackName;
use crate::model::Range;
use crate::model::SourceId;
use crate::model::Tier;
use crate::model::Version;
use crate::ops::Context;
use crate::ops::OpsError;
use crate::ops::ReleaseNotice;
use crate::ops::located::Located;
use crate::ops::notices;

/// The packs of an environment.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct ListOutcome {
    /// The environment.
    pub environment: EnvironmentName,
    /// Its current generation.
    pub generation: Option<u64>,
    /// What its lockfile has, by name.
    pub packs: Vec<ListedPack>,
    /// Locked releases that were taken back since, or are no longer cared for, as far as is known.
    pub warnings: Vec<ReleaseNotice>,
}

/// One locked pack.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct ListedPack {
    /// The pack.
    pub name: PackName,
    /// The locked version.
    pub version: Version,
    /// The range in packs.toml; `None` where only other packs require it.
    pub asked: Option<Range>,
    /// How much it is wanted; `None` where only other packs require it.
    pub tier: Option<Tier>,
    /// Whether the current generation links it.
    pub linked: bool,
    /// Bytes of its archive for this machine, or of its files once linked.
    pub size: u64,
    /// Where it comes from.
    pub source: SourceId,
}

/// Lists the packs that the lockfile of the environment meant has.
///
/// # Errors
/// [`OpsError::LockfileMissing`] where it was never locked.
pub fn list(context: &Context) -> Result<ListOutcome, OpsError> {
    let located = Located::find(context)?;
    let file = located.environment.lockfile_name();
    let text = located
        .project
        .lockfile_text(&located.environment)?
        .ok_or_else(|| OpsError::LockfileMissing { environment: located.environment.clone(), file: file.clone() })?;
    let lockfile = Lockfile::parse(&text, &file)?;
    let current = located.current(context)?;
    let packs = lockfile
        .releases
        .iter()
        .map(|(name, release)| {
            let asked = lockfile.requirements.get(name);
            let linked = current.as_ref().and_then(|record| record.release(name)).filter(|linked| linked.version == release.id.version);
            let archive_bytes = context.platform.and_then(|host| lockfile.artifact(name, host)).map_or(0, |artifact| artifact.size);
            ListedPack {
                name: name.clone(),
                version: release.id.version.clone(),
                asked: asked.map(|requirement| requirement.range.clone()),
                tier: asked.map(|requirement| requirement.tier),
                linked: linked.is_some(),
                size: linked.map_or(archive_bytes, |linked| linked.unpacked_bytes),
                source: release.source.clone(),
            }
        })
        .collect();
    let warnings = notices::tell(context, &located.project, &lockfile);
    Ok(ListOutcome { environment: located.environment, generation: current.map(|record| record.number), packs, warnings })
}
