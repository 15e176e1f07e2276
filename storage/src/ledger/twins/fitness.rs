//! Whether this node could serve at all, and what follows when it could not.
//!
//! A primary that refuses every append and goes on beating is worse than a dead one: nobody takes
//! its place. So after a while of trouble it behaves as if its shards were wanted at their twins;
//! that is a planned handoff, with everything that keeps one safe. A node that is in trouble itself
//! is silent to its primary (TW6) and so never the twin that a shard is handed to.
//!
//! A node that is about to stop gives way likewise: nobody has to find out that it is gone.
//!
//! The same holds for a single shard when what is committed cannot be applied: an entry that the
//! engine has and that is damaged, say. It could be kept, but never served.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use parking_lot::Mutex;
use protocol::cluster::{Cas, Wanted};

use super::{Host, cell::Cell};
use crate::{
    ledger::Ledger,
    twin::{Alarm, Input},
};

/// Trouble that lasts no longer is borne, in milliseconds.
pub(super) const PATIENCE: u64 = 2_000;

/// Whether what this node lacks has lasted.
#[derive(Default)]
pub(super) struct Fitness {
    since: Mutex<Option<u64>>,
    unfit: AtomicBool,
    /// It is about to stop.
    leaves: AtomicBool,
}

impl Fitness {
    /// Takes note of how it is now; to be called often.
    pub(super) fn look(&self, now: u64, well: bool) {
        let since = &mut *self.since.lock();
        *since = if well { None } else { since.or(Some(now)) };
        let lasts = since.is_some_and(|since| now.saturating_sub(since) > PATIENCE);
        if lasts != self.unfit.swap(lasts, Relaxed) {
            tracing::warn!(unfit = lasts, "whether this node gives way to others has changed");
        }
    }

    fn is_unfit(&self) -> bool {
        self.unfit.load(Relaxed) || self.leaves.load(Relaxed)
    }
}

impl Ledger {
    /// From now on this node gives way: what it serves goes to the twins, as soon as each has
    /// everything. Says no more and does not wait; [`Ledger::gives_way`] tells when it is done.
    pub fn leave(&self) {
        self.with_twins(|host| host.fitness.leaves.store(true, Relaxed));
    }

    /// Shards that are still served here and have a twin that could serve them.
    pub fn gives_way(&self) -> usize {
        self.shards().iter().filter(|it| it.serves && it.lag.is_some()).count()
    }
}

impl Host {
    /// Tells the replica where its shard is wanted: where the map says, or at the twin while this
    /// node gives way (TW9).
    pub(super) fn wish(self: &Arc<Self>, cell: &mut Cell) {
        let mine = cell.config.filter(|config| config.primary == self.me);
        let twin = mine.and_then(|config| config.twin).filter(|_| self.gives_way(cell));
        let flight = twin.map(|twin| Wanted { primary: twin, twin: Some(self.me) });
        let wished = flight.or(cell.wanted);
        if cell.wished != wished {
            cell.wished = wished;
            self.step(cell, Input::Wanted(wished));
        }
    }

    /// Whether a proposal would make this node serve what it could not (TW9).
    pub(super) fn offers_in_vain(&self, cell: &Cell, cas: &Cas) -> bool {
        let takes_over = cell.config.is_some_and(|config| config.primary != self.me);
        takes_over && cas.primary == self.me && self.gives_way(cell)
    }

    fn gives_way(&self, cell: &Cell) -> bool {
        self.fitness.is_unfit() || self.is_stuck(cell)
    }

    /// Whether what is committed could not be applied for longer than is borne.
    pub(super) fn is_stuck(&self, cell: &Cell) -> bool {
        let now = self.world.now();
        cell.stuck.as_ref().is_some_and(|stuck| now.saturating_sub(stuck.since) > PATIENCE)
    }

    /// Tells a person, once, of a shard that is stuck.
    pub(super) fn complain(&self, cell: &mut Cell) {
        if !self.is_stuck(cell) {
            return;
        }
        if let Some(stuck) = cell.stuck.as_mut().filter(|stuck| !stuck.told) {
            stuck.told = true;
            self.world.alarm(cell.shard, Alarm::Unapplied { at: stuck.at });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tw9_only_trouble_that_lasts_counts() {
        let fitness = Fitness::default();
        for (now, well, unfit) in [
            (0, false, false),
            (PATIENCE, false, false),
            (PATIENCE + 1, true, false),
            (PATIENCE + 2, false, false),
            (2 * PATIENCE + 2, false, false),
            (2 * PATIENCE + 3, false, true),
            (2 * PATIENCE + 4, true, false),
        ] {
            fitness.look(now, well);
            assert_eq!(fitness.is_unfit(), unfit, "TW9, after {now} ms");
        }
    }
}
