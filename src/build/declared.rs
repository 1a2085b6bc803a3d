//! Finding out what a source directory says of itself: the forms, and which of them counts.
//!
//! In this order, and only the first that is there is read: `pack.toml`, `gpack.toml`, `package.toml`, else what lies there anyway (`VERSION`, `README`,
//! `LICENSE`). The files of other programs that do not count are packed like any other file.

use std::ffi::OsStr;
use std::path::Path;

use crate::build::BuildError;
use crate::build::CollectOptions;
use crate::build::PACK_TOML;
use crate::build::SOURCE_TEXT_BYTES_MAX;
use crate::build::declaration::Declaration;
use crate::build::generator;
use crate::build::pack_toml;
use crate::build::undeclared;
use crate::fsys;
use crate::fsys::FileKind;
use crate::fsys::FsError;

/// The files in which an author says what a pack is; the first that is there counts.
pub const DECLARATION_FILES: [&str; 3] = [PACK_TOML, "gpack.toml", "package.toml"];

/// Gives what a directory says of itself, and when it was written, in seconds since 1970.
pub(super) fn read_declaration(directory: &Path, options: &CollectOptions) -> Result<(Declaration, i64), BuildError> {
    let (mut declaration, written_at) = read_first(directory, options)?;
    let instead = &options.instead;
    declaration.name = instead.name.clone().unwrap_or(declaration.name);
    declaration.version = instead.version.clone().unwrap_or(declaration.version);
    declaration.about.platform = instead.platform.or(declaration.about.platform);
    Ok((declaration, written_at))
}

fn read_first(directory: &Path, options: &CollectOptions) -> Result<(Declaration, i64), BuildError> {
    for name in DECLARATION_FILES {
        let path = directory.join(name);
        let Some(text) = read_text(directory, name)? else { continue };
        let written_at = fsys::status(&path)?.map_or(0, |status| status.mtime);
        let file = path.display().to_string();
        let read = if name == PACK_TOML { pack_toml::parse(&text, &file, options) } else { generator::parse(&text, &file, options) };
        return Ok((read?, written_at));
    }
    // A link to a directory is one here: somebody typed it.
    let is_directory = fsys::status(&directory.join("."))?.is_some_and(|status| status.kind == FileKind::Directory);
    if !is_directory {
        return Err(BuildError::NoDirectory { directory: directory.to_owned() });
    }
    Ok((undeclared::read(directory, options)?, 0))
}

/// Reads a file that people write at the root of a source; `None` where there is none.
pub(super) fn read_text(directory: &Path, name: &str) -> Result<Option<String>, BuildError> {
    let Some(bytes) = read_bytes(directory, name)? else { return Ok(None) };
    String::from_utf8(bytes).map(Some).map_err(|_| BuildError::NotUtf8 { path: directory.join(name).display().to_string() })
}

/// Reads a file at the root of a source, without following a link: what lies elsewhere may be a secret, and messages show what is read.
///
/// # Errors
/// [`BuildError::LinkedDeclaration`] for a link.
pub(super) fn read_bytes(directory: &Path, name: &str) -> Result<Option<Vec<u8>>, BuildError> {
    let path = directory.join(name);
    let Some(found) = fsys::status(&path)? else { return Ok(None) };
    match found.kind {
        FileKind::Symlink => return Err(BuildError::LinkedDeclaration { path }),
        FileKind::Other => return Err(BuildError::ForbiddenKind { path: path.display().to_string() }),
        FileKind::File | FileKind::Directory => {}
    }
    let replaced = |error: FsError| if error.is_of_another_kind() { BuildError::Replaced { path: path.display().to_string() } } else { error.into() };
    fsys::Directory::open_resolved(directory)?.read_file(OsStr::new(name), SOURCE_TEXT_BYTES_MAX).map(Some).map_err(replaced)
}
