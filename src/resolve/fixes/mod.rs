//! The smallest changes of what a project asks for that would make it solvable. Each is tried out by a solve before it is named.
//!
//! Changes are only made to what takes part in the conflict, so the search is narrow: one change at a time, then, where no single one will do without force, another
//! on top of those that came nearest. A range is first left open to see what would be chosen, and then written as closely to the old one as still solves.
//!
//! A whole project is solved only for changes that do away with every conflict met so far: one whose proof speaks of nothing that is changed stands as it is,
//! and of any other it is enough to try its own requirements.

mod attempt;
mod search;
mod world;
mod written;

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::resolve::Candidates;
use crate::resolve::Change;
use crate::resolve::Conflict;
use crate::resolve::Limit;
use crate::resolve::Preferences;
use crate::resolve::Resolution;
use crate::resolve::Root;
use crate::resolve::fixes::attempt::Manner;
use crate::resolve::fixes::attempt::Trial;
use crate::resolve::fixes::search::Round;
use crate::resolve::fixes::search::Search;

/// Most changes that one fix is made of; more is no small change.
const CHANGES_MAX: usize = 3;

/// A solve, as it was asked for.
#[derive(Debug)]
pub struct Question<'a, C> {
    /// The direct requirements.
    pub roots: &'a [Root],
    /// All releases there are.
    pub candidates: &'a C,
    /// The releases preferred.
    pub preferences: &'a Preferences,
}

/// Changes that together make a project solvable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// The changes, by the name of their pack.
    pub changes: Vec<Change>,
    /// What is chosen then.
    pub resolution: Resolution,
}

/// What a search for fixes found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixes {
    /// The fixes, the gentlest first, and of these the smallest.
    pub found: Vec<Fix>,
    /// Whether the search came to its end; otherwise the limit came first, and there may be better ones.
    pub is_complete: bool,
}

/// Finds at most so many fixes of a conflict, the gentlest first, and of these the smallest; where the limit comes before the search is through, those found by then.
pub fn find_fixes<C: Candidates>(question: &Question<'_, C>, conflict: &Conflict, most: usize, limit: &Limit<'_>) -> Fixes {
    let conflict = Rc::new(conflict.clone());
    let mut search = Search::new(question, limit);
    search.meet(&conflict);
    let mut failed: Vec<(Trial, Rc<Conflict>)> = vec![(Trial::new(), conflict)];
    let (mut found, mut is_complete) = (BTreeMap::new(), true);
    for _ in 0..CHANGES_MAX {
        let mut round = Round { found, failed: Vec::new() };
        is_complete = search.add_one(failed, &mut round);
        (found, failed) = (round.found, round.failed);
        // One change that forces something, or does without, must not hide two that only ask for other releases.
        if !is_complete || found.first_key_value().is_some_and(|((manner, ..), _)| *manner == Manner::Asking) {
            break;
        }
    }
    Fixes { found: found.into_values().take(most).collect(), is_complete }
}
