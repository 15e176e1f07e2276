//! Mending: what is proven is put in the place of what is damaged.

use bytes::Bytes;
use protocol::cluster::{Epoch, Lsn};

use super::look::{Head, before, head, proven};
use crate::{
    fault::StorageFault,
    history,
    journal::{JournalId, Link, Seq},
    ledger::{
        Ledger, again,
        core::{Origin, Work},
        keys,
        rebuild::follow,
    },
    scrub::Theirs,
    store::Batch,
};

impl Ledger {
    /// Looks at what the engine holds of a shard beside its journals: how far its log is in here,
    /// what its replica promised, where the log begins. Puts from memory what is damaged, and says
    /// how much that was.
    ///
    /// # Errors
    /// [`StorageFault::NotHere`] unless the shard's copy here is whole in `epoch`, or the engine's.
    pub fn mend_places(&self, shard: u16, epoch: Epoch) -> Result<u64, StorageFault> {
        let (core, host) = (&self.0.core, self.host(shard)?);
        let store = &*core.store;
        let seen = host.whole_in(shard, epoch)?.base().lsn;
        if seen > Lsn(0) && keys::applied(store, shard)?.is_none() {
            core.await_changes(Batch::default(), false)?; // it may be on its way
        }
        let mut damaged = 0;
        let cell = host.whole_in(shard, epoch)?;
        let mut batch = Batch::default();
        let applied = keys::applied(store, shard)?;
        if applied == Some(None) || (applied.is_none() && seen > Lsn(0)) {
            // Everything up to it is before this on its way to the engine.
            keys::put_applied(&mut batch, shard, cell.base(), false);
            damaged += 1;
        }
        let (fence, kept) = (cell.fence(), keys::fence(store, shard)?);
        let must = fence.stand.is_none() && (fence.seen > Epoch(0) || fence.act > Epoch(0));
        if kept == Some(None) || (kept.is_none() && must) {
            keys::put_fence(&mut batch, shard, fence.seen, fence.act);
            damaged += 1;
        }
        if !keys::are_complete(store)? {
            keys::put_complete(&mut batch);
            damaged += 1;
        }
        if !batch.is_empty() {
            core.fill(Origin::Elsewhere, Work::Changes(batch, None), 0);
        }
        drop(cell);
        let lost = keys::checkpoint(store)? == Some(None);
        damaged += u64::from(lost);
        if damaged > 0 {
            core.await_changes(Batch::default(), true)?; // writes the checkpoint anew
        }
        Ok(damaged)
    }

    /// Puts right what takes no other copy: a head that memory knows, a name that is missing in the
    /// shard's list; takes a damaged snapshot away, for the journal has everything and nothing
    /// proves a snapshot. Says how much that was.
    ///
    /// # Errors
    /// As [`Ledger::mend_places`].
    pub fn tidy(&self, journal: &JournalId, epoch: Epoch) -> Result<u64, StorageFault> {
        let (core, host, shard) = (&self.0.core, self.host(journal.shard())?, journal.shard());
        let store = &*core.store;
        let mut batch = Batch::default();
        let mut count = 0;
        let cell = host.whole_in(shard, epoch)?;
        let found = head(core, journal)?;
        let known = core.slots.known(journal).and_then(|slot| {
            let peek = slot.peek()?;
            Some((slot, peek.acked))
        });
        if let (Head::Known, Some((slot, acked))) = (&found, &known) {
            // Behind all that memory handed to the engine before (SC3).
            let work = Work::Entries(std::sync::Arc::clone(slot), Vec::new(), *acked);
            core.fill(Origin::Elsewhere, work, 0);
            count += 1;
        }
        drop(cell);
        let written = match (&found, &known) {
            (Head::Sound { head, .. }, _) => head.seq > Seq(0),
            (Head::Known, Some((_, acked))) => acked.seq > Seq(0),
            _ => false,
        };
        if written && !keys::is_listed(store, shard, journal)? {
            keys::put_listed(&mut batch, shard, journal);
            count += 1;
        }
        let snapshot = keys::load_snapshot(store, journal)?;
        if snapshot.is_some_and(|bytes| history::read_snapshot(&bytes).is_none()) {
            keys::delete_snapshot(&mut batch, store, journal)?;
            count += 1;
        }
        if count > 0 {
            core.await_changes(batch, true)?;
        }
        Ok(count)
    }

    /// Puts entries of the other copy in the place of damaged ones. The last must be the one that
    /// `left` asks for, and each the one that the entry behind it asks for (SC1). Returns what the
    /// entry before the first must hash to, and how many were changed.
    ///
    /// # Errors
    /// [`StorageFault::Corrupt`] with the entry that is not proven; nothing is changed then. Else as
    /// [`Ledger::mend_places`].
    pub fn mend(
        &self,
        journal: &JournalId,
        epoch: Epoch,
        left: Link,
        entries: &[Bytes],
    ) -> Result<(Link, u64), StorageFault> {
        let (core, host, shard) = (&self.0.core, self.host(journal.shard())?, journal.shard());
        let store = &*core.store;
        let corrupt = |seq| StorageFault::Corrupt { journal: journal.clone(), seq };
        if entries.is_empty() || !self.asks_for(journal, left)? {
            return Err(corrupt(left.seq));
        }
        let (mut batch, mut count, mut link) = (Batch::default(), 0, left);
        for entry in entries.iter().rev() {
            if link.seq == Seq(0) || !proven(entry, link) {
                return Err(corrupt(link.seq)); // SC1
            }
            let stored = keys::load_entries(store, journal, link.seq, link.seq.next(), 1)?;
            if stored.get(&link.seq).is_none_or(|stored| stored[..] != entry[..]) {
                keys::put_entry(&mut batch, journal, link.seq, entry);
                count += 1; // SC4: the others are sound
            }
            link = before(entry, link);
        }
        drop(host.whole_in(shard, epoch)?);
        core.await_changes(batch, true)?;
        Ok((link, count))
    }

    /// Whether what stands behind this place asks for it: the head, or the next entry. A head that
    /// is damaged asks for nothing; then whoever walks down proves every entry from the end that
    /// is put in its place (SC3).
    fn asks_for(&self, journal: &JournalId, left: Link) -> Result<bool, StorageFault> {
        let store = &*self.0.core.store;
        let head = match keys::load_head(store, journal) {
            Ok(head) if head.seq == left.seq => return Ok(head == left),
            Ok(head) if head.seq < left.seq => return Ok(false),
            Ok(_) => true,
            Err(StorageFault::Corrupt { .. }) => false,
            Err(fault) => return Err(fault),
        };
        let next = left.seq.next();
        let stored = keys::load_entries(store, journal, next, next.next(), 1)?;
        let read = stored.get(&next).and_then(|bytes| history::read_entry(bytes));
        Ok(read.map_or(!head, |it| it.entry.seq == next && it.parent == left.hash))
    }

    /// Adds entries of the other copy that this one must have and lacks at its end (SC2), as if
    /// they had just come out of the shard's log. Returns where the journal ends then.
    ///
    /// # Errors
    /// [`StorageFault::Busy`] while the journal changes, [`StorageFault::Corrupt`] with the first
    /// entry that does not follow; nothing is changed then. Else as [`Ledger::mend_places`].
    pub fn extend(
        &self,
        journal: &JournalId,
        epoch: Epoch,
        theirs: Theirs,
        entries: &[Bytes],
    ) -> Result<Link, StorageFault> {
        let (core, host, shard) = (&self.0.core, self.host(journal.shard())?, journal.shard());
        core.trouble.check()?;
        let cell = host.whole_in(shard, epoch)?;
        let slot = core.slots.slot(journal);
        let (mut link, still) = {
            let state = slot.load(&*core.store)?;
            (state.acked, state.acked == state.staged)
        };
        if cell.base().lsn < theirs.upto || !still {
            return Err(StorageFault::Busy { waiting: 1, max: 0 });
        }
        let corrupt = |seq| StorageFault::Corrupt { journal: journal.clone(), seq };
        let start = link.seq.next();
        for entry in entries {
            link = follow(journal, link, entry)?;
        }
        let reaches = link.seq < theirs.end.seq || link == theirs.end;
        if entries.is_empty() || !reaches {
            return Err(corrupt(start)); // SC2
        }
        let append = history::Append { journal: journal.clone(), entries: entries.to_vec() };
        if let Some(work) = again::take_append(core, &append)? {
            core.fill(Origin::Elsewhere, work, entries.iter().map(Bytes::len).sum());
        }
        drop(cell);
        core.await_changes(Batch::default(), true)?;
        Ok(link)
    }

    /// Puts a head in the place of a damaged one that nobody here knows, when the entry it names
    /// stands at the end (SC3).
    ///
    /// # Errors
    /// [`StorageFault::Corrupt`] when it does not; nothing is changed then. Else as
    /// [`Ledger::mend_places`].
    pub fn mend_head(
        &self,
        journal: &JournalId,
        epoch: Epoch,
        end: Link,
    ) -> Result<(), StorageFault> {
        let (core, host, shard) = (&self.0.core, self.host(journal.shard())?, journal.shard());
        let store = &*core.store;
        let corrupt = |seq| StorageFault::Corrupt { journal: journal.clone(), seq };
        let cell = host.whole_in(shard, epoch)?;
        if core.slots.known(journal).is_some_and(|slot| slot.peek().is_some()) {
            return Err(StorageFault::Busy { waiting: 1, max: 0 }); // memory knows by now
        }
        let stored = keys::load_entries(store, journal, end.seq, Seq(u64::MAX), 2)?;
        let stands = end.seq == Seq(0) || stored.get(&end.seq).is_some_and(|it| proven(it, end));
        if !stands || stored.keys().any(|seq| *seq > end.seq) {
            return Err(corrupt(end.seq)); // SC3
        }
        let mut batch = Batch::default();
        keys::put_head(&mut batch, journal, end);
        keys::put_listed(&mut batch, shard, journal);
        drop(cell);
        core.await_changes(batch, true)?;
        Ok(())
    }

    /// The same entries as they are stored, for whoever compares. For tests.
    #[cfg(test)]
    pub(in crate::ledger) fn raw(&self, journal: &JournalId) -> Vec<Bytes> {
        let core = &self.0.core;
        let stored = crate::ledger::read::stretch(core, journal, Seq(0), 100_000);
        stored.map(|it| it.entries).unwrap_or_default()
    }
}
