//! Lockfiles only: made or made anew, nothing is switched to.

use serde::Serialize;

use crate::generation;
use crate::generation::Environment;
use crate::generation::PlacePlan;
use crate::lock::ResolutionMode;
use crate::model::EnvironmentName;
use crate::ops::AsOf;
use crate::ops::ChangeRequest;
use crate::ops::Changes;
use crate::ops::Context;
use crate::ops::LockfileState;
use crate::ops::Locking;
use crate::ops::OpsError;
use crate::ops::ReleaseNotice;
use crate::ops::commit;
use crate::ops::commit::Commit;
use crate::ops::commit::FileEdit;
use crate::ops::environment;
use crate::ops::notices;
use crate::ops::project::Project;
use crate::ops::recorded::Recorded;
use crate::ops::recorded::recorded;
use crate::ops::session::Session;
use crate::ops::solve::Asked;
use crate::ops::solve::Freedom;
use crate::ops::solve::LockPlan;
use crate::ops::solve::plan_each;

/// Which lockfiles.
#[derive(Debug, Clone, Default)]
pub struct LockRequest {
    /// Whether those of all environments are meant.
    pub all: bool,
    /// Whether only to tell if they are fresh.
    pub check: bool,
    /// Which releases to prefer; as the lockfile says where it is `None`.
    pub resolution: Option<ResolutionMode>,
    /// The moment whose releases count; as the lockfile says where it is `None`.
    pub as_of: Option<AsOf>,
    /// How to change.
    pub change: ChangeRequest,
}

/// What became of lockfiles.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct LockOutcome {
    /// Whether it was only planned.
    pub dry_run: bool,
    /// One per environment asked for.
    pub lockfiles: Vec<LockedEnvironment>,
}

/// What became of one lockfile.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct LockedEnvironment {
    /// The environment.
    pub environment: EnvironmentName,
    /// The lockfile's name in the project.
    pub lockfile: String,
    /// What became of it.
    pub state: LockfileState,
    /// Count of releases in it.
    pub releases: usize,
    /// The releases that changed.
    #[serde(flatten)]
    pub changes: Changes,
    /// Locked releases that were taken back since, or are no longer cared for, as far as is known.
    pub warnings: Vec<ReleaseNotice>,
    /// Overrides and constraints that count for nothing, found while it was solved; one line each.
    pub idle_pins: Vec<String>,
}

/// Makes the lockfiles asked for fresh; several of them all or none.
///
/// # Errors
/// With `check` or `--locked`: [`crate::ops::OpsError::LockfileMissing`], [`crate::ops::OpsError::LockfileStale`].
pub fn lock(context: &Context, request: &LockRequest) -> Result<LockOutcome, OpsError> {
    let found = Project::open(context)?;
    if request.check || request.change.dry_run || context.locking == Locking::Locked {
        return Ok(outcome(context, &found, &plan_all(context, &found, request)?, request.change.dry_run));
    }
    let session = Session::open(context, &found)?;
    let project = Project::read(found.directory)?;
    let plans = plan_all(context, &project, request)?;
    if let Some(first) = plans.first() {
        let environment = Environment::new(&context.layout, &session.known.id, &first.environment);
        let write = Write { action: "lock", project: &project, environment: &environment, reason: request.change.reason.as_deref() };
        write_locks(context, &session, &write, (&plans, None))?;
    }
    Ok(outcome(context, &project, &plans, false))
}

/// Who writes lockfiles, and why.
pub(super) struct Write<'w> {
    /// The action, as the audit log calls it.
    pub action: &'static str,
    /// The project.
    pub project: &'w Project,
    /// The environment whose journal line it is.
    pub environment: &'w Environment,
    /// Why, as the person said.
    pub reason: Option<&'w str>,
}

/// Writes the lockfiles that change, and packs.toml if it does: journalled, recorded, all or none.
pub(super) fn write_locks(context: &Context, session: &Session, write: &Write<'_>, (plans, manifest): (&[LockPlan], Option<FileEdit>)) -> Result<(), OpsError> {
    let changed = plans.iter().filter(|plan| plan.is_change());
    let files: Vec<FileEdit> = changed.map(|plan| FileEdit::new(&plan.file, plan.before.as_deref(), Some(&plan.after))).chain(manifest).collect();
    if files.is_empty() {
        return Ok(());
    }
    let record = Recorded {
        action: write.action,
        project: Some(write.project),
        environment: match plans {
            [only] => Some(&only.environment),
            _ => None,
        },
        reason: write.reason,
        packs: plans.iter().flat_map(|plan| plan.changes.all().cloned()).collect(),
    };
    recorded(context, record, || {
        let commit = Commit {
            action: write.action,
            files,
            environment: write.environment,
            from: None,
            to: None,
            activate: None,
            staged: None,
            is_synced: false,
            place: PlacePlan::default(),
        };
        commit::apply(context, session, commit).map(|_| ())
    })
}

fn plan_all(context: &Context, project: &Project, request: &LockRequest) -> Result<Vec<LockPlan>, OpsError> {
    let environments = if request.all {
        project.environments()
    } else {
        let active = generation::active_environment(&project.directory)?;
        vec![environment::choose(&project.manifest, context.environment.as_ref(), active.as_ref())?.0]
    };
    let locking = if request.check { Locking::Locked } else { context.locking };
    let asked = Asked { locking, freedom: &Freedom::Keep, resolution: request.resolution, as_of: request.as_of };
    plan_each(context, project, &environments, &asked)
}

/// Tells what became of lockfiles, and what is to be said of the releases in them.
pub(super) fn outcome(context: &Context, project: &Project, plans: &[LockPlan], dry_run: bool) -> LockOutcome {
    let lockfiles = plans.iter().map(|plan| LockedEnvironment {
        environment: plan.environment.clone(),
        lockfile: plan.file.clone(),
        state: plan.state,
        releases: plan.lockfile.releases.len(),
        changes: plan.changes.clone(),
        warnings: notices::tell_of_plan(context, project, plan),
        idle_pins: plan.idle_pins.clone(),
    });
    LockOutcome { dry_run, lockfiles: lockfiles.collect() }
}
