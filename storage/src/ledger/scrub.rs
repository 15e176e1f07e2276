//! What the scrubber asks of a ledger: to look at what the engine holds, to tell another node what
//! it is, and to put what is sound in the place of what is damaged. `crate::scrub` decides.
//!
//! # Invariants
//! - **SC1** No entry is written that is not proven: it hashes to what the head, or the entry behind
//!   it that the head proves, says it must.
//! - **SC2** A journal is made longer only by entries that follow its end, up to an end of the other
//!   copy that this one must have: it had applied as much of the shard's log.
//! - **SC3** A head is written only when memory knows it, or when the other copy, which had applied
//!   everything this one had, names it and the chain below it is proven.
//! - **SC4** What is sound is not written again.
//!
//! Everything here blocks on the disk, a stretch at a time.

use std::{collections::BTreeMap, sync::Arc};

use super::{Ledger, keys, rebuild::follow, twins::Host};
use crate::{
    fault::StorageFault,
    history,
    journal::{JournalId, Link, Seq},
};

mod look;
mod mend;
mod serve;

/// Entries read at a time.
const AT_ONCE: usize = 64;
/// Appends that wait for the log before the node counts as strained.
const WAITING: usize = 1024;

impl Ledger {
    /// Reads everything the engine has of a journal, and checks every sum and the whole chain.
    ///
    /// # Errors
    /// [`StorageFault::Corrupt`] with the first damaged entry (0: the head),
    /// [`StorageFault::CorruptSnapshot`], or the engine's.
    pub fn verify(&self, journal: &JournalId) -> Result<(), StorageFault> {
        let store = &*self.0.core.store;
        let head = keys::load_head(store, journal)?;
        let mut link = Link::genesis(journal);
        while link.seq < head.seq {
            let (from, until) = (link.seq.next(), head.seq.next());
            let stored = keys::load_entries(store, journal, from, until, AT_ONCE)?;
            link = chain(journal, link, head.seq, &stored)?;
        }
        if link != head {
            return Err(StorageFault::Corrupt { journal: journal.clone(), seq: head.seq });
        }
        match keys::load_snapshot(store, journal)? {
            Some(bytes) if history::read_snapshot(&bytes).is_none() => {
                Err(StorageFault::CorruptSnapshot { journal: journal.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Whether people wait for the disk now, so that whoever has time should not read from it.
    pub fn strained(&self) -> bool {
        let trouble = &self.0.core.trouble;
        let behind = trouble.unapplied.load(std::sync::atomic::Ordering::Relaxed);
        self.0.queue.depth() > WAITING
            || behind > trouble.unapplied_max / 2
            || self.writable().is_err()
    }

    /// The shards' host; without one nothing is compared or mended.
    fn host(&self, shard: u16) -> Result<&Arc<Host>, StorageFault> {
        let epoch = protocol::cluster::Epoch(0);
        self.0.twins.as_ref().ok_or(StorageFault::NotHere { shard, epoch })
    }
}

/// Follows the chain from `link` through a page of entries.
fn chain(
    journal: &JournalId,
    mut link: Link,
    last: Seq,
    stored: &BTreeMap<Seq, Vec<u8>>,
) -> Result<Link, StorageFault> {
    let until = last.0.min(link.seq.0 + AT_ONCE as u64);
    for seq in (link.seq.0 + 1..=until).map(Seq) {
        link = follow(journal, link, stored.get(&seq).map_or(&[], Vec::as_slice))?;
    }
    Ok(link)
}
