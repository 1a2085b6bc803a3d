//! A conflict in sentences.
//!
//! First what it is about, with its places; then the steps of the proof in lines, causes first, each line going on from the one before where it can:
//!
//! ```text
//! These two requirements cannot be met together:
//!   packs.toml:9   dashboard ^1.4
//!   packs.toml:12  charting ^1
//! Because dashboard 1.4.0 requires charting ^2 and your project requires charting ^1, dashboard 1.4.0 cannot be chosen.
//! And because your project requires dashboard ^1.4, these requirements cannot be met together.
//! ```
//!
//! Nothing here recurses: a proof may be as deep as a chain of requirements is long.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ops::Range;

use crate::model::Place;
use crate::resolve::conflict::Conflict;
use crate::resolve::conflict::Step;
use crate::resolve::wording::Wording;

/// Most lines of an explanation; longer ones lose their middle, never their end.
const LINES_MAX: usize = 40;

/// Lines of the proof kept from the start of a longer explanation; the rest is kept from its end, where the conclusion is.
const LINES_AT_START: usize = 15;

/// Most requirements that a short explanation lists.
const REQUIREMENTS_MAX: usize = 10;

/// How much of a long explanation is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// No more lines than a person reads.
    Short,
    /// All.
    Full,
}

/// One sentence: premises, then what follows.
struct Line {
    /// The derived step that it concludes.
    conclusion: usize,
    /// Steps given, not derived.
    given: Vec<usize>,
    /// Earlier lines, other than the one just before.
    earlier: Vec<usize>,
    /// Whether it goes on from the line just before.
    goes_on: bool,
}

/// Writes the explanation.
pub(super) fn explain(conflict: &Conflict, length: Length) -> String {
    let wording = Wording::new(conflict);
    let mut head = head(conflict, length);
    let lines = Outline::new(&conflict.steps).lines();
    let left_out = if length == Length::Full { 0..0 } else { left_out(lines.len(), LINES_MAX - head.len()) };
    let shown: Vec<usize> = (0..lines.len()).filter(|number| !left_out.contains(number)).collect();
    let mut sentences = format_lines(&wording, &lines, &shown);
    if !left_out.is_empty() {
        sentences.insert(left_out.start, format!("… {} more steps of the same proof …", left_out.len()));
    }
    if lines.is_empty() {
        sentences.push(wording.single(conflict.steps.len() - 1));
    }
    head.append(&mut sentences);
    head.join("\n")
}

/// Says which requirements it is about, and where they are written.
fn head(conflict: &Conflict, length: Length) -> Vec<String> {
    let mut requirements = conflict.requirements();
    requirements.sort_by(|(name, _, at), (other, _, other_at)| (at, name).cmp(&(other_at, other)));
    let opening = match requirements.len() {
        0 => return Vec::new(),
        1 => "This requirement cannot be met:".to_owned(),
        2 => "These two requirements cannot be met together:".to_owned(),
        count => format!("These {count} requirements cannot be met together:"),
    };
    let most = if length == Length::Full || requirements.len() <= REQUIREMENTS_MAX { requirements.len() } else { REQUIREMENTS_MAX - 1 };
    let place = |at: &Option<Place>| at.as_ref().map_or_else(|| conflict.unwritten.place().to_owned(), ToString::to_string);
    let width = requirements.iter().take(most).map(|(_, _, at)| place(at).len()).max().unwrap_or_default();
    let mut lines = vec![opening];
    lines.extend(requirements.iter().take(most).map(|(name, range, at)| format!("  {:width$}  {name} {range}", place(at))));
    if most < requirements.len() {
        lines.push(format!("  and {} more", requirements.len() - most));
    }
    if !conflict.is_smallest() {
        lines.push("Not all of them may be needed for that: this was not shown to be the smallest conflict, since the time was up.".to_owned());
    }
    lines
}

/// Gives the lines to leave out of so many, so that with a line that says so no more than the most are shown.
fn left_out(count: usize, most: usize) -> Range<usize> {
    if count <= most { 0..0 } else { LINES_AT_START..count - (most - LINES_AT_START - 1) }
}

/// Formats the lines that are shown; those that a later one looks back to get a number.
fn format_lines(wording: &Wording<'_>, lines: &[Line], shown: &[usize]) -> Vec<String> {
    let is_shown = |number: &usize| shown.binary_search(number).is_ok();
    let looked_back: BTreeSet<usize> = shown.iter().flat_map(|number| &lines[*number].earlier).copied().filter(is_shown).collect();
    let labels: BTreeMap<usize, usize> = looked_back.into_iter().zip(1..).collect();
    let conclusion = |number: usize| wording.conclusion(lines[number].conclusion);
    let label = |number: &usize| labels.get(number).map_or(String::new(), |label| format!(" ({label})"));
    let format = |number: &usize| {
        let line = &lines[*number];
        let before = number.checked_sub(1).filter(|_| line.goes_on);
        let opening = if before.is_some_and(|before| is_shown(&before)) { "And because" } else { "Because" };
        // Where the line before is left out, what it concluded has to be said.
        let mut premises: Vec<String> = before.filter(|before| !is_shown(before)).map(conclusion).into_iter().collect();
        premises.extend(line.earlier.iter().map(|earlier| conclusion(*earlier) + &label(earlier)));
        premises.extend(wording.premises(&line.given));
        format!("{opening} {}, {}.{}", join(&premises, "and"), conclusion(*number), label(number))
    };
    shown.iter().map(format).collect()
}

/// Joins with commas, and a word before the last.
pub(super) fn join<T: AsRef<str>>(parts: &[T], word: &str) -> String {
    match parts {
        [] => String::new(),
        [only] => only.as_ref().to_owned(),
        [first, second] => format!("{} {word} {}", first.as_ref(), second.as_ref()),
        [rest @ .., last] => {
            let rest: Vec<&str> = rest.iter().map(AsRef::as_ref).collect();
            format!("{}, {word} {}", rest.join(", "), last.as_ref())
        }
    }
}

/// Puts the derived steps into lines.
struct Outline<'a> {
    steps: &'a [Step],
    /// How many derived steps each step is a cause of.
    uses: Vec<usize>,
    /// How many steps lie under each, counted once per use, at most `u64::MAX`.
    weights: Vec<u64>,
}

impl<'a> Outline<'a> {
    fn new(steps: &'a [Step]) -> Self {
        let (mut uses, mut weights) = (vec![0; steps.len()], vec![1u64; steps.len()]);
        for (number, step) in steps.iter().enumerate() {
            if let Step::Derived { causes, .. } = step {
                for cause in causes {
                    uses[*cause] += 1;
                }
                weights[number] = causes.iter().fold(1, |sum: u64, cause| sum.saturating_add(weights[*cause]));
            }
        }
        Outline { steps, uses, weights }
    }

    fn lines(&self) -> Vec<Line> {
        let (mut lines, mut line_of) = (Vec::<Line>::new(), BTreeMap::<usize, usize>::new());
        let mut open = vec![(self.steps.len() - 1, false)];
        while let Some((number, causes_are_done)) = open.pop() {
            if line_of.contains_key(&number) || !self.is_derived(number) {
                continue;
            }
            let (given, mut derived) = self.premises(number);
            if causes_are_done {
                let before = lines.len().checked_sub(1);
                let mut earlier: Vec<usize> = derived.iter().map(|step| line_of[step]).collect();
                let goes_on = before.is_some_and(|before| earlier.contains(&before));
                earlier.retain(|line| !goes_on || Some(*line) != before);
                line_of.insert(number, lines.len());
                lines.push(Line { conclusion: number, given, earlier, goes_on });
            } else {
                // The lightest comes last, next to the line that needs it; what is pushed last comes first.
                derived.sort_by_key(|step| self.weights[*step]);
                open.push((number, true));
                open.extend(derived.into_iter().map(|step| (step, false)));
            }
        }
        lines
    }

    /// The given and the derived premises of a step. A cause is left out for its own causes where naming what follows from it would add a line and no sense.
    fn premises(&self, number: usize) -> (Vec<usize>, Vec<usize>) {
        let (mut given, mut derived) = (Vec::new(), Vec::new());
        let mut open = self.causes(number).to_vec();
        while let Some(cause) = open.pop() {
            if !self.is_derived(cause) {
                given.push(cause);
            } else if self.uses[cause] == 1 && self.causes(cause).iter().any(|step| self.is_silent(*step)) {
                open.extend(self.causes(cause));
            } else {
                derived.push(cause);
            }
        }
        given.sort_unstable();
        (given, derived)
    }

    /// Tells whether a step rather qualifies another than proves something: releases ruled out one by one, an extra's own pack.
    fn is_silent(&self, number: usize) -> bool {
        matches!(self.steps[number], Step::Unavailable { .. } | Step::Belongs { .. } | Step::Given)
    }

    fn causes(&self, number: usize) -> &'a [usize] {
        match &self.steps[number] {
            Step::Derived { causes, .. } => causes,
            _ => &[],
        }
    }

    fn is_derived(&self, number: usize) -> bool {
        matches!(self.steps[number], Step::Derived { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_read_as_people_write_them() {
        for (parts, expected) in [(vec![], ""), (vec!["a"], "a"), (vec!["a", "b"], "a and b"), (vec!["a", "b", "c"], "a, b, and c")] {
            assert_eq!(join(&parts, "and"), expected);
        }
    }

    #[test]
    fn the_middle_is_left_out() {
        assert_eq!(left_out(0, LINES_MAX), 0..0);
        assert_eq!(left_out(LINES_MAX, LINES_MAX), 0..0);
        for (count, most) in [(LINES_MAX + 1, LINES_MAX), (1000, LINES_MAX), (1000, LINES_MAX - REQUIREMENTS_MAX - 1)] {
            assert_eq!(count - left_out(count, most).len() + 1, most, "with the line that says so");
        }
    }
}
