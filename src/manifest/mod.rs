//! packs.toml: what a project wants.
//!
//! Knows how people write it, with every fault at its line, and how to edit it without disturbing what they wrote.
//! Knows nothing of releases, of disks, or of what an environment's rules lead to: it reports what is written.
//!
//! How the format may change: packs.toml has no version number, because people write it. Keys are only ever added; an unknown key is a
//! fault that names the nearest known one, so an older packs never ignores a rule that a newer one would have enforced.

mod edit;
mod environment;
mod fault;
mod license;
mod package;
mod parse;
mod pins;
mod place;
mod render;
mod section;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::model::CommandName;
use crate::model::EnvironmentName;
use crate::model::PackName;
use crate::model::Place;
use crate::model::Platform;
use crate::model::ProjectName;
use crate::model::PublicKey;
use crate::model::Range;
use crate::model::RegistryName;
use crate::model::Repository;
use crate::model::Requirement;
use crate::model::Tier;
use crate::model::TreePath;

pub use edit::Edit;
pub use environment::CoolDown;
pub use fault::Fault;
pub(crate) use fault::Faults;
pub use fault::ManifestError;
pub(crate) use fault::escaped;
pub use license::LicenseTerm;
pub use license::parse_license_expression;
pub(crate) use parse::read_address;
pub use render::render_faults;
pub(crate) use section::Field;
pub(crate) use section::Section;
pub(crate) use section::Text;
pub(crate) use section::parse_noun;

/// The registry that is asked first.
pub const DEFAULT_REGISTRY: &str = "default";

/// Everything that packs.toml says, checked in itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// `[project]`.
    pub project: Project,
    /// `[registries]`, by the name that package entries use.
    pub registries: BTreeMap<RegistryName, RegistryEntry>,
    /// `[packages]`: what every environment wants unless it says otherwise.
    pub packages: BTreeMap<PackName, PackageEntry>,
    /// `[place]`, sorted by target; no target lies within another.
    pub place: Vec<PlaceEntry>,
    /// `[environments]`; never empty: without any there is one named `default`.
    pub environments: BTreeMap<EnvironmentName, Environment>,
    /// `[overrides]`: ranges that take the place of every requirement on a pack.
    pub overrides: BTreeMap<PackName, RangeEntry>,
    /// `[constraints]`: ranges outside of which no release of a pack is allowed; they require nothing.
    pub constraints: BTreeMap<PackName, RangeEntry>,
    /// `[policy]`.
    pub policy: Option<Policy>,
}

/// `[project]`: who this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// The project's name.
    pub name: ProjectName,
    /// The team that shows in audit and statistics.
    pub team: Option<String>,
    /// The environment meant where none is named.
    pub default_environment: Option<EnvironmentName>,
    /// The platforms that every release must run on; sorted, never empty, never `any`.
    pub platforms: Vec<Platform>,
    /// Where they are written; `None` for the usual ones.
    pub platforms_at: Option<Place>,
}

/// One line of `[overrides]` or `[constraints]`: `charting = "^2"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeEntry {
    /// The range.
    pub range: Range,
    /// Where it is written.
    pub at: Place,
}

/// One line of `[registries]`: `default = "file:registry"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryEntry {
    /// Where it stands in packs.toml, in bytes from the start: registries are asked in this order.
    pub position: usize,
    /// The address as written; its scheme is a known one and it carries no password.
    pub url: String,
    /// The keys that must have signed its documents, one of them each; without any, nobody's signature is asked for.
    pub keys: Vec<PublicKey>,
    /// Where it is written.
    pub at: Place,
}

impl RegistryEntry {
    /// Gives the repository whose releases are the registry, if it is one: `github:acme/tools`.
    pub fn repository(&self) -> Option<Repository> {
        Repository::of_address(&self.url)?.ok()
    }
}

/// One entry of `[packages]` or `[environments.ENV.packages]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageEntry {
    /// What is asked for.
    pub requirement: Requirement,
    /// Who wins where two packs bring the same file in `bin/` or `share/`: the higher one; 0 unless written.
    pub priority: i64,
    /// Commands of the pack that get another name in `bin/`: from the pack's name to the new one.
    pub rename: BTreeMap<CommandName, CommandName>,
    /// Where it is written.
    pub at: Place,
}

/// How a pack's files are put into the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PlaceMode {
    /// One link to the pack's directory.
    #[default]
    Link,
    /// A copy that people may edit; their edits are noticed by digest.
    Copy,
}

/// One entry of `[place]`: `"frameworks/kanban" = { pack = "kanban", mode = "link" }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceEntry {
    /// Where in the project.
    pub target: TreePath,
    /// Whose files; a pack that some environment requires directly.
    pub pack: PackName,
    /// As a link or as a copy.
    pub mode: PlaceMode,
    /// Where it is written.
    pub at: Place,
}

/// One `[environments.ENV]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// The tiers it links, most wanted first; required and recommended unless written.
    pub tiers: Vec<Tier>,
    /// Requirements that are added to the project-wide ones, or replace those of the same name.
    pub packages: BTreeMap<PackName, PackageEntry>,
    /// What a release must be to be allowed here.
    pub rules: Rules,
    /// Environments whose versions this one need not share, as written here; they hold both ways.
    pub conflicts: BTreeSet<EnvironmentName>,
    /// Where it is written.
    pub at: Place,
}

/// The rules of an environment, each with the place a refusal names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    /// `production-ready`: whether only releases are allowed whose index entry says they are.
    pub production_ready: Option<(bool, Place)>,
    /// `min-quality`: the lowest quality allowed, 0 to 100.
    pub min_quality: Option<(u8, Place)>,
    /// `cool-down`: the lowest age allowed.
    pub cool_down: Option<(CoolDown, Place)>,
}

/// `[policy]`: what holds in every environment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// `licenses`.
    pub licenses: Option<LicensePolicy>,
}

/// `licenses = { allow = ["MIT"], deny = [] }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LicensePolicy {
    /// The licences that will do; `None` allows all that are not denied.
    pub allow: Option<Vec<LicenseTerm>>,
    /// The licences that never do, whatever `allow` says.
    pub deny: Vec<LicenseTerm>,
    /// Where it is written.
    pub at: Place,
}

/// What one environment wants: the project's wants and its own, put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wants {
    /// The environment.
    pub environment: EnvironmentName,
    /// Its packages: the project-wide ones, replaced by its own of the same name.
    pub packages: BTreeMap<PackName, PackageEntry>,
    /// The tiers it links, most wanted first.
    pub tiers: Vec<Tier>,
    /// Its rules.
    pub rules: Rules,
    /// The project's overrides.
    pub overrides: BTreeMap<PackName, RangeEntry>,
    /// The project's constraints.
    pub constraints: BTreeMap<PackName, RangeEntry>,
    /// The environments with which it need not agree, whichever of both says so.
    pub conflicts: BTreeSet<EnvironmentName>,
    /// The project's platforms.
    pub platforms: Vec<Platform>,
    /// Where they are written; `None` for the usual ones.
    pub platforms_at: Option<Place>,
}

impl Manifest {
    /// Gives the registries in the order in which they are asked for a pack that none is chosen for: `default`, then the others as they are written.
    pub fn registry_order(&self) -> Vec<RegistryName> {
        let mut order: Vec<(&RegistryName, &RegistryEntry)> = self.registries.iter().collect();
        order.sort_by_key(|(name, entry)| (name.as_str() != DEFAULT_REGISTRY, entry.position));
        order.into_iter().map(|(name, _)| name.clone()).collect()
    }

    /// Puts together what an environment wants; `None` if there is no such environment.
    pub fn wants(&self, environment: &EnvironmentName) -> Option<Wants> {
        let own = self.environments.get(environment)?;
        let mut packages = self.packages.clone();
        packages.extend(own.packages.iter().map(|(name, entry)| (name.clone(), entry.clone())));
        Some(Wants {
            environment: environment.clone(),
            packages,
            tiers: own.tiers.clone(),
            rules: own.rules.clone(),
            overrides: self.overrides.clone(),
            constraints: self.constraints.clone(),
            conflicts: self.conflicts_of(environment),
            platforms: self.project.platforms.clone(),
            platforms_at: self.project.platforms_at.clone(),
        })
    }

    /// Gives the environments with which one need not agree: those it names, and those that name it.
    fn conflicts_of(&self, environment: &EnvironmentName) -> BTreeSet<EnvironmentName> {
        let parts = |(other, entry): (&EnvironmentName, &Environment)| {
            let is_parted = entry.conflicts.contains(environment) || self.environments[environment].conflicts.contains(other);
            is_parted.then(|| other.clone())
        };
        self.environments.iter().filter_map(parts).collect()
    }
}

impl Wants {
    /// Gives the bare requirements, as a lockfile records them.
    pub fn requirements(&self) -> BTreeMap<PackName, Requirement> {
        self.packages.iter().map(|(name, entry)| (name.clone(), entry.requirement.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_ENVIRONMENTS: &str = r#"
[project]
name = "shop"
[packages]
kanban = "^2"
reports = "^1"
[environments.dev]
[environments.prod]
tiers = ["required"]
[environments.prod.packages]
kanban = "=2.0.3"
extra = "^1"
"#;

    fn wants(environment: &str) -> Option<Vec<String>> {
        let manifest = Manifest::parse(TWO_ENVIRONMENTS, "packs.toml").expect("a valid manifest");
        let wants = manifest.wants(&EnvironmentName::parse(environment).expect("valid"))?;
        Some(wants.requirements().values().map(|requirement| format!("{} {}", requirement.name, requirement.range)).collect())
    }

    #[test]
    fn registries_are_asked_in_the_order_of_the_file_default_first() {
        let text = "[project]\nname = \"shop\"\n[registries]\nzeta = \"file:z\"\nalpha = { url = \"file:a\" }\ndefault = \"file:d\"\n[registries.beta]\nurl = \"file:b\"\n";
        let manifest = Manifest::parse(text, "packs.toml").expect("a valid manifest");
        assert_eq!(manifest.registry_order().iter().map(RegistryName::as_str).collect::<Vec<_>>(), ["default", "zeta", "alpha", "beta"]);
    }

    #[test]
    fn an_environment_replaces_and_adds() {
        assert_eq!(wants("dev"), Some(vec!["kanban ^2".to_owned(), "reports ^1".to_owned()]));
        assert_eq!(wants("prod"), Some(vec!["extra ^1".to_owned(), "kanban =2.0.3".to_owned(), "reports ^1".to_owned()]));
        assert_eq!(wants("staging"), None);
    }

    #[test]
    fn conflicts_hold_both_ways() {
        let text = "[project]\nname = \"shop\"\n[environments.dev]\n[environments.next]\nconflicts = [\"prod\"]\n[environments.prod]\n";
        let manifest = Manifest::parse(text, "packs.toml").expect("a valid manifest");
        let conflicts = |environment: &str| {
            let wants = manifest.wants(&EnvironmentName::parse(environment).expect("valid")).expect("declared");
            wants.conflicts.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!((conflicts("dev"), conflicts("next"), conflicts("prod")), (vec![], vec!["prod".to_owned()], vec!["next".to_owned()]));
    }
}
