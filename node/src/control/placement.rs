//! The rule of placement, pure: where the copies of each shard should be.
use std::collections::BTreeSet;
use protocol::cluster::{Map, Wanted};

/// What placement must obey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Countries in which content may lie, as ISO 3166 codes.
    pub countries: BTreeSet<String>,
    /// Members that came back only now: they keep what they have and are given nothing more.
    pub unsettled: BTreeSet<u64>,
    /// Copies being made, and shards being handed over, at a time in the whole cluster.
    pub moves_max: usize,
    /// Copies being made onto one node at a time.
    pub rebuilds_max: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            countries: BTreeSet::from(["DE".into()]),
            unsettled: BTreeSet::new(),
            moves_max: 16,
            rebuilds_max: 16,
        }
    }
}

/// What to change.
pub fn plan(_map: &Map, _alive: &BTreeSet<u64>, _rules: &Rules) -> Vec<(u16, Option<Wanted>)> {
    Vec::new()
}
