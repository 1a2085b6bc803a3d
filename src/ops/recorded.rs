//! Every change is in the audit log: its begin before the first effect, its end after the last.

use crate::audit::Begin;
use crate::audit::CommandResult;
use crate::audit::End;
use crate::audit::Log;
use crate::model::EnvironmentName;
use crate::model::PackChange;
use crate::model::in_one_line;
use crate::ops::Context;
use crate::ops::OpsError;
use crate::ops::project::Project;

/// What the log says of a change before it is made.
pub(super) struct Recorded<'r> {
    /// The action: `switch`, `rollback`, `gc`.
    pub action: &'static str,
    /// The project, if it is about one.
    pub project: Option<&'r Project>,
    /// The environment, if it is about one.
    pub environment: Option<&'r EnvironmentName>,
    /// Why, as the person said.
    pub reason: Option<&'r str>,
    /// The packs that are to change.
    pub packs: Vec<PackChange>,
}

/// Makes a change between its begin and its end in the log.
///
/// The home must exist. If the power goes meanwhile, the log shows the change as interrupted.
pub(super) fn recorded<T>(context: &Context, record: Recorded<'_>, change: impl FnOnce() -> Result<T, OpsError>) -> Result<T, OpsError> {
    let log = Log::new(&context.layout);
    let packs = record.packs.clone();
    let pending = log.begin(begin(context, record), context.now())?;
    let result = change();
    let end = match &result {
        Ok(_) => End { result: CommandResult::Success, error: None, packs },
        Err(error) => End { result: CommandResult::Failure, error: Some(in_one_line(error)), packs: vec![] },
    };
    let ended = log.end(pending, end, context.now());
    let done = result?;
    ended?;
    Ok(done)
}

fn begin(context: &Context, record: Recorded<'_>) -> Begin {
    Begin {
        action: record.action.to_owned(),
        user: context.who.user.clone(),
        team: record.project.and_then(|project| project.manifest.project.team.clone()),
        host: context.who.host.clone(),
        os: std::env::consts::OS.to_owned(),
        project: record.project.map(|project| project.manifest.project.name.to_string()),
        environment: record.environment.cloned(),
        packs: record.packs,
        command: context.who.command.clone(),
        reason: record.reason.map(str::to_owned),
    }
}
