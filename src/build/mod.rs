//! From a source directory to an archive: what its author says about it, and the files.
//!
//! Knows in which forms authors say it (`declared`) and which files belong to a pack. It asks neither the clock nor git: the time comes from the caller.
//! It runs nothing that it finds.
//!
//! What is packed: every file, link and empty directory below the source directory, except
//! - `pack.toml` and `.packsignore` at its root: what they say is in MANIFEST.json or has been obeyed;
//! - the directory that the archives go to, if it lies within;
//! - `.git`, `.hg`, `.svn` and `.jj` at any depth, and `.packs` at the root: the state of other programs and of this one;
//! - what `.packsignore` or `[files] exclude` names, in the syntax of .gitignore;
//! - where `[files] include` is given, every file that it does not name.
//!
//! A directory whose files are all left out is left out; one that is empty on the disk is packed.
//!
//! The same directory gives the same archive: names are sorted, and of permissions only the owner's executable bit counts. The time of all
//! entries is the one given (SOURCE_DATE_EPOCH, the newest commit), else that of the newest packed file.

mod declaration;
mod declared;
mod error;
mod find;
mod generator;
mod license;
mod pack_toml;
mod readme;
mod selection;
mod undeclared;
mod walk;
mod write;

use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

use crate::archive::Compression;
use crate::archive::FileEntry;
use crate::archive::PackManifest;
use crate::archive::find_bad_links;
use crate::archive::find_through_links;
use crate::build::declaration::Declaration;
use crate::build::declared::read_declaration;
use crate::build::declared::read_text;
use crate::build::selection::Selection;
use crate::build::walk::walk;
use crate::fsys;
use crate::manifest::escaped;
use crate::manifest::parse_license_expression;
use crate::model::Node;
use crate::model::PackName;
use crate::model::Platform;
use crate::model::TreePath;
use crate::model::Version;
use crate::model::side_file_of;

pub use declaration::Note;
pub use declared::DECLARATION_FILES;
pub use error::BuildError;
pub use find::FoundPacks;
pub use find::find_packs;
pub use write::Built;
pub use write::write_archive_file;
pub use write::write_into;

/// The file in which an author says what a pack is.
pub const PACK_TOML: &str = "pack.toml";

/// The file in which an author says what does not belong to a pack.
pub const IGNORE_FILE: &str = ".packsignore";

/// Largest pack.toml or .packsignore, in bytes: some thousand times what people write.
const SOURCE_TEXT_BYTES_MAX: u64 = 1024 * 1024;

/// The version of a pack that declares none and is required by its path.
const UNDECLARED_VERSION: &str = "0.0.0";

/// What a source directory is packed as, besides what it says itself.
#[derive(Debug, Clone, Default)]
pub struct CollectOptions {
    /// The name by which a `path` requirement asks for it: then it may say neither name nor version (`0.0.0`).
    pub wanted_as: Option<PackName>,
    /// What counts instead of what the directory says.
    pub instead: Instead,
    /// The time of all entries; `None` takes the newest packed file's.
    pub time: Option<jiff::Timestamp>,
    /// A directory that is not packed, though it may lie within: where the archives go.
    pub leave_out: Option<PathBuf>,
}

/// What counts instead of what a source directory says of itself.
#[derive(Debug, Clone, Default)]
pub struct Instead {
    /// The name.
    pub name: Option<PackName>,
    /// The version.
    pub version: Option<Version>,
    /// The platform.
    pub platform: Option<Platform>,
}

impl CollectOptions {
    /// Gives the name of a directory that says none, if one is known.
    fn default_name(&self) -> Option<PackName> {
        self.instead.name.clone().or_else(|| self.wanted_as.clone())
    }

    /// Gives the version of a directory that says none, if one is known.
    fn default_version(&self) -> Option<Version> {
        let undeclared = || Version::parse(UNDECLARED_VERSION).expect("the constant is a version");
        self.instead.version.clone().or_else(|| self.wanted_as.as_ref().map(|_| undeclared()))
    }
}

/// A source directory, read and found fit to be packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collected {
    /// Where it lies.
    pub directory: PathBuf,
    /// Its pack manifest, with the size and digest of every file.
    pub manifest: PackManifest,
    /// What its author should know about how it was read.
    pub notes: Vec<Note>,
}

impl Collected {
    /// Gives the file name of its archive: `<name>-<version>[-<platform>].tar.zst`, scoped names as one component.
    pub fn archive_name(&self, compression: Compression) -> String {
        let PackManifest { name, version, platform, .. } = &self.manifest;
        let platform = if *platform == crate::model::Platform::ANY { String::new() } else { format!("-{platform}") };
        format!("{}-{version}{platform}{}", name.component(), compression.ending())
    }
}

/// Reads a source directory: what is said about it, and every file that belongs to the pack.
///
/// # Errors
/// All faults of its declaration at once ([`BuildError::PackToml`]), then all files that cannot be packed at once ([`BuildError::Unfit`]).
pub fn collect(directory: &Path, options: &CollectOptions) -> Result<Collected, BuildError> {
    let (mut declaration, written_at) = read_declaration(directory, options)?;
    let selection = read_selection(directory, &declaration, options)?;
    let root = declaration.name.component();
    let found = walk(directory, &root, &selection);
    let mut faults = found.faults;
    faults.extend(find_bad_links(&found.tree, &root).into_iter().map(|source| BuildError::Archive { source }));
    if !faults.is_empty() {
        return Err(BuildError::Unfit { directory: directory.to_owned(), faults });
    }
    check_commands(&declaration, &found.tree)?;
    check_license(&mut declaration);
    declaration.notes.extend(find_archives(&found.files));
    let newest = found.newest_mtime.max(written_at);
    let created_at = options.time.unwrap_or_else(|| jiff::Timestamp::from_second(newest).unwrap_or(jiff::Timestamp::UNIX_EPOCH));
    let notes = std::mem::take(&mut declaration.notes);
    Ok(Collected { directory: directory.to_owned(), manifest: declaration.into_manifest(created_at, found.files), notes })
}

fn read_selection(directory: &Path, declaration: &Declaration, options: &CollectOptions) -> Result<Selection, BuildError> {
    let path = directory.join(IGNORE_FILE);
    let text = read_text(directory, IGNORE_FILE)?.unwrap_or_default();
    let left_out = options.leave_out.as_deref().map(|other| path_within(directory, other)).transpose()?.flatten();
    let selection = Selection::new(&text, &path.display().to_string(), &declaration.include, &declaration.exclude)?;
    Ok(selection.without(left_out))
}

/// Gives where a directory that is not packed lies within the packed one; `None` if it lies elsewhere, or is not there.
fn path_within(directory: &Path, other: &Path) -> Result<Option<TreePath>, BuildError> {
    if fsys::status(other)?.is_none() {
        return Ok(None);
    }
    let (real, other) = (fsys::canonicalize(directory)?, fsys::canonicalize(other)?);
    if real == other {
        return Err(BuildError::OutIsSource { directory: directory.to_owned() });
    }
    let within = other.strip_prefix(&real).ok().and_then(Path::to_str);
    Ok(within.and_then(|path| TreePath::parse(path).ok()))
}

/// Checks that each command is an executable file of the pack; a fault shows the line in the declaration.
fn check_commands(declaration: &Declaration, pack: &crate::model::Tree) -> Result<(), BuildError> {
    let wrong = declaration.bin.iter().filter_map(|(command, bin)| {
        let fault = match find_through_links(pack, &bin.path) {
            Some(Node::File { executable: true, .. }) => return None,
            Some(Node::File { .. }) => "is not executable (chmod +x)",
            Some(_) => "is no file",
            None => "is not among the packed files",
        };
        Some((bin.span.clone(), format!("the command `{command}`: {} {fault}", bin.path), fault))
    });
    let wrong: Vec<_> = wrong.collect();
    if wrong.is_empty() { Ok(()) } else { Err(BuildError::PackToml { source: declaration.faults(wrong) }) }
}

/// Notes archives that were built before and are packed like any other file: each with its side file, in a directory that packs are no longer built into.
fn find_archives(files: &[FileEntry]) -> Option<Note> {
    let paths: BTreeSet<&str> = files.iter().map(|file| file.path().as_str()).collect();
    let is_archive = |path: &&&str| Compression::of_file_name(path).is_some();
    let archives: Vec<&str> = paths.iter().filter(is_archive).filter(|path| paths.contains(side_file_of(path).as_str())).copied().collect();
    let (first, more) = (archives.first()?, archives.len() - 1);
    let more = if more == 0 { String::new() } else { format!(" and {more} more like it") };
    let text = format!("{first}{more}, an archive with its side file, is packed too; a line in {IGNORE_FILE} leaves it out");
    Some(Note { at: None, text })
}

/// Notes a licence that no policy will understand.
fn check_license(declaration: &mut Declaration) {
    let Some(license) = &declaration.about.license else { return };
    if let Err(reason) = parse_license_expression(license) {
        let text = format!("the license `{}` is no SPDX expression ({reason}): a [policy] of licences refuses it", escaped(license));
        declaration.notes.push(Note { at: None, text });
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests set up their world")]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::archive::ArchiveBytes;
    use crate::archive::Limits;
    use crate::archive::Nothing;
    use crate::archive::Packing;
    use crate::archive::read_archive;
    use crate::manifest::render_faults;
    use crate::model::Version;

    const HEAD: &str = "[pack]\nname = \"kanban\"\nversion = \"2.0.3\"\n";

    /// A source directory with pack.toml and files; a name that starts with `bin/` is executable, a content `-> x` is a link.
    fn source(pack_toml: &str, files: &[(&str, &str)]) -> tempfile::TempDir {
        let world = tempfile::tempdir().expect("a directory");
        if !pack_toml.is_empty() {
            fs::write(world.path().join(PACK_TOML), pack_toml).expect("written");
        }
        for (name, content) in files {
            let path = world.path().join(name);
            fs::create_dir_all(path.parent().expect("below the world")).expect("made");
            if let Some(target) = content.strip_prefix("-> ") {
                std::os::unix::fs::symlink(target, &path).expect("linked");
                continue;
            }
            fs::write(&path, content).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(if name.starts_with("bin/") { 0o700 } else { 0o640 })).expect("set");
        }
        world
    }

    fn collected(world: &tempfile::TempDir) -> Result<Collected, BuildError> {
        collect(world.path(), &CollectOptions { time: Some("2026-11-20T00:00:00Z".parse().expect("a time")), ..CollectOptions::default() })
    }

    #[track_caller]
    fn packed(pack_toml: &str, files: &[(&str, &str)]) -> Vec<String> {
        let world = source(pack_toml, files);
        collected(&world).expect("it is fit").manifest.files.iter().map(|file| file.path().to_string()).collect()
    }

    #[test]
    fn what_belongs_to_a_pack() {
        let files =
            [("docs/a.md", "a"), (".git/config", "x"), ("docs/.git", "x"), (".packs/id", "x"), (".hidden", "h"), ("docs-b", "b"), ("latest", "-> docs/a.md")];
        assert_eq!(packed(HEAD, &files), [".hidden", "docs-b", "docs/a.md", "latest"]);
    }

    #[test]
    fn what_is_left_out() {
        let files =
            [(".packsignore", "*.log\n/target/\n!keep.log\n"), ("a.log", "x"), ("keep.log", "x"), ("target/x", "x"), ("sub/target/y", "y"), ("draft/z", "z")];
        assert_eq!(packed(HEAD, &files), ["draft/z", "keep.log", "sub/target/y"]);
        assert_eq!(packed(&format!("{HEAD}[files]\nexclude = [\"draft/\", \"keep.log\"]\n"), &files), ["sub/target/y"]);
        assert_eq!(packed(&format!("{HEAD}[files]\ninclude = [\"draft\", \"*.log\"]\n"), &files), ["draft/z", "keep.log"]);
    }

    #[test]
    fn archives_that_were_built_before_are_noted() {
        let notes = |files: &[(&str, &str)]| -> Vec<String> {
            let world = source(HEAD, files);
            collected(&world).expect("it is fit").notes.into_iter().map(|note| note.text).collect()
        };
        let (old, side) = (("dist/kanban-1.0.0.tar.zst", "x"), ("dist/kanban-1.0.0.tar.zst.sha256", "x"));
        let expected = "dist/kanban-1.0.0.tar.zst, an archive with its side file, is packed too; a line in .packsignore leaves it out";
        assert_eq!(notes(&[old, side]), [expected]);
        assert_eq!(notes(&[old]), [""; 0], "somebody else's archive, most likely");
        assert_eq!(notes(&[old, side, (".packsignore", "dist/\n")]), [""; 0]);
    }

    #[test]
    fn empty_directories_are_packed() {
        let world = source(HEAD, &[("a", "a"), (".packsignore", "x"), ("ignored/x", "x")]);
        fs::create_dir_all(world.path().join("empty/inner")).expect("made");
        let files = collected(&world).expect("it is fit").manifest.files;
        assert_eq!(files.iter().map(|file| file.path().to_string()).collect::<Vec<_>>(), ["a", "empty/inner"]);
    }

    #[test]
    fn what_is_built_is_read_and_built_again_alike() {
        let text = format!("{HEAD}framework = \"Kanban\"\nplatform = \"linux-x86_64\"\n[requires]\nworkflow = \"^1.2\"\n[bin]\nkanban = \"bin/kanban\"\n");
        let (one, two) = (source(&text, &[("bin/kanban", "#!"), ("a", "a")]), source(&text, &[("a", "a"), ("bin/kanban", "#!")]));
        let out = tempfile::tempdir().expect("a directory");
        let first = write_into(&collected(&one).expect("fit"), Packing::best(Compression::Zstd), out.path()).expect("written");
        let bytes = fs::read(&first.archive).expect("written");
        let second = write_into(&collected(&two).expect("fit"), Packing::best(Compression::Zstd), out.path()).expect("written");
        assert_eq!((first.written, fs::read(&second.archive).expect("written")), (second.written, bytes.clone()));
        let names: Vec<_> = fs::read_dir(out.path()).expect("listed").map(|entry| entry.expect("an entry").file_name()).collect();
        assert_eq!(names.len(), 2, "{names:?}");
        assert_eq!(first.archive.file_name().expect("a name"), "kanban-2.0.3-linux-x86_64.tar.zst");
        let side_file = fs::read_to_string(out.path().join("kanban-2.0.3-linux-x86_64.tar.zst.sha256")).expect("written");
        assert_eq!(side_file, format!("{}  kanban-2.0.3-linux-x86_64.tar.zst\n", first.written.sha256));
        let contents = read_archive(ArchiveBytes::Memory(&bytes), &Limits::default(), &mut Nothing).expect("it is good");
        assert_eq!(contents.digest, first.written.tree);
        assert_eq!(contents.manifest, collected(&one).expect("fit").manifest);
    }

    #[test]
    fn the_newest_file_tells_the_time() {
        let world = source(HEAD, &[("a", "a")]);
        for (name, time) in [("a", 2000), (PACK_TOML, 3000)] {
            let file = fs::File::options().write(true).open(world.path().join(name)).expect("opened");
            file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(time)).expect("set");
        }
        let found = collect(world.path(), &CollectOptions::default()).expect("it is fit");
        assert_eq!(found.manifest.created_at.as_second(), 3000);
    }

    #[test]
    fn path_packs_need_no_pack_toml() {
        let world = source("", &[("a", "a")]);
        assert!(matches!(collected(&world), Err(BuildError::NoName { .. } | BuildError::NoVersion { .. })));
        let name = PackName::parse("snippets").expect("valid");
        let options = CollectOptions { wanted_as: Some(name.clone()), ..CollectOptions::default() };
        let found = collect(world.path(), &options).expect("it is fit").manifest;
        assert_eq!((found.name, found.version), (name, Version::parse("0.0.0").expect("valid")));
        assert!(matches!(collect(&world.path().join("nothing"), &options), Err(BuildError::NoDirectory { .. })));
        let other = source(HEAD, &[]);
        assert!(matches!(collect(other.path(), &options), Err(BuildError::PackToml { .. })));
        let nameless = source("[requires]\nworkflow = \"1\"\n", &[]);
        assert_eq!(collect(nameless.path(), &options).expect("it is fit").manifest.requires.len(), 1);
    }

    #[test]
    fn a_directory_swapped_for_a_link_before_writing_is_not_followed() {
        let (world, elsewhere) = (source(HEAD, &[("docs/a", "the same")]), source("", &[("a", "the same")]));
        let found = collected(&world).expect("it is fit");
        fs::remove_dir_all(world.path().join("docs")).expect("removed");
        std::os::unix::fs::symlink(elsewhere.path(), world.path().join("docs")).expect("linked");
        let refused = write_archive_file(&found, Packing::quick(Compression::Zstd), &mut Vec::new());
        assert!(matches!(refused, Err(BuildError::Archive { .. })), "{refused:?}");
    }

    /// A directory and a link that leads out of the pack change places all the time: whatever is collected, it is never what the link leads to.
    #[test]
    fn a_directory_swapped_for_a_link_meanwhile_is_not_followed() {
        let (world, elsewhere) = (source(HEAD, &[("docs/a", "mine")]), source("", &[("a", "secret")]));
        std::os::unix::fs::symlink(elsewhere.path(), world.path().join("link")).expect("linked");
        let secret = blake3::hash(b"secret");
        let is_done = std::sync::atomic::AtomicBool::new(false);
        let relaxed = std::sync::atomic::Ordering::Relaxed;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_done.load(relaxed) {
                    fsys::exchange(&world.path().join("docs"), &world.path().join("link")).expect("exchanged");
                }
            });
            for _ in 0..300 {
                let found = walk(world.path(), "kanban", &Selection::new("", "", &[], &[]).expect("no patterns"));
                let digests = found.files.iter().filter_map(|file| match file {
                    crate::archive::FileEntry::File { blake3, .. } => Some(*blake3),
                    _ => None,
                });
                assert!(digests.into_iter().all(|digest| digest.as_bytes() != secret.as_bytes()), "what lies elsewhere was packed");
            }
            is_done.store(true, relaxed);
        });
    }

    #[test]
    fn files_that_cannot_be_packed_are_all_named() {
        let world =
            source(HEAD, &[("out", "-> ../secret"), ("README", "a"), ("readme", "b"), ("a\\b", "x"), ("gone", "-> nothing"), ("abs", "-> /etc/passwd")]);
        rustix::fs::mknodat(rustix::fs::CWD, world.path().join("pipe"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).expect("made");
        let refused = collected(&world).expect_err("it is unfit").to_string();
        for part in [
            "kanban/out: the link to \"../secret\" leaves",
            "README",
            "readme",
            "a\\\\b: the path is refused",
            "kanban/gone: the link",
            "kanban/abs: the link",
            "pipe",
        ] {
            assert!(refused.contains(part), "no {part:?} in {refused}");
        }
        assert_eq!(refused.lines().count(), 7, "{refused}");
    }

    /// Collects a pack of one file, changes the world, and gives what writing the archive says; nothing may be left of it.
    #[track_caller]
    fn changed(change: impl FnOnce(&Path)) -> String {
        let world = source(HEAD, &[("a", "one")]);
        let collected = collected(&world).expect("it is fit");
        change(&world.path().join("a"));
        let out = tempfile::tempdir().expect("a directory");
        let error = write_into(&collected, Packing::quick(Compression::Zstd), out.path()).expect_err("it changed");
        assert_eq!(fs::read_dir(out.path()).expect("listed").count(), 0);
        error.to_string()
    }

    #[test]
    fn what_changes_while_it_is_packed_is_noticed() {
        assert!(changed(|file| fs::write(file, "two").expect("written")).starts_with("a changed while it was packed"));
        assert!(changed(|file| fs::write(file, "one more").expect("written")).starts_with("a changed while it was packed"));
        assert!(changed(|file| fs::write(file, "").expect("written")).starts_with("a changed while it was packed"));
        assert!(changed(|file| fs::remove_file(file).expect("removed")).starts_with("a could not be read"));
        let fifo = |file: &Path| {
            fs::remove_file(file).expect("removed");
            rustix::fs::mknodat(rustix::fs::CWD, file, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).expect("made");
        };
        assert!(changed(fifo).starts_with("a changed while it was packed"));
    }

    #[test]
    fn commands_must_be_there() {
        let text = format!("{HEAD}[bin]\ngood = \"bin/good\"\nlinked = \"linked\"\nplain = \"plain\"\ngone = \"bin/gone\"\n");
        let world = source(&text, &[("bin/good", "#!"), ("plain", "x"), ("linked", "-> bin/good")]);
        let Err(BuildError::PackToml { source }) = collected(&world) else { panic!("the commands are wrong") };
        let shown: Vec<_> = source.faults.iter().map(|fault| (fault.line, fault.message.as_str())).collect();
        assert_eq!(shown, [(7, "the command `plain`: plain is not executable (chmod +x)"), (8, "the command `gone`: bin/gone is not among the packed files")]);
        assert!(render_faults(&source, false).contains("^^^^^^^"));
    }

    #[test]
    fn a_bad_pattern_names_its_line() {
        let world = source(HEAD, &[(".packsignore", "a\n[z-a]\n")]);
        let refused = collected(&world).expect_err("a bad pattern").to_string();
        assert!(refused.contains(".packsignore:2"), "{refused}");
    }
}
