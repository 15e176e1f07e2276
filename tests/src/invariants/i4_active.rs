//! I4: nobody publishes or acknowledges in an epoch unless active in it and not fenced.

use protocol::cluster::{Epoch, NodeKey};

use super::{Promise, Verdict};
use crate::{
    oracle::{Fact, Published},
    world::cluster::Cluster,
};

/// Nothing to remember.
#[derive(Debug)]
pub(super) struct Active;

impl Promise for Active {
    fn judge(&mut self, cluster: &Cluster, facts: &[Fact]) -> Verdict {
        for fact in facts {
            match fact {
                Fact::Published(it) if it.primary => active(cluster, it)?,
                Fact::Acked { shard, node, epoch } => {
                    fenced(cluster, *shard, *node, *epoch, "acknowledges")?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Who believes to be the primary of an epoch is it.
    fn look_again(&mut self, cluster: &Cluster) -> Verdict {
        for node in cluster.nodes.iter().filter(|node| node.up) {
            for (shard, host) in (0..).zip(&node.hosts) {
                let Some(epoch) = host.epoch().filter(|_| host.leads()) else { continue };
                leads(cluster, shard, node.key, epoch)?;
            }
        }
        Ok(())
    }
}

fn leads(cluster: &Cluster, shard: u16, node: NodeKey, epoch: Epoch) -> Verdict {
    let config = cluster.register.config_of(shard, epoch);
    if config.is_some_and(|config| config.primary == node) {
        return Ok(());
    }
    Err(format!("shard {shard}: {node} leads in epoch {epoch}, which is {config:?}"))
}

fn active(cluster: &Cluster, it: &Published) -> Verdict {
    let Published { shard, node, epoch, .. } = *it;
    leads(cluster, shard, node, epoch)?;
    fenced(cluster, shard, node, epoch, "publishes")?;
    let Some(slot) = cluster.slot_of(node) else { return Ok(()) };
    let act = cluster.nodes[slot].disk.image(shard).act;
    if act == epoch {
        return Ok(());
    }
    Err(format!("shard {shard}: {node} publishes in epoch {epoch}, its disk says active in {act}"))
}

fn fenced(cluster: &Cluster, shard: u16, node: NodeKey, epoch: Epoch, does: &str) -> Verdict {
    let Some(slot) = cluster.slot_of(node) else { return Ok(()) };
    let seen = cluster.nodes[slot].disk.image(shard).seen;
    if seen <= epoch {
        return Ok(());
    }
    Err(format!("shard {shard}: {node} {does} in epoch {epoch} although its disk says {seen}"))
}
