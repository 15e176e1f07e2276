//! Whom the book says to dial, with time and chance in the test's hand.

use super::*;

const CHANCE: u8 = 128;

fn address(text: &str) -> Multiaddr {
    text.parse().expect("an address")
}

fn quic(port: u16) -> Multiaddr {
    address(&format!("/ip4/192.0.2.1/udp/{port}/quic-v1"))
}

fn tcp(port: u16) -> Multiaddr {
    address(&format!("/ip4/192.0.2.1/tcp/{port}"))
}

/// A book in which one member is admitted, and that member.
fn book(given: &[Multiaddr], now: Instant) -> (Book, PeerId) {
    let (me, peer) = (PeerId::random(), PeerId::random());
    let mut book = Book::new(me, Vec::new(), now);
    book.admit(&BTreeMap::from([(peer, (7, given.to_vec()))]), now, CHANCE);
    (book, peer)
}

/// Every dial until `end`, with the moment it was made.
fn dials(book: &mut Book, start: Instant, end: Duration) -> Vec<(Duration, Dial)> {
    let (mut now, mut made) = (start, Vec::new());
    while now < start + end {
        let (dials, next) = book.due(now, CHANCE);
        made.extend(dials.into_iter().map(|dial| (now - start, dial)));
        assert!(next > now, "it is never asked twice for the same moment");
        now = next;
    }
    made
}

#[test]
fn quic_is_dialled_first_and_tcp_when_nothing_stands_by_then() {
    let start = Instant::now();
    let (mut book, peer) = book(&[tcp(1), quic(1)], start);
    let made = dials(&mut book, start, Duration::from_millis(300));
    let [(first, by_quic), (second, by_tcp), ..] = &made[..] else { panic!("{made:?}") };
    assert_eq!(by_quic, &Dial { peer, addresses: vec![quic(1)], quic: true });
    assert_eq!(by_tcp, &Dial { peer, addresses: vec![tcp(1)], quic: false });
    assert_eq!(*second - *first, HEAD_START);
    let (mut book, peer) = self::book(&[tcp(1), quic(1)], start);
    let later = start + COURTESY + COURTESY;
    assert_eq!(book.due(later, CHANCE).0.len(), 1);
    book.connected(&peer);
    assert_eq!(dials(&mut book, later, Duration::from_secs(60)), [], "connected: no more");
}

#[test]
fn pauses_grow_to_a_bound_and_a_good_connection_resets_them() {
    let start = Instant::now();
    let (mut book, peer) = book(&[tcp(1)], start);
    let made = dials(&mut book, start, Duration::from_secs(60));
    let pauses: Vec<_> = made.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    assert!(pauses[0] < Duration::from_millis(300));
    assert!(pauses.iter().all(|it| *it <= PAUSES.1 * 5 / 4), "{pauses:?}");
    assert!(pauses.iter().rev().take(5).all(|it| *it >= PAUSES.1 * 3 / 4), "{pauses:?}");
    let end = start + Duration::from_secs(60);
    book.connected(&peer);
    book.lost(&peer, Duration::from_secs(3600), end, CHANCE);
    let made = dials(&mut book, end, Duration::from_secs(1));
    assert!(made.len() >= 2 && made[0].0 <= COURTESY * 2, "{made:?}");
    book.connected(&peer);
    book.lost(&peer, Duration::from_millis(5), end, CHANCE);
    book.connected(&peer);
    book.lost(&peer, Duration::from_millis(5), end, CHANCE);
    let made = dials(&mut book, end, Duration::from_secs(5));
    assert!(
        made[0].0 >= PAUSES.0 * 3 / 4,
        "a connection that breaks at once is no reason to hurry"
    );
}

#[test]
fn the_greater_of_two_peers_lets_the_smaller_one_begin() {
    let start = Instant::now();
    let (a, b) = (PeerId::random(), PeerId::random());
    let (smaller, greater) = (a.min(b), a.max(b));
    let first = |me: PeerId, peer: PeerId| {
        let mut book = Book::new(me, Vec::new(), start);
        book.admit(&BTreeMap::from([(peer, (1, vec![tcp(1)]))]), start, CHANCE);
        dials(&mut book, start, Duration::from_secs(1))[0].0
    };
    assert!(first(smaller, greater) + Duration::from_millis(100) < first(greater, smaller));
}

#[test]
fn sw9_what_is_heard_of_others_is_dialled_only_once_they_are_admitted() {
    let start = Instant::now();
    let (me, peer) = (PeerId::random(), PeerId::random());
    let mut book = Book::new(me, vec![address(&format!("{}/p2p/{peer}", quic(4)))], start);
    book.found(peer, tcp(5), start);
    assert_eq!(dials(&mut book, start, Duration::from_secs(60)), []);
    book.admit(&BTreeMap::from([(peer, (1, Vec::new()))]), start, CHANCE);
    let made = dials(&mut book, start, Duration::from_secs(1));
    assert_eq!(made[0].1.addresses, [quic(4)]);
    assert_eq!(made[1].1.addresses, [tcp(5)]);
    book.admit(&BTreeMap::new(), start, CHANCE);
    assert_eq!(dials(&mut book, start, Duration::from_secs(60)), []);
    assert_eq!(book.number(&peer), None);
}

#[test]
fn sw8_every_list_is_bounded() {
    let start = Instant::now();
    let many: Vec<_> = (1..100).map(tcp).collect();
    let (mut book, peer) = book(&many, start);
    (1..100).for_each(|port| book.found(peer, quic(port), start));
    let made = dials(&mut book, start, Duration::from_secs(1));
    assert!(made.iter().all(|(_, dial)| dial.addresses.len() <= ADDRESSES));
    for _ in 0..1000 {
        book.found(PeerId::random(), tcp(1), start);
        assert!(book.rumours.len() <= RUMOURS);
    }
    let stranger = PeerId::random();
    (1..100).for_each(|port| book.found(stranger, quic(port), start));
    assert_eq!(book.rumours[&stranger].len(), ADDRESSES);
}

#[test]
fn only_hosts_with_a_port_of_the_two_transports_are_taken_from_others() {
    for good in [
        "/ip4/192.0.2.1/tcp/1",
        "/ip6/2001:db8::1/udp/1/quic-v1",
        "/dns4/n.example/tcp/1",
        "/dns/n.example/udp/1/quic-v1",
    ] {
        assert!(dialable(&address(good)), "{good}");
    }
    for bad in [
        "/ip4/192.0.2.1",
        "/tcp/1",
        "/ip4/192.0.2.1/udp/1",
        "/ip4/192.0.2.1/tcp/1/ws",
        "/unix/socket",
        "/memory/1",
    ] {
        assert!(!dialable(&address(bad)), "{bad}");
    }
    assert!(!dialable(&Multiaddr::empty()));
}

#[test]
fn a_seed_is_asked_while_somebody_is_missing_and_nobody_is_known_behind_it() {
    let start = Instant::now();
    let (me, peer, other) = (PeerId::random(), PeerId::random(), PeerId::random());
    let mut book = Book::new(me, vec![tcp(9)], start);
    assert!(book.seeds_due(start).is_empty(), "nobody is missing");
    book.admit(&BTreeMap::from([(peer, (1, vec![])), (other, (2, vec![]))]), start, CHANCE);
    assert_eq!(book.seeds_due(start), [tcp(9)]);
    assert!(book.seeds_due(start).is_empty(), "asked a moment ago");
    let later = start + SEED_PAUSE;
    assert_eq!(book.seeds_due(later), [tcp(9)]);
    book.learnt(&address(&format!("{}/p2p/{peer}", tcp(9))), peer, later);
    let much_later = later + SEED_PAUSE;
    assert!(book.seeds_due(much_later).is_empty(), "it is {peer}'s address now");
    let made = dials(&mut book, much_later, Duration::from_secs(1));
    assert!(made.iter().any(|(_, dial)| dial.peer == peer && dial.addresses == [tcp(9)]));
    book.wrong(&peer, &tcp(9));
    assert_eq!(book.seeds_due(much_later), [tcp(9)], "somebody else moved in");
    book.connected(&peer);
    book.connected(&other);
    assert!(book.seeds_due(much_later + SEED_PAUSE).is_empty(), "nobody is missing");
}
