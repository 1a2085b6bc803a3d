//! Ctrl-C and SIGTERM: the first one ends a command in good order, the second one at once.
//!
//! A thread waits for the signals, since what is interrupted may itself wait for a server. It asks the command to stop and lets it clean up for a moment: that
//! takes its stages away and closes the audit log's entry. A command that cannot come that far is ended where it is, which any command bears: what it leaves
//! is not locked any more, and the next gc removes it. Downloads that have begun stay for the next try. What a command would leave with somebody else, as the draft
//! of a release, is removed first, for a bounded time.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use signal_hook::consts::SIGINT;
use signal_hook::consts::SIGTERM;
use signal_hook::iterator::Signals;

use crate::cli::error;
use crate::cli::output::Output;
use crate::cli::progress::Progress;
use crate::ops::Interrupt;
use crate::ops::LastAct;
use crate::ops::OpsError;
use crate::ops::Stopping;

/// How long an interrupted command may clean up: stages of ordinary size go in less, and a person does not wait longer.
const CLEAN_UP_MAX: Duration = Duration::from_millis(400);

/// How long removing what somebody else holds may take: a few requests, each with a slow answer.
const LAST_ACT_MAX: Duration = Duration::from_secs(5);

/// How to tell that a command was ended.
pub(super) struct LastWord {
    /// What is to be told.
    pub(super) failure: OpsError,
    /// Whose bars are in the way.
    pub(super) progress: Progress,
    /// How to tell it.
    pub(super) output: Output,
}

/// Waits for signals from now on, as long as the process lives.
///
/// Where no thread or no pipe can be had, signals end the process as they always do.
pub(super) fn listen(interrupt: Interrupt, last_word: LastWord) {
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else { return };
    let waiting = move || {
        let mut waited = signals.forever();
        if waited.next().is_none() {
            return;
        }
        if interrupt.ask() == Stopping::AtOnce {
            let interrupt = interrupt.clone();
            thread::spawn(move || leave(&interrupt, last_word));
        }
        if let Some(second) = waited.next() {
            end(128 + second);
        }
    };
    let _ = thread::Builder::new().name("signals".to_owned()).spawn(waiting);
}

/// Ends a command that does not come to its end by itself.
fn leave(interrupt: &Interrupt, last_word: LastWord) -> ! {
    thread::sleep(CLEAN_UP_MAX);
    last_word.progress.end();
    let failure = match interrupt.take_last_act() {
        Some(last_act) => {
            last_word.output.say(&format!("interrupted: {} (ctrl-C once more leaves it)", last_act.doing));
            // With that nothing is left of what was begun.
            carry_out(last_act).err().unwrap_or(OpsError::Interrupted)
        }
        None => last_word.failure,
    };
    let _ = error::report(&failure, last_word.output);
    end(error::kind::INTERRUPTED.into())
}

/// Does what is left to do, as far as it can be done in time.
fn carry_out(last_act: LastAct) -> Result<(), OpsError> {
    let (done, waiting) = mpsc::channel();
    thread::spawn(move || done.send((last_act.act)()));
    waiting.recv_timeout(LAST_ACT_MAX).unwrap_or(Err(last_act.late))
}

#[allow(clippy::disallowed_methods, reason = "the command may never come back from where it waits")]
fn end(code: i32) -> ! {
    std::process::exit(code)
}
