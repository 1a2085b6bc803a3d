//! The settings there are: each with its kind, its default, and the variable that sets it. One table; everything else about settings is read off it.

use std::ops::RangeInclusive;

use crate::ops::Age;
use crate::ops::ByteSize;

/// What a setting may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A file or directory: absolute, or `~/` and more.
    Path,
    /// A whole number.
    Count(RangeInclusive<u64>),
    /// A length of time: `10s`, `30d`.
    Age,
    /// A count of bytes: `64K`, `20G`, or a whole number.
    Size,
    /// `true` or `false`.
    Switch,
    /// One of these words.
    Word(&'static [&'static str]),
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    /// Its name, with its table: `http.retries`.
    pub(super) name: &'static str,
    /// What it may be.
    pub(super) kind: Kind,
    /// What it is where nobody says anything; empty where that is worked out.
    pub(super) default: &'static str,
    /// The variable that sets it.
    pub(super) variable: &'static str,
    /// The flag that sets it; empty where there is none.
    pub(super) flag: &'static str,
}

const fn key(name: &'static str, kind: Kind, default: &'static str, variable: &'static str) -> Key {
    Key { name, kind, default, variable, flag: "" }
}

const fn global(name: &'static str, kind: Kind, default: &'static str, variable: &'static str, flag: &'static str) -> Key {
    Key { name, kind, default, variable, flag }
}

const ANY: RangeInclusive<u64> = 0..=i64::MAX.cast_unsigned();

/// All settings, in the order in which they are shown.
pub(super) const KEYS: [Key; 25] = [
    global("home", Kind::Path, "", "PACKS_HOME", "--home"),
    global("jobs", Kind::Count(1..=256), "", "PACKS_JOBS", "--jobs"),
    global("wait", Kind::Count(ANY), "300", "PACKS_WAIT", "--wait"),
    global("offline", Kind::Switch, "false", "PACKS_OFFLINE", "--offline"),
    global("color", Kind::Word(&["auto", "always", "never"]), "auto", "PACKS_COLOR", "--color"),
    global("progress", Kind::Switch, "true", "PACKS_NO_PROGRESS", "--no-progress"),
    // Hides the way to a server, and is polite to it.
    key("http.connections", Kind::Count(1..=256), "16", "PACKS_HTTP_CONNECTIONS"),
    key("http.connect-timeout", Kind::Age, "10s", "PACKS_HTTP_CONNECT_TIMEOUT"),
    key("http.timeout", Kind::Age, "30s", "PACKS_HTTP_TIMEOUT"),
    key("http.retries", Kind::Count(0..=20), "4", "PACKS_HTTP_RETRIES"),
    key("http.backoff-ms", Kind::Count(0..=20_000), "500", "PACKS_HTTP_BACKOFF_MS"),
    key("http.ca-certificates", Kind::Path, "", "PACKS_HTTP_CA_CERTIFICATES"),
    key("gc.keep", Kind::Count(ANY), "10", "PACKS_GC_KEEP"),
    key("gc.older-than", Kind::Age, "30d", "PACKS_GC_OLDER_THAN"),
    key("limits.unpacked-bytes-max", Kind::Size, "20G", "PACKS_LIMITS_UNPACKED_BYTES_MAX"),
    key("limits.unpacked-ratio-max", Kind::Count(ANY), "1000", "PACKS_LIMITS_UNPACKED_RATIO_MAX"),
    key("limits.unpacked-ratio-free-bytes", Kind::Size, "64M", "PACKS_LIMITS_UNPACKED_RATIO_FREE_BYTES"),
    key("limits.entries-max", Kind::Count(ANY), "1000000", "PACKS_LIMITS_ENTRIES_MAX"),
    key("limits.manifest-bytes-max", Kind::Size, "64M", "PACKS_LIMITS_MANIFEST_BYTES_MAX"),
    key("limits.json-depth-max", Kind::Count(ANY), "64", "PACKS_LIMITS_JSON_DEPTH_MAX"),
    key("limits.window-bytes-max", Kind::Size, "32M", "PACKS_LIMITS_WINDOW_BYTES_MAX"),
    key("limits.extension-bytes-max", Kind::Size, "1M", "PACKS_LIMITS_EXTENSION_BYTES_MAX"),
    key("limits.padding-bytes-max", Kind::Size, "1M", "PACKS_LIMITS_PADDING_BYTES_MAX"),
    key("limits.link-steps-max", Kind::Count(ANY), "10000000", "PACKS_LIMITS_LINK_STEPS_MAX"),
    key("limits.side-file-bytes-max", Kind::Size, "4K", "PACKS_LIMITS_SIDE_FILE_BYTES_MAX"),
];

impl Key {
    /// Finds a setting by its name.
    pub(super) fn find(name: &str) -> Option<&'static Key> {
        // A reference to a constant's element lives as long as the program.
        const ALL: &[Key] = &KEYS;
        ALL.iter().find(|key| key.name == name)
    }

    /// Gives the names of a table's settings without the table's; of the file's head where the table is empty.
    pub(super) fn names_in(table: &str) -> Vec<&'static str> {
        let within = |name: &'static str| match name.split_once('.') {
            Some((of, name)) => (of == table).then_some(name),
            None => table.is_empty().then_some(name),
        };
        KEYS.iter().filter_map(|key| within(key.name)).collect()
    }

    /// Gives the names of the tables, each once.
    pub(super) fn tables() -> Vec<&'static str> {
        let mut tables: Vec<&str> = KEYS.iter().filter_map(|key| key.name.split_once('.')).map(|(table, _)| table).collect();
        tables.dedup();
        tables
    }
}

impl Kind {
    /// Tells whether a text spells such a value.
    pub(super) fn accepts(&self, text: &str) -> bool {
        match self {
            Kind::Path => is_anchored(text),
            Kind::Count(allowed) => text.parse().is_ok_and(|number| allowed.contains(&number)),
            Kind::Age => text.parse::<Age>().is_ok(),
            Kind::Size => text.parse::<ByteSize>().is_ok(),
            Kind::Switch => matches!(text, "true" | "false"),
            Kind::Word(words) => words.contains(&text),
        }
    }

    /// Says what is expected.
    pub(super) fn expected(&self) -> String {
        match self {
            Kind::Path => "an absolute path, or one that begins with ~/".to_owned(),
            Kind::Count(allowed) if *allowed == ANY => "a whole number".to_owned(),
            Kind::Count(allowed) => format!("a whole number from {} to {}", allowed.start(), allowed.end()),
            Kind::Age => "a length of time such as \"10s\", \"12h\" or \"30d\"".to_owned(),
            Kind::Size => "a count of bytes such as \"64K\" or \"20G\"".to_owned(),
            Kind::Switch => "true or false".to_owned(),
            Kind::Word(words) => format!("one of {}", words.join(", ")),
        }
    }
}

/// A settings file is found from everywhere, so a path in it must not depend on where packs runs.
fn is_anchored(text: &str) -> bool {
    !text.chars().any(char::is_control) && (text.starts_with('/') || text.starts_with("~/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::Limits;
    use crate::net::NetSettings;

    #[test]
    fn defaults_are_what_their_kind_accepts() {
        for key in &KEYS {
            assert!(key.default.is_empty() || key.kind.accepts(key.default), "{}", key.name);
        }
    }

    /// The rooms below have defaults of their own for whoever uses them as a library: they must not drift apart.
    #[test]
    fn defaults_are_those_of_the_rooms() {
        let default = |name: &str| Key::find(name).expect("it is in the table").default;
        let bytes = |name: &str| default(name).parse::<ByteSize>().expect("a size").bytes();
        let limits = Limits::default();
        assert_eq!(bytes("limits.unpacked-bytes-max"), limits.unpacked_bytes_max);
        assert_eq!(bytes("limits.unpacked-ratio-free-bytes"), limits.unpacked_ratio_free_bytes);
        assert_eq!(bytes("limits.manifest-bytes-max"), limits.manifest_bytes_max);
        assert_eq!(bytes("limits.window-bytes-max"), limits.window_bytes_max);
        assert_eq!(bytes("limits.extension-bytes-max"), limits.extension_bytes_max);
        assert_eq!(bytes("limits.padding-bytes-max"), limits.padding_bytes_max);
        assert_eq!(bytes("limits.side-file-bytes-max"), limits.side_file_bytes_max);
        assert_eq!(default("limits.unpacked-ratio-max"), limits.unpacked_ratio_max.to_string());
        assert_eq!(default("limits.entries-max"), limits.entries_max.to_string());
        assert_eq!(default("limits.json-depth-max"), limits.json_depth_max.to_string());
        assert_eq!(default("limits.link-steps-max"), limits.link_steps_max.to_string());
        let net = NetSettings::default();
        assert_eq!(default("http.connect-timeout"), format!("{}s", net.connect_max.as_secs()));
        assert_eq!(default("http.timeout"), format!("{}s", net.silence_max.as_secs()));
        assert_eq!(default("http.backoff-ms"), net.backoff.as_millis().to_string());
        assert_eq!(default("http.retries"), net.retries_max.to_string());
    }

    #[test]
    fn kinds_accept_and_refuse() {
        for (kind, good, bad) in [
            (Kind::Path, "~/packs", "packs"),
            (Kind::Count(1..=3), "3", "4"),
            (Kind::Age, "10s", "10"),
            (Kind::Size, "20G", "-1"),
            (Kind::Switch, "true", "1"),
            (Kind::Word(&["a"]), "a", "A"),
        ] {
            assert!(kind.accepts(good) && !kind.accepts(bad), "{kind:?}");
        }
    }
}
