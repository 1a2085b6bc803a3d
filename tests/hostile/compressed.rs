//! Compressed streams that are cut off, damaged, too long, or bombs.

use std::io;
use std::io::Read;

use packs::archive::ArchiveBytes;
use packs::archive::ArchiveError;
use packs::archive::Compression;
use packs::archive::Limits;
use packs::archive::Nothing;
use packs::archive::ReadError;
use packs::archive::read_archive;

use crate::hostile::gzip;
use crate::hostile::read;
use crate::hostile::tar::Entry;
use crate::hostile::with_a;
use crate::hostile::zstd;

/// Checks that an archive is refused in words that begin so.
#[track_caller]
fn check(archive: &[u8], expected: &str) {
    let refusal = read(archive, &Limits::default()).expect_err("it is refused");
    assert!(refusal.starts_with(expected), "{refusal}");
}

#[test]
fn neither_zstd_nor_gzip() {
    check(b"", "an archive starts as zstd or gzip data does, this one with ``");
    check(b"PK\x03\x04zip", "an archive starts as zstd or gzip data does, this one with `PK\\u{3}\\u{4}`");
    check(&with_a(&[]), "an archive starts as zstd or gzip data does, this one with `MANI`");
    // A skippable frame first: some decoders skip it, some refuse it.
    check(&[&[0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0], &zstd(&with_a(&[]))[..]].concat(), "an archive starts as zstd or gzip data does");
}

#[test]
fn more_than_one_stream() {
    let tar = with_a(&[]);
    for (one, name) in [(zstd(&tar), "zstd"), (gzip(&tar), "gzip")] {
        let expected = format!("something follows the end of the {name} stream");
        check(&[&one[..], b"x"].concat(), &expected);
        check(&[&one[..], &one].concat(), &expected);
        check(&[&one[..], &[0; 512]].concat(), &expected);
        // The trailer of a gzip member again at the very end, as if the member ended there.
        check(&[&one[..], b"x", &one[one.len() - 8..]].concat(), &expected);
        check(&[&one[..], &one[one.len() - 8..]].concat(), &expected);
    }
    check(&[&zstd(&tar)[..], &[0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]].concat(), "something follows the end of the zstd stream");
    let (front, back) = tar.split_at(1024);
    check(&[gzip(front), gzip(back)].concat(), "entry 2: the archive ends at byte 1024 of its content");
}

#[test]
fn every_cut_is_noticed() {
    for whole in [zstd(&with_a(&[])), gzip(&with_a(&[]))] {
        for length in 0..whole.len() {
            let refusal = read(&whole[..length], &Limits::default()).expect_err("it is cut off");
            let expected = ["stream is cut off or damaged", "starts as zstd or gzip", "the archive ends at byte"];
            assert!(expected.iter().any(|words| refusal.contains(words)), "{length}: {refusal}");
        }
    }
}

#[test]
fn every_flipped_bit_of_gzip_is_noticed_or_changes_nothing() {
    let good = gzip(&with_a(&[]));
    let expected = read(&good, &Limits::default()).expect("it is good");
    for bit in 0..good.len() * 8 {
        let mut flipped = good.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        // The time in the gzip header means nothing, nor does the length of a code that no symbol uses; all else is under the checksum.
        // The two decoders differ in which useless codes they put up with, never in what comes out.
        let mut reader = flipped.as_slice();
        let whole = read_archive(ArchiveBytes::Memory(&flipped), &Limits::default(), &mut Nothing);
        let streamed = read_archive(ArchiveBytes::Stream { reader: &mut reader, size: flipped.len() as u64 }, &Limits::default(), &mut Nothing);
        for contents in [whole, streamed].into_iter().flatten() {
            assert_eq!(contents, expected, "bit {bit}");
        }
    }
}

#[test]
fn bombs() {
    let bomb = |bytes: usize| with_a(&[Entry::file("kanban/b", &vec![0; bytes])]);
    let small = Limits { unpacked_ratio_max: 10, unpacked_ratio_free_bytes: 4096, ..Limits::default() };
    for archive in [zstd(&bomb(8 << 20)), gzip(&bomb(8 << 20))] {
        let refusal = read(&archive, &small).expect_err("it is a bomb");
        let max = archive.len() * 10 + 4096;
        let expected = format!("more than the limit of {max} (limits.unpacked-ratio-max)");
        assert!(refusal.ends_with(&expected), "{refusal}");
    }
    // Zeros after the end mark are not unpacked, but they are decoded.
    let zeros = [with_a(&[]), vec![0; 8 << 20]].concat();
    for archive in [zstd(&zeros), gzip(&zeros)] {
        let refusal = read(&archive, &Limits::default()).expect_err("it is a bomb");
        assert!(refusal.contains("limits.padding-bytes-max"), "{refusal}");
    }
}

#[test]
fn windows_that_cost_memory() {
    let mut encoder = ::zstd::stream::write::Encoder::new(Vec::new(), 1).expect("an encoder");
    encoder.window_log(26).expect("64 MiB");
    io::Write::write_all(&mut encoder, &with_a(&[])).expect("memory takes it");
    let archive = encoder.finish().expect("memory takes it");
    check(&archive, "the archive: 67108864 bytes of zstd window, more than the limit of 33554432 (limits.window-bytes-max)");
    // One segment that announces 2^62 bytes: its window would be as large.
    let huge = [&[0x28, 0xb5, 0x2f, 0xfd, 0xe0][..], &(1u64 << 62).to_le_bytes(), &[1, 0, 0]].concat();
    check(&huge, "the archive: 4611686018427387904 bytes of zstd window, more than the limit");
}

#[test]
fn sizes_that_lie() {
    // The size in a gzip trailer is believed by nobody; it is checked.
    let mut archive = gzip(&with_a(&[]));
    let at = archive.len() - 4;
    for size in [0u32, 1, 1024, u32::MAX] {
        archive[at..].copy_from_slice(&size.to_le_bytes());
        check(&archive, "the gzip stream is cut off or damaged");
    }
    // A zstd frame that announces fewer and more bytes than it has.
    let frame = |announced: u8| [&[0x28, 0xb5, 0x2f, 0xfd, 0x20, announced, 0x19, 0, 0][..], b"abc"].concat();
    for announced in [2, 4] {
        check(&frame(announced), "the zstd stream is cut off or damaged");
    }
}

/// A reader that fails after a while is not a damaged archive.
#[test]
fn a_failing_reader_is_told_apart() {
    struct Failing<'a>(&'a [u8]);
    impl Read for Failing<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() { Err(io::Error::other("the disk is gone")) } else { self.0.read(buffer) }
        }
    }
    let whole = [zstd(&with_a(&[])), gzip(&with_a(&[]))];
    for archive in &whole {
        for length in [0, 10, 30, 100, archive.len() - 1] {
            let mut reader = Failing(&archive[..length]);
            let stream = ArchiveBytes::Stream { reader: &mut reader, size: archive.len() as u64 };
            let refused = read_archive(stream, &Limits::default(), &mut Nothing).map(|_| ());
            assert!(
                matches!(&refused, Err(ReadError::Archive(ArchiveError::Unreadable { source })) if source.to_string() == "the disk is gone"),
                "{length}: {refused:?}"
            );
        }
    }
}

#[test]
fn the_file_name_must_agree() {
    let archive = zstd(&with_a(&[]));
    assert!(Compression::check_file_name("kanban-1.0.0.tar.zst", &archive).is_ok());
    let refusal = Compression::check_file_name("kanban-1.0.0.tar.gz", &archive).expect_err("it is zstd").to_string();
    assert_eq!(refusal, "kanban-1.0.0.tar.gz holds zstd data, so its name must end in .tar.zst");
}
