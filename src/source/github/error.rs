//! What GitHub's API refuses, and what keeps it from answering.

use std::io;

use jiff::Timestamp;

use crate::net::NetError;

/// Tells why something could not be had from, or done at, GitHub. `doing` is always what was being done: `list the releases of acme/kanban`.
#[derive(Debug, thiserror::Error)]
pub enum GitHubError {
    /// The address of the API is none that packs can use; it is not shown, since it may hold a secret.
    #[error("GITHUB_API_URL cannot be used: {reason}")]
    BadApi {
        /// Why.
        reason: &'static str,
    },
    /// No answer came.
    #[error("cannot {doing}")]
    Network {
        /// What was being done.
        doing: String,
        /// What happened.
        #[source]
        source: Box<NetError>,
    },
    /// The answer broke off.
    #[error("cannot {doing}: the answer broke off")]
    Cut {
        /// What was being done.
        doing: String,
        /// How.
        #[source]
        source: io::Error,
    },
    /// Nobody asks, and that is not enough.
    #[error("cannot {doing} without a token")]
    NoToken {
        /// What was being done.
        doing: String,
    },
    /// GitHub does not know the token.
    #[error("cannot {doing}: GitHub does not accept the token of {variable}")]
    TokenRefused {
        /// What was being done.
        doing: String,
        /// The variable that holds it.
        variable: &'static str,
    },
    /// Whoever asks may not do this.
    #[error("cannot {doing}: GitHub does not allow it to {}: {message}", asker(*variable))]
    Forbidden {
        /// What was being done.
        doing: String,
        /// The variable of the token that was used.
        variable: Option<&'static str>,
        /// GitHub's words.
        message: String,
    },
    /// There were too many requests.
    #[error("cannot {doing}: GitHub takes no more requests from {}{}", asker(*variable), until(*resets_at, *retry_after_s))]
    RateLimited {
        /// What was being done.
        doing: String,
        /// The variable of the token that was used.
        variable: Option<&'static str>,
        /// When the count begins anew.
        resets_at: Option<Timestamp>,
        /// How long GitHub wants us to wait, in seconds.
        retry_after_s: Option<u64>,
    },
    /// It is not there, or may not be seen.
    #[error("cannot {doing}: GitHub has nothing there, or does not show it to {}", asker(*variable))]
    NotFound {
        /// What was being done.
        doing: String,
        /// The variable of the token that was used.
        variable: Option<&'static str>,
    },
    /// Another answer that is none.
    #[error("cannot {doing}: GitHub answers with status {status}: {message}")]
    Status {
        /// What was being done.
        doing: String,
        /// The status.
        status: u16,
        /// GitHub's words.
        message: String,
    },
    /// An answer larger than any honest one.
    #[error("cannot {doing}: the answer is larger than {bytes_max} bytes")]
    TooLarge {
        /// What was being done.
        doing: String,
        /// The limit, in bytes.
        bytes_max: u64,
    },
    /// An answer in another form than GitHub's API gives.
    #[error("cannot {doing}: the answer cannot be read")]
    Unreadable {
        /// What was being done.
        doing: String,
        /// What the reader of JSON found.
        #[source]
        source: serde_json::Error,
    },
    /// The place for uploads is one that must not be told the token.
    #[error("cannot {doing}: GitHub names a place for it that is not encrypted")]
    UploadElsewhere {
        /// What was being done.
        doing: String,
    },
}

impl GitHubError {
    /// Tells whether the same request may succeed a little later.
    pub fn may_pass(&self) -> bool {
        match self {
            GitHubError::Network { .. } | GitHubError::Cut { .. } => true,
            GitHubError::Status { status, .. } => matches!(status, 408 | 500 | 502 | 503 | 504),
            _ => false,
        }
    }
}

fn asker(variable: Option<&'static str>) -> String {
    variable.map_or_else(|| "somebody without a token".to_owned(), |variable| format!("the token of {variable}"))
}

fn until(resets_at: Option<Timestamp>, retry_after_s: Option<u64>) -> String {
    match (resets_at, retry_after_s) {
        (_, Some(seconds)) => format!(" for {seconds} s"),
        (Some(at), None) => format!(" until {}", at.strftime("%Y-%m-%d %H:%M:%S UTC")),
        (None, None) => " for a while".to_owned(),
    }
}
