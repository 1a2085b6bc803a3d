//! Promises of generations, checked from outside: numbers, switching, dropping, links into the store.
#![allow(clippy::disallowed_methods, reason = "tests set up their world on the disk")]

mod journal;
mod place;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::path::PathBuf;

use packs::archive::FileEntry;
use packs::archive::PackManifest;
use packs::generation::About;
use packs::generation::Copies;
use packs::generation::Environment;
use packs::generation::GenerationError;
use packs::generation::GenerationRecord;
use packs::generation::Wanted;
use packs::generation::WantedRelease;
use packs::generation::activate;
use packs::generation::active_environment;
use packs::generation::build;
use packs::generation::drop_generation;
use packs::generation::mend_links;
use packs::generation::own_project;
use packs::generation::plan;
use packs::model::Blake3Digest;
use packs::model::CommandName;
use packs::model::EnvironmentName;
use packs::model::PackName;
use packs::model::ProjectName;
use packs::model::ReleaseId;
use packs::model::StorePath;
use packs::model::TreeDigest;
use packs::model::TreePath;
use packs::model::Version;
use packs::store::layout::Layout;

/// A home with one project that has one environment, `dev`.
struct World {
    root: tempfile::TempDir,
    layout: Layout,
    project: packs::generation::Project,
    environment: Environment,
}

fn about(number: u64, parent: Option<u64>) -> About {
    About {
        number,
        parent,
        lockfile: None,
        created_at: jiff::Timestamp::UNIX_EPOCH,
        user: "ada".into(),
        host: "engine".into(),
        reason: None,
        command: "packs switch".into(),
    }
}

fn dev() -> EnvironmentName {
    EnvironmentName::parse("dev").expect("valid")
}

impl World {
    fn new() -> World {
        let root = tempfile::tempdir().expect("a directory");
        let layout = Layout::new(root.path().join("home"));
        for directory in layout.directories() {
            fs::create_dir_all(directory).expect("made");
        }
        fs::create_dir(root.path().join("project")).expect("made");
        let name = ProjectName::parse("Shop").expect("valid");
        let naming = packs::generation::Naming { name: &name, team: None, random: "r1", now: jiff::Timestamp::UNIX_EPOCH };
        let (project, _) = own_project(&layout, &root.path().join("project"), &naming).expect("owned");
        let environment = Environment::new(&layout, &project.id, &dev());
        environment.ensure(about(0, None)).expect("made");
        World { root, layout, project, environment }
    }

    /// Puts a pack with one command into the store, by hand.
    fn stored(&self, name: &str, version: &str) -> WantedRelease {
        let id = ReleaseId { name: PackName::parse(name).expect("valid"), version: Version::parse(version).expect("valid") };
        let text = format!("{name} {version}\n");
        let digest = blake3::hash(text.as_bytes());
        let store_path = StorePath::new(TreeDigest::from_bytes(*digest.as_bytes()), &id);
        let directory = self.layout.store_path(&store_path).join(id.name.component());
        fs::create_dir_all(directory.join("bin")).expect("made");
        fs::write(directory.join("bin/run"), &text).expect("written");
        let path = TreePath::parse("bin/run").expect("valid");
        let files = vec![FileEntry::Executable { path: path.clone(), size: text.len() as u64, blake3: Blake3Digest::from(digest) }];
        let mut manifest = PackManifest::new(id.name.clone(), id.version.clone(), name.to_owned(), jiff::Timestamp::UNIX_EPOCH, files);
        manifest.bin.insert(CommandName::parse(id.name.base()).expect("valid"), path);
        WantedRelease { id, store_path, unpacked_bytes: text.len() as u64, manifest, priority: 0, rename: BTreeMap::new() }
    }

    /// Makes the next generation out of these releases and switches to it.
    fn switch(&self, releases: Vec<WantedRelease>) -> u64 {
        let number = self.environment.next_number().expect("a number");
        let parent = self.environment.current().expect("read");
        self.make(releases, number, parent);
        self.environment.flip(number).expect("flipped");
        number
    }

    fn make(&self, releases: Vec<WantedRelease>, number: u64, parent: Option<u64>) -> GenerationRecord {
        let planned = plan(&Wanted { environment: dev(), releases, place: Vec::new() }).expect("no clash");
        let record = planned.into_record(about(number, parent));
        let copies = Copies { manifest: Some(b"[project]\n"), lockfile: Some(b"version = 1\n") };
        build(&self.layout, &self.project.id, &record, &copies).expect("built").publish().expect("published");
        record
    }

    fn generations_dir(&self) -> PathBuf {
        self.layout.generations(&self.project.id, &dev())
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.generations_dir()).expect("there");
        let mut names: Vec<String> = entries.map(|entry| entry.expect("read").file_name().into_string().expect("text")).collect();
        names.sort();
        names
    }
}

#[test]
fn a_generation_leads_into_the_store_and_survives_a_moved_home() {
    let world = World::new();
    let number = world.switch(vec![world.stored("kanban", "1.0.0"), world.stored("@acme/flow", "2.0.0")]);
    assert_eq!(number, 1);
    mend_links(&world.layout, &world.project).expect("mended");
    activate(&world.project.directory, Some(&dev())).expect("active");
    let read = |path: &str| fs::read_to_string(world.project.directory.join(".packs/active").join(path)).expect(path);
    assert_eq!(read("bin/kanban"), "kanban 1.0.0\n");
    assert_eq!(read("bin/flow"), "@acme/flow 2.0.0\n");
    assert_eq!(read("packs/@acme+flow/bin/run"), "@acme/flow 2.0.0\n");
    assert_eq!((read("packs.toml"), read("packs.lock")), ("[project]\n".into(), "version = 1\n".into()));
    let moved = world.root.path().join("elsewhere");
    fs::rename(world.layout.home(), &moved).expect("moved");
    assert_eq!(mend_links(&Layout::new(&moved), &world.project).expect("mended"), ["dev"]);
    assert_eq!(read("bin/kanban"), "kanban 1.0.0\n");
}

#[test]
fn the_record_says_what_was_made() {
    let world = World::new();
    let made = world.make(vec![world.stored("kanban", "1.0.0")], 1, Some(0));
    assert_eq!(world.environment.record(1).expect("read"), made);
    assert_eq!(world.environment.generations().expect("read").len(), 2);
    assert_eq!(world.environment.record(0).expect("read").releases, []);
}

#[test]
fn switching_is_one_rename() {
    let world = World::new();
    world.switch(vec![world.stored("kanban", "1.0.0")]);
    world.switch(vec![world.stored("kanban", "2.0.0")]);
    let link = world.layout.current(&world.project.id, &dev());
    let inode = || fs::symlink_metadata(&link).expect("there").ino();
    let (before, names) = (inode(), world.names());
    let target = world.environment.rollback_target(2).expect("a parent");
    world.environment.flip(target).expect("flipped");
    assert_eq!((world.environment.current().expect("read"), target), (Some(1), 1));
    assert_ne!(inode(), before, "the link is replaced, not rewritten");
    assert_eq!(world.names(), names, "no generation is touched");
    let beside = fs::read_dir(link.parent().expect("a directory")).expect("there").count();
    assert_eq!(beside, 2, "only `current` and `generations` lie there");
}

#[test]
fn a_generation_that_is_not_there_becomes_not_current() {
    let world = World::new();
    let refused = world.environment.flip(7).expect_err("refused");
    assert!(matches!(refused, GenerationError::NoGeneration { number: 7, collected: false, .. }), "{refused}");
    assert_eq!(world.environment.current().expect("read"), Some(0));
}

#[test]
fn numbers_are_never_used_again() {
    let world = World::new();
    for version in ["1.0.0", "2.0.0", "3.0.0"] {
        world.switch(vec![world.stored("kanban", version)]);
    }
    world.environment.flip(1).expect("flipped");
    for number in [3, 2] {
        let trash = drop_generation(&world.environment, number).expect("dropped").expect("it was there");
        fs::remove_dir_all(trash).expect("removed");
    }
    assert_eq!(world.names(), ["0", "1", "2.from-1", "3.from-2"]);
    assert_eq!(drop_generation(&world.environment, 3).expect("dropped already"), None);
    assert_eq!(world.switch(vec![world.stored("kanban", "4.0.0")]), 4);
    let gone = world.environment.record(3).expect_err("collected");
    assert_eq!(gone.to_string(), "dev has no generation 3; it was collected");
    assert_eq!(world.environment.collected().expect("read").iter().map(|gone| (gone.number, gone.parent)).collect::<Vec<_>>(), [(2, 1), (3, 2)]);
}

#[test]
fn a_rollback_skips_collected_generations() {
    let world = World::new();
    for version in ["1.0.0", "2.0.0", "3.0.0"] {
        world.switch(vec![world.stored("kanban", version)]);
    }
    drop_generation(&world.environment, 2).expect("dropped");
    assert_eq!(world.environment.rollback_target(3).expect("a parent"), 1);
    drop_generation(&world.environment, 1).expect("dropped");
    assert_eq!(world.environment.rollback_target(3).expect("a parent"), 0);
    world.environment.flip(0).expect("flipped");
    assert!(matches!(world.environment.rollback_target(0), Err(GenerationError::NoParent { number: 0, .. })));
}

#[test]
fn the_current_and_the_empty_generation_stay() {
    let world = World::new();
    world.switch(vec![world.stored("kanban", "1.0.0")]);
    for number in [0, 1] {
        assert!(matches!(drop_generation(&world.environment, number), Err(GenerationError::MustStay { .. })));
    }
    assert_eq!(world.names(), ["0", "1"]);
}

#[test]
fn a_crash_within_dropping_keeps_the_generation() {
    let world = World::new();
    world.switch(vec![world.stored("kanban", "1.0.0")]);
    world.switch(vec![world.stored("kanban", "2.0.0")]);
    // The power went between leaving the tombstone and the rename to trash.
    let directory = world.generations_dir();
    fs::rename(directory.join("1/1.from-0"), directory.join("1.from-0")).expect("renamed");
    assert_eq!(world.environment.collected().expect("read"), []);
    assert_eq!(world.environment.rollback_target(2).expect("a parent"), 1);
    assert!(drop_generation(&world.environment, 1).expect("dropped").is_some());
    assert_eq!(world.environment.rollback_target(2).expect("a parent"), 0);
}

#[test]
fn an_abandoned_stage_leaves_nothing() {
    let world = World::new();
    let planned = plan(&Wanted { environment: dev(), releases: vec![world.stored("kanban", "1.0.0")], place: Vec::new() }).expect("no clash");
    let record = planned.into_record(about(1, Some(0)));
    let staged = build(&world.layout, &world.project.id, &record, &Copies::default()).expect("built");
    assert_eq!(world.names().len(), 2);
    drop(staged);
    assert_eq!(world.names(), ["0"]);
    world.make(Vec::new(), 1, Some(0));
    let second = build(&world.layout, &world.project.id, &record, &Copies::default()).expect("built");
    assert!(matches!(second.publish(), Err(GenerationError::NumberTaken { number: 1, .. })));
    assert_eq!(world.names(), ["0", "1"], "nothing is replaced, and the stage is gone");
}

#[test]
fn ensure_makes_what_is_missing_and_changes_nothing_else() {
    let world = World::new();
    world.switch(vec![world.stored("kanban", "1.0.0")]);
    world.environment.ensure(about(9, Some(9))).expect("there already");
    assert_eq!((world.environment.current().expect("read"), world.names()), (Some(1), vec!["0".to_owned(), "1".to_owned()]));
    let other = Environment::new(&world.layout, &world.project.id, &EnvironmentName::parse("prod").expect("valid"));
    assert_eq!((other.current().expect("read"), other.next_number().expect("read")), (None, 0));
}

#[test]
fn strays_in_dot_packs_are_removed_and_the_active_environment_is_known() {
    let world = World::new();
    let packs = world.project.directory.join(".packs");
    std::os::unix::fs::symlink("/nowhere", packs.join("staging")).expect("linked");
    assert_eq!(active_environment(&world.project.directory).expect("read"), None);
    activate(&world.project.directory, Some(&dev())).expect("active");
    assert_eq!(mend_links(&world.layout, &world.project).expect("mended"), [".gitignore", "dev", "staging"]);
    assert_eq!(mend_links(&world.layout, &world.project).expect("mended"), Vec::<String>::new());
    assert_eq!(active_environment(&world.project.directory).expect("read"), Some(dev()));
    assert_eq!(fs::read_link(packs.join("active")).expect("a link"), Path::new("dev"));
    assert_eq!(fs::read_to_string(packs.join(".gitignore")).expect("there"), "*\n");
}
