//! What a tree should be, against what it is. Pure.

use crate::archive::MANIFEST_FILE;
use crate::archive::PackManifest;
use crate::model::Node;
use crate::model::PathComponent;
use crate::model::Tree;
use crate::model::TreePath;
use crate::store::problem::Problem;

/// Gives the tree that a pack manifest describes, with MANIFEST.json itself as it was found.
///
/// `None` where the files cannot all be in one tree.
pub(super) fn described(manifest: &PackManifest, manifest_json: Node) -> Option<Tree> {
    let mut tree = Tree::new();
    let root = TreePath::parse(&manifest.name.component()).ok()?;
    tree.insert(&TreePath::parse(MANIFEST_FILE).ok()?, manifest_json).ok()?;
    tree.insert(&root, Node::Directory(Tree::new())).ok()?;
    for file in &manifest.files {
        tree.insert(&root.join(file.path().as_str()).ok()?, file.node()).ok()?;
    }
    Some(tree)
}

/// Names every difference, in order of the paths' bytes within each directory; what is missing or extra as a whole is named once.
pub(super) fn compare(expected: &Tree, found: &Tree) -> Vec<(TreePath, Problem)> {
    let mut differences = Vec::new();
    compare_below(None, expected, found, &mut differences);
    differences
}

fn compare_below(prefix: Option<&TreePath>, expected: &Tree, found: &Tree, differences: &mut Vec<(TreePath, Problem)>) {
    for (name, node) in expected.entries() {
        let path = below(prefix, name);
        match (node, found.get(name.as_str())) {
            (_, None) => differences.push((path, Problem::Missing)),
            (Node::Directory(expected), Some(Node::Directory(found))) => compare_below(Some(&path), expected, found, differences),
            (expected, Some(found)) => differences.extend(difference(expected, found).map(|problem| (path, problem))),
        }
    }
    let extra = found.entries().filter(|(name, _)| expected.get(name.as_str()).is_none());
    differences.extend(extra.map(|(name, _)| (below(prefix, name), Problem::Extra)));
}

fn below(prefix: Option<&TreePath>, name: &PathComponent) -> TreePath {
    let path = prefix.map_or_else(|| TreePath::parse(name.as_str()), |prefix| prefix.join(name.as_str()));
    path.expect("both trees were made of valid paths")
}

fn difference(expected: &Node, found: &Node) -> Option<Problem> {
    match (expected, found) {
        (Node::Symlink { target: expected }, Node::Symlink { target: found }) => {
            (expected != found).then(|| Problem::Target { expected: expected.clone(), found: found.clone() })
        }
        (Node::File { content: expected, executable: x, .. }, Node::File { content: found, executable: y, .. }) if x == y => {
            (expected != found).then_some(Problem::Content { expected: *expected, found: *found })
        }
        _ => Some(Problem::Kind { expected: kind(expected), found: kind(found) }),
    }
}

fn kind(node: &Node) -> &'static str {
    match node {
        Node::File { executable: false, .. } => "a file",
        Node::File { executable: true, .. } => "an executable file",
        Node::Directory(_) => "a directory",
        Node::Symlink { .. } => "a symbolic link",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Blake3Digest;

    fn file(content: u8, executable: bool) -> Node {
        Node::File { content: Blake3Digest::from_bytes([content; 32]), size: 1, executable }
    }

    fn tree(nodes: &[(&str, Node)]) -> Tree {
        let mut tree = Tree::new();
        for (path, node) in nodes {
            tree.insert(&TreePath::parse(path).expect("valid"), node.clone()).expect("free");
        }
        tree
    }

    #[track_caller]
    fn check(found: &[(&str, Node)], expected: &[&str]) {
        let link = Node::Symlink { target: "file".into() };
        let should = tree(&[("dir/file", file(1, false)), ("dir/run", file(2, true)), ("file", file(3, false)), ("link", link)]);
        let differences: Vec<_> = compare(&should, &tree(found)).into_iter().map(|(path, problem)| format!("{path}: {problem}")).collect();
        assert_eq!(differences.len(), expected.len(), "{differences:?}");
        assert!(differences.iter().zip(expected).all(|(difference, part)| difference.starts_with(part)), "{differences:?}");
    }

    #[test]
    fn every_difference_is_named_where_it_is() {
        let link = |target: &str| Node::Symlink { target: target.into() };
        let good = [("dir/file", file(1, false)), ("dir/run", file(2, true)), ("file", file(3, false)), ("link", link("file"))];
        check(&good, &[]);
        check(&good[2..], &["dir: it is missing"]);
        check(&good[1..], &["dir/file: it is missing"]);
        check(&[&good[..], &[("dir/more/x", file(1, false))]].concat(), &["dir/more: it does not belong"]);
        check(&[&good[1..], &[("dir/file", file(9, false))]].concat(), &["dir/file: its content is 0909"]);
        check(&[&good[1..], &[("dir/file", file(1, true))]].concat(), &["dir/file: it is an executable file, and must be a file"]);
        check(&[&good[..3], &[("link", link("dir"))]].concat(), &["link: it leads to \"dir\", and must lead to \"file\""]);
        check(&[&good[2..], &[("dir", link("file"))]].concat(), &["dir: it is a symbolic link, and must be a directory"]);
    }
}
