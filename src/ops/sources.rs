//! The registries and repositories of a project, opened when first asked: their documents, and the places that archives come from.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;

use rayon::iter::IntoParallelIterator as _;
use rayon::iter::ParallelIterator as _;

use crate::fetch::Need;
use crate::fsys;
use crate::lock::LockedArtifact;
use crate::manifest::DEFAULT_REGISTRY;
use crate::manifest::Manifest;
use crate::manifest::RegistryEntry;
use crate::model::PackName;
use crate::model::RegistryName;
use crate::model::Repository;
use crate::model::RequirementSource;
use crate::model::SourceId;
use crate::model::without_secrets;
use crate::net::Answer;
use crate::net::Directory;
use crate::net::NetError;
use crate::net::Transport;
use crate::net::Unasked;
use crate::ops::Context;
use crate::ops::Event;
use crate::ops::OpsError;
use crate::ops::github::GitHubReleases;
use crate::ops::github::LockedAsset;
use crate::ops::index_cache;
use crate::ops::index_cache::Cached;
use crate::ops::mirrors;
use crate::ops::mirrors::Mirrored;
use crate::ops::opened::Opened;
use crate::ops::seen::Remembered;
use crate::ops::seen::Seen;
use crate::registry;
use crate::registry::INDEX_BYTES_MAX;
use crate::registry::IndexDocument;
use crate::source::Called;
use crate::source::RegistrySource;
use crate::source::Source;
use crate::source::Trust;

/// The registries of a project, opened when first asked.
pub(super) struct Sources<'c> {
    pub(super) context: &'c Context,
    project: PathBuf,
    registries: BTreeMap<RegistryName, RegistryEntry>,
    order: Vec<RegistryName>,
    opened: Mutex<BTreeMap<RegistryName, Opened<'c>>>,
    seen: Mutex<BTreeMap<RegistryName, Arc<Seen>>>,
    repositories: Mutex<BTreeMap<Repository, Arc<GitHubReleases<'c>>>>,
}

/// Where a locked archive comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LockedFrom {
    /// A registry of packs.toml; with the address where the registry is a repository's releases.
    Registry(RegistryName, Option<String>),
    /// A release of a repository, at this address.
    GitHub(Repository, String),
}

impl LockedFrom {
    /// Reads it out of a lockfile; `None` where the release is a directory of the project.
    pub(super) fn new(source: &SourceId, artifact: &LockedArtifact) -> Option<LockedFrom> {
        match source {
            SourceId::Registry(registry) => Some(LockedFrom::Registry(registry.clone(), artifact.url.clone())),
            SourceId::GitHub(repository) => Some(LockedFrom::GitHub(repository.clone(), artifact.url.clone().unwrap_or_default())),
            SourceId::Path(_) => None,
        }
    }
}

/// What a registry is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To read, also from mirrors and the index cache.
    Read,
    /// To write to it or to check it: the registry itself.
    Itself,
}

impl<'c> Sources<'c> {
    /// Takes the registries of a manifest, with relative addresses from the project's directory.
    pub(super) fn new(context: &'c Context, manifest: &Manifest, project: &Path) -> Sources<'c> {
        Sources {
            context,
            project: project.to_owned(),
            registries: manifest.registries.clone(),
            order: manifest.registry_order(),
            opened: Mutex::new(BTreeMap::new()),
            seen: Mutex::new(BTreeMap::new()),
            repositories: Mutex::new(BTreeMap::new()),
        }
    }

    /// Opens a registry by its name, for reading; the second time it is the same one.
    ///
    /// # Errors
    /// [`OpsError::UnknownRegistry`], [`OpsError::UnopenedRegistry`]; as [`Sources::repository`] where it is one.
    pub(super) fn registry(&self, name: &RegistryName) -> Result<Opened<'c>, OpsError> {
        let mut opened = self.opened.lock().expect("no holder panics");
        if let Some(place) = opened.get(name) {
            return Ok(place.clone());
        }
        let place = match self.entry(name)?.repository() {
            Some(repository) => Opened::Releases(self.repository(&repository)?),
            None => Opened::Registry(Arc::new(self.open(name, Purpose::Read)?)),
        };
        opened.insert(name.clone(), place.clone());
        Ok(place)
    }

    /// Opens the registry itself by its name, to write to it or to look it through.
    ///
    /// # Errors
    /// [`OpsError::NotWritten`] where it is a repository; as [`Sources::registry`].
    pub(super) fn itself(&self, name: &RegistryName) -> Result<RegistrySource, OpsError> {
        match self.entry(name)?.repository() {
            Some(repository) => Err(OpsError::NotWritten { repository }),
            None => self.open(name, Purpose::Itself),
        }
    }

    /// Opens the releases of a repository; the second time they are the same ones.
    ///
    /// # Errors
    /// [`OpsError::Source`] where the variables about GitHub cannot be used.
    pub(super) fn repository(&self, repository: &Repository) -> Result<Arc<GitHubReleases<'c>>, OpsError> {
        let mut repositories = self.repositories.lock().expect("no holder panics");
        if let Some(releases) = repositories.get(repository) {
            return Ok(Arc::clone(releases));
        }
        let releases = Arc::new(GitHubReleases::new(self.context, repository)?);
        repositories.insert(repository.clone(), Arc::clone(&releases));
        Ok(releases)
    }

    /// Opens the place that a locked archive comes from.
    ///
    /// # Errors
    /// As [`Sources::registry`] and [`Sources::repository`].
    pub(super) fn locked(&self, from: &LockedFrom, need: &Need) -> Result<Arc<dyn Source + 'c>, OpsError> {
        let (releases, url) = match from {
            LockedFrom::GitHub(repository, url) => (self.repository(repository)?, Some(url.clone())),
            LockedFrom::Registry(name, url) => match self.registry(name)? {
                Opened::Registry(registry) => return Ok(registry),
                Opened::Releases(releases) => (releases, url.clone()),
            },
        };
        // The lockfile may be from a time when the registry lay elsewhere.
        let url = match url {
            Some(url) => url,
            None => releases.address_of(need)?.unwrap_or_default(),
        };
        Ok(Arc::new(LockedAsset { releases, url }))
    }

    /// Names for people the place that a locked archive comes from.
    ///
    /// # Errors
    /// As [`Sources::locked`].
    pub(super) fn describe(&self, from: &LockedFrom) -> Result<String, OpsError> {
        match from {
            LockedFrom::Registry(name, _) => Ok(self.registry(name)?.describe()),
            LockedFrom::GitHub(repository, _) => Ok(self.repository(repository)?.describe()),
        }
    }

    fn open(&self, name: &RegistryName, purpose: Purpose) -> Result<RegistrySource, OpsError> {
        let entry = self.entry(name)?;
        let unopened = |source| OpsError::UnopenedRegistry { name: name.clone(), at: entry.at.clone(), source: Box::new(source) };
        let transport = match local_directory(&entry.url) {
            Some(directory) => Box::new(directory_at(self.context, self.resolved(&directory))),
            None => open_remote(self.context, &entry.url, purpose).map_err(unopened)?,
        };
        let source = RegistrySource::new(transport);
        if entry.keys.is_empty() {
            return Ok(source);
        }
        Ok(source.trusting(Trust { registry: name.clone(), keys: entry.keys.clone(), at: entry.at.clone() }))
    }

    /// Reads a pack's index document, which must be signed and as new as has been seen, as far as that is asked for.
    ///
    /// # Errors
    /// Those of [`RegistrySource::index_as_remembered`].
    pub(super) fn index(&self, registry: &RegistryName, name: &PackName) -> Result<Answer<IndexDocument>, OpsError> {
        let source = match self.registry(registry)? {
            Opened::Registry(source) => source,
            // What a repository offers is put together here, and has no revision to go back to.
            Opened::Releases(releases) => return releases.index(name),
        };
        let seen = self.seen(registry)?;
        Ok(source.index_as_remembered(name, Some(&*seen))?)
    }

    /// Gives the bytes of a pack's index document as they are known without asking anybody: a directory's own, else those that were read last.
    pub(super) fn known_index(&self, registry: &RegistryName, name: &PackName) -> Option<Vec<u8>> {
        let path = registry::index_path(name);
        match self.local_root(registry) {
            Some(root) => fsys::read_optional(&root.join(path), INDEX_BYTES_MAX).ok().flatten(),
            None => index_cache::known(self.context, &self.entry(registry).ok()?.url, &path, INDEX_BYTES_MAX),
        }
    }

    /// Reads such a document; `None` where it is not believed.
    pub(super) fn parse_known(&self, registry: &RegistryName, name: &PackName, bytes: &[u8]) -> Option<IndexDocument> {
        IndexDocument::parse_signed(bytes, name, &self.entry(registry).ok()?.keys).ok()
    }

    /// Remembers how new the documents were that were read.
    pub(super) fn remember(&self) -> Result<(), OpsError> {
        let seen: Vec<Arc<Seen>> = self.seen.lock().expect("no holder panics").values().cloned().collect();
        seen.iter().try_for_each(|seen| seen.save(self.context))
    }

    fn seen(&self, name: &RegistryName) -> Result<Arc<Seen>, OpsError> {
        let mut opened = self.seen.lock().expect("no holder panics");
        if let Some(seen) = opened.get(name) {
            return Ok(Arc::clone(seen));
        }
        let seen = Arc::new(Seen::open(self.context, self.remembered(name)?)?);
        opened.insert(name.clone(), Arc::clone(&seen));
        Ok(seen)
    }

    /// Tells as what a registry is remembered.
    ///
    /// # Errors
    /// [`OpsError::UnknownRegistry`].
    pub(super) fn remembered(&self, name: &RegistryName) -> Result<Remembered, OpsError> {
        let entry = self.entry(name)?;
        let directory = local_directory(&entry.url).map(|directory| self.resolved(&directory));
        let called = Called { name: name.to_string(), at: Some(entry.at.clone()) };
        Ok(Remembered { address: spelled(directory.as_deref(), &entry.url), name: name.clone(), called })
    }

    fn entry(&self, name: &RegistryName) -> Result<&RegistryEntry, OpsError> {
        self.registries.get(name).ok_or_else(|| OpsError::UnknownRegistry { name: name.clone(), known: self.registries.keys().cloned().collect() })
    }

    /// Asks registries in order for a pack; the first that has the name is believed whole, and none after it is asked.
    ///
    /// Only a registry that answers and does not have the name leads on to the next: one that fails or is offline ends the search, or whoever can
    /// keep it from answering would choose where packs come from.
    ///
    /// # Errors
    /// [`OpsError::RegistryOffline`], [`OpsError::Source`], and those of [`Sources::registry`].
    pub(super) fn first_with(&self, name: &PackName, registries: &[RegistryName]) -> Result<Option<(RegistryName, IndexDocument)>, OpsError> {
        for registry in registries {
            match self.index(registry, name)? {
                Answer::Found(document) => return Ok(Some((registry.clone(), document))),
                Answer::Absent => {}
                Answer::Offline => {
                    let registry = self.registry(registry)?.describe();
                    return Err(OpsError::RegistryOffline { registry, needed: format!("the index of {name}") });
                }
            }
        }
        Ok(None)
    }

    /// Gives all registries, in the order in which they are asked.
    pub(super) fn order(&self) -> &[RegistryName] {
        &self.order
    }

    /// Does something for each of many, side by side: with a thread per core where all registries are on this machine, else with as many as there may be
    /// requests at once, since such a thread does nothing but wait.
    ///
    /// Of several failures the first one in order is given.
    pub(super) fn side_by_side<T: Send, U: Send>(&self, all: BTreeSet<T>, act: impl Fn(T) -> Result<U, OpsError> + Send + Sync) -> Result<Vec<U>, OpsError> {
        // Whoever asked to stop waits for what has begun, and for nothing more.
        let act = |one| self.context.interrupt.check().and_then(|()| act(one));
        let is_local = self.registries.keys().all(|name| self.local_root(name).is_some());
        let threads = self.context.connections.min(all.len());
        if is_local || threads <= 1 {
            return all.into_par_iter().map(act).collect();
        }
        let waiting = Mutex::new(all.into_iter().enumerate());
        let done = Mutex::new(BTreeMap::new());
        // In a function of its own, so that the lock is free again before the work begins.
        let next = || waiting.lock().expect("no holder panics").next();
        let work = || {
            while let Some((at, one)) = next() {
                let result = act(one);
                let failed = result.is_err();
                done.lock().expect("no holder panics").insert(at, result);
                if failed {
                    // What has begun comes to its end; nothing more is begun.
                    waiting.lock().expect("no holder panics").by_ref().for_each(drop);
                }
            }
        };
        std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
        done.into_inner().expect("no holder panics").into_values().collect()
    }

    /// Gives the directory of a registry, if it lies on this machine.
    pub(super) fn local_root(&self, name: &RegistryName) -> Option<PathBuf> {
        self.registries.get(name).and_then(|entry| local_directory(&entry.url)).map(|directory| self.resolved(&directory))
    }

    /// Gives the directories of this machine that hold a registry's files: its own, or those of its mirrors.
    pub(super) fn local_roots(&self, name: &RegistryName) -> Vec<PathBuf> {
        let Some(entry) = self.registries.get(name) else { return Vec::new() };
        let own = self.local_root(name).into_iter();
        own.chain(
            mirrors::addresses(&self.context.mirrors, &entry.url)
                .iter()
                .filter(|address| **address != entry.url)
                .filter_map(|address| local_directory(address)),
        )
        .collect()
    }

    fn resolved(&self, directory: &Path) -> PathBuf {
        resolved(&self.project.join(directory))
    }
}

/// Resolves a directory; one that is not there is named as it is written.
pub(super) fn resolved(directory: &Path) -> PathBuf {
    fsys::canonicalize(directory).unwrap_or_else(|_| directory.to_owned())
}

/// Spells an address as it is remembered: the place itself, wherever packs.toml lies, without secrets.
pub(super) fn spelled(directory: Option<&Path>, url: &str) -> String {
    directory.map_or_else(|| without_secrets(url).trim_end_matches('/').to_owned(), |directory| format!("file:{}", directory.display()))
}

/// Opens a registry that is no directory of this machine; offline it is one that answers nothing.
pub(super) fn open_remote(context: &Context, address: &str, purpose: Purpose) -> Result<Box<dyn Transport>, NetError> {
    if purpose == Purpose::Itself {
        return open_address(context, address);
    }
    let transport = match mirrors::addresses(&context.mirrors, address).as_slice() {
        [only] => open_address(context, only)?,
        several => Box::new(Mirrored::open(context, address, several, open_address)?),
    };
    Ok(Box::new(Cached::new(transport, address, context)))
}

/// Opens one address, as it is; a mirror may be a directory of this machine.
fn open_address(context: &Context, address: &str) -> Result<Box<dyn Transport>, NetError> {
    if let Some(directory) = local_directory(address) {
        return Ok(Box::new(directory_at(context, directory)));
    }
    if context.offline {
        return Ok(Box::new(Unasked::new(without_secrets(address))));
    }
    context.network.open(address)
}

/// Takes a directory that says whose lock it waits for, and whose its own is.
pub(super) fn directory_at(context: &Context, root: PathBuf) -> Directory {
    let report = Arc::clone(&context.report);
    let on_wait = move |holder: &str| report.event(Event::Waiting(holder.to_owned()));
    Directory::new(root).waiting(context.wait_max).named(context.public_holder(), Arc::new(on_wait))
}

/// Reads `file:registry`, `file:/srv/registry` and `file:///srv/registry` as a path.
pub(super) fn local_directory(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("file:")?;
    let path = path.strip_prefix("//").filter(|absolute| absolute.starts_with('/')).unwrap_or(path);
    (!path.is_empty() && !path.starts_with("//")).then(|| PathBuf::from(path))
}

/// Gives the name of the registry that a source of packs.toml means.
pub(super) fn registry_of(source: &RequirementSource) -> Option<RegistryName> {
    match source {
        RequirementSource::Registry(Some(name)) => Some(name.clone()),
        RequirementSource::Registry(None) => Some(default_registry()),
        RequirementSource::GitHub(_) | RequirementSource::Path(_) => None,
    }
}

/// Gives the registries that a manifest declares; one that declares none takes packs from the default one.
pub(super) fn declared_registries(manifest: &Manifest) -> BTreeSet<RegistryName> {
    if manifest.registries.is_empty() { BTreeSet::from([default_registry()]) } else { manifest.registries.keys().cloned().collect() }
}

/// Gives the name `default`.
pub(super) fn default_registry() -> RegistryName {
    RegistryName::parse(DEFAULT_REGISTRY).expect("it is spelled well")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_directories() {
        for (url, expected) in [
            ("file:registry", Some("registry")),
            ("file:../registry", Some("../registry")),
            ("file:/srv/registry", Some("/srv/registry")),
            ("file:///srv/registry", Some("/srv/registry")),
            ("file://host/registry", None),
            ("file:", None),
            ("https://example.org/registry", None),
        ] {
            assert_eq!(local_directory(url), expected.map(PathBuf::from), "{url}");
        }
    }
}
