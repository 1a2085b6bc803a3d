//! Questions to the log: begins and ends joined to events.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::audit::AuditError;
use crate::audit::append::month_of;
use crate::audit::chain::parse_line;
use crate::audit::entry::Begin;
use crate::audit::entry::CommandResult;
use crate::audit::entry::Entry;
use crate::audit::entry::Phase;
use crate::audit::lines::Lines;
use crate::audit::lines::months;
use crate::model::EnvironmentName;
use crate::model::PackName;
use crate::store::layout::Layout;

/// Which events are asked for; what is `None` does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Begun at this moment or later.
    pub since: Option<Timestamp>,
    /// Begun before this moment.
    pub until: Option<Timestamp>,
    /// Whenever they were.
    pub sought: Sought,
}

/// Whose events are asked for, and about what; what is `None` does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sought {
    /// By this user.
    pub user: Option<String>,
    /// In a project of this team.
    pub team: Option<String>,
    /// This command.
    pub action: Option<String>,
    /// With this pack among those changed.
    pub pack: Option<PackName>,
    /// In the project of this name.
    pub project: Option<String>,
    /// In this environment.
    pub environment: Option<EnvironmentName>,
}

/// How an event ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventResult {
    /// The command did what it was asked to do.
    Success,
    /// It did not; the state stayed the old one.
    Failure,
    /// There is no end: the command was interrupted, or still runs.
    Interrupted,
}

/// One command, from its begin to its end.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Event {
    /// The number of its first entry.
    pub seq: u64,
    /// When it began.
    #[schemars(with = "String")]
    pub began_at: Timestamp,
    /// When it ended.
    #[schemars(with = "Option<String>")]
    pub ended_at: Option<Timestamp>,
    /// Who, what, where, why; the packs are those changed, or those that were to be.
    #[serde(flatten)]
    pub begin: Begin,
    /// How many packs the list leaves out because it would be too long.
    pub packs_left_out: u64,
    /// How it ended.
    pub result: EventResult,
    /// What went wrong.
    pub error: Option<String>,
    /// Ties its entries.
    pub id: String,
}

/// Reads the events of a filter, oldest first; see [`crate::audit::Log::read`].
pub(super) fn read(layout: &Layout, filter: &Filter) -> Result<Vec<Event>, AuditError> {
    // An entry never lies in a month before its own, so earlier files hold nothing that is asked for.
    let first_month = filter.since.map(month_of).unwrap_or_default();
    let mut history = History { filter, events: Vec::new(), by_id: HashMap::new() };
    for month in months(layout)?.iter().filter(|month| **month >= first_month) {
        let file = layout.audit_month(month);
        let mut lines = Lines::open(&file)?;
        while let Some(line) = lines.next()?.filter(|line| line.whole) {
            history.take(parse_line(&file, &line)?);
        }
    }
    history.events.retain(|event| filter.takes_packs(event));
    Ok(history.events)
}

struct History<'a> {
    filter: &'a Filter,
    events: Vec<Event>,
    by_id: HashMap<String, usize>,
}

impl History<'_> {
    fn take(&mut self, entry: Entry) {
        match entry.phase {
            Phase::Begin if self.filter.takes_begin(&entry) => {
                self.by_id.insert(entry.id.clone(), self.events.len());
                self.events.push(begun(entry));
            }
            Phase::Begin => {}
            // An end without its begin belongs to an event that is not asked for.
            Phase::End => {
                if let Some(at) = self.by_id.remove(&entry.id) {
                    end(&mut self.events[at], entry);
                }
            }
        }
    }
}

fn begun(entry: Entry) -> Event {
    Event {
        seq: entry.seq,
        began_at: entry.at,
        ended_at: None,
        begin: entry.begin,
        packs_left_out: entry.packs_left_out,
        result: EventResult::Interrupted,
        error: None,
        id: entry.id,
    }
}

fn end(event: &mut Event, entry: Entry) {
    event.ended_at = Some(entry.at);
    event.result = match entry.result {
        Some(CommandResult::Success) => EventResult::Success,
        // An end that does not say how is none to rely on.
        Some(CommandResult::Failure) | None => EventResult::Failure,
    };
    event.error = entry.error;
    event.begin.packs = entry.begin.packs;
    event.packs_left_out = entry.packs_left_out;
}

impl Filter {
    fn takes_begin(&self, entry: &Entry) -> bool {
        self.since.is_none_or(|since| entry.at >= since) && self.until.is_none_or(|until| entry.at < until) && self.sought.takes(&entry.begin)
    }

    fn takes_packs(&self, event: &Event) -> bool {
        self.sought.pack.as_ref().is_none_or(|pack| event.begin.packs.iter().any(|change| change.name == *pack))
    }
}

impl Sought {
    fn takes(&self, begin: &Begin) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| wanted.as_deref().is_none_or(|wanted| found == Some(wanted));
        is(&self.user, Some(&begin.user))
            && is(&self.team, begin.team.as_deref())
            && is(&self.action, Some(&begin.action))
            && is(&self.project, begin.project.as_deref())
            && self.environment.as_ref().is_none_or(|wanted| begin.environment.as_ref() == Some(wanted))
    }
}
