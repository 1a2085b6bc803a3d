//! What publishing to a registry promises.
#![allow(clippy::disallowed_methods, reason = "tests look at the registry on the disk")]

use std::ffi::OsStr;
use std::io;
use std::io::Read;
use std::sync::Mutex;
use std::thread;

use packs::model::PackName;
use packs::model::PathComponent;
use packs::model::ReleaseId;
use packs::model::Sha256Digest;
use packs::net::Answer;
use packs::net::Body;
use packs::net::Directory;
use packs::net::Fetched;
use packs::net::NetError;
use packs::net::Precondition;
use packs::net::Revision;
use packs::net::Transport;
use packs::net::Written;
use packs::registry::IndexRelease;
use packs::registry::Published;
use packs::source::RegistrySource;
use packs::source::Source as _;
use packs::source::SourceError;
use packs::source::Upload;
use sha2::Digest as _;
use sha2::Sha256;

use crate::support::Pack;
use crate::support::TestEnv;

fn kanban() -> PackName {
    PackName::parse("kanban").expect("a valid name")
}

/// A release with one archive of this content.
fn entry(version: &str, platform: &str, content: &str) -> IndexRelease {
    let sha256 = Sha256Digest::from_bytes(Sha256::digest(content).into());
    let text = format!(
        r#"{{"version":"{version}","artifacts":[{{"platform":"{platform}","archive":"{platform}.tar.zst","size":{},"sha256":"{sha256}","tree":"{}"}}]}}"#,
        content.len(),
        "a".repeat(52)
    );
    serde_json::from_str(&text).expect("a valid release")
}

fn publish_entry(registry: &RegistrySource, entry: &IndexRelease, content: &str) -> Result<Published, SourceError> {
    let upload = Upload { archive: entry.artifacts[0].archive.clone(), content: Box::new(content.as_bytes()), side_file: "side\n".to_owned() };
    registry.publish(&kanban(), entry, vec![upload], b"{}\n")
}

fn publish(registry: &RegistrySource, version: &str, content: &str) -> Result<Published, SourceError> {
    publish_entry(registry, &entry(version, "any", content), content)
}

fn versions(registry: &RegistrySource) -> Vec<String> {
    let index = registry.index(&kanban()).expect("it answers").found();
    index.map(|index| index.releases.iter().map(|release| release.version.to_string()).collect()).unwrap_or_default()
}

fn registry(root: &tempfile::TempDir) -> RegistrySource {
    RegistrySource::new(Box::new(Directory::new(root.path())))
}

#[test]
fn a_release_is_there_once_published() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let registry = registry(&root);
    assert_eq!(publish(&registry, "1.0.0", "one").expect("published"), Published::Added);
    assert_eq!(publish(&registry, "1.0.0", "one").expect("published"), Published::AlreadyThere);
    assert_eq!(publish(&registry, "1.1.0", "two").expect("published"), Published::Added);
    let index = registry.index(&kanban()).expect("it answers").found().expect("it is there");
    assert_eq!((index.revision, versions(&registry)), (2, vec!["1.0.0".to_owned(), "1.1.0".to_owned()]));
    let release = ReleaseId { name: kanban(), version: index.releases[0].version.clone() };
    let mut text = String::new();
    let mut archive = registry.archive(&release, "any.tar.zst").expect("it answers").found().expect("it is there");
    archive.read_to_string(&mut text).expect("text");
    assert_eq!(text, "one");
    for file in ["any.tar.zst.sha256", "MANIFEST.json"] {
        assert!(matches!(registry.archive(&release, file).expect("it answers"), Answer::Found(_)), "{file}");
    }
}

#[test]
fn lost_files_are_put_back_and_nothing_else_changes() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let registry = registry(&root);
    publish(&registry, "1.0.0", "one").expect("published");
    let release = root.path().join("packs/kanban/1.0.0");
    let index = std::fs::read(root.path().join("index/ka/kanban.json")).expect("readable");
    for lost in ["any.tar.zst", "any.tar.zst.sha256", "MANIFEST.json"] {
        let before = std::fs::read(release.join(lost)).expect("readable");
        std::fs::remove_file(release.join(lost)).expect("removed");
        assert_eq!(registry.plan_publish(&kanban(), &entry("1.0.0", "any", "one")).expect("planned"), Published::Restored, "{lost}");
        assert!(matches!(publish(&registry, "1.0.0", "two"), Err(SourceError::NotTaken { .. })), "{lost}");
        if lost == "any.tar.zst" {
            let other_bytes = publish_entry(&registry, &entry("1.0.0", "any", "one"), "two");
            assert!(matches!(other_bytes, Err(SourceError::Transport { .. })));
        }
        assert_eq!(publish(&registry, "1.0.0", "one").expect("published"), Published::Restored, "{lost}");
        assert_eq!(std::fs::read(release.join(lost)).expect("there again"), before, "{lost}");
        assert_eq!(publish(&registry, "1.0.0", "one").expect("published"), Published::AlreadyThere, "{lost}");
    }
    assert_eq!(std::fs::read(root.path().join("index/ka/kanban.json")).expect("readable"), index);
}

#[test]
fn a_lost_archive_is_put_back_under_the_name_that_is_published() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let registry = registry(&root);
    publish(&registry, "1.0.0", "one").expect("published");
    let release = root.path().join("packs/kanban/1.0.0");
    std::fs::remove_file(release.join("any.tar.zst")).expect("removed");
    let mut renamed = entry("1.0.0", "any", "one");
    renamed.artifacts[0].archive = PathComponent::parse("renamed.tar.zst").expect("valid");
    assert_eq!(publish_entry(&registry, &renamed, "one").expect("published"), Published::Restored);
    assert_eq!(std::fs::read(release.join("any.tar.zst")).expect("there again"), b"one");
    assert!(!release.join("renamed.tar.zst").exists());
}

#[test]
fn a_second_platform_joins_the_release() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let registry = registry(&root);
    for platform in ["linux-x86_64", "macos-aarch64"] {
        assert_eq!(publish_entry(&registry, &entry("1.0.0", platform, platform), platform).expect("published"), Published::Added);
    }
    let index = registry.index(&kanban()).expect("it answers").found().expect("it is there");
    assert_eq!((index.releases.len(), index.releases[0].artifacts.len()), (1, 2));
}

#[test]
fn other_bytes_are_refused_and_nothing_is_written() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let registry = registry(&root);
    assert_eq!(publish(&registry, "1.0.0", "one").expect("published"), Published::Added);
    assert!(matches!(publish(&registry, "1.0.0", "two"), Err(SourceError::NotTaken { .. })));
    assert!(matches!(publish(&registry, "1.0.0+b", "two"), Err(SourceError::NotTaken { .. })));
    assert!(!root.path().join("packs/kanban/1.0.0+b").try_exists().expect("readable"));
    assert_eq!(versions(&registry), ["1.0.0"]);
}

#[test]
fn an_upload_must_be_what_its_entry_says() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let registry = registry(&root);
    assert!(matches!(publish_entry(&registry, &entry("1.0.0", "any", "one"), "two"), Err(SourceError::Transport { .. })));
    let nothing = registry.publish(&kanban(), &entry("1.0.0", "any", "one"), Vec::new(), b"{}");
    assert!(matches!(nothing, Err(SourceError::OtherArchives { .. })));
    let other = Upload { archive: PathComponent::parse("b.tar.gz").expect("valid"), content: Box::new(io::empty()), side_file: String::new() };
    assert!(matches!(registry.publish(&kanban(), &entry("1.0.0", "any", "one"), vec![other], b"{}"), Err(SourceError::OtherArchives { .. })));
    assert!(versions(&registry).is_empty());
}

#[test]
fn publishers_at_once_lose_nothing() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let registry = registry(&root);
    thread::scope(|scope| {
        for major in 0..8 {
            let registry = &registry;
            scope.spawn(move || publish(registry, &format!("{major}.0.0"), "same").expect("published"));
        }
    });
    let mut found = versions(&registry);
    found.sort();
    assert_eq!(found, (0..8).map(|major| format!("{major}.0.0")).collect::<Vec<_>>());
}

/// A transport that lets only so many writes through, as if the power went then.
struct Interrupted {
    directory: Directory,
    writes_left: Mutex<usize>,
}

impl Transport for Interrupted {
    fn read(&self, path: &str, bytes_max: u64) -> Result<Answer<Fetched>, NetError> {
        self.directory.read(path, bytes_max)
    }
    fn open_at(&self, path: &str, offset: u64, known: Option<&Revision>) -> Result<Answer<Body>, NetError> {
        self.directory.open_at(path, offset, known)
    }
    fn write_from(&self, path: &str, content: &mut dyn Read, when: &Precondition) -> Result<Written, NetError> {
        let mut writes_left = self.writes_left.lock().expect("no test panicked");
        match writes_left.checked_sub(1) {
            Some(left) => *writes_left = left,
            None => return Err(NetError::NoRegistry { root: self.describe() }),
        }
        self.directory.write_from(path, content, when)
    }
    fn describe(&self) -> String {
        self.directory.describe()
    }
}

#[test]
fn an_interrupted_publish_is_invisible_and_can_be_repeated() {
    // Archive, side file, MANIFEST.json, index.
    for writes in 0..4 {
        let root = tempfile::tempdir().expect("a temporary directory");
        let interrupted = Interrupted { directory: Directory::new(root.path()), writes_left: Mutex::new(writes) };
        assert!(publish(&RegistrySource::new(Box::new(interrupted)), "1.0.0", "one").is_err(), "{writes} writes");
        let registry = registry(&root);
        assert!(versions(&registry).is_empty(), "{writes} writes");
        let other = publish(&registry, "1.0.0", "two");
        match writes {
            0 => assert_eq!(other.expect("published"), Published::Added),
            _ => assert!(matches!(other, Err(SourceError::LeftOver { .. })), "{writes} writes"),
        }
        if writes > 0 {
            assert_eq!(publish(&registry, "1.0.0", "one").expect("published"), Published::Added, "{writes} writes");
        }
    }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the world of the test is changed on the disk")]
fn a_dry_run_refuses_what_publishing_would() {
    let world = TestEnv::new();
    let pack = |text: &str| Pack::new("kanban", "1.0.0").file("docs/README.md", text);
    let archive = world.publish(&pack("board\n"));
    let registry = world.registry();
    let dry_run = || world.packs([OsStr::new("publish"), archive.as_os_str(), OsStr::new("--registry"), registry.as_os_str(), OsStr::new("-n")]);
    dry_run().succeeds().prints("is published already");
    let judge = |more: &[&str]| {
        let typed = [OsStr::new("publish"), archive.as_os_str(), OsStr::new("--registry"), registry.as_os_str(), OsStr::new("--quality"), OsStr::new("90")];
        world.packs(typed.into_iter().chain(more.iter().map(OsStr::new)))
    };
    judge(&["-n"]).succeeds().prints("its quality would be changed as given");
    judge(&[]).succeeds().prints("its quality is changed as given");
    assert!(!judge(&[]).succeeds().stdout.contains("changed"));
    assert!(std::fs::read_to_string(registry.join("index/ka/kanban.json")).expect("readable").contains("\"quality\": 90"));
    std::fs::remove_file(&archive).expect("removed");
    world.build(&pack("another board\n"));
    dry_run().fails(5).says("kanban 1.0.0");
}
