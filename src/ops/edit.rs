//! Changes to packs.toml that are locked and switched to at once: install, uninstall, update. All or nothing.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::str::FromStr;

use crate::manifest::Edit;
use crate::model::EnvironmentName;
use crate::model::ExtraName;
use crate::model::InvalidNoun;
use crate::model::PackName;
use crate::model::Range;
use crate::model::RegistryName;
use crate::model::Requirement;
use crate::model::RequirementSource;
use crate::model::Tier;
use crate::model::Version;
use crate::model::nearest;
use crate::net::Answer;
use crate::ops::ChangeRequest;
use crate::ops::Context;
use crate::ops::Locking;
use crate::ops::OpsError;
use crate::ops::SwitchOutcome;
use crate::ops::opened::Opened;
use crate::ops::opened::no_such_pack;
use crate::ops::planned;
use crate::ops::project::MANIFEST_NAME;
use crate::ops::project::Project;
use crate::ops::solve::Asked;
use crate::ops::solve::Freedom;
use crate::ops::solve::plan_lock;
use crate::ops::sources;
use crate::ops::sources::Sources;
use crate::ops::switch::Action;
use crate::ops::switch::Wish;
use crate::ops::switch::change;

/// A pack as it is asked for: `kanban`, `kanban@^2`, `@acme/boards@=1.0.0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedPack {
    /// The pack.
    pub name: PackName,
    /// The range; where there is none, what packs.toml writes, else the newest release.
    pub range: Option<Range>,
}

impl FromStr for AskedPack {
    type Err = InvalidNoun;
    fn from_str(text: &str) -> Result<Self, InvalidNoun> {
        // The first character may be the `@` of a scope.
        let split = text.char_indices().skip(1).find(|(_, c)| *c == '@').map(|(at, _)| at);
        let (name, range) = split.map_or((text, None), |at| (&text[..at], Some(&text[at + 1..])));
        Ok(AskedPack { name: PackName::parse(name)?, range: range.map(Range::parse).transpose()? })
    }
}

/// Packs to add.
#[derive(Debug, Clone)]
pub struct InstallRequest {
    /// The packs.
    pub packs: Vec<AskedPack>,
    /// Extras of all of them; those that packs.toml names where there are none.
    pub extras: Vec<ExtraName>,
    /// The registry they come from, if not the one that packs.toml names for them, or the default one.
    pub registry: Option<RegistryName>,
    /// How much they are wanted, if not as packs.toml says.
    pub tier: Option<Tier>,
    /// How to change.
    pub change: ChangeRequest,
}

/// Packs to take out.
#[derive(Debug, Clone)]
pub struct UninstallRequest {
    /// The packs.
    pub packs: Vec<PackName>,
    /// How to change.
    pub change: ChangeRequest,
}

/// Packs to bring to newer releases.
#[derive(Debug, Clone)]
pub struct UpdateRequest {
    /// The packs; all where none is named.
    pub packs: Vec<PackName>,
    /// Whether to move ranges in packs.toml too.
    pub latest: bool,
    /// The version that the one pack named must get.
    pub precise: Option<Version>,
    /// How to change.
    pub change: ChangeRequest,
}

/// Adds packs to packs.toml, locks and switches.
///
/// # Errors
/// [`OpsError::NoSuchPack`] where the registry has no such pack; what [`crate::ops::switch`] returns. Nothing has changed then.
pub fn install(context: &Context, request: &InstallRequest) -> Result<SwitchOutcome, OpsError> {
    let action = Action { name: "install", force: false, request: &request.change };
    change(context, &action, &|project, environment| {
        let table = table(context, project);
        let packs: Vec<Meant> = request.packs.iter().map(|asked| Meant::new(request, asked, written(project, table.as_ref(), &asked.name))).collect();
        let names: BTreeSet<PackName> = packs.iter().map(|meant| meant.name.clone()).collect();
        packs.iter().try_for_each(|meant| must_exist(context, project, meant))?;
        let with = |ranges: &BTreeMap<PackName, Range>| edited(project, |edit| packs.iter().for_each(|meant| meant.write(edit, table.as_ref(), ranges)));
        let loose = with(&BTreeMap::new())?;
        let open: BTreeSet<PackName> = packs.iter().filter(|meant| meant.range.is_none()).map(|meant| meant.name.clone()).collect();
        let ranges = newest_ranges(context, &loose, environment, &names, &open).map_err(|failure| planned::refused(project, &loose, failure))?;
        let after = with(&ranges)?;
        Ok(Wish { project: after, freedom: Freedom::Update(names), relock_others: table.is_none() })
    })
}

/// Takes packs out of packs.toml, locks and switches.
///
/// # Errors
/// [`OpsError::UnknownPack`] where packs.toml does not name one of them. Nothing has changed then.
pub fn uninstall(context: &Context, request: &UninstallRequest) -> Result<SwitchOutcome, OpsError> {
    let action = Action { name: "uninstall", force: false, request: &request.change };
    change(context, &action, &|project, _| {
        let table = table(context, project);
        let mut edit = Edit::parse(&project.text, MANIFEST_NAME)?;
        for name in &request.packs {
            if !edit.remove_requirement(table.as_ref(), name) {
                return Err(not_required(project, table.as_ref(), name));
            }
        }
        Ok(Wish { project: project.with_text(edit.to_text())?, freedom: Freedom::Keep, relock_others: table.is_none() })
    })
}

/// Locks newer releases, and switches.
///
/// # Errors
/// [`OpsError::UnknownPack`] where nothing requires one of them; [`OpsError::NotPrecise`]. Nothing has changed then.
pub fn update(context: &Context, request: &UpdateRequest) -> Result<SwitchOutcome, OpsError> {
    let action = Action { name: "update", force: false, request: &request.change };
    change(context, &action, &|project, environment| {
        let locked = locked_names(project, environment)?;
        for name in &request.packs {
            if !locked.contains(name) {
                let nearest = nearest(name.as_str(), &locked).cloned();
                return Err(OpsError::UnknownPack { name: name.clone(), place: environment.lockfile_name(), nearest });
            }
        }
        let after = if request.latest { with_newest_ranges(context, project, environment, &request.packs)? } else { project.clone() };
        Ok(Wish { project: after, freedom: freedom(request), relock_others: request.latest })
    })
}

fn freedom(request: &UpdateRequest) -> Freedom {
    match (&request.precise, request.packs.as_slice()) {
        (Some(version), [name, ..]) => Freedom::Precise(name.clone(), version.clone()),
        (_, []) => Freedom::UpdateAll,
        (_, names) => Freedom::Update(names.iter().cloned().collect()),
    }
}

/// Gives the environment whose own table is meant; `None` for the project-wide one.
fn table(context: &Context, project: &Project) -> Option<EnvironmentName> {
    let is_implicit = project.environments() == [EnvironmentName::default_environment()];
    context.environment.clone().filter(|_| context.environment_typed && !is_implicit)
}

/// Gives what packs.toml asks for of a pack: in the environment's own table, or else project-wide, which such a table takes over.
fn written<'p>(project: &'p Project, table: Option<&EnvironmentName>, name: &PackName) -> Option<&'p Requirement> {
    let own = table.and_then(|table| project.manifest.environments.get(table)).and_then(|own| own.packages.get(name));
    own.or_else(|| project.manifest.packages.get(name)).map(|entry| &entry.requirement)
}

/// A pack as it is to stand in packs.toml: what is written already, and what was typed in its place.
struct Meant {
    name: PackName,
    /// The range; `None` where it is yet to be found.
    range: Option<Range>,
    source: RequirementSource,
    /// Those typed.
    extras: BTreeSet<ExtraName>,
    /// The tier typed.
    tier: Option<Tier>,
}

impl Meant {
    fn new(request: &InstallRequest, asked: &AskedPack, written: Option<&Requirement>) -> Meant {
        let typed = request.registry.clone().map(|registry| RequirementSource::Registry(Some(registry)));
        // Of a directory there is one version; its range says nothing about what a registry has.
        let says_range = |written: &&Requirement| typed.is_none() || !matches!(written.source, RequirementSource::Path(_));
        Meant {
            name: asked.name.clone(),
            range: asked.range.clone().or_else(|| written.filter(says_range).map(|written| written.range.clone())),
            source: typed.clone().or_else(|| written.map(|written| written.source.clone())).unwrap_or(RequirementSource::Registry(None)),
            extras: request.extras.iter().cloned().collect(),
            tier: request.tier,
        }
    }

    /// Writes it, with one of these ranges where it has none; all that was not typed stays as it is.
    fn write(&self, edit: &mut Edit, table: Option<&EnvironmentName>, ranges: &BTreeMap<PackName, Range>) {
        if let Some(environment) = table {
            edit.take_over_requirement(environment, &self.name);
        }
        if self.tier == Some(Tier::default()) {
            edit.remove_tier(table, &self.name);
        }
        let requirement = Requirement {
            name: self.name.clone(),
            range: self.range.as_ref().or_else(|| ranges.get(&self.name)).cloned().unwrap_or_else(Range::any),
            source: self.source.clone(),
            extras: self.extras.clone(),
            tier: self.tier.unwrap_or_default(),
        };
        edit.set_requirement(table, &requirement);
    }
}

fn edited(project: &Project, edits: impl FnOnce(&mut Edit)) -> Result<Project, OpsError> {
    let mut edit = Edit::parse(&project.text, MANIFEST_NAME)?;
    edits(&mut edit);
    project.with_text(edit.to_text())
}

/// Looks for a pack where it is to come from, and nowhere else.
fn must_exist(context: &Context, project: &Project, meant: &Meant) -> Result<(), OpsError> {
    let sources = Sources::new(context, &project.manifest, &project.directory);
    let registries = match &meant.source {
        // What is wrong with a directory is said where it is read.
        RequirementSource::Path(_) => return Ok(()),
        RequirementSource::GitHub(repository) => return must_be_offered(&Opened::Releases(sources.repository(repository)?), &meant.name),
        RequirementSource::Registry(Some(registry)) => vec![registry.clone()],
        RequirementSource::Registry(None) if sources.order().is_empty() => vec![sources::default_registry()],
        RequirementSource::Registry(None) => sources.order().to_vec(),
    };
    if sources.first_with(&meant.name, &registries)?.is_some() {
        return Ok(());
    }
    let places = registries.iter().map(|registry| sources.registry(registry)).collect::<Result<Vec<_>, OpsError>>()?;
    Err(no_such_pack(&meant.name, &places))
}

fn must_be_offered(releases: &Opened<'_>, name: &PackName) -> Result<(), OpsError> {
    match releases.index(name)? {
        Answer::Found(_) => Ok(()),
        Answer::Absent => Err(no_such_pack(name, std::slice::from_ref(releases))),
        Answer::Offline => Err(OpsError::RegistryOffline { registry: releases.describe(), needed: format!("the releases of {name}") }),
    }
}

/// Solves with some ranges open, and gives the range `^version` of what was chosen for each.
fn newest_ranges(
    context: &Context,
    loose: &Project,
    environment: &EnvironmentName,
    free: &BTreeSet<PackName>,
    open: &BTreeSet<PackName>,
) -> Result<BTreeMap<PackName, Range>, OpsError> {
    if open.is_empty() || context.locking == Locking::Locked {
        return Ok(BTreeMap::new());
    }
    let plan = plan_lock(context, loose, environment, &Asked::new(Locking::Allowed, &Freedom::Update(free.clone())))?;
    let chosen = |name: &PackName| plan.lockfile.releases.get(name).map(|release| release.id.version.clone());
    let caret = |version: &Version| Range::parse(&format!("^{version}")).expect("a caret and a version are a range");
    Ok(open.iter().filter_map(|name| chosen(name).map(|version| (name.clone(), caret(&version)))).collect())
}

/// Moves the ranges of direct requirements to the newest releases, wherever packs.toml writes them for this environment.
fn with_newest_ranges(context: &Context, project: &Project, environment: &EnvironmentName, names: &[PackName]) -> Result<Project, OpsError> {
    let wants = project.wants(environment)?;
    let moved: Vec<Requirement> = wants
        .requirements()
        .into_values()
        .filter(|requirement| (names.is_empty() || names.contains(&requirement.name)) && !matches!(requirement.source, RequirementSource::Path(_)))
        .collect();
    let own = |name: &PackName| project.manifest.environments.get(environment).filter(|own| own.packages.contains_key(name)).map(|_| environment);
    let set = |edit: &mut Edit, range_of: &dyn Fn(&Requirement) -> Range| {
        for requirement in &moved {
            edit.set_requirement(own(&requirement.name), &Requirement { range: range_of(requirement), ..requirement.clone() });
        }
    };
    let loose = edited(project, |edit| set(edit, &|_| Range::any()))?;
    let open: BTreeSet<PackName> = moved.iter().map(|requirement| requirement.name.clone()).collect();
    let ranges = newest_ranges(context, &loose, environment, &open, &open).map_err(|failure| planned::refused(project, &loose, failure))?;
    // A range that reaches the newest release already stays as people wrote it.
    let range_of = |requirement: &Requirement| match ranges.get(&requirement.name) {
        Some(newest) if !reaches(&requirement.range, newest) => newest.clone(),
        _ => requirement.range.clone(),
    };
    edited(project, |edit| set(edit, &range_of))
}

fn reaches(range: &Range, newest: &Range) -> bool {
    Version::parse(newest.as_str().trim_start_matches('^')).is_ok_and(|version| range.matches(&version))
}

fn locked_names(project: &Project, environment: &EnvironmentName) -> Result<BTreeSet<PackName>, OpsError> {
    let wanted = project.wants(environment)?.packages.into_keys();
    let file = environment.lockfile_name();
    let locked = match project.lockfile_text(environment)? {
        Some(text) => match crate::lock::conflict_sides(&text, &file)? {
            Some(sides) => crate::lock::conflict_pins(&sides, &file)?.into_keys().collect(),
            None => crate::lock::Lockfile::parse(&text, &file)?.releases.into_keys().collect::<Vec<_>>(),
        },
        None => vec![],
    };
    Ok(wanted.chain(locked).collect())
}

fn not_required(project: &Project, table: Option<&EnvironmentName>, name: &PackName) -> OpsError {
    let known = match table.and_then(|table| project.manifest.environments.get(table)) {
        Some(environment) => environment.packages.keys(),
        None => project.manifest.packages.keys(),
    };
    let place = table.map_or_else(|| MANIFEST_NAME.to_owned(), |table| format!("[environments.{table}.packages] of {MANIFEST_NAME}"));
    OpsError::UnknownPack { name: name.clone(), place, nearest: nearest(name.as_str(), known).cloned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(&str, Option<&str>)>) {
        let asked = text.parse::<AskedPack>().ok();
        let found = asked.as_ref().map(|asked| (asked.name.as_str(), asked.range.as_ref().map(Range::as_str)));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn packs_as_asked_for() {
        check("kanban", Some(("kanban", None)));
        check("kanban@^2", Some(("kanban", Some("^2"))));
        check("@acme/boards", Some(("@acme/boards", None)));
        check("@acme/boards@=1.0.0", Some(("@acme/boards", Some("=1.0.0"))));
        check("kanban@", None);
        check("Kanban", None);
    }
}
