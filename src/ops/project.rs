//! The project at hand: where it is, what its packs.toml and its lockfiles say.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use crate::fsys;
use crate::generation;
use crate::generation::ProjectFile;
use crate::lock::Lockfile;
use crate::manifest::Manifest;
use crate::manifest::Wants;
use crate::model::EnvironmentName;
use crate::ops::Context;
use crate::ops::OpsError;
use crate::store::Store;

/// The name of the manifest.
pub(super) const MANIFEST_NAME: &str = "packs.toml";

/// Largest packs.toml that is read, in bytes; people write it.
const MANIFEST_BYTES_MAX: u64 = 1024 * 1024;

/// Largest lockfile that is read, in bytes: some 100,000 releases.
const LOCKFILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A project whose packs.toml is valid.
#[derive(Debug, Clone)]
pub struct Project {
    /// Its directory, without links in it.
    pub directory: PathBuf,
    /// The text of packs.toml, as found.
    pub text: String,
    /// What it says.
    pub manifest: Manifest,
    /// The texts of lockfiles that are not written yet, which the other environments look to already.
    planned: BTreeMap<EnvironmentName, String>,
}

impl Project {
    /// Finds the project's directory: the one that was named, or the nearest upwards with a packs.toml.
    pub fn find(context: &Context) -> Result<Option<PathBuf>, OpsError> {
        if !fsys::status(&context.directory)?.is_some_and(|found| found.kind != fsys::FileKind::File) {
            return Err(OpsError::NoProject { searched: context.directory.clone() });
        }
        let start = fsys::canonicalize(&context.directory)?;
        let levels = if context.directory_is_project { 1 } else { usize::MAX };
        for directory in start.ancestors().take(levels) {
            if fsys::status(&directory.join(MANIFEST_NAME))?.is_some() {
                return Ok(Some(directory.to_owned()));
            }
        }
        Ok(None)
    }

    /// Finds and reads the project.
    ///
    /// # Errors
    /// [`OpsError::NoProject`] where there is none, [`OpsError::Manifest`] where packs.toml is at fault.
    pub fn open(context: &Context) -> Result<Project, OpsError> {
        let directory = Project::find(context)?.ok_or_else(|| OpsError::NoProject { searched: context.directory.clone() })?;
        // A home of another version says nothing that we understand: not even to those who only look.
        Store::open(context.layout.clone())?;
        Project::read(directory)
    }

    /// Finds and reads the project; where packs.toml is at fault, name, team and environments are what the home knows of it.
    ///
    /// # Errors
    /// [`OpsError::Manifest`] where the home does not know the project.
    pub(super) fn recall(context: &Context) -> Result<Project, OpsError> {
        let fault = match Project::open(context) {
            Err(OpsError::Manifest(fault)) => fault,
            other => return other,
        };
        let directory = Project::find(context)?.ok_or_else(|| OpsError::NoProject { searched: context.directory.clone() })?;
        let known = generation::open_project(&context.layout, &directory)?;
        let files = generation::read_projects(&context.layout)?;
        let Some(file) = known.and_then(|known| files.into_iter().find(|file| file.id == known.id)) else { return Err(fault.into()) };
        let manifest = Manifest::parse(&recalled_text(context, &file)?, MANIFEST_NAME)?;
        let path = directory.join(MANIFEST_NAME);
        let text = utf8(fsys::read(&path, MANIFEST_BYTES_MAX)?, &path)?;
        context.warn(format!("{fault}; going by what the home knows of this project"));
        Ok(Project { directory, text, manifest, planned: BTreeMap::new() })
    }

    /// Reads the project in a directory.
    pub fn read(directory: PathBuf) -> Result<Project, OpsError> {
        let path = directory.join(MANIFEST_NAME);
        let text = utf8(fsys::read(&path, MANIFEST_BYTES_MAX)?, &path)?;
        let manifest = Manifest::parse(&text, MANIFEST_NAME)?;
        Ok(Project { directory, text, manifest, planned: BTreeMap::new() })
    }

    /// Gives the same project with another text of packs.toml, not yet written.
    pub fn with_text(&self, text: String) -> Result<Project, OpsError> {
        let manifest = Manifest::parse(&text, MANIFEST_NAME)?;
        Ok(Project { directory: self.directory.clone(), text, manifest, planned: BTreeMap::new() })
    }

    /// Takes it that an environment has this lockfile, for the others to agree with.
    pub(super) fn plan_lockfile(&mut self, environment: EnvironmentName, text: String) {
        self.planned.insert(environment, text);
    }

    /// Gives what an environment wants.
    pub fn wants(&self, environment: &EnvironmentName) -> Result<Wants, OpsError> {
        self.manifest.wants(environment).ok_or_else(|| OpsError::UnknownEnvironment { name: environment.clone(), known: self.environments() })
    }

    /// Gives the names of its environments, in order.
    pub fn environments(&self) -> Vec<EnvironmentName> {
        self.manifest.environments.keys().cloned().collect()
    }

    /// Gives the path of an environment's lockfile.
    pub fn lockfile_path(&self, environment: &EnvironmentName) -> PathBuf {
        self.directory.join(environment.lockfile_name())
    }

    /// Reads the text of an environment's lockfile, if there is one.
    pub fn lockfile_text(&self, environment: &EnvironmentName) -> Result<Option<String>, OpsError> {
        let path = self.lockfile_path(environment);
        fsys::read_optional(&path, LOCKFILE_BYTES_MAX)?.map(|bytes| utf8(bytes, &path)).transpose()
    }

    /// Reads the lockfiles of all environments but one, as far as they are valid: they only give preferences.
    pub fn other_lockfiles(&self, environment: &EnvironmentName) -> Result<BTreeMap<EnvironmentName, Lockfile>, OpsError> {
        let mut lockfiles = BTreeMap::new();
        for other in self.environments().into_iter().filter(|other| other != environment) {
            let text = self.planned.get(&other).cloned().map_or_else(|| self.lockfile_text(&other), |planned| Ok(Some(planned)))?;
            let parsed = text.and_then(|text| Lockfile::parse(&text, &other.lockfile_name()).ok());
            lockfiles.extend(parsed.map(|lockfile| (other, lockfile)));
        }
        Ok(lockfiles)
    }
}

/// Writes the least of a packs.toml that says what the home knows of a project.
fn recalled_text(context: &Context, file: &ProjectFile) -> Result<String, OpsError> {
    let quoted = |text: &str| toml_edit::Value::from(text).to_string();
    let team = file.team.as_ref().map_or_else(String::new, |team| format!("team = {}\n", quoted(team)));
    let environments = generation::environments(&context.layout, &file.id)?;
    let tables: String = environments.iter().map(|environment| format!("[environments.{environment}]\n")).collect();
    Ok(format!("[project]\nname = {}\n{team}{tables}", quoted(file.name.as_str())))
}

/// Reads text, naming the file that is none.
pub(super) fn utf8(bytes: Vec<u8>, path: &Path) -> Result<String, OpsError> {
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        OpsError::NotText { path: path.to_owned(), line: String::from_utf8_lossy(before).lines().count().max(1) }
    })
}
