//! The seam between rooms and the media loop: rooms order by session, the loop knows peers.
//!
//! A room's actor says who receives whose tracks; this file remembers it, translates it, and
//! translates back what the loop reports. It decides nothing.
//!
//! # Invariants
//! - **L1** A browser hears only of calls in which it offered.
//! - **L2** Orders to the loop leave in the order in which the book changed: they are sent while
//!   the book is held, and sending never blocks.
//! - **L3** An order to end or to silence is never lost: one the loop had no room for is owed, and
//!   goes first.

use actors::{
    effect::MediaOrder,
    outbox::{Outbox, Spread},
    road::Later,
    shell::pack,
};
use bytes::Bytes;
use parking_lot::Mutex;
use protocol::{
    frame::ToBrowser,
    id::{RoomId, SessionId},
    key::Key,
    media::{MediaRefusal, MediaSignal},
};
use std::sync::Arc;
use tokio::sync::oneshot;

use crate::media::{Counters, Kind, MediaEvent, MediaFault, MediaHandle, Order};

mod book;

use book::{Book, Owed, peer_of};

/// All calls of this node.
pub struct Calls {
    media: MediaHandle,
    book: Mutex<Book>,
}

impl Calls {
    /// Calls over a running media loop.
    pub fn new(media: MediaHandle) -> Self {
        Self { media, book: Mutex::default() }
    }

    /// The loop's figures.
    pub fn counters(&self) -> &Counters {
        self.media.counters()
    }

    /// Peers that offered and did not leave.
    pub fn len(&self) -> usize {
        self.book.lock().peers.len()
    }

    /// Whether nobody is in a call.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Brings a browser's offer to the loop; the answer is the loop's.
    ///
    /// # Errors
    /// When the offer is not understood or the node is full.
    pub async fn offer(
        &self,
        room: RoomId,
        session: SessionId,
        sdp: String,
        outbox: Outbox,
    ) -> Result<String, MediaRefusal> {
        let peer = peer_of(room, session);
        let (reply, answer) = oneshot::channel();
        let reply = Box::new(move |answered| drop(reply.send(answered)));
        let new = {
            let mut book = self.book.lock();
            let new = book.enter(room, session, &outbox);
            let sent = self.media.send(Order::Offer { peer, sdp, reply });
            if sent.is_err() {
                if new {
                    book.leave(peer);
                }
                return Err(MediaRefusal::Full);
            }
            self.forward(&mut book, room, session);
            new
        };
        match answer.await {
            Ok(Ok(answer)) => Ok(answer.sdp),
            refused => {
                if new {
                    self.book.lock().leave(peer);
                }
                match refused {
                    Ok(Err(MediaFault::Sdp(_))) => Err(MediaRefusal::BadOffer),
                    _ => Err(MediaRefusal::Full),
                }
            }
        }
    }

    /// Ends a browser's call.
    pub fn hangup(&self, room: RoomId, session: SessionId) {
        let mut book = self.book.lock();
        let peer = peer_of(room, session);
        book.leave(peer);
        self.owe(&mut book, Owed::Close(peer));
    }

    /// Ends every call of a session that is over; names the rooms, whose seats end with it.
    pub fn end(&self, session: SessionId) -> Vec<RoomId> {
        let rooms = self.book.lock().rooms_of(session);
        rooms.iter().for_each(|room| self.hangup(*room, session));
        rooms
    }

    /// Ends every call in a room, and forgets the room: another node carries its calls from now
    /// on, and each browser offers there.
    pub fn close_room(&self, room: RoomId) {
        let mut book = self.book.lock();
        for peer in book.peers_of(room) {
            book.signal(peer, MediaSignal::Gone {});
            book.leave(peer);
            self.owe(&mut book, Owed::Close(peer));
        }
        book.forget_room(room);
    }

    fn ordered(&self, room: RoomId, order: MediaOrder) {
        let mut book = self.book.lock();
        match order {
            MediaOrder::Forward(shares) => {
                let (receivers, relabelled) = book.stage(room, shares);
                for session in receivers {
                    self.forward(&mut book, room, session);
                }
                for (peer, signal) in relabelled {
                    book.signal(peer, signal);
                }
            }
            MediaOrder::Close(session) => {
                let peer = peer_of(room, session);
                book.signal(peer, MediaSignal::Gone {});
                book.forget(room, session);
                book.leave(peer);
                self.owe(&mut book, Owed::Close(peer));
            }
            MediaOrder::Hush(session, hushed) => {
                for track in book.hush(room, session, hushed) {
                    self.owe(&mut book, Owed::Hush(track, hushed));
                }
            }
        }
    }

    /// What the loop reports.
    pub fn heard(&self, event: MediaEvent) {
        let mut book = self.book.lock();
        match event {
            MediaEvent::Gone { peer } => {
                book.signal(peer, MediaSignal::Gone {});
                let told = book.quiet(peer);
                book.leave(peer);
                drop(book);
                tell(told);
            }
            MediaEvent::Wanted { peer, audio, video } => {
                let (audio, video) = (audio as u32, video as u32);
                book.signal(peer, MediaSignal::Wanted { audio, video });
            }
            MediaEvent::Bound { peer, mid, track } => {
                let signal = book.bind(peer, mid, track);
                book.signal(peer, signal);
            }
            MediaEvent::Speaking { peer, speaking, loudness, .. } => {
                let told = book.spoke(peer, speaking.then_some(loudness));
                drop(book);
                tell(told);
            }
            MediaEvent::TrackUp { track, kind } => {
                // Silence goes by what a track is, not by what its publisher calls it.
                let hushed = book.up(track, kind == Kind::Audio);
                self.owe(&mut book, Owed::Hush(track, hushed));
            }
            MediaEvent::TrackDown { track } => book.down(track),
            MediaEvent::Connected { .. } => {}
        }
    }

    /// Sends what the loop had no room for; called now and then.
    pub fn settle(&self) {
        let mut book = self.book.lock();
        while let Some(owed) = book.owed.pop_front() {
            if self.media.send(owed.order()).is_err() {
                book.owed.push_front(owed);
                return;
            }
        }
    }

    fn owe(&self, book: &mut Book, owed: Owed) {
        book.owed.push_back(owed);
        while let Some(first) = book.owed.front() {
            if self.media.send(first.order()).is_err() {
                return; // L3: stays owed
            }
            book.owed.pop_front();
        }
    }

    fn forward(&self, book: &mut Book, room: RoomId, session: SessionId) {
        let tracks = book.tracks_for(room, session);
        let order = Order::Forward { peer: peer_of(room, session), tracks };
        if self.media.send(order).is_err() {
            // Ordered again with the next change of the room, and by the browser's next offer.
            tracing::warn!(%room, "the media loop is busy; a receiver waits for the next change");
            book.unsent(room, session);
        }
    }
}

impl actors::calls::Calls for Calls {
    fn order(&self, room: RoomId, order: MediaOrder) {
        self.ordered(room, order);
    }

    fn offer(
        self: Arc<Self>,
        room: RoomId,
        session: SessionId,
        sdp: String,
        outbox: Outbox,
    ) -> Later<Result<String, MediaRefusal>> {
        Box::pin(async move { Self::offer(&self, room, session, sdp, outbox).await })
    }

    fn hangup(&self, room: RoomId, session: SessionId) {
        Self::hangup(self, room, session);
    }

    fn joined(&self, room: RoomId, session: SessionId, outbox: &Outbox) {
        if let Some(peer) = self.book.lock().peers.get_mut(&peer_of(room, session)) {
            peer.hears(outbox);
        }
    }

    fn leave(&self, shard: u16) {
        let rooms = self.book.lock().rooms();
        let left = rooms.into_iter().filter(|room| Key::Room(*room).shard() == shard);
        left.for_each(|room| self.close_room(room));
    }
}

/// Sends one frame to many; it crosses to another node once.
fn tell((frame, listeners): (Option<Bytes>, Vec<Outbox>)) {
    let Some(frame) = frame else { return };
    let mut spread = Spread::new(frame);
    listeners.iter().for_each(|outbox| spread.to(outbox));
    spread.done();
}

/// A frame that carries a signal.
fn signal_frame(room: RoomId, signal: MediaSignal) -> Bytes {
    pack(&ToBrowser::Signal { room, signal })
}
