//! Edits of packs.toml that keep what people wrote: comments, order, blanks, line ends.
//!
//! Values are set through `toml_edit`; lines are taken out by their spans, so that a comment above a removed entry stays where it was.
//! Between two edits the text is the only state: each one parses it anew, so none can leave a document that would not parse.

mod entry;
mod lines;
mod table;

use std::collections::BTreeSet;

use toml::de::DeTable;
use toml_edit::DocumentMut;
use toml_edit::Item;
use toml_edit::Key;
use toml_edit::Value;

use crate::manifest::Manifest;
use crate::manifest::ManifestError;
use crate::manifest::edit::entry::contradicted_keys;
use crate::manifest::edit::entry::fields_of;
use crate::manifest::edit::entry::packages_path;
use crate::manifest::edit::lines::Found;
use crate::manifest::edit::lines::LinesOf;
use crate::manifest::edit::table::find_item;
use crate::manifest::edit::table::is_implied;
use crate::manifest::edit::table::make_table;
use crate::manifest::edit::table::remove_from_inline;
use crate::manifest::edit::table::set_entry;
use crate::model::EnvironmentName;
use crate::model::PackName;
use crate::model::PublicKey;
use crate::model::Range;
use crate::model::RegistryName;
use crate::model::Requirement;

const BYTE_ORDER_MARK: char = '\u{feff}';

/// A packs.toml being edited.
///
/// ```
/// use packs::manifest::Edit;
/// use packs::model::PackName;
///
/// let mut edit = Edit::parse("[project]\nname = \"shop\"\n[packages]\nkanban = \"^2\" # ours\n", "packs.toml")?;
/// assert!(edit.remove_requirement(None, &PackName::parse("kanban").expect("valid")));
/// assert_eq!(edit.to_text(), "[project]\nname = \"shop\"\n[packages]\n");
/// # Ok::<(), packs::manifest::ManifestError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Edit {
    /// Without byte order mark, lines ended by LF, the last one too.
    text: String,
    style: Style,
    /// The tables that this edit made; one that becomes empty again goes.
    made: BTreeSet<Vec<String>>,
}

/// What a text looked like apart from its lines.
#[derive(Debug, Clone, Copy)]
struct Style {
    has_byte_order_mark: bool,
    has_carriage_returns: bool,
    ends_in_line_feed: bool,
}

impl Edit {
    /// Takes a text that is a valid packs.toml; `file` is how its faults call it.
    ///
    /// # Errors
    /// Those of [`Manifest::parse`]: what is not understood is not edited.
    pub fn parse(text: &str, file: &str) -> Result<Edit, ManifestError> {
        Manifest::parse(text, file)?;
        let style = Style {
            has_byte_order_mark: text.starts_with(BYTE_ORDER_MARK),
            has_carriage_returns: text.contains("\r\n") && text.matches("\r\n").count() == text.matches('\n').count(),
            ends_in_line_feed: text.ends_with('\n'),
        };
        let text = text.trim_start_matches(BYTE_ORDER_MARK);
        // Where line ends are mixed they are left alone here, and become LF in the first change.
        let mut text = if style.has_carriage_returns { text.replace("\r\n", "\n") } else { text.to_owned() };
        if !style.ends_in_line_feed {
            text.push('\n');
        }
        Ok(Edit { text, style, made: BTreeSet::new() })
    }

    /// Adds or changes a requirement, project-wide or of an environment.
    ///
    /// The entry then asks for this range from this source. Extras and a tier are written if the requirement has any besides the usual; an
    /// entry keeps what it has otherwise: its `priority`, `rename`, extras, tier and comment, and its registry or path where the requirement
    /// names neither. A new entry takes its sorted place in a sorted table, else the end.
    pub fn set_requirement(&mut self, environment: Option<&EnvironmentName>, requirement: &Requirement) {
        let table = packages_path(environment);
        let entry = [table.clone(), vec![requirement.name.to_string()]].concat();
        for contradicted in contradicted_keys(requirement) {
            self.remove_at(&[entry.clone(), vec![(*contradicted).to_owned()]].concat());
        }
        let fields = fields_of(requirement);
        self.set_entry(&table, requirement.name.as_str(), "version", &fields);
    }

    /// Gives an environment an entry of its own that says all that the project-wide one says, unless it has one, or the project has none.
    pub fn take_over_requirement(&mut self, environment: &EnvironmentName, name: &PackName) {
        let own = packages_path(Some(environment));
        let entry_in = |table: &[String]| [table, &[name.to_string()]].concat();
        let mut document = self.document();
        if find_item(document.as_item_mut(), &entry_in(&own)).is_some() {
            return;
        }
        let shared = find_item(document.as_item_mut(), &entry_in(&packages_path(None)));
        let fields: Vec<(String, Value)> = match shared.cloned().and_then(|entry| entry.into_value().ok()) {
            None => return,
            Some(Value::InlineTable(table)) => table.into_iter().collect(),
            Some(short) => vec![("version".to_owned(), short)],
        };
        let mut fields: Vec<(&str, Value)> = fields.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
        // The blanks and comments around a value are those of its place.
        fields.iter_mut().for_each(|(_, value)| value.decor_mut().clear());
        self.set_entry(&own, name.as_str(), "version", &fields);
    }

    /// Takes out how much a requirement is wanted: as much as usual from then on.
    pub fn remove_tier(&mut self, environment: Option<&EnvironmentName>, name: &PackName) {
        self.remove_at(&[packages_path(environment), vec![name.to_string(), "tier".to_owned()]].concat());
    }

    /// Removes a requirement, project-wide or of an environment; tells whether there was one.
    ///
    /// The environment stays, also where the requirement was all that spoke of it.
    pub fn remove_requirement(&mut self, environment: Option<&EnvironmentName>, name: &PackName) -> bool {
        let table = packages_path(environment);
        let entry = [table.clone(), vec![name.to_string()]].concat();
        let before = self.text.clone();
        let removed = self.remove_at(&entry);
        if removed && environment.is_some() {
            self.keep_environment(&before, &entry);
        }
        if removed && self.made.contains(&table) && self.is_empty_table(&table) {
            self.remove_at(&table);
            self.made.remove(&table);
        }
        removed
    }

    /// Adds an override or changes its range.
    pub fn set_override(&mut self, name: &PackName, range: &Range) {
        let fields = [("version", Value::from(range.as_str()))];
        self.set_entry(&["overrides".to_owned()], name.as_str(), "version", &fields);
    }

    /// Takes an override out; tells whether there was one.
    pub fn remove_override(&mut self, name: &PackName) -> bool {
        self.remove_at(&["overrides".to_owned(), name.to_string()])
    }

    /// Adds a constraint or changes its range.
    pub fn set_constraint(&mut self, name: &PackName, range: &Range) {
        let fields = [("version", Value::from(range.as_str()))];
        self.set_entry(&["constraints".to_owned()], name.as_str(), "version", &fields);
    }

    /// Takes a constraint out; tells whether there was one.
    pub fn remove_constraint(&mut self, name: &PackName) -> bool {
        self.remove_at(&["constraints".to_owned(), name.to_string()])
    }

    /// Gives a requirement another name, and leaves all else of it as it is; tells whether there was one.
    pub fn rename_requirement(&mut self, environment: Option<&EnvironmentName>, name: &PackName, to: &PackName) -> bool {
        let document = DeTable::parse(&self.text).expect("parsed before, and every edit leaves a document");
        let mut table = Some(document.get_ref());
        for key in packages_path(environment) {
            table = table.and_then(|table| table.get(key.as_str())).and_then(|value| value.get_ref().as_table());
        }
        let Some(key) = table.and_then(|table| table.get_key_value(name.as_str())).map(|(key, _)| key.span()) else { return false };
        self.text.replace_range(key, &Key::new(to.as_str()).display_repr());
        true
    }

    /// Adds a registry or changes its address; its keys stay.
    pub fn set_registry(&mut self, name: &RegistryName, url: &str) {
        let fields = [("url", Value::from(url))];
        self.set_entry(&["registries".to_owned()], name.as_str(), "url", &fields);
    }

    /// Adds a registry, or changes its address, and trusts these keys for it and no others; without any, signatures are no longer asked for.
    pub fn set_registry_keys(&mut self, name: &RegistryName, url: &str, keys: &[PublicKey]) {
        let table = ["registries".to_owned()];
        if keys.is_empty() {
            self.remove_at(&[table[0].clone(), name.to_string(), "keys".to_owned()]);
            return;
        }
        let keys: Value = keys.iter().map(ToString::to_string).collect();
        self.set_entry(&table, name.as_str(), "url", &[("url", Value::from(url)), ("keys", keys)]);
    }

    /// Gives the text as it is now; unchanged, it is the very text that was taken.
    pub fn to_text(&self) -> String {
        let body = if self.style.ends_in_line_feed { &self.text } else { self.text.strip_suffix('\n').unwrap_or(&self.text) };
        let body = if self.style.has_carriage_returns { body.replace('\n', "\r\n") } else { body.to_owned() };
        if self.style.has_byte_order_mark { format!("{BYTE_ORDER_MARK}{body}") } else { body }
    }

    /// Sets fields of one entry of a table, which is made if both are missing.
    ///
    /// `short` is the key whose value alone may stand for the whole entry.
    fn set_entry(&mut self, path: &[String], name: &str, short: &str, fields: &[(&str, Value)]) {
        let mut document = self.document();
        let table = find_item(document.as_item_mut(), path);
        let is_new = table.as_ref().is_none_or(|table| table.get(name).is_none());
        if is_new && table.is_none_or(|table| is_implied(table)) {
            make_table(&mut document, path);
            self.made.insert(path.to_vec());
        }
        let table = find_item(document.as_item_mut(), path).expect("it was there or has just been made");
        set_entry(table, name, short, fields);
        self.text = document.to_string();
    }

    fn document(&self) -> DocumentMut {
        self.text.parse().expect("parsed before, and every edit leaves a document")
    }

    /// Takes out a key and everything below it; tells whether it was there.
    fn remove_at(&mut self, path: &[String]) -> bool {
        let document = DeTable::parse(&self.text).expect("parsed before, and every edit leaves a document");
        let mut lines = LinesOf::new(&self.text);
        match lines.find(document.get_ref(), path) {
            Found::Nowhere => return false,
            Found::Lines => self.text = lines.without(),
            Found::Inline => self.remove_inline(path),
        }
        true
    }

    fn remove_inline(&mut self, path: &[String]) {
        let (key, table) = path.split_last().expect("a path to an entry has a key");
        let mut document = self.document();
        if let Some(Item::Value(Value::InlineTable(table))) = find_item(document.as_item_mut(), table) {
            remove_from_inline(table, key);
        }
        self.text = document.to_string();
    }

    /// Puts an environment back that only a removed entry spoke of: where that had its header, if it had one.
    fn keep_environment(&mut self, before: &str, entry: &[String]) {
        let (environment, mut document) = (&entry[..2], self.document());
        if find_item(document.as_item_mut(), environment).is_some() {
            return;
        }
        let parsed = DeTable::parse(before).expect("parsed before the removal");
        let mut lines = LinesOf::new(before);
        lines.find(parsed.get_ref(), entry);
        let header = format!("[{}.{}]", environment[0], Key::new(environment[1].as_str()).display_repr());
        self.text = lines.replaced_by_header(&header).unwrap_or_else(|| {
            make_table(&mut document, environment);
            document.to_string()
        });
    }

    fn is_empty_table(&self, path: &[String]) -> bool {
        find_item(self.document().as_item_mut(), path).and_then(|item| item.as_table_like()).is_some_and(toml_edit::TableLike::is_empty)
    }
}

#[cfg(test)]
mod tests;
