//! Looking at what lies in a project, never through a link.

use std::path::Path;

use crate::fsys;
use crate::fsys::FileKind;
use crate::fsys::FsError;
use crate::generation::Result;
use crate::model::Blake3Digest;
use crate::model::TreePath;

/// What lies at a path of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sighting {
    /// Nothing.
    Absent,
    /// A regular file.
    File {
        /// BLAKE3 of its bytes.
        blake3: Blake3Digest,
        /// Whether its owner may execute it.
        executable: bool,
    },
    /// A symbolic link.
    Symlink {
        /// The text of the link.
        target: String,
    },
    /// A directory.
    Directory,
    /// A device, socket or fifo.
    Other,
    /// Something above the path is no directory: the path cannot be reached without following a link.
    Blocked {
        /// What is no directory.
        by: TreePath,
    },
}

/// Looks at a path below a directory; what lies above it must be directories, not links to some.
pub fn look_beneath(root: &Path, path: &TreePath) -> Result<Sighting> {
    let mut above = path.parent();
    let mut parents = Vec::new();
    while let Some(parent) = above {
        above = parent.parent();
        parents.push(parent);
    }
    for parent in parents.into_iter().rev() {
        match fsys::status(&root.join(parent.as_str()))? {
            None => return Ok(Sighting::Absent),
            Some(found) if found.kind == FileKind::Directory => {}
            Some(_) => return Ok(Sighting::Blocked { by: parent }),
        }
    }
    look_at(&root.join(path.as_str()))
}

fn look_at(path: &Path) -> Result<Sighting> {
    let Some(found) = fsys::status(path)? else { return Ok(Sighting::Absent) };
    Ok(match found.kind {
        FileKind::File => Sighting::File { blake3: hash_file(path)?, executable: found.is_executable() },
        FileKind::Symlink => match fsys::read_link(path)? {
            Some(target) => Sighting::Symlink { target: target.to_string_lossy().into_owned() },
            None => Sighting::Other,
        },
        FileKind::Directory => Sighting::Directory,
        FileKind::Other => Sighting::Other,
    })
}

/// Hashes a file without holding it in memory.
pub(super) fn hash_file(path: &Path) -> Result<Blake3Digest> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(fsys::open(path)?).map_err(|source| FsError::io("read", path, source))?;
    Ok(Blake3Digest::from(hasher.finalize()))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests set up their world")]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn nothing_is_looked_at_through_a_link() {
        let world = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(world.path().join("real/deep")).expect("made");
        fs::write(world.path().join("real/deep/file"), b"1").expect("written");
        std::os::unix::fs::symlink("real", world.path().join("link")).expect("linked");
        let look = |text: &str| look_beneath(world.path(), &TreePath::parse(text).expect("valid")).expect("looked");
        let file = Sighting::File { blake3: Blake3Digest::of(b"1"), executable: false };
        assert_eq!(look("real/deep/file"), file);
        assert_eq!(look("real/deep"), Sighting::Directory);
        assert_eq!(look("link"), Sighting::Symlink { target: "real".into() });
        assert_eq!(look("link/deep/file"), Sighting::Blocked { by: TreePath::parse("link").expect("valid") });
        assert_eq!(look("real/deep/file/x"), Sighting::Blocked { by: TreePath::parse("real/deep/file").expect("valid") });
        assert_eq!(look("nothing/at/all"), Sighting::Absent);
    }
}
