//! A web server as registry: files below an http or https address, read only.
//!
//! A file's state is its `ETag`; without one its `Last-Modified`, where that is old enough to tell changes apart; else the digest of its content. States are
//! sent back as `If-None-Match`, `If-Modified-Since` and `If-Range`, so that what is unchanged is not sent again, and what goes on after a cut is the same file.

use std::io::Read;
use std::sync::Arc;

use http::HeaderValue;
use http::header;
use jiff::SignedDuration;
use url::Url;

use crate::model::without_secrets;
use crate::net::Answer;
use crate::net::Body;
use crate::net::Changed;
use crate::net::Fetched;
use crate::net::NetError;
use crate::net::Network;
use crate::net::Precondition;
use crate::net::Revision;
use crate::net::Transport;
use crate::net::Written;
use crate::net::address;
use crate::net::body;
use crate::net::body::BodyReader;
use crate::net::body::Coding;
use crate::net::client::Client;
use crate::net::client::Incoming;
use crate::net::client::Outgoing;
use crate::net::retry;

/// How the state of a file begins that its server does not name.
const DIGEST_PREFIX: &str = "blake3:";

/// A date of change counts as a state only once so much time has passed: within its one second there may be another change (RFC 9110, 8.8.2.2).
const DATE_IS_STRONG_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// The files below an address.
pub(super) struct Web {
    network: Network,
    root: Url,
}

impl Web {
    /// Names the root; it is looked at when it is used.
    pub(super) fn new(network: Network, root: Url) -> Web {
        Web { network, root }
    }

    /// Reads a document, unless it is as it was.
    fn fetch(&self, path: &str, bytes_max: u64, known: Option<&Revision>) -> Result<Answer<Changed>, NetError> {
        let mut request = Outgoing::get(address::below(&self.root, path)?);
        if let Some((name, value)) = known.and_then(unless_changed) {
            request.headers.insert(name, value);
        }
        let client = self.network.client()?;
        let document = Document { client: &client, root: self.describe(), path, bytes_max };
        let changed = client.wait_for(document.read(&request))?;
        Ok(match changed {
            Answer::Found(Changed::Other(fetched)) if known == Some(&fetched.revision) => Answer::Found(Changed::Same),
            other => other,
        })
    }

    /// Asks for a file from `offset` on; `None` if the answer is of no use for that.
    fn open_rest(&self, request: &Outgoing, offset: u64, path: &str) -> Result<Option<Answer<Body>>, NetError> {
        let client = self.network.client()?;
        let answer = client.wait_for(client.send(request, &mut client.tries()))?;
        let whole = || answer.content.content_length();
        let (begins, size) = match answer.status {
            200 => (0, whole()),
            206 => match content_range(answer.header(&header::CONTENT_RANGE)) {
                Some((first, size)) if first == offset => (offset, size),
                _ => return Ok(None),
            },
            404 | 410 => return Ok(Some(Answer::Absent)),
            416 if offset > 0 => return Ok(None),
            _ => return Err(answer.refusal()),
        };
        let coding = body::coding(&answer, path)?;
        if coding == Coding::Plain {
            let revision = named_revision(&answer);
            return Ok(Some(Answer::Found(Body { offset: begins, size, revision, reader: Box::new(BodyReader::of_answer(&client, answer)) })));
        }
        if begins > 0 {
            return Ok(None);
        }
        let reader = body::decoded(BodyReader::of_answer(&client, answer), &coding);
        Ok(Some(Answer::Found(Body { offset: 0, size: None, revision: None, reader })))
    }
}

impl Transport for Web {
    fn read(&self, path: &str, bytes_max: u64) -> Result<Answer<Fetched>, NetError> {
        self.fetch(path, bytes_max, None)?.try_map(|changed| match changed {
            Changed::Other(fetched) => Ok(fetched),
            // Nobody asked whether it changed.
            Changed::Same => Err(NetError::Status { address: format!("{}/{path}", self.describe().trim_end_matches('/')), status: 304 }),
        })
    }

    fn read_changed(&self, path: &str, bytes_max: u64, known: &Revision) -> Result<Answer<Changed>, NetError> {
        self.fetch(path, bytes_max, Some(known))
    }

    fn open_at(&self, path: &str, offset: u64, known: Option<&Revision>) -> Result<Answer<Body>, NetError> {
        let mut request = Outgoing::get(address::below(&self.root, path)?);
        // Without a state that a range can be bound to, only a caller who names none may go on: their digest decides.
        let condition = known.map(if_range);
        if offset > 0 && condition != Some(None) {
            request.headers.insert(header::RANGE, text(&format!("bytes={offset}-")).expect("digits are a header"));
            if let Some(Some(state)) = condition {
                request.headers.insert(header::IF_RANGE, state);
            }
            if let Some(answer) = self.open_rest(&request, offset, path)? {
                return Ok(answer);
            }
            request.headers.clear();
        }
        self.open_rest(&request, 0, path)?.ok_or_else(|| NetError::Status { address: without_secrets(request.url.as_str()), status: 206 })
    }

    fn write_from(&self, path: &str, _content: &mut dyn Read, _when: &Precondition) -> Result<Written, NetError> {
        address::require_path(&self.describe(), path)?;
        Err(NetError::ReadOnly { root: self.describe() })
    }

    fn describe(&self) -> String {
        without_secrets(self.root.as_str())
    }
}

/// A document that is read whole.
struct Document<'a> {
    client: &'a Arc<Client>,
    root: String,
    path: &'a str,
    bytes_max: u64,
}

impl Document<'_> {
    /// Reads it, again if the connection breaks meanwhile.
    async fn read(&self, request: &Outgoing) -> Result<Answer<Changed>, NetError> {
        let mut tries = self.client.tries();
        loop {
            let answer = self.client.send(request, &mut tries).await?;
            match answer.status {
                200 => {}
                304 => return Ok(Answer::Found(Changed::Same)),
                404 | 410 => return Ok(Answer::Absent),
                _ => return Err(answer.refusal()),
            }
            match self.take(answer).await {
                Err(error) if error.may_pass() && tries.wait(None).await => {}
                taken => return taken.map(|fetched| Answer::Found(Changed::Other(fetched))),
            }
        }
    }

    async fn take(&self, answer: Incoming) -> Result<Fetched, NetError> {
        if answer.content.content_length().is_some_and(|size| size > self.bytes_max) {
            return Err(self.too_large());
        }
        let coding = body::coding(&answer, self.path)?;
        let named = named_revision(&answer);
        let address = answer.address.clone();
        let mut reader = BodyReader::of_answer(self.client, answer);
        let mut bytes = Vec::new();
        while let Some(piece) = reader.next_piece().await? {
            bytes.extend_from_slice(&piece);
            if bytes.len() as u64 > self.bytes_max {
                return Err(self.too_large());
            }
        }
        if coding == Coding::Gzip {
            bytes = self.decompress(&bytes, address)?;
        }
        let revision = named.unwrap_or_else(|| Revision::new(format!("{DIGEST_PREFIX}{}", blake3::hash(&bytes).to_hex())));
        Ok(Fetched { bytes, revision })
    }

    fn decompress(&self, bytes: &[u8], address: String) -> Result<Vec<u8>, NetError> {
        let mut plain = Vec::new();
        let limited = flate2::read::MultiGzDecoder::new(bytes).take(self.bytes_max.saturating_add(1)).read_to_end(&mut plain);
        limited.map_err(|_| NetError::Encoded { address, encoding: "gzip, and damaged".into() })?;
        if plain.len() as u64 > self.bytes_max { Err(self.too_large()) } else { Ok(plain) }
    }

    fn too_large(&self) -> NetError {
        NetError::TooLarge { root: self.root.clone(), path: self.path.to_owned(), bytes_max: self.bytes_max }
    }
}

/// Gives the state that the server names.
fn named_revision(answer: &Incoming) -> Option<Revision> {
    if let Some(tag) = answer.header(&header::ETAG).filter(|tag| is_etag(tag)) {
        return Some(Revision::new(tag));
    }
    let changed = answer.header(&header::LAST_MODIFIED)?;
    let passed = retry::seconds_between(changed, answer.header(&header::DATE)?)?;
    (passed >= DATE_IS_STRONG_AFTER).then(|| Revision::new(changed))
}

fn is_etag(text: &str) -> bool {
    text.starts_with('"') || text.starts_with("W/\"")
}

/// Gives the header that asks for the content only if the state is another.
fn unless_changed(known: &Revision) -> Option<(header::HeaderName, HeaderValue)> {
    let state = known.as_str();
    if state.starts_with(DIGEST_PREFIX) {
        return None;
    }
    let name = if is_etag(state) { header::IF_NONE_MATCH } else { header::IF_MODIFIED_SINCE };
    Some((name, text(state)?))
}

/// Gives the state as `If-Range` takes it: weak tags do not say that the bytes are the same.
fn if_range(known: &Revision) -> Option<HeaderValue> {
    let state = known.as_str();
    if state.starts_with(DIGEST_PREFIX) || state.starts_with("W/") { None } else { text(state) }
}

fn text(value: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(value).ok()
}

/// Reads `bytes 7-99/100`: the first byte, and the length of the whole.
fn content_range(value: Option<&str>) -> Option<(u64, Option<u64>)> {
    let (range, size) = value?.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    Some((first.trim().parse().ok()?, size.trim().parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        let check = |value: &str, expected| assert_eq!(content_range(Some(value)), expected, "{value}");
        check("bytes 7-99/100", Some((7, Some(100))));
        check("bytes 7-99/*", Some((7, None)));
        check("bytes */100", None);
        check("bytes 7", None);
        check("lines 7-99/100", None);
        assert_eq!(content_range(None), None);
    }

    #[test]
    fn states_are_sent_back_as_what_they_are() {
        let check = |state: &str, unless: Option<&str>, range: bool| {
            let known = Revision::new(state);
            assert_eq!(unless_changed(&known).as_ref().map(|(name, _)| name.as_str()), unless, "{state}");
            assert_eq!(if_range(&known).is_some(), range, "{state}");
        };
        check("\"abc\"", Some("if-none-match"), true);
        check("W/\"abc\"", Some("if-none-match"), false);
        check("Wed, 21 Oct 2015 07:28:00 GMT", Some("if-modified-since"), true);
        check("blake3:00", None, false);
        check("\"a\nb\"", None, false);
    }
}
