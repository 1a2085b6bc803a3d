//! Where the files of a registry lie, relative to its root.
//!
//! ```text
//! packs-registry.json
//! index/ka/kanban.json              one document per pack
//! index/@acme/boards.json           a scoped pack
//! packs/kanban/2.0.3/               kanban-2.0.3.tar.zst, kanban-2.0.3.tar.zst.sha256, MANIFEST.json
//! packs/@acme/boards/1.0.0/
//! ```
//!
//! No name of a pack starts with `@` unless it has a scope, so a scope's directory never meets another pack's.

use crate::model::PackName;
use crate::model::Version;

/// The file that makes a directory or a URL a registry.
pub const REGISTRY_FILE: &str = "packs-registry.json";

/// Largest registry file that is read, in bytes: a name and some keys.
pub const REGISTRY_FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Largest index document that is read, in bytes: some 50,000 releases of one pack.
pub const INDEX_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Gives the path of a pack's index document: `index/ka/kanban.json`.
pub fn index_path(name: &PackName) -> String {
    match name.scope() {
        Some(_) => format!("index/{name}.json"),
        None => format!("index/{}/{name}.json", shard(name.as_str())),
    }
}

/// Gives the directory of a release: `packs/kanban/2.0.3`.
pub fn archive_dir(name: &PackName, version: &Version) -> String {
    format!("packs/{name}/{version}")
}

/// Gives the path of an archive: `packs/kanban/2.0.3/kanban-2.0.3.tar.zst`.
pub fn archive_path(name: &PackName, version: &Version, archive: &str) -> String {
    format!("{}/{archive}", archive_dir(name, version))
}

/// Gives the path of the file with an archive's sha256, beside it.
pub fn side_file_path(name: &PackName, version: &Version, archive: &str) -> String {
    format!("{}.sha256", archive_path(name, version, archive))
}

/// Gives the path of a release's pack manifest, for people and search engines; nothing is decided from it.
pub fn manifest_path(name: &PackName, version: &Version) -> String {
    format!("{}/MANIFEST.json", archive_dir(name, version))
}

/// The first two characters of a name, so that no directory holds every pack; names are ASCII.
fn shard(name: &str) -> &str {
    name.get(..2).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, index: &str, archive: &str) {
        let name = PackName::parse(name).expect("a valid name");
        let version = Version::parse("1.0.0+b").expect("a valid version");
        assert_eq!(index_path(&name), index);
        assert_eq!(archive_path(&name, &version, "a.tar.zst"), archive);
        assert_eq!(side_file_path(&name, &version, "a.tar.zst"), format!("{archive}.sha256"));
    }

    #[test]
    fn paths_are_as_specified() {
        check("kanban", "index/ka/kanban.json", "packs/kanban/1.0.0+b/a.tar.zst");
        check("ka", "index/ka/ka.json", "packs/ka/1.0.0+b/a.tar.zst");
        check("k", "index/k/k.json", "packs/k/1.0.0+b/a.tar.zst");
        check("@acme/kanban", "index/@acme/kanban.json", "packs/@acme/kanban/1.0.0+b/a.tar.zst");
    }
}
