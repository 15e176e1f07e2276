//! What a host does for its machines: time, frames, writes, and what they ask for.

use protocol::{
    cluster::{Lsn, NodeKey},
    twin::TwinFrame,
};
use storage::twin::{Input, Output, Standing, Write};

use super::{Cluster, TICK};
use crate::{
    oracle::{Fact, Published},
    world::{
        book,
        clock::ms,
        disk::{Kept, Record},
        event::{Event, Word},
        network::Slot,
    },
};

impl Cluster {
    /// Gives a shard's machine an input and does what it asks for.
    pub(super) fn feed(&mut self, slot: Slot, shard: u16, input: Input) {
        let node = &mut self.nodes[slot];
        let now = node.clock.shows(self.now);
        let host = node.host_mut(shard);
        let mut out = Vec::new();
        host.replica.step(now, input, &mut out);
        host.replica.check();
        self.perform(slot, shard, out);
    }

    /// Does what a machine asked for, in its order.
    pub(super) fn perform(&mut self, slot: Slot, shard: u16, out: Vec<Output>) {
        for output in out {
            self.story.line(format_args!("      s{slot}/{shard} {output:?}"));
            match output {
                Output::Write { ticket, write } => self.write(slot, shard, ticket, write),
                Output::Send { to, frame } => self.send(slot, shard, to, frame),
                Output::Propose(cas) => self.propose(slot, cas),
                Output::Committed(lsn) => self.committed(slot, shard, lsn),
                Output::Standing(standing) => self.stands(slot, shard, standing),
                Output::NeedState { from } => self.pull(slot, shard, from),
                Output::Quarantine(entries) => {
                    self.figures.quarantined += entries.len() as u64;
                    let node = self.nodes[slot].key;
                    self.hears(Fact::Quarantined { shard, node, entries });
                }
                Output::Alarm(alarm) => {
                    self.figures.alarms += 1;
                    self.story.line(format_args!("      s{slot}/{shard} {alarm:?}"));
                }
            }
        }
    }

    pub(super) fn tick(&mut self, slot: Slot) {
        for shard in 0..self.plan.shards {
            self.feed(slot, shard, Input::Tick);
        }
        let node = &self.nodes[slot];
        let life = node.life;
        let next = self.now + node.clock.takes(TICK);
        self.queue.at(next, Event::Tick { slot, life });
        if self.dice.one_in(40) {
            self.look_up_map(slot);
        }
    }

    pub(super) fn frame(&mut self, slot: Slot, from: NodeKey, shard: u16, frame: TwinFrame) {
        self.story.mark(&[slot as u64, from.number, u64::from(shard), weight(&frame)]);
        self.feed(slot, shard, Input::Frame { from, frame });
    }

    fn send(&mut self, slot: Slot, shard: u16, to: NodeKey, frame: TwinFrame) {
        let from = self.nodes[slot].key;
        match &frame {
            TwinFrame::Append { prev, entries, .. } => {
                let mut prev = *prev;
                for entry in entries {
                    let (node, entry) = (from, entry.clone());
                    let next = entry.at;
                    self.hears(Fact::Wrote { shard, node, prev, entry });
                    prev = next;
                }
            }
            TwinFrame::Ack { epoch, .. } | TwinFrame::BeatAck { epoch, .. } => {
                self.hears(Fact::Acked { shard, node: from, epoch: *epoch });
            }
            _ => {}
        }
        let Some(other) = self.slot_of(to) else { return };
        for when in self.network.carry(self.now, slot, other).into_iter().flatten() {
            let frame = frame.clone();
            self.queue.at(when, Event::Frame { slot: other, to, from, shard, frame });
        }
    }

    fn write(&mut self, slot: Slot, shard: u16, ticket: u64, write: Write) {
        if let Write::Cut { keep } = write {
            let node = self.nodes[slot].key;
            let gone = self.nodes[slot].disk.behind(shard, keep);
            self.hears(Fact::Cuts { shard, node, gone });
        }
        self.keep(slot, shard, Record::Twin(ticket, write));
    }

    /// Writes a record and begins a sync unless one is under way, which is then followed by one.
    pub(super) fn keep(&mut self, slot: Slot, shard: u16, record: Record) {
        if self.nodes[slot].disk.write(shard, record) {
            self.sync(slot);
        }
    }

    fn sync(&mut self, slot: Slot) {
        let node = &mut self.nodes[slot];
        let when = node.disk.begin_sync(self.now, self.plan.sync);
        self.queue.at(when, Event::Synced { slot, life: node.life });
    }

    /// The disk is done; the process hears of it, unless it stands still.
    pub(super) fn synced(&mut self, slot: Slot, life: u32) {
        if self.nodes[slot].life != life || !self.nodes[slot].up {
            return;
        }
        let Ok(kept) = self.nodes[slot].disk.end_sync(self.now) else {
            // Rule R1: nothing is known about what was written; the process ends.
            let span = ms(50) + self.dice.below(ms(1000));
            self.crash(slot, false, span);
            return;
        };
        let node = self.nodes[slot].key;
        for (shard, kept) in kept {
            self.hears(Fact::Kept { shard, node });
            self.queue.at(self.now, Event::Kept { slot, life, shard, kept });
        }
        if self.nodes[slot].disk.is_dirty() {
            self.sync(slot);
        }
    }

    /// A process hears what became of its writes.
    pub(super) fn kept(&mut self, slot: Slot, shard: u16, kept: Kept) {
        match kept {
            Kept::Durable(ticket) => self.feed(slot, shard, Input::Durable(ticket)),
            Kept::Lost(ticket) => self.feed(slot, shard, Input::Lost(ticket)),
            Kept::Installed(book) => self.installed(slot, shard, book),
            Kept::NotInstalled => self.pull_failed(slot, shard),
        }
    }

    /// Everything up to there takes effect; who waited for it is told.
    fn committed(&mut self, slot: Slot, shard: u16, lsn: Lsn) {
        let key = self.nodes[slot].key;
        let host = self.nodes[slot].host(shard);
        // What is committed is said before where the machine stands by then: whoever leads after
        // this step or led before it says so as primary.
        let (leads, epoch) = match (host.replica.standing(), host.standing) {
            (Standing::Serving { epoch } | Standing::Warming { epoch }, _)
            | (_, Standing::Serving { epoch } | Standing::Warming { epoch }) => (true, epoch),
            (Standing::Follows { epoch, .. }, _) => (false, epoch),
            (Standing::Idle, _) => (false, host.replica.status().seen),
        };
        let mut at = host.book.at;
        let config = self.register.config_of(shard, epoch);
        // A copy whose disk went while its acknowledgement was on its way is none.
        let twin = config.and_then(|it| it.twin).is_some_and(|it| self.slot_of(it).is_some());
        while at.lsn < lsn {
            let host = self.nodes[slot].host_mut(shard);
            let entry = host.replica.entry(at.lsn.next()).cloned();
            let entry = entry.expect("what was just committed is in memory");
            let place = host.book.apply(&entry);
            host.unmarked += 1;
            at = entry.at;
            let waiting = host.waiting.remove(&at.lsn).unwrap_or_default();
            self.hears(Fact::Published(Published {
                shard,
                node: key,
                epoch,
                primary: leads,
                named: self.register.config(shard).primary == key,
                mark: book::mark(&entry),
                at,
                copies: 1 + u8::from(twin),
            }));
            for person in waiting {
                let generation = config.map_or(0, |config| config.generation);
                let word = match place {
                    Some(place) if person.at == at => Word::Done { place, at, generation },
                    _ => Word::Unknown,
                };
                self.tell(slot, person.person, person.turn, word);
            }
        }
        self.checkpoint(slot, shard);
    }

    fn checkpoint(&mut self, slot: Slot, shard: u16) {
        let host = self.nodes[slot].host_mut(shard);
        if host.unmarked >= self.plan.checkpoint && host.pull.is_none() {
            host.unmarked = 0;
            let book = host.book.clone();
            self.keep(slot, shard, Record::Applied(book));
        }
    }

    /// A machine stands elsewhere. Whoever waits for it to serve does not know what became of
    /// their command, unless it simply went on.
    fn stands(&mut self, slot: Slot, shard: u16, standing: Standing) {
        let host = self.nodes[slot].host_mut(shard);
        let goes_on = host.serves() && matches!(standing, Standing::Serving { .. });
        host.standing = standing;
        if goes_on {
            return;
        }
        let waiting = std::mem::take(&mut host.waiting);
        for person in waiting.into_values().flatten() {
            self.tell(slot, person.person, person.turn, Word::Unknown);
        }
    }
}

/// A number that tells a frame from most others.
fn weight(frame: &TwinFrame) -> u64 {
    match frame {
        TwinFrame::Append { epoch, prev, entries, commit, .. } => {
            epoch.0 << 40 ^ prev.lsn.0 << 24 ^ commit.0 << 8 ^ entries.len() as u64
        }
        TwinFrame::Ack { epoch, durable } => 1 << 60 ^ epoch.0 << 32 ^ durable.0,
        TwinFrame::Mismatch { epoch, hint } => 2 << 60 ^ epoch.0 << 32 ^ hint.lsn.0,
        TwinFrame::Fence { seen } => 3 << 60 ^ seen.0,
        TwinFrame::Beat { epoch, sent, commit } => 4 << 60 ^ epoch.0 << 48 ^ sent << 20 ^ commit.0,
        TwinFrame::BeatAck { epoch, sent, durable } => {
            5 << 60 ^ epoch.0 << 48 ^ sent << 20 ^ durable.0
        }
        _ => 6 << 60,
    }
}
