//! The newest index revisions that each registry has shown: an older one is a registry gone back, or somebody who hides what is newer.
//!
//! `registries/<name>.json` in the home has a part for each address that projects call by this name. It is read before documents are believed, and written
//! after, if something newer was seen: under the lock `registries`, from a fresh reading, so that two commands at once forget nothing. Where the home
//! is not there or cannot be written, what is known counts and nothing is learned.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Mutex;

use serde::Deserialize;
use serde::Serialize;

use crate::fsys;
use crate::fsys::FsError;
use crate::model::PackName;
use crate::model::Place;
use crate::model::RegistryName;
use crate::ops::Context;
use crate::ops::OpsError;
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
}

/// What one registry has shown.
#[derive(Debug)]
pub(super) struct Seen {
    name: RegistryName,
    address: String,
    at: Place,
    known: BTreeMap<PackName, u64>,
    newer: Mutex<BTreeMap<PackName, u64>>,
}

impl Seen {
    /// Reads what is known of a registry.
    pub(super) fn open(context: &Context, name: &RegistryName, address: &str, at: &Place) -> Result<Seen, OpsError> {
        let known = read(context, name)?.registries.remove(address).unwrap_or_default();
        Ok(Seen { name: name.clone(), address: address.to_owned(), at: at.clone(), known, newer: Mutex::new(BTreeMap::new()) })
    }

    /// Takes a revision that the registry shows.
    ///
    /// # Errors
    /// [`OpsError::OlderIndex`] where it has shown a newer one.
    pub(super) fn check(&self, pack: &PackName, revision: u64) -> Result<(), OpsError> {
        let seen = self.known.get(pack).copied().unwrap_or(0);
        if revision < seen {
            return Err(OpsError::OlderIndex { registry: self.name.clone(), name: pack.clone(), found: revision, seen, at: self.at.clone() });
        }
        if revision > seen {
            self.newer.lock().expect("no holder panics").insert(pack.clone(), revision);
        }
        Ok(())
    }

    /// Writes what was learned; afterwards it survives a power cut.
    pub(super) fn save(&self, context: &Context) -> Result<(), OpsError> {
        let newer = std::mem::take(&mut *self.newer.lock().expect("no holder panics"));
        if newer.is_empty() {
            return Ok(());
        }
        change(context, &self.name, |file| {
            let seen = file.registries.entry(self.address.clone()).or_default();
            for (pack, revision) in newer {
                let before = seen.entry(pack).or_default();
                *before = revision.max(*before);
            }
        })
    }
}

/// Forgets what the registries of a name have shown, so that an older index is believed again; tells how many packs that is.
pub(super) fn forget(context: &Context, name: &RegistryName, address: &str) -> Result<usize, OpsError> {
    let count = known(context, name, address)?;
    if count > 0 {
        change(context, name, |file| {
            file.registries.remove(address);
        })?;
    }
    Ok(count)
}

/// Counts the packs of a registry whose revisions are known.
pub(super) fn known(context: &Context, name: &RegistryName, address: &str) -> Result<usize, OpsError> {
    Ok(read(context, name)?.registries.get(address).map_or(0, BTreeMap::len))
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
    match serde_json::from_slice::<Head>(bytes) {
        // Another packs wrote it, and what it knows must not be lost.
        Ok(head) if head.schema != SCHEMA => Err(OpsError::OtherSeen { path: path.to_owned(), found: head.schema, expected: SCHEMA }),
        _ => Ok(serde_json::from_slice(bytes).ok().filter(|file: &SeenFile| file.schema == SCHEMA)),
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
    if fsys::status(path.parent().expect("it lies in a directory"))?.is_none() || fsys::status(&context.layout.locks())?.is_none() {
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
        Err(OpsError::Fs(error)) if is_read_only(&error) => Ok(()),
        written => written,
    }
}

/// Tells whether a home is one that may only be read.
fn is_read_only(error: &FsError) -> bool {
    matches!(error.io_kind(), Some(io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem))
}
