//! Which files belong to a pack.

use ignore::gitignore::Gitignore;
use ignore::gitignore::GitignoreBuilder;

use crate::build::BuildError;
use crate::build::IGNORE_FILE;
use crate::build::PACK_TOML;
use crate::model::TreePath;

/// State of version control, at any depth.
const NEVER_PACKED: [&str; 4] = [".git", ".hg", ".svn", ".jj"];

/// What is obeyed instead of packed, or is the state of this program; at the root only.
const NEVER_PACKED_AT_ROOT: [&str; 3] = [PACK_TOML, IGNORE_FILE, ".packs"];

/// Decides which files belong to a pack.
pub(super) struct Selection {
    ignored: Gitignore,
    excluded: Gitignore,
    included: Option<Gitignore>,
    left_out: Option<TreePath>,
}

impl Selection {
    /// Takes the text of .packsignore, and the patterns of `[files]`.
    pub(super) fn new(ignore_text: &str, ignore_file: &str, include: &[String], exclude: &[String]) -> Result<Self, BuildError> {
        let lines = ignore_text.lines().enumerate().map(|(index, line)| (format!("{ignore_file}:{}", index + 1), line));
        let place = |pattern: &String| format!("{PACK_TOML}, pattern `{}`", pattern.escape_debug());
        let patterns = |list: &'_ [String]| matcher(list.iter().map(|pattern| (place(pattern), pattern.as_str())));
        Ok(Selection {
            ignored: matcher(lines)?,
            excluded: patterns(exclude)?,
            included: if include.is_empty() { None } else { Some(patterns(include)?) },
            left_out: None,
        })
    }

    /// Leaves out this one path too.
    pub(super) fn without(self, left_out: Option<TreePath>) -> Self {
        Selection { left_out, ..self }
    }

    /// Tells whether a path is left out; of a directory that is, nothing below is looked at.
    pub(super) fn leaves_out(&self, path: &TreePath, is_directory: bool) -> bool {
        NEVER_PACKED.contains(&path.file_name())
            || NEVER_PACKED_AT_ROOT.contains(&path.as_str())
            || self.left_out.as_ref() == Some(path)
            || self.ignored.matched(path.as_str(), is_directory).is_ignore()
            || self.excluded.matched(path.as_str(), is_directory).is_ignore()
    }

    /// Tells whether a file, link or empty directory that is not left out is asked for.
    pub(super) fn asks_for(&self, path: &TreePath, is_directory: bool) -> bool {
        self.included.as_ref().is_none_or(|included| included.matched_path_or_any_parents(path.as_str(), is_directory).is_ignore())
    }
}

fn matcher<'l>(lines: impl Iterator<Item = (String, &'l str)>) -> Result<Gitignore, BuildError> {
    let mut builder = GitignoreBuilder::new("");
    for (place, line) in lines {
        builder.add_line(None, line).map_err(|source| BuildError::BadPattern { place, source })?;
    }
    builder.build().map_err(|source| BuildError::BadPattern { place: PACK_TOML.to_owned(), source })
}
