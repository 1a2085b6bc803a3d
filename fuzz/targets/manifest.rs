//! packs.toml: no panic, also in showing its faults.
#![no_main]

use libfuzzer_sys::fuzz_target;
use packs::manifest::Manifest;
use packs::manifest::render_faults;

fuzz_target!(|text: &str| {
    if let Err(error) = Manifest::parse(text, "packs.toml") {
        assert!(!error.faults.is_empty());
        let _ = render_faults(&error, true);
    }
});
