//! Every limit of reading an archive, in one place, each with its reason.

use crate::archive::ArchiveError;
use crate::model::SIDE_FILE_BYTES_MAX;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

/// What an archive may ask of the machine; each is checked before the memory or the disk is used.
///
/// A refusal names the setting of the user's configuration that raises the limit: [`ArchiveError::OverLimit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the decoded stream, headers included. 20 GiB: larger than any pack seen, smaller than most disks.
    pub unpacked_bytes_max: u64,
    /// Decoded bytes per byte of the archive. 1,000: deflate cannot do better than 1,032, and honest zstd data stays far below.
    pub unpacked_ratio_max: u64,
    /// Decoded bytes that the ratio does not count. 64 MiB: a small archive of many equal files is no bomb.
    pub unpacked_ratio_free_bytes: u64,
    /// Entries. 1,000,000: each costs about 350 bytes of memory while reading, and an inode for good.
    pub entries_max: u64,
    /// Bytes of MANIFEST.json. 64 MiB: 200,000 files need 30 MiB of it, and it is the one file that must be in memory whole.
    pub manifest_bytes_max: u64,
    /// Nesting of the JSON of MANIFEST.json. 64: the schema needs 4.
    pub json_depth_max: u64,
    /// Bytes of the window a zstd frame may ask for. 32 MiB: four times what `packs build` uses, and it is allocated per archive.
    pub window_bytes_max: u64,
    /// Bytes of one extended header (PAX record block, GNU long name). 1 MiB: a path has at most 1,024 bytes.
    pub extension_bytes_max: u64,
    /// Bytes of zeros after the end mark. 1 MiB: tar fills up to its record size, 10 KiB unless told otherwise.
    pub padding_bytes_max: u64,
    /// Steps of resolving all symbolic links together. 10 million: bounds chains of links that lead through links.
    pub link_steps_max: u64,
    /// Bytes of a side file. 4 KiB: a digest, a file name.
    pub side_file_bytes_max: u64,
}
impl Default for Limits {
    fn default() -> Self {
        Limits {
            unpacked_bytes_max: 20 * GIB,
            unpacked_ratio_max: 1000,
            unpacked_ratio_free_bytes: 64 * MIB,
            entries_max: 1_000_000,
            manifest_bytes_max: 64 * MIB,
            json_depth_max: 64,
            window_bytes_max: 32 * MIB,
            extension_bytes_max: MIB,
            padding_bytes_max: MIB,
            link_steps_max: 10_000_000,
            side_file_bytes_max: SIDE_FILE_BYTES_MAX,
        }
    }
}

impl Limits {
    /// Gives the limit on the decoded stream of an archive of this size.
    pub(super) fn unpacked(&self, archive_bytes: u64) -> Bound {
        let by_ratio = archive_bytes.saturating_mul(self.unpacked_ratio_max).saturating_add(self.unpacked_ratio_free_bytes);
        if by_ratio < self.unpacked_bytes_max {
            Bound { what: "bytes unpacked from an archive of this size", setting: "limits.unpacked-ratio-max", max: by_ratio }
        } else {
            Bound { what: "bytes unpacked", setting: "limits.unpacked-bytes-max", max: self.unpacked_bytes_max }
        }
    }

    pub(super) fn entries(&self) -> Bound {
        Bound { what: "entries", setting: "limits.entries-max", max: self.entries_max }
    }

    pub(super) fn manifest(&self) -> Bound {
        Bound { what: "bytes of MANIFEST.json", setting: "limits.manifest-bytes-max", max: self.manifest_bytes_max }
    }

    pub(super) fn json_depth(&self) -> Bound {
        Bound { what: "levels of nesting in MANIFEST.json", setting: "limits.json-depth-max", max: self.json_depth_max }
    }

    pub(super) fn window(&self) -> Bound {
        Bound { what: "bytes of zstd window", setting: "limits.window-bytes-max", max: self.window_bytes_max }
    }

    pub(super) fn extension(&self) -> Bound {
        Bound { what: "bytes of one extended header", setting: "limits.extension-bytes-max", max: self.extension_bytes_max }
    }

    pub(super) fn padding(&self) -> Bound {
        Bound { what: "bytes of padding after the end mark", setting: "limits.padding-bytes-max", max: self.padding_bytes_max }
    }

    pub(super) fn link_steps(&self) -> Bound {
        Bound { what: "steps of resolving symbolic links", setting: "limits.link-steps-max", max: self.link_steps_max }
    }

    pub(super) fn side_file(&self) -> Bound {
        Bound { what: "bytes of the side file", setting: "limits.side-file-bytes-max", max: self.side_file_bytes_max }
    }
}

/// One limit, ready to be compared with and to be named in a refusal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    what: &'static str,
    setting: &'static str,
    pub(super) max: u64,
}

impl Bound {
    /// Refuses more than the limit; `entry` is where in the archive it was found.
    pub(super) fn check(&self, found: u64, entry: &str) -> Result<(), ArchiveError> {
        if found <= self.max {
            return Ok(());
        }
        Err(ArchiveError::OverLimit { entry: entry.to_owned(), what: self.what, found, max: self.max, setting: self.setting })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_of_size_and_ratio_counts() {
        let limits = Limits::default();
        assert_eq!(limits.unpacked(1000).max, 1_000_000 + 64 * MIB);
        assert_eq!(limits.unpacked(10 * GIB).max, 20 * GIB);
        assert_eq!(limits.unpacked(u64::MAX).max, 20 * GIB);
    }

    #[test]
    fn a_refusal_names_the_setting() {
        let refusal = Limits::default().entries().check(1_000_001, "kanban/x").expect_err("one too many").to_string();
        assert!(refusal.contains("limits.entries-max") && refusal.contains("kanban/x") && refusal.contains("1000001"), "{refusal}");
        assert!(Limits::default().entries().check(1_000_000, "kanban/x").is_ok());
    }
}
