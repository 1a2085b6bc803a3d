//! One solve as a value: what is wanted, what there is, what is preferred; to be answered, and where there is no answer, to be asked for what would help.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use rayon::iter::IntoParallelRefIterator as _;
use rayon::iter::ParallelIterator as _;

use crate::lock::Lockfile;
use crate::lock::Options;
use crate::lock::ResolutionMode;
use crate::manifest::PackageEntry;
use crate::manifest::Wants;
use crate::model::EnvironmentName;
use crate::model::PackName;
use crate::model::Range;
use crate::model::Version;
use crate::ops::Context;
use crate::ops::OpsError;
use crate::ops::Planned;
use crate::ops::ShownFix;
use crate::ops::elsewhere;
use crate::ops::fix;
use crate::ops::idle;
use crate::ops::project::Project;
use crate::ops::rename;
use crate::ops::solve::Found;
use crate::ops::solve::Freedom;
use crate::ops::solve::LockPlan;
use crate::ops::solve::locked_release;
use crate::ops::universe::Universe;
use crate::resolve;
use crate::resolve::Conflict;
use crate::resolve::Failure;
use crate::resolve::Fix;
use crate::resolve::FixesEnd;
use crate::resolve::Limit;
use crate::resolve::Mode;
use crate::resolve::Preferences;
use crate::resolve::Resolution;
use crate::resolve::Root;
use crate::resolve::Unwritten;

/// How long to look for a change that would help before an error is shown: nobody waits for a hint.
const HINT_MAX: Duration = Duration::from_secs(1);

/// Most changes that are looked for then: the best of them may be none of packs.toml as it is.
const HINTED_MAX: usize = 5;

/// What an environment wants, ready to be solved.
pub(super) struct Question {
    wants: Wants,
    options: Options,
    found: Found,
    roots: Vec<Root>,
    universe: Universe,
    preferences: Preferences,
    /// When to give up whatever is still being looked for: an answer, the smallest conflict, what would help.
    deadline: Timestamp,
    idle_pins: Vec<String>,
}

impl Question {
    /// Loads everything that the answer may depend on.
    pub(super) fn new(context: &Context, project: &Project, (wants, options): (Wants, Options), (found, freedom): (Found, &Freedom)) -> Result<Self, OpsError> {
        let universe = Universe::load(context, project, &wants, found.moment(&wants.environment, &options))?;
        let preferences = preferences(project, &wants, &found, (freedom, &options))?;
        let idle_pins = idle::warnings(&wants, &universe);
        let mut roots: Vec<Root> = wants.packages.values().map(root).collect();
        if let Freedom::Precise(name, version) = freedom {
            // What nothing may require is told so after the solve.
            roots.extend(universe.has(name).then(|| asked_for(name, version)));
        }
        let deadline = after(context, context.solve_max);
        Ok(Question { wants, options, found, roots, universe, preferences, deadline, idle_pins })
    }

    /// Asks the same of a project that was changed, with the same locked versions preferred, until the same deadline.
    ///
    /// # Errors
    /// As [`Question::new`].
    pub(super) fn about(&self, context: &Context, project: &Project) -> Result<Self, OpsError> {
        let environment = &self.wants.environment;
        let (wants, found) = (project.wants(environment)?, Found::read(project, environment)?);
        let question = Question::new(context, project, (wants, self.options.clone()), (found, &Freedom::Keep))?;
        Ok(Question { deadline: self.deadline, ..question })
    }

    /// Gives the environment.
    pub(super) fn environment(&self) -> &EnvironmentName {
        &self.wants.environment
    }

    /// Gives what is asked for, by name.
    pub(super) fn packages(&self) -> &BTreeMap<PackName, PackageEntry> {
        &self.wants.packages
    }

    /// Takes it that a pack is not asked for, and not overridden, in the lines where packs.toml names it, if it does.
    pub(super) fn forget_places(&mut self, name: &PackName) {
        self.roots.iter_mut().filter(|root| root.name == *name).for_each(|root| root.at = None);
        self.universe.forget_place(name);
    }

    /// Warns of the overrides and constraints that count for nothing, of each once in a run.
    pub(super) fn warn_of_idle_pins(&self, context: &Context) {
        self.idle_pins.iter().filter(|warning| context.memo.is_first(warning)).for_each(|warning| context.warn(warning));
    }

    /// Gives the overrides and constraints that count for nothing, one line each.
    pub(super) fn idle_pins(&self) -> &[String] {
        &self.idle_pins
    }

    /// Answers within the time that the context gives for the whole question.
    pub(super) fn solve(&self, context: &Context) -> Result<Resolution, Failure> {
        until(context, self.deadline, |limit| resolve::resolve(&self.roots, &self.universe, &self.preferences, limit))
    }

    /// Gives the lockfile that an answer means.
    pub(super) fn plan(&self, resolution: &Resolution) -> LockPlan {
        let chosen: Vec<_> = resolution.releases.iter().collect();
        let locked: Vec<_> = chosen.par_iter().map(|(name, chosen)| locked_release(name, chosen, &self.universe)).collect();
        let (releases, notices): (Vec<_>, Vec<_>) = locked.into_iter().unzip();
        let lockfile = Lockfile {
            environment: self.wants.environment.clone(),
            revision: self.found.revision(),
            options: self.options.clone(),
            requirements: self.wants.requirements(),
            releases: releases.into_iter().map(|release| (release.id.name.clone(), release)).collect(),
        };
        let notices = Some(notices.into_iter().flatten().collect());
        LockPlan { idle_pins: self.idle_pins.clone(), notices, ..self.found.plan(&self.wants.environment, lockfile) }
    }

    /// Finds the smallest changes of packs.toml that would help, in what is left of the time.
    ///
    /// # Errors
    /// Those of a packs.toml that cannot be edited.
    pub(super) fn fixes(&self, context: &Context, project: &Project, (conflict, most): (&Conflict, usize)) -> Result<FoundFixes, OpsError> {
        // What cannot be loaded is no fix, nor what there is no time to look for.
        let renamed = if self.is_over(context) { None } else { rename::find(context, project, (self, conflict)).unwrap_or_default() };
        let most = most.saturating_sub(usize::from(renamed.is_some()));
        let mut fixes = until(context, self.deadline, |limit| self.fixes_within(project, conflict, (most, limit)))?;
        fixes.shown.splice(0..0, renamed);
        Ok(fixes)
    }

    fn fixes_within(&self, project: &Project, conflict: &Conflict, (most, limit): (usize, &Limit<'_>)) -> Result<FoundFixes, OpsError> {
        let question = resolve::Question { roots: &self.roots, candidates: &self.universe, preferences: &self.preferences };
        let fixes = resolve::find_fixes(&question, conflict, most, limit);
        let mut shown = Vec::new();
        for fix in fixes.found {
            if let Some(edited) = fix::shown(project, &self.wants.environment, &fix, self.plan(&fix.resolution).changes)? {
                shown.push((fix, edited));
            }
        }
        Ok(FoundFixes { shown, ended: fixes.ended, tried: fixes.tried })
    }

    /// Tells whether the time for the question is up.
    fn is_over(&self, context: &Context) -> bool {
        context.interrupt.is_asked() || context.now() >= self.deadline
    }

    /// Asks elsewhere about what a conflict says is not there, if there is still time.
    pub(super) fn inquire(&self, context: &Context, project: &Project, conflict: &mut Conflict) {
        if self.is_over(context) {
            return;
        }
        let hints = elsewhere::hints(context, project, (&self.wants, conflict));
        conflict.learn(hints);
    }

    /// Words a failure, with the change that would help best if one is found at once.
    pub(super) fn refuse(&self, context: &Context, project: &Project, failure: Failure) -> OpsError {
        let (environment, seconds) = (self.wants.environment.clone(), context.solve_max.as_secs());
        match failure {
            _ if context.interrupt.is_asked() => OpsError::Interrupted,
            Failure::OutOfTime { hottest } => OpsError::OutOfTime { environment, seconds, hottest },
            Failure::Conflict(mut conflict) => {
                self.inquire(context, project, &mut conflict);
                if self.roots.iter().any(|root| root.at.is_none()) {
                    // No edit of packs.toml takes back what was asked for beside it.
                    conflict.move_places(Unwritten::Asked, Some);
                    return OpsError::Conflict { environment, conflict, fixes: vec![], planned: Some(Planned::Asked), seconds };
                }
                let hint_by = after(context, HINT_MAX).min(self.deadline);
                let fixes = until(context, hint_by, |limit| self.fixes_within(project, &conflict, (HINTED_MAX, limit)));
                // A hint is worth no second failure.
                let fixes = fixes.map(|fixes| fixes.shown.into_iter().map(|(_, shown)| shown).collect()).unwrap_or_default();
                OpsError::Conflict { environment, conflict, fixes, planned: None, seconds }
            }
        }
    }
}

/// Changes that would help, each as the lines to edit; one that packs.toml would not take is left out.
pub(super) struct FoundFixes {
    /// The best first.
    pub shown: Vec<(Fix, ShownFix)>,
    /// How the search ended.
    pub ended: FixesEnd,
    /// How many edits, or sets of them, were tried out.
    pub tried: usize,
}

/// Works with a limit that comes at a moment, or when somebody asks to stop.
fn until<T>(context: &Context, deadline: Timestamp, work: impl FnOnce(&Limit<'_>) -> T) -> T {
    work(&Limit::when(&|| context.interrupt.is_asked() || context.now() >= deadline))
}

fn after(context: &Context, time: Duration) -> Timestamp {
    context.now().checked_add(time).unwrap_or(Timestamp::MAX)
}

fn root(entry: &PackageEntry) -> Root {
    let requirement = &entry.requirement;
    Root { name: requirement.name.clone(), range: requirement.range.clone(), extras: requirement.extras.clone(), at: Some(entry.at.clone()) }
}

/// The requirement of a release that is asked for precisely, beside those of packs.toml: what is locked makes room for it as far as it must.
fn asked_for(name: &PackName, version: &Version) -> Root {
    Root { name: name.clone(), range: Range::exactly(version), extras: BTreeSet::new(), at: None }
}

fn preferences(project: &Project, wants: &Wants, found: &Found, (freedom, options): (&Freedom, &Options)) -> Result<Preferences, OpsError> {
    let is_alike = |other: &Options| (other.resolution, other.as_of) == (options.resolution, options.as_of);
    // What was chosen in another mode, or of another moment, says nothing about this one.
    let mut locked = if found.options().is_some_and(is_alike) { found.pins() } else { BTreeMap::new() };
    match freedom {
        Freedom::Keep => {}
        Freedom::Update(names) => locked.retain(|name, _| !names.contains(name)),
        Freedom::UpdateAll => locked.clear(),
        Freedom::Precise(name, version) => {
            locked.insert(name.clone(), version.clone());
        }
    }
    let mut others: BTreeMap<PackName, BTreeSet<Version>> = BTreeMap::new();
    // An update asks for the newest: what the other environments still have must not hold it back.
    let updated = |name: &PackName| match freedom {
        Freedom::UpdateAll => true,
        Freedom::Update(names) => names.contains(name),
        Freedom::Keep | Freedom::Precise(..) => false,
    };
    let lockfiles = project.other_lockfiles(&wants.environment)?;
    let agreeing = lockfiles.iter().filter(|(name, lockfile)| !wants.conflicts.contains(name) && is_alike(&lockfile.options));
    for (_, lockfile) in agreeing {
        for (name, version) in lockfile.pins().into_iter().filter(|(name, _)| !updated(name)) {
            others.entry(name).or_default().insert(version);
        }
    }
    Ok(Preferences { mode: mode(options.resolution), locked, others })
}

fn mode(resolution: ResolutionMode) -> Mode {
    match resolution {
        ResolutionMode::Highest => Mode::Highest,
        ResolutionMode::Lowest => Mode::Lowest,
        ResolutionMode::LowestDirect => Mode::LowestDirect,
    }
}
