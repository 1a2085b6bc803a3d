//! Secret signing keys, in the form of minisign's `.key` files.
//!
//! ```text
//! untrusted comment: …
//! base64 of: "Ed" · "Sc" or two zeros · "B2" · salt (32) · operations (8) · memory (8) · id (8) · seed (32) · public (32) · checksum (32)
//! ```
//!
//! Where the second field is `Sc`, the 104 bytes from the id on are mixed with as many bytes that scrypt makes of a passphrase; the checksum (BLAKE2b-256 of
//! `Ed`, id and key) tells then whether it was the right one. Numbers are little-endian.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use blake2::Blake2b;
use blake2::Digest as _;
use blake2::digest::consts::U32;
use ed25519_dalek::Signer as _;
use ed25519_dalek::SigningKey;
use scrypt::Params;

use crate::model::KeyId;
use crate::model::PublicKey;
use crate::registry::RegistryError;
use crate::registry::signature::Algorithm;
use crate::registry::signature::Block;
use crate::registry::signature::commented;

/// Bytes of a key file's second line.
const FILE_BYTES: usize = 158;

/// Bytes from the id on: those that a passphrase protects.
const PROTECTED_BYTES: usize = 104;

/// How much scrypt works for a key that packs makes: 128 MiB and about half a second, which minisign can undo as well.
const OPERATIONS: u64 = 1 << 22;
const MEMORY_BYTES: u64 = 1 << 27;

/// The most memory a key file may make us use, in bytes: twice what minisign uses.
const MEMORY_BYTES_MAX: u64 = 2 << 30;

/// The most operations a key file may make us do: four times what minisign does.
const OPERATIONS_MAX: u64 = 1 << 27;

/// A secret key that can sign.
#[derive(Clone)]
pub struct SecretKey {
    id: KeyId,
    signing: SigningKey,
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.id)
    }
}

/// A passphrase; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Passphrase(String);

impl Passphrase {
    /// Takes the text as it was given.
    pub fn new(text: impl Into<String>) -> Self {
        Passphrase(text.into())
    }

    /// Tells whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(***)")
    }
}

/// A key file that was read.
#[derive(Debug, Clone)]
pub enum SecretKeyFile {
    /// It has no passphrase.
    Open(SecretKey),
    /// It has one.
    Locked(LockedKey),
}

/// A key that a passphrase protects.
#[derive(Clone)]
pub struct LockedKey {
    salt: [u8; 32],
    params: Params,
    protected: [u8; PROTECTED_BYTES],
}

impl fmt::Debug for LockedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LockedKey(***)")
    }
}

impl SecretKeyFile {
    /// Parses a key file's text, whose content no error repeats.
    ///
    /// # Errors
    /// [`RegistryError::SecretKeySyntax`].
    pub fn parse(text: &str) -> Result<Self, RegistryError> {
        let invalid = |reason| RegistryError::SecretKeySyntax { reason };
        let mut lines = text.lines();
        if !lines.next().is_some_and(|line| line.starts_with("untrusted comment:")) {
            return Err(invalid("its first line is no untrusted comment"));
        }
        let bytes = STANDARD.decode(lines.next().unwrap_or_default().trim()).map_err(|_| invalid("its second line is no base64"))?;
        let bytes: [u8; FILE_BYTES] = bytes.try_into().map_err(|_| invalid("its second line has not the length of a secret key"))?;
        let protected: [u8; PROTECTED_BYTES] = bytes[54..].try_into().expect("104 of 158 are left");
        match (&bytes[..2], &bytes[2..4], &bytes[4..6]) {
            (b"Ed", [0, 0], b"B2") => SecretKey::from_protected(&protected, Checksum::MayBeAbsent).map(SecretKeyFile::Open).ok_or(invalid("it is damaged")),
            (b"Ed", b"Sc", b"B2") => {
                let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
                let params = scrypt_params(number(38), number(46)).ok_or(invalid("it asks for more work or memory than any key needs"))?;
                Ok(SecretKeyFile::Locked(LockedKey { salt: bytes[6..38].try_into().expect("32 bytes"), params, protected }))
            }
            _ => Err(invalid("it is of another kind than ed25519 with BLAKE2b")),
        }
    }
}

impl LockedKey {
    /// Opens the key; this takes a second or so, and as much memory as the file says.
    ///
    /// # Errors
    /// [`RegistryError::WrongPassphrase`].
    pub fn unlock(&self, passphrase: &Passphrase) -> Result<SecretKey, RegistryError> {
        let opened = mixed(&self.protected, passphrase, &self.salt, &self.params);
        SecretKey::from_protected(&opened, Checksum::Needed).ok_or(RegistryError::WrongPassphrase)
    }
}

/// Whether a key must prove that it was read right.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Checksum {
    Needed,
    /// minisign leaves zeros where there is no passphrase to be wrong.
    MayBeAbsent,
}

impl SecretKey {
    /// Makes a key of random bytes.
    pub fn from_seed(seed: [u8; 32], id: KeyId) -> Self {
        SecretKey { id, signing: SigningKey::from_bytes(&seed) }
    }

    /// Gives the public key.
    pub fn public(&self) -> PublicKey {
        PublicKey::new(self.id, self.signing.verifying_key().to_bytes()).expect("a key made of a seed is a point of the curve, of large order")
    }

    /// Signs bytes: the four lines of minisign's form, prehashed; the comment is one line that the signature covers as well.
    pub fn sign(&self, bytes: &[u8], comment: &str) -> String {
        let comment: String = comment.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let algorithm = Algorithm::Prehashed;
        let signature = self.signing.sign(&algorithm.message(bytes)).to_bytes();
        let comment_signature = self.signing.sign(&commented(&signature, &comment)).to_bytes();
        Block { algorithm, key: self.id, signature, comment, comment_signature }.format()
    }

    /// Writes a key file that anybody who reads it can sign with.
    pub fn format_open(&self) -> String {
        // As minisign does it: no salt, no work, no checksum.
        let mut protected = self.to_protected();
        protected[72..].fill(0);
        self.format(*b"\0\0", &[0; 48], &protected)
    }

    /// Writes a key file that only the passphrase opens; `salt` is random.
    pub fn format_locked(&self, passphrase: &Passphrase, salt: [u8; 32]) -> String {
        let params = scrypt_params(OPERATIONS, MEMORY_BYTES).expect("our own parameters are within the limits");
        let protected = mixed(&self.to_protected(), passphrase, &salt, &params);
        let head: Vec<u8> = [&salt[..], &OPERATIONS.to_le_bytes(), &MEMORY_BYTES.to_le_bytes()].concat();
        self.format(*b"Sc", &head.try_into().expect("32 and 8 and 8 are 48"), &protected)
    }

    fn format(&self, derivation: [u8; 2], head: &[u8; 48], protected: &[u8; PROTECTED_BYTES]) -> String {
        let bytes = [&b"Ed"[..], &derivation, b"B2", head, protected].concat();
        format!("untrusted comment: packs secret key {}\n{}\n", self.id, STANDARD.encode(bytes))
    }

    fn to_protected(&self) -> [u8; PROTECTED_BYTES] {
        let pair = self.signing.to_keypair_bytes();
        let checksum = checksum(*self.id.as_bytes(), &pair);
        [&self.id.as_bytes()[..], &pair, &checksum].concat().try_into().expect("8 and 64 and 32 are 104")
    }

    fn from_protected(protected: &[u8; PROTECTED_BYTES], needed: Checksum) -> Option<Self> {
        let id: [u8; 8] = protected[..8].try_into().expect("8 bytes");
        let pair: [u8; 64] = protected[8..72].try_into().expect("64 bytes");
        let found = &protected[72..];
        let absent = needed == Checksum::MayBeAbsent && found.iter().all(|byte| *byte == 0);
        if !absent && found != checksum(id, &pair) {
            return None;
        }
        SigningKey::from_keypair_bytes(&pair).ok().map(|signing| SecretKey { id: KeyId::from_bytes(id), signing })
    }
}

fn checksum(id: [u8; 8], pair: &[u8; 64]) -> [u8; 32] {
    Blake2b::<U32>::new().chain_update(b"Ed").chain_update(id).chain_update(pair).finalize().into()
}

/// Mixes bytes with those made of a passphrase; a second time undoes it.
fn mixed(bytes: &[u8; PROTECTED_BYTES], passphrase: &Passphrase, salt: &[u8; 32], params: &Params) -> [u8; PROTECTED_BYTES] {
    let mut stream = [0; PROTECTED_BYTES];
    scrypt::scrypt(passphrase.0.as_bytes(), salt, params, &mut stream).expect("104 bytes are a length that scrypt makes");
    std::array::from_fn(|at| bytes[at] ^ stream[at])
}

/// Turns the two numbers of a key file into scrypt's, by libsodium's rule, which minisign follows; `None` beyond our limits.
///
/// Blocks are of 8 (1,024 bytes each). Where memory is plenty for the operations, they decide the count of blocks and one pass is made; else memory decides
/// it, and the passes make up for the operations.
fn scrypt_params(operations: u64, memory_bytes: u64) -> Option<Params> {
    const BLOCK: u64 = 8;
    if memory_bytes > MEMORY_BYTES_MAX || operations > OPERATIONS_MAX {
        return None;
    }
    let operations = operations.max(1 << 15);
    let memory_decides = operations >= memory_bytes / 32;
    let blocks_max = if memory_decides { memory_bytes / (BLOCK * 128) } else { operations / (BLOCK * 4) };
    let log_blocks = (1..63).find(|log| (1_u64 << log) > blocks_max / 2)?;
    let passes = if memory_decides { (operations / 4 / (1 << log_blocks)).min(0x3fff_ffff) / BLOCK } else { 1 };
    Params::new(u8::try_from(log_blocks).ok()?, u32::try_from(BLOCK).ok()?, u32::try_from(passes).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by minisign 0.11 with `-W`; nobody's.
    const OPEN: &str = "untrusted comment: minisign encrypted secret key\nRWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAANsmEV3noYBZx8nhNjJp7PD8RiLdeyNuZysBWk4Wp8YRUtXsfjUVQBaQtZEfIu3JtOcZKM/1X1Wv7L+FRh3JMVTwlx//4Lk8NAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
    const PUBLIC: &str = "RWQ2yYRXeehgFqQtZEfIu3JtOcZKM/1X1Wv7L+FRh3JMVTwlx//4Lk8N";

    fn opened(text: &str) -> SecretKey {
        match SecretKeyFile::parse(text).expect("a key file") {
            SecretKeyFile::Open(key) => key,
            SecretKeyFile::Locked(_) => panic!("it has no passphrase"),
        }
    }

    #[test]
    fn a_key_of_minisign_is_read_and_written() {
        let key = opened(OPEN);
        assert_eq!(key.public().to_string(), PUBLIC);
        assert_eq!(key.format_open().lines().nth(1), OPEN.lines().nth(1));
    }

    #[test]
    fn only_the_passphrase_opens() {
        let key = opened(OPEN);
        let SecretKeyFile::Locked(locked) = SecretKeyFile::parse(&key.format_locked(&Passphrase::new("right"), [7; 32])).expect("a key file") else {
            panic!("it has a passphrase");
        };
        assert_eq!(locked.unlock(&Passphrase::new("right")).expect("right").public(), key.public());
        assert!(matches!(locked.unlock(&Passphrase::new("wrong")), Err(RegistryError::WrongPassphrase)));
        assert!(!format!("{locked:?}{key:?}{:?}", Passphrase::new("right")).contains("right"));
    }

    #[track_caller]
    fn check_refused(text: &str, expected: &str) {
        let error = SecretKeyFile::parse(text).expect_err("it is invalid").to_string();
        assert_eq!(error, format!("it is no secret key in minisign's form: {expected}"));
    }

    #[test]
    fn faults_are_named_and_repeat_nothing() {
        let line = OPEN.lines().nth(1).expect("there");
        let altered = |at: usize, byte: u8| {
            let mut bytes = STANDARD.decode(line).expect("base64");
            bytes[at] = byte;
            format!("untrusted comment:\n{}\n", STANDARD.encode(bytes))
        };
        check_refused(line, "its first line is no untrusted comment");
        check_refused("untrusted comment: x\n§", "its second line is no base64");
        check_refused("untrusted comment: x", "its second line has not the length of a secret key");
        check_refused(&altered(0, b'X'), "it is of another kind than ed25519 with BLAKE2b");
        check_refused(&altered(70, 1), "it is damaged");
        check_refused(&altered(157, 1), "it is damaged");
        let mut greedy = STANDARD.decode(line).expect("base64");
        greedy[2..4].copy_from_slice(b"Sc");
        greedy[53] = 1;
        check_refused(&format!("untrusted comment:\n{}", STANDARD.encode(greedy)), "it asks for more work or memory than any key needs");
    }

    #[test]
    fn work_is_as_libsodium_counts_it() {
        for (operations, memory, log, passes) in [
            // What minisign asks for, and what libsodium calls interactive.
            (33_554_432, 1 << 30, 20, 1),
            (524_288, 16 << 20, 14, 1),
            (OPERATIONS, MEMORY_BYTES, 17, 1),
            // Little memory, many passes.
            (1 << 22, 16 << 20, 14, 8),
            (0, 1 << 30, 10, 1),
        ] {
            let params = scrypt_params(operations, memory).expect("within the limits");
            assert_eq!((params.log_n(), params.r(), params.p()), (log, 8, passes), "{operations} {memory}");
        }
        assert!(scrypt_params(1 << 20, u64::MAX).is_none());
        assert!(scrypt_params(u64::MAX, 1 << 20).is_none());
    }
}
