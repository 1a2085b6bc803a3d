//! Archives that a run would have to download, and may not.

use serde::Serialize;

use crate::fetch::Need;
use crate::model::PackName;
use crate::model::Version;

/// An archive that is neither stored nor on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct MissingArchive {
    /// The pack.
    pub name: PackName,
    /// The version.
    pub version: Version,
    /// The archive's file name.
    pub archive: String,
    /// Its length in bytes.
    pub size: u64,
    /// The registry that has it.
    pub registry: String,
}

impl MissingArchive {
    /// Takes what people are told of a need.
    pub(super) fn new(need: &Need, registry: String) -> MissingArchive {
        let release = &need.release;
        MissingArchive { name: release.name.clone(), version: release.version.clone(), archive: need.archive.clone(), size: need.size, registry }
    }
}
