//! No bytes whatever make the readers panic, and no damage changes what is read.

use packs::archive::ArchiveBytes;
use packs::archive::Limits;
use packs::archive::Nothing;
use packs::archive::PackManifest;
use packs::archive::parse_side_file;
use packs::archive::read_archive;
use proptest::prelude::*;

use crate::hostile::gzip;
use crate::hostile::listed;
use crate::hostile::listed_link;
use crate::hostile::manifest;
use crate::hostile::read;
use crate::hostile::tar::Entry;
use crate::hostile::tar::tar;
use crate::hostile::zstd;

/// A tar file with one of everything that is read.
fn one_of_everything() -> Vec<u8> {
    let files = [listed("a", b"a"), listed("b", b"a"), listed_link("c", "d/e"), listed("d/e", &[7; 600]), listed("long", b"x")];
    tar(&[
        Entry { flag: b'g', ..Entry::pax(&[("comment", "x")]) },
        manifest(&files),
        Entry::directory("kanban/"),
        Entry::file("kanban/a", b"a"),
        Entry::hard_link("kanban/b", "kanban/a"),
        Entry::symlink("kanban/c", "d/e"),
        Entry::pax(&[("path", "kanban/d/e"), ("size", "600")]),
        Entry::file("kanban/cut", &[7; 600]),
        Entry::new(b'L', "././@LongLink", b"kanban/long\0").gnu(),
        Entry::file("kanban/l", b"x").gnu(),
    ])
}

/// A change to some bytes: where (as a share of the length), and what stands there afterwards.
#[derive(Debug, Clone)]
enum Change {
    Set(usize, u8),
    Flip(usize, u8),
    Remove(usize, usize),
    Repeat(usize, usize),
    Insert(usize, Vec<u8>),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let at = || any::<usize>();
    let change = prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (at(), 0..8u8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        (at(), 1..600usize).prop_map(|(at, bytes)| Change::Remove(at, bytes)),
        (at(), 1..1100usize).prop_map(|(at, bytes)| Change::Repeat(at, bytes)),
        (at(), proptest::collection::vec(any::<u8>(), 1..20)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
    ];
    proptest::collection::vec(change, 1..4)
}

fn apply_all(bytes: &mut Vec<u8>, changes: &[Change]) {
    for change in changes {
        apply(bytes, change);
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    let length = bytes.len().max(1);
    match change {
        Change::Set(at, byte) => {
            if let Some(place) = bytes.get_mut(at % length) {
                *place = *byte;
            }
        }
        Change::Flip(at, bit) => {
            if let Some(place) = bytes.get_mut(at % length) {
                *place ^= 1 << bit;
            }
        }
        Change::Remove(at, count) => {
            let start = (at % length).min(bytes.len());
            bytes.drain(start..(start + count).min(bytes.len()));
        }
        Change::Repeat(at, count) => {
            let start = (at % length).min(bytes.len());
            let again = bytes[start..(start + count).min(bytes.len())].to_vec();
            bytes.splice(start..start, again);
        }
        Change::Insert(at, new) => {
            let start = (at % length).min(bytes.len());
            bytes.splice(start..start, new.iter().copied());
        }
    }
}

/// Makes every header's checksum right again, so that a change reaches the checks behind it.
fn mend_checksums(tar: &mut [u8]) {
    for block in tar.chunks_exact_mut(512).filter(|block| block[257..262] == *b"ustar") {
        block[148..156].copy_from_slice(b"        ");
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_tar_files(changes in changes(), mend in any::<bool>()) {
        let mut bytes = one_of_everything();
        apply_all(&mut bytes, &changes);
        if mend {
            mend_checksums(&mut bytes);
        }
        // `read` also checks that memory and stream agree, whatever they say.
        let by_zstd = read(&zstd(&bytes), &Limits::default());
        let by_gzip = read(&gzip(&bytes), &Limits::default());
        prop_assert_eq!(by_zstd, by_gzip);
    }

    #[test]
    fn changed_archives(changes in changes(), gzipped in any::<bool>()) {
        let mut bytes = if gzipped { gzip(&one_of_everything()) } else { zstd(&one_of_everything()) };
        apply_all(&mut bytes, &changes);
        let mut stream = bytes.as_slice();
        let _ = read_archive(ArchiveBytes::Memory(&bytes), &Limits::default(), &mut Nothing);
        let _ = read_archive(ArchiveBytes::Stream { reader: &mut stream, size: bytes.len() as u64 }, &Limits::default(), &mut Nothing);
    }

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for magic in [&b""[..], &[0x28, 0xb5, 0x2f, 0xfd], &[0x1f, 0x8b, 8]] {
            let archive = [magic, &bytes].concat();
            let _ = read_archive(ArchiveBytes::Memory(&archive), &Limits::default(), &mut Nothing);
        }
        let _ = PackManifest::parse(&bytes);
        let _ = parse_side_file(&bytes, "a-1.0.0.tar.zst");
    }
}

#[test]
fn the_unchanged_one_is_good() {
    let contents = read(&zstd(&one_of_everything()), &Limits::default()).expect("it is good");
    assert_eq!(contents.manifest.files.len(), 5);
    let mut mended = one_of_everything();
    mend_checksums(&mut mended);
    assert_eq!(mended, one_of_everything());
}
