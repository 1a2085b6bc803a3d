//! JSON documents of the home: each begins with its schema, and unknown fields are ignored.
//!
//! Evolution: fields are added freely, because readers ignore what they do not know; a change of meaning takes a new schema number, which is read one
//! release before it is written.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fsys;
use crate::generation::GenerationError;
use crate::generation::GenerationRecord;
use crate::generation::Operation;
use crate::generation::ProjectFile;
use crate::generation::Result;
use crate::generation::journal::DoneFile;

/// Largest document that is read, in bytes: a generation of 100,000 packs stays far below.
const DOCUMENT_BYTES_MAX: u64 = 256 << 20;

/// A document with a schema in its head.
pub(super) trait Document: Serialize + DeserializeOwned {
    /// The schema that is read and written.
    const SCHEMA: &'static str;
}

#[derive(serde::Serialize)]
struct Headed<'a, T> {
    schema: &'static str,
    #[serde(flatten)]
    body: &'a T,
}

#[derive(serde::Deserialize)]
struct Head {
    schema: String,
}

/// Formats a document: indented JSON, LF at its end; the same value gives the same bytes.
pub(super) fn format_document<T: Document>(value: &T) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(&Headed { schema: T::SCHEMA, body: value }).expect("plain data with text keys is always JSON");
    text.push(b'\n');
    text
}

/// Parses a document; `path` is only for messages.
pub(super) fn parse_document<T: Document>(bytes: &[u8], path: &Path) -> Result<T> {
    let bad = |source| GenerationError::BadDocument { path: path.to_owned(), source };
    // What we wrote ourselves begins with its schema: no need to read a long document twice.
    if !bytes.starts_with(format!("{{\n  \"schema\": \"{}\"", T::SCHEMA).as_bytes()) {
        let head: Head = serde_json::from_slice(bytes).map_err(bad)?;
        if head.schema != T::SCHEMA {
            return Err(GenerationError::UnknownSchema { path: path.to_owned(), expected: T::SCHEMA, found: head.schema });
        }
    }
    serde_json::from_slice(bytes).map_err(bad)
}

/// Reads a document; `None` where there is no file.
pub(super) fn read_document<T: Document>(path: &Path) -> Result<Option<T>> {
    let Some(bytes) = fsys::read_optional(path, DOCUMENT_BYTES_MAX)? else { return Ok(None) };
    parse_document(&bytes, path).map(Some)
}

/// Gives the JSON Schema of every document that this folder writes, by its schema's name.
pub fn document_schemas() -> Vec<(&'static str, schemars::Schema)> {
    vec![schema_of::<GenerationRecord>(), schema_of::<ProjectFile>(), schema_of::<Operation>(), schema_of::<DoneFile>()]
}

fn schema_of<T: Document + schemars::JsonSchema>() -> (&'static str, schemars::Schema) {
    let mut schema = schemars::schema_for!(T);
    let object = schema.ensure_object();
    if let Some(properties) = object.get_mut("properties").and_then(serde_json::Value::as_object_mut) {
        properties.insert("schema".to_owned(), serde_json::json!({ "const": T::SCHEMA }));
    }
    if let Some(required) = object.get_mut("required").and_then(serde_json::Value::as_array_mut) {
        required.insert(0, "schema".into());
    }
    (T::SCHEMA, schema)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::generation::ActiveFlip;
    use crate::generation::CurrentFlip;
    use crate::generation::FileChange;
    use crate::generation::FileState;
    use crate::model::Blake3Digest;
    use crate::model::EnvironmentName;
    use crate::model::TreePath;

    fn operation() -> Operation {
        let file = FileState::File { blake3: Blake3Digest::from_bytes([1; 32]), executable: false, stored: None };
        let dev = EnvironmentName::parse("dev").expect("valid");
        Operation {
            sequence: 3,
            action: "switch".into(),
            command: "packs switch".into(),
            began_at: jiff::Timestamp::UNIX_EPOCH,
            undoes: None,
            files: vec![FileChange { path: TreePath::parse("packs.lock").expect("valid"), before: FileState::Absent, after: file }],
            made_directories: Vec::new(),
            currents: BTreeMap::from([(dev.clone(), CurrentFlip { before: 0, after: 1, makes: true })]),
            active: Some(ActiveFlip { before: None, after: Some(dev) }),
        }
    }

    #[test]
    fn what_is_written_is_as_its_schema_says() {
        let written: serde_json::Value = serde_json::from_slice(&format_document(&operation())).expect("JSON");
        let (_, schema) = schema_of::<Operation>();
        let validator = jsonschema::validator_for(schema.as_value()).expect("a schema");
        assert!(validator.is_valid(&written), "{written}");
        let mut without = written.clone();
        without.as_object_mut().expect("an object").remove("schema");
        assert!(!validator.is_valid(&without));
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(parse_document::<Operation>(&format_document(&operation()), Path::new("x")).expect("understood"), operation());
        assert!(matches!(parse_document::<Operation>(b"{}", Path::new("x")), Err(GenerationError::BadDocument { .. })));
        assert_eq!(document_schemas().len(), 4);
    }
}
