//! One journal in memory: where it ends, and what the engine does not hold yet.
//!
//! # Invariants
//! - **T1** `acked <= staged`; readers see nothing above `acked` (J2).
//! - **T2** What is held is gapless and ends at `staged`; what is not held is in the engine.
//! - **T3** A refused append takes everything staged behind it along: `staged` falls to `acked`.
//!
//! The lock of a slot is held for moments only: chaining and hashing are done outside, against a
//! link that is checked again when the append is staged.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};

use super::keys;
use crate::{
    fault::StorageFault,
    journal::{JournalId, Link, Seq},
    store::Store,
};

/// One journal.
pub(super) struct Slot {
    pub(super) journal: JournalId,
    pub(super) shard: u16,
    state: Mutex<Option<State>>,
}

/// What is known of a loaded journal.
pub(super) struct State {
    pub(super) acked: Link,
    pub(super) staged: Link,
    held: VecDeque<(Seq, Bytes)>,
    /// The newest acknowledged snapshot, while the engine does not hold it.
    pub(super) fold: Option<Bytes>,
}

/// See [`Slot::peek`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Peek {
    pub(super) acked: Link,
    pub(super) staged: Link,
    pub(super) synced: Seq,
}

/// A slot's state, loaded and locked.
pub(super) struct Loaded<'a>(MutexGuard<'a, Option<State>>);

impl std::ops::Deref for Loaded<'_> {
    type Target = State;
    fn deref(&self) -> &State {
        self.0.as_ref().expect("`Slot::load` loads before it gives this out")
    }
}

impl std::ops::DerefMut for Loaded<'_> {
    fn deref_mut(&mut self) -> &mut State {
        self.0.as_mut().expect("`Slot::load` loads before it gives this out")
    }
}

impl Slot {
    /// Locks the state, reading the journal's head first when nobody did.
    pub(super) fn load(&self, store: &dyn Store) -> Result<Loaded<'_>, StorageFault> {
        let mut state = self.state.lock();
        if state.is_none() {
            let link = keys::load_head(store, &self.journal)?;
            *state = Some(State { acked: link, staged: link, held: VecDeque::new(), fold: None });
        }
        Ok(Loaded(state))
    }

    /// Changes a state that is loaded; does nothing to one that is not.
    pub(super) fn change(&self, change: impl FnOnce(&mut State)) {
        if let Some(state) = self.state.lock().as_mut() {
            change(state);
            assert!(state.acked.seq <= state.staged.seq, "T1");
        }
    }

    /// True when a listing must name it: it has an acknowledged entry.
    pub(super) fn is_written(&self) -> bool {
        self.state.lock().as_ref().is_some_and(|state| state.acked.seq > Seq(0))
    }

    /// What is known, without reading anything: the last acknowledged entry and the last staged
    /// one, and how far the engine was synced.
    pub(super) fn peek(&self) -> Option<Peek> {
        self.state.lock().as_ref().map(|state| Peek {
            acked: state.acked,
            staged: state.staged,
            synced: Seq(state.held_from().0 - 1),
        })
    }

    /// Forgets what is known, because the engine was changed below it.
    pub(super) fn forget(&self) {
        *self.state.lock() = None;
    }

    fn is_idle(&self) -> bool {
        self.state.lock().as_ref().is_none_or(|state| {
            state.held.is_empty() && state.fold.is_none() && state.acked == state.staged
        })
    }
}

impl State {
    /// Takes entries that are on their way to the log.
    pub(super) fn stage(&mut self, entries: &[Bytes], link: Link) {
        for bytes in entries {
            let seq = self.held.back().map_or(self.staged.seq, |(seq, _)| *seq).next();
            self.held.push_back((seq, bytes.clone()));
        }
        self.staged = link;
        assert_eq!(self.held.back().map(|(seq, _)| *seq), Some(link.seq), "T2");
    }

    /// The log holds everything up to `link`.
    pub(super) fn ack(&mut self, link: Link) {
        assert!(self.acked.seq < link.seq && link.seq <= self.staged.seq, "T1");
        self.acked = link;
    }

    /// The log refused what was staged (T3).
    pub(super) fn fall_back(&mut self) {
        self.staged = self.acked;
        while self.held.back().is_some_and(|(seq, _)| *seq > self.acked.seq) {
            self.held.pop_back();
        }
    }

    /// The engine holds everything up to `seq`.
    pub(super) fn applied(&mut self, seq: Seq) {
        assert!(seq <= self.acked.seq, "only what is acknowledged is applied");
        while self.held.front().is_some_and(|(held, _)| *held <= seq) {
            self.held.pop_front();
        }
    }

    /// The engine holds this snapshot.
    pub(super) fn folded(&mut self, inside: &Bytes) {
        // The very bytes, not their number: a newer snapshot stays.
        if self.fold.as_ref().is_some_and(|held| held.as_ptr() == inside.as_ptr()) {
            self.fold = None;
        }
    }

    /// The first entry that is held; one after the last when none is.
    pub(super) fn held_from(&self) -> Seq {
        self.held.front().map_or(self.acked.seq.next(), |(seq, _)| *seq)
    }

    /// At most `limit` acknowledged entries from `from` on, of those that are held.
    pub(super) fn held(&self, from: Seq, limit: usize) -> Vec<(Seq, Bytes)> {
        let skip = from.0.saturating_sub(self.held_from().0) as usize;
        let acked = self.held.iter().skip(skip).take_while(|(seq, _)| *seq <= self.acked.seq);
        acked.take(limit).cloned().collect()
    }
}

/// How many locks the table of slots has.
const LANES: usize = 16;
/// Slots one lane keeps before it forgets the idle ones.
const LANE_SLOTS: usize = 4096;

/// All journals in memory.
pub(super) struct Slots {
    lanes: [Mutex<HashMap<JournalId, Arc<Slot>>>; LANES],
    hasher: RandomState,
}

impl Default for Slots {
    fn default() -> Self {
        Self { lanes: std::array::from_fn(|_| Mutex::default()), hasher: RandomState::new() }
    }
}

impl Slots {
    /// The slot of a journal, when it is in memory.
    pub(super) fn known(&self, journal: &JournalId) -> Option<Arc<Slot>> {
        let lane = &self.lanes[self.hasher.hash_one(journal) as usize % LANES];
        lane.lock().get(journal).cloned()
    }

    /// The slot of a journal.
    pub(super) fn slot(&self, journal: &JournalId) -> Arc<Slot> {
        let lane = &self.lanes[self.hasher.hash_one(journal) as usize % LANES];
        let mut lane = lane.lock();
        if let Some(slot) = lane.get(journal) {
            return Arc::clone(slot);
        }
        if lane.len() >= LANE_SLOTS {
            // Under the lane's lock a count of one means that nobody else can reach it.
            lane.retain(|_, slot| Arc::strong_count(slot) > 1 || !slot.is_idle());
        }
        let (journal, shard) = (journal.clone(), journal.shard());
        let slot = Arc::new(Slot { journal: journal.clone(), shard, state: Mutex::new(None) });
        lane.insert(journal, Arc::clone(&slot));
        slot
    }

    /// All that are in memory and chosen.
    pub(super) fn chosen(&self, chosen: impl Fn(&Slot) -> bool) -> Vec<Arc<Slot>> {
        let mut found = Vec::new();
        for lane in &self.lanes {
            found.extend(lane.lock().values().filter(|slot| chosen(slot)).cloned());
        }
        found
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.lanes.iter().map(|lane| lane.lock().len()).sum()
    }

    /// The journals in memory that are chosen and have an entry.
    pub(super) fn written(&self, chosen: impl Fn(&JournalId) -> bool) -> Vec<JournalId> {
        let slots = self.chosen(|slot| chosen(&slot.journal));
        let written = slots.iter().filter(|slot| slot.is_written());
        written.map(|slot| slot.journal.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::MemoryStore;

    fn link(seq: u64) -> Link {
        Link { seq: Seq(seq), hash: [seq as u8; 32] }
    }

    #[test]
    fn t1_t2_t3_staged_acknowledged_applied_and_refused() {
        let store = MemoryStore::new();
        let slots = Slots::default();
        let slot = slots.slot(&JournalId::new("room/1").expect("a good name"));
        let entry = Bytes::from_static(b"entry");
        let mut state = slot.load(&store).expect("loaded");
        state.stage(&[entry.clone(), entry.clone()], link(2));
        state.stage(std::slice::from_ref(&entry), link(3));
        assert_eq!(state.held(Seq(1), 9).len(), 0, "T1, J2");
        state.ack(link(2));
        assert_eq!(state.held(Seq(2), 9), [(Seq(2), entry.clone())], "T1");
        state.fall_back();
        assert_eq!((state.staged.seq, state.held_from()), (Seq(2), Seq(1)), "T3");
        state.stage(&[entry], link(3));
        state.ack(link(3));
        state.applied(Seq(2));
        assert_eq!((state.held_from(), state.held(Seq(0), 9).len()), (Seq(3), 1), "T2");
        state.applied(Seq(3));
        assert_eq!(state.held_from(), Seq(4), "T2");
        drop(state);
        assert!(slot.is_idle() && slot.is_written());
        assert_eq!(slots.written(|_| true).len(), 1);
    }

    #[test]
    fn idle_slots_are_forgotten_and_busy_ones_are_not() {
        let store = MemoryStore::new();
        let slots = Slots::default();
        let busy = JournalId::new("busy").expect("a good name");
        slots.slot(&busy).load(&store).expect("loaded").stage(&[Bytes::new()], link(1));
        for number in 0..3 * LANES * LANE_SLOTS {
            drop(slots.slot(&JournalId::new(&format!("idle/{number}")).expect("a good name")));
        }
        assert!(slots.len() <= LANES * (LANE_SLOTS + 1));
        assert!(!slots.slot(&busy).is_idle());
    }
}
