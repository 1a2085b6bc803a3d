//! Real servers of the tests, on loopback, started once per run of the test binary and ended with it.
//!
//! Each is a child of a small shell that waits for the end of its standard input, which is a pipe from this process: however this process ends, the pipe
//! closes and the shell kills its server. No server is left behind, and none needs to be looked for.

use std::fs;
use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;
use std::time::Instant;

/// How long a server may take to begin: Python on a busy machine is slow.
const START_MAX: Duration = Duration::from_mins(2);

/// Kills its server when standard input ends.
const WATCHDOG: &str = r#""$@" </dev/null & child=$!; cat >/dev/null; kill "$child" 2>/dev/null; wait "$child""#;

/// An S3 server that keeps everything in memory.
pub(crate) struct Moto {
    address: String,
    _process: Child,
}

/// A web server that serves a directory.
pub(crate) struct Nginx {
    root: PathBuf,
    address: String,
    encrypted: Option<Encrypted>,
    _directory: tempfile::TempDir,
    _process: Child,
}

/// Runs the S3 server with one thread: with several, its look at a condition and its write are not one step, as they are in the service it stands for.
const MOTO_PROGRAM: &str = "import sys
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
run_simple('127.0.0.1', int(sys.argv[1]), DomainDispatcherApplication(create_backend_app), threaded=False)";

/// The same server over https and HTTP/2; what lies below `/down` redirects to http.
pub(crate) struct Encrypted {
    /// The address of the root.
    pub(crate) address: String,
    /// The certificate of the authority that vouches for it.
    pub(crate) authority: PathBuf,
}

/// Gives the S3 server, or says that it is missing.
pub(crate) fn moto() -> Option<&'static Moto> {
    static MOTO: OnceLock<Option<Moto>> = OnceLock::new();
    let started = MOTO.get_or_init(|| {
        let python = python_with_moto()?;
        let port = free_port();
        let process = start(Command::new("sh").args(["-c", WATCHDOG, "sh", &python, "-c", MOTO_PROGRAM, &port.to_string()]));
        let moto = Moto { address: format!("http://127.0.0.1:{port}"), _process: process };
        wait_for(port, "/moto-api/").then_some(moto)
    });
    required(started.as_ref(), "moto: `make peers` installs it")
}

/// Finds a Python that has moto: the one that `.ci/run` made, else the usual one.
fn python_with_moto() -> Option<String> {
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/moto/bin/python");
    let python = if made.exists() { made.display().to_string() } else { "python3".to_owned() };
    let find = "import importlib.util, sys; sys.exit(importlib.util.find_spec('moto') is None or importlib.util.find_spec('flask') is None)";
    Command::new(&python).args(["-c", find]).status().is_ok_and(|status| status.success()).then_some(python)
}

/// Gives the web server, or says that it is missing.
pub(crate) fn nginx() -> Option<&'static Nginx> {
    static NGINX: OnceLock<Option<Nginx>> = OnceLock::new();
    let started = NGINX.get_or_init(|| {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path().join("root");
        fs::create_dir(&root).expect("made");
        // Its workers must read what this user's tests write, also as root.
        let user = if rustix::process::getuid().is_root() { "user root;" } else { "" };
        let (port, tls_port) = (free_port(), free_port());
        let encrypted = make_certificates(directory.path())
            .then(|| Encrypted { address: format!("https://127.0.0.1:{tls_port}"), authority: directory.path().join("authority.pem") });
        let tls = encrypted.as_ref().map_or_else(String::new, |_| tls_of(directory.path(), &root, port, tls_port));
        let configuration = directory.path().join("nginx.conf");
        fs::write(&configuration, configuration_of(user, directory.path(), &root, port).replace("#TLS#", &tls)).expect("written");
        let program = if Path::new("/usr/sbin/nginx").exists() { "/usr/sbin/nginx" } else { "nginx" };
        let path = configuration.to_str().expect("UTF-8");
        let process = is_command(program).then(|| start(Command::new("sh").args(["-c", WATCHDOG, "sh", program, "-e", "stderr", "-c", path])))?;
        let nginx = Nginx { root, address: format!("http://127.0.0.1:{port}"), encrypted, _directory: directory, _process: process };
        wait_for(port, "/").then_some(nginx)
    });
    required(started.as_ref(), "nginx")
}

fn configuration_of(user: &str, directory: &Path, root: &Path, port: u16) -> String {
    let (directory, root) = (directory.display(), root.display());
    let bodies: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].iter().map(|kind| format!("{kind}_temp_path {directory}/{kind};\n")).collect();
    format!(
        "{user}\ndaemon off;\nworker_processes 1;\npid {directory}/nginx.pid;\nevents {{ worker_connections 256; }}\n\
         http {{\naccess_log off;\nsendfile on;\n{bodies}\
         gzip on;\ngzip_types application/json;\ngzip_min_length 1;\n\
         types {{ application/json json; application/zstd zst; }}\ndefault_type application/octet-stream;\n\
         server {{ listen 127.0.0.1:{port}; root {root}; }}\n#TLS#}}\n"
    )
}

fn tls_of(directory: &Path, root: &Path, port: u16, tls_port: u16) -> String {
    let (directory, root) = (directory.display(), root.display());
    format!(
        "server {{ listen 127.0.0.1:{tls_port} ssl http2; ssl_certificate {directory}/server.pem; ssl_certificate_key {directory}/server.key; root {root};\n\
         location /down/ {{ return 302 http://127.0.0.1:{port}$request_uri; }} }}\n"
    )
}

/// Makes an authority and a certificate of it for this machine; `false` where openssl is missing.
fn make_certificates(directory: &Path) -> bool {
    fs::write(directory.join("names"), "subjectAltName=IP:127.0.0.1\n").expect("written");
    let new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let openssl = |arguments: &[&str]| {
        let mut command = Command::new("openssl");
        command.args(arguments).current_dir(directory).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let authority = [&["req", "-x509", "-days", "2", "-subj", "/CN=authority", "-keyout", "authority.key", "-out", "authority.pem"], &new_key[..]].concat();
    let request = [&["req", "-subj", "/CN=server", "-keyout", "server.key", "-out", "server.csr"], &new_key[..]].concat();
    let sign = ["x509", "-req", "-in", "server.csr", "-CA", "authority.pem", "-CAkey", "authority.key", "-CAcreateserial", "-days", "2"];
    openssl(&authority) && openssl(&request) && openssl(&[&sign[..], &["-extfile", "names", "-out", "server.pem"]].concat())
}

impl Moto {
    /// The address of the service.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Makes a bucket.
    pub(crate) fn make_bucket(&self, name: &str) {
        let host = &self.address["http://".len()..];
        let mut connection = TcpStream::connect(host).expect("it runs");
        let request = format!("PUT /{name} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("answered");
        assert!(answer.contains(" 200 "), "{answer}");
    }

    /// The variables with which a program reaches it.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "hunter2"), ("AWS_REGION", "us-east-1"), ("AWS_ENDPOINT_URL", &self.address)]
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }
}

impl Nginx {
    /// The address of the root.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The same over https, or says what is missing.
    pub(crate) fn encrypted(&self) -> Option<&Encrypted> {
        required(self.encrypted.as_ref(), "openssl")
    }

    /// The directory that it serves: tests share it, so each takes a directory of its own in it.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }
}

/// Gives what is there; where all peers must be, absence fails.
fn required<T>(peer: Option<T>, name: &str) -> Option<T> {
    if peer.is_none() {
        assert!(std::env::var_os("PACKS_REQUIRE_PEERS").is_none(), "{name} is required here and is not there, or does not start");
        println!("NOT RUN: needs {name}");
    }
    peer
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("loopback has a free port").port()
}

fn is_command(program: &str) -> bool {
    Command::new("sh").args(["-c", "command -v -- \"$1\" >/dev/null", "sh", program]).status().is_ok_and(|status| status.success())
}

fn start(command: &mut Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a shell starts")
}

/// Asks until there is an answer.
fn wait_for(port: u16, path: &str) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < START_MAX {
        let asked = TcpStream::connect(("127.0.0.1", port)).and_then(|mut connection| {
            connection.write_all(format!("HEAD {path} HTTP/1.0\r\n\r\n").as_bytes())?;
            let mut answer = String::new();
            connection.read_to_string(&mut answer)
        });
        if asked.is_ok_and(|bytes| bytes > 0) {
            return true;
        }
        thread::sleep(Duration::from_millis(20));
    }
    false
}
