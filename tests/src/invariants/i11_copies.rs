//! I11: what was acknowledged with two copies survives the loss of any one disk.
//!
//! That what has one copy survives a crash of its node is I2, which is judged after every crash.

use super::{Promise, Verdict};
use crate::{
    oracle::{Fact, Known},
    world::{book, cluster::Cluster},
};

/// Nothing to remember.
#[derive(Debug)]
pub(super) struct Copies;

impl Promise for Copies {
    fn judge(&mut self, cluster: &Cluster, facts: &[Fact]) -> Verdict {
        if !facts.iter().any(|fact| matches!(fact, Fact::DiskLost { .. })) {
            return Ok(());
        }
        for shard in 0..cluster.plan.shards {
            let order = &cluster.oracle.seen(shard).order;
            // Later ones were published after fewer losses: only the last stretch had none.
            let safe = |it: &&Known| it.losses + 1 == cluster.oracle.losses();
            for known in order.iter().rev().take_while(safe).filter(|it| it.copies == 2) {
                if !is_somewhere(cluster, shard, known) {
                    return Err(format!("shard {shard}: {known:?} was lost with one disk"));
                }
            }
        }
        Ok(())
    }
}

fn is_somewhere(cluster: &Cluster, shard: u16, known: &Known) -> bool {
    let lsn = known.at.lsn;
    cluster.nodes.iter().map(|node| node.disk.image(shard)).any(|image| {
        image.book.at.lsn >= lsn
            || image.entry(lsn).is_some_and(|it| it.at == known.at && book::mark(it) == known.mark)
    })
}
