//! Whether a cluster is well, and if not, what it lacks.

use protocol::cluster::Lsn;

use super::Cluster;

impl Cluster {
    /// What is not well; nothing when every shard is served, has as many copies as it may have,
    /// is where it is wanted, and nobody waits.
    pub fn ill(&self) -> Option<String> {
        if let Some(node) = self.nodes.iter().find(|node| !node.up) {
            return Some(format!("{} is down", node.key));
        }
        if let Some((number, person)) =
            self.people.iter().enumerate().find(|(_, person)| person.doing.is_some())
        {
            return Some(format!("person {number} waits: {:?}", person.doing));
        }
        (0..self.plan.shards).find_map(|shard| self.ill_shard(shard))
    }

    fn ill_shard(&self, shard: u16) -> Option<String> {
        let place = self.register.map().places[usize::from(shard)];
        let config = place.config;
        let says = |what: &str| Some(format!("shard {shard} {what}: {place:?}"));
        let Some(slot) = self.slot_of(config.primary) else {
            return says("has a primary that is gone");
        };
        let host = self.nodes[slot].host(shard);
        if !host.serves() || host.epoch() != Some(config.epoch) {
            return says(&format!("is not served ({:?})", host.standing));
        }
        if self.nodes[slot].clock.shows(self.now) >= host.replica.readable_until() {
            return says("cannot be read");
        }
        if config.twin.is_none() && self.staying().len() >= 2 {
            return says("has one copy");
        }
        if place.wanted.is_some() {
            return says("is wanted elsewhere");
        }
        let last = host.replica.last().lsn;
        if host.replica.commit() != last {
            return says("has uncommitted entries");
        }
        let twin = config.twin.and_then(|twin| self.slot_of(twin));
        let behind = |at: Lsn| at != last;
        if twin.is_some_and(|slot| behind(self.nodes[slot].host(shard).book.at.lsn)) {
            return says("has a twin that is not warm");
        }
        None
    }
}
