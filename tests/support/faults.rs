//! A web server on loopback that serves a directory and misbehaves as told.
//!
//! It speaks plain HTTP/1.1 with keep-alive, `ETag`, `If-None-Match`, `Range` and `If-Range`; each request is written down. A [`Rule`] says which requests
//! meet which [`Fault`]; the first rule that fits and is not used up counts, and without one the file is served as it is.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read as _;
use std::io::Write as _;
use std::net::Shutdown;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

/// How a server may misbehave.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// The connection ends, in order, after so many bytes of the body.
    CutAfter(usize),
    /// The connection is reset after so many bytes of the body.
    ResetAfter(usize),
    /// The connection ends before an answer begins.
    NoAnswer,
    /// Nothing more comes after so many bytes of the body, until the server ends; `None`: not even a head.
    StallAfter(Option<usize>),
    /// So many bytes at a time, with a pause between: in all as many pauses as the body has pieces.
    Slow {
        /// Bytes of a piece.
        piece: usize,
        /// What lies between two of them.
        pause: Duration,
    },
    /// `Content-Length` says so many bytes more than there are.
    TooLong(usize),
    /// `Content-Length` says so many bytes fewer than are sent.
    TooShort(usize),
    /// The body ends so many bytes early, and `Content-Length` agrees.
    Truncated(usize),
    /// The byte at this place is another.
    Altered(usize),
    /// The body is compressed, and the head says so.
    Gzipped,
    /// The head says that the body has this encoding, and it has not.
    Labelled(&'static str),
    /// A body without an end, in chunks.
    Endless,
    /// This status, with these header fields, instead of the file.
    Status(u16, Vec<(&'static str, String)>),
    /// A redirect to this address.
    Redirect(u16, String),
    /// The whole file, whatever range was asked for.
    IgnoresRange,
    /// A range, but another than was asked for.
    OtherRange,
    /// The file without a name for its state.
    NoRevision,
}

/// Which requests meet a fault.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    /// What the path must contain.
    pub(crate) path: String,
    /// How many such requests pass before the first fault.
    pub(crate) after: usize,
    /// How many meet it then.
    pub(crate) times: usize,
    /// What they meet.
    pub(crate) fault: Fault,
}

impl Rule {
    /// Every request whose path contains `path`.
    pub(crate) fn always(path: &str, fault: Fault) -> Rule {
        Rule { path: path.to_owned(), after: 0, times: usize::MAX, fault }
    }

    /// The first `times` such requests.
    pub(crate) fn first(times: usize, path: &str, fault: Fault) -> Rule {
        Rule { path: path.to_owned(), after: 0, times, fault }
    }
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// GET, HEAD, …
    pub(crate) method: String,
    /// What was asked for, with its query.
    pub(crate) target: String,
    /// Header fields, names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// What was sent along.
    pub(crate) body: Vec<u8>,
    /// The number of the connection it came over.
    pub(crate) connection: usize,
}

impl Request {
    /// The path, without query.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// A header field, named in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// An answer that a test makes itself.
pub(crate) struct Reply {
    /// The status.
    pub(crate) status: u16,
    /// Header fields, besides `Content-Length`.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// Answers a request before any rule or file does; `None` leaves it to them.
pub(crate) type Handler = Box<dyn Fn(&Request) -> Option<Reply> + Send + Sync>;

struct Shared {
    root: PathBuf,
    rules: Mutex<Vec<Rule>>,
    log: Mutex<Vec<Request>>,
    bytes_sent: Mutex<u64>,
    handler: Option<Handler>,
    ended: AtomicBool,
}

/// The server; it ends when this is dropped.
pub(crate) struct FaultServer {
    shared: Arc<Shared>,
    port: u16,
}

impl FaultServer {
    /// Starts a server of the files below a directory.
    pub(crate) fn start(root: &Path, rules: Vec<Rule>) -> FaultServer {
        FaultServer::run(root, rules, None)
    }

    /// Starts a server that asks `handler` first: an API.
    pub(crate) fn with_handler(root: &Path, handler: Handler) -> FaultServer {
        FaultServer::run(root, vec![], Some(handler))
    }

    fn run(root: &Path, rules: Vec<Rule>, handler: Option<Handler>) -> FaultServer {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let shared = Arc::new(Shared {
            root: root.to_owned(),
            rules: Mutex::new(rules),
            log: Mutex::new(vec![]),
            bytes_sent: Mutex::new(0),
            handler,
            ended: AtomicBool::new(false),
        });
        let served = Arc::clone(&shared);
        thread::spawn(move || {
            for (number, connection) in listener.incoming().enumerate() {
                if served.ended.load(Ordering::Acquire) {
                    return;
                }
                let Ok(connection) = connection else { continue };
                let served = Arc::clone(&served);
                // A client that goes away is no failure of the server's.
                thread::spawn(move || drop(serve(&served, connection, number)));
            }
        });
        FaultServer { shared, port }
    }

    /// The address of the root: `http://127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Replaces the rules.
    pub(crate) fn set_rules(&self, rules: Vec<Rule>) {
        *lock(&self.shared.rules) = rules;
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        lock(&self.shared.log).clone()
    }

    /// Forgets the requests and the bytes so far.
    pub(crate) fn forget(&self) {
        lock(&self.shared.log).clear();
        *lock(&self.shared.bytes_sent) = 0;
    }

    /// How many bytes of bodies were sent so far.
    pub(crate) fn bytes_sent(&self) -> u64 {
        *lock(&self.shared.bytes_sent)
    }
}

impl Drop for FaultServer {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Whether a connection takes further requests.
#[derive(PartialEq, Eq)]
enum After {
    Open,
    Closed,
}

#[allow(clippy::needless_pass_by_value, reason = "the connection is closed when this ends")]
fn serve(shared: &Shared, connection: TcpStream, number: usize) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut reader = BufReader::new(connection.try_clone()?);
    while let Some(request) = read_request(&mut reader, number)? {
        lock(&shared.log).push(request.clone());
        if answer(shared, &connection, &request)? == After::Closed {
            return Ok(());
        }
    }
    Ok(())
}

fn read_request(reader: &mut BufReader<TcpStream>, connection: usize) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let mut body = vec![0; headers.get("content-length").and_then(|size| size.parse().ok()).unwrap_or(0)];
    reader.read_exact(&mut body)?;
    Ok(Some(Request { method, target, headers, body, connection }))
}

/// Takes the fault that this request meets, if any.
fn fault_for(shared: &Shared, request: &Request) -> Option<Fault> {
    let mut rules = lock(&shared.rules);
    let rule = rules.iter_mut().find(|rule| request.path().contains(&rule.path) && rule.times > 0)?;
    if rule.after > 0 {
        rule.after -= 1;
        return None;
    }
    rule.times -= 1;
    Some(rule.fault.clone())
}

/// An answer on its way.
struct Sending<'a> {
    shared: &'a Shared,
    connection: &'a TcpStream,
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    head_only: bool,
}

fn answer(shared: &Shared, connection: &TcpStream, request: &Request) -> io::Result<After> {
    let head_only = request.method == "HEAD";
    if let Some(reply) = shared.handler.as_ref().and_then(|handler| handler(request)) {
        return Sending { shared, connection, status: reply.status, headers: reply.headers, body: reply.body, head_only }.whole();
    }
    let fault = fault_for(shared, request);
    let (status, headers, body) = file(&shared.root, request, fault.as_ref());
    let sending = Sending { shared, connection, status, headers, body, head_only };
    match fault {
        Some(fault) => sending.with(fault),
        None => sending.whole(),
    }
}

/// The answer of a server that behaves; a few faults are other choices of such a one.
fn file(root: &Path, request: &Request, fault: Option<&Fault>) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let path = request.path().trim_start_matches('/').replace("%2B", "+").replace("%2F", "/").replace("%40", "@");
    let content = if path.contains("..") { Err(io::ErrorKind::NotFound.into()) } else { fs::read(root.join(path)) };
    let Ok(content) = content else { return (404, vec![], b"nothing here\n".to_vec()) };
    let tag = format!("\"{}\"", &blake3::hash(&content).to_hex()[..16]);
    let mut headers = vec![("Accept-Ranges".to_owned(), "bytes".to_owned())];
    if !matches!(fault, Some(Fault::NoRevision)) {
        headers.push(("ETag".to_owned(), tag.clone()));
    }
    if request.header("if-none-match") == Some(&tag) {
        return (304, headers, vec![]);
    }
    let range = request.header("range").filter(|_| request.header("if-range").is_none_or(|state| state == tag));
    let first = range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let first = first.filter(|_| !matches!(fault, Some(Fault::IgnoresRange)));
    match first {
        Some(first) if first >= content.len() => (416, vec![("Content-Range".to_owned(), format!("bytes */{}", content.len()))], vec![]),
        Some(first) => {
            let first = if matches!(fault, Some(Fault::OtherRange)) { first / 2 } else { first };
            headers.push(("Content-Range".to_owned(), format!("bytes {first}-{}/{}", content.len() - 1, content.len())));
            (206, headers, content[first..].to_vec())
        }
        None => (200, headers, content),
    }
}

impl Sending<'_> {
    fn whole(&self) -> io::Result<After> {
        self.head(self.body.len())?;
        self.send(&self.body)?;
        Ok(After::Open)
    }

    fn with(mut self, fault: Fault) -> io::Result<After> {
        match fault {
            Fault::CutAfter(bytes) => self.up_to(bytes, Shutdown::Both),
            Fault::ResetAfter(bytes) => {
                // A socket that must not linger is closed by a reset.
                socket2::SockRef::from(self.connection).set_linger(Some(Duration::ZERO))?;
                self.up_to(bytes, Shutdown::Read)
            }
            Fault::NoAnswer => self.connection.shutdown(Shutdown::Both).map(|()| After::Closed),
            Fault::StallAfter(bytes) => self.stall(bytes),
            Fault::Slow { piece, pause } => self.slowly(piece, pause),
            Fault::TooLong(more) => {
                self.head(self.body.len() + more)?;
                self.send(&self.body)?;
                self.connection.shutdown(Shutdown::Both).map(|()| After::Closed)
            }
            Fault::TooShort(fewer) => {
                self.head(self.body.len().saturating_sub(fewer))?;
                self.send(&self.body)?;
                Ok(After::Closed)
            }
            Fault::Truncated(fewer) => {
                self.body.truncate(self.body.len().saturating_sub(fewer));
                self.whole()
            }
            Fault::Altered(at) => {
                if let Some(byte) = self.body.get_mut(at) {
                    *byte ^= 0x20;
                }
                self.whole()
            }
            Fault::Gzipped => {
                let mut compressed = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
                compressed.write_all(&self.body)?;
                self.body = compressed.finish()?;
                self.headers.push(("Content-Encoding".into(), "gzip".into()));
                self.whole()
            }
            Fault::Labelled(encoding) => {
                self.headers.push(("Content-Encoding".into(), encoding.into()));
                self.whole()
            }
            Fault::Endless => self.endlessly(),
            Fault::Status(status, headers) => {
                self.status = status;
                self.headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
                self.body = b"no file\n".to_vec();
                self.whole()
            }
            Fault::Redirect(status, target) => {
                (self.status, self.headers, self.body) = (status, vec![("Location".into(), target)], vec![]);
                self.whole()
            }
            Fault::IgnoresRange | Fault::OtherRange | Fault::NoRevision => self.whole(),
        }
    }

    fn head(&self, length: usize) -> io::Result<()> {
        self.head_with(&format!("Content-Length: {length}\r\n"))
    }

    fn head_with(&self, framing: &str) -> io::Result<()> {
        let fields: String = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let framing = if self.status == 304 { "" } else { framing };
        (&mut &*self.connection).write_all(format!("HTTP/1.1 {} X\r\n{fields}{framing}\r\n", self.status).as_bytes())
    }

    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        if self.head_only || self.status == 304 {
            return Ok(());
        }
        for piece in bytes.chunks(64 * 1024) {
            // Counted first: a client that has read it may ask how much was sent.
            *lock(&self.shared.bytes_sent) += piece.len() as u64;
            (&mut &*self.connection).write_all(piece)?;
        }
        Ok(())
    }

    fn up_to(&self, bytes: usize, how: Shutdown) -> io::Result<After> {
        self.head(self.body.len())?;
        self.send(&self.body[..bytes.min(self.body.len())])?;
        self.connection.shutdown(how).map(|()| After::Closed)
    }

    /// Sends the beginning and then waits for the client to go away, or for the server's end.
    fn stall(&self, bytes: Option<usize>) -> io::Result<After> {
        if let Some(bytes) = bytes {
            self.head(self.body.len())?;
            self.send(&self.body[..bytes.min(self.body.len())])?;
        }
        self.connection.set_read_timeout(Some(Duration::from_millis(50)))?;
        while !self.shared.ended.load(Ordering::Acquire) {
            match (&mut &*self.connection).read(&mut [0]) {
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                _ => break,
            }
        }
        Ok(After::Closed)
    }

    fn slowly(&self, piece: usize, pause: Duration) -> io::Result<After> {
        self.head(self.body.len())?;
        for piece in self.body.chunks(piece.max(1)) {
            self.send(piece)?;
            thread::sleep(pause);
        }
        Ok(After::Open)
    }

    fn endlessly(&self) -> io::Result<After> {
        self.head_with("Transfer-Encoding: chunked\r\n")?;
        let chunk = vec![b' '; 64 * 1024];
        while !self.shared.ended.load(Ordering::Acquire) {
            (&mut &*self.connection).write_all(format!("{:x}\r\n", chunk.len()).as_bytes())?;
            self.send(&chunk)?;
            (&mut &*self.connection).write_all(b"\r\n")?;
        }
        Ok(After::Closed)
    }
}
