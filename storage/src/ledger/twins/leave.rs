//! Dropping what this node has of a shard that two others hold.
//!
//! Whether it is time is for the node around it to say; here it is only looked that nothing counts
//! on this copy. What goes is the shard's log, its journals and its snapshots. What stays is the
//! fence: a node that came back without it might act in an epoch in which it was replaced.
//!
//! ```text
//! cut in the log ─► "leaving" in the engine ─► journals, a few keys at a time ─► nothing ─► replica
//! ```
//!
//! # Invariants
//! - **LV1** Only a copy without a say is dropped: another configuration is the newest that is known,
//!   it has two other copies, and no primary talks to this one.
//! - **LV2** What this node has seen and done stays, on disk and in memory.
//! - **LV3** A crash in between leaves everything as it was, or a shard of which nothing counts and
//!   whose dropping goes on. Until it is done this node is deaf to the shard.

use std::sync::{Arc, mpsc};

use protocol::{cluster::Lsn, key::SHARDS, twin::At};

use super::{Host, records};
use crate::{
    fault::StorageFault,
    ledger::{Ledger, keys},
    store::Batch,
    twin::Input,
    wal::queue::Item,
};

/// Journals looked up at a time.
const AT_ONCE: usize = 64;

impl Host {
    fn leave(self: &Arc<Self>, shard: u16) -> Result<bool, StorageFault> {
        let Some(_turn) = self.leaving.try_lock() else {
            return Err(StorageFault::Busy { waiting: 1, max: 1 });
        };
        match self.cut_off(shard)? {
            Begun::Not => return Ok(false),
            Begun::Now(cut) => {
                if let Err(fault) = cut.recv().unwrap_or(Err(StorageFault::Closed)) {
                    self.stayed(shard);
                    return Err(fault);
                }
            }
            Begun::Before => {}
        }
        // What is on its way to the engine comes before; from here on the old place says nothing.
        let mut batch = Batch::default();
        keys::put_leaving(&mut batch, shard);
        self.core.await_changes(batch, true)?;
        self.clear(shard)?;
        let mut batch = Batch::default();
        keys::put_applied(&mut batch, shard, At::default(), false);
        self.core.await_changes(batch, true)?;
        self.left(shard);
        Ok(true)
    }

    /// Begins, or finds that it was begun before.
    fn cut_off(self: &Arc<Self>, shard: u16) -> Result<Begun, StorageFault> {
        let mut cell = self.lock(shard);
        if cell.leaving {
            return Ok(Begun::Before);
        }
        let quiet = !cell.installing && cell.dam.is_none() && cell.pending.is_empty();
        if !quiet || !cell.replica.counts_for_nothing() {
            return Ok(Begun::Not); // LV1
        }
        let (tell, told) = mpsc::sync_channel(1);
        let draft = records::write_cut(shard, Lsn(0));
        let (host, room) = (Arc::clone(self), draft.room());
        let done = Box::new(move |result: Result<_, StorageFault>| {
            let kept = result.clone().map(drop);
            host.answered(shard, room, result);
            let _ = tell.try_send(kept); // whoever waited may have given up
        });
        self.queue.push(Item { draft, done })?;
        cell.tail.other_flies();
        (cell.installing, cell.leaving) = (true, true);
        Ok(Begun::Now(told))
    }

    /// Takes the journals out of the engine.
    fn clear(&self, shard: u16) -> Result<(), StorageFault> {
        let store = &*self.core.store;
        loop {
            let journals = keys::listed(store, shard, None, AT_ONCE)?;
            if journals.is_empty() {
                return Ok(());
            }
            for journal in journals {
                loop {
                    let mut batch = Batch::default();
                    if !keys::delete_some_entries(&mut batch, store, &journal)? {
                        break;
                    }
                    self.core.await_changes(batch, false)?;
                }
                let mut batch = Batch::default();
                keys::delete_journal(&mut batch, store, shard, &journal)?;
                self.core.await_changes(batch, false)?;
            }
        }
    }

    /// It is as if the shard had never been here, but for the fence (LV2).
    fn left(self: &Arc<Self>, shard: u16) {
        let mut cell = self.lock(shard);
        let fence = cell.tail.fence();
        cell.tail.reset(At::default());
        (cell.commit, cell.sent, cell.stuck) = (Lsn(0), Lsn(0), None);
        for slot in self.core.slots.chosen(|slot| slot.shard == shard) {
            slot.forget();
        }
        // A life that began with this in the engine began with nothing.
        if cell.replica.last() != At::default() {
            self.step(&mut cell, Input::Forgotten);
        }
        assert_eq!(cell.tail.fence(), fence, "LV2");
        drop(cell);
        self.stayed(shard);
    }

    /// This node hears of the shard again; what was learned meanwhile is learned now.
    fn stayed(self: &Arc<Self>, shard: u16) {
        let mut cell = self.lock(shard);
        (cell.installing, cell.leaving) = (false, false);
        if let Some(config) = cell.config {
            self.step(&mut cell, Input::Config(config));
        }
        self.tell(cell);
    }

    fn leftovers(&self) -> Result<Vec<u16>, StorageFault> {
        let mut found = Vec::new();
        for shard in 0..SHARDS {
            let (idle, any) = {
                let cell = self.lock(shard);
                let any = cell.tail.last() != At::default();
                (cell.leaving || cell.replica.counts_for_nothing(), cell.leaving || any)
            };
            let store = &*self.core.store;
            if idle && (any || !keys::listed(store, shard, None, 1)?.is_empty()) {
                found.push(shard);
            }
        }
        Ok(found)
    }
}

enum Begun {
    /// Somebody counts on this copy.
    Not,
    /// By an earlier try, or an earlier life.
    Before,
    /// And goes on when the log has it.
    Now(mpsc::Receiver<Result<(), StorageFault>>),
}

impl Ledger {
    /// Shards of which something lies here although this node has no say in them.
    ///
    /// # Errors
    /// The engine's.
    pub fn leftovers(&self) -> Result<Vec<u16>, StorageFault> {
        self.0.twins.as_ref().map_or(Ok(Vec::new()), |host| host.leftovers())
    }

    /// Shards whose dropping was begun, perhaps by an earlier life, and has to be finished.
    pub fn leaving(&self) -> Vec<u16> {
        let Some(host) = &self.0.twins else { return Vec::new() };
        (0..SHARDS).filter(|shard| host.lock(*shard).leaving).collect()
    }

    /// Drops everything this node has of a shard but the fence. Says no, and changes nothing, when
    /// something may count on it (LV1). Blocks on the disk.
    ///
    /// # Errors
    /// What the log or the engine says; it is to be called again then (LV3).
    pub fn drop_shard(&self, shard: u16) -> Result<bool, StorageFault> {
        self.0.twins.as_ref().map_or(Ok(false), |host| host.leave(shard))
    }
}
