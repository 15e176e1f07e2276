//! Sealing: the only file that names a cipher.
//!
//! A stream is sealed chunk by chunk with AES-256-GCM, under a key that HKDF-SHA256 makes of the
//! operator's key, the stream's own salt and its header. So two streams never share a key, and the
//! number of a chunk is all its nonce needs to be.
//!
//! # Invariants
//! - **SE1** No nonce is used twice under one key: it is the chunk's number, and a chunk is sealed
//!   once.
//! - **SE2** A chunk opens under its own number, as the last one or not as it was sealed, in the
//!   stream of its own header, and nowhere else.
//! - **SE3** A key is never shown: not by `Debug`, not in a fault.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, Salt},
    rand::{SecureRandom, SystemRandom},
};

use crate::digest::{hex, sha256, unhex};

/// Bytes that sealing adds to a chunk.
pub const TAG_BYTES: usize = 16;
/// Bytes of a key and of a salt.
pub const KEY_BYTES: usize = 32;

const TITLE: &str = "konsil-backup-key-";
const PURPOSE: &[u8] = b"konsil sealed stream 1";

/// What an operator keeps apart from what is sealed with it.
#[derive(Clone, PartialEq, Eq)]
pub struct SealKey([u8; KEY_BYTES]);

impl fmt::Debug for SealKey {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "SealKey({})", self.mark()) // SE3
    }
}

impl SealKey {
    /// A new one.
    pub fn generate() -> Self {
        Self(chance())
    }

    /// As one word, to be written into a file.
    pub fn text(&self) -> String {
        format!("{TITLE}{}", hex(&self.0))
    }

    /// Reads the word; none when it is not one.
    pub fn read(text: &str) -> Option<Self> {
        unhex(text.trim().strip_prefix(TITLE)?).map(Self)
    }

    /// What tells it from other keys and gives nothing of it away.
    pub fn mark(&self) -> Mark {
        let hash = sha256(&[PURPOSE, b" mark", &self.0].concat());
        Mark(hash[..8].try_into().expect("a hash has more than eight bytes"))
    }
}

/// See [`SealKey::mark`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(pub [u8; 8]);

impl fmt::Display for Mark {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&hex(&self.0))
    }
}

/// Bytes of chance from the operating system.
///
/// # Panics
/// When the operating system has none to give: nothing safe can be done without.
pub fn chance() -> [u8; KEY_BYTES] {
    let mut bytes = [0; KEY_BYTES];
    SystemRandom::new().fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// Seals and opens the chunks of one stream.
pub struct Seal {
    key: LessSafeKey,
    /// The hash of the stream's header, which holds its salt.
    header: [u8; 32],
}

impl Seal {
    /// For the stream with this salt and this header.
    ///
    /// # Panics
    /// Never: 32 bytes are within what HKDF gives.
    pub fn new(key: &SealKey, salt: &[u8; KEY_BYTES], header: &[u8]) -> Self {
        let header = sha256(header);
        let secret = Salt::new(HKDF_SHA256, salt).extract(&key.0);
        let info = [PURPOSE, &header[..]];
        let made = secret.expand(&info, &AES_256_GCM).expect("32 bytes are within what HKDF gives");
        Self { key: LessSafeKey::new(UnboundKey::from(made)), header }
    }

    /// Seals a chunk in its place; it grows by [`TAG_BYTES`].
    ///
    /// # Panics
    /// Never: a chunk is far below what one nonce may seal.
    pub fn close(&self, number: u64, last: bool, chunk: &mut Vec<u8>) {
        let aad = Aad::from(self.bound(number, last));
        let sealed = self.key.seal_in_place_append_tag(nonce(number), aad, chunk);
        sealed.expect("a chunk is far below what one nonce may seal");
    }

    /// Opens a chunk; none when it is not this one (SE2).
    pub fn open(&self, number: u64, last: bool, sealed: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = sealed.to_vec();
        let aad = Aad::from(self.bound(number, last));
        let len = self.key.open_in_place(nonce(number), aad, &mut bytes).ok()?.len();
        bytes.truncate(len);
        Some(bytes)
    }

    fn bound(&self, number: u64, last: bool) -> [u8; 41] {
        let mut bound = [0; 41];
        bound[..32].copy_from_slice(&self.header);
        bound[32..40].copy_from_slice(&number.to_le_bytes());
        bound[40] = last.into();
        bound
    }
}

/// SE1
fn nonce(number: u64) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    Nonce::assume_unique_for_key(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn se2_a_chunk_opens_in_its_own_place_alone() {
        let (key, salt) = (SealKey::generate(), chance());
        let seal = Seal::new(&key, &salt, b"header");
        let mut chunk = b"what is kept".to_vec();
        seal.close(7, false, &mut chunk);
        assert_eq!(chunk.len(), 12 + TAG_BYTES);
        assert_eq!(seal.open(7, false, &chunk).as_deref(), Some(&b"what is kept"[..]));
        assert_eq!((seal.open(8, false, &chunk), seal.open(7, true, &chunk)), (None, None));
        for bit in 0..chunk.len() * 8 {
            let mut flipped = chunk.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(seal.open(7, false, &flipped), None, "bit {bit}");
        }
        let others = [
            Seal::new(&SealKey::generate(), &salt, b"header"),
            Seal::new(&key, &chance(), b"header"),
            Seal::new(&key, &salt, b"another"),
        ];
        assert!(others.iter().all(|other| other.open(7, false, &chunk).is_none()));
        assert_eq!(seal.open(7, false, &chunk[..TAG_BYTES - 1]), None, "shorter than any");
    }

    #[test]
    fn se1_equal_chunks_look_different() {
        let seal = Seal::new(&SealKey::generate(), &chance(), b"");
        let sealed = |number| {
            let mut chunk = vec![0; 64];
            seal.close(number, false, &mut chunk);
            chunk
        };
        assert_ne!(sealed(1), sealed(2), "SE1");
    }

    #[test]
    fn se3_a_key_is_a_word_and_is_not_shown() {
        let key = SealKey::generate();
        let text = key.text();
        assert_eq!(SealKey::read(&format!("{text}\n")), Some(key.clone()));
        let secret = text.strip_prefix(TITLE).expect("its title");
        assert!(!format!("{key:?}").contains(&secret[..8]), "SE3");
        assert_ne!(SealKey::generate().mark(), key.mark());
        for bad in ["", TITLE, &text[..text.len() - 1], secret] {
            assert_eq!(SealKey::read(bad), None, "{bad}");
        }
    }
}
