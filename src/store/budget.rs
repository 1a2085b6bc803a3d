//! Memory for work in parallel: a semaphore that counts bytes.

use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::PoisonError;

/// Bytes that may be in use at the same time.
#[derive(Debug)]
pub(super) struct Budget {
    capacity_bytes: u64,
    free_bytes: Mutex<u64>,
    given_back: Condvar,
}

/// A part of a budget, given back when dropped.
#[derive(Debug)]
pub(super) struct Share<'b> {
    budget: &'b Budget,
    bytes: u64,
}

impl Budget {
    pub(super) fn new(capacity_bytes: u64) -> Self {
        Budget { capacity_bytes, free_bytes: Mutex::new(capacity_bytes), given_back: Condvar::new() }
    }

    /// Takes a part, waiting until there is so much; whoever wants more than there ever is gets all.
    ///
    /// Whoever holds a part must not take a second one: two such would wait for each other.
    pub(super) fn take(&self, bytes: u64) -> Share<'_> {
        let bytes = bytes.min(self.capacity_bytes);
        // A panic elsewhere leaves the count right: it is changed by single additions only.
        let free = self.free_bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self.given_back.wait_while(free, |free| *free < bytes).unwrap_or_else(PoisonError::into_inner);
        *free -= bytes;
        Share { budget: self, bytes }
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        *self.budget.free_bytes.lock().unwrap_or_else(PoisonError::into_inner) += self.bytes;
        self.budget.given_back.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;
    use std::sync::atomic::Ordering;

    #[test]
    fn never_more_than_there_is() {
        let budget = Budget::new(10);
        let (now, most) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for bytes in [3, 7, 10, 4, 6, 99, 1, 5] {
                scope.spawn({
                    let (budget, now, most) = (&budget, &now, &most);
                    move || {
                        for _ in 0..100 {
                            let share = budget.take(bytes);
                            most.fetch_max(now.fetch_add(share.bytes, Ordering::SeqCst) + share.bytes, Ordering::SeqCst);
                            now.fetch_sub(share.bytes, Ordering::SeqCst);
                        }
                    }
                });
            }
        });
        assert_eq!(most.load(Ordering::SeqCst), 10);
    }
}
