//! What the releases of a repository offer, judged by their lists of assets alone; pure.

use jiff::Timestamp;

use crate::model::side_file_of;
use crate::registry::RELEASE_INDEX_FILE;
use crate::source::github::GitHubAsset;
use crate::source::github::GitHubRelease;

/// What the names of archives end in.
const ARCHIVE_ENDINGS: [&str; 2] = [".tar.zst", ".tar.gz"];

/// What one published release offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Its git tag; says nothing of versions.
    pub tag: String,
    /// When it was published.
    pub published_at: Option<Timestamp>,
    /// Its `packs-index.json`, if it has one.
    pub index: Option<GitHubAsset>,
    /// Its archives.
    pub archives: Vec<OfferedArchive>,
}

/// An archive of a release and the file that holds its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedArchive {
    /// The archive.
    pub archive: GitHubAsset,
    /// Its side file; without one nobody may read it, unless `packs-index.json` says its digest.
    pub side_file: Option<GitHubAsset>,
}

impl Offer {
    /// Finds an archive by its name.
    pub fn find(&self, name: &str) -> Option<&OfferedArchive> {
        self.archives.iter().find(|offered| offered.archive.name == name)
    }
}

/// Gives what published releases offer, the oldest first; drafts offer nothing, and neither do releases without archives.
///
/// Whether GitHub calls a release a pre-release does not count: the version of a pack says whether it is one.
pub fn offers(releases: &[GitHubRelease]) -> Vec<Offer> {
    let mut offers: Vec<Offer> = releases.iter().filter(|release| !release.draft).map(offer).filter(|offer| !offer.is_empty()).collect();
    offers.sort_by(|one, two| (one.published_at, &one.tag).cmp(&(two.published_at, &two.tag)));
    offers
}

impl Offer {
    fn is_empty(&self) -> bool {
        self.index.is_none() && self.archives.is_empty()
    }
}

fn offer(release: &GitHubRelease) -> Offer {
    let find = |name: &str| release.assets.iter().find(|asset| asset.name == name && asset.is_whole());
    let is_archive = |asset: &&GitHubAsset| asset.is_whole() && ARCHIVE_ENDINGS.iter().any(|ending| asset.name.ends_with(ending));
    let side_file = |archive: &GitHubAsset| find(&side_file_of(&archive.name)).cloned();
    let archives = release.assets.iter().filter(is_archive).map(|archive| OfferedArchive { archive: archive.clone(), side_file: side_file(archive) });
    Offer { tag: release.tag_name.clone(), published_at: release.published_at, index: find(RELEASE_INDEX_FILE).cloned(), archives: archives.collect() }
}

/// Gives the name under which GitHub keeps a file: it replaces what is no letter, digit, `.`, `-` or `_`, and takes off dots at both ends.
///
/// `@acme+kanban-1.0.0+b.tar.zst` becomes `acme.kanban-1.0.0.b.tar.zst`. Nothing is lost by it: MANIFEST.json says what an archive holds.
pub fn asset_name(file_name: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || ".-_".contains(c) { c } else { '.' };
    file_name.chars().map(kept).collect::<String>().trim_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(tag: &str, published_at: &str, assets: &[&str]) -> GitHubRelease {
        let assets: Vec<String> = assets
            .iter()
            .enumerate()
            .map(|(id, name)| {
                let (name, state) = name.strip_suffix('!').map_or((*name, "uploaded"), |name| (name, "starter"));
                format!(r#"{{"id":{id},"name":"{name}","state":"{state}","size":1,"browser_download_url":"https://x/{name}"}}"#)
            })
            .collect();
        let draft = published_at.is_empty();
        let published_at = if draft { "null".to_owned() } else { format!("\"{published_at}\"") };
        let text = format!(
            r#"{{"id":1,"tag_name":"{tag}","html_url":"https://x","draft":{draft},"published_at":{published_at},"later":1,"assets":[{}]}}"#,
            assets.join(",")
        );
        serde_json::from_str(&text).expect("a release")
    }

    fn described(releases: &[GitHubRelease]) -> Vec<String> {
        let name = |offered: &OfferedArchive| format!(" {}{}", offered.archive.name, if offered.side_file.is_some() { "" } else { "?" });
        let describe = |offer: &Offer| format!("{} {}{}", offer.tag, offer.index.is_some(), offer.archives.iter().map(name).collect::<String>());
        offers(releases).iter().map(describe).collect()
    }

    #[test]
    fn what_is_offered() {
        let releases = [
            release("v2", "2026-02-01T00:00:00Z", &["b.tar.gz", "b.tar.gz.sha256", "packs-index.json", "notes.txt"]),
            release("v3", "", &["c.tar.zst", "c.tar.zst.sha256"]),
            release("v1", "2026-01-01T00:00:00Z", &["a.tar.zst", "a.tar.zst.sha256!", "d.tar.zst!", "d.tar.zst.sha256", "packs-index.json!"]),
            release("v0", "2025-01-01T00:00:00Z", &["program.exe"]),
        ];
        assert_eq!(described(&releases), ["v1 false a.tar.zst?", "v2 true b.tar.gz"]);
    }

    #[test]
    fn names_that_github_keeps() {
        for (file, expected) in [
            ("kanban-2.0.3.tar.zst", "kanban-2.0.3.tar.zst"),
            ("@acme+kanban-1.0.0+b.tar.zst", "acme.kanban-1.0.0.b.tar.zst"),
            ("a b.tar.gz", "a.b.tar.gz"),
            (".hidden.", "hidden"),
        ] {
            assert_eq!(asset_name(file), expected);
        }
    }
}
