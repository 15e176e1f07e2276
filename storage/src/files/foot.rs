//! What stands behind the data of a kept file: the sums of its chunks, and its shape.

use crate::digest::crc32;

/// Bytes of one chunk: the least that is read to serve one byte.
pub const CHUNK_BYTES: usize = 256 * 1024;

/// Bytes of the fixed part, at the very end of the file.
pub(super) const FOOT_BYTES: usize = 8 + 4 + 4 + 2 + 8 + 4;

const SHAPE: u16 = 1;
const MAGIC: &[u8; 8] = b"KONSFILE";

/// What is known about the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Foot {
    pub(super) len: u64,
    pub(super) sums: Vec<u32>,
}

impl Foot {
    /// How many chunks `len` bytes make.
    pub(super) const fn chunks(len: u64) -> u64 {
        len.div_ceil(CHUNK_BYTES as u64)
    }

    /// Sums and fixed part as they stand behind the data.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.sums.iter().flat_map(|sum| sum.to_le_bytes()).collect();
        let of_sums = crc32(&bytes);
        let start = bytes.len();
        bytes.extend_from_slice(&self.len.to_le_bytes());
        bytes.extend_from_slice(&(CHUNK_BYTES as u32).to_le_bytes());
        bytes.extend_from_slice(&of_sums.to_le_bytes());
        bytes.extend_from_slice(&SHAPE.to_le_bytes());
        bytes.extend_from_slice(MAGIC);
        let sum = crc32(&bytes[start..]);
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// Reads it back from the bytes behind `len` bytes of data; none when it is not whole and sound.
    pub(super) fn from_bytes(bytes: &[u8], len: u64) -> Option<Self> {
        let (sums, fixed) = bytes.split_at_checked(bytes.len().checked_sub(FOOT_BYTES)?)?;
        let sums: Vec<u32> = sums
            .chunks_exact(4)
            .map(|sum| u32::from_le_bytes([sum[0], sum[1], sum[2], sum[3]]))
            .collect();
        let foot = Self { len, sums };
        // The same data has one foot only, so the one that is read must be the one that is made.
        let whole = foot.sums.len() as u64 == Self::chunks(len);
        (whole && foot.to_bytes() == bytes && fixed.len() == FOOT_BYTES).then_some(foot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foot_is_read_back_and_no_flipped_bit_passes() {
        let len = 2 * CHUNK_BYTES as u64 + 1;
        let foot = Foot { len, sums: vec![1, 2, 3] };
        let bytes = foot.to_bytes();
        assert_eq!(Foot::from_bytes(&bytes, len), Some(foot));
        assert_eq!(Foot::from_bytes(&bytes, len - 1), None);
        assert_eq!(Foot::from_bytes(&bytes[1..], len), None);
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Foot::from_bytes(&bytes, len), None, "bit {bit}");
        }
        assert_eq!(Foot::from_bytes(b"short", 0), None);
    }
}
