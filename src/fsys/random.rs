//! Random names and keys.

use std::path::Path;

use crate::fsys::Result;
use crate::fsys::look;

/// Characters of a random id: 16 of 32 possible make 80 bits, so no two ever meet.
const ID_CHARS: usize = 16;

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Gives random bytes that nobody can guess, as keys are made of.
pub fn random_bytes<const BYTES: usize>() -> Result<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    look("read random bytes for", Path::new("a key"), || rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()))?;
    Ok(bytes)
}

/// Gives a random id of 16 characters of `[a-z2-7]`.
pub fn random_id() -> Result<String> {
    let mut bytes = [0; ID_CHARS];
    look("read random bytes for", Path::new("an id"), || rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()))?;
    Ok(bytes.iter().map(|byte| ALPHABET[usize::from(byte % 32)] as char).collect())
}
