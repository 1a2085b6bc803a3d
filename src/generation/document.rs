//! JSON documents of the home: each begins with its schema, and unknown fields are ignored.
//!
//! Evolution: fields are added freely, because readers ignore what they do not know; a change of meaning takes a new schema number, which is read one
//! release before it is written.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fsys;
use crate::generation::GenerationError;
use crate::generation::Result;

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
