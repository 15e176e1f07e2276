//! Which shard is looked at next, and when: a round over everything that is held, oldest first.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use protocol::key::SHARDS;

use super::Held;

/// Milliseconds a node that started has better things to do.
const SETTLE: u64 = 60_000;
/// Milliseconds until a node that holds nothing looks whether it does.
const EMPTY: u64 = 1_000;

#[derive(Debug)]
pub(super) struct Round {
    every: u64,
    /// When the next one may begin.
    due: u64,
    begun: bool,
    order: VecDeque<u16>,
    /// Shards that were put back once.
    again: BTreeSet<u16>,
    /// When each held shard was looked at last, or was first held.
    since: BTreeMap<u16, u64>,
    looked: BTreeSet<u16>,
    rounds: u64,
    chance: u16,
}

impl Round {
    pub(super) fn new(now: u64, every: u64, chance: u16) -> Self {
        Self {
            every,
            due: now + every.min(SETTLE),
            begun: false,
            order: VecDeque::new(),
            again: BTreeSet::new(),
            since: BTreeMap::new(),
            looked: BTreeSet::new(),
            rounds: 0,
            chance: chance % SHARDS,
        }
    }

    pub(super) fn holds(&mut self, now: u64, held: &BTreeMap<u16, Held>) {
        self.since.retain(|shard, _| held.contains_key(shard));
        self.looked.retain(|shard| held.contains_key(shard));
        for shard in held.keys() {
            self.since.entry(*shard).or_insert(now);
        }
    }

    /// The next shard of the round; of a new one when that is due.
    pub(super) fn next(&mut self, now: u64, held: &BTreeMap<u16, Held>) -> Option<Held> {
        loop {
            if let Some(shard) = self.order.pop_front() {
                match held.get(&shard) {
                    Some(held) => return Some(*held),
                    None => continue, // given away meanwhile
                }
            }
            if std::mem::take(&mut self.begun) {
                self.rounds += 1;
            }
            if held.is_empty() {
                self.due = self.due.max(now + EMPTY);
            }
            if now < self.due {
                return None;
            }
            self.begin(now, held);
        }
    }

    fn begin(&mut self, now: u64, held: &BTreeMap<u16, Held>) {
        let mut order: Vec<u16> = held.keys().copied().collect();
        order.sort_by_key(|shard| {
            let never = !self.looked.contains(shard);
            let turned = (shard + SHARDS - self.chance) % SHARDS;
            (!never, self.since.get(shard).copied().filter(|_| !never), turned)
        });
        self.order = order.into();
        self.again.clear();
        (self.begun, self.due) = (true, now + self.every);
    }

    /// It was looked at.
    pub(super) fn looked(&mut self, now: u64, shard: u16) {
        if let Some(since) = self.since.get_mut(&shard) {
            *since = now;
            self.looked.insert(shard);
        }
    }

    /// It could not be looked at: it is tried once more, at the end of the round.
    pub(super) fn again(&mut self, shard: u16) {
        if self.again.insert(shard) {
            self.order.push_back(shard);
        }
    }

    pub(super) const fn due(&self) -> u64 {
        self.due
    }

    pub(super) const fn rounds(&self) -> u64 {
        self.rounds
    }

    pub(super) fn oldest(&self, now: u64) -> u64 {
        self.since.values().min().map_or(0, |since| now.saturating_sub(*since))
    }
}
