//! What becomes of one pack.

use crate::model::PackName;
use crate::model::Version;

/// One pack that comes, goes or changes, from one state of an environment to the next.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct PackChange {
    /// The pack.
    pub name: PackName,
    /// The version before; `None` where it was not there.
    pub from: Option<Version>,
    /// The version after; `None` where it is gone. Equal to `from` where only the source or the content differs.
    pub to: Option<Version>,
}
