//! The one client of a process: its threads, its connections, and how a request is carried out.
//!
//! Every request of packs, to web servers and to buckets, goes through [`Client::send`]: there alone are time-outs, retries, redirects, proxies and
//! certificates.
//!
//! Retried is what may pass (no connection, a broken one, silence, 408, 429, 500, 502, 503, 504), and only where doing it twice is doing it once. Redirects are
//! followed for GET and HEAD; nothing secret goes along to another host, and none leads from https to http.

use std::collections::hash_map::RandomState;
use std::fs;
use std::fs::File;
use std::future::Future;
use std::hash::BuildHasher as _;
use std::io;
use std::io::Read as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use http::HeaderMap;
use http::HeaderValue;
use http::Method;
use http::header;
use tokio::runtime::Runtime;
use url::Url;

use crate::model::without_secrets;
use crate::net::NetError;
use crate::net::NetSettings;
use crate::net::address;
use crate::net::credentials::Credentials;
use crate::net::error::Credential;
use crate::net::error::Fault;
use crate::net::request;
use crate::net::retry;
use crate::net::retry::Schedule;
use crate::net::trust;

/// Redirects followed for one request; browsers stop at 20, curl at 50, and no registry needs more than two or three.
const REDIRECTS_MAX: usize = 10;

/// Threads that move bytes: the second one lets decryption overlap.
const THREADS: usize = 2;

/// Bytes of a file that are sent in one piece.
const PIECE_BYTES: usize = 128 * 1024;

/// What is sent along, as often as it must be.
#[derive(Clone)]
pub(super) enum Content {
    None,
    Bytes(Bytes),
    File { path: PathBuf, size: u64 },
}

/// A request before it is sent.
#[derive(Clone)]
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) content: Content,
    /// Whether it may be sent again when nobody knows whether it was carried out.
    pub(super) repeatable: Repeatable,
    /// Whose credentials are in it; [`Credential::None`] asks for those of the host.
    pub(super) credential: Credential,
}

/// Whether a request may be sent twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeatable {
    Yes,
    /// Only where it was certainly not carried out: no connection, 429, 503.
    IfRefused,
    No,
}

impl Outgoing {
    /// Asks for a file.
    pub(super) fn get(url: Url) -> Outgoing {
        Outgoing { method: Method::GET, url, headers: HeaderMap::new(), content: Content::None, repeatable: Repeatable::Yes, credential: Credential::None }
    }
}

/// An answer before its content is read.
pub(super) struct Incoming {
    /// What was asked for at first, without any secret.
    pub(super) address: String,
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) content: reqwest::Response,
    /// What was sent about who asks.
    pub(super) sent: Credential,
}

impl Incoming {
    /// Gives a header field as text.
    pub(super) fn header(&self, name: &header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Gives the wait that the server asks for.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        retry::parse_retry_after(self.header(&header::RETRY_AFTER)?, self.header(&header::DATE))
    }

    /// Turns a status that is no answer to a reader into its error.
    pub(super) fn refusal(&self) -> NetError {
        let address = self.address.clone();
        let host = Url::parse(&self.address).map_or_else(|_| address.clone(), |url| address::host_of(&url));
        match self.status {
            401 => NetError::Unauthorized { host, address, sent: self.sent },
            403 => NetError::Forbidden { host, address, sent: self.sent },
            429 => NetError::RateLimited { address, retry_after: self.retry_after() },
            status => NetError::Status { address, status },
        }
    }
}

/// Counts the tries of one piece of work, which may be several requests.
pub(super) struct Tries {
    schedule: Schedule,
    retries_made: u32,
}

impl Tries {
    /// Waits for the next try, or says that there is none.
    pub(super) async fn wait(&mut self, asked: Option<Duration>) -> bool {
        let Some(wait) = self.schedule.wait(self.retries_made, random_fraction(), asked) else { return false };
        self.retries_made += 1;
        tokio::time::sleep(wait).await;
        true
    }
}

/// Threads, connections and what is told to whom.
pub(super) struct Client {
    runtime: Option<Runtime>,
    http: reqwest::Client,
    credentials: Credentials,
    schedule: Schedule,
    silence_max: Duration,
}

impl Client {
    /// Starts the threads and reads the files that the settings name.
    pub(super) fn start(settings: &NetSettings) -> Result<Client, NetError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).thread_name("packs-net").enable_all().build();
        Ok(Client {
            runtime: Some(runtime.map_err(|source| NetError::Start { source })?),
            http: trust::build_client(settings)?,
            credentials: Credentials::new(&settings.variables, read_netrc(settings.netrc.as_deref())?),
            schedule: Schedule { retries_max: settings.retries_max, backoff: settings.backoff },
            silence_max: settings.silence_max,
        })
    }

    /// Waits for something that the threads do; any number of threads may wait at once.
    pub(super) fn wait_for<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.as_ref().expect("it runs until it is dropped").block_on(work)
    }

    /// Gives how long silence is borne.
    pub(super) fn silence_max(&self) -> Duration {
        self.silence_max
    }

    /// Begins to count tries.
    pub(super) fn tries(&self) -> Tries {
        Tries { schedule: self.schedule, retries_made: 0 }
    }

    /// Sends a request until it is answered, with redirects and retries; every status is an answer.
    pub(super) async fn send(&self, request: &Outgoing, tries: &mut Tries) -> Result<Incoming, NetError> {
        loop {
            let outcome = self.follow(request).await;
            let (refused, asked) = match &outcome {
                Ok(answer) if retry::may_pass(answer.status) => (matches!(answer.status, 429 | 503), answer.retry_after()),
                Err(error) if error.may_pass() => (matches!(error, NetError::Unreachable { .. }), None),
                _ => return outcome,
            };
            let repeats = request.repeatable == Repeatable::Yes || (request.repeatable == Repeatable::IfRefused && refused);
            if !repeats || !tries.wait(asked).await {
                return outcome;
            }
        }
    }

    /// Sends a request where it leads.
    async fn follow(&self, request: &Outgoing) -> Result<Incoming, NetError> {
        let mut hop = request.clone();
        let address = without_secrets(request.url.as_str());
        let sent = self.authorize(&mut hop)?;
        for _ in 0..=REDIRECTS_MAX {
            let answer = self.exchange(&hop).await?;
            let incoming = Incoming { address: address.clone(), status: answer.status().as_u16(), headers: answer.headers().clone(), sent, content: answer };
            let follows = matches!(incoming.status, 301 | 302 | 303 | 307 | 308) && (hop.method == Method::GET || hop.method == Method::HEAD);
            if !follows {
                return Ok(incoming);
            }
            let target = target(&hop.url, &incoming)?;
            if !same_origin(&hop.url, &target) {
                remove_secrets(&mut hop.headers);
            }
            hop.url = target;
        }
        Err(NetError::TooManyRedirects { address, redirects_max: REDIRECTS_MAX })
    }

    /// Adds what the host may know about who asks, unless the caller did.
    fn authorize(&self, hop: &mut Outgoing) -> Result<Credential, NetError> {
        if hop.credential != Credential::None {
            return Ok(hop.credential);
        }
        let (credential, sent) = self.credentials.take(&mut hop.url)?;
        if hop.headers.contains_key(header::AUTHORIZATION) {
            return Ok(Credential::Caller);
        }
        if let Some(secret) = sent {
            let unusable =
                |_| NetError::Setting { name: format!("the credentials for {}", address::host_of(&hop.url)), reason: "they hold control characters".into() };
            let mut value = HeaderValue::from_str(secret.reveal()).map_err(unusable)?;
            value.set_sensitive(true);
            hop.headers.insert(header::AUTHORIZATION, value);
        }
        Ok(credential)
    }

    /// Sends once, to one address; silence ends it, and sending is no silence.
    async fn exchange(&self, hop: &Outgoing) -> Result<reqwest::Response, NetError> {
        let progress = Arc::new(AtomicU64::new(0));
        let mut request = reqwest::Request::new(hop.method.clone(), hop.url.clone());
        *request.headers_mut() = hop.headers.clone();
        // What is encoded on the way could not be checked against a digest, nor resumed.
        request.headers_mut().entry(header::ACCEPT_ENCODING).or_insert(HeaderValue::from_static("identity"));
        *request.body_mut() = body_of(hop, request.headers_mut(), &progress)?;
        let mut answer = std::pin::pin!(self.http.execute(request));
        loop {
            let before = progress.load(Ordering::Relaxed);
            match tokio::time::timeout(self.silence_max, &mut answer).await {
                Ok(answer) => return answer.map_err(|error| self.broken(&hop.url, error)),
                Err(_) if progress.load(Ordering::Relaxed) != before => {}
                Err(_) => return Err(NetError::Timeout { address: without_secrets(hop.url.as_str()), missing: "no answer came", limit: self.silence_max }),
            }
        }
    }

    /// Says what went wrong below HTTP.
    pub(super) fn broken(&self, url: &Url, error: reqwest::Error) -> NetError {
        let error = error.without_url();
        if error.is_connect() {
            return NetError::Unreachable { host: address::host_of(url), source: Fault::new(error) };
        }
        let address = without_secrets(url.as_str());
        if error.is_timeout() {
            return NetError::Timeout { address, missing: "no answer came", limit: self.silence_max };
        }
        NetError::Interrupted { address, source: Fault::new(error) }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // A name that is being looked up must not keep a command that has ended.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Gives the address that a redirect leads to, if it may be followed.
fn target(from: &Url, answer: &Incoming) -> Result<Url, NetError> {
    let bad = || NetError::BadRedirect { address: answer.address.clone() };
    let mut target = from.join(answer.header(&header::LOCATION).ok_or_else(bad)?).map_err(|_| bad())?;
    if !matches!(target.scheme(), "http" | "https") || !target.has_host() {
        return Err(bad());
    }
    if from.scheme() == "https" && target.scheme() == "http" {
        return Err(NetError::Downgrade { address: answer.address.clone(), target: without_secrets(target.as_str()) });
    }
    // A server does not choose what we say of ourselves.
    let _ = target.set_username("");
    let _ = target.set_password(None);
    Ok(target)
}

fn same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme() && one.host() == other.host() && one.port_or_known_default() == other.port_or_known_default()
}

fn remove_secrets(headers: &mut HeaderMap) {
    let secret: Vec<_> = headers.iter().filter(|(name, value)| value.is_sensitive() || request::is_secret_header(name.as_str())).collect();
    let names: Vec<_> = secret.into_iter().map(|(name, _)| name.clone()).collect();
    for name in names {
        headers.remove(name);
    }
}

/// Makes the content ready to be sent once; each piece that leaves is counted as progress.
fn body_of(hop: &Outgoing, headers: &mut HeaderMap, progress: &Arc<AtomicU64>) -> Result<Option<reqwest::Body>, NetError> {
    Ok(match &hop.content {
        Content::None => None,
        Content::Bytes(bytes) => {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
            Some(counted(pieces(bytes.clone()), progress))
        }
        Content::File { path, size } => {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(*size));
            let file = File::open(path).map_err(|source| NetError::Upload { address: without_secrets(hop.url.as_str()), path: path.clone(), source })?;
            Some(counted(file_pieces(file.take(*size)), progress))
        }
    })
}

fn counted(pieces: impl stream::Stream<Item = io::Result<Bytes>> + Send + 'static, progress: &Arc<AtomicU64>) -> reqwest::Body {
    let progress = Arc::clone(progress);
    reqwest::Body::wrap_stream(pieces.inspect(move |_| {
        progress.fetch_add(1, Ordering::Relaxed);
    }))
}

fn pieces(bytes: Bytes) -> impl stream::Stream<Item = io::Result<Bytes>> {
    stream::unfold(bytes, |mut rest| async move {
        let piece = rest.split_to(rest.len().min(PIECE_BYTES));
        (!piece.is_empty()).then_some((Ok(piece), rest))
    })
}

/// Reads a file as it is sent; the disk is so much quicker than the network that a thread of its own would only cost.
fn file_pieces(file: io::Take<File>) -> impl stream::Stream<Item = io::Result<Bytes>> {
    stream::unfold(file, |mut file| async move {
        let mut piece = vec![0; PIECE_BYTES];
        match file.read(&mut piece) {
            Ok(0) if file.limit() > 0 => Some((Err(io::ErrorKind::UnexpectedEof.into()), file)),
            Ok(0) => None,
            Ok(filled) => {
                piece.truncate(filled);
                Some((Ok(piece.into()), file))
            }
            Err(error) => Some((Err(error), file)),
        }
    })
}

/// Reads the netrc file; one that is not there says nothing.
fn read_netrc(path: Option<&Path>) -> Result<String, NetError> {
    let Some(path) = path else { return Ok(String::new()) };
    match fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(source) => Err(NetError::SettingFile { name: "NETRC".into(), path: path.to_owned(), source }),
    }
}

/// Gives a number in 0..1; the standard library seeds each of its hashers from the system's randomness.
fn random_fraction() -> f64 {
    let bits = RandomState::new().hash_one(0) >> 32;
    f64::from(u32::try_from(bits).expect("32 bits are left")) / f64::from(u32::MAX)
}
