//! Side files: no panic, and what was read is written and read again alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use packs::archive::format_side_file;
use packs::archive::parse_side_file;

const ARCHIVE: &str = "kanban-2.0.3.tar.zst";

fuzz_target!(|data: &[u8]| {
    if let Ok(digest) = parse_side_file(data, ARCHIVE) {
        let written = format_side_file(&digest, ARCHIVE);
        assert_eq!(parse_side_file(written.as_bytes(), ARCHIVE).expect("what was written is valid"), digest);
    }
});
