//! Takes back the last operation of a project: manifest, lockfiles, copies and generation together.

use serde::Serialize;

use crate::generation;
use crate::generation::Environment;
use crate::generation::FileState;
use crate::generation::Journal;
use crate::generation::UndoPlan;
use crate::model::EnvironmentName;
use crate::model::PackChange;
use crate::ops::ChangeRequest;
use crate::ops::Context;
use crate::ops::OpsError;
use crate::ops::commit;
use crate::ops::history::changes_of;
use crate::ops::project::Project;
use crate::ops::recorded::Recorded;
use crate::ops::recorded::recorded;
use crate::ops::session::Session;

/// What was taken back.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct UndoOutcome {
    /// Whether it was only planned.
    pub dry_run: bool,
    /// The command that was taken back.
    pub command: String,
    /// What it was: `switch`, `install`.
    pub action: String,
    /// The files that are as before again.
    pub files: Vec<UndoneFile>,
    /// The environments whose current generation is as before again.
    pub generations: Vec<UndoneGeneration>,
}

/// One file that is as before again.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct UndoneFile {
    /// Its path in the project.
    pub path: String,
    /// Whether it was not there before, so that it is gone.
    pub removed: bool,
}

/// One environment that is as before again.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct UndoneGeneration {
    /// The environment.
    pub environment: EnvironmentName,
    /// The generation that was current.
    pub from: u64,
    /// The generation that is current now, or would be.
    pub to: u64,
}

/// Takes back the newest operation that was not taken back yet.
///
/// # Errors
/// [`OpsError::NothingToUndo`]; [`OpsError::CannotUndo`] where something was changed since, naming all of it. Nothing has changed then.
pub fn undo(context: &Context, request: &ChangeRequest) -> Result<UndoOutcome, OpsError> {
    let project = Project::recall(context)?;
    let known = generation::open_project(&context.layout, &project.directory)?.ok_or(OpsError::NothingToUndo)?;
    if request.dry_run {
        let plan = plan(&Journal::new(&context.layout, &known))?;
        return Ok(outcome(&plan, true));
    }
    let session = Session::open(context, &project)?;
    let journal = Journal::new(&context.layout, &session.known);
    let plan = plan(&journal)?;
    let done = outcome(&plan, false);
    let environment = only(&plan).cloned();
    let record = Recorded {
        action: "undo",
        project: Some(&project),
        environment: environment.as_ref(),
        reason: request.reason.as_deref(),
        packs: changes(context, &session, &plan)?,
    };
    recorded(context, record, || {
        let operation = plan.into_operation(context.who.command.clone(), context.now());
        context.interrupt.begin_change()?;
        commit::carry_out(context, &journal.begin(&operation)?, None)
    })?;
    Ok(done)
}

/// Gives the environment that is switched back, if it is one.
fn only(plan: &UndoPlan) -> Option<&EnvironmentName> {
    let mut environments = plan.operation.currents.keys();
    environments.next().filter(|_| environments.next().is_none())
}

/// Gives the packs that change where a generation does.
fn changes(context: &Context, session: &Session, plan: &UndoPlan) -> Result<Vec<PackChange>, OpsError> {
    let mut changes = vec![];
    for (name, flip) in &plan.operation.currents {
        let environment = Environment::new(&context.layout, &session.known.id, name);
        let (from, to) = (environment.record(flip.after)?, environment.record(flip.before)?);
        changes.extend(changes_of(&generation::difference_between(Some(&from), &to)).all().cloned());
    }
    Ok(changes)
}

fn plan(journal: &Journal) -> Result<UndoPlan, OpsError> {
    let plan = journal.plan_undo().map_err(|error| match error {
        generation::GenerationError::NothingToUndo => OpsError::NothingToUndo,
        other => other.into(),
    })?;
    if plan.obstacles.is_empty() {
        return Ok(plan);
    }
    Err(OpsError::CannotUndo { command: plan.operation.command.clone(), obstacles: plan.obstacles })
}

fn outcome(plan: &UndoPlan, dry_run: bool) -> UndoOutcome {
    let operation = &plan.operation;
    let files = operation.files.iter().map(|change| UndoneFile { path: change.path.to_string(), removed: change.before == FileState::Absent });
    let flips = operation.currents.iter().filter(|(_, flip)| flip.before != flip.after);
    UndoOutcome {
        dry_run,
        command: operation.command.clone(),
        action: operation.action.clone(),
        files: files.collect(),
        generations: flips.map(|(name, flip)| UndoneGeneration { environment: name.clone(), from: flip.after, to: flip.before }).collect(),
    }
}
