//! What a project asks for.

use std::collections::BTreeSet;

use crate::model::ExtraName;
use crate::model::PackName;
use crate::model::Range;
use crate::model::RegistryName;
use crate::model::Repository;

/// How much a project wants a pack; an environment chooses which tiers it links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// Linked unless an environment leaves it out.
    #[default]
    Required,
    /// Linked unless an environment leaves it out.
    Recommended,
    /// Linked where an environment asks for it.
    Optional,
}

impl Tier {
    /// All tiers, most wanted first.
    pub const ALL: [Tier; 3] = [Tier::Required, Tier::Recommended, Tier::Optional];

    /// Gives the text form, as in packs.toml.
    pub fn as_str(self) -> &'static str {
        match self {
            Tier::Required => "required",
            Tier::Recommended => "recommended",
            Tier::Optional => "optional",
        }
    }

    /// Finds the tier of this text form.
    pub fn find(text: &str) -> Option<Tier> {
        Tier::ALL.into_iter().find(|tier| tier.as_str() == text)
    }
}

/// Where a requirement's releases come from, as packs.toml says it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequirementSource {
    /// A registry by name; without one, the registry `default`.
    Registry(Option<RegistryName>),
    /// The releases of a repository on GitHub.
    GitHub(Repository),
    /// A directory, relative to packs.toml or absolute, collected at each switch.
    Path(String),
}

/// One direct requirement: a pack, a range, and where and how it is wanted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Requirement {
    /// The pack.
    pub name: PackName,
    /// The releases that will do; `*` for a `path` without a version.
    pub range: Range,
    /// Where its releases come from.
    pub source: RequirementSource,
    /// The extras asked for (`with`).
    pub extras: BTreeSet<ExtraName>,
    /// How much it is wanted.
    pub tier: Tier,
}
