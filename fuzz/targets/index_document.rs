//! Index documents: no panic, and what was read is written and read again alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use packs::model::PackName;
use packs::registry::IndexDocument;

fuzz_target!(|data: &[u8]| {
    let name = PackName::parse("kanban").expect("a valid name");
    if let Ok(document) = IndexDocument::parse(data, &name) {
        let written = document.format();
        let again = IndexDocument::parse(&written, &name).expect("what was written is valid");
        assert_eq!(again.format(), written);
    }
});
