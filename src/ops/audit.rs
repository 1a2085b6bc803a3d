//! Questions to the audit log.

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::audit::Event;
use crate::audit::EventResult;
use crate::audit::Filter;
use crate::audit::Log;
use crate::audit::Sought;
use crate::generation;
use crate::generation::Environment;
use crate::model::EnvironmentName;
use crate::model::PackChange;
use crate::ops::Age;
use crate::ops::Changes;
use crate::ops::Context;
use crate::ops::OpsError;

/// A moment as people name it: a date, a time, or an age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A point in time.
    At(Timestamp),
    /// So long before now.
    Ago(Age),
}

/// Tells that a text names no moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoMoment;

impl fmt::Display for NoMoment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("write a date (2026-11-01), a time (2026-11-01T12:00:00Z) or an age (7d, 12h)")
    }
}
impl std::error::Error for NoMoment {}

impl FromStr for Moment {
    type Err = NoMoment;
    fn from_str(text: &str) -> Result<Self, NoMoment> {
        let as_age = || text.parse::<Age>().ok().map(Moment::Ago);
        let as_time = || text.parse::<Timestamp>().ok().map(Moment::At);
        let as_date = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| Moment::At(zoned.timestamp()));
        as_age().or_else(as_time).or_else(as_date).ok_or(NoMoment)
    }
}

impl Moment {
    fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            Moment::At(at) => at,
            Moment::Ago(age) => now.checked_sub(SignedDuration::from_secs(age.seconds())).unwrap_or(Timestamp::MIN),
        }
    }
}

/// What is asked of the log; what is `None` is not asked for.
#[derive(Debug, Clone, Default)]
pub struct AuditRequest {
    /// Only from this moment on.
    pub since: Option<Moment>,
    /// Only before this moment.
    pub until: Option<Moment>,
    /// Only these, whenever they were.
    pub sought: Sought,
}

/// What the log says.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct AuditOutcome {
    /// The changes, oldest first.
    pub events: Vec<AuditEvent>,
}

/// One change, from its begin to its end.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct AuditEvent {
    /// The number of its first entry in the log.
    pub seq: u64,
    /// When it began.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// What was done: `switch`, `rollback`.
    pub action: String,
    /// By whom.
    pub user: String,
    /// Of which team.
    pub team: Option<String>,
    /// On which machine.
    pub host: String,
    /// To which project.
    pub project: Option<String>,
    /// To which environment.
    pub environment: Option<EnvironmentName>,
    /// The command line.
    pub command: String,
    /// Why, as the person said.
    pub reason: Option<String>,
    /// `success`, `failure` or `interrupted`.
    pub result: String,
    /// What went wrong.
    pub error: Option<String>,
    /// The packs that changed.
    pub packs: Vec<PackChange>,
    /// The same, sorted by kind.
    #[serde(skip)]
    pub changes: Changes,
}

/// What a look at the whole chain found.
#[derive(Debug, Clone, Copy, Serialize, schemars::JsonSchema)]
pub struct AuditVerifyOutcome {
    /// Count of entries, all of them good.
    pub entries: usize,
    /// Count of months with entries.
    pub months: usize,
    /// Whether a crash left a part of a line at the end; the next change mends it.
    pub torn_tail: bool,
}

/// Reads the changes that a request asks for.
pub fn audit(context: &Context, request: &AuditRequest) -> Result<AuditOutcome, OpsError> {
    let now = context.now();
    let at = |moment: Option<Moment>| moment.map(|moment| moment.resolve(now));
    let filter = Filter { since: at(request.since), until: at(request.until), sought: request.sought.clone() };
    let events = Log::new(&context.layout).read(&filter)?;
    Ok(AuditOutcome { events: events.into_iter().map(event).collect() })
}

fn event(event: Event) -> AuditEvent {
    let result = match event.result {
        EventResult::Success => "success",
        EventResult::Failure => "failure",
        EventResult::Interrupted => "interrupted",
    };
    let begin = event.begin;
    AuditEvent {
        seq: event.seq,
        at: event.began_at,
        action: begin.action,
        user: begin.user,
        team: begin.team,
        host: begin.host,
        project: begin.project,
        environment: begin.environment,
        command: begin.command,
        reason: begin.reason,
        result: result.to_owned(),
        error: event.error,
        changes: Changes::from_all(begin.packs.clone()),
        packs: begin.packs,
    }
}

/// Recomputes the chain of the log, and compares its length with what the projects have to show for it.
///
/// # Errors
/// [`OpsError::Audit`] where the chain is broken; [`OpsError::AuditLost`] where there are more generations than entries that could have made them.
pub fn verify_audit(context: &Context) -> Result<AuditVerifyOutcome, OpsError> {
    // The generations first: what is made meanwhile only makes the log longer.
    let made = made_generations(context)?;
    let log = Log::new(&context.layout);
    let verified = log.verify()?;
    let begun = log.read(&Filter::default())?.len() as u64;
    if begun < made {
        return Err(OpsError::AuditLost { directory: context.layout.audit(), begun, made });
    }
    let count = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    Ok(AuditVerifyOutcome { entries: count(verified.entries), months: count(verified.months), torn_tail: verified.torn_tail })
}

/// Counts the generations that were ever made of all projects that the home knows: each takes the next number, and an entry of the log comes before it.
fn made_generations(context: &Context) -> Result<u64, OpsError> {
    let mut made = 0;
    for project in generation::read_projects(&context.layout)? {
        for environment in generation::environments(&context.layout, &project.id)? {
            // Number 0 is the empty one, which nobody makes.
            made += Environment::new(&context.layout, &project.id, &environment).next_number()?.saturating_sub(1);
        }
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().expect("a time");
        for (text, expected) in [("2026-11-01", "2026-11-01T00:00:00Z"), ("2026-11-01T10:00:00Z", "2026-11-01T10:00:00Z"), ("2d", "2026-11-18T12:00:00Z")] {
            assert_eq!(text.parse::<Moment>().expect("a moment").resolve(now).to_string(), expected);
        }
        assert!("yesterday".parse::<Moment>().is_err());
    }
}
