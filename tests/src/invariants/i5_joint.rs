//! I5: while a proposal is under way, both the old and the proposed copies hold what is
//! acknowledged.

use protocol::cluster::{Cas, Epoch, NodeKey};
use std::collections::BTreeMap;

use super::{Promise, Verdict};
use crate::{
    oracle::{Fact, Published},
    world::{book, cluster::Cluster},
};

/// Twins that were proposed and not known to be refused.
#[derive(Debug, Default)]
pub(super) struct Joint(BTreeMap<(u16, NodeKey), (Epoch, NodeKey)>);

impl Promise for Joint {
    fn judge(&mut self, cluster: &Cluster, facts: &[Fact]) -> Verdict {
        for fact in facts {
            match fact {
                Fact::Proposed { node, cas } => self.proposed(cluster, *node, *cas),
                Fact::Refused { node, shard, expect } => {
                    let key = (*shard, *node);
                    if self.0.get(&key).is_some_and(|it| it.0 == *expect) {
                        self.0.remove(&key);
                    }
                }
                Fact::Started { node } => self.0.retain(|key, _| key.1 != *node),
                Fact::Published(it) if it.primary => self.published(cluster, it)?,
                _ => {}
            }
        }
        Ok(())
    }
}

impl Joint {
    fn proposed(&mut self, cluster: &Cluster, node: NodeKey, cas: Cas) {
        let Cas { shard, expect, primary, twin, .. } = cas;
        let Some(twin) = twin.filter(|_| primary == node) else { return };
        let config = cluster.register.config_of(shard, expect);
        if config.is_some_and(|config| !config.is_eligible(twin)) {
            self.0.insert((shard, node), (expect, twin));
        }
    }

    fn published(&self, cluster: &Cluster, it: &Published) -> Verdict {
        let proposed = self.0.get(&(it.shard, it.node)).filter(|proposed| proposed.0 == it.epoch);
        let config = cluster.register.config_of(it.shard, it.epoch);
        let twin = config.and_then(|config| config.twin);
        let required = [Some(it.node), twin, proposed.map(|it| it.1)];
        for node in required.into_iter().flatten() {
            if !holds(cluster, it, node) {
                let Published { shard, at, epoch, .. } = it;
                return Err(format!(
                    "shard {shard}: {} publishes {at:?} in epoch {epoch}, {node} must hold it and \
                     does not",
                    it.node
                ));
            }
        }
        Ok(())
    }
}

/// Whether a node's disk holds it; one whose disk is gone held it before.
fn holds(cluster: &Cluster, it: &Published, node: NodeKey) -> bool {
    let Some(slot) = cluster.slot_of(node) else { return true };
    let image = cluster.nodes[slot].disk.image(it.shard);
    image.book.at.lsn >= it.at.lsn
        || image
            .entry(it.at.lsn)
            .is_some_and(|entry| entry.at == it.at && book::mark(entry) == it.mark)
}
