//! The part of GitHub's API that packs speaks, over loopback: releases, assets, uploads, drafts; and the faults it may have.
//!
//! Two ports: one is the API, the pages for people and the place for uploads; the other is the storage that downloads are redirected to, which must never
//! see a token.
#![allow(dead_code, reason = "each test uses a part")]

use std::fs;
use std::io::Read as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use sha2::Digest as _;

use crate::support::Pack;
use crate::support::TestEnv;

/// The repository that there is.
pub(crate) const REPOSITORY: &str = "acme/kanban";

/// The token that may write.
pub(crate) const TOKEN: &str = "ghp-geheim";

/// How long a connection is borne that says nothing, so that no test hangs.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// A server that stands for GitHub as long as it lives.
pub(crate) struct GitHubServer {
    shared: Arc<Shared>,
}

struct Shared {
    api: SocketAddr,
    storage: SocketAddr,
    stopped: AtomicBool,
    state: Mutex<State>,
    /// Told whenever a request was written down, and at the end.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    releases: Vec<Release>,
    faults: Vec<Fault>,
    log: Vec<String>,
    next_id: u64,
    private: bool,
    storage_saw_token: bool,
}

/// A release as the server keeps it.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    pub id: u64,
    pub tag: String,
    pub title: String,
    pub notes: String,
    pub draft: bool,
    pub prerelease: bool,
    pub published_at: Option<String>,
    pub assets: Vec<Asset>,
}

/// An asset as the server keeps it.
#[derive(Debug, Clone)]
pub(crate) struct Asset {
    pub id: u64,
    pub name: String,
    pub whole: bool,
    pub bytes: Vec<u8>,
}

/// Something that goes wrong, so many times, with requests whose line contains a text: `POST /uploads`.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub on: &'static str,
    pub times: usize,
    pub kind: FaultKind,
}

/// What goes wrong.
#[derive(Debug, Clone)]
pub(crate) enum FaultKind {
    /// Another answer: status, header fields, body.
    Answer(u16, Vec<(&'static str, String)>, &'static str),
    /// An upload of which a part is kept, and no answer.
    CutUpload,
    /// What was asked is done, and no answer comes.
    NoAnswer,
    /// An upload that is kept with one byte altered.
    AlteredUpload,
    /// Nothing is done and no answer comes as long as the server lives, over a connection that stays.
    Stall,
}

struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

struct Response {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Response {
    fn of(status: u16, body: Vec<u8>) -> Response {
        Response { status, headers: vec![], body }
    }

    fn json(status: u16, document: &Value) -> Response {
        Response::of(status, document.to_string().into_bytes())
    }

    fn not_found() -> Response {
        Response::json(404, &json!({ "message": "Not Found" }))
    }
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    fn may_write(&self) -> bool {
        self.header("authorization") == Some(&format!("Bearer {TOKEN}"))
    }

    fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    fn query(&self, key: &str) -> Option<&str> {
        self.target.split_once('?')?.1.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
    }

    fn document(&self) -> Value {
        serde_json::from_slice(&self.body).expect("packs sends JSON")
    }
}

/// Builds a pack; gives its archive and its side file, each with its name.
pub(crate) fn by_hand(world: &TestEnv, pack: &Pack) -> Vec<(String, Vec<u8>)> {
    let archive = world.build(pack);
    let name = archive.file_name().expect("a file").to_str().expect("UTF-8").to_owned();
    let side_file = format!("{name}.sha256");
    let read = |name: &str| fs::read(archive.with_file_name(name)).expect("built");
    vec![(name.clone(), read(&name)), (side_file.clone(), read(&side_file))]
}

impl GitHubServer {
    /// Starts a server with an empty repository.
    pub(crate) fn start() -> GitHubServer {
        let bind = || TcpListener::bind("127.0.0.1:0").expect("a port of loopback");
        let (api, storage) = (bind(), bind());
        let address = |listener: &TcpListener| listener.local_addr().expect("bound");
        let state = Mutex::new(State { next_id: 1, ..State::default() });
        let shared = Arc::new(Shared { api: address(&api), storage: address(&storage), stopped: AtomicBool::new(false), state, changed: Condvar::new() });
        listen(api, &shared, Shared::answer_api);
        listen(storage, &shared, Shared::answer_storage);
        GitHubServer { shared }
    }

    /// The address of the API, for `GITHUB_API_URL`.
    pub(crate) fn api(&self) -> String {
        format!("http://{}", self.shared.api)
    }

    /// Publishes a release with assets; its time is its number of the year 2026's days.
    pub(crate) fn add_release(&self, tag: &str, assets: &[(&str, Vec<u8>)]) -> u64 {
        let mut state = self.shared.state();
        let id = state.next_id();
        let assets = assets.iter().map(|(name, bytes)| Asset { id: state.next_id(), name: (*name).to_owned(), whole: true, bytes: bytes.clone() }).collect();
        let published_at = Some(published_at(&state));
        let (title, notes) = (tag.to_owned(), String::new());
        state.releases.push(Release { id, tag: tag.to_owned(), title, notes, draft: false, prerelease: false, published_at, assets });
        id
    }

    /// Publishes a release of archives and their side files, as somebody uploads them by hand.
    pub(crate) fn add_by_hand(&self, world: &TestEnv, tag: &str, packs: &[Pack]) {
        let assets: Vec<(String, Vec<u8>)> = packs.iter().flat_map(|pack| by_hand(world, pack)).collect();
        self.add_assets(tag, &assets);
    }

    /// Publishes a release of these files.
    pub(crate) fn add_assets(&self, tag: &str, assets: &[(String, Vec<u8>)]) {
        let assets: Vec<(&str, Vec<u8>)> = assets.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
        self.add_release(tag, &assets);
    }

    /// Prepares a run of packs that asks this server.
    pub(crate) fn command(&self, world: &TestEnv, arguments: &[&str]) -> Command {
        let mut command = world.command(arguments);
        command.env("GITHUB_API_URL", self.api());
        command
    }

    /// Changes a release.
    pub(crate) fn edit(&self, tag: &str, change: impl FnOnce(&mut Release)) {
        change(self.shared.state().releases.iter_mut().find(|release| release.tag == tag).expect("a release"));
    }

    /// Makes something go wrong.
    pub(crate) fn fail(&self, on: &'static str, times: usize, kind: FaultKind) {
        self.shared.state().faults.push(Fault { on, times, kind });
    }

    /// Shows the repository only to whoever has the token.
    pub(crate) fn make_private(&self) {
        self.shared.state().private = true;
    }

    /// Gives all releases.
    pub(crate) fn releases(&self) -> Vec<Release> {
        self.shared.state().releases.clone()
    }

    /// Gives the requests that the API, the pages and the uploads got since the last call, each with the status of its answer: `GET /repos/… 200`.
    pub(crate) fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.state().log)
    }

    /// Gives those of these requests that count against GitHub's limit.
    pub(crate) fn take_api_requests(&self) -> Vec<String> {
        self.take_log().into_iter().filter(|line| line.contains("/repos/")).collect()
    }

    /// Waits until a request came whose line contains a text.
    pub(crate) fn wait_for(&self, on: &str) {
        let is_missing = |state: &mut State| !state.log.iter().any(|line| line.contains(on));
        let (_state, waited) = self.shared.changed.wait_timeout_while(self.shared.state(), SILENCE_MAX, is_missing).expect("no holder panics");
        assert!(!waited.timed_out(), "no request with {on}");
    }

    /// Tells whether the storage ever got a token.
    pub(crate) fn storage_saw_token(&self) -> bool {
        self.shared.state().storage_saw_token
    }
}

impl Drop for GitHubServer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.shared.changed.notify_all();
        for address in [self.shared.api, self.shared.storage] {
            // Wakes the listener, which then sees that it is to end.
            let _ = TcpStream::connect(address);
        }
    }
}

fn listen(listener: TcpListener, shared: &Arc<Shared>, answer: fn(&Shared, &Request) -> Option<Response>) {
    let shared = Arc::clone(shared);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            if shared.stopped.load(Ordering::SeqCst) {
                return;
            }
            let (Ok(stream), shared) = (stream, Arc::clone(&shared)) else { continue };
            std::thread::spawn(move || serve(stream, &shared, answer));
        }
    });
}

fn serve(mut stream: TcpStream, shared: &Shared, answer: fn(&Shared, &Request) -> Option<Response>) {
    let _ = stream.set_read_timeout(Some(SILENCE_MAX));
    let Some(request) = read_request(&mut stream) else { return };
    let Some(response) = answer(shared, &request) else { return };
    let mut head = format!("HTTP/1.1 {} X\r\nConnection: close\r\nContent-Length: {}\r\n", response.status, response.body.len());
    for (name, value) in &response.headers {
        head += &format!("{name}: {value}\r\n");
    }
    let _ = stream.write_all((head + "\r\n").as_bytes()).and_then(|()| stream.write_all(&response.body));
}

fn read_request(stream: &mut TcpStream) -> Option<Request> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 8192]);
    let head_end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        match stream.read(&mut piece).ok()? {
            0 => return None,
            read => bytes.extend_from_slice(&piece[..read]),
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).ok()?;
    let mut lines = head.split("\r\n");
    let (method, target) = lines.next()?.trim_end_matches(" HTTP/1.1").split_once(' ')?;
    let headers: Vec<(String, String)> =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    let mut body = bytes[head_end + 4..].to_vec();
    while body.len() < length {
        match stream.read(&mut piece).ok()? {
            0 => return None,
            read => body.extend_from_slice(&piece[..read]),
        }
    }
    Some(Request { method: method.to_owned(), target: target.to_owned(), headers, body })
}

impl State {
    fn next_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Takes the fault that is to happen to a request.
    fn take_fault(&mut self, line: &str) -> Option<FaultKind> {
        let fault = self.faults.iter_mut().find(|fault| fault.times > 0 && line.contains(fault.on))?;
        fault.times -= 1;
        Some(fault.kind.clone())
    }

    fn asset(&self, id: u64) -> Option<(&Release, &Asset)> {
        self.releases.iter().find_map(|release| Some((release, release.assets.iter().find(|asset| asset.id == id)?)))
    }
}

fn published_at(state: &State) -> String {
    let day = state.releases.len() + 1;
    format!("2026-{:02}-{:02}T00:00:00Z", day / 28 + 1, day % 28 + 1)
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn answer_storage(&self, request: &Request) -> Option<Response> {
        let mut state = self.state();
        state.storage_saw_token |= request.header("authorization").is_some();
        let id = request.path().trim_start_matches('/').parse().ok()?;
        Some(state.asset(id).map_or_else(Response::not_found, |(_, asset)| Response::of(200, asset.bytes.clone())))
    }

    fn answer_api(&self, request: &Request) -> Option<Response> {
        let line = format!("{} {}", request.method, request.target);
        let fault = self.state().take_fault(&line);
        let response = match fault {
            Some(FaultKind::Stall) => {
                self.write_down(format!("{line} -"));
                let is_alive = |_: &mut State| !self.stopped.load(Ordering::SeqCst);
                drop(self.changed.wait_timeout_while(self.state(), SILENCE_MAX, is_alive));
                return None;
            }
            Some(FaultKind::Answer(status, headers, body)) => Some(Response { status, headers, body: body.as_bytes().to_vec() }),
            Some(kind @ (FaultKind::CutUpload | FaultKind::AlteredUpload)) => self.upload(request, Some(kind)),
            Some(FaultKind::NoAnswer) => {
                self.answer(request);
                None
            }
            None => self.answer(request),
        };
        let status = response.as_ref().map_or_else(|| "-".to_owned(), |response| response.status.to_string());
        self.write_down(format!("{line} {status}"));
        response
    }

    fn write_down(&self, line: String) {
        self.state().log.push(line);
        self.changed.notify_all();
    }

    fn answer(&self, request: &Request) -> Option<Response> {
        let repository = format!("/repos/{REPOSITORY}/releases");
        let path = request.path().to_owned();
        let may_write = request.may_write();
        if request.header("authorization").is_some() && !may_write {
            return Some(Response::json(401, &json!({ "message": "Bad credentials" })));
        }
        if path.starts_with("/uploads/") {
            return self.upload(request, None);
        }
        if let Some(page) = path.strip_prefix(&format!("/{REPOSITORY}/releases/download/")) {
            return Some(self.page_for_people(page));
        }
        let Some(rest) = path.strip_prefix(&repository).filter(|_| may_write || !self.state().private) else { return Some(Response::not_found()) };
        let number = |text: &str| text.parse::<u64>().ok();
        Some(match (request.method.as_str(), rest.trim_start_matches('/').split('/').collect::<Vec<_>>().as_slice()) {
            ("GET", [""]) => self.list(request),
            (_, _) if !may_write && request.method != "GET" => Response::json(403, &json!({ "message": "Resource not accessible" })),
            ("POST", [""]) => self.create(request),
            ("GET", ["assets", id]) => self.asset(number(id)?, may_write),
            ("DELETE", ["assets", id]) => self.delete_asset(number(id)?),
            ("GET", [id]) => self.show(number(id)?, may_write),
            ("PATCH", [id]) => self.patch(number(id)?, request),
            ("DELETE", [id]) => self.delete(number(id)?),
            _ => Response::not_found(),
        })
    }

    fn document(&self, release: &Release) -> Value {
        let digest = |asset: &Asset| sha2::Sha256::digest(&asset.bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let asset = |asset: &Asset| {
            json!({
                "id": asset.id, "name": asset.name, "state": if asset.whole { "uploaded" } else { "starter" }, "size": asset.bytes.len(),
                "digest": format!("sha256:{}", digest(asset)),
                "url": format!("http://{}/repos/{REPOSITORY}/releases/assets/{}", self.api, asset.id),
                "browser_download_url": format!("http://{}/{REPOSITORY}/releases/download/{}/{}", self.api, release.tag, asset.name),
            })
        };
        json!({
            "id": release.id, "tag_name": release.tag, "name": release.title, "body": release.notes, "draft": release.draft,
            "prerelease": release.prerelease, "published_at": release.published_at,
            "html_url": format!("http://{}/{REPOSITORY}/releases/tag/{}", self.api, release.tag),
            "upload_url": format!("http://{}/uploads/repos/{REPOSITORY}/releases/{}/assets{{?name,label}}", self.api, release.id),
            "assets": release.assets.iter().map(asset).collect::<Vec<_>>(),
        })
    }

    fn list(&self, request: &Request) -> Response {
        let number = |key: &str, usual: usize| request.query(key).and_then(|text| text.parse().ok()).unwrap_or(usual);
        let (per_page, page) = (number("per_page", 30), number("page", 1));
        let shown: Vec<Value> =
            self.state().releases.iter().rev().filter(|release| request.may_write() || !release.draft).map(|release| self.document(release)).collect();
        let start = (page - 1) * per_page;
        let body = Value::Array(shown.iter().skip(start).take(per_page).cloned().collect()).to_string();
        let etag = format!("W/\"{}\"", sha2::Sha256::digest(body.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>());
        let mut headers = vec![("ETag", etag.clone())];
        if shown.len() > start + per_page {
            headers.push(("Link", format!("<http://{}/x?page={}>; rel=\"next\"", self.api, page + 1)));
        }
        if request.header("if-none-match") == Some(&etag) {
            return Response { status: 304, headers, body: vec![] };
        }
        Response { status: 200, headers, body: body.into_bytes() }
    }

    fn page_for_people(&self, page: &str) -> Response {
        let state = self.state();
        let found = page.split_once('/').filter(|_| !state.private).and_then(|(tag, name)| {
            let release = state.releases.iter().find(|release| release.tag == tag && !release.draft)?;
            release.assets.iter().find(|asset| asset.name == name)
        });
        found.map_or_else(Response::not_found, |asset| self.to_storage(asset))
    }

    fn asset(&self, id: u64, may_write: bool) -> Response {
        let state = self.state();
        let found = state.asset(id).filter(|(release, _)| may_write || !release.draft);
        found.map_or_else(Response::not_found, |(_, asset)| self.to_storage(asset))
    }

    fn to_storage(&self, asset: &Asset) -> Response {
        Response { status: 302, headers: vec![("Location", format!("http://{}/{}?sig=geheim", self.storage, asset.id))], body: vec![] }
    }

    fn show(&self, id: u64, may_write: bool) -> Response {
        let release = self.state().releases.iter().find(|release| release.id == id && (may_write || !release.draft)).cloned();
        release.map_or_else(Response::not_found, |release| Response::json(200, &self.document(&release)))
    }

    fn create(&self, request: &Request) -> Response {
        let document = request.document();
        let text = |key: &str| document[key].as_str().unwrap_or_default().to_owned();
        let mut state = self.state();
        let id = state.next_id();
        let draft = document["draft"] == true;
        let published_at = (!draft).then(|| published_at(&state));
        let prerelease = document["prerelease"] == true;
        let release = Release { id, tag: text("tag_name"), title: text("name"), notes: text("body"), draft, prerelease, published_at, assets: vec![] };
        state.releases.push(release.clone());
        drop(state);
        Response::json(201, &self.document(&release))
    }

    fn patch(&self, id: u64, request: &Request) -> Response {
        let document = request.document();
        let mut state = self.state();
        let at = published_at(&state);
        let Some(release) = state.releases.iter_mut().find(|release| release.id == id) else { return Response::not_found() };
        document["body"].as_str().unwrap_or_default().clone_into(&mut release.notes);
        release.prerelease = document["prerelease"] == true;
        if release.draft && document["draft"] == false {
            (release.draft, release.published_at) = (false, Some(at));
        }
        let release = release.clone();
        drop(state);
        Response::json(200, &self.document(&release))
    }

    fn delete(&self, id: u64) -> Response {
        let mut state = self.state();
        let before = state.releases.len();
        state.releases.retain(|release| release.id != id);
        if state.releases.len() == before { Response::not_found() } else { Response::of(204, vec![]) }
    }

    fn delete_asset(&self, id: u64) -> Response {
        let mut state = self.state();
        let found = state.asset(id).is_some();
        state.releases.iter_mut().for_each(|release| release.assets.retain(|asset| asset.id != id));
        if found { Response::of(204, vec![]) } else { Response::not_found() }
    }

    /// Takes an upload; gives no answer where it is cut.
    #[allow(clippy::needless_pass_by_value, reason = "as the other answers take it")]
    fn upload(&self, request: &Request, fault: Option<FaultKind>) -> Option<Response> {
        if !request.may_write() {
            return Some(Response::json(401, &json!({ "message": "Requires authentication" })));
        }
        let release_id: u64 = request.path().split('/').nth(6)?.parse().ok()?;
        let name = request.query("name")?.to_owned();
        let mut bytes = request.body.clone();
        let is_cut = matches!(fault, Some(FaultKind::CutUpload));
        match fault {
            Some(FaultKind::CutUpload) => bytes.truncate(bytes.len() / 2),
            Some(FaultKind::AlteredUpload) => bytes[0] ^= 1,
            _ => {}
        }
        let mut state = self.state();
        let id = state.next_id();
        let release = state.releases.iter_mut().find(|release| release.id == release_id)?;
        if release.assets.iter().any(|asset| asset.name == name) {
            return Some(Response::json(422, &json!({ "message": "Validation Failed", "errors": [{ "resource": "ReleaseAsset", "code": "already_exists" }] })));
        }
        release.assets.push(Asset { id, name: name.clone(), whole: !is_cut, bytes });
        let document = self.document(&release.clone());
        drop(state);
        let uploaded = document["assets"].as_array()?.iter().find(|asset| asset["name"] == name)?.clone();
        (!is_cut).then(|| Response::json(201, &uploaded))
    }
}
