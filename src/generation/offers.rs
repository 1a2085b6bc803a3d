//! What a pack offers to the shared directories of a generation: commands, man pages, shell completions. Nothing else is merged.

use crate::archive::FileEntry;
use crate::archive::PackManifest;
use crate::generation::UnknownRename;
use crate::generation::plan::WantedRelease;
use crate::model::CommandName;
use crate::model::TreePath;

/// Where shells look for completions below a prefix's `share/`.
const COMPLETION_DIRS: [&str; 3] = ["share/bash-completion/completions", "share/zsh/site-functions", "share/fish/vendor_completions.d"];

/// One name that a pack offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offer {
    /// The name in the generation: `bin/kanban`.
    pub(super) name: TreePath,
    /// What it stands for, below the pack's directory.
    pub(super) path: TreePath,
    /// The command as the pack calls it.
    pub(super) command: Option<CommandName>,
}

/// Gives all that a release offers, commands under the names packs.toml gives them.
pub(super) fn offers_of(release: &WantedRelease) -> Vec<Offer> {
    let commands = release.manifest.bin.iter().map(|(command, path)| Offer {
        name: command_path(release.rename.get(command).unwrap_or(command)),
        path: path.clone(),
        command: Some(command.clone()),
    });
    let shared = release.manifest.files.iter().map(FileEntry::path).filter(|path| is_shared(path));
    commands.chain(shared.map(|path| Offer { name: path.clone(), path: path.clone(), command: None })).collect()
}

/// Finds renames of commands that the release does not have.
pub(super) fn unknown_renames(release: &WantedRelease) -> Vec<UnknownRename> {
    let PackManifest { bin, .. } = &release.manifest;
    let unknown = release.rename.keys().filter(|command| !bin.contains_key(command));
    unknown.map(|command| UnknownRename { pack: release.id.name.clone(), command: command.clone(), known: bin.keys().cloned().collect() }).collect()
}

fn command_path(command: &CommandName) -> TreePath {
    TreePath::parse(&format!("bin/{command}")).expect("a command's name is one valid component")
}

/// Tells whether a file of a pack belongs into the generation's `share/`: a man page (compressed or not) or a completion.
fn is_shared(path: &TreePath) -> bool {
    let Some((directory, _)) = path.as_str().rsplit_once('/') else { return false };
    COMPLETION_DIRS.contains(&directory) || directory.strip_prefix("share/man/man").is_some_and(is_man_section)
}

/// Tells whether a text is the section of a manual: `1`, `3p`, `n`.
fn is_man_section(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: bool) {
        assert_eq!(is_shared(&TreePath::parse(path).expect("valid")), expected, "{path}");
    }

    #[test]
    fn only_man_pages_and_completions_are_shared() {
        check("share/man/man1/kanban.1", true);
        check("share/man/man3p/board.3p.gz", true);
        check("share/bash-completion/completions/kanban", true);
        check("share/zsh/site-functions/_kanban", true);
        check("share/fish/vendor_completions.d/kanban.fish", true);
        check("share/man/man/x", false);
        check("share/man/man1/deep/x.1", false);
        check("share/man/kanban.1", false);
        check("share/doc/kanban", false);
        check("docs/share/man/man1/x.1", false);
        check("README.md", false);
    }
}
