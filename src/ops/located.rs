//! A project and the environment meant, for commands that only look; nothing is written, not even an id.

use crate::generation;
use crate::generation::Environment;
use crate::generation::GenerationRecord;
use crate::model::EnvironmentName;
use crate::model::ProjectId;
use crate::ops::Context;
use crate::ops::OpsError;
use crate::ops::environment;
use crate::ops::project::Project;

/// A project as it is, and the environment meant.
pub(super) struct Located {
    /// The project.
    pub project: Project,
    /// Its id, if the home knows it.
    pub id: Option<ProjectId>,
    /// The environment meant.
    pub environment: EnvironmentName,
    /// The environment last switched to.
    pub active: Option<EnvironmentName>,
}

impl Located {
    /// Finds the project and decides which environment is meant.
    pub(super) fn find(context: &Context) -> Result<Located, OpsError> {
        Located::of(context, Project::open(context)?)
    }

    /// Finds the project even where packs.toml is at fault: going back, and using what is there, must not wait for its repair.
    pub(super) fn recall(context: &Context) -> Result<Located, OpsError> {
        Located::of(context, Project::recall(context)?)
    }

    fn of(context: &Context, project: Project) -> Result<Located, OpsError> {
        let id = generation::open_project(&context.layout, &project.directory)?.map(|known| known.id);
        let active = generation::active_environment(&project.directory)?;
        let (environment, _) = environment::choose(&project.manifest, context.environment.as_ref(), active.as_ref())?;
        Ok(Located { project, id, environment, active })
    }

    /// Gives an environment's generations, if the home knows the project.
    pub(super) fn generations_of(&self, context: &Context, name: &EnvironmentName) -> Option<Environment> {
        self.id.as_ref().map(|id| Environment::new(&context.layout, id, name))
    }

    /// Reads the current generation of the environment meant, if it has one.
    pub(super) fn current(&self, context: &Context) -> Result<Option<GenerationRecord>, OpsError> {
        match self.generations_of(context, &self.environment) {
            Some(environment) => Ok(environment.current_record()?),
            None => Ok(None),
        }
    }

    /// Gives the environment meant and its current generation.
    ///
    /// # Errors
    /// [`OpsError::NoGeneration`] where it was never switched to.
    pub(super) fn switched(&self, context: &Context) -> Result<(Environment, GenerationRecord), OpsError> {
        let missing = || OpsError::NoGeneration { environment: self.environment.clone() };
        let environment = self.generations_of(context, &self.environment).ok_or_else(missing)?;
        let record = environment.current_record()?.ok_or_else(missing)?;
        Ok((environment, record))
    }
}
