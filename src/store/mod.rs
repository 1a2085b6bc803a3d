//! The immutable store: layout of the home, ingest, reading, verifying.
pub mod layout;
