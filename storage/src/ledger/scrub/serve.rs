//! What another node's scrubber is told.

use bytes::Bytes;
use protocol::{cluster::Epoch, peer::SumsOf};

use crate::{
    fault::StorageFault,
    journal::{JournalId, Link, Seq},
    ledger::{Ledger, core::Core, keys, read::stretch, twins::journals_of},
    scrub::Sums,
};

/// Journals summed up at a time.
const SUMS: usize = 256;
/// Bytes of entries given at a time, or one entry.
const STORED: usize = 1024 * 1024;
/// Entries looked up at a time.
const AT_ONCE: usize = 256;

impl Ledger {
    /// Where journals of a shard end: a page of them, or one. What was in the shard's log before
    /// is in it up to `since`, and nothing behind `upto` is.
    ///
    /// # Errors
    /// [`StorageFault::NotHere`] unless the shard's copy here is whole in `epoch` before and after,
    /// or the engine's.
    pub fn sum_up(&self, shard: u16, epoch: Epoch, of: &SumsOf) -> Result<Sums, StorageFault> {
        let (core, host) = (&self.0.core, self.host(shard)?);
        let since = host.whole_in(shard, epoch)?.base().lsn;
        let named = |name: &str| JournalId::new(name).ok().filter(|it| it.shard() == shard);
        let journals = match of {
            SumsOf::Behind(after) => {
                let after = after.as_deref().and_then(named);
                journals_of(core, shard, after.as_ref(), SUMS)?
            }
            SumsOf::Only(name) => named(name).into_iter().collect(),
        };
        let more = journals.len() == SUMS;
        let mut sums = Vec::with_capacity(journals.len());
        for journal in journals {
            let end = end(core, &journal)?;
            sums.push((journal, end));
        }
        let upto = host.whole_in(shard, epoch)?.base().lsn;
        Ok(Sums { since, upto, sums, more })
    }

    /// Entries of a journal as they are stored, from `from` on and not behind `upto`: as many as
    /// fit a MiB, and one at least. They are not checked here: whoever asks does.
    ///
    /// # Errors
    /// [`StorageFault::Corrupt`] when one is missing, and as [`Ledger::sum_up`].
    pub fn stored(
        &self,
        journal: &JournalId,
        epoch: Epoch,
        from: Seq,
        upto: Seq,
    ) -> Result<Vec<Bytes>, StorageFault> {
        let host = self.host(journal.shard())?;
        drop(host.whole_in(journal.shard(), epoch)?);
        let (mut entries, mut bytes) = (Vec::new(), 0);
        let mut after = Seq(from.0.saturating_sub(1));
        while after < upto && bytes < STORED {
            let limit = (upto.0 - after.0).min(AT_ONCE as u64) as usize;
            let page = stretch(&self.0.core, journal, after, limit)?.entries;
            if page.is_empty() {
                break;
            }
            for entry in page {
                bytes += entry.len();
                if bytes > STORED && !entries.is_empty() {
                    return Ok(entries);
                }
                after = after.next();
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    /// At most `limit` journals of a shard behind `after`, each with its end and the hash there. A
    /// journal whose head is damaged is named with [`Seq`] 0.
    ///
    /// # Errors
    /// The engine's.
    pub fn sums(
        &self,
        shard: u16,
        after: Option<&JournalId>,
        limit: usize,
    ) -> Result<Vec<(JournalId, Seq, crate::digest::Hash)>, StorageFault> {
        let core = &self.0.core;
        let sum = |journal: JournalId| {
            let link = end(core, &journal)?.unwrap_or(Link { seq: Seq(0), hash: [0; 32] });
            Ok((journal, link.seq, link.hash))
        };
        journals_of(core, shard, after, limit)?.into_iter().map(sum).collect()
    }
}

/// Where a journal ends, as far as is known without reading it; none when its head is damaged.
fn end(core: &Core, journal: &JournalId) -> Result<Option<Link>, StorageFault> {
    // Memory first; without it, not for long: a look at all journals must not push others out.
    if let Some(known) = core.slots.known(journal).and_then(|slot| slot.peek()) {
        return Ok(Some(known.acked));
    }
    match keys::load_head(&*core.store, journal) {
        Ok(head) => Ok(Some(head)),
        Err(StorageFault::Corrupt { .. }) => Ok(None),
        Err(fault) => Err(fault),
    }
}
