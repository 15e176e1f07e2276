//! I3: at most one entry is ever published at a place.

use super::{Promise, Verdict};
use crate::{
    oracle::{Fact, Known},
    world::cluster::Cluster,
};

/// The oracle remembers.
#[derive(Debug)]
pub(super) struct OneEntry;

impl Promise for OneEntry {
    fn judge(&mut self, cluster: &Cluster, facts: &[Fact]) -> Verdict {
        for fact in facts {
            let Fact::Published(it) = fact else { continue };
            let seen = cluster.oracle.seen(it.shard);
            let config = cluster.register.config_of(it.shard, it.epoch);
            // A node that has not heard of a use of force speaks of what force gave up.
            if config.is_some_and(|config| config.generation < seen.generation) {
                continue;
            }
            let Some(Known { at, mark, .. }) = seen.known(it.at.lsn) else { continue };
            if (*at, *mark) != (it.at, it.mark) {
                return Err(format!(
                    "shard {}: {} publishes {:?} where {at:?} was published before",
                    it.shard, it.node, it.at
                ));
            }
        }
        Ok(())
    }
}
