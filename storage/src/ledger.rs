//! The ledger: every journal of this node. Append, read, fold, list.
//!
//! ```text
//! append ─► slot (chain, stage) ─► log ── synced ──► acknowledged, readable ─► engine ─► log released
//! read   ─► slot (what the engine does not hold yet) ─► engine (the rest) ─► sums and chain checked
//! ```
//!
//! # Invariants
//! - **G1** An append is acknowledged only when the log is durable past it, and acknowledgements of
//!   one journal come in its order.
//! - **G2** A read sees every append acknowledged before it began, and nothing that was not (J2).
//! - **G3** What a read returns was checked: every sum, every link of the chain, no gap. Anything
//!   else is [`StorageFault::Corrupt`] with the journal and the entry.
//! - **G4** A refused append leaves nothing, and takes along what was built on it. One exception,
//!   the world's: after [`StorageFault::LogFaulted`] it is unknown, until the next start, which of
//!   the refused appends the disk kept.
//!
//! What can be rebuilt from what is said in [`rebuild`]. A node of a cluster opens its ledger with
//! [`Ledger::twinned`]: then an append is durable when the shard's other copy has it as well, and
//! each shard of this node has a log of its own inside the one log.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    thread::{self, JoinHandle},
};

use parking_lot::Mutex;
use protocol::{cluster::NodeKey, time::Time};

use crate::{
    fault::StorageFault,
    history,
    journal::{JournalId, Link, Seq, Snapshot},
    twin::Settings,
    wal::{
        Wal,
        place::Place,
        queue::{Item, Queue},
        record::Draft,
    },
};

mod adopt;
mod again;
mod complaints;
mod core;
mod doubt;
mod filler;
mod home;
mod keys;
mod listing;
mod open;
mod options;
mod read;
pub mod rebuild;
mod scrub;
mod slot;
mod stats;
mod twins;

pub use home::{FORMAT, probe};
pub use options::{Engine, Options};
pub use stats::Stats;
pub use twins::{Chosen, PageItem, TwinWorld, read_page};

use self::{
    core::{APPEND, Core, FOLD, Origin, Work},
    slot::Slot,
    twins::Host,
};

/// Called once: with the last sequence number when the append is durable, or with why it is not.
/// It runs on the log's thread and must be quick; a refusal that needs no disk is told on the
/// caller's thread, before `append` returns.
pub type Done = Box<dyn FnOnce(Result<Seq, StorageFault>) + Send>;

/// Every journal of this node. Cheap to clone.
#[derive(Clone)]
pub struct Ledger(Arc<Running>);

struct Running {
    core: Arc<Core>,
    queue: Arc<Queue>,
    meter: Arc<crate::wal::meter::Meter>,
    twins: Option<Arc<Host>>,
    threads: Mutex<Option<(Wal, JoinHandle<()>)>>,
}

impl Ledger {
    /// Opens the directory, replays what the engine does not hold, starts the two threads.
    ///
    /// # Errors
    /// [`StorageFault::Locked`], [`StorageFault::NewerData`], [`StorageFault::OtherEngine`],
    /// [`StorageFault::LogCorrupt`], [`StorageFault::EngineLost`], or what the disk says.
    pub fn open(options: Options) -> Result<Self, StorageFault> {
        let open::Opened { core, wal, .. } = open::open(&options, false)?;
        Self::start(core, wal, &options, None)
    }

    /// Opens the directory as that of `me`, a node of a cluster: an append is acknowledged when the
    /// shard's other copy has it too. Nothing is served before [`Ledger::learn`] says what is.
    /// A directory that was written without twins is taken over, and belongs to the cluster then.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn twinned(
        options: Options,
        me: NodeKey,
        settings: Settings,
        world: Arc<dyn TwinWorld>,
    ) -> Result<Self, StorageFault> {
        let opened = open::open(&options, true)?;
        let (core, wal) = (opened.core, opened.wal);
        let host = Host::new(
            Arc::clone(&core),
            Arc::clone(wal.queue()),
            &options,
            (me, settings),
            world,
            opened.shards,
            (opened.last, opened.age),
        );
        Self::start(core, wal, &options, Some(host))
    }

    fn start(
        core: Arc<Core>,
        wal: Wal,
        options: &Options,
        twins: Option<Arc<Host>>,
    ) -> Result<Self, StorageFault> {
        filler::look_at_room(&core, options.reserve_bytes);
        let (queue, meter) = (Arc::clone(wal.queue()), Arc::clone(wal.meter()));
        let filler =
            filler::Filler::new(Arc::clone(&core), Arc::clone(&queue), options, twins.clone());
        let filler = thread::Builder::new()
            .name("filler".into())
            .spawn(move || filler.run())
            .map_err(|error| StorageFault::disk("start the filler's thread", &error))?;
        let threads = Mutex::new(Some((wal, filler)));
        Ok(Self(Arc::new(Running { core, queue, meter, twins, threads })))
    }

    /// Appends `bodies` behind `after`, all or none. `after` is the last entry the caller knows; it
    /// may be one that is not acknowledged yet. A gap or a double is [`StorageFault::OutOfOrder`].
    ///
    /// # Panics
    /// When there is nothing to append: a bug of the caller.
    pub fn append(
        &self,
        journal: &JournalId,
        after: Seq,
        at: Time,
        bodies: Vec<Vec<u8>>,
        done: Done,
    ) {
        assert!(!bodies.is_empty(), "an append holds something");
        let mut done = Some(done);
        let tried = self.try_append(journal, after, at, &bodies, &mut done);
        if let (Err(fault), Some(done)) = (tried, done) {
            self.0.core.complaints.hear(&fault);
            done(Err(fault));
        }
    }

    /// Takes `done` along only when the append is on its way.
    fn try_append(
        &self,
        journal: &JournalId,
        after: Seq,
        at: Time,
        bodies: &[Vec<u8>],
        done: &mut Option<Done>,
    ) -> Result<(), StorageFault> {
        let core = &self.0.core;
        self.writable()?;
        if let Some(twins) = &self.0.twins {
            return twins.append(journal, after, at, bodies, done);
        }
        let slot = core.slots.slot(journal);
        let mut staged = slot.load(&*core.store)?.staged;
        loop {
            if staged.seq != after {
                let (journal, expected) = (journal.clone(), staged.seq);
                return Err(StorageFault::OutOfOrder { journal, expected, found: after });
            }
            // Copied, chained and summed outside every lock.
            let (append, record, link) = history::write_append(journal, staged, at, bodies);
            let draft = Draft::new(slot.shard, APPEND, record);

            let mut state = slot.load(&*core.store)?;
            if state.staged != staged {
                staged = state.staged; // somebody else was quicker, or was refused
                continue;
            }
            let door = self.0.queue.enter(draft.payload.len())?;
            state.stage(&append.entries, link);
            if let Some(done) = done.take() {
                let work = Work::Entries(Arc::clone(&slot), append.entries, link);
                let done = completion(core, &slot, work, link, draft.payload.len(), done);
                door.push(Item { draft, done });
            }
            return Ok(());
        }
    }

    /// Keeps a fold of the journal up to `at`. It goes through the log like an append, but nobody
    /// waits for it: until it is durable, and if it never gets there, the one before is loaded.
    ///
    /// # Errors
    /// [`StorageFault::OutOfOrder`] when the journal does not reach `at`, or why nothing is written.
    pub fn snapshot(
        &self,
        journal: &JournalId,
        at: Seq,
        version: u16,
        body: Vec<u8>,
    ) -> Result<(), StorageFault> {
        let core = &self.0.core;
        self.writable()?;
        let snapshot = Snapshot { seq: at, version, body };
        if let Some(twins) = &self.0.twins {
            return twins.snapshot(journal, &snapshot);
        }
        let (record, inside) = history::write_fold(journal, &snapshot);
        let slot = core.slots.slot(journal);
        let draft = Draft::new(slot.shard, FOLD, record);
        let state = slot.load(&*core.store)?;
        if at > state.staged.seq {
            let (journal, expected) = (journal.clone(), state.staged.seq);
            return Err(StorageFault::OutOfOrder { journal, expected, found: at });
        }
        // Entered under the slot's lock: what it folds is before it in the log, or was refused.
        let door = self.0.queue.enter(draft.payload.len())?;
        let (core, kept, bytes) = (Arc::clone(core), Arc::clone(&slot), draft.payload.len());
        let done = Box::new(move |result: Result<Place, StorageFault>| match result {
            Ok(place) => {
                kept.change(|state| state.fold = Some(inside.clone()));
                core.fill(Origin::Log(place), Work::Fold(kept, inside), bytes);
            }
            Err(fault) => {
                core.folds_lost.fetch_add(1, Relaxed);
                tracing::warn!(journal = %kept.journal, %fault, "a snapshot was not kept");
            }
        });
        door.push(Item { draft, done });
        Ok(())
    }

    /// Whether an append would be taken in now, were there room in the queue.
    ///
    /// # Errors
    /// [`StorageFault::DiskFull`], [`StorageFault::LogFaulted`], [`StorageFault::EngineUnsynced`],
    /// [`StorageFault::EngineStalled`], [`StorageFault::Busy`] when the engine is too far behind, or [`StorageFault::Closed`].
    pub fn writable(&self) -> Result<(), StorageFault> {
        if self.0.core.read_only {
            return Err(StorageFault::ReadOnly);
        }
        self.0.queue.open()?;
        self.0.core.trouble.check()
    }

    /// Finishes what was taken in, syncs the engine, stops the threads. Other clones can still
    /// read; their appends are refused. Dropping the last clone does the same.
    pub fn close(self) {
        self.0.stop();
    }
}

/// What happens when the log has answered: first the slot, then the filler, then the caller.
fn completion(
    core: &Arc<Core>,
    slot: &Arc<Slot>,
    work: Work,
    link: Link,
    bytes: usize,
    done: Done,
) -> crate::wal::queue::Done {
    let (core, slot) = (Arc::clone(core), Arc::clone(slot));
    Box::new(move |result| match result {
        Ok(place) => {
            slot.change(|state| state.ack(link)); // G1
            core.fill(Origin::Log(place), work, bytes);
            done(Ok(link.seq));
        }
        Err(fault) => {
            slot.change(slot::State::fall_back); // G4
            done(Err(fault));
        }
    })
}

impl Running {
    fn stop(&self) {
        let Some((mut wal, filler)) = self.threads.lock().take() else { return };
        wal.close();
        if let Some(twins) = &self.twins {
            twins.close();
        }
        self.core.fill.stop();
        if filler.join().is_err() {
            tracing::error!("the filler died of a bug; what it left is replayed from the log");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests;
