//! Checkpoints: the size and the root of a log, signed (c2sp.org/tlog-checkpoint on
//! c2sp.org/signed-note, Ed25519).
//!
//! # Invariants
//! - **NO1** What is read of a checkpoint is what was signed, byte for byte, by the key that was
//!   named beforehand; nothing is read of one that is not.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::fmt;
use storage::digest::{Hash, hex, sha256};

/// The kind of signature: Ed25519 over the text of a note.
const ED25519_NOTE: u8 = 1;
/// Bytes of a key's id before its signature.
const ID: usize = 4;
/// Bytes of the longest checkpoint that is read.
const LONGEST: usize = 64 * 1024;

/// What was wrong with a checkpoint or a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteFault {
    /// Not a key.
    #[error("this is not a verifier key: it is one line, NAME+ID+KEY")]
    NotAKey,
    /// Not a checkpoint.
    #[error("the checkpoint is not one, or is damaged")]
    NotACheckpoint,
    /// Of another log, or by another key.
    #[error("the checkpoint is not signed by this key")]
    NotSigned,
}

/// What a log comes down to, and what is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many records it has.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
}

impl Checkpoint {
    fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    fn read(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let origin = lines.next()?.to_owned();
        let size = lines.next()?.parse().ok()?;
        let root = STANDARD.decode(lines.next()?).ok()?.try_into().ok()?;
        let read = Self { origin, size, root };
        (read.text() == text).then_some(read) // NO1: as written, no extension of anybody's
    }
}

/// What signs the checkpoints of one log.
pub struct SigningKey {
    name: String,
    pair: Ed25519KeyPair,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "SigningKey({})", self.verifier())
    }
}

impl SigningKey {
    /// The key of this name that follows from 32 secret bytes.
    ///
    /// # Panics
    /// Never: any 32 bytes are an Ed25519 seed.
    pub fn new(name: &str, seed: &[u8; 32]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed);
        Self { name: name.to_owned(), pair: pair.expect("any 32 bytes are an Ed25519 seed") }
    }

    /// What checks its signatures.
    pub fn verifier(&self) -> Verifier {
        let public = self.pair.public_key().as_ref().try_into();
        Verifier { name: self.name.clone(), public: public.expect("a public key has 32 bytes") }
    }

    /// A signed checkpoint.
    pub fn sign(&self, size: u64, root: Hash) -> String {
        let text = Checkpoint { origin: self.name.clone(), size, root }.text();
        let mut signature = self.verifier().id().to_vec();
        signature.extend(self.pair.sign(text.as_bytes()).as_ref());
        format!("{text}\n\u{2014} {} {}\n", self.name, STANDARD.encode(signature))
    }
}

/// What checks the checkpoints of one log, to be handed out by another way than the log itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    public: [u8; 32],
}

impl Verifier {
    /// Reads the line that [`fmt::Display`] writes.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(text: &str) -> Result<Self, NoteFault> {
        let mut parts = text.trim().splitn(3, '+');
        let mut part = || parts.next().filter(|it| !it.is_empty()).ok_or(NoteFault::NotAKey);
        let (name, id, key) = (part()?.to_owned(), part()?, part()?);
        let key = STANDARD.decode(key).map_err(|_| NoteFault::NotAKey)?;
        let public = key.strip_prefix(&[ED25519_NOTE]).and_then(|it| it.try_into().ok());
        let read = Self { name, public: public.ok_or(NoteFault::NotAKey)? };
        if hex(&read.id()) == id { Ok(read) } else { Err(NoteFault::NotAKey) }
    }

    /// Which log it is for.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads a checkpoint that this key signed (NO1).
    ///
    /// # Errors
    /// When it is none, or not signed by it.
    pub fn open(&self, note: &str) -> Result<Checkpoint, NoteFault> {
        if note.len() > LONGEST {
            return Err(NoteFault::NotACheckpoint);
        }
        let (text, signatures) = note.split_once("\n\n").ok_or(NoteFault::NotACheckpoint)?;
        let text = format!("{text}\n");
        let own = format!("\u{2014} {} ", self.name);
        let signed = signatures.lines().filter_map(|line| line.strip_prefix(&own)).any(|line| {
            let bytes = STANDARD.decode(line).unwrap_or_default();
            let (id, signature) = bytes.split_at(ID.min(bytes.len()));
            id == self.id() && self.signed(text.as_bytes(), signature)
        });
        if !signed {
            return Err(NoteFault::NotSigned);
        }
        let read = Checkpoint::read(&text).ok_or(NoteFault::NotACheckpoint)?;
        if read.origin == self.name { Ok(read) } else { Err(NoteFault::NotSigned) }
    }

    fn signed(&self, text: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.public).verify(text, signature).is_ok()
    }

    fn typed(&self) -> Vec<u8> {
        [&[ED25519_NOTE], &self.public[..]].concat()
    }

    fn id(&self) -> [u8; ID] {
        let hash = sha256(&[self.name.as_bytes(), b"\n", &self.typed()].concat());
        hash[..ID].try_into().expect("a hash is longer than an id")
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}+{}+{}", self.name, hex(&self.id()), STANDARD.encode(self.typed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no1_a_checkpoint_with_any_bit_flipped_is_refused() {
        let key = SigningKey::new("konsil/t/application", &[7; 32]);
        let (verifier, note) = (key.verifier(), key.sign(17, [9; 32]));
        let origin = "konsil/t/application".to_owned();
        assert_eq!(verifier.open(&note), Ok(Checkpoint { origin, size: 17, root: [9; 32] }));
        assert_eq!(Verifier::read(&format!("{verifier}\n")), Ok(verifier.clone()));
        for bit in 0..note.len() * 8 {
            let mut forged = note.clone().into_bytes();
            forged[bit / 8] ^= 1 << (bit % 8);
            if let Ok(forged) = String::from_utf8(forged) {
                // Base64 has spare bits at its end; what they leave is the same signature.
                let same = verifier.open(&forged).is_ok_and(|it| it.size == 17);
                assert!(verifier.open(&forged).is_err() || same, "NO1: bit {bit}");
            }
        }
        let other = SigningKey::new("konsil/t/system", &[7; 32]);
        assert_eq!(other.verifier().open(&note), Err(NoteFault::NotSigned));
        let other = SigningKey::new("konsil/t/application", &[8; 32]);
        assert_eq!(other.verifier().open(&note), Err(NoteFault::NotSigned));
    }

    #[test]
    fn a_key_that_is_none_is_refused() {
        let text = SigningKey::new("a", &[7; 32]).verifier().to_string();
        for bad in ["", "a", "a+b+c", &text[1..], &text[..text.len() - 4], &text.replace('+', "-")]
        {
            assert_eq!(Verifier::read(bad), Err(NoteFault::NotAKey), "{bad}");
        }
    }
}
