//! The members as placement sees them: small numbers instead of keys, sites instead of names.

use std::collections::{BTreeMap, BTreeSet};

use protocol::cluster::{Map, NodeKey, Purpose};

use super::Rules;

/// A member's place in the lists here.
pub(super) type Seat = usize;

/// One member with data.
pub(super) struct Holder {
    pub(super) key: NodeKey,
    pub(super) site: usize,
    pub(super) alive: bool,
    /// May go on holding what it holds.
    pub(super) stays: bool,
    /// May be given more.
    pub(super) takes: bool,
    /// Was given copies and took none.
    pub(super) rests: bool,
}

/// The members with data, by their numbers.
pub(super) struct Scene {
    pub(super) holders: Vec<Holder>,
    seats: BTreeMap<NodeKey, Seat>,
    pub(super) sites: usize,
    /// There are takers at two sites or more, so that B3 can be asked for.
    pub(super) apart: bool,
}

impl Scene {
    pub(super) fn new(map: &Map, alive: &BTreeSet<u64>, rules: &Rules) -> Self {
        let mut names: BTreeMap<&str, usize> = BTreeMap::new();
        let mut holders = Vec::new();
        let mut seats = BTreeMap::new();
        for member in map.members.values().filter(|it| it.purpose == Purpose::Data) {
            let next = names.len();
            let site = *names.entry(member.labels.site.as_str()).or_insert(next);
            let alive = alive.contains(&member.key.number);
            let stays = !member.draining && rules.allow(map, member);
            let rests = rules.resting.contains(&member.key.number);
            let takes = alive && stays && !rests && !rules.unsettled.contains(&member.key.number);
            seats.insert(member.key, holders.len());
            holders.push(Holder { key: member.key, site, alive, stays, takes, rests });
        }
        let taking: BTreeSet<usize> = holders
            .iter()
            .filter(|it| it.stays && it.alive && !it.rests)
            .map(|it| it.site)
            .collect();
        Self { holders, seats, sites: names.len(), apart: taking.len() > 1 }
    }

    /// The seat of a member with data.
    pub(super) fn seat(&self, key: NodeKey) -> Option<Seat> {
        self.seats.get(&key).copied()
    }

    /// Whether two copies may stand there together (B3).
    pub(super) fn may_pair(&self, one: Seat, other: Seat) -> bool {
        one != other && (!self.apart || self.holders[one].site != self.holders[other].site)
    }

    /// How many members may be given something.
    pub(super) fn takers(&self) -> usize {
        self.holders.iter().filter(|it| it.takes).count()
    }
}
