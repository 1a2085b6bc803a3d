//! Archives out of a registry into a directory, verified, without installing them.
//!
//! Who only downloads needs no home; where there is one, how new the index documents were is remembered in it. An archive gets its name in the directory when it is good, its side file after that.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use crate::archive;
use crate::fetch;
use crate::fetch::Need;
use crate::fetch::Received;
use crate::fetch::Wanted;
use crate::fsys;
use crate::fsys::FileKind;
use crate::model::PackName;
use crate::model::Platform;
use crate::model::Range;
use crate::model::ReleaseId;
use crate::model::SIDE_FILE_BYTES_MAX;
use crate::model::Sha256Digest;
use crate::model::Version;
use crate::model::fold_name;
use crate::model::side_file_of;
use crate::ops::AskedPack;
use crate::ops::Context;
use crate::ops::Event;
use crate::ops::OpsError;
use crate::ops::archives::deliver;
use crate::ops::asked::AskedPlace;
use crate::ops::asked::Offer;
use crate::ops::missing_indexes::MissingIndexes;
use crate::ops::pipeline;
use crate::ops::pipeline::Load;
use crate::ops::pipeline::Stages;
use crate::ops::pipeline::Threads;
use crate::registry::IndexArtifact;
use crate::registry::IndexDocument;
use crate::registry::IndexRelease;
use crate::source::Source;
use crate::store::StoreError;

/// What is to be downloaded, and where to.
#[derive(Debug, Clone)]
pub struct DownloadRequest {
    /// The packs; the newest release in each range that was not yanked.
    pub packs: Vec<AskedPack>,
    /// The directory to put archives and side files into.
    pub directory: PathBuf,
    /// A directory, an address or a name of packs.toml; where there is none, wherever the project takes the pack from.
    pub registry: Option<String>,
    /// What the archives are to run on; this machine where there is none.
    pub platform: Option<Platform>,
    /// What becomes of other files that have the names of archives or side files.
    pub existing: Existing,
    /// Whether to choose only.
    pub dry_run: bool,
}

/// What becomes of files that are in the way of a download.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// They stay, and nothing is downloaded.
    Keep,
    /// They are replaced.
    Replace,
}

/// What was downloaded.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct DownloadOutcome {
    /// Whether it was only chosen.
    pub dry_run: bool,
    /// The directory.
    pub directory: String,
    /// The archives, in the order they were asked for.
    pub archives: Vec<DownloadedArchive>,
}

/// One archive.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct DownloadedArchive {
    /// The pack.
    pub name: PackName,
    /// The version.
    pub version: Version,
    /// What it runs on.
    pub platform: Platform,
    /// Its file name.
    pub archive: String,
    /// Its length in bytes.
    pub size: u64,
    /// The digest of its bytes.
    pub sha256: Sha256Digest,
    /// The registry.
    pub registry: String,
    /// Bytes that arrived for it; none where it was there already.
    pub downloaded_bytes: u64,
}

/// An archive that was chosen, and who has it.
struct Chosen<'c> {
    need: Need,
    source: Arc<dyn Source + 'c>,
}

/// Downloads archives with their side files.
///
/// # Errors
/// [`OpsError::NoSuchPack`], [`OpsError::NoSuchRelease`], [`OpsError::NoArchiveForPlatform`] where there is nothing to download; [`OpsError::SameName`] and
/// [`OpsError::OtherFile`] where there is no room for it. Nothing was written then.
pub fn download(context: &Context, request: &DownloadRequest) -> Result<DownloadOutcome, OpsError> {
    let directory = context.directory.join(&request.directory);
    let chosen = distinct(choose_all(context, request)?)?;
    chosen.iter().try_for_each(|one| one.require_room(&directory, request.existing))?;
    let archives = if request.dry_run {
        chosen.iter().map(|one| one.outcome(0)).collect()
    } else {
        fsys::create_dir_all(&directory)?;
        download_all(context, chosen, &directory)?
    };
    Ok(DownloadOutcome { dry_run: request.dry_run, directory: directory.display().to_string(), archives })
}

/// Leaves each archive once, and refuses two that would get one name.
fn distinct(chosen: Vec<Chosen<'_>>) -> Result<Vec<Chosen<'_>>, OpsError> {
    let mut distinct: Vec<Chosen<'_>> = Vec::new();
    for one in chosen {
        // Some file systems take two spellings for one name.
        match distinct.iter().find(|other| fold_name(&other.need.archive) == fold_name(&one.need.archive)) {
            None => distinct.push(one),
            Some(other) if other.need.sha256 == one.need.sha256 => {}
            Some(other) => return Err(OpsError::SameName { archive: one.need.archive.clone(), one: other.describe(), other: one.describe() }),
        }
    }
    Ok(distinct)
}

fn choose_all<'c>(context: &'c Context, request: &DownloadRequest) -> Result<Vec<Chosen<'c>>, OpsError> {
    let asked = AskedPlace::open(context, request.registry.as_deref())?;
    let platform = request.platform.or(context.platform);
    let chosen = offers(context, &asked, &request.packs);
    let chosen = chosen.and_then(|offers| offers.into_iter().map(|(pack, offer)| choose_from(context, platform, pack, offer)).collect());
    // What was seen counts even where something else was refused.
    asked.remember()?;
    chosen
}

/// Asks about all packs before one is chosen; of those whose index is not known here all are named.
fn offers<'c, 'p>(context: &Context, asked: &AskedPlace<'c>, packs: &'p [AskedPack]) -> Result<Vec<(&'p AskedPack, Offer<'c>)>, OpsError> {
    let mut missing = MissingIndexes::default();
    let mut offers = Vec::new();
    for pack in packs {
        let offer = missing.sort_out(&pack.name, offer_of(context, asked, &pack.name))?;
        offers.extend(offer.map(|offer| (pack, offer)));
    }
    missing.none()?;
    Ok(offers)
}

fn offer_of<'c>(context: &Context, asked: &AskedPlace<'c>, name: &PackName) -> Result<Offer<'c>, OpsError> {
    asked.offer(context, name)?.ok_or_else(|| OpsError::NoArchiveOfPath { name: name.clone() })
}

fn choose_from<'c>(context: &Context, platform: Option<Platform>, asked: &AskedPack, offer: Offer<'c>) -> Result<Chosen<'c>, OpsError> {
    let (name, place) = (&asked.name, offer.place);
    let range = asked.range.clone().unwrap_or_else(Range::any);
    match choose(&offer.document, &range, platform) {
        Choice::Archive(release, artifact) => {
            if let Some(reason) = &release.yanked {
                context.warn(format!("{name} {} was yanked: {reason}", release.version));
            }
            Ok(Chosen { need: need(name, release, artifact), source: place.source_of(artifact) })
        }
        Choice::NoArchive(release) => Err(OpsError::NoArchiveForPlatform {
            release: ReleaseId { name: name.clone(), version: release.version.clone() },
            platform: platform.map_or_else(|| "unknown".to_owned(), |platform| platform.to_string()),
            offered: release.artifacts.iter().map(|artifact| artifact.platform).collect(),
        }),
        Choice::Yanked(release, reason) => Err(OpsError::AllYanked {
            name: name.clone(),
            range: Box::new(range),
            registry: place.describe(),
            newest: Box::new(release.version.clone()),
            reason: reason.to_owned(),
        }),
        Choice::NoRelease { newest } => {
            Err(OpsError::NoSuchRelease { name: name.clone(), range: Box::new(range), registry: place.describe(), newest: newest.cloned().map(Box::new) })
        }
    }
}

/// What an index offers for a range and a platform.
#[derive(Debug, PartialEq, Eq)]
enum Choice<'d> {
    Archive(&'d IndexRelease, &'d IndexArtifact),
    /// The newest release in the range has no archive for the platform.
    NoArchive(&'d IndexRelease),
    /// All releases in the range were yanked; the newest of them, and why.
    Yanked(&'d IndexRelease, &'d str),
    /// No release is in the range; the newest one there is.
    NoRelease {
        newest: Option<&'d Version>,
    },
}

/// Chooses the newest release in a range; a yanked one only where the range names exactly that version.
fn choose<'d>(document: &'d IndexDocument, range: &Range, platform: Option<Platform>) -> Choice<'d> {
    let is_offered = |release: &&IndexRelease| range.matches(&release.version) && (release.yanked.is_none() || range.exact_version().is_some());
    let newest_of = |releases: Vec<&'d IndexRelease>| releases.into_iter().max_by(|one, other| one.version.cmp(&other.version));
    let Some(release) = newest_of(document.releases.iter().filter(is_offered).collect()) else {
        let in_range = newest_of(document.releases.iter().filter(|release| range.matches(&release.version)).collect());
        if let Some((release, reason)) = in_range.and_then(|release| Some((release, release.yanked.as_deref()?))) {
            return Choice::Yanked(release, reason);
        }
        let newest = newest_of(document.releases.iter().filter(|release| release.yanked.is_none()).collect());
        return Choice::NoRelease { newest: newest.map(|release| &release.version) };
    };
    let accepted = platform.map_or_else(|| vec![Platform::ANY], Platform::accepted);
    let found = accepted.into_iter().find_map(|platform| release.artifacts.iter().find(|artifact| artifact.platform == platform));
    found.map_or(Choice::NoArchive(release), |artifact| Choice::Archive(release, artifact))
}

fn need(name: &PackName, release: &IndexRelease, artifact: &IndexArtifact) -> Need {
    Need {
        release: ReleaseId { name: name.clone(), version: release.version.clone() },
        platform: artifact.platform,
        archive: artifact.archive.to_string(),
        size: artifact.size,
        sha256: artifact.sha256,
        tree: artifact.tree,
    }
}

fn download_all(context: &Context, chosen: Vec<Chosen<'_>>, directory: &Path) -> Result<Vec<DownloadedArchive>, OpsError> {
    let bytes = chosen.iter().map(|one| one.need.size).sum();
    context.report.event(Event::StageBegins { downloads: chosen.len(), download_bytes: bytes, archives: chosen.len(), bytes });
    let fetch = |(_, one): &(usize, Chosen<'_>)| one.fetch(context, directory);
    let work = |(at, one): (usize, Chosen<'_>), received: Option<Received>| {
        let received = received.expect("everything was fetched");
        let arrived_bytes = received.arrived_bytes;
        one.check(context, directory, received)?;
        context.report.event(Event::Unpacked { release: one.need.release.to_string(), bytes: one.need.size });
        Ok((at, one.outcome(arrived_bytes)))
    };
    let load = Load { far: chosen.into_iter().enumerate().collect(), near: vec![] };
    let threads = Threads { fetching: context.connections, working: context.jobs };
    let done = pipeline::run(load, &Stages { fetch: &fetch, work: &work }, threads, &context.interrupt);
    context.report.event(Event::StageEnds);
    let mut done = done?;
    done.sort_by_key(|(at, _)| *at);
    Ok(done.into_iter().map(|(_, one)| one).collect())
}

impl Chosen<'_> {
    fn describe(&self) -> String {
        format!("{} for {} in {}", self.need.release, self.need.platform, self.source.describe())
    }

    /// Refuses to download where something else has the name of the archive, of its side file, or of its beginning.
    fn require_room(&self, directory: &Path, existing: Existing) -> Result<(), OpsError> {
        let need = &self.need;
        let (path, side_file) = (directory.join(&need.archive), self.side_file(directory));
        let is_same = || fetch::open_file(&path, need.size, need.sha256).is_ok();
        require_room(&path, existing, is_same)?;
        require_room(&side_file, existing, || self.has_side_file(directory))?;
        // A beginning that an earlier try left is gone on with; through a link nothing is written.
        match fsys::status(&self.partial(directory))? {
            None => Ok(()),
            Some(found) if found.kind == FileKind::File => Ok(()),
            Some(_) => Err(OpsError::OtherFile { path: self.partial(directory), found: "no regular file" }),
        }
    }

    fn side_file(&self, directory: &Path) -> PathBuf {
        directory.join(side_file_of(&self.need.archive))
    }

    fn partial(&self, directory: &Path) -> PathBuf {
        directory.join(format!(".{}.part", self.need.archive))
    }

    /// Tells whether a side file is there that promises just this archive, in whichever form.
    fn has_side_file(&self, directory: &Path) -> bool {
        let bytes = fsys::read_cached(&self.side_file(directory), SIDE_FILE_BYTES_MAX).ok().flatten();
        bytes.is_some_and(|bytes| archive::parse_side_file(&bytes, &self.need.archive).is_ok_and(|sha256| sha256 == self.need.sha256))
    }

    fn fetch(&self, context: &Context, directory: &Path) -> Result<Received, OpsError> {
        let need = &self.need;
        let (path, partial) = (directory.join(&need.archive), self.partial(directory));
        let wanted = Wanted { size: need.size, sha256: need.sha256, cached: &path, partial: &partial };
        deliver(context, need, &*self.source, &wanted)
    }

    /// Reads the archive through, as an install would, and writes its side file.
    fn check(&self, context: &Context, directory: &Path, received: Received) -> Result<(), OpsError> {
        let need = &self.need;
        let path = directory.join(&need.archive);
        let wrong = |source| OpsError::Fetch { release: need.release.to_string(), from: path.display().to_string(), source: Box::new(source) };
        let verified = received.verified.map_or_else(|| fetch::open_file(&path, need.size, need.sha256).map_err(wrong), Ok)?;
        let refused = |source| OpsError::Archive { archive: need.archive.clone(), source: Box::new(source) };
        let contents = verified.look_through(&context.limits).map_err(refused)?;
        let found = ReleaseId { name: contents.manifest.name.clone(), version: contents.manifest.version.clone() };
        if found != need.release {
            return Err(StoreError::WrongRelease { expected: Box::new(need.release.clone()), found: Box::new(found) }.into());
        }
        if contents.digest != need.tree {
            return Err(StoreError::WrongTree { release: Box::new(found), expected: need.tree, found: contents.digest }.into());
        }
        if self.has_side_file(directory) {
            return Ok(());
        }
        Ok(fsys::write_atomic(&self.side_file(directory), archive::format_side_file(&need.sha256, &need.archive).as_bytes())?)
    }

    fn outcome(&self, downloaded_bytes: u64) -> DownloadedArchive {
        let need = &self.need;
        DownloadedArchive {
            name: need.release.name.clone(),
            version: need.release.version.clone(),
            platform: need.platform,
            archive: need.archive.clone(),
            size: need.size,
            sha256: need.sha256,
            registry: self.source.describe(),
            downloaded_bytes,
        }
    }
}

/// Refuses a name that something else has, and what is no file in any case.
fn require_room(path: &Path, existing: Existing, is_same: impl Fn() -> bool) -> Result<(), OpsError> {
    let other = |found| Err(OpsError::OtherFile { path: path.to_owned(), found });
    match fsys::status(path)?.map(|found| found.kind) {
        None => Ok(()),
        Some(FileKind::File | FileKind::Symlink) if existing == Existing::Replace || is_same() => Ok(()),
        Some(FileKind::File) => other("another file"),
        Some(FileKind::Symlink) => other("a link to another file"),
        Some(FileKind::Directory) => other("a directory"),
        Some(FileKind::Other) => other("no file"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(releases: &[(&str, &str, bool)]) -> IndexDocument {
        let release = |(version, platform, yanked): &(&str, &str, bool)| {
            let digest = "ab".repeat(32);
            let tree = "a".repeat(52);
            let yanked = if *yanked { "\"broken\"" } else { "null" };
            format!(
                r#"{{"version": "{version}", "yanked": {yanked}, "artifacts": [{{"platform": "{platform}", "archive": "kanban-{version}.tar.zst", "size": 1, "sha256": "{digest}", "tree": "{tree}"}}]}}"#
            )
        };
        let releases = releases.iter().map(release).collect::<Vec<_>>().join(", ");
        let text = format!(r#"{{"schema": "packs.index/1", "name": "kanban", "releases": [{releases}]}}"#);
        IndexDocument::parse(text.as_bytes(), &PackName::parse("kanban").expect("valid")).expect("valid")
    }

    #[track_caller]
    fn check(range: &str, platform: &str, expected: &str) {
        let document = document(&[
            ("1.0.0", "any", false),
            ("3.0.0-rc.1", "any", false),
            ("2.1.0", "any", true),
            ("1.2.0", "linux-x86_64", false),
            ("1.1.0", "any", false),
        ]);
        let range = Range::parse(range).expect("valid");
        let found = match choose(&document, &range, Some(Platform::parse(platform).expect("valid"))) {
            Choice::Archive(release, _) => release.version.to_string(),
            Choice::NoArchive(release) => format!("no archive of {}", release.version),
            Choice::Yanked(release, reason) => format!("yanked, newest {}: {reason}", release.version),
            Choice::NoRelease { newest } => format!("none, newest {}", newest.expect("there are some")),
        };
        assert_eq!(found, expected, "{range} for {platform}");
    }

    #[test]
    fn the_newest_in_range_that_was_not_yanked_is_chosen() {
        check("*", "linux-x86_64", "1.2.0");
        check("~1.1", "linux-x86_64", "1.1.0");
        check("*", "macos-aarch64", "no archive of 1.2.0");
        check("=2.1.0", "linux-x86_64", "2.1.0");
        check("^2", "linux-x86_64", "yanked, newest 2.1.0: broken");
        check("=3.0.0-rc.1", "linux-x86_64", "3.0.0-rc.1");
        check("^9", "linux-x86_64", "none, newest 3.0.0-rc.1");
    }
}
