//! Registries as people type them: a directory, an address, or a name of packs.toml.

use std::path::Path;
use std::sync::Arc;

use crate::fsys;
use crate::model::RegistryName;
use crate::model::Repository;
use crate::model::without_secrets;
use crate::ops::Context;
use crate::ops::OpsError;
use crate::ops::github::GitHubReleases;
use crate::ops::opened::Opened;
use crate::ops::project::Project;
use crate::ops::registry_admin;
use crate::ops::seen::Remembered;
use crate::ops::seen::Seen;
use crate::ops::sources;
use crate::ops::sources::Purpose;
use crate::ops::sources::Sources;
use crate::registry::SecretKey;
use crate::source::Called;
use crate::source::Memory;
use crate::source::RegistrySource;
use crate::source::SourceError;

/// A registry to write to, and what is remembered of it.
pub(super) struct Writable {
    /// The registry, which compares what it reads with what is remembered.
    pub(super) source: RegistrySource,
    seen: Arc<Seen>,
}

impl Writable {
    /// Signs what is written with these keys.
    pub(super) fn signing(self, keys: Vec<SecretKey>) -> Writable {
        Writable { source: self.source.signing(keys), ..self }
    }

    /// Makes a change, and remembers what was read and written, also if not all of it came to its end.
    pub(super) fn change<T>(&self, context: &Context, change: impl FnOnce() -> Result<T, OpsError>) -> Result<T, OpsError> {
        let changed = change();
        let saved = self.seen.save(context);
        changed.and_then(|value| saved.map(|()| value))
    }
}

/// Opens what was typed as a registry to write to.
///
/// # Errors
/// [`OpsError::NoSuchFile`] where it is none; [`OpsError::NotWritten`] where it is a repository; as [`Sources::registry`].
pub(super) fn open_to_write(context: &Context, registry: &str) -> Result<Writable, OpsError> {
    let source = open_itself(context, registry)?;
    let seen = Arc::new(Seen::open(context, remembered(context, registry)?)?);
    Ok(Writable { source: source.remembering(Arc::clone(&seen) as Arc<dyn Memory>), seen })
}

/// Opens what was typed as a registry to look it through, likewise: no mirror and no cache answers for it.
///
/// # Errors
/// As [`open_to_write`].
pub(super) fn open_to_check(context: &Context, registry: &str) -> Result<RegistrySource, OpsError> {
    let source = open_itself(context, registry)?;
    Ok(source.remembering(Arc::new(Seen::open(context, remembered(context, registry)?)?)))
}

fn open_itself(context: &Context, registry: &str) -> Result<RegistrySource, OpsError> {
    if let Some(name) = typed_name(context, registry)? {
        let project = Project::open(context)?;
        return Sources::new(context, &project.manifest, &project.directory).itself(&name);
    }
    match typed_repository(registry)? {
        Some(repository) => Err(OpsError::NotWritten { repository }),
        None => open_plain(context, registry, Purpose::Itself),
    }
}

/// Opens what was typed, and is no name of packs.toml, to read from it; what it shows is compared with what is remembered, and not remembered itself.
///
/// # Errors
/// [`OpsError::Source`] where it cannot be opened.
pub(super) fn open_to_read<'c>(context: &'c Context, registry: &str) -> Result<Opened<'c>, OpsError> {
    if let Some(repository) = typed_repository(registry)? {
        return Ok(Opened::Releases(Arc::new(GitHubReleases::new(context, &repository)?)));
    }
    let source = open_plain(context, registry, Purpose::Read)?;
    Ok(Opened::Registry(Arc::new(source.remembering(Arc::new(Seen::open(context, remembered(context, registry)?)?)))))
}

/// Tells as what a typed registry is remembered.
///
/// # Errors
/// As [`open_to_write`].
pub(super) fn remembered(context: &Context, registry: &str) -> Result<Remembered, OpsError> {
    if let Some(name) = typed_name(context, registry)? {
        let project = Project::open(context)?;
        return Sources::new(context, &project.manifest, &project.directory).remembered(&name);
    }
    let directory = match sources::local_directory(registry) {
        None if is_address(registry) => None,
        directory => Some(sources::resolved(&context.directory.join(directory.unwrap_or_else(|| registry.into())))),
    };
    let address = sources::spelled(directory.as_deref(), registry);
    let name = if directory.is_some() { registry.to_owned() } else { address.clone() };
    Ok(Remembered { name: registry_admin::name_of(&address), address, called: Called { name, at: None } })
}

/// Tells which registry of packs.toml was typed; `None` for a directory or an address.
///
/// # Errors
/// [`OpsError::NoSuchFile`] where it is none of them.
pub(super) fn typed_name(context: &Context, registry: &str) -> Result<Option<RegistryName>, OpsError> {
    require_place(registry)?;
    let path = context.directory.join(registry);
    let is_directory = || Ok::<_, OpsError>(fsys::status(&path)?.is_some_and(|found| found.kind != fsys::FileKind::File));
    let is_place = sources::local_directory(registry).is_some() || is_address(registry) || typed_repository(registry)?.is_some();
    if is_place || is_directory()? {
        return Ok(None);
    }
    RegistryName::parse(registry).map(Some).map_err(|_| OpsError::NoSuchFile { path })
}

/// Refuses what was meant as an address and is none.
///
/// # Errors
/// [`OpsError::NotAnAddress`].
pub(super) fn require_place(registry: &str) -> Result<(), OpsError> {
    if is_mistyped(registry) { Err(OpsError::NotAnAddress) } else { Ok(()) }
}

/// Tells whether a text was meant as an address and is none: it must not be taken for a directory, nor shown, since it may hold a password.
fn is_mistyped(text: &str) -> bool {
    let meant = text.trim();
    let has_scheme =
        ["http", "https", "s3", "gs", "az"].iter().any(|scheme| meant.strip_prefix(scheme).is_some_and(|rest| rest.starts_with([':', '/']) && rest != "/"));
    (has_scheme && !is_address(text)) || meant.starts_with("//")
}

/// Tells whether a text is written as an address: a scheme, then `://`.
pub(super) fn is_address(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)))
}

/// Reads `github:acme/kanban` as a repository; `None` for what does not begin so.
pub(super) fn typed_repository(registry: &str) -> Result<Option<Repository>, OpsError> {
    // With `://` it is an address of another kind, which is not shown where it is refused.
    Ok(Repository::of_address(registry).filter(|_| !registry.contains("://")).transpose()?)
}

fn open_plain(context: &Context, registry: &str, purpose: Purpose) -> Result<RegistrySource, OpsError> {
    if let Some(directory) = sources::local_directory(registry) {
        return Ok(open_directory(context, &context.directory.join(directory)));
    }
    if is_address(registry) {
        let failed = |source| SourceError::Transport { registry: without_secrets(registry), source: Box::new(source) };
        return Ok(RegistrySource::new(sources::open_remote(context, registry, purpose).map_err(failed)?));
    }
    Ok(open_directory(context, &context.directory.join(registry)))
}

/// Opens a directory as a registry.
fn open_directory(context: &Context, root: &Path) -> RegistrySource {
    RegistrySource::new(Box::new(sources::directory_at(context, root.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_repositories_are_told_apart() {
        assert!(is_address("https://packs.example.org") && is_address("s3://bucket/prefix"));
        for text in ["https:/u:secret@h/x", "https//u:secret@h", " https://u:secret@h", "//u:secret@h", "s3:bucket"] {
            assert!(is_mistyped(text), "{text}");
        }
        for text in ["https://packs.example.org", "s3-registry", "registry", "./http", "az", "github:acme/tools"] {
            assert!(!is_mistyped(text), "{text}");
        }
        assert!(!is_address("registry") && !is_address("://x") && !is_address("a b://x"));
        let repository = |text| typed_repository(text).map(|found| found.map(|repository| repository.to_string()));
        assert_eq!(repository("github:acme/kanban").expect("valid").as_deref(), Some("acme/kanban"));
        assert_eq!(repository("github").expect("a name"), None);
        assert!(repository("github:acme").is_err());
    }
}
