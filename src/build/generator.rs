//! `gpack.toml` and `package.toml`: what the authors of generator packs say about them, for programs of their own.
//!
//! Nobody wrote these files for packs, so keys that are not known here are left alone. What is read:
//!
//! - `[package]`: `name`, else `id` where the name is one for people; `version`; `framework`, else that name for people, else `full_name`;
//!   `description`, `license`, `repository`, `homepage`, `platform`; `authors` or `author`; `keywords` and `tags`, as lists or as tables with such a list
//!   in them. `repository`, `homepage` and `keywords` may also stand in `[metadata]` or `[package.metadata]`.
//! - Requirements, in `[dependencies]`, `[requires]` or `dependencies` of `[package]`: a list of names (any version, or `name@range`); a table of ranges
//!   (`name = "^1"`, `name = { version = "^1" }`); the lists or tables `required` and `optional` in such a table. What is optional becomes the extra `optional`.
//!   All other entries are files or features: they are noted, and require nothing.
//! - `[extras]`, `[bin]`, and `include` and `exclude` of `[files]`, as in pack.toml.
//!
//! How the format may change: it is not ours. More may be read; what is read keeps its meaning.

use std::collections::BTreeMap;

use crate::build::CollectOptions;
use crate::build::Note;
use crate::build::declaration::About;
use crate::build::declaration::Declaration;
use crate::build::pack_toml::read_bin;
use crate::build::pack_toml::read_extras;
use crate::build::pack_toml::read_line;
use crate::build::pack_toml::read_name;
use crate::build::undeclared::suggest_name;
use crate::manifest::Faults;
use crate::manifest::Field;
use crate::manifest::ManifestError;
use crate::manifest::Section;
use crate::manifest::escaped;
use crate::manifest::parse_noun;
use crate::model::ExtraName;
use crate::model::PackName;
use crate::model::Range;
use crate::model::Version;

/// Where the head may stand; the first that is there counts.
const HEADS: [&str; 3] = ["package", "gpack", "pack"];

/// The extra that holds what is optional.
const OPTIONAL: &str = "optional";

/// Parses such a file; `file` is how faults call it.
pub(super) fn parse(text: &str, file: &str, options: &CollectOptions) -> Result<Declaration, ManifestError> {
    let (faults, document) = Faults::parse(text, file);
    let root = Section::document("the document", document.get_ref());
    let mut reader = Reader { options, faults, notes: Vec::new() };
    let read = reader.document(&root).map(|read| Declaration { file: file.to_owned(), text: text.to_owned(), ..read });
    let mut notes = reader.notes;
    notes.sort_by_key(|note| note.at.as_ref().map(|place| place.line));
    reader.faults.finish(read.map(|read| Declaration { notes, ..read }))
}

/// What is required, and what only with the extra `optional`.
#[derive(Default)]
struct Requirements {
    required: BTreeMap<PackName, Range>,
    optional: BTreeMap<PackName, Range>,
}

/// Whether an entry is required or optional.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Required,
    Optional,
}

struct Reader<'r, 't> {
    options: &'r CollectOptions,
    faults: Faults<'t>,
    notes: Vec<Note>,
}

impl Reader<'_, '_> {
    fn document(&mut self, root: &Section<'_>) -> Option<Declaration> {
        let Some(head) = HEADS.iter().find_map(|name| root.peek(name)) else {
            self.faults.add_missing(0..0, "[package] is missing; the file starts with [package], name and version", "no [package]");
            return None;
        };
        let (name, display_name) = self.name(&head);
        let version = self.version(&head);
        let about = self.about(root, &head, display_name);
        let requirements = self.requirements(root, &head);
        let mut extras = read_extras(root, &mut self.faults);
        if !requirements.optional.is_empty() {
            extras.entry(ExtraName::parse(OPTIONAL).expect("the constant is a name")).or_default().extend(requirements.optional);
        }
        let bin = match root.find("bin") {
            Some(field) if field.peek_section().is_none() => {
                self.note(&field, "[[bin]] names sources of programs, not commands: write [bin] with `name = \"path\"` for commands".to_owned());
                BTreeMap::new()
            }
            _ => read_bin(root, &mut self.faults),
        };
        let patterns = |key: &str| root.peek("files").and_then(|files| files.find(key)).map(|field| texts(&field)).unwrap_or_default();
        let (include, exclude) = (patterns("include"), patterns("exclude"));
        Some(Declaration { about, requires: requirements.required, extras, bin, include, exclude, ..Declaration::new(name?, version?) })
    }

    /// Reads the name; one for people is given back beside it, if `id` or the request tells the name.
    fn name(&mut self, head: &Section<'_>) -> (Option<PackName>, Option<String>) {
        let given = self.options.default_name();
        let Some(field) = head.find("name") else {
            if given.is_none() {
                self.faults.add_missing(head.span.clone(), "the pack's `name` is missing: write it, or give --name", "no `name`");
            }
            return (given, None);
        };
        let Some(text) = field.string(&mut self.faults) else { return (None, None) };
        let Err(refusal) = PackName::parse(text) else { return (read_name(&field, self.options, &mut self.faults), None) };
        let id = head.find("id").and_then(|id| id.peek_string()).and_then(|id| PackName::parse(id).ok());
        let name = given.or(id);
        if let Some(name) = &name {
            self.note(&field, format!("the name `{}` is one for people: the pack is called {name}, and it is the framework's name", escaped(text)));
        } else {
            let suggested = suggest_name(text).map_or_else(String::new, |name| format!(" name = \"{name}\","));
            let message = format!("{refusal}; write{suggested} or an `id`, or give --name, and this can be `full_name`");
            self.faults.add(field.span.clone(), message, "a name for people");
        }
        (name, Some(text.to_owned()))
    }

    fn version(&mut self, head: &Section<'_>) -> Option<Version> {
        if let Some(version) = &self.options.instead.version {
            return Some(version.clone());
        }
        let given = self.options.default_version();
        if let Some(field) = head.find("version") {
            return field.noun(&mut self.faults);
        }
        if given.is_none() {
            self.faults.add_missing(head.span.clone(), "the pack's `version` is missing: write it, or give --version", "no `version`");
        }
        given
    }

    fn about(&mut self, root: &Section<'_>, head: &Section<'_>, display_name: Option<String>) -> About {
        let faults = &mut self.faults;
        let metadata: Vec<Section<'_>> = head.peek("metadata").into_iter().chain(root.peek("metadata")).collect();
        let mut line = |key: &str| {
            let section = std::iter::once(head).chain(&metadata).find(|section| section.find(key).is_some());
            section.and_then(|section| read_line(section, key, faults))
        };
        let framework = line("framework").or(display_name).or_else(|| line("full_name"));
        let (license, repository, homepage) = (line("license"), line("repository"), line("homepage"));
        let authors = head.find("authors").or_else(|| head.find("author")).map(|field| texts(&field)).unwrap_or_default();
        let listed = |key: &str| std::iter::once(head).chain(&metadata).find_map(|section| section.find(key)).map(|field| texts_within(&field, key));
        let mut keywords = listed("keywords").unwrap_or_default();
        keywords.extend(listed("tags").unwrap_or_default());
        let mut seen = std::collections::BTreeSet::new();
        keywords.retain(|word| seen.insert(word.clone()));
        let description = head.find("description").and_then(|field| field.string(faults)).map(str::to_owned);
        let platform = head.find("platform").and_then(|field| field.noun(faults));
        About { framework, description, authors, license, repository, homepage, keywords, platform }
    }

    fn requirements(&mut self, root: &Section<'_>, head: &Section<'_>) -> Requirements {
        let mut requirements = Requirements::default();
        let fields = [head.find("dependencies"), root.find("requires"), root.find("dependencies")];
        for field in fields.into_iter().flatten() {
            match field.peek_section() {
                Some(table) => table.fields().for_each(|entry| self.entry(&entry, Need::Required, &mut requirements)),
                None if field.peek_texts().is_some() => self.names(&field, Need::Required, &mut requirements),
                None => field.refuse_type("a table of ranges or a list of names", &mut self.faults),
            }
        }
        requirements
    }

    /// Reads one entry of a table: a requirement, one of the lists `required` and `optional`, or neither.
    fn entry(&mut self, entry: &Field<'_>, need: Need, requirements: &mut Requirements) {
        let grouped = match entry.key {
            "required" => Some(need),
            OPTIONAL => Some(Need::Optional),
            _ => None,
        };
        match (grouped, entry.peek_section()) {
            (Some(need), Some(table)) if table.find("version").is_none() => table.fields().for_each(|entry| self.entry(&entry, need, requirements)),
            (Some(need), None) if entry.peek_texts().is_some() => self.names(entry, need, requirements),
            (_, Some(table)) => self.detailed(entry, &table, need, requirements),
            (_, None) => self.plain(entry, need, requirements),
        }
    }

    /// Reads `name = { version = "^1", optional = true }`; a table without a version is none of ours.
    fn detailed(&mut self, entry: &Field<'_>, table: &Section<'_>, need: Need, requirements: &mut Requirements) {
        let Some(version) = table.find("version").filter(|version| version.peek_string().is_some()) else {
            let count = table.fields().count();
            self.note(entry, format!("`{}` is a table without a version: its {count} entries are no requirements", entry.shown_path()));
            return;
        };
        let need = if table.find("optional").is_some_and(|field| field.peek_boolean() == Some(true)) { Need::Optional } else { need };
        if let Some(range) = version.noun(&mut self.faults) {
            self.require(entry, range, need, requirements);
        }
    }

    /// Reads `name = "^1"`; what is no range is a file or a feature.
    fn plain(&mut self, entry: &Field<'_>, need: Need, requirements: &mut Requirements) {
        match entry.peek_string().map(Range::parse) {
            Some(Ok(range)) => self.require(entry, range, need, requirements),
            Some(Err(_)) => self.note(entry, format!("`{}` is no version range: a file or a feature, not a requirement", entry.shown_path())),
            None => self.note(entry, format!("`{}` is {}: features or settings, not a requirement", entry.shown_path(), entry.type_name())),
        }
    }

    fn require(&mut self, entry: &Field<'_>, range: Range, need: Need, requirements: &mut Requirements) {
        if let Some(name) = parse_noun((entry.key, entry.key_span.clone()), &mut self.faults) {
            self.insert((name, range), entry.key_span.clone(), need, requirements);
        }
    }

    /// Reads a list of names, each perhaps with `@range`.
    fn names(&mut self, field: &Field<'_>, need: Need, requirements: &mut Requirements) {
        for (text, span) in field.peek_texts().unwrap_or_default() {
            let Some(text) = text else {
                self.faults.add(span, format!("`{}` is a list of names, and something in it is none", field.shown_path()), "expected a name");
                continue;
            };
            // The `@` of a scope is the first byte, that of a range never is.
            let (name, range) = match text.char_indices().find(|(at, character)| *at > 0 && *character == '@') {
                Some((at, _)) => (&text[..at], parse_noun((&text[at + 1..], span.clone()), &mut self.faults)),
                None => (text, Some(Range::any())),
            };
            if let (Some(name), Some(range)) = (parse_noun((name, span.clone()), &mut self.faults), range) {
                self.insert((name, range), span, need, requirements);
            }
        }
    }

    fn insert(&mut self, (name, range): (PackName, Range), span: std::ops::Range<usize>, need: Need, requirements: &mut Requirements) {
        if requirements.required.contains_key(&name) || requirements.optional.contains_key(&name) {
            self.faults.add(span, format!("`{name}` is required already"), "a second time");
            return;
        }
        let map = if need == Need::Required { &mut requirements.required } else { &mut requirements.optional };
        map.insert(name, range);
    }

    fn note(&mut self, field: &Field<'_>, text: String) {
        self.notes.push(Note { at: Some(self.faults.place(&field.key_span)), text });
    }
}

/// Gives the texts of a list, or the one text.
fn texts(field: &Field<'_>) -> Vec<String> {
    let listed = field.peek_texts().unwrap_or_default().into_iter().filter_map(|(text, _)| text.map(str::to_owned));
    field.peek_string().map(str::to_owned).into_iter().chain(listed).collect()
}

/// Gives the texts of a list, which may stand in a table under its own name.
fn texts_within(field: &Field<'_>, key: &str) -> Vec<String> {
    field.peek_section().and_then(|table| table.find(key)).map_or_else(|| texts(field), |inner| texts(&inner))
}
