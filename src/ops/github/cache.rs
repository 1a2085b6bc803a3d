//! What is known of a repository's releases, in `cache/index/github/`; may be deleted at any time, and a damaged entry is as good as none.
//!
//! A page of the list is kept with the name that GitHub gives its state, and is asked for again with it. An asset never changes under its number, so what was
//! read out of one counts for ever.

use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use crate::fsys;
use crate::model::Repository;
use crate::ops::Context;
use crate::registry::RELEASE_INDEX_BYTES_MAX;
use crate::registry::ReleaseIndex;
use crate::source::GitHubAsset;
use crate::source::OfferedArchive;
use crate::source::Page;

/// Largest page that is read back, in bytes: as many as an answer may have, each escaped.
const PAGE_BYTES_MAX: u64 = 256 << 20;

/// What is known of one repository.
pub(super) struct Cache<'c> {
    context: &'c Context,
    directory: PathBuf,
}

/// A page as it is kept.
#[derive(Serialize, Deserialize)]
struct KeptPage {
    etag: Option<String>,
    has_next: bool,
    body: String,
}

impl<'c> Cache<'c> {
    /// Takes a repository of the GitHub at a host.
    pub(super) fn new(context: &'c Context, host: &str, repository: &Repository) -> Cache<'c> {
        Cache { context, directory: context.layout.github_index(host, repository) }
    }

    /// Gives a page of the list of releases, as it was.
    pub(super) fn page(&self, number: u32) -> Option<Page> {
        let kept: KeptPage = serde_json::from_slice(&self.read(&page_name(number), PAGE_BYTES_MAX)?).ok()?;
        Some(Page { body: kept.body.into_bytes(), etag: kept.etag, has_next: kept.has_next })
    }

    /// Keeps a page of the list of releases.
    pub(super) fn keep_page(&self, number: u32, page: &Page) {
        let Ok(body) = String::from_utf8(page.body.clone()) else { return };
        let kept = KeptPage { etag: page.etag.clone(), has_next: page.has_next, body };
        self.write(&page_name(number), &serde_json::to_vec(&kept).expect("text and a boolean"));
    }

    /// Gives the `packs-index.json` that an asset holds.
    pub(super) fn index(&self, asset: &GitHubAsset) -> Option<ReleaseIndex> {
        ReleaseIndex::parse(&self.read(&index_name(asset), RELEASE_INDEX_BYTES_MAX)?).ok()
    }

    /// Keeps the `packs-index.json` that an asset holds.
    pub(super) fn keep_index(&self, asset: &GitHubAsset, index: &ReleaseIndex) {
        self.write(&index_name(asset), &index.format());
    }

    /// Gives what was read out of an archive, as a `packs-index.json` of its own.
    pub(super) fn archive(&self, offered: &OfferedArchive) -> Option<ReleaseIndex> {
        ReleaseIndex::parse(&self.read(&archive_name(offered), RELEASE_INDEX_BYTES_MAX)?).ok()
    }

    /// Keeps what was read out of an archive.
    pub(super) fn keep_archive(&self, offered: &OfferedArchive, index: &ReleaseIndex) {
        self.write(&archive_name(offered), &index.format());
    }

    fn read(&self, name: &str, bytes_max: u64) -> Option<Vec<u8>> {
        fsys::read_cached(&self.directory.join(name), bytes_max).ok().flatten()
    }

    /// Writes an entry if it can be: without it the next command asks again, and that is all.
    fn write(&self, name: &str, bytes: &[u8]) {
        let has_home = fsys::status(&self.context.layout.version_file()).is_ok_and(|found| found.is_some());
        let file = self.directory.join(name);
        if has_home && fsys::create_dir_all(&self.directory).and_then(|()| fsys::remove_unless_file(&file)).is_ok() {
            let _ = fsys::write_atomic(&file, bytes);
        }
    }
}

fn page_name(number: u32) -> String {
    format!("releases-{number}.json")
}

fn index_name(asset: &GitHubAsset) -> String {
    format!("index-{}.json", asset.id)
}

/// By both files: the side file says which bytes the archive must have.
fn archive_name(offered: &OfferedArchive) -> String {
    format!("archive-{}-{}.json", offered.archive.id, offered.side_file.as_ref().map_or(0, |side_file| side_file.id))
}
