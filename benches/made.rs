//! What the benches work on: names, texts and homes, the same in every run.

use std::path::PathBuf;

use packs::model::PackName;
use packs::model::ReleaseId;
use packs::model::Version;
use packs::store::Store;
use packs::store::layout::Layout;

use crate::numbers::Numbers;

/// Words that texts are made of; few enough that a text is compressed about as much as source code is.
const WORDS: &[&str] = &[
    "fn", "let", "match", "value", "Result", "error", "self", "pub", "use", "impl", "name", "path", "store", "digest", "->", "{", "}", "(", ")", ";", "//",
    "&str", "Option", "return", "bytes", "length", "0x1f", "for", "in", "if", "else", "struct",
];

impl Numbers {
    /// Makes a text of about that many bytes.
    pub(crate) fn text(&mut self, bytes: usize) -> String {
        let mut text = String::with_capacity(bytes + 16);
        while text.len() < bytes {
            text.push_str(WORDS[self.below(WORDS.len())]);
            text.push(if self.below(8) == 0 { '\n' } else { ' ' });
        }
        text
    }
}

/// Names a release.
pub(crate) fn release(number: usize, version: &str) -> ReleaseId {
    ReleaseId { name: pack(number), version: Version::parse(version).expect("a valid version") }
}

/// Names a pack.
pub(crate) fn pack(number: usize) -> PackName {
    PackName::parse(&format!("pack-{number:05}")).expect("a valid name")
}

/// An empty home in a directory of its own, removed when dropped.
pub(crate) struct Home {
    /// The store in it.
    pub(crate) store: Store,
    directory: PathBuf,
}

impl Home {
    /// Makes one.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory").keep();
        let store = Store::create(Layout::new(directory.join("home"))).expect("a new store");
        Home { store, directory }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // Not by `tempfile`: what is in a store is read-only.
        packs::fsys::remove_tree(&self.directory).expect("removed");
    }
}
