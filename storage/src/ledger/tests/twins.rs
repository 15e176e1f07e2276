//! Real ledgers of several nodes in one process, on a network the test pumps by hand.

mod copy;
mod damage;
mod export;
mod faults;
mod leave;
mod lives;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::atomic::{AtomicBool, AtomicU64},
};

use protocol::{
    cluster::{Cas, Change, Config, Epoch, Labels, Map, Member, NodeKey, Place, Purpose, Wanted},
    id::NodeId,
    key::SHARDS,
    twin::TwinFrame,
};

use super::*;
use crate::{
    control,
    twin::{Alarm, Standing},
};

/// Milliseconds that pass while everything that is on its way arrives.
const STEP: u64 = 5;

/// What all nodes share: the network, the control plane, the time.
struct Hub {
    now: AtomicU64,
    map: Mutex<Map>,
    frames: Mutex<VecDeque<(NodeKey, NodeKey, u16, TwinFrame)>>,
    cases: Mutex<VecDeque<Cas>>,
    pulls: Mutex<VecDeque<(NodeKey, u16, NodeKey)>>,
    alarms: Mutex<Vec<Alarm>>,
    died: Mutex<Vec<NodeKey>>,
    /// The control plane does not answer.
    deaf: AtomicBool,
    /// Nodes that no frame leaves or reaches.
    cut: Mutex<BTreeSet<NodeKey>>,
    /// Sees every frame at the moment when it leaves.
    witness: Mutex<Option<Witness>>,
}

type Witness = Box<dyn FnMut(NodeKey, &TwinFrame) + Send>;

struct HubOf(Arc<Hub>, NodeKey);

impl TwinWorld for HubOf {
    fn now(&self) -> u64 {
        self.0.now.load(Relaxed)
    }

    fn send(&self, to: NodeKey, shard: u16, frame: TwinFrame) {
        if let Some(sees) = &mut *self.0.witness.lock() {
            sees(self.1, &frame);
        }
        self.0.frames.lock().push_back((self.1, to, shard, frame));
    }

    fn propose(&self, cas: Cas) {
        self.0.cases.lock().push_back(cas);
    }

    fn standing(&self, _: u16, _: Standing) {}

    fn pull(&self, shard: u16, from: NodeKey) {
        self.0.pulls.lock().push_back((self.1, shard, from));
    }

    fn alarm(&self, _: u16, alarm: Alarm) {
        self.0.alarms.lock().push(alarm);
    }

    fn died(&self, _: &StorageFault) {
        self.0.died.lock().push(self.1);
    }
}

/// Some nodes.
struct Cluster {
    hub: Arc<Hub>,
    worlds: BTreeMap<NodeKey, Options>,
    up: BTreeMap<NodeKey, Ledger>,
}

fn node(number: u64) -> NodeKey {
    NodeKey { number, storage: 100 + number }
}

fn member(key: NodeKey) -> Member {
    Member {
        key,
        id: NodeId::from_u128(key.number.into()),
        peer: String::new(),
        addresses: Vec::new(),
        web: Vec::new(),
        labels: Labels::default(),
        purpose: Purpose::Data,
        release: String::new(),
        wire: 1,
        draining: false,
    }
}

impl Cluster {
    /// Nodes with these disks; the first holds everything alone.
    fn new(options: Vec<Options>) -> Self {
        let keys: Vec<NodeKey> = (1..=options.len() as u64).map(node).collect();
        let config = Config { epoch: Epoch(1), primary: node(1), twin: None, generation: 0 };
        let map = Map {
            index: 1,
            cluster: Some(NodeId::from_u128(9)),
            members: keys.iter().map(|key| (key.number, member(*key))).collect(),
            places: vec![Place { config, wanted: None }; usize::from(SHARDS)],
            ..Map::default()
        };
        let hub = Hub {
            now: 1000.into(),
            map: Mutex::new(map),
            frames: Mutex::default(),
            cases: Mutex::default(),
            pulls: Mutex::default(),
            alarms: Mutex::default(),
            died: Mutex::default(),
            deaf: AtomicBool::new(false),
            cut: Mutex::default(),
            witness: Mutex::default(),
        };
        let worlds = keys.into_iter().zip(options).collect();
        let mut cluster = Self { hub: Arc::new(hub), worlds, up: BTreeMap::new() };
        (1..=cluster.worlds.len() as u64).for_each(|number| cluster.start(number));
        cluster
    }

    fn start(&mut self, number: u64) {
        let key = node(number);
        let world = Arc::new(HubOf(Arc::clone(&self.hub), key));
        let options = self.worlds[&key].clone();
        let ledger = Ledger::twinned(options, key, Settings::default(), world).expect("it opens");
        ledger.learn(&self.hub.map.lock());
        self.up.insert(key, ledger);
    }

    fn at(&self, number: u64) -> &Ledger {
        &self.up[&node(number)]
    }

    fn stop(&mut self, number: u64) {
        self.up.remove(&node(number)).expect("it runs").close();
    }

    fn change(&self, change: &Change) {
        let mut map = self.hub.map.lock();
        let index = map.index + 1;
        let answered = control::apply(&mut map, index, change).expect("a good change");
        for ledger in self.up.values() {
            ledger.learn(&map);
            if let Change::Cas { cases } = change {
                for (cas, no) in cases.iter().zip(&answered) {
                    if no.is_some() {
                        ledger.refused(cas.shard, cas.expect);
                    }
                }
            }
        }
    }

    /// Wants a shard to be served by one and copied by another.
    fn want(&self, shard: u16, primary: u64, twin: Option<u64>) {
        let wanted = Wanted { primary: node(primary), twin: twin.map(node) };
        self.change(&Change::Want { wants: vec![(shard, Some(wanted))] });
    }

    fn config(&self, shard: u16) -> Config {
        self.hub.map.lock().config(shard).expect("there is such a shard")
    }

    /// Everything that is on its way arrives, and a little time passes.
    fn pump(&self) {
        self.pump_frames();
        let pulls: Vec<_> = self.hub.pulls.lock().drain(..).collect();
        for (learner, shard, from) in pulls {
            self.copy(learner, shard, from, usize::MAX);
        }
    }

    /// The same without copies of state.
    fn pump_frames(&self) {
        self.hub.now.fetch_add(STEP, Relaxed);
        for ledger in self.up.values() {
            ledger.tick();
        }
        loop {
            let Some((from, to, shard, frame)) = self.hub.frames.lock().pop_front() else { break };
            let cut = self.hub.cut.lock();
            if cut.contains(&from) || cut.contains(&to) {
                continue;
            }
            drop(cut);
            if let Some(ledger) = self.up.get(&to).filter(|_| self.up.contains_key(&from)) {
                ledger.heard(from, shard, frame);
            }
        }
        let cases: Vec<Cas> = self.hub.cases.lock().drain(..).collect();
        let reaches = |node| self.up.contains_key(&node) && !self.hub.cut.lock().contains(&node);
        let cases: Vec<Cas> = cases.into_iter().filter(|cas| reaches(cas.proposer)).collect();
        if !cases.is_empty() && !self.hub.deaf.load(Relaxed) {
            self.change(&Change::Cas { cases });
        }
        // A little real time, too: the disks have threads of their own.
        std::thread::park_timeout(std::time::Duration::from_micros(100));
    }

    /// Carries a shard's state from one to another, at most so many pages.
    fn copy(&self, learner: NodeKey, shard: u16, from: NodeKey, pages: usize) -> Option<usize> {
        let cut = |node| self.hub.cut.lock().contains(&node) || !self.up.contains_key(&node);
        let learner = self.up.get(&learner).filter(|_| !cut(from))?;
        let mut after = None;
        for page in 1..=pages {
            let Ok((base, bytes, next)) = self.up[&from].state_page(shard, after) else {
                learner.copy_failed(shard);
                return None;
            };
            assert!(bytes.len() <= 1024 * 1024, "a page is bounded");
            if learner.take_state(shard, from, base, bytes, next.is_none()).is_err() {
                learner.copy_failed(shard);
                return None;
            }
            if next.is_none() {
                return Some(page);
            }
            after = next;
        }
        Some(pages)
    }

    fn until(&self, what: &str, mut fact: impl FnMut(&Self) -> bool) {
        for _ in 0..200_000 {
            if fact(self) {
                return;
            }
            self.pump();
        }
        panic!("never: {what}");
    }

    fn serves(&self, number: u64, shard: u16) -> bool {
        matches!(self.at(number).standing(shard), Standing::Serving { .. })
    }

    /// Pumps until an append is answered.
    fn append(&self, number: u64, journal: &JournalId, after: u64, body: &[u8]) -> Kept {
        let answer = append(self.at(number), journal, after, body);
        self.answer(&answer)
    }

    fn answer(&self, answer: &Answer) -> Kept {
        let mut kept = None;
        self.until("an append is answered", |_| {
            kept = answer.0.try_recv().ok();
            kept.is_some()
        });
        kept.expect("it was just answered")
    }

    /// Brings up the second copy of a shard.
    fn pair(&self, shard: u16, primary: u64, twin: u64) {
        self.until("it serves", |it| it.serves(primary, shard));
        self.want(shard, primary, Some(twin));
        self.until("the copy is whole", |it| it.config(shard).twin == Some(node(twin)));
        self.until("it serves with a twin", |it| it.serves(primary, shard));
    }

    /// The entries of a journal as one node has them applied.
    fn bodies(&self, number: u64, journal: &JournalId) -> Vec<Vec<u8>> {
        let entries = self.at(number).read(journal, Seq(0), 100_000).expect("sound");
        entries.into_iter().map(|entry| entry.body).collect()
    }
}

type Kept = Result<Seq, StorageFault>;

/// A cluster on memory disks, and the disks.
fn cluster(nodes: usize) -> (Cluster, Vec<World>) {
    let worlds: Vec<World> = (0..nodes).map(|_| World::new()).collect();
    (Cluster::new(worlds.iter().map(World::options).collect()), worlds)
}
