//! Generations on the disk: staged, published whole, dropped whole.
//!
//! A stage is locked by its maker (flock on the directory) for as long as it is being made, so that gc can tell it from one that a crash left behind.

use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

use crate::fsys;
use crate::fsys::FileLock;
use crate::generation::Collected;
use crate::generation::Environment;
use crate::generation::GenerationError;
use crate::generation::GenerationRecord;
use crate::generation::LOCKFILE_COPY;
use crate::generation::MANIFEST_COPY;
use crate::generation::RECORD_FILE;
use crate::generation::Result;
use crate::generation::document::format_document;
use crate::model::ProjectId;
use crate::store::layout::Layout;
use crate::store::layout::STAGE_PREFIX;
use crate::store::layout::TRASH_PREFIX;

/// How often a name for a stage is tried; only a gc that takes each of them away within a moment could use up even two.
const STAGE_ATTEMPTS: u32 = 100;

/// Permission bits of the files in a generation.
const FILE_MODE: u32 = 0o644;

/// The texts that a generation was made from, copied into it byte for byte.
#[derive(Debug, Clone, Copy, Default)]
pub struct Copies<'a> {
    /// packs.toml.
    pub manifest: Option<&'a [u8]>,
    /// The environment's lockfile.
    pub lockfile: Option<&'a [u8]>,
}

/// A generation that is complete but not yet published; dropping it removes it.
#[derive(Debug)]
pub struct StagedGeneration {
    number: u64,
    stage: PathBuf,
    published: PathBuf,
    /// Held while the stage is in use; gc leaves locked stages alone.
    _lock: FileLock,
    is_published: bool,
}

/// Writes a generation beside its place.
///
/// Nothing is synced: the caller makes one `sync_filesystem` of the home for all that it staged, before [`StagedGeneration::publish`].
/// After a power cut a part of the stage may be left, which gc removes.
pub fn build(layout: &Layout, project: &ProjectId, record: &GenerationRecord, copies: &Copies<'_>) -> Result<StagedGeneration> {
    let generations = layout.generations(project, &record.environment);
    let (stage, lock) = create_stage(&generations)?;
    let published = layout.generation(project, &record.environment, record.number);
    let staged = StagedGeneration { number: record.number, stage, published, _lock: lock, is_published: false };
    // From here on a failure drops `staged`, which gives the space back.
    write_links(&staged.stage, record)?;
    write_files(&staged.stage, record, copies)?;
    Ok(staged)
}

impl StagedGeneration {
    /// Gives the number it will have.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Gives the directory it will be in.
    pub fn published_path(&self) -> &Path {
        &self.published
    }

    /// Gives it its number: one rename that replaces nothing, then durable.
    ///
    /// After a power cut during the call the generation is there whole, or not at all.
    ///
    /// # Errors
    /// [`GenerationError::NumberTaken`] if there is a generation of this number.
    pub fn publish(mut self) -> Result<()> {
        match fsys::rename_noreplace(&self.stage, &self.published) {
            Err(error) if error.io_kind() == Some(std::io::ErrorKind::AlreadyExists) => {
                return Err(GenerationError::NumberTaken { number: self.number, path: self.published.clone() });
            }
            other => other?,
        }
        self.is_published = true;
        Ok(fsys::fsync_dir(self.published.parent().expect("a generation lies in a directory"))?)
    }
}

impl Drop for StagedGeneration {
    fn drop(&mut self) {
        if !self.is_published {
            // What cannot be removed now is left to gc; the error that led here counts.
            let _ = fsys::remove_tree(&self.stage);
        }
    }
}

/// Takes a generation away; its number and its parent stay behind. Gives the trash, for the caller to remove at leisure, or `None` if it was not there.
///
/// Needs no space on a full disk: the tombstone is an empty file renamed out of the generation. After a power cut the generation is there (with or without
/// its tombstone) or is trash; the caller keeps others from switching to it meanwhile, and syncs `generations/` before it removes what the generation used.
///
/// # Errors
/// [`GenerationError::MustStay`] for generation 0 and the current one.
pub fn drop_generation(environment: &Environment, number: u64) -> Result<Option<PathBuf>> {
    if number == 0 || environment.current()? == Some(number) {
        return Err(GenerationError::MustStay { environment: environment.name().clone(), number });
    }
    let path = environment.path(number);
    if fsys::status(&path)?.is_none() {
        return Ok(None);
    }
    let generations = environment.layout().generations(environment.project(), environment.name());
    leave_tombstone(environment, number, &generations)?;
    let trash = generations.join(format!("{TRASH_PREFIX}{}", fsys::random_id()?));
    fsys::rename(&path, &trash)?;
    Ok(Some(trash))
}

fn leave_tombstone(environment: &Environment, number: u64, generations: &Path) -> Result<()> {
    let parent = environment.record(number)?.parent.unwrap_or(0);
    let name = Collected { number, parent }.file_name();
    let (inside, left) = (environment.path(number).join(&name), generations.join(&name));
    if fsys::status(&left)?.is_some() {
        return Ok(());
    }
    match fsys::status(&inside)? {
        Some(_) => Ok(fsys::rename(&inside, &left)?),
        None => Ok(fsys::write_new(&left, b"", FILE_MODE)?),
    }
}

/// Makes a stage and locks it; tries again where a gc took it for a leftover in between.
fn create_stage(generations: &Path) -> Result<(PathBuf, FileLock)> {
    for _ in 0..STAGE_ATTEMPTS {
        let stage = generations.join(format!("{STAGE_PREFIX}{}", fsys::random_id()?));
        fsys::create_dir(&stage)?;
        if let Some(lock) = FileLock::try_acquire_existing(&stage)?
            && fsys::status(&stage)?.is_some()
        {
            return Ok((stage, lock));
        }
    }
    Err(GenerationError::NoFreeName { path: generations.to_owned() })
}

fn write_links(stage: &Path, record: &GenerationRecord) -> Result<()> {
    let mut directories = BTreeSet::new();
    for (path, target) in &record.links {
        let link = stage.join(path.as_str());
        let parent = path.parent().map(|parent| stage.join(parent.as_str()));
        if let Some(parent) = parent.filter(|parent| !directories.contains(parent)) {
            fsys::create_dir_all(&parent)?;
            directories.insert(parent);
        }
        fsys::symlink(Path::new(target), &link)?;
    }
    // `packs/` and `bin/` are stable names for PATH and editors, even where nothing is in them.
    for directory in ["packs", "bin"].map(|name| stage.join(name)) {
        if !directories.contains(&directory) {
            fsys::create_dir(&directory)?;
        }
    }
    Ok(())
}

fn write_files(stage: &Path, record: &GenerationRecord, copies: &Copies<'_>) -> Result<()> {
    if let Some(parent) = record.parent {
        fsys::write_new(&stage.join(Collected { number: record.number, parent }.file_name()), b"", FILE_MODE)?;
    }
    for (name, bytes) in [(MANIFEST_COPY, copies.manifest), (LOCKFILE_COPY, copies.lockfile)] {
        if let Some(bytes) = bytes {
            fsys::write_new(&stage.join(name), bytes, FILE_MODE)?;
        }
    }
    Ok(fsys::write_new(&stage.join(RECORD_FILE), &format_document(record), FILE_MODE)?)
}
