//! I1: one configuration per shard and epoch.

use protocol::cluster::{Config, Epoch};
use std::collections::BTreeMap;

use super::{Promise, Verdict};
use crate::{oracle::Fact, world::cluster::Cluster};

/// Every configuration there ever was.
#[derive(Debug, Default)]
pub(super) struct OneConfiguration(BTreeMap<(u16, Epoch), Config>);

impl Promise for OneConfiguration {
    fn judge(&mut self, _: &Cluster, facts: &[Fact]) -> Verdict {
        for fact in facts {
            let Fact::Configured { shard, before, after, .. } = fact else { continue };
            if after.epoch != before.epoch.next() {
                return Err(format!("shard {shard}: {before:?} was followed by {after:?}"));
            }
            let known = self.0.entry((*shard, after.epoch)).or_insert(*after);
            if known != after {
                return Err(format!("shard {shard}: {known:?} and {after:?} in one epoch"));
            }
        }
        Ok(())
    }
}
