//! Setting and removing entries of tables through `toml_edit`, in every form that TOML has for them.

use std::collections::BTreeSet;

use toml_edit::Array;
use toml_edit::DocumentMut;
use toml_edit::InlineTable;
use toml_edit::Item;
use toml_edit::Table;
use toml_edit::Value;

/// Sets fields of one entry of a table. `short` is the key whose value alone may stand for the whole entry.
pub(super) fn set_entry(table: &mut Item, name: &str, short: &str, fields: &[(&str, Value)]) {
    match table.as_table_like_mut().and_then(|table| table.get_mut(name)) {
        // A short entry becomes a table only if it must; all that it said is replaced in any case.
        Some(Item::Value(value)) if !value.is_inline_table() => replace(value, new_entry(short, fields)),
        Some(entry) => fields.iter().for_each(|(key, value)| put(entry, key, value.clone())),
        None => insert_sorted(table, name, new_entry(short, fields)),
    }
}

fn new_entry(short: &str, fields: &[(&str, Value)]) -> Value {
    match fields {
        [(key, value)] if *key == short => value.clone(),
        _ => fields.iter().map(|(key, value)| (*key, value.clone())).collect::<InlineTable>().into(),
    }
}

fn put(entry: &mut Item, key: &str, value: Value) {
    if let Some(old) = entry.as_table_like_mut().and_then(|table| table.get_mut(key)).and_then(Item::as_value_mut) {
        return replace(old, value);
    }
    match entry {
        Item::Value(Value::InlineTable(table)) => insert_last(table, key, value),
        Item::Table(table) => {
            table.insert(key, Item::Value(value));
        }
        _ => {}
    }
}

/// Replaces a value and keeps the blanks and the comment around it; one that says the same stays as it is written.
fn replace(old: &mut Value, mut new: Value) {
    if says_the_same(old, &new) {
        return;
    }
    *new.decor_mut() = old.decor().clone();
    *old = new;
}

/// Tells whether two values are the same text, or lists of the same texts in any order.
fn says_the_same(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::String(old), Value::String(new)) => old.value() == new.value(),
        (Value::Array(old), Value::Array(new)) => {
            let texts = |list: &Array| list.iter().map(|value| value.as_str().map(str::to_owned)).collect::<Option<BTreeSet<String>>>();
            texts(old).is_some_and(|old| Some(old) == texts(new))
        }
        _ => false,
    }
}

/// Inserts at the end of an inline table; the blank before its brace moves behind the new value.
fn insert_last(table: &mut InlineTable, key: &str, mut value: Value) {
    let last = table.iter_mut().last().map(|(_, last)| last);
    if let Some(suffix) = last.and_then(take_suffix) {
        value.decor_mut().set_prefix(" ");
        value.decor_mut().set_suffix(suffix);
    }
    table.insert(key, value);
}

/// Removes an entry of an inline table; the blank before its brace stays.
pub(super) fn remove_from_inline(table: &mut InlineTable, key: &str) {
    let was_last = table.iter().last().is_some_and(|(last, _)| last == key);
    let Some(mut removed) = table.remove(key) else { return };
    if let (true, Some(suffix), Some((_, last))) = (was_last, take_suffix(&mut removed), table.iter_mut().last()) {
        last.decor_mut().set_suffix(suffix);
    }
}

fn take_suffix(value: &mut Value) -> Option<String> {
    let suffix = value.decor().suffix().and_then(|suffix| suffix.as_str()).map(str::to_owned)?;
    value.decor_mut().set_suffix("");
    Some(suffix)
}

/// Inserts at the sorted place of a sorted table, else at the end.
fn insert_sorted(table: &mut Item, name: &str, value: Value) {
    match table {
        Item::Table(table) => {
            let later = if is_sorted(table) { later_entries(table, name) } else { Vec::new() };
            table.insert(name, Item::Value(value));
            for later in later {
                let (key, item) = table.remove_entry(&later).expect("it was listed just now");
                table.insert_formatted(&key, item);
            }
        }
        Item::Value(Value::InlineTable(table)) => insert_last(table, name, value),
        _ => {}
    }
}

/// Tells whether the entries under a table's own header are sorted by name; those with a header of their own stand elsewhere.
fn is_sorted(table: &Table) -> bool {
    let names: Vec<&str> = table.iter().filter(|(_, item)| !has_header(item)).map(|(name, _)| name).collect();
    names.is_sorted()
}

fn later_entries(table: &Table, name: &str) -> Vec<String> {
    table.iter().filter(|(other, item)| !has_header(item) && *other > name).map(|(other, _)| other.to_owned()).collect()
}

fn has_header(item: &Item) -> bool {
    item.as_table().is_some_and(|table| !table.is_dotted())
}

/// Finds the item at a path.
pub(super) fn find_item<'i>(root: &'i mut Item, path: &[String]) -> Option<&'i mut Item> {
    path.iter().try_fold(root, |item, key| item.as_table_like_mut()?.get_mut(key))
}

/// Tells whether a table exists only through the headers of its children.
pub(super) fn is_implied(table: &Item) -> bool {
    table.as_table().is_some_and(|table| table.is_implicit() && !table.is_dotted())
}

/// Makes an empty table: within an inline one as such, else with a header behind what stands before it in the usual order.
pub(super) fn make_table(document: &mut DocumentMut, path: &[String]) {
    let position = position_before(document, path);
    let (last, parents) = path.split_last().expect("the whole document is never missing");
    let mut item = document.as_item_mut();
    for key in parents {
        let table = item.as_table_like_mut().expect("every parent of a known table is a table");
        item = table.entry(key).or_insert_with(|| {
            let mut implied = Table::new();
            implied.set_implicit(true);
            Item::Table(implied)
        });
    }
    match item {
        Item::Value(Value::InlineTable(table)) => insert_last(table, last, Value::from(InlineTable::new())),
        Item::Table(table) => {
            let made = table.entry(last).or_insert_with(|| Item::Table(Table::new()));
            if let Item::Table(made) = made {
                made.set_implicit(false);
                made.set_position(position);
            }
        }
        _ => {}
    }
}

/// Gives the position of the last header of the tables after which a new one belongs; `None` puts it at the end.
fn position_before(document: &DocumentMut, path: &[String]) -> Option<isize> {
    let before: &[&[&str]] = match path {
        [first] if first == "registries" => &[&["project"]],
        [first] if first == "packages" => &[&["registries"], &["project"]],
        _ => &[],
    };
    let own: Vec<&str> = path.iter().take(2).map(String::as_str).collect();
    let within = (path.len() > 2).then_some(own.as_slice());
    let last_position = |path: &&[&str]| path.iter().try_fold(document.as_item(), |item, key| item.get(key)).and_then(last_header);
    before.iter().chain(within.iter()).find_map(last_position).or_else(|| last_header(document.as_item()).map(|last| last + 1))
}

fn last_header(item: &Item) -> Option<isize> {
    let table = item.as_table()?;
    table.iter().filter_map(|(_, child)| last_header(child)).chain(table.position()).max()
}
