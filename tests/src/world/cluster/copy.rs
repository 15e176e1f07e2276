//! The copy of a state: page by page from the primary, written down whole, then the log begins
//! behind it.
//!
//! The primary lends one state per pull and forgets it when it stops serving or starts anew; the
//! copy then fails and the machine asks again. A copy is given up when the machine no longer
//! wants it from there.

use protocol::cluster::NodeKey;
use storage::twin::Input;

use super::Cluster;
use crate::world::{
    book::Book,
    clock::ms,
    disk::Record,
    event::{Event, Page},
    network::Slot,
    node::Pull,
};

/// Commands on a page: few, so that there are several.
const PAGE: usize = 6;
/// A page that did not come is asked for again after this long,
const LATE: u64 = 400;
/// this often.
const TRIES_MAX: u32 = 4;

impl Cluster {
    /// A machine needs the whole state.
    pub(super) fn pull(&mut self, slot: Slot, shard: u16, from: NodeKey) {
        let node = &mut self.nodes[slot];
        node.pulls += 1;
        let pull = Pull { number: node.pulls, from, got: Vec::new(), tries: 0, whole: false };
        node.host_mut(shard).pull = Some(pull);
        self.ask_page(slot, shard);
    }

    fn ask_page(&mut self, slot: Slot, shard: u16) {
        let node = &self.nodes[slot];
        let (from, life) = (node.key, node.life);
        let Some(pull) = &node.host(shard).pull else { return };
        let (number, to, after) = (pull.number, pull.from, pull.got.len());
        let late = self.now + ms(LATE);
        self.queue.at(late, Event::PageLate { slot, life, shard, pull: number, after });
        let Some(other) = self.slot_of(to) else { return };
        for when in self.network.carry(self.now, slot, other).into_iter().flatten() {
            let event = Event::PageAsked { slot: other, to, from, shard, pull: number, after };
            self.queue.at(when, event);
        }
    }

    /// The other side: lends its state at the first page, and gives from it.
    pub(super) fn page_asked(
        &mut self,
        slot: Slot,
        from: NodeKey,
        shard: u16,
        pull: u64,
        after: usize,
    ) {
        let host = self.nodes[slot].host_mut(shard);
        if !host.serves() {
            host.lent.clear();
        } else if after == 0 {
            host.lent.retain(|lent, _| lent.0 != from);
            host.lent.insert((from, pull), host.book.clone());
        }
        let page = host.lent.get(&(from, pull)).map(|book| {
            let part: Vec<u64> = book.order.iter().skip(after).take(PAGE).copied().collect();
            Page { at: book.at, last: after + part.len() == book.order.len(), part }
        });
        let Some(other) = self.slot_of(from) else { return };
        for when in self.network.carry(self.now, slot, other).into_iter().flatten() {
            let page = page.clone();
            let given = Event::PageGiven { slot: other, to: from, shard, pull, after, page };
            self.queue.at(when, given);
        }
    }

    /// A page arrives; one that is not the next is none.
    pub(super) fn page_given(
        &mut self,
        slot: Slot,
        shard: u16,
        number: u64,
        after: usize,
        page: Option<Page>,
    ) {
        let host = self.nodes[slot].host_mut(shard);
        let wanted_from = host.replica.copying();
        let Some(pull) = &mut host.pull else { return };
        if pull.number != number || pull.got.len() != after || pull.whole {
            return;
        }
        let Some(page) = page.filter(|_| wanted_from == Some(pull.from)) else {
            self.pull_failed(slot, shard);
            return;
        };
        pull.got.extend(page.part);
        pull.tries = 0;
        if !page.last {
            self.ask_page(slot, shard);
            return;
        }
        pull.whole = true;
        let book = Book::copied(page.at, std::mem::take(&mut pull.got));
        self.keep(slot, shard, Record::Installed(book));
    }

    pub(super) fn page_late(&mut self, slot: Slot, shard: u16, number: u64, after: usize) {
        let Some(pull) = &mut self.nodes[slot].host_mut(shard).pull else { return };
        if pull.number != number || pull.got.len() != after || pull.whole {
            return;
        }
        pull.tries += 1;
        if pull.tries > TRIES_MAX {
            self.pull_failed(slot, shard);
        } else {
            self.ask_page(slot, shard);
        }
    }

    /// A copied state is durable.
    pub(super) fn installed(&mut self, slot: Slot, shard: u16, book: Book) {
        let host = self.nodes[slot].host_mut(shard);
        host.pull = None;
        host.unmarked = 0;
        let at = book.at;
        host.book = book;
        self.figures.copies += 1;
        self.feed(slot, shard, Input::Installed(at));
        self.hear_late(slot, shard);
    }

    pub(super) fn pull_failed(&mut self, slot: Slot, shard: u16) {
        self.nodes[slot].host_mut(shard).pull = None;
        self.feed(slot, shard, Input::CopyFailed);
        self.hear_late(slot, shard);
    }
}
