//! Symbolic links: each must lead to something inside the pack's directory.
//!
//! A link is resolved component by component against the whole tree, through other links, as a kernel does it: `a/../../x` depends on what
//! `a` is. A link that leads to nothing is refused as well: in a tree that never changes it can never lead to anything.

use crate::archive::ArchiveError;
use crate::archive::Limits;
use crate::model::Node;
use crate::model::PathComponent;
use crate::model::Tree;
use crate::model::TreePath;

/// Links that one path may lead through: what Linux allows.
const HOPS_MAX: usize = 40;

/// Longest target, in bytes: as of a path.
const TARGET_BYTES_MAX: usize = 1024;

/// Finds what a path below the pack's directory stands for, following links within it.
///
/// `None` if it is not there, is a directory behind a link, or lies behind a link that reading would refuse.
pub fn find_through_links<'t>(pack: &'t Tree, path: &TreePath) -> Option<&'t Node> {
    Resolver::new(pack, &Limits::default()).find(path).ok().flatten()
}

/// Gives every link of a pack's directory that reading would refuse, each with the reason.
pub fn find_bad_links(pack: &Tree, root: &str) -> Vec<ArchiveError> {
    let mut bad = Vec::new();
    let stopped = Resolver::new(pack, &Limits::default()).visit(root, &mut |checked| match checked {
        Err(over @ ArchiveError::OverLimit { .. }) => Err(over),
        Err(link) => {
            bad.push(link);
            Ok(())
        }
        Ok(()) => Ok(()),
    });
    bad.extend(stopped.err());
    bad
}

/// Resolves links within one pack's directory.
pub(super) struct Resolver<'t> {
    pack: &'t Tree,
    limits: Limits,
    /// Steps taken for all links so far.
    steps: u64,
}

impl<'t> Resolver<'t> {
    /// Resolves within this directory, out of which no link may lead.
    pub(super) fn new(pack: &'t Tree, limits: &Limits) -> Self {
        Resolver { pack, limits: *limits, steps: 0 }
    }

    /// Checks every link of the tree; `prefix` stands before paths in errors.
    pub(super) fn check_all(&mut self, prefix: &str) -> Result<(), ArchiveError> {
        self.visit(prefix, &mut |checked| checked)
    }

    /// Resolves every link and gives each outcome to `judge`, until that fails.
    fn visit(&mut self, prefix: &str, judge: &mut dyn FnMut(Result<(), ArchiveError>) -> Result<(), ArchiveError>) -> Result<(), ArchiveError> {
        let mut pending = vec![(prefix.to_owned(), vec![self.pack])];
        while let Some((path, stack)) = pending.pop() {
            let directory = stack.last().expect("a stack starts with the pack's directory");
            for (name, node) in directory.entries() {
                match node {
                    Node::File { .. } => {}
                    Node::Directory(below) => {
                        let mut deeper = stack.clone();
                        deeper.push(below);
                        pending.push((format!("{path}/{name}"), deeper));
                    }
                    Node::Symlink { target } => judge(self.resolve(stack.clone(), target, &format!("{path}/{name}")).map(|_| ()))?,
                }
            }
        }
        Ok(())
    }

    /// Finds what a path below the pack's directory stands for, following links; `None` if it is not there.
    pub(super) fn find(&mut self, path: &TreePath) -> Result<Option<&'t Node>, ArchiveError> {
        match self.pack.find(path) {
            Some(Node::Symlink { .. }) | None => {}
            found => return Ok(found),
        }
        match self.resolve(vec![self.pack], path.as_str(), path.as_str()) {
            Err(ArchiveError::BadLink { .. }) => Ok(None),
            other => other,
        }
    }

    /// Walks a target from the innermost directory of `stack`. `None` stands for the directory at which the walk ended.
    fn resolve(&mut self, mut stack: Vec<&'t Tree>, target: &str, entry: &str) -> Result<Option<&'t Node>, ArchiveError> {
        let bad = |fault| ArchiveError::BadLink { entry: entry.to_owned(), target: target.to_owned(), fault };
        check_target(target).map_err(bad)?;
        let mut pending: Vec<String> = target.rsplit('/').map(str::to_owned).collect();
        let mut hops = 0;
        while let Some(part) = pending.pop() {
            self.steps += 1;
            self.limits.link_steps().check(self.steps, entry)?;
            match part.as_str() {
                "" | "." => continue,
                ".." if stack.len() == 1 => return Err(bad("leaves the pack")),
                ".." => {
                    stack.pop();
                    continue;
                }
                _ => {}
            }
            let directory = stack.last().expect("the pack's directory is never left");
            match directory.get(&part).ok_or_else(|| bad("leads to nothing in the pack"))? {
                Node::Directory(below) => stack.push(below),
                Node::File { .. } if !pending.is_empty() => return Err(bad("leads through a file")),
                file @ Node::File { .. } => return Ok(Some(file)),
                Node::Symlink { target: next } => {
                    hops += 1;
                    if hops > HOPS_MAX {
                        return Err(bad("leads through too many links, or in a circle"));
                    }
                    check_target(next).map_err(bad)?;
                    pending.extend(next.rsplit('/').map(str::to_owned));
                }
            }
        }
        Ok(None)
    }
}

/// Checks the spelling of a link's target; where it leads is another question.
pub(super) fn check_target(target: &str) -> Result<(), &'static str> {
    if target.is_empty() {
        return Err("is empty");
    }
    if target.starts_with('/') {
        return Err("is absolute");
    }
    if target.len() > TARGET_BYTES_MAX {
        return Err("is longer than 1024 bytes");
    }
    let valid = |part: &str| matches!(part, "" | "." | "..") || PathComponent::parse(part).is_ok();
    if target.split('/').all(valid) { Ok(()) } else { Err("has a component that is no valid file name") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Blake3Digest;

    /// Checks one link at `at` in a tree with a few files and links.
    #[track_caller]
    fn check(at: &str, target: &str, expected: Result<(), &str>) {
        let mut tree = Tree::new();
        let path = |text: &str| TreePath::parse(text).expect("a valid path");
        let file = || Node::File { content: Blake3Digest::from_bytes([0; 32]), size: 0, executable: false };
        let link = |target: &str| Node::Symlink { target: target.into() };
        for (name, node) in [("file", file()), ("d/file", file()), ("d/e/file", file()), ("far", link("d/e")), ("self", link(".")), (at, link(target))] {
            tree.insert(&path(name), node).expect("free");
        }
        match (Resolver::new(&tree, &Limits::default()).check_all("p"), expected) {
            (Ok(()), Ok(())) => {}
            (Err(ArchiveError::BadLink { fault, .. }), Err(part)) => assert!(fault.contains(part), "{target:?}: {fault}"),
            (found, _) => panic!("{target:?} gave {found:?}"),
        }
    }

    #[test]
    fn links_inside() {
        for target in ["file", "./file", "d/../file", "d", "d/", "d//e", "far/file", "far/../file", "self/self/file", "."] {
            check("link", target, Ok(()));
        }
        check("d/link", "../file", Ok(()));
        check("d/e/link", "../../file", Ok(()));
    }

    #[test]
    fn links_that_lead_out_or_nowhere() {
        check("link", "..", Err("leaves"));
        check("link", "../p/file", Err("leaves"));
        check("d/link", "../../x", Err("leaves"));
        // By its letters it stays inside; through `far` it is one directory deeper, and through `self` none.
        check("link", "d/../../x", Err("leaves"));
        check("link", "self/../file", Err("leaves"));
        check("link", "/etc/passwd", Err("absolute"));
        check("link", "", Err("empty"));
        check("link", "nothing", Err("nothing"));
        check("link", "far/../../nothing", Err("nothing"));
        check("link", "file/x", Err("through a file"));
        check("link", "file/", Err("through a file"));
        check("link", "link", Err("circle"));
        check("link", "link/x", Err("circle"));
        check("link", "a\0b", Err("no valid file name"));
        check("link", "a\\b", Err("no valid file name"));
        check("link", &"./".repeat(513), Err("longer"));
    }

    #[test]
    fn steps_are_bounded() {
        let mut tree = Tree::new();
        for (name, target) in [("d/x", "."), ("link", "d/././././././.")] {
            tree.insert(&TreePath::parse(name).expect("valid"), Node::Symlink { target: target.into() }).expect("free");
        }
        let limits = Limits { link_steps_max: 5, ..Limits::default() };
        assert!(matches!(Resolver::new(&tree, &limits).check_all("p"), Err(ArchiveError::OverLimit { .. })));
    }
}
