//! One copy of a shard: the rules by which two nodes keep one log.

mod mutant;
mod settings;
mod status;
mod words;

pub use mutant::Mutant;
pub use settings::Settings;
pub use status::{PeerStatus, RoleName, Status};
pub use words::{Alarm, Durable, Input, Output, Standing, Unproposed, Write};

use bytes::Bytes;
use protocol::{
    cluster::{Epoch, Lsn, NodeKey},
    twin::{At, Entry},
};

/// One node's copy of one shard.
#[derive(Debug)]
pub struct Replica {
    seen: Epoch,
}

#[allow(unused_variables)]
impl Replica {
    /// Starts from what the disk held.
    pub fn boot(me: NodeKey, shard: u16, settings: Settings, now: u64, durable: Durable) -> Self {
        Self { seen: durable.seen }
    }

    /// Takes one input; what should follow is pushed on to `out`.
    pub fn step(&mut self, now: u64, input: Input, out: &mut Vec<Output>) {}

    /// Takes an entry into the log, when this node serves.
    pub fn propose(
        &mut self,
        now: u64,
        kind: u8,
        payload: Bytes,
        out: &mut Vec<Output>,
    ) -> Result<At, Unproposed> {
        Err(Unproposed::NotServing { primary: None, epoch: self.seen })
    }

    /// Where this replica stands.
    pub fn standing(&self) -> Standing {
        Standing::Idle
    }

    /// Before this moment this node's state holds every acknowledged write: `u64::MAX` when it
    /// serves alone, 0 when it may not read.
    pub fn readable_until(&self) -> u64 {
        0
    }

    /// An entry that is still in memory; everything behind what was applied is.
    pub fn entry(&self, lsn: Lsn) -> Option<&Entry> {
        None
    }

    /// The log's last place.
    pub fn last(&self) -> At {
        At::default()
    }

    /// Everything up to here is known to be committed.
    pub fn commit(&self) -> Lsn {
        Lsn(0)
    }

    /// From whom the whole state is being copied, if it is.
    pub fn copying(&self) -> Option<NodeKey> {
        None
    }

    /// Figures for people.
    pub fn status(&self) -> Status {
        Status::default()
    }

    /// Panics when an invariant of this module is broken.
    pub fn check(&self) {}
}
