//! Whether to go on after a download did not come to its end.

/// How often in a row a connection may bring next to nothing; each may take as long as a server may be silent.
const IDLE_TRIES_MAX: u32 = 3;

/// Less than this from one connection is next to nothing, in bytes: a server that cuts after every few bytes must not keep us for ever.
const PROGRESS_BYTES_MIN: u64 = 64 << 10;

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Ask for the rest.
    GoOn,
    /// Throw away what is there, and ask for all of it.
    BeginAnew,
    /// Fail; what is there stays.
    GiveUp,
}

/// What the tries so far brought.
#[derive(Debug, Clone, Default)]
pub(super) struct Tries {
    furthest_bytes: u64,
    idle: u32,
    has_begun_anew: bool,
}

impl Tries {
    /// Begins with what an earlier run left.
    pub(super) fn from(there_bytes: u64) -> Tries {
        Tries { furthest_bytes: there_bytes, ..Tries::default() }
    }

    /// Decides after the bytes stopped arriving, with so many there: as long as there is progress, on.
    pub(super) fn after_cut(&mut self, there_bytes: u64) -> Next {
        if there_bytes >= self.furthest_bytes.saturating_add(PROGRESS_BYTES_MIN) {
            self.furthest_bytes = there_bytes;
            self.idle = 0;
            return Next::GoOn;
        }
        self.idle += 1;
        if self.idle < IDLE_TRIES_MAX { Next::GoOn } else { Next::GiveUp }
    }

    /// Decides after the whole was found to be something else: parts of two files that do not belong together deserve one fresh try.
    pub(super) fn after_mismatch(&mut self, pieced: Pieced) -> Next {
        if pieced == Pieced::OneAnswer || self.has_begun_anew {
            return Next::GiveUp;
        }
        self.has_begun_anew = true;
        Next::BeginAnew
    }
}

/// Where the bytes of one archive come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pieced {
    /// All from one answer.
    OneAnswer,
    /// From several answers, or from an earlier run.
    Several,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(earlier: u64, cuts_at: &[u64], expected: Next) {
        let mut tries = Tries::from(earlier);
        let last = cuts_at.iter().map(|at| tries.after_cut(*at)).last();
        assert_eq!(last, Some(expected), "{cuts_at:?}");
    }

    #[test]
    fn progress_goes_on_and_nothing_gives_up() {
        const MIB: u64 = 1 << 20;
        check(0, &[0, 0], Next::GoOn);
        check(0, &[0, 0, 0], Next::GiveUp);
        check(0, &[1, 2, 3], Next::GiveUp);
        check(0, &[0, 0, MIB, 0, 0], Next::GoOn);
        check(0, &[0, 0, MIB, 0, 0, 0], Next::GiveUp);
        check(0, &(1..100).map(|n| n * MIB).collect::<Vec<_>>(), Next::GoOn);
        // An answer that begins anew each time and ends at the same place brings nothing new.
        check(0, &[MIB, MIB, MIB, MIB], Next::GiveUp);
        check(MIB, &[MIB, MIB, MIB], Next::GiveUp);
        check(MIB, &[2 * MIB], Next::GoOn);
    }

    #[test]
    fn what_was_pieced_together_wrongly_gets_one_fresh_try() {
        let mut tries = Tries::from(0);
        assert_eq!(tries.after_mismatch(Pieced::OneAnswer), Next::GiveUp);
        assert_eq!(tries.after_mismatch(Pieced::Several), Next::BeginAnew);
        assert_eq!(tries.after_mismatch(Pieced::Several), Next::GiveUp);
    }
}
