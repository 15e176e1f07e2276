//! One record of the log, and the head of a segment, as bytes.
//!
//! ```text
//! record   head sum 4 | payload sum 4 | length 4 | shard 2 | kind 1 | 0 | number 8 | synced 8 | payload | 0..7
//! segment  "KONSWAL\n" | version 2 | 0 | first number 8 | sum 4 | zeros to 512
//! ```
//!
//! All numbers are little endian. The payload's sum is made by whoever appends, outside every
//! lock; the head's sum by the writer, once it knows the number. A record starts at a multiple of
//! 8, so that a search for later records has few places to look at.

use bytes::Bytes;

use crate::digest::{crc32, crc32_both};

/// Bytes before the payload of a record.
pub const HEAD: usize = 32;

/// Bytes before the first record of a segment: one sector, so that it is never torn.
pub const SEGMENT_HEAD: usize = 512;

/// The shape of the log written by this version.
pub const VERSION: u16 = 1;

/// The kind of a record that carries nothing but `synced`; other kinds belong to the caller.
pub const MARK: u8 = 0;

const MAGIC: &[u8; 8] = b"KONSWAL\n";

/// What is to be appended.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The shard it belongs to; the log itself does not care.
    pub shard: u16,
    /// What the payload is, in the caller's words; not [`MARK`].
    pub kind: u8,
    /// What stands before `payload` in the record; read back, it is the payload's beginning.
    pub lead: Lead,
    /// The payload.
    pub payload: Bytes,
    /// The checksum of both.
    pub sum: u32,
}

/// Bytes of the longest lead.
pub const LEAD: usize = 24;

/// A few bytes before a payload that is shared with others, and so is not copied to make room.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lead {
    bytes: [u8; LEAD],
    len: u8,
}

impl Lead {
    /// A lead of at most [`LEAD`] bytes.
    ///
    /// # Panics
    /// When there are more: a bug of the caller.
    pub fn new(bytes: &[u8]) -> Self {
        let mut lead = Self { len: bytes.len() as u8, ..Self::default() };
        lead.bytes[..bytes.len()].copy_from_slice(bytes);
        lead
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl Draft {
    /// A draft of `payload`, its checksum made here.
    pub fn new(shard: u16, kind: u8, payload: Bytes) -> Self {
        let sum = crc32(&payload);
        Self { shard, kind, lead: Lead::default(), payload, sum }
    }

    /// A draft of `lead` and `payload`, their checksum made here.
    pub fn led(shard: u16, kind: u8, lead: Lead, payload: Bytes) -> Self {
        let sum = crc32_both(lead.as_slice(), &payload);
        Self { shard, kind, lead, payload, sum }
    }

    /// Bytes of lead and payload.
    pub fn len(&self) -> usize {
        self.lead.as_slice().len() + self.payload.len()
    }

    /// True when it carries nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes it takes in a segment.
    pub fn room(&self) -> usize {
        room(self.len())
    }
}

/// Bytes a record with a payload of `len` takes in a segment.
pub const fn room(len: usize) -> usize {
    (HEAD + len).next_multiple_of(8)
}

/// A record that was read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'log> {
    /// Its number in the log.
    pub number: u64,
    /// The last number that was durable when it was written.
    pub synced: u64,
    /// The shard it belongs to.
    pub shard: u16,
    /// What the payload is.
    pub kind: u8,
    /// The payload.
    pub payload: &'log [u8],
}

/// Appends the bytes of a record to `into`.
pub fn write(into: &mut Vec<u8>, draft: &Draft, number: u64, synced: u64) {
    let start = into.len();
    into.extend_from_slice(&[0; 4]);
    into.extend_from_slice(&draft.sum.to_le_bytes());
    into.extend_from_slice(&(draft.len() as u32).to_le_bytes());
    into.extend_from_slice(&draft.shard.to_le_bytes());
    into.extend_from_slice(&[draft.kind, 0]);
    into.extend_from_slice(&number.to_le_bytes());
    into.extend_from_slice(&synced.to_le_bytes());
    let sum = crc32(&into[start + 4..start + HEAD]);
    into[start..start + 4].copy_from_slice(&sum.to_le_bytes());
    into.extend_from_slice(draft.lead.as_slice());
    into.extend_from_slice(&draft.payload);
    into.resize(start + draft.room(), 0);
}

/// The record at the start of `bytes`, when a whole and sound one stands there.
pub fn read(bytes: &[u8]) -> Option<Record<'_>> {
    let record = read_head(bytes)?;
    let (sum, len) = (u32_at(bytes, 4), u32_at(bytes, 8) as usize);
    let payload = bytes.get(HEAD..HEAD.checked_add(len)?)?;
    (crc32(payload) == sum).then_some(Record { payload, ..record })
}

/// The head of a record, its payload unread: enough to know that a record was written here.
pub fn read_head(bytes: &[u8]) -> Option<Record<'_>> {
    let head = bytes.get(..HEAD)?;
    if head.iter().all(|byte| *byte == 0) || crc32(&head[4..]) != u32_at(head, 0) {
        return None;
    }
    Some(Record {
        number: u64_at(head, 16),
        synced: u64_at(head, 24),
        shard: u16::from_le_bytes([head[12], head[13]]),
        kind: head[14],
        payload: &[],
    })
}

/// The head of a segment whose first record has the number `first`.
pub fn segment_head(first: u64) -> Vec<u8> {
    let mut head = Vec::with_capacity(SEGMENT_HEAD);
    head.extend_from_slice(MAGIC);
    head.extend_from_slice(&VERSION.to_le_bytes());
    head.extend_from_slice(&[0; 6]);
    head.extend_from_slice(&first.to_le_bytes());
    let sum = crc32(&head);
    head.extend_from_slice(&sum.to_le_bytes());
    head.resize(SEGMENT_HEAD, 0);
    head
}

/// The version and first number in the head of a segment, when it is sound.
pub fn read_segment_head(bytes: &[u8]) -> Option<(u16, u64)> {
    let head = bytes.get(..28)?;
    let sound = head.starts_with(MAGIC) && crc32(&head[..24]) == u32_at(head, 24);
    sound.then(|| (u16::from_le_bytes([head[8], head[9]]), u64_at(head, 16)))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_and_no_flipped_bit_passes(
            payload in proptest::collection::vec(any::<u8>(), 0..200),
            number in 1..u64::MAX,
            flip in any::<proptest::sample::Index>(),
        ) {
            let mut bytes = Vec::new();
            let draft = Draft::new(7, 3, payload.clone().into());
            write(&mut bytes, &draft, number, number - 1);
            let record = read(&bytes).expect("it was just written");
            prop_assert_eq!(record.payload, &payload[..]);
            prop_assert_eq!((record.number, record.synced), (number, number - 1));
            prop_assert_eq!((record.shard, record.kind, bytes.len() % 8), (7, 3, 0));

            let bit = flip.index((HEAD + payload.len()) * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(read(&bytes), None);
        }

        #[test]
        fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = read(&bytes);
            let _ = read_segment_head(&bytes);
        }
    }

    #[test]
    fn a_segment_head_is_read_back() {
        let mut head = segment_head(77);
        assert_eq!(read_segment_head(&head), Some((VERSION, 77)));
        head[17] ^= 1;
        assert_eq!(read_segment_head(&head), None);
        assert_eq!(read(&[0; 64]), None, "zeros are no record");
    }
}
