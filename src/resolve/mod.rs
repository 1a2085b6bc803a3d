//! From requirements and candidates to a resolution, or to a conflict that says why there is none.
//!
//! Pure: knows names, versions, ranges and refusals; no disk, no network, no clock, and no registry. The same question gets the same answer, in whatever
//! order requirements and releases are given.
//!
//! What is chosen: one release per pack, of those that every range on it admits; the locked one if there is a choice, else the highest that another
//! environment uses, else the highest stable one, else the highest pre-release (`Mode` turns that round). A pre-release is a choice only for a range that names one of the same
//! number; a yanked release only for a range that names it with `=`, unless it is locked or the project itself names it so. Refused releases are no choice,
//! and a conflict names their rule.

mod arc;
mod argument;
mod candidates;
mod change;
mod conflict;
mod explain;
mod fixes;
mod hints;
mod lemmas;
mod limit;
mod needs;
mod nogood;
mod report;
mod search;
mod smallest;
mod solver;
mod universe;
mod versions;
mod wording;

pub use candidates::Candidate;
pub use candidates::Candidates;
pub use candidates::Chosen;
pub use candidates::Mode;
pub use candidates::Pin;
pub use candidates::Preferences;
pub use candidates::Resolution;
pub use candidates::Root;
pub use change::Change;
pub use conflict::Conflict;
pub use conflict::Unwritten;
pub use fixes::Fix;
pub use fixes::Fixes;
pub use fixes::FixesEnd;
pub use fixes::Question;
pub use fixes::find_fixes;
pub use hints::ConflictHint;
pub use limit::Failure;
pub use limit::Limit;
pub use report::AskedRange;
pub use report::ConflictGraph;
pub use report::ConflictReport;
pub use report::GraphEdge;
pub use report::GraphNode;
pub use report::Need;
pub use report::ProofStep;
pub use report::StepKind;

use crate::resolve::universe::Universe;

/// Finds a release for every pack that is needed, one per pack.
///
/// # Errors
/// [`Failure::Conflict`] proves that there is no such set; [`Failure::OutOfTime`] says that the limit came first.
pub fn resolve(roots: &[Root], candidates: &impl Candidates, preferences: &Preferences, limit: &Limit<'_>) -> Result<Resolution, Failure> {
    smallest::resolve(Universe::new(roots, candidates, preferences), limit)
}

/// Finds a release for every pack that some of the requirements need; all of them decide which yanked releases may be seen.
fn resolve_some(
    roots: &[Root],
    is_meant: impl Fn(&Root) -> bool,
    (candidates, preferences): (&impl Candidates, &Preferences),
    limit: &Limit<'_>,
) -> Result<Resolution, Failure> {
    smallest::resolve(universe_of_some(roots, is_meant, (candidates, preferences)), limit)
}

/// Tells whether a release can be found for every pack that some of the requirements need; `None` where the limit came first.
fn is_some_met(
    roots: &[Root],
    is_meant: impl Fn(&Root) -> bool,
    (candidates, preferences): (&impl Candidates, &Preferences),
    limit: &Limit<'_>,
) -> Option<bool> {
    smallest::is_met(universe_of_some(roots, is_meant, (candidates, preferences)), limit)
}

fn universe_of_some<'a, C: Candidates>(
    roots: &'a [Root],
    is_meant: impl Fn(&Root) -> bool,
    (candidates, preferences): (&'a C, &'a Preferences),
) -> Universe<'a, C> {
    let mut universe = Universe::new(roots, candidates, preferences);
    let meant: Vec<&Root> = universe.in_force().iter().copied().filter(|root| is_meant(root)).collect();
    universe.put_in_force(&meant);
    universe
}
