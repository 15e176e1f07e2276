//! The oracle: sees everything, takes part in nothing.
//!
//! The world tells it facts as they happen. It keeps what anybody could have been told: the order
//! of published entries of each shard, what was acknowledged to whom, what was given up by force.
//! The promises of `invariants` judge the facts of each step against it.

use protocol::{
    cluster::{Cas, Config, Epoch, Lsn, NodeKey},
    twin::{At, Entry},
};
use std::collections::{BTreeMap, BTreeSet};

use crate::world::book;

/// Something that happened.
#[expect(missing_docs, reason = "the fields are called what they are")]
#[derive(Debug, Clone)]
pub enum Fact {
    /// A shard has another configuration; without a proposer it was forced.
    Configured { shard: u16, before: Config, after: Config, proposer: Option<NodeKey> },
    /// A node's machine declared an entry committed and its host let it take effect.
    Published(Published),
    /// A node's machine wrote or sent an entry, behind `prev`.
    Wrote { shard: u16, node: NodeKey, prev: At, entry: Entry },
    /// A node's machine acknowledged the appends of an epoch.
    Acked { shard: u16, node: NodeKey, epoch: Epoch },
    /// A node's machine proposed a configuration.
    Proposed { node: NodeKey, cas: Cas },
    /// A node's machine heard that its proposal failed.
    Refused { node: NodeKey, shard: u16, expect: Epoch },
    /// A node's process started anew and knows nothing of before.
    Started { node: NodeKey },
    /// Something durable changed: entries came, were cut, or a state was installed.
    Kept { shard: u16, node: NodeKey },
    /// A disk is gone for ever, with all it held.
    DiskLost { node: NodeKey },
    /// A machine takes entries out of its log.
    Cuts { shard: u16, node: NodeKey, gone: Vec<Entry> },
    /// A machine put a divergent tail aside.
    Quarantined { shard: u16, node: NodeKey, entries: Vec<Entry> },
    /// A person was told that a command took effect, there in the order.
    Answered { shard: u16, command: u64, place: usize, at: At, generation: u32 },
    /// A person was shown a shard as of `at`; before asking it had seen up to `floor`.
    Shown { shard: u16, at: At, generation: u32, floor: Lsn, order: Vec<u64> },
}

/// An entry that took effect somewhere.
#[derive(Debug, Clone)]
pub struct Published {
    /// Of which shard.
    pub shard: u16,
    /// Where.
    pub node: NodeKey,
    /// In which epoch the node was.
    pub epoch: Epoch,
    /// Whether it was the epoch's primary.
    pub primary: bool,
    /// Whether the newest configuration names it primary, whether it knows that or not.
    pub named: bool,
    /// What it holds, in short.
    pub mark: u64,
    /// Its place.
    pub at: At,
    /// Copies that the configuration names.
    pub copies: u8,
}

/// What the world may know of one place in a shard's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Its place.
    pub at: At,
    /// What it holds, in short.
    pub mark: u64,
    /// Copies it had when it was first published.
    pub copies: u8,
    /// Disks lost for ever in the whole world by then.
    pub losses: u64,
}

/// One shard as the outside knows it.
#[derive(Debug, Default)]
pub struct Seen {
    /// Everything published in this generation, from the first entry on.
    pub order: Vec<Known>,
    /// The generation.
    pub generation: u32,
    /// What force gave up.
    pub given_up: BTreeSet<(At, u64)>,
    /// Commands that people know took effect, and where.
    pub answered: BTreeMap<u64, (usize, At, u32)>,
}

/// What the outside knows.
#[derive(Debug, Default)]
pub struct Oracle {
    shards: Vec<Seen>,
    fresh: Vec<Fact>,
    losses: u64,
}

impl Oracle {
    /// Nothing has happened yet.
    pub fn new(shards: u16) -> Self {
        Self {
            shards: (0..shards).map(|_| Seen::default()).collect(),
            fresh: Vec::new(),
            losses: 0,
        }
    }

    /// Takes a fact down.
    pub fn hears(&mut self, fact: Fact) {
        match &fact {
            Fact::Published(it) => self.published(it),
            Fact::DiskLost { .. } => self.losses += 1,
            Fact::Answered { shard, command, place, at, generation } => {
                let told = (*place, *at, *generation);
                self.shards[usize::from(*shard)].answered.entry(*command).or_insert(told);
            }
            _ => {}
        }
        self.fresh.push(fact);
    }

    /// The facts of this step; the next one begins.
    pub fn fresh(&mut self) -> Vec<Fact> {
        std::mem::take(&mut self.fresh)
    }

    /// What is known of a shard.
    pub fn seen(&self, shard: u16) -> &Seen {
        &self.shards[usize::from(shard)]
    }

    /// Disks lost for ever.
    pub fn losses(&self) -> u64 {
        self.losses
    }

    fn published(&mut self, it: &Published) {
        let seen = &mut self.shards[usize::from(it.shard)];
        // Only the next one is news; whether an old one is told alike is I3's affair.
        // What was on its way to the one who was given the shard by force is not lost after all.
        let returns = it.named && seen.given_up.contains(&(it.at, it.mark));
        if (it.primary || returns) && it.at.lsn.0 == seen.order.len() as u64 + 1 {
            let Published { at, mark, copies, .. } = *it;
            seen.order.push(Known { at, mark, copies, losses: self.losses });
        }
    }

    /// An operator gave a shard to a node whose disk holds this much of what was published. The
    /// rest is the loss that was stated.
    pub fn forced(&mut self, shard: u16, generation: u32, keeps: usize) {
        let seen = &mut self.shards[usize::from(shard)];
        seen.generation = generation;
        let lost = seen.order.split_off(keeps.min(seen.order.len()));
        seen.given_up.extend(lost.iter().map(|it| (it.at, it.mark)));
    }
}

impl Seen {
    /// The last place that was published.
    pub fn last(&self) -> Lsn {
        Lsn(self.order.len() as u64)
    }

    /// What is known of a place.
    pub fn known(&self, lsn: Lsn) -> Option<&Known> {
        self.order.get(usize::try_from(lsn.0.checked_sub(1)?).ok()?)
    }

    /// Whether a log that has this entry agrees with what was published.
    pub fn agrees(&self, entry: &Entry) -> bool {
        let mark = book::mark(entry);
        self.known(entry.at.lsn).is_none_or(|it| it.at == entry.at && it.mark == mark)
    }
}
