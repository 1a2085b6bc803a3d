//! What both documents share: bounded JSON in, one form of JSON out.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde::de::DeserializeSeed;
use serde::de::IntoDeserializer as _;
use serde::de::MapAccess;
use serde::de::Visitor;
use serde_json::Value;

use crate::model;
use crate::registry::RegistryError;

/// Deepest nesting that is read; an index document needs six levels.
const JSON_DEPTH_MAX: usize = 64;

/// Parses a document of at most `bytes_max` bytes whose `schema` is the expected one.
///
/// The document is described in errors as `document`: `index of kanban`.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8], bytes_max: u64, schema: &'static str, document: &str) -> Result<T, RegistryError> {
    let size = bytes.len() as u64;
    if size > bytes_max {
        return Err(RegistryError::TooLarge { document: document.to_owned(), bytes: size, bytes_max });
    }
    check_depth(bytes, document)?;
    let mut found = Schema::default();
    let parsed = headed_from_slice(bytes, &mut found);
    if parsed.is_err() || found != Schema::Once(schema.to_owned()) {
        check_schema(bytes, schema, document)?;
    }
    parsed.map_err(|source| RegistryError::Json { document: document.to_owned(), source })
}

/// Refuses a document that nests deeper than any honest one.
pub(super) fn check_depth(bytes: &[u8], document: &str) -> Result<(), RegistryError> {
    if depth_exceeds(bytes, JSON_DEPTH_MAX) {
        return Err(RegistryError::TooDeep { document: document.to_owned(), depth_max: JSON_DEPTH_MAX });
    }
    Ok(())
}

fn object_from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let document = T::deserialize(ObjectsOnly(&mut deserializer))?;
    deserializer.end().map(|()| document)
}

/// Names a field of a document that what was read from it does not have, so that writing it anew would lose it: `releases[2].provenance`.
pub(super) fn unknown_field<T: Serialize>(bytes: &[u8], known: &T) -> Option<String> {
    let written: Value = serde_json::from_slice(bytes).ok()?;
    let known = serde_json::to_value(known).expect("the documents have text keys and finite numbers");
    lost_field(&written, &known)
}

fn lost_field(written: &Value, known: &Value) -> Option<String> {
    match (written, known) {
        (Value::Object(written), Value::Object(known)) => {
            // Nothing is what an absent field says too.
            let mut said = written.iter().filter(|(_, value)| !value.is_null());
            said.find_map(|(key, value)| match known.get(key) {
                None => Some(key.clone()),
                Some(known) => lost_field(value, known).map(|below| if below.starts_with('[') { format!("{key}{below}") } else { format!("{key}.{below}") }),
            })
        }
        (Value::Array(written), Value::Array(known)) => {
            let mut pairs = written.iter().zip(known).enumerate();
            pairs.find_map(|(at, (value, known))| lost_field(value, known).map(|below| format!("[{at}].{below}")))
        }
        _ => None,
    }
}

fn headed_from_slice<T: DeserializeOwned>(bytes: &[u8], schema: &mut Schema) -> Result<T, serde_json::Error> {
    // Looked at once as a whole, text need not be looked at string by string; what is no text gets its error where it is found.
    match std::str::from_utf8(bytes) {
        Ok(text) => headed(serde_json::Deserializer::from_str(text), schema),
        Err(_) => headed(serde_json::Deserializer::from_slice(bytes), schema),
    }
}

fn headed<'de, R: serde_json::de::Read<'de>, T: Deserialize<'de>>(
    mut deserializer: serde_json::Deserializer<R>,
    schema: &mut Schema,
) -> Result<T, serde_json::Error> {
    let document = T::deserialize(Headed { inner: &mut deserializer, schema })?;
    deserializer.end().map(|()| document)
}

/// Formats a document: indented by two, LF at the end, keys in the order of the format.
pub(super) fn format<T: Serialize>(document: &T) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(document).expect("the documents have text keys and finite numbers");
    bytes.push(b'\n');
    bytes
}

/// Looks at the schema alone, so that a newer document is refused by its number and not by its first new field; for documents that are not as they should be.
fn check_schema(bytes: &[u8], expected: &'static str, document: &str) -> Result<(), RegistryError> {
    #[derive(Deserialize)]
    struct Head {
        schema: String,
    }
    let head: Head = object_from_slice(bytes).map_err(|source| RegistryError::Json { document: document.to_owned(), source })?;
    if head.schema == expected {
        return Ok(());
    }
    Err(RegistryError::UnknownSchema { document: document.to_owned(), found: head.schema, expected })
}

/// Tells whether brackets and braces outside strings nest deeper than `depth_max`.
fn depth_exceeds(bytes: &[u8], depth_max: usize) -> bool {
    let (mut depth, mut rest) = (0usize, bytes);
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'"' => rest = after_string(rest),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > depth_max {
            return true;
        }
    }
    false
}

/// Gives what follows the string whose first quotation mark was just read; nothing where it does not end.
fn after_string(mut rest: &[u8]) -> &[u8] {
    while let Some(at) = memchr::memchr2(b'"', b'\\', rest) {
        if rest[at] == b'"' {
            return &rest[at + 1..];
        }
        // Whatever is escaped is one byte more.
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    &[]
}

/// Reads `null` as the default, since absent and null mean the same.
pub(super) fn null_as_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads a list of objects, or `null` as none.
pub(super) fn objects_or_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let list = Option::<Vec<Object<T>>>::deserialize(deserializer)?.unwrap_or_default();
    Ok(list.into_iter().map(|object| object.0).collect())
}

/// Reads a list of objects.
pub(super) fn objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let mut list: Vec<T> = Vec::<Object<T>>::deserialize(deserializer)?.into_iter().map(|object| object.0).collect();
    // A list of one element has room for four, and of such lists there are many.
    list.shrink_to_fit();
    Ok(list)
}

/// Reads an object, or `null` as none.
pub(super) fn object_or_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(Option::<Object<T>>::deserialize(deserializer)?.map(|object| object.0))
}

/// A value of a struct that stands there as an object.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(ObjectsOnly(deserializer)).map(Object)
    }
}

/// Lets a struct be read from an object only: serde would take a list of its fields' values as well, which no other reader of the format does.
struct ObjectsOnly<D>(D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for ObjectsOnly<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(self, _: &'static str, _: &'static [&'static str], visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq tuple tuple_struct
        map enum identifier ignored_any
    }
}

/// The schemas that a document names.
#[derive(Debug, Default, PartialEq, Eq)]
enum Schema {
    #[default]
    Missing,
    Once(String),
    Twice,
}

/// A document that is an object, and says on the way which schema it has: ten thousand documents are read in one go, and twice is too often.
struct Headed<'s, D> {
    inner: D,
    schema: &'s mut Schema,
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Headed<'_, D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_map(HeadedVisitor { visitor, schema: self.schema })
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq tuple tuple_struct
        map struct enum identifier ignored_any
    }
}

struct HeadedVisitor<'s, V> {
    visitor: V,
    schema: &'s mut Schema,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for HeadedVisitor<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(HeadedEntries { entries, schema: self.schema })
    }
}

/// The entries of a document but for its schema.
struct HeadedEntries<'s, A> {
    entries: A,
    schema: &'s mut Schema,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for HeadedEntries<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(key) = self.entries.next_key::<String>()? {
            if key != "schema" {
                return seed.deserialize(key.into_deserializer()).map(Some);
            }
            let schema = self.entries.next_value()?;
            *self.schema = if *self.schema == Schema::Missing { Schema::Once(schema) } else { Schema::Twice };
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.entries.next_value_seed(seed)
    }
}

/// Reads a map, or `null` as an empty one, and refuses a key that stands twice, so that no two readers can see different requirements.
pub(super) fn unique_keys<'de, D, K, V>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
where
    D: Deserializer<'de>,
    K: Deserialize<'de> + Ord + fmt::Display,
    V: Deserialize<'de>,
{
    #[derive(Deserialize)]
    #[serde(bound = "K: Deserialize<'de> + Ord + fmt::Display, V: Deserialize<'de>")]
    struct Unique<K, V>(#[serde(deserialize_with = "model::unique_keys")] BTreeMap<K, V>);
    Ok(Option::<Unique<K, V>>::deserialize(deserializer)?.map_or_else(BTreeMap::new, |map| map.0))
}

/// Reads a map of maps, or `null` as an empty one, both without doubled keys.
pub(super) fn unique_keys_twice<'de, D, K, L, V>(deserializer: D) -> Result<BTreeMap<K, BTreeMap<L, V>>, D::Error>
where
    D: Deserializer<'de>,
    K: Deserialize<'de> + Ord + fmt::Display,
    L: Deserialize<'de> + Ord + fmt::Display,
    V: Deserialize<'de>,
{
    #[derive(Deserialize)]
    #[serde(bound = "K: Deserialize<'de> + Ord + fmt::Display, L: Deserialize<'de> + Ord + fmt::Display, V: Deserialize<'de>")]
    struct Unique<K, L, V>(#[serde(deserialize_with = "model::unique_keys_twice")] BTreeMap<K, BTreeMap<L, V>>);
    Ok(Option::<Unique<K, L, V>>::deserialize(deserializer)?.map_or_else(BTreeMap::new, |map| map.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: bool) {
        assert_eq!(depth_exceeds(text.as_bytes(), 2), expected, "{text}");
    }

    #[test]
    fn depth_counts_outside_strings() {
        check("[[]]", false);
        check("[[[]]]", true);
        check(r#"{"a":"[[[","b":[]}"#, false);
        check(r#"["\"[[[", {}]"#, false);
        check(r#"["\\", [[]]]"#, true);
    }
}
