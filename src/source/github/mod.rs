//! GitHub's releases, through its API.
//!
//! Knows how to list releases, to open their assets and to make new releases; does not know what is in an asset. Everything that it asks of the API counts
//! against the limit of whoever asks (60 an hour without a token, 5,000 with one), so lists are asked for with what is known of them: an unchanged one costs
//! nothing. Assets of public repositories are had from their addresses for people, which cost nothing either.
//!
//! The token goes to the API and to the place for uploads that the API names, and nowhere else: addresses are made here, out of the numbers in answers; where a
//! download is redirected to another host, `net` leaves the token behind.

mod access;
mod document;
mod error;
mod offer;
mod write;

use std::io::Read as _;

use jiff::Timestamp;
use serde::de::DeserializeOwned;

use crate::model::Repository;
use crate::net::HttpContent;
use crate::net::HttpMethod;
use crate::net::HttpRequest;
use crate::net::HttpResponse;
use crate::net::Network;
use crate::source::github::document::Refusal;

pub use access::API_VARIABLE;
pub use access::Access;
pub use access::TOKEN_VARIABLES;
pub use document::GitHubAsset;
pub use document::GitHubRelease;
pub use error::GitHubError;
pub use offer::Offer;
pub use offer::OfferedArchive;
pub use offer::asset_name;
pub use offer::offers;
pub use write::NewAsset;
pub use write::NewContent;
pub use write::NewRelease;

/// Releases on one page of the list: the most that GitHub gives.
const PAGE_RELEASES: u32 = 100;

/// Largest answer that is read, in bytes: a page of releases, each with the thousand assets that GitHub allows, would be some 150 MB; real ones have a few.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// The form of the API's documents.
const ACCEPT_DOCUMENT: &str = "application/vnd.github+json";

/// The form of an asset's bytes.
const ACCEPT_BYTES: &str = "application/octet-stream";

/// GitHub's API, and who asks it.
#[derive(Clone)]
pub struct GitHub {
    network: Network,
    access: Access,
}

/// One page of the list of releases, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The document.
    pub body: Vec<u8>,
    /// What the API calls this state of the list.
    pub etag: Option<String>,
    /// Whether there is a page after it.
    pub has_next: bool,
}

/// A request before it is sent.
struct Asked<'a> {
    doing: &'a str,
    method: HttpMethod,
    url: String,
    accept: &'a str,
    content: HttpContent,
}

impl<'a> Asked<'a> {
    fn get(doing: &'a str, url: String) -> Asked<'a> {
        Asked { doing, method: HttpMethod::Get, url, accept: ACCEPT_DOCUMENT, content: HttpContent::None }
    }
}

impl GitHub {
    /// Takes the door to the network, and who asks.
    pub fn new(network: Network, access: Access) -> GitHub {
        GitHub { network, access }
    }

    /// Gives who asks, and whom.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Reads a page of the list of releases, counted from 1; `None` if it is as it was when it was called `known`.
    ///
    /// # Errors
    /// As [`GitHubError`] says.
    pub fn page(&self, repository: &Repository, number: u32, known: Option<&str>) -> Result<Option<Page>, GitHubError> {
        let doing = format!("list the releases of {repository}");
        let url = self.access.url(&format!("repos/{repository}/releases?per_page={PAGE_RELEASES}&page={number}"));
        let condition: Vec<(String, String)> = known.map(|etag| ("If-None-Match".to_owned(), etag.to_owned())).into_iter().collect();
        let answer = self.send(Asked::get(&doing, url), condition)?;
        if answer.status == 304 {
            return Ok(None);
        }
        let answer = self.require(&doing, answer)?;
        let (etag, has_next) = (answer.header("etag").map(str::to_owned), answer.header("link").is_some_and(names_next));
        Ok(Some(Page { body: read_whole(&doing, answer)?, etag, has_next }))
    }

    /// Opens an asset: from its address for people, else, where that has nothing for strangers, through the API.
    ///
    /// # Errors
    /// As [`GitHubError`] says.
    pub fn open(&self, repository: &Repository, asset: &GitHubAsset) -> Result<HttpResponse, GitHubError> {
        let doing = format!("download {} of {repository}", asset.name);
        let request = HttpRequest { method: HttpMethod::Get, url: asset.browser_download_url.clone(), headers: vec![], content: HttpContent::None };
        let answer = self.network.http(&request).map_err(|source| GitHubError::Network { doing: doing.clone(), source: Box::new(source) })?;
        if matches!(answer.status, 401 | 403 | 404) && self.access.variable().is_some() {
            return self.open_through_api(repository, asset);
        }
        self.require(&doing, answer)
    }

    /// Opens an asset through the API, which shows those of drafts and of private repositories to whoever may see them.
    ///
    /// # Errors
    /// As [`GitHubError`] says.
    pub fn open_through_api(&self, repository: &Repository, asset: &GitHubAsset) -> Result<HttpResponse, GitHubError> {
        let doing = format!("download {} of {repository}", asset.name);
        let url = self.access.url(&format!("repos/{repository}/releases/assets/{}", asset.id));
        let answer = self.send(Asked { accept: ACCEPT_BYTES, ..Asked::get(&doing, url) }, vec![])?;
        self.require(&doing, answer)
    }

    /// Reads an asset of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// As [`GitHubError`] says.
    pub fn read(&self, repository: &Repository, asset: &GitHubAsset, bytes_max: u64) -> Result<Vec<u8>, GitHubError> {
        let doing = format!("download {} of {repository}", asset.name);
        read_at_most(&doing, self.open(repository, asset)?, bytes_max)
    }

    /// Waits before a request is made again that must not be repeated blindly: the longer, the more often it failed.
    pub fn pause(&self, retries_made: u32) {
        self.network.pause(retries_made);
    }

    /// Sends a request as whoever asks.
    fn send(&self, asked: Asked<'_>, more: Vec<(String, String)>) -> Result<HttpResponse, GitHubError> {
        let mut headers = vec![("Accept".to_owned(), asked.accept.to_owned()), ("X-GitHub-Api-Version".to_owned(), "2022-11-28".to_owned())];
        headers.extend(self.access.authorization());
        headers.extend(more);
        let request = HttpRequest { method: asked.method, url: asked.url, headers, content: asked.content };
        self.network.http(&request).map_err(|source| GitHubError::Network { doing: asked.doing.to_owned(), source: Box::new(source) })
    }

    /// Sends a request and reads its answer as a document.
    fn document<T: DeserializeOwned>(&self, asked: Asked<'_>, more: Vec<(String, String)>) -> Result<T, GitHubError> {
        let doing = asked.doing.to_owned();
        let answer = self.send(asked, more)?;
        let body = read_whole(&doing, self.require(&doing, answer)?)?;
        serde_json::from_slice(&body).map_err(|source| GitHubError::Unreadable { doing, source })
    }

    /// Turns a status that is no success into its error.
    fn require(&self, doing: &str, answer: HttpResponse) -> Result<HttpResponse, GitHubError> {
        if (200..300).contains(&answer.status) {
            return Ok(answer);
        }
        Err(refusal(doing, self.access.variable(), answer))
    }
}

/// Reads a page's document.
///
/// # Errors
/// [`GitHubError::Unreadable`] where it is no list of releases.
pub fn parse_page(repository: &Repository, body: &[u8]) -> Result<Vec<GitHubRelease>, GitHubError> {
    serde_json::from_slice(body).map_err(|source| GitHubError::Unreadable { doing: format!("list the releases of {repository}"), source })
}

/// Words an answer that is none.
fn refusal(doing: &str, variable: Option<&'static str>, answer: HttpResponse) -> GitHubError {
    let doing = doing.to_owned();
    let number = |name: &str| answer.header(name).and_then(|text| text.trim().parse::<i64>().ok());
    let (remaining, reset, retry_after) = (number("x-ratelimit-remaining"), number("x-ratelimit-reset"), number("retry-after"));
    let status = answer.status;
    let mut body = Vec::new();
    // The words are a help and no more: what cannot be read of them is left out.
    let _ = answer.reader.take(64 << 10).read_to_end(&mut body);
    let said = Refusal::read(&body);
    let is_limited = remaining == Some(0) || retry_after.is_some() || said.message.to_ascii_lowercase().contains("rate limit");
    match (status, variable) {
        (403 | 429, _) if status == 429 || is_limited => GitHubError::RateLimited {
            doing,
            variable,
            resets_at: reset.filter(|_| remaining == Some(0)).and_then(|seconds| Timestamp::from_second(seconds).ok()),
            retry_after_s: retry_after.and_then(|seconds| u64::try_from(seconds).ok()),
        },
        (401, Some(variable)) => GitHubError::TokenRefused { doing, variable },
        (401, None) => GitHubError::NoToken { doing },
        (403, _) => GitHubError::Forbidden { doing, variable, message: said.words() },
        (404 | 410, _) => GitHubError::NotFound { doing, variable },
        _ => GitHubError::Status { doing, status, message: said.words() },
    }
}

/// Tells whether a `Link` header names a next page.
fn names_next(link: &str) -> bool {
    link.split(',').any(|part| part.contains("rel=\"next\""))
}

fn read_whole(doing: &str, answer: HttpResponse) -> Result<Vec<u8>, GitHubError> {
    read_at_most(doing, answer, ANSWER_BYTES_MAX)
}

fn read_at_most(doing: &str, answer: HttpResponse, bytes_max: u64) -> Result<Vec<u8>, GitHubError> {
    let mut body = Vec::new();
    let read = answer.reader.take(bytes_max + 1).read_to_end(&mut body);
    read.map_err(|source| GitHubError::Cut { doing: doing.to_owned(), source })?;
    if body.len() as u64 > bytes_max {
        return Err(GitHubError::TooLarge { doing: doing.to_owned(), bytes_max });
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, headers: &[(&str, &str)], body: &str, expected: &str) {
        for (variable, asker) in [(None, "somebody without a token"), (Some("GH_TOKEN"), "the token of GH_TOKEN")] {
            let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let answer = HttpResponse { status, headers, reader: Box::new(std::io::Cursor::new(body.as_bytes().to_vec())) };
            let error = refusal("list", variable, answer).to_string();
            assert_eq!(error, expected.replace("ASKER", asker));
        }
    }

    #[test]
    fn refusals_are_told_apart() {
        check(404, &[], "", "cannot list: GitHub has nothing there, or does not show it to ASKER");
        check(403, &[], r#"{"message":"Not yours"}"#, "cannot list: GitHub does not allow it to ASKER: Not yours");
        check(
            403,
            &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1767225600")],
            "",
            "cannot list: GitHub takes no more requests from ASKER until 2026-01-01 00:00:00 UTC",
        );
        check(403, &[("retry-after", "60")], "", "cannot list: GitHub takes no more requests from ASKER for 60 s");
        check(403, &[], r#"{"message":"You have exceeded a secondary rate limit"}"#, "cannot list: GitHub takes no more requests from ASKER for a while");
        check(429, &[], "nonsense", "cannot list: GitHub takes no more requests from ASKER for a while");
        check(500, &[], "<html>", "cannot list: GitHub answers with status 500: it gives no reason");
        let body = r#"{"message":"Validation Failed","errors":[{"code":"already_exists"},{"message":"tag is bad","code":"custom"},7]}"#;
        check(422, &[], body, "cannot list: GitHub answers with status 422: Validation Failed; already_exists; tag is bad");
    }

    #[test]
    fn pages_go_on_where_a_next_one_is_named() {
        assert!(names_next(r#"<https://api.github.com/x?page=1>; rel="prev", <https://api.github.com/x?page=3>; rel="next""#));
        assert!(!names_next(r#"<https://api.github.com/x?page=1>; rel="prev""#));
    }
}
