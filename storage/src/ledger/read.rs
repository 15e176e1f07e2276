//! Reading: memory first, the engine for the rest, everything checked.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::{Ledger, core::Core, keys, rebuild::Source};
use crate::{
    fault::StorageFault,
    history,
    journal::{Entry, JournalId, Link, Seq, Snapshot},
};

/// A stretch of a journal as it is stored.
pub(super) struct Stretch {
    /// The entry before it, unless it starts the journal.
    pub(super) parent: Option<Bytes>,
    /// Its entries, gapless.
    pub(super) entries: Vec<Bytes>,
    /// Where the journal ended when it was taken.
    acked: Link,
}

/// Takes a stretch out of memory and, for what is not there, out of the engine. In this order:
/// what leaves memory meanwhile is already in the engine (F3 of the filler).
pub(super) fn stretch(
    core: &Core,
    journal: &JournalId,
    after: Seq,
    limit: usize,
) -> Result<Stretch, StorageFault> {
    let slot = core.slots.slot(journal);
    let first = Seq(after.0.max(1));
    let (held_from, held, acked) = {
        let state = slot.load(&*core.store)?;
        let held = state.held(first, limit.saturating_add(1));
        (state.held_from(), held, state.acked)
    };
    let last = Seq(after.0.saturating_add(limit as u64)).min(acked.seq);
    if last <= after {
        let (parent, entries) = (None, Vec::new());
        return Ok(Stretch { parent, entries, acked: Link { seq: Seq(u64::MAX), ..acked } });
    }

    let mut rows = Vec::new();
    if held_from > first {
        let count = (last.0 - first.0 + 1) as usize;
        let stored = keys::load_entries(&*core.store, journal, first, held_from, count)?;
        rows.extend(stored.into_iter().map(|(seq, bytes)| (seq, Bytes::from(bytes))));
    }
    rows.extend(held);
    let mut rows = rows.into_iter();
    let mut gapless = Vec::new();
    for seq in first.0..=last.0 {
        match rows.next() {
            Some((found, bytes)) if found.0 == seq => gapless.push(bytes),
            _ => return Err(StorageFault::Corrupt { journal: journal.clone(), seq: Seq(seq) }),
        }
    }
    let parent = (after > Seq(0)).then(|| gapless.remove(0));
    Ok(Stretch { parent, entries: gapless, acked })
}

impl Ledger {
    /// At most `limit` acknowledged entries behind `after`, in order; every sum and every link of
    /// the chain is checked (G3).
    ///
    /// # Errors
    /// [`StorageFault::Corrupt`] with the first entry that cannot be trusted, or the engine's.
    pub fn read(
        &self,
        journal: &JournalId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Entry>, StorageFault> {
        self.noted(self.try_read(journal, after, limit))
    }

    fn try_read(
        &self,
        journal: &JournalId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Entry>, StorageFault> {
        let stretch = stretch(&self.0.core, journal, after, limit)?;
        let corrupt = |seq| StorageFault::Corrupt { journal: journal.clone(), seq };
        let mut link = Link::genesis(journal);
        if let Some(parent) = &stretch.parent {
            let stored = history::read_entry(parent).filter(|stored| stored.entry.seq == after);
            link = Link { seq: after, hash: stored.ok_or_else(|| corrupt(after))?.hash };
        }
        let mut entries = Vec::with_capacity(stretch.entries.len());
        for bytes in &stretch.entries {
            let seq = link.seq.next();
            let sound = |stored: &history::Stored| {
                stored.entry.seq == seq && stored.parent == link.hash // J1, J3
            };
            let stored = history::read_entry(bytes).filter(sound).ok_or_else(|| corrupt(seq))?;
            link = Link { seq, hash: stored.hash };
            entries.push(stored.entry);
        }
        if link.seq == stretch.acked.seq && link != stretch.acked {
            return Err(corrupt(link.seq));
        }
        Ok(entries)
    }

    /// The last acknowledged entry; `Seq(0)` when there is none.
    ///
    /// # Errors
    /// [`StorageFault::Corrupt`] when the head is damaged, or the engine's.
    pub fn head(&self, journal: &JournalId) -> Result<Seq, StorageFault> {
        let core = &self.0.core;
        self.noted(core.slots.slot(journal).load(&*core.store).map(|state| state.acked.seq))
    }

    /// The newest durable snapshot.
    ///
    /// # Errors
    /// [`StorageFault::CorruptSnapshot`], or the engine's.
    pub fn load_snapshot(&self, journal: &JournalId) -> Result<Option<Snapshot>, StorageFault> {
        self.noted(self.try_load_snapshot(journal))
    }

    fn try_load_snapshot(&self, journal: &JournalId) -> Result<Option<Snapshot>, StorageFault> {
        let core = &self.0.core;
        let held = core.slots.slot(journal).load(&*core.store)?.fold.clone();
        let bytes = match held {
            Some(inside) => inside,
            None => match keys::load_snapshot(&*core.store, journal)? {
                Some(stored) => stored.into(),
                None => return Ok(None),
            },
        };
        let damaged = || StorageFault::CorruptSnapshot { journal: journal.clone() };
        history::read_snapshot(&bytes).ok_or_else(damaged).map(Some)
    }

    /// At most `limit` journals whose names begin with `prefix`, behind `after`, in order.
    ///
    /// # Errors
    /// The engine's.
    pub fn journals(
        &self,
        prefix: &str,
        after: Option<&JournalId>,
        limit: usize,
    ) -> Result<Vec<JournalId>, StorageFault> {
        let core = &self.0.core;
        let behind = |journal: &JournalId| after.is_none_or(|after| journal > after);
        let chosen = |journal: &JournalId| journal.as_str().starts_with(prefix) && behind(journal);
        let mut found: BTreeSet<JournalId> = core.slots.written(chosen).into_iter().collect();

        let mut from = keys::head_key(after.map_or("", JournalId::as_str));
        if after.is_some() {
            from.push(0);
        }
        for (key, _) in core.store.scan(&keys::head_key(prefix), &from, limit)? {
            let name = std::str::from_utf8(&key[1..]).ok();
            found.extend(name.and_then(|name| JournalId::new(name).ok()));
        }
        Ok(found.into_iter().take(limit).collect())
    }
}

/// A ledger can give a lost node back what it had: the twin does.
impl Source for Ledger {
    fn journals(
        &self,
        after: Option<&JournalId>,
        limit: usize,
    ) -> Result<Vec<JournalId>, StorageFault> {
        Self::journals(self, "", after, limit)
    }

    fn stored(
        &self,
        journal: &JournalId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Bytes>, StorageFault> {
        Ok(stretch(&self.0.core, journal, after, limit)?.entries)
    }

    fn snapshot(&self, journal: &JournalId) -> Result<Option<Snapshot>, StorageFault> {
        self.load_snapshot(journal)
    }
}
