//! The smallest changes of what a project asks for that would make it solvable. Each is tried out by a solve before it is named.
//!
//! Changes are only made to what takes part in the conflict, so the search is narrow: one change at a time, then, where no single one will do without force, another
//! on top of those that came nearest. A range is first left open to see what would be chosen, and then written as closely to the old one as still solves.
//!
//! Gentle trials come before those that force something and know nothing of them, and cheap ones before dear ones. So the search may stop as soon as nothing better
//! can come, and the first fixes are the same however many are asked for: whoever makes the second of three means the second of twenty.
//!
//! A whole project is solved only for changes that do away with every conflict met so far: one whose proof speaks of nothing that is changed stands as it is,
//! and of any other it is enough to try its own requirements.

mod attempt;
mod search;
mod world;
mod written;

use std::rc::Rc;

use serde::Serialize;

use crate::resolve::Candidates;
use crate::resolve::Change;
use crate::resolve::Conflict;
use crate::resolve::Limit;
use crate::resolve::Preferences;
use crate::resolve::Resolution;
use crate::resolve::Root;
use crate::resolve::fixes::attempt::Manner;
use crate::resolve::fixes::attempt::Trial;
use crate::resolve::fixes::search::Search;

/// Most changes that one fix is made of; more is no small change.
const CHANGES_MAX: usize = 3;

/// Most failed attempts that another change is added to.
const WIDTH: usize = 24;

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
    /// How the search ended.
    pub ended: FixesEnd,
    /// How many edits, or sets of them, were tried out.
    pub tried: usize,
}

/// How a search for fixes ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FixesEnd {
    /// Nothing better of up to three changes can be found.
    Through,
    /// The limit came first: there may be better ones, and more.
    OutOfTime,
    /// The project was solved as often as one search may: there may be better ones, and more.
    Exhausted,
}

/// Finds at most so many fixes of a conflict, the gentlest first, and of these the smallest; where the limit comes before the search is through, those found by then.
pub fn find_fixes<C: Candidates>(question: &Question<'_, C>, conflict: &Conflict, most: usize, limit: &Limit<'_>) -> Fixes {
    let conflict = Rc::new(conflict.clone());
    let mut search = Search::new(question, most, limit);
    search.meet(Manner::Asking, &conflict);
    let mut failed: Vec<(Trial, Rc<Conflict>)> = vec![(Trial::new(), conflict)];
    for count in 1..=CHANGES_MAX {
        failed = search.add_one(&failed, if count == CHANGES_MAX { 0 } else { WIDTH });
        // One change that forces something, or does without, must not hide two that only ask for other releases.
        if search.ended == FixesEnd::OutOfTime || search.has_gentle_fix() {
            break;
        }
    }
    search.fixes()
}
