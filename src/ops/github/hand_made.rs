//! Archives that were uploaded by hand, without `packs-index.json`: each is downloaded, verified and read once.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use crate::archive;
use crate::archive::Verified;
use crate::fetch;
use crate::fetch::Cut;
use crate::fetch::DownloadError;
use crate::fetch::Ends;
use crate::fetch::FetchError;
use crate::fetch::Wanted;
use crate::model::ArchiveAddress;
use crate::model::PackName;
use crate::model::PathComponent;
use crate::model::ReleaseId;
use crate::model::SIDE_FILE_BYTES_MAX;
use crate::model::Sha256Digest;
use crate::model::Version;
use crate::model::in_one_line;
use crate::model::side_file_of;
use crate::net::Answer;
use crate::ops::OpsError;
use crate::ops::github::GitHubReleases;
use crate::registry::IndexArtifact;
use crate::registry::IndexRelease;
use crate::registry::ReleaseIndex;
use crate::registry::ReleasedPack;
use crate::source::ArchivePosition;
use crate::source::GitHubAsset;
use crate::source::Offer;
use crate::source::OfferedArchive;
use crate::source::SourceError;
use crate::store::Store;

/// How many archives of a repository are read: the newest. More would make a first lock a download of everything; `packs-index.json` makes it none.
const ARCHIVES_MAX: usize = 32;

/// Largest archive that is downloaded only to be read, in bytes.
const ARCHIVE_BYTES_MAX: u64 = 256 << 20;

/// Why an archive has no say.
enum Unread {
    /// It is at fault, and is left out.
    Fault(String),
    /// It could not be had.
    Failed(OpsError),
}

impl From<SourceError> for Unread {
    fn from(error: SourceError) -> Self {
        Unread::Failed(error.into())
    }
}

/// Gives the archives of a release that its `packs-index.json` does not list.
pub(super) fn not_listed<'o>(offer: &'o Offer, index: &ReleaseIndex) -> Vec<&'o OfferedArchive> {
    let listed: BTreeSet<&str> = index.packs.iter().flat_map(|pack| &pack.release.artifacts).map(|artifact| artifact.archive.as_str()).collect();
    offer.archives.iter().filter(|offered| !listed.contains(offered.archive.name.as_str())).collect()
}

/// An archive that is to be read, with the place of its release among all offers.
pub(super) type Placed<'o> = (usize, &'o OfferedArchive);

/// Reads archives, the newest releases' first, and says which are left out; `None` where one is needed and the network may not be asked.
pub(super) fn read_all(releases: &GitHubReleases<'_>, offers: &[Offer], archives: Vec<Placed<'_>>) -> Result<Option<Vec<(usize, ReleasedPack)>>, OpsError> {
    let archives = newest(releases, archives);
    let is_known = |(_, offered): &Placed<'_>| offered.side_file.is_none() || releases.cache().archive(offered).is_some();
    if !releases.context.offline && !archives.iter().all(is_known) {
        // What is downloaded goes into the cache, which may not be there yet.
        Store::create(releases.context.layout.clone())?;
    }
    let read = |(_, offered): &Placed<'_>| match read_one(releases, offered) {
        Ok(None) => Ok(None),
        Ok(Some(pack)) => Ok(Some(Ok(pack))),
        Err(Unread::Fault(reason)) => Ok(Some(Err(reason))),
        Err(Unread::Failed(error)) => Err(error),
    };
    let Some(results) = releases.for_each(archives.clone(), &read)?.into_iter().collect::<Option<Vec<_>>>() else { return Ok(None) };
    let mut packs = Vec::new();
    for ((place, offered), result) in archives.into_iter().zip(results) {
        match result {
            Ok(pack) => packs.push((place, pack)),
            Err(reason) => releases.leave_out(&offered.archive.name, &offers[place].tag, &reason),
        }
    }
    Ok(Some(packs))
}

/// Gives the archives of the newest releases, as many as are read.
fn newest<'o>(releases: &GitHubReleases<'_>, mut archives: Vec<Placed<'o>>) -> Vec<Placed<'o>> {
    archives.sort_by_key(|(place, _)| std::cmp::Reverse(*place));
    if archives.len() > ARCHIVES_MAX {
        let more = archives.len() - ARCHIVES_MAX;
        let text = format!("{more} older archives of {} are left out: without packs-index.json only the newest {ARCHIVES_MAX} are read", releases.repository);
        releases.context.warn(text);
        archives.truncate(ARCHIVES_MAX);
    }
    archives
}

/// Reads one archive, or recalls what was read; `None` where the network may not be asked.
fn read_one(releases: &GitHubReleases<'_>, offered: &OfferedArchive) -> Result<Option<ReleasedPack>, Unread> {
    let (cache, asset) = (releases.cache(), &offered.archive);
    let located = |mut pack: ReleasedPack| {
        pack.release.artifacts.iter_mut().for_each(|artifact| artifact.url = Some(asset.browser_download_url.clone()));
        pack
    };
    if let Some(pack) = cache.archive(offered).and_then(|index| index.packs.into_iter().next()) {
        return Ok(Some(located(pack)));
    }
    ArchiveAddress::parse(&asset.browser_download_url).map_err(|invalid| Unread::Fault(invalid.to_string()))?;
    let Some(side_file) = &offered.side_file else { return Err(Unread::Fault(format!("it has no side file {}", side_file_of(&asset.name)))) };
    if releases.context.offline {
        return Ok(None);
    }
    let sha256 = digest(releases, asset, side_file)?;
    let verified = download(releases, asset, sha256)?;
    let pack = describe(releases, asset, &verified)?;
    cache.keep_archive(offered, &ReleaseIndex { packs: vec![pack.clone()] });
    Ok(Some(located(pack)))
}

/// Reads the digest out of the side file; GitHub's own word, where it has one, must be the same.
fn digest(releases: &GitHubReleases<'_>, archive: &GitHubAsset, side_file: &GitHubAsset) -> Result<Sha256Digest, Unread> {
    if archive.size > ARCHIVE_BYTES_MAX {
        return Err(Unread::Fault(format!("it has {} bytes, and without packs-index.json at most {ARCHIVE_BYTES_MAX} are read", archive.size)));
    }
    let bytes = releases.github.read(&releases.repository, side_file, SIDE_FILE_BYTES_MAX).map_err(SourceError::GitHub)?;
    let sha256 = archive::parse_side_file(&bytes, &archive.name).map_err(|error| Unread::Fault(in_one_line(&error)))?;
    match &archive.digest {
        Some(found) if *found != format!("sha256:{sha256}") => Err(Unread::Fault(format!("its side file says sha256 {sha256}, and GitHub has {found}"))),
        _ => Ok(sha256),
    }
}

/// Brings the archive into the cache, where a switch finds it.
fn download(releases: &GitHubReleases<'_>, asset: &GitHubAsset, sha256: Sha256Digest) -> Result<Verified, Unread> {
    let context = releases.context;
    let (cached, partial) = (context.layout.archive(&sha256), context.layout.archive_partial(&sha256));
    let wanted = Wanted { size: asset.size, sha256, cached: &cached, partial: &partial };
    let nobody = ReleaseId { name: PackName::parse("archive").expect("a name"), version: Version::parse("0.0.0").expect("a version") };
    let open = |offset: u64, known: Option<&_>| releases.open_at(asset, ArchivePosition { offset, known }, &nobody);
    let watch = |_| if context.interrupt.is_asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let received = match context.waiting(|waiting| fetch::download(&wanted, &Ends { open: &open, watch: &watch, elsewhere: &|_| false }, waiting)) {
        Ok(Answer::Found(received)) => received,
        Ok(Answer::Absent | Answer::Offline) => return Err(Unread::Fault("it is listed and not there".into())),
        Err(DownloadError::Refused(FetchError::Disk(error))) => return Err(Unread::Failed(error.into())),
        Err(DownloadError::Refused(error)) => return Err(Unread::Fault(in_one_line(&error))),
        Err(DownloadError::Stopped) => return Err(Unread::Failed(OpsError::Interrupted)),
        Err(DownloadError::Cut { source: Cut::Source(error), .. }) => return Err(error.into()),
        Err(DownloadError::Cut { source: Cut::Broken(source), .. }) => return Err(broken(releases, asset, source)),
    };
    let opened = received.verified.map_or_else(|| fetch::open_file(&cached, asset.size, sha256), Ok);
    opened.map_err(|error| Unread::Fault(in_one_line(&error)))
}

fn broken(releases: &GitHubReleases<'_>, asset: &GitHubAsset, source: std::io::Error) -> Unread {
    SourceError::GitHub(crate::source::GitHubError::Cut { doing: format!("download {} of {}", asset.name, releases.repository), source }).into()
}

/// Reads the archive through; what its MANIFEST.json says counts, not its name.
fn describe(releases: &GitHubReleases<'_>, asset: &GitHubAsset, verified: &Verified) -> Result<ReleasedPack, Unread> {
    let contents = verified.look_through(&releases.context.limits).map_err(|error| Unread::Fault(in_one_line(&error)))?;
    let manifest = contents.manifest;
    let archive = PathComponent::parse(&asset.name).map_err(|error| Unread::Fault(error.to_string()))?;
    let artifact = IndexArtifact {
        platform: manifest.platform,
        archive,
        size: verified.size(),
        sha256: verified.sha256(),
        tree: contents.digest,
        unpacked_size: Some(contents.unpacked_bytes),
        url: None,
    };
    let release = IndexRelease {
        version: manifest.version,
        requires: manifest.requires,
        extras: manifest.extras,
        artifacts: vec![artifact],
        license: manifest.license,
        description: manifest.description,
        authors: manifest.authors,
        keywords: manifest.keywords,
        quality: None,
        production_ready: false,
        published_at: None,
        yanked: None,
        deprecated: None,
    };
    Ok(ReleasedPack { name: manifest.name, release })
}
