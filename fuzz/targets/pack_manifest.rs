//! MANIFEST.json: no panic, and what was read is written and read again alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use packs::archive::PackManifest;

fuzz_target!(|data: &[u8]| {
    if let Ok(manifest) = PackManifest::parse(data) {
        let text = manifest.format();
        assert_eq!(PackManifest::parse(&text).expect("what was written is valid"), manifest);
        let _ = manifest.tree();
    }
});
