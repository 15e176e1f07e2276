//! What the callers, the writer and the filler share.

use std::{
    collections::VecDeque,
    fs::File,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
        mpsc,
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use protocol::twin::At;

use super::{
    complaints::Complaints,
    slot::{Slot, Slots},
};
use crate::{
    disk::Disk,
    fault::StorageFault,
    journal::Link,
    store::{Batch, Store},
    wal::place::Place,
};

/// Kinds of records in the log.
pub(super) const APPEND: u8 = 1;
/// See [`APPEND`].
pub(super) const FOLD: u8 = 2;

/// Shared by everyone who has the ledger.
pub(super) struct Core {
    pub(super) slots: Slots,
    pub(super) fill: Fill,
    pub(super) trouble: Trouble,
    pub(super) disk: Arc<dyn Disk>,
    /// Where is put what must not be dropped and belongs neither to the log nor to the engine.
    pub(super) aside: Arc<dyn Disk>,
    pub(super) folds_lost: AtomicU64,
    pub(super) complaints: Complaints,
    pub(super) store: Arc<dyn Store>,
    /// The data of a node of a cluster, opened without the cluster: for reading only.
    pub(super) read_only: bool,
    /// Declared last, dropped last: the directory is given back when the engine is closed.
    pub(super) _lock: Option<File>,
}

/// Why appends are refused although the log would take them.
#[derive(Default)]
pub(super) struct Trouble {
    /// A sync of the engine failed: this life takes nothing in any more.
    pub(super) dead: Mutex<Option<StorageFault>>,
    /// Less is free than the reserve.
    pub(super) low: Mutex<Option<StorageFault>>,
    /// What the engine said, while it takes nothing.
    pub(super) stalled: Mutex<Option<String>>,
    /// How far the log is ahead of the engine, and may be.
    pub(super) unapplied: AtomicU64,
    pub(super) unapplied_max: u64,
}

impl Trouble {
    /// Whether appends are taken in, as far as this goes.
    pub(super) fn check(&self) -> Result<(), StorageFault> {
        if let Some(fault) = &*self.dead.lock() {
            return Err(fault.clone());
        }
        if let Some(fault) = &*self.low.lock() {
            return Err(fault.clone());
        }
        let waiting = self.unapplied.load(Relaxed);
        if waiting < self.unapplied_max {
            return Ok(());
        }
        match &*self.stalled.lock() {
            Some(why) => Err(StorageFault::EngineStalled { why: why.clone(), waiting }),
            None => Err(StorageFault::Busy { waiting, max: self.unapplied_max }),
        }
    }
}

impl Core {
    /// Hands a durable record to the filler.
    pub(super) fn fill(&self, origin: Origin, work: Work, bytes: usize) {
        let bytes = bytes as u64;
        self.trouble.unapplied.fetch_add(bytes, Relaxed);
        self.fill.push(Filling { origin, work, bytes });
    }

    /// Hands changes to the filler and waits until the engine has them; `synced`: durably.
    pub(super) fn await_changes(&self, batch: Batch, synced: bool) -> Result<(), StorageFault> {
        let (tell, told) = mpsc::sync_channel(1);
        let waiting = Waiting::new(synced, move || {
            let _ = tell.try_send(()); // whoever waited may have given up by then
        });
        let bytes = batch.changes().map(|(key, value)| key.len() + value.map_or(0, <[u8]>::len));
        let bytes = bytes.sum();
        self.fill(Origin::Elsewhere, Work::Changes(batch, Some(waiting)), bytes);
        if synced {
            self.fill.hurry();
        }
        told.recv_timeout(PATIENCE).map_err(|_| match self.trouble.check() {
            Err(fault) => fault,
            Ok(()) => StorageFault::Closed,
        })
    }
}

/// How long the filler gathers records before it hands them to the engine: heads and places that are
/// written over within it are written once. Readers look in memory first, so nobody waits for it.
const GATHER: Duration = Duration::from_millis(200);
/// How long the engine may take for changes that somebody waits for.
const PATIENCE: Duration = Duration::from_secs(30);

/// One acknowledged record on its way to the engine.
pub(super) struct Filling {
    pub(super) origin: Origin,
    pub(super) work: Work,
    pub(super) bytes: u64,
}

/// Where it comes from, and so what the engine has reached with it.
#[derive(Clone, Copy)]
pub(super) enum Origin {
    /// Of the log without twins: everything up to this place.
    Log(Place),
    /// Of a shard's log: everything up to `at`. Its record stands behind `start`.
    Twins { shard: u16, at: At, start: Place },
    /// From elsewhere; the engine reaches nothing with it.
    Elsewhere,
}

/// What it changes.
pub(super) enum Work {
    /// Entries as they are stored, and the head after them.
    Entries(Arc<Slot>, Vec<Bytes>, Link),
    /// A snapshot as it is stored.
    Fold(Arc<Slot>, Bytes),
    /// What was copied from another node; who waits for it is told.
    Changes(Batch, Option<Waiting>),
    /// The engine has it already.
    Nothing,
}

/// Waits for changes to reach the engine.
pub(super) struct Waiting {
    /// Only when they are durable there.
    pub(super) synced: bool,
    /// Called once.
    pub(super) told: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Waiting {
    pub(super) fn new(synced: bool, told: impl FnOnce() + Send + 'static) -> Self {
        Self { synced, told: Mutex::new(Some(Box::new(told))) }
    }

    /// Tells, when nobody was told yet.
    pub(super) fn tell(&self) {
        let told = self.told.lock().take();
        if let Some(told) = told {
            told();
        }
    }
}

/// The records the engine does not hold yet, in the order in which it takes them.
#[derive(Default)]
pub(super) struct Fill {
    state: Mutex<Queued>,
    wake: Condvar,
    hurried: AtomicBool,
}

#[derive(Default)]
struct Queued {
    waiting: VecDeque<Filling>,
    bytes: u64,
    /// So many are enough for the filler.
    enough: u64,
    /// Somebody waits for one of them.
    awaited: bool,
    stopping: bool,
}

/// What the filler is to do next.
pub(super) enum Next {
    /// Apply these.
    Apply(Vec<Filling>),
    /// Nothing came for a while.
    Tick,
    /// Everything is applied; go.
    Stop,
}

impl Fill {
    pub(super) fn push(&self, filling: Filling) {
        let mut state = self.state.lock();
        let before = state.bytes;
        state.bytes += filling.bytes;
        state.awaited |= matches!(filling.work, Work::Changes(_, Some(_)));
        state.waiting.push_back(filling);
        // In between the filler gathers, and sleeps: waking it for each would cost more than it does.
        let full = before < state.enough && state.bytes >= state.enough;
        if state.waiting.len() == 1 || state.awaited || full {
            self.wake.notify_one();
        }
    }

    /// Syncs the engine soon, also when little waits.
    pub(super) fn hurry(&self) {
        self.hurried.store(true, Relaxed);
        self.wake.notify_one();
    }

    /// Whether somebody was in a hurry since this was asked last.
    pub(super) fn hurried(&self) -> bool {
        self.hurried.swap(false, Relaxed)
    }

    /// The lowest place behind which a record stands that the filler did not take yet.
    pub(super) fn lowest(&self) -> Option<Place> {
        let state = self.state.lock();
        let starts = state.waiting.iter().filter_map(|filling| match filling.origin {
            Origin::Twins { start, .. } => Some(start),
            Origin::Log(_) | Origin::Elsewhere => None,
        });
        starts.min_by_key(|start| start.number)
    }

    pub(super) fn stop(&self) {
        self.state.lock().stopping = true;
        self.wake.notify_one();
    }

    pub(super) fn stopping(&self) -> bool {
        self.state.lock().stopping
    }

    /// Waits at most `patience` for a record, gathers up to `enough` bytes of what comes within
    /// [`GATHER`] behind it, and takes at most `bytes_max` bytes, at least one record. Does not
    /// gather when somebody waits.
    pub(super) fn next(&self, enough: u64, bytes_max: u64, patience: Duration) -> Next {
        let mut state = self.state.lock();
        let hurries = |state: &Queued| state.stopping || self.hurried.load(Relaxed);
        if state.waiting.is_empty() && !hurries(&state) {
            self.wake.wait_for(&mut state, patience);
        }
        let until = Instant::now() + GATHER;
        state.enough = enough;
        while !state.waiting.is_empty()
            && !hurries(&state)
            && !state.awaited
            && state.bytes < enough
        {
            if self.wake.wait_until(&mut state, until).timed_out() {
                break;
            }
        }
        if state.waiting.is_empty() {
            return if state.stopping { Next::Stop } else { Next::Tick };
        }
        let mut bytes = 0;
        let fits = |filling: &&Filling| {
            bytes += filling.bytes;
            bytes <= bytes_max
        };
        let count = state.waiting.iter().take_while(fits).count().max(1);
        let taken: Vec<Filling> = state.waiting.drain(..count).collect();
        state.bytes -= taken.iter().map(|filling| filling.bytes).sum::<u64>();
        state.awaited &= !state.waiting.is_empty();
        Next::Apply(taken)
    }

    /// Waits before something is tried again; ends early when the ledger closes.
    pub(super) fn pause(&self, patience: Duration) {
        let mut state = self.state.lock();
        if !state.stopping {
            state.awaited = true; // the next record is a reason to try
            self.wake.wait_for(&mut state, patience);
        }
    }
}
