//! A change that would help, as the lines of packs.toml to edit.

use serde::Serialize;

use crate::manifest::Edit;
use crate::model::EnvironmentName;
use crate::model::Requirement;
use crate::ops::Changes;
use crate::ops::OpsError;
use crate::ops::planned::lines_kept;
use crate::ops::project::MANIFEST_NAME;
use crate::ops::project::Project;
use crate::resolve::Change;
use crate::resolve::Fix;

/// Changes of packs.toml that together make it solvable, tried out by a solve.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct ShownFix {
    /// What each of them does, in the order of their lines.
    pub changes: Vec<Change>,
    /// The lines that they edit together, from the top down; all are counted in packs.toml as it is.
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

/// Gives changes in the order of their lines, and the lines that they edit together.
fn edits(project: &Project, environment: &EnvironmentName, changes: &[Change]) -> Result<(Vec<Change>, Vec<LineEdit>), OpsError> {
    let edits_of = |changes: &[Change]| Ok::<_, OpsError>(differences(&project.text, &edited(project, environment, changes)?));
    let first_line = |change: &Change| Ok((edits_of(std::slice::from_ref(change))?.first().map(|edit| edit.line), change.clone()));
    let mut placed = changes.iter().map(first_line).collect::<Result<Vec<_>, OpsError>>()?;
    placed.sort_by_key(|(line, _)| *line);
    Ok((placed.into_iter().map(|(_, change)| change).collect(), edits_of(changes)?))
}

/// Gives the project with a fix applied, not yet written.
///
/// # Errors
/// [`OpsError::Manifest`] where packs.toml is not valid then.
pub(super) fn applied(project: &Project, environment: &EnvironmentName, changes: &[Change]) -> Result<Project, OpsError> {
    project.with_text(edited(project, environment, changes)?)
}

/// Gives the text of packs.toml with changes made.
fn edited(project: &Project, environment: &EnvironmentName, changes: &[Change]) -> Result<String, OpsError> {
    let mut edit = Edit::parse(&project.text, MANIFEST_NAME)?;
    changes.iter().for_each(|change| make(&mut edit, project, environment, change));
    Ok(edit.to_text())
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

/// Compares two texts line by line: the edits that make one of the other, from the top down.
fn differences(before: &str, after: &str) -> Vec<LineEdit> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let mut edits = Vec::new();
    let (mut old_at, mut new_at) = (0, 0);
    // What is behind the last line is the same in both.
    let kept = lines_kept(before, after).into_iter().map(|line| line.map(|line| line - 1)).chain([Some(old.len())]).enumerate();
    for (come, gone) in kept.filter_map(|(at, line)| line.map(|line| (at, line))) {
        edits.extend(line_edits(old_at, &old[old_at..gone], &new[new_at..come]));
        (old_at, new_at) = (gone + 1, come + 1);
    }
    edits
}

/// Gives the edit of neighbouring lines; where each has another one in its place, that of each.
fn line_edits(start: usize, before: &[&str], after: &[&str]) -> Vec<LineEdit> {
    let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
    let edit = |start: usize, before: &[&str], after: &[&str]| LineEdit {
        file: MANIFEST_NAME.to_owned(),
        line: start + 1,
        before: lines(before),
        after: lines(after),
    };
    if before.len() == after.len() {
        return before.chunks(1).zip(after.chunks(1)).enumerate().map(|(at, (before, after))| edit(start + at, before, after)).collect();
    }
    vec![edit(start, before, after)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(before: &str, after: &str, expected: &[(usize, &str, &str)]) {
        let edits = differences(before, after);
        let edits: Vec<(usize, String, String)> = edits.iter().map(|edit| (edit.line, edit.before.join(" "), edit.after.join(" "))).collect();
        let expected: Vec<(usize, String, String)> = expected.iter().map(|(line, gone, come)| (*line, (*gone).to_owned(), (*come).to_owned())).collect();
        assert_eq!(edits, expected);
    }

    #[test]
    fn only_lines_that_differ_are_shown() {
        check("a\nb\nc\n", "a\nx\nc\n", &[(2, "b", "x")]);
        check("a\nb\nc\n", "a\nc\n", &[(2, "b", "")]);
        check("a\na\n", "a\na\na\n", &[(3, "", "a")]);
        check("a\n", "a\n", &[]);
        check("a\nb\nc\nd\n", "a\nx\nc\nd\ny\nz\n", &[(2, "b", "x"), (5, "", "y z")]);
        check("a\nb\nc\n", "x\ny\nc\n", &[(1, "a", "x"), (2, "b", "y")]);
        check("a\nb\nc\nd\n", "x\nd\n", &[(1, "a b c", "x")]);
    }
}
