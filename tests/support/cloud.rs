//! Google Cloud Storage and Azure Blob Storage on loopback, as far as packs speaks them: one bucket, in memory.
//!
//! Each request is one step, as in the services: conditions are looked at and obeyed under one lock. What is not signed is refused.
#![allow(dead_code, reason = "each test uses a part")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;

use crate::support::FaultServer;
use crate::support::Reply;
use crate::support::Request;

/// The bucket, or container, that there is.
pub(crate) const BUCKET: &str = "bucket";

/// When everything was changed last.
const CHANGED: &str = "Thu, 01 Jan 2026 00:00:00 GMT";

/// The key of the account in Azure: `hunter2`, in base64.
const AZURE_KEY: &str = "aHVudGVyMg==";

/// A service that lives as long as this.
pub(crate) struct Cloud {
    service: Service,
    server: FaultServer,
    shared: Arc<Mutex<State>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    Google,
    Azure,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Object>,
    /// Pieces that are not put together yet, by upload and then by what they are called.
    pieces: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    generation: u64,
    /// How many writes are still to be carried out and answered with a failure.
    answers_to_lose: usize,
}

#[derive(Clone)]
struct Object {
    bytes: Vec<u8>,
    generation: u64,
}

impl Cloud {
    /// Starts Google's.
    pub(crate) fn google() -> Cloud {
        Cloud::start(Service::Google)
    }

    /// Starts Azure's.
    pub(crate) fn azure() -> Cloud {
        Cloud::start(Service::Azure)
    }

    fn start(service: Service) -> Cloud {
        let shared = Arc::new(Mutex::new(State { generation: 1_767_225_600_000_000, ..State::default() }));
        let state = Arc::clone(&shared);
        let handler = move |request: &Request| Some(answer(service, &mut state.lock().expect("no holder panics"), request));
        Cloud { service, server: FaultServer::with_handler(Path::new("/"), Box::new(handler)), shared }
    }

    /// The address of a registry in a bucket of the service.
    pub(crate) fn address(&self, bucket: &str) -> String {
        let scheme = if self.service == Service::Google { "gs" } else { "az" };
        format!("{scheme}://{bucket}/prefix")
    }

    /// The variables of somebody with an account.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        let variables = match self.service {
            Service::Google => vec![("GOOGLE_BASE_URL", self.server.address()), ("GOOGLE_BEARER_TOKEN", "hunter2".to_owned())],
            Service::Azure => vec![
                ("AZURE_STORAGE_ENDPOINT", self.server.address()),
                ("AZURE_STORAGE_ACCOUNT_NAME", "acme".to_owned()),
                ("AZURE_STORAGE_ACCOUNT_KEY", AZURE_KEY.to_owned()),
            ],
        };
        variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Carries out the next writes and answers that it failed.
    pub(crate) fn lose_answers(&self, count: usize) {
        self.shared.lock().expect("no holder panics").answers_to_lose = count;
    }

    /// The names of all objects.
    pub(crate) fn names(&self) -> Vec<String> {
        self.shared.lock().expect("no holder panics").objects.keys().cloned().collect()
    }
}

fn answer(service: Service, state: &mut State, request: &Request) -> Reply {
    let signed = request.header("authorization").is_some_and(|given| match service {
        Service::Google => given == "Bearer hunter2",
        Service::Azure => given.starts_with("SharedKey acme:"),
    });
    if !signed {
        return failure(403, "AuthenticationFailed");
    }
    let path = unescaped(request.path().trim_start_matches('/'));
    let (bucket, name) = path.split_once('/').unwrap_or((&path, ""));
    if bucket != BUCKET {
        return failure(404, if service == Service::Google { "NoSuchBucket" } else { "ContainerNotFound" });
    }
    let reply = match (service, request.method.as_str(), name) {
        (Service::Google, "GET", "") => list(service, state, request),
        (Service::Azure, "GET", "") if query(request, "comp").as_deref() == Some("list") => list(service, state, request),
        (Service::Azure, "POST", _) => remove_batch(state, request),
        (_, "GET" | "HEAD", _) => read(state, request, name),
        (_, "DELETE", _) => {
            let known = state.pieces.remove(&query(request, "uploadId").unwrap_or_default()).is_some() || state.objects.remove(name).is_some();
            if known { empty(204) } else { failure(404, "NoSuchKey") }
        }
        (Service::Google, _, _) => write_google(state, request, name),
        (Service::Azure, _, _) => write_azure(state, request, name),
    };
    if request.method == "PUT" && reply.status < 300 && state.answers_to_lose > 0 {
        state.answers_to_lose -= 1;
        return empty(500);
    }
    reply
}

fn read(state: &State, request: &Request, name: &str) -> Reply {
    let Some(object) = state.objects.get(name) else { return failure(404, "NoSuchKey") };
    let tag = tag(object);
    if request.header("if-match").is_some_and(|wanted| wanted != tag) {
        return failure(412, "PreconditionFailed");
    }
    let mut headers = described(object);
    if request.header("if-none-match") == Some(&tag) {
        return Reply { status: 304, headers, body: vec![] };
    }
    let first = request.header("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    match first {
        Some(first) if first >= object.bytes.len() => failure(416, "InvalidRange"),
        Some(first) => {
            headers.push(("Content-Range".to_owned(), format!("bytes {first}-{}/{}", object.bytes.len() - 1, object.bytes.len())));
            Reply { status: 206, headers, body: object.bytes[first..].to_vec() }
        }
        None => Reply { status: 200, headers, body: object.bytes.clone() },
    }
}

/// Lists two objects at a time, so that whoever lists must go on.
fn list(service: Service, state: &State, request: &Request) -> Reply {
    let prefix = query(request, "prefix").unwrap_or_default();
    let after = query(request, "continuation-token").or_else(|| query(request, "marker")).unwrap_or_default();
    let mut fitting = state.objects.iter().filter(|(name, _)| name.starts_with(&prefix) && **name > after);
    let page: Vec<(&String, &Object)> = fitting.by_ref().take(2).collect();
    let next = page.last().filter(|_| fitting.next().is_some()).map(|(name, _)| name.as_str());
    let mut entries = String::new();
    for (name, object) in page {
        let (size, tag) = (object.bytes.len(), tag(object).replace('"', "&quot;"));
        let _ = match service {
            Service::Google => write!(
                entries,
                "<Contents><Key>{name}</Key><Size>{size}</Size><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>{tag}</ETag></Contents>"
            ),
            Service::Azure => write!(
                entries,
                "<Blob><Name>{name}</Name><Properties><Last-Modified>{CHANGED}</Last-Modified><Content-Length>{size}</Content-Length>\
                 <Content-Type>application/octet-stream</Content-Type><Etag>{tag}</Etag></Properties></Blob>"
            ),
        };
    }
    let body = match service {
        Service::Google => {
            let next = next.map_or_else(String::new, |next| format!("<NextContinuationToken>{next}</NextContinuationToken>"));
            format!("<?xml version=\"1.0\"?><ListBucketResult>{entries}{next}</ListBucketResult>")
        }
        Service::Azure => {
            let next = next.unwrap_or_default();
            format!("<?xml version=\"1.0\"?><EnumerationResults><Blobs>{entries}</Blobs><NextMarker>{next}</NextMarker></EnumerationResults>")
        }
    };
    Reply { status: 200, headers: vec![("Content-Type".to_owned(), "application/xml".to_owned())], body: body.into_bytes() }
}

fn write_google(state: &mut State, request: &Request, name: &str) -> Reply {
    let generation = state.objects.get(name).map_or(0, |object| object.generation);
    match request.header("x-goog-if-generation-match").map(str::parse::<u64>) {
        Some(Err(_)) => return failure(400, "InvalidArgument"),
        Some(Ok(wanted)) if wanted != generation => return failure(412, "PreconditionFailed"),
        _ => {}
    }
    if request.target.contains("uploads=") {
        let id = format!("upload-{}", state.pieces.len());
        state.pieces.insert(id.clone(), BTreeMap::new());
        let body = format!("<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>");
        return Reply { status: 200, headers: vec![], body: body.into_bytes() };
    }
    let Some(id) = query(request, "uploadId") else { return put(state, request, (name, "x-goog-copy-source", 200)) };
    if let Some(number) = query(request, "partNumber") {
        let Some(pieces) = state.pieces.get_mut(&id) else { return failure(404, "NoSuchUpload") };
        pieces.insert(format!("{number:0>6}"), request.body.clone());
        return Reply { status: 200, headers: vec![("ETag".to_owned(), format!("\"{number}\""))], body: vec![] };
    }
    let Some(pieces) = state.pieces.remove(&id) else { return failure(404, "NoSuchUpload") };
    let object = keep(state, name, pieces.into_values().flatten().collect());
    let body = format!("<CompleteMultipartUploadResult><ETag>{}</ETag></CompleteMultipartUploadResult>", tag(&object).replace('"', "&quot;"));
    Reply { status: 200, headers: described(&object), body: body.into_bytes() }
}

fn write_azure(state: &mut State, request: &Request, name: &str) -> Reply {
    let found = state.objects.get(name).map(tag);
    if request.header("if-none-match") == Some("*") && found.is_some() {
        return failure(409, "BlobAlreadyExists");
    }
    if request.header("if-match").is_some_and(|wanted| found.as_deref() != Some(wanted)) {
        return failure(412, "ConditionNotMet");
    }
    match query(request, "comp").as_deref() {
        Some("block") => {
            state.pieces.entry(name.to_owned()).or_default().insert(query(request, "blockid").unwrap_or_default(), request.body.clone());
            empty(201)
        }
        Some("blocklist") => {
            let text = String::from_utf8(request.body.clone()).expect("XML");
            let ids = text.split("<Uncommitted>").skip(1).filter_map(|rest| rest.split('<').next());
            let pieces = state.pieces.remove(name).unwrap_or_default();
            let Some(bytes) = ids.map(|id| pieces.get(id).cloned()).collect::<Option<Vec<_>>>() else { return failure(400, "InvalidBlockList") };
            let object = keep(state, name, bytes.concat());
            Reply { status: 201, headers: described(&object), body: vec![] }
        }
        _ if request.header("x-ms-copy-source").is_none() && request.header("x-ms-blob-type") != Some("BlockBlob") => failure(400, "InvalidHeaderValue"),
        _ => put(state, request, (name, "x-ms-copy-source", 201)),
    }
}

/// Keeps what was sent, or what another object holds.
fn put(state: &mut State, request: &Request, (name, copy_header, status): (&str, &str, u16)) -> Reply {
    let bytes = match request.header(copy_header) {
        None => request.body.clone(),
        Some(source) => {
            let source = unescaped(source.rsplit_once("://").map_or(source, |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path)));
            let Some(object) = source.split_once('/').and_then(|(_, from)| state.objects.get(from)) else { return failure(404, "NoSuchKey") };
            object.bytes.clone()
        }
    };
    let object = keep(state, name, bytes);
    Reply { status, headers: described(&object), body: vec![] }
}

fn keep(state: &mut State, name: &str, bytes: Vec<u8>) -> Object {
    state.generation += 1;
    let object = Object { bytes, generation: state.generation };
    state.objects.insert(name.to_owned(), object.clone());
    object
}

/// Removes what the parts of a batch name.
fn remove_batch(state: &mut State, request: &Request) -> Reply {
    let text = String::from_utf8_lossy(&request.body).into_owned();
    let mut body = String::new();
    for (number, line) in text.lines().filter_map(|line| line.strip_prefix("DELETE ")).enumerate() {
        let path = unescaped(line.split([' ', '?']).next().unwrap_or_default().trim_start_matches('/'));
        let removed = path.split_once('/').and_then(|(_, name)| state.objects.remove(name));
        let status = if removed.is_some() { "202 Accepted" } else { "404 The specified blob does not exist." };
        let _ = write!(body, "--batch\r\nContent-Type: application/http\r\nContent-ID: {number}\r\n\r\nHTTP/1.1 {status}\r\nx-ms-version: 1\r\n\r\n");
    }
    let headers = vec![("Content-Type".to_owned(), "multipart/mixed; boundary=batch".to_owned())];
    Reply { status: 202, headers, body: (body + "--batch--\r\n").into_bytes() }
}

fn described(object: &Object) -> Vec<(String, String)> {
    let headers = [("ETag", tag(object)), ("Last-Modified", CHANGED.to_owned()), ("x-goog-generation", object.generation.to_string())];
    headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn tag(object: &Object) -> String {
    format!("\"0x{:X}\"", object.generation)
}

fn empty(status: u16) -> Reply {
    Reply { status, headers: vec![], body: vec![] }
}

fn failure(status: u16, code: &str) -> Reply {
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>no</Message></Error>");
    Reply { status, headers: vec![("Content-Type".to_owned(), "application/xml".to_owned())], body: body.into_bytes() }
}

fn query(request: &Request, key: &str) -> Option<String> {
    let pairs = url::form_urlencoded::parse(request.target.split_once('?')?.1.as_bytes());
    pairs.into_iter().find(|(name, _)| name == key).map(|(_, value)| value.into_owned())
}

/// Replaces `%2F` and the like by what they stand for.
fn unescaped(text: &str) -> String {
    url::form_urlencoded::parse(text.replace('+', "%2B").as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}
