//! Making releases: drafts, their assets, and what becomes of them.

use std::path::PathBuf;

use serde::Serialize;

use crate::model::Repository;
use crate::net::HttpContent;
use crate::net::HttpMethod;
use crate::source::github::ACCEPT_DOCUMENT;
use crate::source::github::Asked;
use crate::source::github::GitHub;
use crate::source::github::GitHubAsset;
use crate::source::github::GitHubError;
use crate::source::github::GitHubRelease;
use crate::source::github::access;

/// A release to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewRelease {
    /// The git tag; GitHub makes it when the release is published, if there is none.
    pub tag_name: String,
    /// The branch or commit for a tag that is made; GitHub takes the default branch where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_commitish: Option<String>,
    /// The title.
    pub name: String,
    /// The notes, in Markdown.
    pub body: String,
    /// Whether only its makers see it.
    pub draft: bool,
    /// Whether GitHub calls it a pre-release.
    pub prerelease: bool,
}

/// A file to be sent along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAsset {
    /// Its name, as [`crate::source::asset_name`] gives it.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its bytes.
    pub content: NewContent,
}

/// Where the bytes of a new asset are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewContent {
    /// In memory.
    Bytes(Vec<u8>),
    /// In a file.
    File(PathBuf),
}

impl NewAsset {
    fn content(&self) -> HttpContent {
        match &self.content {
            NewContent::Bytes(bytes) => HttpContent::Bytes(bytes.clone()),
            NewContent::File(path) => HttpContent::File { path: path.clone(), size: self.size },
        }
    }
}

impl GitHub {
    /// Makes a release.
    ///
    /// # Errors
    /// As [`GitHubError`] says; where no answer came, nobody knows whether it was made.
    pub fn create(&self, repository: &Repository, release: &NewRelease) -> Result<GitHubRelease, GitHubError> {
        let doing = format!("make a draft release of {} in {repository}", release.tag_name);
        self.document(self.asked(&doing, HttpMethod::Post, &format!("repos/{repository}/releases"), release), vec![json_type()])
    }

    /// Reads a release, which may be a draft, with its assets.
    ///
    /// # Errors
    /// As [`GitHubError`] says.
    pub fn release(&self, repository: &Repository, id: u64) -> Result<GitHubRelease, GitHubError> {
        let doing = format!("read the release {id} of {repository}");
        self.document(Asked::get(&doing, self.access.url(&format!("repos/{repository}/releases/{id}"))), vec![])
    }

    /// Changes a release; publishes it if `draft` turns false.
    ///
    /// # Errors
    /// As [`GitHubError`] says; where no answer came, nobody knows whether it was changed.
    pub fn edit(&self, repository: &Repository, id: u64, release: &NewRelease) -> Result<GitHubRelease, GitHubError> {
        let doing = format!("publish the release {} of {repository}", release.tag_name);
        self.document(self.asked(&doing, HttpMethod::Patch, &format!("repos/{repository}/releases/{id}"), release), vec![json_type()])
    }

    /// Removes a release; its tag, if there is one, stays. One that is gone is as good as removed.
    ///
    /// # Errors
    /// As [`GitHubError`] says.
    pub fn remove(&self, repository: &Repository, id: u64) -> Result<(), GitHubError> {
        self.delete(&format!("remove the draft {id} of {repository}"), &format!("repos/{repository}/releases/{id}"))
    }

    /// Removes an asset. One that is gone is as good as removed.
    ///
    /// # Errors
    /// As [`GitHubError`] says.
    pub fn remove_asset(&self, repository: &Repository, asset: &GitHubAsset) -> Result<(), GitHubError> {
        self.delete(&format!("remove {} from {repository}", asset.name), &format!("repos/{repository}/releases/assets/{}", asset.id))
    }

    /// Sends one file to a release, once.
    ///
    /// # Errors
    /// As [`GitHubError`] says; where no answer came, a part of it may be there under its name.
    pub fn upload(&self, repository: &Repository, release: &GitHubRelease, asset: &NewAsset) -> Result<GitHubAsset, GitHubError> {
        let doing = format!("upload {} to {repository}", asset.name);
        // What stands in braces is a template for names, which packs does not need: its names have no character that must be escaped.
        let place = release.upload_url.split('{').next().unwrap_or_default();
        if !access::is_safe(place) {
            return Err(GitHubError::UploadElsewhere { doing });
        }
        let url = format!("{place}?name={}", asset.name);
        let asked = Asked { doing: &doing, method: HttpMethod::Post, url, accept: ACCEPT_DOCUMENT, content: asset.content() };
        self.document(asked, vec![("Content-Type".to_owned(), "application/octet-stream".to_owned())])
    }

    fn delete(&self, doing: &str, path: &str) -> Result<(), GitHubError> {
        let asked = Asked { doing, method: HttpMethod::Delete, url: self.access.url(path), accept: ACCEPT_DOCUMENT, content: HttpContent::None };
        let answer = self.send(asked, vec![])?;
        if answer.status == 404 {
            return Ok(());
        }
        self.require(doing, answer).map(drop)
    }

    fn asked<'a>(&self, doing: &'a str, method: HttpMethod, path: &str, document: &impl Serialize) -> Asked<'a> {
        let bytes = serde_json::to_vec(document).expect("its keys are text");
        Asked { doing, method, url: self.access.url(path), accept: ACCEPT_DOCUMENT, content: HttpContent::Bytes(bytes) }
    }
}

fn json_type() -> (String, String) {
    ("Content-Type".to_owned(), "application/json".to_owned())
}
