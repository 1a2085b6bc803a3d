//! Reading archives: no panic, and memory and stream say the same.
//!
//! The first byte chooses how the rest is meant: as an archive, or as the tar file in one, with or without right checksums. Random bytes would
//! hardly ever get through a decompressor and a checksum.
#![no_main]

use libfuzzer_sys::fuzz_target;
use packs::archive::ArchiveBytes;
use packs::archive::Contents;
use packs::archive::Limits;
use packs::archive::Nothing;
use packs::archive::read_archive;

fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else { return };
    if choice % 3 == 0 {
        // libdeflate and zlib differ in which useless codes they refuse: only the absence of panics is claimed here.
        let _ = whole(rest);
        let _ = streamed(rest);
        return;
    }
    let mut tar = rest.to_vec();
    if choice % 3 == 1 {
        mend_checksums(&mut tar);
    }
    let archive = zstd::bulk::compress(&tar, 1).expect("memory takes it");
    assert_eq!(whole(&archive), streamed(&archive));
});

fn whole(archive: &[u8]) -> Result<Contents, String> {
    read_archive(ArchiveBytes::Memory(archive), &limits(), &mut Nothing).map_err(|error| error.to_string())
}

fn streamed(archive: &[u8]) -> Result<Contents, String> {
    let mut reader = archive;
    let stream = ArchiveBytes::Stream { reader: &mut reader, size: archive.len() as u64 };
    read_archive(stream, &limits(), &mut Nothing).map_err(|error| error.to_string())
}

/// Small enough that a bomb does not look like a hang.
fn limits() -> Limits {
    Limits { unpacked_bytes_max: 16 << 20, manifest_bytes_max: 1 << 20, ..Limits::default() }
}

fn mend_checksums(tar: &mut [u8]) {
    for block in tar.chunks_exact_mut(512).filter(|block| block[257..262] == *b"ustar") {
        block[148..156].copy_from_slice(b"        ");
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
}
