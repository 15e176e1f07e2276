//! Looking for damage before somebody needs what is damaged, and mending it from the other copy.
//!
//! # Invariants
//! - **SC1** Nothing is written that the journal's head does not prove: the chain from the entry
//!   before to the head must hold with what is put in place.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Ledger, keys, rebuild::follow, twins::journals_of};
use crate::{
    digest::Hash,
    fault::StorageFault,
    history,
    journal::{JournalId, Link, Seq},
    store::Batch,
};

/// Entries read at a time.
const AT_ONCE: usize = 256;

impl Ledger {
    /// At most `limit` journals of a shard behind `after`, each with its end and the hash there,
    /// which proves everything below. A journal whose head is damaged is named with [`Seq`] 0.
    ///
    /// # Errors
    /// The engine's.
    pub fn sums(
        &self,
        shard: u16,
        after: Option<&JournalId>,
        limit: usize,
    ) -> Result<Vec<(JournalId, Seq, Hash)>, StorageFault> {
        let core = &self.0.core;
        let sum = |journal: JournalId| {
            let slot = core.slots.slot(&journal);
            let link = match slot.load(&*core.store) {
                Ok(state) => state.acked,
                Err(StorageFault::Corrupt { .. }) => Link { seq: Seq(0), hash: [0; 32] },
                Err(fault) => return Err(fault),
            };
            Ok((journal, link.seq, link.hash))
        };
        journals_of(core, shard, after, limit)?.into_iter().map(sum).collect()
    }

    /// Reads everything the engine has of a journal, and checks every sum and the whole chain.
    ///
    /// # Errors
    /// [`StorageFault::Corrupt`] with the first damaged entry (0: the head),
    /// [`StorageFault::CorruptSnapshot`], or the engine's.
    pub fn verify(&self, journal: &JournalId) -> Result<(), StorageFault> {
        let core = &self.0.core;
        let head = keys::load_head(&*core.store, journal)?;
        let link = self.chain(journal, Link::genesis(journal), head.seq, &BTreeMap::new())?;
        if link != head {
            return Err(StorageFault::Corrupt { journal: journal.clone(), seq: head.seq });
        }
        match keys::load_snapshot(&*core.store, journal)? {
            Some(bytes) if history::read_snapshot(&bytes).is_none() => {
                Err(StorageFault::CorruptSnapshot { journal: journal.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Follows the chain from `link` to the entry `last`, through the engine's entries or those of
    /// `instead`.
    fn chain(
        &self,
        journal: &JournalId,
        mut link: Link,
        last: Seq,
        instead: &BTreeMap<Seq, &Bytes>,
    ) -> Result<Link, StorageFault> {
        let store = &*self.0.core.store;
        while link.seq < last {
            let from = link.seq.next();
            let stored = keys::load_entries(store, journal, from, last.next(), AT_ONCE)?;
            let until = last.0.min(link.seq.0 + AT_ONCE as u64);
            for seq in (from.0..=until).map(Seq) {
                let bytes = match (instead.get(&seq), stored.get(&seq)) {
                    (Some(bytes), _) => &bytes[..],
                    (None, Some(bytes)) => bytes,
                    (None, None) => &[],
                };
                link = follow(journal, link, bytes)?;
            }
        }
        Ok(link)
    }

    /// Puts entries of the other copy, as they are stored there, in the place of damaged ones. They
    /// follow each other; a damaged head is mended by the whole journal from its first entry on. A
    /// damaged snapshot is taken away: the journal has everything. Blocks on the disk.
    ///
    /// # Errors
    /// [`StorageFault::Corrupt`] with the first entry that the journal's head does not prove (SC1),
    /// or the engine's; nothing is changed then.
    pub fn heal(&self, journal: &JournalId, entries: &[Bytes]) -> Result<(), StorageFault> {
        let core = &self.0.core;
        let store = &*core.store;
        let corrupt = |seq| StorageFault::Corrupt { journal: journal.clone(), seq };
        let mut batch = Batch::default();
        let instead: BTreeMap<Seq, &Bytes> =
            entries.iter().filter_map(|it| Some((history::peek_seq(it)?, it))).collect();
        let head = match keys::load_head(store, journal) {
            Ok(head) => head,
            Err(StorageFault::Corrupt { .. }) => {
                let last = instead.keys().next_back().copied().unwrap_or(Seq(0));
                let more = keys::load_entries(store, journal, last.next(), Seq(u64::MAX), 1)?;
                if instead.len() as u64 != last.0 || !more.is_empty() {
                    return Err(corrupt(Seq(0)));
                }
                let head = self.chain(journal, Link::genesis(journal), last, &instead)?;
                // Memory may still know better than the engine.
                let known = core.slots.slot(journal).load(store).map(|state| state.acked);
                if known.is_ok_and(|known| known.seq == head.seq && known != head) {
                    return Err(corrupt(head.seq)); // SC1
                }
                keys::put_head(&mut batch, journal, head);
                head
            }
            Err(fault) => return Err(fault),
        };
        // From the start: a sound entry proves nothing about the one before it.
        let link = self.chain(journal, Link::genesis(journal), head.seq, &instead)?;
        if link != head {
            return Err(corrupt(head.seq)); // SC1
        }
        for (seq, entry) in instead.iter().filter(|(seq, _)| **seq <= head.seq) {
            keys::put_entry(&mut batch, journal, *seq, entry);
        }
        let snapshot = keys::load_snapshot(store, journal)?;
        if snapshot.is_some_and(|bytes| history::read_snapshot(&bytes).is_none()) {
            keys::delete_snapshot(&mut batch, store, journal)?;
        }
        core.await_changes(batch, true)
    }
}
