//! Archives as a release of a repository on GitHub.

mod effects;
mod notes;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::archive;
use crate::fsys;
use crate::model::GitTag;
use crate::model::PackChange;
use crate::model::PathComponent;
use crate::model::ReleaseId;
use crate::model::Repository;
use crate::model::Sha256Digest;
use crate::model::side_file_of;
use crate::ops::Context;
use crate::ops::OpsError;
use crate::ops::github;
use crate::ops::publish::CheckedArchive;
use crate::ops::publish::check_archive;
use crate::ops::recorded::Recorded;
use crate::ops::recorded::recorded;
use crate::registry::IndexRelease;
use crate::registry::RELEASE_INDEX_FILE;
use crate::registry::ReleaseIndex;
use crate::registry::ReleasedPack;
use crate::source;
use crate::source::NewAsset;
use crate::source::NewContent;
use crate::source::SourceError;
use crate::store::Store;

/// Largest template that is read, in bytes: GitHub takes notes of 125,000 characters.
const TEMPLATE_BYTES_MAX: u64 = 1 << 20;

/// What is to be released.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag that may be written")]
pub struct ReleaseRequest {
    /// The repository.
    pub repository: Repository,
    /// The git tag; GitHub makes it where there is none.
    pub tag: GitTag,
    /// The branch or commit for a tag that is made.
    pub target: Option<String>,
    /// The title; the tag where there is none.
    pub title: Option<String>,
    /// The archives, each with its side file beside it.
    pub archives: Vec<PathBuf>,
    /// A template for the notes.
    pub notes_template: Option<PathBuf>,
    /// Whether GitHub is to call it a pre-release.
    pub prerelease: bool,
    /// Whether it stays a draft.
    pub draft: bool,
    /// Whether the releases are fit for production.
    pub production_ready: bool,
    /// Whether to check only.
    pub dry_run: bool,
}

/// A release to be: everything is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ReleasePlan {
    repository: Repository,
    tag: GitTag,
    target: Option<String>,
    title: String,
    notes: String,
    prerelease: bool,
    draft: bool,
    packs: Vec<ReleasedPack>,
    assets: Vec<PlannedAsset>,
}

/// A file of the release to be.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PlannedAsset {
    name: String,
    size: u64,
    sha256: Sha256Digest,
    new: NewAsset,
}

/// What was released.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct ReleaseOutcome {
    /// Whether it was only checked.
    pub dry_run: bool,
    /// The repository.
    pub repository: Repository,
    /// The git tag.
    pub tag: GitTag,
    /// Its page for people; none where it was only checked.
    pub url: Option<String>,
    /// Whether only its makers see it.
    pub draft: bool,
    /// Whether GitHub calls it a pre-release.
    pub prerelease: bool,
    /// Its notes, in Markdown.
    pub notes: String,
    /// The packs in it.
    pub packs: Vec<ReleaseId>,
    /// Its files.
    pub assets: Vec<ReleaseAsset>,
}

/// One file of a release.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct ReleaseAsset {
    /// Its name, as GitHub keeps it.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// The digest of its bytes.
    pub sha256: Sha256Digest,
}

/// Checks archives whole, then makes a release of them: as a draft, verified by downloading it again, and only then published.
///
/// # Errors
/// [`OpsError::Archive`], [`OpsError::NoSideFile`], [`OpsError::AssetTwice`], [`OpsError::ReleaseExists`], [`OpsError::ForeignDraft`] before anything is
/// sent; [`OpsError::Source`] where GitHub fails, [`OpsError::AssetAltered`] where something else is there than was sent: the draft is removed then.
pub fn release(context: &Context, request: &ReleaseRequest) -> Result<ReleaseOutcome, OpsError> {
    let plan = plan(context, request)?;
    let github = github::github(context)?;
    if context.offline {
        let offline = SourceError::Offline { registry: plan.repository.address() };
        return if request.dry_run { Ok(outcome(&plan, None, true)) } else { Err(offline.into()) };
    }
    let found = effects::look(&github, &plan)?;
    if request.dry_run {
        return Ok(outcome(&plan, None, true));
    }
    Store::create(context.layout.clone())?;
    let packs = plan.packs.iter().map(|pack| PackChange { name: pack.name.clone(), from: None, to: Some(pack.release.version.clone()) }).collect();
    let record = Recorded { action: "release", project: None, environment: None, reason: None, packs };
    let made = recorded(context, record, || effects::make(context, &github, &plan, &found))?;
    Ok(outcome(&plan, Some(made.html_url), false))
}

fn outcome(plan: &ReleasePlan, url: Option<String>, dry_run: bool) -> ReleaseOutcome {
    ReleaseOutcome {
        dry_run,
        repository: plan.repository.clone(),
        tag: plan.tag.clone(),
        url,
        draft: plan.draft,
        prerelease: plan.prerelease,
        notes: plan.notes.clone(),
        packs: plan.packs.iter().map(|pack| ReleaseId { name: pack.name.clone(), version: pack.release.version.clone() }).collect(),
        assets: plan.assets.iter().map(|asset| ReleaseAsset { name: asset.name.clone(), size: asset.size, sha256: asset.sha256 }).collect(),
    }
}

/// Decides everything about the release; reads the archives and the template, and asks nobody.
fn plan(context: &Context, request: &ReleaseRequest) -> Result<ReleasePlan, OpsError> {
    let mut checked = Vec::new();
    for path in &request.archives {
        checked.push(check_archive(&context.directory.join(path), &context.limits)?);
    }
    let packs = released_packs(request, &checked)?;
    let assets = assets(&checked, &packs)?;
    let template = request.notes_template.as_ref().map(|path| read_template(context, path)).transpose()?;
    let facts = notes::Facts { repository: &request.repository, tag: request.tag.as_str(), packs: &packs, assets: &assets };
    let notes = notes::render(template.as_ref().map(|(file, text)| (file.as_str(), text.as_str())), &facts)?;
    Ok(ReleasePlan {
        repository: request.repository.clone(),
        tag: request.tag.clone(),
        target: request.target.clone(),
        title: request.title.clone().unwrap_or_else(|| request.tag.to_string()),
        notes,
        prerelease: request.prerelease,
        draft: request.draft,
        packs,
        assets,
    })
}

fn read_template(context: &Context, path: &std::path::Path) -> Result<(String, String), OpsError> {
    let path = context.directory.join(path);
    let bytes = fsys::read_optional(&path, TEMPLATE_BYTES_MAX)?.ok_or_else(|| OpsError::NoSuchFile { path: path.clone() })?;
    let text = String::from_utf8(bytes).map_err(|_| OpsError::NotText { path: path.clone(), line: 1 })?;
    Ok((path.display().to_string(), text))
}

/// Gives what `packs-index.json` is to say; archives of one release for several platforms must agree.
fn released_packs(request: &ReleaseRequest, checked: &[CheckedArchive]) -> Result<Vec<ReleasedPack>, OpsError> {
    let mut documents = BTreeMap::new();
    for archive in checked {
        let name = archive.manifest.name.clone();
        let document = documents.entry(name.clone()).or_insert_with(|| crate::registry::IndexDocument::new(name.clone()));
        let entry = entry(request, archive)?;
        let release = ReleaseId { name, version: entry.version.clone() };
        let not_taken = |source| SourceError::NotTaken { registry: request.repository.address(), release: Box::new(release.clone()), source: Box::new(source) };
        document.publish(entry).map_err(not_taken)?;
    }
    let packs = documents.into_iter().flat_map(|(name, document)| document.releases.into_iter().map(move |release| (name.clone(), release)));
    Ok(packs.map(|(name, release)| ReleasedPack { name, release }).collect())
}

fn entry(request: &ReleaseRequest, archive: &CheckedArchive) -> Result<IndexRelease, OpsError> {
    let manifest = &archive.manifest;
    let mut artifact = archive.artifact()?;
    artifact.archive = PathComponent::parse(&source::asset_name(artifact.archive.as_str()))?;
    Ok(IndexRelease {
        version: manifest.version.clone(),
        requires: manifest.requires.clone(),
        extras: manifest.extras.clone(),
        artifacts: vec![artifact],
        license: manifest.license.clone(),
        description: manifest.description.clone(),
        authors: manifest.authors.clone(),
        keywords: manifest.keywords.clone(),
        quality: None,
        production_ready: request.production_ready,
        // GitHub says when it was published.
        published_at: None,
        yanked: None,
        deprecated: None,
    })
}

/// Gives the files: each archive and its side file, and `packs-index.json`.
fn assets(checked: &[CheckedArchive], packs: &[ReleasedPack]) -> Result<Vec<PlannedAsset>, OpsError> {
    let mut assets = Vec::new();
    for archive in checked {
        let name = source::asset_name(&archive.file_name);
        let (size, sha256) = (archive.verified.size(), archive.verified.sha256());
        // The side file names the archive as GitHub keeps it, so that `sha256sum -c` finds it.
        let side_file = archive::format_side_file(&sha256, &name);
        let new = NewAsset { name: name.clone(), size, content: NewContent::File(archive.path.clone()) };
        assets.push(PlannedAsset { name: name.clone(), size, sha256, new });
        assets.push(in_memory(side_file_of(&name), side_file.into_bytes()));
    }
    assets.push(in_memory(RELEASE_INDEX_FILE.to_owned(), ReleaseIndex { packs: packs.to_vec() }.format()));
    let mut names: Vec<&str> = assets.iter().map(|asset| asset.name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(OpsError::AssetTwice { asset: pair[0].to_owned() }),
        None => Ok(assets),
    }
}

fn in_memory(name: String, bytes: Vec<u8>) -> PlannedAsset {
    let (size, sha256) = (bytes.len() as u64, archive::sha256(&bytes));
    PlannedAsset { new: NewAsset { name: name.clone(), size, content: NewContent::Bytes(bytes) }, name, size, sha256 }
}
