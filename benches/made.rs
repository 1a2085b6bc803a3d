//! What the benches work on: names, texts and homes, the same in every run.

use std::path::PathBuf;

use packs::model::PackName;
use packs::model::ReleaseId;
use packs::model::Version;
use packs::store::Store;
use packs::store::layout::Layout;

/// Words that texts are made of; few enough that a text is compressed about as much as source code is.
const WORDS: &[&str] = &[
    "fn", "let", "match", "value", "Result", "error", "self", "pub", "use", "impl", "name", "path", "store", "digest", "->", "{", "}", "(", ")", ";", "//",
    "&str", "Option", "return", "bytes", "length", "0x1f", "for", "in", "if", "else", "struct",
];

/// A sequence of numbers that looks random and is always the same: xorshift64.
#[derive(Debug, Clone)]
pub(crate) struct Numbers(u64);

impl Numbers {
    /// Begins a sequence; each seed has its own.
    pub(crate) fn new(seed: u64) -> Self {
        Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Gives the next number, below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits fit") % end
    }

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
