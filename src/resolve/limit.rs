//! When to give up: asked from outside, since the solver knows no clock.

use crate::model::PackName;
use crate::resolve::Conflict;

/// Says when a solve has taken long enough.
///
/// The solver asks every few hundred steps, about once per millisecond. An answer never depends on the limit, only whether it is
/// found; of a conflict, how small it was made, and of fixes, which were found by then.
pub struct Limit<'a> {
    is_over: Option<&'a dyn Fn() -> bool>,
    /// The steps after which a plain search is given up, however few conflicts it met.
    plain_steps_max: u32,
}

impl<'a> Limit<'a> {
    /// Gives the solve all the time it needs.
    pub fn none() -> Self {
        Limit { is_over: None, plain_steps_max: u32::MAX }
    }

    /// Gives it as much, but only so many steps of it to the plain search: so the search for many conflicts can be judged on small questions too.
    #[doc(hidden)]
    pub fn of_plain_search(steps: u32) -> Self {
        Limit { is_over: None, plain_steps_max: steps }
    }

    /// Ends the solve soon after this says so.
    pub fn when(is_over: &'a dyn Fn() -> bool) -> Self {
        Limit { is_over: Some(is_over), plain_steps_max: u32::MAX }
    }

    /// Asks whether to give up.
    pub(super) fn is_over(&self) -> bool {
        self.is_over.is_some_and(|is_over| is_over())
    }

    /// Tells whether a plain search is to be given up after so many steps.
    pub(super) fn ends_plain_search(&self, steps: u32) -> bool {
        steps >= self.plain_steps_max
    }
}

/// Why there is no resolution to be had.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// There is none.
    #[error(transparent)]
    Conflict(Box<Conflict>),
    /// Whether there is one was not found out before the limit.
    #[error("no resolution was found in the time given")]
    OutOfTime {
        /// The packs that took part in most conflicts, the hottest first; at most ten.
        hottest: Vec<PackName>,
    },
}
