//! What a house knows of other nodes: who serves a shard, and the way there.
//!
//! The house asks, the road carries. A node that is alone has a road to nowhere: everything is
//! here, and nothing ever moves.

use bytes::Bytes;
use protocol::{
    cluster::Epoch,
    frame::Fault,
    id::Seq,
    peer::{PeerAnswer, PeerNo, PeerRequest},
    version,
};
use std::{pin::Pin, sync::Arc};
use tokio::sync::watch;

/// Something that is there later.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// Who serves a shard, as far as this node knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// This node.
    Here,
    /// Another one.
    There {
        /// Its number.
        node: u64,
        /// The shard's epoch.
        epoch: Epoch,
    },
    /// Nobody at the moment.
    Nobody,
}

/// The way to other nodes. Nothing here blocks.
pub trait Road: Send + Sync + 'static {
    /// Who serves this shard now.
    fn whose(&self, shard: u16) -> Whose;

    /// Whether what this node reads of the shard is the newest there is, at this very moment.
    fn readable(&self, shard: u16) -> bool {
        self.whose(shard) == Whose::Here
    }

    /// To which generation belongs what this node serves of the shard.
    fn generation(&self, _shard: u16) -> u32 {
        0
    }

    /// Whether the shard has stood on one disk for longer than it should, although another node could
    /// hold the second copy (rule R5).
    fn frail(&self, _shard: u16) -> bool {
        false
    }

    /// Rises whenever this node ceases to serve the shard, before it may serve it again: what was
    /// read in an earlier reign is not known to be the newest.
    fn reign(&self, _shard: u16) -> u64 {
        0
    }

    /// Ticks whenever [`Self::whose`] or [`Self::readable`] may say something else than before.
    fn moves(&self) -> watch::Receiver<u64>;

    /// The version of the words between nodes that every member speaks: nothing is written or said
    /// that came later.
    fn level(&self) -> u16 {
        version::PEER_WIRE
    }

    /// All other members, reachable or not.
    fn members(&self) -> Vec<u64>;

    /// Asks another node; bounded in time, answered with a fault when there is no way.
    fn ask(&self, node: u64, request: PeerRequest) -> Later<Result<PeerAnswer, PeerNo>>;

    /// Tells watches of another node, in the order of the calls. False when the line broke: what
    /// is told next belongs to a new one, and the other side watches anew.
    fn tell(&self, node: u64, to: Vec<u64>, seq: Option<Seq>, frame: Bytes) -> bool;
}

/// The road of a node that is alone.
pub fn alone() -> Arc<dyn Road> {
    let (moves, _) = watch::channel(0);
    Arc::new(Alone { moves })
}

struct Alone {
    moves: watch::Sender<u64>,
}

impl Road for Alone {
    fn whose(&self, _shard: u16) -> Whose {
        Whose::Here
    }

    fn moves(&self) -> watch::Receiver<u64> {
        self.moves.subscribe()
    }

    fn members(&self) -> Vec<u64> {
        Vec::new()
    }

    fn ask(&self, _node: u64, _request: PeerRequest) -> Later<Result<PeerAnswer, PeerNo>> {
        Box::pin(std::future::ready(Err(PeerNo::Faulted(Fault::Restarted))))
    }

    fn tell(&self, _node: u64, _to: Vec<u64>, _seq: Option<Seq>, _frame: Bytes) -> bool {
        false
    }
}
