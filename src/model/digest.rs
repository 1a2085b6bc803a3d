//! Digests: sha256 of archives, BLAKE3 of files, and the digest of a tree.

use std::fmt;

use crate::model::InvalidNoun;
use crate::model::spelled::spelled_as_text;

/// Bytes of every digest used here.
const DIGEST_BYTES: usize = 32;

/// RFC 4648 base32 in lower case, without padding.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Characters of a tree digest: 256 bits at five a character.
const TREE_DIGEST_CHARS: usize = 52;

macro_rules! hex_digest {
    ($(#[$doc:meta])* $type:ident, $noun:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type([u8; DIGEST_BYTES]);

        impl $type {
            /// Takes the raw hash value.
            pub const fn from_bytes(bytes: [u8; DIGEST_BYTES]) -> Self {
                $type(bytes)
            }

            /// Parses 64 hex digits; upper case is read, lower case is written.
            pub fn parse(text: &str) -> Result<Self, InvalidNoun> {
                parse_hex(text).map($type).ok_or_else(|| InvalidNoun::new($noun, text, "it must be 64 hex digits"))
            }

            /// Gives the raw hash value.
            pub const fn as_bytes(&self) -> &[u8; DIGEST_BYTES] {
                &self.0
            }

            /// Compares without telling by its duration how far both agree.
            pub fn equals_in_constant_time(&self, other: &Self) -> bool {
                self.0.iter().zip(other.0).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        spelled_as_text!($type, stringify!($type));
    };
}

hex_digest!(
    /// The SHA-256 of an archive, written as `sha256sum` does.
    Sha256Digest, "sha256 digest"
);
hex_digest!(
    /// The BLAKE3 of a file's content, written as `b3sum` does.
    Blake3Digest, "blake3 digest"
);

impl Blake3Digest {
    /// Hashes bytes in memory.
    pub fn of(bytes: &[u8]) -> Self {
        blake3::hash(bytes).into()
    }
}
impl From<blake3::Hash> for Blake3Digest {
    fn from(hash: blake3::Hash) -> Self {
        Blake3Digest(*hash.as_bytes())
    }
}

/// The digest of a tree: 52 characters of lower-case base32, the head of a store path's name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeDigest([u8; DIGEST_BYTES]);

impl TreeDigest {
    /// Takes the raw hash value.
    pub const fn from_bytes(bytes: [u8; DIGEST_BYTES]) -> Self {
        TreeDigest(bytes)
    }

    /// Parses 52 characters of lower-case base32.
    pub fn parse(text: &str) -> Result<Self, InvalidNoun> {
        parse_base32(text).map(TreeDigest).ok_or_else(|| InvalidNoun::new("tree digest", text, "it must be 52 characters of lower-case base32"))
    }

    /// Gives the raw hash value.
    pub const fn as_bytes(&self) -> &[u8; DIGEST_BYTES] {
        &self.0
    }
}
impl fmt::Display for TreeDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_base32(&self.0))
    }
}
impl fmt::Debug for TreeDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
spelled_as_text!(TreeDigest, "TreeDigest");

fn parse_hex(text: &str) -> Option<[u8; DIGEST_BYTES]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * DIGEST_BYTES {
        return None;
    }
    let mut bytes = [0; DIGEST_BYTES];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = hex_value(pair[0])? << 4 | hex_value(pair[1])?;
    }
    Some(bytes)
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

fn format_base32(bytes: &[u8; DIGEST_BYTES]) -> String {
    let (mut text, mut buffer, mut bits) = (String::with_capacity(TREE_DIGEST_CHARS), 0u16, 0);
    for byte in bytes {
        buffer = buffer << 8 | u16::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(BASE32[usize::from(buffer >> bits & 31)] as char);
            buffer &= (1 << bits) - 1;
        }
    }
    text.push(BASE32[usize::from(buffer << (5 - bits) & 31)] as char);
    text
}

fn parse_base32(text: &str) -> Option<[u8; DIGEST_BYTES]> {
    if text.len() != TREE_DIGEST_CHARS {
        return None;
    }
    let (mut bytes, mut filled, mut buffer, mut bits) = ([0; DIGEST_BYTES], 0, 0u16, 0);
    for character in text.bytes() {
        buffer = buffer << 5 | u16::from(base32_value(character)?);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            *bytes.get_mut(filled)? = u8::try_from(buffer >> bits).ok()?;
            filled += 1;
            buffer &= (1 << bits) - 1;
        }
    }
    // The last character carries four bits of padding: only zeros spell the digest, so each has one spelling.
    (filled == DIGEST_BYTES && buffer == 0).then_some(bytes)
}

fn base32_value(character: u8) -> Option<u8> {
    match character {
        b'a'..=b'z' => Some(character - b'a'),
        b'2'..=b'7' => Some(character - b'2' + 26),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_round_trip() {
        let text = "00ff".repeat(16);
        assert_eq!(Sha256Digest::parse(&text).expect("valid").to_string(), text);
        assert_eq!(Sha256Digest::parse(&text.to_uppercase()).expect("valid").to_string(), text);
        for bad in ["", "00", &"0".repeat(63), &"g".repeat(64), &"é".repeat(32)] {
            assert!(Blake3Digest::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn base32_is_rfc_4648() {
        // RFC 4648, section 10: "foobar" is MZXW6YTBOI; here within 32 bytes.
        let mut bytes = [0; DIGEST_BYTES];
        bytes[..6].copy_from_slice(b"foobar");
        let text = TreeDigest::from_bytes(bytes).to_string();
        assert!(text.starts_with("mzxw6ytbo") && text.len() == 52, "{text}");
        assert_eq!(TreeDigest::parse(&text).expect("valid").as_bytes(), &bytes);
    }

    #[test]
    fn base32_has_one_spelling() {
        let text = TreeDigest::from_bytes([255; 32]).to_string();
        assert!(text.ends_with('q'), "{text}");
        assert!(TreeDigest::parse(&format!("{}7", &text[..51])).is_err(), "padding bits must be zero");
        assert!(TreeDigest::parse(&text.to_uppercase()).is_err());
    }

    #[test]
    fn base32_is_read_as_it_is_written() {
        for (value, character) in BASE32.iter().enumerate() {
            assert_eq!(base32_value(*character).map(usize::from), Some(value));
        }
        assert_eq!((0..=u8::MAX).filter(|character| base32_value(*character).is_some()).count(), BASE32.len());
    }
}
