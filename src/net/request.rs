//! One HTTP request and its answer, for those who speak with an API rather than read files.

use std::fmt;
use std::io::Read;
use std::path::PathBuf;

use crate::model::without_secrets;

/// What is asked of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpMethod {
    /// Its content.
    Get,
    /// What is known of it.
    Head,
    /// To take something.
    Post,
    /// To become something.
    Put,
    /// To change.
    Patch,
    /// To go.
    Delete,
}

impl HttpMethod {
    /// Tells whether doing it twice is the same as doing it once (RFC 9110, 9.2.2).
    pub(super) fn is_idempotent(self) -> bool {
        !matches!(self, HttpMethod::Post | HttpMethod::Patch)
    }

    pub(super) fn name(self) -> http::Method {
        match self {
            HttpMethod::Get => http::Method::GET,
            HttpMethod::Head => http::Method::HEAD,
            HttpMethod::Post => http::Method::POST,
            HttpMethod::Put => http::Method::PUT,
            HttpMethod::Patch => http::Method::PATCH,
            HttpMethod::Delete => http::Method::DELETE,
        }
    }
}

/// What is sent along.
#[derive(Clone, PartialEq, Eq)]
pub enum HttpContent {
    /// Nothing.
    None,
    /// Bytes in memory.
    Bytes(Vec<u8>),
    /// A file, sent as it is read, so that memory stays bounded.
    File {
        /// The file.
        path: PathBuf,
        /// Its length, in bytes.
        size: u64,
    },
}

impl fmt::Debug for HttpContent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HttpContent::None => formatter.write_str("None"),
            // What is sent to a token endpoint is a secret.
            HttpContent::Bytes(bytes) => write!(formatter, "Bytes({} bytes)", bytes.len()),
            HttpContent::File { path, size } => formatter.debug_struct("File").field("path", path).field("size", size).finish(),
        }
    }
}

/// A request. Printing it shows neither credentials nor what is sent.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// What is asked.
    pub method: HttpMethod,
    /// Of what: an http or https address. A name and password in it are sent as basic authentication.
    pub url: String,
    /// Header fields, name and value. `Authorization`, `Cookie` and the like do not go along when a redirect leads to another host.
    pub headers: Vec<(String, String)>,
    /// What is sent along.
    pub content: HttpContent,
}

/// Header fields that must not be shown, and must not go to another host.
pub(super) fn is_secret_header(name: &str) -> bool {
    ["authorization", "cookie", "proxy-authorization", "x-amz-security-token", "private-token"].iter().any(|secret| name.eq_ignore_ascii_case(secret))
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |(name, value): &(String, String)| (name.clone(), if is_secret_header(name) { "***".to_owned() } else { value.clone() });
        formatter
            .debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("url", &without_secrets(&self.url))
            .field("headers", &self.headers.iter().map(shown).collect::<Vec<_>>())
            .field("content", &self.content)
            .finish()
    }
}

/// An answer, whatever its status.
pub struct HttpResponse {
    /// The status: 200, 404, …
    pub status: u16,
    /// Header fields, names in lower case, in the order of the answer.
    pub headers: Vec<(String, String)>,
    /// The content as it arrives; a fault on the way is an [`std::io::Error`] whose inner error is a `NetError`.
    pub reader: Box<dyn Read + Send>,
}

impl HttpResponse {
    /// Gives the first header field of a name written in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HttpResponse").field("status", &self.status).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printing_a_request_shows_no_secret() {
        let request = HttpRequest {
            method: HttpMethod::Post,
            url: "https://kim:hunter2@example.org/a?sig=hunter2#hunter2".into(),
            headers: vec![("AUTHORIZATION".into(), "Bearer hunter2".into()), ("Accept".into(), "text/plain".into())],
            content: HttpContent::Bytes(b"hunter2".to_vec()),
        };
        let shown = format!("{request:?}");
        assert!(!shown.contains("hunter2") && shown.contains("text/plain") && shown.contains("https://example.org/a"), "{shown}");
    }
}
