//! What keeps packs from being linked together.

use std::fmt;

use crate::model::CommandName;
use crate::model::PackName;
use crate::model::TreePath;

/// Everything that keeps the wanted releases from being linked together, found in one pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Clashes {
    /// Names that several packs offer with the same priority, sorted.
    pub all: Vec<Clash>,
    /// Renames of commands that a pack does not have, sorted.
    pub unknown_renames: Vec<UnknownRename>,
}

/// One name in a generation that several packs offer, none of them before the others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema)]
pub struct Clash {
    /// The name, as its first owner spells it: `bin/kanban`.
    pub path: TreePath,
    /// Who offers it, at least two, all with the same highest priority; the same pack twice where a rename meets another command of its own.
    pub owners: Vec<Owner>,
}

/// One who offers a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema)]
pub struct Owner {
    /// The pack.
    pub pack: PackName,
    /// What it offers, as a path below its directory.
    pub path: TreePath,
    /// The command it is, as the pack itself calls it, if it is one.
    pub command: Option<CommandName>,
    /// How the pack spells the name, which may differ in case.
    pub offered_as: TreePath,
    /// Its priority in packs.toml.
    pub priority: i64,
}

/// A rename in packs.toml of a command that the pack does not have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema)]
pub struct UnknownRename {
    /// The pack.
    pub pack: PackName,
    /// The command that was to be renamed.
    pub command: CommandName,
    /// The commands that the pack does have.
    pub known: Vec<CommandName>,
}

impl fmt::Display for Clashes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the packs cannot be linked together")?;
        self.all.iter().try_for_each(|clash| write!(f, "\n  {clash}"))?;
        self.unknown_renames.iter().try_for_each(|unknown| write!(f, "\n  {unknown}"))
    }
}

impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is offered by ", self.path)?;
        for (index, owner) in self.owners.iter().enumerate() {
            let separator = match index {
                0 => "",
                _ if index + 1 == self.owners.len() => " and ",
                _ => ", ",
            };
            write!(f, "{separator}{} ({})", owner.pack, owner.path)?;
        }
        Ok(())
    }
}

impl fmt::Display for UnknownRename {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has no command `{}` that could be renamed", self.pack, self.command)?;
        match self.known.as_slice() {
            [] => f.write_str("; it has no commands"),
            known => write!(f, "; it has {}", known.iter().map(CommandName::as_str).collect::<Vec<_>>().join(", ")),
        }
    }
}
