//! Watches that other nodes hold here, for their sockets.
//!
//! # Invariants
//! - **GU1** A watch that this node no longer serves is told so over its line (an empty frame), or
//!   its line is broken; either way the other node watches anew.

use bytes::Bytes;
use parking_lot::Mutex;
use protocol::{caller::Caller, key::Key, peer::PeerRequest};
use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};

use super::{
    House,
    kind::{Kind, by_kind},
    roof::Roof,
};
use crate::{
    handle::{Cursor, No, Watch},
    line::Line,
    outbox::{Outbox, Spread},
    shell::World,
};

/// Who watches from elsewhere.
#[derive(Default)]
pub(super) struct Guests {
    lines: Mutex<BTreeMap<u64, Arc<Line>>>,
    all: Mutex<BTreeMap<(u64, u64), Guest>>,
}

/// One watch of another node.
#[derive(Clone)]
struct Guest {
    key: Key,
    reign: u64,
    /// Its number among this node's watches.
    local: u64,
    outbox: Outbox,
}

impl Guests {
    fn line(&self, node: u64, roof: &Arc<Roof>) -> Arc<Line> {
        let mut lines = self.lines.lock();
        let line = lines.entry(node).or_insert_with(|| {
            let weak: Weak<Roof> = Arc::downgrade(roof);
            let broke = move |node| {
                if let Some(roof) = weak.upgrade() {
                    roof.ring(|due| due.lines.extend([node]));
                }
            };
            Line::new(node, roof.road.clone(), broke)
        });
        line.clone()
    }

    /// The line to a node broke outside: what was on it is lost.
    pub(super) fn cut(&self, node: u64) {
        let line = self.lines.lock().get(&node).cloned();
        if let Some(line) = line {
            line.cut();
        }
    }

    /// Where news for this watch goes.
    pub(super) fn outbox(&self, from: u64, watch: u64, key: Key) -> Option<Outbox> {
        let all = self.all.lock();
        all.get(&(from, watch)).filter(|it| it.key == key).map(|it| it.outbox.clone())
    }

    /// The watches of a node whose life of the line is over.
    fn stale(&self, node: u64) -> Vec<u64> {
        let all = self.all.lock();
        let mine = all.range((node, 0)..=(node, u64::MAX));
        mine.filter(|(_, guest)| !guest.outbox.is_open()).map(|(at, _)| at.1).collect()
    }

    /// How many watch from elsewhere.
    pub(super) fn len(&self) -> usize {
        self.all.lock().len()
    }

    fn add(&self, at: (u64, u64), guest: Guest) -> Option<Guest> {
        self.all.lock().insert(at, guest)
    }

    fn remove(&self, at: (u64, u64), local: Option<u64>) -> Option<Guest> {
        let mut all = self.all.lock();
        let same = all.get(&at).is_some_and(|it| local.is_none_or(|local| it.local == local));
        if same { all.remove(&at) } else { None }
    }

    /// Takes out everybody of whom this is true.
    fn take(&self, gone: impl Fn(&(u64, u64), &Guest) -> bool) -> Vec<Guest> {
        let mut all = self.all.lock();
        all.extract_if(.., |at, guest| gone(at, guest)).map(|(_, guest)| guest).collect()
    }
}

impl House {
    /// Another node watches an actor of this one, for one of its sockets.
    pub(super) async fn welcome(
        self: &Arc<Self>,
        (from, watch): (u64, u64),
        key: Key,
        by: Caller,
        after: Cursor,
    ) -> Result<(), No> {
        let reign = self.roof.reign(key);
        let outbox = Outbox::afar(&self.guests.line(from, &self.roof), watch);
        let local = self.watch_id();
        let guest = Guest { key, reign, local, outbox: outbox.clone() };
        if let Some(before) = self.guests.add((from, watch), guest) {
            self.depart(before.key, before.local);
        }
        let asked = Watch { id: local, by, outbox: outbox.clone() };
        let shown = by_kind!(key, M => M::cast(self).watch(key, asked, after).await);
        match shown {
            Ok(()) if self.guests.outbox(from, watch, key).is_none() => {
                self.depart(key, local); // taken back while it was under way
            }
            Ok(()) => {
                if let Key::Room(room) = key {
                    self.roof.calls.joined(room, by.session, &outbox);
                }
            }
            Err(_) => drop(self.guests.remove((from, watch), Some(local))),
        }
        shown
    }

    /// Another node no longer watches.
    pub(super) fn farewell(&self, from: u64, watch: u64) {
        if let Some(gone) = self.guests.remove((from, watch), None) {
            self.depart(gone.key, gone.local);
        }
    }

    /// The line to a node broke: tells its watches over a new one that they watch nothing here any
    /// more (GU1). False when even that does not leave; then it is to be tried again.
    pub(super) fn forget_guests(&self, node: u64) -> bool {
        let line = self.guests.line(node, &self.roof);
        let stale = self.guests.stale(node);
        if stale.is_empty() {
            return true;
        }
        let told = line.tell(line.life(), stale.clone(), None, Bytes::new());
        if told {
            stale.into_iter().for_each(|watch| self.farewell(node, watch));
        }
        told
    }

    /// The link to a node broke: it knows that it watches nothing here any more.
    pub(super) fn drop_guests(&self, node: u64) {
        for gone in self.guests.take(|at, guest| at.0 == node && !guest.outbox.is_open()) {
            self.depart(gone.key, gone.local);
        }
    }

    /// Tells the watches of reigns that are over that they watch nothing here any more (GU1).
    pub(super) fn dismiss_guests(&self) {
        let over = |_: &(u64, u64), guest: &Guest| guest.reign != self.roof.reign(guest.key);
        let mut spread = Spread::new(Bytes::new());
        for gone in self.guests.take(over) {
            spread.to(&gone.outbox);
            self.depart(gone.key, gone.local);
        }
        spread.done();
    }

    /// A watch of this node's actors ends.
    pub(super) fn depart(&self, key: Key, local: u64) {
        by_kind!(key, M => M::cast(self).unwatch(key, local));
    }

    /// Says something to every other member, as far as they can be reached in time.
    pub(super) fn announce(self: &Arc<Self>, request: &PeerRequest) {
        for node in self.roof.road.members() {
            self.insist(node, request.clone());
        }
    }
}
