//! Where a pack that is not there may be instead: in another registry of the project, or under a name that is nearly the same.

use crate::manifest::Wants;
use crate::model::PackName;
use crate::model::Place;
use crate::model::Range;
use crate::model::RegistryName;
use crate::model::RequirementSource;
use crate::model::nearest;
use crate::net::Answer;
use crate::ops::Context;
use crate::ops::project::Project;
use crate::ops::sources;
use crate::ops::sources::Sources;
use crate::resolve::Conflict;
use crate::resolve::ConflictHint;

/// Most packs that are looked for; more than these are no typing error.
const LOOKED_FOR_MAX: usize = 4;

/// Asks the project's registries about the packs that a conflict says are not there. A registry that does not answer is passed over.
pub(super) fn hints(context: &Context, project: &Project, (wants, conflict): (&Wants, &Conflict)) -> Vec<ConflictHint> {
    let unknown = conflict.hints().iter().filter_map(|hint| match hint {
        ConflictHint::UnknownPack { name, nearest, at, .. } => Some((name, nearest, at)),
        _ => None,
    });
    let sources = Sources::new(context, &project.manifest, &project.directory);
    unknown.take(LOOKED_FOR_MAX).flat_map(|unknown| hints_on(&sources, project, wants, unknown)).collect()
}

fn hints_on(sources: &Sources<'_>, project: &Project, wants: &Wants, (name, told, at): (&PackName, &Option<PackName>, &Option<Place>)) -> Vec<ConflictHint> {
    let asked = wants.packages.get(name).map_or(&RequirementSource::Registry(None), |entry| &entry.requirement.source);
    let Some(own) = sources::registry_of(asked) else { return Vec::new() };
    let has = |registry: &RegistryName| sources.registry(registry).is_ok_and(|place| matches!(place.index(name), Ok(Answer::Found(_))));
    // The name of a pack of a registry that was chosen is nobody else's business: it is not sent to others for a hint.
    let may_ask = |registry: &RegistryName| !matches!(asked, RequirementSource::Registry(Some(_))) || sources.local_root(registry).is_some();
    let others = project.manifest.registries.keys().filter(|registry| **registry != own && may_ask(registry) && has(registry));
    let range = wants.packages.get(name).map_or_else(Range::any, |entry| entry.requirement.range.clone());
    let of_other = |registry: &RegistryName| ConflictHint::InOtherRegistry { name: name.clone(), registry: registry.clone(), range: range.clone() };
    let mut hints: Vec<ConflictHint> = others.map(of_other).collect();
    // What may have been meant says more than where it is not.
    let registry = (told.is_none() && matches!(asked, RequirementSource::Registry(Some(_)))).then(|| own.clone());
    let unknown = |nearest| ConflictHint::UnknownPack { name: name.clone(), nearest, registry: registry.clone(), at: at.clone() };
    if hints.is_empty() {
        let known = sources.registry(&own).ok().and_then(|place| place.packs().ok()).unwrap_or_default();
        let nearest = nearest(name.as_str(), &known).cloned();
        hints.extend((nearest.is_some() || registry.is_some()).then(|| unknown(nearest)));
    } else if registry.is_some() {
        hints.push(unknown(None));
    }
    hints
}
