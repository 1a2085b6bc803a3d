//! Where a project stands: each environment's generation and lockfile. Compares only; solves nothing.

use serde::Serialize;

use crate::generation;
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
    /// Whether the current generation was made from the lockfile as it is now.
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
        let digest = text.as_ref().map(|text| crate::ops::switch::digest(text));
        let lockfile = text.as_ref().map(|text| Lockfile::parse(text, &name.lockfile_name()));
        environments.push(EnvironmentStatus {
            active: active.as_ref() == Some(&name),
            generation: record.as_ref().map(|record| record.number),
            packs: record.as_ref().map_or(0, |record| record.releases.len()),
            lockfile: condition(&project, &name, lockfile.as_ref())?,
            switched: record.is_some_and(|record| record.lockfile.is_some() && record.lockfile == digest),
            warnings: lockfile.and_then(Result::ok).map(|lockfile| notices::tell(context, &project, &lockfile)).unwrap_or_default(),
            environment: name,
        });
    }
    Ok(StatusOutcome { project: project.manifest.project.name.clone(), directory: project.directory.display().to_string(), active, environments })
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
