//! The rule of placement, pure: where the two copies of each shard should be.
//!
//! [`plan`] looks at the map and at who answers, and says which wants to change. A want is one step
//! that the shard's primary can take by itself: add or replace the second copy, or hand over to the
//! second copy that is there. What takes several steps (a node is emptied, a shard moves away from
//! both nodes) comes about over several plans.
//!
//! # Invariants
//! - **B1** The same map, members and rules make the same plan.
//! - **B2** A want names members with data that stay, answer and stand in an allowed country; who
//!   hands over is exempt, for it is what makes it leave.
//! - **B3** The two copies stand at different sites whenever there is such a place.
//! - **B4** A shard is handed over only to a second copy that is there.
//! - **B5** At most `moves_max` moves are under way, and `rebuilds_max` new copies per node. A
//!   shard with one copy left gets its spare before anything else moves (rule R6).
//! - **B6** A move makes the most loaded less loaded than before, and nobody as loaded as it was: so
//!   plans come to an end, and a new node is given no more than its share.

use std::collections::BTreeSet;

use protocol::cluster::{Map, Member, Wanted};

mod moves;
mod scene;
#[cfg(test)]
mod tests;

use moves::Moves;
use scene::Scene;

/// What placement must obey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Countries in which data may lie, as ISO 3166 codes, as long as the map names none.
    pub countries: BTreeSet<String>,
    /// Members that came back only now: they keep what they have and are given nothing more.
    pub unsettled: BTreeSet<u64>,
    /// Members that answer and took nothing of what they were given: they are given nothing, and
    /// what they were to be given goes to others.
    pub resting: BTreeSet<u64>,
    /// Moves under way at a time in the whole cluster: copies that are replaced for balance or for
    /// a node that leaves, and shards that are handed over.
    pub moves_max: usize,
    /// Copies being made onto one node at a time.
    pub rebuilds_max: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            countries: BTreeSet::new(),
            unsettled: BTreeSet::new(),
            resting: BTreeSet::new(),
            moves_max: 16,
            rebuilds_max: 16,
        }
    }
}

impl Rules {
    /// The countries in which data may lie; none named: all.
    pub fn allowed<'a>(&'a self, map: &'a Map) -> &'a BTreeSet<String> {
        let said = &map.settings.countries;
        if said.is_empty() { &self.countries } else { said }
    }

    /// Whether data may lie where this member stands.
    pub fn allow(&self, map: &Map, member: &Member) -> bool {
        let allowed = self.allowed(map);
        allowed.is_empty() || allowed.contains(&member.labels.country)
    }
}

/// The wants to change, by shard; empty when everything is as it should be, or under way.
pub fn plan(map: &Map, alive: &BTreeSet<u64>, rules: &Rules) -> Vec<(u16, Option<Wanted>)> {
    let scene = Scene::new(map, alive, rules);
    let mut moves = Moves::new(map, &scene, rules);
    moves.keep_what_is_under_way();
    moves.give_spares();
    moves.empty_who_leaves();
    moves.part_same_sites();
    moves.balance_primaries();
    moves.balance_copies();
    moves.changes()
}

/// Why members are given nothing, and what cannot be placed, in sentences for an operator.
pub fn words(map: &Map, alive: &BTreeSet<u64>, rules: &Rules) -> Vec<String> {
    let scene = Scene::new(map, alive, rules);
    let mut words = Vec::new();
    let allowed: Vec<&str> = rules.allowed(map).iter().map(String::as_str).collect();
    for member in map.members.values() {
        let (name, number) = (&member.labels.name, member.key.number);
        let data = member.purpose == protocol::cluster::Purpose::Data;
        if data && !rules.allow(map, member) {
            words.push(format!(
                "{name} (member {number}) stands in {:?}; data may lie in {} only, so it is given \
                 nothing. Allow the country (`konsil cluster set countries`) or remove the member.",
                member.labels.country,
                allowed.join(", ")
            ));
        }
        if rules.resting.contains(&number) {
            words.push(format!(
                "{name} (member {number}) answers and takes no copy: look at its disk and its log. \
                 It is given nothing for ten minutes."
            ));
        }
        if member.draining && !storage::control::holds(map, member.key) {
            words.push(format!("{name} (member {number}) holds no shard any more."));
        }
    }
    let alone = map.places.iter().filter(|place| place.config.twin.is_none()).count();
    if alone > 0 && scene.takers() < 2 {
        words.push(format!(
            "{alone} of {} shards have one copy, and no other node may take a second: add a node \
             in an allowed country.",
            map.places.len()
        ));
    }
    words
}
