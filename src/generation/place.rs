//! `[place]`: what happens to each path of the project when what is placed changes. Pure; [`look_at_places`] does the looking, the journal the doing.
//!
//! For every path there are up to three voices: what was placed there (`old`, from the record of the generation that is active now), what is to be placed
//! (`new`), and what is found. A file that differs from both was edited by people and is never overwritten: it is kept and told of, or, when forced, saved
//! beside under a name of its own. What was never placed by us is foreign and refuses the whole, before anything is written.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use crate::fsys;
use crate::generation::Change;
use crate::generation::Content;
use crate::generation::GenerationError;
use crate::generation::Placements;
use crate::generation::Result;
use crate::generation::Sighting;
use crate::generation::State;
use crate::generation::look_beneath;
use crate::generation::placements::Placed;
use crate::generation::placements::Thing;
use crate::model::PackName;
use crate::model::TreePath;

/// Ends the name under which an edited file is saved.
const SAVED_SUFFIX: &str = ".packs-saved";

/// What lies at the paths that placing is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sightings {
    found: BTreeMap<TreePath, Sighting>,
    /// For directories where a link or file is to be: something in them that was never placed.
    foreign_below: BTreeMap<TreePath, TreePath>,
    /// Names under which edited files were saved before.
    saved: BTreeSet<TreePath>,
}

/// What becomes of edited files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EditedFiles {
    /// They stay, and the new content is not placed.
    Keep,
    /// They are saved beside, and the new content is placed.
    SaveAside,
}

/// What happens to every path; paths that stay as they are, are not in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlacePlan {
    /// What happens, by path.
    pub steps: Vec<PlaceStep>,
    /// What is in the way; if there is anything, nothing may be done.
    pub in_the_way: Vec<InTheWay>,
    /// The changes of files, in the order in which the journal is to make them.
    pub changes: Vec<Change>,
}

/// What happens to one path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema)]
pub struct PlaceStep {
    /// The path in the project.
    pub path: TreePath,
    /// Whose file it is.
    pub pack: PackName,
    /// What happens.
    pub action: PlaceAction,
}

/// What happens to a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PlaceAction {
    /// A link is made.
    Link,
    /// A link goes.
    Unlink,
    /// A file is copied where there was none.
    Copy,
    /// An unchanged copy is replaced by a newer one.
    Replace,
    /// An unchanged copy goes.
    Remove,
    /// People edited it: it stays as it is.
    KeepEdited,
    /// People edited it: it gets another name, and the new one is copied.
    SaveAside {
        /// Where the edited file goes.
        saved_as: TreePath,
    },
}

/// Something that was not placed by packs where something is to be placed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema)]
pub struct InTheWay {
    /// The path where something is to be placed.
    pub path: TreePath,
    /// Whose file it is to be.
    pub pack: PackName,
    /// What is in the way: the path itself, one above or one below it.
    pub obstacle: TreePath,
    /// What that is, with its article: `a file`.
    pub found: String,
}

impl fmt::Display for InTheWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} cannot be placed: {} is in the way", self.path, self.pack, self.found)?;
        if self.obstacle == self.path { Ok(()) } else { write!(f, " at {}", self.obstacle) }
    }
}

/// Looks at every path that was placed or is to be placed; changes nothing.
pub fn look_at_places(project: &Path, old: &Placements, new: &Placements) -> Result<Sightings> {
    let mut seen = Sightings::default();
    for (path, placed) in old.paths.iter().chain(&new.paths) {
        if seen.found.contains_key(path) {
            continue;
        }
        let found = look_beneath(project, path)?;
        if found == Sighting::Directory
            && let Some(foreign) = find_foreign(project, path, old)?
        {
            seen.foreign_below.insert(path.clone(), foreign);
        }
        if matches!(found, Sighting::File { .. } | Sighting::Symlink { .. }) && !placed.thing.is(&found) {
            seen.saved.extend(saved_names(project, path)?);
        }
        seen.found.insert(path.clone(), found);
    }
    Ok(seen)
}

/// Finds what was not placed at or below a directory: a file, or a directory that is empty.
fn find_foreign(project: &Path, directory: &TreePath, old: &Placements) -> Result<Option<TreePath>> {
    let entries = fsys::list_dir(&project.join(directory.as_str()))?;
    for entry in &entries {
        let Some(path) = entry.name_str().and_then(|name| directory.join(name).ok()) else { return Ok(Some(directory.clone())) };
        let is_directory = fsys::status(&project.join(path.as_str()))?.is_some_and(|found| found.kind == fsys::FileKind::Directory);
        let foreign = if is_directory { find_foreign(project, &path, old)? } else { (!old.paths.contains_key(&path)).then_some(path) };
        if foreign.is_some() {
            return Ok(foreign);
        }
    }
    Ok(entries.is_empty().then(|| directory.clone()))
}

fn saved_names(project: &Path, path: &TreePath) -> Result<Vec<TreePath>> {
    let directory = path.parent().map_or(project.to_owned(), |parent| project.join(parent.as_str()));
    let entries = fsys::list_dir(&directory)?;
    let names = entries.iter().filter_map(fsys::DirEntry::name_str).filter(|name| name.contains(SAVED_SUFFIX));
    Ok(names.filter_map(|name| beside(path, name)).collect())
}

fn beside(path: &TreePath, name: &str) -> Option<TreePath> {
    match path.parent() {
        Some(parent) => parent.join(name).ok(),
        None => TreePath::parse(name).ok(),
    }
}

/// What is to be done about one path.
enum Verdict {
    Stay,
    Make,
    Replace,
    Remove,
    KeepEdited,
    SaveAside,
    Refuse { obstacle: TreePath, found: &'static str },
}

/// Plans how what was placed becomes what is to be placed.
///
/// # Errors
/// [`GenerationError::NoFreeName`] if an edited file cannot be saved under any name.
pub fn plan_place(project: &Path, old: &Placements, new: &Placements, seen: &Sightings, edited: EditedFiles) -> Result<PlacePlan> {
    let mut builder = Builder { project, seen, taken: seen.saved.clone(), plan: PlacePlan::default(), made: Vec::new() };
    let removed: BTreeSet<&TreePath> = old.paths.iter().filter(|(path, placed)| goes(path, placed, new, seen)).map(|(path, _)| path).collect();
    for path in old.paths.keys().chain(new.paths.keys()).collect::<BTreeSet<_>>() {
        let voices = Voices {
            old: old.paths.get(path),
            new: new.paths.get(path),
            was_copied: new.paths.get(path).is_some_and(|it| old.copied_targets.contains(&it.target)),
        };
        let verdict = judge(path, &voices, seen, &removed, edited);
        builder.add(path, &voices, &verdict)?;
    }
    Ok(builder.finish())
}

/// What was placed at a path, what is to be, and whether the same target held copies before.
struct Voices<'a> {
    old: Option<&'a Placed>,
    new: Option<&'a Placed>,
    was_copied: bool,
}

/// Tells whether an old path is unchanged and nothing takes its place, so that it will be gone.
fn goes(path: &TreePath, placed: &Placed, new: &Placements, seen: &Sightings) -> bool {
    !new.paths.contains_key(path) && seen.found.get(path).is_some_and(|found| placed.thing.is(found))
}

fn judge(path: &TreePath, voices: &Voices<'_>, seen: &Sightings, removed: &BTreeSet<&TreePath>, edited: EditedFiles) -> Verdict {
    let found = seen.found.get(path).unwrap_or(&Sighting::Absent);
    let Some(new) = voices.new else {
        return match (voices.old, found) {
            (Some(old), found) if old.thing.is(found) => Verdict::Remove,
            (_, Sighting::Absent | Sighting::Blocked { .. }) => Verdict::Stay,
            _ => Verdict::KeepEdited,
        };
    };
    if new.thing.is(found) {
        return Verdict::Stay;
    }
    if voices.old.is_some_and(|old| old.thing.is(found)) {
        return Verdict::Replace;
    }
    let is_edited = voices.was_copied && path != &new.target;
    match found {
        Sighting::Absent => Verdict::Make,
        Sighting::Blocked { by } if removed.contains(by) => Verdict::Make,
        Sighting::Blocked { by } => Verdict::Refuse { obstacle: by.clone(), found: "something that is no directory" },
        Sighting::File { .. } | Sighting::Symlink { .. } if is_edited => match edited {
            EditedFiles::Keep => Verdict::KeepEdited,
            EditedFiles::SaveAside => Verdict::SaveAside,
        },
        Sighting::File { .. } => Verdict::Refuse { obstacle: path.clone(), found: "a file" },
        Sighting::Symlink { .. } => Verdict::Refuse { obstacle: path.clone(), found: "a link" },
        Sighting::Other => Verdict::Refuse { obstacle: path.clone(), found: "a device, socket or pipe" },
        Sighting::Directory => judge_directory(path, seen, removed),
    }
}

/// A directory makes way if it holds nothing but files that will be gone.
fn judge_directory(path: &TreePath, seen: &Sightings, removed: &BTreeSet<&TreePath>) -> Verdict {
    if let Some(foreign) = seen.foreign_below.get(path) {
        return Verdict::Refuse { obstacle: foreign.clone(), found: if foreign == path { "an empty directory" } else { "something that packs did not place" } };
    }
    let below = format!("{path}/");
    let stays = |(known, found): &(&TreePath, &Sighting)| {
        known.as_str().starts_with(&below) && !removed.contains(known) && !matches!(found, Sighting::Absent | Sighting::Blocked { .. } | Sighting::Directory)
    };
    match seen.found.iter().find(stays) {
        Some((stays, _)) => Verdict::Refuse { obstacle: stays.clone(), found: "an edited file" },
        None => Verdict::Make,
    }
}

struct Builder<'a> {
    project: &'a Path,
    seen: &'a Sightings,
    taken: BTreeSet<TreePath>,
    plan: PlacePlan,
    /// Changes that come after all removals.
    made: Vec<Change>,
}

impl Builder<'_> {
    fn add(&mut self, path: &TreePath, voices: &Voices<'_>, verdict: &Verdict) -> Result<()> {
        let Some(placed) = voices.new.or(voices.old) else { return Ok(()) };
        if let Verdict::Refuse { obstacle, found } = verdict {
            let in_the_way = InTheWay { path: path.clone(), pack: placed.pack.clone(), obstacle: obstacle.clone(), found: (*found).to_owned() };
            self.plan.in_the_way.push(in_the_way);
        }
        let Some(action) = self.action(path, &placed.thing, verdict)? else { return Ok(()) };
        self.add_changes(path, voices, &action);
        self.plan.steps.push(PlaceStep { path: path.clone(), pack: placed.pack.clone(), action });
        Ok(())
    }

    /// Names what happens to a path; `None` where nothing does.
    fn action(&mut self, path: &TreePath, thing: &Thing, verdict: &Verdict) -> Result<Option<PlaceAction>> {
        Ok(Some(match (verdict, thing) {
            (Verdict::Stay | Verdict::Refuse { .. }, _) => return Ok(None),
            (Verdict::Make, Thing::Link { .. }) => PlaceAction::Link,
            (Verdict::Make, Thing::File { .. }) => PlaceAction::Copy,
            (Verdict::Replace, _) => PlaceAction::Replace,
            (Verdict::Remove, Thing::Link { .. }) => PlaceAction::Unlink,
            (Verdict::Remove, Thing::File { .. }) => PlaceAction::Remove,
            (Verdict::KeepEdited, _) => PlaceAction::KeepEdited,
            (Verdict::SaveAside, _) => PlaceAction::SaveAside { saved_as: self.free_name(path)? },
        }))
    }

    fn add_changes(&mut self, path: &TreePath, voices: &Voices<'_>, action: &PlaceAction) {
        let after = voices.new.map_or(State::Absent, |new| new.thing.state());
        let old = voices.old.map_or(State::Absent, |old| old.thing.state());
        let change = |before| Change { path: path.clone(), before, after };
        match action {
            PlaceAction::KeepEdited => {}
            PlaceAction::Remove | PlaceAction::Unlink => self.plan.changes.push(change(old)),
            PlaceAction::Replace => self.made.push(change(old)),
            PlaceAction::Link | PlaceAction::Copy => self.made.push(change(State::Absent)),
            PlaceAction::SaveAside { saved_as } => {
                let edited = self.edited_state(path);
                self.plan.changes.push(Change { path: saved_as.clone(), before: State::Absent, after: edited.clone() });
                self.made.push(change(edited));
            }
        }
    }

    /// Gives the state of an edited file, whose bytes the journal must keep.
    fn edited_state(&self, path: &TreePath) -> State {
        match self.seen.found.get(path) {
            Some(Sighting::File { blake3, executable }) => {
                State::File { content: Content::Disk { path: self.project.join(path.as_str()), blake3: *blake3 }, executable: *executable }
            }
            Some(Sighting::Symlink { target }) => State::Symlink { target: target.clone() },
            _ => State::Absent,
        }
    }

    /// Finds a name beside a file: `board.md.packs-saved`, then `board.md.packs-saved-2` and so on.
    fn free_name(&mut self, path: &TreePath) -> Result<TreePath> {
        for number in 1..1000 {
            let suffix = if number == 1 { SAVED_SUFFIX.to_owned() } else { format!("{SAVED_SUFFIX}-{number}") };
            if let Some(name) = beside(path, &format!("{}{suffix}", path.file_name()))
                && self.taken.insert(name.clone())
            {
                return Ok(name);
            }
        }
        Err(GenerationError::NoFreeName { path: self.project.join(path.as_str()) })
    }

    fn finish(mut self) -> PlacePlan {
        self.plan.changes.append(&mut self.made);
        self.plan
    }
}
