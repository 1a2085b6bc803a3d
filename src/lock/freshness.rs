//! Whether a lockfile still answers what packs.toml asks, by comparison and without solving.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;

use crate::lock::Lockfile;
use crate::lock::Options;
use crate::lock::format::format_option_lines;
use crate::lock::format::format_requirement;
use crate::manifest::Wants;
use crate::model::EnvironmentName;
use crate::model::PackName;
use crate::model::RegistryName;
use crate::model::Requirement;
use crate::model::SourceId;

/// One way in which a lockfile was solved from something else than what packs.toml says now.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Staleness {
    /// A requirement is new.
    Added {
        /// The pack.
        name: PackName,
        /// The requirement as packs.toml writes it.
        now: String,
    },
    /// A requirement is gone.
    Removed {
        /// The pack.
        name: PackName,
    },
    /// A requirement reads otherwise.
    Changed {
        /// The pack.
        name: PackName,
        /// The requirement as the lockfile has it.
        locked: String,
        /// The requirement as packs.toml writes it.
        now: String,
    },
    /// A rule, or something else that changes the answer, reads otherwise.
    Option {
        /// Its key in the lockfile.
        key: String,
        /// Its value in the lockfile; `None` where it is the usual one.
        locked: Option<String>,
        /// Its value now; `None` where it is the usual one.
        now: Option<String>,
    },
    /// Releases are locked from a registry that packs.toml does not declare, or no longer under that name.
    Undeclared {
        /// The registry.
        registry: RegistryName,
        /// The first of these packs by name.
        name: PackName,
        /// How many more there are.
        more: usize,
    },
    /// It says that it is of another environment, as after a copy.
    Environment {
        /// The environment it says.
        locked: EnvironmentName,
        /// The environment whose lockfile it should be.
        now: EnvironmentName,
    },
    /// Git left it in conflict, so that it says two things at once.
    Conflicted {
        /// The line of the first marker.
        line: usize,
    },
}

impl fmt::Display for Staleness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual = || "the default".to_owned();
        match self {
            Staleness::Added { name, now } => write!(f, "{name} = {now} is new"),
            Staleness::Removed { name } => write!(f, "{name} is no longer required"),
            Staleness::Changed { name, locked, now } => write!(f, "{name} was {locked} and is {now}"),
            Staleness::Option { key, locked, now } => {
                write!(f, "{key} was {} and is {}", locked.clone().unwrap_or_else(usual), now.clone().unwrap_or_else(usual))
            }
            Staleness::Undeclared { registry, name, more } => {
                let are = if *more == 0 { "is".to_owned() } else { format!("and {more} more are") };
                write!(f, "{name} {are} locked from the registry {registry}, which packs.toml does not declare")
            }
            Staleness::Environment { locked, now } => write!(f, "it says environment {locked} and is the lockfile of {now}"),
            Staleness::Conflicted { line } => write!(f, "it has unresolved git conflict markers, the first in line {line}"),
        }
    }
}

/// Compares what a lockfile was solved from with what is wanted now, from these registries; nothing means fresh.
///
/// The environment first, then requirements by name, options, registries; requirements are compared as written.
pub fn freshness(lockfile: &Lockfile, wants: &Wants, options: &Options, registries: &BTreeSet<RegistryName>) -> Vec<Staleness> {
    let requirements = wants.requirements();
    let names: BTreeSet<&PackName> = lockfile.requirements.keys().chain(requirements.keys()).collect();
    let of_requirements = names.into_iter().filter_map(|name| compare_requirements(name, lockfile.requirements.get(name), requirements.get(name)));
    let of_environment = compare_environments(&lockfile.environment, &wants.environment);
    of_environment.into_iter().chain(of_requirements).chain(compare_options(&lockfile.options, options)).chain(find_undeclared(lockfile, registries)).collect()
}

fn compare_environments(locked: &EnvironmentName, now: &EnvironmentName) -> Option<Staleness> {
    (locked != now).then(|| Staleness::Environment { locked: locked.clone(), now: now.clone() })
}

fn compare_requirements(name: &PackName, locked: Option<&Requirement>, now: Option<&Requirement>) -> Option<Staleness> {
    let name = name.clone();
    match (locked, now) {
        (Some(locked), Some(now)) if locked == now => None,
        (Some(locked), Some(now)) => Some(Staleness::Changed { name, locked: format_requirement(locked), now: format_requirement(now) }),
        (Some(_), None) => Some(Staleness::Removed { name }),
        (None, Some(now)) => Some(Staleness::Added { name, now: format_requirement(now) }),
        (None, None) => None,
    }
}

/// Compares options by their lines in a lockfile, so that nothing written there can be forgotten here.
fn compare_options(locked: &Options, now: &Options) -> Vec<Staleness> {
    let (locked, now) = (format_option_lines(locked), format_option_lines(now));
    let keys: BTreeSet<&str> = locked.keys().chain(now.keys()).copied().collect();
    let differs = |key: &&str| locked.get(key) != now.get(key);
    keys.into_iter()
        .filter(differs)
        .map(|key| Staleness::Option { key: key.to_owned(), locked: locked.get(key).cloned(), now: now.get(key).cloned() })
        .collect()
}

/// Finds what is locked from other registries than these: who reads packs.toml knows nothing of them, and nothing could be had from there.
fn find_undeclared(lockfile: &Lockfile, declared: &BTreeSet<RegistryName>) -> Vec<Staleness> {
    let mut undeclared: BTreeMap<&RegistryName, Vec<&PackName>> = BTreeMap::new();
    for (name, release) in &lockfile.releases {
        if let SourceId::Registry(registry) = &release.source
            && !declared.contains(registry)
        {
            undeclared.entry(registry).or_default().push(name);
        }
    }
    let told = |(registry, names): (&RegistryName, Vec<&PackName>)| Staleness::Undeclared {
        registry: registry.clone(),
        name: names[0].clone(),
        more: names.len() - 1,
    };
    undeclared.into_iter().map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Manifest;

    const LOCKFILE: &str = include_str!("../../schemas/samples/lock/v1/packs.prod.lock");
    const MANIFEST: &str = r#"
[project]
name = "checkout-service"
platforms = ["linux-x86_64", "linux-aarch64", "macos-aarch64"]
[registries]
default = "file:registry"
internal = "file:internal"
[packages]
kanban = "^2.0"
reports = { version = ">=1.2, <3", registry = "internal", with = ["charts"] }
linter = { version = "1", tier = "optional" }
snippets = { path = "../snippets" }
[environments.prod]
production-ready = true
min-quality = 80
cool-down = "3d"
[environments.prod.packages]
kanban = "=2.0.3"
[policy]
licenses = { allow = ["MIT", "Apache-2.0"], deny = ["LicenseRef-Acme-Trial"] }
"#;

    #[track_caller]
    fn check(from: &str, to: &str, expected: &[&str]) {
        assert!(MANIFEST.contains(from), "{from:?} is not in the manifest");
        let manifest = Manifest::parse(&MANIFEST.replace(from, to), "packs.toml").expect("a valid manifest");
        let wants = manifest.wants(&EnvironmentName::parse("prod").expect("valid")).expect("declared");
        let lockfile = Lockfile::parse(LOCKFILE, "packs.prod.lock").expect("a readable lockfile");
        let registries = manifest.registries.keys().cloned().collect();
        let stale = freshness(&lockfile, &wants, &Options::wanted(&wants, manifest.policy.as_ref()), &registries);
        assert_eq!(stale.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn fresh_means_solved_from_the_same() {
        check("", "", &[]);
        check("kanban = \"^2.0\"", "kanban = \"^3\"", &[]);
        check("[\"linux-x86_64\", \"linux-aarch64\", ", "[\"linux-aarch64\", \"linux-x86_64\", ", &[]);
        check("production-ready = true\n", "production-ready = true\ntiers = [\"required\"]\n", &[]);
    }

    #[test]
    fn every_difference_is_named() {
        check("=2.0.3", "=2.0.4", &["kanban was \"=2.0.3\" and is \"=2.0.4\""]);
        check("kanban = \"=2.0.3\"", "kanban = \"=2.0.3\"\nnew = \"1\"", &["new = \"1\" is new"]);
        check("linter = { version = \"1\", tier = \"optional\" }\n", "", &["linter is no longer required"]);
        check("tier = \"optional\"", "tier = \"required\"", &["linter was { version = \"1\", tier = \"optional\" } and is \"1\""]);
        check("min-quality = 80", "min-quality = 81", &["min-quality was 80 and is 81"]);
        check("cool-down = \"3d\"", "", &["cool-down was \"3d\" and is the default"]);
        check(
            "default = \"file:registry\"",
            "other = \"file:registry\"",
            &["kanban and 2 more are locked from the registry default, which packs.toml does not declare"],
        );
        check("production-ready = true", "production-ready = false", &["production-ready was true and is the default"]);
        check(
            "\"MIT\", ",
            "",
            &[
                "licenses was { allow = [\"Apache-2.0\", \"MIT\"], deny = [\"LicenseRef-Acme-Trial\"] } and is { allow = [\"Apache-2.0\"], deny = [\"LicenseRef-Acme-Trial\"] }",
            ],
        );
        check(", \"macos-aarch64\"", "", &["platforms was the default and is [\"linux-aarch64\", \"linux-x86_64\"]"]);
    }
}
