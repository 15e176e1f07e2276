//! How far the log is needed, and what is done when one shard needs too much of it.
//!
//! # Invariants
//! - **FL1** The floor is not above any record that a restart would need: one whose entry is not
//!   applied, whose work waits for the filler, or whose fence the engine does not have.
//! - **FL2** A shard that cannot commit does not keep the log from shrinking: its entries are
//!   carried forward, written once more, before they are older than a few segments. Not more is
//!   carried than a quarter of what is written.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use protocol::key::SHARDS;

use super::{Host, records, tail::Fenced};
use crate::{ledger::core::Fill, wal::place::Place};

/// Segments of the log that an entry may be old before it is carried forward.
const SEGMENTS: u64 = 2;
/// So many times more is written than carried.
const SHARE: u64 = 4;

/// How far the log is needed.
pub(in crate::ledger) struct Floor {
    /// A replay that begins here finds everything; none when nothing was ever written.
    pub(in crate::ledger) place: Option<Place>,
    /// What the engine must hold for that.
    pub(in crate::ledger) fences: Vec<(u16, Fenced)>,
    /// How old the log was.
    pub(in crate::ledger) age: u64,
}

impl Host {
    /// Looks at everything, when the filler has applied all it took. In this order: the last
    /// answered record, the shards, the filler's queue. Work only moves from one to the next, so
    /// nothing is missed (FL1).
    pub(in crate::ledger) fn floor(&self, fill: &Fill) -> Floor {
        let (mut place, age) = (*self.seen.lock(), self.age.load(Relaxed));
        let mut lower = |start: Place| {
            if place.is_none_or(|place| start.number < place.number) {
                place = Some(start);
            }
        };
        let mut fences = Vec::new();
        for shard in 0..SHARDS {
            let cell = self.lock(shard);
            let fence = cell.tail.fence();
            if fence.stand.is_some() {
                fences.push((shard, fence));
            }
            if let Some(stand) = cell.tail.lowest() {
                lower(stand.start);
            }
        }
        if let Some(start) = fill.lowest() {
            lower(start);
        }
        Floor { place, fences, age }
    }

    /// The engine holds these fences.
    pub(in crate::ledger) fn saved(&self, fences: &[(u16, Fenced)]) {
        for (shard, fence) in fences {
            self.lock(*shard).tail.fence_saved(*fence);
        }
    }

    /// Writes once more what has been waiting for long (FL2).
    pub(in crate::ledger) fn carry_forward(self: &Arc<Self>) {
        let held: u64 = (0..SHARDS).map(|shard| self.lock(shard).tail.bytes()).sum();
        let bound = (SEGMENTS * self.segment_bytes).max(SHARE * held);
        let now = self.age.load(Relaxed);
        for shard in 0..SHARDS {
            let mut cell = self.lock(shard);
            let old = |age: u64| now.saturating_sub(age) > bound;
            if cell.dam.is_some()
                || cell.leaving
                || !cell.tail.lowest().is_some_and(|stand| old(stand.age))
            {
                continue;
            }
            let entries: Vec<_> = cell.tail.durable().cloned().collect();
            tracing::info!(shard, entries = entries.len(), "a waiting tail is carried forward");
            for entry in entries {
                if self.send_off(shard, records::write_entry(shard, &entry)).is_err() {
                    return; // tried again after the next checkpoint
                }
                cell.tail.carried_flies(entry.at);
                self.carried.fetch_add(1, Relaxed);
            }
        }
    }
}
