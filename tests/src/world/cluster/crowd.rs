//! People and nodes: wishes, words, and asking again.

use protocol::cluster::Lsn;
use protocol::twin::At;
use storage::twin::Unproposed;

use super::Cluster;
use crate::{
    oracle::Fact,
    world::{
        book,
        clock::ms,
        event::{Event, Wish, Word},
        network::Slot,
        node::Waiting,
        person::{Doing, TRIES_MAX},
    },
};

/// A person waits this long for a word.
const PATIENCE: u64 = 700;

impl Cluster {
    /// A wish arrives at a node.
    pub(super) fn wished(&mut self, slot: Slot, person: usize, turn: u64, shard: u16, wish: Wish) {
        match wish {
            Wish::Write(command) => self.wished_write(slot, person, turn, shard, command),
            Wish::Read => self.wished_read(slot, person, turn, shard),
        }
    }

    fn wished_write(&mut self, slot: Slot, person: usize, turn: u64, shard: u16, command: u64) {
        let node = &mut self.nodes[slot];
        let now = node.clock.shows(self.now);
        let host = node.host_mut(shard);
        // What took effect here is committed, so it may be said whoever serves by now.
        if let (Some(place), Some(epoch)) = (host.book.place(command), host.epoch()) {
            let at = host.book.at;
            let generation = self.generation(shard, epoch);
            self.tell(slot, person, turn, Word::Done { place, at, generation });
            return;
        }
        let mut out = Vec::new();
        let taken = host.replica.propose(now, book::COMMAND, book::payload(command), &mut out);
        if let Ok(at) = taken {
            let waiting = Waiting { at, person, turn };
            host.waiting.entry(at.lsn).or_default().push(waiting);
        }
        host.replica.check();
        self.perform(slot, shard, out);
        match taken {
            Ok(_) => {}
            Err(Unproposed::NotServing { primary, .. }) => {
                self.tell(slot, person, turn, Word::NotHere(primary));
            }
            Err(Unproposed::Full) => self.tell(slot, person, turn, Word::Unknown),
        }
    }

    fn wished_read(&mut self, slot: Slot, person: usize, turn: u64, shard: u16) {
        let node = &self.nodes[slot];
        let host = node.host(shard);
        if node.clock.shows(self.now) >= host.replica.readable_until() {
            self.tell(slot, person, turn, Word::NotHere(None));
            return;
        }
        let (order, at) = (host.book.order.clone(), host.book.at);
        let epoch = host.epoch().unwrap_or_default();
        let generation = self.generation(shard, epoch);
        self.tell(slot, person, turn, Word::Shown { order, at, generation });
    }

    fn generation(&self, shard: u16, epoch: protocol::cluster::Epoch) -> u32 {
        self.register.config_of(shard, epoch).map_or(0, |config| config.generation)
    }

    /// A node's word is on its way to a person; one in so many is lost with the connection.
    pub(super) fn tell(&mut self, slot: Slot, person: usize, turn: u64, word: Word) {
        if self.dice.one_in(50) {
            return;
        }
        let when = self.now + self.dice.below(ms(3));
        self.queue.at(when, Event::Heard { person, turn, slot, word });
    }

    /// A word arrives at a person, who may have turned away by now.
    pub(super) fn heard(&mut self, person: usize, turn: u64, slot: Slot, word: Word) {
        let one = &mut self.people[person];
        let Some(doing) = one.doing.clone().filter(|_| one.turn == turn) else { return };
        let Doing { shard, wish, .. } = doing;
        match (word, wish) {
            (Word::Done { place, at, generation }, Wish::Write(command)) => {
                one.belief.insert(shard, slot);
                self.figures.acked += 1;
                self.hears(Fact::Answered { shard, command, place, at, generation });
                self.saw(person, shard, generation, at);
            }
            (Word::Shown { order, at, generation }, Wish::Read) => {
                one.belief.insert(shard, slot);
                self.figures.reads += 1;
                let floor = if generation == doing.generation { doing.floor } else { Lsn(0) };
                self.hears(Fact::Shown { shard, at, generation, floor, order });
                self.saw(person, shard, generation, at);
            }
            (Word::NotHere(primary), _) => {
                let hint = primary.and_then(|key| self.slot_of(key)).filter(|it| *it != slot);
                self.people[person].disappointed(shard, hint);
                self.again(person, ms(5), ms(60));
            }
            _ => {
                one.disappointed(shard, None);
                self.again(person, ms(5), ms(100));
            }
        }
    }

    fn saw(&mut self, person: usize, shard: u16, generation: u32, at: At) {
        let one = &mut self.people[person];
        let saw = one.saw.entry((shard, generation)).or_default();
        *saw = at.lsn.max(*saw);
        one.doing = None;
        one.turn += 1;
        let when = self.now + one.moment(self.plan.pause);
        let turn = one.turn;
        self.queue.at(when, Event::Wakes { person, turn });
    }

    /// A person asks again a little later.
    fn again(&mut self, person: usize, least: u64, most: u64) {
        let one = &mut self.people[person];
        one.turn += 1;
        let when = self.now + least + one.moment(most);
        let turn = one.turn;
        self.queue.at(when, Event::Wakes { person, turn });
    }

    /// A person looks up: has a new wish, or has waited long enough for the last.
    pub(super) fn wakes(&mut self, person: usize, turn: u64) {
        let one = &mut self.people[person];
        if one.turn != turn {
            return;
        }
        let mut doing = match one.doing.take() {
            Some(doing) => doing,
            None if self.calm => return,
            None => {
                let (shard, wish) = one.wish(self.plan.shards, self.plan.reads);
                let seen = self.oracle.seen(shard);
                let generation = seen.generation;
                // What anybody was told before counts, not only what this person was.
                let told = self.people.iter().filter_map(|it| it.saw.get(&(shard, generation)));
                let floor = told.max().copied().unwrap_or_default();
                Doing { shard, wish, slot: 0, tries: 0, floor, generation }
            }
        };
        let one = &mut self.people[person];
        if doing.tries > 0 {
            // Whoever was asked last did not answer in time, or said no.
            if doing.tries >= TRIES_MAX && !self.calm {
                self.gives_up(person, &doing);
                return;
            }
            if one.belief.get(&doing.shard) == Some(&doing.slot) {
                one.belief.remove(&doing.shard);
            }
        }
        doing.tries += 1;
        one.turn += 1;
        doing.slot = one.guess(doing.shard, self.nodes.len());
        let (slot, turn, shard, wish) = (doing.slot, one.turn, doing.shard, doing.wish);
        one.doing = Some(doing);
        let late = self.now + ms(PATIENCE);
        self.queue.at(late, Event::Wakes { person, turn });
        if !self.dice.one_in(50) {
            let when = self.now + self.dice.below(ms(3));
            self.queue.at(when, Event::Wished { slot, person, turn, shard, wish });
        }
    }

    /// A person gives up: what became of the wish stays unknown to them.
    fn gives_up(&mut self, person: usize, doing: &Doing) {
        let one = &mut self.people[person];
        if let Wish::Write(command) = doing.wish {
            one.unknown.push(command);
            self.figures.unknown += 1;
        }
        one.turn += 1;
        let turn = one.turn;
        let when = self.now + ms(100) + one.moment(self.plan.pause);
        self.queue.at(when, Event::Wakes { person, turn });
    }
}
