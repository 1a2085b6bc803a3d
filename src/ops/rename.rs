//! Packs that do not exist, and others that may have been meant: another name instead, tried out by a solve.

use crate::model::RequirementSource;
use crate::ops::Context;
use crate::ops::OpsError;
use crate::ops::ShownFix;
use crate::ops::fix;
use crate::ops::project::Project;
use crate::ops::question::Question;
use crate::resolve::Change;
use crate::resolve::Conflict;
use crate::resolve::ConflictHint;
use crate::resolve::Failure;
use crate::resolve::Fix;

/// Most names that one fix changes; as many as other fixes make changes.
const RENAMES_MAX: usize = 3;

/// Finds the renaming that makes packs.toml solvable. Names come from what the registries list; a project with more wrong than names has no such fix.
///
/// # Errors
/// Those of loading what the other packs require.
pub(super) fn find(context: &Context, project: &Project, (question, conflict): (&Question, &Conflict)) -> Result<Option<(Fix, ShownFix)>, OpsError> {
    let environment = question.environment();
    let mut changes = renames(question, conflict);
    while (1..=RENAMES_MAX).contains(&changes.len()) {
        let Ok(renamed) = fix::applied(project, environment, &changes) else { return Ok(None) };
        let renamed = question.about(context, &renamed)?;
        match renamed.solve(context) {
            Ok(resolution) => {
                let moves = renamed.plan(&resolution).changes;
                let fix = Fix { changes, resolution };
                return Ok(fix::shown(project, environment, &fix, moves)?.map(|shown| (fix, shown)));
            }
            Err(Failure::Conflict(mut conflict)) => {
                renamed.inquire(context, project, &mut conflict);
                let more = renames(&renamed, &conflict);
                if more.is_empty() {
                    return Ok(None);
                }
                changes.extend(more);
            }
            Err(Failure::OutOfTime { .. }) => return Ok(None),
        }
    }
    Ok(None)
}

/// Gives a new name to each requirement of packs.toml that a conflict says has none, where one is near and not required already.
fn renames(question: &Question, conflict: &Conflict) -> Vec<Change> {
    let wanted = question.packages();
    let rename = |hint: &ConflictHint| match hint {
        ConflictHint::UnknownPack { name, nearest: Some(to), .. } if !wanted.contains_key(to) => {
            let entry = wanted.get(name).filter(|entry| matches!(entry.requirement.source, RequirementSource::Registry(_)))?;
            Some(Change::Rename { name: name.clone(), to: to.clone(), at: Some(entry.at.clone()) })
        }
        _ => None,
    };
    conflict.hints().iter().filter_map(rename).collect()
}
