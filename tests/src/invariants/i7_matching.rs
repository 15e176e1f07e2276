//! I7: two logs with the same entry at a place are the same before it.
//!
//! Judged by one table for all logs: an entry's epoch and place always come with the same content
//! and the same entry before it. By induction that is the whole prefix.

use protocol::{
    cluster::{Lsn, NodeKey},
    twin::{At, Entry},
};
use std::collections::BTreeMap;

use super::{Promise, Verdict};
use crate::{
    oracle::Fact,
    world::{book, cluster::Cluster},
};

/// Every entry there ever was: what is before it, and what it holds.
#[derive(Debug, Default)]
pub(super) struct Matching {
    entries: BTreeMap<(u16, At), (At, u64)>,
    looked: BTreeMap<(u16, NodeKey), (u64, Lsn)>,
}

impl Promise for Matching {
    fn judge(&mut self, cluster: &Cluster, facts: &[Fact]) -> Verdict {
        for fact in facts {
            match fact {
                Fact::Wrote { shard, node, prev, entry } => {
                    self.one(*shard, *node, *prev, entry)?;
                }
                Fact::Kept { shard, node } => self.log(cluster, *shard, *node)?,
                _ => {}
            }
        }
        Ok(())
    }
}

impl Matching {
    fn one(&mut self, shard: u16, node: NodeKey, prev: At, entry: &Entry) -> Verdict {
        let this = (prev, book::mark(entry));
        let known = self.entries.entry((shard, entry.at)).or_insert(this);
        if *known == this {
            return Ok(());
        }
        let at = entry.at;
        Err(format!("shard {shard}: {node} has {this:?} at {at:?}, where {known:?} was before"))
    }

    /// What came into a node's durable log since it was last looked at.
    fn log(&mut self, cluster: &Cluster, shard: u16, node: NodeKey) -> Verdict {
        let Some(slot) = cluster.slot_of(node) else { return Ok(()) };
        let image = cluster.nodes[slot].disk.image(shard);
        let fresh = (image.cuts, Lsn(0));
        let mut looked = self.looked.get(&(shard, node)).copied().unwrap_or(fresh);
        if looked.0 != image.cuts {
            looked = fresh;
        }
        let start = looked.1.max(image.book.at.lsn);
        let mut prev = image.entry(start).map_or(image.book.at, |entry| entry.at);
        let skip = image.log.front().map_or(0, |it| (start.0 + 1).saturating_sub(it.at.lsn.0));
        for entry in image.log.iter().skip(usize::try_from(skip).expect("logs are short")) {
            self.one(shard, node, prev, entry)?;
            prev = entry.at;
        }
        self.looked.insert((shard, node), (image.cuts, prev.lsn));
        Ok(())
    }
}
