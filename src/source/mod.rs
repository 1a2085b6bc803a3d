//! Where a requirement's releases come from.
//!
//! Knows the documents of a registry and the door to it; knows no store, no lockfile and no project. Nothing that comes out of `Source::archive` is
//! verified: `fetch` does that while it reads.

mod error;
mod registry;

use std::io::Read;

use crate::model::PackName;
use crate::model::ReleaseId;
use crate::net::Answer;
use crate::registry::IndexDocument;

pub use error::SourceError;
pub use registry::RegistrySource;
pub use registry::Upload;

/// A place that tells which releases of a pack there are, and gives their archives.
pub trait Source: Send + Sync {
    /// Gives everything known about a pack's releases.
    fn index(&self, name: &PackName) -> Result<Answer<IndexDocument>, SourceError>;

    /// Opens an archive of a release by its file name, unverified.
    fn archive(&self, release: &ReleaseId, archive: &str) -> Result<Answer<Box<dyn Read + Send>>, SourceError>;

    /// Names the place for people; holds no secret.
    fn describe(&self) -> String;
}
