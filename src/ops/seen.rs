//! The newest index documents that each registry has shown: an older one is a registry gone back, or somebody who hides what is newer.
//!
//! `registries/<name>.json` in the home has a part for each address that projects call by this name; a registry that was typed as a directory or an address is
//! kept under the last part of it. What is known of an address counts under every name. It is read before documents are believed, and written after, if
//! something newer was seen: under the lock `registries`, from a fresh reading, so that two commands at once forget nothing. Where the home is not there or
//! cannot be written, what is known counts and nothing is learned.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;

use serde::Deserialize;
use serde::Serialize;

use crate::fsys;
use crate::model::Blake3Digest;
use crate::model::PackName;
use crate::model::RegistryName;
use crate::ops::Context;
use crate::ops::OpsError;
use crate::registry::Shown;
use crate::source::Called;
use crate::source::Memory;
use crate::store::locks;

/// The schema this program reads and writes.
const SCHEMA: &str = "packs.seen/1";

/// Largest file that is read, in bytes: some million packs.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What was seen of the registries that are called by one name: `packs.seen/1`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SeenFile {
    #[serde(default)]
    schema: String,
    /// By address: by pack, the newest revision of its index document.
    #[serde(default)]
    registries: BTreeMap<String, BTreeMap<PackName, u64>>,
    /// By address: by pack, the BLAKE3 of the canonical bytes of that document, where it was looked at.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    digests: BTreeMap<String, BTreeMap<PackName, Blake3Digest>>,
    /// By address: by pack, the BLAKE3 of the bytes of that document as they were last seen.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    bytes: BTreeMap<String, BTreeMap<PackName, Blake3Digest>>,
}

impl SeenFile {
    /// Gives all that is known of an address.
    fn of(&self, address: &str) -> BTreeMap<PackName, Shown> {
        let (digests, bytes) = (self.digests.get(address), self.bytes.get(address));
        let of = |digests: Option<&BTreeMap<PackName, Blake3Digest>>, pack| digests.and_then(|digests| digests.get(pack)).copied();
        let revisions = self.registries.get(address).into_iter().flatten();
        revisions.map(|(pack, revision)| (pack.clone(), Shown { revision: *revision, digest: of(digests, pack), bytes: of(bytes, pack) })).collect()
    }

    fn learn(&mut self, address: &str, known: BTreeMap<PackName, Shown>) {
        let merged = newest(self.of(address), known);
        let digests = merged.iter().filter_map(|(pack, shown)| Some((pack.clone(), shown.digest?))).collect();
        let bytes = merged.iter().filter_map(|(pack, shown)| Some((pack.clone(), shown.bytes?))).collect();
        self.digests.insert(address.to_owned(), digests);
        self.bytes.insert(address.to_owned(), bytes);
        self.registries.insert(address.to_owned(), merged.into_iter().map(|(pack, shown)| (pack, shown.revision)).collect());
    }

    /// Forgets an address; tells whether it was known.
    fn forget(&mut self, address: &str) -> bool {
        self.digests.remove(address);
        self.bytes.remove(address);
        self.registries.remove(address).is_some()
    }
}

/// Puts two notes of one registry together: of each pack the newer one, and of equal ones that which knows the digest.
fn newest(mut one: BTreeMap<PackName, Shown>, other: BTreeMap<PackName, Shown>) -> BTreeMap<PackName, Shown> {
    for (pack, shown) in other {
        let known = one.entry(pack).or_insert(shown);
        let says_more = known.digest.is_none() || (known.digest == shown.digest && shown.bytes.is_some());
        if shown.revision > known.revision || (shown.revision == known.revision && says_more) {
            *known = shown;
        }
    }
    one
}

/// A registry of which something is remembered.
#[derive(Debug, Clone)]
pub(super) struct Remembered {
    /// Its place, without secrets.
    pub(super) address: String,
    /// The name under which it is remembered; what is known of the address under other names counts too.
    pub(super) name: RegistryName,
    /// How the person called it.
    pub(super) called: Called,
}

/// What one registry has shown.
#[derive(Debug)]
pub(super) struct Seen {
    registry: Remembered,
    known: BTreeMap<PackName, Shown>,
    newer: Mutex<BTreeMap<PackName, Shown>>,
}

impl Memory for Seen {
    fn called(&self) -> &Called {
        &self.registry.called
    }

    fn known(&self, name: &PackName) -> Option<Shown> {
        self.newer.lock().expect("no holder panics").get(name).or_else(|| self.known.get(name)).copied()
    }

    fn names(&self) -> Vec<PackName> {
        let newer = self.newer.lock().expect("no holder panics");
        let names: BTreeSet<&PackName> = self.known.keys().chain(newer.keys()).collect();
        names.into_iter().cloned().collect()
    }

    fn learn(&self, name: &PackName, shown: Shown) {
        if self.known.get(name) != Some(&shown) {
            self.newer.lock().expect("no holder panics").insert(name.clone(), shown);
        }
    }
}

impl Seen {
    /// Reads what is known of a registry.
    pub(super) fn open(context: &Context, registry: Remembered) -> Result<Seen, OpsError> {
        let known = known(context, &registry)?;
        Ok(Seen { registry, known, newer: Mutex::default() })
    }

    /// Writes what was learned; afterwards it survives a power cut.
    pub(super) fn save(&self, context: &Context) -> Result<(), OpsError> {
        let newer = std::mem::take(&mut *self.newer.lock().expect("no holder panics"));
        if newer.is_empty() {
            return Ok(());
        }
        let address = &self.registry.address;
        change(context, &self.registry.name, |file| file.learn(address, newer))
    }
}

/// Forgets what a registry has shown, under whatever name, so that an older index is believed again; tells how many packs that is.
pub(super) fn forget(context: &Context, registry: &Remembered) -> Result<usize, OpsError> {
    let count = known(context, registry)?.len();
    for name in std::iter::once(registry.name.clone()).chain(other_names(context, &registry.name)?) {
        if peek(context, &name)?.is_some_and(|mut file| file.forget(&registry.address)) {
            change(context, &name, |file| {
                file.forget(&registry.address);
            })?;
        }
    }
    Ok(count)
}

/// Gives what is known of a registry, under whatever name.
pub(super) fn known(context: &Context, registry: &Remembered) -> Result<BTreeMap<PackName, Shown>, OpsError> {
    let own = read(context, &registry.name)?.of(&registry.address);
    other_names(context, &registry.name)?.iter().try_fold(own, |all, name| {
        let other = peek(context, name)?.map(|file| file.of(&registry.address));
        Ok(other.into_iter().fold(all, newest))
    })
}

/// Lists the other names under which registries are remembered.
fn other_names(context: &Context, own: &RegistryName) -> Result<Vec<RegistryName>, OpsError> {
    let listed = fsys::list_dir(&context.layout.registries())?;
    let names = listed.iter().filter_map(|entry| RegistryName::parse(entry.name_str()?.strip_suffix(".json")?).ok());
    Ok(names.filter(|name| name != own).collect())
}

/// Reads what is known under another name, as far as it can be read: who uses that name is told what is wrong with it.
fn peek(context: &Context, name: &RegistryName) -> Result<Option<SeenFile>, OpsError> {
    let path = context.layout.registry_file(name);
    let Some(bytes) = fsys::read_optional(&path, FILE_BYTES_MAX)? else { return Ok(None) };
    Ok(parse(&bytes, &path).ok().flatten())
}

fn read(context: &Context, name: &RegistryName) -> Result<SeenFile, OpsError> {
    let path = context.layout.registry_file(name);
    let Some(bytes) = fsys::read_optional(&path, FILE_BYTES_MAX)? else { return Ok(SeenFile::default()) };
    // It cannot be made whole again, and nothing works better without an answer.
    parse(&bytes, &path).map(|file| {
        file.unwrap_or_else(|| {
            context.warn(format!("{} cannot be read: an older index of {name} would not be noticed this time", path.display()));
            SeenFile::default()
        })
    })
}

/// Reads a document; `None` where it is damaged.
fn parse(bytes: &[u8], path: &Path) -> Result<Option<SeenFile>, OpsError> {
    /// What every schema has.
    #[derive(Deserialize)]
    struct Head {
        schema: String,
    }
    if let Some(file) = serde_json::from_slice(bytes).ok().filter(|file: &SeenFile| file.schema == SCHEMA) {
        return Ok(Some(file));
    }
    match serde_json::from_slice::<Head>(bytes) {
        // Another packs wrote it, and what it knows must not be lost.
        Ok(head) if head.schema != SCHEMA => Err(OpsError::OtherSeen { path: path.to_owned(), found: head.schema, expected: SCHEMA }),
        _ => Ok(None),
    }
}

/// Moves a damaged document out of the way of a new one, for whoever wants to look at it; the caller holds the lock.
fn put_aside(context: &Context, path: &Path) -> Result<(), OpsError> {
    let Some(bytes) = fsys::read_optional(path, FILE_BYTES_MAX)? else { return Ok(()) };
    if parse(&bytes, path)?.is_none() {
        let aside = path.with_extension("json.damaged");
        fsys::rename(path, &aside)?;
        context.warn(format!("{} was damaged, and is put aside as {}", path.display(), aside.display()));
    }
    Ok(())
}

fn change(context: &Context, name: &RegistryName, change: impl FnOnce(&mut SeenFile)) -> Result<(), OpsError> {
    let path = context.layout.registry_file(name);
    if fsys::status(&context.layout.registries())?.is_none() || fsys::status(&context.layout.locks())?.is_none() {
        return Ok(());
    }
    let write = || -> Result<(), OpsError> {
        let _lock = context.waiting(|waiting| locks::registries(&context.layout, waiting))?;
        put_aside(context, &path)?;
        let mut file = read(context, name)?;
        SCHEMA.clone_into(&mut file.schema);
        change(&mut file);
        let mut bytes = serde_json::to_vec_pretty(&file).expect("the file has text keys only");
        bytes.push(b'\n');
        Ok(fsys::write_atomic(&path, &bytes)?)
    };
    match write() {
        Err(OpsError::Fs(error)) if error.is_read_only() => Ok(()),
        written => written,
    }
}
