//! Which bytes stand under which key in the engine.
//!
//! ```text
//! c                          the checkpoint: everything up to this place of the log is in here
//! h <journal>                the head of a journal
//! e <journal> 0 <seq> <n>    piece n of an entry
//! s <journal> 0 <n>          piece n of a snapshot
//! ```
//!
//! Numbers in keys are big endian, so that they sort. No journal's name holds a zero byte, so no
//! prefix of one is taken for another. Long values are cut into pieces, because an engine keeps
//! large values badly; the first piece says how many there are.

use std::collections::BTreeMap;

use crate::{
    digest::crc32,
    fault::StorageFault,
    history,
    journal::{JournalId, Link, Seq},
    store::{Batch, Store},
    wal::place::Place,
};

/// The key of the checkpoint.
pub(super) const CHECKPOINT: &[u8] = b"c";
/// Before every head.
pub(super) const HEADS: u8 = b'h';

const ENTRIES: u8 = b'e';
const SNAPSHOTS: u8 = b's';
/// Bytes of one piece: well below what the pickiest engine keeps in its tree.
const PIECE: usize = 4 * 1024;
/// Pairs read from the engine at a time.
const PAGE: usize = 512;

/// The key of a journal's head; also where a listing of journals starts.
pub(super) fn head_key(journal: &str) -> Vec<u8> {
    [&[HEADS], journal.as_bytes()].concat()
}

fn of_journal(kind: u8, journal: &JournalId) -> Vec<u8> {
    [&[kind], journal.as_str().as_bytes(), &[0]].concat()
}

fn entry_key(journal: &JournalId, seq: Seq) -> Vec<u8> {
    let mut key = of_journal(ENTRIES, journal);
    key.extend_from_slice(&seq.0.to_be_bytes());
    key
}

/// Puts an entry.
pub(super) fn put_entry(batch: &mut Batch, journal: &JournalId, seq: Seq, bytes: &[u8]) {
    put_pieces(batch, &entry_key(journal, seq), bytes);
}

/// Puts a journal's head.
pub(super) fn put_head(batch: &mut Batch, journal: &JournalId, link: Link) {
    batch.put(head_key(journal.as_str()), history::write_head(link));
}

/// Puts a snapshot in place of the one that was there.
pub(super) fn put_snapshot(
    batch: &mut Batch,
    store: &dyn Store,
    journal: &JournalId,
    bytes: &[u8],
) -> Result<(), StorageFault> {
    let base = of_journal(SNAPSHOTS, journal);
    let before = store.get(&piece_key(&base, 0))?.and_then(|first| announced(&first));
    let pieces = put_pieces(batch, &base, bytes);
    for left in pieces..before.unwrap_or(0) {
        batch.delete(piece_key(&base, left));
    }
    Ok(())
}

/// Puts the checkpoint.
pub(super) fn put_checkpoint(batch: &mut Batch, place: Place) {
    let place = place.to_bytes();
    batch.put(CHECKPOINT.to_vec(), [&crc32(&place).to_le_bytes(), &place[..]].concat());
}

/// The checkpoint; `Some(None)` when there is one that is damaged.
pub(super) fn checkpoint(store: &dyn Store) -> Result<Option<Option<Place>>, StorageFault> {
    let Some(bytes) = store.get(CHECKPOINT)? else { return Ok(None) };
    let place = bytes.split_first_chunk().and_then(|(sum, place): (&[u8; 4], _)| {
        (crc32(place) == u32::from_le_bytes(*sum)).then(|| Place::from_bytes(place)).flatten()
    });
    Ok(Some(place))
}

/// The end of a journal as the engine has it. A journal with entries and no head is damaged, not
/// new.
pub(super) fn load_head(store: &dyn Store, journal: &JournalId) -> Result<Link, StorageFault> {
    let corrupt = |seq| StorageFault::Corrupt { journal: journal.clone(), seq };
    match store.get(&head_key(journal.as_str()))? {
        Some(bytes) => history::read_head(&bytes).ok_or_else(|| corrupt(Seq(0))),
        None => {
            let prefix = of_journal(ENTRIES, journal);
            match store.scan(&prefix, &prefix, 1)?.is_empty() {
                true => Ok(Link::genesis(journal)),
                false => Err(corrupt(Seq(0))),
            }
        }
    }
}

/// At most `limit` entries from `from` on, below `before`, as they were stored. What misses a
/// piece comes back as what is left of it, and fails its checksum.
pub(super) fn load_entries(
    store: &dyn Store,
    journal: &JournalId,
    from: Seq,
    before: Seq,
    limit: usize,
) -> Result<BTreeMap<Seq, Vec<u8>>, StorageFault> {
    let prefix = of_journal(ENTRIES, journal);
    let mut found: BTreeMap<Seq, Joined> = BTreeMap::new();
    let mut next = entry_key(journal, from);
    // One entry more than asked is begun, so that the last asked one is known to be whole.
    'pages: while found.len() <= limit {
        let page = store.scan(&prefix, &next, PAGE.min(limit + 1))?;
        let Some((last, _)) = page.last() else { break };
        next = [last, &[0][..]].concat();
        for (key, value) in page {
            let Some((seq, piece)) = split_entry_key(&key[prefix.len()..]) else { continue };
            if seq >= before || found.len() > limit {
                break 'pages;
            }
            found.entry(seq).or_default().add(piece, &value);
        }
    }
    Ok(found.into_iter().take(limit).map(|(seq, joined)| (seq, joined.whole())).collect())
}

/// A value being put together from its pieces.
#[derive(Default)]
struct Joined {
    bytes: Vec<u8>,
    announced: u16,
    pieces: u16,
}

impl Joined {
    fn add(&mut self, piece: u16, value: &[u8]) {
        if piece == 0 {
            self.announced = announced(value).unwrap_or(0);
        }
        self.pieces += u16::from(piece == self.pieces);
        self.bytes.extend_from_slice(if piece == 0 {
            value.get(2..).unwrap_or(&[])
        } else {
            value
        });
    }

    /// The value; nothing, which no checksum passes, when a piece is missing or one too many.
    fn whole(self) -> Vec<u8> {
        if self.pieces == self.announced { self.bytes } else { Vec::new() }
    }
}

fn split_entry_key(rest: &[u8]) -> Option<(Seq, u16)> {
    let (seq, piece) = rest.split_first_chunk::<8>()?;
    Some((Seq(u64::from_be_bytes(*seq)), u16::from_be_bytes(piece.try_into().ok()?)))
}

/// The snapshot of a journal as it was stored.
pub(super) fn load_snapshot(
    store: &dyn Store,
    journal: &JournalId,
) -> Result<Option<Vec<u8>>, StorageFault> {
    let base = of_journal(SNAPSHOTS, journal);
    let Some(first) = store.get(&piece_key(&base, 0))? else { return Ok(None) };
    let mut joined = Joined::default();
    joined.add(0, &first);
    for piece in 1..joined.announced {
        match store.get(&piece_key(&base, piece))? {
            Some(value) => joined.add(piece, &value),
            None => break,
        }
    }
    Ok(Some(joined.whole()))
}

fn piece_key(base: &[u8], piece: u16) -> Vec<u8> {
    [base, &piece.to_be_bytes()].concat()
}

fn announced(first: &[u8]) -> Option<u16> {
    first.first_chunk().map(|count| u16::from_le_bytes(*count))
}

fn put_pieces(batch: &mut Batch, base: &[u8], bytes: &[u8]) -> u16 {
    let count = bytes.len().div_ceil(PIECE).max(1);
    assert!(count <= usize::from(u16::MAX), "a value is bounded by the log's largest payload");
    let (first, rest) = bytes.split_at(bytes.len().min(PIECE));
    batch.put(piece_key(base, 0), [&(count as u16).to_le_bytes(), first].concat());
    for (at, piece) in rest.chunks(PIECE).enumerate() {
        batch.put(piece_key(base, at as u16 + 1), piece.to_vec());
    }
    count as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::MemoryStore;

    fn id(text: &str) -> JournalId {
        JournalId::new(text).expect("a good name")
    }

    #[test]
    fn long_values_are_cut_and_joined_and_neighbours_are_left_alone() {
        let store = MemoryStore::new();
        let mut batch = Batch::default();
        for (name, len) in [("a", 10_000), ("ab", 3), ("b", 5000)] {
            for seq in 1..=5 {
                put_entry(&mut batch, &id(name), Seq(seq), &vec![seq as u8; len]);
            }
        }
        store.apply(&batch).expect("applied");
        let read = |from, before, limit| {
            load_entries(&store, &id("a"), Seq(from), Seq(before), limit).expect("read")
        };
        assert_eq!(read(1, 9, 9).len(), 5);
        assert!(read(1, 9, 9).iter().all(|(seq, bytes)| *bytes == vec![seq.0 as u8; 10_000]));
        assert_eq!(read(2, 5, 9).into_keys().collect::<Vec<_>>(), [Seq(2), Seq(3), Seq(4)]);
        assert_eq!(read(2, 9, 2).into_values().map(|v| v.len()).collect::<Vec<_>>(), [10_000; 2]);
        assert_eq!(read(6, 9, 9).len(), 0);
    }

    #[test]
    fn a_shorter_snapshot_leaves_nothing_of_the_longer_one() {
        let store = MemoryStore::new();
        for len in [20_000, 5000, 0, 9000] {
            let mut batch = Batch::default();
            put_snapshot(&mut batch, &store, &id("a"), &vec![7; len]).expect("put");
            store.apply(&batch).expect("applied");
            let loaded = load_snapshot(&store, &id("a")).expect("read");
            assert_eq!(loaded.map(|bytes| bytes.len()), Some(len));
            let pieces = store.scan(b"s", b"s", 99).expect("scanned").len();
            assert_eq!(pieces, len.div_ceil(PIECE).max(1));
        }
    }

    #[test]
    fn a_lost_head_is_damage_and_a_lost_checkpoint_is_seen() {
        let store = MemoryStore::new();
        assert_eq!(load_head(&store, &id("a")), Ok(Link::genesis(&id("a"))));
        assert_eq!(checkpoint(&store), Ok(None));
        let mut batch = Batch::default();
        put_entry(&mut batch, &id("a"), Seq(1), b"entry");
        let place = Place { number: 1, segment: 1, offset: 600 };
        put_checkpoint(&mut batch, place);
        store.apply(&batch).expect("applied");
        assert!(matches!(load_head(&store, &id("a")), Err(StorageFault::Corrupt { .. })));
        assert_eq!(checkpoint(&store), Ok(Some(Some(place))));
        assert!(store.flip(b"c", 5));
        assert_eq!(checkpoint(&store), Ok(Some(None)));
    }
}
