//! How the library of the buckets sends its requests: through our client, so that there is one place for time-outs, retries, proxies and certificates.

use std::fmt;
use std::future::Future;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use http::header;
use http_body_util::BodyExt as _;
use object_store::ClientConfigKey;
use object_store::ClientOptions;
use object_store::client::HttpClient;
use object_store::client::HttpConnector;
use object_store::client::HttpError;
use object_store::client::HttpErrorKind;
use object_store::client::HttpRequest;
use object_store::client::HttpResponse;
use object_store::client::HttpResponseBody;
use object_store::client::HttpService;
use url::Host;
use url::Url;

use crate::model::is_loopback;
use crate::model::without_secrets;
use crate::net::NetError;
use crate::net::client::Client;
use crate::net::client::Content;
use crate::net::client::Incoming;
use crate::net::client::Outgoing;
use crate::net::client::Repeatable;
use crate::net::error::Credential;

/// How long a machine of a cloud may take to tell its own keys; elsewhere nobody answers at all.
const OWN_KEYS_MAX: Duration = Duration::from_secs(2);

/// Bytes of an error's document that are read.
const ERROR_BYTES_MAX: usize = 64 * 1024;

/// Gives our client to the library.
#[derive(Clone)]
pub(super) struct Connector {
    client: Arc<Client>,
    root: String,
    unencrypted: bool,
}

impl Connector {
    /// Takes the client and the root that the library is to reach.
    pub(super) fn new(client: &Arc<Client>, root: &str) -> Connector {
        Connector { client: Arc::clone(client), root: root.to_owned(), unencrypted: false }
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Connector").field("root", &self.root).finish_non_exhaustive()
    }
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let unencrypted = options.get_config_value(&ClientConfigKey::AllowHttp).as_deref() == Some("true");
        Ok(HttpClient::new(Connector { unencrypted, ..self.clone() }))
    }
}

impl HttpService for Connector {
    fn call<'life, 'answer>(&'life self, request: HttpRequest) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'answer>>
    where
        'life: 'answer,
        Self: 'answer,
    {
        Box::pin(self.answer(request))
    }
}

impl Connector {
    async fn answer(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let url: Url = parts.uri.to_string().parse().map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        if url.scheme() != "https" && !self.unencrypted && !is_loopback(&url) && !is_own(&url) {
            let reason = "it is not encrypted; AWS_ALLOW_HTTP=true or AZURE_ALLOW_HTTP=true allows it all the same".to_owned();
            return Err(http_error(NetError::Setting { name: format!("the endpoint {}", without_secrets(url.as_str())), reason }));
        }
        let has_content = parts.method != Method::GET && parts.method != Method::HEAD && parts.method != Method::DELETE;
        let content = if has_content { Content::Bytes(body.collect().await?.to_bytes()) } else { Content::None };
        let repeatable = repeatable(&parts.method, &parts.headers);
        let outgoing = Outgoing { method: parts.method, url, headers: parts.headers, content, repeatable, credential: Credential::Cloud };
        let answer = if is_own(&outgoing.url) { self.ask_own(&outgoing).await } else { self.client.send(&outgoing, &mut self.client.tries()).await };
        self.told(answer.map_err(http_error)?).await
    }

    /// Asks the machine for its own keys, briefly and once.
    async fn ask_own(&self, outgoing: &Outgoing) -> Result<Incoming, NetError> {
        let once = Outgoing { repeatable: Repeatable::No, ..outgoing.clone() };
        let answer = tokio::time::timeout(OWN_KEYS_MAX, self.client.send(&once, &mut self.client.tries())).await;
        answer.ok().and_then(Result::ok).filter(|answer| answer.status < 300).ok_or_else(|| NetError::NoAccount { root: self.root.clone() })
    }

    /// Hands on what the library knows how to read; all else is told in our words.
    async fn told(&self, answer: Incoming) -> Result<HttpResponse, HttpError> {
        match answer.status {
            200..=299 | 304 | 409 | 412 => Ok(self.handed_on(answer)),
            404 => {
                let (error, document) = read_error(answer).await;
                if matches!(code_of(&document).as_deref(), Some("NoSuchBucket" | "ContainerNotFound")) {
                    return Err(http_error(NetError::NoRegistry { root: self.root.clone() }));
                }
                let response = http::Response::builder().status(404).body(HttpResponseBody::from(document.into_bytes()));
                response.map_err(|_| http_error(error))
            }
            _ => {
                let (error, document) = read_error(answer).await;
                Err(http_error(match (error, code_of(&document)) {
                    (NetError::Status { address, status }, Some(code)) => NetError::Refused { address, status, code },
                    (error, _) => error,
                }))
            }
        }
    }

    fn handed_on(&self, answer: Incoming) -> HttpResponse {
        let client = Arc::clone(&self.client);
        let url = answer.content.url().clone();
        let (parts, body) = http::Response::<reqwest::Body>::from(answer.content).into_parts();
        let body = body.map_err(move |error| http_error(client.broken(&url, error)));
        HttpResponse::from_parts(parts, HttpResponseBody::new(body))
    }
}

/// Tells what may be sent again: a conditional write only where it was certainly not carried out, since it would meet itself.
fn repeatable(method: &Method, headers: &http::HeaderMap) -> Repeatable {
    let conditional =
        headers.contains_key(header::IF_MATCH) || headers.contains_key(header::IF_NONE_MATCH) || headers.contains_key("x-goog-if-generation-match");
    match *method {
        Method::GET | Method::HEAD | Method::DELETE => Repeatable::Yes,
        Method::PUT if !conditional => Repeatable::Yes,
        _ => Repeatable::IfRefused,
    }
}

/// Tells whether an address is where machines of a cloud ask for their own keys: 169.254.0.0/16.
fn is_own(url: &Url) -> bool {
    matches!(url.host(), Some(Host::Ipv4(host)) if host.is_link_local()) || url.host() == Some(Host::Ipv4(Ipv4Addr::new(168, 63, 129, 16)))
}

fn http_error(error: NetError) -> HttpError {
    let kind = match &error {
        NetError::Timeout { .. } => HttpErrorKind::Timeout,
        NetError::Unreachable { .. } => HttpErrorKind::Connect,
        NetError::Interrupted { .. } => HttpErrorKind::Interrupted,
        _ => HttpErrorKind::Unknown,
    };
    HttpError::new(kind, error)
}

/// Reads the document of an error, as far as it arrives.
async fn read_error(mut answer: Incoming) -> (NetError, String) {
    let error = answer.refusal();
    let mut bytes = Vec::new();
    while let Ok(Some(piece)) = answer.content.chunk().await {
        bytes.extend_from_slice(&piece);
        if bytes.len() > ERROR_BYTES_MAX {
            break;
        }
    }
    (error, String::from_utf8_lossy(&bytes).into_owned())
}

/// Finds `<Code>NoSuchBucket</Code>`; only what looks like a code is one.
fn code_of(document: &str) -> Option<String> {
    let (_, rest) = document.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    (code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric())).then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found() {
        let check = |document: &str, expected: Option<&str>| assert_eq!(code_of(document).as_deref(), expected, "{document}");
        check("<Error><Code>NoSuchBucket</Code><Message>x</Message></Error>", Some("NoSuchBucket"));
        check("<Code>\u{1b}[31m</Code>", None);
        check("<Code>Unclosed", None);
        check("", None);
    }

    #[test]
    fn own_addresses_are_those_of_the_machine() {
        let check = |address: &str, expected| assert_eq!(is_own(&Url::parse(address).expect("an address")), expected, "{address}");
        check("http://169.254.169.254/latest", true);
        check("http://169.254.170.2/", true);
        check("http://10.0.0.1/", false);
        check("http://metadata.example/", false);
    }
}
