//! One change of what a project asks for, as a value.

use serde::Serialize;

use crate::model::PackName;
use crate::model::Place;
use crate::model::Range;

/// One change of what a project asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Change {
    /// Another range for a direct requirement.
    Range {
        /// The pack.
        name: PackName,
        /// The range as written.
        from: Range,
        /// The range to write.
        to: Range,
        /// Where it is written.
        at: Option<Place>,
    },
    /// A range in the place of what everybody requires.
    Override {
        /// The pack.
        name: PackName,
        /// The range that is there, if one is.
        from: Option<Range>,
        /// The range to write.
        to: Range,
        /// Where the one that is there is written.
        at: Option<Place>,
    },
    /// No override of the pack any more.
    DropOverride {
        /// The pack.
        name: PackName,
        /// The range as written.
        from: Range,
        /// Where it is written.
        at: Option<Place>,
    },
    /// Another range that every release of the pack must be in.
    Constraint {
        /// The pack.
        name: PackName,
        /// The range as written.
        from: Range,
        /// The range to write.
        to: Range,
        /// Where it is written.
        at: Option<Place>,
    },
    /// No constraint on the pack any more.
    DropConstraint {
        /// The pack.
        name: PackName,
        /// The range as written.
        from: Range,
        /// Where it is written.
        at: Option<Place>,
    },
    /// Another pack in the place of one that does not exist.
    Rename {
        /// The pack that does not exist.
        name: PackName,
        /// The pack that may have been meant.
        to: PackName,
        /// Where it is written.
        at: Option<Place>,
    },
    /// No requirement on the pack any more.
    Drop {
        /// The pack.
        name: PackName,
        /// The range as written.
        from: Range,
        /// Where it is written.
        at: Option<Place>,
    },
}

impl Change {
    /// Gives the place of what it changes.
    pub fn place_mut(&mut self) -> &mut Option<Place> {
        match self {
            Change::Range { at, .. }
            | Change::Override { at, .. }
            | Change::DropOverride { at, .. }
            | Change::Constraint { at, .. }
            | Change::DropConstraint { at, .. }
            | Change::Rename { at, .. }
            | Change::Drop { at, .. } => at,
        }
    }
}
