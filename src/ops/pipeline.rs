//! Two stages in a row, overlapping: what lies far away is fetched by some threads while others work on what is here.
//!
//! The first failure stops all that was not begun; what was fetched stays. Between the stages is room for a few things only, so memory stays bounded however
//! many there are.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::panic::resume_unwind;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;
use std::thread;

use crate::ops::Interrupt;
use crate::ops::OpsError;

/// What is to be done.
pub(super) struct Load<I> {
    /// What must be fetched first, in this order.
    pub(super) far: Vec<I>,
    /// What can be worked on at once, in this order.
    pub(super) near: Vec<I>,
}

/// How it is done.
pub(super) struct Stages<'s, I, F, T> {
    /// Fetches one thing; what it gives goes with it.
    pub(super) fetch: &'s (dyn Fn(&I) -> Result<F, OpsError> + Sync),
    /// Works on one thing, with what was fetched for it.
    pub(super) work: &'s (dyn Fn(I, Option<F>) -> Result<T, OpsError> + Sync),
}

/// How many threads do it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Threads {
    /// Those that fetch.
    pub(super) fetching: usize,
    /// Those that work; with one of each kind, everything is done one after the other by the caller's thread.
    pub(super) working: usize,
}

/// Fetches and works until all is done, or one fails; gives the results in no order unless there is one thread.
///
/// # Errors
/// The first failure, or [`OpsError::Interrupted`].
pub(super) fn run<I: Send, F: Send, T: Send>(load: Load<I>, stages: &Stages<'_, I, F, T>, threads: Threads, interrupt: &Interrupt) -> Result<Vec<T>, OpsError> {
    if threads.working <= 1 && threads.fetching <= 1 {
        return one_after_the_other(load, stages, interrupt);
    }
    let verdict = Verdict { failure: Mutex::new(None), interrupt };
    let done = Mutex::new(Vec::new());
    let far = Mutex::new(load.far.into_iter());
    let (sender, receiver) = sync_channel(threads.working);
    let receiver = Mutex::new(receiver);
    thread::scope(|scope| {
        for _ in 0..threads.fetching.min(locked(&far).len()) {
            let sender = sender.clone();
            scope.spawn(|| fetch_all(&far, stages.fetch, sender, &verdict));
        }
        for _ in 0..threads.working {
            scope.spawn(|| work_all(&receiver, stages.work, &done, &verdict));
        }
        for item in load.near {
            if sender.send((item, None)).is_err() {
                break;
            }
        }
        drop(sender);
    });
    verdict.give(done.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn one_after_the_other<I, F, T>(load: Load<I>, stages: &Stages<'_, I, F, T>, interrupt: &Interrupt) -> Result<Vec<T>, OpsError> {
    let mut done = Vec::new();
    for item in load.far {
        interrupt.check()?;
        let fetched = (stages.fetch)(&item)?;
        done.push((stages.work)(item, Some(fetched))?);
    }
    for item in load.near {
        interrupt.check()?;
        done.push((stages.work)(item, None)?);
    }
    Ok(done)
}

#[allow(clippy::needless_pass_by_value, reason = "that its sender goes at its end is what the workers wait for")]
fn fetch_all<I, F>(
    far: &Mutex<std::vec::IntoIter<I>>,
    fetch: &(dyn Fn(&I) -> Result<F, OpsError> + Sync),
    sender: SyncSender<(I, Option<F>)>,
    verdict: &Verdict<'_>,
) {
    while !verdict.is_given() {
        let Some(item) = locked(far).next() else { return };
        let fetched = verdict.of(|| fetch(&item));
        if fetched.is_some_and(|fetched| sender.send((item, Some(fetched))).is_err()) {
            return;
        }
    }
}

/// Works until nobody sends any more; after a failure it only lets those who send come to their end.
fn work_all<I, F, T>(
    receiver: &Mutex<Receiver<(I, Option<F>)>>,
    work: &(dyn Fn(I, Option<F>) -> Result<T, OpsError> + Sync),
    done: &Mutex<Vec<T>>,
    verdict: &Verdict<'_>,
) {
    loop {
        let next = locked(receiver).recv();
        let Ok((item, fetched)) = next else { return };
        if verdict.is_given() {
            continue;
        }
        if let Some(result) = verdict.of(|| work(item, fetched)) {
            locked(done).push(result);
        }
    }
}

/// Whether it still can become good.
struct Verdict<'v> {
    failure: Mutex<Option<Failure>>,
    interrupt: &'v Interrupt,
}

/// What it failed with.
enum Failure {
    Error(OpsError),
    /// A bug: it goes on in the caller's thread when the others have ended, or they would wait for who no longer listens.
    Panic(Box<dyn Any + Send>),
}

impl Verdict<'_> {
    fn is_given(&self) -> bool {
        self.interrupt.is_asked() || locked(&self.failure).is_some()
    }

    /// Does a part, and keeps the first failure: those after it are mostly its consequences.
    fn of<T>(&self, part: impl FnOnce() -> Result<T, OpsError>) -> Option<T> {
        let failure = match catch_unwind(AssertUnwindSafe(part)) {
            Ok(Ok(result)) => return Some(result),
            Ok(Err(error)) => Failure::Error(error),
            Err(panic) => Failure::Panic(panic),
        };
        locked(&self.failure).get_or_insert(failure);
        None
    }

    fn give<T>(self, done: Vec<T>) -> Result<Vec<T>, OpsError> {
        match self.failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(Failure::Panic(panic)) => resume_unwind(panic),
            Some(Failure::Error(error)) if !self.interrupt.is_asked() => Err(error),
            _ => self.interrupt.check().map(|()| done),
        }
    }
}

/// What is held is right at every moment: nobody panics while holding it.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering;

    const MANY: Threads = Threads { fetching: 4, working: 2 };

    fn run_numbers(load: Load<u32>, fetch: &(dyn Fn(&u32) -> Result<u32, OpsError> + Sync), threads: Threads) -> Result<Vec<u32>, OpsError> {
        run(load, &Stages { fetch, work: &|item, fetched| Ok(item + fetched.unwrap_or(1000)) }, threads, &Interrupt::default())
    }

    #[test]
    fn everything_is_done_once() {
        for threads in [MANY, Threads { fetching: 1, working: 1 }, Threads { fetching: 9, working: 3 }] {
            let mut done = run_numbers(Load { far: (0..50).collect(), near: (50..100).collect() }, &|item| Ok(*item), threads).expect("done");
            done.sort_unstable();
            assert_eq!(
                done,
                (0..50).map(|n| 2 * n).chain((50..100).map(|n| n + 1000)).collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn one_thread_keeps_the_order() {
        let one = Threads { fetching: 1, working: 1 };
        assert_eq!(run_numbers(Load { far: vec![3, 1], near: vec![2] }, &|item| Ok(*item), one).expect("done"), [6, 2, 1002]);
    }

    #[test]
    fn what_is_here_is_worked_on_while_the_rest_is_fetched() {
        // Neither side comes to its end without the other: one after the other this would wait for ever.
        let meeting = Barrier::new(2);
        let fetch = |_: &u32| {
            meeting.wait();
            Ok(0)
        };
        let work = |item, fetched: Option<u32>| {
            if fetched.is_none() {
                meeting.wait();
            }
            Ok(item)
        };
        let done = run(Load { far: vec![1], near: vec![2] }, &Stages { fetch: &fetch, work: &work }, MANY, &Interrupt::default());
        assert_eq!(done.expect("done").len(), 2);
    }

    #[test]
    fn the_first_failure_stops_what_was_not_begun() {
        let fetched = AtomicUsize::new(0);
        let fetch = |item: &u32| {
            fetched.fetch_add(1, Ordering::SeqCst);
            if *item == 0 { Err(OpsError::NoHome) } else { Ok(0) }
        };
        for threads in [Threads { fetching: 1, working: 2 }, Threads { fetching: 1, working: 1 }] {
            fetched.store(0, Ordering::SeqCst);
            assert!(matches!(run_numbers(Load { far: (0..50).collect(), near: vec![] }, &fetch, threads), Err(OpsError::NoHome)));
            assert_eq!(fetched.load(Ordering::SeqCst), 1);
        }
    }

    #[test]
    fn a_bug_of_one_thread_ends_all_of_them() {
        let bug = |_: u32, _: Option<()>| -> Result<(), OpsError> { panic!("this test panics on purpose") };
        let stages = Stages { fetch: &|_: &u32| Ok(()), work: &bug };
        let threads = Threads { fetching: 4, working: 1 };
        let ran = catch_unwind(AssertUnwindSafe(|| run(Load { far: (0..50).collect(), near: (50..100).collect() }, &stages, threads, &Interrupt::default())));
        assert!(ran.is_err());
    }

    #[test]
    fn an_interrupted_run_begins_nothing() {
        for threads in [MANY, Threads { fetching: 1, working: 1 }] {
            let interrupt = Interrupt::default();
            let _ = interrupt.ask();
            let nothing = Stages { fetch: &|_: &u32| -> Result<(), OpsError> { panic!("begun") }, work: &|_, _| -> Result<(), OpsError> { panic!("begun") } };
            assert!(matches!(run(Load { far: vec![1], near: vec![2] }, &nothing, threads, &interrupt), Err(OpsError::Interrupted)));
        }
    }
}
