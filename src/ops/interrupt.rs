//! Ctrl-C, as use cases see it: up to the point of no return it ends them, after that they finish.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::ops::OpsError;

/// Whether somebody asked this run to stop; clones are about the same run.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    state: Arc<Mutex<State>>,
    last_act: Arc<Mutex<Option<LastAct>>>,
}

/// What is to be done where a run that was asked to stop does not come to its end by itself: it may wait for a server, and leave something with another.
pub struct LastAct {
    /// What it does, for whoever waits: "the draft of v2 is being removed".
    pub doing: String,
    /// Does it; an error is told in place of the interruption.
    pub act: Box<dyn FnOnce() -> Result<(), OpsError> + Send>,
    /// What is told where it takes too long.
    pub late: OpsError,
}

impl fmt::Debug for LastAct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LastAct").field("doing", &self.doing).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// Nothing was changed so far.
    #[default]
    Preparing,
    /// It is to end, and must not change anything.
    Asked,
    /// It makes its change, or has made it.
    Changing,
}

/// What becomes of a run that is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopping {
    /// It ends: nothing was changed, and nothing will be.
    AtOnce,
    /// It is making its change, which takes a moment; it finishes that, and says so as usual.
    AfterTheChange,
}

impl Interrupt {
    /// Asks the run to stop, and tells what will become of it.
    pub fn ask(&self) -> Stopping {
        let mut state = self.state();
        if *state == State::Changing {
            return Stopping::AfterTheChange;
        }
        *state = State::Asked;
        Stopping::AtOnce
    }

    /// Tells whether the run is to end.
    pub fn is_asked(&self) -> bool {
        *self.state() == State::Asked
    }

    /// Goes on only if nobody asked to stop.
    ///
    /// # Errors
    /// [`OpsError::Interrupted`] otherwise.
    pub(super) fn check(&self) -> Result<(), OpsError> {
        if self.is_asked() { Err(OpsError::Interrupted) } else { Ok(()) }
    }

    /// Goes on with the next of several steps, each of which stands for itself, only if nobody asked to stop.
    ///
    /// # Errors
    /// [`OpsError::InterruptedBetween`] otherwise.
    pub(super) fn check_between(&self) -> Result<(), OpsError> {
        if self.is_asked() { Err(OpsError::InterruptedBetween) } else { Ok(()) }
    }

    /// Passes the point of no return: from here on the run changes what a project can see, and comes to its end.
    ///
    /// # Errors
    /// [`OpsError::Interrupted`] where somebody asked before: it must not change anything then.
    pub(super) fn begin_change(&self) -> Result<(), OpsError> {
        let mut state = self.state();
        if *state == State::Asked {
            return Err(OpsError::Interrupted);
        }
        *state = State::Changing;
        Ok(())
    }

    /// Says what is to be done if the run is ended from now on, or that nothing is.
    pub(super) fn leave_behind(&self, act: Option<LastAct>) {
        *self.last_act.lock().unwrap_or_else(PoisonError::into_inner) = act;
    }

    /// Takes what is to be done before the run is ended.
    pub fn take_last_act(&self) -> Option<LastAct> {
        self.last_act.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves it right: it is changed by single assignments.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_the_change_it_ends_and_no_change_begins() {
        let interrupt = Interrupt::default();
        assert!(interrupt.check().is_ok());
        assert_eq!(interrupt.clone().ask(), Stopping::AtOnce);
        assert!(matches!(interrupt.check(), Err(OpsError::Interrupted)));
        assert!(matches!(interrupt.begin_change(), Err(OpsError::Interrupted)));
    }

    #[test]
    fn from_the_change_on_it_finishes() {
        let interrupt = Interrupt::default();
        interrupt.begin_change().expect("nobody asked");
        assert_eq!(interrupt.ask(), Stopping::AfterTheChange);
        assert!(interrupt.check().is_ok() && interrupt.begin_change().is_ok());
    }
}
