//! Typed reading of a parsed TOML document: a wrong type is a fault at its span, never a panic and never the end of reading.

use std::collections::BTreeMap;
use std::ops::Range;
use std::str::FromStr;

use toml::Spanned;
use toml::de::DeTable;
use toml::de::DeValue;

use crate::manifest::fault::Faults;
use crate::manifest::fault::quoted;
use crate::model::InvalidNoun;

/// One table of the document.
pub(crate) struct Section<'d> {
    /// Its dotted path, escaped; the name of the file for the whole document.
    path: String,
    is_document: bool,
    /// Its header, or the whole inline table.
    pub(crate) span: Range<usize>,
    table: &'d DeTable<'d>,
}

/// One key and its value.
pub(crate) struct Field<'d> {
    path: String,
    /// The key as meant, unescaped.
    pub(crate) key: &'d str,
    /// The bytes of the key.
    pub(crate) key_span: Range<usize>,
    /// The bytes of the value.
    pub(crate) span: Range<usize>,
    value: &'d DeValue<'d>,
}

/// A text within the document.
pub(crate) type Text<'d> = (&'d str, Range<usize>);

impl<'d> Section<'d> {
    /// Takes the whole document of a file.
    pub(crate) fn document(file: &str, table: &'d DeTable<'d>) -> Self {
        Section { path: file.to_owned(), is_document: true, span: 0..0, table }
    }

    /// Gives its name for messages: `[packages.kanban]`.
    pub(crate) fn name(&self) -> String {
        if self.is_document { self.path.clone() } else { format!("[{}]", self.path) }
    }

    /// Gives all fields, sorted by key.
    pub(crate) fn fields(&self) -> impl Iterator<Item = Field<'d>> + use<'_, 'd> {
        self.table.iter().map(|(key, value)| self.field(key, value))
    }

    /// Gives all keys, sorted.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &'d str> + use<'d> {
        self.table.keys().map(|key| key.get_ref().as_ref())
    }

    /// Finds a field by its key.
    pub(crate) fn find(&self, key: &str) -> Option<Field<'d>> {
        self.table.get_key_value(key).map(|(key, value)| self.field(key, value))
    }

    /// Finds a table by its key, without a fault where it is missing or no table.
    pub(crate) fn peek(&self, key: &str) -> Option<Section<'d>> {
        self.find(key).and_then(|field| field.peek_section())
    }

    /// Adds a fault for every key that is none of these.
    pub(crate) fn refuse_unknown(&self, known: &[&str], faults: &mut Faults<'_>) {
        for field in self.fields().filter(|field| !known.contains(&field.key)) {
            let message = format!("unknown key {} in {}, expected one of {}", quoted(field.key), self.name(), known.join(", "));
            faults.add_unknown(field.key_span, message, field.key, known.iter().copied());
        }
    }

    /// Reads every field into a map; a field that `read` gives up on, or whose key is no valid noun, is left out.
    pub(crate) fn read_map<K, V>(&self, faults: &mut Faults<'_>, mut read: impl FnMut(&K, &Field<'d>, &mut Faults<'_>) -> Option<V>) -> BTreeMap<K, V>
    where
        K: FromStr<Err = InvalidNoun> + Ord,
    {
        let mut entries = BTreeMap::new();
        for field in self.fields() {
            let Some(key) = parse_noun::<K>((field.key, field.key_span.clone()), faults) else { continue };
            if let Some(value) = read(&key, &field, faults) {
                entries.insert(key, value);
            }
        }
        entries
    }

    fn field(&self, key: &'d Spanned<std::borrow::Cow<'d, str>>, value: &'d Spanned<DeValue<'d>>) -> Field<'d> {
        let name = key.get_ref().as_ref();
        let path = if self.is_document { format_key(name) } else { format!("{}.{}", self.path, format_key(name)) };
        Field { path, key: name, key_span: key.span(), span: value.span(), value: value.get_ref() }
    }
}

impl<'d> Field<'d> {
    /// Reads a string.
    pub(crate) fn string(&self, faults: &mut Faults<'_>) -> Option<&'d str> {
        self.expect_type(self.value.as_str(), "a string", faults)
    }

    /// Reads a string if it is one, without a fault if not.
    pub(crate) fn peek_string(&self) -> Option<&'d str> {
        self.value.as_str()
    }

    /// Reads true or false.
    pub(crate) fn boolean(&self, faults: &mut Faults<'_>) -> Option<bool> {
        self.expect_type(self.value.as_bool(), "true or false", faults)
    }

    /// Reads a whole number within a range.
    pub(crate) fn integer(&self, allowed: &std::ops::RangeInclusive<i64>, faults: &mut Faults<'_>) -> Option<i64> {
        let number = self.expect_type(self.value.as_integer(), "a whole number", faults)?;
        let value = i64::from_str_radix(number.as_str(), number.radix()).ok().filter(|value| allowed.contains(value));
        if value.is_none() {
            let (low, high) = (allowed.start(), allowed.end());
            faults.add(self.span.clone(), format!("`{}` is {number}, expected a number from {low} to {high}", self.path), format!("not from {low} to {high}"));
        }
        value
    }

    /// Reads a list of strings, each only once.
    pub(crate) fn strings(&self, faults: &mut Faults<'_>) -> Option<Vec<Text<'d>>> {
        let array = self.expect_type(self.value.as_array(), "a list of strings", faults)?;
        let mut strings: Vec<Text<'d>> = Vec::with_capacity(array.len());
        let mut seen = std::collections::BTreeSet::new();
        for element in array {
            match element.get_ref().as_str() {
                Some(text) if !seen.insert(text) => faults.add(element.span(), format!("{} stands twice in `{}`", quoted(text), self.path), "a second time"),
                Some(text) => strings.push((text, element.span())),
                None => {
                    let found = element.get_ref().type_str();
                    faults.add(element.span(), format!("`{}` is a list of strings, found {} in it", self.path, with_article(found)), "expected a string");
                }
            }
        }
        Some(strings)
    }

    /// Gives the elements of a list if it is one, without a fault if not; an element that is no string has no text.
    pub(crate) fn peek_texts(&self) -> Option<Vec<(Option<&'d str>, Range<usize>)>> {
        let text = |element: &'d Spanned<DeValue<'d>>| (element.get_ref().as_str(), element.span());
        self.value.as_array().map(|array| array.iter().map(text).collect())
    }

    /// Reads true or false if it is one, without a fault if not.
    pub(crate) fn peek_boolean(&self) -> Option<bool> {
        self.value.as_bool()
    }

    /// Gives its dotted path, escaped, for messages.
    pub(crate) fn shown_path(&self) -> &str {
        &self.path
    }

    /// Gives what type the value is of, with its article.
    pub(crate) fn type_name(&self) -> String {
        with_article(self.value.type_str())
    }

    /// Reads a table.
    pub(crate) fn section(&self, faults: &mut Faults<'_>) -> Option<Section<'d>> {
        self.expect_type(self.peek_section(), "a table", faults)
    }

    /// Reads a table if it is one, without a fault if not.
    pub(crate) fn peek_section(&self) -> Option<Section<'d>> {
        self.value.as_table().map(|table| Section { path: self.path.clone(), is_document: false, span: self.span.clone(), table })
    }

    /// Reads a list of tables.
    pub(crate) fn sections(&self, faults: &mut Faults<'_>) -> Vec<Section<'d>> {
        let tables: Option<Vec<Section<'d>>> = self.value.as_array().and_then(|array| {
            let section = |table| Section { path: self.path.clone(), is_document: false, span: self.span.clone(), table };
            array.iter().map(|element| element.get_ref().as_table().map(|table| Section { span: element.span(), ..section(table) })).collect()
        });
        self.expect_type(tables, "a list of tables", faults).unwrap_or_default()
    }

    /// Reads a string that spells a noun.
    pub(crate) fn noun<T: FromStr<Err = InvalidNoun>>(&self, faults: &mut Faults<'_>) -> Option<T> {
        self.string(faults).and_then(|text| parse_noun((text, self.span.clone()), faults))
    }

    /// Tells whether the value is a list with nothing in it.
    pub(crate) fn is_empty_list(&self) -> bool {
        self.value.as_array().is_some_and(|array| array.is_empty())
    }

    /// Adds a fault that says what was expected instead of a string of the right type.
    pub(crate) fn refuse_value(&self, expected: &str, faults: &mut Faults<'_>) {
        let found = self.value.as_str().map_or_else(|| with_article(self.value.type_str()), quoted);
        faults.add(self.span.clone(), format!("`{}` must be {expected}, found {found}", self.path), "not understood");
    }

    /// Adds a fault that says what type was expected instead of the value's.
    pub(crate) fn refuse_type(&self, expected: &str, faults: &mut Faults<'_>) {
        let found = with_article(self.value.type_str());
        faults.add(self.span.clone(), format!("`{}` must be {expected}, found {found}", self.path), format!("expected {expected}"));
    }

    fn expect_type<T>(&self, value: Option<T>, expected: &str, faults: &mut Faults<'_>) -> Option<T> {
        if value.is_none() {
            self.refuse_type(expected, faults);
        }
        value
    }
}

/// Parses a text that spells a noun.
pub(crate) fn parse_noun<T: FromStr<Err = InvalidNoun>>((text, span): Text<'_>, faults: &mut Faults<'_>) -> Option<T> {
    match T::from_str(text) {
        Ok(noun) => Some(noun),
        Err(error) => {
            faults.add(span, error.to_string(), format!("not a valid {}", error.noun));
            None
        }
    }
}

/// Writes a key as TOML does: bare where it can be, else quoted and escaped.
fn format_key(key: &str) -> String {
    let is_bare = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if is_bare { key.to_owned() } else { format!("{key:?}") }
}

fn with_article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
}
