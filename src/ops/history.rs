//! The tree of an environment's generations, with what changed per step.

use jiff::Timestamp;
use serde::Serialize;

use crate::generation;
use crate::generation::Difference;
use crate::model::EnvironmentName;
use crate::model::PackChange;
use crate::ops::Changes;
use crate::ops::Context;
use crate::ops::OpsError;
use crate::ops::located::Located;

/// The generations of an environment.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct HistoryOutcome {
    /// The environment.
    pub environment: EnvironmentName,
    /// The current generation.
    pub current: Option<u64>,
    /// The kept generations, oldest first.
    pub generations: Vec<HistoryRow>,
}

/// One generation, against its parent.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct HistoryRow {
    /// Its number.
    pub number: u64,
    /// The generation it came from; only 0 has none. It may have been collected.
    pub parent: Option<u64>,
    /// The column it is drawn in; the current generation and all it came from are in column 0.
    pub lane: usize,
    /// When it was made.
    #[schemars(with = "String")]
    pub created_at: Timestamp,
    /// Who made it.
    pub user: String,
    /// On which machine.
    pub host: String,
    /// Why, if they said so.
    pub reason: Option<String>,
    /// The command line.
    pub command: String,
    /// Packs that came.
    pub added: Vec<PackChange>,
    /// Packs whose release or content changed.
    pub changed: Vec<PackChange>,
    /// Packs that went.
    pub removed: Vec<PackChange>,
    /// Bytes of all its packs' files.
    pub size: u64,
}

impl HistoryRow {
    /// Gives what changed, in one value.
    pub fn changes(&self) -> Changes {
        Changes { added: self.added.clone(), changed: self.changed.clone(), removed: self.removed.clone() }
    }
}

/// Gives the kept generations of the environment meant; an environment never switched to has none.
pub fn history(context: &Context) -> Result<HistoryOutcome, OpsError> {
    let located = Located::recall(context)?;
    let Some(environment) = located.generations_of(context, &located.environment) else {
        return Ok(HistoryOutcome { environment: located.environment, current: None, generations: vec![] });
    };
    let (records, collected, current) = (environment.generations()?, environment.collected()?, environment.current()?);
    let mut generations: Vec<HistoryRow> = generation::history(&records, &collected, current).iter().map(row).collect();
    generations.reverse();
    Ok(HistoryOutcome { environment: located.environment, current, generations })
}

fn row(row: &generation::HistoryRow<'_>) -> HistoryRow {
    let (record, changes) = (row.record, changes_of(&row.difference));
    HistoryRow {
        number: record.number,
        parent: record.parent,
        lane: row.lane,
        created_at: record.created_at,
        user: record.user.clone(),
        host: record.host.clone(),
        reason: record.reason.clone(),
        command: record.command.clone(),
        added: changes.added,
        changed: changes.changed,
        removed: changes.removed,
        size: record.unpacked_bytes(),
    }
}

/// Takes the changes of packs from a difference of generations.
pub(super) fn changes_of(difference: &Difference) -> Changes {
    let all = difference.added.iter().chain(&difference.changed).chain(&difference.removed);
    Changes::from_all(all.cloned())
}
