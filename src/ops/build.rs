//! Archives from source directories.

use std::path::Path;
use std::path::PathBuf;

use jiff::Timestamp;
use rayon::iter::IntoParallelIterator as _;
use rayon::iter::ParallelIterator as _;
use serde::Serialize;

use crate::archive::Compression;
use crate::archive::Packing;
use crate::build;
use crate::build::CollectOptions;
use crate::build::Collected;
use crate::fsys;
use crate::model::PackName;
use crate::model::Sha256Digest;
use crate::model::TreeDigest;
use crate::model::Version;
use crate::ops::Context;
use crate::ops::OpsError;

/// The form of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchiveFormat {
    /// `.tar.zst`
    TarZst,
    /// `.tar.gz`
    TarGz,
}

/// What is to be built.
#[derive(Debug, Clone)]
pub struct BuildRequest {
    /// The source directories.
    pub directories: Vec<PathBuf>,
    /// The directory the archives go to.
    pub out: PathBuf,
    /// The form of the archives.
    pub format: ArchiveFormat,
    /// The time of all entries, in seconds since 1970; else that of the newest git commit, else of the newest file.
    pub source_date_epoch: Option<i64>,
    /// Whether to plan only.
    pub dry_run: bool,
}

/// What was built.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct BuildOutcome {
    /// Whether it was only planned.
    pub dry_run: bool,
    /// The archives, in the order of the source directories.
    pub archives: Vec<BuiltArchive>,
}

/// One archive.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct BuiltArchive {
    /// The pack.
    pub name: PackName,
    /// The version.
    pub version: Version,
    /// Where the archive is, or would be.
    pub path: String,
    /// Count of files in it.
    pub files: usize,
    /// Its size in bytes; `None` where it was only planned.
    pub size: Option<u64>,
    /// Its digest.
    pub sha256: Option<Sha256Digest>,
    /// What it unpacks to.
    pub tree: Option<TreeDigest>,
}

/// Builds archives, several at the same time; each is complete or not there.
pub fn build(context: &Context, request: &BuildRequest) -> Result<BuildOutcome, OpsError> {
    let out = context.directory.join(&request.out);
    let one = |directory: &PathBuf| build_one(&context.directory.join(directory), &out, request);
    let archives = if context.jobs == 1 {
        request.directories.iter().map(one).collect::<Result<Vec<_>, _>>()?
    } else {
        request.directories.clone().into_par_iter().map(|directory| one(&directory)).collect::<Result<Vec<_>, _>>()?
    };
    Ok(BuildOutcome { dry_run: request.dry_run, archives })
}

fn build_one(directory: &Path, out: &Path, request: &BuildRequest) -> Result<BuiltArchive, OpsError> {
    let compression = match request.format {
        ArchiveFormat::TarZst => Compression::Zstd,
        ArchiveFormat::TarGz => Compression::Gzip,
    };
    let collected = build::collect(directory, &CollectOptions { wanted_as: None, time: time_of(directory, request.source_date_epoch) })?;
    let planned = |size, sha256, tree| describe(&collected, &out.join(collected.archive_name(compression)), size, sha256, tree);
    if request.dry_run {
        return Ok(planned(None, None, None));
    }
    let built = build::write_into(&collected, Packing::best(compression), out)?;
    Ok(planned(Some(built.written.size), Some(built.written.sha256), Some(built.written.tree)))
}

fn describe(collected: &Collected, path: &Path, size: Option<u64>, sha256: Option<Sha256Digest>, tree: Option<TreeDigest>) -> BuiltArchive {
    let manifest = &collected.manifest;
    BuiltArchive {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        path: path.display().to_string(),
        files: manifest.files.len(),
        size,
        sha256,
        tree,
    }
}

/// Gives the time that all entries get: `SOURCE_DATE_EPOCH`, else that of the newest commit; `None` leaves it to the newest file.
fn time_of(directory: &Path, epoch: Option<i64>) -> Option<Timestamp> {
    let committed = || fsys::run_for_output("git", &["log", "-1", "--format=%ct", "--", "."], directory).and_then(|text| text.parse().ok());
    epoch.or_else(committed).and_then(|seconds| Timestamp::from_second(seconds).ok())
}
