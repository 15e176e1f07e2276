//! A node: one process on one machine, with a copy of every shard.

use protocol::cluster::{Cas, Config, Epoch, Lsn, NodeKey};
use protocol::twin::At;
use std::collections::{BTreeMap, VecDeque};
use storage::twin::{Replica, Settings, Standing};

use super::{
    book::Book,
    clock::{Clock, Moment},
    disk::Disk,
    event::Event,
};

/// Somebody waits for an entry to be committed.
#[derive(Debug, Clone, Copy)]
pub struct Waiting {
    /// The entry.
    pub at: At,
    /// Who.
    pub person: usize,
    /// Which of their wishes.
    pub turn: u64,
}

/// A state on its way here.
#[derive(Debug, Clone)]
pub struct Pull {
    /// Its number on this machine.
    pub number: u64,
    /// From where.
    pub from: NodeKey,
    /// What came so far.
    pub got: Vec<u64>,
    /// Times that a page was asked for in vain.
    pub tries: u32,
    /// All of it came and is being written.
    pub whole: bool,
}

/// One shard on a node: the twins' machine, and what its host keeps beside it.
#[derive(Debug)]
pub struct Host {
    /// The machine.
    pub replica: Replica,
    /// What took effect here.
    pub book: Book,
    /// Where the machine said it stands.
    pub standing: Standing,
    /// Who waits for which entry.
    pub waiting: BTreeMap<Lsn, Vec<Waiting>>,
    /// A state on its way here.
    pub pull: Option<Pull>,
    /// A configuration that was heard of while a copied state was being written.
    pub late: Option<Config>,
    /// A state that others copy from here, by the number of their pull.
    pub lent: BTreeMap<(NodeKey, u64), Book>,
    /// Entries since the last checkpoint.
    pub unmarked: u64,
    /// The change proposed last.
    pub cas: Option<Cas>,
}

/// One node.
#[derive(Debug)]
pub struct Node {
    /// Who it is; another one after every change of disk.
    pub key: NodeKey,
    /// Its process runs.
    pub up: bool,
    /// Its process stands still until then.
    pub stopped: Moment,
    /// Rises with every start.
    pub life: u32,
    /// What it takes for time.
    pub clock: Clock,
    /// Its disk.
    pub disk: Disk,
    /// Its shards, while it runs.
    pub hosts: Vec<Host>,
    /// The newest map it knows.
    pub version: usize,
    /// What came while it stood still.
    pub inbox: VecDeque<Event>,
    /// The control plane knows it.
    pub member: bool,
    /// Pulls so far.
    pub pulls: u64,
}

impl Host {
    /// A shard as a process finds it on its disk.
    pub fn boot(disk: &Disk, key: NodeKey, shard: u16, settings: Settings, now: u64) -> Self {
        Self {
            replica: Replica::boot(key, shard, settings, now, disk.durable(shard)),
            book: disk.image(shard).book.clone(),
            standing: Standing::Idle,
            waiting: BTreeMap::new(),
            pull: None,
            late: None,
            lent: BTreeMap::new(),
            unmarked: 0,
            cas: None,
        }
    }

    /// The epoch in which it says something about the shard.
    pub fn epoch(&self) -> Option<Epoch> {
        match self.standing {
            Standing::Serving { epoch }
            | Standing::Warming { epoch }
            | Standing::Follows { epoch, .. } => Some(epoch),
            Standing::Idle => None,
        }
    }

    /// Whether it is the shard's primary, as far as it knows.
    pub fn leads(&self) -> bool {
        matches!(self.standing, Standing::Serving { .. } | Standing::Warming { .. })
    }

    /// Whether it takes commands.
    pub fn serves(&self) -> bool {
        matches!(self.standing, Standing::Serving { .. })
    }
}

impl Node {
    /// A node that has not been started.
    pub fn new(key: NodeKey, clock: Clock, disk: Disk) -> Self {
        Self {
            key,
            up: false,
            stopped: 0,
            life: 0,
            clock,
            disk,
            hosts: Vec::new(),
            version: 0,
            inbox: VecDeque::new(),
            member: true,
            pulls: 0,
        }
    }

    /// Its shard.
    pub fn host(&self, shard: u16) -> &Host {
        &self.hosts[usize::from(shard)]
    }

    /// Its shard.
    pub fn host_mut(&mut self, shard: u16) -> &mut Host {
        &mut self.hosts[usize::from(shard)]
    }

    /// Whether it does anything now.
    pub fn runs(&self, now: Moment) -> bool {
        self.up && now >= self.stopped
    }
}
