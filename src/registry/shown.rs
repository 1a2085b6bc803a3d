//! What an index document said of a pack at one moment, short enough to be remembered.

use crate::model::Blake3Digest;
use crate::registry::IndexDocument;
use crate::registry::canonical::Canonical;
use crate::registry::index::describe;

/// A document that a registry has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// Its revision.
    pub revision: u64,
    /// The digest of what a signature of it covers; `None` where it counts no revisions, or was seen by a packs that did not look.
    pub digest: Option<Blake3Digest>,
    /// The digest of the very bytes, where they were looked at: they spare making those that a signature covers.
    pub bytes: Option<Blake3Digest>,
}

impl Shown {
    /// Reads it off a document and the bytes it was parsed from.
    pub fn of(document: &IndexDocument, bytes: &[u8]) -> Self {
        // Whoever writes documents by hand and counts nothing may change them as they like.
        let digest = (document.revision > 0).then(|| digest(document, bytes));
        Shown { revision: document.revision, digest, bytes: Some(Blake3Digest::of(bytes)) }
    }

    /// Tells whether a document of these bytes is just the one that was shown.
    pub fn is_just(&self, document: &IndexDocument, bytes: &[u8]) -> bool {
        self.digest.is_some() && self.revision == document.revision && self.bytes == Some(Blake3Digest::of(bytes))
    }
}

/// A document that no signature could cover is compared byte by byte: it must not get around the comparison.
fn digest(document: &IndexDocument, bytes: &[u8]) -> Blake3Digest {
    let canonical = Canonical::of(bytes, &describe(&document.name)).map(|canonical| canonical.bytes);
    Blake3Digest::of(canonical.as_deref().unwrap_or(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PackName;

    fn shown(fields: &str) -> Shown {
        let text = format!(r#"{{"schema": "packs.index/1", "name": "kanban"{fields}}}"#);
        let document = IndexDocument::parse(text.as_bytes(), &PackName::parse("kanban").expect("valid")).expect("valid");
        Shown::of(&document, text.as_bytes())
    }

    #[track_caller]
    fn check(one: &str, other: &str, same: bool) {
        assert_eq!((shown(one).revision, shown(one).digest) == (shown(other).revision, shown(other).digest), same, "{one} and {other}");
    }

    #[test]
    fn content_counts_and_neither_its_form_nor_who_signed_it() {
        check(r#", "revision": 7"#, r#", "releases": [],"revision":7"#, false);
        check(r#", "revision": 7, "releases": []"#, r#", "releases": [],"revision":7"#, true);
        check(r#", "revision": 7"#, r#", "revision": 7, "signature": "untrusted comment: x""#, true);
        check(r#", "revision": 7, "later": 1"#, r#", "revision": 7, "later": 2"#, false);
        check(r#", "revision": 7, "later": {"a": 1, "a": 1}"#, r#", "revision": 7, "later": {"a": 1, "a": 2}"#, false);
        check(r#", "revision": 7"#, r#", "revision": 8"#, false);
        check(r#", "later": 1"#, r#", "revision": 0, "later": 2"#, true);
    }
}
