//! The network as a whole: one runtime and one client for all registries of a command, started when first needed.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use url::Url;

use crate::model::is_loopback;
use crate::model::without_secrets;
use crate::net::HttpContent;
use crate::net::HttpRequest;
use crate::net::HttpResponse;
use crate::net::NetError;
use crate::net::Transport;
use crate::net::address;
use crate::net::body;
use crate::net::body::BodyReader;
use crate::net::bucket::Bucket;
use crate::net::client::Client;
use crate::net::client::Content;
use crate::net::client::Outgoing;
use crate::net::client::Repeatable;
use crate::net::credentials::TOKEN_PREFIX;
use crate::net::error::Credential;
use crate::net::request;
use crate::net::web::Web;

/// What the process environment, the settings files and the flags say about the network.
#[derive(Clone)]
pub struct NetSettings {
    /// How long to wait for a connection.
    pub connect_max: Duration,
    /// How long to wait for the next byte, or to bear next to none.
    pub silence_max: Duration,
    /// How often a request is made again after a fault that may pass.
    pub retries_max: u32,
    /// The wait before the first retry, doubled for each further one up to 20 s; zero retries at once.
    pub backoff: Duration,
    /// Certificates to trust besides the system's, as PEM files.
    pub certificates: Vec<PathBuf>,
    /// The file with names and passwords for hosts (`NETRC`, else `~/.netrc`); need not exist.
    pub netrc: Option<PathBuf>,
    /// Variables of the process environment that belong to the network: those of [`NetSettings::wants_variable`]. Holds secrets: never printed.
    pub variables: BTreeMap<String, String>,
}

impl NetSettings {
    /// Tells whether a variable of the process environment belongs into [`NetSettings::variables`].
    ///
    /// Proxies (`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`, in capitals or not), tokens (`PACKS_TOKEN_<HOST>`), the accounts of buckets (`AWS_*`,
    /// `GOOGLE_*`, `AZURE_*`), `HOME` for their files, and `REQUEST_METHOD`, which says that a web server made the variables.
    pub fn wants_variable(name: &str) -> bool {
        let upper = name.to_ascii_uppercase();
        matches!(upper.as_str(), "HTTP_PROXY" | "HTTPS_PROXY" | "ALL_PROXY" | "NO_PROXY")
            || ["HOME", "REQUEST_METHOD"].contains(&name)
            || [TOKEN_PREFIX, "AWS_", "GOOGLE_", "AZURE_"].iter().any(|prefix| name.starts_with(prefix))
    }
}

impl Default for NetSettings {
    fn default() -> Self {
        NetSettings {
            connect_max: Duration::from_secs(10),
            silence_max: Duration::from_secs(30),
            retries_max: 4,
            backoff: Duration::from_millis(500),
            certificates: Vec::new(),
            netrc: None,
            variables: BTreeMap::new(),
        }
    }
}

impl fmt::Debug for NetSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("NetSettings")
            .field("connect_max", &self.connect_max)
            .field("silence_max", &self.silence_max)
            .field("retries_max", &self.retries_max)
            .field("backoff", &self.backoff)
            .field("certificates", &self.certificates)
            .field("netrc", &self.netrc)
            .field("variables", &self.variables.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// The longest wait between two tries of a request that is not repeated blindly.
const PAUSE_MAX: Duration = Duration::from_secs(20);

/// The door to all registries that are not directories of this machine.
#[derive(Clone)]
pub struct Network {
    settings: Arc<NetSettings>,
    client: Arc<Mutex<Option<Arc<Client>>>>,
}

impl Network {
    /// Takes the settings; nothing is started before the first request.
    pub fn new(settings: NetSettings) -> Self {
        Network { settings: Arc::new(settings), client: Arc::new(Mutex::new(None)) }
    }

    /// Gives the variables of the process environment that belong to the network, for those who speak with an API. Holds secrets: never printed.
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.settings.variables
    }

    /// Waits as long as before a retry, for those who must look first whether a request was carried out.
    pub fn pause(&self, retries_made: u32) {
        std::thread::sleep(self.settings.backoff.saturating_mul(2_u32.saturating_pow(retries_made)).min(PAUSE_MAX));
    }

    /// Opens a root of files: `https://packs.example.org/main`, `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`.
    ///
    /// # Errors
    /// [`NetError::Unsupported`] where the address has a scheme that packs does not speak, [`NetError::InvalidAddress`] where it is none, and
    /// [`NetError::Cleartext`] where it holds a password and is not encrypted.
    pub fn open(&self, address: &str) -> Result<Box<dyn Transport>, NetError> {
        let parsed = Url::parse(address).map_err(|source| NetError::InvalidAddress { address: without_secrets(address), source })?;
        if let Some(bucket) = Bucket::new(self.clone(), &parsed) {
            return Ok(Box::new(bucket));
        }
        let root = address::parse(address)?;
        if (!root.username().is_empty() || root.password().is_some()) && root.scheme() != "https" && !is_loopback(&root) {
            return Err(NetError::Cleartext { address: without_secrets(root.as_str()) });
        }
        Ok(Box::new(Web::new(self.clone(), root)))
    }

    /// Makes one request of an API; every status is an answer.
    ///
    /// Faults that may pass are retried where the method may be repeated, and so are the statuses 408, 429, 500, 502, 503 and 504: what remains of them is
    /// the answer. Redirects of GET and HEAD are followed.
    ///
    /// # Errors
    /// Where no answer came, a redirect may not be followed, or the request cannot be made.
    pub fn http(&self, request: &HttpRequest) -> Result<HttpResponse, NetError> {
        let client = self.client()?;
        let outgoing = outgoing(request)?;
        let answer = client.wait_for(client.send(&outgoing, &mut client.tries()))?;
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = answer.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        let coding = body::coding(&answer, outgoing.url.path())?;
        let status = answer.status;
        Ok(HttpResponse { status, headers, reader: body::decoded(BodyReader::of_answer(&client, answer), &coding) })
    }

    /// Gives the client, started by whoever needs it first.
    pub(super) fn client(&self) -> Result<Arc<Client>, NetError> {
        // Nothing is half done in there if a thread panicked.
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = &*client {
            return Ok(Arc::clone(running));
        }
        let started = Arc::new(Client::start(&self.settings)?);
        *client = Some(Arc::clone(&started));
        Ok(started)
    }
}

fn outgoing(request: &HttpRequest) -> Result<Outgoing, NetError> {
    let url = address::parse(&request.url)?;
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        let unusable = || NetError::Setting { name: format!("the header field {name:?}"), reason: "it holds characters that no header may hold".into() };
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unusable())?;
        let mut value = HeaderValue::from_str(value).map_err(|_| unusable())?;
        value.set_sensitive(request::is_secret_header(name));
        headers.append(parsed, value);
    }
    let content = match &request.content {
        HttpContent::None => Content::None,
        HttpContent::Bytes(bytes) => Content::Bytes(bytes.clone().into()),
        HttpContent::File { path, size } => Content::File { path: path.clone(), size: *size },
    };
    let repeatable = if request.method.is_idempotent() { Repeatable::Yes } else { Repeatable::No };
    Ok(Outgoing { method: request.method.name(), url, headers, content, repeatable, credential: Credential::None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_opened_or_refused_without_their_secrets() {
        let network = Network::new(NetSettings::default());
        let check = |address: &str, expected: &str| {
            let found = network.open(address).map_or_else(|error| error.to_string(), |transport| transport.describe());
            assert_eq!(found, expected, "{address}");
        };
        check("https://kim:secret@a.example/main?sig=secret", "https://a.example/main");
        check("http://localhost:1", "http://localhost:1/");
        check("http://kim:secret@a.example/", "http://a.example/ would carry its password over an unencrypted connection");
        check("s3://bucket/main/", "s3://bucket/main");
        check("s3://kim:secret@bucket/main", "s3://bucket/main is no address of a registry that packs can open");
        check("ftp://kim:secret@a.example/", "ftp://a.example/ is no address of a registry that packs can open");
        check("https://kim:secret@", "https://… is no address");
        check("data:text/plain,secret", "data:… is no address of a registry that packs can open");
    }

    #[test]
    fn variables_of_the_network() {
        let check = |name: &str, expected| assert_eq!(NetSettings::wants_variable(name), expected, "{name}");
        for name in ["https_proxy", "HTTPS_PROXY", "NO_PROXY", "AWS_REGION", "PACKS_TOKEN_A", "GOOGLE_APPLICATION_CREDENTIALS", "AZURE_STORAGE_KEY", "HOME"] {
            check(name, true);
        }
        for name in ["PATH", "PACKS_HOME", "aws_region", "home", "GITHUB_TOKEN"] {
            check(name, false);
        }
    }

    #[test]
    fn printing_settings_shows_no_secret() {
        let variables = BTreeMap::from([("AWS_SECRET_ACCESS_KEY".to_owned(), "hunter2".to_owned())]);
        let shown = format!("{:?}", NetSettings { variables, ..NetSettings::default() });
        assert!(shown.contains("AWS_SECRET_ACCESS_KEY") && !shown.contains("hunter2"), "{shown}");
    }
}
