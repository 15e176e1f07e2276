//! Ways to other nodes, as the lower floors and the control plane see them.

use actors::road::{Later, Road, Whose};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use protocol::{
    cluster::{Map, Member, NodeKey, Purpose},
    frame::Fault,
    id::Seq,
    peer::{Class, PeerAnswer, PeerNo, PeerRequest},
};
use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock},
    time::Duration,
};
use storage::{ledger::Ledger, twin::Standing};
use tokio::sync::watch;

use super::pump::Pump;
use crate::{
    control::{RaftRoad, RoadFault},
    peers::{Answered, Carrier, Peers},
    swarm::{Links, Swarm},
};

/// How long an actor of another node may take. The gateway waits longer and tries again.
const ACTOR: Duration = Duration::from_secs(10);
/// How long another node may take for a question about itself, or for the consensus.
const CONTROL: Duration = Duration::from_secs(3);
/// How long a page of state or a piece of a file may take.
const BULK: Duration = Duration::from_secs(20);

/// A swarm that may be missing: a node that is alone has none.
#[derive(Default)]
pub struct Wire(OnceLock<Swarm>);

impl Wire {
    /// From now on frames go there.
    pub fn attach(&self, swarm: Swarm) {
        assert!(self.0.set(swarm).is_ok(), "a wire leads to one swarm");
    }
}

impl Carrier for Wire {
    fn carry(&self, to: u64, class: Class, frame: Bytes) -> bool {
        self.0.get().is_some_and(|swarm| swarm.send(to, class, frame).is_ok())
    }

    fn speaks(&self, to: u64) -> Option<u16> {
        self.0.get()?.speaks(to)
    }
}

/// Which stream a request travels on, and how long its answer is waited for.
pub fn manner(request: &PeerRequest) -> (Class, Duration) {
    use PeerRequest as Of;
    match request {
        Of::Raft(_) | Of::Change(_) | Of::Status | Of::ContentStatus => (Class::Control, CONTROL),
        Of::CutLink(_) | Of::CutSession(_) | Of::CutRole { .. } => (Class::Control, CONTROL),
        Of::State { .. } | Of::Content { .. } | Of::KeepContent { .. } => (Class::Bulk, BULK),
        Of::Sums { .. } | Of::Backup { .. } => (Class::Bulk, BULK),
        Of::SumUp { .. } | Of::Stored { .. } => (Class::Bulk, BULK),
        Of::Input { .. } | Of::Once { .. } | Of::Query { .. } => (Class::Actor, ACTOR),
        Of::Watch { .. } | Of::WatchIn { .. } | Of::Unwatch { .. } | Of::Media { .. } => {
            (Class::Actor, ACTOR)
        }
    }
}

/// The consensus' way.
pub struct RaftWay {
    /// Everybody else.
    pub peers: Arc<Peers>,
    /// Who is up.
    pub links: watch::Receiver<Links>,
}

impl RaftRoad for RaftWay {
    fn carry(&self, to: u64, bytes: Vec<u8>) -> BoxFuture<'static, Result<Vec<u8>, RoadFault>> {
        let asked = self.peers.ask(to, Class::Control, PeerRequest::Raft(bytes), CONTROL);
        Box::pin(async move {
            match asked.await {
                Ok(PeerAnswer::Bytes(bytes)) => Ok(bytes),
                // No room, or no way: it never left. Anything else may have arrived.
                Err(PeerNo::Faulted(Fault::Busy)) => Err(RoadFault::Unsent(to)),
                _ => Err(RoadFault::Silent(to)),
            }
        })
    }

    fn reaches(&self) -> BTreeSet<u64> {
        self.links.borrow().keys().copied().collect()
    }
}

/// The actors' way.
pub struct ActorWay {
    /// This node.
    pub me: NodeKey,
    /// Everybody else.
    pub peers: Arc<Peers>,
    /// Who holds what.
    pub maps: watch::Receiver<Arc<Map>>,
    /// Ticks when anything about ownership may have changed.
    pub moves: watch::Receiver<u64>,
    /// What this node holds.
    pub ledger: Ledger,
    /// Knows how often it ceased to hold it.
    pub pump: Arc<Pump>,
    /// How long a shard may stand on one disk before what is important is refused.
    pub alone: Duration,
}

impl Road for ActorWay {
    fn whose(&self, shard: u16) -> Whose {
        // What the copy on this node knows may be newer than the map, never older.
        if matches!(self.ledger.standing(shard), Standing::Serving { .. }) {
            return Whose::Here;
        }
        match self.maps.borrow().config(shard) {
            Some(it) if it.primary != self.me => {
                Whose::There { node: it.primary.number, epoch: it.epoch }
            }
            _ => Whose::Nobody,
        }
    }

    fn readable(&self, shard: u16) -> bool {
        self.ledger.readable(shard)
    }

    fn generation(&self, shard: u16) -> u32 {
        self.ledger.generation(shard)
    }

    fn frail(&self, shard: u16) -> bool {
        let long = self.alone.as_millis() as u64;
        self.ledger.solo_for(shard).is_some_and(|it| it >= long)
            && has_spare(&self.maps.borrow(), self.me)
    }

    fn reign(&self, shard: u16) -> u64 {
        self.pump.reign(shard)
    }

    fn moves(&self) -> watch::Receiver<u64> {
        self.moves.clone()
    }

    fn level(&self) -> u16 {
        self.maps.borrow().level
    }

    fn ask(&self, node: u64, request: PeerRequest) -> Later<Answered> {
        let (class, patience) = manner(&request);
        self.peers.ask(node, class, request, patience)
    }

    fn tell(&self, node: u64, to: Vec<u64>, seq: Option<Seq>, frame: Bytes) -> bool {
        self.peers.tell(node, to, seq, &frame)
    }

    fn members(&self) -> Vec<u64> {
        let map = self.maps.borrow();
        let others = map.members.values().filter(|it| it.key != self.me);
        others.filter(|it| it.purpose == Purpose::Data).map(|it| it.key.number).collect()
    }
}

/// Whether two other nodes hold data and stay: the one that was lost, and one that could take its
/// place. Two nodes have no such choice, and go on with one copy.
fn has_spare(map: &Map, me: NodeKey) -> bool {
    let holds = |it: &&Member| it.purpose == Purpose::Data && !it.draining && it.key != me;
    map.members.values().filter(holds).count() >= 2
}

/// Whether a member may ask this: a witness takes part in the consensus and in nothing else.
pub fn may_ask(map: &Map, from: u64, request: &PeerRequest) -> Result<(), PeerNo> {
    let consensus = matches!(
        request,
        PeerRequest::Raft(_)
            | PeerRequest::Change(_)
            | PeerRequest::Status
            | PeerRequest::ContentStatus
    );
    let data = map.members.get(&from).is_some_and(|it| it.purpose == Purpose::Data);
    if consensus || data { Ok(()) } else { Err(PeerNo::Unknown) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{cluster::Labels, id::NodeId};

    fn member(number: u64, purpose: Purpose, draining: bool) -> (u64, Member) {
        let member = Member {
            key: NodeKey { number, storage: number },
            id: NodeId::from_u128(number.into()),
            peer: String::new(),
            addresses: Vec::new(),
            web: Vec::new(),
            labels: Labels::default(),
            purpose,
            release: String::new(),
            wire: 1,
            draining,
        };
        (number, member)
    }

    #[test]
    fn two_nodes_and_a_witness_have_no_spare_and_three_nodes_have() {
        let me = NodeKey { number: 1, storage: 1 };
        let with = |third| {
            let members = [member(1, Purpose::Data, false), member(2, Purpose::Data, false), third];
            has_spare(&Map { members: members.into(), ..Map::default() }, me)
        };
        assert!(!with(member(3, Purpose::Witness, false)));
        assert!(!with(member(3, Purpose::Data, true)));
        assert!(with(member(3, Purpose::Data, false)));
    }
}
