//! What GitHub's API says of releases and their assets, as far as packs reads it.

use jiff::Timestamp;
use serde::Deserialize;

/// One release of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct GitHubRelease {
    /// Its number.
    pub id: u64,
    /// The git tag it belongs to; a draft's need not exist yet.
    pub tag_name: String,
    /// Its page for people.
    pub html_url: String,
    /// Where assets are sent to, with a template for their names behind it.
    #[serde(default)]
    pub upload_url: String,
    /// Whether only its makers see it.
    #[serde(default)]
    pub draft: bool,
    /// Its notes.
    #[serde(default)]
    pub body: Option<String>,
    /// When it was published; drafts never were.
    #[serde(default)]
    pub published_at: Option<Timestamp>,
    /// Its files.
    #[serde(default)]
    pub assets: Vec<GitHubAsset>,
}

/// One file of a release.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct GitHubAsset {
    /// Its number; a file that is replaced gets another.
    pub id: u64,
    /// Its name, as GitHub keeps it.
    pub name: String,
    /// `uploaded` if it is whole.
    #[serde(default)]
    pub state: String,
    /// Its size in bytes.
    pub size: u64,
    /// Where everybody gets it, if the repository is public.
    pub browser_download_url: String,
    /// The digest that GitHub computed, as `sha256:…`; older ones have none.
    #[serde(default)]
    pub digest: Option<String>,
}

impl GitHubAsset {
    /// Tells whether all its bytes arrived at GitHub.
    pub fn is_whole(&self) -> bool {
        self.state == "uploaded"
    }
}

/// What GitHub says when it refuses: `{ "message": "Validation Failed", "errors": [ { "code": "already_exists" } ] }`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Refusal {
    #[serde(default)]
    pub(super) message: String,
    #[serde(default)]
    errors: Vec<serde_json::Value>,
}

impl Refusal {
    /// Reads what was said, whatever it was.
    pub(super) fn read(body: &[u8]) -> Refusal {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// Words it on one line.
    pub(super) fn words(&self) -> String {
        let details = self.errors.iter().filter_map(|error| error.get("message").or_else(|| error.get("code")).and_then(serde_json::Value::as_str));
        let all: Vec<&str> = std::iter::once(self.message.as_str()).filter(|message| !message.is_empty()).chain(details).collect();
        if all.is_empty() { "it gives no reason".to_owned() } else { all.join("; ") }
    }
}
