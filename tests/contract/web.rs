//! What reading over http promises, on good days and bad ones.
#![allow(clippy::disallowed_methods, reason = "tests set up their world")]

use std::fs;
use std::io;
use std::io::Read as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use packs::net::Answer;
use packs::net::Body;
use packs::net::Changed;
use packs::net::Fetched;
use packs::net::HttpContent;
use packs::net::HttpMethod;
use packs::net::HttpRequest;
use packs::net::NetError;
use packs::net::NetSettings;
use packs::net::Network;
use packs::net::Precondition;
use packs::net::Transport;

use crate::support::Fault;
use crate::support::FaultServer;
use crate::support::Reply;
use crate::support::Rule;
use crate::support::nginx;

/// Settings that retry twice and at once.
fn settings() -> NetSettings {
    NetSettings { retries_max: 2, backoff: Duration::ZERO, ..NetSettings::default() }
}

/// Settings without patience, for servers that say nothing.
fn impatient() -> NetSettings {
    NetSettings { silence_max: Duration::from_millis(150), ..settings() }
}

/// A server of one document and one archive, and the way to it.
struct World {
    root: tempfile::TempDir,
    server: FaultServer,
    network: Network,
}

const DOCUMENT: &str = "index/ka/kanban.json";
const ARCHIVE: &str = "packs/kanban/1.0.0/kanban-1.0.0.tar.zst";

impl World {
    fn new(rules: Vec<Rule>) -> World {
        World::with(rules, settings())
    }

    fn with(rules: Vec<Rule>, settings: NetSettings) -> World {
        let root = tempfile::tempdir().expect("a directory");
        for (path, content) in [(DOCUMENT, b"{\"one\": 1}".to_vec()), (ARCHIVE, archive())] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("below the root")).expect("made");
            fs::write(path, content).expect("written");
        }
        let server = FaultServer::start(root.path(), rules);
        World { root, server, network: Network::new(settings) }
    }

    fn open(&self) -> Box<dyn Transport> {
        self.network.open(&self.server.address()).expect("it opens")
    }

    fn read(&self) -> Result<Answer<Fetched>, NetError> {
        self.open().read(DOCUMENT, 1024)
    }

    #[track_caller]
    fn reads(&self) -> Fetched {
        self.read().expect("it reads").found().expect("it is there")
    }

    fn body(&self) -> Result<Vec<u8>, NetError> {
        let body = self.open().open_at(ARCHIVE, 0, None)?.found().expect("it is there");
        let mut bytes = vec![];
        let mut reader = body.reader;
        match reader.read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(NetError::Interrupted { address: NetError::of_io(&error).expect("the network's").to_string(), source: fault(error) }),
        }
    }
}

fn fault(error: io::Error) -> packs::net::Fault {
    packs::net::Fault::new(error)
}

/// Bytes that no two places have alike.
fn archive() -> Vec<u8> {
    (0..100_000_u32).flat_map(u32::to_le_bytes).collect()
}

#[track_caller]
fn whole(body: Body) -> Vec<u8> {
    let mut bytes = vec![];
    let mut reader = body.reader;
    reader.read_to_end(&mut bytes).expect("it arrives");
    bytes
}

#[track_caller]
fn opened(transport: &dyn Transport, offset: u64, known: Option<&packs::net::Revision>) -> Body {
    transport.open_at(ARCHIVE, offset, known).expect("it opens").found().expect("it is there")
}

#[test]
fn what_is_there_is_read_and_what_is_not_is_absent() {
    let world = World::new(vec![]);
    assert_eq!(world.reads().bytes, b"{\"one\": 1}");
    let transport = world.open();
    assert_eq!(transport.read("index/no/nothing.json", 9).expect("it answers"), Answer::Absent);
    assert!(matches!(transport.open("packs/nothing").expect("it answers"), Answer::Absent));
    world.server.set_rules(vec![Rule::always("", Fault::Status(410, vec![]))]);
    assert_eq!(world.read().expect("it answers"), Answer::Absent);
    assert!(matches!(transport.write("a", b"", &Precondition::None), Err(NetError::ReadOnly { .. })));
}

#[test]
fn a_real_web_server_is_read() {
    let Some(nginx) = nginx() else { return };
    for (path, content) in [(DOCUMENT, b"{\"one\": 1}".to_vec()), (ARCHIVE, archive())] {
        let path = nginx.root().join("reading").join(path);
        fs::create_dir_all(path.parent().expect("below the root")).expect("made");
        fs::write(path, content).expect("written");
    }
    let transport = Network::new(settings()).open(&format!("{}/reading", nginx.address())).expect("it opens");
    let document = transport.read(DOCUMENT, 1024).expect("it reads").found().expect("it is there");
    assert_eq!(document.bytes, b"{\"one\": 1}");
    assert!(matches!(transport.read(DOCUMENT, 9), Err(NetError::TooLarge { bytes_max: 9, .. })));
    assert_eq!(transport.read_changed(DOCUMENT, 1024, &document.revision).expect("it answers"), Answer::Found(Changed::Same));
    assert_eq!(transport.read("index/no/nothing.json", 9).expect("it answers"), Answer::Absent);
    let begun = opened(&*transport, 0, None);
    let state = begun.revision.clone().expect("it is named");
    assert_eq!((begun.size, whole(begun) == archive()), (Some(400_000), true));
    let rest = opened(&*transport, 300_000, Some(&state));
    assert_eq!((rest.offset, whole(rest) == archive()[300_000..]), (300_000, true));
    assert_eq!(opened(&*transport, 400_000, Some(&state)).offset, 0);
    let other = opened(&*transport, 300_000, Some(&packs::net::Revision::new("\"other\"")));
    assert_eq!((other.offset, whole(other) == archive()), (0, true));
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| assert!(whole(opened(&*transport, 0, None)) == archive()));
        }
    });
    // Only a header asks this server to compress; it is not sent.
    let asked = HttpRequest {
        method: HttpMethod::Get,
        url: format!("{}/reading/{DOCUMENT}", nginx.address()),
        headers: vec![("Accept-Encoding".into(), "gzip".into())],
        content: HttpContent::None,
    };
    let mut answer = Network::new(settings()).http(&asked).expect("it answers");
    let mut text = String::new();
    answer.reader.read_to_string(&mut text).expect("it arrives");
    assert_eq!((answer.header("content-encoding"), text.as_str()), (Some("gzip"), "{\"one\": 1}"), "compressed on the way, and as it was in the end");
}

#[test]
fn https_needs_an_authority_and_never_leads_to_http() {
    let Some(encrypted) = nginx().and_then(|nginx| nginx.encrypted()) else { return };
    let root = nginx().expect("it runs").root();
    for directory in ["tls", "down"] {
        fs::create_dir_all(root.join(directory)).expect("made");
        fs::write(root.join(directory).join("a"), "one").expect("written");
    }
    let trusting = Network::new(NetSettings { certificates: vec![encrypted.authority.clone()], ..settings() });
    let open = |network: &Network, path: &str| network.open(&format!("{}/{path}", encrypted.address)).expect("it opens").read("a", 9);
    assert_eq!(open(&trusting, "tls").expect("it reads").found().expect("it is there").bytes, b"one");
    let error = open(&trusting, "down").expect_err("it leads to http");
    assert!(matches!(error, NetError::Downgrade { .. }), "{error:?}");
    let error = open(&Network::new(settings()), "tls").expect_err("nobody vouches for it");
    assert!(matches!(&error, NetError::Unreachable { source, .. } if source.to_string().contains("certificate")), "{error:?}");
    let empty = tempfile::NamedTempFile::new().expect("a file");
    let nobody = Network::new(NetSettings { certificates: vec![empty.path().to_owned()], ..settings() });
    assert!(matches!(open(&nobody, "tls"), Err(NetError::Setting { .. })));
}

#[test]
fn the_size_is_bounded() {
    let world = World::new(vec![]);
    assert!(world.open().read(DOCUMENT, 10).is_ok());
    assert!(matches!(world.open().read(DOCUMENT, 9), Err(NetError::TooLarge { bytes_max: 9, .. })));
    world.server.set_rules(vec![Rule::always("", Fault::Endless)]);
    assert!(matches!(world.read(), Err(NetError::TooLarge { bytes_max: 1024, .. })));
    world.server.set_rules(vec![Rule::always("", Fault::Gzipped)]);
    assert!(matches!(world.open().read(DOCUMENT, 9), Err(NetError::TooLarge { bytes_max: 9, .. })));
}

#[test]
fn what_is_unchanged_is_not_sent_again() {
    let world = World::new(vec![]);
    let first = world.reads();
    world.server.forget();
    assert_eq!(world.open().read_changed(DOCUMENT, 1024, &first.revision).expect("it answers"), Answer::Found(Changed::Same));
    assert_eq!(world.server.bytes_sent(), 0);
    fs::write(world.root.path().join(DOCUMENT), "two").expect("written");
    let second = world.open().read_changed(DOCUMENT, 1024, &first.revision).expect("it answers").found().expect("it is there");
    assert!(matches!(&second, Changed::Other(fetched) if fetched.bytes == b"two" && fetched.revision != first.revision), "{second:?}");
}

#[test]
fn a_server_without_names_for_states_is_told_apart_by_content() {
    let world = World::new(vec![Rule::always("", Fault::NoRevision)]);
    let first = world.reads();
    assert_eq!(world.open().read_changed(DOCUMENT, 1024, &first.revision).expect("it answers"), Answer::Found(Changed::Same));
    assert_eq!(opened(&*world.open(), 0, None).revision, None);
}

#[test]
fn reading_goes_on_where_it_was_cut() {
    let world = World::new(vec![]);
    let transport = world.open();
    let first = opened(&*transport, 0, None);
    assert_eq!((first.offset, first.size), (0, Some(400_000)));
    let state = first.revision.clone().expect("the server names it");
    assert_eq!(whole(first), archive());
    let rest = opened(&*transport, 300_000, Some(&state));
    assert_eq!((rest.offset, rest.size), (300_000, Some(400_000)));
    assert_eq!(whole(rest), archive()[300_000..]);
    let end = opened(&*transport, 400_000, Some(&state));
    assert_eq!(end.offset, 0, "nothing is left to send, so it begins anew");
    fs::write(world.root.path().join(ARCHIVE), "another").expect("written");
    let other = opened(&*transport, 3, Some(&state));
    assert_eq!((other.offset, whole(other).as_slice()), (0, b"another".as_slice()));
}

#[test]
fn a_server_that_knows_no_ranges_gives_whole_files() {
    for fault in [Fault::IgnoresRange, Fault::OtherRange, Fault::Gzipped] {
        let world = World::new(vec![Rule::always("", fault.clone())]);
        let body = opened(&*world.open(), 300_001, None);
        assert_eq!((body.offset, whole(body) == archive()), (0, true), "{fault:?}");
    }
}

#[test]
fn a_state_that_no_range_can_be_bound_to_begins_anew() {
    let world = World::new(vec![]);
    let weak = packs::net::Revision::new("W/\"weak\"");
    assert_eq!(opened(&*world.open(), 300_000, Some(&weak)).offset, 0);
    assert_eq!(opened(&*world.open(), 300_000, None).offset, 300_000);
}

#[test]
fn faults_that_pass_are_retried() {
    for fault in [
        Fault::NoAnswer,
        Fault::CutAfter(3),
        Fault::ResetAfter(3),
        Fault::ResetAfter(0),
        Fault::TooLong(5),
        Fault::Status(408, vec![]),
        Fault::Status(429, vec![]),
        Fault::Status(429, vec![("Retry-After", "0".into())]),
        Fault::Status(500, vec![]),
        Fault::Status(502, vec![]),
        Fault::Status(503, vec![]),
        Fault::Status(504, vec![]),
    ] {
        let world = World::new(vec![Rule::first(2, "", fault.clone())]);
        assert_eq!(world.read().map(|found| found.found().map(|fetched| fetched.bytes)).expect("it passes"), Some(b"{\"one\": 1}".to_vec()), "{fault:?}");
        assert_eq!(world.server.requests().len(), 3, "{fault:?}");
    }
}

#[test]
fn faults_that_stay_are_told_after_as_many_tries_as_are_allowed() {
    let check = |fault: Fault, expected: &str, requests: usize| {
        let world = World::new(vec![Rule::always("", fault.clone())]);
        let error = world.read().expect_err("it fails").to_string().replace(&world.server.address(), "[SERVER]");
        assert_eq!(error.replace(&world.server.address()["http://".len()..], "[HOST]"), expected, "{fault:?}");
        assert_eq!(world.server.requests().len(), requests, "{fault:?}");
    };
    let status = |status| Fault::Status(status, vec![]);
    check(status(500), "[SERVER]/index/ka/kanban.json answers with status 500 (Internal Server Error)", 3);
    check(status(429), "[SERVER]/index/ka/kanban.json was asked too often", 3);
    check(Fault::Status(429, vec![("Retry-After", "3600".into())]), "[SERVER]/index/ka/kanban.json was asked too often and wants us to wait 3600 s", 1);
    check(status(401), "[HOST] wants credentials for [SERVER]/index/ka/kanban.json", 1);
    check(status(403), "[HOST] does not allow access to [SERVER]/index/ka/kanban.json", 1);
    check(status(418), "[SERVER]/index/ka/kanban.json answers with status 418 (I'm a teapot)", 1);
    check(Fault::CutAfter(3), "the connection for [SERVER]/index/ka/kanban.json broke", 3);
    check(Fault::NoAnswer, "the connection for [SERVER]/index/ka/kanban.json broke", 3);
    check(Fault::Labelled("br"), "[SERVER]/index/ka/kanban.json arrives encoded as br, which was not asked for", 1);
    check(Fault::Labelled("gzip"), "[SERVER]/index/ka/kanban.json arrives encoded as gzip, and damaged, which was not asked for", 1);
    check(Fault::Redirect(302, "mailto:a@b.example".into()), "[SERVER]/index/ka/kanban.json redirects to no address that packs can follow", 1);
    check(Fault::Redirect(302, "/index/ka/kanban.json".into()), "[SERVER]/index/ka/kanban.json redirects more than 10 times", 11);
}

#[test]
fn silence_ends() {
    let passes = World::with(vec![Rule::first(1, "", Fault::StallAfter(None))], impatient());
    assert!(passes.read().is_ok(), "it is asked again");
    for (fault, expected) in [(Fault::StallAfter(None), "no answer came for 0.15 s"), (Fault::StallAfter(Some(3)), "next to nothing arrived for 0.15 s")] {
        let world = World::with(vec![Rule::always("", fault)], impatient());
        let error = world.read().expect_err("it never ends by itself");
        assert!(matches!(error, NetError::Timeout { .. }) && error.to_string().ends_with(expected), "{error}");
    }
    let world = World::with(vec![Rule::always("", Fault::StallAfter(Some(1000)))], impatient());
    assert!(world.body().is_err());
}

#[test]
fn an_archive_that_breaks_off_is_an_error_and_not_an_end() {
    for fault in [Fault::CutAfter(1000), Fault::ResetAfter(1000), Fault::TooLong(5)] {
        let world = World::new(vec![Rule::always("", fault.clone())]);
        assert!(world.body().is_err(), "{fault:?}");
    }
}

#[test]
fn what_a_middlebox_compresses_arrives_as_it_was() {
    let world = World::new(vec![Rule::always("", Fault::Gzipped)]);
    assert_eq!(world.reads().bytes, b"{\"one\": 1}");
    assert!(world.body().expect("it arrives") == archive());
}

#[test]
fn slow_is_not_silent() {
    let slow = Fault::Slow { piece: 50_000, pause: Duration::from_millis(10) };
    let world = World::new(vec![Rule::always("", slow)]);
    assert!(world.body().expect("it arrives") == archive());
}

#[test]
fn redirects_are_followed_without_what_is_secret() {
    let world = World::new(vec![]);
    let elsewhere = FaultServer::start(world.root.path(), vec![Rule::first(1, "", Fault::Redirect(307, format!("{}/{DOCUMENT}", world.server.address())))]);
    let address = elsewhere.address().replace("http://", "http://kim:secret@");
    let found = world.network.open(&address).expect("it opens").read(DOCUMENT, 1024).expect("it reads").found().expect("it is there");
    assert_eq!(found.bytes, b"{\"one\": 1}");
    assert_eq!(elsewhere.requests()[0].header("authorization"), Some("Basic a2ltOnNlY3JldA=="));
    assert_eq!(world.server.requests()[0].header("authorization"), None);
    elsewhere.set_rules(vec![Rule::first(1, "", Fault::Redirect(302, "/".to_owned() + DOCUMENT))]);
    elsewhere.forget();
    assert!(world.network.open(&address).expect("it opens").read(DOCUMENT, 1024).is_ok());
    let kept: Vec<_> = elsewhere.requests().iter().map(|request| request.header("authorization").map(str::to_owned)).collect();
    assert_eq!(kept, [Some("Basic a2ltOnNlY3JldA==".to_owned()), Some("Basic a2ltOnNlY3JldA==".to_owned())], "the same host is told again");
}

#[test]
fn credentials_are_sent_and_never_shown() {
    let world = World::new(vec![Rule::always("", Fault::Status(401, vec![]))]);
    let netrc = world.root.path().join("netrc");
    fs::write(&netrc, "machine 127.0.0.1 login kim password hunter2\n").expect("written");
    let port = world.server.address().rsplit_once(':').expect("it has a port").1.to_owned();
    let token = (format!("PACKS_TOKEN_127_0_0_1_{port}"), "hunter3".to_owned());
    for (variables, expected) in [(vec![], "Basic a2ltOmh1bnRlcjI="), (vec![token], "Bearer hunter3")] {
        let network = Network::new(NetSettings { netrc: Some(netrc.clone()), variables: variables.into_iter().collect(), ..settings() });
        world.server.forget();
        let error = network.open(&world.server.address()).expect("it opens").read(DOCUMENT, 1024).expect_err("it is refused");
        assert_eq!(world.server.requests()[0].header("authorization"), Some(expected));
        assert!(!format!("{error:?} {error}").contains("hunter"), "{error:?}");
    }
}

#[test]
fn many_requests_share_connections_and_go_at_once() {
    let world = World::new(vec![]);
    let transport = world.open();
    for _ in 0..20 {
        assert!(transport.read(DOCUMENT, 1024).is_ok());
    }
    // A connection may still be on its way back to the others when the next request begins.
    let connections = world.server.requests().iter().map(|request| request.connection).max();
    assert!(connections < Some(5), "20 requests, one after the other, took {connections:?} connections besides the first");
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| assert_eq!(whole(opened(&*transport, 0, None)), archive()));
        }
    });
}

#[test]
fn what_nobody_answers_is_unreachable() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}", closed.local_addr().expect("bound"));
    drop(closed);
    let error = Network::new(settings()).open(&address).expect("it opens").read("a", 9).expect_err("nobody is there");
    assert!(matches!(error, NetError::Unreachable { .. }), "{error:?}");
}

#[test]
fn proxies_are_asked_unless_the_host_is_excepted() {
    let proxy = FaultServer::with_handler(Path::new("/"), Box::new(|_| Some(Reply { status: 200, headers: vec![], body: b"proxied".to_vec() })));
    let world = World::new(vec![]);
    let check = |variables: &[(&str, String)], proxied: bool| {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let network = Network::new(NetSettings { variables, ..settings() });
        let found = network.open(&world.server.address()).expect("it opens").read(DOCUMENT, 1024).expect("it reads").found().expect("there");
        assert_eq!(found.bytes == b"proxied", proxied);
    };
    let address = proxy.address();
    check(&[], false);
    check(&[("HTTP_PROXY", address.clone())], true);
    check(&[("http_proxy", address["http://".len()..].to_owned())], true);
    check(&[("ALL_PROXY", address.clone())], true);
    check(&[("HTTPS_PROXY", address.clone())], false);
    check(&[("HTTP_PROXY", address.clone()), ("NO_PROXY", "example.org, 127.0.0.1".into())], false);
    check(&[("HTTP_PROXY", address.clone()), ("REQUEST_METHOD", "GET".into())], false);
    check(&[("HTTP_PROXY", address.clone()), ("http_proxy", String::new())], true);
    let wrong = NetSettings { variables: [("ALL_PROXY".to_owned(), "socks5://kim:hunter2@localhost".to_owned())].into(), ..settings() };
    let error = Network::new(wrong).open(&world.server.address()).expect("it opens").read(DOCUMENT, 1024).expect_err("it cannot be used");
    assert_eq!(error.to_string(), "ALL_PROXY cannot be used: it must be http://HOST:PORT or https://HOST:PORT");
}

#[test]
fn an_api_answers_with_every_status() {
    let echo = |request: &crate::support::Request| {
        let status = request.path().trim_start_matches('/').parse().expect("a status");
        let headers = vec![("X-Method".to_owned(), request.method.clone())];
        Some(Reply { status, headers, body: request.body.clone() })
    };
    let server = FaultServer::with_handler(Path::new("/"), Box::new(echo));
    let network = Network::new(settings());
    let check = |method: HttpMethod, status: u16, content: HttpContent, expected: &[u8], requests: usize| {
        server.forget();
        let request = HttpRequest { method, url: format!("{}/{status}", server.address()), headers: vec![("X-A".into(), "b".into())], content };
        let mut response = network.http(&request).expect("it answers");
        let mut body = vec![];
        response.reader.read_to_end(&mut body).expect("it arrives");
        assert_eq!((response.status, body.as_slice()), (status, expected), "{method:?}");
        assert_eq!(server.requests().len(), requests, "{method:?} {status}");
        assert_eq!(server.requests()[0].header("x-a"), Some("b"));
    };
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), archive()).expect("written");
    check(HttpMethod::Get, 200, HttpContent::None, b"", 1);
    check(HttpMethod::Get, 404, HttpContent::None, b"", 1);
    check(HttpMethod::Get, 503, HttpContent::None, b"", 3);
    check(HttpMethod::Post, 201, HttpContent::Bytes(b"one".to_vec()), b"one", 1);
    check(HttpMethod::Post, 503, HttpContent::Bytes(b"one".to_vec()), b"one", 1);
    check(HttpMethod::Post, 302, HttpContent::None, b"", 1);
    check(HttpMethod::Patch, 422, HttpContent::Bytes(vec![]), b"", 1);
    check(HttpMethod::Delete, 204, HttpContent::None, b"", 1);
    check(HttpMethod::Put, 200, HttpContent::File { path: file.path().to_owned(), size: 400_000 }, &archive(), 1);
    let missing = HttpContent::File { path: "/nothing/here".into(), size: 1 };
    let request = HttpRequest { method: HttpMethod::Post, url: server.address(), headers: vec![], content: missing };
    assert!(matches!(network.http(&request), Err(NetError::Upload { .. })));
}
