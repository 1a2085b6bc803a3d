//! Switches and collections at the same time, through the real ingest.

use super::*;
use crate::archive::Limits;
use crate::archive::PackManifest;
use crate::gc::tests::world::list_below;
use crate::store::Batch;
use crate::store::Durability;
use crate::store::verify_store;

const PATIENT: Waiting<'_> = Waiting { wait_max: Duration::from_mins(2), holder: "pid 1", on_wait: &|_| {} };

/// How often each thread switches.
const SWITCHES: usize = 60;

/// How many packs there are: more than all projects use at a time, so that some are always dead.
const PACKS: usize = 30;

/// A pack in a directory, and the store path it becomes.
struct Source {
    directory: PathBuf,
    manifest: PackManifest,
    store_path: StorePath,
}

/// Makes a pack with a file that all packs share and one of its own.
fn source(world: &World, store: &Store, name: &str) -> Source {
    let directory = world.root.path().join("sources").join(name);
    fs::create_dir_all(&directory).expect("made");
    let entry = |file: &str, content: &str| {
        fs::write(directory.join(file), content).expect("written");
        let digest = blake3::hash(content.as_bytes()).to_hex();
        format!(r#"{{"path":"{file}","kind":"file","size":{},"blake3":"{digest}"}}"#, content.len())
    };
    let files = [entry("own", name), entry("shared", "shared by all")].join(",");
    let json = format!(r#"{{"schema":"packs.manifest/1","name":"{name}","version":"1.0.0","framework":"{name}","created_at":"{NOW}","files":[{files}]}}"#);
    let manifest = PackManifest::parse(json.as_bytes()).expect("valid");
    let staged = Batch::new(store, Limits::default()).stage_directory(manifest.clone(), &directory).expect("staged");
    Source { store_path: staged.store_path.clone(), directory, manifest }
}

/// Does what a switch does, in its order, and looks at the end whether all is there.
fn switch(world: &World, store: &Store, project: &ProjectId, sources: &[&Source]) {
    let _changing = locks::project(&world.layout, project, &PATIENT).expect("locked");
    let root = RunningRoot::register(&world.layout, "pid 1, packs switch", &[]).expect("registered");
    let paths: Vec<StorePath> = sources.iter().map(|source| source.store_path.clone()).collect();
    let missing: Vec<&&Source> = {
        let _publishing = locks::store_shared(&world.layout, &PATIENT).expect("locked");
        root.hold(&paths).expect("held");
        sources.iter().filter(|source| !world.is_stored(&source.store_path)).collect()
    };
    let batch = Batch::new(store, Limits::default());
    let staged = missing.into_iter().map(|source| batch.stage_directory(source.manifest.clone(), &source.directory).expect("staged")).collect();
    {
        let _publishing = locks::store_shared(&world.layout, &PATIENT).expect("locked");
        batch.publish(staged, Durability::Unsynced).expect("published");
    }
    world.switch(project, "dev", &paths.iter().collect::<Vec<_>>(), 1);
    drop(root);
    for path in &paths {
        let shared = world.layout.store_path(path).join(path.as_str().rsplit('-').nth(1).expect("a name")).join("shared");
        assert_eq!(fs::read_to_string(shared).expect("there"), "shared by all");
    }
}

#[test]
fn a_collection_beside_switches_takes_nothing_that_is_used() {
    let world = World::new();
    let store = Store::create(world.layout.clone()).expect("opened");
    let sources: Vec<Source> = (0..PACKS).map(|number| source(&world, &store, &format!("pack{number}"))).collect();
    // While a thread switches in one of its projects, the generations of the other may go.
    let projects = [[world.project("one"), world.project("two")], [world.project("three"), world.project("four")]];
    std::thread::scope(|scope| {
        let switchers = projects.each_ref().map(|projects| {
            let (world, store, sources) = (&world, &store, &sources);
            scope.spawn(move || {
                for round in 0..SWITCHES {
                    switch(world, store, &projects[round % 2], &[&sources[round % PACKS], &sources[(round * 5 + 1) % PACKS]]);
                }
            })
        });
        let now = NOW.parse().expect("a time");
        while switchers.iter().any(|switcher| !switcher.is_finished()) {
            let collection = Collection { retention: &least(), now, dry_run: false, jobs: 2, waiting: &PATIENT };
            collect(&world.layout, &collection).expect("collected");
        }
    });
    let outcome = world.gc(&least());
    assert!(verify_store(&store, &|_| {}).expect("verified").is_good());
    assert!(outcome.kept.paths >= 2 && outcome.missing.is_empty(), "{outcome:?}");
    list_below(&world.layout.blobs(), &mut |path, metadata| assert!(metadata.is_dir() || metadata.nlink() > 1, "{}", path.display()));
}
