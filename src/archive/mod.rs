//! Archives: strict reading, reproducible writing, MANIFEST.json, side files, limits.
//!
//! Works over byte slices, `Read` and `Write`. It knows no directories, no registry and no store: who reads an archive gives a `Visitor`
//! that does something with each entry, and who writes one gives a function that opens each file.
//!
//! An archive is a tar file in one zstd frame or one gzip member. At its root lie exactly two things: `MANIFEST.json` and the directory
//! named after the pack. There is one reading of an archive: whatever two programs could understand differently is refused, and so is
//! whatever a tree cannot hold. `read_archive` goes on to the very end of the compressed stream before it says that an archive is good,
//! so what a visitor made before that belongs into a staging place.
//!
//! The order of checks, each before the work that it bounds:
//!
//! 1. by the caller: size and sha256 of the whole file;
//! 2. compression, window, size of the decoded stream;
//! 3. per entry: header, extended headers, name, kind, size, clash with an earlier name; then its content;
//! 4. at the end: two zero blocks, only zeros after them, nothing after the compressed stream;
//! 5. over the whole: every symbolic link stays inside, and MANIFEST.json agrees with the tree exactly.

mod agree;
mod checksum;
mod compression;
mod error;
mod extended;
mod header;
mod input;
mod limits;
mod links;
mod manifest;
mod names;
mod read;
mod verified;
mod visit;
mod write;

pub use agree::check_tree;
pub use checksum::find_checksum;
pub use checksum::format_side_file;
pub use checksum::parse_checksums;
pub use checksum::parse_side_file;
pub use checksum::sha256;
pub use compression::Compression;
pub use error::ArchiveError;
pub use error::ReadError;
pub use input::ArchiveBytes;
pub use input::memory_needed;
pub use limits::Limits;
pub use links::find_bad_links;
pub use links::find_through_links;
pub use manifest::FileEntry;
pub use manifest::PackManifest;
pub use read::Contents;
pub use read::read_archive;
pub use verified::Mismatch;
pub use verified::Verification;
pub use verified::Verified;
pub use visit::Content;
pub use visit::ContentReader;
pub use visit::FileHead;
pub use visit::Nothing;
pub use visit::Visitor;
pub use write::Packing;
pub use write::Written;
pub use write::write_archive;

/// Name of the pack manifest at the root of an archive and of a store path.
pub const MANIFEST_FILE: &str = "MANIFEST.json";

/// What tar counts in: headers are one block, contents are filled up to whole blocks.
const BLOCK_BYTES: usize = 512;
