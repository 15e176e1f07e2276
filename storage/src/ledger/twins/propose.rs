//! Appends and snapshots of this node, on their way into a shard's log.

use std::sync::Arc;

use bytes::Bytes;
use protocol::{peer::PEER_FRAME_BYTES, time::Time, twin::At};

use super::{
    Host,
    cell::{Cell, Pending},
    records::ENTRY_LEAD,
};
use crate::{
    fault::StorageFault,
    history,
    journal::{JournalId, Seq, Snapshot},
    ledger::{
        Done,
        core::{APPEND, FOLD, Work},
        slot::Slot,
    },
    twin::{Output, Standing, Unproposed},
};

/// Bytes of the largest record: it travels to the other copy in one frame.
const RECORD_BYTES: usize = PEER_FRAME_BYTES / 2;

impl Host {
    /// As [`crate::ledger::Ledger::append`]; takes `done` along only when the append is on its way.
    pub(in crate::ledger) fn append(
        self: &Arc<Self>,
        journal: &JournalId,
        after: Seq,
        at: Time,
        bodies: &[Vec<u8>],
        done: &mut Option<Done>,
    ) -> Result<(), StorageFault> {
        let core = &self.core;
        let slot = core.slots.slot(journal);
        self.served(slot.shard)?;
        let mut staged = slot.load(&*core.store)?.staged;
        loop {
            if staged.seq != after {
                let (journal, expected) = (journal.clone(), staged.seq);
                return Err(StorageFault::OutOfOrder { journal, expected, found: after });
            }
            // Copied, chained and summed outside every lock.
            let (append, record, link) = history::write_append(journal, staged, at, bodies);
            self.room_for(record.len())?;

            let mut cell = self.lock(slot.shard);
            let mut state = slot.load(&*core.store)?;
            if state.staged != staged {
                staged = state.staged; // somebody else was quicker, or was refused
                continue;
            }
            let bytes = record.len();
            let mut out = std::mem::take(&mut cell.out);
            let at = self.propose(&mut cell, APPEND, record, &mut out)?;
            state.stage(&append.entries, link);
            drop(state);
            let work = Work::Entries(Arc::clone(&slot), append.entries, link);
            cell.pending.push_back(Pending { at, slot, work, bytes, done: done.take() });
            self.perform(&mut cell, out);
            self.tell(cell);
            return Ok(());
        }
    }

    /// As [`crate::ledger::Ledger::snapshot`].
    pub(in crate::ledger) fn snapshot(
        self: &Arc<Self>,
        journal: &JournalId,
        snapshot: &Snapshot,
    ) -> Result<(), StorageFault> {
        let slot: Arc<Slot> = self.core.slots.slot(journal);
        self.served(slot.shard)?;
        let (record, inside) = history::write_fold(journal, snapshot);
        self.room_for(record.len())?;
        drop(slot.load(&*self.core.store)?);
        let mut cell = self.lock(slot.shard);
        let staged = slot.load(&*self.core.store)?.staged.seq;
        if snapshot.seq > staged {
            let (journal, found) = (journal.clone(), snapshot.seq);
            return Err(StorageFault::OutOfOrder { journal, expected: staged, found });
        }
        // Under the shard's lock: what it folds is before it in the log, or was refused.
        let bytes = record.len();
        let mut out = std::mem::take(&mut cell.out);
        let at = self.propose(&mut cell, FOLD, record, &mut out)?;
        let work = Work::Fold(Arc::clone(&slot), inside);
        cell.pending.push_back(Pending { at, slot, work, bytes, done: None });
        self.perform(&mut cell, out);
        self.tell(cell);
        Ok(())
    }

    fn room_for(&self, len: usize) -> Result<(), StorageFault> {
        if len > RECORD_BYTES {
            let (len, max) = (len as u64, RECORD_BYTES as u64);
            return Err(StorageFault::TooLarge { what: "an append", len, max });
        }
        self.queue.fits(ENTRY_LEAD + len)
    }

    fn propose(
        &self,
        cell: &mut Cell,
        kind: u8,
        record: Bytes,
        out: &mut Vec<Output>,
    ) -> Result<At, StorageFault> {
        let shard = cell.shard;
        if let Some((_, fault)) = &cell.dam {
            return Err(fault.clone());
        }
        if !matches!(cell.shown, Standing::Serving { .. }) {
            let epoch = cell.replica.status().seen;
            return Err(StorageFault::NotHere { shard, epoch });
        }
        cell.replica.propose(self.world.now(), kind, record, out).map_err(|no| match no {
            Unproposed::NotServing { epoch, .. } => StorageFault::NotHere { shard, epoch },
            Unproposed::Full => {
                StorageFault::Busy { waiting: cell.tail.bytes(), max: self.uncommitted_max }
            }
        })
    }
}
