//! The table of peers and tracks: obeys orders, decides bindings. Packets are [`flow`]'s.
//!
//! Synchronous and handed the time, so tests drive it without a socket.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::answer::{self, Host};
use super::clock::Clock;
use super::counters::Counters;
use super::crypt::Identity;
use super::ice::Credentials;
use super::limits;
use super::offer::Offer;
use super::peer::{Change, Path, Peer, Role};
use super::publish::Seat;
use super::words::{Answer, MediaConfig, MediaEvent, MediaFault, Order, PeerKey, TrackKey};

mod flow;
mod pulse;
mod seats;
#[cfg(test)]
mod tests;

/// Where events go; called on the loop's thread.
pub(super) type Outlet = Box<dyn FnMut(MediaEvent) + Send>;

/// All peers of the node.
pub(super) struct Switch {
    config: MediaConfig,
    identity: Identity,
    clock: Clock,
    addresses: Vec<SocketAddr>,
    pub(super) counters: Arc<Counters>,
    outlet: Outlet,
    peers: Vec<Option<Box<Peer>>>,
    free: Vec<usize>,
    by_key: HashMap<PeerKey, usize>,
    by_ufrag: HashMap<String, usize>,
    by_address: HashMap<SocketAddr, usize>,
    tracks: HashMap<TrackKey, Seat>,
    wishes: HashMap<PeerKey, Vec<TrackKey>>,
    hushed: HashSet<TrackKey>,
    /// Peers with something to send.
    dirty: Vec<usize>,
    /// Answers that leave by another way than the peer's usual one.
    aside: Vec<(Path, Vec<u8>)>,
    /// Whom to blame if the next step panics (M1).
    current: Option<usize>,
    scratch: Vec<u8>,
    seats: Vec<Seat>,
    version: u64,
}

impl Switch {
    /// An empty table. `addresses` are told to browsers.
    pub(super) fn new(
        config: MediaConfig,
        addresses: Vec<SocketAddr>,
        clock: Clock,
        counters: Arc<Counters>,
        outlet: Outlet,
    ) -> Result<Switch, MediaFault> {
        Ok(Switch {
            identity: Identity::new()?,
            config,
            clock,
            addresses,
            counters,
            outlet,
            peers: Vec::new(),
            free: Vec::new(),
            by_key: HashMap::new(),
            by_ufrag: HashMap::new(),
            by_address: HashMap::new(),
            tracks: HashMap::new(),
            wishes: HashMap::new(),
            hushed: HashSet::new(),
            dirty: Vec::new(),
            aside: Vec::new(),
            current: None,
            scratch: Vec::with_capacity(limits::DATAGRAM_MAX),
            seats: Vec::new(),
            version: 0,
        })
    }

    /// Whether there is anyone to keep time for.
    pub(super) fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Obeys one order. A panic on the way ends the peer it was about, and no other (M1); its
    /// reply is then dropped unspoken.
    pub(super) fn obey(&mut self, order: Order, now: Instant) {
        let about = match &order {
            Order::Offer { peer, .. } | Order::Close { peer } => Some(*peer),
            Order::Forward { peer, .. } | Order::Hush { peer, .. } => Some(*peer),
            Order::Stats { .. } => None,
        };
        self.current = None;
        if catch_unwind(AssertUnwindSafe(|| self.carry_out(order, now))).is_err() {
            self.current = about.and_then(|peer| self.by_key.get(&peer).copied());
            self.blame(now);
        }
    }

    fn carry_out(&mut self, order: Order, now: Instant) {
        match order {
            Order::Offer { peer, sdp, reply } => self.offer(peer, &sdp, reply, now),
            Order::Close { peer } => {
                self.wishes.remove(&peer);
                self.hushed.retain(|track| track.publisher != peer);
                if let Some(&ix) = self.by_key.get(&peer) {
                    self.drop_peer(ix, now);
                }
            }
            Order::Forward { peer, mut tracks } => {
                let mut seen = HashSet::new();
                tracks.retain(|track| seen.insert(*track));
                tracks.truncate(limits::WISHES_MAX);
                if self.wishes.len() >= 2 * self.config.peers_max {
                    self.wishes.retain(|peer, _| self.by_key.contains_key(peer));
                }
                self.wishes.insert(peer, tracks);
                if let Some(&ix) = self.by_key.get(&peer) {
                    self.arrange(ix, now);
                }
            }
            Order::Hush { track, hushed, .. } => self.hush(track, hushed, now),
            Order::Stats { reply } => {
                reply(self.peers.iter_mut().flatten().map(|peer| peer.figures()).collect());
            }
        }
    }

    fn offer(
        &mut self,
        key: PeerKey,
        sdp: &str,
        reply: Box<dyn FnOnce(Result<Answer, MediaFault>) + Send>,
        now: Instant,
    ) {
        match Offer::parse(sdp).and_then(|offer| self.negotiate(key, &offer, now)) {
            Ok((ix, sdp, change)) => {
                reply(Ok(Answer { sdp }));
                self.settle(ix, change, now);
            }
            Err(fault) => {
                tracing::debug!(peer = %key, %fault, "an offer was refused");
                reply(Err(fault));
            }
        }
    }

    /// Finds or makes the peer, fits it to the offer and writes the answer.
    fn negotiate(
        &mut self,
        key: PeerKey,
        offer: &Offer,
        now: Instant,
    ) -> Result<(usize, String, Change), MediaFault> {
        let known = self.by_key.get(&key).copied();
        let same = |ix: usize| self.peers[ix].as_ref().is_some_and(|peer| peer.is_of(offer));
        let ix = match known {
            Some(ix) if same(ix) => ix,
            known => {
                // A rejoin: another connection of the same session replaces the first.
                if let Some(ix) = known {
                    self.drop_peer(ix, now);
                }
                if self.by_key.len() >= self.config.peers_max {
                    return Err(MediaFault::Full);
                }
                self.add(Peer::new(key, offer, &self.identity, now)?)
            }
        };
        let Some(peer) = self.peers[ix].as_mut() else {
            return Err(MediaFault::Stopped);
        };
        if peer.ufrag != offer.ufrag {
            // An ICE restart: both sides take new credentials, keys and streams live on.
            let fresh = Credentials::new(self.identity.random()?);
            self.by_ufrag.remove(&peer.credentials.ufrag);
            self.by_ufrag.insert(fresh.ufrag.clone(), ix);
            (peer.ufrag, peer.credentials) = (offer.ufrag.clone(), fresh);
        }
        let (parts, change) = peer.negotiate(offer, &self.identity)?;
        self.version += 1;
        let host = Host {
            ufrag: &peer.credentials.ufrag,
            password: &peer.credentials.password,
            fingerprint: &self.identity.fingerprint,
            addresses: &self.addresses,
        };
        Ok((ix, answer::write(offer, &parts, &host, self.version), change))
    }

    fn add(&mut self, peer: Peer) -> usize {
        let (key, ufrag) = (peer.key, peer.credentials.ufrag.clone());
        let ix = self.free.pop().unwrap_or(self.peers.len());
        if ix == self.peers.len() {
            self.peers.push(None);
        }
        assert!(self.peers[ix].is_none(), "a free place is empty");
        self.peers[ix] = Some(Box::new(peer));
        self.by_key.insert(key, ix);
        self.by_ufrag.insert(ufrag, ix);
        self.counters.peers.store(self.by_key.len() as u64, Ordering::Relaxed);
        ix
    }

    /// Carries out what a negotiation changed: tracks that ended, tracks that began, bindings.
    fn settle(&mut self, ix: usize, change: Change, now: Instant) {
        for (line, role) in change.ended {
            match role {
                Role::Take(publish) => self.track_down(publish.track, publish.seats, now),
                Role::Show(show) => self.unseat(show.track(), Seat { peer: ix, line }),
                Role::Rest => {}
            }
        }
        let Some(peer) = self.peers[ix].as_mut() else {
            return;
        };
        let mut up = Vec::new();
        let mut again = Vec::new();
        for (line, publish) in peer.published() {
            publish.hushed = self.hushed.contains(&publish.track);
            if change.terms.contains(&line) {
                again.extend(publish.seats.iter().map(|seat| (*seat, publish.track)));
            }
            if self.tracks.insert(publish.track, Seat { peer: ix, line }).is_none() {
                up.push((publish.track, publish.kind));
            }
        }
        for (line, show) in peer.shown().filter(|(line, _)| change.terms.contains(line)) {
            again.extend(show.track().map(|track| (Seat { peer: ix, line }, track)));
        }
        // Where terms changed on either side, who goes on showing is bound again.
        again.into_iter().for_each(|(seat, track)| self.seat(seat, Some(track), now));
        self.arrange(ix, now);
        for (track, kind) in up {
            (self.outlet)(MediaEvent::TrackUp { track, kind });
            self.arrange_all_who_wish(track, now);
        }
    }

    fn track_down(&mut self, track: TrackKey, seats: Vec<Seat>, now: Instant) {
        self.tracks.remove(&track);
        (self.outlet)(MediaEvent::TrackDown { track });
        for seat in &seats {
            if let Some(show) = self.show(*seat) {
                show.bind(None);
            }
            self.tell_bound(*seat, None);
        }
        // A freed m-line may serve a wish that had none.
        seats.into_iter().for_each(|seat| self.arrange(seat.peer, now));
    }

    fn hush(&mut self, track: TrackKey, hushed: bool, now: Instant) {
        if self.hushed.len() >= 2 * self.config.peers_max {
            self.hushed.retain(|track| self.by_key.contains_key(&track.publisher));
        }
        if hushed {
            self.hushed.insert(track);
        } else {
            self.hushed.remove(&track);
        }
        let Some(&source) = self.tracks.get(&track) else {
            return;
        };
        let publisher = self.peers[source.peer].as_mut();
        let Some(publish) = publisher.and_then(|peer| peer.publish(source.line)) else {
            return;
        };
        publish.hushed = hushed;
        let seats = publish.seats.clone();
        if !hushed {
            seats.into_iter().for_each(|seat| {
                if let Some(show) = self.show(seat) {
                    show.resume();
                }
            });
            self.want_key(source, now);
        }
    }

    /// Forgets a peer: its tracks go down, its seats are given back.
    fn drop_peer(&mut self, ix: usize, now: Instant) {
        let Some(mut peer) = self.peers[ix].take() else {
            return;
        };
        self.by_key.remove(&peer.key);
        self.by_ufrag.remove(&peer.credentials.ufrag);
        self.by_address.retain(|_, owner| *owner != ix);
        let shown: Vec<_> = peer.shown().map(|(line, show)| (line, show.track())).collect();
        for (line, track) in shown {
            self.unseat(track, Seat { peer: ix, line });
        }
        let published: Vec<_> =
            peer.published().map(|(_, p)| (p.track, std::mem::take(&mut p.seats))).collect();
        for (track, seats) in published {
            self.track_down(track, seats, now);
        }
        self.free.push(ix);
        self.counters.peers.store(self.by_key.len() as u64, Ordering::Relaxed);
    }
}
