//! The list of a place's packs, ready to be searched.
//!
//! The list travels as JSON within zstd, which takes longer to read than all the searching in it. So it is kept as text beside the caches, with the digest of
//! the list it was made of: whoever searches reads the list's bytes as ever, and the text in the place of unpacking and parsing them. A text of another list,
//! a damaged one or none at all is made anew.

use crate::fsys;
use crate::net::Answer;
use crate::ops::Context;
use crate::ops::OpsError;
use crate::ops::index_cache::write_cached;
use crate::ops::opened::Opened;
use crate::registry::NamesText;
use crate::source::RegistrySource;
use crate::source::Source as _;

/// Largest text that is read, in bytes: that of a million packs.
const TEXT_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Gives the list of a place's packs.
///
/// # Errors
/// [`OpsError::Source`].
pub(super) fn listed(context: &Context, place: &Opened<'_>) -> Result<Answer<NamesText>, OpsError> {
    match place {
        Opened::Registry(registry) => listed_by(context, registry),
        // A handful of packs, put together here.
        Opened::Releases(releases) => releases.names()?.try_map(|names| Ok(NamesText::of(&names, &[]))),
    }
}

fn listed_by(context: &Context, registry: &RegistrySource) -> Result<Answer<NamesText>, OpsError> {
    loop {
        match listed_by_one_address(context, registry) {
            Err(OpsError::Source(error)) if registry.pass_over_names(&error) => {}
            answer => return answer,
        }
    }
}

fn listed_by_one_address(context: &Context, registry: &RegistrySource) -> Result<Answer<NamesText>, OpsError> {
    let id = blake3::hash(registry.describe().as_bytes()).to_hex();
    let path = context.layout.names_text(&id[..32]);
    registry.names_file()?.try_map(|fetched| {
        let kept = fsys::read_cached(&path, TEXT_BYTES_MAX).ok().flatten();
        if let Some(text) = kept.and_then(|bytes| NamesText::parse(bytes, &fetched.bytes)) {
            registry.accept_names();
            return Ok(text);
        }
        let text = NamesText::of(&registry.read_names(&fetched)?, &fetched.bytes);
        // Only a home that is there is written to, and a cache that cannot be written is no failure.
        if fsys::status(&context.layout.version_file())?.is_some() {
            let _ = write_cached(&path, text.as_bytes());
        }
        Ok(text)
    })
}
