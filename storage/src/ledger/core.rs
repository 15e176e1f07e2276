//! What the callers, the writer and the filler share.

use std::{
    collections::VecDeque,
    fs::File,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};

use super::slot::{Slot, Slots};
use crate::{disk::Disk, fault::StorageFault, journal::Link, store::Store, wal::place::Place};

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
    pub(super) folds_lost: AtomicU64,
    pub(super) store: Arc<dyn Store>,
    /// Declared last, dropped last: the directory is given back when the engine is closed.
    pub(super) _lock: Option<File>,
}

/// Why appends are refused although the log would take them.
#[derive(Default)]
pub(super) struct Trouble {
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
    pub(super) fn fill(&self, place: Place, slot: Arc<Slot>, work: Work, bytes: usize) {
        let bytes = bytes as u64;
        self.trouble.unapplied.fetch_add(bytes, Relaxed);
        self.fill.push(Filling { place, slot, work, bytes });
    }
}

/// One acknowledged record on its way to the engine.
pub(super) struct Filling {
    pub(super) place: Place,
    pub(super) slot: Arc<Slot>,
    pub(super) work: Work,
    pub(super) bytes: u64,
}

/// What it changes.
pub(super) enum Work {
    /// Entries as they are stored, and the head after them.
    Entries(Vec<Bytes>, Link),
    /// A snapshot as it is stored.
    Fold(Bytes),
}

/// The records the engine does not hold yet, in the order of the log.
#[derive(Default)]
pub(super) struct Fill {
    state: Mutex<(VecDeque<Filling>, bool)>,
    wake: Condvar,
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
        state.0.push_back(filling);
        self.wake.notify_one();
    }

    pub(super) fn stop(&self) {
        self.state.lock().1 = true;
        self.wake.notify_one();
    }

    pub(super) fn stopping(&self) -> bool {
        self.state.lock().1
    }

    /// Waits at most `patience`, then takes records of at most `bytes_max` bytes, at least one.
    pub(super) fn next(&self, bytes_max: u64, patience: Duration) -> Next {
        let mut state = self.state.lock();
        if state.0.is_empty() && !state.1 {
            self.wake.wait_for(&mut state, patience);
        }
        let (waiting, stopping) = &mut *state;
        if waiting.is_empty() {
            return if *stopping { Next::Stop } else { Next::Tick };
        }
        let mut bytes = 0;
        let fits = |filling: &&Filling| {
            bytes += filling.bytes;
            bytes <= bytes_max
        };
        let count = waiting.iter().take_while(fits).count().max(1);
        Next::Apply(waiting.drain(..count).collect())
    }

    /// Waits before something is tried again; ends early when the ledger closes.
    pub(super) fn pause(&self, patience: Duration) {
        let mut state = self.state.lock();
        if !state.1 {
            self.wake.wait_for(&mut state, patience);
        }
    }
}
