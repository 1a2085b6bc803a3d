//! A conflict in sentences.
//!
//! The steps are put into lines, causes first, each line going on from the one before where it can:
//!
//! ```text
//! Because dashboard 1.4.0 requires charting ^2 and your project requires charting ^1 (packs.toml:12), dashboard 1.4.0 cannot be chosen.
//! And because your project requires dashboard ^1.4 (packs.toml:9), the requirements charting ^1 (packs.toml:12) and dashboard ^1.4 (packs.toml:9) cannot be met together.
//! ```
//!
//! Nothing here recurses: a proof may be as deep as a chain of requirements is long.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::resolve::conflict::Conflict;
use crate::resolve::conflict::Step;
use crate::resolve::wording::Wording;

/// Most lines of an explanation; longer ones lose their middle, never their end.
const LINES_MAX: usize = 40;

/// Lines kept from the start of a longer explanation; the rest is kept from its end, where the conclusion is.
const LINES_AT_START: usize = 15;

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
pub(super) fn explain(conflict: &Conflict) -> String {
    let wording = Wording::new(conflict);
    let lines = Outline::new(&conflict.steps).lines();
    let sentences = match lines.len() {
        0 => vec![wording.single(conflict.steps.len() - 1)],
        1..=LINES_MAX => format_lines(&wording, &lines, 0..lines.len(), 0),
        count => format_shortened(&wording, &lines, count),
    };
    sentences.join("\n")
}

fn format_shortened(wording: &Wording<'_>, lines: &[Line], count: usize) -> Vec<String> {
    let at_end = count - (LINES_MAX - LINES_AT_START - 1);
    let mut sentences = format_lines(wording, lines, 0..LINES_AT_START, 0);
    let labels = sentences.iter().filter(|sentence| sentence.ends_with(')')).count();
    sentences.push(format!("… {} more steps of the same proof …", at_end - LINES_AT_START));
    sentences.extend(format_lines(wording, lines, at_end..count, labels));
    sentences
}

/// Formats these lines; those that another of them looks back to get a number, counted on from `labels_before`.
fn format_lines(wording: &Wording<'_>, lines: &[Line], shown: std::ops::Range<usize>, labels_before: usize) -> Vec<String> {
    let looked_back: BTreeSet<usize> = lines[shown.clone()].iter().flat_map(|line| &line.earlier).copied().filter(|line| shown.contains(line)).collect();
    let labels: BTreeMap<usize, usize> = looked_back.into_iter().zip(labels_before + 1..).collect();
    let first = shown.start;
    let format = |number: usize| {
        let line = &lines[number];
        let reference = |earlier: &usize| {
            let conclusion = wording.conclusion(lines[*earlier].conclusion);
            labels.get(earlier).map_or(conclusion.clone(), |label| format!("{conclusion} ({label})"))
        };
        let mut premises: Vec<String> = line.earlier.iter().map(reference).collect();
        if line.goes_on && number == first && number > 0 {
            premises.insert(0, wording.conclusion(lines[number - 1].conclusion));
        }
        premises.extend(wording.premises(&line.given));
        let label = labels.get(&number).map_or(String::new(), |label| format!(" ({label})"));
        let opening = if line.goes_on && number != first { "And because" } else { "Because" };
        format!("{opening} {}, {}.{label}", join(&premises, "and"), wording.conclusion(line.conclusion))
    };
    shown.map(format).collect()
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
