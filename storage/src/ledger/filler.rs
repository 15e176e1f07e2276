//! The thread that copies acknowledged records into the engine and lets go of the log behind it.
//!
//! # Invariants
//! - **F1** Records reach the engine in the order of the log, each with the checkpoint that says so
//!   in the same batch.
//! - **F2** A segment of the log is released only after the engine was synced past it.
//! - **F3** A record leaves memory only after the engine shows it, so a reader that looks in memory
//!   first and in the engine second misses nothing.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use super::{
    core::{Core, Filling, Next, Work},
    keys,
};
use crate::{
    fault::StorageFault,
    history,
    journal::{JournalId, Link, Seq},
    store::Batch,
    wal::{place::Place, queue::Queue},
};

/// Bytes applied in one batch.
const BATCH_BYTES: u64 = 1024 * 1024;
/// After so long without work the engine is synced, and the room on the disk is looked at.
const TICK: Duration = Duration::from_millis(250);

/// The filler.
pub(super) struct Filler {
    pub(super) core: Arc<Core>,
    pub(super) wal: Arc<Queue>,
    pub(super) checkpoint_bytes: u64,
    pub(super) reserve_bytes: u64,
    /// What was applied and is not synced: how much, and up to where.
    pub(super) unsynced: Option<(u64, Place)>,
}

impl Filler {
    /// Runs until the ledger closes and everything is applied and synced.
    pub(super) fn run(mut self) {
        loop {
            match self.core.fill.next(BATCH_BYTES, TICK) {
                Next::Apply(fillings) => {
                    if !self.apply(&fillings) {
                        return; // what is not applied is in the log, and is replayed
                    }
                    if self.unsynced.is_some_and(|(bytes, _)| bytes >= self.checkpoint_bytes) {
                        self.checkpoint();
                    }
                }
                Next::Tick => {
                    self.checkpoint();
                    look_at_room(&self.core, self.reserve_bytes);
                }
                Next::Stop => return self.checkpoint(),
            }
        }
    }

    /// Applies records until the engine takes them; says no when the ledger closes before that.
    fn apply(&mut self, fillings: &[Filling]) -> bool {
        let Some(last) = fillings.last() else { return true };
        while let Err(fault) = self.try_apply(fillings) {
            tracing::error!(%fault, "the store engine takes nothing");
            *self.core.trouble.stalled.lock() = Some(fault.to_string());
            look_at_room(&self.core, self.reserve_bytes);
            if self.core.fill.stopping() {
                return false;
            }
            self.core.fill.pause(TICK);
        }
        *self.core.trouble.stalled.lock() = None;

        let mut bytes = 0;
        for filling in fillings {
            bytes += filling.bytes;
            filling.slot.change(|state| match &filling.work {
                Work::Entries(_, link) => state.applied(link.seq), // F3
                Work::Fold(_) => {
                    let newest = |(number, _): &_| *number <= filling.place.number;
                    if state.fold.as_ref().is_some_and(newest) {
                        state.fold = None;
                    }
                }
            });
        }
        self.core.trouble.unapplied.fetch_sub(bytes, Relaxed);
        let before = self.unsynced.map_or(0, |(bytes, _)| bytes);
        assert!(self.unsynced.is_none_or(|(_, place)| place.number < last.place.number), "F1");
        self.unsynced = Some((before + bytes, last.place));
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

    fn checkpoint(&mut self) {
        let Some((_, place)) = self.unsynced else { return };
        match self.core.store.sync() {
            Ok(()) => {
                self.unsynced = None;
                self.wal.release(place.number); // F2
            }
            Err(fault) => {
                // Nothing is released, so nothing is lost: it is replayed when the ledger opens.
                tracing::error!(%fault, "the store engine could not be synced");
            }
        }
    }
}

/// Refuses appends while less is free than the reserve, and takes that back.
pub(super) fn look_at_room(core: &Core, reserve_bytes: u64) {
    let Ok(free) = core.disk.free() else { return };
    let mut low = core.trouble.low.lock();
    *low = (free < reserve_bytes).then_some(StorageFault::DiskFull { needed: reserve_bytes, free });
}
