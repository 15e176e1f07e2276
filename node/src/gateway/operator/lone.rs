//! A node that is alone: a cluster of one, in which every shard has one copy.

use actors::house::House;
use futures_util::future::BoxFuture;
use protocol::{
    cluster::{ChangeRefusal, Config, Epoch, Labels, Map, Member, NodeKey, Place, Purpose},
    id::NodeId,
    key::SHARDS,
    operator::Overview,
    peer::NodeStatus,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{
    ClusterNo, ClusterView,
    overview::{Seen, overview},
};
use crate::calls::Calls;

/// What a lone node knows of itself.
pub struct Lone {
    /// Its id.
    pub node: NodeId,
    /// Its actors.
    pub house: Arc<House>,
    /// Its calls.
    pub calls: Arc<Calls>,
    /// Its sockets.
    pub sockets: Arc<AtomicUsize>,
}

/// The only member.
const FIRST: NodeKey = NodeKey { number: 1, storage: 0 };

impl ClusterView for Lone {
    fn view(&self) -> BoxFuture<'_, Result<Overview, ClusterNo>> {
        Box::pin(async { Ok(overview(&map(self.node), &self.seen())) })
    }

    fn drain(&self, number: u64, on: bool) -> BoxFuture<'_, Result<(), ClusterNo>> {
        let known = number == FIRST.number;
        let why = if known { ChangeRefusal::Last } else { ChangeRefusal::NotMember };
        let answer = if known && !on { Ok(()) } else { Err(ClusterNo::Refused(why)) };
        Box::pin(async move { answer })
    }
}

impl Lone {
    fn seen(&self) -> Seen {
        let status = NodeStatus {
            node: FIRST,
            map: 1,
            leader: Some(FIRST.number),
            sockets: self.sockets.load(Ordering::Relaxed) as u32,
            calls: self.calls.len() as u32,
            rooms: self.house.rooms.awake() as u32,
            reaches: Vec::new(),
            shards: Vec::new(),
        };
        let own = BTreeSet::from([FIRST.number]);
        Seen {
            now: self.house.now(),
            here: FIRST.number,
            leader: Some(FIRST.number),
            voters: own.clone(),
            up: own,
            statuses: BTreeMap::from([(FIRST.number, status)]),
            happenings: Vec::new(),
        }
    }
}

fn map(id: NodeId) -> Map {
    let member = Member {
        key: FIRST,
        id,
        peer: String::new(),
        addresses: Vec::new(),
        web: Vec::new(),
        labels: Labels { name: "node-1".into(), ..Labels::default() },
        purpose: Purpose::Data,
        release: env!("CARGO_PKG_VERSION").into(),
        wire: 0,
        draining: false,
    };
    let config = Config { epoch: Epoch(1), primary: FIRST, twin: None, generation: 0 };
    let place = Place { config, wanted: None };
    Map {
        index: 1,
        cluster: Some(id),
        members: BTreeMap::from([(FIRST.number, member)]),
        places: vec![place; usize::from(SHARDS)],
        ..Map::default()
    }
}
