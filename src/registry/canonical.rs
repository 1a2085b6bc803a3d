//! The bytes of a document that a signature covers: RFC 8785, without the field `signature`.
//!
//! They are made from the document as it was read, with fields this program does not know. A document that two programs could read differently has none: no
//! key may stand twice, at any depth, and no number may be larger than all programs keep exactly.

use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::de::Error as _;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use serde_json::Map;
use serde_json::Number;
use serde_json::Value;

use crate::registry::RegistryError;
use crate::registry::json;

/// The field that holds the signature and is not covered by it.
const SIGNATURE: &str = "signature";

/// The largest whole number that RFC 8785 writes exactly.
const NUMBER_MAX: u64 = 1 << 53;

/// A document as it was read, with its signature apart.
pub(super) struct Canonical {
    /// What the signature covers.
    pub bytes: Vec<u8>,
    /// The signature, as it stands there.
    pub signature: Option<String>,
}

impl Canonical {
    /// Takes a document apart that is described in errors as `document`.
    pub(super) fn of(bytes: &[u8], document: &str) -> Result<Self, RegistryError> {
        let unreadable = |source| RegistryError::Json { document: document.to_owned(), source };
        json::check_depth(bytes, document)?;
        let Value::Object(mut fields) = serde_json::from_slice::<Strict>(bytes).map_err(unreadable)?.0 else {
            return Err(unreadable(serde_json::Error::custom("an object was expected")));
        };
        let signature = match fields.remove(SIGNATURE) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text),
            Some(_) => return Err(RegistryError::SignatureSyntax { document: document.to_owned(), reason: "it is no text" }),
        };
        let bytes = serde_json_canonicalizer::to_vec(&Value::Object(fields)).map_err(unreadable)?;
        Ok(Canonical { bytes, signature })
    }
}

/// A JSON value in which no key stands twice and every number is exact.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        if value > NUMBER_MAX { Err(too_large(value)) } else { Ok(value.into()) }
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value, E> {
        if value.unsigned_abs() > NUMBER_MAX { Err(too_large(value)) } else { Ok(value.into()) }
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number is no number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(element)) = elements.next_element()? {
            list.push(element);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(A::Error::custom(format!("the key `{key}` stands twice")));
            }
            map.insert(key, entries.next_value::<Strict>()?.0);
        }
        Ok(Value::Object(map))
    }
}

fn too_large<E: serde::de::Error>(number: impl fmt::Display) -> E {
    E::custom(format!("the number {number} is larger than a signature can cover exactly ({NUMBER_MAX})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(&str, Option<&str>), &str>) {
        let canonical = Canonical::of(text.as_bytes(), "it").map_err(|error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            format!("{error}{cause}")
        });
        match (canonical, expected) {
            (Ok(found), Ok((bytes, signature))) => {
                assert_eq!((String::from_utf8_lossy(&found.bytes).as_ref(), found.signature.as_deref()), (bytes, signature), "{text}");
            }
            (Err(found), Err(expected)) => assert!(found.starts_with(expected), "{text}: {found}"),
            (found, _) => panic!("{text}: {:?}", found.map(|found| String::from_utf8_lossy(&found.bytes).into_owned())),
        }
    }

    #[test]
    fn one_form_for_one_value() {
        check(r#"{ "b": 1.0, "a": [null, true, "ü\u0041\n"], "signature": null }"#, Ok((r#"{"a":[null,true,"üA\n"],"b":1}"#, None)));
        check(r#"{"signature":"x","later":{"signature":"kept","z":-1,"y":1e3}}"#, Ok((r#"{"later":{"signature":"kept","y":1000,"z":-1}}"#, Some("x"))));
        check(r#"{"a":9007199254740992}"#, Ok((r#"{"a":9007199254740992}"#, None)));
        // Sorted by UTF-16 units, as RFC 8785 wants it: the pair of a character above U+FFFF comes before U+FB33.
        check(r#"{"\ufb33":1,"\ud83d\ude00":2}"#, Ok(("{\"\u{1f600}\":2,\"\u{fb33}\":1}", None)));
    }

    #[test]
    fn what_two_programs_could_read_differently_has_none() {
        check(r#"{"a":1,"a":1}"#, Err("it cannot be read: the key `a` stands twice"));
        check(r#"{"later":[{"x":{"a":1,"\u0061":2}}]}"#, Err("it cannot be read: the key `a` stands twice"));
        check(r#"{"signature":"a","signature":"b"}"#, Err("it cannot be read: the key `signature` stands twice"));
        check(r#"{"a":9007199254740993}"#, Err("it cannot be read: the number 9007199254740993 is larger"));
        check(r#"{"a":1e400}"#, Err("it cannot be read: number out of range"));
        check("[]", Err("it cannot be read: an object was expected"));
        check(r#"{"signature":["x"]}"#, Err("the signature of it is not in minisign's form: it is no text"));
        check(&format!("{}1{}", r#"{"a":"#.repeat(65), "}".repeat(65)), Err("it nests deeper than 64 levels"));
        check("{}{}", Err("it cannot be read: trailing characters"));
    }
}
