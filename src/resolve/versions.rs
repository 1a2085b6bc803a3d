//! Sets of a pack's releases, as the solver computes with them.
//!
//! The releases of a pack are numbered from 0 in the order of preference: pre-releases first, then stable ones, each by version. A set is a list of half-open
//! intervals of these numbers. Numbers beyond the last release stand for nothing, so the last release's interval is open to the right: then every
//! set that is not empty holds a release, and equal sets are written alike.

use std::fmt;

use pubgrub::VersionSet;

/// Stands for the end of an interval that is open to the right.
const OPEN: u32 = u32::MAX;

/// The number of a release within its pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Slot {
    index: u32,
    is_last: bool,
}

impl Slot {
    /// Numbers one of `count` releases.
    pub(super) fn new(index: usize, count: usize) -> Self {
        debug_assert!(index < count, "a pack of {count} releases has none of number {index}");
        let index = u32::try_from(index).expect("an index document of 32 MiB lists fewer than 2^32 releases");
        Slot { index, is_last: index as usize + 1 == count }
    }

    /// Gives the number.
    pub(super) fn index(self) -> usize {
        self.index as usize
    }

    fn interval(self) -> Interval {
        Interval { start: self.index, end: if self.is_last { OPEN } else { self.index + 1 } }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "release {}", self.index)
    }
}

/// The numbers from `start` up to, not including, `end`; never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Interval {
    start: u32,
    end: u32,
}

/// A set of a pack's releases.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Releases(Intervals);

/// Intervals in order that neither meet nor overlap; nearly all sets are a single one, which needs no memory of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Intervals {
    None,
    One(Interval),
    Many(Box<[Interval]>),
}

impl Releases {
    /// Collects slots given in ascending order.
    pub(super) fn of(slots: impl IntoIterator<Item = Slot>) -> Self {
        let mut builder = Builder::default();
        slots.into_iter().for_each(|slot| builder.push(slot.interval()));
        builder.finish()
    }

    /// Gives the numbers it holds, of a pack with `count` releases, in ascending order.
    pub(super) fn indexes(&self, count: usize) -> impl DoubleEndedIterator<Item = usize> + '_ {
        self.intervals().iter().flat_map(move |interval| interval.start as usize..count.min(interval.end as usize))
    }

    /// Counts the releases it holds, of a pack with `count` releases.
    pub(super) fn len(&self, count: usize) -> usize {
        self.intervals().iter().map(|interval| count.min(interval.end as usize).saturating_sub(interval.start as usize)).sum()
    }

    /// Gives the highest number it holds, of a pack with `count` releases.
    pub(super) fn highest(&self, count: usize) -> Option<usize> {
        self.intervals().last().map(|interval| count.min(interval.end as usize) - 1)
    }

    /// Tells whether it holds the release of this number.
    pub(super) fn holds(&self, index: usize) -> bool {
        let after = self.intervals().partition_point(|interval| interval.start as usize <= index);
        after.checked_sub(1).is_some_and(|at| index < self.intervals()[at].end as usize)
    }

    /// Tells whether it holds nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.0 == Intervals::None
    }

    fn intervals(&self) -> &[Interval] {
        match &self.0 {
            Intervals::None => &[],
            Intervals::One(interval) => std::slice::from_ref(interval),
            Intervals::Many(intervals) => intervals,
        }
    }

    /// Calls back with each overlap of both, in order, until told to stop.
    fn overlaps(&self, other: &Self, mut each: impl FnMut(Interval) -> bool) {
        let (mut left, mut right) = (self.intervals(), other.intervals());
        while let ([a, left_rest @ ..], [b, right_rest @ ..]) = (left, right) {
            let overlap = Interval { start: a.start.max(b.start), end: a.end.min(b.end) };
            if overlap.start < overlap.end && !each(overlap) {
                return;
            }
            if a.end <= b.end {
                left = left_rest;
            } else {
                right = right_rest;
            }
        }
    }
}

impl VersionSet for Releases {
    type V = Slot;

    fn empty() -> Self {
        Releases(Intervals::None)
    }

    fn full() -> Self {
        Releases(Intervals::One(Interval { start: 0, end: OPEN }))
    }

    fn singleton(slot: Slot) -> Self {
        Releases(Intervals::One(slot.interval()))
    }

    fn complement(&self) -> Self {
        let (mut builder, mut start) = (Builder::default(), 0);
        for interval in self.intervals() {
            if start < interval.start {
                builder.push(Interval { start, end: interval.start });
            }
            start = interval.end;
        }
        if start < OPEN {
            builder.push(Interval { start, end: OPEN });
        }
        builder.finish()
    }

    fn intersection(&self, other: &Self) -> Self {
        let mut builder = Builder::default();
        self.overlaps(other, |overlap| {
            builder.push(overlap);
            true
        });
        builder.finish()
    }

    fn union(&self, other: &Self) -> Self {
        let (mut left, mut right, mut builder) = (self.intervals(), other.intervals(), Builder::default());
        loop {
            match (left, right) {
                ([a, rest @ ..], [b, ..]) if a.start <= b.start => {
                    builder.push(*a);
                    left = rest;
                }
                (_, [b, rest @ ..]) => {
                    builder.push(*b);
                    right = rest;
                }
                ([a, rest @ ..], []) => {
                    builder.push(*a);
                    left = rest;
                }
                ([], []) => return builder.finish(),
            }
        }
    }

    fn contains(&self, slot: &Slot) -> bool {
        self.holds(slot.index())
    }

    fn is_disjoint(&self, other: &Self) -> bool {
        let mut disjoint = true;
        self.overlaps(other, |_| {
            disjoint = false;
            false
        });
        disjoint
    }

    fn subset_of(&self, other: &Self) -> bool {
        let others = other.intervals();
        self.intervals().iter().all(|interval| {
            let at = others.partition_point(|other| other.end < interval.end);
            others.get(at).is_some_and(|other| other.start <= interval.start)
        })
    }
}

impl fmt::Display for Releases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.intervals().iter().map(|interval| interval.start..interval.end)).finish()
    }
}

/// Puts intervals together that come by ascending start, joining those that meet.
#[derive(Default)]
struct Builder {
    done: Vec<Interval>,
    last: Option<Interval>,
}

impl Builder {
    fn push(&mut self, interval: Interval) {
        match &mut self.last {
            Some(last) if interval.start <= last.end => last.end = last.end.max(interval.end),
            last => self.done.extend(last.replace(interval)),
        }
    }

    fn finish(mut self) -> Releases {
        Releases(match (self.last, self.done.is_empty()) {
            (None, _) => Intervals::None,
            (Some(only), true) => Intervals::One(only),
            (Some(last), false) => {
                self.done.push(last);
                Intervals::Many(self.done.into_boxed_slice())
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Releases of the pack that the laws are checked on; a set is also a mask of so many bits.
    const COUNT: usize = 9;

    fn set(mask: u32) -> Releases {
        Releases::of((0..COUNT).filter(|index| mask >> index & 1 == 1).map(|index| Slot::new(index, COUNT)))
    }

    fn mask(set: &Releases) -> u32 {
        set.indexes(COUNT).map(|index| 1 << index).sum()
    }

    const ALL: u32 = (1 << COUNT) - 1;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

        /// Sets compute as masks do, and equal sets are written alike.
        #[test]
        fn sets_follow_the_laws_of_sets(a in 0..=ALL, b in 0..=ALL) {
            let (left, right) = (set(a), set(b));
            prop_assert_eq!(mask(&left), a);
            prop_assert_eq!(left.complement(), set(ALL & !a));
            prop_assert_eq!(left.intersection(&right), set(a & b));
            prop_assert_eq!(left.union(&right), set(a | b));
            prop_assert_eq!(left.is_disjoint(&right), a & b == 0);
            prop_assert_eq!(left.subset_of(&right), a & !b == 0);
            prop_assert_eq!(left == right, a == b);
            prop_assert_eq!(left.len(COUNT), a.count_ones() as usize);
            prop_assert_eq!(left.highest(COUNT), a.checked_ilog2().map(|highest| highest as usize));
            for index in 0..COUNT {
                prop_assert_eq!(left.contains(&Slot::new(index, COUNT)), a >> index & 1 == 1);
                prop_assert_eq!(Releases::singleton(Slot::new(index, COUNT)), set(1 << index));
            }
        }
    }

    #[test]
    fn the_whole_is_full_and_nothing_is_empty() {
        assert_eq!(set(ALL), Releases::full());
        assert_eq!(set(0), Releases::empty());
        assert!(Releases::empty().is_empty() && !Releases::full().is_empty());
        assert_eq!(Releases::singleton(Slot::new(0, 1)), Releases::full(), "the only release is every release");
    }
}
