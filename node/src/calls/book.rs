//! Who is who: which device is which peer, what each room ordered last, which line shows what.

use actors::{effect::Feed, outbox::Outbox};
use bytes::Bytes;
use protocol::{
    id::{RoomId, SessionId},
    media::{MediaSignal, Source},
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use super::signal_frame;
use crate::media::{Mid, Order, PeerKey, TrackKey};

/// People told of as speaking at once.
const SPEAKERS: usize = 4;

/// Everything that is known of calls.
#[derive(Default)]
pub(super) struct Book {
    pub(super) peers: HashMap<PeerKey, Peer>,
    pub(super) owed: VecDeque<Owed>,
    rooms: HashMap<RoomId, Stage>,
}

/// A device that offered.
pub(super) struct Peer {
    room: RoomId,
    session: SessionId,
    outboxes: Vec<Outbox>,
    bound: HashMap<String, TrackKey>,
    sounds: HashSet<TrackKey>,
}

/// What a room last ordered.
#[derive(Default)]
struct Stage {
    feeds: HashMap<SessionId, Vec<Feed>>,
    sources: HashMap<(SessionId, String), Source>,
    hushed: HashSet<SessionId>,
    /// Receivers of whom the loop was not told.
    unsent: HashSet<SessionId>,
    speaking: BTreeMap<SessionId, u8>,
}

/// An order that must not be lost.
#[derive(Clone, Copy)]
pub(super) enum Owed {
    Close(PeerKey),
    Hush(TrackKey, bool),
}

impl Owed {
    pub(super) const fn order(self) -> Order {
        match self {
            Self::Close(peer) => Order::Close { peer },
            Self::Hush(track, hushed) => Order::Hush { peer: track.publisher, track, hushed },
        }
    }
}

impl Peer {
    /// One more socket of the device; those that ended are forgotten.
    pub(super) fn hears(&mut self, outbox: &Outbox) {
        self.outboxes.retain(|it| it.is_open() && !it.is(outbox));
        self.outboxes.push(outbox.clone());
    }
}

impl Book {
    /// Notes a device that offers; true when it is new.
    pub(super) fn enter(&mut self, room: RoomId, session: SessionId, outbox: &Outbox) -> bool {
        let peer = peer_of(room, session);
        let new = !self.peers.contains_key(&peer);
        let fresh = || Peer {
            room,
            session,
            outboxes: Vec::new(),
            bound: HashMap::new(),
            sounds: HashSet::new(),
        };
        self.peers.entry(peer).or_insert_with(fresh).hears(outbox);
        new
    }

    /// Forgets a peer, and its room with the last one: whoever comes back publishes anew, which
    /// makes the room order anew. Only silence is remembered, because nobody orders it again.
    pub(super) fn leave(&mut self, peer: PeerKey) {
        let Some(gone) = self.peers.remove(&peer) else { return };
        if self.peers.values().all(|it| it.room != gone.room) {
            self.rooms.retain(|room, stage| *room != gone.room || !stage.hushed.is_empty());
        }
    }

    /// The rooms in which this session is in a call.
    pub(super) fn rooms_of(&self, session: SessionId) -> Vec<RoomId> {
        let mine = self.peers.values().filter(|it| it.session == session);
        mine.map(|it| it.room).collect()
    }

    /// The devices that are in a call in this room.
    pub(super) fn peers_of(&self, room: RoomId) -> Vec<PeerKey> {
        self.peers.iter().filter(|(_, it)| it.room == room).map(|(peer, _)| *peer).collect()
    }

    /// Every room of which anything is known.
    pub(super) fn rooms(&self) -> BTreeSet<RoomId> {
        self.peers.values().map(|it| it.room).chain(self.rooms.keys().copied()).collect()
    }

    /// Forgets what a room ordered, silence too: whoever serves it orders anew.
    pub(super) fn forget_room(&mut self, room: RoomId) {
        self.rooms.remove(&room);
    }

    /// Takes over what a room orders. Names who receives something else than before, and the
    /// lines whose picture is called something else now.
    pub(super) fn stage(
        &mut self,
        room: RoomId,
        shares: Vec<(SessionId, Vec<Feed>)>,
    ) -> (Vec<SessionId>, Vec<(PeerKey, MediaSignal)>) {
        let stage = self.rooms.entry(room).or_default();
        let unsent = std::mem::take(&mut stage.unsent);
        let other = |(id, feeds): &&(SessionId, Vec<Feed>)| {
            unsent.contains(id) || stage.feeds.get(id) != Some(feeds)
        };
        let changed = shares.iter().filter(other).map(|(id, _)| *id).collect();
        let feeds = shares.iter().flat_map(|(_, feeds)| feeds);
        let sources: HashMap<_, _> =
            feeds.map(|feed| ((feed.publisher, feed.mid.clone()), feed.source)).collect();
        let before = std::mem::replace(&mut stage.sources, sources);
        stage.feeds = shares.into_iter().collect();
        (changed, self.relabelled(room, &before))
    }

    fn relabelled(
        &self,
        room: RoomId,
        before: &HashMap<(SessionId, String), Source>,
    ) -> Vec<(PeerKey, MediaSignal)> {
        let mut told = Vec::new();
        for (key, peer) in self.peers.iter().filter(|(_, it)| it.room == room) {
            for (mid, track) in &peer.bound {
                let Some(publisher) = self.peers.get(&track.publisher) else { continue };
                let line = (publisher.session, track.mid.to_string());
                let now = self.source(room, *track);
                if now.map(|(_, source)| source) != before.get(&line).copied() {
                    told.push((*key, bound(mid.clone(), now)));
                }
            }
        }
        told
    }

    /// What a receiver shall get, as the loop names it.
    pub(super) fn tracks_for(&self, room: RoomId, session: SessionId) -> Vec<TrackKey> {
        let feeds = self.rooms.get(&room).and_then(|stage| stage.feeds.get(&session));
        let feeds = feeds.into_iter().flatten();
        feeds.filter_map(|feed| track_of(room, feed.publisher, &feed.mid)).collect()
    }

    /// The loop was not told: the next order of the same is a change.
    pub(super) fn unsent(&mut self, room: RoomId, session: SessionId) {
        if let Some(stage) = self.rooms.get_mut(&room) {
            stage.unsent.insert(session);
        }
    }

    /// Notes who is silenced; names the sounds that change by it.
    pub(super) fn hush(&mut self, room: RoomId, session: SessionId, hushed: bool) -> Vec<TrackKey> {
        let stage = self.rooms.entry(room).or_default();
        if hushed {
            stage.hushed.insert(session);
        } else {
            stage.hushed.remove(&session);
        }
        let peer = self.peers.get(&peer_of(room, session));
        peer.into_iter().flat_map(|it| it.sounds.iter().copied()).collect()
    }

    /// A track is there; true when it must not be heard.
    pub(super) fn up(&mut self, track: TrackKey, sound: bool) -> bool {
        let Some(peer) = self.peers.get_mut(&track.publisher) else { return false };
        if sound {
            peer.sounds.insert(track);
        }
        let stage = self.rooms.get(&peer.room);
        sound && stage.is_some_and(|stage| stage.hushed.contains(&peer.session))
    }

    /// A track is gone.
    pub(super) fn down(&mut self, track: TrackKey) {
        if let Some(peer) = self.peers.get_mut(&track.publisher) {
            peer.sounds.remove(&track);
        }
    }

    /// A line shows another track, or none.
    pub(super) fn bind(
        &mut self,
        peer: PeerKey,
        mid: String,
        track: Option<TrackKey>,
    ) -> MediaSignal {
        let room = self.peers.get_mut(&peer).map(|it| {
            match track {
                Some(track) => it.bound.insert(mid.clone(), track),
                None => it.bound.remove(&mid),
            };
            it.room
        });
        let shown = track.zip(room).and_then(|(track, room)| self.source(room, track));
        bound(mid, shown)
    }

    /// Somebody speaks, or stops; the frame that says so, and who hears it.
    pub(super) fn spoke(
        &mut self,
        peer: PeerKey,
        loudness: Option<u8>,
    ) -> (Option<Bytes>, Vec<Outbox>) {
        let Some(it) = self.peers.get(&peer) else { return (None, Vec::new()) };
        let (room, session) = (it.room, it.session);
        let stage = self.rooms.entry(room).or_default();
        match loudness {
            Some(loudness) => stage.speaking.insert(session, loudness),
            None => stage.speaking.remove(&session),
        };
        let mut loudest: Vec<_> = stage.speaking.iter().map(|(id, it)| (*it, *id)).collect();
        loudest.sort_by(|a, b| b.cmp(a));
        let sessions = loudest.into_iter().take(SPEAKERS).map(|(_, id)| id).collect();
        let frame = signal_frame(room, MediaSignal::Speaking { sessions });
        let here = self.peers.values().filter(|it| it.room == room);
        (Some(frame), here.flat_map(|it| it.outboxes.iter().cloned()).collect())
    }

    /// Somebody vanished: whoever spoke last does not speak for ever.
    pub(super) fn quiet(&mut self, peer: PeerKey) -> (Option<Bytes>, Vec<Outbox>) {
        let speaking = self.peers.get(&peer).is_some_and(|it| {
            let stage = self.rooms.get(&it.room);
            stage.is_some_and(|stage| stage.speaking.contains_key(&it.session))
        });
        if speaking { self.spoke(peer, None) } else { (None, Vec::new()) }
    }

    /// Forgets what was ordered for a device that has no seat any more.
    pub(super) fn forget(&mut self, room: RoomId, session: SessionId) {
        if let Some(stage) = self.rooms.get_mut(&room) {
            stage.feeds.remove(&session);
            stage.hushed.remove(&session);
            stage.speaking.remove(&session);
        }
    }

    /// Tells every socket of a device.
    pub(super) fn signal(&self, peer: PeerKey, signal: MediaSignal) {
        if let Some(it) = self.peers.get(&peer) {
            let frame = signal_frame(it.room, signal);
            for outbox in &it.outboxes {
                outbox.push(frame.clone()); // L1
            }
        }
    }

    fn source(&self, room: RoomId, track: TrackKey) -> Option<(SessionId, Source)> {
        let publisher = self.peers.get(&track.publisher)?.session;
        let key = (publisher, track.mid.to_string());
        let source = self.rooms.get(&room)?.sources.get(&key)?;
        Some((publisher, *source))
    }
}

fn bound(mid: String, shown: Option<(SessionId, Source)>) -> MediaSignal {
    let (session, source) = shown.unzip();
    MediaSignal::Bound { mid, session, source }
}

/// A session in a room, as the loop knows it. Two ids of chance folded into one stay unguessable
/// and apart.
pub(super) fn peer_of(room: RoomId, session: SessionId) -> PeerKey {
    room.as_u128().rotate_left(64) ^ session.as_u128()
}

fn track_of(room: RoomId, publisher: SessionId, mid: &str) -> Option<TrackKey> {
    let mid: Mid = mid.parse().ok()?;
    Some(TrackKey { publisher: peer_of(room, publisher), mid })
}

#[cfg(test)]
mod tests {
    use super::*;
    use actors::outbox::outbox;

    const ROOM: RoomId = RoomId::from_u128(1);

    fn feed(publisher: SessionId, mid: &str, source: Source) -> Feed {
        Feed { publisher, mid: mid.into(), source }
    }

    #[test]
    fn a_line_whose_track_is_called_something_else_is_told_again() {
        let (mut book, (a, b)) =
            (Book::default(), (SessionId::from_u128(2), SessionId::from_u128(3)));
        let (outbox, _out) = outbox();
        book.enter(ROOM, a, &outbox);
        book.enter(ROOM, b, &outbox);
        let share = |source| vec![(b, vec![feed(a, "0", source)])];
        let (changed, _) = book.stage(ROOM, share(Source::Camera));
        assert_eq!(changed, [b]);
        let track = track_of(ROOM, a, "0");
        book.bind(peer_of(ROOM, b), "5".into(), track);
        let (_, told) = book.stage(ROOM, share(Source::Microphone));
        let said = MediaSignal::Bound {
            mid: "5".into(),
            session: Some(a),
            source: Some(Source::Microphone),
        };
        assert_eq!(told, [(peer_of(ROOM, b), said)]);
        let (changed, told) = book.stage(ROOM, share(Source::Microphone));
        assert!(changed.is_empty() && told.is_empty(), "the same order changes nothing");
    }

    #[test]
    fn the_silenced_are_silent_whatever_they_call_their_sound_and_however_they_come_back() {
        let (mut book, a) = (Book::default(), SessionId::from_u128(2));
        let (outbox, _out) = outbox();
        book.enter(ROOM, a, &outbox);
        book.stage(ROOM, vec![(a, Vec::new())]);
        let sound = track_of(ROOM, a, "0").expect("a plain mid");
        assert!(!book.up(sound, true));
        assert_eq!(book.hush(ROOM, a, true), [sound]);
        book.leave(peer_of(ROOM, a));
        book.enter(ROOM, a, &outbox);
        let (other, picture) = (track_of(ROOM, a, "3"), track_of(ROOM, a, "0"));
        assert!(book.up(other.expect("plain"), true));
        assert!(!book.up(picture.expect("plain"), false), "a picture is not a sound");
    }

    #[test]
    fn what_the_loop_was_not_told_is_told_with_the_next_order() {
        let (mut book, a, b) = (Book::default(), SessionId::from_u128(2), SessionId::from_u128(3));
        let share = || vec![(b, vec![feed(a, "0", Source::Camera)])];
        book.stage(ROOM, share());
        book.unsent(ROOM, b);
        assert_eq!(book.tracks_for(ROOM, b).len(), 1, "an offer meanwhile gets everything");
        assert_eq!(book.stage(ROOM, share()).0, [b]);
        assert!(book.stage(ROOM, share()).0.is_empty());
    }

    #[test]
    fn a_room_that_another_node_serves_is_forgotten_with_its_silence() {
        let (mut book, a) = (Book::default(), SessionId::from_u128(2));
        let (outbox, _out) = outbox();
        book.enter(ROOM, a, &outbox);
        book.hush(ROOM, a, true);
        assert_eq!(book.rooms(), BTreeSet::from([ROOM]));
        for peer in book.peers_of(ROOM) {
            book.leave(peer);
        }
        book.forget_room(ROOM);
        assert!(book.rooms().is_empty());
    }

    #[test]
    fn an_empty_room_is_forgotten() {
        let (mut book, a) = (Book::default(), SessionId::from_u128(2));
        let (outbox, _out) = outbox();
        book.enter(ROOM, a, &outbox);
        book.stage(ROOM, vec![(a, Vec::new())]);
        book.leave(peer_of(ROOM, a));
        assert!(book.rooms.is_empty() && book.peers.is_empty());
    }
}
