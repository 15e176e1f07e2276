//! Who takes what it is given. Pure: time is handed in.
//!
//! A member that answers may still take nothing: its disk is full, or what it is to copy from is
//! damaged. It then looks like the least loaded of all, and every lone shard would go to it.
//!
//! # Invariants
//! - **F3** A member onto which copies are being made, and none has come about for [`PATIENCE_MS`],
//!   is given nothing for [`REST_MS`]. Each further time it is waited for twice as long, up to
//!   [`DOUBLINGS_MAX`] times, so that a copy that is merely large comes about in the end.

use std::collections::{BTreeMap, BTreeSet};

use protocol::cluster::Map;

use super::presence::DOUBLINGS_MAX;

/// How long no copy may come about at first.
pub(super) const PATIENCE_MS: u64 = 5 * 60 * 1000;

/// How long nothing is given then.
pub(super) const REST_MS: u64 = 10 * 60 * 1000;

/// One member.
#[derive(Debug, Clone, Copy, Default)]
struct Taking {
    holds: usize,
    /// Nothing was missing at this moment.
    since: u64,
    rests_until: u64,
    failed: u32,
}

/// Every member, as this node sees them.
#[derive(Debug, Default)]
pub(super) struct Receiving(BTreeMap<u64, Taking>);

impl Receiving {
    /// Takes in what the map says at `now`; members that left are forgotten.
    pub(super) fn note(&mut self, now: u64, map: &Map) {
        let mut holds: BTreeMap<u64, usize> = BTreeMap::new();
        let mut waits: BTreeSet<u64> = BTreeSet::new();
        for place in &map.places {
            let config = place.config;
            for holder in std::iter::once(config.primary).chain(config.twin) {
                *holds.entry(holder.number).or_default() += 1;
            }
            let new = place.wanted.and_then(|wanted| wanted.twin);
            waits.extend(new.filter(|new| !config.is_eligible(*new)).map(|new| new.number));
        }
        self.0.retain(|number, _| map.members.contains_key(number));
        for number in map.members.keys() {
            let taking =
                self.0.entry(*number).or_insert(Taking { since: now, ..Taking::default() });
            taking.note(now, holds.get(number).copied().unwrap_or(0), waits.contains(number));
        }
    }

    /// Who is given nothing for now (F3).
    pub(super) fn resting(&self, now: u64) -> BTreeSet<u64> {
        self.0.iter().filter(|(_, it)| now < it.rests_until).map(|(number, _)| *number).collect()
    }
}

impl Taking {
    fn note(&mut self, now: u64, holds: usize, waits: bool) {
        let took = holds > self.holds;
        self.holds = holds;
        if took {
            self.failed = 0;
        }
        if took || !waits {
            self.since = now;
            return;
        }
        let patience = PATIENCE_MS << self.failed.min(DOUBLINGS_MAX);
        if now.saturating_sub(self.since) >= patience {
            self.failed += 1;
            (self.since, self.rests_until) = (now, now + REST_MS); // F3
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f3_who_takes_nothing_is_given_nothing_for_a_while_and_waited_for_longer() {
        let mut taking = Taking::default();
        let mut now = 0;
        for doubled in 0..4 {
            let patience = PATIENCE_MS << doubled;
            taking.note(now, 10, false);
            taking.note(now + patience - 1, 10, true);
            assert!(taking.rests_until < now + patience, "F3");
            taking.note(now + patience, 10, true);
            assert_eq!(taking.rests_until, now + patience + REST_MS, "F3");
            now += patience + REST_MS;
        }
    }

    #[test]
    fn f3_whoever_takes_one_copy_is_trusted_again() {
        let mut taking = Taking::default();
        for holds in 1..100 {
            taking.note(holds as u64 * (PATIENCE_MS - 1), holds, true);
        }
        assert_eq!((taking.failed, taking.rests_until), (0, 0), "F3");
        // Losing one is not taking one.
        taking.note(100 * PATIENCE_MS, 50, true);
        taking.note(101 * PATIENCE_MS, 50, true);
        assert_eq!(taking.failed, 1, "F3");
    }
}
