//! Back to an earlier generation.
//!
//! Where nothing but `current` changes, that is one rename, whose cost does not depend on the size of the generation, and three syncs: audit begin, the
//! directory, audit end. Where copies, the active environment or (with `restore`) packs.toml and lockfile change too, it is an operation of the journal.

use serde::Serialize;

use crate::fsys;
use crate::generation;
use crate::generation::Environment;
use crate::generation::GenerationRecord;
use crate::model::EnvironmentName;
use crate::ops::ChangeRequest;
use crate::ops::Changes;
use crate::ops::Context;
use crate::ops::OpsError;
use crate::ops::commit;
use crate::ops::commit::Commit;
use crate::ops::commit::FileEdit;
use crate::ops::commit::SavedCopy;
use crate::ops::history::changes_of;
use crate::ops::located::Located;
use crate::ops::project::MANIFEST_NAME;
use crate::ops::project::Project;
use crate::ops::project::utf8;
use crate::ops::recorded::Recorded;
use crate::ops::recorded::recorded;
use crate::ops::session::Session;

/// Largest copy of a lockfile in a generation, in bytes; as large as a lockfile may be.
const COPY_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Where to go back to.
#[derive(Debug, Clone, Default)]
pub struct RollbackRequest {
    /// The generation; the parent of the current one where there is none.
    pub to: Option<u64>,
    /// Whether packs.toml and the lockfile of that generation come back too.
    pub restore: bool,
    /// Whether copies are replaced even where they were edited.
    pub force: bool,
    /// How to change.
    pub change: ChangeRequest,
}

/// What a rollback did, or would do.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct RollbackOutcome {
    /// The environment.
    pub environment: EnvironmentName,
    /// Whether it was only planned.
    pub dry_run: bool,
    /// Whether that generation was current already.
    pub nothing_to_do: bool,
    /// The generation that was current.
    pub from: u64,
    /// The generation that is current now, or would be.
    pub to: u64,
    /// Whether packs.toml and lockfile were put back too.
    pub restored: bool,
    /// The lockfile's name in the project.
    pub lockfile: String,
    /// The packs that changed.
    #[serde(flatten)]
    pub changes: Changes,
    /// Placed copies that were left as the user edited them.
    pub edited_copies: Vec<String>,
    /// Edited copies that were replaced because that was forced.
    pub saved_copies: Vec<SavedCopy>,
}

/// Everything that is decided before anything is done.
struct Plan {
    located: Located,
    environment: Environment,
    current: GenerationRecord,
    target: GenerationRecord,
    edits: Vec<FileEdit>,
    outcome: RollbackOutcome,
}

/// Goes back to the parent of the current generation, or to the one asked for.
///
/// # Errors
/// [`OpsError::NoGeneration`] before the first switch; [`OpsError::UnknownGeneration`] where it is not kept; nothing has changed then.
pub fn rollback(context: &Context, request: &RollbackRequest) -> Result<RollbackOutcome, OpsError> {
    let plan = Plan::new(context, request)?;
    if plan.outcome.nothing_to_do || request.change.dry_run {
        return Ok(plan.outcome);
    }
    let session = Session::open(context, &plan.located.project)?;
    // A crash may have been mended, or somebody switched or collected, while we waited for the lock: only what holds under it counts.
    let plan = if plan.still_holds(request)? { plan } else { Plan::new(context, request)? };
    if plan.outcome.nothing_to_do {
        return Ok(plan.outcome);
    }
    plan.tell_what_stays(context, request)?;
    let (project, environment) = (plan.located.project.clone(), plan.located.environment.clone());
    let record = Recorded {
        action: "rollback",
        project: Some(&project),
        environment: Some(&environment),
        reason: request.change.reason.as_deref(),
        packs: plan.outcome.changes.all().cloned().collect(),
    };
    recorded(context, record, || plan.carry_out(context, &session, request))
}

impl Plan {
    fn new(context: &Context, request: &RollbackRequest) -> Result<Plan, OpsError> {
        let located = Located::recall(context)?;
        let (environment, current) = located.switched(context)?;
        let target = target(&environment, &current, request.to)?;
        let edits = edits(&located.project, &environment, &target, request.restore)?;
        let outcome = RollbackOutcome {
            environment: located.environment.clone(),
            dry_run: request.change.dry_run,
            nothing_to_do: current.number == target.number && edits.is_empty(),
            from: current.number,
            to: target.number,
            restored: request.restore,
            lockfile: located.environment.lockfile_name(),
            changes: changes_of(&generation::difference_between(Some(&current), &target)),
            edited_copies: vec![],
            saved_copies: vec![],
        };
        Ok(Plan { located, environment, current, target, edits, outcome })
    }

    /// Tells whether the same would be decided again. Records never change; what `--restore` compares them with may have.
    fn still_holds(&self, request: &RollbackRequest) -> Result<bool, OpsError> {
        let project = &self.located.project;
        let text = fsys::read_optional(&project.directory.join(MANIFEST_NAME), COPY_BYTES_MAX)?;
        Ok(!request.restore
            && text.as_deref() == Some(project.text.as_bytes())
            && generation::active_environment(&project.directory)? == self.located.active
            && self.environment.current()? == Some(self.current.number)
            && fsys::status(&self.environment.path(self.target.number))?.is_some())
    }

    fn tell_what_stays(&self, context: &Context, request: &RollbackRequest) -> Result<(), OpsError> {
        let text = self.located.project.lockfile_text(&self.located.environment)?;
        let lockfile_says_else = text.map(|text| crate::ops::switch::digest(&text)) != self.target.lockfile;
        if lockfile_says_else && !request.restore && self.target.lockfile.is_some() {
            context.note(format!(
                "packs.toml and {} stay as they are and say something else than generation {}; --restore puts its own back",
                self.outcome.lockfile, self.target.number
            ));
        }
        Ok(())
    }

    /// Tells whether nothing but `current` changes.
    fn is_one_rename(&self, is_active: bool, force: bool) -> bool {
        self.edits.is_empty() && (!is_active || (self.current.place == self.target.place && !force))
    }

    fn carry_out(self, context: &Context, session: &Session, request: &RollbackRequest) -> Result<RollbackOutcome, OpsError> {
        let is_active = self.located.active.as_ref() == Some(&self.located.environment);
        if self.is_one_rename(is_active, request.force) {
            context.interrupt.begin_change()?;
            self.environment.flip(self.target.number)?;
            return Ok(self.outcome);
        }
        let edited = commit::edited_files(request.force);
        let place = if is_active { commit::plan_place(context, session, &self.target, edited)? } else { generation::PlacePlan::default() };
        let commit = Commit {
            action: "rollback",
            files: self.edits,
            environment: &self.environment,
            from: Some(self.current.number),
            to: Some(self.target.number),
            activate: None,
            staged: None,
            is_synced: false,
            place,
        };
        let placed = commit::apply(context, session, commit)?;
        Ok(RollbackOutcome { edited_copies: placed.edited, saved_copies: placed.saved, ..self.outcome })
    }
}

fn target(environment: &Environment, current: &GenerationRecord, to: Option<u64>) -> Result<GenerationRecord, OpsError> {
    let number = match to {
        Some(number) => number,
        None => environment.rollback_target(current.number)?,
    };
    match environment.find_record(number)? {
        Some(record) => Ok(record),
        None => Err(OpsError::UnknownGeneration {
            environment: environment.name().clone(),
            number,
            known: environment.numbers()?,
            collected: environment.collected()?.iter().any(|collected| collected.number == number),
        }),
    }
}

/// Gives what changes in packs.toml and the lockfile to be as the generation was made from.
fn edits(project: &Project, environment: &Environment, target: &GenerationRecord, restore: bool) -> Result<Vec<FileEdit>, OpsError> {
    if !restore {
        return Ok(vec![]);
    }
    let copy = |name: &str| -> Result<Option<String>, OpsError> {
        let path = environment.path(target.number).join(name);
        fsys::read_optional(&path, COPY_BYTES_MAX)?.map(|bytes| utf8(bytes, &path)).transpose()
    };
    let (Some(manifest), Some(lockfile)) = (copy(MANIFEST_NAME)?, copy("packs.lock")?) else {
        return Err(OpsError::NothingToRestore { environment: environment.name().clone(), number: target.number });
    };
    let found = project.lockfile_text(environment.name())?;
    let mut edits = vec![];
    if found.as_deref() != Some(&lockfile) {
        edits.push(FileEdit::new(&environment.name().lockfile_name(), found.as_deref(), Some(&lockfile)));
    }
    if project.text != manifest {
        edits.push(FileEdit::new(MANIFEST_NAME, Some(&project.text), Some(&manifest)));
    }
    Ok(edits)
}
