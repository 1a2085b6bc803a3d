//! Lockfiles that git left in conflict: both sides as whole texts, and what they agree to have chosen.
//!
//! Git writes `<<<<<<<`, ours, then with diff3 `|||||||` and the base, then `=======`, theirs, `>>>>>>>`. No line of a lockfile begins
//! like that, because every value in it stands on the line of its key.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::lock::LockError;
use crate::lock::Lockfile;
use crate::model::PackName;
use crate::model::Version;

/// Characters of a conflict marker.
const MARKER_CHARS: usize = 7;

/// Where in a conflict a line stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Common,
    Ours,
    Base,
    Theirs,
}

/// Gives the whole texts of both sides, ours first; `None` if there are no conflict markers.
///
/// # Errors
/// `Markers` if they are nested, out of order or not closed: then no side can be told.
pub fn conflict_sides(text: &str, file: &str) -> Result<Option<[String; 2]>, LockError> {
    let mut sides = [String::new(), String::new()];
    let (mut section, mut opened_at) = (Section::Common, None);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let Some(marker) = find_marker(line) else {
            append(&mut sides, section, line);
            continue;
        };
        let broken = |reason| LockError::Markers { file: file.to_owned(), line: number + 1, reason };
        section = follow(section, marker).map_err(broken)?;
        if section == Section::Ours {
            opened_at = Some(number + 1);
        }
    }
    match (section, opened_at) {
        (Section::Common, None) => Ok(None),
        (Section::Common, Some(_)) => Ok(Some(sides)),
        (_, opened_at) => Err(LockError::Markers { file: file.to_owned(), line: opened_at.unwrap_or(1), reason: "the conflict that begins here does not end" }),
    }
}

/// Gives every version that a side chose, by pack, as preferences of the solve that settles the conflict.
///
/// # Errors
/// Those of [`Lockfile::parse`] for a side that is no lockfile.
pub fn conflict_pins(sides: &[String; 2], file: &str) -> Result<BTreeMap<PackName, BTreeSet<Version>>, LockError> {
    let mut pins: BTreeMap<PackName, BTreeSet<Version>> = BTreeMap::new();
    for side in sides {
        for (name, version) in Lockfile::parse(side, file)?.pins() {
            pins.entry(name).or_default().insert(version);
        }
    }
    Ok(pins)
}

/// Finds the line of the first conflict marker, counted from 1; `None` where there is none.
pub fn find_marker_line(text: &str) -> Option<usize> {
    text.lines().position(|line| find_marker(line).is_some()).map(|at| at + 1)
}

fn append(sides: &mut [String; 2], section: Section, line: &str) {
    let [ours, theirs] = sides;
    if matches!(section, Section::Common | Section::Ours) {
        ours.push_str(line);
    }
    if matches!(section, Section::Common | Section::Theirs) {
        theirs.push_str(line);
    }
}

/// Gives the character of which a line is a marker: seven of it, then a blank or nothing.
fn find_marker(line: &str) -> Option<char> {
    let marker = line.chars().next().filter(|first| "<|=>".contains(*first))?;
    let rest = line.trim_start_matches(marker);
    let is_marker = line.len() - rest.len() == MARKER_CHARS && (rest.trim_end_matches(['\r', '\n']).is_empty() || rest.starts_with(' '));
    is_marker.then_some(marker)
}

fn follow(section: Section, marker: char) -> Result<Section, &'static str> {
    match (section, marker) {
        (Section::Common, '<') => Ok(Section::Ours),
        (Section::Ours, '|') => Ok(Section::Base),
        (Section::Ours | Section::Base, '=') => Ok(Section::Theirs),
        (Section::Theirs, '>') => Ok(Section::Common),
        (_, '<') => Err("a conflict begins within another"),
        (Section::Common, _) => Err("a conflict goes on that did not begin"),
        (_, '>') => Err("a conflict ends before its other side"),
        _ => Err("a conflict has more than two sides"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<[&str; 2]>) {
        let sides = conflict_sides(text, "packs.lock").expect("markers in order");
        assert_eq!(sides, expected.map(|sides| sides.map(str::to_owned)), "{text:?}");
    }

    #[track_caller]
    fn check_broken(text: &str, expected: &str) {
        assert_eq!(conflict_sides(text, "packs.lock").expect_err("broken markers").to_string(), format!("packs.lock:{expected}"));
    }

    #[test]
    fn both_sides_are_whole() {
        check("", None);
        check("a\nb\n", None);
        check("a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> main\nd\n", Some(["a\nb\nd\n", "a\nc\nd\n"]));
        check("<<<<<<<\r\nb\r\n=======\r\n>>>>>>>\r\n", Some(["b\r\n", ""]));
        check("<<<<<<< x\nb\n||||||| base\no\n=======\nc\n>>>>>>> y", Some(["b\n", "c\n"]));
        check("<<<<<<< x\n1\n=======\n2\n>>>>>>> y\n<<<<<<< x\n3\n=======\n4\n>>>>>>> y\n", Some(["1\n3\n", "2\n4\n"]));
        check(" <<<<<<< x\n<<<<<<x\n<<<<<<<<\n======== \n", None);
    }

    #[test]
    fn broken_markers_are_refused() {
        let unreadable = "the git conflict markers cannot be read";
        check_broken("a\n<<<<<<< x\n<<<<<<< y\n", &format!("3: {unreadable}: a conflict begins within another"));
        check_broken("<<<<<<< x\n=======\n<<<<<<< y\n", &format!("3: {unreadable}: a conflict begins within another"));
        check_broken("a\n=======\nb\n", &format!("2: {unreadable}: a conflict goes on that did not begin"));
        check_broken(">>>>>>> x\n", &format!("1: {unreadable}: a conflict goes on that did not begin"));
        check_broken("<<<<<<< x\n>>>>>>> y\n", &format!("2: {unreadable}: a conflict ends before its other side"));
        check_broken("<<<<<<< x\n=======\n=======\n", &format!("3: {unreadable}: a conflict has more than two sides"));
        check_broken("a\n<<<<<<< x\nb\n=======\nc\n", &format!("2: {unreadable}: the conflict that begins here does not end"));
    }

    #[test]
    fn pins_of_both_sides_are_joined() {
        let head = "version = 1\nenvironment = \"default\"\n";
        let release = |version: &str| format!("[[release]]\nname = \"kanban\"\n{version}source = \"registry+default\"\n");
        let text = format!("{head}{}", release("<<<<<<< a\nversion = \"1.0.0\"\n=======\nversion = \"2.0.0\"\n>>>>>>> b\n"));
        let sides = conflict_sides(&text, "packs.lock").expect("in order").expect("a conflict");
        let pins = conflict_pins(&sides, "packs.lock").expect("two lockfiles");
        let versions: Vec<String> = pins.values().flatten().map(ToString::to_string).collect();
        assert_eq!(versions, ["1.0.0", "2.0.0"]);
    }
}
