//! Public signing keys, spelled as minisign spells them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::VerifyingKey;

use crate::model::InvalidNoun;
use crate::model::spelled::spelled_as_text;

/// Bytes of a key as it is spelled: algorithm, id, point.
const KEY_BYTES: usize = 2 + ID_BYTES + POINT_BYTES;

const ID_BYTES: usize = 8;
const POINT_BYTES: usize = 32;

/// Characters of a key in base64.
const KEY_CHARS: usize = 56;

/// Ed25519, as minisign names it in keys.
const ALGORITHM: &[u8; 2] = b"Ed";

/// The number by which signatures name the key they were made with; tells keys apart and proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; ID_BYTES]);

impl KeyId {
    /// Takes the bytes as they stand in keys and signatures.
    pub const fn from_bytes(bytes: [u8; ID_BYTES]) -> Self {
        KeyId(bytes)
    }

    /// Gives the bytes as they stand in keys and signatures.
    pub const fn as_bytes(&self) -> &[u8; ID_BYTES] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    /// Writes the id as minisign shows it: 16 upper-case hex digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", u64::from_le_bytes(self.0))
    }
}

impl serde::Serialize for KeyId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl schemars::JsonSchema for KeyId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "KeyId".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9A-F]{16}$" })
    }
}

/// A public key that signatures are checked with: `RWQ…`, 56 characters, as in the second line of minisign's `.pub` files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey {
    id: KeyId,
    point: [u8; POINT_BYTES],
}

impl PublicKey {
    /// Takes a key apart from its spelling; `None` where the point is none of the curve, or one that anybody can sign for.
    pub fn new(id: KeyId, point: [u8; POINT_BYTES]) -> Option<Self> {
        VerifyingKey::from_bytes(&point).ok().filter(|key| !key.is_weak()).map(|_| PublicKey { id, point })
    }

    /// Parses the line of a key.
    pub fn parse(text: &str) -> Result<Self, InvalidNoun> {
        // A longer text may be a secret key that was taken for the public one: it is not repeated anywhere.
        let shown = if text.len() > KEY_CHARS { format!("{}…", text.chars().take(8).collect::<String>()) } else { text.to_owned() };
        let invalid = |reason: &str| InvalidNoun::new("public key", &shown, reason);
        if text.len() > KEY_CHARS {
            return Err(invalid("it is longer than the 56 characters of a public key; a secret key does not belong here"));
        }
        let bytes = STANDARD.decode(text).map_err(|_| invalid("it must be 56 characters of base64, beginning with RW"))?;
        let bytes: [u8; KEY_BYTES] = bytes.try_into().map_err(|_| invalid("it must be 56 characters of base64, beginning with RW"))?;
        let (algorithm, rest) = bytes.split_first_chunk::<2>().expect("it has 42 bytes");
        let (id, point) = rest.split_first_chunk::<ID_BYTES>().expect("it has 40 bytes");
        if algorithm != ALGORITHM {
            return Err(invalid("it is no ed25519 key of minisign, which begins with RW"));
        }
        PublicKey::new(KeyId(*id), point.try_into().expect("it has 32 bytes")).ok_or_else(|| invalid("no signature could be checked with it"))
    }

    /// Parses a line, or a `.pub` file: a comment and a line.
    pub fn parse_file(text: &str) -> Result<Self, InvalidNoun> {
        let mut lines = text.trim().lines();
        let first = lines.next().unwrap_or_default();
        let line = if first.starts_with("untrusted comment:") { lines.next().unwrap_or_default() } else { first };
        PublicKey::parse(line.trim())
    }

    /// Gives the id that its signatures bear.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Gives the point of the curve.
    pub const fn point(&self) -> &[u8; POINT_BYTES] {
        &self.point
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode([&ALGORITHM[..], &self.id.0, &self.point].concat()))
    }
}
spelled_as_text!(PublicKey, "PublicKey");

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by minisign 0.11.
    const KEY: &str = "RWQ2yYRXeehgFqQtZEfIu3JtOcZKM/1X1Wv7L+FRh3JMVTwlx//4Lk8N";

    #[test]
    fn spelled_as_minisign_does() {
        let key = PublicKey::parse(KEY).expect("valid");
        assert_eq!((key.to_string().as_str(), key.id().to_string().as_str()), (KEY, "1660E8795784C936"));
        let file = format!("untrusted comment: minisign public key 1660E8795784C936\n{KEY}\n");
        assert_eq!(PublicKey::parse_file(&file), Ok(key));
        assert_eq!(PublicKey::parse_file(&format!("{KEY}\r\n")), Ok(key));
    }

    #[track_caller]
    fn check_refused(text: &str, expected: &str) {
        let error = PublicKey::parse(text).expect_err("it is invalid");
        assert!(error.to_string().ends_with(expected), "{error}");
    }

    #[test]
    fn faults_are_named() {
        check_refused("", "it must be 56 characters of base64, beginning with RW");
        check_refused(&KEY[..55], "it must be 56 characters of base64, beginning with RW");
        check_refused(&KEY.replace("RWQ", "RUQ"), "it is no ed25519 key of minisign, which begins with RW");
        let point = |byte| STANDARD.encode([&b"Ed12345678"[..], &[byte; 32]].concat());
        check_refused(&point(0), "no signature could be checked with it");
        let none = (2..40).map(point).filter_map(|text| PublicKey::parse(&text).err()).collect::<Vec<_>>();
        assert!(none.len() > 9 && none.iter().all(|error| error.reason == "no signature could be checked with it"), "half of all numbers are no point");
    }

    #[test]
    fn a_secret_key_is_not_repeated() {
        let error = PublicKey::parse(&format!("RWRTY0Iy{}", "secret".repeat(30))).expect_err("too long");
        assert_eq!(
            error.to_string(),
            "\"RWRTY0Iy…\" is not a valid public key: it is longer than the 56 characters of a public key; a secret key does not belong here"
        );
    }
}
