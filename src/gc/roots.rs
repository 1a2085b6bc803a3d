//! What keeps store paths: every generation of every project, and what running commands say they use.
//!
//! Whatever cannot be read stops everything: gc then removes nothing.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use crate::fsys;
use crate::gc::GcError;
use crate::gc::presence::presence;
use crate::generation::Environment;
use crate::generation::GenerationRecord;
use crate::generation::ProjectFile;
use crate::generation::environments;
use crate::generation::read_projects;
use crate::model::EnvironmentName;
use crate::model::ProjectId;
use crate::model::StorePath;
use crate::store::RootClaim;
use crate::store::layout::Layout;
use crate::store::read_roots;

/// One generation of one environment of one project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, schemars::JsonSchema)]
pub struct GenerationId {
    /// The project.
    pub project: ProjectId,
    /// The environment.
    pub environment: EnvironmentName,
    /// The generation's number.
    pub number: u64,
}

/// Everything that keeps store paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roots {
    /// The projects of the home, by id.
    pub projects: Vec<ProjectRoots>,
    /// The commands that run now.
    pub running: Vec<RunningRoots>,
    /// Files under `roots/` whose process has died.
    pub stale: Vec<PathBuf>,
}

/// What a project keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectRoots {
    /// Its id.
    pub id: ProjectId,
    /// Its name, for people.
    pub name: String,
    /// Where it was last seen.
    pub path: PathBuf,
    /// Whether it is still there.
    pub presence: Presence,
    /// Its environments, by name.
    pub environments: Vec<EnvironmentRoots>,
}

/// Whether a project can still be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It is where it was last seen.
    Present,
    /// The file system it was on is there, and the project is not.
    Missing,
    /// The file system it was on is not mounted, or does not let us look.
    Unreachable,
}

/// What an environment keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentRoots {
    /// Its name.
    pub name: EnvironmentName,
    /// The number of its current generation.
    pub current: Option<u64>,
    /// Its generations, ascending.
    pub generations: Vec<Arc<GenerationRoot>>,
}

/// What a generation keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerationRoot {
    /// Which one it is.
    pub id: Arc<GenerationId>,
    /// The generation it came from.
    pub parent: Option<u64>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its store paths, each once.
    pub store_paths: Vec<Arc<StorePath>>,
}

/// What a running command keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningRoots {
    /// Who it is, for people.
    pub holder: Arc<str>,
    /// The store paths it uses or is about to use.
    pub store_paths: Vec<Arc<StorePath>>,
    /// The generations it runs from.
    pub generations: Vec<GenerationId>,
}

impl fmt::Display for GenerationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "generation {} of {} of {}", self.number, self.environment, self.project)
    }
}

impl Roots {
    /// Gives all generations of all projects.
    pub fn generations(&self) -> impl Iterator<Item = &Arc<GenerationRoot>> {
        self.projects.iter().flat_map(ProjectRoots::generations)
    }

    /// Gives every store path that any generation or running command has, whatever a retention says of the generation.
    pub fn store_paths(&self) -> impl Iterator<Item = &Arc<StorePath>> {
        let of_generations = self.generations().flat_map(|generation| &generation.store_paths);
        of_generations.chain(self.running.iter().flat_map(|running| &running.store_paths))
    }
}

impl ProjectRoots {
    /// Gives all generations of all its environments.
    pub fn generations(&self) -> impl Iterator<Item = &Arc<GenerationRoot>> {
        self.environments.iter().flat_map(|environment| &environment.generations)
    }
}

impl EnvironmentRoots {
    /// Gives the number of the generation that the current one came from.
    pub fn parent_of_current(&self) -> Option<u64> {
        self.generations.iter().find(|generation| Some(generation.id.number) == self.current)?.parent
    }
}

/// Reads roots, and remembers generations between two looks: they are immutable and their numbers are never used again.
pub(super) struct Surveyor<'a> {
    layout: &'a Layout,
    generations: HashMap<GenerationId, Arc<GenerationRoot>>,
    /// Each path once, however many generations have it.
    store_paths: HashSet<Arc<StorePath>>,
    /// Where each project was last seen, and whether it was there: looked up once, since a hanging network disk must not hang whoever waits for the lock.
    seen: HashMap<ProjectId, (ProjectFile, Presence)>,
}

impl<'a> Surveyor<'a> {
    pub(super) fn new(layout: &'a Layout) -> Self {
        Surveyor { layout, generations: HashMap::new(), store_paths: HashSet::new(), seen: HashMap::new() }
    }

    /// Reads all roots. Complete under the exclusive store lock; without it what changes meanwhile may be missing.
    ///
    /// Running commands come first: one that ends meanwhile has made its generation current before it let its root go.
    pub(super) fn look(&mut self) -> Result<Roots, GcError> {
        let (living, dead): (Vec<_>, Vec<_>) =
            read_roots(self.layout).map_err(|source| GcError::Running { source })?.into_iter().partition(|claim| claim.alive);
        let running = living.into_iter().map(|claim| self.running(claim)).collect::<Result<_, _>>()?;
        let stale = dead.into_iter().map(|claim| claim.file).collect();
        Ok(Roots { projects: self.projects()?, running, stale })
    }

    fn running(&mut self, claim: RootClaim) -> Result<RunningRoots, GcError> {
        let home = self.layout.home();
        let parsed = |path: &PathBuf| {
            parse_generation(path.strip_prefix(home).unwrap_or(path)).ok_or_else(|| GcError::BadClaim { file: claim.file.clone(), found: path.clone() })
        };
        let generations = claim.generations.iter().map(parsed).collect::<Result<_, _>>()?;
        let store_paths = claim.paths.into_iter().map(|path| self.shared(path)).collect();
        Ok(RunningRoots { holder: claim.holder.into(), store_paths, generations })
    }

    fn projects(&mut self) -> Result<Vec<ProjectRoots>, GcError> {
        let known = read_projects(self.layout).map_err(GcError::roots)?;
        let mut files: HashMap<ProjectId, ProjectFile> = known.into_iter().map(|file| (file.id.clone(), file)).collect();
        let mut found = Vec::new();
        for entry in fsys::list_dir(&self.layout.projects()).map_err(GcError::look)? {
            let Some(id) = entry.name_str().and_then(|name| ProjectId::parse(name).ok()) else { continue };
            let environments = self.environments(&id)?;
            match files.remove(&id) {
                Some(file) => {
                    let (name, path, presence) = (file.name.to_string(), file.path.clone(), self.presence(file));
                    found.push(ProjectRoots { id, name, path, presence, environments });
                }
                // Left by a crash before the project got its first generation.
                None if environments.is_empty() => {}
                None => return Err(GcError::NoProjectFile { path: self.layout.project_file(&id) }),
            }
        }
        Ok(found)
    }

    fn presence(&mut self, file: ProjectFile) -> Presence {
        match self.seen.get(&file.id) {
            Some((seen, presence)) if *seen == file => *presence,
            _ => {
                let presence = presence(&file);
                self.seen.insert(file.id.clone(), (file, presence));
                presence
            }
        }
    }

    /// Tells whether a project is missing at this moment, as far as it was missing before.
    pub(super) fn is_still_missing(&self, id: &ProjectId) -> bool {
        self.seen.get(id).is_some_and(|(file, seen)| *seen == Presence::Missing && presence(file) == Presence::Missing)
    }

    /// Reads the environments of one project, and what they keep.
    pub(super) fn environments(&mut self, project: &ProjectId) -> Result<Vec<EnvironmentRoots>, GcError> {
        let names = environments(self.layout, project).map_err(GcError::roots)?;
        names.into_iter().map(|name| self.environment(&Environment::new(self.layout, project, &name))).collect()
    }

    fn environment(&mut self, environment: &Environment) -> Result<EnvironmentRoots, GcError> {
        // `current` first: the generation it names was there before, so the list that is read afterwards has it.
        let current = environment.current().map_err(GcError::roots)?;
        let mut generations = Vec::new();
        for number in environment.numbers().map_err(GcError::roots)? {
            generations.extend(self.generation(environment, number)?);
        }
        match current.filter(|current| generations.iter().all(|generation| generation.id.number != *current)) {
            Some(number) => Err(GcError::DanglingCurrent { link: self.layout.current(environment.project(), environment.name()), number }),
            None => Ok(EnvironmentRoots { name: environment.name().clone(), current, generations }),
        }
    }

    /// Reads a generation, or gives `None` where another gc has dropped it meanwhile.
    fn generation(&mut self, environment: &Environment, number: u64) -> Result<Option<Arc<GenerationRoot>>, GcError> {
        let id = GenerationId { project: environment.project().clone(), environment: environment.name().clone(), number };
        if let Some(known) = self.generations.get(&id) {
            return Ok(Some(known.clone()));
        }
        let Some(record) = environment.find_record(number).map_err(GcError::roots)? else {
            let path = environment.path(number);
            return match fsys::status(&path).map_err(GcError::look)? {
                Some(_) => Err(GcError::NoRecord { path }),
                None => Ok(None),
            };
        };
        let generation = Arc::new(self.root_of(id.clone(), record));
        self.generations.insert(id, generation.clone());
        Ok(Some(generation))
    }

    fn root_of(&mut self, id: GenerationId, record: GenerationRecord) -> GenerationRoot {
        let distinct: BTreeSet<StorePath> = record.releases.into_iter().map(|release| release.store_path).collect();
        let store_paths = distinct.into_iter().map(|path| self.shared(path)).collect();
        GenerationRoot { id: Arc::new(id), parent: record.parent, created_at: record.created_at, store_paths }
    }

    fn shared(&mut self, path: StorePath) -> Arc<StorePath> {
        if let Some(known) = self.store_paths.get(&path) {
            return known.clone();
        }
        let path = Arc::new(path);
        self.store_paths.insert(path.clone());
        path
    }
}

/// Parses `projects/<id>/<env>/generations/<n>`, as running commands name a generation.
fn parse_generation(path: &Path) -> Option<GenerationId> {
    let ["projects", project, environment, "generations", number] = *path.to_str()?.split('/').collect::<Vec<_>>() else { return None };
    let (project, environment) = (ProjectId::parse(project).ok()?, EnvironmentName::parse(environment).ok()?);
    Some(GenerationId { project, environment, number: number.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_of_running_commands() {
        let parsed = |text: &str| parse_generation(Path::new(text)).map(|id| id.to_string());
        assert_eq!(parsed("projects/shop-r1/dev/generations/4"), Some("generation 4 of dev of shop-r1".into()));
        for bad in [
            "",
            "projects/shop-r1/dev/generations",
            "/projects/shop-r1/dev/generations/4",
            "projects/shop-r1/dev/generations/x",
            "projects/../dev/generations/4",
        ] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }
}
