//! A project held for a change: known to the home, locked, and whole again after whatever a crash interrupted.

use crate::fsys;
use crate::fsys::FileLock;
use crate::generation;
use crate::generation::Journal;
use crate::generation::Naming;
use crate::generation::Outcome;
use crate::ops::Context;
use crate::ops::OpsError;
use crate::ops::project::Project;
use crate::store::Store;
use crate::store::locks;

/// A project that nobody else changes for as long as this is held.
pub(super) struct Session {
    /// The store of the home.
    pub store: Store,
    /// The project, as the home knows it.
    pub known: generation::Project,
    _lock: FileLock,
}

impl Session {
    /// Makes the home and the project's id as far as they are missing, takes the project's lock, and finishes or takes back what a crash interrupted.
    ///
    /// packs.toml must be read (again) afterwards: taking back may have changed it.
    pub(super) fn open(context: &Context, project: &Project) -> Result<Session, OpsError> {
        let store = Store::create(context.layout.clone())?;
        loop {
            let random = fsys::random_id()?;
            let manifest = &project.manifest.project;
            let naming = Naming { name: &manifest.name, team: manifest.team.as_deref(), random: &random, now: context.now() };
            let (known, _) = generation::own_project(&context.layout, &project.directory, &naming)?;
            let lock = context.waiting(|waiting| locks::project(&context.layout, &known.id, waiting))?;
            if !known.is_still_ours()? {
                continue;
            }
            let session = Session { store, known, _lock: lock };
            session.recover(context)?;
            generation::mend_links(&context.layout, &session.known)?;
            return Ok(session);
        }
    }

    fn recover(&self, context: &Context) -> Result<(), OpsError> {
        for recovered in Journal::new(&context.layout, &self.known).recover()? {
            let what = if recovered.outcome == Outcome::RolledForward { "finished" } else { "took back" };
            context.note(format!("{what} `{}`, which was interrupted", recovered.command));
            for path in recovered.left_alone {
                context.warn(format!("{path} was changed by somebody else meanwhile and is left as it is"));
            }
        }
        Ok(())
    }
}
