//! `[place]`: links and copies in the project, and what people did to them.

use std::collections::BTreeMap;
use std::fs;

use packs::archive::FileEntry;
use packs::archive::PackManifest;
use packs::generation::EditedFiles;
use packs::generation::GenerationError;
use packs::generation::Journal;
use packs::generation::LinkPlan;
use packs::generation::NewOperation;
use packs::generation::PlaceAction;
use packs::generation::PlacePlan;
use packs::generation::PlaceWish;
use packs::generation::Placements;
use packs::generation::RunningOperation;
use packs::generation::Wanted;
use packs::generation::WantedRelease;
use packs::generation::activate;
use packs::generation::look_at_places;
use packs::generation::mend_links;
use packs::generation::plan;
use packs::generation::plan_place;
use packs::manifest::PlaceMode;
use packs::model::Blake3Digest;
use packs::model::PackName;
use packs::model::ReleaseId;
use packs::model::StorePath;
use packs::model::TreeDigest;
use packs::model::TreePath;
use packs::model::Version;

use super::World;
use super::dev;

fn path(text: &str) -> TreePath {
    TreePath::parse(text).expect("valid")
}

fn planned(releases: Vec<WantedRelease>, place: &[(&str, &str, PlaceMode)]) -> LinkPlan {
    let wish = |(target, pack, mode): &(&str, &str, PlaceMode)| PlaceWish { target: path(target), pack: PackName::parse(pack).expect("valid"), mode: *mode };
    plan(&Wanted { environment: dev(), releases, place: place.iter().map(wish).collect() }).expect("no clash")
}

/// Files of a pack: path and text; a text that begins with `->` is a link.
type Files<'a> = &'a [(&'a str, &'a str)];

impl World {
    /// Puts a pack with these files into the store, by hand, read-only as ingest would.
    fn pack(&self, name: &str, files: Files<'_>) -> WantedRelease {
        let id = ReleaseId { name: PackName::parse(name).expect("valid"), version: Version::parse("1.0.0").expect("valid") };
        let seed = blake3::hash(format!("{files:?}").as_bytes());
        let store_path = StorePath::new(TreeDigest::from_bytes(*seed.as_bytes()), &id);
        let directory = self.layout.store_path(&store_path).join(id.name.component());
        let mut entries = Vec::new();
        for (file, text) in files {
            let at = directory.join(file);
            fs::create_dir_all(at.parent().expect("below the pack")).expect("made");
            if let Some(target) = text.strip_prefix("->") {
                let _ = fs::remove_file(&at);
                std::os::unix::fs::symlink(target, &at).expect("linked");
                entries.push(FileEntry::Symlink { path: path(file), target: target.into() });
            } else {
                fs::write(&at, text).expect("written");
                let blake3 = Blake3Digest::of(text.as_bytes());
                let size = text.len() as u64;
                let entry = |path| if text.starts_with("run") { FileEntry::Executable { path, size, blake3 } } else { FileEntry::File { path, size, blake3 } };
                entries.push(entry(path(file)));
            }
        }
        let manifest = PackManifest::new(id.name.clone(), id.version.clone(), name.to_owned(), jiff::Timestamp::UNIX_EPOCH, entries);
        WantedRelease { id, store_path, unpacked_bytes: 1, manifest, priority: 0, rename: BTreeMap::new() }
    }

    fn plan_move(&self, old: Option<&LinkPlan>, new: &LinkPlan, edited: EditedFiles) -> PlacePlan {
        let (old, new) = (old.map(Placements::of_plan).unwrap_or_default(), Placements::of_plan(new));
        let seen = look_at_places(&self.project.directory, &old, &new).expect("looked");
        plan_place(&self.project.directory, &old, &new, &seen, edited).expect("planned")
    }

    fn begin(&self, plan: &PlacePlan) -> RunningOperation {
        let new = NewOperation {
            action: "switch".into(),
            command: "packs switch".into(),
            began_at: jiff::Timestamp::UNIX_EPOCH,
            undoes: None,
            files: plan.changes.clone(),
            currents: BTreeMap::new(),
            active: None,
        };
        Journal::new(&self.layout, &self.project).begin(&new).expect("begun")
    }

    /// Plans, applies, and gives `path action` of every step.
    #[track_caller]
    fn place(&self, old: Option<&LinkPlan>, new: &LinkPlan, edited: EditedFiles) -> Vec<String> {
        let plan = self.plan_move(old, new, edited);
        assert_eq!(plan.in_the_way, []);
        let running = self.begin(&plan);
        running.apply_files().expect("applied");
        running.finish().expect("finished");
        plan.steps.iter().map(|step| format!("{} {:?}", step.path, step.action)).collect()
    }

    /// Checks that taking the move back at the very end leaves the project as it was.
    #[track_caller]
    fn check_taking_back(&self, old: Option<&LinkPlan>, new: &LinkPlan, edited: EditedFiles) {
        let before = self.project_tree();
        let running = self.begin(&self.plan_move(old, new, edited));
        running.apply_files().expect("applied");
        assert_eq!(running.take_back().expect("taken back").left_alone, []);
        assert_eq!(self.project_tree(), before);
    }

    #[track_caller]
    fn check_tree(&self, expected: Files<'_>) {
        let found: Vec<(String, String)> = self.project_tree().into_iter().filter(|(_, content)| content != "/").collect();
        let expected: Vec<(String, String)> = expected.iter().map(|(name, content)| ((*name).to_owned(), (*content).to_owned())).collect();
        assert_eq!(found, expected);
    }

    #[track_caller]
    fn check_in_the_way(&self, old: Option<&LinkPlan>, new: &LinkPlan, expected: &[&str]) {
        let before = self.project_tree();
        for edited in [EditedFiles::Keep, EditedFiles::SaveAside] {
            let plan = self.plan_move(old, new, edited);
            assert_eq!(plan.in_the_way.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
        }
        assert_eq!(self.project_tree(), before);
    }

    fn edit(&self, file: &str, text: &str) {
        let at = self.project.directory.join(file);
        fs::create_dir_all(at.parent().expect("below the project")).expect("made");
        fs::write(at, text).expect("written");
    }
}

const BOARD: Files<'_> = &[("board.md", "one\n"), ("docs/a.md", "a\n"), ("latest", "->docs/a.md"), ("run.sh", "run\n")];
const NEWER: Files<'_> = &[("board.md", "two\n"), ("docs/b.md", "b\n"), ("latest", "->docs/b.md"), ("run.sh", "run\n")];

#[test]
fn a_link_leads_through_the_active_environment() {
    let world = World::new();
    let release = world.pack("@acme/kanban", BOARD);
    let plan = planned(vec![release.clone()], &[("frameworks/kanban", "@acme/kanban", PlaceMode::Link)]);
    assert_eq!(world.place(None, &plan, EditedFiles::Keep), ["frameworks/kanban Link"]);
    assert_eq!(world.place(Some(&plan), &plan, EditedFiles::Keep), Vec::<String>::new());
    world.switch(vec![release]);
    mend_links(&world.layout, &world.project).expect("mended");
    activate(&world.project.directory, Some(&dev())).expect("active");
    assert_eq!(fs::read_to_string(world.project.directory.join("frameworks/kanban/board.md")).expect("there"), "one\n");
    world.check_tree(&[("frameworks/kanban", "-> ../.packs/active/packs/@acme+kanban")]);
    let nothing = planned(Vec::new(), &[]);
    world.check_taking_back(Some(&plan), &nothing, EditedFiles::Keep);
    assert_eq!(world.place(Some(&plan), &nothing, EditedFiles::Keep), ["frameworks/kanban Unlink"]);
    assert_eq!(world.project_tree(), BTreeMap::new());
}

#[test]
fn copies_follow_the_release() {
    let world = World::new();
    let wish = [("kanban", "kanban", PlaceMode::Copy)];
    let (one, two) = (planned(vec![world.pack("kanban", BOARD)], &wish), planned(vec![world.pack("kanban", NEWER)], &wish));
    world.check_taking_back(None, &one, EditedFiles::Keep);
    assert_eq!(world.place(None, &one, EditedFiles::Keep), ["kanban/board.md Copy", "kanban/docs/a.md Copy", "kanban/latest Link", "kanban/run.sh Copy"]);
    world.check_tree(&[("kanban/board.md", "one\n"), ("kanban/docs/a.md", "a\n"), ("kanban/latest", "-> docs/a.md"), ("kanban/run.sh", "run\n")]);
    world.check_taking_back(Some(&one), &two, EditedFiles::Keep);
    let steps = world.place(Some(&one), &two, EditedFiles::Keep);
    assert_eq!(steps, ["kanban/board.md Replace", "kanban/docs/a.md Remove", "kanban/docs/b.md Copy", "kanban/latest Replace"]);
    world.check_tree(&[("kanban/board.md", "two\n"), ("kanban/docs/b.md", "b\n"), ("kanban/latest", "-> docs/b.md"), ("kanban/run.sh", "run\n")]);
    world.place(Some(&two), &planned(Vec::new(), &[]), EditedFiles::Keep);
    assert_eq!(world.project_tree(), BTreeMap::new(), "empty directories go with their last file");
}

#[test]
fn copies_are_writable_and_keep_being_executable() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new();
    let plan = planned(vec![world.pack("kanban", BOARD)], &[("kanban", "kanban", PlaceMode::Copy)]);
    world.place(None, &plan, EditedFiles::Keep);
    let mode = |file: &str| fs::metadata(world.project.directory.join(file)).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode("kanban/board.md"), mode("kanban/run.sh")), (0o644, 0o755));
}

#[test]
fn edited_copies_are_kept() {
    let world = World::new();
    let wish = [("kanban", "kanban", PlaceMode::Copy)];
    let (one, two) = (planned(vec![world.pack("kanban", BOARD)], &wish), planned(vec![world.pack("kanban", NEWER)], &wish));
    world.place(None, &one, EditedFiles::Keep);
    world.edit("kanban/board.md", "mine\n");
    world.edit("kanban/docs/a.md", "mine too\n");
    let steps = world.place(Some(&one), &two, EditedFiles::Keep);
    assert_eq!(steps, ["kanban/board.md KeepEdited", "kanban/docs/a.md KeepEdited", "kanban/docs/b.md Copy", "kanban/latest Replace"]);
    assert_eq!(world.project_tree()["kanban/board.md"], "mine\n");
    assert_eq!(world.project_tree()["kanban/docs/a.md"], "mine too\n");
    // And it is still an edited file at the way back, also the one that the newer release does not have.
    let back = world.place(Some(&two), &one, EditedFiles::Keep);
    assert_eq!(back, ["kanban/board.md KeepEdited", "kanban/docs/a.md KeepEdited", "kanban/docs/b.md Remove", "kanban/latest Replace"]);
}

#[test]
fn when_forced_edited_copies_are_saved_aside() {
    let world = World::new();
    let wish = [("kanban", "kanban", PlaceMode::Copy)];
    let (one, two) = (planned(vec![world.pack("kanban", BOARD)], &wish), planned(vec![world.pack("kanban", NEWER)], &wish));
    world.place(None, &one, EditedFiles::Keep);
    world.edit("kanban/board.md", "mine\n");
    world.edit("kanban/board.md.packs-saved", "an older one\n");
    world.check_taking_back(Some(&one), &two, EditedFiles::SaveAside);
    let plan = world.plan_move(Some(&one), &two, EditedFiles::SaveAside);
    assert_eq!(plan.steps[0].action, PlaceAction::SaveAside { saved_as: path("kanban/board.md.packs-saved-2") });
    world.place(Some(&one), &two, EditedFiles::SaveAside);
    let tree = world.project_tree();
    assert_eq!(tree["kanban/board.md"], "two\n");
    assert_eq!(tree["kanban/board.md.packs-saved"], "an older one\n");
    assert_eq!(tree["kanban/board.md.packs-saved-2"], "mine\n");
}

#[test]
fn content_that_left_the_store_is_told_and_never_blocks_recovery() {
    let world = World::new();
    let wish = [("kanban", "kanban", PlaceMode::Copy)];
    let (old, new) = (world.pack("kanban", BOARD), world.pack("kanban", NEWER));
    let (one, two) = (planned(vec![old.clone()], &wish), planned(vec![new.clone()], &wish));
    world.place(None, &one, EditedFiles::Keep);
    let running = world.begin(&world.plan_move(Some(&one), &two, EditedFiles::Keep));
    running.apply_files().expect("applied");
    fs::remove_dir_all(world.layout.store_path(&old.store_path)).expect("removed");
    let left_alone = running.take_back().expect("taken back").left_alone;
    assert_eq!(left_alone, [path("kanban/board.md"), path("kanban/docs/a.md")]);
    assert_eq!(Journal::new(&world.layout, &world.project).recover().expect("nothing to do"), []);
    fs::remove_dir_all(world.layout.store_path(&new.store_path)).expect("removed");
    let before = world.project_tree();
    let running = world.begin(&world.plan_move(None, &planned(vec![new], &[("other", "kanban", PlaceMode::Copy)]), EditedFiles::Keep));
    assert!(matches!(running.apply_files(), Err(GenerationError::ContentGone { .. })));
    assert_eq!(world.project_tree(), before);
}

#[test]
fn what_people_removed_comes_back() {
    let world = World::new();
    let plan = planned(vec![world.pack("kanban", BOARD)], &[("kanban", "kanban", PlaceMode::Copy)]);
    world.place(None, &plan, EditedFiles::Keep);
    fs::remove_dir_all(world.project.directory.join("kanban/docs")).expect("removed");
    assert_eq!(world.place(Some(&plan), &plan, EditedFiles::Keep), ["kanban/docs/a.md Copy"]);
}

#[test]
fn foreign_files_refuse_the_whole() {
    let world = World::new();
    world.edit("kanban/board.md", "foreign\n");
    world.edit("linked", "foreign\n");
    fs::create_dir(world.project.directory.join("empty")).expect("made");
    let elsewhere = world.root.path().join("elsewhere");
    fs::create_dir(&elsewhere).expect("made");
    std::os::unix::fs::symlink(&elsewhere, world.project.directory.join("away")).expect("linked");
    let wishes = [
        ("kanban", "kanban", PlaceMode::Copy),
        ("linked", "kanban", PlaceMode::Link),
        ("empty", "kanban", PlaceMode::Link),
        ("away/kanban", "kanban", PlaceMode::Link),
        ("free", "kanban", PlaceMode::Link),
    ];
    let plan = planned(vec![world.pack("kanban", &[("board.md", "one\n")])], &wishes);
    world.check_in_the_way(
        None,
        &plan,
        &[
            "away/kanban of kanban cannot be placed: something that is no directory is in the way at away",
            "empty of kanban cannot be placed: an empty directory is in the way",
            "kanban/board.md of kanban cannot be placed: a file is in the way",
            "linked of kanban cannot be placed: a file is in the way",
        ],
    );
    assert_eq!(fs::read_dir(&elsewhere).expect("there").count(), 0);
}

#[test]
fn a_file_like_the_one_to_be_placed_is_taken_over() {
    let world = World::new();
    world.edit("kanban/board.md", "one\n");
    let plan = planned(vec![world.pack("kanban", &[("board.md", "one\n")])], &[("kanban", "kanban", PlaceMode::Copy)]);
    assert_eq!(world.place(None, &plan, EditedFiles::Keep), Vec::<String>::new());
}

#[test]
fn a_link_becomes_copies_and_back() {
    let world = World::new();
    let release = world.pack("kanban", BOARD);
    let link = planned(vec![release.clone()], &[("kanban", "kanban", PlaceMode::Link)]);
    let copy = planned(vec![release.clone()], &[("kanban", "kanban", PlaceMode::Copy)]);
    world.place(None, &link, EditedFiles::Keep);
    // The link must lead somewhere, so that looking through it would be noticed.
    world.switch(vec![release.clone()]);
    mend_links(&world.layout, &world.project).expect("mended");
    activate(&world.project.directory, Some(&dev())).expect("active");
    world.check_taking_back_through_links(Some(&link), &copy);
    let steps = world.place(Some(&link), &copy, EditedFiles::Keep);
    assert_eq!(steps[..2], ["kanban Unlink", "kanban/board.md Copy"]);
    world.check_taking_back(Some(&copy), &link, EditedFiles::Keep);
    let steps = world.place(Some(&copy), &link, EditedFiles::Keep);
    assert_eq!(steps[..2], ["kanban Link", "kanban/board.md Remove"]);
    world.check_tree(&[("kanban", "-> .packs/active/packs/kanban")]);
    let stored = world.layout.store_path(&release.store_path).join("kanban/board.md");
    assert_eq!(fs::read_to_string(stored).expect("there"), "one\n", "the store is untouched");
}

impl World {
    /// Takes back at the beginning, in the middle and at the end.
    fn check_taking_back_through_links(&self, old: Option<&LinkPlan>, new: &LinkPlan) {
        let before = self.project_tree();
        let running = self.begin(&self.plan_move(old, new, EditedFiles::Keep));
        assert_eq!(running.take_back().expect("taken back").left_alone, []);
        assert_eq!(self.project_tree(), before);
        let running = self.begin(&self.plan_move(old, new, EditedFiles::Keep));
        fs::remove_file(self.project.directory.join("kanban")).expect("removed");
        assert_eq!(running.take_back().expect("taken back").left_alone, []);
        assert_eq!(self.project_tree(), before);
        self.check_taking_back(old, new, EditedFiles::Keep);
    }
}

#[test]
fn copies_with_edits_do_not_make_way_for_a_link() {
    let world = World::new();
    let release = world.pack("kanban", &[("board.md", "one\n"), ("docs/a.md", "a\n")]);
    let copy = planned(vec![release.clone()], &[("kanban", "kanban", PlaceMode::Copy)]);
    let link = planned(vec![release], &[("kanban", "kanban", PlaceMode::Link)]);
    world.place(None, &copy, EditedFiles::Keep);
    world.edit("kanban/board.md", "mine\n");
    world.check_in_the_way(Some(&copy), &link, &["kanban of kanban cannot be placed: an edited file is in the way at kanban/board.md"]);
    world.edit("kanban/board.md", "one\n");
    world.edit("kanban/docs/mine.md", "mine\n");
    world.check_in_the_way(Some(&copy), &link, &["kanban of kanban cannot be placed: something that packs did not place is in the way at kanban/docs/mine.md"]);
}
