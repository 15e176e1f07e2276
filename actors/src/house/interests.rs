//! Every watch of this node's sockets, and where it is held: pure bookkeeping.
//!
//! # Invariants
//! - **IN1** A watch is held in at most one place; what comes from an earlier one is not told.
//! - **IN2** What a node tells is told in its order; a gap, or a line begun anew, loses every place
//!   at that node that could have missed something.
//! - **IN3** A cursor is of the generation of the place that told it: told by a place whose generation
//!   is not known, it stays where it was.

use bytes::Bytes;
use protocol::{
    caller::Caller,
    id::{RoomId, Seq},
    key::Key,
    peer::Told,
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};
use tokio::sync::oneshot;

use crate::{
    handle::Cursor,
    outbox::{Burst, Outbox, Tap},
};

/// One browser's interest in one actor, wherever the actor lives.
pub(super) struct Interest {
    pub(super) key: Key,
    pub(super) by: Caller,
    pub(super) outbox: Outbox,
    /// What was told by places that are lost.
    pub(super) cursor: Cursor,
    /// Rises whenever a place is lost.
    pub(super) turn: u64,
    /// Whether somebody looks for a place.
    pub(super) seeking: bool,
    place: Place,
}

/// Where a watch is held.
enum Place {
    Nowhere,
    /// By an actor of this node, under this number, in this reign.
    Here {
        local: u64,
        reign: u64,
        generation: u32,
        tap: Arc<Tap>,
    },
    /// By another node, under this number of ours.
    There {
        node: u64,
        watch: u64,
        /// Told with the first frame, which is the view.
        shown: Option<oneshot::Sender<()>>,
        /// Of what is told, once the node has said so.
        generation: Option<u32>,
        /// The last position that was told.
        told: Seq,
    },
}

/// What is left behind when a place is lost or given up.
#[derive(Default)]
pub(super) struct Left {
    /// A watch of an actor of this node.
    pub(super) here: Option<(Key, u64)>,
    /// A watch that another node holds: its number there.
    pub(super) there: Option<(u64, Key, u64)>,
    /// Whatever call the socket was in, in the room it watches there, is over with the place.
    pub(super) call: Option<(RoomId, Outbox)>,
    /// Nobody looks for another place yet.
    pub(super) seek: Option<u64>,
}

/// What is known of a watch when a place for it is looked for.
pub(super) struct Wanted {
    pub(super) key: Key,
    pub(super) by: Caller,
    pub(super) outbox: Outbox,
    pub(super) after: Cursor,
    pub(super) turn: u64,
}

/// Watches whose place at another node is lost by what it told.
#[derive(Default)]
pub(super) struct Lost {
    /// They missed something; the other node does not know it.
    pub(super) missed: Vec<u64>,
    /// The other node no longer holds them.
    pub(super) dismissed: Vec<u64>,
}

/// Where a watch is held, as a caller of another module sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    Nowhere,
    Here { reign: u64 },
    There { node: u64 },
}

/// The other node's line, as far as it was heard.
#[derive(Clone, Copy)]
struct Heard {
    line: u64,
    last: u64,
}

/// What a number says about those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missed {
    Nothing,
    /// Known already.
    Again,
    /// The line is a new one: those that were shown on the old one missed something.
    Shown,
    /// Anybody may have missed something.
    Any,
}

/// All of them.
#[derive(Default)]
pub(super) struct Interests {
    all: BTreeMap<u64, Interest>,
    afar: HashMap<u64, u64>,
    lines: BTreeMap<u64, Heard>,
}

impl Interests {
    pub(super) fn add(&mut self, id: u64, key: Key, by: Caller, outbox: Outbox, after: Cursor) {
        let place = Place::Nowhere;
        let (turn, seeking) = (0, true);
        let interest = Interest { key, by, outbox, cursor: after, turn, seeking, place };
        let before = self.all.insert(id, interest);
        assert!(before.is_none(), "a watch's number is its own");
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// The watch ends: nobody is interested any more.
    pub(super) fn remove(&mut self, id: u64) -> Left {
        let mut left = self.lose(id);
        self.all.remove(&id);
        (left.call, left.seek) = (None, None);
        left
    }

    /// Its place is lost. Whoever looks for one already looks anew.
    pub(super) fn lose(&mut self, id: u64) -> Left {
        let mut left = Left::default();
        let Some(it) = self.all.get_mut(&id) else { return left };
        it.turn += 1;
        match std::mem::replace(&mut it.place, Place::Nowhere) {
            Place::Nowhere => {}
            Place::Here { local, tap, generation, .. } => {
                let seq = tap.close(); // IN1
                if seq > Seq::START {
                    it.cursor.reach(Cursor { generation, seq });
                }
                left.here = Some((it.key, local));
            }
            Place::There { node, watch, shown, generation, told: seq } => {
                self.afar.remove(&watch); // IN1
                if let Some(generation) = generation.filter(|_| seq > Seq::START) {
                    it.cursor.reach(Cursor { generation, seq }); // IN3
                }
                left.there = Some((node, it.key, watch));
                if let (Key::Room(room), None) = (it.key, shown) {
                    left.call = Some((room, it.outbox.clone()));
                }
            }
        }
        if !std::mem::replace(&mut it.seeking, true) {
            left.seek = Some(id);
        }
        left
    }

    /// A place for it is looked for; none when nobody is interested any more.
    pub(super) fn wanted(&self, id: u64) -> Option<Wanted> {
        let it = self.all.get(&id)?;
        let (key, by, outbox) = (it.key, it.by, it.outbox.clone());
        Some(Wanted { key, by, outbox, after: it.cursor, turn: it.turn })
    }

    /// It is tried here. Where its news goes; none when that is no longer wanted.
    pub(super) fn try_here(
        &mut self,
        (id, turn): (u64, u64),
        local: u64,
        (reign, generation): (u64, u32),
    ) -> Option<Outbox> {
        let it = self.all.get_mut(&id).filter(|it| it.turn == turn)?;
        let tap = Tap::new(Seq::START);
        let outbox = it.outbox.tapped(&tap);
        it.place = Place::Here { local, reign, generation, tap };
        Some(outbox)
    }

    /// It is tried there. False when that is no longer wanted.
    pub(super) fn try_there(
        &mut self,
        (id, turn): (u64, u64),
        node: u64,
        watch: u64,
        shown: oneshot::Sender<()>,
    ) -> bool {
        let Some(it) = self.all.get_mut(&id).filter(|it| it.turn == turn) else { return false };
        let (generation, told) = (None, Seq::START);
        it.place = Place::There { node, watch, shown: Some(shown), generation, told };
        self.afar.insert(watch, id);
        true
    }

    /// The node that holds it there has said of which generation it tells.
    pub(super) fn told_in(&mut self, (id, turn): (u64, u64), of: u32) {
        let it = self.all.get_mut(&id).filter(|it| it.turn == turn);
        if let Some(Place::There { generation, .. }) = it.map(|it| &mut it.place) {
            *generation = Some(of);
        }
    }

    /// Whether its place is the one of this turn.
    pub(super) fn holds(&self, (id, turn): (u64, u64)) -> bool {
        self.all.get(&id).is_some_and(|it| it.turn == turn)
    }

    /// It has a place. False when the place was lost meanwhile, and another is to be looked for.
    pub(super) fn settled(&mut self, id: u64, turn: u64) -> bool {
        match self.all.get_mut(&id) {
            Some(it) if it.turn == turn => {
                it.seeking = false;
                true
            }
            Some(_) => false,
            None => true, // nobody is interested any more
        }
    }

    /// Takes what a node tells. Names the watches whose place there is lost by it.
    pub(super) fn told(&mut self, from: u64, told: Told) -> Lost {
        let missed = match self.heard(from, &told) {
            Missed::Nothing => Vec::new(),
            Missed::Again => return Lost::default(),
            Missed::Shown => self.at(from, true),
            Missed::Any => self.at(from, false),
        };
        let mut dismissed = Vec::new();
        let (empty, burst) = (told.frame.is_empty(), Burst::of([&Bytes::from(told.frame)]));
        for watch in told.to {
            let Some(&id) = self.afar.get(&watch) else { continue };
            let Some(it) = self.all.get_mut(&id) else { continue };
            let Place::There { node, shown, told: last, .. } = &mut it.place else { continue };
            if *node != from || missed.binary_search(&id).is_ok() {
                continue;
            }
            if empty {
                dismissed.push(id);
                continue;
            }
            *last = told.seq.unwrap_or(*last);
            it.outbox.give(burst.clone(), None);
            if let Some(shown) = shown.take() {
                let _ = shown.send(()); // whoever waited has given up
            }
        }
        Lost { missed, dismissed }
    }

    /// The link to a node broke: names every watch held there.
    pub(super) fn line_lost(&mut self, node: u64) -> Vec<u64> {
        self.lines.remove(&node);
        self.at(node, false)
    }

    /// Names every watch that is held where it should not be.
    pub(super) fn strayed(&self, strays: impl Fn(Key, Held) -> bool) -> Vec<u64> {
        let all = self.all.iter().filter(|(_, it)| strays(it.key, it.held()));
        all.map(|(id, _)| *id).collect()
    }

    /// The watch of an actor that leads to this socket: its number, and where it is held.
    pub(super) fn of(&self, key: Key, outbox: &Outbox) -> Option<(u64, Option<(u64, u64)>)> {
        let mut all = self.all.iter().filter(|(_, it)| it.key == key && it.outbox.is(outbox));
        let (id, it) = all.next_back()?;
        let there = match it.place {
            Place::There { node, watch, shown: None, .. } => Some((node, watch)),
            _ => None,
        };
        Some((*id, there))
    }

    /// Whether its place is still this one at another node.
    pub(super) fn stays(&self, id: u64, held: u64) -> bool {
        let place = self.all.get(&id).map(|it| &it.place);
        matches!(place, Some(Place::There { watch, .. }) if *watch == held)
    }

    fn heard(&mut self, from: u64, told: &Told) -> Missed {
        let Told { line, number, .. } = *told;
        let shows = told.to.is_empty(); // only to show the last number
        let before = self.lines.get(&from).copied();
        let last = before.filter(|it| it.line == line).map(|it| it.last);
        let next = last.unwrap_or(0) + u64::from(!shows);
        if last.is_some_and(|last| number <= last) {
            return if shows { Missed::Nothing } else { Missed::Again };
        }
        self.lines.insert(from, Heard { line, last: number });
        match () {
            () if number != next => Missed::Any, // IN2
            () if before.is_some() && last.is_none() => Missed::Shown,
            () => Missed::Nothing,
        }
    }

    fn at(&self, place: u64, only_shown: bool) -> Vec<u64> {
        let there = self.all.iter().filter(|(_, it)| match &it.place {
            Place::There { node, shown, .. } => *node == place && !(only_shown && shown.is_some()),
            _ => false,
        });
        there.map(|(id, _)| *id).collect()
    }
}

impl Interest {
    fn held(&self) -> Held {
        match self.place {
            Place::Nowhere => Held::Nowhere,
            Place::Here { reign, .. } => Held::Here { reign },
            Place::There { node, .. } => Held::There { node },
        }
    }
}
