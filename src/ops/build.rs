//! Archives from source directories.
//!
//! In this order: the directories are found; all are read, several at a time; then it is decided whether their archives fit beside each other;
//! then they are written, several at a time, or found unchanged. A directory that is refused does not keep the others from being built.

use std::collections::BTreeMap;
use std::path::Component;
use std::path::Path;
use std::path::PathBuf;

use jiff::Timestamp;
use rayon::iter::IntoParallelIterator as _;
use rayon::iter::ParallelIterator as _;
use serde::Serialize;

use crate::archive::Compression;
use crate::archive::Limits;
use crate::archive::Packing;
use crate::archive::Written;
use crate::archive::format_side_file;
use crate::build;
use crate::build::BuildError;
use crate::build::CollectOptions;
use crate::build::Collected;
use crate::build::Instead;
use crate::build::Note;
use crate::fsys;
use crate::fsys::FileKind;
use crate::fsys::FsError;
use crate::model::PackName;
use crate::model::Sha256Digest;
use crate::model::TreeDigest;
use crate::model::Version;
use crate::ops::Context;
use crate::ops::Event;
use crate::ops::OpsError;
use crate::ops::verify_archive::Promise;
use crate::ops::verify_archive::read_archive_file;

/// The list of the digests of a set.
const CHECKSUMS_FILE: &str = "checksums.txt";

/// Which directories are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildScope {
    /// Those that are named.
    Named,
    /// Every pack in or below those that are named.
    Below,
}

/// What is done about an archive that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildEffort {
    /// One that holds just this pack is left as it is.
    Changed,
    /// It is written anew.
    All,
    /// It is written anew, built a second time, and compared.
    Twice,
}

/// What is to be built.
#[derive(Debug, Clone)]
pub struct BuildRequest {
    /// The source directories.
    pub directories: Vec<PathBuf>,
    /// Whether packs are searched for below them.
    pub scope: BuildScope,
    /// What counts instead of what the directories say.
    pub instead: Instead,
    /// The directory the archives go to.
    pub out: PathBuf,
    /// The form of the archives.
    pub compression: Compression,
    /// How hard the compressor tries; the level of publishing unless given.
    pub level: Option<i32>,
    /// The time of all entries, in seconds since 1970; else that of the newest git commit, else of the newest file.
    pub source_date_epoch: Option<i64>,
    /// What is done about archives that are there already.
    pub effort: BuildEffort,
    /// Whether to plan only.
    pub dry_run: bool,
}

/// What was built.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct BuildOutcome {
    /// Whether it was only planned.
    pub dry_run: bool,
    /// The archives, in the order of the source directories.
    pub archives: Vec<BuiltArchive>,
    /// The list of all digests, written where several packs were asked for.
    pub checksums: Option<String>,
    /// Directories that were searched and hold no pack.
    pub without_packs: Vec<String>,
    /// What could not be built; the others were.
    #[serde(skip)]
    #[schemars(skip)]
    pub refused: Vec<RefusedPack>,
}

/// A directory that could not be built.
#[derive(Debug)]
pub struct RefusedPack {
    /// The directory.
    pub directory: PathBuf,
    /// Why.
    pub error: Box<OpsError>,
}

/// One archive.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct BuiltArchive {
    /// The source directory.
    pub directory: String,
    /// The pack.
    pub name: PackName,
    /// The version.
    pub version: Version,
    /// Where the archive is, or would be.
    pub path: String,
    /// Count of files in it.
    pub files: usize,
    /// Whether an archive that was there holds just this, and was left as it is.
    pub unchanged: bool,
    /// Whether a second build gave the same bytes; `None` where there was none.
    pub reproduced: Option<bool>,
    /// Its size in bytes; `None` where it was only planned.
    pub size: Option<u64>,
    /// Its digest.
    pub sha256: Option<Sha256Digest>,
    /// What it unpacks to.
    pub tree: Option<TreeDigest>,
    /// What its author should know about how the directory was read.
    pub notes: Vec<Note>,
}

/// A directory that is fit, and where its archive goes.
struct Planned {
    directory: PathBuf,
    collected: Collected,
    archive: PathBuf,
}

impl Planned {
    fn out(&self) -> &Path {
        self.archive.parent().expect("an archive lies in the directory that archives go to")
    }
}

/// Builds archives, several at the same time; each is complete or not there.
///
/// # Errors
/// Those of the one directory that is asked for; where there are several, they are in the outcome. [`OpsError::NoSuchLevel`], [`OpsError::OneName`],
/// [`BuildError::SameArchive`] before anything is written.
pub fn build(context: &Context, request: &BuildRequest) -> Result<BuildOutcome, OpsError> {
    let packing = packing(request)?;
    let out = straightened(&context.directory.join(&request.out))?;
    let (directories, without_packs) = directories(context, request, &out)?;
    if request.instead.name.is_some() && directories.len() > 1 {
        return Err(OpsError::OneName { packs: directories.len() });
    }
    let is_set = request.scope == BuildScope::Below || directories.len() > 1;
    let (planned, mut refused) = split(in_parallel(context, directories, |directory| plan(directory, request, &out)));
    check_names(&planned)?;
    context.report.event(Event::BuildBegins { packs: planned.len() });
    let built = in_parallel(context, planned, |planned| {
        let built = carry_out(planned, packing, request, context);
        context.report.event(Event::Built { archive: planned.archive.display().to_string() });
        built
    });
    context.report.event(Event::BuildEnds);
    let (archives, failed) = split(built);
    refused.extend(failed);
    if !is_set && let Some(only) = refused.pop() {
        return Err(*only.error);
    }
    // The list is that of a whole set, or it is not written.
    let checksums = if is_set && refused.is_empty() { Some(write_checksums(&archives, &out, request)?) } else { None };
    Ok(BuildOutcome { dry_run: request.dry_run, archives, checksums, without_packs, refused })
}

fn packing(request: &BuildRequest) -> Result<Packing, OpsError> {
    let compression = request.compression;
    match request.level {
        None => Ok(Packing::best(compression)),
        Some(level) => Packing::at_level(compression, level).ok_or(OpsError::NoSuchLevel { compression, level, levels: Packing::levels(compression) }),
    }
}

/// Gives the directories to build, each once, and those in which no pack was found.
fn directories(context: &Context, request: &BuildRequest, out: &Path) -> Result<(Vec<PathBuf>, Vec<String>), OpsError> {
    let mut named = request.directories.iter().map(|directory| straightened(&context.directory.join(directory))).collect::<Result<Vec<PathBuf>, _>>()?;
    if request.scope == BuildScope::Below {
        let found = build::find_packs(&named, out)?;
        return Ok((found.packs, found.without.iter().map(|directory| directory.display().to_string()).collect()));
    }
    let mut seen = std::collections::BTreeSet::new();
    named.retain(|directory| seen.insert(directory.clone()));
    Ok((named, vec![]))
}

/// Leaves out `.`, and `..` with what is before it; not where that is a link, whose `..` lies elsewhere.
fn straightened(path: &Path) -> Result<PathBuf, FsError> {
    let mut straight = PathBuf::new();
    for component in path.components() {
        let is_way_back = component == Component::ParentDir && matches!(straight.components().next_back(), Some(Component::Normal(_)));
        if is_way_back && fsys::status(&straight)?.is_none_or(|found| found.kind != FileKind::Symlink) {
            straight.pop();
        } else {
            straight.push(component);
        }
    }
    Ok(straight)
}

/// Does the same to each, in the order given where there is one thread only.
fn in_parallel<I: Send + Sync, O: Send>(context: &Context, items: Vec<I>, work: impl Fn(&I) -> O + Sync + Send) -> Vec<O> {
    if context.jobs == 1 { items.iter().map(work).collect() } else { items.into_par_iter().map(|item| work(&item)).collect() }
}

fn split<T>(results: Vec<Result<T, RefusedPack>>) -> (Vec<T>, Vec<RefusedPack>) {
    let (mut good, mut refused) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(value) => good.push(value),
            Err(error) => refused.push(error),
        }
    }
    (good, refused)
}

fn plan(directory: &Path, request: &BuildRequest, out: &Path) -> Result<Planned, RefusedPack> {
    let collected = build::collect(directory, &collect_options(directory, request, out));
    let collected = collected.map_err(|error| RefusedPack { directory: directory.to_owned(), error: Box::new(error.into()) })?;
    let archive = out.join(collected.archive_name(request.compression));
    Ok(Planned { directory: directory.to_owned(), collected, archive })
}

fn collect_options(directory: &Path, request: &BuildRequest, out: &Path) -> CollectOptions {
    CollectOptions { wanted_as: None, instead: request.instead.clone(), time: time_of(directory, request.source_date_epoch), leave_out: Some(out.to_owned()) }
}

/// Gives the time that all entries get: `SOURCE_DATE_EPOCH`, else that of the newest commit; `None` leaves it to the newest file.
fn time_of(directory: &Path, epoch: Option<i64>) -> Option<Timestamp> {
    let committed = || fsys::run_for_output("git", &["log", "-1", "--format=%ct", "--", "."], directory).and_then(|text| text.parse().ok());
    epoch.or_else(committed).and_then(|seconds| Timestamp::from_second(seconds).ok())
}

/// Checks that no two packs give archives of one name.
fn check_names(planned: &[Planned]) -> Result<(), OpsError> {
    let mut owners = BTreeMap::new();
    for plan in planned {
        if let Some(one) = owners.insert(&plan.archive, &plan.directory) {
            return Err(BuildError::SameArchive { archive: plan.archive.clone(), one: one.clone(), other: plan.directory.clone() }.into());
        }
    }
    Ok(())
}

fn carry_out(planned: &Planned, packing: Packing, request: &BuildRequest, context: &Context) -> Result<BuiltArchive, RefusedPack> {
    let refused = |error| RefusedPack { directory: planned.directory.clone(), error: Box::new(error) };
    // A level that is asked for cannot be read off an archive: it is packed anew.
    let unchanged = if request.effort == BuildEffort::Changed && request.level.is_none() { find_unchanged(planned, &context.limits) } else { None };
    let mut described = describe(planned);
    if let Some(written) = unchanged {
        described.unchanged = true;
        return Ok(described.with(&written));
    }
    if request.dry_run {
        return Ok(described);
    }
    let built = build::write_into(&planned.collected, packing, planned.out()).map_err(|error| refused(error.into()))?;
    if request.effort == BuildEffort::Twice {
        check_again(planned, packing, request, &built.written).map_err(refused)?;
        described.reproduced = Some(true);
    }
    Ok(described.with(&built.written))
}

/// Finds the archive that is there already, if its side file is right and it holds exactly what was collected.
///
/// It is read through, so that what is left as it is has been proven, however it came there.
fn find_unchanged(planned: &Planned, limits: &Limits) -> Option<Written> {
    fsys::status(&planned.archive).ok()??;
    let good = read_archive_file(&planned.archive, &Promise::Beside, limits).ok()?;
    (good.contents.manifest == planned.collected.manifest).then(|| Written {
        size: good.verified.size(),
        sha256: good.verified.sha256(),
        tree: good.contents.digest,
        unpacked_bytes: good.contents.unpacked_bytes,
    })
}

/// Reads and packs the directory a second time, into nothing.
fn check_again(planned: &Planned, packing: Packing, request: &BuildRequest, first: &Written) -> Result<(), OpsError> {
    let again = build::collect(&planned.directory, &collect_options(&planned.directory, request, planned.out()))?;
    let second = build::write_archive_file(&again, packing, std::io::sink())?;
    if second.sha256 == first.sha256 {
        return Ok(());
    }
    Err(BuildError::NotReproducible { directory: planned.directory.clone(), first: first.sha256, second: second.sha256 }.into())
}

/// Writes the digests of a set as `sha256sum` would; gives where.
fn write_checksums(archives: &[BuiltArchive], out: &Path, request: &BuildRequest) -> Result<String, OpsError> {
    let path = out.join(CHECKSUMS_FILE);
    if !request.dry_run {
        let line = |archive: &BuiltArchive| {
            let name = Path::new(&archive.path).file_name()?.to_string_lossy().into_owned();
            Some(format_side_file(archive.sha256.as_ref()?, &name))
        };
        let mut lines: Vec<String> = archives.iter().filter_map(line).collect();
        lines.sort_by(|one, other| one[DIGEST_CHARS..].cmp(&other[DIGEST_CHARS..]));
        fsys::write_atomic(&path, lines.concat().as_bytes())?;
    }
    Ok(path.display().to_string())
}

/// Length of a digest at the beginning of a line, in hex digits.
const DIGEST_CHARS: usize = 64;

fn describe(planned: &Planned) -> BuiltArchive {
    let manifest = &planned.collected.manifest;
    BuiltArchive {
        directory: planned.directory.display().to_string(),
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        path: planned.archive.display().to_string(),
        files: manifest.files.len(),
        unchanged: false,
        reproduced: None,
        size: None,
        sha256: None,
        tree: None,
        notes: planned.collected.notes.clone(),
    }
}

impl BuiltArchive {
    fn with(self, written: &Written) -> Self {
        BuiltArchive { size: Some(written.size), sha256: Some(written.sha256), tree: Some(written.tree), ..self }
    }
}
