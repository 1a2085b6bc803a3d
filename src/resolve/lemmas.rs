//! A proof without what it says twice: the solver finds some things out anew, and nobody wants to read them again.

use std::collections::HashMap;

use crate::resolve::conflict::Claim;
use crate::resolve::conflict::Step;

/// Lets every step that follows from others stand once, and leaves out what the conclusion does not need; causes still come first.
///
/// A step that says what an earlier one said takes that one's place among the causes of others. Since causes come first, no circle can arise.
pub(super) fn once_each(mut steps: Vec<Step>) -> Vec<Step> {
    let mut first: HashMap<Vec<Claim>, usize> = HashMap::new();
    let mut stands_for: Vec<usize> = Vec::with_capacity(steps.len());
    for (number, step) in steps.iter_mut().enumerate() {
        let same = match step {
            Step::Derived { terms, causes } => {
                *causes = causes.map(|cause| stands_for[cause]);
                *first.entry(terms.clone()).or_insert(number)
            }
            _ => number,
        };
        stands_for.push(same);
    }
    // The conclusion excludes nothing but the project: whatever is the first to say so ends the proof.
    let Some(last) = stands_for.last().copied() else { return steps };
    steps.truncate(last + 1);
    only_needed(steps)
}

/// Leaves out the steps that the last one does not rest on.
fn only_needed(steps: Vec<Step>) -> Vec<Step> {
    let mut is_needed = vec![false; steps.len()];
    if let Some(last) = is_needed.last_mut() {
        *last = true;
    }
    for (number, step) in steps.iter().enumerate().rev() {
        if let (true, Step::Derived { causes, .. }) = (is_needed[number], step) {
            for cause in causes {
                is_needed[*cause] = true;
            }
        }
    }
    let mut places = vec![0; steps.len()];
    let mut kept = Vec::new();
    for (number, mut step) in steps.into_iter().enumerate().filter(|(number, _)| is_needed[*number]) {
        if let Step::Derived { causes, .. } = &mut step {
            *causes = causes.map(|cause| places[cause]);
        }
        places[number] = kept.len();
        kept.push(step);
    }
    kept
}

#[cfg(test)]
mod tests {
    use pubgrub::VersionSet as _;

    use super::*;
    use crate::resolve::universe::PROJECT;
    use crate::resolve::versions::Releases;
    use crate::resolve::versions::Slot;

    /// A step that says something of its own, by a number, from two others.
    fn follows(says: usize, causes: [usize; 2]) -> Step {
        let set = Releases::singleton(Slot::new(says, 100));
        Step::Derived { terms: vec![Claim { node: PROJECT, is_chosen: true, set }], causes }
    }

    fn causes(steps: &[Step]) -> Vec<[usize; 2]> {
        steps.iter().filter_map(|step| if let Step::Derived { causes, .. } = step { Some(*causes) } else { None }).collect()
    }

    #[test]
    fn what_is_said_twice_stands_once() {
        let steps = vec![Step::Given, Step::Given, follows(1, [0, 1]), Step::Given, follows(1, [0, 3]), follows(2, [2, 4])];
        let kept = once_each(steps);
        assert_eq!((kept.len(), causes(&kept)), (4, vec![[0, 1], [2, 2]]));
    }

    #[test]
    fn a_conclusion_that_was_reached_before_ends_the_proof() {
        let steps = vec![Step::Given, Step::Given, follows(1, [0, 1]), Step::Given, follows(1, [2, 3])];
        assert_eq!(once_each(steps).len(), 3);
    }
}
