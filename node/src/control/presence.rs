//! Who answers, since when, and how often somebody went away. Pure: time is handed in.
//!
//! # Invariants
//! - **F1** Who was away and comes back is settled only after a while, twice as long each time, up
//!   to [`DOUBLINGS_MAX`] times; who stays for [`FORGIVEN_MS`] starts anew.
//! - **F2** Who was never seen counts as lost only after as long as anybody else: a leader that has
//!   just begun knows nothing yet.

use std::collections::{BTreeMap, BTreeSet};

/// How often the wait is doubled.
pub(super) const DOUBLINGS_MAX: u32 = 6;

/// After so long without going away, earlier times are forgotten.
pub(super) const FORGIVEN_MS: u64 = 10 * 60 * 1000;

/// One member.
#[derive(Debug, Clone, Copy)]
struct Seen {
    up: bool,
    since: u64,
    falls: u32,
}

/// Every member, as this node sees them.
#[derive(Debug, Default)]
pub(super) struct Presence {
    began: Option<u64>,
    seen: BTreeMap<u64, Seen>,
}

impl Presence {
    /// Takes in who answers at `now`; members that left are forgotten.
    pub(super) fn note(&mut self, now: u64, members: &BTreeSet<u64>, up: &BTreeSet<u64>) {
        self.began.get_or_insert(now);
        self.seen.retain(|number, _| members.contains(number));
        for number in members {
            let up = up.contains(number);
            match self.seen.get_mut(number) {
                None if up => {
                    self.seen.insert(*number, Seen { up, since: now, falls: 0 });
                }
                Some(seen) if seen.up != up => {
                    let steady = now.saturating_sub(seen.since) >= FORGIVEN_MS;
                    let falls = if seen.up && steady { 0 } else { seen.falls };
                    *seen = Seen { up, since: now, falls: falls + u32::from(!up) };
                }
                None | Some(_) => {}
            }
        }
    }

    /// Who answers.
    pub(super) fn alive(&self) -> BTreeSet<u64> {
        self.seen.iter().filter(|(_, it)| it.up).map(|(number, _)| *number).collect()
    }

    /// Who answers, but not for long enough (F1). `settle` is the wait after the first time.
    pub(super) fn unsettled(&self, now: u64, settle: u64) -> BTreeSet<u64> {
        let young = |it: &Seen| {
            let wait = settle.saturating_mul(1 << it.falls.saturating_sub(1).min(DOUBLINGS_MAX));
            it.up && it.falls > 0 && now.saturating_sub(it.since) < wait
        };
        self.seen.iter().filter(|(_, it)| young(it)).map(|(number, _)| *number).collect()
    }

    /// Who answers, or did not so long ago that nothing should be done about it (F2).
    pub(super) fn not_lost(
        &self,
        now: u64,
        members: &BTreeSet<u64>,
        patience: u64,
    ) -> BTreeSet<u64> {
        let kept = |number: &&u64| {
            let gone = match self.seen.get(number) {
                Some(seen) if seen.up => return true,
                Some(seen) => seen.since,
                None => self.began.unwrap_or(now),
            };
            now.saturating_sub(gone) < patience
        };
        members.iter().filter(kept).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(numbers: &[u64]) -> BTreeSet<u64> {
        numbers.iter().copied().collect()
    }

    #[test]
    fn f1_each_return_waits_twice_as_long_and_a_long_stay_forgives() {
        let (mut presence, members) = (Presence::default(), set(&[1, 2]));
        presence.note(0, &members, &members);
        assert_eq!(presence.unsettled(0, 100), set(&[]), "nobody fell yet");
        let mut now = 0;
        for wait in [100, 200, 400] {
            presence.note(now + 10, &members, &set(&[1]));
            assert_eq!(presence.alive(), set(&[1]));
            now += 20;
            presence.note(now, &members, &members);
            assert_eq!(presence.unsettled(now + wait - 1, 100), set(&[2]), "F1");
            assert_eq!(presence.unsettled(now + wait, 100), set(&[]), "F1");
        }
        now += FORGIVEN_MS;
        presence.note(now, &members, &set(&[1]));
        presence.note(now + 1, &members, &members);
        assert_eq!(presence.unsettled(now + 101, 100), set(&[]), "F1: as the first time");
    }

    #[test]
    fn f2_who_was_never_seen_is_not_lost_at_once() {
        let (mut presence, members) = (Presence::default(), set(&[1, 2]));
        presence.note(1000, &members, &set(&[1]));
        assert_eq!(presence.not_lost(1999, &members, 1000), members, "F2");
        assert_eq!(presence.not_lost(2000, &members, 1000), set(&[1]), "F2");
        presence.note(3000, &set(&[1]), &set(&[1, 2]));
        assert_eq!(presence.alive(), set(&[1]), "who left is forgotten");
    }
}
