//! Whom to dial where and when: pure, given time and chance.
//!
//! A member's addresses come from the control plane (given) or were found. A member without a
//! connection is dialled again and again, with pauses that double up to a bound and vary by
//! chance; QUIC first, TCP a moment later if nothing stands by then. The member with the greater
//! peer id waits a little at first, so that two seldom dial each other at the same moment.
//!
//! # Invariants
//! - **SW8** Every list is bounded: addresses of a member, rumours of peers, seeds.
//! - **SW9** Only members are in the book; what is heard of others is a rumour until they are
//!   admitted, and is never dialled.

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// Addresses of one member, of each kind.
const ADDRESSES: usize = 8;
/// Peers that are no members and were heard of.
const RUMOURS: usize = 256;
/// Pauses between two rounds of dialling: the first and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(3));
/// How long the greater of two peers lets the smaller one begin.
const COURTESY: Duration = Duration::from_millis(150);
/// How long QUIC may try before TCP does too.
const HEAD_START: Duration = Duration::from_millis(100);
/// A connection that lasted this long was a good one: dialling begins at the first pause again.
const GOOD: Duration = Duration::from_secs(5);
/// Between two tries of a seed nobody is known behind.
const SEED_PAUSE: Duration = Duration::from_secs(5);

/// A dial to be made now.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dial {
    pub(super) peer: PeerId,
    pub(super) addresses: Vec<Multiaddr>,
    pub(super) quic: bool,
}

/// A member, as somebody to dial.
struct Contact {
    number: u64,
    given: Vec<Multiaddr>,
    found: Vec<Multiaddr>,
    connected: bool,
    rounds: u32,
    due: Instant,
    tcp_due: Option<Instant>,
}

/// An address without a name: who answers there is learnt.
struct Seed {
    address: Multiaddr,
    peer: Option<PeerId>,
    due: Instant,
}

/// Whom to dial where and when.
pub(super) struct Book {
    me: PeerId,
    contacts: BTreeMap<PeerId, Contact>,
    rumours: BTreeMap<PeerId, Vec<Multiaddr>>,
    seeds: Vec<Seed>,
}

impl Book {
    /// Nobody admitted yet. Seeds with a name are rumours.
    pub(super) fn new(me: PeerId, seeds: Vec<Multiaddr>, now: Instant) -> Self {
        let mut book =
            Self { me, contacts: BTreeMap::new(), rumours: BTreeMap::new(), seeds: Vec::new() };
        for seed in seeds.into_iter().take(RUMOURS) {
            match named(&seed) {
                (address, Some(peer)) => book.found(peer, address, now),
                (address, None) => book.seeds.push(Seed { address, peer: None, due: now }),
            }
        }
        book
    }

    /// Replaces the members. Who is new is dialled soon.
    pub(super) fn admit(
        &mut self,
        list: &BTreeMap<PeerId, (u64, Vec<Multiaddr>)>,
        now: Instant,
        chance: u8,
    ) {
        self.contacts.retain(|peer, _| list.contains_key(peer));
        for (&peer, (number, addresses)) in list {
            let given: Vec<_> = addresses.iter().map(|it| named(it).0).take(ADDRESSES).collect();
            let due = now + self.courtesy(&peer, chance);
            let rumours = &mut self.rumours;
            let contact = self.contacts.entry(peer).or_insert_with(|| Contact {
                number: *number,
                given: Vec::new(),
                found: rumours.remove(&peer).unwrap_or_default(),
                connected: false,
                rounds: 0,
                due,
                tcp_due: None,
            });
            contact.number = *number;
            if contact.given != given {
                contact.given = given;
                contact.due = contact.due.min(due);
            }
        }
    }

    /// An address where this peer is said to be.
    pub(super) fn found(&mut self, peer: PeerId, address: Multiaddr, now: Instant) {
        let address = named(&address).0;
        if peer == self.me || !dialable(&address) {
            return;
        }
        let list = match self.contacts.get_mut(&peer) {
            Some(contact) => {
                if contact.given.contains(&address) || contact.found.contains(&address) {
                    return;
                }
                // Whoever makes addresses up does not make this node dial faster than this.
                contact.due = contact.due.min(now + PAUSES.0);
                &mut contact.found
            }
            None => {
                // SW8: whoever is forgotten for this is found again, or was nobody.
                if self.rumours.len() >= RUMOURS && !self.rumours.contains_key(&peer) {
                    self.rumours.pop_first();
                }
                self.rumours.entry(peer).or_default()
            }
        };
        list.retain(|known| *known != address);
        list.insert(0, address);
        list.truncate(ADDRESSES); // SW8
    }

    /// Somebody else answered there.
    pub(super) fn wrong(&mut self, peer: &PeerId, address: &Multiaddr) {
        let address = named(address).0;
        if let Some(contact) = self.contacts.get_mut(peer) {
            contact.found.retain(|known| *known != address);
        }
        for seed in self.seeds.iter_mut().filter(|seed| seed.address == address) {
            seed.peer = None;
        }
    }

    /// There is a connection.
    pub(super) fn connected(&mut self, peer: &PeerId) {
        if let Some(contact) = self.contacts.get_mut(peer) {
            contact.connected = true;
            contact.tcp_due = None;
        }
    }

    /// The last connection ended after `age`: a good one is sought again at once.
    pub(super) fn lost(&mut self, peer: &PeerId, age: Duration, now: Instant, chance: u8) {
        let courtesy = self.courtesy(peer, chance);
        if let Some(contact) = self.contacts.get_mut(peer) {
            contact.connected = false;
            if age >= GOOD {
                contact.rounds = 0;
                contact.due = now + courtesy;
            } else {
                contact.rounds += 1;
                contact.due = now + pause(contact.rounds, chance);
            }
        }
    }

    /// The dials that are due, and when to ask again.
    pub(super) fn due(&mut self, now: Instant, chance: u8) -> (Vec<Dial>, Instant) {
        let mut dials = Vec::new();
        let mut next = now + PAUSES.1;
        for (&peer, contact) in self.contacts.iter_mut().filter(|(_, it)| !it.connected) {
            let known = || contact.given.iter().chain(&contact.found).cloned();
            if contact.due <= now {
                contact.rounds = contact.rounds.saturating_add(1);
                contact.due = now + pause(contact.rounds, chance);
                let quic: Vec<_> = known().filter(is_quic).collect();
                contact.tcp_due = Some(if quic.is_empty() { now } else { now + HEAD_START });
                dials.push(Dial { peer, addresses: quic, quic: true });
            }
            if contact.tcp_due.is_some_and(|due| due <= now) {
                contact.tcp_due = None;
                let tcp: Vec<_> = known().filter(|address| !is_quic(address)).collect();
                dials.push(Dial { peer, addresses: tcp, quic: false });
            }
            next = next.min(contact.tcp_due.unwrap_or(contact.due)).min(contact.due);
        }
        dials.retain(|dial| !dial.addresses.is_empty());
        (dials, next)
    }

    /// Seeds to dial now, as long as a member is missing.
    pub(super) fn seeds_due(&mut self, now: Instant) -> Vec<Multiaddr> {
        if self.contacts.values().all(|contact| contact.connected) {
            return Vec::new();
        }
        let contacts = &self.contacts;
        let known: BTreeSet<_> = contacts.values().flat_map(|it| &it.given).collect();
        let due = |seed: &&mut Seed| {
            seed.peer.is_none() && seed.due <= now && !known.contains(&seed.address)
        };
        let take = |seed: &mut Seed| {
            seed.due = now + SEED_PAUSE;
            seed.address.clone()
        };
        self.seeds.iter_mut().filter(due).map(take).collect()
    }

    /// It was this peer who answered at a seed.
    pub(super) fn learnt(&mut self, address: &Multiaddr, peer: PeerId, now: Instant) {
        let address = named(address).0;
        let mut is_seed = false;
        for seed in self.seeds.iter_mut().filter(|seed| seed.address == address) {
            seed.peer = Some(peer);
            is_seed = true;
        }
        if is_seed {
            self.found(peer, address, now);
        }
    }

    /// A member's number.
    pub(super) fn number(&self, peer: &PeerId) -> Option<u64> {
        self.contacts.get(peer).map(|contact| contact.number)
    }

    /// Whether any member has no connection.
    pub(super) fn misses_anybody(&self) -> bool {
        self.contacts.values().any(|contact| !contact.connected)
    }

    fn courtesy(&self, peer: &PeerId, chance: u8) -> Duration {
        let least = if self.me < *peer { Duration::ZERO } else { COURTESY };
        least + Duration::from_millis(u64::from(chance / 8))
    }
}

/// Doubles with every round, up to the bound; a quarter more or less by chance.
fn pause(rounds: u32, chance: u8) -> Duration {
    let full = (PAUSES.0 * 2_u32.pow(rounds.saturating_sub(1).min(8))).min(PAUSES.1);
    full * 3 / 4 + full / 512 * u32::from(chance)
}

/// An address without the peer's name at its end, and that name.
pub(super) fn named(address: &Multiaddr) -> (Multiaddr, Option<PeerId>) {
    let mut rest = address.clone();
    match rest.pop() {
        Some(Protocol::P2p(peer)) => (rest, Some(peer)),
        _ => (address.clone(), None),
    }
}

pub(super) fn is_quic(address: &Multiaddr) -> bool {
    address.iter().any(|part| matches!(part, Protocol::QuicV1))
}

/// A host and a port of the two transports, and nothing else.
fn dialable(address: &Multiaddr) -> bool {
    let parts: Vec<_> = address.iter().collect();
    let host = matches!(
        parts.first(),
        Some(
            Protocol::Ip4(_)
                | Protocol::Ip6(_)
                | Protocol::Dns(_)
                | Protocol::Dns4(_)
                | Protocol::Dns6(_)
        )
    );
    host && matches!(&parts[1..], [Protocol::Tcp(_)] | [Protocol::Udp(_), Protocol::QuicV1])
}

#[cfg(test)]
#[path = "tests/book.rs"]
mod tests;
