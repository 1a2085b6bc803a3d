//! Signatures in minisign's form, and whether one of them is by a key that is trusted.
//!
//! A signature is a block of four lines, as minisign writes it to a `.minisig` file. The field `signature` of a document holds one block, or several one
//! after the other: while keys change, a document is signed with the old and the new one. It is good if one block is by a trusted key and right; blocks by
//! keys that nobody trusts are passed over, since whoever can write the document can add them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use blake2::Blake2b512;
use blake2::Digest as _;
use ed25519_dalek::Signature;
use ed25519_dalek::VerifyingKey;

use crate::model::KeyId;
use crate::model::PublicKey;
use crate::registry::RegistryError;
use crate::registry::canonical::Canonical;

/// The most blocks that are read: more keys than any registry changes between.
const BLOCKS_MAX: usize = 16;

/// How a comment that proves nothing begins.
const UNTRUSTED: &str = "untrusted comment: ";

/// How the comment that the second signature covers begins.
const TRUSTED: &str = "trusted comment: ";

/// What was signed: the bytes themselves, or their BLAKE2b-512.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// `Ed`: the bytes; minisign calls it legacy.
    Plain,
    /// `ED`: their BLAKE2b-512.
    Prehashed,
}

impl Algorithm {
    fn tag(self) -> [u8; 2] {
        match self {
            Algorithm::Plain => *b"Ed",
            Algorithm::Prehashed => *b"ED",
        }
    }

    fn of_tag(tag: [u8; 2]) -> Option<Self> {
        [Algorithm::Plain, Algorithm::Prehashed].into_iter().find(|algorithm| algorithm.tag() == tag)
    }

    /// Gives what is really signed.
    pub(super) fn message(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Algorithm::Plain => bytes.to_vec(),
            Algorithm::Prehashed => Blake2b512::digest(bytes).to_vec(),
        }
    }
}

/// One signature: four lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    pub algorithm: Algorithm,
    pub key: KeyId,
    pub signature: [u8; 64],
    /// One line, covered by `comment_signature`.
    pub comment: String,
    /// Over `signature` and `comment`.
    pub comment_signature: [u8; 64],
}

impl Block {
    /// Writes the four lines.
    pub(super) fn format(&self) -> String {
        let signature = STANDARD.encode([&self.algorithm.tag()[..], self.key.as_bytes(), &self.signature].concat());
        let comment_signature = STANDARD.encode(self.comment_signature);
        format!("{UNTRUSTED}signature by key {}\n{signature}\n{TRUSTED}{}\n{comment_signature}\n", self.key, self.comment)
    }

    /// Reads four lines; the reason where they are no signature.
    fn parse(lines: &[&str]) -> Result<Block, &'static str> {
        let [untrusted, signature, trusted, comment_signature] = lines else { return Err("a signature has four lines") };
        if !untrusted.starts_with(UNTRUSTED) {
            return Err("its first line is no untrusted comment");
        }
        let bytes: [u8; 74] = decode(signature).ok_or("its second line is not 74 bytes in base64")?;
        let (tag, rest) = bytes.split_first_chunk::<2>().expect("it has 74 bytes");
        let (key, signature) = rest.split_first_chunk::<8>().expect("it has 72 bytes");
        Ok(Block {
            algorithm: Algorithm::of_tag(*tag).ok_or("its algorithm is neither Ed nor ED")?,
            key: KeyId::from_bytes(*key),
            signature: signature.try_into().expect("it has 64 bytes"),
            comment: trusted.strip_prefix(TRUSTED).ok_or("its third line is no trusted comment")?.to_owned(),
            comment_signature: decode(comment_signature).ok_or("its fourth line is not 64 bytes in base64")?,
        })
    }

    /// Tells whether it is this key's signature of these bytes, comment included.
    pub(super) fn is_by(&self, key: &PublicKey, bytes: &[u8]) -> bool {
        let Ok(verifying) = VerifyingKey::from_bytes(key.point()) else { return false };
        let holds = |message: &[u8], signature: &[u8; 64]| verifying.verify_strict(message, &Signature::from_bytes(signature)).is_ok();
        self.key == key.id()
            && holds(&self.algorithm.message(bytes), &self.signature)
            && holds(&commented(&self.signature, &self.comment), &self.comment_signature)
    }
}

/// Gives what the signature of a comment covers.
pub(super) fn commented(signature: &[u8; 64], comment: &str) -> Vec<u8> {
    [signature, comment.as_bytes()].concat()
}

fn decode<const BYTES: usize>(line: &str) -> Option<[u8; BYTES]> {
    STANDARD.decode(line).ok()?.try_into().ok()
}

/// Reads all blocks of a text; the reason where it is something else.
fn parse_blocks(text: &str) -> Result<Vec<Block>, &'static str> {
    let lines: Vec<&str> = text.lines().collect();
    let blocks = lines.chunks(4).map(Block::parse).collect::<Result<Vec<_>, _>>()?;
    match blocks.len() {
        0 => Err("it is empty"),
        count if count > BLOCKS_MAX => Err("it has more than 16 blocks"),
        _ => Ok(blocks),
    }
}

/// Tells which trusted key signed a document; its bytes are those that were read.
///
/// # Errors
/// [`RegistryError::Unsigned`], [`RegistryError::UnknownSigner`], [`RegistryError::WrongSignature`], [`RegistryError::SignatureSyntax`], and
/// [`RegistryError::Json`] where the document has no canonical form. `document` is how errors call it.
pub fn verify_signature(bytes: &[u8], document: &str, trusted: &[PublicKey]) -> Result<KeyId, RegistryError> {
    let canonical = Canonical::of(bytes, document)?;
    let text = canonical.signature.ok_or_else(|| RegistryError::Unsigned { document: document.to_owned() })?;
    let blocks = parse_blocks(&text).map_err(|reason| RegistryError::SignatureSyntax { document: document.to_owned(), reason })?;
    let mut wrong = None;
    for block in &blocks {
        for key in trusted.iter().filter(|key| key.id() == block.key) {
            if block.is_by(key, &canonical.bytes) {
                return Ok(key.id());
            }
            wrong = Some(key.id());
        }
    }
    Err(match wrong {
        Some(signer) => RegistryError::WrongSignature { document: document.to_owned(), signer },
        None => RegistryError::UnknownSigner { document: document.to_owned(), signers: Signers(blocks.iter().map(|block| block.key).collect()) },
    })
}

/// Tells which keys a document says it is signed by, without any proof; none where it is unsigned.
///
/// # Errors
/// [`RegistryError::SignatureSyntax`].
pub fn claimed_signers(signature: Option<&str>, document: &str) -> Result<Vec<KeyId>, RegistryError> {
    let Some(text) = signature else { return Ok(Vec::new()) };
    let blocks = parse_blocks(text).map_err(|reason| RegistryError::SignatureSyntax { document: document.to_owned(), reason })?;
    Ok(blocks.iter().map(|block| block.key).collect())
}

/// The keys that signed something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signers(pub Vec<KeyId>);

impl std::fmt::Display for Signers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::SecretKey;

    fn key(seed: u8) -> SecretKey {
        SecretKey::from_seed([seed; 32], KeyId::from_bytes([seed; 8]))
    }

    fn signed(fields: &str, keys: &[&SecretKey]) -> String {
        let document = format!("{{{fields}}}");
        let bytes = Canonical::of(document.as_bytes(), "it").expect("canonical").bytes;
        let signature: String = keys.iter().map(|key| key.sign(&bytes, "about it")).collect();
        format!("{{{fields},\"signature\":{}}}", serde_json::to_string(&signature).expect("text"))
    }

    #[track_caller]
    fn check(document: &str, trusted: &[&SecretKey], expected: Result<u8, &str>) {
        let trusted: Vec<PublicKey> = trusted.iter().map(|key| key.public()).collect();
        let found = verify_signature(document.as_bytes(), "it", &trusted).map_err(|error| error.to_string());
        assert_eq!(found, expected.map(|seed| KeyId::from_bytes([seed; 8])).map_err(str::to_owned), "{document}");
    }

    #[test]
    fn a_trusted_key_is_found() {
        let (old, new, other) = (key(1), key(2), key(3));
        let document = signed(r#""a":1"#, &[&old, &new]);
        check(&document, &[&old], Ok(1));
        check(&document, &[&new], Ok(2));
        check(&document, &[&other, &new], Ok(2));
        check(&document, &[&other], Err("it is signed by 0101010101010101 and 0202020202020202, which is not trusted"));
        check(&document, &[], Err("it is signed by 0101010101010101 and 0202020202020202, which is not trusted"));
        check(r#"{"a":1}"#, &[&old], Err("it has no signature"));
    }

    #[test]
    fn spacing_does_not_matter_and_everything_else_does() {
        let one = key(1);
        let document = signed(r#""a":1,"later":{"b":[2]}"#, &[&one]);
        check(&document.replace(r#""a":1,"#, "\n  \"a\": 1.0, "), &[&one], Ok(1));
        let wrong = "the signature of it by key 0101010101010101 is wrong: the document was changed, or another made it";
        for (from, to) in [(r#""a":1"#, r#""a":2"#), ("[2]", "[3]"), (r#""a":1"#, r#""a":1,"c":null"#), (r#""later""#, r#""Later""#), ("about it", "about us")]
        {
            check(&document.replace(from, to), &[&one], Err(wrong));
        }
    }

    #[test]
    fn a_key_of_the_same_id_does_not_do() {
        let (one, impostor) = (key(1), SecretKey::from_seed([9; 32], KeyId::from_bytes([1; 8])));
        let wrong = "the signature of it by key 0101010101010101 is wrong: the document was changed, or another made it";
        check(&signed(r#""a":1"#, &[&impostor]), &[&one], Err(wrong));
        // Whoever can add a block of his own does not spoil the good one.
        check(&signed(r#""a":1"#, &[&impostor, &one]), &[&one], Ok(1));
    }

    #[test]
    fn other_texts_are_no_signatures() {
        let good = key(1).sign(b"bytes", "it");
        let lines: Vec<&str> = good.lines().collect();
        assert!(parse_blocks(&good).is_ok());
        assert!(parse_blocks(&good.replace('\n', "\r\n")).is_ok());
        for (text, expected) in [
            (String::new(), "it is empty"),
            (lines[..3].join("\n"), "a signature has four lines"),
            (good.replace("untrusted", "Untrusted"), "its first line is no untrusted comment"),
            (good.replace(lines[1], &lines[1][4..]), "its second line is not 74 bytes in base64"),
            (good.replace("\nRU", "\nRA"), "its algorithm is neither Ed nor ED"),
            (good.replace("\ntrusted", "\ntrustee"), "its third line is no trusted comment"),
            (good.replace(lines[3], "AAAA"), "its fourth line is not 64 bytes in base64"),
            (good.repeat(17), "it has more than 16 blocks"),
        ] {
            assert_eq!(parse_blocks(&text), Err(expected), "{text}");
        }
    }
}
