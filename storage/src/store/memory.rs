//! An engine in memory that tears, lies, fills up and flips a bit on request.
//!
//! Used by the tests and by the simulator: what a real engine does in a bad moment once a year, this
//! one does when it is asked.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;

use super::{Batch, Pair, Store, engine_fault, unsynced};
use crate::{dice::Dice, fault::StorageFault};

const NAME: &str = "memory";

/// What the engine should do wrong.
#[derive(Debug, Clone, Default)]
pub struct Mischief {
    /// Bytes of keys and values there are in all; none means no bound.
    pub capacity: Option<u64>,
    /// Says a sync is done without doing it.
    pub sync_lies: bool,
    /// So many syncs from now on fail. What they should have kept is gone with the next crash.
    pub syncs_fail: u32,
    /// A crash may keep half a batch: what E1 forbids, and what a broken engine does.
    pub tears: bool,
}

/// An engine in memory. Clones are the same store.
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Shelf>>);

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Default, Clone)]
struct Shelf {
    mischief: Mischief,
    seen: Map,
    durable: Map,
    pending: Vec<Batch>,
    /// A sync failed since the machine was started.
    lost: bool,
    turns: u64,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Changes what goes wrong from now on.
    pub fn mischief(&self, change: impl FnOnce(&mut Mischief)) {
        change(&mut self.0.lock().mischief);
    }

    /// The process dies and the power goes: of the batches since the last sync, the seed decides
    /// how many are kept.
    pub fn crash(&self, seed: u64) {
        let mut dice = Dice::new(seed);
        let shelf = &mut *self.0.lock();
        let kept = dice.below(shelf.pending.len() as u64 + 1) as usize;
        shelf.lost = false;
        let tears = shelf.mischief.tears;
        for (at, batch) in std::mem::take(&mut shelf.pending).into_iter().enumerate() {
            if at < kept {
                apply(&mut shelf.durable, &batch, batch.len());
            } else if at == kept && tears {
                apply(&mut shelf.durable, &batch, dice.below(batch.len() as u64 + 1) as usize);
            }
        }
        shelf.seen = shelf.durable.clone();
    }

    /// How often it was changed or synced: the same number, the same content.
    pub fn turns(&self) -> u64 {
        self.0.lock().turns
    }

    /// Becomes what `other` is now.
    pub fn copy(&self, other: &Self) {
        let shelf = other.0.lock().clone();
        *self.0.lock() = shelf;
    }

    /// Forgets everything, as a lost disk does.
    pub fn lose(&self) {
        let shelf = &mut *self.0.lock();
        let mischief = shelf.mischief.clone();
        *shelf = Shelf { mischief, ..Shelf::default() };
    }

    /// Everything there is.
    pub fn dump(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        self.0.lock().seen.clone()
    }

    /// Flips one bit of the value of a key that exists and has one.
    pub fn flip_at(&self, key: &[u8], seed: u64) {
        let mut dice = Dice::new(seed);
        let shelf = &mut *self.0.lock();
        let value = shelf.seen.get_mut(key).expect("a bit is flipped of a key that exists");
        let bit = dice.below(value.len() as u64 * 8) as usize;
        value[bit / 8] ^= 1 << (bit % 8);
        shelf.durable.insert(key.to_vec(), value.clone());
    }

    /// Flips one bit of the value of the first key that begins with `prefix`; says whether there
    /// was one.
    pub fn flip(&self, prefix: &[u8], seed: u64) -> bool {
        let mut dice = Dice::new(seed);
        let shelf = &mut *self.0.lock();
        let found = shelf.seen.range_mut(prefix.to_vec()..).next();
        let Some((key, value)) = found.filter(|(key, _)| key.starts_with(prefix)) else {
            return false;
        };
        let bit = dice.below(value.len() as u64 * 8) as usize;
        value[bit / 8] ^= 1 << (bit % 8);
        shelf.durable.insert(key.clone(), value.clone());
        true
    }
}

fn apply(map: &mut Map, batch: &Batch, changes: usize) {
    for (key, value) in batch.changes().take(changes) {
        match value {
            Some(value) => map.insert(key.to_vec(), value.to_vec()),
            None => map.remove(key),
        };
    }
}

fn weight(map: &Map) -> u64 {
    map.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum()
}

impl Shelf {
    /// E4
    fn check(&self) -> Result<(), StorageFault> {
        if self.lost { Err(unsynced(NAME, &"a sync failed")) } else { Ok(()) }
    }
}

impl Store for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageFault> {
        Ok(self.0.lock().seen.get(key).cloned())
    }

    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Pair>, StorageFault> {
        let shelf = self.0.lock();
        let pairs = shelf.seen.range(from.max(prefix).to_vec()..);
        let pairs = pairs.take_while(|(key, _)| key.starts_with(prefix)).take(limit);
        Ok(pairs.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn apply(&self, batch: &Batch) -> Result<(), StorageFault> {
        let shelf = &mut *self.0.lock();
        if let Some(capacity) = shelf.mischief.capacity {
            let more: usize =
                batch.changes().map(|(key, value)| key.len() + value.map_or(0, <[u8]>::len)).sum();
            if weight(&shelf.seen) + more as u64 > capacity {
                return Err(engine_fault(NAME, "apply", &"no room"));
            }
        }
        shelf.turns += 1;
        apply(&mut shelf.seen, batch, batch.len());
        shelf.pending.push(batch.clone());
        Ok(())
    }

    fn sync(&self) -> Result<(), StorageFault> {
        let shelf = &mut *self.0.lock();
        shelf.turns += 1;
        if shelf.mischief.syncs_fail > 0 {
            shelf.mischief.syncs_fail -= 1;
            // Like the page cache: all is still seen and counts as clean, and is on no platter.
            shelf.pending.clear();
            shelf.lost = true;
        }
        shelf.check()?;
        if !shelf.mischief.sync_lies {
            for batch in shelf.pending.drain(..) {
                apply(&mut shelf.durable, &batch, batch.len());
            }
        }
        Ok(())
    }

    fn reopen(&self) -> Result<(), StorageFault> {
        // Like an engine whose buffers go with its process.
        let shelf = &mut *self.0.lock();
        shelf.check()?;
        shelf.turns += 1;
        shelf.pending.clear();
        shelf.seen = shelf.durable.clone();
        Ok(())
    }

    fn size_on_disk(&self) -> Result<u64, StorageFault> {
        Ok(weight(&self.0.lock().durable))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(store: &MemoryStore, key: &[u8]) {
        let mut batch = Batch::default();
        batch.put(key.to_vec(), b"value".to_vec());
        batch.put([key, b"+"].concat(), b"value".to_vec());
        store.apply(&batch).expect("applied");
    }

    #[test]
    fn e2_a_crash_keeps_a_prefix_and_a_tearing_one_half_a_batch() {
        let mut torn = 0;
        for seed in 0..100 {
            let store = MemoryStore::new();
            store.mischief(|mischief| mischief.tears = seed % 2 == 1);
            put(&store, b"a");
            store.sync().expect("synced");
            put(&store, b"b");
            put(&store, b"c");
            store.crash(seed);
            let keys = store.scan(b"", b"", 10).expect("scanned").len();
            assert!(keys >= 2);
            torn += keys % 2;
            assert!(seed % 2 == 1 || keys.is_multiple_of(2), "E1, seed {seed}");
        }
        assert!(torn > 0, "a tearing store tears");
    }

    #[test]
    fn e4_a_failed_sync_is_never_made_good_and_the_crash_shows_it() {
        let store = MemoryStore::new();
        put(&store, b"a");
        store.sync().expect("synced");
        put(&store, b"b");
        store.mischief(|mischief| mischief.syncs_fail = 1);
        let lost = |it| matches!(it, Err(StorageFault::EngineUnsynced { .. }));
        assert!(lost(store.sync()) && lost(store.sync()) && lost(store.reopen()), "E4");
        assert_eq!(store.scan(b"", b"", 10).map(|found| found.len()), Ok(4), "as if all were well");
        store.crash(1);
        assert_eq!(store.scan(b"", b"", 10).map(|found| found.len()), Ok(2));
        store.sync().expect("the machine was started anew");
    }

    #[test]
    fn it_fills_up_and_lies_when_told() {
        let store = MemoryStore::new();
        store.mischief(|mischief| mischief.capacity = Some(5));
        let mut batch = Batch::default();
        batch.put(b"key".to_vec(), b"value".to_vec());
        assert!(store.apply(&batch).is_err());
        store.mischief(|mischief| (mischief.capacity, mischief.sync_lies) = (None, true));
        store.apply(&batch).expect("applied");
        store.sync().expect("it says so");
        assert_eq!(store.size_on_disk(), Ok(0));
    }
}
