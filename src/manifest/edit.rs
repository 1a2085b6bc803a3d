//! Edits of packs.toml.

/// x
pub struct Edit;
