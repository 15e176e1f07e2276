//! Three nodes, a network, three disks and a register of configurations, one millisecond at a time.

use crate::twin::{Alarm, Durable, Input, Output, Replica, Settings, Standing, Unproposed, Write};
use bytes::Bytes;
use protocol::{
    cluster::{Cas, Config, Epoch, Lsn, NodeKey, Wanted},
    twin::{At, Entry, TwinFrame},
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What becomes of a frame.
pub(super) enum Fate {
    Arrives,
    IsLost,
    ArrivesTwice,
    /// So many milliseconds later than others.
    Lingers(u64),
}

/// What a node's disk holds.
#[derive(Default, Clone)]
pub(super) struct Kept {
    seen: Epoch,
    act: Epoch,
    pub(super) base: At,
    /// The state at `base`: every entry up to there.
    state: Vec<Entry>,
    pub(super) log: Vec<Entry>,
}

pub(super) struct Node {
    pub(super) replica: Option<Replica>,
    pub(super) kept: Kept,
    /// What was applied since the start, on top of the kept state.
    pub(super) state: Vec<Entry>,
    writes: VecDeque<(u64, u64, Write)>,
    pub(super) standing: Standing,
    pub(super) quarantined: Vec<Entry>,
    pub(super) alarms: Vec<Alarm>,
    /// When it is complete, whose it is, and the state as it was when the copy began.
    copy: Option<(u64, NodeKey, Vec<Entry>)>,
    pub(super) copies: u32,
    /// Hears of no configuration.
    pub(super) deaf: bool,
    /// Nothing becomes durable.
    pub(super) stuck: bool,
    /// Milliseconds until something is durable.
    pub(super) sync: u64,
}

pub(super) type Router = Box<dyn FnMut(NodeKey, NodeKey, &TwinFrame) -> Fate>;

pub(super) struct World {
    pub(super) now: u64,
    settings: Settings,
    pub(super) nodes: BTreeMap<u64, Node>,
    pub(super) config: Config,
    pub(super) wanted: Option<Wanted>,
    /// The register answers nobody.
    pub(super) mute: bool,
    changes: Vec<(u64, Cas)>,
    frames: BTreeMap<(u64, u64), (NodeKey, NodeKey, TwinFrame)>,
    sent: u64,
    pub(super) route: Router,
    pub(super) cut: BTreeSet<(u64, u64)>,
    /// What was acknowledged, by position.
    pub(super) acked: BTreeMap<Lsn, Bytes>,
}

pub(super) fn key(number: u64) -> NodeKey {
    NodeKey { number, storage: number * 1_000 }
}

impl World {
    /// Nodes 1, 2 and 3; the first is primary, the second its twin when `duplex`.
    pub(super) fn new(duplex: bool, settings: Settings) -> Self {
        let twin = duplex.then(|| key(2));
        let config = Config { epoch: Epoch(1), primary: key(1), twin, generation: 0 };
        let mut world = Self {
            now: 0,
            settings,
            nodes: BTreeMap::new(),
            config,
            wanted: None,
            mute: false,
            changes: Vec::new(),
            frames: BTreeMap::new(),
            sent: 0,
            route: Box::new(|_, _, _| Fate::Arrives),
            cut: BTreeSet::new(),
            acked: BTreeMap::new(),
        };
        for number in 1..=3 {
            let node = Node {
                replica: None,
                kept: Kept::default(),
                state: Vec::new(),
                writes: VecDeque::new(),
                standing: Standing::Idle,
                quarantined: Vec::new(),
                alarms: Vec::new(),
                copy: None,
                copies: 0,
                deaf: false,
                stuck: false,
                sync: 2,
            };
            world.nodes.insert(number, node);
        }
        (1..=3).for_each(|number| world.start(number));
        world
    }

    /// A duplex shard that serves.
    pub(super) fn served() -> Self {
        let mut world = Self::new(true, Settings::default());
        world.until("node 1 serves", |world| world.serves(1));
        world
    }

    pub(super) fn node(&mut self, number: u64) -> &mut Node {
        self.nodes.get_mut(&number).expect("there are three nodes")
    }

    pub(super) fn replica(&self, number: u64) -> &Replica {
        self.nodes[&number].replica.as_ref().expect("that node is up")
    }

    pub(super) fn serves(&self, number: u64) -> bool {
        matches!(self.nodes[&number].standing, Standing::Serving { .. })
    }

    pub(super) fn readable(&self, number: u64) -> bool {
        self.nodes[&number].replica.as_ref().is_some_and(|it| it.readable_until() > self.now)
    }

    /// A write that is expected to be taken in.
    pub(super) fn write(&mut self, number: u64, what: &str) -> At {
        self.try_write(number, what).expect("the node serves")
    }

    pub(super) fn try_write(&mut self, number: u64, what: &str) -> Result<At, Unproposed> {
        let mut out = Vec::new();
        let payload = Bytes::copy_from_slice(what.as_bytes());
        let now = self.now;
        let replica = self.node(number).replica.as_mut().expect("that node is up");
        let done = replica.propose(now, 1, payload, &mut out);
        self.perform(number, out);
        done
    }

    /// Writes until it is acknowledged.
    pub(super) fn acked_write(&mut self, number: u64, what: &str) {
        let at = self.write(number, what);
        self.until("the write is acknowledged", |world| world.acked.contains_key(&at.lsn));
    }

    pub(super) fn crash(&mut self, number: u64) {
        let node = self.node(number);
        node.replica = None;
        node.writes.clear();
        node.copy = None;
        node.standing = Standing::Idle;
        self.frames.retain(|_, (_, to, _)| to.number != number);
    }

    pub(super) fn start(&mut self, number: u64) {
        let (now, settings) = (self.now, self.settings.clone());
        let node = self.node(number);
        let kept = &node.kept;
        let (seen, act, base, tail) = (kept.seen, kept.act, kept.base, kept.log.clone());
        node.state = kept.state.clone();
        let durable = Durable { seen, act, base, tail };
        node.replica = Some(Replica::boot(key(number), 7, settings, now, durable));
        self.tell(number);
    }

    /// Makes the applied state durable, so that the log begins behind it.
    pub(super) fn checkpoint(&mut self, number: u64) {
        let node = self.node(number);
        if let Some(last) = node.state.last() {
            let base = last.at;
            node.kept.state = node.state.clone();
            node.kept.log.retain(|entry| entry.at.lsn > base.lsn);
            node.kept.base = base;
        }
    }

    /// Tells a node what the register holds, unless it is deaf.
    pub(super) fn tell(&mut self, number: u64) {
        let (config, wanted) = (self.config, self.wanted);
        if !self.nodes[&number].deaf {
            self.input(number, Input::Config(config));
            self.input(number, Input::Wanted(wanted));
        }
    }

    pub(super) fn want(&mut self, primary: u64, twin: Option<u64>) {
        self.wanted = Some(Wanted { primary: key(primary), twin: twin.map(key) });
        (1..=3).for_each(|number| self.tell(number));
    }

    pub(super) fn force(&mut self, primary: u64) {
        let Config { epoch, generation, .. } = self.config;
        self.set(Config {
            epoch: epoch.next(),
            primary: key(primary),
            twin: None,
            generation: generation + 1,
        });
    }

    fn set(&mut self, config: Config) {
        self.config = config;
        (1..=3).for_each(|number| self.tell(number));
    }

    pub(super) fn input(&mut self, number: u64, input: Input) {
        let mut out = Vec::new();
        let now = self.now;
        if let Some(replica) = self.node(number).replica.as_mut() {
            replica.step(now, input, &mut out);
        }
        self.perform(number, out);
    }

    fn perform(&mut self, number: u64, out: Vec<Output>) {
        let now = self.now;
        for output in out {
            match output {
                Output::Write { ticket, write } => {
                    let node = self.node(number);
                    node.writes.push_back((now + node.sync, ticket, write));
                }
                Output::Send { to, frame } => self.send(key(number), to, frame),
                Output::Propose(cas) => self.changes.push((now + 3, cas)),
                Output::Committed(upto) => self.apply(number, upto),
                Output::Standing(standing) => self.node(number).standing = standing,
                Output::NeedState { from } => {
                    let state = self.nodes[&from.number].state.clone();
                    self.node(number).copy = Some((now + 40, from, state));
                }
                Output::Quarantine(entries) => self.node(number).quarantined.extend(entries),
                Output::Alarm(alarm) => self.node(number).alarms.push(alarm),
            }
        }
        self.judge();
    }

    fn send(&mut self, from: NodeKey, to: NodeKey, frame: TwinFrame) {
        if self.cut.contains(&(from.number, to.number)) {
            return;
        }
        let delays: &[u64] = match (self.route)(from, to, &frame) {
            Fate::Arrives => &[1],
            Fate::IsLost => &[],
            Fate::ArrivesTwice => &[1, 9],
            Fate::Lingers(more) => &[1 + more],
        };
        for delay in delays {
            self.sent += 1;
            self.frames.insert((self.now + delay, self.sent), (from, to, frame.clone()));
        }
    }

    fn apply(&mut self, number: u64, upto: Lsn) {
        let node = self.nodes.get_mut(&number).expect("there are three nodes");
        let replica = node.replica.as_ref().expect("it just spoke");
        let before = node.state.last().map_or(0, |entry| entry.at.lsn.0);
        for lsn in before + 1..=upto.0 {
            let entry = replica.entry(Lsn(lsn)).expect("what is committed is in memory").clone();
            // Only a primary's word is an answer to somebody.
            let status = replica.status();
            if status.act == status.seen {
                let known = self.acked.entry(entry.at.lsn).or_insert(entry.payload.clone());
                assert_eq!(*known, entry.payload, "I3: one payload per position");
            }
            node.state.push(entry);
        }
    }

    /// I2: every acknowledged entry is durable at every eligible node. I10: whoever may read
    /// has applied every one.
    fn judge(&self) {
        if self.config.generation > 0 {
            return;
        }
        let newest = self.acked.last_key_value().map_or(Lsn(0), |(lsn, _)| *lsn);
        for (number, node) in &self.nodes {
            let applied = node.state.last().map_or(Lsn(0), |entry| entry.at.lsn);
            assert!(!self.readable(*number) || applied >= newest, "I10: node {number} is stale");
        }
        let eligible = [Some(self.config.primary), self.config.twin];
        for node in eligible.into_iter().flatten() {
            let kept = &self.nodes[&node.number].kept;
            for (lsn, payload) in &self.acked {
                let held = kept
                    .state
                    .iter()
                    .chain(&kept.log)
                    .any(|entry| entry.at.lsn == *lsn && entry.payload == *payload);
                assert!(held, "I2: {node} holds position {lsn}, which was acknowledged");
            }
        }
    }

    fn decide(&mut self, cas: Cas) {
        let now = self.config;
        let adds = cas.twin.is_some_and(|twin| !now.is_eligible(twin));
        let may_add = cas.proposer == now.primary && cas.primary == now.primary;
        if cas.expect == now.epoch && now.is_eligible(cas.primary) && (!adds || may_add) {
            let (primary, twin) = (cas.primary, cas.twin);
            self.set(Config { epoch: now.epoch.next(), primary, twin, ..now });
        } else {
            self.input(cas.proposer.number, Input::Refused { expect: cas.expect });
        }
    }

    fn sync(&mut self, number: u64) {
        let now = self.now;
        while let Some((_, ticket, write)) = {
            let node = self.node(number);
            let stuck = node.stuck;
            node.writes.pop_front_if(|(due, _, _)| *due <= now && !stuck)
        } {
            let kept = &mut self.node(number).kept;
            match write {
                Write::Fence { seen, act } => (kept.seen, kept.act) = (seen, act),
                Write::Entries(entries) => kept.log.extend(entries),
                Write::Cut { keep } => kept.log.retain(|entry| entry.at.lsn <= keep),
            }
            self.input(number, Input::Durable(ticket));
        }
    }

    pub(super) fn is_writing(&self, number: u64) -> bool {
        !self.nodes[&number].writes.is_empty()
    }

    /// The disk keeps nothing of what is under way.
    pub(super) fn lose_writes(&mut self, number: u64) {
        let first = self.node(number).writes.front().map(|(_, ticket, _)| *ticket);
        self.node(number).writes.clear();
        self.input(number, Input::Lost(first.expect("something is under way")));
    }

    fn end_copy(&mut self, number: u64) {
        let now = self.now;
        let done = self.node(number).copy.take_if(|(due, _, _)| *due <= now);
        let Some((_, from, state)) = done else { return };
        if self.nodes[&from.number].replica.is_none() {
            return self.input(number, Input::CopyFailed);
        }
        let base = state.last().map_or(At::default(), |entry| entry.at);
        let node = self.node(number);
        (node.state, node.copies) = (state.clone(), node.copies + 1);
        node.writes.retain(|(_, _, write)| matches!(write, Write::Fence { .. }));
        node.kept = Kept { base, state, log: Vec::new(), ..node.kept };
        self.input(number, Input::Installed(base));
    }

    /// One millisecond.
    pub(super) fn tick(&mut self) {
        self.now += 1;
        while let Some(first) = self.frames.first_entry().filter(|it| it.key().0 <= self.now) {
            let (from, to, frame) = first.remove();
            self.input(to.number, Input::Frame { from, frame });
        }
        for number in 1..=3 {
            self.sync(number);
            self.end_copy(number);
            if (self.now + number).is_multiple_of(25) {
                self.input(number, Input::Tick);
            }
        }
        let (due, later) = std::mem::take(&mut self.changes)
            .into_iter()
            .partition::<Vec<_>, _>(|(when, _)| *when <= self.now);
        self.changes = later;
        for (_, cas) in due {
            if !self.mute {
                self.decide(cas);
            }
        }
    }

    pub(super) fn run(&mut self, millis: u64) {
        (0..millis).for_each(|_| self.tick());
    }

    /// Runs until it is so, for a bounded time.
    pub(super) fn until(&mut self, what: &str, so: impl Fn(&World) -> bool) {
        for _ in 0..20_000 {
            if so(self) {
                return;
            }
            self.tick();
        }
        let replicas = self.nodes.values().filter_map(|node| node.replica.as_ref());
        let now: Vec<_> = replicas.map(|replica| replica.status()).collect();
        panic!("never came about: {what}; {now:#?}");
    }

    pub(super) fn payloads(&self, number: u64) -> Vec<String> {
        let text = |entry: &Entry| String::from_utf8_lossy(&entry.payload).into_owned();
        self.nodes[&number].state.iter().map(text).collect()
    }
}
