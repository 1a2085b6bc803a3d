//! Edits of packs.toml that keep what people wrote: comments, order, blanks, line ends.
//!
//! Values are set through `toml_edit`; lines are taken out by their spans, so that a comment above a removed entry stays where it was.
//! Between two edits the text is the only state: each one parses it anew, so none can leave a document that would not parse.

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
use crate::model::RequirementSource;
use crate::model::Tier;

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

    /// Removes a requirement, project-wide or of an environment; tells whether there was one.
    pub fn remove_requirement(&mut self, environment: Option<&EnvironmentName>, name: &PackName) -> bool {
        let table = packages_path(environment);
        let removed = self.remove_at(&[table.clone(), vec![name.to_string()]].concat());
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
    fn set_entry(&mut self, path: &[String], name: &str, short: &str, fields: &[(&'static str, Value)]) {
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

    fn is_empty_table(&self, path: &[String]) -> bool {
        find_item(self.document().as_item_mut(), path).and_then(|item| item.as_table_like()).is_some_and(toml_edit::TableLike::is_empty)
    }
}

fn packages_path(environment: Option<&EnvironmentName>) -> Vec<String> {
    match environment {
        None => vec!["packages".to_owned()],
        Some(name) => vec!["environments".to_owned(), name.to_string(), "packages".to_owned()],
    }
}

/// Gives the keys of an existing entry that would contradict the requirement.
fn contradicted_keys(requirement: &Requirement) -> &'static [&'static str] {
    match &requirement.source {
        RequirementSource::Registry(None) => &[],
        RequirementSource::Registry(Some(_)) => &["path", "github"],
        RequirementSource::GitHub(_) => &["path", "registry"],
        RequirementSource::Path(_) if requirement.range.as_str() == "*" => &["registry", "github", "version"],
        RequirementSource::Path(_) => &["registry", "github"],
    }
}

/// Gives what an entry must say, in the order in which a new one says it.
fn fields_of(requirement: &Requirement) -> Vec<(&'static str, Value)> {
    let mut fields = Vec::new();
    let path = match &requirement.source {
        RequirementSource::Path(path) => Some(path),
        RequirementSource::Registry(_) | RequirementSource::GitHub(_) => None,
    };
    if path.is_none() || requirement.range.as_str() != "*" {
        fields.push(("version", Value::from(requirement.range.as_str())));
    }
    match &requirement.source {
        RequirementSource::Registry(Some(registry)) => fields.push(("registry", Value::from(registry.as_str()))),
        RequirementSource::GitHub(repository) => fields.push(("github", Value::from(repository.as_str()))),
        RequirementSource::Registry(None) | RequirementSource::Path(_) => {}
    }
    fields.extend(path.map(|path| ("path", Value::from(path.as_str()))));
    if !requirement.extras.is_empty() {
        fields.push(("with", requirement.extras.iter().map(ToString::to_string).collect::<Value>()));
    }
    if requirement.tier != Tier::default() {
        fields.push(("tier", Value::from(requirement.tier.as_str())));
    }
    fields
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::ExtraName;
    use crate::model::Repository;

    const KEY: &str = "RWQ2yYRXeehgFqQtZEfIu3JtOcZKM/1X1Wv7L+FRh3JMVTwlx//4Lk8N";
    const PROJECT: &str = "[project]\nname = \"shop\"\n";

    fn requirement(name: &str, range: &str) -> Requirement {
        Requirement {
            name: PackName::parse(name).expect("valid"),
            range: Range::parse(range).expect("valid"),
            source: RequirementSource::Registry(None),
            extras: BTreeSet::new(),
            tier: Tier::Required,
        }
    }

    fn edited(text: &str, edit: impl FnOnce(&mut Edit)) -> String {
        let mut editing = Edit::parse(&format!("{PROJECT}{text}"), "packs.toml").expect("a valid manifest");
        edit(&mut editing);
        let text = editing.to_text();
        text.strip_prefix(PROJECT).unwrap_or(&text).to_owned()
    }

    #[track_caller]
    fn check_set(text: &str, requirement: &Requirement, expected: &str) {
        assert_eq!(edited(text, |edit| edit.set_requirement(None, requirement)), expected);
    }

    #[track_caller]
    fn check_removed(text: &str, name: &str, expected: &str) {
        let name = PackName::parse(name).expect("valid");
        assert_eq!(edited(text, |edit| assert!(edit.remove_requirement(None, &name), "not found")), expected);
    }

    #[test]
    fn a_range_alone_stays_short() {
        check_set("[packages]\nkanban = \"^1\"  # ours\n", &requirement("kanban", "^2"), "[packages]\nkanban = \"^2\"  # ours\n");
        check_set("[packages]\nkanban   = '^1'\n", &requirement("kanban", "^2"), "[packages]\nkanban   = \"^2\"\n");
    }

    #[test]
    fn an_entry_keeps_its_other_keys() {
        let before = "[packages]\nkanban = { tier = \"optional\", version = \"^1\", priority = 3 } # ours\n";
        check_set(before, &requirement("kanban", "^2"), &before.replace("^1", "^2"));
        let before = "[packages.kanban]\n# why\nversion = \"^1\" # old\ntier = \"optional\"\n";
        check_set(before, &requirement("kanban", "^2"), &before.replace("^1", "^2"));
        let before = "[packages]\nkanban.version = \"^1\"\nkanban.with = [\"charts\"]\n";
        check_set(before, &requirement("kanban", "^2"), &before.replace("^1", "^2"));
        let before = "packages = { kanban = \"^1\" }\n".to_owned();
        let whole = edited("", |_| ()) + PROJECT;
        let text = format!("{before}{whole}");
        let mut edit = Edit::parse(&text, "packs.toml").expect("valid");
        edit.set_requirement(None, &requirement("kanban", "^2"));
        edit.set_requirement(None, &requirement("linter", "1"));
        assert_eq!(edit.to_text(), text.replace("\"^1\"", "\"^2\", linter = \"1\""));
        assert!(edit.remove_requirement(None, &PackName::parse("linter").expect("valid")));
        assert_eq!(edit.to_text(), text.replace("^1", "^2"));
    }

    #[test]
    fn a_name_changes_and_nothing_else() {
        let rename = |text: &str, to: &str| {
            let [name, to] = ["kanbna", to].map(|name| PackName::parse(name).expect("valid"));
            edited(text, |edit| assert!(edit.rename_requirement(None, &name, &to)))
        };
        for text in
            ["[packages]\nkanbna = \"^1\" # kanbna\n", "[packages]\n  kanbna = { version = \"^1\", priority = 3 }\n", "[packages.kanbna]\nversion = \"^1\"\n"]
        {
            // The only other place of the name is a comment, behind it.
            assert_eq!(rename(text, "kanban"), text.replacen("kanbna", "kanban", 1));
            assert_eq!(rename(text, "@acme/kanban"), text.replacen("kanbna", "\"@acme/kanban\"", 1));
        }
        assert_eq!(rename("[packages]\n\"kanbna\" = \"^1\"\n", "kanban"), "[packages]\nkanban = \"^1\"\n");
    }

    #[test]
    fn overrides_and_constraints_go() {
        let kanban = PackName::parse("kanban").expect("valid");
        let text = "[overrides]\nkanban = \"^1\"\n[constraints]\nkanban = \"<2\"  # why\n";
        assert_eq!(edited(text, |edit| assert!(edit.remove_override(&kanban) && !edit.remove_override(&kanban))), text.replace("kanban = \"^1\"\n", ""));
        assert_eq!(edited(text, |edit| assert!(edit.remove_constraint(&kanban))), text.replace("kanban = \"<2\"  # why\n", ""));
        let wider = Range::parse("<3").expect("valid");
        assert_eq!(edited(text, |edit| edit.set_constraint(&kanban, &wider)), text.replace("<2", "<3"));
    }

    #[test]
    fn more_than_a_range_is_a_table() {
        let mut wanted = requirement("reports", "^1");
        wanted.source = RequirementSource::Registry(Some(RegistryName::parse("internal").expect("valid")));
        wanted.extras = ["charts", "axes"].map(|name| ExtraName::parse(name).expect("valid")).into();
        wanted.tier = Tier::Optional;
        let expected = "{ version = \"^1\", registry = \"internal\", with = [\"axes\", \"charts\"], tier = \"optional\" }";
        check_set("[packages]\n", &wanted, &format!("[packages]\nreports = {expected}\n"));
        check_set("[packages]\nreports = \"1\" # r\n", &wanted, &format!("[packages]\nreports = {expected} # r\n"));
        check_set("[packages]\nreports = { path = \"../r\" }\n", &wanted, &format!("[packages]\nreports = {expected}\n"));
    }

    #[test]
    fn a_repository_replaces_a_registry_and_the_reverse() {
        let mut wanted = requirement("kanban", "^2");
        wanted.source = RequirementSource::GitHub(Repository::parse("acme/kanban").expect("valid"));
        let registries = "[registries]\ndefault = \"file:r\"\n[packages]\n";
        let (from_registry, from_github) =
            (format!("{registries}kanban = {{ version = \"^1\", registry = \"default\" }}\n"), "{ version = \"^2\", github = \"acme/kanban\" }");
        check_set(&from_registry, &wanted, &format!("{registries}kanban = {from_github}\n"));
        check_set("[packages]\n", &wanted, &format!("[packages]\nkanban = {from_github}\n"));
        wanted.source = RequirementSource::Registry(Some(RegistryName::parse("default").expect("valid")));
        check_set(&format!("{registries}kanban = {from_github}\n"), &wanted, &from_registry.replace("^1", "^2"));
    }

    #[test]
    fn a_path_replaces_a_registry() {
        let mut wanted = requirement("kanban", "*");
        wanted.source = RequirementSource::Path("../kanban".to_owned());
        let before = "[registries]\ndefault = \"file:r\"\n[packages]\nkanban = ";
        check_set(
            &format!("{before}{{ version = \"^1\", tier = \"optional\", registry = \"default\" }}\n"),
            &wanted,
            &format!("{before}{{ tier = \"optional\", path = \"../kanban\" }}\n"),
        );
        check_set(&format!("{before}\"^1\"\n"), &wanted, &format!("{before}{{ path = \"../kanban\" }}\n"));
        let before = "[registries]\ndefault = \"file:r\"\n[packages.kanban]\n# from\nregistry = \"default\"\n# which\nversion = \"1\"\n";
        check_set(before, &wanted, "[registries]\ndefault = \"file:r\"\n[packages.kanban]\npath = \"../kanban\"\n# from\n# which\n");
    }

    #[test]
    fn a_new_entry_takes_its_sorted_place() {
        let sorted = "[packages]\n# first\na = \"1\" # a\n# third\nc = \"1\"\n\n# next\n[environments.dev]\n";
        check_set(sorted, &requirement("b", "2"), &sorted.replace("# third", "b = \"2\"\n# third"));
        check_set(sorted, &requirement("0", "2"), &sorted.replace("# first", "0 = \"2\"\n# first"));
        check_set(sorted, &requirement("d", "2"), &sorted.replace("\n\n# next", "\nd = \"2\"\n\n# next"));
        check_set(sorted, &requirement("@x/b", "2"), &sorted.replace("# first", "\"@x/b\" = \"2\"\n# first"));
        let unsorted = "[packages]\nc = \"1\"\na = \"1\"\n";
        check_set(unsorted, &requirement("b", "2"), &format!("{unsorted}b = \"2\"\n"));
    }

    #[test]
    fn missing_tables_are_made() {
        check_set("", &requirement("kanban", "^2"), "\n[packages]\nkanban = \"^2\"\n");
        check_set(
            "\n[registries]\ndefault = \"file:r\"\n\n# variants\n[environments.dev]\n",
            &requirement("kanban", "^2"),
            "\n[registries]\ndefault = \"file:r\"\n\n[packages]\nkanban = \"^2\"\n\n# variants\n[environments.dev]\n",
        );
        check_set("[packages.a]\nversion = \"1\"\n", &requirement("b", "2"), "\n[packages]\nb = \"2\"\n[packages.a]\nversion = \"1\"\n");
        let dev = EnvironmentName::parse("dev").expect("valid");
        let text = edited("[environments.dev]\ntiers = [\"required\"]\n\n[environments.prod]\n", |edit| {
            edit.set_requirement(Some(&dev), &requirement("kit", "1"));
        });
        assert_eq!(text, "[environments.dev]\ntiers = [\"required\"]\n\n[environments.dev.packages]\nkit = \"1\"\n\n[environments.prod]\n");
        let text = edited("[environments]\ndev = { tiers = [\"required\"] }\n", |edit| edit.set_requirement(Some(&dev), &requirement("kit", "1")));
        assert_eq!(text, "[environments]\ndev = { tiers = [\"required\"], packages = { kit = \"1\" } }\n");
    }

    #[test]
    fn registries_are_set() {
        let name = RegistryName::parse("default").expect("valid");
        assert_eq!(edited("", |edit| edit.set_registry(&name, "file:r")), "\n[registries]\ndefault = \"file:r\"\n");
        let before = format!("[registries]\ndefault = {{ url = \"file:a\", keys = [\"{KEY}\"] }}\n");
        assert_eq!(edited(&before, |edit| edit.set_registry(&name, "file:b")), before.replace("file:a", "file:b"));
    }

    #[test]
    fn keys_of_registries_are_set() {
        let name = RegistryName::parse("default").expect("valid");
        let key = PublicKey::parse(KEY).expect("valid");
        let set = |before: &str, keys: &[PublicKey]| edited(before, |edit| edit.set_registry_keys(&name, "file:a", keys));
        let short = "[registries]\n# ours\ndefault = \"file:a\" # here\nother = \"file:b\"\n";
        let long = format!("[registries]\n# ours\ndefault = {{ url = \"file:a\", keys = [\"{KEY}\"] }} # here\nother = \"file:b\"\n");
        assert_eq!(set(short, &[key]), long);
        assert_eq!(set(&long, &[key]), long);
        assert_eq!(set(&long, &[]), long.replace(&format!(", keys = [\"{KEY}\"]"), ""));
        let table = "[registries.default]\nurl = \"file:a\" # here\n";
        assert_eq!(set(table, &[key]), format!("{table}keys = [\"{KEY}\"]\n"));
    }

    #[test]
    fn overrides_are_set() {
        let (name, range) = (PackName::parse("charting").expect("valid"), Range::parse("^2").expect("valid"));
        assert_eq!(edited("", |edit| edit.set_override(&name, &range)), "\n[overrides]\ncharting = \"^2\"\n");
        let before = "[overrides]\ncharting = \"^1\"  # why\n";
        assert_eq!(edited(before, |edit| edit.set_override(&name, &range)), before.replace("^1", "^2"));
    }

    #[test]
    fn removing_keeps_comments() {
        check_removed("[packages]\n# first\na = \"1\" # a\n# third\nc = \"1\"\n", "a", "[packages]\n# first\n# third\nc = \"1\"\n");
        check_removed(
            "[packages]\n# last\nc = { version = \"1\", with = [\n  \"x\",\n] }\n\n# next\n[environments.dev]\n",
            "c",
            "[packages]\n# last\n\n# next\n[environments.dev]\n",
        );
        check_removed("[packages]\na.version = \"1\"\nb = \"1\"\na.tier = \"optional\"\n", "a", "[packages]\nb = \"1\"\n");
        check_removed(
            "\n[packages.a]\n# inner\nversion = \"1\"\n[packages.a.rename]\nx = \"y\"\n\n[packages.b]\nversion = \"1\"\n",
            "a",
            "# inner\n\n[packages.b]\nversion = \"1\"\n",
        );
        assert_eq!(edited("[packages]\n", |edit| assert!(!edit.remove_requirement(None, &PackName::parse("a").expect("valid")))), "[packages]\n");
    }

    #[test]
    fn line_ends_and_marks_stay() {
        for text in [
            "[project]\r\nname = \"x\"\r\n[packages]\r\na = \"1\"\r\n",
            "\u{feff}[project]\nname = \"x\"\n[packages]\na = \"1\"",
            "[project]\nname = \"x\"\n[packages]\na = \"1\"",
        ] {
            let mut edit = Edit::parse(text, "packs.toml").expect("valid");
            assert_eq!(edit.to_text(), text);
            edit.set_requirement(None, &requirement("a", "2"));
            assert_eq!(edit.to_text(), text.replace('1', "2"));
        }
    }

    #[test]
    fn every_valid_sample_can_be_edited() {
        let samples = [
            include_str!("../../../schemas/samples/packs.toml/valid/full.toml"),
            include_str!("../../../schemas/samples/packs.toml/valid/other-spellings.toml"),
            include_str!("../../../schemas/samples/packs.toml/valid/smallest.toml"),
        ];
        let dev = EnvironmentName::parse("dev").expect("valid");
        for (text, environment) in samples.iter().flat_map(|text| [(*text, None), (*text, Some(&dev))]) {
            let mut edit = Edit::parse(text, "packs.toml").expect("valid");
            edit.set_requirement(environment, &requirement("new-pack", "^1"));
            let manifest = Manifest::parse(&edit.to_text(), "packs.toml").expect("still valid");
            let entries = environment.map_or(&manifest.packages, |environment| &manifest.environments[environment].packages);
            assert_eq!(entries[&requirement("new-pack", "^1").name].requirement, requirement("new-pack", "^1"), "{}", edit.to_text());
            assert!(edit.remove_requirement(environment, &requirement("new-pack", "^1").name));
            assert_eq!(edit.to_text(), text);
        }
    }

    #[test]
    fn mixed_line_ends_stay_until_a_change() {
        let text = "[project]\r\nname = \"x\"\n[packages]\r\na = \"1\"\nb = \"1\"\r\n";
        let mut edit = Edit::parse(text, "packs.toml").expect("valid");
        assert_eq!(edit.to_text(), text);
        assert!(edit.remove_requirement(None, &PackName::parse("a").expect("valid")));
        assert_eq!(edit.to_text(), text.replace("a = \"1\"\n", ""));
        edit.set_requirement(None, &requirement("b", "2"));
        assert_eq!(edit.to_text(), "[project]\nname = \"x\"\n[packages]\nb = \"2\"\n");
    }

    fn comment_lines(text: &str) -> Vec<String> {
        text.lines().filter(|line| line.trim_start().starts_with('#')).map(str::to_owned).collect()
    }

    fn any_manifest() -> impl Strategy<Value = String> {
        let entry = ("[b-f]{1,2}", prop_oneof![Just("\"^1\""), Just("{ version = '1', tier = \"optional\" }"), Just("{path=\"../x\"}")]);
        let line =
            (entry, prop_oneof![Just(""), Just(" # same line"), Just("  ")], prop_oneof![Just(""), Just("\n"), Just("# above\n"), Just("\n  # above\n\n")])
                .prop_map(|((name, value), after, before)| (name.clone(), format!("{before}{name} = {value}{after}\n")));
        let lines = proptest::collection::vec(line, 0..6).prop_map(|lines| {
            let mut seen = BTreeSet::new();
            lines.into_iter().filter(|(name, _)| seen.insert(name.clone())).map(|(_, line)| line).collect::<String>()
        });
        let tail = prop_oneof![Just(""), Just("# end\n"), Just("\n# next\n[environments.dev]\n# in dev\ntiers = [\"required\"]\n"), Just("[policy]")];
        let head = prop_oneof![Just("[packages]\n"), Just("# packs\n[packages] # here\n"), Just("")];
        (lines, head, tail)
            .prop_map(|(lines, head, tail)| format!("# top\n{PROJECT}{}{tail}", if head.is_empty() { String::new() } else { format!("{head}{lines}") }))
    }

    proptest! {
        #[test]
        fn set_then_remove_gives_back_the_text(text in any_manifest(), name in "[a-g]", in_environment: bool) {
            let environment = EnvironmentName::parse("dev").expect("valid");
            let environment = in_environment.then_some(&environment);
            let mut edit = Edit::parse(&text, "packs.toml").expect("a valid manifest");
            let wanted = requirement(&name, "^7");
            let was_there = Manifest::parse(&text, "packs.toml").expect("valid").packages.contains_key(&wanted.name);
            prop_assume!(!was_there);
            edit.set_requirement(environment, &wanted);
            let changed = edit.to_text();
            prop_assert_eq!(comment_lines(&changed), comment_lines(&text));
            let manifest = Manifest::parse(&changed, "packs.toml").expect("still valid");
            let entries = environment.map_or(&manifest.packages, |environment| &manifest.environments[environment].packages);
            prop_assert_eq!(&entries[&wanted.name].requirement, &wanted);
            prop_assert!(edit.remove_requirement(environment, &wanted.name));
            prop_assert_eq!(edit.to_text(), text);
        }

        #[test]
        fn every_edit_keeps_every_comment_line(text in any_manifest(), name in "[b-f]") {
            let mut edit = Edit::parse(&text, "packs.toml").expect("a valid manifest");
            edit.set_requirement(None, &requirement(&name, "^7"));
            prop_assert_eq!(comment_lines(&edit.to_text()), comment_lines(&text));
            edit.remove_requirement(None, &PackName::parse(&name).expect("valid"));
            prop_assert_eq!(comment_lines(&edit.to_text()), comment_lines(&text));
        }
    }
}
