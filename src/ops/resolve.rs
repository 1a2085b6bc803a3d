//! Questions about a resolution: is there one, what would a version move, what would make it possible. Writes nothing unless a fix is to be applied.

use std::str::FromStr as _;
use std::time::Duration;

use serde::Serialize;

use crate::generation;
use crate::generation::Environment;
use crate::manifest::PackageEntry;
use crate::manifest::Wants;
use crate::model::EnvironmentName;
use crate::model::Place;
use crate::model::Range;
use crate::model::Requirement;
use crate::model::RequirementSource;
use crate::ops::AskedPack;
use crate::ops::ChangeRequest;
use crate::ops::Changes;
use crate::ops::Context;
use crate::ops::LockedEnvironment;
use crate::ops::Locking;
use crate::ops::OpsError;
use crate::ops::Planned;
use crate::ops::ShownFix;
use crate::ops::commit::FileEdit;
use crate::ops::environment;
use crate::ops::fix;
use crate::ops::lock;
use crate::ops::planned;
use crate::ops::project::MANIFEST_NAME;
use crate::ops::project::Project;
use crate::ops::question::FoundFixes;
use crate::ops::question::Question;
use crate::ops::session::Session;
use crate::ops::solve::Asked;
use crate::ops::solve::Found;
use crate::ops::solve::Freedom;
use crate::ops::solve::LockPlan;
use crate::ops::solve::plan_lock;
use crate::resolve::Change;
use crate::resolve::Conflict;
use crate::resolve::ConflictReport;
use crate::resolve::Failure;
use crate::resolve::FixesEnd;
use crate::resolve::Pin;

/// Fixes looked for: as many as anyone may number.
const FIXES_MAX: usize = 20;

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct ResolveRequest {
    /// A release that the answer must have; the newest of the pack where it has no range.
    pub what_if: Option<AskedPack>,
    /// How many changes that would help to look for.
    pub fixes: usize,
    /// Which of them to make, counted from 1.
    pub apply: Option<usize>,
    /// How to change.
    pub change: ChangeRequest,
}

/// What came out.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct ResolveOutcome {
    /// The environment.
    pub environment: EnvironmentName,
    /// Whether there is a resolution of what packs.toml says, or would say with `what_if`.
    pub solvable: bool,
    /// Count of its releases.
    pub releases: usize,
    /// What it changes against what is locked.
    #[serde(flatten)]
    pub changes: Changes,
    /// The override of the pack of `what_if`, in whose place the release asked about is taken.
    pub displaced_override: Option<Pin>,
    /// Overrides and constraints that count for nothing; one line each.
    pub idle_pins: Vec<String>,
    /// Why there is none.
    pub conflict: Option<ConflictReport>,
    /// The explanation of that for people, in at most 40 lines.
    pub explanation: Option<String>,
    /// The smallest changes of packs.toml that would help, best first.
    pub fixes: Vec<ShownFix>,
    /// Whether the search for them was ended before it was through, so that there may be better ones.
    pub fixes_cut_short: bool,
    /// How it ended.
    pub fixes_ended: FixesEnd,
    /// How many edits, or sets of them, were tried out.
    pub fixes_tried: usize,
    /// The time limit, in seconds.
    pub solve_timeout_s: u64,
    /// The number of the one that was made.
    pub applied: Option<usize>,
    /// What became of each lockfile with it: of the environment's, and of the others that there were.
    pub lockfiles: Vec<LockedEnvironment>,
    /// Whether it was only planned.
    pub dry_run: bool,
}

/// Solves and tells what came out; with `apply`, makes a change that helps and locks.
///
/// # Errors
/// [`OpsError::NothingToFix`], [`OpsError::NoSuchFix`] where fewer fixes were found than the one to apply; [`OpsError::FixesCutShort`] where not all were
/// looked for; [`OpsError::OutOfTime`].
pub fn resolve(context: &Context, request: &ResolveRequest) -> Result<ResolveOutcome, OpsError> {
    let project = Project::open(context)?;
    let Some(number) = request.apply else { return Ok(answer(context, &project, request)?.outcome) };
    if request.change.dry_run {
        let answer = answer(context, &project, request)?;
        let after = answer.fixed(&project, number)?;
        let plans = answer.plans(context, (&project, &after), number)?;
        let lockfiles = lock::outcome(context, &after, &plans, true).lockfiles;
        return Ok(ResolveOutcome { applied: Some(number), lockfiles, dry_run: true, ..answer.outcome });
    }
    let session = Session::open(context, &project)?;
    let project = Project::read(project.directory)?;
    let answer = answer(context, &project, request)?;
    let after = answer.fixed(&project, number)?;
    let plans = answer.plans(context, (&project, &after), number)?;
    let manifest = FileEdit::new(MANIFEST_NAME, Some(&project.text), Some(&after.text));
    let environment = Environment::new(&context.layout, &session.known.id, &answer.outcome.environment);
    let write = lock::Write { action: "resolve", project: &after, environment: &environment, reason: request.change.reason.as_deref() };
    lock::write_locks(context, &session, &write, (&plans, Some(manifest)))?;
    let lockfiles = lock::outcome(context, &after, &plans, false).lockfiles;
    Ok(ResolveOutcome { applied: Some(number), lockfiles, ..answer.outcome })
}

/// An answer, with the fixes that it shows.
struct Answer {
    outcome: ResolveOutcome,
    fixes: Vec<Vec<Change>>,
}

impl Answer {
    fn fixed(&self, project: &Project, number: usize) -> Result<Project, OpsError> {
        fix::applied(project, &self.outcome.environment, self.fix(number)?)
    }

    /// Plans the lockfiles of a fix: the environment's, and those of others that are there.
    fn plans(&self, context: &Context, (before, after): (&Project, &Project), number: usize) -> Result<Vec<LockPlan>, OpsError> {
        let environment = &self.outcome.environment;
        let refused = |failure| planned::refused_as(Planned::Fix { environment: environment.clone(), number }, (before, after), failure);
        plan_all(context, (before, after), environment).map_err(refused)
    }

    /// Gives a fix by its number, which means the same in every search that time does not end, and in no other.
    fn fix(&self, number: usize) -> Result<&[Change], OpsError> {
        if self.outcome.solvable {
            return Err(OpsError::NothingToFix { environment: self.outcome.environment.clone(), number });
        }
        if self.outcome.fixes_ended == FixesEnd::OutOfTime {
            return Err(OpsError::FixesCutShort { environment: self.outcome.environment.clone(), number, seconds: self.outcome.solve_timeout_s });
        }
        let found = self.fixes.len();
        number.checked_sub(1).and_then(|index| self.fixes.get(index)).map(Vec::as_slice).ok_or_else(|| {
            let environment = self.outcome.environment.clone();
            OpsError::NoSuchFix { environment, number, found }
        })
    }
}

fn answer(context: &Context, project: &Project, request: &ResolveRequest) -> Result<Answer, OpsError> {
    let active = generation::active_environment(&project.directory)?;
    let (environment, _) = environment::choose(&project.manifest, context.environment.as_ref(), active.as_ref())?;
    let mut wants = project.wants(&environment)?;
    let displaced_override = request.what_if.as_ref().and_then(|asked| suppose(&mut wants, asked));
    let found = Found::read(project, &environment)?;
    let freedom = request.what_if.as_ref().map_or(Freedom::Keep, |asked| Freedom::Update([asked.name.clone()].into()));
    let options = Asked::new(Locking::Allowed, &freedom).options(&wants, project, found.options());
    let mut question = Question::new(context, project, (wants, options), (found, &freedom))?;
    question.warn_of_idle_pins(context);
    if let Some(asked) = &request.what_if {
        question.forget_places(&asked.name);
    }
    let mut answer = match question.solve(context) {
        Ok(resolution) => {
            let LockPlan { lockfile, changes, idle_pins, .. } = question.plan(&resolution);
            let outcome = ResolveOutcome { solvable: true, releases: lockfile.releases.len(), changes, idle_pins, ..unsolved(environment, context.solve_max) };
            Answer { outcome, fixes: vec![] }
        }
        Err(Failure::Conflict(mut conflict)) => {
            question.inquire(context, project, &mut conflict);
            explained(context, project, (&question, &conflict), (environment, request))?
        }
        Err(failure @ Failure::OutOfTime { .. }) => return Err(question.refuse(context, project, failure)),
    };
    answer.outcome.displaced_override = displaced_override;
    Ok(answer)
}

fn explained(
    context: &Context,
    project: &Project,
    (question, conflict): (&Question, &Conflict),
    (environment, request): (EnvironmentName, &ResolveRequest),
) -> Result<Answer, OpsError> {
    let most = if request.apply.is_some() { FIXES_MAX } else { request.fixes };
    // As many are looked for whatever number is shown or made: a search for fewer may end elsewhere, and a number would mean another one.
    let found = match most {
        0 => FoundFixes { shown: vec![], ended: FixesEnd::Through, tried: 0 },
        _ => question.fixes(context, project, (conflict, FIXES_MAX))?,
    };
    context.interrupt.check()?;
    let (fixes, shown) = found.shown.into_iter().take(most).map(|(fix, shown)| (fix.changes, shown)).unzip();
    let outcome = ResolveOutcome {
        conflict: Some(conflict.report()),
        explanation: Some(conflict.explain()),
        fixes: shown,
        fixes_cut_short: found.ended != FixesEnd::Through,
        fixes_ended: found.ended,
        fixes_tried: found.tried,
        idle_pins: question.idle_pins().to_vec(),
        ..unsolved(environment, context.solve_max)
    };
    Ok(Answer { outcome, fixes })
}

fn unsolved(environment: EnvironmentName, solve_max: Duration) -> ResolveOutcome {
    ResolveOutcome {
        environment,
        solvable: false,
        releases: 0,
        changes: Changes::default(),
        displaced_override: None,
        idle_pins: vec![],
        conflict: None,
        explanation: None,
        fixes: vec![],
        fixes_cut_short: false,
        fixes_ended: FixesEnd::Through,
        fixes_tried: 0,
        solve_timeout_s: solve_max.as_secs(),
        applied: None,
        lockfiles: vec![],
        dry_run: false,
    }
}

/// Asks for a release as if packs.toml did: `kanban@2.0.3` is that very one, `kanban@^2` any of these. Gives the override that would keep it from counting,
/// and whose place it takes.
fn suppose(wants: &mut Wants, asked: &AskedPack) -> Option<Pin> {
    let range = asked.range.as_ref().map_or_else(Range::any, exactly);
    let entry = wants.packages.entry(asked.name.clone()).or_insert_with(|| unwritten(asked));
    entry.requirement.range = range.clone();
    let entry = wants.overrides.get_mut(&asked.name)?;
    Some(Pin { range: std::mem::replace(&mut entry.range, range), at: Some(entry.at.clone()) })
}

fn unwritten(asked: &AskedPack) -> PackageEntry {
    let requirement = Requirement {
        name: asked.name.clone(),
        range: Range::any(),
        source: RequirementSource::Registry(None),
        extras: std::collections::BTreeSet::default(),
        tier: crate::model::Tier::default(),
    };
    let at = Place { file: MANIFEST_NAME.to_owned(), line: 1 };
    PackageEntry { requirement, priority: 0, rename: std::collections::BTreeMap::default(), at }
}

/// Takes a bare version for itself: who asks about 2.0.3 does not mean 2.1.
fn exactly(range: &Range) -> Range {
    crate::model::Version::from_str(range.as_str()).map_or_else(|_| range.clone(), |version| Range::exactly(&version))
}

fn plan_all(context: &Context, (before, after): (&Project, &Project), environment: &EnvironmentName) -> Result<Vec<LockPlan>, OpsError> {
    let asked = Asked::new(context.locking, &Freedom::Keep);
    let mut after = after.clone();
    let mut plans = vec![plan_lock(context, &after, environment, &asked)?];
    for other in after.environments().into_iter().filter(|other| other != environment) {
        if after.lockfile_text(&other)?.is_none() {
            continue;
        }
        let last = plans.last().expect("the environment's own is the first");
        after.plan_lockfile(last.environment.clone(), last.after.clone());
        match plan_lock(context, &after, &other, &asked) {
            Ok(plan) => plans.push(plan),
            Err(OpsError::Conflict { .. }) if has_no_resolution(context, before, &other) => {
                let file = other.lockfile_name();
                context.warn(format!("{file} stays as it was: environment {other} has no resolution, before this as after"));
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(plans)
}

/// Tells whether an environment has no resolution as it is, so that no edit makes it any worse.
fn has_no_resolution(context: &Context, before: &Project, environment: &EnvironmentName) -> bool {
    let asked = Asked::new(context.locking, &Freedom::Keep);
    matches!(plan_lock(context, before, environment, &asked), Err(OpsError::Conflict { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(fixes_ended: FixesEnd, number: usize, expected: &str) {
        let environment = EnvironmentName::parse("prod").expect("a name");
        let outcome = ResolveOutcome { fixes_ended, ..unsolved(environment, Duration::from_mins(1)) };
        let answer = Answer { outcome, fixes: vec![vec![]] };
        assert_eq!(answer.fix(number).map_or_else(|error| error.to_string(), |_| "applied".to_owned()), expected);
    }

    #[test]
    fn a_fix_is_known_by_its_number_unless_time_ended_the_search() {
        check(FixesEnd::Through, 1, "applied");
        check(FixesEnd::Exhausted, 1, "applied");
        check(FixesEnd::Through, 0, "there is no fix 0: only 1 was found");
        check(FixesEnd::Through, 2, "there is no fix 2: only 1 was found");
        check(FixesEnd::OutOfTime, 1, "which fix is number 1 was not found out in 60 s; packs.toml is as it was");
    }
}
