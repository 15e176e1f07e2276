//! People: they write and read, ask again when nothing comes, and never forget what they saw.

use protocol::cluster::Lsn;
use std::collections::BTreeMap;
use storage::dice::Dice;

use super::{event::Wish, network::Slot};

/// Tries before a person gives up on a wish: its outcome then stays unknown.
pub const TRIES_MAX: u32 = 40;

/// What a person is about.
#[derive(Debug, Clone)]
pub struct Doing {
    /// In which shard.
    pub shard: u16,
    /// What they want.
    pub wish: Wish,
    /// Where they asked last.
    pub slot: Slot,
    /// How often they asked.
    pub tries: u32,
    /// What they had seen of the shard before they asked.
    pub floor: Lsn,
    /// Its generation then.
    pub generation: u32,
}

/// One person.
#[derive(Debug)]
pub struct Person {
    dice: Dice,
    number: u64,
    commands: u64,
    /// Rises with every try: words to older ones are not heard.
    pub turn: u64,
    /// What they are about.
    pub doing: Option<Doing>,
    /// Where they believe each shard is served.
    pub belief: BTreeMap<u16, Slot>,
    /// The last place they saw of each shard, by generation.
    pub saw: BTreeMap<(u16, u32), Lsn>,
    /// Commands whose outcome they never learned.
    pub unknown: Vec<u64>,
}

impl Person {
    /// A person who has done nothing yet.
    pub fn new(seed: u64, number: usize) -> Self {
        Self {
            dice: Dice::new(seed),
            number: number as u64,
            commands: 0,
            turn: 0,
            doing: None,
            belief: BTreeMap::new(),
            saw: BTreeMap::new(),
            unknown: Vec::new(),
        }
    }

    /// A wish for some shard.
    pub fn wish(&mut self, shards: u16, reads: u64) -> (u16, Wish) {
        let shard = u16::try_from(self.dice.below(u64::from(shards))).expect("shards are few");
        if self.dice.below(10) < reads {
            return (shard, Wish::Read);
        }
        self.commands += 1;
        (shard, Wish::Write((self.number + 1) << 32 | self.commands))
    }

    /// Where to ask for a shard.
    pub fn guess(&mut self, shard: u16, slots: usize) -> Slot {
        match self.belief.get(&shard) {
            Some(slot) if *slot < slots => *slot,
            _ => usize::try_from(self.dice.below(slots as u64)).expect("machines are few"),
        }
    }

    /// The place asked does not serve the shard, or does not answer.
    pub fn disappointed(&mut self, shard: u16, hint: Option<Slot>) {
        match hint {
            Some(slot) if !self.dice.one_in(4) => self.belief.insert(shard, slot),
            _ => self.belief.remove(&shard),
        };
    }

    /// How long to wait, below this.
    pub fn moment(&mut self, most: u64) -> u64 {
        self.dice.below(most) + 1
    }
}
