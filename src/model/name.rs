//! Names of packs, extras, commands, registries and projects.

use std::sync::Arc;

use crate::model::InvalidNoun;
use crate::model::spelled::kept_as_text;

/// Longest name, in bytes: with a version of 64 bytes and a digest of 52 it still fits a file name of 255.
const NAME_BYTES_MAX: usize = 64;

/// Windows refuses files of these names with any extension; a pack must unpack everywhere.
const DEVICE_NAMES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// The name of a pack: `kanban` or, with a scope, `@acme/kanban`.
///
/// Each part matches `[a-z0-9][a-z0-9._-]*`, does not end in `.` and is no Windows device name; the whole is at most 64 bytes. A copy shares the text: a solve holds
/// the same names many thousand times.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackName(Arc<str>);

impl PackName {
    /// Parses a name such as `kanban` or `@acme/kanban`.
    pub fn parse(text: &str) -> Result<Self, InvalidNoun> {
        let invalid = |reason: String| InvalidNoun::new("pack name", text, reason);
        check_length(text).map_err(invalid)?;
        match text.strip_prefix('@') {
            None => check_part(text).map_err(invalid)?,
            Some(scoped) => {
                let (scope, name) = scoped.split_once('/').ok_or_else(|| invalid("a scoped name is written @scope/name".into()))?;
                check_part(scope).map_err(invalid)?;
                check_part(name).map_err(invalid)?;
            }
        }
        Ok(PackName(text.into()))
    }

    /// Gives the name as one path component: `@acme/kanban` becomes `@acme+kanban`.
    ///
    /// No name contains `+`, so two names never share a component.
    pub fn component(&self) -> String {
        self.0.replace('/', "+")
    }

    /// Gives the scope without its `@`, if the name has one.
    pub fn scope(&self) -> Option<&str> {
        self.0.strip_prefix('@').and_then(|scoped| scoped.split_once('/')).map(|(scope, _)| scope)
    }

    /// Gives the part after the scope, or the whole name.
    pub fn base(&self) -> &str {
        self.0.split_once('/').map_or(&self.0, |(_, base)| base)
    }
}

kept_as_text!(PackName, "PackName");

/// Makes a name type whose rule is that of one part of a pack name.
macro_rules! plain_name {
    ($(#[$doc:meta])* $type:ident, $noun:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(String);

        impl $type {
            #[doc = concat!("Parses a ", $noun, ".")]
            pub fn parse(text: &str) -> Result<Self, InvalidNoun> {
                check_length(text)
                    .and_then(|()| check_part(text))
                    .map_err(|reason| InvalidNoun::new($noun, text, reason))?;
                Ok($type(text.to_owned()))
            }
        }
        kept_as_text!($type, stringify!($type));
    };
}

plain_name!(
    /// The name of an extra of a pack: requirements one may ask for with `with = ["charts"]`.
    ExtraName, "extra name"
);
plain_name!(
    /// The name by which a user calls a signing key.
    KeyName, "key name"
);
plain_name!(
    /// The name by which packs.toml calls a registry.
    RegistryName, "registry name"
);

/// The name of a project, as people write it: one line without control characters, at most 64 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProjectName(String);

impl ProjectName {
    /// Parses a project name.
    pub fn parse(text: &str) -> Result<Self, InvalidNoun> {
        let invalid = |reason: String| InvalidNoun::new("project name", text, reason);
        check_length(text).map_err(invalid)?;
        if text.chars().any(char::is_control) || text.trim() != text {
            return Err(invalid("it has control characters or blanks at its ends".into()));
        }
        Ok(ProjectName(text.to_owned()))
    }
}
kept_as_text!(ProjectName, "ProjectName");

/// The name of a command that a pack offers: one path component of `[A-Za-z0-9._+-]`, not starting with `.` or `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandName(String);

impl CommandName {
    /// Parses a command name.
    pub fn parse(text: &str) -> Result<Self, InvalidNoun> {
        let invalid = |reason: String| InvalidNoun::new("command name", text, reason);
        check_length(text).map_err(invalid)?;
        if text.starts_with(['.', '-']) {
            return Err(invalid("it starts with `.` or `-`".into()));
        }
        if let Some(other) = text.chars().find(|c| !c.is_ascii_alphanumeric() && !"._+-".contains(*c)) {
            return Err(invalid(format!("{other:?} is not allowed in it")));
        }
        Ok(CommandName(text.to_owned()))
    }
}
kept_as_text!(CommandName, "CommandName");

fn check_length(text: &str) -> Result<(), String> {
    match text.len() {
        0 => Err("it is empty".into()),
        1..=NAME_BYTES_MAX => Ok(()),
        length => Err(format!("it is {length} bytes long, more than {NAME_BYTES_MAX}")),
    }
}

/// Checks `[a-z0-9][a-z0-9._-]*`, no `.` at the end, no Windows device name.
fn check_part(part: &str) -> Result<(), String> {
    let Some(first) = part.chars().next() else { return Err("a part of it is empty".into()) };
    if !first.is_ascii_lowercase() && !first.is_ascii_digit() {
        return Err(format!("it must start with a lower-case letter or a digit, not {first:?}"));
    }
    if let Some(other) = part.chars().find(|c| !c.is_ascii_lowercase() && !c.is_ascii_digit() && !"._-".contains(*c)) {
        return Err(format!("{other:?} is not allowed in it (use a-z, 0-9, `.`, `_`, `-`)"));
    }
    if part.ends_with('.') {
        return Err("it ends in `.`".into());
    }
    let stem = part.split('.').next().unwrap_or(part);
    let numbered_device = ["com", "lpt"].iter().any(|device| stem.len() == 4 && stem.starts_with(device) && stem.ends_with(|c: char| ('1'..='9').contains(&c)));
    if DEVICE_NAMES.contains(&stem) || numbered_device {
        return Err(format!("`{stem}` is a device name on Windows"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, valid: bool) {
        assert_eq!(PackName::parse(text).is_ok(), valid, "{text:?}: {:?}", PackName::parse(text));
    }

    #[test]
    fn pack_names() {
        for good in ["a", "kanban", "7zip", "a.b_c-d", "@acme/kanban", "console", "com10"] {
            check(good, true);
        }
        for bad in ["", "Kanban", ".a", "-a", "a.", "a b", "a/b", "@acme", "@/a", "@a/", "@a/b/c", "con", "aux.txt", "com1", "lpt9.x", "ä", "a\0", "a+b"] {
            check(bad, false);
        }
        check(&"a".repeat(64), true);
        check(&"a".repeat(65), false);
    }

    #[test]
    fn a_scoped_name_is_one_component() {
        let name = PackName::parse("@acme/kanban").expect("valid");
        assert_eq!((name.component().as_str(), name.scope(), name.base()), ("@acme+kanban", Some("acme"), "kanban"));
    }

    #[test]
    fn command_names() {
        for (text, valid) in [("kanban", true), ("g++", true), ("Kanban", true), ("../x", false), ("a/b", false), (".x", false), ("-x", false), ("", false)] {
            assert_eq!(CommandName::parse(text).is_ok(), valid, "{text:?}");
        }
    }
}
