//! Registries as their keepers and their users run them: made, signed, trusted, forgotten.

use std::path::PathBuf;

use serde::Serialize;

use crate::fsys;
use crate::manifest::Edit;
use crate::model::KeyId;
use crate::model::PackName;
use crate::model::PublicKey;
use crate::model::RegistryName;
use crate::net::Answer;
use crate::net::Written;
use crate::ops::ChangeRequest;
use crate::ops::Context;
use crate::ops::OpsError;
use crate::ops::commit;
use crate::ops::commit::FileEdit;
use crate::ops::key::Signing;
use crate::ops::key::open_keys;
use crate::ops::project::MANIFEST_NAME;
use crate::ops::project::Project;
use crate::ops::recorded::Recorded;
use crate::ops::recorded::recorded;
use crate::ops::seen;
use crate::ops::session::Session;
use crate::ops::sources;
use crate::ops::typed;
use crate::registry::RegistryDocument;
use crate::source::Adopt;
use crate::source::Effect;
use crate::source::RegistrySource;
use crate::source::Source as _;
use crate::store::Store;

/// The name of a registry whose place suggests none.
const PLAIN_NAME: &str = "registry";

/// Largest file with a public key that is read, in bytes.
const KEY_FILE_BYTES_MAX: u64 = 16 * 1024;

/// A registry to be made.
#[derive(Debug, Clone)]
pub struct InitRegistryRequest {
    /// A directory, which is made if missing; an address; or a name of packs.toml.
    pub registry: String,
    /// How it calls itself; by its place where there is none.
    pub name: Option<RegistryName>,
    /// Whether to plan only.
    pub dry_run: bool,
}

/// What was made.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct InitRegistryOutcome {
    /// Whether it was only planned.
    pub dry_run: bool,
    /// The registry.
    pub registry: String,
    /// How it calls itself.
    pub name: RegistryName,
    /// Whether it was a registry already.
    pub was_there: bool,
    /// The keys it says it signs with.
    pub keys: Vec<KeyId>,
    /// Whether the list of its packs was missing or behind.
    pub names_written: bool,
}

/// A registry to be signed anew.
#[derive(Debug, Clone)]
pub struct SignRegistryRequest {
    /// A directory, an address, or a name of packs.toml.
    pub registry: String,
    /// Whether unsigned documents, and those of strangers, are signed as they stand.
    pub adopt: Adopt,
    /// Whether to plan only.
    pub dry_run: bool,
}

/// What was signed.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct SignRegistryOutcome {
    /// Whether it was only planned.
    pub dry_run: bool,
    /// The registry.
    pub registry: String,
    /// The keys that sign.
    pub keys: Vec<KeyId>,
    /// The packs whose documents are signed anew.
    pub signed: Vec<PackName>,
    /// How many documents bore just these signatures already.
    pub unchanged: usize,
}

/// A key to be trusted, or to be trusted no more.
#[derive(Debug, Clone)]
pub struct AddKeyRequest {
    /// The registry, by its name in packs.toml.
    pub registry: RegistryName,
    /// The key: `RWQ…`, or a `.pub` file.
    pub key: String,
    /// What becomes of it.
    pub wish: KeyWish,
    /// How to change.
    pub change: ChangeRequest,
}

/// What becomes of a trusted key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyWish {
    /// It is trusted besides those that are.
    Add,
    /// It is trusted no more.
    Remove,
}

/// What is trusted now.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct AddKeyOutcome {
    /// Whether it was only planned.
    pub dry_run: bool,
    /// The registry.
    pub registry: RegistryName,
    /// Whether packs.toml changes.
    pub changed: bool,
    /// The keys that packs.toml trusts for it then.
    pub keys: Vec<PublicKey>,
}

/// What was forgotten.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct ForgetOutcome {
    /// Whether it was only planned.
    pub dry_run: bool,
    /// The registry, as it was typed.
    pub registry: String,
    /// How many packs' documents are forgotten.
    pub packs: usize,
}

/// Makes a place a registry, or completes one: its description, and the list of its packs.
///
/// # Errors
/// [`OpsError::Source`] where it cannot be written.
pub fn init_registry(context: &Context, request: &InitRegistryRequest, signing: &Signing<'_>) -> Result<InitRegistryOutcome, OpsError> {
    let keys: Vec<PublicKey> = open_keys(context, signing)?.iter().map(crate::registry::SecretKey::public).collect();
    let missing = missing_directory(context, &request.registry)?;
    let name = request.name.clone().unwrap_or_else(|| name_of(&request.registry));
    let mut document = RegistryDocument { name, keys: keys.iter().map(ToString::to_string).collect() };
    let outcome = |registry: String, document: &RegistryDocument, was_there: bool, names_written: bool| InitRegistryOutcome {
        dry_run: request.dry_run,
        registry,
        name: document.name.clone(),
        was_there,
        keys: document.known_keys().iter().map(PublicKey::id).collect(),
        names_written,
    };
    if let (true, Some(directory)) = (request.dry_run, &missing) {
        return Ok(outcome(format!("file:{}", directory.display()), &document, false, true));
    }
    if request.dry_run {
        let source = typed::open_to_write(context, &request.registry)?.source;
        let found = found(&source)?;
        let was_there = found.is_some();
        return Ok(outcome(source.describe(), &found.unwrap_or(document), was_there, !matches!(source.names(), Ok(Answer::Found(_)))));
    }
    Store::create(context.layout.clone())?;
    recorded(context, record("registry init"), || {
        if let Some(directory) = &missing {
            fsys::create_dir_all(directory)?;
        }
        let source = typed::open_to_write(context, &request.registry)?.source;
        let was_there = source.initialize(&document)? == Written::PreconditionFailed;
        if was_there {
            document = found(&source)?.unwrap_or(document);
        }
        let names_written = source.refresh_names(&source.packs()?)?;
        Ok(outcome(source.describe(), &document, was_there, names_written))
    })
}

/// Signs all index documents of a registry with these keys, in place of the signatures they have.
///
/// Everything is looked at before anything is written. If the power goes meanwhile, some documents bear the old signatures and some the new: whoever trusts
/// both keys notices nothing, and the next try signs the rest.
///
/// # Errors
/// [`OpsError::NoKeyNamed`]; [`OpsError::Source`] where a document is not what it was signed as, or nobody known vouches for it.
pub fn sign_registry(context: &Context, request: &SignRegistryRequest, signing: &Signing<'_>) -> Result<SignRegistryOutcome, OpsError> {
    if signing.keys.is_empty() {
        return Err(OpsError::NoKeyNamed);
    }
    let keys = open_keys(context, signing)?;
    let public: Vec<PublicKey> = keys.iter().map(crate::registry::SecretKey::public).collect();
    let registry = typed::open_to_write(context, &request.registry)?.signing(keys);
    let source = &registry.source;
    let packs = source.packs()?;
    if let Some((_, gone)) = source.gone(&packs).into_iter().next() {
        return Err(gone.into());
    }
    let mut signed = Vec::new();
    for name in &packs {
        if source.sign(name, request.adopt, Effect::Plan)? {
            signed.push(name.clone());
        }
    }
    if !request.dry_run {
        Store::create(context.layout.clone())?;
        recorded(context, record("registry sign"), || {
            registry.change(context, || {
                for name in &signed {
                    context.interrupt.check_between()?;
                    source.sign(name, request.adopt, Effect::Write)?;
                }
                source.list_keys(&public)?;
                Ok(())
            })
        })?;
    }
    Ok(SignRegistryOutcome {
        dry_run: request.dry_run,
        registry: source.describe(),
        keys: public.iter().map(PublicKey::id).collect(),
        unchanged: packs.len() - signed.len(),
        signed,
    })
}

/// Writes to packs.toml that a key is trusted for a registry, or no more.
///
/// # Errors
/// [`OpsError::UnknownRegistry`], [`OpsError::Noun`] where the key is none, [`OpsError::LastKey`] where it is the last. Nothing has changed then.
pub fn add_key(context: &Context, request: &AddKeyRequest) -> Result<AddKeyOutcome, OpsError> {
    let key = read_key(context, &request.key)?;
    let project = Project::open(context)?;
    if request.change.dry_run {
        return Ok(plan_keys(&project, request, key)?.0);
    }
    let session = Session::open(context, &project)?;
    let project = Project::open(context)?;
    let (outcome, text) = plan_keys(&project, request, key)?;
    if outcome.changed {
        let action = if request.wish == KeyWish::Add { "registry add-key" } else { "registry remove-key" };
        let record = Recorded { action, project: Some(&project), environment: None, reason: request.change.reason.as_deref(), packs: vec![] };
        let edit = FileEdit::new(MANIFEST_NAME, Some(&project.text), Some(&text));
        recorded(context, record, || commit::apply_files(context, &session, action, &[edit]))?;
    }
    Ok(outcome)
}

/// Forgets which index documents a registry has shown: a name of packs.toml, a directory or an address.
///
/// # Errors
/// [`OpsError::UnknownRegistry`], [`OpsError::NoSuchFile`] where it is none of them.
pub fn forget_registry(context: &Context, registry: &str, request: &ChangeRequest) -> Result<ForgetOutcome, OpsError> {
    let remembered = typed::remembered(context, registry)?;
    let packs = if request.dry_run {
        seen::known(context, &remembered)?.len()
    } else {
        Store::create(context.layout.clone())?;
        let record = Recorded { reason: request.reason.as_deref(), ..record("registry forget") };
        recorded(context, record, || seen::forget(context, &remembered))?
    };
    Ok(ForgetOutcome { dry_run: request.dry_run, registry: remembered.called.name, packs })
}

fn plan_keys(project: &Project, request: &AddKeyRequest, key: PublicKey) -> Result<(AddKeyOutcome, String), OpsError> {
    let registries = &project.manifest.registries;
    let unknown = || OpsError::UnknownRegistry { name: request.registry.clone(), known: registries.keys().cloned().collect() };
    let entry = registries.get(&request.registry).ok_or_else(unknown)?;
    if let Some(repository) = entry.repository() {
        return Err(OpsError::NotWritten { repository });
    }
    let mut keys: Vec<PublicKey> = entry.keys.iter().copied().filter(|known| *known != key).collect();
    if request.wish == KeyWish::Add {
        keys.push(key);
    }
    let changed = keys.len() != entry.keys.len();
    if changed && keys.is_empty() {
        return Err(OpsError::LastKey { name: request.registry.clone(), key: key.id(), at: entry.at.clone() });
    }
    let keys = if changed { keys } else { entry.keys.clone() };
    let mut edit = Edit::parse(&project.text, MANIFEST_NAME)?;
    edit.set_registry_keys(&request.registry, &entry.url, &keys);
    let outcome = AddKeyOutcome { dry_run: request.change.dry_run, registry: request.registry.clone(), changed, keys };
    Ok((outcome, edit.to_text()))
}

/// Reads a key as it was typed: itself, or the file it lies in.
fn read_key(context: &Context, text: &str) -> Result<PublicKey, OpsError> {
    let path = context.directory.join(text);
    match PublicKey::parse(text) {
        Ok(key) => Ok(key),
        Err(invalid) => match fsys::read_optional(&path, KEY_FILE_BYTES_MAX) {
            Ok(Some(bytes)) => Ok(PublicKey::parse_file(&String::from_utf8_lossy(&bytes))?),
            _ => Err(invalid.into()),
        },
    }
}

/// Gives the directory that is meant and is not there.
fn missing_directory(context: &Context, registry: &str) -> Result<Option<PathBuf>, OpsError> {
    typed::require_place(registry)?;
    let is_name =
        || RegistryName::parse(registry).is_ok_and(|name| Project::open(context).is_ok_and(|project| project.manifest.registries.contains_key(&name)));
    let path = match sources::local_directory(registry) {
        Some(directory) => context.directory.join(directory),
        None if typed::is_address(registry) || typed::typed_repository(registry)?.is_some() => return Ok(None),
        None => context.directory.join(registry),
    };
    if fsys::status(&path)?.is_some() || is_name() { Ok(None) } else { Ok(Some(path)) }
}

fn found(source: &RegistrySource) -> Result<Option<RegistryDocument>, OpsError> {
    match source.document()? {
        Answer::Offline => Err(OpsError::RegistryOffline { registry: source.describe(), needed: "its description".to_owned() }),
        answer => Ok(answer.found()),
    }
}

/// Gives the last part of a place's name, if a registry may be called so.
pub(super) fn name_of(place: &str) -> RegistryName {
    let last = place.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or_default();
    RegistryName::parse(last).unwrap_or_else(|_| RegistryName::parse(PLAIN_NAME).expect("it is spelled well"))
}

fn record(action: &'static str) -> Recorded<'static> {
    Recorded { action, project: None, environment: None, reason: None, packs: vec![] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_suggest_names() {
        for (place, expected) in [
            ("../team", "team"),
            ("file:/srv/packs/", "packs"),
            ("s3://bucket/main", "main"),
            ("s3://bucket", "bucket"),
            ("file:registry", "registry"),
            ("..", "registry"),
            ("/srv/Our Packs", "registry"),
        ] {
            assert_eq!(name_of(place).as_str(), expected, "{place}");
        }
    }
}
