//! Whether everything is as it should be: archives, a project from its manifest down to the bytes, or the whole store.
//!
//! It goes on after each fault, and names all of them.

use std::error::Error as _;
use std::path::PathBuf;

use rayon::iter::IntoParallelIterator as _;
use rayon::iter::ParallelIterator as _;
use serde::Serialize;

use crate::fsys;
use crate::generation;
use crate::generation::Environment;
use crate::generation::GenerationRecord;
use crate::generation::PlaceAction;
use crate::lock::Lockfile;
use crate::lock::Options;
use crate::model::EnvironmentName;
use crate::model::Sha256Digest;
use crate::model::StorePath;
use crate::model::in_one_line;
use crate::ops::Context;
use crate::ops::OpsError;
use crate::ops::archives::Archives;
use crate::ops::archives::LockedArchive;
use crate::ops::located::Located;
use crate::ops::prepare::need;
use crate::ops::project::Project;
use crate::ops::recorded::Recorded;
use crate::ops::recorded::recorded;
use crate::ops::sources::LockedFrom;
use crate::ops::sources::declared_registries;
use crate::ops::status::is_switched;
use crate::ops::verify_archive::Promise;
use crate::ops::verify_archive::pair;
use crate::ops::verify_archive::read_archive_file;
use crate::store;
use crate::store::Durability;
use crate::store::RepairFrom;
use crate::store::Report;
use crate::store::RunningRoot;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::locks;

/// What is to be verified.
#[derive(Debug, Clone)]
pub enum VerifyWhat {
    /// Archives, and files that say their digests.
    Archives {
        /// The archives, side files and lists of checksums.
        paths: Vec<PathBuf>,
        /// The digest of the one archive, as it was typed.
        sha256: Option<Sha256Digest>,
    },
    /// The environment meant of the project at hand.
    Project,
    /// Everything in the store.
    Store,
}

/// A verification.
#[derive(Debug, Clone)]
pub struct VerifyRequest {
    /// What is to be verified.
    pub what: VerifyWhat,
    /// Whether what is bad in the store is replaced where that is possible.
    pub repair: bool,
}

/// What a verification found.
#[derive(Debug, Clone, Default, Serialize, schemars::JsonSchema)]
pub struct VerifyOutcome {
    /// What was checked.
    pub checked: Checked,
    /// Everything that is wrong, or was.
    pub problems: Vec<FoundProblem>,
    /// How many of these problems were repaired, and are none any more.
    pub repaired: usize,
}

/// Counts of what was checked.
#[derive(Debug, Clone, Copy, Default, Serialize, schemars::JsonSchema)]
pub struct Checked {
    /// Archives read through.
    pub archives: usize,
    /// Lockfiles compared with packs.toml.
    pub lockfiles: usize,
    /// Links of the generation and of the project.
    pub links: usize,
    /// Store paths.
    pub store_paths: usize,
    /// Distinct contents read.
    pub contents: usize,
    /// Bytes read.
    pub bytes: u64,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct FoundProblem {
    /// Where: a file, a link, a path in a store path.
    pub place: String,
    /// What is wrong with it.
    pub problem: String,
    /// Whether bytes or links are bad, or parts merely differ from each other.
    pub kind: ProblemKind,
    /// Whether it was repaired.
    pub repaired: bool,
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// Something is not what it was when it was made: damaged, tampered with, missing.
    Integrity,
    /// Manifest, lockfile and generation are each whole but do not belong together, as after a rollback.
    Drift,
}

impl VerifyOutcome {
    /// Gives the worst kind of problem that is left; `None` if nothing is wrong now.
    pub fn worst(&self) -> Option<ProblemKind> {
        let is = |kind| self.problems.iter().any(|problem| problem.kind == kind && !problem.repaired);
        if is(ProblemKind::Integrity) { Some(ProblemKind::Integrity) } else { is(ProblemKind::Drift).then_some(ProblemKind::Drift) }
    }

    fn wrong(&mut self, place: impl Into<String>, problem: impl Into<String>) {
        self.add(ProblemKind::Integrity, place, problem);
    }

    fn drifted(&mut self, place: impl Into<String>, problem: impl Into<String>) {
        self.add(ProblemKind::Drift, place, problem);
    }

    fn add(&mut self, kind: ProblemKind, place: impl Into<String>, problem: impl Into<String>) {
        self.problems.push(FoundProblem { place: place.into(), problem: problem.into(), kind, repaired: false });
    }
}

/// Verifies, and repairs if that is asked for.
///
/// # Errors
/// Only where there is nothing that could be verified: faults that are found are in the outcome.
pub fn verify(context: &Context, request: &VerifyRequest) -> Result<VerifyOutcome, OpsError> {
    match &request.what {
        VerifyWhat::Archives { paths, sha256 } => verify_archives(context, paths, *sha256),
        VerifyWhat::Project => verify_project(context, request.repair),
        VerifyWhat::Store => verify_whole_store(context, request.repair),
    }
}

fn verify_archives(context: &Context, paths: &[PathBuf], sha256: Option<Sha256Digest>) -> Result<VerifyOutcome, OpsError> {
    let paths: Vec<PathBuf> = paths.iter().map(|path| context.directory.join(path)).collect();
    let pairs = pair(&paths, sha256)?;
    let read = |(path, promise): &(PathBuf, Promise)| context.interrupt.check().and_then(|()| read_archive_file(path, promise, &context.limits));
    let check = |pair: &(PathBuf, Promise)| (pair.0.clone(), read(pair));
    let checked: Vec<_> = if context.jobs == 1 { pairs.iter().map(check).collect() } else { pairs.into_par_iter().map(|pair| check(&pair)).collect() };
    let mut outcome = VerifyOutcome::default();
    for (path, result) in checked {
        // People read what they typed.
        let path = path.strip_prefix(&context.directory).unwrap_or(&path);
        outcome.checked.archives += 1;
        match result {
            Ok(archive) => outcome.checked.bytes += archive.verified.size(),
            Err(error @ (OpsError::Fs(_) | OpsError::NoSuchFile { .. } | OpsError::NotAFile { .. } | OpsError::Interrupted)) => return Err(error),
            Err(error) => outcome.wrong(path.display().to_string(), why_bad(&error)),
        }
    }
    Ok(outcome)
}

/// Says what is wrong with an archive; which one it is stands beside it.
fn why_bad(error: &OpsError) -> String {
    match error {
        OpsError::NoSideFile { .. } => "it has no side file (.sha256) beside it, and nothing else says its digest: nothing unverified is read".to_owned(),
        OpsError::Archive { source, .. } => in_one_line(&**source),
        OpsError::NotAsPromised { source, .. } => source.source().map_or_else(|| in_one_line(&**source), in_one_line),
        other => in_one_line(other),
    }
}

fn verify_project(context: &Context, repair: bool) -> Result<VerifyOutcome, OpsError> {
    let located = Located::find(context)?;
    let (environment, record) = located.switched(context)?;
    let mut outcome = VerifyOutcome::default();
    let lockfile = check_lockfile(context, &located, &record, &mut outcome)?;
    check_links(context, &located, (&environment, &record), &mut outcome)?;
    let store = Store::open(context.layout.clone())?.ok_or_else(|| OpsError::NoGeneration { environment: located.environment.clone() })?;
    let paths: Vec<StorePath> = record.releases.iter().map(|release| release.store_path.clone()).collect();
    let report = store::verify_paths(&store, &paths, &|_| {});
    let known = lockfile.map(|lockfile| (located.project.clone(), lockfile)).into_iter().collect::<Vec<_>>();
    take_report(context, &store, &report, repair.then_some(known.as_slice()), &mut outcome)?;
    Ok(outcome)
}

/// Compares packs.toml, lockfile and generation: the generation must be what this lockfile says, and the lockfile solved from this packs.toml.
fn check_lockfile(context: &Context, located: &Located, record: &GenerationRecord, outcome: &mut VerifyOutcome) -> Result<Option<Lockfile>, OpsError> {
    let file = located.environment.lockfile_name();
    outcome.checked.lockfiles += 1;
    let Some(text) = located.project.lockfile_text(&located.environment)? else {
        outcome.drifted(&file, "it is missing");
        return Ok(None);
    };
    let lockfile = match Lockfile::parse(&text, &file).and_then(|lockfile| lockfile.verify().map(|()| lockfile)) {
        Ok(lockfile) => lockfile,
        Err(error) => {
            outcome.wrong(&file, error.to_string());
            return Ok(None);
        }
    };
    let wants = located.project.wants(&located.environment)?;
    let options = Options::wanted(&wants, located.project.manifest.policy.as_ref()).keeping(&lockfile.options);
    for stale in crate::lock::freshness(&lockfile, &wants, &options, &declared_registries(&located.project.manifest)) {
        outcome.drifted(&file, format!("it is stale: {stale}"));
    }
    if !is_switched(context, &located.project, record, &lockfile)? {
        outcome.drifted(&file, format!("generation {} of {} was made from another lockfile", record.number, located.environment));
    }
    Ok(Some(lockfile))
}

/// Compares the links on the disk with those recorded, and the project's links with the home.
fn check_links(
    context: &Context,
    located: &Located,
    (environment, record): (&Environment, &GenerationRecord),
    outcome: &mut VerifyOutcome,
) -> Result<(), OpsError> {
    let generation = environment.path(record.number);
    for (path, target) in &record.links {
        outcome.checked.links += 1;
        let link = generation.join(path.as_str());
        check_link(&link.display().to_string(), fsys::read_link(&link)?, target.as_str(), outcome);
    }
    let packs = located.project.directory.join(".packs");
    let current = context.layout.current(environment.project(), &located.environment);
    outcome.checked.links += 2;
    check_link(
        &format!(".packs/{}", located.environment),
        fsys::read_link(&packs.join(located.environment.as_str()))?,
        &current.display().to_string(),
        outcome,
    );
    if located.active.is_none() {
        outcome.wrong(".packs/active", "it is missing: no environment is active");
    }
    let is_active = located.active.as_ref() == Some(&located.environment);
    if is_active && !record.place.is_empty() {
        let plan = crate::ops::commit::placed_again(&located.project.directory, record)?;
        let changed = plan.steps.iter().filter(|step| step.action != PlaceAction::KeepEdited).map(|step| &step.path);
        for path in changed.chain(plan.in_the_way.iter().map(|in_the_way| &in_the_way.path)) {
            outcome.wrong(path.to_string(), format!("it is not what generation {} placed there", record.number));
        }
    }
    Ok(())
}

fn check_link(place: &str, found: Option<PathBuf>, expected: &str, outcome: &mut VerifyOutcome) {
    match found {
        None => outcome.wrong(place, "the link is missing"),
        Some(found) if found.as_os_str() == expected => {}
        Some(found) => outcome.wrong(place, format!("it must lead to {expected} and leads to {}", found.display())),
    }
}

fn verify_whole_store(context: &Context, repair: bool) -> Result<VerifyOutcome, OpsError> {
    let mut outcome = VerifyOutcome::default();
    let Some(store) = Store::open(context.layout.clone())? else { return Ok(outcome) };
    let report = store::verify_store(&store, &|_| {})?;
    let known = if repair { known_lockfiles(context)? } else { vec![] };
    take_report(context, &store, &report, repair.then_some(known.as_slice()), &mut outcome)?;
    Ok(outcome)
}

/// Finds the lockfiles of all projects of the home that are there: they say where a tree can be had again.
fn known_lockfiles(context: &Context) -> Result<Vec<(Project, Lockfile)>, OpsError> {
    let mut known = Vec::new();
    for file in generation::read_projects(&context.layout)? {
        let Ok(project) = Project::read(file.path) else { continue };
        for environment in project.environments() {
            let parsed = lockfile_of(&project, &environment);
            known.extend(parsed.map(|lockfile| (project.clone(), lockfile)));
        }
    }
    Ok(known)
}

fn lockfile_of(project: &Project, environment: &EnvironmentName) -> Option<Lockfile> {
    let text = project.lockfile_text(environment).ok()??;
    Lockfile::parse(&text, &environment.lockfile_name()).ok()
}

/// Where the lockfiles come from that say how a tree can be had again; without any, nothing is repaired.
type Known<'k> = Option<&'k [(Project, Lockfile)]>;

fn take_report(context: &Context, store: &Store, report: &Report, repair: Known<'_>, outcome: &mut VerifyOutcome) -> Result<(), OpsError> {
    outcome.checked.store_paths += report.paths;
    outcome.checked.contents += usize::try_from(report.contents).unwrap_or(usize::MAX);
    outcome.checked.bytes += report.bytes;
    let mut broken: Vec<StorePath> = report.bad.iter().map(|bad| bad.store_path.clone()).collect();
    broken.dedup();
    let mut repaired = vec![];
    if let (Some(known), false) = (repair, broken.is_empty() && report.bad_blobs.is_empty()) {
        let record = Recorded { action: "repair", project: None, environment: None, reason: None, packs: vec![] };
        repaired = recorded(context, record, || {
            // Store paths have names of their own for what is good in them: a bad blob only goes, so that nothing new is linked to it.
            store::discard_blobs(&report.bad_blobs)?;
            Ok(repair_all(context, store, &broken, known, outcome))
        })?;
    }
    for bad in &report.bad {
        let place = bad.path.as_ref().map_or_else(|| bad.store_path.to_string(), |path| format!("{}/{path}", bad.store_path));
        outcome.problems.push(FoundProblem {
            place,
            problem: bad.problem.to_string(),
            kind: ProblemKind::Integrity,
            repaired: repaired.contains(&bad.store_path),
        });
    }
    for bad in &report.bad_blobs {
        let place = bad.path.display().to_string();
        outcome.problems.push(FoundProblem { place, problem: bad.problem.to_string(), kind: ProblemKind::Integrity, repaired: repair.is_some() });
    }
    outcome.repaired = outcome.problems.iter().filter(|problem| problem.repaired).count();
    Ok(())
}

/// Repairs what can be repaired, and tells which paths are whole again.
fn repair_all(context: &Context, store: &Store, broken: &[StorePath], known: &[(Project, Lockfile)], outcome: &mut VerifyOutcome) -> Vec<StorePath> {
    let mut repaired = vec![];
    for path in broken {
        match repair_one(context, store, path, known) {
            Ok(()) => repaired.push(path.clone()),
            Err(error) => outcome.wrong(path.to_string(), format!("it cannot be repaired: {}", in_one_line(&error))),
        }
    }
    repaired
}

/// Repairs one store path: from what the store still has, else from the archive that a lockfile names.
fn repair_one(context: &Context, store: &Store, path: &StorePath, known: &[(Project, Lockfile)]) -> Result<(), OpsError> {
    match repair_from(context, store, path, RepairFrom::Store) {
        Err(OpsError::Store(StoreError::Irreparable { .. })) => {}
        other => return other,
    }
    let mut last = None;
    for (project, lockfile) in known {
        for release in lockfile.releases.values() {
            for artifact in release.artifacts.iter().filter(|artifact| StorePath::new(artifact.tree, &release.id) == *path) {
                let Some(from) = LockedFrom::new(&release.source, artifact) else { continue };
                let archive = Archives::new(context, project).open(LockedArchive { need: &need(release, artifact), from: &from });
                match archive.and_then(|archive| repair_from(context, store, path, RepairFrom::Archive(&archive))) {
                    Ok(()) => return Ok(()),
                    Err(error) => last = Some(error),
                }
            }
        }
    }
    Err(last.unwrap_or_else(|| OpsError::NoSourceForRepair { store_path: path.clone() }))
}

/// Repairs one store path while no gc runs; what it is repaired from is at hand, since nobody waits for a network with the store locked.
fn repair_from(context: &Context, store: &Store, path: &StorePath, from: RepairFrom<'_>) -> Result<(), OpsError> {
    let _store_lock = context.waiting(|waiting| locks::store_shared(store.layout(), waiting))?;
    let _root = RunningRoot::register(store.layout(), &context.holder(), std::slice::from_ref(path))?;
    let durability = if context.sync { Durability::Synced } else { Durability::Unsynced };
    Ok(store::repair(store, path, from, durability)?)
}
