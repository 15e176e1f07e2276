//! I10: a read shows every write that was acknowledged before it began.
//!
//! Judged not only when somebody reads: after every step, whoever would answer a read at this
//! moment must know everything that anybody was told by now.

use super::{Promise, Verdict};
use crate::{oracle::Fact, world::cluster::Cluster};

/// Nothing to remember.
#[derive(Debug)]
pub(super) struct Reads;

impl Promise for Reads {
    fn judge(&mut self, cluster: &Cluster, facts: &[Fact]) -> Verdict {
        for fact in facts {
            let Fact::Shown { shard, at, floor, .. } = fact else { continue };
            if at.lsn < *floor {
                return Err(format!("shard {shard}: shown {at:?} after {floor} had been seen"));
            }
        }
        for node in cluster.nodes.iter().filter(|node| node.runs(cluster.now)) {
            let now = node.clock.shows(cluster.now);
            for (shard, host) in (0..).zip(&node.hosts) {
                let published = cluster.oracle.seen(shard).last();
                if now < host.replica.readable_until() && host.book.at.lsn < published {
                    return Err(format!(
                        "shard {shard}: {} would show {:?}, published is {published}",
                        node.key, host.book.at
                    ));
                }
            }
        }
        Ok(())
    }
}
