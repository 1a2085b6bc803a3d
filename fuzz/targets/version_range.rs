//! Versions, ranges and the other nouns: no panic, and each is spelled as it was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use packs::model::PackName;
use packs::model::Range;
use packs::model::TreePath;
use packs::model::Version;
use packs::model::fold_name;

fuzz_target!(|text: &str| {
    let (left, right) = text.split_once('\n').unwrap_or((text, ""));
    if let (Ok(version), Ok(range)) = (Version::parse(left), Range::parse(right)) {
        let _ = range.matches(&version);
        let _ = range.exact_version();
        assert!(Range::exactly(&version).matches(&version));
    }
    if let Ok(version) = Version::parse(left) {
        assert_eq!(Version::parse(&version.to_string()).expect("as it was read"), version);
    }
    if let Ok(range) = Range::parse(right) {
        assert_eq!(Range::parse(range.as_str()).expect("as it was read"), range);
    }
    let _ = PackName::parse(left).map(|name| name.component());
    let _ = TreePath::parse(left);
    assert_eq!(fold_name(&fold_name(left)), fold_name(left));
});
