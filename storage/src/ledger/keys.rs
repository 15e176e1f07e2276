//! Which bytes stand under which key in the engine.
//!
//! ```text
//! c                          the checkpoint: everything up to this place of the log is in here
//! h <journal>                the head of a journal
//! e <journal> 0 <seq> <n>    piece n of an entry
//! s <journal> 0 <n>          piece n of a snapshot
//! n <shard> <journal>        a journal of this shard; the twins' own list
//! N                          that list is complete
//! p <shard>                  everything up to this place of the shard's log is in here
//! f <shard>                  what this replica of the shard has seen and done
//! ```
//!
//! Numbers in keys are big endian, so that they sort. No journal's name holds a zero byte, so no
//! prefix of one is taken for another. Long values are cut into pieces, because an engine keeps
//! large values badly; the first piece says how many there are.

use std::collections::BTreeMap;

use protocol::{
    cluster::{Epoch, Lsn},
    twin::At,
};

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

const LISTED: &[u8] = b"N";
const LIST: u8 = b'n';
const APPLIED: u8 = b'p';
const FENCE: u8 = b'f';
const ENTRIES: u8 = b'e';
const SNAPSHOTS: u8 = b's';
/// Stands where 1 says that a copy tore the shard.
const LEAVING: u64 = 2;
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

fn of_shard(kind: u8, shard: u16) -> Vec<u8> {
    let [high, low] = shard.to_be_bytes();
    vec![kind, high, low]
}

/// Puts a journal on its shard's list.
pub(super) fn put_listed(batch: &mut Batch, shard: u16, journal: &JournalId) {
    batch.put([&of_shard(LIST, shard), journal.as_str().as_bytes()].concat(), vec![1]);
}

/// Whether a journal stands on its shard's list, as it should.
pub(super) fn is_listed(
    store: &dyn Store,
    shard: u16,
    journal: &JournalId,
) -> Result<bool, StorageFault> {
    let key = [&of_shard(LIST, shard), journal.as_str().as_bytes()].concat();
    Ok(store.get(&key)?.as_deref() == Some(&[1]))
}

/// Whether it is written down, as it should be, that the lists are complete.
pub(super) fn are_complete(store: &dyn Store) -> Result<bool, StorageFault> {
    Ok(store.get(LISTED)?.as_deref() == Some(&[1]))
}

/// Puts that the lists are complete.
pub(super) fn put_complete(batch: &mut Batch) {
    batch.put(LISTED.to_vec(), vec![1]);
}

/// At most `limit` journals of a shard, behind `after`, in order.
pub(super) fn listed(
    store: &dyn Store,
    shard: u16,
    after: Option<&JournalId>,
    limit: usize,
) -> Result<Vec<JournalId>, StorageFault> {
    let prefix = of_shard(LIST, shard);
    let from = match after {
        Some(after) => [&prefix, after.as_str().as_bytes(), &[0]].concat(),
        None => prefix.clone(),
    };
    let names = store.scan(&prefix, &from, limit)?;
    let names = names.iter().filter_map(|(key, _)| std::str::from_utf8(&key[3..]).ok());
    Ok(names.filter_map(|name| JournalId::new(name).ok()).collect())
}

/// Makes the lists complete when they are not: data from before there were twins has none. Such a
/// shard begins at the place `old`, so that an empty copy is not taken for an equal one.
pub(super) fn list_all(store: &dyn Store, old: At) -> Result<(), StorageFault> {
    if store.get(LISTED)?.is_some() {
        return Ok(());
    }
    let mut from = vec![HEADS];
    loop {
        let page = store.scan(&[HEADS], &from, PAGE)?;
        let Some((last, _)) = page.last() else { break };
        from = [last, &[0][..]].concat();
        let mut batch = Batch::default();
        for (key, _) in &page {
            let name = std::str::from_utf8(&key[1..]).ok();
            let Some(journal) = name.and_then(|name| JournalId::new(name).ok()) else { continue };
            let shard = journal.shard();
            put_listed(&mut batch, shard, &journal);
            if store.get(&of_shard(APPLIED, shard))?.is_none() {
                put_applied(&mut batch, shard, old, false);
            }
        }
        store.apply(&batch)?;
    }
    let mut batch = Batch::default();
    put_complete(&mut batch);
    store.apply(&batch)?;
    store.sync()
}

fn put_numbers(batch: &mut Batch, key: Vec<u8>, numbers: [u64; 3]) {
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    batch.put(key, [&crc32(&bytes).to_le_bytes(), &bytes[..]].concat());
}

/// The numbers under a key; `Some(None)` when they are damaged.
fn numbers(store: &dyn Store, key: &[u8]) -> Result<Option<Option<[u64; 3]>>, StorageFault> {
    let Some(bytes) = store.get(key)? else { return Ok(None) };
    let number = |at: usize| bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
    let sound = bytes.split_first_chunk().filter(|(sum, rest): &(&[u8; 4], _)| {
        rest.len() == 24 && crc32(rest) == u32::from_le_bytes(**sum)
    });
    Ok(Some(sound.and_then(|_| Some([number(4)?, number(12)?, number(20)?]))))
}

/// Puts how far a shard's log is in here. `torn`: it is being replaced by a copy, and so is nothing
/// whole.
pub(super) fn put_applied(batch: &mut Batch, shard: u16, at: At, torn: bool) {
    put_numbers(batch, of_shard(APPLIED, shard), [at.epoch.0, at.lsn.0, torn.into()]);
}

/// How far a shard's log is in here, and whether it is torn; `Some(None)` when that is damaged.
pub(super) fn applied(
    store: &dyn Store,
    shard: u16,
) -> Result<Option<Option<(At, bool)>>, StorageFault> {
    let found = numbers(store, &of_shard(APPLIED, shard))?;
    Ok(found.map(|found| {
        found.map(|[epoch, lsn, torn]| (At { epoch: Epoch(epoch), lsn: Lsn(lsn) }, torn != 0))
    }))
}

/// Puts that a shard is being dropped: whoever finds this begins with nothing, and goes on with that.
pub(super) fn put_leaving(batch: &mut Batch, shard: u16) {
    put_numbers(batch, of_shard(APPLIED, shard), [0, 0, LEAVING]);
}

/// Whether a shard is being dropped.
pub(super) fn is_leaving(store: &dyn Store, shard: u16) -> Result<bool, StorageFault> {
    let found = numbers(store, &of_shard(APPLIED, shard))?;
    Ok(found.flatten().is_some_and(|[_, _, torn]| torn == LEAVING))
}

/// Puts what a replica has seen and done.
pub(super) fn put_fence(batch: &mut Batch, shard: u16, seen: Epoch, act: Epoch) {
    put_numbers(batch, of_shard(FENCE, shard), [seen.0, act.0, 0]);
}

/// What a replica has seen and done; `Some(None)` when that is damaged.
pub(super) fn fence(
    store: &dyn Store,
    shard: u16,
) -> Result<Option<Option<(Epoch, Epoch)>>, StorageFault> {
    let found = numbers(store, &of_shard(FENCE, shard))?;
    Ok(found.map(|found| found.map(|[seen, act, _]| (Epoch(seen), Epoch(act)))))
}

/// Puts an entry.
pub(super) fn put_entry(batch: &mut Batch, journal: &JournalId, seq: Seq, bytes: &[u8]) {
    put_pieces(batch, &entry_key(journal, seq), bytes);
}

/// Takes away the entries from `from` on.
pub(super) fn delete_entries(
    batch: &mut Batch,
    store: &dyn Store,
    journal: &JournalId,
    from: Seq,
) -> Result<(), StorageFault> {
    delete_all(batch, store, &of_journal(ENTRIES, journal), entry_key(journal, from))
}

/// Takes away some entries, a page at most, of a journal that is being dropped; says whether there
/// were any.
pub(super) fn delete_some_entries(
    batch: &mut Batch,
    store: &dyn Store,
    journal: &JournalId,
) -> Result<bool, StorageFault> {
    let prefix = of_journal(ENTRIES, journal);
    let page = store.scan(&prefix, &prefix, PAGE)?;
    let any = !page.is_empty();
    page.into_iter().for_each(|(key, _)| batch.delete(key));
    Ok(any)
}

/// Takes away a whole journal.
pub(super) fn delete_journal(
    batch: &mut Batch,
    store: &dyn Store,
    shard: u16,
    journal: &JournalId,
) -> Result<(), StorageFault> {
    delete_entries(batch, store, journal, Seq(0))?;
    delete_snapshot(batch, store, journal)?;
    batch.delete(head_key(journal.as_str()));
    batch.delete([&of_shard(LIST, shard), journal.as_str().as_bytes()].concat());
    Ok(())
}

/// Takes away a snapshot.
pub(super) fn delete_snapshot(
    batch: &mut Batch,
    store: &dyn Store,
    journal: &JournalId,
) -> Result<(), StorageFault> {
    let prefix = of_journal(SNAPSHOTS, journal);
    delete_all(batch, store, &prefix, prefix.clone())
}

fn delete_all(
    batch: &mut Batch,
    store: &dyn Store,
    prefix: &[u8],
    mut from: Vec<u8>,
) -> Result<(), StorageFault> {
    loop {
        let page = store.scan(prefix, &from, PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        from = [last, &[0][..]].concat();
        page.into_iter().for_each(|(key, _)| batch.delete(key));
    }
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
