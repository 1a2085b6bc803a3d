//! Who is asked for a pack: the registry that was typed, else wherever the project takes the pack from.

use crate::generation;
use crate::model::PackName;
use crate::model::RegistryName;
use crate::model::SourceId;
use crate::net::Answer;
use crate::ops::Context;
use crate::ops::OpsError;
use crate::ops::environment;
use crate::ops::opened::Opened;
use crate::ops::opened::no_such_pack;
use crate::ops::project::Project;
use crate::ops::reachable;
use crate::ops::reachable::Assigned;
use crate::ops::reachable::Loaded;
use crate::ops::sources::Sources;
use crate::ops::typed;
use crate::registry::IndexDocument;

/// Who is asked for packs.
pub(super) enum AskedPlace<'c> {
    /// A directory, an address or a repository, of which packs.toml says nothing.
    Typed(Opened<'c>),
    /// One registry of packs.toml.
    Named(Sources<'c>, RegistryName),
    /// Wherever the project takes a pack from.
    Project(Sources<'c>, Box<Project>),
}

/// Everything that a place says about a pack.
pub(super) struct Offer<'c> {
    /// What it says.
    pub(super) document: IndexDocument,
    /// The place.
    pub(super) place: Opened<'c>,
}

impl<'c> AskedPlace<'c> {
    /// Takes what was typed, if anything was.
    ///
    /// # Errors
    /// [`OpsError::NoProject`] where a project is needed and there is none; [`OpsError::NoSuchFile`] where nothing like that is there.
    pub(super) fn open(context: &'c Context, registry: Option<&str>) -> Result<AskedPlace<'c>, OpsError> {
        let named = match registry {
            Some(registry) => match typed::typed_name(context, registry)? {
                None => return Ok(AskedPlace::Typed(typed::open_to_read(context, registry)?)),
                named => named,
            },
            None => None,
        };
        let project = Project::open(context)?;
        let sources = Sources::new(context, &project.manifest, &project.directory);
        Ok(match named {
            Some(name) => AskedPlace::Named(sources, name),
            None => AskedPlace::Project(sources, Box::new(project)),
        })
    }

    /// Asks for a pack; `None` where packs.toml takes it from a directory.
    ///
    /// # Errors
    /// [`OpsError::NoSuchPack`], [`OpsError::RegistryOffline`]; as [`Sources::index`].
    pub(super) fn offer(&self, context: &Context, name: &PackName) -> Result<Option<Offer<'c>>, OpsError> {
        match self {
            AskedPlace::Typed(place) => match place.index(name)? {
                Answer::Found(document) => Ok(Some(Offer { document, place: place.clone() })),
                Answer::Absent => Err(no_such_pack(name, std::slice::from_ref(place))),
                Answer::Offline => Err(OpsError::RegistryOffline { registry: place.describe(), needed: format!("the index of {name}") }),
            },
            AskedPlace::Named(sources, registry) => offer_of(sources, &Assigned::to_registry(name, registry), name),
            AskedPlace::Project(sources, project) => offer_of(sources, &assigned(context, project, name)?, name),
        }
    }

    /// Remembers how new the documents were that were read.
    ///
    /// # Errors
    /// Those of [`Sources::remember`].
    pub(super) fn remember(&self) -> Result<(), OpsError> {
        match self {
            AskedPlace::Typed(_) => Ok(()),
            AskedPlace::Named(sources, _) | AskedPlace::Project(sources, _) => sources.remember(),
        }
    }
}

/// Tells where a project takes a pack from: as the environment that is meant says it, else the first one that knows the pack.
fn assigned(context: &Context, project: &Project, name: &PackName) -> Result<Assigned, OpsError> {
    let active = generation::active_environment(&project.directory)?;
    let meant = match environment::choose(&project.manifest, context.environment.as_ref(), active.as_ref()) {
        Ok((meant, _)) => Some(meant),
        // Nobody said which one: then any may tell where the pack comes from.
        Err(OpsError::AmbiguousEnvironment { .. }) => None,
        Err(error) => return Err(error),
    };
    let others = project.environments().into_iter().filter(|other| Some(other) != meant.as_ref());
    let mut unknown = None;
    for environment in meant.clone().into_iter().chain(others) {
        let assigned = Assigned::new(project, &project.wants(&environment)?)?;
        if assigned.knows(name) {
            return Ok(assigned);
        }
        unknown.get_or_insert(assigned);
    }
    Ok(unknown.unwrap_or_default())
}

fn offer_of<'c>(sources: &Sources<'c>, assigned: &Assigned, name: &PackName) -> Result<Option<Offer<'c>>, OpsError> {
    match reachable::load_one(sources, assigned, name.clone())?.1 {
        Loaded::Document(SourceId::GitHub(repository), document) => Ok(Some(Offer { document, place: Opened::Releases(sources.repository(&repository)?) })),
        Loaded::Document(SourceId::Registry(registry), document) => Ok(Some(Offer { document, place: sources.registry(&registry)? })),
        Loaded::Document(SourceId::Path(_), _) | Loaded::Elsewhere => Ok(None),
        Loaded::Absent => Err(no_such_pack(name, &assigned.asked(sources, name)?)),
    }
}
