//! History: generations as a tree, newest first, each with what changed against the one it came from. Pure.

use std::collections::BTreeMap;

use crate::generation::Collected;
use crate::generation::Difference;
use crate::generation::GenerationRecord;
use crate::generation::difference_between;

/// One line of the history: a kept generation and where it stands in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRow<'a> {
    /// The generation.
    pub record: &'a GenerationRecord,
    /// Whether it is the current one.
    pub is_current: bool,
    /// The column it is drawn in; the current generation and all it came from are in column 0.
    pub lane: usize,
    /// The nearest kept generation that it came from; another than its parent where that was collected.
    pub compared_with: Option<u64>,
    /// What changed against that one.
    pub difference: Difference,
}

/// Lays out the kept generations of an environment, newest first.
///
/// `records` are all that are kept, `collected` what the others left behind, as [`crate::generation::Environment`] gives both.
pub fn history<'a>(records: &'a [GenerationRecord], collected: &[Collected], current: Option<u64>) -> Vec<HistoryRow<'a>> {
    let kept: BTreeMap<u64, &GenerationRecord> = records.iter().map(|record| (record.number, record)).collect();
    let gone: BTreeMap<u64, u64> = collected.iter().map(|gone| (gone.number, gone.parent)).collect();
    let parents: BTreeMap<u64, Option<u64>> = kept.iter().map(|(number, record)| (*number, nearest(record.parent, &kept, &gone))).collect();
    let lanes = lanes(&parents, current);
    let row = |(number, record): (&u64, &&'a GenerationRecord)| {
        let compared_with = parents.get(number).copied().flatten();
        HistoryRow {
            record,
            is_current: current == Some(*number),
            lane: lanes.get(number).copied().unwrap_or(0),
            compared_with,
            difference: difference_between(compared_with.and_then(|number| kept.get(&number).copied()), record),
        }
    };
    kept.iter().rev().map(row).collect()
}

/// Goes back from a generation until one is kept; a parent always has the lower number.
fn nearest(from: Option<u64>, kept: &BTreeMap<u64, &GenerationRecord>, gone: &BTreeMap<u64, u64>) -> Option<u64> {
    let mut at = from;
    while let Some(number) = at.filter(|number| !kept.contains_key(number)) {
        at = gone.get(&number).copied().filter(|parent| *parent < number);
    }
    at
}

/// Gives each generation its column: a line of descent keeps one, and whatever branches off gets the next.
fn lanes(parents: &BTreeMap<u64, Option<u64>>, current: Option<u64>) -> BTreeMap<u64, usize> {
    let mut lanes = BTreeMap::new();
    let mut free = 0;
    // The current line first, then the lines of the other newest ones.
    for tip in current.into_iter().chain(parents.keys().rev().copied()) {
        if lanes.contains_key(&tip) {
            continue;
        }
        let mut at = Some(tip);
        while let Some(number) = at.filter(|number| parents.contains_key(number) && !lanes.contains_key(number)) {
            lanes.insert(number, free);
            at = parents[&number];
        }
        free += 1;
    }
    lanes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generation::About;
    use crate::model::EnvironmentName;

    fn record(number: u64, parent: Option<u64>) -> GenerationRecord {
        GenerationRecord::empty(EnvironmentName::default_environment(), About::unsigned(number, parent))
    }

    /// Kept generations as `number parent`, collected ones likewise, to `number lane compared-with`.
    #[track_caller]
    fn check(kept: &[(u64, Option<u64>)], collected: &[(u64, u64)], current: u64, expected: &[(u64, usize, Option<u64>)]) {
        let records: Vec<_> = kept.iter().map(|(number, parent)| record(*number, *parent)).collect();
        let collected: Vec<_> = collected.iter().map(|(number, parent)| Collected { number: *number, parent: *parent }).collect();
        let rows = history(&records, &collected, Some(current));
        assert_eq!(rows.iter().map(|row| (row.record.number, row.lane, row.compared_with)).collect::<Vec<_>>(), expected);
        assert_eq!(rows.iter().filter(|row| row.is_current).map(|row| row.record.number).collect::<Vec<_>>(), [current]);
    }

    #[test]
    fn a_straight_line() {
        check(&[(0, None), (1, Some(0)), (2, Some(1))], &[], 2, &[(2, 0, Some(1)), (1, 0, Some(0)), (0, 0, None)]);
    }

    #[test]
    fn what_branches_off_gets_its_own_lane() {
        // After 2 a rollback to 1, then 3; then a rollback to 1 and 4, which is current.
        let kept = [(0, None), (1, Some(0)), (2, Some(1)), (3, Some(1)), (4, Some(1))];
        check(&kept, &[], 4, &[(4, 0, Some(1)), (3, 1, Some(1)), (2, 2, Some(1)), (1, 0, Some(0)), (0, 0, None)]);
    }

    #[test]
    fn collected_generations_are_skipped() {
        check(&[(0, None), (4, Some(3)), (5, Some(4))], &[(3, 2), (2, 0)], 5, &[(5, 0, Some(4)), (4, 0, Some(0)), (0, 0, None)]);
        check(&[(4, Some(3))], &[(3, 3)], 4, &[(4, 0, None)]);
    }
}
