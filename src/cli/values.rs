//! The value of every setting, put together: defaults, the machine's file, the user's file, the process environment, flags; what comes later wins.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use crate::archive::Limits;
use crate::cli::config::ConfigFile;
use crate::cli::config::Origin;
use crate::cli::config::Said;
use crate::cli::keys::KEYS;
use crate::cli::keys::Key;
use crate::model::Place;
use crate::ops::Age;
use crate::ops::ByteSize;
use crate::ops::Mirror;
use crate::ops::OpsError;

/// Every setting with its value and who said it.
#[derive(Debug, Clone)]
pub(super) struct Values {
    said: BTreeMap<&'static str, Said>,
    /// The mirrors: the user's, then the machine's.
    pub(super) mirrors: Vec<(Mirror, Place)>,
    /// The user's directory, which `~/` stands for.
    user: Option<PathBuf>,
}

/// What is put together, weakest first.
#[derive(Debug, Default)]
pub(super) struct Layers {
    /// What the machine's settings file says.
    pub(super) system: ConfigFile,
    /// What the user's settings file says.
    pub(super) user: ConfigFile,
    /// What variables say, by the variable's name.
    pub(super) variables: BTreeMap<&'static str, String>,
    /// What was typed, or a global flag's variable said, by the setting's name.
    pub(super) typed: BTreeMap<&'static str, Said>,
}

impl Values {
    /// Puts the layers together.
    ///
    /// # Errors
    /// [`OpsError::Variable`] where a variable holds no such value.
    pub(super) fn new(layers: Layers, user: Option<PathBuf>) -> Result<Values, OpsError> {
        let defaults = KEYS.iter().map(|key| (key.name, Said { text: key.default.to_owned(), origin: Origin::Default }));
        let mut said: BTreeMap<&'static str, Said> = defaults.collect();
        said.extend(layers.system.values);
        said.extend(layers.user.values);
        for key in &KEYS {
            if let Some(text) = layers.variables.get(key.variable) {
                said.insert(key.name, of_variable(key, text)?);
            }
        }
        said.extend(layers.typed);
        Ok(Values { said, mirrors: layers.user.mirrors.into_iter().chain(layers.system.mirrors).collect(), user })
    }

    /// Gives a setting's value as text, and who said it.
    pub(super) fn said(&self, name: &str) -> &Said {
        self.said.get(name).expect("every setting of the table has a value")
    }

    /// Gives a whole number; `None` where it is left to be worked out.
    pub(super) fn count(&self, name: &str) -> Option<u64> {
        let text = &self.said(name).text;
        (!text.is_empty()).then(|| text.parse().expect("it was checked when it was read"))
    }

    /// Gives true or false.
    pub(super) fn switch(&self, name: &str) -> bool {
        self.said(name).text == "true"
    }

    /// Gives a path, with `~/` replaced; `None` where it is left to be worked out.
    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        let text = &self.said(name).text;
        let below_user = text.strip_prefix("~/").zip(self.user.as_deref()).map(|(rest, user)| user.join(rest));
        (!text.is_empty()).then(|| below_user.unwrap_or_else(|| Path::new(text).to_owned()))
    }

    /// Gives an age.
    pub(super) fn age(&self, name: &str) -> Age {
        self.said(name).text.parse().expect("it was checked when it was read")
    }

    /// Gives a length of time.
    pub(super) fn duration(&self, name: &str) -> Duration {
        Duration::from_secs(self.age(name).seconds().unsigned_abs())
    }

    /// Gives the limits of archives.
    pub(super) fn limits(&self) -> Limits {
        let number = |name: &str| {
            let text = &self.said(&format!("limits.{name}")).text;
            text.parse::<ByteSize>().expect("it was checked when it was read").bytes()
        };
        Limits {
            unpacked_bytes_max: number("unpacked-bytes-max"),
            unpacked_ratio_max: number("unpacked-ratio-max"),
            unpacked_ratio_free_bytes: number("unpacked-ratio-free-bytes"),
            entries_max: number("entries-max"),
            manifest_bytes_max: number("manifest-bytes-max"),
            json_depth_max: number("json-depth-max"),
            window_bytes_max: number("window-bytes-max"),
            extension_bytes_max: number("extension-bytes-max"),
            padding_bytes_max: number("padding-bytes-max"),
            link_steps_max: number("link-steps-max"),
            side_file_bytes_max: number("side-file-bytes-max"),
        }
    }
}

/// Takes what a variable says; the path of a variable is taken as it is, as other programs do.
fn of_variable(key: &'static Key, text: &str) -> Result<Said, OpsError> {
    if !matches!(key.kind, crate::cli::keys::Kind::Path) && !key.kind.accepts(text) {
        return Err(OpsError::Variable { variable: key.variable, found: text.to_owned(), expected: key.kind.expected() });
    }
    Ok(Said { text: text.to_owned(), origin: Origin::Variable(key.variable.to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str, name: &str) -> ConfigFile {
        ConfigFile::parse(text, name).expect("valid")
    }

    fn layers() -> Layers {
        Layers {
            system: file("jobs = 1\nwait = 1\n[http]\nretries = 1\ntimeout = \"1s\"\n", "system"),
            user: file("wait = 2\n[http]\nretries = 2\nca-certificates = \"~/acme.pem\"\n", "user"),
            variables: BTreeMap::from([("PACKS_HTTP_RETRIES", "3".to_owned()), ("PACKS_WAIT", "3".to_owned())]),
            typed: BTreeMap::from([("wait", Said { text: "4".into(), origin: Origin::Flag("--wait") })]),
        }
    }

    #[test]
    fn what_comes_later_wins_and_is_named() {
        let values = Values::new(layers(), Some("/home/ana".into())).expect("valid");
        for (name, text, origin) in [
            ("color", "auto", "default"),
            ("jobs", "1", "system:1"),
            ("http.timeout", "1s", "system:5"),
            ("http.ca-certificates", "~/acme.pem", "user:4"),
            ("http.retries", "3", "PACKS_HTTP_RETRIES"),
            ("wait", "4", "--wait"),
        ] {
            let said = values.said(name);
            assert_eq!((said.text.as_str(), said.origin.to_string()), (text, origin.to_owned()), "{name}");
        }
        assert_eq!(values.path("http.ca-certificates"), Some("/home/ana/acme.pem".into()));
        assert_eq!(values.limits(), Limits::default());
    }

    #[test]
    fn a_variable_with_no_such_value_is_refused() {
        let variables = BTreeMap::from([("PACKS_HTTP_RETRIES", "many".to_owned())]);
        let error = Values::new(Layers { variables, ..Layers::default() }, None).expect_err("no number");
        assert_eq!(error.to_string(), "PACKS_HTTP_RETRIES is \"many\", expected a whole number from 0 to 20");
    }
}
