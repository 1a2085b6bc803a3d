//! Names of environments.

use crate::model::InvalidNoun;
use crate::model::spelled::kept_as_text;

/// Longest name of an environment, in bytes.
const ENVIRONMENT_BYTES_MAX: usize = 32;

/// The name of an environment: `dev`, `staging`, `prod`; `default` where a project declares none.
///
/// Matches `[a-z][a-z0-9-]{0,31}`. `active`, `id` and `operations` are reserved: other things have these names beside an environment's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvironmentName(String);

impl EnvironmentName {
    /// Parses the name of an environment.
    pub fn parse(text: &str) -> Result<Self, InvalidNoun> {
        let invalid = |reason: String| InvalidNoun::new("environment name", text, reason);
        let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase());
        let spelled_well = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !starts_well || !spelled_well || text.len() > ENVIRONMENT_BYTES_MAX {
            return Err(invalid("it must start with a lower-case letter, go on with a-z, 0-9 or `-`, and have at most 32 characters".into()));
        }
        // `id` is the file beside the environments' links in `.packs/`, `operations` the journal beside their directories in the home.
        if ["active", "id", "operations"].contains(&text) {
            return Err(invalid(format!("`{text}` is reserved")));
        }
        Ok(EnvironmentName(text.to_owned()))
    }

    /// Gives the one environment of a project that declares none.
    pub fn default_environment() -> Self {
        EnvironmentName("default".to_owned())
    }

    /// Gives the file name of its lockfile: `packs.lock` for `default`, else `packs.<env>.lock`.
    pub fn lockfile_name(&self) -> String {
        if self.0 == "default" { "packs.lock".to_owned() } else { format!("packs.{}.lock", self.0) }
    }
}
kept_as_text!(EnvironmentName, "EnvironmentName");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environment_names() {
        for (text, valid) in [
            ("dev", true),
            ("prod-eu-1", true),
            ("active", false),
            ("id", false),
            ("operations", false),
            ("1dev", false),
            ("Dev", false),
            ("", false),
            ("a/b", false),
        ] {
            assert_eq!(EnvironmentName::parse(text).is_ok(), valid, "{text:?}");
        }
    }

    #[test]
    fn lockfile_names() {
        assert_eq!(EnvironmentName::default_environment().lockfile_name(), "packs.lock");
        assert_eq!(EnvironmentName::parse("prod").expect("valid").lockfile_name(), "packs.prod.lock");
    }
}
