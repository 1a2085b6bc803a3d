//! Whether a project is gone, or only its file system is not mounted.

use std::path::Path;

use crate::fsys;
use crate::gc::roots::Presence;
use crate::generation::ProjectFile;
use crate::generation::read_project_id;

/// Tells whether a project is still where it was last seen.
///
/// It is missing only if the nearest directory above it that exists lies on the file system the project was last seen on: a directory whose disk is not
/// mounted shows the disk below, which is another one. A system that numbers its file systems anew lets a missing project look unreachable, never the
/// other way round, and what cannot be looked at is unreachable too: both keep more.
pub(super) fn presence(file: &ProjectFile) -> Presence {
    match read_project_id(&file.path) {
        Ok(Some(id)) if id == file.id => Presence::Present,
        Ok(_) if nearest_device(&file.path) == Some(file.device) => Presence::Missing,
        Ok(_) | Err(_) => Presence::Unreachable,
    }
}

/// Gives the file system of a path, or of what is left above it; `None` where that cannot be told.
fn nearest_device(path: &Path) -> Option<u64> {
    for above in path.ancestors() {
        match fsys::status(above) {
            Ok(Some(found)) => return Some(found.device),
            Ok(None) => {}
            Err(_) => return None,
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests set up their world")]
mod tests {
    use super::*;
    use crate::model::ProjectId;
    use crate::model::ProjectName;
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn gone_is_not_unmounted() {
        let world = tempfile::tempdir().expect("a directory");
        let path = world.path().join("work/shop");
        fs::create_dir_all(path.join(".packs")).expect("made");
        fs::write(path.join(".packs/id"), "shop-r1\n").expect("written");
        let device = fs::metadata(world.path()).expect("there").dev();
        let file = |device| ProjectFile {
            id: ProjectId::parse("shop-r1").expect("valid"),
            path: path.clone(),
            name: ProjectName::parse("Shop").expect("valid"),
            team: None,
            first_seen: jiff::Timestamp::UNIX_EPOCH,
            device,
        };
        assert_eq!(presence(&file(device)), Presence::Present);
        assert_eq!(presence(&file(device + 1)), Presence::Present, "what is there is there");

        fs::write(path.join(".packs/id"), "other-r2\n").expect("written");
        assert_eq!(presence(&file(device)), Presence::Missing, "another project took its place");
        fs::write(path.join(".packs/id"), "no id\n").expect("written");
        assert_eq!(presence(&file(device)), Presence::Unreachable, "what cannot be read may be it");

        fs::remove_dir_all(world.path().join("work")).expect("removed");
        assert_eq!(presence(&file(device)), Presence::Missing);
        assert_eq!(presence(&file(device + 1)), Presence::Unreachable);
    }
}
