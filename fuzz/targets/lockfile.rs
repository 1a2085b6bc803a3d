//! Lockfiles: no panic, and what was read is written and read again alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use packs::lock::Lockfile;

fuzz_target!(|text: &str| {
    if let Ok(lockfile) = Lockfile::parse(text, "packs.lock") {
        let _ = lockfile.verify();
        let written = lockfile.format();
        let again = Lockfile::parse(&written, "packs.lock").expect("what was written is valid");
        assert_eq!(again.format(), written);
    }
});
