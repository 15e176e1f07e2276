//! The shapes in which entries, heads, snapshots and log records are stored, and every older one.
//!
//! ```text
//! entry     sum 4 | shape 2 | seq 8 | at 8 | parent 32 | body
//! head      sum 4 | shape 2 | seq 8 | hash 32
//! snapshot  sum 4 | shape 2 | seq 8 | version 2 | body
//! append    shape 2 | name 1+n | count 4 | (length 4, entry) for each
//! fold      shape 2 | name 1+n | snapshot
//! ```
//!
//! All numbers are little endian. A sum is the CRC-32 of everything after it; the hash of an entry
//! is the SHA-256 of everything after its sum. A new shape gets a number here, a way to be read,
//! and a sample in `vectors/`, which stays for ever and is read by a test.
//!
//! # Why no codec?
//! The envelope is fixed and hashed: its bytes are its meaning. The bodies inside are the upper
//! floor's, and those go through the codec. An append is built once and cut into entries without
//! being copied again.

use bytes::Bytes;
use protocol::time::Time;

use crate::{
    digest::{HASH_BYTES, Hash, crc32, sha256},
    journal::{Entry, JournalId, Link, Seq, Snapshot},
};

/// The shape written by this version: the first.
pub const SHAPE: u16 = 1;

/// Bytes of an entry before its body.
pub const ENTRY_HEAD: usize = 4 + 2 + 8 + 8 + HASH_BYTES;
const HEAD_BYTES: usize = 4 + 2 + 8 + HASH_BYTES;
const SNAPSHOT_HEAD: usize = 4 + 2 + 8 + 2;

/// An entry as it is stored, with what chains it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// What the upper floor gave.
    pub entry: Entry,
    /// The hash of the entry before it.
    pub parent: Hash,
    /// Its own hash.
    pub hash: Hash,
}

/// A record of the log that was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// Whose entries.
    pub journal: JournalId,
    /// The entries as they are stored, in order; slices of the record.
    pub entries: Vec<Bytes>,
}

/// Builds the log record that appends `bodies` behind `link`, and says where the chain ends then.
pub fn write_append(
    journal: &JournalId,
    link: Link,
    at: Time,
    bodies: &[Vec<u8>],
) -> (Append, Bytes, Link) {
    let name = journal.as_str().as_bytes();
    let all: usize = bodies.iter().map(|body| 4 + ENTRY_HEAD + body.len()).sum();
    let mut record = Vec::with_capacity(2 + 1 + name.len() + 4 + all);
    write_name(&mut record, name);
    record.extend_from_slice(&(bodies.len() as u32).to_le_bytes());
    let mut spans = Vec::with_capacity(bodies.len());
    let mut link = link;
    for body in bodies {
        record.extend_from_slice(&((ENTRY_HEAD + body.len()) as u32).to_le_bytes());
        let start = record.len();
        let seq = link.seq.next();
        record.extend_from_slice(&[0; 4]);
        record.extend_from_slice(&SHAPE.to_le_bytes());
        record.extend_from_slice(&seq.0.to_le_bytes());
        record.extend_from_slice(&at.ms().to_le_bytes());
        record.extend_from_slice(&link.hash);
        record.extend_from_slice(body);
        seal(&mut record[start..]);
        assert_eq!(seq.0, link.seq.0 + 1, "J1");
        link = Link { seq, hash: sha256(&record[start + 4..]) };
        spans.push(start..record.len());
    }
    let record = Bytes::from(record);
    let entries = spans.into_iter().map(|span| record.slice(span)).collect();
    (Append { journal: journal.clone(), entries }, record, link)
}

/// Builds the log record that appends entries as they are stored already; who calls it checks that
/// they follow.
pub fn write_adopted(journal: &JournalId, entries: &[Bytes]) -> (Append, Bytes) {
    let all: usize = entries.iter().map(|entry| 4 + entry.len()).sum();
    let name = journal.as_str().as_bytes();
    let mut record = Vec::with_capacity(2 + 1 + name.len() + 4 + all);
    write_name(&mut record, name);
    record.extend_from_slice(&(entries.len() as u32).to_le_bytes());
    let mut spans = Vec::with_capacity(entries.len());
    for entry in entries {
        record.extend_from_slice(&(entry.len() as u32).to_le_bytes());
        spans.push(record.len()..record.len() + entry.len());
        record.extend_from_slice(entry);
    }
    let record = Bytes::from(record);
    let entries = spans.into_iter().map(|span| record.slice(span)).collect();
    (Append { journal: journal.clone(), entries }, record)
}

/// Reads a record back; none when it is not one.
pub fn read_append(record: &Bytes) -> Option<Append> {
    let (journal, mut at) = read_name(record)?;
    let count = u32_at(record, at)?;
    at += 4;
    let mut entries = Vec::new();
    for _ in 0..count {
        let len = u32_at(record, at)? as usize;
        at += 4;
        let end = at.checked_add(len)?;
        record.get(at..end)?;
        entries.push(record.slice(at..end));
        at = end;
    }
    (at == record.len() && !entries.is_empty()).then_some(Append { journal, entries })
}

/// Reads an entry back, its sum checked; none when it is damaged or of an unknown shape.
pub fn read_entry(bytes: &[u8]) -> Option<Stored> {
    let body = unseal(bytes)?.get(ENTRY_HEAD..)?;
    let parent: Hash = bytes[22..ENTRY_HEAD].try_into().ok()?;
    let entry = Entry {
        seq: Seq(u64_at(bytes, 6)?),
        at: Time::from_ms(u64_at(bytes, 14)?),
        body: body.to_vec(),
    };
    Some(Stored { entry, parent, hash: sha256(&bytes[4..]) })
}

/// The place of a stored entry, read without checking it.
pub fn peek_seq(bytes: &[u8]) -> Option<Seq> {
    u64_at(bytes, 6).map(Seq)
}

/// The end of a journal as bytes.
pub fn write_head(link: Link) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD_BYTES);
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&SHAPE.to_le_bytes());
    bytes.extend_from_slice(&link.seq.0.to_le_bytes());
    bytes.extend_from_slice(&link.hash);
    seal(&mut bytes);
    bytes
}

/// Reads the end of a journal back.
pub fn read_head(bytes: &[u8]) -> Option<Link> {
    let bytes = unseal(bytes)?;
    let hash = bytes.get(14..HEAD_BYTES)?.try_into().ok()?;
    (bytes.len() == HEAD_BYTES).then_some(Link { seq: Seq(u64_at(bytes, 6)?), hash })
}

/// Builds the log record that keeps a snapshot, and the snapshot inside it.
pub fn write_fold(journal: &JournalId, snapshot: &Snapshot) -> (Bytes, Bytes) {
    let name = journal.as_str().as_bytes();
    let room = 3 + name.len() + SNAPSHOT_HEAD + snapshot.body.len();
    let mut record = Vec::with_capacity(room);
    write_name(&mut record, name);
    let start = record.len();
    record.extend_from_slice(&[0; 4]);
    record.extend_from_slice(&SHAPE.to_le_bytes());
    record.extend_from_slice(&snapshot.seq.0.to_le_bytes());
    record.extend_from_slice(&snapshot.version.to_le_bytes());
    record.extend_from_slice(&snapshot.body);
    seal(&mut record[start..]);
    let record = Bytes::from(record);
    let inside = record.slice(start..);
    (record, inside)
}

/// Reads the record of a snapshot back: whose, and the snapshot as it is stored.
pub fn read_fold(record: &Bytes) -> Option<(JournalId, Bytes)> {
    let (journal, at) = read_name(record)?;
    Some((journal, record.slice(at..)))
}

/// Reads a snapshot back, its sum checked.
pub fn read_snapshot(bytes: &[u8]) -> Option<Snapshot> {
    let body = unseal(bytes)?.get(SNAPSHOT_HEAD..)?;
    let version = u16::from_le_bytes([bytes[14], bytes[15]]);
    Some(Snapshot { seq: Seq(u64_at(bytes, 6)?), version, body: body.to_vec() })
}

fn write_name(record: &mut Vec<u8>, name: &[u8]) {
    assert!(name.len() < 256, "a journal's name is short: `JournalId::new`");
    record.extend_from_slice(&SHAPE.to_le_bytes());
    record.push(name.len() as u8);
    record.extend_from_slice(name);
}

fn read_name(record: &[u8]) -> Option<(JournalId, usize)> {
    if record.get(..2)? != SHAPE.to_le_bytes() {
        return None;
    }
    let end = 3 + usize::from(*record.get(2)?);
    let name = std::str::from_utf8(record.get(3..end)?).ok()?;
    Some((JournalId::new(name).ok()?, end))
}

fn seal(bytes: &mut [u8]) {
    let sum = crc32(&bytes[4..]);
    bytes[..4].copy_from_slice(&sum.to_le_bytes());
}

/// The same bytes, when their sum is right and their shape is known.
fn unseal(bytes: &[u8]) -> Option<&[u8]> {
    let sound = crc32(bytes.get(4..)?) == u32_at(bytes, 0)?;
    let known = bytes.get(4..6)? == SHAPE.to_le_bytes();
    (sound && known).then_some(bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at.checked_add(8)?)?.try_into().ok().map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::{hex, sha256};
    use proptest::prelude::*;

    fn journal() -> JournalId {
        JournalId::new("room/room_01j9").expect("a good name")
    }

    fn sample() -> (Bytes, Link) {
        let bodies = [b"first".to_vec(), b"second".to_vec()];
        let (_, record, link) =
            write_append(&journal(), Link::genesis(&journal()), Time::from_ms(7), &bodies);
        (record, link)
    }

    #[test]
    fn the_samples_of_every_shape_are_still_read() {
        let append = Bytes::from_static(include_bytes!("../vectors/append.v1"));
        let read = read_append(&append).expect("shape 1 of an append");
        assert_eq!((read.journal, read.entries.len()), (journal(), 2));
        let second = read_entry(&read.entries[1]).expect("shape 1 of an entry");
        assert_eq!((second.entry.seq, &second.entry.body[..]), (Seq(2), &b"second"[..]));
        let head = read_head(include_bytes!("../vectors/head.v1")).expect("shape 1 of a head");
        assert_eq!(head, Link { seq: Seq(2), hash: second.hash });
        let fold = Bytes::from_static(include_bytes!("../vectors/fold.v1"));
        let (named, inside) = read_fold(&fold).expect("shape 1 of a fold");
        let snapshot = Snapshot { seq: Seq(2), version: 9, body: b"folded".to_vec() };
        assert_eq!((named, read_snapshot(&inside)), (journal(), Some(snapshot)));
    }

    #[test]
    fn what_is_written_today_is_the_newest_sample() {
        let snapshot = Snapshot { seq: Seq(2), version: 9, body: b"folded".to_vec() };
        let (record, link) = sample();
        let today =
            [record.to_vec(), write_head(link), write_fold(&journal(), &snapshot).0.to_vec()];
        let kept: [&[u8]; 3] = [
            include_bytes!("../vectors/append.v1"),
            include_bytes!("../vectors/head.v1"),
            include_bytes!("../vectors/fold.v1"),
        ];
        for (today, kept) in today.iter().zip(kept) {
            assert_eq!(hex(today), hex(kept), "a changed shape needs a new number");
        }
    }

    #[test]
    fn j1_j3_entries_are_chained_from_the_journals_name() {
        let (record, link) = sample();
        let read = read_append(&record).expect("just written");
        let stored: Vec<_> = read.entries.iter().filter_map(|entry| read_entry(entry)).collect();
        assert_eq!(stored[0].parent, sha256(b"room/room_01j9"), "J3");
        assert_eq!(stored[1].parent, stored[0].hash, "J3");
        assert_eq!((stored[0].entry.seq, link.seq), (Seq(1), Seq(2)), "J1");
        assert_eq!(peek_seq(&read.entries[1]), Some(Seq(2)));
    }

    proptest! {
        #[test]
        fn no_flipped_bit_passes(flip in any::<proptest::sample::Index>()) {
            let (record, link) = sample();
            let entry = read_append(&record).expect("just written").entries[1].clone();
            let snapshot = Snapshot { seq: Seq(2), version: 9, body: vec![3; 50] };
            let inside = write_fold(&journal(), &snapshot).1;
            for bytes in [entry.to_vec(), write_head(link), inside.to_vec()] {
                let mut bytes = bytes;
                let bit = flip.index(bytes.len() * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
                prop_assert_eq!(read_entry(&bytes), None);
                prop_assert_eq!(read_head(&bytes), None);
                prop_assert_eq!(read_snapshot(&bytes), None);
            }
        }

        #[test]
        fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = (read_entry(&bytes), read_head(&bytes), read_snapshot(&bytes));
            let bytes = Bytes::from(bytes);
            let _ = (read_append(&bytes), read_fold(&bytes));
        }
    }
}
