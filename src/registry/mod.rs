//! Registries: what an index document says of a pack, and where a registry's files lie.
//!
//! Pure. Knows the formats `packs.index/1`, `packs.names/1` and `packs.registry/1` and the paths below a registry's root; knows neither disks nor networks, and never opens
//! an archive.
//!
//! How the formats may change: fields are only added, and a reader ignores those it does not know, so that an older packs keeps reading a newer registry.
//! A writer that would lose a field it does not know refuses to write: who signs a document vouches for all of it, and cannot for what it does not understand.
//! A change that an older reader would misunderstand takes a new number in `schema`, which older readers refuse by name.

mod canonical;
mod document;
mod error;
mod index;
mod json;
mod layout;
mod names;
mod names_text;
mod release_index;
mod secret_key;
mod shown;
mod signature;

pub use document::RegistryDocument;
pub use error::RegistryError;
pub use index::Deprecation;
pub use index::IndexArtifact;
pub use index::IndexDocument;
pub use index::IndexRelease;
pub use index::Published;
pub use layout::INDEX_BYTES_MAX;
pub use layout::INDEX_DIR;
pub use layout::MANIFEST_BYTES_MAX;
pub use layout::NAMES_BYTES_MAX;
pub use layout::NAMES_FILE;
pub use layout::REGISTRY_FILE;
pub use layout::REGISTRY_FILE_BYTES_MAX;
pub use layout::SIDE_FILE_BYTES_MAX;
pub use layout::archive_dir;
pub use layout::archive_path;
pub use layout::index_path;
pub use layout::manifest_path;
pub use layout::pack_of_index_path;
pub use layout::side_file_path;
pub use names::NamedPack;
pub use names::Names;
pub use names_text::NamedLine;
pub use names_text::NamesText;
pub use release_index::RELEASE_INDEX_BYTES_MAX;
pub use release_index::RELEASE_INDEX_FILE;
pub use release_index::ReleaseIndex;
pub use release_index::ReleasedPack;
pub use secret_key::LockedKey;
pub use secret_key::Passphrase;
pub use secret_key::SecretKey;
pub use secret_key::SecretKeyFile;
pub use shown::Shown;
pub use signature::Signers;
pub use signature::claimed_signers;
pub use signature::verify_signature;
