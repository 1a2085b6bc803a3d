//! Where the files of a registry lie, relative to its root.
//!
//! ```text
//! packs-registry.json
//! names.json.zst                    all packs and their newest releases, for search
//! index/ka/kanban.json              one document per pack
//! index/@acme/boards.json           a scoped pack
//! packs/kanban/2.0.3/               kanban-2.0.3.tar.zst, kanban-2.0.3.tar.zst.sha256, MANIFEST.json
//! packs/@acme/boards/1.0.0/
//! ```
//!
//! No name of a pack starts with `@` unless it has a scope, so a scope's directory never meets another pack's.

use crate::model::PackName;
use crate::model::Version;
use crate::model::side_file_of;

/// The file that makes a directory or a URL a registry.
pub const REGISTRY_FILE: &str = "packs-registry.json";

/// Largest registry file that is read, in bytes: a name and some keys.
pub const REGISTRY_FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Largest index document that is read, in bytes: some 50,000 releases of one pack.
pub const INDEX_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// The file that lists all packs, for search.
pub const NAMES_FILE: &str = "names.json.zst";

/// Largest list of packs that is read, in bytes as it is packed.
pub const NAMES_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The directory of all index documents.
pub const INDEX_DIR: &str = "index";

/// Largest MANIFEST.json beside an archive that is read, in bytes.
pub const MANIFEST_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Largest side file that is read, in bytes.
pub const SIDE_FILE_BYTES_MAX: u64 = crate::model::SIDE_FILE_BYTES_MAX;

/// Gives the path of a pack's index document: `index/ka/kanban.json`.
pub fn index_path(name: &PackName) -> String {
    match name.scope() {
        Some(_) => format!("index/{name}.json"),
        None => format!("index/{}/{name}.json", shard(name.as_str())),
    }
}

/// Reads the path of an index document back as the pack it belongs to; `None` where it is no such path.
pub fn pack_of_index_path(path: &str) -> Option<PackName> {
    let within = path.strip_prefix("index/")?.strip_suffix(".json")?;
    let spelled = if within.starts_with('@') { within } else { within.split_once('/')?.1 };
    PackName::parse(spelled).ok().filter(|name| index_path(name) == path)
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
    side_file_of(&archive_path(name, version, archive))
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
        assert_eq!(pack_of_index_path(index).as_ref(), Some(&name));
        assert_eq!(archive_path(&name, &version, "a.tar.zst"), archive);
        assert_eq!(side_file_path(&name, &version, "a.tar.zst"), format!("{archive}.sha256"));
    }

    #[test]
    fn other_paths_are_no_documents() {
        for path in ["index/kanban.json", "index/bo/kanban.json", "index/ka/kanban", "index/ka/x/kanban.json", "index/@acme.json", "packs/ka/kanban.json", ""] {
            assert_eq!(pack_of_index_path(path), None, "{path}");
        }
    }

    #[test]
    fn paths_are_as_specified() {
        check("kanban", "index/ka/kanban.json", "packs/kanban/1.0.0+b/a.tar.zst");
        check("ka", "index/ka/ka.json", "packs/ka/1.0.0+b/a.tar.zst");
        check("k", "index/k/k.json", "packs/k/1.0.0+b/a.tar.zst");
        check("@acme/kanban", "index/@acme/kanban.json", "packs/@acme/kanban/1.0.0+b/a.tar.zst");
    }
}
