//! When a request is made again, and after how long; pure.

use std::time::Duration;

use jiff::SignedDuration;
use jiff::fmt::rfc2822;

/// The longest wait that packs chooses itself: beyond it a person would rather know.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// The longest wait that a server may ask for; a longer one ends the command with its figure.
const ASKED_MAX: Duration = Duration::from_mins(1);

/// How often, and how patiently, one request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Schedule {
    /// Retries after the first try.
    pub(super) retries_max: u32,
    /// The first wait, doubled with each further one.
    pub(super) backoff: Duration,
}

impl Schedule {
    /// Gives the wait before the next try, or `None` if there is to be none.
    ///
    /// `jitter` lies in 0..1 and spreads the wait over its upper half, so that many clients of a server that fell do not return at once. `asked` is what
    /// the server wants.
    pub(super) fn wait(&self, retries_made: u32, jitter: f64, asked: Option<Duration>) -> Option<Duration> {
        if retries_made >= self.retries_max || asked.is_some_and(|asked| asked > ASKED_MAX) {
            return None;
        }
        let full = self.backoff.saturating_mul(2_u32.saturating_pow(retries_made)).min(WAIT_MAX);
        let chosen = full.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0);
        Some(asked.map_or(chosen, |asked| asked.max(chosen)))
    }
}

/// Tells whether a status says that the same request may succeed later.
pub(super) fn may_pass(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

/// Reads `Retry-After`: seconds, or a date that is compared with the answer's own `Date`.
pub(super) fn parse_retry_after(value: &str, date: Option<&str>) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let wait = seconds_between(date?, value)?;
    Some(Duration::try_from(wait).unwrap_or(Duration::ZERO))
}

/// Gives the time from one HTTP date to another, if both are dates.
pub(super) fn seconds_between(from: &str, to: &str) -> Option<SignedDuration> {
    let (from, to) = (rfc2822::parse(from.trim()).ok()?, rfc2822::parse(to.trim()).ok()?);
    Some(to.timestamp().duration_since(from.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_end() {
        let schedule = Schedule { retries_max: 8, backoff: Duration::from_millis(500) };
        let check = |made, jitter, asked: Option<u64>, expected: Option<u64>| {
            let found = schedule.wait(made, jitter, asked.map(Duration::from_secs));
            assert_eq!(found, expected.map(Duration::from_millis), "{made} {jitter} {asked:?}");
        };
        check(0, 1.0, None, Some(500));
        check(0, 0.0, None, Some(250));
        check(1, 1.0, None, Some(1_000));
        check(3, 0.5, None, Some(3_000));
        check(6, 1.0, None, Some(20_000));
        check(7, 9.0, None, Some(20_000));
        check(8, 1.0, None, None);
        check(0, 1.0, Some(7), Some(7_000));
        check(5, 1.0, Some(1), Some(16_000));
        check(0, 1.0, Some(60), Some(60_000));
        check(0, 1.0, Some(61), None);
        check(8, 1.0, Some(1), None);
        let never = Schedule { retries_max: 0, backoff: Duration::from_secs(1) };
        assert_eq!(never.wait(0, 1.0, None), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let check = |value: &str, date: Option<&str>, expected: Option<u64>| {
            assert_eq!(parse_retry_after(value, date), expected.map(Duration::from_secs), "{value:?} {date:?}");
        };
        let date = Some("Wed, 21 Oct 2015 07:28:00 GMT");
        check("120", None, Some(120));
        check(" 0 ", date, Some(0));
        check("Wed, 21 Oct 2015 07:28:30 GMT", date, Some(30));
        check("Wed, 21 Oct 2015 07:27:30 GMT", date, Some(0));
        check("Wed, 21 Oct 2015 07:28:30 GMT", None, None);
        check("-1", date, None);
        check("soon", date, None);
        check("99999999999999999999999", date, None);
    }

    #[test]
    fn statuses_that_may_pass() {
        let passing: Vec<u16> = (100..600).filter(|status| may_pass(*status)).collect();
        assert_eq!(passing, [408, 429, 500, 502, 503, 504]);
    }
}
