//! pack.toml: what its author says about a pack.
//!
//! ```toml
//! [pack]
//! name = "kanban"
//! version = "2.0.3"
//! framework = "Kanban"              # human name of what is packed; the name unless said
//! license = "MIT"                   # also: description, authors, repository, homepage, keywords, platform
//!
//! [requires]                        # also read as [dependencies]
//! workflow = "^1.2"
//!
//! [extras.charts]
//! charting = "^1"
//!
//! [bin]
//! kanban = "bin/kanban"
//!
//! [files]
//! include = ["bin/", "docs/"]       # default: everything
//! exclude = ["*.draft.md"]
//! ```
//!
//! How the format may change: keys are only ever added, and unknown ones are faults that name the nearest known one.

use std::collections::BTreeMap;
use std::ops::Range as Span;

use toml::de::DeTable;

use crate::archive::FileEntry;
use crate::archive::PackManifest;
use crate::manifest::Faults;
use crate::manifest::Field;
use crate::manifest::ManifestError;
use crate::manifest::Section;
use crate::model::CommandName;
use crate::model::ExtraName;
use crate::model::PackName;
use crate::model::Platform;
use crate::model::Range;
use crate::model::TreePath;
use crate::model::Version;

/// The version of a pack that declares none and is required by its path.
const UNDECLARED_VERSION: &str = "0.0.0";

const SECTIONS: [&str; 6] = ["pack", "requires", "dependencies", "extras", "bin", "files"];

const PACK_KEYS: [&str; 10] = ["name", "version", "description", "framework", "license", "authors", "repository", "homepage", "keywords", "platform"];

/// Everything that pack.toml says.
#[derive(Debug)]
pub(super) struct PackToml {
    file: String,
    text: String,
    pub(super) name: PackName,
    version: Version,
    about: About,
    requires: BTreeMap<PackName, Range>,
    extras: BTreeMap<ExtraName, BTreeMap<PackName, Range>>,
    /// Commands, with the place of each path for faults that only the files show.
    pub(super) bin: BTreeMap<CommandName, Bin>,
    /// Patterns of `[files] include`; everything if empty.
    pub(super) include: Vec<String>,
    /// Patterns of `[files] exclude`.
    pub(super) exclude: Vec<String>,
}

/// The path of a command, and where it is written.
#[derive(Debug)]
pub(super) struct Bin {
    pub(super) path: TreePath,
    pub(super) span: Span<usize>,
}

/// What of `[pack]` is passed on as it is.
#[derive(Debug, Default)]
struct About {
    framework: Option<String>,
    description: Option<String>,
    authors: Vec<String>,
    license: Option<String>,
    repository: Option<String>,
    homepage: Option<String>,
    keywords: Vec<String>,
    platform: Option<Platform>,
}

impl PackToml {
    /// Parses pack.toml; `file` is how faults call it, and `wanted_as` the name by which a `path` requirement asks for it.
    pub(super) fn parse(text: &str, file: &str, wanted_as: Option<&PackName>) -> Result<Self, ManifestError> {
        let mut faults = Faults::new(text, file);
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            faults.add_syntax(error);
        }
        let root = Section::document("pack.toml", document.get_ref());
        let read = read_document(&root, wanted_as, &mut faults);
        let read = read.map(|pack_toml| PackToml { file: file.to_owned(), text: text.to_owned(), ..pack_toml });
        faults.finish(read)
    }

    /// Stands for the pack.toml of a directory that has none.
    pub(super) fn undeclared(name: PackName) -> Self {
        PackToml {
            file: String::new(),
            text: String::new(),
            name,
            version: Version::parse(UNDECLARED_VERSION).expect("the constant is a version"),
            about: About::default(),
            requires: BTreeMap::new(),
            extras: BTreeMap::new(),
            bin: BTreeMap::new(),
            include: Vec::new(),
            exclude: Vec::new(),
        }
    }

    /// Makes an error of faults that were found later: span, message, label.
    pub(super) fn faults(&self, found: Vec<(Span<usize>, String, &str)>) -> ManifestError {
        let mut faults = Faults::new(&self.text, &self.file);
        for (span, message, label) in found {
            faults.add(span, message, label);
        }
        faults.finish::<()>(None).expect_err("without a value there is an error")
    }

    /// Makes the pack manifest.
    pub(super) fn into_manifest(self, created_at: jiff::Timestamp, files: Vec<FileEntry>) -> PackManifest {
        let framework = self.about.framework.unwrap_or_else(|| self.name.to_string());
        let mut manifest = PackManifest::new(self.name, self.version, framework, created_at, files);
        manifest.description = self.about.description;
        manifest.authors = self.about.authors;
        manifest.license = self.about.license;
        manifest.repository = self.about.repository;
        manifest.homepage = self.about.homepage;
        manifest.keywords = self.about.keywords;
        manifest.platform = self.about.platform.unwrap_or(Platform::ANY);
        manifest.requires = self.requires;
        manifest.extras = self.extras;
        manifest.bin = self.bin.into_iter().map(|(command, bin)| (command, bin.path)).collect();
        manifest
    }
}

fn read_document(root: &Section<'_>, wanted_as: Option<&PackName>, faults: &mut Faults<'_>) -> Option<PackToml> {
    root.refuse_unknown(&SECTIONS, faults);
    let (name, version, about) = read_pack(root, wanted_as, faults);
    let requires = read_all_requires(root, faults);
    let extras = read_table(root, "extras", faults, |_: &ExtraName, field, faults| field.section(faults).map(|extra| read_ranges(&extra, faults)));
    let bin = read_table(root, "bin", faults, |_: &CommandName, field, faults| Some(Bin { path: field.noun(faults)?, span: field.span.clone() }));
    let (include, exclude) = read_files(root, faults);
    Some(PackToml { name: name?, version: version?, about, requires, extras, bin, include, exclude, file: String::new(), text: String::new() })
}

fn read_pack(root: &Section<'_>, wanted_as: Option<&PackName>, faults: &mut Faults<'_>) -> (Option<PackName>, Option<Version>, About) {
    let undeclared_version = || wanted_as.map(|_| Version::parse(UNDECLARED_VERSION).expect("the constant is a version"));
    let Some(field) = root.find("pack") else {
        if wanted_as.is_none() {
            faults.add_missing(0..0, "[pack] is missing; pack.toml starts with [pack], name and version", "no [pack]");
        }
        return (wanted_as.cloned(), undeclared_version(), About::default());
    };
    let Some(section) = field.section(faults) else { return (None, None, About::default()) };
    section.refuse_unknown(&PACK_KEYS, faults);
    let name = section.find("name").map(|field| read_name(&field, wanted_as, faults));
    let version = section.find("version").map(|field| field.noun(faults));
    for (missing, key) in [(name.is_none(), "name"), (version.is_none(), "version")] {
        if missing && wanted_as.is_none() {
            faults.add_missing(section.span.clone(), format!("the pack's `{key}` is missing in [pack]"), format!("no `{key}`"));
        }
    }
    let about = read_about(&section, faults);
    (name.unwrap_or_else(|| wanted_as.cloned()), version.unwrap_or_else(undeclared_version), about)
}

fn read_name(field: &Field<'_>, wanted_as: Option<&PackName>, faults: &mut Faults<'_>) -> Option<PackName> {
    let name: PackName = field.noun(faults)?;
    if let Some(wanted) = wanted_as.filter(|wanted| **wanted != name) {
        faults.add(field.span.clone(), format!("the pack is called `{name}`, and required as `{wanted}`"), "not the name it is required by");
        return None;
    }
    Some(name)
}

fn read_about(section: &Section<'_>, faults: &mut Faults<'_>) -> About {
    About {
        framework: read_line(section, "framework", faults),
        description: section.find("description").and_then(|field| field.string(faults)).map(str::to_owned),
        authors: read_list(section, "authors", faults),
        license: read_line(section, "license", faults),
        repository: read_line(section, "repository", faults),
        homepage: read_line(section, "homepage", faults),
        keywords: read_list(section, "keywords", faults),
        platform: section.find("platform").and_then(|field| field.noun(faults)),
    }
}

/// Reads a text of one line, which is not empty.
fn read_line(section: &Section<'_>, key: &str, faults: &mut Faults<'_>) -> Option<String> {
    let field = section.find(key)?;
    let text = field.string(faults)?;
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        field.refuse_value("one line of text", faults);
        return None;
    }
    Some(text.to_owned())
}

fn read_list(section: &Section<'_>, key: &str, faults: &mut Faults<'_>) -> Vec<String> {
    let texts = section.find(key).and_then(|field| field.strings(faults)).unwrap_or_default();
    texts.into_iter().map(|(text, _)| text.to_owned()).collect()
}

/// Reads `[requires]` and `[dependencies]` as one.
fn read_all_requires(root: &Section<'_>, faults: &mut Faults<'_>) -> BTreeMap<PackName, Range> {
    let mut requires = BTreeMap::new();
    for key in ["requires", "dependencies"] {
        let Some(section) = root.find(key).and_then(|field| field.section(faults)) else { continue };
        let read = section.read_map(faults, |name: &PackName, field, faults| {
            if requires.contains_key(name) {
                faults.add(field.key_span.clone(), format!("`{name}` is in [requires] already"), "a second time");
            }
            field.noun(faults)
        });
        requires.extend(read);
    }
    requires
}

fn read_ranges(section: &Section<'_>, faults: &mut Faults<'_>) -> BTreeMap<PackName, Range> {
    section.read_map(faults, |_: &PackName, field, faults| field.noun(faults))
}

/// Reads a table of the document into a map; one that is missing is empty.
fn read_table<'d, K, V>(
    root: &Section<'d>,
    key: &str,
    faults: &mut Faults<'_>,
    read: impl FnMut(&K, &Field<'d>, &mut Faults<'_>) -> Option<V>,
) -> BTreeMap<K, V>
where
    K: std::str::FromStr<Err = crate::model::InvalidNoun> + Ord,
{
    match root.find(key).and_then(|field| field.section(faults)) {
        Some(section) => section.read_map(faults, read),
        None => BTreeMap::new(),
    }
}

fn read_files(root: &Section<'_>, faults: &mut Faults<'_>) -> (Vec<String>, Vec<String>) {
    let Some(section) = root.find("files").and_then(|field| field.section(faults)) else { return (Vec::new(), Vec::new()) };
    section.refuse_unknown(&["include", "exclude"], faults);
    (read_list(&section, "include", faults), read_list(&section, "exclude", faults))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::render_faults;

    const HEAD: &str = "[pack]\nname = \"kanban\"\nversion = \"2.0.3\"\n";

    fn manifest(text: &str) -> PackManifest {
        let pack_toml = PackToml::parse(text, "pack.toml", None).expect("it is in order");
        pack_toml.into_manifest(jiff::Timestamp::UNIX_EPOCH, Vec::new())
    }

    #[track_caller]
    fn check(text: &str, expected: &[(usize, &str)]) {
        let error = PackToml::parse(text, "pack.toml", None).expect_err("it is not in order");
        let found: Vec<_> = error.faults.iter().map(|fault| (fault.line, fault.message.as_str())).collect();
        assert_eq!(found, expected, "\n{}", render_faults(&error, false));
    }

    #[test]
    fn everything_is_passed_on() {
        let text = "[pack]\nname = \"@acme/kanban\"\nversion = \"2.0.3\"\nframework = \"Kanban\"\ndescription = \"a\\nb\"\nlicense = \"MIT\"\nauthors = [\"a\"]\n\
            repository = \"r\"\nhomepage = \"h\"\nkeywords = [\"k\"]\nplatform = \"any\"\n[requires]\na = \"1\"\n[dependencies]\nb = \"2\"\n\
            [extras.charts]\ncharting = \"^1\"\n[bin]\nkanban = \"bin/kanban\"\n";
        let shown = String::from_utf8(manifest(text).format()).expect("JSON is UTF-8");
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn the_name_stands_in_for_the_framework() {
        assert_eq!(manifest(HEAD).framework, "kanban");
    }

    #[test]
    fn faults_are_all_found() {
        check("", &[(1, "[pack] is missing; pack.toml starts with [pack], name and version")]);
        check("[pack]\n", &[(1, "the pack's `name` is missing in [pack]"), (1, "the pack's `version` is missing in [pack]")]);
        check(
            "[pack]\nname = \"Kanban\"\nversion = 2\nlicence = \"MIT\"\nframework = \"\"\n[require]\n",
            &[
                (2, "\"Kanban\" is not a valid pack name: it must start with a lower-case letter or a digit, not 'K'"),
                (3, "`pack.version` must be a string, found an integer"),
                (
                    4,
                    "unknown key `licence` in [pack], expected one of name, version, description, framework, license, authors, repository, homepage, keywords, platform",
                ),
                (5, "`pack.framework` must be one line of text, found ``"),
                (6, "unknown key `require` in pack.toml, expected one of pack, requires, dependencies, extras, bin, files"),
            ],
        );
        check(&format!("{HEAD}[requires]\na = \"1\"\n[dependencies]\na = \"2\"\n"), &[(7, "`a` is in [requires] already")]);
        check(&format!("{HEAD}[bin]\nx = \"../x\"\n"), &[(5, "\"../x\" is not a valid path: `..` is not allowed in it")]);
        check(&format!("{HEAD}[files]\nincludes = []\n"), &[(5, "unknown key `includes` in [files], expected one of include, exclude")]);
        check(&format!("{HEAD}[extras]\nx = \"1\"\n"), &[(5, "`extras.x` must be a table, found a string")]);
    }
}
