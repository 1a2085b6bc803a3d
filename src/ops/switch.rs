//! The main job: make an environment's lockfile its current generation.
//!
//! Install, uninstall and update are the same job with another packs.toml or more freedom for the solver, so all four go through [`change`].
//!
//! Decide: lockfiles, then the generation they mean. Do, in this order, so that a power cut leaves the old state or the new one:
//! audit begin · trees and generation staged · file system synced · blobs linked, store paths renamed, `store/` synced · journal written and synced ·
//! generation renamed, its directory synced · lockfiles, packs.toml and copies written · `current` replaced and synced · `.packs/active` · journal done ·
//! audit end. Until the journal is written nothing that a project can see has changed; after it, the next command goes on or back.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::generation;
use crate::generation::About;
use crate::generation::Environment;
use crate::generation::GenerationRecord;
use crate::generation::LinkPlan;
use crate::generation::PlaceWish;
use crate::generation::Wanted;
use crate::manifest::Wants;
use crate::model::Blake3Digest;
use crate::model::EnvironmentName;
use crate::ops::ChangeRequest;
use crate::ops::Changes;
use crate::ops::Context;
use crate::ops::LockfileState;
use crate::ops::OpsError;
use crate::ops::ReleaseNotice;
use crate::ops::Unpacked;
use crate::ops::commit;
use crate::ops::commit::Commit;
use crate::ops::commit::FileEdit;
use crate::ops::commit::SavedCopy;
use crate::ops::environment;
use crate::ops::history::changes_of;
use crate::ops::notices;
use crate::ops::planned;
use crate::ops::prepare;
use crate::ops::prepare::Prepared;
use crate::ops::project::MANIFEST_NAME;
use crate::ops::project::Project;
use crate::ops::recorded::Recorded;
use crate::ops::recorded::recorded;
use crate::ops::session::Session;
use crate::ops::solve::Asked;
use crate::ops::solve::Freedom;
use crate::ops::solve::LockPlan;
use crate::ops::solve::plan_lock;
use crate::ops::solve::plan_others;

/// What a switch is asked for.
#[derive(Debug, Clone, Default)]
pub struct SwitchRequest {
    /// Whether copies are replaced even where they were edited.
    pub force: bool,
    /// How to change.
    pub change: ChangeRequest,
}

/// What a switch did, or would do.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct SwitchOutcome {
    /// The environment.
    pub environment: EnvironmentName,
    /// Whether it was only planned.
    pub dry_run: bool,
    /// Whether everything was as wanted already, so that no generation was made.
    pub nothing_to_do: bool,
    /// The generation that is current now, or would be.
    pub generation: Option<u64>,
    /// The generation that was current before.
    pub previous: Option<u64>,
    /// The lockfile's name in the project.
    pub lockfile: String,
    /// What became of it.
    pub lockfile_state: LockfileState,
    /// The packs that changed against the generation before.
    #[serde(flatten)]
    pub changes: Changes,
    /// What unpacking took.
    pub unpacked: Unpacked,
    /// Placed copies that were left as the user edited them, relative to the project.
    pub edited_copies: Vec<String>,
    /// Edited copies that were replaced because that was forced, and where they are kept.
    pub saved_copies: Vec<SavedCopy>,
    /// Locked releases that were taken back since, or are no longer cared for, as far as is known.
    pub warnings: Vec<ReleaseNotice>,
}

/// Which command changes, and how it was asked.
pub(super) struct Action<'a> {
    /// Its name in the audit log.
    pub(super) name: &'static str,
    /// Whether copies are replaced even where they were edited.
    pub(super) force: bool,
    /// How to change.
    pub(super) request: &'a ChangeRequest,
}

/// What a command wants of a project as it finds it.
pub(super) struct Wish {
    /// The project with the packs.toml to be.
    pub(super) project: Project,
    /// Which locked versions may move.
    pub(super) freedom: Freedom,
    /// Whether the lockfiles of the other environments must follow packs.toml, as far as there are any.
    pub(super) relock_others: bool,
}

/// Everything that is decided before anything is done.
struct Plan {
    before: Project,
    after: Project,
    environment: EnvironmentName,
    /// The environment that was active.
    active: Option<EnvironmentName>,
    wants: Wants,
    /// The environment's lockfile, and those of others that follow.
    lock: LockPlan,
    others: Vec<LockPlan>,
}

/// Makes the lockfile of the environment meant its current generation; locks first where that is needed and allowed.
///
/// # Errors
/// Whatever stands in the way; the old generation is current then, and packs.toml, lockfiles and copies are as they were.
pub fn switch(context: &Context, request: &SwitchRequest) -> Result<SwitchOutcome, OpsError> {
    let action = Action { name: "switch", force: request.force, request: &request.change };
    change(context, &action, &|project, _| Ok(Wish { project: project.clone(), freedom: Freedom::Keep, relock_others: false }))
}

/// Decides what a project is to become and makes it so.
pub(super) fn change(
    context: &Context,
    action: &Action<'_>,
    decide: &dyn Fn(&Project, &EnvironmentName) -> Result<Wish, OpsError>,
) -> Result<SwitchOutcome, OpsError> {
    let found = Project::open(context)?;
    let plan = Plan::new(context, found, decide)?;
    let looked = Looked::find(context, &plan)?;
    if looked.is_settled(context, &plan, action.force)? {
        if looked.has_moved && !action.request.dry_run {
            tell_place(context, &plan.before);
        }
        return Ok(plan.told(context, plan.settled(&looked, action)));
    }
    if action.request.dry_run {
        return Ok(plan.told(context, plan.dry_run(&looked)?));
    }
    let session = Session::open(context, &plan.before)?;
    // Somebody may have changed the project while we waited for its lock, or a crash was mended: only what holds under the lock counts.
    let now = Project::read(plan.before.directory.clone())?;
    let plan = if plan.still_holds(&now)? { plan } else { Plan::new(context, now, decide)? };
    let looked = Looked::find(context, &plan)?;
    let changes = looked.expected_changes(&plan);
    let record = Recorded {
        action: action.name,
        project: Some(&plan.after),
        environment: Some(&plan.environment),
        reason: action.request.reason.as_deref(),
        packs: changes.all().cloned().collect(),
    };
    let outcome = recorded(context, record, || plan.carry_out(context, &session, &looked, action))?;
    Ok(plan.told(context, outcome))
}

/// Tells the home where a moved project is now: else a collection takes it for gone. A home that cannot be written to is no reason to fail.
fn tell_place(context: &Context, project: &Project) {
    if let Err(error) = Session::open(context, project) {
        context.warn(format!("the home still looks for this project at its old place, so that `packs gc --missing-projects` takes it for gone: {error}"));
    }
}

impl Plan {
    fn new(context: &Context, before: Project, decide: &dyn Fn(&Project, &EnvironmentName) -> Result<Wish, OpsError>) -> Result<Plan, OpsError> {
        let active = generation::active_environment(&before.directory)?;
        let (environment, _) = environment::choose(&before.manifest, context.environment.as_ref(), active.as_ref())?;
        let wish = decide(&before, &environment)?;
        let failed = |failure| planned::refused(&before, &wish.project, failure);
        let lock = plan_lock(context, &wish.project, &environment, &Asked::new(context.locking, &wish.freedom)).map_err(failed)?;
        let keeping = Asked::new(context.locking, &Freedom::Keep);
        let others = if wish.relock_others { plan_others(context, &wish.project, &lock, &keeping).map_err(failed)? } else { vec![] };
        Ok(Plan { active, wants: wish.project.wants(&environment)?, before, after: wish.project, environment, lock, others })
    }

    /// Tells whether packs.toml and the lockfiles are as they were when this was decided, so that nothing need be solved again.
    fn still_holds(&self, now: &Project) -> Result<bool, OpsError> {
        if now.text != self.before.text || generation::active_environment(&now.directory)? != self.active {
            return Ok(false);
        }
        for lock in std::iter::once(&self.lock).chain(&self.others) {
            if now.lockfile_text(&lock.environment)? != lock.before {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Gives the files of the project that change: lockfiles first, packs.toml last.
    fn file_edits(&self) -> Vec<FileEdit> {
        let lockfiles = std::iter::once(&self.lock).chain(&self.others).filter(|lock| lock.is_change());
        let mut edits: Vec<FileEdit> = lockfiles.map(|lock| FileEdit::new(&lock.file, lock.before.as_deref(), Some(&lock.after))).collect();
        if self.before.text != self.after.text {
            edits.push(FileEdit::new(MANIFEST_NAME, Some(&self.before.text), Some(&self.after.text)));
        }
        edits
    }

    fn place_wishes(&self) -> Vec<PlaceWish> {
        self.after.manifest.place.iter().map(|entry| PlaceWish { target: entry.target.clone(), pack: entry.pack.clone(), mode: entry.mode }).collect()
    }

    fn outcome(&self, looked: &Looked, dry_run: bool) -> SwitchOutcome {
        SwitchOutcome {
            environment: self.environment.clone(),
            dry_run,
            nothing_to_do: false,
            generation: looked.current.as_ref().map(|record| record.number),
            previous: looked.current.as_ref().map(|record| record.number),
            lockfile: self.lock.file.clone(),
            lockfile_state: self.lock.state,
            changes: Changes::default(),
            unpacked: Unpacked::default(),
            edited_copies: vec![],
            saved_copies: vec![],
            warnings: vec![],
        }
    }

    /// Says what is known against the locked releases.
    fn told(&self, context: &Context, outcome: SwitchOutcome) -> SwitchOutcome {
        SwitchOutcome { warnings: notices::tell_of_plan(context, &self.after, &self.lock), ..outcome }
    }

    fn settled(&self, looked: &Looked, action: &Action<'_>) -> SwitchOutcome {
        SwitchOutcome { nothing_to_do: true, ..self.outcome(looked, action.request.dry_run) }
    }

    /// Tells what would be done, as far as that can be known without unpacking.
    fn dry_run(&self, looked: &Looked) -> Result<SwitchOutcome, OpsError> {
        let changes = looked.expected_changes(self);
        let next = match (&looked.environment, &looked.current) {
            (_, Some(current)) if looked.has_same_texts(self)? => current.number,
            (Some(environment), _) => environment.next_number()?.max(1),
            (None, _) => 1,
        };
        Ok(SwitchOutcome { generation: Some(next), changes, ..self.outcome(looked, true) })
    }

    fn carry_out(&self, context: &Context, session: &Session, looked: &Looked, action: &Action<'_>) -> Result<SwitchOutcome, OpsError> {
        let prepared = prepare::prepare(context, &session.store, &self.after, &self.wants, &self.lock.lockfile)?;
        let links = self.link_plan(&prepared)?;
        for wish in &links.not_placed {
            context.warn(format!("{} is not placed: environment {} does not link {}", wish.target, self.environment, wish.pack));
        }
        let difference = generation::difference(looked.current.as_ref(), &links);
        let environment = Environment::new(&context.layout, &session.known.id, &self.environment);
        environment.ensure(self.about(context, action, 0, None))?;
        // The project's link leads to `current`, whatever that points at: it is there before anything is flipped.
        generation::mend_links(&context.layout, &session.known)?;
        let before = environment.current()?;
        // Above the current one even where that was removed by hand: numbers are never reused.
        let number = environment.next_number()?.max(before.map_or(0, |before| before + 1));
        let record = links.into_record(self.about(context, action, number, before));
        let staged = (!difference.same).then(|| self.build(context, session, &record)).transpose()?;
        let place = commit::plan_place(context, session, &record, commit::edited_files(action.force))?;
        let (root, unpacked) = prepared.publish(context, &session.store)?;
        let now_current = if difference.same { before } else { Some(number) };
        let made = Commit {
            action: action.name,
            files: self.file_edits(),
            environment: &environment,
            from: before,
            to: now_current,
            activate: Some(&self.environment),
            staged,
            is_synced: unpacked.archives > 0,
            place,
        };
        let placed = commit::apply(context, session, made)?;
        drop(root);
        Ok(SwitchOutcome {
            nothing_to_do: difference.same && self.file_edits().is_empty() && placed.is_nothing() && unpacked.archives == 0 && looked.is_active(self),
            generation: now_current,
            previous: before,
            changes: changes_of(&difference),
            unpacked,
            edited_copies: placed.edited,
            saved_copies: placed.saved,
            ..self.outcome(looked, false)
        })
    }

    fn link_plan(&self, prepared: &Prepared<'_>) -> Result<LinkPlan, OpsError> {
        let wanted = Wanted { environment: self.environment.clone(), releases: prepared.wanted_releases(&self.wants), place: self.place_wishes() };
        Ok(generation::plan(&wanted)?)
    }

    fn about(&self, context: &Context, action: &Action<'_>, number: u64, parent: Option<u64>) -> About {
        About {
            number,
            parent,
            lockfile: Some(digest(&self.lock.after)),
            created_at: context.now(),
            user: context.who.user.clone(),
            host: context.who.host.clone(),
            reason: action.request.reason.clone(),
            command: context.who.command.clone(),
        }
    }

    fn build(&self, context: &Context, session: &Session, record: &GenerationRecord) -> Result<generation::StagedGeneration, OpsError> {
        let copies = generation::Copies { manifest: Some(self.after.text.as_bytes()), lockfile: Some(self.lock.after.as_bytes()) };
        Ok(generation::build(&context.layout, &session.known.id, record, &copies)?)
    }
}

/// What a look at the home found of the project; nothing is written for it.
struct Looked {
    environment: Option<Environment>,
    current: Option<GenerationRecord>,
    /// Whether the home knows the project at another place, where it is no longer.
    has_moved: bool,
    active: Option<EnvironmentName>,
}

impl Looked {
    fn find(context: &Context, plan: &Plan) -> Result<Looked, OpsError> {
        let directory = &plan.before.directory;
        let known = generation::open_project(&context.layout, directory)?;
        let has_moved = matches!(generation::identify(&context.layout, directory)?, generation::Identity::Moved(_));
        let environment = known.map(|known| Environment::new(&context.layout, &known.id, &plan.environment));
        let current = match &environment {
            Some(environment) => environment.find_current_record()?,
            None => None,
        };
        Ok(Looked { environment, current, has_moved, active: generation::active_environment(directory)? })
    }

    fn is_active(&self, plan: &Plan) -> bool {
        self.active.as_ref() == Some(&plan.environment)
    }

    /// Tells whether everything is as wanted already, by comparing alone: the current generation was made from these very texts, and all it needs is there.
    fn is_settled(&self, context: &Context, plan: &Plan, force: bool) -> Result<bool, OpsError> {
        let (Some(environment), Some(current)) = (&self.environment, &self.current) else { return Ok(false) };
        if !plan.file_edits().is_empty() || !self.is_active(plan) || !self.has_same_texts(plan)? {
            return Ok(false);
        }
        commit::is_whole(context, &plan.before, (environment, current), commit::edited_files(force))
    }

    /// Tells whether the current generation was made from these very texts, and from nothing that may have changed under them.
    fn has_same_texts(&self, plan: &Plan) -> Result<bool, OpsError> {
        let (Some(environment), Some(current)) = (&self.environment, &self.current) else { return Ok(false) };
        let has_paths = plan.wants.packages.values().any(|entry| matches!(entry.requirement.source, crate::model::RequirementSource::Path(_)));
        let same_lockfile = current.lockfile == Some(digest(&plan.lock.after));
        Ok(same_lockfile && !has_paths && commit::same_manifest(environment, current.number, &plan.after.text)?)
    }

    /// Gives the packs that change, by version; other content under the same version shows only once it is unpacked.
    fn expected_changes(&self, plan: &Plan) -> Changes {
        let linked: BTreeSet<_> = plan.lock.lockfile.linked(&plan.wants.tiers);
        let after =
            plan.lock.lockfile.releases.iter().filter(|(name, _)| linked.contains(*name)).map(|(name, release)| (name.clone(), release.id.version.clone()));
        let before = self.current.iter().flat_map(|record| &record.releases).map(|release| (release.name.clone(), release.version.clone()));
        Changes::between(&before.collect(), &after.collect())
    }
}

/// Digests a text as generation.json records lockfiles.
pub(super) fn digest(text: &str) -> Blake3Digest {
    Blake3Digest::of(text.as_bytes())
}
