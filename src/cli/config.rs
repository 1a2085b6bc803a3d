//! The settings files: `/etc/packs/config.toml` for everybody on a machine, and `packs/config.toml` in the user's configuration directory.
//!
//! ```toml
//! home = "/srv/packs"
//! jobs = 4
//!
//! [http]
//! timeout = "30s"
//! ca-certificates = "/etc/ssl/acme.pem"
//!
//! [[mirrors]]
//! from = "https://packs.example.org/"
//! to = ["https://mirror.local/packs/"]
//! only = false                            # true: never ask the original
//! ```
//!
//! How the format may change: keys are only ever added; an unknown one is a fault that names the nearest known one. A setting of one line in `cli/keys.rs`
//! is a setting here.

use std::collections::BTreeMap;
use std::fmt;

use crate::cli::keys::Key;
use crate::cli::keys::Kind;
use crate::manifest::Faults;
use crate::manifest::Field;
use crate::manifest::ManifestError;
use crate::manifest::Section;
use crate::manifest::Text;
use crate::manifest::read_address;
use crate::model::Place;
use crate::model::Repository;
use crate::ops::Mirror;

/// Largest settings file that is read, in bytes; people write it.
pub(super) const CONFIG_BYTES_MAX: u64 = 1024 * 1024;

/// Who said what a setting is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// Nobody.
    Default,
    /// A line of a settings file.
    File(Place),
    /// A variable of the process environment.
    Variable(String),
    /// A flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(place) => write!(f, "{place}"),
            Origin::Variable(name) => f.write_str(name),
            Origin::Flag(flag) => f.write_str(flag),
        }
    }
}

/// The text of a setting's value, and who said it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    /// The value, as its kind spells it.
    pub(super) text: String,
    /// Who said it.
    pub(super) origin: Origin,
}

/// What one settings file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ConfigFile {
    /// The settings, by name.
    pub(super) values: BTreeMap<&'static str, Said>,
    /// The mirrors in their order, each with its place.
    pub(super) mirrors: Vec<(Mirror, Place)>,
}

impl ConfigFile {
    /// Parses a settings file; `file` is how its faults call it.
    ///
    /// # Errors
    /// All faults at once, as of packs.toml.
    pub(super) fn parse(text: &str, file: &str) -> Result<ConfigFile, ManifestError> {
        let (mut faults, document) = Faults::parse(text, file);
        let root = Section::document("the settings", document.get_ref());
        let mut config = ConfigFile::default();
        let tables = Key::tables();
        let known: Vec<&str> = Key::names_in("").into_iter().chain(tables.iter().copied()).chain(["mirrors"]).collect();
        root.refuse_unknown(&known, &mut faults);
        config.read_table("", &root, &mut faults);
        for table in tables {
            if let Some(section) = root.find(table).and_then(|field| field.section(&mut faults)) {
                section.refuse_unknown(&Key::names_in(table), &mut faults);
                config.read_table(table, &section, &mut faults);
            }
        }
        if let Some(field) = root.find("mirrors") {
            config.mirrors = field.sections(&mut faults).iter().filter_map(|section| read_mirror(section, &mut faults)).collect();
        }
        faults.finish(Some(config))
    }

    fn read_table(&mut self, table: &str, section: &Section<'_>, faults: &mut Faults<'_>) {
        for field in section.fields() {
            let name = if table.is_empty() { field.key.to_owned() } else { format!("{table}.{}", field.key) };
            let Some(key) = Key::find(&name) else { continue };
            if let Some(text) = read_value(&field, &key.kind, faults) {
                let origin = Origin::File(faults.place(&field.key_span));
                self.values.insert(key.name, Said { text, origin });
            }
        }
    }
}

/// Reads a value in the TOML type of its kind, as text.
fn read_value(field: &Field<'_>, kind: &Kind, faults: &mut Faults<'_>) -> Option<String> {
    let text = match kind {
        Kind::Switch => return field.boolean(faults).map(|value| value.to_string()),
        Kind::Count(allowed) => {
            let allowed = i64::try_from(*allowed.start()).unwrap_or(0)..=i64::try_from(*allowed.end()).unwrap_or(i64::MAX);
            return field.integer(&allowed, faults).map(|value| value.to_string());
        }
        Kind::Size if field.peek_string().is_none() => return field.integer(&(0..=i64::MAX), faults).map(|value| value.to_string()),
        Kind::Path | Kind::Age | Kind::Size | Kind::Word(_) => field.string(faults)?,
    };
    if !kind.accepts(text) {
        field.refuse_value(&kind.expected(), faults);
        return None;
    }
    Some(text.to_owned())
}

fn read_mirror(section: &Section<'_>, faults: &mut Faults<'_>) -> Option<(Mirror, Place)> {
    section.refuse_unknown(&["from", "to", "only"], faults);
    let mut required = |name: &str| {
        let field = section.find(name);
        if field.is_none() {
            faults.add_missing(section.span.clone(), format!("`{name}` is missing in [[mirrors]]"), format!("no `{name}`"));
        }
        field
    };
    let (from, to) = (required("from"), required("to"));
    let only = section.find("only").map_or(Some(false), |field| field.boolean(faults));
    let at = from.as_ref().map(|field| faults.place(&field.key_span));
    if let Some(field) = to.as_ref().filter(|field| field.is_empty_list()) {
        faults.add(field.span.clone(), "`mirrors.to` is empty; leave the mirror out", "expected an address");
    }
    // Every address is looked at, whatever else is wrong: a password in one must not be shown with another's fault.
    let from = from.and_then(|field| read_mirrored((field.string(faults)?, field.span), faults));
    let to = to.and_then(|field| field.strings(faults)).map(|texts| texts.into_iter().filter_map(|text| read_mirrored(text, faults)).collect());
    Some((Mirror { from: from?, to: to?, only: only? }, at?))
}

/// Reads the address of a mirror, or of what is mirrored; it must mean the same wherever a command is run.
fn read_mirrored((text, span): Text<'_>, faults: &mut Faults<'_>) -> Option<String> {
    let address = read_address((text, span.clone()), faults)?;
    if Repository::of_address(&address).is_some() {
        faults.add(span, "the releases of a repository are no mirror, and have none", "not an address of files");
        return None;
    }
    if address.strip_prefix("file:").is_some_and(|path| !path.starts_with('/')) {
        let message = "a relative directory would be another one for each directory that packs is run in; write it from the root: \"file:/srv/packs\"";
        faults.add(span, message, "not from the root");
        return None;
    }
    Some(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::render_faults;

    #[test]
    fn everything_is_read() {
        let text = "jobs = 2\ncolor = \"never\"\n[http]\ntimeout = \"5s\"\n[limits]\nentries-max = 7\nunpacked-bytes-max = \"1G\"\n\
            [[mirrors]]\nfrom = \"https://a/\"\nto = [\"https://b/\", \"file:/srv/b/\"]\nonly = true\n";
        let config = ConfigFile::parse(text, "config.toml").expect("valid");
        let said: Vec<String> = config.values.iter().map(|(name, said)| format!("{name}={} {}", said.text, said.origin)).collect();
        let expected = [
            "color=never config.toml:2",
            "http.timeout=5s config.toml:4",
            "jobs=2 config.toml:1",
            "limits.entries-max=7 config.toml:6",
            "limits.unpacked-bytes-max=1G config.toml:7",
        ];
        assert_eq!(said, expected);
        assert_eq!(config.mirrors[0].0, Mirror { from: "https://a/".into(), to: vec!["https://b/".into(), "file:/srv/b/".into()], only: true });
    }

    #[track_caller]
    fn check_refused(text: &str, expected: &str) {
        let error = ConfigFile::parse(text, "config.toml").expect_err("invalid");
        let rendered = render_faults(&error, false);
        assert!(rendered.contains(expected), "{rendered}");
    }

    #[test]
    fn faults_are_named() {
        check_refused("jbos = 2\n", "did you mean `jobs`?");
        check_refused("jobs = 0\n", "`jobs` is 0, expected a number from 1 to 256");
        check_refused("[http]\ntimeot = \"5s\"\n", "did you mean `timeout`?");
        check_refused("[http]\ntimeout = \"5\"\n", "`http.timeout` must be a length of time such as");
        check_refused("home = \"packs\"\n", "`home` must be an absolute path, or one that begins with ~/, found `packs`");
        check_refused("offline = 1\n", "`offline` must be true or false");
        check_refused("[[mirrors]]\nfrom = \"https://a/\"\n", "`to` is missing in [[mirrors]]");
        check_refused("[[mirrors]]\nfrom = \"a\"\nto = []\n", "`a` is no address");
        check_refused("[mirrors]\nfrom = \"a\"\n", "`mirrors` must be a list of tables");
        check_refused("[[mirrors]]\nfrom = \"https://a/\"\nto = [\"https://ana:geheim@b/\"]\n", "the address carries a user or password");
        check_refused("[[mirrors]]\nfrom = \"https://a/\"\nto = [\"file:b\"]\n", "a relative directory would be another one for each directory");
        check_refused("[[mirrors]]\nfrom = \"github:acme/kanban\"\nto = [\"file:/b\"]\n", "the releases of a repository are no mirror");
        assert!(!format!("{:?}", ConfigFile::parse("[[mirrors]]\nfrom = \"https://ana:geheim@b/\"\n", "c").expect_err("invalid")).contains("geheim"));
    }
}
