//! The layout of the home: every path, and nothing else joins path segments.
//!
//! ```text
//! VERSION                                   "1"
//! store/<tree>-<name>-<version>/            one release's tree
//! store/.stage-<random>/ .trash-<random>/   being built, being removed
//! blobs/<2 hex>/<62 hex>[.x]                one inode per distinct content and executable bit
//! projects/.trash-<random>/                 a project being forgotten
//! projects/<id>/project.json
//! projects/<id>/operations/<seq>/
//! projects/<id>/<env>/generations/<n>/
//! projects/<id>/<env>/current -> generations/<n>
//! registries/<name>.json
//! cache/archives/<sha256>[.part]  cache/index/<registry>/  cache/known/<sha256>
//! roots/<random>
//! locks/<name>
//! audit/<year>-<month>.jsonl  audit/head  audit/reserve  audit/<year>-<month>.torn-<seq>
//! ```

use std::path::Path;
use std::path::PathBuf;

use crate::model::Blake3Digest;
use crate::model::EnvironmentName;
use crate::model::ProjectId;
use crate::model::RegistryName;
use crate::model::Repository;
use crate::model::Sha256Digest;
use crate::model::StorePath;

/// The version of this layout, as the file `VERSION` holds it.
pub const LAYOUT_VERSION: &str = "1";

/// Begins the names of what is being built: trees in the store, generations.
pub const STAGE_PREFIX: &str = ".stage-";

/// Begins the names of what is being removed: trees in the store, generations, projects.
pub const TRASH_PREFIX: &str = ".trash-";

/// Ends the names of archives whose end has not arrived yet.
pub const PARTIAL_SUFFIX: &str = ".part";

/// Every path of a home, from its root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    home: PathBuf,
}

impl Layout {
    /// Makes the layout of a home at an absolute path.
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Layout { home: home.into() }
    }

    /// Gives the home itself.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The file that holds [`LAYOUT_VERSION`].
    pub fn version_file(&self) -> PathBuf {
        self.home.join("VERSION")
    }

    /// The directory of store paths.
    pub fn store(&self) -> PathBuf {
        self.home.join("store")
    }

    /// The tree of one release.
    pub fn store_path(&self, path: &StorePath) -> PathBuf {
        self.store().join(path.as_str())
    }

    /// A tree being built.
    pub fn stage(&self, random: &str) -> PathBuf {
        self.store().join(format!("{STAGE_PREFIX}{random}"))
    }

    /// A tree being removed.
    pub fn trash(&self, random: &str) -> PathBuf {
        self.store().join(format!("{TRASH_PREFIX}{random}"))
    }

    /// The directory of blobs.
    pub fn blobs(&self) -> PathBuf {
        self.home.join("blobs")
    }

    /// The directory that a blob is in: the first two hex digits of its digest.
    pub fn blob_dir(&self, content: &Blake3Digest) -> PathBuf {
        self.blobs().join(&content.to_string()[..2])
    }

    /// The one inode of a content: `<62 hex>`, and `.x` where it is executable.
    pub fn blob(&self, content: &Blake3Digest, executable: bool) -> PathBuf {
        self.blob_dir(content).join(blob_file_name(content, executable))
    }

    /// The directory of all projects.
    pub fn projects(&self) -> PathBuf {
        self.home.join("projects")
    }

    /// The directory of one project.
    pub fn project(&self, id: &ProjectId) -> PathBuf {
        self.projects().join(id.as_str())
    }

    /// A project being forgotten.
    pub fn project_trash(&self, random: &str) -> PathBuf {
        self.projects().join(format!("{TRASH_PREFIX}{random}"))
    }

    /// What is known of a project.
    pub fn project_file(&self, id: &ProjectId) -> PathBuf {
        self.project(id).join("project.json")
    }

    /// The journal of a project.
    pub fn operations(&self, id: &ProjectId) -> PathBuf {
        self.project(id).join("operations")
    }

    /// One operation of a project's journal.
    pub fn operation(&self, id: &ProjectId, sequence: u64) -> PathBuf {
        self.operations(id).join(sequence.to_string())
    }

    /// The directory of one environment of a project.
    pub fn environment(&self, id: &ProjectId, environment: &EnvironmentName) -> PathBuf {
        self.project(id).join(environment.as_str())
    }

    /// The generations of an environment.
    pub fn generations(&self, id: &ProjectId, environment: &EnvironmentName) -> PathBuf {
        self.environment(id, environment).join("generations")
    }

    /// One generation.
    pub fn generation(&self, id: &ProjectId, environment: &EnvironmentName, number: u64) -> PathBuf {
        self.generations(id, environment).join(number.to_string())
    }

    /// The link to the current generation.
    pub fn current(&self, id: &ProjectId, environment: &EnvironmentName) -> PathBuf {
        self.environment(id, environment).join("current")
    }

    /// What is remembered of registries.
    pub fn registries(&self) -> PathBuf {
        self.home.join("registries")
    }

    /// The newest index revisions seen of a registry.
    pub fn registry_file(&self, name: &RegistryName) -> PathBuf {
        self.registries().join(format!("{name}.json"))
    }

    /// Archives already fetched; may be deleted at any time.
    pub fn archives(&self) -> PathBuf {
        self.home.join("cache").join("archives")
    }

    /// One archive already fetched, by its digest.
    pub fn archive(&self, sha256: &Sha256Digest) -> PathBuf {
        self.archives().join(sha256.to_string())
    }

    /// The beginning of an archive that is being fetched, or was until something cut it off.
    pub fn archive_partial(&self, sha256: &Sha256Digest) -> PathBuf {
        self.archives().join(format!("{sha256}{PARTIAL_SUFFIX}"))
    }

    /// What registries and repositories say of packs; may be deleted at any time.
    pub fn index_caches(&self) -> PathBuf {
        self.home.join("cache").join("index")
    }

    /// The index documents that one registry gave, by the registry's id; may be deleted at any time.
    pub fn index_cache(&self, registry: &str) -> PathBuf {
        self.index_caches().join(registry)
    }

    /// The list of a registry's packs as text to search, by the registry's id; may be deleted at any time.
    pub fn names_text(&self, registry: &str) -> PathBuf {
        self.home.join("cache").join("index").join("names").join(registry)
    }

    /// The note which store path an archive unpacks to; may be deleted at any time.
    pub fn known(&self, sha256: &Sha256Digest) -> PathBuf {
        self.home.join("cache").join("known").join(sha256.to_string())
    }

    /// What is known of the releases of a repository of the GitHub at a host, `api.github.com` or `127.0.0.1:8080`; may be deleted at any time.
    pub fn github_index(&self, host: &str, repository: &Repository) -> PathBuf {
        let (host, repository) = (host.replace(':', "+"), repository.as_str().replace('/', "+"));
        self.index_caches().join("github").join(host).join(repository)
    }

    /// What running commands use.
    pub fn roots(&self) -> PathBuf {
        self.home.join("roots")
    }

    /// What one running command uses.
    pub fn root(&self, random: &str) -> PathBuf {
        self.roots().join(random)
    }

    /// The lock files.
    pub fn locks(&self) -> PathBuf {
        self.home.join("locks")
    }

    /// One lock file; `store/locks.rs` tells which there are.
    pub fn lock(&self, name: &str) -> PathBuf {
        self.locks().join(name)
    }

    /// The audit log's directory.
    pub fn audit(&self) -> PathBuf {
        self.home.join("audit")
    }

    /// One month of the audit log: `2026-11`.
    pub fn audit_month(&self, month: &str) -> PathBuf {
        self.audit().join(format!("{month}.jsonl"))
    }

    /// Where an append that a crash cut off is moved aside to: `2026-11.torn-42`, by the sequence number that takes its place.
    pub fn audit_torn(&self, month: &str, sequence: u64) -> PathBuf {
        self.audit().join(format!("{month}.torn-{sequence}"))
    }

    /// How far the audit log got; tells when its end was cut off.
    pub fn audit_head(&self) -> PathBuf {
        self.audit().join("head")
    }

    /// Space kept for the audit log of a full disk.
    pub fn audit_reserve(&self) -> PathBuf {
        self.audit().join("reserve")
    }

    /// The directories that every home has, parents first.
    pub fn directories(&self) -> Vec<PathBuf> {
        ["store", "blobs", "projects", "registries", "cache", "cache/archives", "cache/index", "cache/known", "roots", "locks", "audit"]
            .map(|name| self.home.join(name))
            .to_vec()
    }
}

/// Gives a blob's file name within its directory.
pub fn blob_file_name(content: &Blake3Digest, executable: bool) -> String {
    format!("{}{}", &content.to_string()[2..], if executable { ".x" } else { "" })
}

/// Reads a blob's path below `blobs/`, without its slash: the content it must have, and whether it may be executed.
pub fn blob_of_file_name(spelled: &str) -> Option<(Blake3Digest, bool)> {
    let (digest, executable) = spelled.strip_suffix(".x").map_or((spelled, false), |digest| (digest, true));
    let content = Blake3Digest::parse(digest).ok()?;
    // Upper case is another name.
    (content.to_string() == digest).then_some((content, executable))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_lies_under_its_digest() {
        let layout = Layout::new("/home");
        let digest = Blake3Digest::from_bytes([0xab; 32]);
        assert_eq!(layout.blob(&digest, true), Path::new(&format!("/home/blobs/ab/{}.x", "ab".repeat(31))));
        assert_eq!(layout.blob_dir(&digest), Path::new("/home/blobs/ab"));
        assert_eq!(blob_of_file_name(&format!("{digest}.x")), Some((digest, true)));
        assert_eq!(blob_of_file_name(&digest.to_string()), Some((digest, false)));
        assert_eq!(blob_of_file_name(&digest.to_string().to_uppercase()), None);
        assert_eq!(blob_of_file_name("abc"), None);
    }
}
