//! The moment a project changes: files, generation and links together, journalled first.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::fsys;
use crate::generation;
use crate::generation::ActiveFlip;
use crate::generation::Change;
use crate::generation::CurrentFlip;
use crate::generation::EditedFiles;
use crate::generation::Environment;
use crate::generation::GenerationRecord;
use crate::generation::Journal;
use crate::generation::NewOperation;
use crate::generation::PlaceAction;
use crate::generation::PlacePlan;
use crate::generation::PlaceStep;
use crate::generation::Placements;
use crate::generation::RunningOperation;
use crate::generation::StagedGeneration;
use crate::generation::State;
use crate::model::EnvironmentName;
use crate::model::TreePath;
use crate::ops::Context;
use crate::ops::OpsError;
use crate::ops::project::Project;
use crate::ops::session::Session;

/// Largest copy of packs.toml in a generation, in bytes; as large as packs.toml itself may be.
const COPY_BYTES_MAX: u64 = 1024 * 1024;

/// A file of the project that changes, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileEdit {
    path: String,
    before: Option<String>,
    after: Option<String>,
}

impl FileEdit {
    /// Takes a file's name in the project and its text before and after; `None` where it is not there.
    pub(super) fn new(path: &str, before: Option<&str>, after: Option<&str>) -> FileEdit {
        FileEdit { path: path.to_owned(), before: before.map(str::to_owned), after: after.map(str::to_owned) }
    }

    fn change(&self) -> Change {
        let state = |text: &Option<String>| State::text(text.as_ref().map(String::as_bytes));
        Change { path: TreePath::parse(&self.path).expect("manifest and lockfiles have valid names"), before: state(&self.before), after: state(&self.after) }
    }
}

/// An edited copy that was replaced because that was forced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct SavedCopy {
    /// Its path in the project.
    pub path: String,
    /// Where the user's edits are now.
    pub saved_as: String,
}

/// Everything that changes at once.
pub(super) struct Commit<'c> {
    /// What it is, as the audit log calls it.
    pub action: &'static str,
    /// Manifest and lockfiles.
    pub files: Vec<FileEdit>,
    /// The environment whose generation changes.
    pub environment: &'c Environment,
    /// The generation that is current.
    pub from: Option<u64>,
    /// The generation that is to be.
    pub to: Option<u64>,
    /// The environment that is to be active; `None` leaves that as it is.
    pub activate: Option<&'c EnvironmentName>,
    /// The generation made for it.
    pub staged: Option<StagedGeneration>,
    /// Whether the home was synced since it was staged.
    pub is_synced: bool,
    /// What changes in the project's placed files.
    pub place: PlacePlan,
}

/// What became of placed copies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Placed {
    /// Count of placed files that changed.
    pub changed: usize,
    /// Copies that were left as edited.
    pub edited: Vec<String>,
    /// Edited copies that were replaced.
    pub saved: Vec<SavedCopy>,
}

impl Placed {
    /// Tells whether no placed file changed.
    pub(super) fn is_nothing(&self) -> bool {
        self.changed == 0
    }
}

/// Says what becomes of edited copies, as the flag `--force` asks.
pub(super) fn edited_files(force: bool) -> EditedFiles {
    if force { EditedFiles::SaveAside } else { EditedFiles::Keep }
}

/// Plans what happens to placed files when an environment with this generation becomes the active one.
///
/// # Errors
/// [`OpsError::InTheWay`] names all files that are not ours and in the way, at once.
pub(super) fn plan_place(context: &Context, session: &Session, next: &GenerationRecord, edited: EditedFiles) -> Result<PlacePlan, OpsError> {
    let active = generation::active_environment(&session.known.directory)?;
    let old = match &active {
        Some(active) => Environment::new(&context.layout, &session.known.id, active).find_current_record()?,
        None => None,
    };
    let old = old.map(|record| Placements::of_record(&record)).unwrap_or_default();
    let plan = plan_between(&session.known.directory, &old, &Placements::of_record(next), edited)?;
    if plan.in_the_way.is_empty() { Ok(plan) } else { Err(OpsError::InTheWay { all: plan.in_the_way }) }
}

/// Gives what would have to be done, and what is in the way, so that a project has what a generation places; nothing if it has.
pub(super) fn placed_again(directory: &Path, record: &GenerationRecord) -> Result<PlacePlan, OpsError> {
    let placed = Placements::of_record(record);
    plan_between(directory, &placed, &placed, EditedFiles::Keep)
}

fn plan_between(directory: &Path, old: &Placements, new: &Placements, edited: EditedFiles) -> Result<PlacePlan, OpsError> {
    let seen = generation::look_at_places(directory, old, new)?;
    Ok(generation::plan_place(directory, old, new, &seen, edited)?)
}

/// Carries out a commit: journal, generation, files, links, journal.
///
/// If the power goes, the journal is there whole or not at all; with it, the next command finishes what was flipped and takes back what was not.
/// A failure takes everything back at once; if even that fails, the next command does.
pub(super) fn apply(context: &Context, session: &Session, commit: Commit<'_>) -> Result<Placed, OpsError> {
    let placed = placed(&commit.place);
    let operation = operation(context, session, &commit)?;
    if context.sync && commit.staged.is_some() && !commit.is_synced {
        fsys::sync_filesystem(context.layout.home())?;
    }
    if is_nothing(&operation) {
        return Ok(placed);
    }
    context.interrupt.begin_change()?;
    let journal = Journal::new(&context.layout, &session.known);
    carry_out(context, &journal.begin(&operation)?, commit.staged)?;
    Ok(placed)
}

/// Carries out a change of files alone: journalled like any other, so that `undo` takes it back.
pub(super) fn apply_files(context: &Context, session: &Session, action: &str, files: &[FileEdit]) -> Result<(), OpsError> {
    let operation = NewOperation {
        action: action.to_owned(),
        command: context.who.command.clone(),
        began_at: context.now(),
        undoes: None,
        files: files.iter().map(FileEdit::change).collect(),
        currents: BTreeMap::new(),
        active: None,
    };
    context.interrupt.begin_change()?;
    carry_out(context, &Journal::new(&context.layout, &session.known).begin(&operation)?, None)
}

/// Carries out an operation that has begun, to its end; one that cannot go on, or cannot even end, is taken back.
pub(super) fn carry_out(context: &Context, running: &RunningOperation, staged: Option<StagedGeneration>) -> Result<(), OpsError> {
    let published = staged.map_or(Ok(()), StagedGeneration::publish);
    let carried = published.and_then(|()| running.apply_files()).and_then(|()| running.flip()).and_then(|()| running.finish());
    carried.map_err(|error| {
        // The first error is the one that counts; what could not be taken back now, the next command takes back.
        if let Err(also) = running.take_back() {
            context.warn(format!("the change could not be taken back yet: {also}; the next packs command does"));
        }
        error.into()
    })
}

fn operation(context: &Context, session: &Session, commit: &Commit<'_>) -> Result<NewOperation, OpsError> {
    let files = commit.files.iter().map(FileEdit::change).chain(commit.place.changes.iter().cloned()).collect();
    let flip = CurrentFlip { before: commit.from.unwrap_or(0), after: commit.to.unwrap_or(0), makes: commit.staged.is_some() };
    let mut currents = BTreeMap::new();
    if flip.before != flip.after {
        currents.insert(commit.environment.name().clone(), flip);
    }
    let active = generation::active_environment(&session.known.directory)?;
    let activated = commit.activate.cloned().filter(|wanted| active.as_ref() != Some(wanted));
    Ok(NewOperation {
        action: commit.action.to_owned(),
        command: context.who.command.clone(),
        began_at: context.now(),
        undoes: None,
        files,
        currents,
        active: activated.map(|after| ActiveFlip { before: active, after: Some(after) }),
    })
}

fn is_nothing(operation: &NewOperation) -> bool {
    operation.files.is_empty() && operation.currents.is_empty() && operation.active.is_none()
}

fn placed(plan: &PlacePlan) -> Placed {
    let mut placed = Placed { changed: plan.changes.len(), ..Placed::default() };
    for step in &plan.steps {
        match &step.action {
            PlaceAction::KeepEdited => placed.edited.push(step.path.to_string()),
            PlaceAction::SaveAside { saved_as } => placed.saved.push(SavedCopy { path: step.path.to_string(), saved_as: saved_as.to_string() }),
            PlaceAction::Link | PlaceAction::Unlink | PlaceAction::Copy | PlaceAction::Replace | PlaceAction::Remove => {}
        }
    }
    placed
}

/// Tells whether a generation was made from this very text of packs.toml.
pub(super) fn same_manifest(environment: &Environment, number: u64, text: &str) -> Result<bool, OpsError> {
    let copy = environment.path(number).join("packs.toml");
    Ok(fsys::read_optional(&copy, COPY_BYTES_MAX)?.as_deref() == Some(text.as_bytes()))
}

/// Tells whether all that a generation needs is there: its store paths, the project's links, what it places; and that no operation was interrupted.
///
/// Copies that were edited count as placed, unless they are to be replaced.
pub(super) fn is_whole(
    context: &Context,
    project: &Project,
    (environment, record): (&Environment, &GenerationRecord),
    edited: EditedFiles,
) -> Result<bool, OpsError> {
    for release in &record.releases {
        if fsys::status(&context.layout.store_path(&release.store_path))?.is_none() {
            return Ok(false);
        }
    }
    let known = generation::Project { id: environment.project().clone(), directory: project.directory.clone() };
    let link = project.directory.join(".packs").join(environment.name().as_str());
    let leads_here = fsys::read_link(&link)?.as_ref() == Some(&context.layout.current(environment.project(), environment.name()));
    let may_stay = |step: &PlaceStep| edited == EditedFiles::Keep && step.action == PlaceAction::KeepEdited;
    let has_placed = |plan: PlacePlan| plan.in_the_way.is_empty() && plan.steps.iter().all(may_stay);
    let is_placed = record.place.is_empty() || has_placed(placed_again(&project.directory, record)?);
    Ok(leads_here && is_placed && !Journal::new(&context.layout, &known).is_interrupted()?)
}
