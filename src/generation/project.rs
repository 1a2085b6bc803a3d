//! Which project a directory is: the id in its `.packs/id`, and project.json in the home.
//!
//! The id is random and travels with the directory. project.json says where the project was last seen, so a moved project (the id is no longer at the old
//! path) keeps its generations, and a copied one (the id is at both paths) gets an id of its own.
//!
//! Order of making a project: `.packs/id` first (its rename replaces nothing, so of two commands at once one wins and the other takes over its id), then its
//! directory in the home, then project.json. A crash in between leaves an id that the home does not know; the next command goes on with it.
//! Only a copied project's id is replaced: after taking the project's lock, a caller asks [`Project::is_still_ours`] and starts again if it is not.

use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use crate::fsys;
use crate::fsys::FileKind;
use crate::generation::GenerationError;
use crate::generation::Result;
use crate::generation::document::Document;
use crate::generation::document::format_document;
use crate::generation::document::read_document;
use crate::model::ProjectId;
use crate::model::ProjectName;
use crate::store::layout::Layout;

/// The directory within a project that belongs to packs.
pub(super) const PACKS_DIR: &str = ".packs";

/// Longest `.packs/id` that is read, in bytes.
const ID_BYTES_MAX: u64 = 256;

/// Permission bits of files in `.packs/`.
const FILE_MODE: u32 = 0o644;

/// project.json, schema `packs.project/1`: what the home knows of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ProjectFile {
    /// Its id, which is also the name of its directory in the home.
    pub id: ProjectId,
    /// Where it was last seen: an absolute path without links.
    pub path: PathBuf,
    /// Its name in packs.toml.
    pub name: ProjectName,
    /// Its team in packs.toml.
    pub team: Option<String>,
    /// When it was first seen.
    #[schemars(with = "String")]
    pub first_seen: jiff::Timestamp,
    /// The file system it was last seen on, so that a project that is gone can be told from one that is not mounted.
    pub device: u64,
}

impl Document for ProjectFile {
    const SCHEMA: &'static str = "packs.project/1";
}

/// A project that the home knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Its directory, absolute and without links.
    pub directory: PathBuf,
}

/// What a directory is to a home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// No project yet.
    New,
    /// The project that was last seen here.
    Known(ProjectFile),
    /// A project that was last seen elsewhere, and is no longer there.
    Moved(ProjectFile),
    /// A copy of a project that is still where it was.
    Copied(ProjectFile),
    /// A project with an id that this home does not know: another home's, or a crash came between.
    Unknown(ProjectId),
}

/// What a project is called, and by whom it is first seen.
#[derive(Debug, Clone, Copy)]
pub struct Naming<'a> {
    /// Its name in packs.toml.
    pub name: &'a ProjectName,
    /// Its team in packs.toml.
    pub team: Option<&'a str>,
    /// Random characters for a new id.
    pub random: &'a str,
    /// Now.
    pub now: jiff::Timestamp,
}

/// Reads the id that a directory bears; `None` where it bears none.
///
/// # Errors
/// [`GenerationError::BadNoun`] where `.packs/id` holds something else.
pub fn read_project_id(directory: &Path) -> Result<Option<ProjectId>> {
    let path = directory.join(PACKS_DIR).join("id");
    let Some(bytes) = fsys::read_optional(&path, ID_BYTES_MAX)? else { return Ok(None) };
    let text = String::from_utf8_lossy(&bytes);
    ProjectId::parse(text.trim_end()).map(Some).map_err(|source| GenerationError::BadNoun { path, source })
}

/// Tells what a directory is to a home; changes nothing.
pub fn identify(layout: &Layout, directory: &Path) -> Result<Identity> {
    let directory = fsys::canonicalize(directory)?;
    let Some(id) = read_project_id(&directory)? else { return Ok(Identity::New) };
    let Some(file) = read_document::<ProjectFile>(&layout.project_file(&id))? else { return Ok(Identity::Unknown(id)) };
    if file.path == directory {
        return Ok(Identity::Known(file));
    }
    let is_copy = read_id_leniently(&file.path) == Some(id) && !is_same_directory(&file.path, &directory)?;
    Ok(if is_copy { Identity::Copied(file) } else { Identity::Moved(file) })
}

/// Finds the project of a directory for a command that only reads; `None` where the home has nothing of it.
pub fn open_project(layout: &Layout, directory: &Path) -> Result<Option<Project>> {
    match identify(layout, directory)? {
        Identity::Known(file) | Identity::Moved(file) => Ok(Some(Project { id: file.id, directory: fsys::canonicalize(directory)? })),
        Identity::New | Identity::Copied(_) | Identity::Unknown(_) => Ok(None),
    }
}

/// Makes the home know the project of a directory: a new or copied one gets an id, a moved or renamed one its place updated.
///
/// Gives what the directory was before. Durable when it returns; the head of this file tells what a crash in between leaves.
pub fn own_project(layout: &Layout, directory: &Path, naming: &Naming<'_>) -> Result<(Project, Identity)> {
    let directory = fsys::canonicalize(directory)?;
    if directory.to_str().is_none() {
        return Err(GenerationError::PathNotUtf8 { path: directory });
    }
    make_packs_dir(&directory)?;
    let mut was = identify(layout, &directory)?;
    if was == Identity::New && !claim_id(&directory, &new_id(naming)?)? {
        was = identify(layout, &directory)?;
    }
    if let Identity::Copied(_) = was {
        fsys::write_atomic(&directory.join(PACKS_DIR).join("id"), id_text(&new_id(naming)?).as_bytes())?;
    }
    let id = read_project_id(&directory)?.ok_or_else(|| GenerationError::NotADirectory { path: directory.join(PACKS_DIR) })?;
    write_project_file(layout, &directory, &id, naming)?;
    Ok((Project { id, directory }, was))
}

/// Reads project.json of every project of a home; a directory without one was left by a crash and is left out.
pub fn read_projects(layout: &Layout) -> Result<Vec<ProjectFile>> {
    let mut found = Vec::new();
    for entry in fsys::list_dir(&layout.projects())? {
        let Some(id) = entry.name_str().and_then(|name| ProjectId::parse(name).ok()) else { continue };
        found.extend(read_document::<ProjectFile>(&layout.project_file(&id))?);
    }
    Ok(found)
}

impl Project {
    /// Tells whether the directory still bears this id; asked after taking the project's lock.
    pub fn is_still_ours(&self) -> Result<bool> {
        Ok(read_project_id(&self.directory)?.as_ref() == Some(&self.id))
    }
}

fn new_id(naming: &Naming<'_>) -> Result<ProjectId> {
    ProjectId::new(naming.name.as_str(), naming.random).map_err(|source| GenerationError::BadNoun { path: PathBuf::from(PACKS_DIR), source })
}

fn id_text(id: &ProjectId) -> String {
    format!("{id}\n")
}

/// Makes `.packs/`; something else in its place is refused, a link too.
fn make_packs_dir(directory: &Path) -> Result<()> {
    let path = directory.join(PACKS_DIR);
    match fsys::status(&path)? {
        None => match fsys::create_dir(&path) {
            Err(error) if error.io_kind() == Some(std::io::ErrorKind::AlreadyExists) => make_packs_dir(directory),
            Err(error) => Err(error.into()),
            Ok(()) => Ok(fsys::fsync_dir(directory)?),
        },
        Some(found) if found.kind == FileKind::Directory => Ok(()),
        Some(_) => Err(GenerationError::NotADirectory { path }),
    }
}

/// Gives a directory its id; `false` if another command was faster.
fn claim_id(directory: &Path, id: &ProjectId) -> Result<bool> {
    let packs = directory.join(PACKS_DIR);
    let beside = packs.join(format!(".id.{}.tmp", fsys::random_id()?));
    let claimed = fsys::write_new(&beside, id_text(id).as_bytes(), FILE_MODE)
        .and_then(|()| fsys::fsync_file(&beside))
        .and_then(|()| fsys::rename_noreplace(&beside, &packs.join("id")));
    match claimed {
        Ok(()) => {
            fsys::fsync_dir(&packs)?;
            Ok(true)
        }
        Err(error) => {
            // The space must be given back; the error that counts is the first one.
            let _ = fsys::remove_file(&beside);
            if error.io_kind() == Some(std::io::ErrorKind::AlreadyExists) { Ok(false) } else { Err(error.into()) }
        }
    }
}

/// Writes project.json unless it already says the same.
fn write_project_file(layout: &Layout, directory: &Path, id: &ProjectId, naming: &Naming<'_>) -> Result<()> {
    let path = layout.project_file(id);
    let old: Option<ProjectFile> = read_document(&path)?;
    let device = fsys::status(directory)?.map_or(0, |found| found.device);
    let new = ProjectFile {
        id: id.clone(),
        path: directory.to_owned(),
        name: naming.name.clone(),
        team: naming.team.map(str::to_owned),
        first_seen: old.as_ref().map_or(naming.now, |old| old.first_seen),
        device,
    };
    if old.as_ref() == Some(&new) {
        return Ok(());
    }
    if old.is_none() {
        fsys::create_dir_all(&layout.project(id))?;
        fsys::fsync_dir(&layout.projects())?;
    }
    Ok(fsys::write_atomic(&path, &format_document(&new))?)
}

/// Reads the id at a path where a project once was; whatever cannot be read there is not that project.
fn read_id_leniently(directory: &Path) -> Option<ProjectId> {
    read_project_id(directory).ok().flatten()
}

/// Tells whether two paths lead to one directory: through a link, or mounted twice.
fn is_same_directory(one: &Path, other: &Path) -> Result<bool> {
    let key = |path: &Path| -> Result<_> { Ok(fsys::status(&fsys::canonicalize(path)?)?.map(|found| (found.device, found.inode))) };
    Ok(key(one)? == key(other)?)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests set up their world")]
mod tests {
    use std::fs;

    use super::*;

    struct World {
        root: tempfile::TempDir,
        layout: Layout,
        name: ProjectName,
    }

    impl World {
        fn new() -> World {
            let root = tempfile::tempdir().expect("a directory");
            let layout = Layout::new(root.path().join("home"));
            fs::create_dir_all(layout.projects()).expect("made");
            fs::create_dir_all(root.path().join("one")).expect("made");
            World { root, layout, name: ProjectName::parse("Shop").expect("valid") }
        }

        fn dir(&self, name: &str) -> PathBuf {
            self.root.path().join(name)
        }

        fn own(&self, directory: &str, random: &str) -> (Project, Identity) {
            let naming = Naming { name: &self.name, team: None, random, now: jiff::Timestamp::UNIX_EPOCH };
            own_project(&self.layout, &self.dir(directory), &naming).expect("owned")
        }
    }

    #[test]
    fn a_project_keeps_its_id() {
        let world = World::new();
        assert_eq!(identify(&world.layout, &world.dir("one")).expect("looked"), Identity::New);
        assert_eq!(open_project(&world.layout, &world.dir("one")).expect("looked"), None);
        let (project, was) = world.own("one", "r1");
        assert_eq!((project.id.as_str(), was), ("shop-r1", Identity::New));
        let (again, was) = world.own("one", "r2");
        assert_eq!(again, project);
        assert!(matches!(was, Identity::Known(_)));
        assert_eq!(open_project(&world.layout, &world.dir("one")).expect("looked"), Some(project));
        assert_eq!(read_projects(&world.layout).expect("read").len(), 1);
    }

    #[test]
    fn a_moved_project_keeps_its_id_and_a_copied_one_does_not() {
        let world = World::new();
        let (first, _) = world.own("one", "r1");
        fs::rename(world.dir("one"), world.dir("two")).expect("moved");
        let (moved, was) = world.own("two", "r2");
        assert_eq!(moved.id, first.id);
        assert!(matches!(was, Identity::Moved(file) if file.path.ends_with("one")));
        fs::create_dir_all(world.dir("copy/.packs")).expect("made");
        fs::copy(world.dir("two/.packs/id"), world.dir("copy/.packs/id")).expect("copied");
        assert_eq!(open_project(&world.layout, &world.dir("copy")).expect("looked"), None);
        let (copied, was) = world.own("copy", "r3");
        assert_eq!((copied.id.as_str(), matches!(was, Identity::Copied(_))), ("shop-r3", true));
        assert!(moved.is_still_ours().expect("looked") && copied.is_still_ours().expect("looked"));
        assert!(!Project { id: first.id.clone(), ..copied }.is_still_ours().expect("looked"), "a copy's old id is no longer its own");
        assert_eq!(world.own("two", "r4").0.id, first.id, "the original keeps its id");
    }

    #[test]
    fn a_link_at_the_old_place_makes_no_copy() {
        let world = World::new();
        let (first, _) = world.own("one", "r1");
        fs::rename(world.dir("one"), world.dir("two")).expect("moved");
        std::os::unix::fs::symlink(world.dir("two"), world.dir("one")).expect("linked");
        assert_eq!(world.own("two", "r2").0.id, first.id);
    }

    #[test]
    fn an_id_of_another_home_is_kept() {
        let world = World::new();
        fs::create_dir_all(world.dir("one/.packs")).expect("made");
        fs::write(world.dir("one/.packs/id"), "shop-other\n").expect("written");
        let (project, was) = world.own("one", "r1");
        assert_eq!(project.id.as_str(), "shop-other");
        assert!(matches!(was, Identity::Unknown(_)));
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        let world = World::new();
        fs::create_dir(world.dir("elsewhere")).expect("made");
        std::os::unix::fs::symlink(world.dir("elsewhere"), world.dir("one/.packs")).expect("linked");
        let naming = Naming { name: &world.name, team: None, random: "r1", now: jiff::Timestamp::UNIX_EPOCH };
        let refused = own_project(&world.layout, &world.dir("one"), &naming).expect_err("refused");
        assert!(matches!(refused, GenerationError::NotADirectory { .. }), "{refused}");
        assert_eq!(fs::read_dir(world.dir("elsewhere")).expect("there").count(), 0);
    }

    #[test]
    fn a_broken_id_is_named() {
        let world = World::new();
        fs::create_dir_all(world.dir("one/.packs")).expect("made");
        fs::write(world.dir("one/.packs/id"), "../../etc\n").expect("written");
        assert!(matches!(identify(&world.layout, &world.dir("one")), Err(GenerationError::BadNoun { .. })));
    }
}
