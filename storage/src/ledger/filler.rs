//! The thread that copies acknowledged records into the engine and lets go of the log behind it.
//!
//! # Invariants
//! - **F1** Records reach the engine in the order of the log, each with the checkpoint that says so
//!   in the same batch. With twins: in the order of their shard's log, each with the shard's place
//!   in the same batch; the checkpoint is the lowest record that any shard still needs.
//! - **F2** A segment of the log is released only after the engine was synced past it.
//! - **F3** A record leaves memory only after the engine was synced past it. So a reader that looks
//!   in memory first and in the engine second misses nothing, even while an engine that failed is
//!   opened anew at an earlier point and filled again.
//! - **F4** After a failed sync of the engine nothing is applied, synced or released any more, and
//!   the process must end: the system counts what the disk lost as kept (rule R1). The next life
//!   does not believe that engine either ([`doubt`]).

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use protocol::twin::At;

use super::{
    core::{Core, Filling, Next, Origin, Work},
    doubt, keys,
    options::Options,
    twins::Host,
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
/// Bytes gathered for one, when they come that fast.
const GATHER_BYTES: u64 = 256 * 1024;
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
    twins: Option<Arc<Host>>,
    /// How old the log was at the last checkpoint.
    age: u64,
    /// When the room on the disk was looked at last.
    looked: Instant,
}

impl Filler {
    pub(super) fn new(
        core: Arc<Core>,
        wal: Arc<Queue>,
        options: &Options,
        twins: Option<Arc<Host>>,
    ) -> Self {
        // What waits for a checkpoint counts as unapplied, and must leave room for more.
        let checkpoint_bytes = options.checkpoint_bytes.min(options.unapplied_bytes_max / 4);
        let reserve_bytes = options.reserve_bytes;
        Self {
            core,
            wal,
            checkpoint_bytes,
            reserve_bytes,
            unsynced: Vec::new(),
            applied: 0,
            bytes: 0,
            twins,
            age: 0,
            looked: Instant::now(),
        }
    }

    /// Runs until the ledger closes and everything is applied and synced.
    pub(super) fn run(mut self) {
        loop {
            let enough = GATHER_BYTES.min(self.checkpoint_bytes / 2);
            let next = self.core.fill.next(enough, BATCH_BYTES, TICK);
            let stop = matches!(next, Next::Stop);
            let quiet = !matches!(next, Next::Apply(_));
            if let Next::Apply(fillings) = next {
                self.bytes += fillings.iter().map(|filling| filling.bytes).sum::<u64>();
                self.unsynced.extend(fillings);
            }
            let due = self.core.fill.hurried() || quiet || self.bytes >= self.checkpoint_bytes;
            while let Err(fault) = self.advance(due) {
                if !self.endure(&fault) {
                    return; // what the engine does not hold is in the log, and is replayed
                }
            }
            if self.looked.elapsed() >= TICK {
                self.looked = Instant::now();
                look_at_room(&self.core, self.reserve_bytes);
            }
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
        match self.twins.clone() {
            Some(twins) if due => self.checkpoint(&twins)?,
            None if due && self.applied > 0 => {
                self.core.store.sync()?;
                let last = self.let_go();
                self.wal.release(last.number);
            }
            _ => {}
        }
        self.core.trouble.stalled.lock().take();
        Ok(())
    }

    /// Tells the engine from where on the log is needed, syncs it, lets go of what is not.
    fn checkpoint(&mut self, twins: &Arc<Host>) -> Result<(), StorageFault> {
        let floor = twins.floor(&self.core.fill);
        let grown = floor.age.saturating_sub(self.age) >= self.checkpoint_bytes;
        if self.applied == 0 && floor.fences.is_empty() && !grown {
            return Ok(());
        }
        let mut batch = Batch::default();
        for (shard, fence) in &floor.fences {
            keys::put_fence(&mut batch, *shard, fence.seen, fence.act);
        }
        if let Some(place) = floor.place {
            keys::put_checkpoint(&mut batch, place);
        }
        self.core.store.apply(&batch)?;
        self.core.store.sync()?;
        self.let_go();
        self.age = floor.age;
        twins.saved(&floor.fences);
        if let Some(place) = floor.place {
            self.wal.release(place.number);
        }
        twins.carry_forward();
        Ok(())
    }

    /// The engine was synced past everything: memory may forget it (F3), and the log up to the
    /// place that is returned (F2); that is the last record's, without twins.
    fn let_go(&mut self) -> Place {
        assert_eq!(self.applied, self.unsynced.len(), "F1");
        let mut last = Place { number: 0, segment: 0, offset: 0 };
        for filling in self.unsynced.drain(..) {
            if let Origin::Log(place) = filling.origin {
                assert!(last.number < place.number, "F1");
                last = place;
            }
            match filling.work {
                Work::Entries(slot, _, link) => slot.change(|state| state.applied(link.seq)),
                Work::Fold(slot, inside) => slot.change(|state| state.folded(&inside)),
                Work::Changes(_, Some(waiting)) => waiting.tell(),
                Work::Changes(_, None) | Work::Nothing => {}
            }
        }
        self.core.trouble.unapplied.fetch_sub(self.bytes, Relaxed);
        (self.applied, self.bytes) = (0, 0);
        last
    }

    /// The engine failed: opens it anew and begins again after its last sync. Says no when the
    /// ledger closes, or must.
    fn endure(&mut self, fault: &StorageFault) -> bool {
        if fault.is_deadly() {
            return self.give_up(fault);
        }
        tracing::error!(%fault, "the store engine takes nothing");
        *self.core.trouble.stalled.lock() = Some(fault.to_string());
        look_at_room(&self.core, self.reserve_bytes);
        self.core.fill.pause(TICK);
        self.applied = 0;
        // Also when the ledger closes: only this says whether the disk lost something.
        match self.core.store.reopen() {
            Err(fault) if fault.is_deadly() => return self.give_up(&fault),
            Err(fault) => tracing::error!(%fault, "the store engine stays closed"),
            Ok(()) => {}
        }
        !self.core.fill.stopping()
    }

    /// F4
    fn give_up(&self, fault: &StorageFault) -> bool {
        tracing::error!(%fault, "the store engine is not to be believed any more");
        *self.core.trouble.dead.lock() = Some(fault.clone());
        doubt::cast(&*self.core.aside);
        if let Some(twins) = &self.twins {
            twins.end_if_dead(fault);
        }
        false
    }

    fn try_apply(&self, fillings: &[Filling]) -> Result<(), StorageFault> {
        let mut batch = Batch::default();
        let mut ends = Ends::default();
        for filling in fillings {
            match &filling.work {
                Work::Entries(slot, entries, link) => {
                    let journal = &slot.journal;
                    for entry in entries {
                        let seq = history::peek_seq(entry).unwrap_or(Seq(0));
                        assert!(seq > Seq(0) && seq <= link.seq, "J1");
                        keys::put_entry(&mut batch, journal, seq, entry);
                        if seq == Seq(1) && self.twins.is_some() {
                            keys::put_listed(&mut batch, slot.shard, journal);
                        }
                    }
                    ends.heads.insert(journal, *link);
                }
                Work::Fold(slot, inside) => {
                    ends.folds.insert(&slot.journal, inside);
                }
                Work::Changes(changes, _) => {
                    // Behind what came before them: they may take some of it away.
                    self.finish(&mut batch, std::mem::take(&mut ends))?;
                    batch.append(changes);
                }
                Work::Nothing => {}
            }
            match filling.origin {
                Origin::Log(place) => ends.place = Some(place),
                Origin::Twins { shard, at, .. } => {
                    ends.shards.insert(shard, at);
                }
                Origin::Elsewhere => {}
            }
        }
        self.finish(&mut batch, ends)?;
        self.core.store.apply(&batch)?;
        for filling in fillings {
            if let Work::Changes(_, Some(waiting)) = &filling.work
                && !waiting.synced
            {
                waiting.tell();
            }
        }
        Ok(())
    }

    /// The heads after the entries, the places after the heads: an engine that tears a batch in
    /// spite of E1 then claims less than it has, never more.
    fn finish(&self, batch: &mut Batch, ends: Ends<'_>) -> Result<(), StorageFault> {
        for (journal, inside) in ends.folds {
            keys::put_snapshot(batch, &*self.core.store, journal, inside)?;
        }
        for (journal, link) in ends.heads {
            keys::put_head(batch, journal, link);
        }
        for (shard, at) in ends.shards {
            keys::put_applied(batch, shard, at, false);
        }
        if let Some(place) = ends.place {
            keys::put_checkpoint(batch, place);
        }
        Ok(())
    }
}

/// What a batch ends with.
#[derive(Default)]
struct Ends<'a> {
    folds: BTreeMap<&'a JournalId, &'a [u8]>,
    heads: BTreeMap<&'a JournalId, Link>,
    shards: BTreeMap<u16, At>,
    place: Option<Place>,
}

/// Refuses appends while less is free than the reserve, and takes that back.
pub(super) fn look_at_room(core: &Core, reserve_bytes: u64) {
    let Ok(free) = core.disk.free() else { return };
    let mut low = core.trouble.low.lock();
    *low = (free < reserve_bytes).then_some(StorageFault::DiskFull { needed: reserve_bytes, free });
}
