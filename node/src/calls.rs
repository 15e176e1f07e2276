//! The seam between rooms and the media loop: rooms order by session, the loop knows peers.
//!
//! A room's actor says who receives whose tracks; this file remembers it, translates it, and
//! translates back what the loop reports. It decides nothing.
//!
//! # Invariants
//! - **L1** A browser hears only of calls in which it offered.

use actors::{
    effect::{Feed, MediaOrder},
    outbox::Outbox,
    shell::pack,
};
use parking_lot::Mutex;
use protocol::{
    frame::ToBrowser,
    id::{RoomId, SessionId},
    media::{MediaRefusal, MediaSignal, Source},
};
use std::collections::{BTreeMap, HashMap, HashSet};
use tokio::sync::oneshot;

use crate::media::{Counters, MediaEvent, MediaFault, MediaHandle, Mid, Order, PeerKey, TrackKey};

/// People told of as speaking at once.
const SPEAKERS: usize = 4;

/// All calls of this node.
pub struct Calls {
    media: MediaHandle,
    book: Mutex<Book>,
}

/// Who is who.
#[derive(Default)]
struct Book {
    peers: HashMap<PeerKey, Peer>,
    rooms: HashMap<RoomId, Stage>,
}

struct Peer {
    room: RoomId,
    session: SessionId,
    outbox: Outbox,
}

/// What a room last ordered.
#[derive(Default)]
struct Stage {
    feeds: HashMap<SessionId, Vec<Feed>>,
    sources: HashMap<(SessionId, String), Source>,
    hushed: HashSet<SessionId>,
    speaking: BTreeMap<SessionId, u8>,
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
        self.book.lock().peers.insert(peer, Peer { room, session, outbox });
        let (reply, answer) = oneshot::channel();
        let reply = Box::new(move |answered| drop(reply.send(answered)));
        let sent = self.media.send(Order::Offer { peer, sdp, reply });
        sent.map_err(|_| MediaRefusal::Full)?;
        match answer.await {
            Ok(Ok(answer)) => {
                self.forward(room, session);
                Ok(answer.sdp)
            }
            Ok(Err(MediaFault::Sdp(_))) => Err(MediaRefusal::BadOffer),
            Ok(Err(_)) | Err(_) => Err(MediaRefusal::Full),
        }
    }

    /// Ends a browser's call.
    pub fn hangup(&self, room: RoomId, session: SessionId) {
        let peer = peer_of(room, session);
        self.book.lock().leave(peer);
        self.send(Order::Close { peer });
    }

    /// A socket is gone: its peer keeps flowing until the loop finds it silent, because the
    /// browser may only have changed its socket.
    pub fn moved(&self, room: RoomId, session: SessionId, outbox: Outbox) {
        if let Some(peer) = self.book.lock().peers.get_mut(&peer_of(room, session)) {
            peer.outbox = outbox;
        }
    }

    /// What a room's actor orders.
    pub fn order(&self, room: RoomId, order: MediaOrder) {
        match order {
            MediaOrder::Forward(shares) => {
                let receivers: Vec<_> = shares.iter().map(|(session, _)| *session).collect();
                self.book.lock().stage(room, shares);
                receivers.into_iter().for_each(|session| self.forward(room, session));
                self.hush(room);
            }
            MediaOrder::Close(session) => {
                self.tell(room, session, MediaSignal::Gone {});
                if let Some(stage) = self.book.lock().rooms.get_mut(&room) {
                    stage.forget(session);
                }
                self.hangup(room, session);
            }
            MediaOrder::Hush(session, hushed) => {
                let mut book = self.book.lock();
                let stage = book.rooms.entry(room).or_default();
                if hushed {
                    stage.hushed.insert(session)
                } else {
                    stage.hushed.remove(&session)
                };
                let orders = stage.hush_orders(room, session, hushed);
                drop(book);
                orders.into_iter().for_each(|order| self.send(order));
            }
        }
    }

    /// What the loop reports.
    pub fn heard(&self, event: MediaEvent) {
        match event {
            MediaEvent::Gone { peer } => {
                let gone = self.book.lock().leave(peer);
                if let Some(Peer { room, outbox, .. }) = gone {
                    outbox.push(pack(&ToBrowser::Signal { room, signal: MediaSignal::Gone {} }));
                }
            }
            MediaEvent::Wanted { peer, audio, video } => {
                let signal = MediaSignal::Wanted { audio: audio as u32, video: video as u32 };
                self.signal(peer, signal);
            }
            MediaEvent::Bound { peer, mid, track } => self.bound(peer, mid, track),
            MediaEvent::Speaking { peer, speaking, loudness, .. } => {
                self.spoke(peer, speaking, loudness);
            }
            MediaEvent::Connected { .. }
            | MediaEvent::TrackUp { .. }
            | MediaEvent::TrackDown { .. } => {}
        }
    }

    fn forward(&self, room: RoomId, session: SessionId) {
        let tracks = {
            let book = self.book.lock();
            let feeds = book.rooms.get(&room).and_then(|stage| stage.feeds.get(&session));
            let feeds = feeds.into_iter().flatten();
            feeds.filter_map(|feed| track_of(room, feed.publisher, &feed.mid)).collect()
        };
        self.send(Order::Forward { peer: peer_of(room, session), tracks });
    }

    /// Silences again whoever is silenced: a new track of theirs may have come.
    fn hush(&self, room: RoomId) {
        let book = self.book.lock();
        let Some(stage) = book.rooms.get(&room) else { return };
        let hushed = stage.hushed.iter();
        let orders: Vec<_> = hushed.flat_map(|id| stage.hush_orders(room, *id, true)).collect();
        drop(book);
        orders.into_iter().for_each(|order| self.send(order));
    }

    fn bound(&self, peer: PeerKey, mid: String, track: Option<TrackKey>) {
        let shown = {
            let book = self.book.lock();
            let room = book.peers.get(&peer).map(|peer| peer.room);
            track.zip(room).and_then(|(track, room)| book.source(room, track))
        };
        let (session, source) = shown.unzip();
        self.signal(peer, MediaSignal::Bound { mid, session, source });
    }

    fn spoke(&self, peer: PeerKey, speaking: bool, loudness: u8) {
        let (frame, listeners) = {
            let mut book = self.book.lock();
            let Some((room, session)) = book.peers.get(&peer).map(|it| (it.room, it.session))
            else {
                return;
            };
            let stage = book.rooms.entry(room).or_default();
            if speaking {
                stage.speaking.insert(session, loudness);
            } else {
                stage.speaking.remove(&session);
            }
            let mut loudest: Vec<_> = stage.speaking.iter().map(|(id, it)| (*it, *id)).collect();
            loudest.sort_by(|a, b| b.cmp(a));
            let sessions = loudest.into_iter().take(SPEAKERS).map(|(_, id)| id).collect();
            let signal = MediaSignal::Speaking { sessions };
            let here = book.peers.values().filter(|it| it.room == room);
            let outboxes: Vec<_> = here.map(|it| it.outbox.clone()).collect();
            (pack(&ToBrowser::Signal { room, signal }), outboxes)
        };
        for outbox in listeners {
            outbox.push(frame.clone());
        }
    }

    fn tell(&self, room: RoomId, session: SessionId, signal: MediaSignal) {
        self.signal(peer_of(room, session), signal);
    }

    fn signal(&self, peer: PeerKey, signal: MediaSignal) {
        let to = self.book.lock().peers.get(&peer).map(|it| (it.room, it.outbox.clone()));
        if let Some((room, outbox)) = to {
            outbox.push(pack(&ToBrowser::Signal { room, signal })); // L1
        }
    }

    fn send(&self, order: Order) {
        if self.media.send(order).is_err() {
            tracing::warn!("the media loop is busy; an order was dropped");
        }
    }
}

impl Book {
    /// Forgets a peer, and its room with the last one: whoever comes back publishes anew, which
    /// makes the room order anew. Only silence is remembered, because nobody orders it again.
    fn leave(&mut self, peer: PeerKey) -> Option<Peer> {
        let gone = self.peers.remove(&peer)?;
        if self.peers.values().all(|it| it.room != gone.room) {
            self.rooms.retain(|room, stage| *room != gone.room || !stage.hushed.is_empty());
        }
        Some(gone)
    }

    fn stage(&mut self, room: RoomId, shares: Vec<(SessionId, Vec<Feed>)>) {
        let stage = self.rooms.entry(room).or_default();
        let feeds = shares.iter().flat_map(|(_, feeds)| feeds);
        stage.sources =
            feeds.map(|feed| ((feed.publisher, feed.mid.clone()), feed.source)).collect();
        stage.feeds = shares.into_iter().collect();
    }

    fn source(&self, room: RoomId, track: TrackKey) -> Option<(SessionId, Source)> {
        let publisher = self.peers.get(&track.publisher)?.session;
        let key = (publisher, track.mid.to_string());
        let source = self.rooms.get(&room)?.sources.get(&key)?;
        Some((publisher, *source))
    }
}

impl Stage {
    fn forget(&mut self, session: SessionId) {
        self.feeds.remove(&session);
        self.hushed.remove(&session);
        self.speaking.remove(&session);
    }

    fn hush_orders(&self, room: RoomId, session: SessionId, hushed: bool) -> Vec<Order> {
        let sounds = self.sources.iter().filter(|((publisher, _), source)| {
            *publisher == session && actors::media::is_sound(**source)
        });
        let tracks = sounds.filter_map(|((publisher, mid), _)| track_of(room, *publisher, mid));
        tracks.map(|track| Order::Hush { peer: track.publisher, track, hushed }).collect()
    }
}

/// A session in a room, as the loop knows it. Two ids of chance folded into one stay unguessable
/// and apart.
fn peer_of(room: RoomId, session: SessionId) -> PeerKey {
    room.as_u128().rotate_left(64) ^ session.as_u128()
}

fn track_of(room: RoomId, publisher: SessionId, mid: &str) -> Option<TrackKey> {
    let mid: Mid = mid.parse().ok()?;
    Some(TrackKey { publisher: peer_of(room, publisher), mid })
}
