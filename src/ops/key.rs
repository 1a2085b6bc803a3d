//! Signing keys of this user: made, listed, exported, and opened to sign.
//!
//! A key is two files in the user's directory of settings, in minisign's forms: `<name>.key`, which only its owner may read, and `<name>.pub`. Neither is ever
//! overwritten. The secret file comes first, so that no public key is given out whose secret a power cut took.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

use serde::Serialize;

use crate::fsys;
use crate::model::KeyId;
use crate::model::KeyName;
use crate::model::PublicKey;
use crate::ops::Context;
use crate::ops::OpsError;
use crate::ops::recorded::Recorded;
use crate::ops::recorded::recorded;
use crate::registry::Passphrase;
use crate::registry::RegistryError;
use crate::registry::SecretKey;
use crate::registry::SecretKeyFile;
use crate::store::Store;

/// Largest key file that is read, in bytes; theirs have some 300.
const KEY_FILE_BYTES_MAX: u64 = 16 * 1024;

/// Permission bits of secret keys, and of the directory they lie in.
const SECRET_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;
const PUBLIC_MODE: u32 = 0o644;

/// Bits that let others than the owner read a file.
const OTHERS: u32 = 0o077;

/// Knows the passphrases of keys, or whom to ask.
pub trait Passphrases {
    /// Gives the passphrase that opens a key; `None` where nobody can be asked.
    fn to_open(&self, key: &str) -> Result<Option<Passphrase>, OpsError>;

    /// Gives the passphrase for a new key; `None` where nobody can be asked.
    fn for_new(&self, key: &str) -> Result<Option<Passphrase>, OpsError>;
}

/// A key to sign with, as it was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyChoice {
    /// One of this user's.
    Named(KeyName),
    /// A file.
    File(PathBuf),
}

impl FromStr for KeyChoice {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let is_file = text.contains('/') || text.ends_with(".key");
        Ok(match KeyName::parse(text) {
            Ok(name) if !is_file => KeyChoice::Named(name),
            _ => KeyChoice::File(PathBuf::from(text)),
        })
    }
}

/// Keys to sign with, and how to open them.
pub struct Signing<'a> {
    /// The keys, as they were named.
    pub keys: &'a [KeyChoice],
    /// Who knows their passphrases.
    pub passphrases: &'a dyn Passphrases,
}

/// A key to be made.
#[derive(Debug, Clone)]
pub struct GenerateKeyRequest {
    /// How it is to be called.
    pub name: KeyName,
    /// How it is kept.
    pub protection: Protection,
    /// Whether to plan only.
    pub dry_run: bool,
}

/// How a secret key is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// A passphrase opens it.
    Passphrase,
    /// Whoever reads the file can sign.
    None,
}

/// The key that was made.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct GenerateKeyOutcome {
    /// Whether it was only planned; there is no key then.
    pub dry_run: bool,
    /// Its name.
    pub name: KeyName,
    /// Its id.
    pub id: Option<KeyId>,
    /// The public key, as packs.toml takes it.
    pub public_key: Option<PublicKey>,
    /// The file of the secret key.
    pub secret_key_file: String,
    /// The file of the public key.
    pub public_key_file: String,
}

/// The keys of this user.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct KeyListOutcome {
    /// Where they lie.
    pub directory: String,
    /// The keys, by name.
    pub keys: Vec<ListedKey>,
}

/// One key.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct ListedKey {
    /// Its name.
    pub name: KeyName,
    /// Its id.
    pub id: KeyId,
    /// The public key, as packs.toml takes it.
    pub public_key: PublicKey,
    /// Whether the secret key is there too.
    pub has_secret: bool,
    /// What its file says of it.
    pub comment: String,
}

/// A public key to be given to others.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct KeyExportOutcome {
    /// Its name.
    pub name: KeyName,
    /// Its id.
    pub id: KeyId,
    /// The key, as packs.toml takes it.
    pub public_key: PublicKey,
    /// A file as minisign takes it.
    pub minisign: String,
}

/// Makes a key.
///
/// # Errors
/// [`OpsError::KeyExists`], [`OpsError::NoPassphrase`]. Nothing has been written then.
pub fn generate_key(context: &Context, request: &GenerateKeyRequest, passphrases: &dyn Passphrases) -> Result<GenerateKeyOutcome, OpsError> {
    let files = KeyFiles::of(context, &request.name)?;
    if let Some(path) = files.taken()? {
        return Err(OpsError::KeyExists { path });
    }
    let outcome = |key: Option<&SecretKey>| GenerateKeyOutcome {
        dry_run: request.dry_run,
        name: request.name.clone(),
        id: key.map(|key| key.public().id()),
        public_key: key.map(SecretKey::public),
        secret_key_file: files.secret.display().to_string(),
        public_key_file: files.public.display().to_string(),
    };
    if request.dry_run {
        return Ok(outcome(None));
    }
    let key = SecretKey::from_seed(fsys::random_bytes()?, KeyId::from_bytes(fsys::random_bytes()?));
    let text = match request.protection {
        Protection::None => key.format_open(),
        Protection::Passphrase => {
            let given = passphrases.for_new(request.name.as_str())?.filter(|given| !given.is_empty());
            let passphrase = given.ok_or_else(|| OpsError::NoPassphrase { key: request.name.to_string() })?;
            key.format_locked(&passphrase, fsys::random_bytes()?)
        }
    };
    Store::create(context.layout.clone())?;
    let record = Recorded { action: "key generate", project: None, environment: None, reason: None, packs: vec![] };
    recorded(context, record, || files.write(&text, &public_file(&key.public())))?;
    Ok(outcome(Some(&key)))
}

/// Lists the keys of this user.
///
/// # Errors
/// [`OpsError::KeyUnusable`] where a public key cannot be read.
pub fn list_keys(context: &Context) -> Result<KeyListOutcome, OpsError> {
    let directory = directory(context)?;
    let listed = if fsys::status(&directory)?.is_some() { fsys::list_dir(&directory)? } else { vec![] };
    let names = listed.iter().filter_map(|entry| KeyName::parse(entry.name_str()?.strip_suffix(".pub")?).ok());
    let mut keys = names.map(|name| listed_key(context, name)).collect::<Result<Vec<_>, _>>()?;
    keys.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(KeyListOutcome { directory: directory.display().to_string(), keys })
}

/// Gives a public key in the forms that others take.
///
/// # Errors
/// [`OpsError::UnknownKey`], [`OpsError::KeyUnusable`].
pub fn export_key(context: &Context, name: &KeyName) -> Result<KeyExportOutcome, OpsError> {
    let (public_key, _) = read_public(context, name)?;
    Ok(KeyExportOutcome { name: name.clone(), id: public_key.id(), public_key, minisign: public_file(&public_key) })
}

/// Opens the keys to sign with.
///
/// # Errors
/// [`OpsError::UnknownKey`], [`OpsError::KeyUnusable`], [`OpsError::NoPassphrase`].
pub(super) fn open_keys(context: &Context, signing: &Signing<'_>) -> Result<Vec<SecretKey>, OpsError> {
    signing.keys.iter().map(|choice| open_key(context, choice, signing.passphrases)).collect()
}

fn open_key(context: &Context, choice: &KeyChoice, passphrases: &dyn Passphrases) -> Result<SecretKey, OpsError> {
    let (shown, path) = match choice {
        KeyChoice::Named(name) => (name.to_string(), KeyFiles::of(context, name)?.secret),
        KeyChoice::File(path) => (path.display().to_string(), context.directory.join(path)),
    };
    let unusable = |source: RegistryError| OpsError::KeyUnusable { path: path.clone(), source: Box::new(source) };
    let Some(bytes) = fsys::read_optional(&path, KEY_FILE_BYTES_MAX)? else { return Err(unknown_key(context, shown)) };
    if fsys::status(&path)?.is_some_and(|found| found.mode & OTHERS != 0) {
        context.warn(format!("{} can be read by others than you: chmod 600 it", path.display()));
    }
    match SecretKeyFile::parse(&String::from_utf8_lossy(&bytes)).map_err(unusable)? {
        SecretKeyFile::Open(key) => Ok(key),
        SecretKeyFile::Locked(locked) => {
            let passphrase = passphrases.to_open(&shown)?.ok_or(OpsError::NoPassphrase { key: shown })?;
            locked.unlock(&passphrase).map_err(unusable)
        }
    }
}

fn unknown_key(context: &Context, name: String) -> OpsError {
    let known = list_keys(context).map_or_else(|_| vec![], |listed| listed.keys.into_iter().map(|key| key.name.to_string()).collect());
    OpsError::UnknownKey { name, known }
}

fn listed_key(context: &Context, name: KeyName) -> Result<ListedKey, OpsError> {
    let (public_key, comment) = read_public(context, &name)?;
    let has_secret = fsys::status(&KeyFiles::of(context, &name)?.secret)?.is_some();
    Ok(ListedKey { id: public_key.id(), public_key, has_secret, comment, name })
}

fn read_public(context: &Context, name: &KeyName) -> Result<(PublicKey, String), OpsError> {
    let path = KeyFiles::of(context, name)?.public;
    let Some(bytes) = fsys::read_optional(&path, KEY_FILE_BYTES_MAX)? else { return Err(unknown_key(context, name.to_string())) };
    let text = String::from_utf8_lossy(&bytes);
    let comment = text.lines().next().and_then(|line| line.strip_prefix("untrusted comment:")).unwrap_or_default().trim().to_owned();
    Ok((PublicKey::parse_file(&text)?, comment))
}

/// Writes a public key as minisign's file.
fn public_file(key: &PublicKey) -> String {
    format!("untrusted comment: packs public key {}\n{key}\n", key.id())
}

fn directory(context: &Context) -> Result<PathBuf, OpsError> {
    context.keys.clone().ok_or(OpsError::NoKeyDirectory)
}

/// The two files of a key.
struct KeyFiles {
    directory: PathBuf,
    secret: PathBuf,
    public: PathBuf,
}

impl KeyFiles {
    fn of(context: &Context, name: &KeyName) -> Result<Self, OpsError> {
        let directory = directory(context)?;
        Ok(KeyFiles { secret: directory.join(format!("{name}.key")), public: directory.join(format!("{name}.pub")), directory })
    }

    /// Gives the file that is there already, if one is.
    fn taken(&self) -> Result<Option<PathBuf>, OpsError> {
        for path in [&self.secret, &self.public] {
            if fsys::status(path)?.is_some() {
                return Ok(Some(path.clone()));
            }
        }
        Ok(None)
    }

    fn write(&self, secret: &str, public: &str) -> Result<(), OpsError> {
        fsys::create_dir_all(&self.directory)?;
        fsys::set_mode(&self.directory, DIRECTORY_MODE)?;
        for (path, text, mode) in [(&self.secret, secret, SECRET_MODE), (&self.public, public, PUBLIC_MODE)] {
            fsys::write_new_durable(path, text.as_bytes(), mode).map_err(|error| match error.io_kind() {
                Some(std::io::ErrorKind::AlreadyExists) => OpsError::KeyExists { path: path.clone() },
                _ => error.into(),
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_named_by_name_or_by_file() {
        let choice = |text: &str| KeyChoice::from_str(text).expect("never fails");
        assert_eq!(choice("team"), KeyChoice::Named(KeyName::parse("team").expect("valid")));
        for file in ["./team", "/run/secrets/key", "team.key", "Team"] {
            assert_eq!(choice(file), KeyChoice::File(PathBuf::from(file)));
        }
    }
}
