//! Where each pack of a project comes from, and all that is said there of every pack that a solve may need.
//!
//! The resolver never sees a registry: the index documents of every name reachable from the roots are loaded here, level by level and concurrently; then the
//! solver runs in memory.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use rustc_hash::FxHashSet;

use crate::lock;
use crate::lock::LockedRelease;
use crate::lock::Lockfile;
use crate::manifest::Wants;
use crate::model::PackName;
use crate::model::RegistryName;
use crate::model::Repository;
use crate::model::RequirementSource;
use crate::model::SourceId;
use crate::net::Answer;
use crate::ops::OpsError;
use crate::ops::missing_indexes::MissingIndexes;
use crate::ops::opened::Opened;
use crate::ops::project::Project;
use crate::ops::sources::Sources;
use crate::ops::sources::default_registry;
use crate::registry::IndexDocument;

/// Where each name of a project comes from.
///
/// A pack that another one requires never brings its own registry: nobody else's manifest decides where this project's packs come from.
#[derive(Debug, Default)]
pub(super) struct Assigned {
    /// What packs.toml says.
    written: BTreeMap<PackName, RequirementSource>,
    /// The registry that the lockfile took a pack from: no other is asked, so that a pack never moves because another registry has its name now.
    locked: BTreeMap<PackName, RegistryName>,
    /// The name of that lockfile.
    lockfile: String,
}

impl Assigned {
    /// Takes what an environment wants and what it has locked, as far as its lockfile can be read.
    pub(super) fn new(project: &Project, wants: &Wants) -> Result<Assigned, OpsError> {
        let written = wants.packages.iter().map(|(name, entry)| (name.clone(), entry.requirement.source.clone())).collect();
        let (text, lockfile) = (project.lockfile_text(&wants.environment)?, wants.environment.lockfile_name());
        let locked = text.map(|text| locked_registries(&text, &lockfile)).unwrap_or_default();
        Ok(Assigned { written, locked, lockfile })
    }

    /// Takes one pack from one registry.
    pub(super) fn to_registry(name: &PackName, registry: &RegistryName) -> Assigned {
        Assigned { written: BTreeMap::from([(name.clone(), RequirementSource::Registry(Some(registry.clone())))]), ..Assigned::default() }
    }

    /// Tells whether the environment writes or has locked a pack.
    pub(super) fn knows(&self, name: &PackName) -> bool {
        self.written.contains_key(name) || self.locked.contains_key(name)
    }

    /// Gives the places that are asked for a pack.
    ///
    /// # Errors
    /// As [`Sources::registry`].
    pub(super) fn asked<'c>(&self, sources: &Sources<'c>, name: &PackName) -> Result<Vec<Opened<'c>>, OpsError> {
        if let Some(RequirementSource::GitHub(repository)) = self.written.get(name) {
            return Ok(vec![Opened::Releases(sources.repository(repository)?)]);
        }
        self.registries(name, sources.order()).unwrap_or_default().iter().map(|registry| sources.registry(registry)).collect()
    }

    /// Gives the registries to ask for a pack, in order; `None` for one that comes from no registry. What is locked from one of them comes from that one.
    ///
    /// Without any in packs.toml it is the default one, whose absence is then told.
    fn registries(&self, name: &PackName, order: &[RegistryName]) -> Option<Vec<RegistryName>> {
        match self.written.get(name) {
            Some(RequirementSource::Registry(Some(chosen))) => return Some(vec![chosen.clone()]),
            Some(RequirementSource::GitHub(_) | RequirementSource::Path(_)) => return None,
            Some(RequirementSource::Registry(None)) | None => {}
        }
        if let Some(locked) = self.locked.get(name).filter(|locked| order.contains(locked)) {
            return Some(vec![locked.clone()]);
        }
        Some(if order.is_empty() { vec![default_registry()] } else { order.to_vec() })
    }
}

/// Reads the registries that a lockfile takes packs from; of the sides of a merge conflict both count, and ours where they differ.
fn locked_registries(text: &str, file: &str) -> BTreeMap<PackName, RegistryName> {
    let sides = match lock::conflict_sides(text, file) {
        Ok(Some([ours, theirs])) => vec![theirs, ours],
        _ => vec![text.to_owned()],
    };
    let releases = sides.iter().filter_map(|side| Lockfile::parse(side, file).ok()).flat_map(|lockfile| lockfile.releases);
    let registry = |(name, release): (PackName, LockedRelease)| match release.source {
        SourceId::Registry(registry) => Some((name, registry)),
        _ => None,
    };
    releases.filter_map(registry).collect()
}

/// Loads the documents of all names reachable from `start`, level by level, and gives what `read` makes of each; each level's documents are asked for, and
/// read, side by side. Names that no registry has are left out: the solver says who asks for them.
pub(super) fn load_reachable<T: Send>(
    sources: &Sources<'_>,
    assigned: &Assigned,
    start: BTreeSet<PackName>,
    read: impl Fn(&PackName, (SourceId, IndexDocument)) -> T + Send + Sync,
) -> Result<BTreeMap<PackName, T>, OpsError> {
    let mut found = Vec::new();
    let mut met: FxHashSet<PackName> = start.iter().cloned().collect();
    let mut level = start;
    while !level.is_empty() {
        let answers = sources.side_by_side(level, |name| {
            let loaded = match load_one(sources, assigned, name.clone()) {
                // The others of the level are asked for all the same.
                Err(offline @ OpsError::RegistryOffline { .. }) => return Ok((name, Err(offline))),
                loaded => loaded?.1,
            };
            let Loaded::Document(source, document) = loaded else { return Ok((name, Ok(None))) };
            let needed = new_names(&document, &met);
            let made = read(&name, (source, document));
            Ok((name, Ok(Some((made, needed)))))
        })?;
        let mut next = Vec::new();
        let mut missing = MissingIndexes::default();
        for (name, answer) in answers {
            let Some((made, needed)) = missing.sort_out(&name, answer)?.flatten() else { continue };
            for needed in needed {
                if !met.contains(&needed) {
                    met.insert(needed.clone());
                    next.push(needed);
                }
            }
            found.push((name, made));
        }
        // Beyond a level that is not known whole nobody knows what is needed.
        missing.none()?;
        level = BTreeSet::from_iter(next);
    }
    sources.remember()?;
    // Put in order at once, not one by one: there may be ten thousand.
    Ok(BTreeMap::from_iter(found))
}

/// What the place that a pack comes from says about it.
pub(super) enum Loaded {
    /// Everything known about its releases, and where that is from.
    Document(SourceId, IndexDocument),
    /// No registry asked has it.
    Absent,
    /// It is a directory of the project.
    Elsewhere,
}

/// Asks the place that a pack comes from about its releases.
///
/// # Errors
/// As [`Sources::first_with`]; [`OpsError::LockedElsewhere`].
pub(super) fn load_one(sources: &Sources<'_>, assigned: &Assigned, name: PackName) -> Result<(PackName, Loaded), OpsError> {
    if let Some(RequirementSource::GitHub(repository)) = assigned.written.get(&name) {
        let loaded = load_released(sources, repository, &name)?;
        return Ok((name, loaded));
    }
    let Some(registries) = assigned.registries(&name, sources.order()) else { return Ok((name, Loaded::Elsewhere)) };
    let is_chosen = matches!(assigned.written.get(&name), Some(RequirementSource::Registry(Some(_))));
    let locked = assigned.locked.get(&name).filter(|_| !is_chosen);
    let Some((registry, document)) = sources.first_with(&name, &registries)? else {
        // With no other registry it could move to, the solver says who wants what is not there.
        return match locked.filter(|locked| sources.order().len() > 1 && sources.order().contains(locked)) {
            Some(locked) => Err(OpsError::LockedElsewhere { name, registry: locked.clone(), lockfile: assigned.lockfile.clone() }),
            None => Ok((name, Loaded::Absent)),
        };
    };
    if let Some(locked) = locked.filter(|locked| **locked != registry) {
        sources.context.warn(format!("{name} moves from the registry {locked}, which packs.toml no longer names, to {registry}"));
    }
    Ok((name, Loaded::Document(SourceId::Registry(registry), document)))
}

fn load_released(sources: &Sources<'_>, repository: &Repository, name: &PackName) -> Result<Loaded, OpsError> {
    let releases = sources.repository(repository)?;
    match releases.index(name)? {
        Answer::Found(document) => Ok(Loaded::Document(SourceId::GitHub(repository.clone()), document)),
        Answer::Absent => Ok(Loaded::Absent),
        Answer::Offline => Err(OpsError::RegistryOffline { registry: releases.describe(), needed: format!("the index of {name}") }),
    }
}

/// Gives the packs that a document's releases and their extras need and that were not met before, each once.
fn new_names(document: &IndexDocument, met: &FxHashSet<PackName>) -> Vec<PackName> {
    let needed = document.releases.iter().flat_map(|release| release.requires.keys().chain(release.extras.values().flat_map(BTreeMap::keys)));
    let names: FxHashSet<&PackName> = needed.filter(|name| !met.contains(*name)).collect();
    names.into_iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_comes_from_where_it_is_chosen_or_locked_or_from_the_first_that_has_it() {
        let registry = |name: &str| RegistryName::parse(name).expect("a name");
        let pack = |name: &str| PackName::parse(name).expect("a name");
        let order = [registry("default"), registry("internal")];
        let assigned = Assigned {
            written: BTreeMap::from([
                (pack("chosen"), RequirementSource::Registry(Some(registry("internal")))),
                (pack("local"), RequirementSource::Path("x".into())),
            ]),
            locked: BTreeMap::from([("chosen", "default"), ("locked", "internal"), ("moved", "gone")].map(|(name, from)| (pack(name), registry(from)))),
            lockfile: "packs.lock".to_owned(),
        };
        for (name, expected) in [
            ("chosen", Some(vec!["internal"])),
            ("local", None),
            ("locked", Some(vec!["internal"])),
            ("moved", Some(vec!["default", "internal"])),
            ("new", Some(vec!["default", "internal"])),
        ] {
            let asked = assigned.registries(&pack(name), &order);
            assert_eq!(asked, expected.map(|names| names.into_iter().map(registry).collect::<Vec<_>>()), "{name}");
        }
        assert_eq!(assigned.registries(&pack("new"), &[]), Some(vec![default_registry()]));
    }
}
