//! The releases of a repository on GitHub, as a source of packs.
//!
//! What a solve must know of a release stands in its `packs-index.json`, which `packs release` makes. Archives that stand in none were uploaded by hand:
//! of these the newest are downloaded, verified against their side files and read, once each. What is wrong with one release is said, and leaves out that
//! release only: an old fault must not keep a project from the releases that are right. What cannot be asked is an error: leaving it out would lock other
//! releases than those that are there.

mod cache;
mod hand_made;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::PoisonError;

use crate::fetch::Need;
use crate::model::ArchiveAddress;
use crate::model::PackName;
use crate::model::ReleaseId;
use crate::model::Repository;
use crate::model::in_one_line;
use crate::net::Answer;
use crate::net::Body;
use crate::ops::Context;
use crate::ops::OpsError;
use crate::ops::github::cache::Cache;
use crate::ops::pipeline;
use crate::ops::pipeline::Load;
use crate::ops::pipeline::Stages;
use crate::ops::pipeline::Threads;
use crate::registry::IndexArtifact;
use crate::registry::IndexDocument;
use crate::registry::Names;
use crate::registry::RELEASE_INDEX_BYTES_MAX;
use crate::registry::RELEASE_INDEX_FILE;
use crate::registry::ReleaseIndex;
use crate::registry::ReleasedPack;
use crate::source;
use crate::source::Access;
use crate::source::ArchivePosition;
use crate::source::GitHub;
use crate::source::GitHubAsset;
use crate::source::GitHubRelease;
use crate::source::LocatedSource;
use crate::source::Offer;
use crate::source::Source;
use crate::source::SourceError;

/// Most pages of the list that are read: GitHub gives no more than 10,000 releases.
const PAGES_MAX: u32 = 100;

/// The releases of one repository; listed once, when first asked.
pub(super) struct GitHubReleases<'c> {
    context: &'c Context,
    github: GitHub,
    repository: Repository,
}

/// Everything that a repository offers, as index documents say it: by pack, the oldest release first.
pub(super) type Listing = BTreeMap<PackName, IndexDocument>;

/// The packs of a repository, those of the oldest release first, each with the tag of its release.
type Tagged = Vec<(String, ReleasedPack)>;

impl<'c> GitHubReleases<'c> {
    /// Takes a repository; nothing is asked yet.
    ///
    /// # Errors
    /// [`SourceError::GitHub`] where the variables about GitHub cannot be used.
    pub(super) fn new(context: &'c Context, repository: &Repository) -> Result<GitHubReleases<'c>, SourceError> {
        Ok(GitHubReleases { context, github: github(context)?, repository: repository.clone() })
    }

    /// Gives everything known about a pack's releases, as a registry would.
    ///
    /// # Errors
    /// [`OpsError::Source`] where GitHub could not be asked, or refuses.
    pub(super) fn index(&self, name: &PackName) -> Result<Answer<IndexDocument>, OpsError> {
        let Some(listing) = self.listing()? else { return Ok(Answer::Offline) };
        Ok(listing.get(name).map_or(Answer::Absent, |document| Answer::Found(document.clone())))
    }

    /// Gives the list of the packs, as a registry keeps one.
    ///
    /// # Errors
    /// As [`GitHubReleases::index`].
    pub(super) fn names(&self) -> Result<Answer<Names>, OpsError> {
        let Some(listing) = self.listing()? else { return Ok(Answer::Offline) };
        let mut names = Names::default();
        for document in listing.values() {
            names.update(document);
        }
        Ok(Answer::Found(names))
    }

    /// Names the place for people.
    pub(super) fn describe(&self) -> String {
        self.repository.address()
    }

    /// Gives what the repository offers; asked for once in a command, however often it is needed.
    fn listing(&self) -> Result<Option<Arc<Listing>>, OpsError> {
        let slot = self.context.memo.listing(&self.github.access().host(), &self.repository);
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listing) = &*slot {
            return Ok(Some(Arc::clone(listing)));
        }
        let Some(releases) = self.releases()? else { return Ok(None) };
        let Some(packs) = self.packs(&source::offers(&releases))? else { return Ok(None) };
        let listing = Arc::new(self.documents(packs));
        *slot = Some(Arc::clone(&listing));
        Ok(Some(listing))
    }

    /// Puts the releases of each pack together.
    fn documents(&self, packs: Tagged) -> Listing {
        let mut listing = Listing::new();
        for (tag, pack) in packs {
            let (name, version) = (pack.name, pack.release.version.clone());
            let document = listing.entry(name.clone()).or_insert_with(|| IndexDocument::new(name.clone()));
            // Of two releases that contradict each other the older one counts: what was published never changes.
            if let Err(error) = document.publish(pack.release) {
                self.leave_out(&format!("{name} {version}"), &tag, &in_one_line(&error));
            }
        }
        listing.retain(|_, document| !document.releases.is_empty());
        listing
    }

    fn cache(&self) -> Cache<'c> {
        Cache::new(self.context, &self.github.access().host(), &self.repository)
    }

    /// Lists all releases; `None` where that needs the network, which may not be asked.
    fn releases(&self) -> Result<Option<Vec<GitHubRelease>>, SourceError> {
        let mut releases = Vec::new();
        for number in 1..=PAGES_MAX {
            let Some(page) = self.page(number)? else { return Ok(None) };
            releases.extend(source::parse_page(&self.repository, &page.body)?);
            if !page.has_next {
                break;
            }
        }
        Ok(Some(releases))
    }

    fn page(&self, number: u32) -> Result<Option<source::Page>, SourceError> {
        let cache = self.cache();
        let known = cache.page(number);
        if self.context.offline {
            return Ok(known);
        }
        let etag = known.as_ref().and_then(|page| page.etag.as_deref());
        match (self.github.page(&self.repository, number, etag)?, known) {
            (Some(page), _) => {
                cache.keep_page(number, &page);
                Ok(Some(page))
            }
            (None, known) => Ok(known),
        }
    }

    /// Reads what each release offers, several at once.
    fn packs(&self, offers: &[Offer]) -> Result<Option<Tagged>, OpsError> {
        let indexes = self.for_each(offers.iter().collect(), &|offer: &&Offer| self.index_of(offer))?;
        let Some(indexes) = indexes.into_iter().collect::<Option<Vec<_>>>() else { return Ok(None) };
        let mut packs: Vec<(usize, ReleasedPack)> = Vec::new();
        let mut by_hand = Vec::new();
        for (place, (offer, index)) in offers.iter().zip(indexes).enumerate() {
            let index = index.unwrap_or(ReleaseIndex { packs: vec![] });
            by_hand.extend(hand_made::not_listed(offer, &index).into_iter().map(|archive| (place, archive)));
            packs.extend(index.packs.into_iter().filter_map(|pack| self.offered(offer, pack)).map(|pack| (place, pack)));
        }
        let Some(read) = hand_made::read_all(self, offers, by_hand)? else { return Ok(None) };
        packs.extend(read);
        packs.sort_by_key(|(place, _)| *place);
        Ok(Some(packs.into_iter().map(|(place, pack)| (offers[place].tag.clone(), dated(&offers[place], pack))).collect()))
    }

    /// Reads the `packs-index.json` of a release, if it has one: `Some(None)` where it has none, or one that cannot be believed.
    #[allow(clippy::option_option, reason = "not known, known to have none, and known are three answers")]
    fn index_of(&self, offer: &Offer) -> Result<Option<Option<ReleaseIndex>>, OpsError> {
        let Some(asset) = &offer.index else { return Ok(Some(None)) };
        let cache = self.cache();
        if let Some(index) = cache.index(asset) {
            return Ok(Some(Some(index)));
        }
        if self.context.offline {
            return Ok(None);
        }
        let bytes = self.github.read(&self.repository, asset, RELEASE_INDEX_BYTES_MAX).map_err(SourceError::GitHub)?;
        match ReleaseIndex::parse(&bytes) {
            Ok(index) => {
                cache.keep_index(asset, &index);
                Ok(Some(Some(index)))
            }
            Err(error) => {
                self.leave_out(RELEASE_INDEX_FILE, &offer.tag, &in_one_line(&error));
                Ok(Some(None))
            }
        }
    }

    /// Says where the archives of a pack lie; leaves out those that are not there, or are others now.
    fn offered(&self, offer: &Offer, mut pack: ReleasedPack) -> Option<ReleasedPack> {
        pack.release.artifacts.retain_mut(|artifact| match located(offer, artifact) {
            Ok(url) => {
                artifact.url = Some(url);
                true
            }
            Err(reason) => {
                self.leave_out(artifact.archive.as_str(), &offer.tag, reason);
                false
            }
        });
        (!pack.release.artifacts.is_empty()).then_some(pack)
    }

    fn leave_out(&self, file: &str, tag: &str, reason: &str) {
        self.context.warn(format!("{file} in the release {tag} of {} is left out: {reason}", self.repository));
    }

    /// Does something for each of many, as many at once as registries may be asked; gives the results in their order.
    fn for_each<I: Send, T: Send>(&self, items: Vec<I>, one: &(dyn Fn(&I) -> Result<T, OpsError> + Sync)) -> Result<Vec<T>, OpsError> {
        let far = items.into_iter().enumerate().collect();
        let fetch = |(_, item): &(usize, I)| one(item);
        let work = |(place, _): (usize, I), done: Option<T>| Ok((place, done.expect("all of them are far")));
        let threads = Threads { fetching: self.context.connections, working: 1 };
        let mut done = pipeline::run(Load { far, near: vec![] }, &Stages { fetch: &fetch, work: &work }, threads, &self.context.interrupt)?;
        done.sort_by_key(|(place, _)| *place);
        Ok(done.into_iter().map(|(_, done)| done).collect())
    }

    /// Opens an asset at a position: from its address for people, else, where that has nothing for strangers, through the API.
    fn open_at(&self, asset: &GitHubAsset, position: ArchivePosition<'_>, release: &ReleaseId) -> Result<Answer<Body>, SourceError> {
        let located = LocatedSource::new(&self.context.network, &asset.browser_download_url)?;
        match located.archive_at(release, &asset.name, position)? {
            Answer::Absent if self.github.access().variable().is_some() => {
                let answer = self.github.open_through_api(&self.repository, asset)?;
                Ok(Answer::Found(Body { offset: 0, size: Some(asset.size), revision: None, reader: answer.reader }))
            }
            answer => Ok(answer),
        }
    }

    /// Opens an archive at the address that a lockfile names.
    ///
    /// Public archives are had from there, without any question to the API. Only where the address has nothing for strangers, and there is a token, the list
    /// of releases is asked which asset it is.
    pub(super) fn open_locked(&self, url: &str, position: ArchivePosition<'_>, release: &ReleaseId) -> Result<Answer<Body>, SourceError> {
        if self.context.offline {
            return Ok(Answer::Offline);
        }
        let located = LocatedSource::new(&self.context.network, url)?;
        match located.archive_at(release, url, position)? {
            Answer::Absent if self.github.access().variable().is_some() => self.open_private(url, position, release),
            answer => Ok(answer),
        }
    }

    /// Finds where an archive lies that is known by its digest alone.
    ///
    /// # Errors
    /// As [`GitHubReleases::index`].
    pub(super) fn address_of(&self, need: &Need) -> Result<Option<String>, OpsError> {
        let Answer::Found(document) = self.index(&need.release.name)? else { return Ok(None) };
        let artifacts = document.releases.into_iter().flat_map(|release| release.artifacts);
        Ok(artifacts.into_iter().find(|artifact| artifact.sha256 == need.sha256).and_then(|artifact| artifact.url))
    }

    fn open_private(&self, url: &str, position: ArchivePosition<'_>, release: &ReleaseId) -> Result<Answer<Body>, SourceError> {
        let Some(releases) = self.releases()? else { return Ok(Answer::Offline) };
        let asset = releases.iter().flat_map(|release| &release.assets).find(|asset| asset.browser_download_url == url);
        asset.map_or(Ok(Answer::Absent), |asset| self.open_at(asset, position, release))
    }
}

/// An archive that a lockfile names.
pub(super) struct LockedAsset<'c> {
    /// The releases of the repository that it comes from.
    pub(super) releases: Arc<GitHubReleases<'c>>,
    /// Its address.
    pub(super) url: String,
}

impl Source for LockedAsset<'_> {
    fn index(&self, _: &PackName) -> Result<Answer<IndexDocument>, SourceError> {
        Ok(Answer::Absent)
    }

    fn archive_at(&self, release: &ReleaseId, _: &str, position: ArchivePosition<'_>) -> Result<Answer<Body>, SourceError> {
        self.releases.open_locked(&self.url, position, release)
    }

    fn describe(&self) -> String {
        self.releases.describe()
    }
}

/// Opens the door to GitHub's API.
pub(super) fn github(context: &Context) -> Result<GitHub, SourceError> {
    let access = Access::new(context.network.variables())?;
    Ok(GitHub::new(context.network.clone(), access))
}

/// Finds the address of an archive that `packs-index.json` lists, or why it is not the one that was listed.
fn located(offer: &Offer, artifact: &IndexArtifact) -> Result<String, &'static str> {
    let Some(offered) = offer.find(artifact.archive.as_str()) else { return Err("it is listed and not there") };
    let asset = &offered.archive;
    let other = asset.digest.as_ref().is_some_and(|digest| *digest != format!("sha256:{}", artifact.sha256));
    if asset.size != artifact.size || other {
        return Err("it was replaced after packs-index.json was made");
    }
    if ArchiveAddress::parse(&asset.browser_download_url).is_err() {
        return Err("GitHub gives no https address for it");
    }
    Ok(asset.browser_download_url.clone())
}

/// Dates a release by GitHub's word, not by its maker's: a cool-down counts from when everybody could see it.
fn dated(offer: &Offer, mut pack: ReleasedPack) -> ReleasedPack {
    pack.release.published_at = offer.published_at.or(pack.release.published_at);
    pack
}
