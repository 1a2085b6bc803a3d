//! Collections of real homes.
#![allow(clippy::disallowed_methods, reason = "tests set up their world")]

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::fsys::FileLock;
use crate::fsys::FsError;
use crate::gc::roots::Surveyor;
use crate::gc::sweep::Sweep;
use crate::gc::tests::world::AT_ONCE;
use crate::gc::tests::world::NOW;
use crate::gc::tests::world::World;
use crate::model::ProjectId;
use crate::model::Sha256Digest;
use crate::store::RunningRoot;
use crate::store::Store;
use crate::store::locks;

mod at_once;
mod world;

/// Keeps only what always stays: current, its parent and 0.
fn least() -> Retention {
    Retention { keep: 0, younger_than: SignedDuration::ZERO, ..Retention::default() }
}

#[test]
fn what_is_reached_stays_and_the_rest_goes() {
    let world = World::new();
    let project = world.project("shop");
    let (old, parent, current) = (world.store("old", &["a", "b"]), world.store("parent", &["b", "c"]), world.store("current", &["c", "d"]));
    let orphan = world.store("orphan", &["d", "e"]);
    world.blob("nobody has this");
    for (path, days) in [(&old, 3), (&parent, 2), (&current, 1)] {
        world.switch(&project, "dev", &[path], days);
    }
    let outcome = world.gc(&least());
    assert_eq!(outcome.paths.iter().collect::<BTreeSet<_>>(), BTreeSet::from([&old, &orphan]));
    assert_eq!(outcome.generations.iter().map(|id| id.number).collect::<Vec<_>>(), [1]);
    assert_eq!(outcome.blobs, 3, "a, e, and nobody's; b and d are shared with what stays");
    assert!(world.is_stored(&parent) && world.is_stored(&current) && !world.is_stored(&old) && !world.is_stored(&orphan));
    assert_eq!(world.environment(&project, "dev").numbers().expect("listed"), [0, 2, 3]);
    assert_eq!(world.environment(&project, "dev").next_number().expect("counted"), 4);

    let [keeper] = outcome.kept.by.as_slice() else { panic!("one keeper: {:?}", outcome.kept.by) };
    assert_eq!((outcome.kept.paths, keeper.paths, keeper.paths_only_here), (2, 2, 2));
    let KeeperKind::Environment { generations, name, .. } = &keeper.who else { panic!("an environment: {keeper:?}") };
    let why = |number, why| KeptGeneration { number, why };
    assert_eq!((name.as_str(), generations.as_slice()), ("shop", [why(0, Keep::Empty), why(2, Keep::Parent), why(3, Keep::Current)].as_slice()));

    let again = world.gc(&least());
    assert_eq!((again.freed_bytes, again.paths.len(), again.blobs, again.leftovers), (0, 0, 0, 0));
}

#[test]
fn one_thread_does_the_same() {
    let world = World::new();
    let orphan = world.store("orphan", &["a"]);
    let outcome = world.collect(&least(), false, 1).expect("collected");
    assert_eq!((outcome.paths, outcome.blobs), (vec![orphan], 1));
}

#[test]
fn an_empty_home_has_no_garbage() {
    let world = World::new();
    let outcome = world.gc(&Retention::default());
    assert_eq!((outcome.freed_bytes, outcome.kept.paths), (0, 0));
}

#[test]
fn the_default_keeps_ten_and_a_month() {
    let world = World::new();
    let project = world.project("shop");
    let paths: Vec<StorePath> = (0..14).map(|number| world.store(&format!("p{number}"), &[])).collect();
    for (path, days) in paths.iter().zip([99, 98, 97, 96, 95, 94, 93, 92, 91, 29, 28, 27, 26, 25]) {
        world.switch(&project, "dev", &[path], days);
    }
    let outcome = world.gc(&Retention::default());
    assert_eq!(outcome.generations.iter().map(|id| id.number).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(outcome.paths.len(), 4);
}

/// Breaks a home, and expects a collection to say so and to leave everything as it is.
#[track_caller]
fn check_refused(broken: impl FnOnce(&World, &ProjectId), expected: impl FnOnce(&GcError) -> bool) {
    let world = World::new();
    let project = world.project("shop");
    world.store("orphan", &["a"]);
    for days in [3, 2, 1] {
        world.switch(&project, "dev", &[&world.store(&format!("p{days}"), &[])], days);
    }
    fs::create_dir(world.layout.stage("left")).expect("made");
    broken(&world, &project);
    let before = world.listing();
    let error = world.collect(&least(), false, 2).expect_err("refused");
    assert!(expected(&error), "{error:?}");
    assert!(error.to_string().contains("nothing was removed"), "{error}");
    assert_eq!(world.listing(), before);
}

#[test]
fn what_cannot_be_read_stops_everything() {
    let record = |world: &World, project: &ProjectId, number| world.environment(project, "dev").path(number).join("generation.json");
    check_refused(|world, project| fs::write(record(world, project, 1), "{").expect("written"), |error| matches!(error, GcError::Roots { .. }));
    check_refused(|world, project| fs::remove_file(record(world, project, 1)).expect("removed"), |error| matches!(error, GcError::NoRecord { .. }));
    check_refused(|world, project| fs::write(world.layout.project_file(project), "{}").expect("written"), |error| matches!(error, GcError::Roots { .. }));
    check_refused(
        |world, project| fs::remove_file(world.layout.project_file(project)).expect("removed"),
        |error| matches!(error, GcError::NoProjectFile { .. }),
    );
    check_refused(
        |world, project| {
            let current = world.layout.current(project, world.environment(project, "dev").name());
            fs::remove_file(&current).expect("removed");
            symlink("generations/9", current).expect("linked");
        },
        |error| matches!(error, GcError::DanglingCurrent { number: 9, .. }),
    );
}

#[test]
fn an_unknown_claim_stops_everything() {
    let world = World::new();
    let orphan = world.store("orphan", &[]);
    let held = RunningRoot::register(&world.layout, "pid 1", &[]).expect("registered");
    held.hold_generation(Path::new("somewhere/else")).expect("held");
    assert!(matches!(world.collect(&least(), false, 1), Err(GcError::BadClaim { .. })));
    assert!(world.is_stored(&orphan));
}

#[test]
fn a_locked_store_is_waited_for_or_left_alone() {
    let world = World::new();
    let orphan = world.store("orphan", &[]);
    let _publisher = locks::store_shared(&world.layout, &AT_ONCE).expect("free");
    assert!(matches!(world.collect(&least(), false, 1), Err(GcError::Lock { source: FsError::Locked { .. } })));
    assert!(world.is_stored(&orphan));
    assert_eq!(world.collect(&least(), true, 1).expect("a dry run takes no lock").paths, [orphan]);
}

#[test]
fn what_a_running_command_uses_stays() {
    let world = World::new();
    let project = world.project("shop");
    let (used, run_from) = (world.store("used", &["a"]), world.store("run-from", &["b"]));
    world.switch(&project, "dev", &[&run_from], 3);
    world.switch(&project, "dev", &[], 2);
    world.switch(&project, "dev", &[], 1);
    let held = RunningRoot::register(&world.layout, "pid 1, packs run", std::slice::from_ref(&used)).expect("registered");
    // Relative to the home as it should be, or absolute.
    let generation = world.environment(&project, "dev").path(1);
    held.hold_generation(generation.strip_prefix(world.layout.home()).expect("in the home")).expect("held");
    held.hold_generation(&generation).expect("held");

    let outcome = world.gc(&least());
    assert_eq!((outcome.paths.len(), outcome.generations.len()), (0, 0));
    let running = KeeperKind::Running { holder: "pid 1, packs run".into() };
    assert!(outcome.kept.by.iter().any(|keeper| keeper.who == running && keeper.paths == 1), "{:?}", outcome.kept.by);

    drop(held);
    fs::write(world.layout.root("dead"), "of a process that was killed").expect("written");
    let outcome = world.gc(&least());
    assert_eq!((outcome.paths.len(), outcome.generations.len(), outcome.leftovers), (2, 1, 1));
    assert!(!world.layout.root("dead").exists());
}

/// Decides, lets something happen, and then carries the plan out.
fn sweep_after(world: &World, retention: &Retention, happens: impl FnOnce()) -> sweep::Removed {
    let workers = parallel::Workers::start(1).expect("started");
    let mut surveyor = Surveyor::new(&world.layout);
    let stored = list_stored(&world.layout).expect("listed");
    let roots = surveyor.look().expect("read");
    let rules = Rules { now: NOW.parse().expect("a time"), retention, sizes: &Sizes::new(), busy: &BTreeSet::new() };
    let plan = mark(&roots, &stored, &rules);
    let leftovers = leftovers::find_leftovers(&world.layout, &roots, leftovers::Ages::new(Timestamp::MIN, Timestamp::MIN)).expect("found");
    happens();
    let sweep = Sweep { layout: &world.layout, workers: &workers, waiting: &AT_ONCE, roots: &roots, plan: &plan, leftovers: &leftovers };
    sweep.run(&mut surveyor).expect("swept")
}

#[test]
fn what_is_claimed_meanwhile_stays() {
    let world = World::new();
    let (claimed, other) = (world.store("claimed", &["a"]), world.store("other", &["a"]));
    let mut held = None;
    let removed = sweep_after(&world, &least(), || {
        held = Some(RunningRoot::register(&world.layout, "pid 1", std::slice::from_ref(&claimed)).expect("registered"));
    });
    assert_eq!(removed.paths, BTreeSet::from([other]));
    assert!(world.is_stored(&claimed) && world.layout.blobs().exists() && removed.blobs == 0);
}

#[test]
fn what_is_switched_to_meanwhile_stays() {
    let world = World::new();
    let project = world.project("shop");
    let (wanted, old) = (world.store("wanted", &[]), world.store("old", &[]));
    for (paths, days) in [(vec![&old], 3), (vec![], 2), (vec![], 1)] {
        world.switch(&project, "dev", &paths, days);
    }
    let environment = world.environment(&project, "dev");
    let removed = sweep_after(&world, &least(), || {
        world.switch(&project, "dev", &[&wanted], 0);
        environment.flip(1).expect("rolled back");
    });
    assert_eq!((removed.paths, removed.generations.len()), (BTreeSet::new(), 0));
    assert_eq!(removed.busy, BTreeSet::from([project]));
    assert!(world.is_stored(&wanted) && world.is_stored(&old));
}

#[test]
fn a_project_at_work_keeps_its_generations() {
    let world = World::new();
    let (one, other) = (world.project("one"), world.project("other"));
    for project in [&one, &other] {
        for days in [3, 2, 1] {
            world.switch(project, "dev", &[&world.store(&format!("{}-{days}", project.as_str()), &[])], days);
        }
    }
    let held = locks::project(&world.layout, &one, &AT_ONCE).expect("free");
    let outcome = world.collect(&least(), false, 2).expect("collected");
    assert_eq!(outcome.busy, std::slice::from_ref(&one));
    assert_eq!(outcome.generations.iter().map(|id| &id.project).collect::<Vec<_>>(), [&other]);
    assert_eq!((outcome.paths.len(), outcome.kept.paths), (1, 5));
    drop(held);
    assert_eq!(world.gc(&least()).paths.len(), 1);
}

#[test]
fn a_project_that_is_gone_is_forgotten_only_when_asked() {
    let world = World::new();
    let project = world.project("shop");
    let path = world.store("pack", &["a"]);
    world.switch(&project, "dev", &[&path], 90);
    world.switch(&project, "prod", &[&path], 90);
    fs::remove_dir_all(world.work("shop")).expect("removed");

    let outcome = world.gc(&least());
    assert_eq!((outcome.missing.len(), outcome.paths.len(), outcome.generations.len()), (1, 0, 0));
    assert!(outcome.missing[0].path.ends_with("work/shop"));

    let outcome = world.gc(&Retention { missing_projects: true, ..least() });
    assert_eq!((outcome.forgotten.len(), outcome.missing.len(), outcome.paths.len(), outcome.generations.len()), (1, 0, 1, 4));
    assert!(!world.layout.project(&project).exists());
}

#[test]
fn a_project_that_comes_back_meanwhile_stays() {
    let world = World::new();
    let project = world.project("shop");
    let path = world.store("pack", &[]);
    world.switch(&project, "dev", &[&path], 1);
    let (here, away) = (world.work("shop"), world.work("away"));
    fs::rename(&here, &away).expect("moved away");
    let removed = sweep_after(&world, &Retention { missing_projects: true, ..least() }, || fs::rename(&away, &here).expect("moved back"));
    assert_eq!((removed.busy, removed.paths), (BTreeSet::from([project]), BTreeSet::new()));
    assert!(world.is_stored(&path));
}

#[test]
fn a_project_whose_disk_is_away_is_never_forgotten() {
    let world = World::new();
    let project = world.project("shop");
    let path = world.store("pack", &[]);
    world.switch(&project, "dev", &[&path], 90);
    let file = world.layout.project_file(&project);
    let device = fs::metadata(world.root.path()).expect("there").dev();
    let text = fs::read_to_string(&file).expect("there");
    let elsewhere = text.replace(&format!("\"device\": {device}"), "\"device\": 1");
    assert_ne!(elsewhere, text);
    fs::write(&file, elsewhere).expect("written");
    fs::remove_dir_all(world.work("shop")).expect("removed");
    let outcome = world.gc(&Retention { missing_projects: true, ..least() });
    assert_eq!((outcome.unreachable.len(), outcome.forgotten.len(), outcome.paths.len()), (1, 0, 0));
    assert!(world.is_stored(&path));
}

#[test]
fn leftovers_of_the_dead_go_and_those_of_the_living_stay() {
    let world = World::new();
    let project = world.project("shop");
    world.switch(&project, "dev", &[], 1);
    let generations = world.layout.generations(&project, world.environment(&project, "dev").name());
    let outside = world.root.path().join("outside");
    fs::create_dir(&outside).expect("made");
    fs::write(outside.join("file"), "precious").expect("written");

    let dead = [world.layout.stage("a"), world.layout.trash("b"), generations.join(".stage-c"), generations.join(".trash-d"), world.layout.project_trash("e")];
    for directory in &dead {
        fs::create_dir_all(directory.join("below")).expect("made");
        fs::write(directory.join("below/file"), "x").expect("written");
        fs::set_permissions(directory.join("below"), fs::Permissions::from_mode(0o555)).expect("sealed");
    }
    symlink(&outside, world.layout.trash("link")).expect("linked");
    symlink(&outside, dead[0].join("link")).expect("linked");
    let living = world.layout.stage("living");
    fs::create_dir(&living).expect("made");
    let _living = FileLock::try_acquire_existing(&living).expect("locked").expect("free");
    let litter = world.layout.environment(&project, world.environment(&project, "dev").name()).join(".current.k3v9.tmp");
    symlink("generations/1", &litter).expect("linked");
    let operation = world.layout.operations(&project).join(".stage-f");
    fs::create_dir_all(operation.join("before")).expect("made");
    fs::write(operation.join("before/0"), [b'x'; 5000]).expect("written");
    let digests = [1, 2, 3].map(|number| Sha256Digest::from_bytes([number; 32]));
    let [old, young, at_work] = digests.map(|digest| world.layout.archive_partial(&digest));
    for partial in [&old, &young, &at_work] {
        fs::write(partial, [b'x'; 5000]).expect("written");
    }
    let later = Duration::from_secs(u64::try_from(NOW.parse::<Timestamp>().expect("a time").as_second()).expect("after 1970") + 60);
    let [passing, index] = [world.layout.archives().join(".check-k3v9"), world.layout.index_cache("a").join("ka")];
    fs::create_dir_all(&index).expect("made");
    let (tmp, new_tmp, kept) = (index.join(".k3v9.tmp"), index.join(".l4w8.tmp"), index.join("kanban.json"));
    let memory = world.layout.registries().join(".default.json.k3v9.tmp");
    [&passing, &tmp, &new_tmp, &kept, &memory].into_iter().for_each(|path| fs::write(path, "x").expect("written"));
    // Written in one go, and less than an hour ago.
    let just_now = later.saturating_sub(Duration::from_hours(1));
    let times = [(&passing, Duration::ZERO), (&tmp, Duration::ZERO), (&memory, Duration::ZERO), (&kept, Duration::ZERO), (&new_tmp, just_now)];
    for (partial, since) in [(&old, Duration::ZERO), (&at_work, Duration::ZERO), (&young, later)].into_iter().chain(times) {
        let file = fs::File::options().write(true).open(partial).expect("there");
        file.set_modified(std::time::UNIX_EPOCH + since).expect("set");
    }
    let _at_work = FileLock::try_acquire_existing(&at_work).expect("locked").expect("free");

    let outcome = world.gc(&least());
    assert_eq!(outcome.leftovers, 12);
    assert!(!passing.exists() && !tmp.exists() && !memory.exists() && new_tmp.exists() && kept.exists());
    assert!(!operation.exists() && !old.exists() && young.exists() && at_work.exists());
    assert!(living.exists() && outside.join("file").exists() && !litter.exists());
    assert!(dead.iter().all(|path| !path.exists()));
}

#[test]
fn litter_of_a_project_at_work_stays() {
    let world = World::new();
    let project = world.project("shop");
    let litter = world.layout.project(&project).join(".project.json.k3v9.tmp");
    fs::write(&litter, "half").expect("written");
    let held = locks::project(&world.layout, &project, &AT_ONCE).expect("free");
    world.collect(&least(), false, 1).expect("collected");
    assert!(litter.exists());
    drop(held);
    world.gc(&least());
    assert!(!litter.exists());
}

#[test]
fn a_limit_drops_the_oldest_and_says_what_is_over() {
    let world = World::new();
    let project = world.project("shop");
    let paths: Vec<StorePath> = (0..4).map(|number| world.store(&format!("p{number}"), &[])).collect();
    for (path, days) in paths.iter().zip([4, 3, 2, 1]) {
        world.switch(&project, "dev", &[path], days);
    }
    let all = world.collect(&Retention { max_bytes: Some(u64::MAX), ..Retention::default() }, true, 1).expect("decided");
    assert_eq!((all.generations.len(), all.over_limit_bytes), (0, 0));
    let outcome = world.gc(&Retention { max_bytes: Some(0), ..Retention::default() });
    assert_eq!(outcome.generations.iter().map(|id| id.number).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(world.is_stored(&paths[3]) && outcome.over_limit_bytes > 0);
}

#[test]
fn what_is_not_ours_stays() {
    let world = World::new();
    let blob = world.blob("a");
    fs::remove_file(&blob).expect("removed");
    for path in
        [blob.with_file_name("notes"), world.layout.store().join("notes.txt"), world.layout.blobs().join("README"), world.layout.projects().join("Notes")]
    {
        fs::write(path, "mine").expect("written");
    }
    let before = world.listing();
    world.gc(&least());
    assert_eq!(world.listing(), before);
}
