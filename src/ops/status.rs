//! Where a project stands: each environment's generation and lockfile. Compares only; solves nothing.

use serde::Serialize;

use crate::generation;
use crate::generation::GenerationRecord;
use crate::generation::GenerationRelease;
use crate::lock::LockError;
use crate::lock::Lockfile;
use crate::lock::Options;
use crate::model::EnvironmentName;
use crate::model::ProjectName;
use crate::ops::Context;
use crate::ops::OpsError;
use crate::ops::ReleaseNotice;
use crate::ops::notices;
use crate::ops::project::Project;
use crate::ops::sources::declared_registries;

/// Where a project stands.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct StatusOutcome {
    /// Its name.
    pub project: ProjectName,
    /// Its directory.
    pub directory: String,
    /// The environment last switched to.
    pub active: Option<EnvironmentName>,
    /// Its environments, by name.
    pub environments: Vec<EnvironmentStatus>,
}

/// Where an environment stands.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct EnvironmentStatus {
    /// Its name.
    pub environment: EnvironmentName,
    /// Whether it is the active one.
    pub active: bool,
    /// Its current generation; `None` before the first switch.
    pub generation: Option<u64>,
    /// Count of packs that the generation links.
    pub packs: usize,
    /// How its lockfile compares with packs.toml.
    pub lockfile: LockfileCondition,
    /// Whether the current generation is what the lockfile says now.
    pub switched: bool,
    /// Locked releases that were taken back since, or are no longer cared for, as far as is known.
    pub warnings: Vec<ReleaseNotice>,
}

/// How a lockfile compares with packs.toml.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LockfileCondition {
    /// It was solved from what packs.toml says.
    Fresh,
    /// packs.toml says something else now.
    Stale,
    /// There is none.
    Missing,
    /// It cannot be read.
    Invalid,
}

/// Tells where the project at hand stands.
pub fn status(context: &Context) -> Result<StatusOutcome, OpsError> {
    let project = Project::open(context)?;
    let active = generation::active_environment(&project.directory)?;
    let known = generation::open_project(&context.layout, &project.directory)?;
    let mut environments = Vec::new();
    for name in project.environments() {
        let record = match &known {
            Some(known) => generation::Environment::new(&context.layout, &known.id, &name).current_record()?,
            None => None,
        };
        let text = project.lockfile_text(&name)?;
        let lockfile = text.as_ref().map(|text| Lockfile::parse(text, &name.lockfile_name()));
        environments.push(EnvironmentStatus {
            active: active.as_ref() == Some(&name),
            generation: record.as_ref().map(|record| record.number),
            packs: record.as_ref().map_or(0, |record| record.releases.len()),
            lockfile: condition(&project, &name, lockfile.as_ref())?,
            switched: match (&record, &lockfile) {
                (Some(record), Some(Ok(lockfile))) => is_switched(context, &project, record, lockfile)?,
                _ => false,
            },
            warnings: lockfile.and_then(Result::ok).map(|lockfile| notices::tell(context, &project, &lockfile)).unwrap_or_default(),
            environment: name,
        });
    }
    Ok(StatusOutcome { project: project.manifest.project.name.clone(), directory: project.directory.display().to_string(), active, environments })
}

/// Tells whether a generation is what its environment's lockfile says.
///
/// A switch that finds it so makes no other, whatever text it was made from; and what an empty lockfile says is the empty generation.
pub(super) fn is_switched(context: &Context, project: &Project, record: &GenerationRecord, lockfile: &Lockfile) -> Result<bool, OpsError> {
    let linked = lockfile.linked(&project.wants(&record.environment)?.tiers);
    let is_of = |made: &GenerationRelease| {
        let locked = lockfile.releases.get(&made.name).filter(|locked| linked.contains(&made.name) && locked.id.version == made.version);
        let artifact = context.platform.and_then(|host| lockfile.artifact(&made.name, host));
        // Of a directory of the project a lockfile does not say the content.
        locked.is_some_and(|locked| artifact.map_or(locked.artifacts.is_empty(), |artifact| artifact.tree == made.store_path.tree()))
    };
    Ok(record.releases.len() == linked.len() && record.releases.iter().all(is_of))
}

fn condition(project: &Project, name: &EnvironmentName, lockfile: Option<&Result<Lockfile, LockError>>) -> Result<LockfileCondition, OpsError> {
    let lockfile = match lockfile {
        None => return Ok(LockfileCondition::Missing),
        Some(Err(_)) => return Ok(LockfileCondition::Invalid),
        Some(Ok(lockfile)) => lockfile,
    };
    let wants = project.wants(name)?;
    let options = Options::wanted(&wants, project.manifest.policy.as_ref()).keeping(&lockfile.options);
    let stale = crate::lock::freshness(lockfile, &wants, &options, &declared_registries(&project.manifest));
    Ok(if stale.is_empty() { LockfileCondition::Fresh } else { LockfileCondition::Stale })
}
