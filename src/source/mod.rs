//! Where a requirement's releases come from.
//!
//! Knows the documents of a registry and the door to it; knows no store, no lockfile and no project. Nothing that comes out of `Source::archive` is
//! verified: `fetch` does that while it reads.

mod error;
mod github;
mod listing;
mod located;
mod memory;
mod publish;
mod registry;

use std::io::Read;

use crate::model::PackName;
use crate::model::ReleaseId;
use crate::net::Answer;
use crate::net::Body;
use crate::net::Revision;
use crate::registry::IndexDocument;

pub use error::SourceError;
pub use github::API_VARIABLE;
pub use github::Access;
pub use github::GitHub;
pub use github::GitHubAsset;
pub use github::GitHubError;
pub use github::GitHubRelease;
pub use github::NewAsset;
pub use github::NewContent;
pub use github::NewRelease;
pub use github::Offer;
pub use github::OfferedArchive;
pub use github::Page;
pub use github::TOKEN_VARIABLES;
pub use github::asset_name;
pub use github::offers;
pub use github::parse_page;
pub use located::LocatedSource;
pub use memory::Called;
pub use memory::Memory;
pub use publish::Adopt;
pub use publish::Effect;
pub use publish::Upload;
pub use publish::Yank;
pub use registry::RegistrySource;
pub use registry::Trust;

/// Where in an archive reading is to go on.
#[derive(Debug, Clone, Copy)]
pub struct ArchivePosition<'a> {
    /// Bytes from its start that are there already.
    pub offset: u64,
    /// The state of the file they came from, if its source named one: if it is another now, reading begins anew.
    pub known: Option<&'a Revision>,
}

impl ArchivePosition<'_> {
    /// The beginning.
    pub const START: ArchivePosition<'static> = ArchivePosition { offset: 0, known: None };
}

/// A place that tells which releases of a pack there are, and gives their archives.
pub trait Source: Send + Sync {
    /// Gives everything known about a pack's releases.
    fn index(&self, name: &PackName) -> Result<Answer<IndexDocument>, SourceError>;

    /// Opens an archive of a release by its file name, unverified.
    fn archive(&self, release: &ReleaseId, archive: &str) -> Result<Answer<Box<dyn Read + Send>>, SourceError> {
        self.archive_at(release, archive, ArchivePosition::START)?.try_map(|body| Ok(body.reader))
    }

    /// Opens an archive of a release at a position, unverified, to go on after a cut; [`Body::offset`] says where its bytes really begin.
    fn archive_at(&self, release: &ReleaseId, archive: &str, position: ArchivePosition<'_>) -> Result<Answer<Body>, SourceError>;

    /// Is told why what it gave last of an archive is not the archive: tells whether another place will be asked for it from now on.
    fn pass_over_archive(&self, _release: &ReleaseId, _archive: &str, _why: &str) -> bool {
        false
    }

    /// Names the place that answered last for an archive, where there are several; holds no secret.
    fn describe_archive(&self, _release: &ReleaseId, _archive: &str) -> String {
        self.describe()
    }

    /// Names the place for people; holds no secret.
    fn describe(&self) -> String;
}
