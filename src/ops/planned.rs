//! A conflict of a packs.toml that was planned and is not written, told of the one that is there.

use crate::model::EnvironmentName;
use crate::model::Place;
use crate::ops::OpsError;
use crate::ops::ShownFix;
use crate::ops::fix;
use crate::ops::project::MANIFEST_NAME;
use crate::ops::project::Project;
use crate::resolve::Unwritten;

/// What was to make packs.toml another than it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Planned {
    /// What a command asks for.
    Asked,
    /// A fix of an environment that has no resolution.
    Fix {
        /// The environment.
        environment: EnvironmentName,
        /// Its number.
        number: usize,
    },
}

/// Most pairs of lines that are compared; only edits far apart in a packs.toml of thousands of lines need more, and their lines are not told then.
const PAIRS_MAX: usize = 4_000_000;

/// Says of a conflict that it is about a packs.toml which is not written: its places become those of the one that is there, what stands only in the planned one
/// loses its place, and the fixes edit the one that is there. Any other failure stays as it is, and so does one of what is written already.
pub(super) fn refused(before: &Project, planned: &Project, failure: OpsError) -> OpsError {
    refused_as(Planned::Asked, (before, planned), failure)
}

/// Says the same of whatever it was that was planned.
pub(super) fn refused_as(what: Planned, (before, planned): (&Project, &Project), failure: OpsError) -> OpsError {
    let OpsError::Conflict { environment, mut conflict, fixes, planned: None, seconds } = failure else { return failure };
    if before.text == planned.text {
        return OpsError::Conflict { environment, conflict, fixes, planned: None, seconds };
    }
    let lines = lines_kept(&before.text, &planned.text);
    let found = |place: Place| match place.file.as_str() {
        MANIFEST_NAME => lines.get(place.line.wrapping_sub(1)).copied().flatten().map(|line| Place { line, ..place }),
        _ => Some(place),
    };
    let unwritten = if what == Planned::Asked { Unwritten::Asked } else { Unwritten::Fix };
    conflict.move_places(unwritten, found);
    let fixes = fixes.into_iter().filter_map(|fix| fix::as_found(before, &environment, fix)).map(|fix| with_places(fix, found)).collect();
    OpsError::Conflict { environment, conflict, fixes, planned: Some(what), seconds }
}

fn with_places(mut fix: ShownFix, found: impl Fn(Place) -> Option<Place>) -> ShownFix {
    for change in &mut fix.changes {
        let place = change.place_mut();
        *place = place.take().and_then(&found);
    }
    fix
}

/// Gives for each line of a planned text the number of the same line in the text that is there, counted from 1; `None` for a line that is not there.
pub(super) fn lines_kept(before: &str, planned: &str) -> Vec<Option<usize>> {
    let (before, planned): (Vec<&str>, Vec<&str>) = (before.lines().collect(), planned.lines().collect());
    let start = before.iter().zip(&planned).take_while(|(old, new)| old == new).count();
    let (old, new) = (&before[start..], &planned[start..]);
    let end = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    let middle = in_common(&old[..old.len() - end], &new[..new.len() - end]);
    let first = (1..=start).map(Some);
    let middle = middle.into_iter().map(|line| line.map(|line| start + line + 1));
    let last = (before.len() - end + 1..=before.len()).map(Some);
    first.chain(middle).chain(last).collect()
}

/// Gives for each of the new lines its place among the old ones, in the longest sequence that both have.
fn in_common(old: &[&str], new: &[&str]) -> Vec<Option<usize>> {
    if old.len().saturating_mul(new.len()) > PAIRS_MAX {
        return vec![None; new.len()];
    }
    // How long the longest sequence of what follows is, for each pair.
    let mut longest = vec![vec![0_usize; old.len() + 1]; new.len() + 1];
    for at in (0..new.len()).rev() {
        for was in (0..old.len()).rev() {
            longest[at][was] = if new[at] == old[was] { longest[at + 1][was + 1] + 1 } else { longest[at + 1][was].max(longest[at][was + 1]) };
        }
    }
    let mut was = 0;
    let mut place = |at: usize| {
        while was < old.len() && new[at] != old[was] && longest[at][was + 1] > longest[at + 1][was] {
            was += 1;
        }
        let is_same = was < old.len() && new[at] == old[was];
        is_same.then(|| {
            was += 1;
            was - 1
        })
    };
    (0..new.len()).map(&mut place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(before: &str, planned: &str, expected: &[usize]) {
        let lines = |text: &str| text.split(' ').collect::<Vec<_>>().join("\n");
        // 0 stands for a line that is not there.
        let kept: Vec<usize> = lines_kept(&lines(before), &lines(planned)).into_iter().map(Option::unwrap_or_default).collect();
        assert_eq!(kept, expected, "{before} planned as {planned}");
    }

    #[test]
    fn a_line_is_known_again_wherever_it_is() {
        check("a b c", "a b c", &[1, 2, 3]);
        check("a b c", "a x b c", &[1, 0, 2, 3]);
        check("a b c", "x a b y c z", &[0, 1, 2, 0, 3, 0]);
        check("a b c", "a x c", &[1, 0, 3]);
        check("a b c d", "a c y d", &[1, 3, 0, 4]);
        check("a b c d e", "x b c y e", &[0, 2, 3, 0, 5]);
        check("[p] a [q] b", "[p] a b [q] b", &[1, 2, 0, 3, 4]);
        check("a b", "c", &[0]);
    }
}
