//! The cluster: machines, links, the control plane and people, and what happens to them.
//!
//! One event after the other, each at its moment. An event of a process is for one life of it; one
//! that comes while the process stands still waits, as in a socket's buffer.

use protocol::cluster::NodeKey;
use storage::dice::Dice;

use super::{
    clock::{Clock, Moment, RATES, ms},
    disk::Disk,
    event::{Event, Queue},
    figures::Figures,
    network::{Network, Slot},
    node::Node,
    person::Person,
    plan::Plan,
    register::Register,
    story::Story,
};
use crate::oracle::{Fact, Oracle};

mod ambush;
mod control;
mod copy;
mod crowd;
mod faults;
mod health;
mod host;
mod sky;

/// A node looks at its clock this often, in its own milliseconds.
const TICK: u64 = 25;

/// Everything there is.
#[derive(Debug)]
pub struct Cluster {
    /// What kind of world it is.
    pub plan: Plan,
    /// True time.
    pub now: Moment,
    /// What is to happen.
    pub queue: Queue,
    /// Links.
    pub network: Network,
    /// The control plane.
    pub register: Register,
    /// Machines, each with the node that is on it now.
    pub nodes: Vec<Node>,
    /// People.
    pub people: Vec<Person>,
    /// Who sees everything.
    pub oracle: Oracle,
    /// What happened.
    pub story: Story,
    /// The same in figures.
    pub figures: Figures,
    /// No more faults, no new wishes.
    pub calm: bool,
    dice: Dice,
    disks: u64,
}

impl Cluster {
    /// A cluster at its first moment. The story is written in full when `told` is set.
    pub fn new(plan: Plan, told: bool) -> Self {
        let mut dice = Dice::new(plan.seed);
        let mut cluster = Self {
            now: 0,
            queue: Queue::default(),
            network: Network::new(dice.roll(), plan.air),
            register: Register::new(dice.roll(), plan.manners),
            nodes: Vec::new(),
            people: Vec::new(),
            oracle: Oracle::new(plan.shards),
            story: Story::new(told),
            figures: Figures { worlds: 1, ..Figures::default() },
            calm: false,
            dice,
            disks: 0,
            plan,
        };
        cluster.begin();
        cluster
    }

    fn begin(&mut self) {
        self.disks += 1;
        let first = self.register.found(self.plan.shards, self.disks);
        self.place_node(first);
        for _ in 1..self.plan.nodes {
            self.disks += 1;
            let key = self.register.admit(self.disks);
            self.place_node(key);
        }
        for slot in 0..self.nodes.len() {
            self.start(slot);
        }
        for number in 0..self.plan.people {
            let seed = self.dice.roll();
            self.people.push(Person::new(seed, number));
            let when = self.dice.below(ms(200));
            self.queue.at(when, Event::Wakes { person: number, turn: 0 });
        }
        self.queue.at(ms(30), Event::Place);
        if let Some(pause) = self.plan.weather.pause(&mut self.dice) {
            self.queue.at(ms(500) + pause, Event::Weather);
        }
    }

    /// A machine with an empty disk, on which this node will run.
    fn place_node(&mut self, key: NodeKey) -> Slot {
        let clock = self.new_clock();
        let disk = Disk::new(self.dice.roll(), self.plan.shards);
        self.nodes.push(Node::new(key, clock, disk));
        self.nodes.len() - 1
    }

    /// A clock of a machine that got power now.
    fn new_clock(&mut self) -> Clock {
        let (slow, fast) = RATES;
        let rate = match self.dice.below(4) {
            _ if !self.plan.drift => 1000,
            0 => slow,
            1 => fast,
            _ => slow + self.dice.below(fast - slow + 1),
        };
        Clock::new(self.now, self.dice.below(100_000), rate)
    }

    /// The next event happens. False when there is none before `until`.
    pub fn step(&mut self, until: Moment) -> bool {
        if self.queue.soonest().is_none_or(|soonest| soonest > until) {
            self.now = until;
            return false;
        }
        let Some((when, event)) = self.queue.pop() else { return false };
        self.now = when;
        self.story.turns(when);
        self.happens(event);
        true
    }

    /// Whether something addressed to a process reaches it: dead ones hear nothing, and one that
    /// stands still hears it later.
    fn reaches(&mut self, event: &Event) -> bool {
        let (slot, life) = match event {
            Event::Tick { slot, life }
            | Event::Kept { slot, life, .. }
            | Event::Answered { slot, life, .. }
            | Event::Learn { slot, life, .. }
            | Event::Hint { slot, life, .. }
            | Event::PageLate { slot, life, .. } => (*slot, Some(*life)),
            Event::Frame { slot, to, .. }
            | Event::PageAsked { slot, to, .. }
            | Event::PageGiven { slot, to, .. } => {
                if self.nodes[*slot].key != *to {
                    return false;
                }
                (*slot, None)
            }
            Event::Wished { slot, .. } => (*slot, None),
            _ => return true,
        };
        let node = &mut self.nodes[slot];
        if !node.up || life.is_some_and(|life| life != node.life) {
            return false;
        }
        if self.now < node.stopped {
            node.inbox.push_back(event.clone());
            return false;
        }
        true
    }

    fn happens(&mut self, event: Event) {
        if !self.reaches(&event) {
            return;
        }
        self.story.line(format_args!("{event:?}"));
        match event {
            Event::Tick { slot, .. } => self.tick(slot),
            Event::Frame { slot, from, shard, frame, .. } => self.frame(slot, from, shard, frame),
            Event::Synced { slot, life } => self.synced(slot, life),
            Event::Kept { slot, shard, kept, .. } => self.kept(slot, shard, kept),
            Event::Asked { slot, life, cas } => self.asked(slot, life, cas),
            Event::Answered { slot, cas, no, config, .. } => self.answered(slot, cas, no, config),
            Event::Learn { slot, version, .. } => self.learn(slot, version),
            Event::Hint { slot, about, up, .. } => self.hinted(slot, about, up),
            Event::PageAsked { slot, from, shard, pull, after, .. } => {
                self.page_asked(slot, from, shard, pull, after);
            }
            Event::PageGiven { slot, shard, pull, after, page, .. } => {
                self.page_given(slot, shard, pull, after, page);
            }
            Event::PageLate { slot, shard, pull, after, .. } => {
                self.page_late(slot, shard, pull, after);
            }
            Event::Wished { slot, person, turn, shard, wish } => {
                self.wished(slot, person, turn, shard, wish);
            }
            Event::Heard { person, turn, slot, word } => self.heard(person, turn, slot, word),
            Event::Wakes { person, turn } => self.wakes(person, turn),
            Event::Resume { slot, life } => self.resume(slot, life),
            Event::Start { slot, life } => {
                if self.nodes[slot].life == life {
                    self.start(slot);
                }
            }
            Event::Admit { slot } => self.admit(slot),
            Event::Place => self.placement(),
            Event::Weather => self.weather(),
            Event::Fault(fault) => self.fault(fault),
        }
    }

    /// What was put off while the process stood still happens now, in order.
    fn resume(&mut self, slot: Slot, life: u32) {
        let node = &mut self.nodes[slot];
        if node.life != life || self.now < node.stopped {
            return;
        }
        let put_off = std::mem::take(&mut node.inbox);
        for event in put_off {
            self.happens(event);
        }
    }

    fn hears(&mut self, fact: Fact) {
        self.oracle.hears(fact);
    }

    /// The machine on which a node runs.
    pub fn slot_of(&self, key: NodeKey) -> Option<Slot> {
        self.nodes.iter().position(|node| node.key == key)
    }

    /// The machines' nodes that are members and not on their way out.
    pub fn staying(&self) -> Vec<Slot> {
        let map = self.register.map();
        (0..self.nodes.len())
            .filter(|slot| map.member(self.nodes[*slot].key).is_some_and(|it| !it.draining))
            .collect()
    }
}
