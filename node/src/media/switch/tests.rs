//! The table without a socket and without a clock.

use std::sync::mpsc;
use std::time::Duration;

use super::*;
use crate::media::ice;
use crate::media::offer::tests::CHROMIUM;
use crate::media::words::Kind;

struct Bench {
    switch: Switch,
    events: mpsc::Receiver<MediaEvent>,
    now: Instant,
}

const PUBLISHER: SocketAddr = address(1);
const RECEIVER: SocketAddr = address(2);

const fn address(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), port)
}

impl Bench {
    fn new() -> Bench {
        let (outlet, events) = mpsc::channel();
        let outlet: Outlet = Box::new(move |event| drop(outlet.send(event)));
        let now = Instant::now();
        let clock = Clock::new(now, Duration::ZERO);
        let config = MediaConfig { peers_max: 3, ..MediaConfig::default() };
        let switch = Switch::new(config, vec![], clock, Arc::default(), outlet).unwrap();
        Bench { switch, events, now }
    }

    fn offer(&mut self, peer: PeerKey, sdp: &str) -> Result<Answer, MediaFault> {
        let (reply, answer) = mpsc::channel();
        let reply = Box::new(move |result| drop(reply.send(result)));
        self.switch.obey(Order::Offer { peer, sdp: sdp.to_owned(), reply }, self.now);
        answer.try_recv().unwrap()
    }

    fn prove(&mut self, peer: PeerKey, from: SocketAddr) {
        let ix = self.switch.by_key[&peer];
        let Credentials { ufrag, password } =
            self.switch.peers[ix].as_ref().unwrap().credentials.clone();
        let check = ice::tests::request(&format!("{ufrag}:theirs"), &password);
        self.switch.receive(self.now, from, None, &check);
    }

    fn sent(&mut self) -> Vec<SocketAddr> {
        let mut sent = Vec::new();
        self.switch.drain(|path, _, lengths| sent.extend(lengths.iter().map(|_| path.to)));
        sent
    }

    fn told(&self) -> Vec<MediaEvent> {
        self.events.try_iter().collect()
    }
}

fn track(publisher: PeerKey, mid: &str) -> TrackKey {
    TrackKey { publisher, mid: mid.parse().unwrap() }
}

fn media() -> Vec<u8> {
    let mut packet = vec![0x80, 96, 0, 1, 0, 0, 0, 0];
    packet.extend_from_slice(&2231627014u32.to_be_bytes());
    packet.extend_from_slice(&[0; 40]);
    packet
}

#[test]
fn m1_a_panic_ends_the_peer_it_happened_in() {
    let mut bench = Bench::new();
    bench.offer(1, CHROMIUM).unwrap();
    bench.offer(2, CHROMIUM).unwrap();
    bench.switch.obey(Order::Forward { peer: 2, tracks: vec![track(1, "1")] }, bench.now);
    bench.prove(1, PUBLISHER);
    bench.told();
    let ix = bench.switch.by_key[&1];
    bench.switch.peers[ix].as_mut().unwrap().trap = true;
    bench.switch.receive(bench.now, PUBLISHER, None, &media());
    let told = bench.told();
    assert!(told.contains(&MediaEvent::TrackDown { track: track(1, "1") }));
    assert!(told.contains(&MediaEvent::Bound { peer: 2, mid: "2".into(), track: None }));
    assert_eq!(told.last(), Some(&MediaEvent::Gone { peer: 1 }));
    assert_eq!(bench.switch.by_key.len(), 1);
    bench.offer(1, CHROMIUM).unwrap();
    let shown = MediaEvent::Bound { peer: 2, mid: "2".into(), track: Some(track(1, "1")) };
    assert!(bench.told().contains(&shown), "the room heals as soon as the peer is back");
}

#[test]
fn m1_a_panic_in_an_order_ends_its_peer_only() {
    let mut bench = Bench::new();
    bench.offer(1, CHROMIUM).unwrap();
    bench.offer(2, CHROMIUM).unwrap();
    bench.told();
    let reply = Box::new(|_| panic!("a test asked for this"));
    let order = Order::Offer { peer: 1, sdp: CHROMIUM.to_owned(), reply };
    bench.switch.obey(order, bench.now);
    assert_eq!(bench.told().last(), Some(&MediaEvent::Gone { peer: 1 }));
    assert_eq!(bench.switch.by_key.len(), 1);
}

#[test]
fn m5_nothing_is_sent_before_an_address_is_proven() {
    let mut bench = Bench::new();
    bench.offer(1, CHROMIUM).unwrap();
    bench.switch.receive(bench.now, PUBLISHER, None, &media());
    let hello = [&[22u8, 0xfe, 0xfd][..], &[0; 60]].concat();
    bench.switch.receive(bench.now, PUBLISHER, None, &hello);
    let forged = ice::tests::request("nobody:theirs", "secret");
    bench.switch.receive(bench.now, PUBLISHER, None, &forged);
    assert!(bench.sent().is_empty());
    assert_eq!(bench.switch.counters.strange.load(Ordering::Relaxed), 3);
    bench.prove(1, PUBLISHER);
    assert_eq!(bench.sent(), [PUBLISHER]);
    bench.prove(1, RECEIVER);
    assert_eq!(bench.sent(), [RECEIVER], "answered where it asked, though the other is in use");
}

#[test]
fn an_address_belongs_to_the_last_who_proved_it_and_few_are_remembered() {
    let mut bench = Bench::new();
    bench.offer(1, CHROMIUM).unwrap();
    bench.offer(2, CHROMIUM).unwrap();
    bench.prove(1, PUBLISHER);
    bench.prove(2, PUBLISHER);
    assert_eq!(bench.switch.by_address[&PUBLISHER], bench.switch.by_key[&2]);
    for port in 10..40 {
        bench.prove(1, address(port));
    }
    assert!(bench.switch.by_address.len() <= limits::ADDRESSES_MAX + 1);
    bench.switch.obey(Order::Close { peer: 1 }, bench.now);
    assert_eq!(bench.switch.by_address.len(), 1);
}

#[test]
fn a_failed_renegotiation_changes_nothing() {
    let mut bench = Bench::new();
    bench.offer(1, CHROMIUM).unwrap();
    bench.told();
    assert!(bench.offer(1, "v=0").is_err());
    assert!(bench.offer(1, &CHROMIUM.replace("a=mid:1", "a=mid:0")).is_err());
    assert_eq!(bench.told(), []);
    assert_eq!(bench.switch.tracks.len(), 2);
}

#[test]
fn an_unchanged_renegotiation_moves_nothing_and_a_restart_takes_new_credentials() {
    let mut bench = Bench::new();
    let first = bench.offer(1, CHROMIUM).unwrap().sdp;
    bench.offer(2, CHROMIUM).unwrap();
    bench.switch.obey(Order::Forward { peer: 2, tracks: vec![track(1, "1")] }, bench.now);
    bench.told();
    let again = bench.offer(1, CHROMIUM).unwrap().sdp;
    let line = |sdp: &str| sdp.lines().find(|l| l.starts_with("a=ice-ufrag")).unwrap().to_owned();
    assert_eq!(line(&first), line(&again));
    let restarted = bench.offer(1, &CHROMIUM.replace("EsAw", "other")).unwrap().sdp;
    assert_ne!(line(&first), line(&restarted));
    assert_eq!(bench.told(), []);
    assert_eq!(bench.switch.by_ufrag.len(), 2);
}

#[test]
fn peers_that_never_arrive_are_forgotten() {
    let mut bench = Bench::new();
    for peer in 1..=3 {
        bench.offer(peer, CHROMIUM).unwrap();
    }
    assert_eq!(bench.offer(4, CHROMIUM), Err(MediaFault::Full));
    bench.now += limits::CONNECT_PATIENCE;
    bench.switch.tick(bench.now);
    assert!(bench.switch.is_empty());
    bench.offer(4, CHROMIUM).unwrap();
    let up = bench.told().into_iter().filter(|event| {
        matches!(event, MediaEvent::TrackUp { kind: Kind::Video, track } if track.publisher == 4)
    });
    assert_eq!(up.count(), 1);
}

#[test]
fn wishes_and_hushes_are_bounded_and_end_with_their_peer() {
    let mut bench = Bench::new();
    for peer in 0..100 {
        let tracks = (0..200).map(|n| track(n, "1")).collect();
        bench.switch.obey(Order::Forward { peer, tracks }, bench.now);
        let order = Order::Hush { peer, track: track(peer, "0"), hushed: true };
        bench.switch.obey(order, bench.now);
    }
    assert!(bench.switch.wishes.len() <= 6 && bench.switch.hushed.len() <= 6);
    assert_eq!(bench.switch.wishes[&99].len(), limits::WISHES_MAX, "the newest is heard");
    bench.switch.obey(Order::Close { peer: 99 }, bench.now);
    assert!(!bench.switch.wishes.contains_key(&99));
    assert!(!bench.switch.hushed.contains(&track(99, "0")));
}
