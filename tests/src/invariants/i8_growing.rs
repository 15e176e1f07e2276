//! I8: what is published only grows, and nobody is shown more than that.

use std::collections::BTreeMap;

use super::{Promise, Verdict};
use crate::{oracle::Fact, world::cluster::Cluster};

/// How much was published of each shard, in which generation.
#[derive(Debug, Default)]
pub(super) struct Growing(BTreeMap<u16, (u32, usize)>);

impl Promise for Growing {
    fn judge(&mut self, cluster: &Cluster, facts: &[Fact]) -> Verdict {
        for fact in facts {
            match fact {
                Fact::Published(it) => {
                    let seen = cluster.oracle.seen(it.shard);
                    let config = cluster.register.config_of(it.shard, it.epoch);
                    let old = config.is_some_and(|it| it.generation < seen.generation);
                    if !old && seen.known(it.at.lsn).is_none() {
                        return Err(format!(
                            "shard {}: {} publishes {:?} before any primary, or past a gap",
                            it.shard, it.node, it.at
                        ));
                    }
                    self.grows(it.shard, seen.generation, seen.order.len())?;
                }
                Fact::Shown { shard, at, generation, .. } => {
                    let seen = cluster.oracle.seen(*shard);
                    if *generation == seen.generation && at.lsn > seen.last() {
                        let last = seen.last();
                        return Err(format!("shard {shard}: shown {at:?}, published is {last}"));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Growing {
    fn grows(&mut self, shard: u16, generation: u32, length: usize) -> Verdict {
        let before = self.0.insert(shard, (generation, length)).unwrap_or_default();
        if before.0 == generation && before.1 > length {
            return Err(format!("shard {shard}: {} were published, now {length}", before.1));
        }
        Ok(())
    }
}
