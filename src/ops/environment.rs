//! Which environment a command means.

use std::fmt;

use crate::manifest::Manifest;
use crate::model::EnvironmentName;
use crate::ops::OpsError;

/// What decided which environment is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChosenBy {
    /// The command's argument, `-E` or `PACKS_ENV`.
    Named,
    /// It is the active one.
    Active,
    /// `default-environment` of packs.toml.
    Default,
    /// The project has no other.
    Only,
}

impl fmt::Display for ChosenBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ChosenBy::Named => "named",
            ChosenBy::Active => "active",
            ChosenBy::Default => "default-environment",
            ChosenBy::Only => "the only one",
        })
    }
}

/// Decides which environment is meant: the named one, else the active one, else `default-environment`, else the only one.
///
/// # Errors
/// [`OpsError::UnknownEnvironment`] where a named one is not declared, [`OpsError::AmbiguousEnvironment`] where nothing decides.
pub(super) fn choose(manifest: &Manifest, named: Option<&EnvironmentName>, active: Option<&EnvironmentName>) -> Result<(EnvironmentName, ChosenBy), OpsError> {
    let known = || manifest.environments.keys().cloned().collect::<Vec<_>>();
    if let Some(name) = named {
        let declared = manifest.environments.contains_key(name);
        return if declared { Ok((name.clone(), ChosenBy::Named)) } else { Err(OpsError::UnknownEnvironment { name: name.clone(), known: known() }) };
    }
    // An active environment that packs.toml no longer declares decides nothing.
    let active = active.filter(|active| manifest.environments.contains_key(*active)).map(|active| (active.clone(), ChosenBy::Active));
    let default = || manifest.project.default_environment.clone().map(|name| (name, ChosenBy::Default));
    let only = || match known().as_slice() {
        [only] => Some((only.clone(), ChosenBy::Only)),
        _ => None,
    };
    active.or_else(default).or_else(only).ok_or_else(|| OpsError::AmbiguousEnvironment { known: known() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> EnvironmentName {
        EnvironmentName::parse(text).expect("valid")
    }

    #[track_caller]
    fn check(rest: &str, named: Option<&str>, active: Option<&str>, expected: Option<&str>) {
        let manifest = Manifest::parse(&format!("[project]\nname = \"x\"\n{rest}"), "packs.toml").expect("valid");
        let (named, active) = (named.map(name), active.map(name));
        let chosen = choose(&manifest, named.as_ref(), active.as_ref()).ok().map(|(chosen, _)| chosen.to_string());
        assert_eq!(chosen.as_deref(), expected);
    }

    #[test]
    fn the_first_that_decides_wins() {
        let two = "[environments.dev]\n[environments.prod]\n";
        let with_default = "default-environment = \"prod\"\n[environments.dev]\n[environments.prod]\n";
        check(two, Some("prod"), Some("dev"), Some("prod"));
        check(two, None, Some("dev"), Some("dev"));
        check(with_default, None, Some("dev"), Some("dev"));
        check(with_default, None, None, Some("prod"));
        check(with_default, None, Some("gone"), Some("prod"));
        check("", None, None, Some("default"));
        check(two, None, None, None);
        check(two, Some("staging"), Some("dev"), None);
    }
}
