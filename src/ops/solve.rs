//! From what an environment wants to its lockfile: a plan, nothing is written here.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::lock::Edge;
use crate::lock::LockError;
use crate::lock::LockedArtifact;
use crate::lock::LockedRelease;
use crate::lock::Lockfile;
use crate::lock::Options;
use crate::lock::ResolutionMode;
use crate::lock::Staleness;
use crate::manifest::Wants;
use crate::model::EnvironmentName;
use crate::model::PackName;
use crate::model::Place;
use crate::model::Range;
use crate::model::ReleaseId;
use crate::model::RequirementSource;
use crate::model::SourceId;
use crate::model::Version;
use crate::ops::AsOf;
use crate::ops::Changes;
use crate::ops::Context;
use crate::ops::LockfileState;
use crate::ops::Locking;
use crate::ops::OpsError;
use crate::ops::ReleaseNotice;
use crate::ops::path_pack;
use crate::ops::project::Project;
use crate::ops::question::Question;
use crate::ops::sources::declared_registries;
use crate::ops::universe::Offered;
use crate::ops::universe::Universe;
use crate::policy;
use crate::policy::Moment;
use crate::policy::ReleaseFacts;
use crate::registry::IndexArtifact;
use crate::resolve::Chosen;

/// Which locked versions a solve may leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Freedom {
    /// None, as long as packs.toml can still be satisfied with them; a fresh lockfile is not solved again.
    Keep,
    /// Those of these packs.
    Update(BTreeSet<PackName>),
    /// All.
    UpdateAll,
    /// One pack's, which must become this version.
    Precise(PackName, Version),
}

/// How a lockfile is to be made.
#[derive(Debug, Clone)]
pub(super) struct Asked<'f> {
    /// Whether it may change at all.
    pub locking: Locking,
    /// Which locked versions may move.
    pub freedom: &'f Freedom,
    /// Which releases are preferred; as before where it is `None`.
    pub resolution: Option<ResolutionMode>,
    /// The moment whose releases count; as before where it is `None`.
    pub as_of: Option<AsOf>,
}

impl<'f> Asked<'f> {
    /// Asks for a lockfile in the mode it was made in before.
    pub(super) fn new(locking: Locking, freedom: &'f Freedom) -> Self {
        Asked { locking, freedom, resolution: None, as_of: None }
    }

    /// Gives the options wanted, of which some are only ever asked for and kept.
    pub(super) fn options(&self, wants: &Wants, project: &Project, found: Option<&Options>) -> Options {
        let wanted = Options::wanted(wants, project.manifest.policy.as_ref());
        let kept = match found {
            Some(found) => wanted.keeping(found),
            None => wanted,
        };
        let resolution = self.resolution.unwrap_or(kept.resolution);
        let as_of = match self.as_of {
            None => kept.as_of,
            Some(AsOf::Moment(moment)) => Some(moment),
            Some(AsOf::Lifted) => None,
        };
        Options { resolution, as_of, ..kept }
    }
}

/// A lockfile as it is to be.
#[derive(Debug, Clone)]
pub(super) struct LockPlan {
    /// The environment.
    pub environment: EnvironmentName,
    /// The lockfile's name in the project.
    pub file: String,
    /// The text found, if there was one.
    pub before: Option<String>,
    /// The text to be.
    pub after: String,
    /// Its value.
    pub lockfile: Lockfile,
    /// What becomes of it.
    pub state: LockfileState,
    /// What changes against the lockfile found.
    pub changes: Changes,
    /// Overrides and constraints that count for nothing, one line each.
    pub idle_pins: Vec<String>,
    /// What is to be said of the releases, where the documents that say it were just read.
    pub notices: Option<Vec<ReleaseNotice>>,
}

impl LockPlan {
    /// Tells whether the file must be written.
    pub(super) fn is_change(&self) -> bool {
        self.before.as_deref() != Some(&self.after)
    }
}

/// Plans the lockfile of an environment: kept where it is fresh, else solved with the locked versions preferred.
///
/// # Errors
/// [`OpsError::LockfileMissing`], [`OpsError::LockfileStale`] where it must not change; [`OpsError::Conflict`] where no resolution exists.
pub(super) fn plan_lock(context: &Context, project: &Project, environment: &EnvironmentName, asked: &Asked<'_>) -> Result<LockPlan, OpsError> {
    let wants = project.wants(environment)?;
    let found = Found::read(project, environment)?;
    let options = asked.options(&wants, project, found.options());
    let stale = found.staleness(project, &wants, &options)?;
    if let (Found::Readable(text, old), Freedom::Keep, true) = (&found, asked.freedom, stale.is_empty()) {
        // A textual merge may leave what does not hang together, and a rule may no longer allow what was locked: both are solved anew, with what is
        // locked preferred, unless the lockfile must stay as it is.
        let unfit = old.verify().map_err(OpsError::from).err().or_else(|| refused(context, project, &wants, (old, found.moment(environment, &options))));
        match unfit {
            None => return Ok(keep(environment, text, old.clone())),
            Some(unfit) if asked.locking == Locking::Locked => return Err(unfit),
            Some(unfit) => context.note(format!("solving again: {unfit}")),
        }
    }
    if asked.locking == Locking::Locked {
        return Err(found.must_not_change(environment, stale));
    }
    if let (Some(moment), None, false) = (options.as_of, asked.as_of, *asked.freedom == Freedom::Keep) {
        let file = environment.lockfile_name();
        let warning = format!("{file} is locked as of {moment}, and nothing newer counts; `packs lock {environment} --as-of none` lifts that");
        if context.memo.is_first(&warning) {
            context.warn(warning);
        }
    }
    let question = Question::new(context, project, (wants, options), (found, asked.freedom))?;
    question.warn_of_idle_pins(context);
    let resolution = question.solve(context).map_err(|failure| question.refuse(context, project, failure))?;
    let plan = question.plan(&resolution);
    // Some million small values: nobody waits until they are gone.
    rayon::spawn(move || drop(question));
    check_precise(&plan.lockfile, asked.freedom)?;
    Ok(plan)
}

/// Plans the lockfiles of environments, one after the other: each agrees with those before it as if they were written.
///
/// # Errors
/// As [`plan_lock`].
pub(super) fn plan_each(context: &Context, project: &Project, environments: &[EnvironmentName], asked: &Asked<'_>) -> Result<Vec<LockPlan>, OpsError> {
    let mut project = project.clone();
    let mut plans = Vec::new();
    for environment in environments {
        let plan = plan_lock(context, &project, environment, asked)?;
        if environments.len() > 1 {
            project.plan_lockfile(environment.clone(), plan.after.clone());
        }
        plans.push(plan);
    }
    Ok(plans)
}

/// Plans the lockfiles of the other environments that have one, after this one's, for an edit of packs.toml that concerns them all.
///
/// # Errors
/// As [`plan_lock`].
pub(super) fn plan_others(context: &Context, project: &Project, first: &LockPlan, asked: &Asked<'_>) -> Result<Vec<LockPlan>, OpsError> {
    let mut project = project.clone();
    project.plan_lockfile(first.environment.clone(), first.after.clone());
    let mut others = Vec::new();
    for other in project.environments().into_iter().filter(|other| *other != first.environment) {
        if project.lockfile_text(&other)?.is_some() {
            others.push(other);
        }
    }
    plan_each(context, &project, &others, asked)
}

/// Judges the locked releases again, by what the lockfile states of them: a merge or an editor may have put in what no solve would have chosen.
fn refused(context: &Context, project: &Project, wants: &Wants, (lockfile, moment): (&Lockfile, Option<Moment>)) -> Option<OpsError> {
    let judge = |release: &LockedRelease| {
        let facts = ReleaseFacts {
            quality: release.quality,
            production_ready: release.production_ready,
            license: release.license.as_deref(),
            published_at: release.published_at,
        };
        let now = moment.as_ref().map_or_else(|| context.now(), |moment| moment.as_of);
        let constraint = wants.constraints.get(&release.id.name).and_then(|constraint| policy::judge_constraint(&release.id.version, constraint));
        let moment = || moment.as_ref().and_then(|moment| policy::judge_moment(release.published_at, moment));
        constraint.or_else(moment).or_else(|| policy::judge(&facts, &wants.rules, project.manifest.policy.as_ref(), now))
    };
    // Directories of the project have no index entry, so no rule is put to them.
    let mut from_registries = lockfile.releases.values().filter(|release| !matches!(release.source, SourceId::Path(_)));
    let (release, refusal) = from_registries.find_map(|release| judge(release).map(|refusal| (release, refusal)))?;
    Some(OpsError::Refused { file: lockfile.environment.lockfile_name(), release: release.id.clone(), refusal: Box::new(refusal) })
}

/// The lockfile as it was found.
#[allow(clippy::large_enum_variant, reason = "there is one of it in a run")]
pub(super) enum Found {
    Nothing,
    Readable(String, Lockfile),
    /// With git's markers; the versions of both sides, and the options of ours.
    Conflicted(String, BTreeMap<PackName, BTreeSet<Version>>, Box<Options>),
}

impl Found {
    pub(super) fn read(project: &Project, environment: &EnvironmentName) -> Result<Found, OpsError> {
        let file = environment.lockfile_name();
        let Some(text) = project.lockfile_text(environment)? else { return Ok(Found::Nothing) };
        if let Some(sides) = crate::lock::conflict_sides(&text, &file)? {
            let pins = crate::lock::conflict_pins(&sides, &file)?;
            let options = Lockfile::parse(&sides[0], &file)?.options;
            return Ok(Found::Conflicted(text, pins, Box::new(options)));
        }
        let lockfile = Lockfile::parse(&text, &file)?;
        Ok(Found::Readable(text, lockfile))
    }

    pub(super) fn options(&self) -> Option<&Options> {
        match self {
            Found::Nothing => None,
            Found::Readable(_, lockfile) => Some(&lockfile.options),
            Found::Conflicted(_, _, options) => Some(options),
        }
    }

    /// Gives the moment whose releases count by these options, with the line of the lockfile that says so.
    pub(super) fn moment(&self, environment: &EnvironmentName, options: &Options) -> Option<Moment> {
        let as_of = options.as_of?;
        let is_kept = self.options().is_some_and(|kept| kept.as_of == Some(as_of));
        let text = match self {
            Found::Readable(text, _) | Found::Conflicted(text, ..) if is_kept => Some(text),
            _ => None,
        };
        let line = text.and_then(|text| text.lines().position(|line| line.trim_start().starts_with("as-of"))).map(|above| above + 1);
        Some(Moment { as_of, at: line.map(|line| Place { file: environment.lockfile_name(), line }) })
    }

    fn staleness(&self, project: &Project, wants: &Wants, options: &Options) -> Result<Vec<Staleness>, OpsError> {
        let lockfile = match self {
            Found::Nothing => return Ok(vec![]),
            Found::Readable(_, lockfile) => lockfile,
            Found::Conflicted(text, ..) => {
                let line = crate::lock::find_marker_line(text).expect("there are no sides without markers");
                return Ok(vec![Staleness::Conflicted { line }]);
            }
        };
        let mut stale = crate::lock::freshness(lockfile, wants, options, &declared_registries(&project.manifest));
        stale.extend(stale_paths(project, wants, lockfile)?);
        Ok(stale)
    }

    fn must_not_change(self, environment: &EnvironmentName, reasons: Vec<Staleness>) -> OpsError {
        let (environment, file) = (environment.clone(), environment.lockfile_name());
        match self {
            Found::Nothing => OpsError::LockfileMissing { environment, file },
            Found::Readable(..) | Found::Conflicted(..) => OpsError::LockfileStale { environment, file, reasons },
        }
    }

    pub(super) fn pins(&self) -> BTreeMap<PackName, Version> {
        match self {
            Found::Nothing => BTreeMap::new(),
            Found::Readable(_, lockfile) => lockfile.pins(),
            // Where the sides differ, the newer one counts, as long as packs.toml admits it.
            Found::Conflicted(_, pins, _) => pins.iter().filter_map(|(name, versions)| Some((name.clone(), versions.last()?.clone()))).collect(),
        }
    }

    pub(super) fn revision(&self) -> u32 {
        match self {
            Found::Readable(_, lockfile) => lockfile.revision,
            Found::Nothing | Found::Conflicted(..) => 0,
        }
    }

    pub(super) fn plan(&self, environment: &EnvironmentName, lockfile: Lockfile) -> LockPlan {
        let after = lockfile.format();
        let (before, old, state) = match self {
            Found::Nothing => (None, None, LockfileState::Created),
            Found::Readable(text, old) if *text == after => (Some(text), Some(old), LockfileState::Fresh),
            Found::Readable(text, old) => (Some(text), Some(old), LockfileState::Updated),
            Found::Conflicted(text, ..) => (Some(text), None, LockfileState::Merged),
        };
        let changes = Changes::from_all(crate::lock::diff(old, &lockfile));
        let (environment, file) = (environment.clone(), environment.lockfile_name());
        LockPlan { environment, file, before: before.cloned(), after, lockfile, state, changes, idle_pins: vec![], notices: None }
    }
}

fn keep(environment: &EnvironmentName, text: &str, lockfile: Lockfile) -> LockPlan {
    LockPlan {
        environment: environment.clone(),
        file: environment.lockfile_name(),
        before: Some(text.to_owned()),
        after: text.to_owned(),
        lockfile,
        state: LockfileState::Fresh,
        changes: Changes::default(),
        idle_pins: vec![],
        notices: None,
    }
}

/// A `path` pack whose version or requirements changed since makes the lockfile stale.
fn stale_paths(project: &Project, wants: &Wants, lockfile: &Lockfile) -> Result<Vec<Staleness>, OpsError> {
    let mut stale = Vec::new();
    for (name, entry) in &wants.packages {
        let RequirementSource::Path(path) = &entry.requirement.source else { continue };
        let Some(locked) = lockfile.releases.get(name) else { continue };
        let pack = path_pack::collect(name, &project.directory.join(path), &entry.at)?;
        let manifest = &pack.manifest;
        let now = describe_path(&manifest.version, path_edges(manifest, &locked.extras).iter());
        let was = describe_path(&locked.id.version, locked.requires.iter());
        if now != was {
            stale.push(Staleness::Changed { name: name.clone(), locked: was, now });
        }
    }
    Ok(stale)
}

fn describe_path<'e>(version: &Version, edges: impl Iterator<Item = &'e Edge>) -> String {
    let needs: Vec<String> = edges.map(|edge| format!("{} {}", edge.name, edge.range)).collect();
    format!("version {version} requiring [{}]", needs.join(", "))
}

fn path_edges(manifest: &crate::archive::PackManifest, extras: &BTreeSet<crate::model::ExtraName>) -> Vec<Edge> {
    let of_extras = extras.iter().filter_map(|extra| manifest.extras.get(extra)).flatten();
    let mut edges: Vec<Edge> = manifest.requires.iter().chain(of_extras).map(|(name, range)| Edge { name: name.clone(), range: range.clone() }).collect();
    edges.sort();
    edges.dedup();
    edges
}

/// Puts together what the lockfile holds of a chosen release, and what is to be said of it.
pub(super) fn locked_release(name: &PackName, chosen: &Chosen, universe: &Universe) -> (LockedRelease, Option<ReleaseNotice>) {
    let edge = |(name, range): &(PackName, Range)| Edge { name: name.clone(), range: range.clone() };
    let mut requires: Vec<Edge> = chosen.requires.iter().map(edge).collect();
    requires.sort();
    requires.dedup();
    let id = ReleaseId { name: name.clone(), version: chosen.version.clone() };
    match universe.find(name, &chosen.version).expect("the solver chooses only what the universe offers") {
        Offered::Registry(source, release, stated) => {
            let notice = ReleaseNotice::of(&id, release.yanked.clone(), stated.deprecated.as_deref().cloned());
            let locked = LockedRelease {
                id,
                source: source.clone(),
                requires,
                extras: chosen.extras.clone(),
                license: stated.license.clone(),
                published_at: stated.published_at,
                quality: stated.quality,
                production_ready: stated.production_ready,
                yanked: release.yanked.clone(),
                artifacts: artifacts(&stated.artifacts),
            };
            (locked, notice)
        }
        Offered::Path(source, manifest) => {
            let locked = LockedRelease {
                id,
                source: SourceId::clone(source),
                requires,
                extras: chosen.extras.clone(),
                license: manifest.license.clone(),
                published_at: None,
                quality: None,
                production_ready: false,
                yanked: None,
                artifacts: vec![],
            };
            (locked, None)
        }
    }
}

fn artifacts(offered: &[IndexArtifact]) -> Vec<LockedArtifact> {
    let mut artifacts: Vec<LockedArtifact> = offered
        .iter()
        .map(|artifact| LockedArtifact {
            platform: artifact.platform,
            archive: artifact.archive.as_str().to_owned(),
            url: artifact.url.clone(),
            size: artifact.size,
            sha256: artifact.sha256,
            tree: artifact.tree,
        })
        .collect();
    artifacts.sort_by_key(|artifact| artifact.platform);
    artifacts
}

fn check_precise(lockfile: &Lockfile, freedom: &Freedom) -> Result<(), OpsError> {
    let Freedom::Precise(name, wanted) = freedom else { return Ok(()) };
    let is_required = || !matches!(lockfile.verify(), Err(LockError::Unreachable { name: unreached, .. }) if unreached == *name);
    let reason = match lockfile.releases.get(name) {
        Some(locked) if locked.id.version != *wanted => format!("[overrides] in packs.toml leaves {}", locked.id.version),
        Some(_) if is_required() => return Ok(()),
        _ => "nothing requires it".to_owned(),
    };
    let environment = lockfile.environment.clone();
    Err(OpsError::NotPrecise { environment, name: name.clone(), wanted: wanted.clone(), reason })
}
