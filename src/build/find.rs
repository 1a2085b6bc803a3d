//! Finding packs below a directory.

use std::path::Path;
use std::path::PathBuf;

use crate::build::BuildError;
use crate::build::DECLARATION_FILES;
use crate::fsys;
use crate::fsys::FileKind;

/// What a search found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FoundPacks {
    /// The directories that declare a pack, sorted.
    pub packs: Vec<PathBuf>,
    /// Directories right below the searched ones in which there is none.
    pub without: Vec<PathBuf>,
}

/// Finds every directory with a pack.toml, gpack.toml or package.toml: those given, and those below them, but none within a pack.
///
/// Hidden directories and links are passed over, and so is `leave_out`.
///
/// # Errors
/// [`BuildError::NoPacksBelow`], [`BuildError::NoDirectory`], [`BuildError::Disk`].
pub fn find_packs(directories: &[PathBuf], leave_out: &Path) -> Result<FoundPacks, BuildError> {
    let mut found = FoundPacks::default();
    for directory in directories {
        if fsys::status(&directory.join("."))?.is_none_or(|status| status.kind != FileKind::Directory) {
            return Err(BuildError::NoDirectory { directory: directory.clone() });
        }
        search(directory, leave_out, &mut found, 0)?;
    }
    found.packs.sort();
    found.packs.dedup();
    if found.packs.is_empty() {
        return Err(BuildError::NoPacksBelow { directories: directories.to_vec() });
    }
    Ok(found)
}

/// Searches one directory; tells whether a pack is there or below.
fn search(directory: &Path, leave_out: &Path, found: &mut FoundPacks, depth: usize) -> Result<bool, BuildError> {
    let entries = fsys::list_dir_status(directory)?;
    let declares = |name: &str, kind: FileKind| kind != FileKind::Directory && DECLARATION_FILES.contains(&name);
    if entries.iter().any(|(entry, status)| entry.name_str().is_some_and(|name| declares(name, status.kind))) {
        found.packs.push(directory.to_owned());
        return Ok(true);
    }
    let mut any = false;
    for (entry, status) in entries {
        let path = directory.join(&entry.name);
        let is_hidden = entry.name.as_encoded_bytes().starts_with(b".");
        if status.kind != FileKind::Directory || is_hidden || path == leave_out {
            continue;
        }
        let has = search(&path, leave_out, found, depth + 1)?;
        if !has && depth == 0 {
            found.without.push(path);
        }
        any |= has;
    }
    Ok(any)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests set up their world")]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn packs_are_found_at_any_depth_and_not_within_each_other() {
        let world = tempfile::tempdir().expect("a directory");
        for file in ["b/pack.toml", "a/c/package.toml", "a/c/inner/pack.toml", "a/d/gpack.toml", ".hidden/pack.toml", "dist/x/pack.toml", "none/README.md"] {
            let path = world.path().join(file);
            fs::create_dir_all(path.parent().expect("below the world")).expect("made");
            fs::write(&path, "").expect("written");
        }
        std::os::unix::fs::symlink("b", world.path().join("linked")).expect("linked");
        let root = world.path().to_owned();
        let found = find_packs(&[root.clone(), root.join("b")], &root.join("dist")).expect("found");
        assert_eq!(found.packs, ["a/c", "a/d", "b"].map(|path| root.join(path)));
        assert_eq!(found.without, [root.join("none")]);
        assert!(matches!(find_packs(&[root.join("none")], &root), Err(BuildError::NoPacksBelow { .. })));
        assert!(matches!(find_packs(&[root.join("gone")], &root), Err(BuildError::NoDirectory { .. })));
    }
}
