//! Whether MANIFEST.json and the tree of the archive say exactly the same.

use crate::archive::ArchiveError;
use crate::archive::FileEntry;
use crate::archive::Limits;
use crate::archive::MANIFEST_FILE;
use crate::archive::PackManifest;
use crate::archive::links::Resolver;
use crate::model::Node;
use crate::model::Tree;
use crate::model::TreePath;

/// Checks the tree as a whole: its root, its links, and that the manifest lists exactly what is there.
pub fn check_tree(manifest: &PackManifest, tree: &Tree, limits: &Limits) -> Result<(), ArchiveError> {
    let root = manifest.name.component();
    let Some(Node::Directory(pack)) = tree.get(&root) else {
        return Err(wrong_root(&root, tree));
    };
    let mut resolver = Resolver::new(pack, limits);
    resolver.check_all(&root)?;
    for file in &manifest.files {
        check_file(file, pack)?;
    }
    // All listed paths differ and all are there: as many leaves as lines means that nothing else is.
    if count_leaves(pack) != manifest.files.len() {
        return Err(unlisted(manifest, pack));
    }
    check_commands(manifest, &mut resolver)
}

fn wrong_root(root: &str, tree: &Tree) -> ArchiveError {
    match tree.entries().find(|(name, _)| name.as_str() != MANIFEST_FILE) {
        Some((other, _)) => ArchiveError::OutsideRoot { entry: other.to_string(), expected: format!("{root}/") },
        None => ArchiveError::Incomplete { missing: format!("directory {root}/") },
    }
}

fn check_file(file: &FileEntry, pack: &Tree) -> Result<(), ArchiveError> {
    let found = pack.find(file.path());
    let agrees = match (file, found) {
        (FileEntry::File { size, blake3, .. }, Some(Node::File { content, size: found, executable: false }))
        | (FileEntry::Executable { size, blake3, .. }, Some(Node::File { content, size: found, executable: true })) => size == found && blake3 == content,
        (FileEntry::Directory { .. }, Some(Node::Directory(below))) => below.entries().next().is_none(),
        (FileEntry::Symlink { target, .. }, Some(Node::Symlink { target: found })) => target == found,
        _ => false,
    };
    if agrees {
        return Ok(());
    }
    Err(ArchiveError::Disagreement { entry: file.path().to_string(), expected: describe(&file.node()), found: found.map_or("nothing".to_owned(), describe) })
}

/// Counts what the manifest must list: files, links, and directories that are empty.
fn count_leaves(directory: &Tree) -> usize {
    directory
        .entries()
        .map(|(_, node)| match node {
            Node::Directory(below) if below.entries().next().is_some() => count_leaves(below),
            _ => 1,
        })
        .sum()
}

fn unlisted(manifest: &PackManifest, pack: &Tree) -> ArchiveError {
    let mut pending = vec![(String::new(), pack)];
    while let Some((prefix, directory)) = pending.pop() {
        for (name, node) in directory.entries() {
            let path = format!("{prefix}{name}");
            match node {
                Node::Directory(below) if below.entries().next().is_some() => pending.push((format!("{path}/"), below)),
                _ if manifest.files.binary_search_by(|file| file.path().as_str().cmp(&path)).is_ok() => {}
                _ => return ArchiveError::Disagreement { entry: path, expected: "nothing".to_owned(), found: describe(node) },
            }
        }
    }
    ArchiveError::Incomplete { missing: "entry that MANIFEST.json lists".to_owned() }
}

fn check_commands(manifest: &PackManifest, resolver: &mut Resolver<'_>) -> Result<(), ArchiveError> {
    for (command, path) in &manifest.bin {
        match resolver.find(path)? {
            Some(Node::File { executable: true, .. }) => {}
            found => return Err(wrong_command(command.as_str(), path, found)),
        }
    }
    Ok(())
}

fn wrong_command(command: &str, path: &TreePath, found: Option<&Node>) -> ArchiveError {
    ArchiveError::Disagreement {
        entry: path.to_string(),
        expected: format!("an executable file (the command `{command}`)"),
        found: found.map_or("nothing".to_owned(), describe),
    }
}

fn describe(node: &Node) -> String {
    match node {
        Node::File { content, size, executable: false } => format!("a file of {size} bytes, blake3 {content}"),
        Node::File { content, size, executable: true } => format!("an executable file of {size} bytes, blake3 {content}"),
        Node::Directory(below) if below.entries().next().is_none() => "an empty directory".to_owned(),
        Node::Directory(_) => "a directory".to_owned(),
        Node::Symlink { target } => format!("a link to {target:?}"),
    }
}
