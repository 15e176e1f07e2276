//! I2: every acknowledged entry is durable at every eligible node of the configuration.
//!
//! Stronger than what people can notice: judged the moment a configuration, a disk or what is
//! published changes, and not only when somebody takes over.

use protocol::cluster::{Lsn, NodeKey};
use std::collections::{BTreeMap, BTreeSet};

use super::{Promise, Verdict};
use crate::{oracle::Fact, world::cluster::Cluster};

/// How much of what was published each disk was seen to hold.
#[derive(Debug, Default)]
pub(super) struct Durable(BTreeMap<(u16, NodeKey), Held>);

#[derive(Debug, Clone, Copy, Default)]
struct Held {
    generation: u32,
    cuts: u64,
    upto: Lsn,
}

impl Promise for Durable {
    fn judge(&mut self, cluster: &Cluster, facts: &[Fact]) -> Verdict {
        let changed: BTreeSet<u16> = facts
            .iter()
            .filter_map(|fact| match fact {
                Fact::Configured { shard, .. } | Fact::Kept { shard, .. } => Some(*shard),
                Fact::Published(it) => Some(it.shard),
                _ => None,
            })
            .collect();
        changed.into_iter().try_for_each(|shard| self.shard(cluster, shard))
    }
}

impl Durable {
    fn shard(&mut self, cluster: &Cluster, shard: u16) -> Verdict {
        let config = cluster.register.config(shard);
        for key in std::iter::once(config.primary).chain(config.twin) {
            // A disk that is gone holds nothing; I11 is about what then remains.
            if let Some(slot) = cluster.slot_of(key) {
                self.node(cluster, shard, slot, key)?;
            }
        }
        Ok(())
    }

    fn node(&mut self, cluster: &Cluster, shard: u16, slot: usize, key: NodeKey) -> Verdict {
        let (seen, image) = (cluster.oracle.seen(shard), cluster.nodes[slot].disk.image(shard));
        let held = self.0.entry((shard, key)).or_default();
        if (held.generation, held.cuts) != (seen.generation, image.cuts) {
            *held = Held { generation: seen.generation, cuts: image.cuts, upto: Lsn(0) };
        }
        let base = image.book.at;
        if base.lsn > held.upto {
            if seen.known(base.lsn).is_some_and(|it| it.at != base) {
                return Err(format!("shard {shard}: the state of {key} is of another past"));
            }
            held.upto = base.lsn;
        }
        while held.upto < seen.last() {
            let next = held.upto.next();
            let there = image.entry(next).is_some_and(|entry| seen.agrees(entry));
            if !there {
                let known = seen.known(next);
                return Err(format!("shard {shard}: {key} is eligible and lacks {known:?}"));
            }
            held.upto = next;
        }
        Ok(())
    }
}
