//! Archive files against what was promised of them: the digest first, then structure and manifest.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;
use std::path::PathBuf;

use crate::archive;
use crate::archive::Compression;
use crate::archive::Contents;
use crate::archive::Limits;
use crate::archive::Verified;
use crate::fetch;
use crate::fsys;
use crate::fsys::FileKind;
use crate::fsys::FsError;
use crate::model::Sha256Digest;
use crate::model::archive_of_side_file;
use crate::model::side_file_of;
use crate::ops::OpsError;

/// Largest side file or list of checksums that is read, in bytes: 4 KiB for one, a MiB for the 10,000 of a large set. The parsers know their own limits.
const CHECKSUMS_BYTES_MAX: u64 = 1 << 20;

/// How many bytes tell the compression.
const HEAD_BYTES: u64 = 4;

/// An archive file that is whole and good.
pub(super) struct GoodArchive {
    /// Its bytes.
    pub verified: Verified,
    /// What is in it.
    pub contents: Contents,
}

/// What promises the digest of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Promise {
    /// The side file beside it.
    Beside,
    /// A side file or list of checksums at another place.
    File(PathBuf),
    /// Somebody who typed it.
    Typed(Sha256Digest),
}

/// Reads an archive file through, if its digest is the promised one.
///
/// # Errors
/// [`OpsError::NoSideFile`], [`OpsError::Archive`], [`OpsError::Fetch`], [`OpsError::NoSuchFile`].
pub(super) fn read_archive_file(path: &Path, promise: &Promise, limits: &Limits) -> Result<GoodArchive, OpsError> {
    let name = file_name(path);
    let refused = |source| OpsError::Archive { archive: path.display().to_string(), source: Box::new(source) };
    let size = require_file(path)?;
    let sha256 = promised_digest(path, promise)?;
    let verified = fetch::open_file(path, size, sha256).map_err(|source| OpsError::NotAsPromised { archive: path.to_owned(), source: Box::new(source) })?;
    let mut head = Vec::new();
    verified.reader().take(HEAD_BYTES).read_to_end(&mut head).map_err(|source| FsError::Io { operation: "read", path: path.to_owned(), source })?;
    Compression::check_file_name(&name, &head).map_err(refused)?;
    let contents = verified.look_through(limits).map_err(refused)?;
    Ok(GoodArchive { verified, contents })
}

/// Gives the size of a file, or of the one that a link leads to.
///
/// # Errors
/// [`OpsError::NoSuchFile`] where nothing is there; [`OpsError::NotAFile`] for a directory, and for a fifo, which may never answer.
fn require_file(path: &Path) -> Result<u64, OpsError> {
    if fsys::status(path)?.is_none() {
        return Err(OpsError::NoSuchFile { path: path.to_owned() });
    }
    match fsys::status(&fsys::canonicalize(path)?)? {
        Some(found) if found.kind == FileKind::File => Ok(found.size),
        _ => Err(OpsError::NotAFile { path: path.to_owned() }),
    }
}

fn promised_digest(path: &Path, promise: &Promise) -> Result<Sha256Digest, OpsError> {
    let name = file_name(path);
    let read = |file: &Path| fsys::read_optional(file, CHECKSUMS_BYTES_MAX);
    let file = match promise {
        Promise::Typed(sha256) => return Ok(*sha256),
        Promise::Beside => path.with_file_name(side_file_of(&name)),
        Promise::File(file) => file.clone(),
    };
    let refused = |source| OpsError::Archive { archive: path.display().to_string(), source: Box::new(source) };
    if fsys::status(&file)?.is_none() {
        return Err(OpsError::NoSideFile { archive: path.to_owned() });
    }
    require_file(&file)?;
    let bytes = read(&file)?.ok_or_else(|| OpsError::NoSideFile { archive: path.to_owned() })?;
    let shown = file_name(&file);
    if is_list(&file) { archive::find_checksum(&bytes, &shown, &name).map_err(refused) } else { archive::parse_side_file(&bytes, &name).map_err(refused) }
}

/// Which archives to check, each with what promises its digest.
///
/// Digests come from what is named beside the archives: a side file (`.sha256`) for the archive it is called after, or a list of checksums (`checksums.txt`) for
/// those it lists. Where none is named, from the side file beside each archive. Where no archive is named, a list stands for all that it lists, and
/// a side file for its archive, in the directory where it lies.
///
/// # Errors
/// [`OpsError::NoSuchFile`], [`OpsError::OneDigest`] where one digest is typed for several archives.
pub(super) fn pair(paths: &[PathBuf], typed: Option<Sha256Digest>) -> Result<Vec<(PathBuf, Promise)>, OpsError> {
    // What is not there is not bad: nothing could be checked, and that must not look like an answer.
    paths.iter().try_for_each(|path| require_file(path).map(drop))?;
    let (promises, archives): (Vec<&PathBuf>, Vec<&PathBuf>) = paths.iter().partition(|path| is_list(path) || is_side_file(path));
    if let Some(sha256) = typed {
        return match (archives.as_slice(), promises.is_empty()) {
            ([only], true) => Ok(vec![((*only).clone(), Promise::Typed(sha256))]),
            _ => Err(OpsError::OneDigest { archives: archives.len() }),
        };
    }
    if archives.is_empty() {
        return listed(&promises);
    }
    let mut pairs = Vec::new();
    for archive in archives {
        let own = side_file_of(&file_name(archive));
        // With one archive and one side file it is plain which is meant, whatever it is called.
        let is_only = paths.len() == 2 && promises.len() == 1;
        let found = promises.iter().find(|file| file_name(file) == own).or_else(|| promises.iter().find(|file| is_list(file) || is_only));
        pairs.push((archive.clone(), found.map_or(Promise::Beside, |file| Promise::File((*file).clone()))));
    }
    Ok(pairs)
}

fn listed(promises: &[&PathBuf]) -> Result<Vec<(PathBuf, Promise)>, OpsError> {
    let mut pairs = BTreeSet::new();
    for file in promises {
        let names: Vec<String> = if is_list(file) {
            let bytes = fsys::read(file, CHECKSUMS_BYTES_MAX)?;
            let refused = |source| OpsError::Archive { archive: file.display().to_string(), source: Box::new(source) };
            archive::parse_checksums(&bytes, &file_name(file)).map_err(refused)?.into_iter().map(|(_, name)| name).collect()
        } else {
            archive_of_side_file(&file_name(file)).map(str::to_owned).into_iter().collect()
        };
        pairs.extend(names.into_iter().map(|name| (file.with_file_name(name), (*file).clone())));
    }
    Ok(pairs.into_iter().map(|(archive, file)| (archive, Promise::File(file))).collect())
}

fn is_side_file(path: &Path) -> bool {
    archive_of_side_file(&file_name(path)).is_some()
}

fn is_list(path: &Path) -> bool {
    let name = file_name(path);
    name.ends_with(".txt") || name.eq_ignore_ascii_case("SHA256SUMS")
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
