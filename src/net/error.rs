//! What can go wrong between here and a registry.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::model::InvalidNoun;

/// Tells what a registry could not do, and for which file.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// An address of a kind that packs does not speak.
    #[error("{address} is no address of a registry that packs can open")]
    Unsupported {
        /// The address, without any secret in it.
        address: String,
    },
    /// Something was to be written where nothing may be asked.
    #[error("{root} may not be asked: the network is not to be used (--offline)")]
    NotAsked {
        /// The root, as people name it.
        root: String,
    },
    /// The root itself is not there.
    #[error("there is no {} {root}", if is_bucket(root) { "bucket for" } else { "registry at" })]
    NoRegistry {
        /// The root, as people name it.
        root: String,
    },
    /// Another writer holds the lock of a registry in a directory.
    #[error("{} is locked by {holder}, waited {} s", path.display(), wait_max.as_secs())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// Who holds it, as that process wrote it.
        holder: String,
        /// How long it was waited for.
        wait_max: Duration,
    },
    /// A path that no file of a registry can have.
    #[error("no file of {root} can be called {path:?}")]
    InvalidPath {
        /// The root.
        root: String,
        /// The path as it was asked for.
        path: String,
        /// What is wrong with it.
        #[source]
        source: InvalidNoun,
    },
    /// What lies at the path is no regular file.
    #[error("{path} of {root} is not a regular file")]
    NotAFile {
        /// The root.
        root: String,
        /// The path below it.
        path: String,
    },
    /// The file is larger than its reader allows.
    #[error("{path} of {root} is larger than {bytes_max} bytes")]
    TooLarge {
        /// The root.
        root: String,
        /// The path below it.
        path: String,
        /// The limit, in bytes.
        bytes_max: u64,
    },
    /// The operating system refused.
    #[error("cannot {operation} {path} of {root}")]
    Io {
        /// What was being done, as a verb.
        operation: &'static str,
        /// The root.
        root: String,
        /// The path below it.
        path: String,
        /// The operating system's answer.
        #[source]
        source: io::Error,
    },
    /// The reader of what was to be written failed.
    #[error("cannot read what is to be written to {path} of {root}")]
    Content {
        /// The root.
        root: String,
        /// The path below it.
        path: String,
        /// The reader's answer.
        #[source]
        source: io::Error,
    },
    /// The text of an address cannot be read.
    #[error("{address} is no address")]
    InvalidAddress {
        /// The address, without any secret in it.
        address: String,
        /// What is wrong with it.
        #[source]
        source: url::ParseError,
    },
    /// A setting of the network cannot be used. Its value is not shown: it may hold a secret.
    #[error("{name} cannot be used: {reason}")]
    Setting {
        /// The setting or variable, as people write it.
        name: String,
        /// Why, and what it should be.
        reason: String,
    },
    /// A file that a setting names cannot be read.
    #[error("cannot read {}, which {name} names", path.display())]
    SettingFile {
        /// The setting or variable.
        name: String,
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        #[source]
        source: io::Error,
    },
    /// The threads of the network could not be started.
    #[error("cannot start the network's threads")]
    Start {
        /// The operating system's answer.
        #[source]
        source: io::Error,
    },
    /// A name and password stand in an address whose connection anybody on the way can read.
    #[error("{address} would carry its password over an unencrypted connection")]
    Cleartext {
        /// The address, without the secret in it.
        address: String,
    },
    /// The server wants to know who asks, or does not believe it.
    #[error("{host} wants credentials for {address}")]
    Unauthorized {
        /// Who wants them.
        host: String,
        /// What was asked for, without any secret in it.
        address: String,
        /// What was sent.
        sent: Credential,
    },
    /// The server knows who asks, and refuses; many do so for files that are not there, too.
    #[error("{host} does not allow access to {address}")]
    Forbidden {
        /// Who refuses.
        host: String,
        /// What was asked for, without any secret in it.
        address: String,
        /// What was sent.
        sent: Credential,
    },
    /// The server wants fewer requests.
    #[error("{address} was asked too often{}", wait(retry_after.as_ref()))]
    RateLimited {
        /// What was asked for, without any secret in it.
        address: String,
        /// How long the server wants us to wait.
        retry_after: Option<Duration>,
    },
    /// An answer that is neither the file nor its absence.
    #[error("{address} answers with status {status}{}", meaning(*status))]
    Status {
        /// What was asked for, without any secret in it.
        address: String,
        /// The status.
        status: u16,
    },
    /// A bucket's service refuses, and says why by a code.
    #[error("{address} answers with status {status}: {code}")]
    Refused {
        /// What was asked for, without any secret in it.
        address: String,
        /// The status.
        status: u16,
        /// The service's word for it.
        code: String,
    },
    /// Nobody told which account opens a bucket.
    #[error("no keys for {root} were found")]
    NoAccount {
        /// The root.
        root: String,
    },
    /// Nothing, or too little, arrived for too long.
    #[error("{address}: {missing} for {} s", limit.as_secs_f32())]
    Timeout {
        /// What was asked for, without any secret in it.
        address: String,
        /// What was borne for so long: "no answer came".
        missing: &'static str,
        /// How long it was waited for.
        limit: Duration,
    },
    /// No connection came about.
    #[error("cannot reach {host}")]
    Unreachable {
        /// Who was to be reached.
        host: String,
        /// Why not.
        #[source]
        source: Fault,
    },
    /// The connection broke.
    #[error("the connection for {address} broke")]
    Interrupted {
        /// What was asked for, without any secret in it.
        address: String,
        /// How.
        #[source]
        source: Fault,
    },
    /// A file that is to be sent cannot be read.
    #[error("cannot read {}, which is to be sent to {address}", path.display())]
    Upload {
        /// Where to, without any secret in it.
        address: String,
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        #[source]
        source: io::Error,
    },
    /// A redirect from an encrypted address to an unencrypted one.
    #[error("{address} redirects to {target}, which is not encrypted")]
    Downgrade {
        /// What was asked for, without any secret in it.
        address: String,
        /// Where it leads, likewise.
        target: String,
    },
    /// A redirect that leads nowhere.
    #[error("{address} redirects to no address that packs can follow")]
    BadRedirect {
        /// What was asked for, without any secret in it.
        address: String,
    },
    /// Redirects without an end.
    #[error("{address} redirects more than {redirects_max} times")]
    TooManyRedirects {
        /// What was asked for at first, without any secret in it.
        address: String,
        /// The limit.
        redirects_max: usize,
    },
    /// A root that cannot be written.
    #[error("{root} is read only: a web server takes no files")]
    ReadOnly {
        /// The root.
        root: String,
    },
    /// Content in a form that was not asked for and that packs does not read.
    #[error("{address} arrives encoded as {encoding}, which was not asked for")]
    Encoded {
        /// What was asked for, without any secret in it.
        address: String,
        /// The form, as the answer names it.
        encoding: String,
    },
    /// A bucket refused or failed.
    #[error("cannot {operation} {path} of {root}")]
    Bucket {
        /// What was being done, as a verb.
        operation: &'static str,
        /// The root.
        root: String,
        /// The path below it.
        path: String,
        /// The service's answer.
        #[source]
        source: Fault,
    },
}

/// What a request told about who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// Nothing.
    None,
    /// A name and password out of the address.
    Address,
    /// A token out of a variable.
    Token,
    /// A name and password out of the netrc file.
    Netrc,
    /// What the caller put into the request.
    Caller,
    /// Keys of a cloud account.
    Cloud,
}

/// What broke below HTTP: said in the words of its deepest cause, since those above repeat each other and may hold addresses.
#[derive(Debug, Clone)]
pub struct Fault(Arc<dyn Error + Send + Sync>);

impl Fault {
    /// Wraps an error of a library.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Fault(Arc::from(error.into()))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut deepest: &dyn Error = &*self.0;
        while let Some(source) = deepest.source() {
            deepest = source;
        }
        write!(formatter, "{deepest}")
    }
}

impl Error for Fault {}

fn wait(retry_after: Option<&Duration>) -> String {
    retry_after.map_or_else(String::new, |wait| format!(" and wants us to wait {} s", wait.as_secs()))
}

fn meaning(status: u16) -> String {
    let reason = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    reason.map_or_else(String::new, |reason| format!(" ({reason})"))
}

/// Tells whether a root lies in a bucket, which is there or not, whatever lies in it.
fn is_bucket(root: &str) -> bool {
    ["s3://", "gs://", "az://"].iter().any(|scheme| root.starts_with(scheme))
}

impl NetError {
    /// Tells whether asking again may help, without anybody changing anything.
    pub fn may_pass(&self) -> bool {
        match self {
            NetError::Timeout { .. } | NetError::Unreachable { .. } | NetError::Interrupted { .. } | NetError::RateLimited { .. } => true,
            NetError::Status { status, .. } | NetError::Refused { status, .. } => crate::net::retry::may_pass(*status),
            _ => false,
        }
    }

    /// Tells an error once more that another library has carried; `None` where no request can have caused it.
    pub(super) fn told_again(&self) -> Option<NetError> {
        Some(match self {
            NetError::NoRegistry { root } => NetError::NoRegistry { root: root.clone() },
            NetError::NoAccount { root } => NetError::NoAccount { root: root.clone() },
            NetError::Setting { name, reason } => NetError::Setting { name: name.clone(), reason: reason.clone() },
            NetError::Unauthorized { host, address, sent } => NetError::Unauthorized { host: host.clone(), address: address.clone(), sent: *sent },
            NetError::Forbidden { host, address, sent } => NetError::Forbidden { host: host.clone(), address: address.clone(), sent: *sent },
            NetError::RateLimited { address, retry_after } => NetError::RateLimited { address: address.clone(), retry_after: *retry_after },
            NetError::Status { address, status } => NetError::Status { address: address.clone(), status: *status },
            NetError::Refused { address, status, code } => NetError::Refused { address: address.clone(), status: *status, code: code.clone() },
            NetError::Timeout { address, missing, limit } => NetError::Timeout { address: address.clone(), missing, limit: *limit },
            NetError::Unreachable { host, source } => NetError::Unreachable { host: host.clone(), source: source.clone() },
            NetError::Interrupted { address, source } => NetError::Interrupted { address: address.clone(), source: source.clone() },
            NetError::BadRedirect { address } => NetError::BadRedirect { address: address.clone() },
            NetError::Downgrade { address, target } => NetError::Downgrade { address: address.clone(), target: target.clone() },
            NetError::TooManyRedirects { address, redirects_max } => NetError::TooManyRedirects { address: address.clone(), redirects_max: *redirects_max },
            _ => return None,
        })
    }

    /// Wraps the error for [`std::io::Read`]; [`NetError::of_io`] finds it again.
    pub(super) fn into_io(self) -> io::Error {
        let kind = match &self {
            NetError::Timeout { .. } => io::ErrorKind::TimedOut,
            NetError::Interrupted { .. } => io::ErrorKind::ConnectionReset,
            NetError::Encoded { .. } => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, self)
    }

    /// Finds the error of the network in what a body's reader returned.
    pub fn of_io(error: &io::Error) -> Option<&NetError> {
        error.get_ref()?.downcast_ref()
    }
}
