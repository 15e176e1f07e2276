//! Events, and the one queue they wait in.

use protocol::{
    cluster::{Cas, ChangeRefusal, Config, NodeKey},
    twin::{At, TwinFrame},
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use super::{clock::Moment, disk::Kept, fault::Fault, network::Slot};

/// What a person asks of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Let this command take effect.
    Write(u64),
    /// Show what took effect.
    Read,
}

/// What a person hears.
#[expect(missing_docs, reason = "the fields are called what they are")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// The command took effect, there in the order.
    Done { place: usize, at: At, generation: u32 },
    /// This took effect.
    Shown { order: Vec<u64>, at: At, generation: u32 },
    /// Ask there instead, perhaps.
    NotHere(Option<NodeKey>),
    /// It may have taken effect or not.
    Unknown,
}

/// One event. Those of a process name its life, so that none outlives it.
#[expect(missing_docs, reason = "the fields are called what they are")]
#[derive(Debug, Clone)]
pub enum Event {
    /// A process looks at its clock.
    Tick { slot: Slot, life: u32 },
    /// A frame arrives.
    Frame { slot: Slot, to: NodeKey, from: NodeKey, shard: u16, frame: TwinFrame },
    /// A disk ends a sync.
    Synced { slot: Slot, life: u32 },
    /// A process hears what became of its writes.
    Kept { slot: Slot, life: u32, shard: u16, kept: Kept },
    /// A proposal arrives at the control plane.
    Asked { slot: Slot, life: u32, cas: Cas },
    /// Its answer arrives.
    Answered { slot: Slot, life: u32, cas: Cas, no: Option<ChangeRefusal>, config: Config },
    /// A node hears of a map.
    Learn { slot: Slot, life: u32, version: usize },
    /// A node's transport says that another is there, or is not.
    Hint { slot: Slot, life: u32, about: NodeKey, up: bool },
    /// A learner asks its primary for a page of the state.
    PageAsked { slot: Slot, to: NodeKey, from: NodeKey, shard: u16, pull: u64, after: usize },
    /// A page arrives; none when the other node cannot give it.
    PageGiven { slot: Slot, to: NodeKey, shard: u16, pull: u64, after: usize, page: Option<Page> },
    /// A learner waited long enough for a page.
    PageLate { slot: Slot, life: u32, shard: u16, pull: u64, after: usize },
    /// A person's wish arrives at a node.
    Wished { slot: Slot, person: usize, turn: u64, shard: u16, wish: Wish },
    /// A node's word arrives at a person.
    Heard { person: usize, turn: u64, slot: Slot, word: Word },
    /// A person looks up.
    Wakes { person: usize, turn: u64 },
    /// A stopped process goes on.
    Resume { slot: Slot, life: u32 },
    /// A machine starts.
    Start { slot: Slot, life: u32 },
    /// A machine with a new disk asks to be admitted.
    Admit { slot: Slot },
    /// Placement looks at the cluster.
    Place,
    /// The weather changes.
    Weather,
    /// Something goes wrong.
    Fault(Fault),
}

/// A part of a state.
#[derive(Debug, Clone)]
pub struct Page {
    /// The state's place.
    pub at: At,
    /// A part of it.
    pub part: Vec<u64>,
    /// Whether it is the last.
    pub last: bool,
}

/// What is to happen, in order of time; at one time, in the order in which it was said.
#[derive(Debug, Default)]
pub struct Queue {
    order: BinaryHeap<Reverse<(Moment, u64)>>,
    events: BTreeMap<u64, Event>,
    next: u64,
}

impl Queue {
    /// Lets something happen then.
    pub fn at(&mut self, when: Moment, event: Event) {
        self.order.push(Reverse((when, self.next)));
        self.events.insert(self.next, event);
        self.next += 1;
    }

    /// When the next thing happens.
    pub fn soonest(&self) -> Option<Moment> {
        self.order.peek().map(|it| it.0.0)
    }

    /// The next thing, and when.
    pub fn pop(&mut self) -> Option<(Moment, Event)> {
        let Reverse((when, number)) = self.order.pop()?;
        let event = self.events.remove(&number).expect("each number has an event");
        Some((when, event))
    }

    /// Forgets whatever is not kept.
    pub fn retain(&mut self, keep: impl Fn(&Event) -> bool) {
        self.events.retain(|_, event| keep(event));
        let events = &self.events;
        self.order.retain(|it| events.contains_key(&it.0.1));
    }
}
