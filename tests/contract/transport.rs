//! What every transport promises, whatever lies behind it.
#![allow(clippy::disallowed_methods, reason = "tests set up their world")]

use std::fs;
use std::io;
use std::io::Read;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use packs::net::Answer;
use packs::net::Changed;
use packs::net::Directory;
use packs::net::Fetched;
use packs::net::HttpContent;
use packs::net::HttpMethod;
use packs::net::HttpRequest;
use packs::net::NetError;
use packs::net::NetSettings;
use packs::net::Network;
use packs::net::Precondition;
use packs::net::Revision;
use packs::net::Transport;
use packs::net::Written;

use crate::support::BUCKET;
use crate::support::Cloud;
use crate::support::FaultServer;
use crate::support::Reply;
use crate::support::Request;
use crate::support::moto;

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

/// The same for a transport that may be missing on this machine.
macro_rules! promises_of_a_peer {
    ($implementation:ident: $make:expr; $($promise:ident),+ $(,)?) => {
        mod $implementation {
            $(#[test]
            fn $promise() {
                if let Some(transport) = $make {
                    super::$promise(&*transport);
                }
            })+
        }
    };
}

promises_of_a_peer! { s3: super::empty_bucket();
    reads_what_was_written, tells_absence, bounds_what_it_reads, refuses_paths_that_leave, writes_only_if_absent, writes_only_if_unchanged,
    writes_nothing_if_the_content_fails, loses_no_update, opens_what_is_large, tells_what_has_changed, goes_on_after_a_cut, writes_what_is_large_only_if_absent,
    lists_what_is_below,
}

promises! { directory_too: super::empty_directory();
    tells_what_has_changed, writes_what_is_large_only_if_absent,
}

/// The same for a service on loopback, which lives as long as its test.
macro_rules! promises_of_a_cloud {
    ($implementation:ident: $make:expr; $($promise:ident),+ $(,)?) => {
        mod $implementation {
            $(#[test]
            fn $promise() {
                let cloud = $make;
                super::$promise(&*super::cloud_bucket(&cloud, super::BUCKET));
            })+
        }
    };
}

promises_of_a_cloud! { gs: super::Cloud::google();
    reads_what_was_written, tells_absence, bounds_what_it_reads, refuses_paths_that_leave, writes_only_if_absent, writes_only_if_unchanged,
    writes_nothing_if_the_content_fails, loses_no_update, opens_what_is_large, tells_what_has_changed, goes_on_after_a_cut, writes_what_is_large_only_if_absent,
    lists_what_is_below,
}

promises_of_a_cloud! { az: super::Cloud::azure();
    reads_what_was_written, tells_absence, bounds_what_it_reads, refuses_paths_that_leave, writes_only_if_absent, writes_only_if_unchanged,
    writes_nothing_if_the_content_fails, loses_no_update, opens_what_is_large, tells_what_has_changed, goes_on_after_a_cut, writes_what_is_large_only_if_absent,
    lists_what_is_below,
}

fn cloud_bucket(cloud: &Cloud, name: &str) -> Box<dyn Transport> {
    let settings = NetSettings { variables: cloud.variables().into_iter().collect(), backoff: Duration::ZERO, ..NetSettings::default() };
    Network::new(settings).open(&cloud.address(name)).expect("it opens")
}

/// A bucket of an S3 server, reached with the settings of a test.
fn empty_bucket() -> Option<Box<dyn Transport>> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let moto = moto()?;
    let name = format!("bucket-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    moto.make_bucket(&name);
    Some(bucket(&name, moto.variables()))
}

fn bucket(name: &str, variables: Vec<(String, String)>) -> Box<dyn Transport> {
    let settings = NetSettings { variables: variables.into_iter().collect(), backoff: Duration::ZERO, ..NetSettings::default() };
    Network::new(settings).open(&format!("s3://{name}/prefix")).expect("it opens")
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

fn tells_what_has_changed(transport: &dyn Transport) {
    assert_eq!(write(transport, "a", "one", &Precondition::None), Written::Done);
    let seen = fetch(transport, "a");
    assert_eq!(transport.read_changed("a", 9, &seen.revision).expect("it answers"), Answer::Found(Changed::Same));
    assert_eq!(write(transport, "a", "two", &Precondition::None), Written::Done);
    let changed = transport.read_changed("a", 9, &seen.revision).expect("it answers").found().expect("it is there");
    assert!(matches!(&changed, Changed::Other(fetched) if fetched.bytes == b"two"), "{changed:?}");
    assert_eq!(transport.read_changed("b", 9, &seen.revision).expect("it answers"), Answer::Absent);
}

#[track_caller]
fn rest(transport: &dyn Transport, offset: u64, known: Option<&Revision>) -> (u64, Vec<u8>) {
    let mut body = transport.open_at("a", offset, known).expect("it opens").found().expect("it is there");
    let mut bytes = Vec::new();
    body.reader.read_to_end(&mut bytes).expect("it arrives");
    (body.offset, bytes)
}

fn goes_on_after_a_cut(transport: &dyn Transport) {
    assert_eq!(write(transport, "a", "0123456789", &Precondition::None), Written::Done);
    let begun = transport.open_at("a", 0, None).expect("it opens").found().expect("it is there");
    let state = begun.revision.expect("it is named");
    assert_eq!((begun.offset, begun.size), (0, Some(10)));
    assert_eq!(rest(transport, 7, Some(&state)), (7, b"789".to_vec()));
    assert_eq!(rest(transport, 7, None), (7, b"789".to_vec()));
    assert_eq!(rest(transport, 10, Some(&state)), (0, b"0123456789".to_vec()), "nothing is left, so it begins anew");
    assert_eq!(write(transport, "a", "another text", &Precondition::None), Written::Done);
    assert_eq!(rest(transport, 7, Some(&state)), (0, b"another text".to_vec()));
}

/// More than goes into one request to a bucket.
const LARGE: u64 = 17 * 1024 * 1024;

fn writes_what_is_large_only_if_absent(transport: &dyn Transport) {
    let write = |byte: u8, when: &Precondition| transport.write_from("a", &mut io::repeat(byte).take(LARGE), when).expect("it writes");
    assert_eq!(write(1, &Precondition::Absent), Written::Done);
    assert_eq!(write(2, &Precondition::Absent), Written::PreconditionFailed);
    let mut first = [0];
    transport.open("a").expect("it opens").found().expect("it is there").read_exact(&mut first).expect("it arrives");
    assert_eq!(first, [1]);
    assert_eq!(write(3, &Precondition::None), Written::Done);
    transport.open("a").expect("it opens").found().expect("it is there").read_exact(&mut first).expect("it arrives");
    assert_eq!(first, [3]);
}

#[test]
fn a_cloud_meets_its_own_writes_whose_answers_got_lost_and_keeps_nothing_else() {
    for cloud in [Cloud::google(), Cloud::azure()] {
        let bucket = cloud_bucket(&cloud, BUCKET);
        for (path, when) in [("a", Precondition::Absent), ("b", Precondition::None)] {
            cloud.lose_answers(1);
            assert_eq!(write(&*bucket, path, "one", &when), Written::Done);
            assert_eq!(fetch(&*bucket, path).bytes, b"one");
            assert_eq!(write(&*bucket, path, "two", &Precondition::Absent), Written::PreconditionFailed);
        }
        let large = bucket.write_from("c", &mut io::repeat(1).take(LARGE), &Precondition::Absent).expect("it writes");
        assert_eq!((large, cloud.names()), (Written::Done, ["prefix/a", "prefix/b", "prefix/c"].map(str::to_owned).to_vec()));
    }
}

#[test]
fn a_bucket_of_a_cloud_that_is_missing_is_an_error() {
    for cloud in [Cloud::google(), Cloud::azure()] {
        let transport = cloud_bucket(&cloud, "no-such-bucket");
        assert!(matches!(transport.read("a", 9), Err(NetError::NoRegistry { .. })));
        assert!(matches!(transport.write("a", b"", &Precondition::Absent), Err(NetError::NoRegistry { .. })));
        assert!(matches!(transport.list("index"), Err(NetError::NoRegistry { .. })));
    }
}

#[test]
fn a_bucket_that_is_missing_is_an_error() {
    let Some(moto) = moto() else { return };
    let transport = bucket("no-such-bucket", moto.variables());
    assert!(matches!(transport.read("a", 9), Err(NetError::NoRegistry { .. })));
    assert!(matches!(transport.write("a", b"", &Precondition::Absent), Err(NetError::NoRegistry { .. })));
}

#[test]
fn a_bucket_without_an_account_says_what_it_needs() {
    let profile = tempfile::NamedTempFile::new().expect("a file");
    fs::write(profile.path(), "[default]\naws_access_key_id = test\naws_secret_access_key = hunter2\n[profile sso]\nsso_session = a\n").expect("written");
    let file = |name: &str| (name.to_owned(), profile.path().display().to_string());
    let named = |name: &str| ("AWS_PROFILE".to_owned(), name.to_owned());
    let check = |variables: Vec<(String, String)>, expected: &str| {
        let error = bucket("bucket", variables).read("a", 9).expect_err("it cannot be opened");
        assert_eq!(error.to_string(), expected);
    };
    check(vec![named("nobody"), file("AWS_CONFIG_FILE")], "AWS_PROFILE cannot be used: there is no profile \"nobody\"");
    check(
        vec![named("sso"), file("AWS_CONFIG_FILE")],
        "the AWS profile \"sso\" cannot be used: its keys come by sso_session, which packs does not do: \
         eval \"$(aws configure export-credentials --profile sso --format env)\"",
    );
    let clear = ("AWS_ENDPOINT_URL".to_owned(), "http://s3.example.invalid".to_owned());
    check(
        vec![clear, file("AWS_SHARED_CREDENTIALS_FILE")],
        "the endpoint http://s3.example.invalid/bucket/prefix/a cannot be used: it is not encrypted; AWS_ALLOW_HTTP=true or AZURE_ALLOW_HTTP=true allows it all the same",
    );
    if let Some(moto) = moto() {
        moto.make_bucket("with-a-profile");
        let endpoint = ("AWS_ENDPOINT_URL".to_owned(), moto.address().to_owned());
        assert_eq!(bucket("with-a-profile", vec![endpoint, file("AWS_SHARED_CREDENTIALS_FILE")]).read("a", 9).expect("it opens"), Answer::Absent);
    }
}

/// A write whose answer gets lost is made again, and meets itself.
#[test]
fn a_write_whose_answer_is_lost_is_done_once() {
    let Some(moto) = moto() else { return };
    moto.make_bucket("lossy");
    let direct = bucket("lossy", moto.variables());
    let through = |first: usize| {
        let lost = AtomicUsize::new(first);
        let behind = moto.address()["http://".len()..].to_owned();
        let handler = move |request: &Request| {
            let reply = forward(&behind, request);
            let is_lost = request.method == "PUT" && lost.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
            Some(if is_lost { Reply { status: 500, headers: vec![], body: vec![] } } else { reply })
        };
        FaultServer::with_handler(Path::new("/"), Box::new(handler))
    };
    for (path, when) in [("a", Precondition::Absent), ("b", Precondition::None)] {
        let proxy = through(1);
        let mut variables = moto.variables();
        variables.iter_mut().filter(|(name, _)| name == "AWS_ENDPOINT_URL").for_each(|(_, value)| *value = proxy.address());
        let transport = bucket("lossy", variables);
        assert_eq!(write(&*transport, path, "one", &when), Written::Done);
        assert_eq!(fetch(&*direct, path).bytes, b"one");
        assert_eq!(write(&*transport, path, "two", &Precondition::Absent), Written::PreconditionFailed);
    }
}

/// Sends a request on to another server.
fn forward(host: &str, request: &Request) -> Reply {
    let network = Network::new(NetSettings { retries_max: 0, ..NetSettings::default() });
    let method = match request.method.as_str() {
        "PUT" => HttpMethod::Put,
        "HEAD" => HttpMethod::Head,
        _ => HttpMethod::Get,
    };
    let headers = request.headers.iter().filter(|(name, _)| *name != "content-length").map(|(name, value)| (name.clone(), value.clone())).collect();
    let content = if request.method == "PUT" { HttpContent::Bytes(request.body.clone()) } else { HttpContent::None };
    let mut answer = network.http(&HttpRequest { method, url: format!("http://{host}{}", request.target), headers, content }).expect("it answers");
    let mut body = Vec::new();
    answer.reader.read_to_end(&mut body).expect("it arrives");
    let kept = |name: &str| matches!(name, "etag" | "last-modified" | "content-type" | "content-range");
    let headers = answer.headers.iter().filter(|(name, _)| kept(name)).cloned().collect();
    Reply { status: answer.status, headers, body }
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
