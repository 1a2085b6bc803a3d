//! What a collection did, and what keeps the rest.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use crate::gc::Collection;
use crate::gc::mark::Keep;
use crate::gc::mark::Plan;
use crate::gc::mark::Why;
use crate::gc::roots::GenerationId;
use crate::gc::roots::Presence;
use crate::gc::roots::ProjectRoots;
use crate::gc::roots::Roots;
use crate::gc::sweep::Removed;
use crate::model::EnvironmentName;
use crate::model::ProjectId;
use crate::model::StorePath;

/// Most environments and commands that are named as keeping something.
const KEEPERS_MAX: usize = 100;

/// What a collection removed, or would remove, and what keeps the rest.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Outcome {
    /// Whether nothing was changed, only decided.
    pub dry_run: bool,
    /// Disk blocks given back, in bytes: those of files and directories whose last name went.
    pub freed_bytes: u64,
    /// The store paths removed.
    pub paths: Vec<StorePath>,
    /// How many blobs were removed.
    pub blobs: u64,
    /// The generations dropped.
    pub generations: Vec<GenerationId>,
    /// The projects forgotten, because they are gone and that was asked for.
    pub forgotten: Vec<AbsentProject>,
    /// How many stages, trash directories and other things of dead processes were removed.
    pub leftovers: u64,
    /// What keeps the rest.
    pub kept: Kept,
    /// Projects that are gone and still keep their generations; `--missing-projects` forgets them.
    pub missing: Vec<AbsentProject>,
    /// Projects on file systems that are not mounted or cannot be read; they keep their generations.
    pub unreachable: Vec<AbsentProject>,
    /// Projects that another command was changing; they kept all generations this time.
    pub busy: Vec<ProjectId>,
    /// By how many bytes what is kept is larger than was asked for.
    pub over_limit_bytes: u64,
}

/// A project that was not found where it was last seen.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct AbsentProject {
    /// Its id.
    pub project: ProjectId,
    /// Its name.
    pub name: String,
    /// Where it was last seen.
    pub path: PathBuf,
}

/// What is left in the store, and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Kept {
    /// How many store paths are left.
    pub paths: u64,
    /// Who keeps them, those first whose end would free most paths.
    pub by: Vec<Keeper>,
    /// How many keepers this list leaves out.
    pub keepers_left_out: u64,
}

/// Somebody who keeps store paths.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Keeper {
    /// Who it is.
    #[serde(flatten)]
    pub who: KeeperKind,
    /// How many stored paths it keeps.
    pub paths: u64,
    /// How many of them nobody else keeps.
    pub paths_only_here: u64,
}

/// The kinds of keepers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum KeeperKind {
    /// An environment of a project, by its generations.
    Environment {
        /// The project.
        project: ProjectId,
        /// Its name.
        name: String,
        /// The environment.
        environment: EnvironmentName,
        /// Its kept generations.
        generations: Vec<KeptGeneration>,
    },
    /// A command that runs now.
    Running {
        /// Who it is.
        holder: String,
    },
}

/// A generation that is kept, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema)]
pub struct KeptGeneration {
    /// Its number.
    pub number: u64,
    /// Why.
    pub why: Keep,
}

/// What was found before anything was removed, and what was decided.
pub(super) struct Found<'a> {
    pub(super) roots: &'a Roots,
    pub(super) stored: &'a BTreeSet<StorePath>,
    pub(super) plan: &'a Plan,
}

/// Puts together what happened and what keeps the rest.
pub(super) fn outcome(collection: &Collection<'_>, found: &Found<'_>, removed: Removed) -> Outcome {
    let absent = |presence, forgotten| -> Vec<AbsentProject> {
        let projects = found.roots.projects.iter().filter(|project| project.presence == presence);
        projects.filter(|project| removed.projects.contains(&project.id) == forgotten).map(AbsentProject::of).collect()
    };
    let limit = collection.retention.max_bytes.unwrap_or(u64::MAX);
    Outcome {
        dry_run: collection.dry_run,
        freed_bytes: removed.freed_bytes,
        forgotten: absent(Presence::Missing, true),
        missing: absent(Presence::Missing, false),
        unreachable: absent(Presence::Unreachable, false),
        blobs: removed.blobs,
        generations: removed.generations.iter().map(|id| (**id).clone()).collect(),
        leftovers: removed.leftovers,
        kept: found.kept(&removed.paths),
        busy: removed.busy.into_iter().collect(),
        paths: removed.paths.into_iter().collect(),
        over_limit_bytes: found.plan.live_bytes.map_or(0, |bytes| bytes.saturating_sub(limit)),
    }
}

impl AbsentProject {
    fn of(project: &ProjectRoots) -> AbsentProject {
        AbsentProject { project: project.id.clone(), name: project.name.clone(), path: project.path.clone() }
    }
}

/// How many stored paths somebody keeps, in all and alone.
#[derive(Default)]
struct Count {
    paths: u64,
    paths_only_here: u64,
}

/// Somebody who keeps store paths, while they are counted.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Owner<'a> {
    Environment(&'a ProjectId, &'a EnvironmentName),
    Running(&'a str),
}

impl Found<'_> {
    fn kept(&self, removed: &BTreeSet<StorePath>) -> Kept {
        let mut by: Vec<Keeper> = self.count_owners().into_iter().map(|(owner, count)| self.keeper(&owner, &count)).collect();
        by.sort_by_key(|keeper| Reverse((keeper.paths_only_here, keeper.paths)));
        let keepers_left_out = by.len().saturating_sub(KEEPERS_MAX) as u64;
        by.truncate(KEEPERS_MAX);
        Kept { paths: self.stored.difference(removed).count() as u64, by, keepers_left_out }
    }

    fn count_owners(&self) -> BTreeMap<Owner<'_>, Count> {
        let mut counts: BTreeMap<Owner<'_>, Count> = BTreeMap::new();
        for (_, reasons) in self.plan.live.iter().filter(|(path, _)| self.stored.contains(&***path)) {
            let owners: BTreeSet<Owner<'_>> = reasons.iter().map(Owner::of).collect();
            let alone = u64::from(owners.len() == 1);
            for owner in owners {
                let count = counts.entry(owner).or_default();
                count.paths += 1;
                count.paths_only_here += alone;
            }
        }
        counts
    }

    fn keeper(&self, owner: &Owner<'_>, count: &Count) -> Keeper {
        let who = match owner {
            Owner::Running(holder) => KeeperKind::Running { holder: (*holder).to_owned() },
            Owner::Environment(project, environment) => KeeperKind::Environment {
                name: self.roots.projects.iter().find(|found| found.id == **project).map_or_else(String::new, |found| found.name.clone()),
                project: (*project).clone(),
                environment: (*environment).clone(),
                generations: self.kept_generations(project, environment),
            },
        };
        Keeper { who, paths: count.paths, paths_only_here: count.paths_only_here }
    }

    fn kept_generations(&self, project: &ProjectId, environment: &EnvironmentName) -> Vec<KeptGeneration> {
        let first = GenerationId { project: project.clone(), environment: environment.clone(), number: 0 };
        let from_first = self.plan.kept.range(Arc::new(first)..);
        let of_this = from_first.take_while(|(id, _)| id.project == *project && id.environment == *environment);
        of_this.map(|(id, why)| KeptGeneration { number: id.number, why: *why }).collect()
    }
}

impl<'a> Owner<'a> {
    fn of(why: &'a Why) -> Self {
        match why {
            Why::Generation { id, .. } => Owner::Environment(&id.project, &id.environment),
            Why::Running { holder } => Owner::Running(holder),
        }
    }
}
