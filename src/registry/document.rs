//! The file that makes a place a registry: `packs-registry.json`.

use serde::Deserialize;
use serde::Serialize;

use crate::model::PublicKey;
use crate::model::RegistryName;
use crate::registry::REGISTRY_FILE;
use crate::registry::REGISTRY_FILE_BYTES_MAX;
use crate::registry::RegistryError;
use crate::registry::json;

/// The schema this program reads and writes.
const SCHEMA: &str = "packs.registry/1";

/// What a registry says of itself: `{ "schema": "packs.registry/1", "name": "acme", "keys": [] }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "schema", rename = "packs.registry/1")]
pub struct RegistryDocument {
    /// The name its owner gave it; a project may call it otherwise.
    pub name: RegistryName,
    /// The public keys it says it signs with; only a person's trust makes them count.
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub keys: Vec<String>,
}

impl RegistryDocument {
    /// Parses the file's bytes.
    ///
    /// # Errors
    /// As [`RegistryError`] says: too large, too deep, no JSON, another schema.
    pub fn parse(bytes: &[u8]) -> Result<Self, RegistryError> {
        json::parse(bytes, REGISTRY_FILE_BYTES_MAX, SCHEMA, REGISTRY_FILE)
    }

    /// Gives the keys it lists, without those that are none.
    pub fn known_keys(&self) -> Vec<PublicKey> {
        self.keys.iter().filter_map(|key| PublicKey::parse(key).ok()).collect()
    }

    /// Names a field of the bytes it was parsed from that it does not know, and that writing it would lose.
    pub fn unknown_field(&self, bytes: &[u8]) -> Option<String> {
        json::unknown_field(bytes, self)
    }

    /// Formats the file's bytes: one form for one value.
    pub fn format(&self) -> Vec<u8> {
        json::format(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let text = "{\n  \"schema\": \"packs.registry/1\",\n  \"name\": \"acme\",\n  \"keys\": []\n}\n";
        let document = RegistryDocument::parse(text.as_bytes()).expect("valid");
        assert_eq!(String::from_utf8(document.format()).expect("UTF-8"), text);
        let newer = br#"{"schema":"packs.registry/1","name":"acme","keys":null,"absent":null,"later":1}"#;
        assert_eq!(RegistryDocument::parse(newer).expect("valid").unknown_field(newer).as_deref(), Some("later"));
        assert_eq!(document.unknown_field(text.as_bytes()), None);
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let error = RegistryDocument::parse(text.as_bytes()).expect_err("it is invalid");
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn faults_are_named() {
        check(r#"{"schema":"packs.registry/2"}"#, r#"packs-registry.json has the schema "packs.registry/2"; this packs reads "packs.registry/1""#);
        check(r#"{"schema":"packs.registry/1","name":"A"}"#, "packs-registry.json cannot be read");
        check(&"[".repeat(65), "packs-registry.json nests deeper than 64 levels");
    }
}
