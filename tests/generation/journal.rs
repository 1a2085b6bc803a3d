//! The journal: an operation stopped at any step ends as the old state or the new one, and can be undone.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use packs::generation::ActiveFlip;
use packs::generation::Change;
use packs::generation::CurrentFlip;
use packs::generation::GenerationError;
use packs::generation::Journal;
use packs::generation::NewOperation;
use packs::generation::Outcome;
use packs::generation::State;
use packs::generation::UndoObstacle;
use packs::generation::activate;
use packs::generation::active_environment;
use packs::model::TreePath;

use super::World;
use super::dev;

fn path(text: &str) -> TreePath {
    TreePath::parse(text).expect("valid")
}

fn text(path_text: &str, before: Option<&str>, after: Option<&str>) -> Change {
    Change { path: path(path_text), before: State::text(before.map(str::as_bytes)), after: State::text(after.map(str::as_bytes)) }
}

fn operation(files: Vec<Change>) -> NewOperation {
    NewOperation {
        action: "switch".into(),
        command: "packs switch".into(),
        began_at: jiff::Timestamp::UNIX_EPOCH,
        undoes: None,
        files,
        currents: BTreeMap::new(),
        active: None,
    }
}

impl World {
    fn journal(&self) -> Journal {
        Journal::new(&self.layout, &self.project)
    }

    fn file(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.project.directory.join(path)).ok()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.project.directory.join(path);
        fs::create_dir_all(path.parent().expect("below the project")).expect("made");
        fs::write(path, text).expect("written");
    }

    /// Every name below the project but `.packs`, with the content of files and links.
    pub(super) fn project_tree(&self) -> BTreeMap<String, String> {
        let mut tree = BTreeMap::new();
        collect(&self.project.directory, &self.project.directory, &mut tree);
        tree
    }

    /// Prepares a project with a lockfile and a placed file, and a switch from generation 1 to 2 that changes both.
    fn ready_to_switch(&self) -> NewOperation {
        self.switch(vec![self.stored("kanban", "1.0.0")]);
        self.make(vec![self.stored("kanban", "2.0.0")], 2, Some(1));
        self.write("packs.lock", "old lock\n");
        self.write("keep/mine", "mine\n");
        NewOperation {
            currents: BTreeMap::from([(dev(), CurrentFlip { before: 1, after: 2, makes: true })]),
            active: Some(ActiveFlip { before: None, after: Some(dev()) }),
            ..operation(vec![
                text("packs.lock", Some("old lock\n"), Some("new lock\n")),
                text("keep/mine", Some("mine\n"), None),
                text("placed/deep/file", None, Some("placed\n")),
                Change { path: path("link"), before: State::Absent, after: State::Symlink { target: "placed".into() } },
            ])
        }
    }

    #[track_caller]
    fn is_new(&self) {
        let files: Vec<_> = self.project_tree().into_iter().collect();
        let expected = [("link", "-> placed"), ("packs.lock", "new lock\n"), ("placed", "/"), ("placed/deep", "/"), ("placed/deep/file", "placed\n")];
        assert_eq!(files, expected.map(|(name, content)| (name.to_owned(), content.to_owned())));
        assert_eq!(self.environment.current().expect("read"), Some(2));
        assert_eq!(active_environment(&self.project.directory).expect("read"), Some(dev()));
    }

    #[track_caller]
    fn is_old(&self) {
        let files: Vec<_> = self.project_tree().into_iter().collect();
        let expected = [("keep", "/"), ("keep/mine", "mine\n"), ("packs.lock", "old lock\n")];
        assert_eq!(files, expected.map(|(name, content)| (name.to_owned(), content.to_owned())));
        assert_eq!(self.environment.current().expect("read"), Some(1));
        assert_eq!(active_environment(&self.project.directory).expect("read"), None);
        assert_eq!(self.environment.numbers().expect("read"), [0, 1], "the generation that was made is gone");
        assert_eq!(self.environment.next_number().expect("read"), 3, "and its number is not used again");
    }
}

fn collect(root: &Path, directory: &Path, tree: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(directory).expect("there") {
        let path = entry.expect("read").path();
        let name = path.strip_prefix(root).expect("below").display().to_string();
        if name == ".packs" {
            continue;
        }
        let status = fs::symlink_metadata(&path).expect("there");
        if status.is_symlink() {
            tree.insert(name, format!("-> {}", fs::read_link(&path).expect("a link").display()));
        } else if status.is_dir() {
            tree.insert(name, "/".into());
            collect(root, &path, tree);
        } else {
            tree.insert(name, fs::read_to_string(&path).expect("text"));
        }
    }
}

/// Does what a crash after some step leaves, then recovers twice: the second time there is nothing left to do.
#[track_caller]
fn crash_after(step: impl FnOnce(&World, &packs::generation::RunningOperation), outcome: Outcome) -> World {
    let world = World::new();
    let new = world.ready_to_switch();
    let running = world.journal().begin(&new).expect("begun");
    step(&world, &running);
    drop(running);
    let recovered = world.journal().recover().expect("recovered");
    assert_eq!(recovered.iter().map(|it| (it.sequence, it.outcome)).collect::<Vec<_>>(), [(1, outcome)]);
    assert_eq!(recovered[0].left_alone, []);
    assert_eq!(world.journal().recover().expect("nothing to do"), []);
    world
}

#[test]
fn a_switch_that_goes_through_is_new() {
    let world = World::new();
    let running = world.journal().begin(&world.ready_to_switch()).expect("begun");
    running.apply_files().expect("applied");
    running.flip().expect("flipped");
    running.finish().expect("finished");
    world.is_new();
    assert_eq!(world.journal().recover().expect("nothing to do"), []);
    world.is_new();
}

#[test]
fn begun_only_is_taken_back() {
    crash_after(|_, _| {}, Outcome::RolledBack).is_old();
}

#[test]
fn some_files_written_is_taken_back() {
    crash_after(|world, _| world.write("packs.lock", "new lock\n"), Outcome::RolledBack).is_old();
    crash_after(|world, _| fs::remove_dir_all(world.project.directory.join("keep")).expect("removed"), Outcome::RolledBack).is_old();
    crash_after(|world, _| world.write("placed/deep/file", "placed\n"), Outcome::RolledBack).is_old();
}

#[test]
fn a_file_half_written_beside_is_removed() {
    let half = |world: &World, _: &_| world.write(".packs.lock.abcdefghijklmnop.tmp", "new l");
    crash_after(half, Outcome::RolledBack).is_old();
}

#[test]
fn directories_made_for_nothing_are_removed() {
    crash_after(|world, _| fs::create_dir_all(world.project.directory.join("placed/deep")).expect("made"), Outcome::RolledBack).is_old();
}

#[test]
fn all_files_written_is_taken_back() {
    crash_after(|_, running| running.apply_files().expect("applied"), Outcome::RolledBack).is_old();
}

#[test]
fn one_of_two_links_flipped_is_taken_back() {
    let partly = |world: &World, running: &packs::generation::RunningOperation| {
        running.apply_files().expect("applied");
        world.environment.flip(2).expect("flipped");
    };
    crash_after(partly, Outcome::RolledBack).is_old();
}

#[test]
fn all_flipped_is_carried_to_its_end() {
    let flipped = |_: &World, running: &packs::generation::RunningOperation| {
        running.apply_files().expect("applied");
        running.flip().expect("flipped");
    };
    crash_after(flipped, Outcome::RolledForward).is_new();
    let without_files = |world: &World, _: &_| {
        world.environment.flip(2).expect("flipped");
        activate(&world.project.directory, Some(&dev())).expect("active");
    };
    crash_after(without_files, Outcome::RolledForward).is_new();
}

#[test]
fn an_operation_that_fails_is_taken_back() {
    let world = World::new();
    let running = world.journal().begin(&world.ready_to_switch()).expect("begun");
    running.apply_files().expect("applied");
    running.flip().expect("flipped");
    let recovered = running.take_back().expect("taken back");
    assert_eq!(recovered.outcome, Outcome::RolledBack);
    world.is_old();
}

#[test]
fn without_a_flip_only_done_counts() {
    let world = World::new();
    world.write("packs.dev.lock", "old\n");
    let files = vec![text("packs.dev.lock", Some("old\n"), Some("new\n")), text("packs.lock", None, Some("new\n"))];
    let running = world.journal().begin(&operation(files.clone())).expect("begun");
    running.apply_files().expect("applied");
    drop(running);
    assert_eq!(world.journal().recover().expect("recovered").len(), 1);
    assert_eq!((world.file("packs.dev.lock"), world.file("packs.lock")), (Some("old\n".into()), None));
    let running = world.journal().begin(&operation(files)).expect("begun");
    assert_eq!(running.operation().sequence, 2);
    running.apply_files().expect("applied");
    running.finish().expect("finished");
    assert_eq!(world.journal().recover().expect("nothing to do"), []);
    assert_eq!((world.file("packs.dev.lock"), world.file("packs.lock")), (Some("new\n".into()), Some("new\n".into())));
}

#[test]
fn a_file_of_neither_side_is_left_alone_and_named() {
    let world = World::new();
    let running = world.journal().begin(&world.ready_to_switch()).expect("begun");
    running.apply_files().expect("applied");
    drop(running);
    world.write("packs.lock", "somebody's\n");
    let recovered = world.journal().recover().expect("recovered");
    assert_eq!(recovered[0].left_alone, [path("packs.lock")]);
    assert_eq!(world.file("packs.lock").as_deref(), Some("somebody's\n"));
    assert_eq!(world.file("keep/mine").as_deref(), Some("mine\n"), "the others are as before");
}

#[test]
fn a_file_changed_since_the_plan_stops_everything() {
    let world = World::new();
    let running = world.journal().begin(&world.ready_to_switch()).expect("begun");
    world.write("keep/mine", "changed\n");
    let refused = running.apply_files().expect_err("refused");
    assert!(matches!(&refused, GenerationError::ChangedMeanwhile { paths } if *paths == [path("keep/mine")]), "{refused}");
    assert_eq!(world.file("packs.lock").as_deref(), Some("old lock\n"), "nothing was written");
    assert_eq!(running.take_back().expect("taken back").left_alone, [path("keep/mine")]);
}

#[test]
fn nothing_is_written_through_a_link() {
    let world = World::new();
    let elsewhere = world.root.path().join("elsewhere");
    fs::create_dir(&elsewhere).expect("made");
    std::os::unix::fs::symlink(&elsewhere, world.project.directory.join("placed")).expect("linked");
    let running = world.journal().begin(&operation(vec![text("placed/file", None, Some("x"))])).expect("begun");
    assert!(matches!(running.apply_files(), Err(GenerationError::NotADirectory { .. })));
    let _ = running.take_back().expect("taken back");
    assert_eq!(fs::read_dir(&elsewhere).expect("there").count(), 0);
}

#[test]
fn undo_takes_everything_back_and_can_go_further() {
    let world = World::new();
    let running = world.journal().begin(&world.ready_to_switch()).expect("begun");
    running.apply_files().expect("applied");
    running.flip().expect("flipped");
    running.finish().expect("finished");
    let lock = world.journal().begin(&operation(vec![text("packs.lock", Some("new lock\n"), Some("newest\n"))])).expect("begun");
    lock.apply_files().expect("applied");
    lock.finish().expect("finished");
    for expected in ["new lock\n", "old lock\n"] {
        let plan = world.journal().plan_undo().expect("something to undo");
        assert_eq!(plan.obstacles, []);
        let undo = world.journal().begin(&plan.into_operation("packs undo".into(), jiff::Timestamp::UNIX_EPOCH)).expect("begun");
        undo.apply_files().expect("applied");
        undo.flip().expect("flipped");
        undo.finish().expect("finished");
        assert_eq!(world.file("packs.lock").as_deref(), Some(expected));
    }
    assert_eq!(world.environment.current().expect("read"), Some(1));
    assert_eq!(world.environment.numbers().expect("read"), [0, 1, 2], "a generation that was current is kept");
    assert_eq!(world.project_tree().into_keys().collect::<Vec<_>>(), ["keep", "keep/mine", "packs.lock"]);
    assert!(matches!(world.journal().plan_undo(), Err(GenerationError::NothingToUndo)));
}

#[test]
fn undo_says_what_is_in_its_way() {
    let world = World::new();
    let running = world.journal().begin(&world.ready_to_switch()).expect("begun");
    running.apply_files().expect("applied");
    running.flip().expect("flipped");
    running.finish().expect("finished");
    world.write("packs.lock", "edited\n");
    world.environment.flip(0).expect("flipped");
    activate(&world.project.directory, None).expect("inactive");
    packs::generation::drop_generation(&world.environment, 1).expect("dropped");
    let obstacles = world.journal().plan_undo().expect("something to undo").obstacles;
    let expected = [
        UndoObstacle::FileChanged { path: path("packs.lock") },
        UndoObstacle::CurrentMoved { environment: dev(), expected: 2, found: Some(0) },
        UndoObstacle::GenerationGone { environment: dev(), number: 1 },
        UndoObstacle::ActiveMoved { expected: Some(dev()), found: None },
    ];
    assert_eq!(obstacles, expected);
}

#[test]
fn an_interrupted_undo_is_as_if_it_was_never_asked_for() {
    let world = World::new();
    let running = world.journal().begin(&world.ready_to_switch()).expect("begun");
    running.apply_files().expect("applied");
    running.flip().expect("flipped");
    running.finish().expect("finished");
    let plan = world.journal().plan_undo().expect("something to undo");
    let undo = world.journal().begin(&plan.into_operation("packs undo".into(), jiff::Timestamp::UNIX_EPOCH)).expect("begun");
    undo.apply_files().expect("applied");
    drop(undo);
    assert_eq!(world.journal().recover().expect("recovered").len(), 1);
    world.is_new();
    assert_eq!(world.journal().plan_undo().expect("still to undo").operation.sequence, 1);
}

#[test]
fn the_journal_keeps_the_newest_fifty() {
    let world = World::new();
    for number in 0..53 {
        let (before, after) = (format!("{number}"), format!("{}", number + 1));
        let change = text("file", (number > 0).then_some(before.as_str()), Some(&after));
        let running = world.journal().begin(&operation(vec![change])).expect("begun");
        running.apply_files().expect("applied");
        running.finish().expect("finished");
    }
    let sequences: Vec<u64> = world.journal().entries().expect("read").iter().map(|entry| entry.operation.sequence).collect();
    assert_eq!(sequences, (4..=53).collect::<Vec<_>>());
    let names = fs::read_dir(world.layout.operations(&world.project.id)).expect("there").count();
    assert_eq!(names, 50, "nothing else lies there");
}

#[test]
fn permission_bits_survive() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new();
    world.write("packs.lock", "old\n");
    let file = world.project.directory.join("packs.lock");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("set");
    let running = world.journal().begin(&operation(vec![text("packs.lock", Some("old\n"), Some("new\n"))])).expect("begun");
    running.apply_files().expect("applied");
    running.finish().expect("finished");
    assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o640);
}
