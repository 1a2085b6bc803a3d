//! A change that would help, as the lines of packs.toml to edit.

use serde::Serialize;

use crate::manifest::Edit;
use crate::model::EnvironmentName;
use crate::model::Requirement;
use crate::ops::Changes;
use crate::ops::OpsError;
use crate::ops::project::MANIFEST_NAME;
use crate::ops::project::Project;
use crate::resolve::Change;
use crate::resolve::Fix;

/// Changes of packs.toml that together make it solvable, tried out by a solve.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct ShownFix {
    /// What each of them does, in the order of their lines.
    pub changes: Vec<Change>,
    /// The lines that each of them edits, in the same order.
    pub edits: Vec<LineEdit>,
    /// What would be locked otherwise than it is.
    pub moves: Changes,
}

/// Lines of packs.toml, as they are and as they are to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct LineEdit {
    /// The file.
    pub file: String,
    /// The first of the lines, counted from 1; where nothing is taken out, the line before which the new ones go.
    pub line: usize,
    /// The lines that go.
    pub before: Vec<String>,
    /// The lines that come.
    pub after: Vec<String>,
}

/// Shows a fix as edits; `None` where packs.toml would not be valid after them.
///
/// # Errors
/// Those of a packs.toml that cannot be edited.
pub(super) fn shown(project: &Project, environment: &EnvironmentName, fix: &Fix, moves: Changes) -> Result<Option<ShownFix>, OpsError> {
    if applied(project, environment, &fix.changes).is_err() {
        return Ok(None);
    }
    let (changes, edits) = edits(project, environment, &fix.changes)?;
    Ok(Some(ShownFix { changes, edits, moves }))
}

/// Shows a fix of a packs.toml that was never written as edits of the one that is there; `None` where it changes what was only going to be asked for.
pub(super) fn as_found(project: &Project, environment: &EnvironmentName, fix: ShownFix) -> Option<ShownFix> {
    let wants = project.wants(environment).ok()?;
    let is_there = |change: &Change| match change {
        Change::Range { name, from, .. } | Change::Drop { name, from, .. } => wants.packages.get(name).is_some_and(|entry| entry.requirement.range == *from),
        Change::Rename { name, .. } => wants.packages.contains_key(name),
        Change::Override { .. } | Change::DropOverride { .. } | Change::Constraint { .. } | Change::DropConstraint { .. } => true,
    };
    let (changes, edits) = edits(project, environment, &fix.changes).ok().filter(|_| fix.changes.iter().all(is_there))?;
    Some(ShownFix { changes, edits, ..fix })
}

/// Gives changes, each with the lines that it edits, from the top of packs.toml down.
fn edits(project: &Project, environment: &EnvironmentName, changes: &[Change]) -> Result<(Vec<Change>, Vec<LineEdit>), OpsError> {
    let edit = |change: &Change| {
        let mut edit = Edit::parse(&project.text, MANIFEST_NAME)?;
        make(&mut edit, project, environment, change);
        Ok((change.clone(), difference(&project.text, &edit.to_text())))
    };
    let mut edits = changes.iter().map(edit).collect::<Result<Vec<_>, OpsError>>()?;
    edits.sort_by_key(|(_, edit)| edit.line);
    Ok(edits.into_iter().unzip())
}

/// Gives the project with a fix applied, not yet written.
///
/// # Errors
/// [`OpsError::Manifest`] where packs.toml is not valid then.
pub(super) fn applied(project: &Project, environment: &EnvironmentName, changes: &[Change]) -> Result<Project, OpsError> {
    let mut edit = Edit::parse(&project.text, MANIFEST_NAME)?;
    changes.iter().for_each(|change| make(&mut edit, project, environment, change));
    project.with_text(edit.to_text())
}

/// Makes one change where packs.toml says what it is about: in the environment's own table if that names the pack, else in the project's.
fn make(edit: &mut Edit, project: &Project, environment: &EnvironmentName, change: &Change) {
    let own = project.manifest.environments.get(environment);
    match change {
        Change::Override { name, to, .. } => edit.set_override(name, to),
        Change::DropOverride { name, .. } => drop(edit.remove_override(name)),
        Change::Constraint { name, to, .. } => edit.set_constraint(name, to),
        Change::DropConstraint { name, .. } => drop(edit.remove_constraint(name)),
        Change::Rename { name, to, .. } => {
            edit.rename_requirement(Some(environment), name, to);
            edit.rename_requirement(None, name, to);
        }
        Change::Range { name, to, .. } => {
            let entry = own.and_then(|own| own.packages.get(name)).map(|entry| (Some(environment), entry));
            let entry = entry.or_else(|| project.manifest.packages.get(name).map(|entry| (None, entry)));
            if let Some((table, entry)) = entry {
                edit.set_requirement(table, &Requirement { range: to.clone(), ..entry.requirement.clone() });
            }
        }
        Change::Drop { name, .. } => {
            // Where an environment has its own entry, the project's would take its place: both go.
            edit.remove_requirement(Some(environment), name);
            edit.remove_requirement(None, name);
        }
    }
}

/// Compares two texts by what both begin and end with.
fn difference(before: &str, after: &str) -> LineEdit {
    let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let start = before.iter().zip(&after).take_while(|(old, new)| old == new).count();
    let (old, new) = (&before[start..], &after[start..]);
    let end = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    let lines = |lines: &[&str]| lines[..lines.len() - end].iter().map(|line| (*line).to_owned()).collect();
    LineEdit { file: MANIFEST_NAME.to_owned(), line: start + 1, before: lines(old), after: lines(new) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(before: &str, after: &str, expected: (usize, &[&str], &[&str])) {
        let edit = difference(before, after);
        let (gone, come): (Vec<&str>, Vec<&str>) = (edit.before.iter().map(String::as_str).collect(), edit.after.iter().map(String::as_str).collect());
        assert_eq!((edit.line, gone.as_slice(), come.as_slice()), expected);
    }

    #[test]
    fn only_lines_that_differ_are_shown() {
        check("a\nb\nc\n", "a\nx\nc\n", (2, &["b"], &["x"]));
        check("a\nb\nc\n", "a\nc\n", (2, &["b"], &[]));
        check("a\na\n", "a\na\na\n", (3, &[], &["a"]));
        check("a\n", "a\n", (2, &[], &[]));
    }
}
