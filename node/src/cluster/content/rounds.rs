//! Whose turn it is to be looked at for missing contents: pure, for the porter.
//!
//! A shard is looked at page by page, in turn with the others, as soon as this node comes to hold
//! it or begins to learn it, and from then on again and again: soon when something is missing, ever
//! more seldom while it cannot be had, and now and then when nothing is.
//!
//! # Invariants
//! - **RN1** Only a look that began after the shard came to be held says that nothing is missing:
//!   whoever learns may lack records, too.
//! - **RN2** Every shard's turn comes: of those that are due the one that waits longest is next.
//! - **RN3** What is missing is looked for again within [`LATEST`].
//! - **RN4** Of a shard that was not looked at to its end nothing is claimed.

use protocol::{
    cluster::{Map, NodeKey, Place},
    peer::ContentStatus,
};
use std::collections::BTreeMap;

/// Milliseconds until a shard is looked at again when nothing is missing.
pub const ROUND: u64 = 10 * 60 * 1000;
/// The same after the first look, for what was on its way when it began.
const AGAIN: u64 = 15 * 1000;
/// The same while this node only learns it.
const LEARNING: u64 = 10 * 1000;
/// The shortest and the longest time until something missing is looked for again (RN3).
const SOON: u64 = 1000;
/// See [`SOON`].
pub const LATEST: u64 = 2 * 60 * 1000;

/// This node's part in a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Its copy is being made.
    Learns,
    /// It is primary or twin.
    Holds,
}

/// The shards of this node.
#[derive(Debug)]
pub struct Rounds<At> {
    /// The index of the map that was learned last.
    map: u64,
    looks: BTreeMap<u16, Look<At>>,
    /// Rises with everything that begins.
    begun: u64,
}

#[derive(Debug)]
struct Look<At> {
    part: Part,
    due: u64,
    /// Which look this is, and how far it is; none when none is under way.
    turn: u64,
    at: Option<At>,
    /// Contents found missing by the look under way.
    found: u64,
    /// Contents the last whole look found missing; none before there was one (RN4).
    missing: Option<u64>,
    /// Whole looks in a row that found something missing.
    vain: u32,
}

/// A page that is to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn<At> {
    /// Of which shard.
    pub shard: u16,
    /// Behind which record; none for the first page.
    pub after: Option<At>,
    look: u64,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<At> {
    /// Look at this.
    Look(Turn<At>),
    /// Nothing before so many milliseconds.
    Rest(u64),
}

impl<At> Default for Rounds<At> {
    fn default() -> Self {
        Self { map: 0, looks: BTreeMap::new(), begun: 0 }
    }
}

impl<At: Clone> Rounds<At> {
    /// What this node holds and learns as of a map.
    pub fn learn(&mut self, now: u64, map: u64, parts: &BTreeMap<u16, Part>) {
        self.map = map;
        self.looks.retain(|shard, _| parts.contains_key(shard));
        for (shard, part) in parts {
            if self.looks.get(shard).is_some_and(|look| look.part == *part) {
                continue;
            }
            let turn = self.begin();
            let (at, found, missing, vain) = (None, 0, None, 0); // RN1
            let look = Look { part: *part, due: now, turn, at, found, missing, vain };
            self.looks.insert(*shard, look);
        }
    }

    fn begin(&mut self) -> u64 {
        self.begun += 1;
        self.begun
    }

    /// Whose turn it is (RN2).
    pub fn next(&self, now: u64) -> Next<At> {
        let first = self.looks.iter().min_by_key(|(shard, look)| (look.due, **shard));
        match first {
            Some((shard, look)) if look.due <= now => {
                Next::Look(Turn { shard: *shard, after: look.at.clone(), look: look.turn })
            }
            Some((_, look)) => Next::Rest(look.due - now),
            None => Next::Rest(ROUND),
        }
    }

    /// A page was looked at: so many contents are missing there, and the next one begins behind
    /// `next`; none when it was the last.
    pub fn looked(&mut self, now: u64, turn: &Turn<At>, missing: u64, next: Option<At>) {
        let begun = self.begin();
        let Some(look) = self.looks.get_mut(&turn.shard) else { return };
        if look.turn != turn.look {
            return; // RN1
        }
        look.found += missing;
        look.due = now;
        look.at = next;
        if look.at.is_some() {
            return;
        }
        let first = look.missing.is_none();
        look.vain = if look.found == 0 { 0 } else { look.vain + 1 };
        look.due = now
            + match (look.found, look.part) {
                (0, Part::Learns) => LEARNING,
                (0, Part::Holds) if first => AGAIN,
                (0, Part::Holds) => ROUND,
                _ => SOON.saturating_mul(1 << look.vain.min(16)).min(LATEST), // RN3
            };
        (look.missing, look.found, look.turn) = (Some(look.found), 0, begun);
    }

    /// A page could not be looked at: its shard's turn comes again, from the same page on.
    pub fn failed(&mut self, now: u64, turn: &Turn<At>) {
        if let Some(look) = self.looks.get_mut(&turn.shard).filter(|it| it.turn == turn.look) {
            look.due = now + SOON;
        }
    }

    /// What is known.
    pub fn known(&self) -> ContentStatus {
        let held = || self.looks.values().filter(|look| look.part == Part::Holds);
        ContentStatus {
            map: self.map,
            unlooked: held().filter(|look| look.missing.is_none()).count() as u32, // RN4
            missing: held().filter_map(|look| look.missing).sum(),
        }
    }
}

/// Which shards this node holds, and which it learns: those it shall have and follows already.
pub fn parts(map: &Map, me: NodeKey, follows: impl Fn(u16) -> bool) -> BTreeMap<u16, Part> {
    let part = |shard: u16, place: &Place| {
        if place.config.is_eligible(me) {
            return Some(Part::Holds);
        }
        let wanted = place.wanted.is_some_and(|it| it.primary == me || it.twin == Some(me));
        (wanted && follows(shard)).then_some(Part::Learns)
    };
    let places = (0..).zip(&map.places);
    places.filter_map(|(shard, place)| Some((shard, part(shard, place)?))).collect()
}

#[cfg(test)]
mod tests;
