//! What every transport promises, whatever lies behind it.
#![allow(clippy::disallowed_methods, reason = "tests set up their world")]

use std::fs;
use std::io;
use std::io::Read;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::thread;

use packs::net::Answer;
use packs::net::Directory;
use packs::net::Fetched;
use packs::net::NetError;
use packs::net::Precondition;
use packs::net::Revision;
use packs::net::Transport;
use packs::net::Written;

/// Makes the promises a test each, for one way to make an empty writable root.
macro_rules! promises {
    ($implementation:ident: $make:expr; $($promise:ident),+ $(,)?) => {
        mod $implementation {
            $(#[test]
            fn $promise() {
                let world = $make;
                super::$promise(&world.1);
            })+
        }
    };
}

promises! { directory: super::empty_directory();
    reads_what_was_written, tells_absence, bounds_what_it_reads, refuses_paths_that_leave, writes_only_if_absent, writes_only_if_unchanged,
    writes_nothing_if_the_content_fails, loses_no_update, opens_what_is_large, lists_what_is_below,
}

fn empty_directory() -> (tempfile::TempDir, Directory) {
    let root = tempfile::tempdir().expect("a temporary directory");
    let directory = Directory::new(root.path());
    (root, directory)
}

#[track_caller]
fn fetch(transport: &dyn Transport, path: &str) -> Fetched {
    transport.read(path, 1024).expect("it reads").found().expect("it is there")
}

#[track_caller]
fn write(transport: &dyn Transport, path: &str, text: &str, when: &Precondition) -> Written {
    transport.write(path, text.as_bytes(), when).expect("it writes")
}

fn reads_what_was_written(transport: &dyn Transport) {
    assert_eq!(write(transport, "index/ka/kanban.json", "one", &Precondition::None), Written::Done);
    assert_eq!(fetch(transport, "index/ka/kanban.json").bytes, b"one");
    assert_eq!(write(transport, "index/ka/kanban.json", "", &Precondition::None), Written::Done);
    assert_eq!(fetch(transport, "index/ka/kanban.json").bytes, b"");
}

fn tells_absence(transport: &dyn Transport) {
    assert_eq!(transport.read("index/ka/kanban.json", 9).expect("it answers"), Answer::Absent);
    assert!(matches!(transport.open("packs/a").expect("it answers"), Answer::Absent));
}

fn bounds_what_it_reads(transport: &dyn Transport) {
    assert_eq!(write(transport, "a", "12345", &Precondition::None), Written::Done);
    assert!(transport.read("a", 5).is_ok());
    assert!(matches!(transport.read("a", 4), Err(NetError::TooLarge { bytes_max: 4, .. })));
    assert!(transport.read("a", u64::MAX).is_ok());
}

fn refuses_paths_that_leave(transport: &dyn Transport) {
    for path in ["", "/etc/passwd", "../a", "a/../b", "a//b", "a/", "./a", "a\\b", "a\0b", "a\nb"] {
        assert!(matches!(transport.read(path, 9), Err(NetError::InvalidPath { .. })), "read {path:?}");
        assert!(matches!(transport.open(path), Err(NetError::InvalidPath { .. })), "open {path:?}");
        assert!(matches!(transport.write(path, b"", &Precondition::None), Err(NetError::InvalidPath { .. })), "write {path:?}");
    }
}

fn writes_only_if_absent(transport: &dyn Transport) {
    assert_eq!(write(transport, "a", "one", &Precondition::Absent), Written::Done);
    assert_eq!(write(transport, "a", "two", &Precondition::Absent), Written::PreconditionFailed);
    assert_eq!(fetch(transport, "a").bytes, b"one");
}

fn writes_only_if_unchanged(transport: &dyn Transport) {
    let of_nothing = Precondition::Unchanged(Revision::new("none"));
    assert_eq!(write(transport, "a", "one", &of_nothing), Written::PreconditionFailed);
    assert_eq!(transport.read("a", 9).expect("it answers"), Answer::Absent);
    assert_eq!(write(transport, "a", "one", &Precondition::None), Written::Done);
    let seen = Precondition::Unchanged(fetch(transport, "a").revision);
    assert_eq!(write(transport, "a", "two", &seen), Written::Done);
    assert_eq!(write(transport, "a", "three", &seen), Written::PreconditionFailed);
    assert_eq!(fetch(transport, "a").bytes, b"two");
}

/// Gives a few bytes, then fails.
struct Broken(usize);

impl Read for Broken {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::Error::other("broken"));
        }
        self.0 -= 1;
        buffer[0] = b'x';
        Ok(1)
    }
}

fn writes_nothing_if_the_content_fails(transport: &dyn Transport) {
    assert_eq!(write(transport, "a", "one", &Precondition::None), Written::Done);
    assert!(matches!(transport.write_from("a", &mut Broken(3), &Precondition::None), Err(NetError::Content { .. })));
    assert_eq!(fetch(transport, "a").bytes, b"one");
    assert!(transport.write_from("b", &mut Broken(0), &Precondition::Absent).is_err());
    assert_eq!(transport.read("b", 9).expect("it answers"), Answer::Absent);
}

fn loses_no_update(transport: &dyn Transport) {
    let (writers, rounds) = (4, 10);
    let add_a_letter = || loop {
        let (text, when) = match transport.read("list", 1024).expect("it reads") {
            Answer::Found(fetched) => (fetched.bytes, Precondition::Unchanged(fetched.revision)),
            Answer::Absent | Answer::Offline => (Vec::new(), Precondition::Absent),
        };
        if transport.write("list", &[text.as_slice(), b"x"].concat(), &when).expect("it writes") == Written::Done {
            return;
        }
    };
    thread::scope(|scope| {
        for _ in 0..writers {
            scope.spawn(|| (0..rounds).for_each(|_| add_a_letter()));
        }
    });
    assert_eq!(fetch(transport, "list").bytes.len(), writers * rounds);
}

fn lists_what_is_below(transport: &dyn Transport) {
    for path in ["index/ka/kanban.json", "index/@acme/boards.json", "index/k/k.json", "indexes/a", "packs/a"] {
        assert_eq!(write(transport, path, "one", &Precondition::None), Written::Done);
    }
    let listed = |directory| transport.list(directory).expect("it answers").expect("it can be listed");
    assert_eq!(listed("index"), ["index/@acme/boards.json", "index/k/k.json", "index/ka/kanban.json"]);
    assert!(listed("nothing").is_empty());
    assert!(matches!(transport.list("../a"), Err(NetError::InvalidPath { .. })));
}

fn opens_what_is_large(transport: &dyn Transport) {
    let bytes = 5 * 1024 * 1024;
    assert_eq!(transport.write_from("large", &mut io::repeat(7).take(bytes), &Precondition::Absent).expect("it writes"), Written::Done);
    let mut content = transport.open("large").expect("it opens").found().expect("it is there");
    assert_eq!(io::copy(&mut content, &mut io::sink()).expect("it reads"), bytes);
}

fn names_below(root: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(root).expect("readable").map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_directory_keeps_nothing_of_a_failed_write() {
    let (root, directory) = empty_directory();
    assert!(directory.write_from("a", &mut Broken(3), &Precondition::None).is_err());
    assert_eq!(write(&directory, "b", "", &Precondition::Unchanged(Revision::new("none"))), Written::PreconditionFailed);
    assert_eq!(names_below(root.path()), [".packs-registry.lock"]);
}

#[test]
fn a_directory_clears_away_what_a_crash_left() {
    let (root, directory) = empty_directory();
    fs::write(root.path().join(".packs-tmp-1-1"), "left by a crash").expect("written");
    let alive = fs::File::create(root.path().join(".packs-tmp-1-2")).expect("written");
    alive.lock().expect("locked");
    assert_eq!(write(&directory, "a", "", &Precondition::None), Written::Done);
    assert_eq!(names_below(root.path()), [".packs-registry.lock", ".packs-tmp-1-2", "a"]);
}

#[test]
fn a_directory_that_is_missing_is_an_error() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let directory = Directory::new(root.path().join("registry"));
    assert!(matches!(directory.read("a", 9), Err(NetError::NoRegistry { .. })));
    assert!(matches!(directory.open("a/b"), Err(NetError::NoRegistry { .. })));
    assert!(matches!(directory.write("a", b"", &Precondition::None), Err(NetError::NoRegistry { .. })));
    assert!(names_below(root.path()).is_empty(), "a registry is never made by the way");
}

#[test]
fn a_directory_gives_regular_files_only() {
    let (root, directory) = empty_directory();
    fs::create_dir(root.path().join("a")).expect("made");
    rustix::fs::mkfifoat(rustix::fs::CWD, root.path().join("b"), rustix::fs::Mode::RWXU).expect("made");
    for path in ["a", "b"] {
        assert!(matches!(directory.read(path, 9), Err(NetError::NotAFile { .. })), "{path}");
        assert!(matches!(directory.open(path), Err(NetError::NotAFile { .. })), "{path}");
    }
}

#[test]
fn a_read_only_directory_is_read() {
    let (root, directory) = empty_directory();
    assert_eq!(write(&directory, "a", "one", &Precondition::None), Written::Done);
    fs::remove_file(root.path().join(".packs-registry.lock")).expect("removed");
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o555)).expect("changed");
    assert_eq!(fetch(&directory, "a").bytes, b"one");
    assert!(!root.path().join(".packs-registry.lock").exists(), "reading locks nothing");
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).expect("changed");
}
