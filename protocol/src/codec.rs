//! The one place that names an encoding.
//!
//! bincode 2 (little endian, varint) between nodes and on disk, JSON to browsers. bincode is
//! abandoned upstream and pinned; nothing outside this file names it, so a successor is one file.
//!
//! # Invariants
//! - **C1** A decoder is given a bound and never allocates beyond it.
//! - **C2** Bytes left over after a value are an error, never ignored.
//! - **C3** What is encoded is decoded to an equal value.
//!
//! Only serde's path of bincode is used: its own `Decode` aborts the process on a 9-byte message
//! that announces 200 GiB. Stored shapes hold no unit collections and do not recurse, because
//! both defeat the bound.

use serde::{Serialize, de::DeserializeOwned};

/// The bytes do not hold what was asked of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecFault {
    /// More bytes than the bound of this shape.
    #[error("{len} bytes where at most {max} are allowed")]
    TooLong {
        /// What arrived.
        len: usize,
        /// What is allowed.
        max: usize,
    },
    /// The bytes are not of this shape.
    #[error("not a valid {shape}: {reason}")]
    Malformed {
        /// The Rust name of the shape.
        shape: &'static str,
        /// What the decoder stumbled over.
        reason: String,
    },
    /// A valid value, and then something else.
    #[error("{extra} bytes follow a complete {shape}")]
    Trailing {
        /// The Rust name of the shape.
        shape: &'static str,
        /// How many.
        extra: usize,
    },
}

/// Encodes a value for the disk or another node.
///
/// # Panics
/// When the shape cannot be expressed in bincode (a map of unknown length, a flattened field):
/// a bug of the shape, found by its vector test.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    bincode::serde::encode_to_vec(value, bincode::config::standard())
        .expect("a protocol shape has only types that bincode can carry")
}

/// Decodes a value of at most `MAX` bytes; allocates no more than that.
pub fn decode<T: DeserializeOwned, const MAX: usize>(bytes: &[u8]) -> Result<T, CodecFault> {
    match decode_front::<T, MAX>(bytes)? {
        (value, []) => Ok(value),
        (_, rest) => Err(CodecFault::Trailing { shape: shape::<T>(), extra: rest.len() }),
    }
}

/// Decodes the value that the bytes begin with, and hands back what follows it: for shapes that
/// later releases made longer, and for what is not understood as a whole.
pub fn decode_front<T: DeserializeOwned, const MAX: usize>(
    bytes: &[u8],
) -> Result<(T, &[u8]), CodecFault> {
    if bytes.len() > MAX {
        return Err(CodecFault::TooLong { len: bytes.len(), max: MAX });
    }
    let config = bincode::config::standard().with_limit::<MAX>();
    match bincode::serde::decode_from_slice(bytes, config) {
        Ok((value, used)) => Ok((value, &bytes[used..])),
        Err(reason) => Err(malformed::<T>(&reason)),
    }
}

/// Encodes a value for a browser.
///
/// # Panics
/// When the shape has a map whose keys are not strings: a bug of the shape.
pub fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("a protocol shape has only types that JSON can carry")
}

/// Decodes what a browser sent, of at most `MAX` bytes. serde_json stops at 128 levels.
pub fn from_json<T: DeserializeOwned, const MAX: usize>(text: &str) -> Result<T, CodecFault> {
    if text.len() > MAX {
        return Err(CodecFault::TooLong { len: text.len(), max: MAX });
    }
    serde_json::from_str(text).map_err(|reason| malformed::<T>(&reason))
}

fn malformed<T>(reason: &dyn std::fmt::Display) -> CodecFault {
    CodecFault::Malformed { shape: shape::<T>(), reason: reason.to_string() }
}

fn shape<T>() -> &'static str {
    std::any::type_name::<T>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c1_a_short_message_that_announces_gigabytes_is_an_error() {
        // 253 = a u64 length follows; 200 GiB of text announced by nine bytes.
        let hostile = [253, 0, 0, 0, 0, 50, 0, 0, 0];
        assert!(decode::<String, 65_536>(&hostile).is_err());
        assert!(decode::<Vec<u64>, 65_536>(&hostile).is_err());
        assert!(matches!(decode::<String, 4>(&hostile), Err(CodecFault::TooLong { .. })));
    }

    #[test]
    fn c2_leftover_bytes_are_an_error() {
        let mut bytes = encode(&7u32);
        bytes.push(0);
        assert!(matches!(decode::<u32, 64>(&bytes), Err(CodecFault::Trailing { extra: 1, .. })));
        assert!(from_json::<u32, 64>("7 7").is_err());
    }

    #[test]
    fn c1_deep_json_is_an_error_and_not_a_full_stack() {
        let deep = "[".repeat(50_000);
        assert!(from_json::<serde_json::Value, 65_536>(&deep).is_err());
    }
}
