//! Which names of an archive are taken, under every spelling that some file system holds for the same.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::archive::ArchiveError;
use crate::model::Node;
use crate::model::Tree;
use crate::model::TreePath;
use crate::model::fold_name;

/// Half a BLAKE3 of a folded path: 16 bytes per name instead of the name, and no two can be found that share it.
type Key = [u8; 16];

/// Names taken so far.
#[derive(Default)]
pub(super) struct Names {
    taken: HashMap<Key, Taken>,
    /// The directory of the last entry and its key: most entries lie in the same one.
    last: Option<(TreePath, Key)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// By something that is no directory.
    Leaf,
    /// By a directory that so far is only implied by what lies in it.
    Implied,
    /// By a directory with an entry of its own.
    Named,
}

impl Names {
    /// Takes the directories above an entry; gives the new ones, outermost first.
    pub(super) fn take_parents(&mut self, path: &TreePath, tree: &Tree) -> Result<Vec<TreePath>, ArchiveError> {
        let Some(parent) = path.parent() else {
            self.last = None;
            return Ok(Vec::new());
        };
        if self.last.as_ref().is_some_and(|(last, _)| *last == parent) {
            return Ok(Vec::new());
        }
        let mut new = Vec::new();
        let mut key = Key::default();
        for end in parent.as_str().match_indices('/').map(|(at, _)| at).chain([parent.as_str().len()]) {
            let above = TreePath::parse(&parent.as_str()[..end]).expect("the front of a path is a path");
            key = key_of(&key, above.file_name());
            match self.taken.entry(key) {
                Entry::Vacant(free) => {
                    free.insert(Taken::Implied);
                    new.push(above);
                }
                Entry::Occupied(taken) if *taken.get() != Taken::Leaf && is_directory(tree, &above) => {}
                Entry::Occupied(_) => return Err(clash(path, &above, tree)),
            }
        }
        self.last = Some((parent, key));
        Ok(new)
    }

    /// Takes the name of something that is no directory, whose parents are taken.
    pub(super) fn take_leaf(&mut self, path: &TreePath, tree: &Tree) -> Result<(), ArchiveError> {
        match self.taken.insert(self.key_of_entry(path), Taken::Leaf) {
            None => Ok(()),
            Some(_) => Err(clash(path, path, tree)),
        }
    }

    /// Takes the name of a directory, whose parents are taken; tells whether it is new, and not implied by an earlier entry.
    pub(super) fn take_directory(&mut self, path: &TreePath, tree: &Tree) -> Result<bool, ArchiveError> {
        match self.taken.insert(self.key_of_entry(path), Taken::Named) {
            None => Ok(true),
            Some(Taken::Implied) if is_directory(tree, path) => Ok(false),
            Some(_) => Err(clash(path, path, tree)),
        }
    }

    fn key_of_entry(&self, path: &TreePath) -> Key {
        let above = self.last.as_ref().map_or(Key::default(), |(_, key)| *key);
        key_of(&above, path.file_name())
    }
}

fn is_directory(tree: &Tree, path: &TreePath) -> bool {
    matches!(tree.find(path), Some(Node::Directory(_)))
}

fn key_of(above: &Key, name: &str) -> Key {
    let mut hasher = blake3::Hasher::new();
    hasher.update(above).update(fold_name(name).as_bytes());
    *hasher.finalize().as_bytes().first_chunk().expect("16 of 32 bytes")
}

/// Names the earlier entry that `taken` clashes with, as it is spelled.
fn clash(entry: &TreePath, taken: &TreePath, tree: &Tree) -> ArchiveError {
    let directory = taken.parent().map_or(Some(tree), |parent| match tree.find(&parent) {
        Some(Node::Directory(directory)) => Some(directory),
        _ => None,
    });
    let folded = fold_name(taken.file_name());
    let earlier = directory.and_then(|directory| directory.entries().find(|(name, _)| fold_name(name.as_str()) == folded));
    let other = match (earlier, taken.parent()) {
        (Some((name, _)), Some(parent)) => format!("{parent}/{name}"),
        (Some((name, _)), None) => name.to_string(),
        (None, _) => taken.to_string(),
    };
    ArchiveError::NameTaken { entry: entry.to_string(), other }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes names in order, `/` at the end marking directories; gives what the last one said.
    #[track_caller]
    fn check(names: &[&str], expected: Result<(), &str>) {
        let (mut taken, mut tree) = (Names::default(), Tree::new());
        let (last, before) = names.split_last().expect("at least one");
        for name in before {
            take(&mut taken, &mut tree, name).expect("only the last may clash");
        }
        match (take(&mut taken, &mut tree, last), expected) {
            (Ok(()), Ok(())) => {}
            (Err(ArchiveError::NameTaken { other, .. }), Err(expected)) => assert_eq!(other, expected, "{names:?}"),
            (found, _) => panic!("{names:?} gave {found:?}"),
        }
    }

    fn take(names: &mut Names, tree: &mut Tree, name: &str) -> Result<(), ArchiveError> {
        let path = TreePath::parse(name.trim_end_matches('/')).expect("a valid path");
        names.take_parents(&path, tree)?;
        let node = if name.ends_with('/') {
            names.take_directory(&path, tree)?;
            Node::Directory(Tree::new())
        } else {
            names.take_leaf(&path, tree)?;
            Node::Symlink { target: "x".into() }
        };
        tree.insert(&path, node).expect("a name that could be taken is free in the tree");
        Ok(())
    }

    #[test]
    fn names_may_be_taken_once() {
        check(&["a", "b"], Ok(()));
        check(&["a/b", "a/"], Ok(()));
        check(&["a/b", "b", "a/c"], Ok(()));
        check(&["a/", "a/b/c", "a/b/"], Ok(()));
        check(&["a", "a"], Err("a"));
        check(&["a/", "a/"], Err("a"));
        check(&["a/b", "a/", "a/"], Err("a"));
        check(&["a", "a/"], Err("a"));
        check(&["a/", "a"], Err("a"));
        check(&["a", "a/b"], Err("a"));
        check(&["a/b", "a"], Err("a"));
        check(&["a/b", "c", "a/b/d"], Err("a/b"));
    }

    #[test]
    fn spellings_clash() {
        check(&["x/README", "x/readme"], Err("x/README"));
        check(&["x/Docs/a", "x/docs/b"], Err("x/Docs"));
        check(&["x/Docs/", "x/docs/"], Err("x/Docs"));
        check(&["x/é", "x/e\u{301}"], Err("x/é"));
        check(&["x/straße", "x/STRASSE"], Err("x/straße"));
        check(&["x/a", "y/A"], Ok(()));
    }
}
