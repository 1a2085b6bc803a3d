//! A home to collect in, and what is put there.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::fsys::Waiting;
use crate::gc::Collection;
use crate::gc::GcError;
use crate::gc::Outcome;
use crate::gc::Retention;
use crate::gc::collect;
use crate::generation::About;
use crate::generation::Copies;
use crate::generation::Environment;
use crate::generation::GenerationRecord;
use crate::generation::GenerationRelease;
use crate::generation::Naming;
use crate::generation::build;
use crate::generation::own_project;
use crate::model::Blake3Digest;
use crate::model::EnvironmentName;
use crate::model::PackName;
use crate::model::ProjectId;
use crate::model::ProjectName;
use crate::model::ReleaseId;
use crate::model::StorePath;
use crate::model::TreeDigest;
use crate::model::Version;
use crate::store::Store;
use crate::store::layout::Layout;

/// When the collections of these tests happen.
pub(super) const NOW: &str = "2026-11-20T12:00:00Z";

/// Waits for nobody.
pub(super) const AT_ONCE: Waiting<'_> = Waiting { wait_max: Duration::ZERO, holder: "pid 1, packs gc", on_wait: &|_| {} };

/// A home, and projects beside it.
pub(super) struct World {
    pub(super) root: tempfile::TempDir,
    pub(super) layout: Layout,
}

impl World {
    pub(super) fn new() -> World {
        let root = tempfile::tempdir().expect("a directory");
        let layout = Store::create(Layout::new(root.path().join("home"))).expect("made").layout().clone();
        World { root, layout }
    }

    pub(super) fn work(&self, name: &str) -> PathBuf {
        self.root.path().join("work").join(name)
    }

    /// Makes a project that the home knows.
    pub(super) fn project(&self, name: &str) -> ProjectId {
        fs::create_dir_all(self.work(name)).expect("made");
        let project_name = ProjectName::parse(name).expect("valid");
        let naming = Naming { name: &project_name, team: None, random: "r1", now: NOW.parse().expect("a time") };
        own_project(&self.layout, &self.work(name), &naming).expect("owned").0.id
    }

    /// Stores a release whose files are these contents; equal contents share a blob, as ingest does it.
    pub(super) fn store(&self, name: &str, contents: &[&str]) -> StorePath {
        let release = ReleaseId { name: PackName::parse(name).expect("valid"), version: Version::parse("1.0.0").expect("valid") };
        let path = StorePath::new(TreeDigest::from_bytes(*blake3::hash(format!("{name}{contents:?}").as_bytes()).as_bytes()), &release);
        let directory = self.layout.store_path(&path).join(name);
        fs::create_dir_all(&directory).expect("made");
        for (number, content) in contents.iter().enumerate() {
            let blob = self.blob(content);
            fs::hard_link(blob, directory.join(number.to_string())).expect("linked");
        }
        fs::write(directory.join("unshared"), [b'u'; 5000]).expect("written");
        symlink("unshared", directory.join("link")).expect("linked");
        for sealed in [&directory, &self.layout.store_path(&path)] {
            fs::set_permissions(sealed, fs::Permissions::from_mode(0o555)).expect("sealed");
        }
        path
    }

    pub(super) fn blob(&self, content: &str) -> PathBuf {
        let digest = Blake3Digest::of(content.as_bytes());
        let blob = self.layout.blob(&digest, false);
        if !blob.exists() {
            fs::create_dir_all(self.layout.blob_dir(&digest)).expect("made");
            fs::write(&blob, content.repeat(5000)).expect("written");
        }
        blob
    }

    /// Makes a generation that is `days` old current, and gives its number.
    pub(super) fn switch(&self, project: &ProjectId, environment: &str, paths: &[&StorePath], days: i64) -> u64 {
        let environment = self.environment(project, environment);
        let created_at = NOW.parse::<Timestamp>().expect("a time").checked_sub(SignedDuration::from_hours(24 * days)).expect("a time");
        let about = About { created_at, ..About::unsigned(0, None) };
        environment.ensure(about.clone()).expect("made");
        let number = environment.next_number().expect("counted");
        let parent = environment.current().expect("read");
        let release = |path: &&StorePath| GenerationRelease {
            name: PackName::parse("any").expect("valid"),
            version: Version::parse("1.0.0").expect("valid"),
            store_path: (*path).clone(),
            unpacked_bytes: 0,
        };
        let empty = GenerationRecord::empty(environment.name().clone(), About { number, parent, ..about });
        let record = GenerationRecord { releases: paths.iter().map(release).collect(), ..empty };
        build(&self.layout, project, &record, &Copies::default()).expect("staged").publish().expect("published");
        environment.flip(number).expect("flipped");
        number
    }

    pub(super) fn environment(&self, project: &ProjectId, name: &str) -> Environment {
        Environment::new(&self.layout, project, &EnvironmentName::parse(name).expect("valid"))
    }

    pub(super) fn collect(&self, retention: &Retention, dry_run: bool, jobs: usize) -> Result<Outcome, GcError> {
        let now = NOW.parse().expect("a time");
        collect(&self.layout, &Collection { retention, now, dry_run, jobs, waiting: &AT_ONCE })
    }

    /// Collects for real, after checking that a dry run changes nothing and tells the same.
    #[track_caller]
    pub(super) fn gc(&self, retention: &Retention) -> Outcome {
        let before = self.listing();
        let dry = self.collect(retention, true, 2).expect("decided");
        assert_eq!(self.listing(), before, "a dry run changes nothing");
        let bytes_before = self.disk_bytes();
        let outcome = self.collect(retention, false, 2).expect("collected");
        assert_eq!(outcome, Outcome { dry_run: false, ..dry }, "a dry run tells the same");
        assert_eq!(outcome.freed_bytes, bytes_before - self.disk_bytes(), "what was freed is what is less");
        outcome
    }

    /// Everything in the home with its kind and inode.
    pub(super) fn listing(&self) -> BTreeMap<PathBuf, (u32, u64)> {
        let mut found = BTreeMap::new();
        list_below(self.layout.home(), &mut |path, metadata| _ = found.insert(path.to_owned(), (metadata.mode(), metadata.ino())));
        // Lock files come and go with whoever locks.
        found.retain(|path, _| !path.starts_with(self.layout.locks()));
        found
    }

    /// What the home takes on the disk, without what grows by collecting: lock files, and directories that keep their size.
    pub(super) fn disk_bytes(&self) -> u64 {
        let mut inodes = HashMap::new();
        list_below(self.layout.home(), &mut |path, metadata| {
            if !path.starts_with(self.layout.locks()) {
                inodes.insert(metadata.ino(), metadata.blocks() * 512);
            }
        });
        inodes.values().sum()
    }

    pub(super) fn is_stored(&self, path: &StorePath) -> bool {
        self.layout.store_path(path).exists()
    }
}

/// Visits everything below a directory, each before what is in it.
pub(super) fn list_below(directory: &Path, visit: &mut dyn FnMut(&Path, &fs::Metadata)) {
    for entry in fs::read_dir(directory).expect("listed").map(|entry| entry.expect("an entry")) {
        let metadata = entry.metadata().expect("there");
        visit(&entry.path(), &metadata);
        if metadata.is_dir() {
            list_below(&entry.path(), visit);
        }
    }
}
