//! The nouns: names, versions, ranges, digests, trees, store paths.
//!
//! Knows how each noun is spelled and what makes it valid; knows nothing of disks, networks or clocks.
//! Every noun has private fields and one `parse`, so an invalid one cannot be built, and no later code checks again.

mod address;
mod archive_address;
mod change;
mod digest;
mod environment;
mod name;
mod nearest;
mod path;
mod platform;
mod project;
mod public_key;
mod refusal;
mod repository;
mod requirement;
mod side_file;
mod source;
mod spelled;
mod store_path;
mod tree;
mod version;

pub use address::has_user;
pub use address::is_loopback;
pub use address::without_secrets;
pub use archive_address::ArchiveAddress;
pub use change::PackChange;
pub use digest::Blake3Digest;
pub use digest::Sha256Digest;
pub use digest::TreeDigest;
pub use environment::EnvironmentName;
pub use name::CommandName;
pub use name::ExtraName;
pub use name::KeyName;
pub use name::PackName;
pub use name::ProjectName;
pub use name::RegistryName;
pub use nearest::nearest;
pub use path::PathComponent;
pub use path::TreePath;
pub use path::fold_name;
pub use platform::Platform;
pub use project::ProjectId;
pub use public_key::KeyId;
pub use public_key::PublicKey;
pub use refusal::Place;
pub use refusal::Refusal;
pub use repository::GitTag;
pub use repository::Repository;
pub use requirement::Requirement;
pub use requirement::RequirementSource;
pub use requirement::Tier;
pub use side_file::SIDE_FILE_BYTES_MAX;
pub use side_file::archive_of_side_file;
pub use side_file::side_file_of;
pub use source::SourceId;
pub use spelled::InvalidNoun;
pub use store_path::ReleaseId;
pub use store_path::StorePath;
pub use tree::Node;
pub use tree::Tree;
pub use tree::TreeClash;
pub use version::Range;
pub use version::Version;
