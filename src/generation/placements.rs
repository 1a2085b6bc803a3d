//! What a generation places in the project, spread out to single paths.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::generation::Content;
use crate::generation::GenerationRecord;
use crate::generation::GenerationRelease;
use crate::generation::LinkPlan;
use crate::generation::PlacedContent;
use crate::generation::PlacedEntry;
use crate::generation::Sighting;
use crate::generation::State;
use crate::generation::StoredContent;
use crate::manifest::PlaceMode;
use crate::model::Blake3Digest;
use crate::model::PackName;
use crate::model::StorePath;
use crate::model::TreePath;

/// What a generation places, and where its files are in the store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Placements {
    pub(super) paths: BTreeMap<TreePath, Placed>,
    pub(super) copied_targets: BTreeSet<TreePath>,
}

/// What is placed at one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) pack: PackName,
    pub(super) target: TreePath,
    pub(super) thing: Thing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Thing {
    Link { text: String },
    File { blake3: Blake3Digest, executable: bool, at: StoredContent },
}

impl Placements {
    /// Takes what the record of a generation says.
    pub fn of_record(record: &GenerationRecord) -> Self {
        Placements::new(&record.place, &record.releases)
    }

    /// Takes what a plan says.
    pub fn of_plan(plan: &LinkPlan) -> Self {
        Placements::new(&plan.place, &plan.releases)
    }

    fn new(place: &[PlacedEntry], releases: &[GenerationRelease]) -> Self {
        let mut all = Placements::default();
        for entry in place {
            // A record always has the release of what it places; without it there is nothing to compare with.
            let Some(release) = releases.iter().find(|release| release.name == entry.pack) else { continue };
            if entry.mode == PlaceMode::Copy {
                all.copied_targets.insert(entry.target.clone());
            }
            all.paths.extend(spread(entry, &release.store_path));
        }
        all
    }
}

/// Gives each path that an entry is about: the target of a link, the files of a copy.
fn spread(entry: &PlacedEntry, store_path: &StorePath) -> Vec<(TreePath, Placed)> {
    let placed = |thing| Placed { pack: entry.pack.clone(), target: entry.target.clone(), thing };
    if entry.mode == PlaceMode::Link {
        return vec![(entry.target.clone(), placed(Thing::Link { text: link_text(entry) }))];
    }
    let component = entry.pack.component();
    let file = |path: &TreePath, content: &PlacedContent| {
        let stored = |blake3: &Blake3Digest, executable| {
            let path = TreePath::parse(&format!("{component}/{path}")).expect("it was a path of the archive, which has this component in front");
            Thing::File { blake3: *blake3, executable, at: StoredContent { store_path: store_path.clone(), path } }
        };
        match content {
            PlacedContent::File { blake3 } => stored(blake3, false),
            PlacedContent::Executable { blake3 } => stored(blake3, true),
            PlacedContent::Symlink { target } => Thing::Link { text: target.clone() },
        }
    };
    // A path that gets too long under its target cannot be placed, nor could it have been.
    entry.files.iter().filter_map(|it| Some((entry.target.join(it.path.as_str()).ok()?, placed(file(&it.path, &it.content))))).collect()
}

/// Gives the text of a placed link: through the active environment, so that a switch changes what it leads to and never the link.
fn link_text(entry: &PlacedEntry) -> String {
    let up = "../".repeat(entry.target.components().count() - 1);
    format!("{up}.packs/active/packs/{}", entry.pack.component())
}

impl Thing {
    pub(super) fn is(&self, found: &Sighting) -> bool {
        match (self, found) {
            (Thing::Link { text }, Sighting::Symlink { target }) => text == target,
            (Thing::File { blake3, executable, .. }, Sighting::File { blake3: found, executable: found_executable }) => {
                blake3 == found && executable == found_executable
            }
            _ => false,
        }
    }

    pub(super) fn state(&self) -> State {
        match self {
            Thing::Link { text } => State::Symlink { target: text.clone() },
            Thing::File { blake3, executable, at } => State::File { content: Content::Stored { at: at.clone(), blake3: *blake3 }, executable: *executable },
        }
    }
}
