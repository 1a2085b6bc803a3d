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

use crate::build::CollectOptions;
use crate::build::declaration::About;
use crate::build::declaration::Bin;
use crate::build::declaration::Declaration;
use crate::manifest::Faults;
use crate::manifest::Field;
use crate::manifest::ManifestError;
use crate::manifest::Section;
use crate::model::CommandName;
use crate::model::ExtraName;
use crate::model::PackName;
use crate::model::Range;
use crate::model::Version;

const SECTIONS: [&str; 6] = ["pack", "requires", "dependencies", "extras", "bin", "files"];

const PACK_KEYS: [&str; 10] = ["name", "version", "description", "framework", "license", "authors", "repository", "homepage", "keywords", "platform"];

/// Parses pack.toml; `file` is how faults call it.
pub(super) fn parse(text: &str, file: &str, options: &CollectOptions) -> Result<Declaration, ManifestError> {
    let (mut faults, document) = Faults::parse(text, file);
    let root = Section::document("pack.toml", document.get_ref());
    let read = read_document(&root, options, &mut faults).map(|read| Declaration { file: file.to_owned(), text: text.to_owned(), ..read });
    faults.finish(read)
}

fn read_document(root: &Section<'_>, options: &CollectOptions, faults: &mut Faults<'_>) -> Option<Declaration> {
    root.refuse_unknown(&SECTIONS, faults);
    let (name, version, about) = read_pack(root, options, faults);
    let requires = read_all_requires(root, faults);
    let extras = read_extras(root, faults);
    let bin = read_bin(root, faults);
    let (include, exclude) = read_files(root, faults);
    Some(Declaration { about, requires, extras, bin, include, exclude, ..Declaration::new(name?, version?) })
}

fn read_pack(root: &Section<'_>, options: &CollectOptions, faults: &mut Faults<'_>) -> (Option<PackName>, Option<Version>, About) {
    let Some(field) = root.find("pack") else {
        if options.default_name().is_none() || options.default_version().is_none() {
            faults.add_missing(0..0, "[pack] is missing; pack.toml starts with [pack], name and version", "no [pack]");
        }
        return (options.default_name(), options.default_version(), About::default());
    };
    let Some(section) = field.section(faults) else { return (None, None, About::default()) };
    section.refuse_unknown(&PACK_KEYS, faults);
    let name = section.find("name").map(|field| read_name(&field, options, faults));
    let version = section.find("version").map(|field| field.noun(faults));
    for (missing, key) in [(name.is_none() && options.default_name().is_none(), "name"), (version.is_none() && options.default_version().is_none(), "version")]
    {
        if missing {
            faults.add_missing(section.span.clone(), format!("the pack's `{key}` is missing in [pack]"), format!("no `{key}`"));
        }
    }
    let about = read_about(&section, faults);
    (name.unwrap_or_else(|| options.default_name()), version.unwrap_or_else(|| options.default_version()), about)
}

/// Reads a name; one by which the pack is required must be that one.
pub(super) fn read_name(field: &Field<'_>, options: &CollectOptions, faults: &mut Faults<'_>) -> Option<PackName> {
    let name: PackName = field.noun(faults)?;
    if let Some(wanted) = options.wanted_as.as_ref().filter(|wanted| **wanted != name) {
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
pub(super) fn read_line(section: &Section<'_>, key: &str, faults: &mut Faults<'_>) -> Option<String> {
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

/// Reads `[extras]`: a table of ranges each.
pub(super) fn read_extras(root: &Section<'_>, faults: &mut Faults<'_>) -> BTreeMap<ExtraName, BTreeMap<PackName, Range>> {
    read_table(root, "extras", faults, |_: &ExtraName, field, faults| {
        field.section(faults).map(|extra| extra.read_map(faults, |_: &PackName, field, faults| field.noun(faults)))
    })
}

/// Reads `[bin]`: commands, and the file of each.
pub(super) fn read_bin(root: &Section<'_>, faults: &mut Faults<'_>) -> BTreeMap<CommandName, Bin> {
    read_table(root, "bin", faults, |_: &CommandName, field, faults| Some(Bin { path: field.noun(faults)?, span: field.span.clone() }))
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
    use crate::archive::PackManifest;
    use crate::manifest::render_faults;

    const HEAD: &str = "[pack]\nname = \"kanban\"\nversion = \"2.0.3\"\n";

    fn manifest(text: &str) -> PackManifest {
        let declaration = parse(text, "pack.toml", &CollectOptions::default()).expect("it is in order");
        declaration.into_manifest(jiff::Timestamp::UNIX_EPOCH, Vec::new())
    }

    #[track_caller]
    fn check(text: &str, expected: &[(usize, &str)]) {
        let error = parse(text, "pack.toml", &CollectOptions::default()).expect_err("it is not in order");
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
