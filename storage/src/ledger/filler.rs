//! The thread that copies acknowledged records into the engine and lets go of the log behind it.
//!
//! # Invariants
//! - **F1** Records reach the engine in the order of the log, each with the checkpoint that says so
//!   in the same batch.
//! - **F2** A segment of the log is released only after the engine was synced past it.
//! - **F3** A record leaves memory only after the engine was synced past it. So a reader that looks
//!   in memory first and in the engine second misses nothing, even while an engine that failed is
//!   opened anew at an earlier point and filled again.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use super::{
    core::{Core, Filling, Next, Work},
    keys,
    options::Options,
};
use crate::{
    fault::StorageFault,
    history,
    journal::{JournalId, Link, Seq},
    store::Batch,
    wal::queue::Queue,
};

/// Bytes applied in one batch.
const BATCH_BYTES: u64 = 1024 * 1024;
/// After so long without work the engine is synced, and the room on the disk is looked at.
const TICK: Duration = Duration::from_millis(250);

/// The filler.
pub(super) struct Filler {
    core: Arc<Core>,
    wal: Arc<Queue>,
    checkpoint_bytes: u64,
    reserve_bytes: u64,
    /// What the engine was not synced past, in the order of the log.
    unsynced: Vec<Filling>,
    /// How many of them the engine has.
    applied: usize,
    bytes: u64,
}

impl Filler {
    pub(super) fn new(core: Arc<Core>, wal: Arc<Queue>, options: &Options) -> Self {
        // What waits for a checkpoint counts as unapplied, and must leave room for more.
        let checkpoint_bytes = options.checkpoint_bytes.min(options.unapplied_bytes_max / 4);
        let reserve_bytes = options.reserve_bytes;
        let (unsynced, applied, bytes) = (Vec::new(), 0, 0);
        Self { core, wal, checkpoint_bytes, reserve_bytes, unsynced, applied, bytes }
    }

    /// Runs until the ledger closes and everything is applied and synced.
    pub(super) fn run(mut self) {
        loop {
            let next = self.core.fill.next(BATCH_BYTES, TICK);
            let stop = matches!(next, Next::Stop);
            let quiet = !matches!(next, Next::Apply(_));
            if let Next::Apply(fillings) = next {
                self.bytes += fillings.iter().map(|filling| filling.bytes).sum::<u64>();
                self.unsynced.extend(fillings);
            }
            let due = quiet || self.bytes >= self.checkpoint_bytes;
            while let Err(fault) = self.advance(due) {
                if !self.endure(&fault) {
                    return; // what the engine does not hold is in the log, and is replayed
                }
            }
            look_at_room(&self.core, self.reserve_bytes);
            if stop {
                return;
            }
        }
    }

    /// Applies what is not applied, and syncs when that is due.
    fn advance(&mut self, due: bool) -> Result<(), StorageFault> {
        while self.applied < self.unsynced.len() {
            let mut bytes = 0;
            let rest = &self.unsynced[self.applied..];
            let fits = |filling: &&Filling| {
                bytes += filling.bytes;
                bytes <= BATCH_BYTES
            };
            let count = rest.iter().take_while(fits).count().max(1);
            self.try_apply(&rest[..count])?;
            self.applied += count;
        }
        if due && self.applied > 0 {
            self.core.store.sync()?;
            self.let_go();
        }
        self.core.trouble.stalled.lock().take();
        Ok(())
    }

    /// The engine was synced past everything: memory and log may forget it (F2, F3).
    fn let_go(&mut self) {
        assert_eq!(self.applied, self.unsynced.len(), "F1");
        let mut last = 0;
        for filling in self.unsynced.drain(..) {
            assert!(last < filling.place.number, "F1");
            last = filling.place.number;
            filling.slot.change(|state| match &filling.work {
                Work::Entries(_, link) => state.applied(link.seq),
                Work::Fold(_) => {
                    let held = state.fold.as_ref().map(|(number, _)| *number);
                    if held.is_some_and(|number| number <= last) {
                        state.fold = None;
                    }
                }
            });
        }
        self.core.trouble.unapplied.fetch_sub(self.bytes, Relaxed);
        (self.applied, self.bytes) = (0, 0);
        self.wal.release(last);
    }

    /// The engine failed: opens it anew and begins again after its last sync. Says no when the
    /// ledger closes.
    fn endure(&mut self, fault: &StorageFault) -> bool {
        tracing::error!(%fault, "the store engine takes nothing");
        *self.core.trouble.stalled.lock() = Some(fault.to_string());
        look_at_room(&self.core, self.reserve_bytes);
        if self.core.fill.stopping() {
            return false;
        }
        self.core.fill.pause(TICK);
        self.applied = 0;
        if let Err(fault) = self.core.store.reopen() {
            tracing::error!(%fault, "the store engine stays closed");
        }
        true
    }

    fn try_apply(&self, fillings: &[Filling]) -> Result<(), StorageFault> {
        let mut batch = Batch::default();
        let mut heads: HashMap<&JournalId, Link> = HashMap::new();
        let mut folds: HashMap<&JournalId, &[u8]> = HashMap::new();
        for filling in fillings {
            let journal = &filling.slot.journal;
            match &filling.work {
                Work::Entries(entries, link) => {
                    for entry in entries {
                        let seq = history::peek_seq(entry).unwrap_or(Seq(0));
                        assert!(seq > Seq(0) && seq <= link.seq, "J1");
                        keys::put_entry(&mut batch, journal, seq, entry);
                    }
                    heads.insert(journal, *link);
                }
                Work::Fold(inside) => {
                    folds.insert(journal, inside);
                }
            }
        }
        for (journal, inside) in folds {
            keys::put_snapshot(&mut batch, &*self.core.store, journal, inside)?;
        }
        // The heads after the entries, the checkpoint after the heads: an engine that tears a
        // batch in spite of E1 then claims less than it has, never more.
        for (journal, link) in heads {
            keys::put_head(&mut batch, journal, link);
        }
        if let Some(last) = fillings.last() {
            keys::put_checkpoint(&mut batch, last.place);
        }
        self.core.store.apply(&batch)
    }
}

/// Refuses appends while less is free than the reserve, and takes that back.
pub(super) fn look_at_room(core: &Core, reserve_bytes: u64) {
    let Ok(free) = core.disk.free() else { return };
    let mut low = core.trouble.low.lock();
    *low = (free < reserve_bytes).then_some(StorageFault::DiskFull { needed: reserve_bytes, free });
}
