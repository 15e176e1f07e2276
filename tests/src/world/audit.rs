//! The honest audit: what people were told, against what is there when all is over.

use protocol::{
    cluster::Epoch,
    twin::{At, Entry},
};
use std::collections::BTreeSet;

use super::{
    book::{self, Book},
    cluster::Cluster,
    node::Node,
};

/// Compares every shard with everything that anybody saw of it.
pub(super) fn audit(cluster: &Cluster) -> Result<(), String> {
    (0..cluster.plan.shards).try_for_each(|shard| audit_shard(cluster, shard))
}

fn audit_shard(cluster: &Cluster, shard: u16) -> Result<(), String> {
    let config = cluster.register.config(shard);
    let slot = cluster.slot_of(config.primary).ok_or("the primary is no machine")?;
    let book = &cluster.nodes[slot].host(shard).book;
    let seen = cluster.oracle.seen(shard);
    once(shard, book)?;
    for (command, (place, _, generation)) in &seen.answered {
        let there = book.place(*command);
        if *generation == seen.generation && there != Some(*place) {
            return Err(format!(
                "shard {shard}: a person was told that {command:x} took effect at {place}; it is \
                 at {there:?}"
            ));
        }
        if there.is_none() && !given_up(&seen.given_up, *command) {
            return Err(format!(
                "shard {shard}: {command:x} is missing, and force did not take it"
            ));
        }
    }
    if book.at.lsn != seen.last() {
        return Err(format!("shard {shard}: {:?} is there, {} is known", book.at, seen.last()));
    }
    let eligible = |node: &&Node| node.up && config.is_eligible(node.key);
    for node in cluster.nodes.iter().filter(eligible) {
        let other = &node.host(shard).book;
        let shared = other.order.len().min(book.order.len());
        if other.order[..shared] != book.order[..shared] {
            return Err(format!("shard {shard}: {} has another order", node.key));
        }
        if other.at != book.at {
            return Err(format!(
                "shard {shard}: {} is at {:?}, not {:?}",
                node.key, other.at, book.at
            ));
        }
    }
    Ok(())
}

/// Nothing is there twice.
fn once(shard: u16, book: &Book) -> Result<(), String> {
    let different: BTreeSet<u64> = book.order.iter().copied().collect();
    if different.len() == book.order.len() {
        return Ok(());
    }
    Err(format!("shard {shard}: {} commands, {} different", book.order.len(), different.len()))
}

/// Whether force took a command.
fn given_up(lost: &BTreeSet<(At, u64)>, command: u64) -> bool {
    let at = At { epoch: Epoch(0), ..At::default() };
    let entry = Entry { at, kind: book::COMMAND, payload: book::payload(command) };
    let mark = book::mark(&entry);
    lost.iter().any(|it| it.1 == mark)
}
