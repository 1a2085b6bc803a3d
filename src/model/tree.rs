//! The canonical form of a directory, and its digest.

use std::collections::BTreeMap;

use crate::model::Blake3Digest;
use crate::model::PathComponent;
use crate::model::TreeDigest;
use crate::model::TreePath;

/// Parts this digest from every other use of BLAKE3. It never changes: a new layout gets a new context.
const DIRECTORY_CONTEXT: &str = "packs 2026-11 store-layout v1 directory";

/// What one name in a directory stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A regular file.
    File {
        /// BLAKE3 of its bytes.
        content: Blake3Digest,
        /// Its length in bytes; not part of the digest, which the content already decides.
        size: u64,
        /// Whether it may be executed.
        executable: bool,
    },
    /// A directory.
    Directory(Tree),
    /// A symbolic link.
    Symlink {
        /// The text of the link.
        target: String,
    },
}

/// A directory: names and what they stand for, sorted by the bytes of the names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    entries: BTreeMap<PathComponent, Node>,
}

/// Tells that a path is taken twice, or leads through something that is no directory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path} is in the tree twice, or something below which it lies is no directory")]
pub struct TreeClash {
    /// The path that could not be inserted.
    pub path: TreePath,
}

impl Tree {
    /// Makes the empty tree.
    pub fn new() -> Self {
        Tree::default()
    }

    /// Gives the entries in order of their names' bytes.
    pub fn entries(&self) -> impl Iterator<Item = (&PathComponent, &Node)> {
        self.entries.iter()
    }

    /// Inserts a node at a path and makes the directories above it.
    ///
    /// A directory may be inserted again where there is one already: tar archives may name directories before or after their files.
    pub fn insert(&mut self, path: &TreePath, node: Node) -> Result<(), TreeClash> {
        let clash = || TreeClash { path: path.clone() };
        let mut directory = self;
        let mut parts = path.as_str().split('/').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return match (directory.entries.get(part), &node) {
                    (None, _) => {
                        directory.entries.insert(PathComponent::of_path(part), node);
                        Ok(())
                    }
                    (Some(Node::Directory(_)), Node::Directory(added)) if added.entries.is_empty() => Ok(()),
                    (Some(_), _) => Err(clash()),
                };
            }
            if !directory.entries.contains_key(part) {
                directory.entries.insert(PathComponent::of_path(part), Node::Directory(Tree::new()));
            }
            let Some(Node::Directory(below)) = directory.entries.get_mut(part) else { return Err(clash()) };
            directory = below;
        }
        Err(clash())
    }

    /// Gives what a name stands for.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.entries.get(name)
    }

    /// Finds what a path stands for, following no link.
    pub fn find(&self, path: &TreePath) -> Option<&Node> {
        let mut parts = path.as_str().split('/');
        let mut node = self.get(parts.next()?)?;
        for part in parts {
            let Node::Directory(tree) = node else { return None };
            node = tree.get(part)?;
        }
        Some(node)
    }

    /// Computes the digest, as `store-layout/README.md` specifies it.
    ///
    /// BLAKE3 in key-derivation mode over the entries in order, each
    /// `kind (f x d l) · name length (u32 LE) · name · payload length (u32 LE) · payload`.
    pub fn digest(&self) -> TreeDigest {
        let mut hasher = blake3::Hasher::new_derive_key(DIRECTORY_CONTEXT);
        for (name, node) in &self.entries {
            let (kind, digest);
            let payload: &[u8] = match node {
                Node::File { content, executable, .. } => {
                    kind = if *executable { b'x' } else { b'f' };
                    content.as_bytes()
                }
                Node::Directory(tree) => {
                    kind = b'd';
                    digest = tree.digest();
                    digest.as_bytes()
                }
                Node::Symlink { target } => {
                    kind = b'l';
                    target.as_bytes()
                }
            };
            hasher.update(&[kind]);
            hasher.update(&length_le(name.as_str().as_bytes()));
            hasher.update(name.as_str().as_bytes());
            hasher.update(&length_le(payload));
            hasher.update(payload);
        }
        TreeDigest::from_bytes(*hasher.finalize().as_bytes())
    }
}

fn length_le(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).expect("names and link targets are bounded far below 4 GiB").to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        TreePath::parse(text).expect("a valid path")
    }

    fn file(bytes: &[u8]) -> Node {
        Node::File { content: Blake3Digest::of(bytes), size: bytes.len() as u64, executable: false }
    }

    #[test]
    fn order_of_insertion_does_not_matter() {
        let (mut one, mut two) = (Tree::new(), Tree::new());
        for name in ["b", "a/x", "a-b", "a/c"] {
            one.insert(&path(name), file(name.as_bytes())).expect("free");
        }
        for name in ["a/c", "a-b", "a/x", "b"] {
            two.insert(&path(name), file(name.as_bytes())).expect("free");
        }
        assert_eq!(one.digest(), two.digest());
    }

    #[test]
    fn nothing_is_taken_twice() {
        let mut tree = Tree::new();
        tree.insert(&path("a"), file(b"")).expect("free");
        assert!(tree.insert(&path("a"), file(b"")).is_err());
        assert!(tree.insert(&path("a/b"), file(b"")).is_err());
        tree.insert(&path("d/e"), file(b"")).expect("free");
        tree.insert(&path("d"), Node::Directory(Tree::new())).expect("a directory again");
        assert!(tree.insert(&path("d"), file(b"")).is_err());
    }

    #[test]
    fn every_part_counts() {
        let digest_of = |name: &str, node: Node| {
            let mut tree = Tree::new();
            tree.insert(&path(name), node).expect("free");
            tree.digest()
        };
        let executable = Node::File { content: Blake3Digest::of(b"1"), size: 1, executable: true };
        let mut seen = vec![
            Tree::new().digest(),
            digest_of("a", file(b"1")),
            digest_of("a", file(b"2")),
            digest_of("b", file(b"1")),
            digest_of("a", executable),
            digest_of("a", Node::Directory(Tree::new())),
            digest_of("a", Node::Symlink { target: "1".into() }),
            digest_of("a/a", file(b"1")),
        ];
        let all = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), all, "two different trees share a digest");
    }
}
