//! What running commands use: files under `roots/`, each locked by its living process.
//!
//! ```text
//! packs-root 1
//! holder pid 4711 on build-7: packs switch dev (since 2026-11-20 09:30:00 UTC)
//! path <tree>-kanban-2.0.3
//! generation projects/checkout-k3v9q2m7/dev/generations/4
//! ```
//!
//! The protocol:
//!
//! 1. create the file under a random name that is free, lock it, and check that the name still leads to it: gc may have taken it for left behind in between
//!    (then: again, under another name);
//! 2. under the shared store lock, append what is about to be used, and only then look whether it is in the store. gc reads all roots under the exclusive
//!    store lock: it sees the lines, or it was done before we look;
//! 3. keep it locked as long as anything in it is used; then remove it.
//!
//! A file whose lock is free belongs to a dead process and says nothing. Its lines need no sync: after a power cut nobody runs.

use std::path::Path;
use std::path::PathBuf;

use crate::fsys;
use crate::fsys::FileLock;
use crate::model::StorePath;
use crate::store::StoreError;
use crate::store::layout::Layout;

/// The first line, with the version of the format. A reader that does not know it must assume that everything is used.
const HEAD: &str = "packs-root 1";

/// Largest root that is read, in bytes: the store paths of some 300,000 packs.
const ROOT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What this process says it uses, until it is dropped.
#[derive(Debug)]
pub struct RunningRoot {
    lock: FileLock,
}

impl RunningRoot {
    /// Registers this process, and what it uses. `holder` says for people who it is.
    ///
    /// Where `paths` is not empty the caller holds the shared store lock, and looks at the store afterwards.
    pub fn register(layout: &Layout, holder: &str, paths: &[StorePath]) -> Result<RunningRoot, StoreError> {
        loop {
            let path = layout.root(&fsys::random_id()?);
            if let Some(lock) = FileLock::create(&path)? {
                let root = RunningRoot { lock };
                root.lock.append(format!("{HEAD}\nholder {}\n", one_line(holder)).as_bytes())?;
                root.hold(paths)?;
                return Ok(root);
            }
        }
    }

    /// Adds store paths to what this process uses. The caller holds the shared store lock, and looks at the store afterwards.
    pub fn hold(&self, paths: &[StorePath]) -> Result<(), StoreError> {
        if paths.is_empty() {
            return Ok(());
        }
        let mut lines = String::new();
        for path in paths {
            lines.extend(["path ", path.as_str(), "\n"]);
        }
        Ok(self.lock.append(lines.as_bytes())?)
    }

    /// Lets it last when this process becomes another program, until that and all its children have ended.
    pub fn keep_across_exec(&self) -> Result<(), StoreError> {
        Ok(self.lock.keep_across_exec()?)
    }

    /// Adds a generation, by its path relative to the home. The caller holds the shared store lock, and looks whether it is there afterwards.
    pub fn hold_generation(&self, generation: &Path) -> Result<(), StoreError> {
        Ok(self.lock.append(format!("generation {}\n", one_line(&generation.to_string_lossy())).as_bytes())?)
    }
}

impl Drop for RunningRoot {
    fn drop(&mut self) {
        // What cannot be removed is dead as soon as the lock is gone; gc removes it.
        let _ = fsys::remove_file(self.lock.path());
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Removes the files of dead processes: those that became another program cannot remove theirs.
pub fn clear_dead_roots(layout: &Layout) -> Result<(), StoreError> {
    for entry in fsys::list_dir(&layout.roots())? {
        let path = layout.roots().join(&entry.name);
        if let Some(_dead) = FileLock::try_acquire_existing(&path)? {
            fsys::remove_file(&path)?;
        }
    }
    Ok(())
}

/// What one file under `roots/` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootClaim {
    /// The file.
    pub file: PathBuf,
    /// Who it is, for people; empty where nobody lives.
    pub holder: String,
    /// The store paths it uses; empty where nobody lives.
    pub paths: Vec<StorePath>,
    /// The generations it uses, as paths relative to the home; empty where nobody lives.
    pub generations: Vec<PathBuf>,
    /// Whether its process lives.
    pub alive: bool,
}

/// Reads what running commands use. To be complete, the caller holds the exclusive store lock.
///
/// # Errors
/// [`StoreError::BadRoot`] where a living process wrote something that is not understood: then everything may be in use.
pub fn read_roots(layout: &Layout) -> Result<Vec<RootClaim>, StoreError> {
    let mut claims = Vec::new();
    for entry in fsys::list_dir(&layout.roots())? {
        claims.extend(read_root(layout.roots().join(&entry.name))?);
    }
    Ok(claims)
}

/// Reads one root; `None` where it is gone by now.
fn read_root(file: PathBuf) -> Result<Option<RootClaim>, StoreError> {
    let dead = FileLock::try_acquire_existing(&file)?.is_some();
    let Some(bytes) = fsys::read_optional(&file, ROOT_BYTES_MAX)? else { return Ok(None) };
    let mut claim = RootClaim { file, holder: String::new(), paths: Vec::new(), generations: Vec::new(), alive: !dead };
    if claim.alive {
        let text = String::from_utf8_lossy(&bytes);
        // A line without its end is still being written: its writer has not looked at the store yet, and is no publisher.
        for (number, line) in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).enumerate() {
            claim.take_line(number + 1, line)?;
        }
    }
    Ok(Some(claim))
}

impl RootClaim {
    fn take_line(&mut self, number: usize, line: &str) -> Result<(), StoreError> {
        let bad = |expected| StoreError::BadRoot { path: self.file.clone(), line: number, expected, found: line.escape_debug().to_string() };
        match line.split_once(' ') {
            _ if number == 1 && line == HEAD => {}
            _ if number == 1 => return Err(bad(HEAD)),
            Some(("holder", holder)) => holder.clone_into(&mut self.holder),
            Some(("path", path)) => self.paths.push(StorePath::parse(path).map_err(|_| bad("a store path"))?),
            Some(("generation", path)) => self.generations.push(PathBuf::from(path)),
            _ => return Err(bad("holder, path or generation")),
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests set up their world")]
mod tests {
    use super::*;
    use crate::model::PackName;
    use crate::model::ReleaseId;
    use crate::model::TreeDigest;
    use crate::model::Version;
    use crate::store::Store;
    use std::fs;

    fn path(number: u8) -> StorePath {
        let release = ReleaseId { name: PackName::parse("kanban").expect("valid"), version: Version::parse("1.0.0").expect("valid") };
        StorePath::new(TreeDigest::from_bytes([number; 32]), &release)
    }

    fn home() -> (tempfile::TempDir, Layout) {
        let world = tempfile::tempdir().expect("a directory");
        let layout = Store::create(Layout::new(world.path().join("home"))).expect("made").layout().clone();
        (world, layout)
    }

    #[test]
    fn a_living_process_keeps_what_it_says() {
        let (_world, layout) = home();
        let root = RunningRoot::register(&layout, "pid 1:\npacks switch", &[path(1)]).expect("registered");
        root.hold(&[path(2), path(3)]).expect("held");
        root.hold_generation(Path::new("projects/a-b/dev/generations/4")).expect("held");
        let claims = read_roots(&layout).expect("read");
        assert_eq!(claims.len(), 1);
        assert!(claims[0].alive);
        assert_eq!(claims[0].holder, "pid 1: packs switch");
        assert_eq!(claims[0].paths, [path(1), path(2), path(3)]);
        assert_eq!(claims[0].generations, [PathBuf::from("projects/a-b/dev/generations/4")]);
        drop(root);
        assert_eq!(read_roots(&layout).expect("read"), []);
    }

    #[test]
    fn a_dead_one_says_nothing() {
        let (_world, layout) = home();
        fs::write(layout.root("dead"), format!("{HEAD}\nholder x\npath {}\nnonsense\n", path(1))).expect("written");
        let claims = read_roots(&layout).expect("read");
        assert!(!claims[0].alive && claims[0].paths.is_empty());
        assert!(layout.root("dead").exists(), "reading removes nothing");
    }

    #[test]
    fn only_dead_roots_are_cleared_away() {
        let (_world, layout) = home();
        fs::write(layout.root("dead"), HEAD).expect("written");
        let living = RunningRoot::register(&layout, "x", &[]).expect("registered");
        clear_dead_roots(&layout).expect("cleared");
        let claims = read_roots(&layout).expect("read");
        assert_eq!(claims.iter().map(|claim| claim.alive).collect::<Vec<_>>(), [true]);
        drop(living);
    }

    #[test]
    fn what_is_not_understood_stops_gc() {
        let (_world, layout) = home();
        for (text, line) in [("packs-root 2\n", 1), ("packs-root 1\npath x\n", 2), ("packs-root 1\nholder a\nfuture b\n", 3)] {
            let lock = FileLock::create(&layout.root("living")).expect("made").expect("locked");
            lock.append(text.as_bytes()).expect("written");
            assert!(matches!(read_roots(&layout), Err(StoreError::BadRoot { line: at, .. }) if at == line), "{text:?}");
            fs::remove_file(layout.root("living")).expect("removed");
        }
    }

    #[test]
    fn a_torn_end_is_not_read() {
        let (_world, layout) = home();
        let lock = FileLock::create(&layout.root("living")).expect("made").expect("locked");
        lock.append(format!("{HEAD}\npath {}\npath {}", path(1), &path(2).as_str()[..9]).as_bytes()).expect("written");
        assert_eq!(read_roots(&layout).expect("read")[0].paths, [path(1)]);
    }
}
