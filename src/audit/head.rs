//! How far the log got, and the space kept for a full disk.

use crate::audit::AuditError;
use crate::fsys;
use crate::fsys::FsError;
use crate::model::Blake3Digest;
use crate::store::layout::Layout;

/// Longest head that is read, in bytes; a written one has 86.
const HEAD_BYTES_MAX: u64 = 256;

/// Bytes kept for the log of a full disk: room for the begin and end of many commands.
const RESERVE_BYTES: usize = 64 * 1024;

/// Bytes of the reserve that only the command that frees space may use: a few commands of it.
const LAST_RESERVE_BYTES: u64 = 8 * 1024;

/// Who asks for the reserved space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Any command.
    Ordinary,
    /// The command that frees space: it must begin even after many others have failed on a full disk.
    FreesSpace,
}

/// An entry as the head or the chain names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// The entry's number.
    pub(super) seq: u64,
    /// The digest of its line.
    pub(super) hash: Blake3Digest,
}

impl Head {
    /// Formats a head; every one has the same length, so that overwriting leaves nothing of the one before.
    fn format(&self) -> String {
        format!("{:020} {}\n", self.seq, self.hash)
    }

    fn parse(text: &[u8]) -> Option<Head> {
        let (seq, hash) = std::str::from_utf8(text).ok()?.trim_end().split_once(' ')?;
        Some(Head { seq: seq.parse().ok()?, hash: Blake3Digest::parse(hash).ok()? })
    }
}

/// Reads the head; `None` where there is none, or a power cut left an empty one.
pub(super) fn read_head(layout: &Layout) -> Result<Option<Head>, AuditError> {
    match fsys::read_optional(&layout.audit_head(), HEAD_BYTES_MAX) {
        Ok(text) => Ok(text.as_deref().and_then(Head::parse)),
        Err(FsError::TooLarge { .. }) => Ok(None),
        Err(source) => Err(AuditError::read(source)),
    }
}

/// Notes how far the log got. It may fail: a head that lags is still true, and only a later truncation would go unnoticed.
pub(super) fn note_head(layout: &Layout, head: Head) {
    let _ = fsys::write_in_place(&layout.audit_head(), head.format().as_bytes());
}

/// Gives the reserved space back to the disk; tells whether there was any for this need.
pub(super) fn release_reserve(layout: &Layout, need: Need) -> Result<bool, AuditError> {
    let reserve = layout.audit_reserve();
    let reserved_bytes = fsys::status(&reserve).map_err(AuditError::read)?.map_or(0, |found| found.size);
    let kept_bytes = if need == Need::FreesSpace { 0 } else { LAST_RESERVE_BYTES };
    if reserved_bytes <= kept_bytes {
        return Ok(false);
    }
    fsys::remove_file(&reserve).map_err(AuditError::write)?;
    Ok(true)
}

/// Reserves space again where some is missing. It may fail: on a full disk the reserve is what still fits.
pub(super) fn refill_reserve(layout: &Layout) {
    let reserve = layout.audit_reserve();
    let full = fsys::status(&reserve).is_ok_and(|found| found.is_some_and(|found| found.size == RESERVE_BYTES as u64));
    if !full {
        let _ = fsys::remove_file(&reserve).and_then(|()| fsys::write_new(&reserve, &incompressible(), 0o600));
    }
}

/// Bytes that no file system stores in less space than they have: zeros would reserve nothing where the disk compresses.
fn incompressible() -> Vec<u8> {
    let mut bytes = vec![0; RESERVE_BYTES];
    blake3::Hasher::new().update(b"reserve").finalize_xof().fill(&mut bytes);
    bytes
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests set up their world")]
mod tests {
    use super::*;

    fn home() -> (tempfile::TempDir, Layout) {
        let world = tempfile::tempdir().expect("a directory");
        let layout = Layout::new(world.path());
        std::fs::create_dir(layout.audit()).expect("made");
        (world, layout)
    }

    #[test]
    fn heads_have_one_length() {
        let (_world, layout) = home();
        assert_eq!(read_head(&layout).expect("an answer"), None);
        for seq in [u64::MAX, 1] {
            let head = Head { seq, hash: Blake3Digest::from_bytes([7; 32]) };
            note_head(&layout, head);
            assert_eq!(read_head(&layout).expect("an answer"), Some(head));
        }
        assert_eq!(std::fs::read(layout.audit_head()).expect("there").len(), 86);
    }

    #[test]
    fn a_head_that_is_none_is_no_head() {
        let (_world, layout) = home();
        for text in ["", "7", "seven 00", &"x".repeat(1000)] {
            std::fs::write(layout.audit_head(), text).expect("written");
            assert_eq!(read_head(&layout).expect("an answer"), None, "{text:?}");
        }
    }

    #[test]
    fn the_reserve_is_real_and_comes_back() {
        let (_world, layout) = home();
        assert!(!release_reserve(&layout, Need::Ordinary).expect("an answer"));
        refill_reserve(&layout);
        fsys::fsync_file(&layout.audit_reserve()).expect("synced");
        let found = fsys::status(&layout.audit_reserve()).expect("an answer").expect("there");
        assert!(found.disk_bytes >= RESERVE_BYTES as u64, "{found:?}");
        assert!(release_reserve(&layout, Need::Ordinary).expect("an answer"));
        assert_eq!(fsys::status(&layout.audit_reserve()).expect("an answer"), None);
    }

    #[test]
    fn the_last_of_it_is_for_who_frees_space() {
        let (_world, layout) = home();
        std::fs::write(layout.audit_reserve(), [1; 8192]).expect("written");
        assert!(!release_reserve(&layout, Need::Ordinary).expect("an answer"));
        assert!(release_reserve(&layout, Need::FreesSpace).expect("an answer"));
    }

    #[test]
    fn a_short_reserve_is_made_whole() {
        let (_world, layout) = home();
        std::fs::write(layout.audit_reserve(), b"short").expect("written");
        refill_reserve(&layout);
        assert_eq!(std::fs::metadata(layout.audit_reserve()).expect("there").len(), RESERVE_BYTES as u64);
    }
}
