//! JSON objects whose keys may not repeat.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::Deserializer;
use serde::de::Error as _;
use serde::de::MapAccess;
use serde::de::Visitor;

/// A map that refuses a key given twice, where serde's own maps would keep the last.
struct UniqueMap<K, V>(BTreeMap<K, V>);

/// Deserializes a map and refuses a key given twice; for `#[serde(deserialize_with)]`.
pub fn unique_keys<'de, D, K, V>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
where
    D: Deserializer<'de>,
    K: Deserialize<'de> + Ord + fmt::Display,
    V: Deserialize<'de>,
{
    UniqueMap::deserialize(deserializer).map(|map| map.0)
}

/// Deserializes a map of maps, unique on both levels.
pub fn unique_keys_twice<'de, D, K, L, V>(deserializer: D) -> Result<BTreeMap<K, BTreeMap<L, V>>, D::Error>
where
    D: Deserializer<'de>,
    K: Deserialize<'de> + Ord + fmt::Display,
    L: Deserialize<'de> + Ord + fmt::Display,
    V: Deserialize<'de>,
{
    let outer: BTreeMap<K, UniqueMap<L, V>> = unique_keys(deserializer)?;
    Ok(outer.into_iter().map(|(key, inner)| (key, inner.0)).collect())
}

impl<'de, K, V> Deserialize<'de> for UniqueMap<K, V>
where
    K: Deserialize<'de> + Ord + fmt::Display,
    V: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(UniqueVisitor(PhantomData))
    }
}

struct UniqueVisitor<K, V>(PhantomData<(K, V)>);

impl<'de, K, V> Visitor<'de> for UniqueVisitor<K, V>
where
    K: Deserialize<'de> + Ord + fmt::Display,
    V: Deserialize<'de>,
{
    type Value = UniqueMap<K, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some(key) = access.next_key::<K>()? {
            if map.contains_key(&key) {
                return Err(A::Error::custom(format_args!("the key `{key}` stands twice")));
            }
            map.insert(key, access.next_value()?);
        }
        Ok(UniqueMap(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Both {
        #[serde(default, deserialize_with = "unique_keys")]
        flat: BTreeMap<String, u8>,
        #[serde(default, deserialize_with = "unique_keys_twice")]
        nested: BTreeMap<String, BTreeMap<String, u8>>,
    }

    #[test]
    fn keys_may_not_repeat() {
        let both: Both = serde_json::from_str(r#"{"flat":{"a":1,"b":2},"nested":{"a":{"a":1},"b":{"a":2}}}"#).expect("no key twice");
        assert_eq!((both.flat["b"], both.nested["b"]["a"]), (2, 2));
        for bad in [r#"{"flat":{"a":1,"a":1}}"#, r#"{"nested":{"a":{},"a":{}}}"#, r#"{"nested":{"x":{"a":1,"a":2}}}"#] {
            let error = serde_json::from_str::<Both>(bad).expect_err(bad).to_string();
            assert!(error.contains("the key `a` stands twice"), "{error}");
        }
    }
}
