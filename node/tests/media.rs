//! The media loop over real sockets: browsers' stand-ins publish, receive, complain and leave.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod media {
    pub mod client;
}

use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

use media::client::{Client, Heard, Line, attribute, media as packet, section};
use node::media::{
    Kind, MediaConfig, MediaEvent, MediaFault, MediaHandle, MediaLoop, Order, PeerKey, TrackKey,
};
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::sender_report::SenderReport;
use rtc::rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::{
    TransportLayerNack, nack_pairs_from_sequence_numbers,
};
use rtc::rtp::header::Extension;

const PATIENCE: Duration = Duration::from_secs(10);
/// Long enough for loopback to deliver what should not come.
const QUIET: Duration = Duration::from_millis(150);
/// The first payload bytes of a VP8 key frame and of one that depends on it.
const KEY: &[u8] = &[0x10, 0x00, 7, 7];
const DELTA: &[u8] = &[0x10, 0x01, 7, 7];

struct Node {
    media: MediaLoop,
    handle: MediaHandle,
    events: mpsc::Receiver<MediaEvent>,
}

impl Node {
    fn new() -> Node {
        let listen = "127.0.0.1:0".parse().unwrap();
        Node::with(MediaConfig { listen, ..MediaConfig::default() })
    }

    /// Where loopback reaches it.
    fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.media.local().port()))
    }

    fn with(config: MediaConfig) -> Node {
        let (outlet, events) = mpsc::channel();
        let media = MediaLoop::start(config, move |event| drop(outlet.send(event))).unwrap();
        Node { handle: media.handle(), media, events }
    }

    fn order(&self, order: Order) {
        self.handle.send(order).unwrap();
    }

    fn offer(&self, peer: PeerKey, sdp: String) -> Result<String, MediaFault> {
        let (reply, answer) = mpsc::channel();
        let reply = Box::new(move |result| drop(reply.send(result)));
        self.order(Order::Offer { peer, sdp, reply });
        answer.recv().unwrap().map(|answer| answer.sdp)
    }

    fn join(&self, peer: PeerKey, lines: &[Line]) -> (Client, String) {
        let mut client = Client::new(peer as u64, self.address());
        let answer = self.offer(peer, client.offer(lines)).unwrap();
        client.connect(&answer);
        self.expect(|event| *event == MediaEvent::Connected { peer });
        (client, answer)
    }

    fn forward(&self, peer: PeerKey, tracks: &[TrackKey]) {
        self.order(Order::Forward { peer, tracks: tracks.to_vec() });
    }

    /// Waits for an event, skipping others.
    fn expect(&self, fits: impl Fn(&MediaEvent) -> bool) -> MediaEvent {
        loop {
            let event = self.events.recv_timeout(PATIENCE).expect("the event comes");
            if fits(&event) {
                return event;
            }
        }
    }

    fn expect_bound(&self, peer: PeerKey, track: Option<TrackKey>) -> String {
        let event = self.expect(|event| {
            matches!(event, MediaEvent::Bound { peer: p, track: t, .. } if *p == peer && *t == track)
        });
        let MediaEvent::Bound { mid, .. } = event else { unreachable!() };
        mid
    }

    fn count(&self, name: &str) -> u64 {
        self.handle.counters().list().iter().find(|(known, _)| *known == name).unwrap().1
    }
}

fn track(publisher: PeerKey, mid: &str) -> TrackKey {
    TrackKey { publisher, mid: mid.parse().unwrap() }
}

fn camera(ssrc: u32) -> Line {
    Line { rtx: Some(97), ..Line::sends("1", "video", 96, ssrc) }
}

fn shown() -> Line {
    Line { rtx: Some(124), ..Line::receives("0", "video", 120) }
}

#[test]
fn a_picture_travels_with_the_receivers_numbers() {
    let node = Node::new();
    let line = camera(1111);
    let (mut publisher, _) = node.join(1, &[line]);
    let (mut receiver, answer) = node.join(2, &[shown()]);
    assert!(publisher.has_gcm(), "although the stand-in lists the old cipher first");
    node.forward(2, &[track(1, "1")]);
    assert_eq!(node.expect_bound(2, Some(track(1, "1"))), "0");
    publisher.control::<PictureLossIndication>(|pli| pli.media_ssrc == 1111);
    publisher.send(&line, 500, 9_000, DELTA);
    publisher.send(&line, 501, 12_000, KEY);
    publisher.send(&line, 502, 15_000, DELTA);
    let (first, second) = (receiver.media(), receiver.media());
    let ssrc: u32 =
        attribute(section(&answer, "0"), "ssrc").split(' ').next().unwrap().parse().unwrap();
    assert_eq!((first.header.ssrc, first.header.payload_type), (ssrc, 120));
    assert_eq!(&first.payload[..], KEY, "a picture begins with a key frame");
    assert_eq!(second.header.sequence_number, first.header.sequence_number.wrapping_add(1));
    assert_eq!(second.header.timestamp.wrapping_sub(first.header.timestamp), 3_000);
}

#[test]
fn sound_keeps_its_level_under_the_receivers_identifier_and_is_heard_as_speech() {
    let node = Node::new();
    let line = Line::sends("0", "audio", 111, 77);
    let ears = Line { level: 9, ..Line::receives("a", "audio", 109) };
    let (mut publisher, _) = node.join(1, &[line]);
    let (mut receiver, _) = node.join(2, &[ears]);
    node.forward(2, &[track(1, "0")]);
    node.expect_bound(2, Some(track(1, "0")));
    for seq in 0..30u16 {
        let mut loud = packet(&line, seq, u32::from(seq) * 960, b"opus");
        loud.header.extension = true;
        loud.header.extension_profile = 0xbede;
        loud.header.extensions = vec![Extension { id: 1, payload: vec![0x80 | 10].into() }];
        let sealed = publisher.seal(&loud);
        publisher.raw(&sealed);
    }
    let heard = receiver.media();
    assert_eq!(heard.header.payload_type, 109);
    assert_eq!(heard.header.get_extension(9).unwrap()[..], [0x80 | 10]);
    node.expect(|event| matches!(event, MediaEvent::Speaking { peer: 1, speaking: true, .. }));
    // A muted microphone sends nothing, and that is silence.
    node.expect(|event| matches!(event, MediaEvent::Speaking { peer: 1, speaking: false, .. }));
}

#[test]
fn a_receivers_plea_for_a_key_frame_reaches_the_publisher() {
    let node = Node::new();
    let line = camera(1111);
    let (mut publisher, _) = node.join(1, &[line]);
    let (mut receiver, _) = node.join(2, &[shown()]);
    node.forward(2, &[track(1, "1")]);
    publisher.control::<PictureLossIndication>(|pli| pli.media_ssrc == 1111);
    publisher.send(&line, 1, 0, KEY);
    let media_ssrc = receiver.media().header.ssrc;
    let asked = node.count("keys_asked");
    for _ in 0..20 {
        receiver.send_control(&PictureLossIndication { sender_ssrc: 1, media_ssrc });
    }
    publisher.control::<PictureLossIndication>(|pli| pli.media_ssrc == 1111);
    assert!(node.count("keys_asked") - asked <= 2, "twenty pleas are one request, or two");
}

#[test]
fn a_lost_packet_is_sent_again_from_the_ring() {
    let node = Node::new();
    let line = camera(1111);
    let (mut publisher, _) = node.join(1, &[line]);
    let (mut receiver, answer) = node.join(2, &[shown()]);
    node.forward(2, &[track(1, "1")]);
    node.expect_bound(2, Some(track(1, "1")));
    publisher.send(&line, 1, 0, KEY);
    publisher.send(&line, 2, 3_000, &[0x10, 0x01, 42]);
    let lost = [receiver.media(), receiver.media()][1].clone();
    let nacks = nack_pairs_from_sequence_numbers(&[lost.header.sequence_number]);
    let media_ssrc = lost.header.ssrc;
    receiver.send_control(&TransportLayerNack { sender_ssrc: 1, media_ssrc, nacks });
    let again = receiver.media();
    let group = attribute(section(&answer, "0"), "ssrc-group");
    let rtx_ssrc: u32 = group.rsplit(' ').next().unwrap().parse().unwrap();
    assert_eq!((again.header.payload_type, again.header.ssrc), (124, rtx_ssrc));
    assert_eq!(again.payload[..2], lost.header.sequence_number.to_be_bytes());
    assert_eq!(again.payload[2..], lost.payload[..]);
}

#[test]
fn a_publisher_is_told_of_gaps_arrivals_and_losses() {
    let node = Node::new();
    let line = camera(1111);
    let (mut publisher, _) = node.join(1, &[line]);
    for (number, seq) in [10u16, 11, 14].into_iter().enumerate() {
        let mut numbered = packet(&line, seq, 0, KEY);
        numbered.header.extension = true;
        numbered.header.extension_profile = 0xbede;
        let payload = (number as u16).to_be_bytes().to_vec().into();
        numbered.header.extensions = vec![Extension { id: 13, payload }];
        let sealed = publisher.seal(&numbered);
        publisher.raw(&sealed);
    }
    let mut nack = None;
    let mut feedback = None;
    while nack.is_none() || feedback.is_none() {
        let Some(Heard::Control(packets)) = publisher.hear(PATIENCE) else { panic!("silence") };
        for heard in &packets {
            let any = heard.as_any();
            nack = nack.or(any.downcast_ref::<TransportLayerNack>().cloned());
            feedback = feedback.or(any.downcast_ref::<TransportLayerCc>().cloned());
        }
    }
    assert_eq!(nack.unwrap().nacks[0].packet_list(), [12, 13]);
    assert_eq!(feedback.unwrap().packet_status_count, 3);
    let report = publisher.control::<ReceiverReport>(|report| !report.reports.is_empty());
    assert_eq!((report.reports[0].ssrc, report.reports[0].total_lost), (1111, 2));
}

#[test]
fn an_undeclared_stream_is_known_by_its_mid() {
    let node = Node::new();
    let line = Line { ssrc: 0, ..camera(0) };
    let (mut publisher, _) = node.join(1, &[line]);
    let (mut receiver, _) = node.join(2, &[shown()]);
    node.forward(2, &[track(1, "1")]);
    node.expect_bound(2, Some(track(1, "1")));
    let mut named = packet(&Line { ssrc: 99, ..line }, 1, 0, KEY);
    named.header.extension = true;
    named.header.extension_profile = 0xbede;
    named.header.extensions = vec![Extension { id: 12, payload: b"1"[..].into() }];
    let sealed = publisher.seal(&named);
    publisher.raw(&sealed);
    assert_eq!(&receiver.media().payload[..], KEY);
    publisher.send(&Line { ssrc: 99, ..line }, 2, 0, DELTA);
    assert_eq!(&receiver.media().payload[..], DELTA, "now also without its name");
}

#[test]
fn a_late_receiver_and_a_moved_one_are_served() {
    let node = Node::new();
    let line = camera(1111);
    let (mut publisher, _) = node.join(1, &[line]);
    publisher.send(&line, 1, 0, KEY);
    node.forward(2, &[track(1, "1")]); // Wished for before the receiver is here.
    let (mut receiver, _) = node.join(2, &[shown()]);
    publisher.control::<PictureLossIndication>(|pli| pli.media_ssrc == 1111);
    publisher.send(&line, 2, 0, KEY);
    receiver.media();
    // The browser changes from wire to wireless: another port, the same keys.
    receiver.socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    receiver.prove();
    publisher.send(&line, 3, 3_000, DELTA);
    assert_eq!(&receiver.media().payload[..], DELTA);
}

#[test]
fn m3_an_m_line_that_shows_someone_else_goes_on_counting() {
    let node = Node::new();
    let (one, two) = (camera(1111), camera(2222));
    let (mut first, _) = node.join(1, &[one]);
    let (mut second, _) = node.join(2, &[two]);
    let (mut receiver, _) = node.join(3, &[shown()]);
    node.forward(3, &[track(1, "1")]);
    assert_eq!(node.expect_bound(3, Some(track(1, "1"))), "0");
    first.send(&one, 40_000, 1, KEY);
    let before = receiver.media().header;
    node.forward(3, &[track(2, "1")]);
    assert_eq!(node.expect_bound(3, Some(track(2, "1"))), "0");
    second.control::<PictureLossIndication>(|pli| pli.media_ssrc == 2222);
    first.send(&one, 40_001, 3_001, DELTA);
    second.send(&two, 7, 900_000, KEY);
    let after = receiver.media().header;
    assert_eq!(after.ssrc, before.ssrc);
    assert_eq!(after.sequence_number, before.sequence_number.wrapping_add(1));
    let step = after.timestamp.wrapping_sub(before.timestamp);
    assert!((1..900_000).contains(&step), "time goes on by what passed: {step}");
}

#[test]
fn too_few_m_lines_are_wanted_and_then_used() {
    let node = Node::new();
    let (_first, _) = node.join(1, &[camera(1111), Line::sends("0", "audio", 111, 5)]);
    let (_second, _) = node.join(2, &[camera(2222)]);
    let (receiver, _) = node.join(3, &[shown()]);
    node.forward(3, &[track(1, "1"), track(1, "0"), track(2, "1")]);
    node.expect(|event| *event == MediaEvent::Wanted { peer: 3, audio: 1, video: 2 });
    let more = [shown(), Line::receives("5", "audio", 109), Line { mid: "6", ..shown() }];
    node.offer(3, receiver.offer(&more)).unwrap();
    assert_eq!(node.expect_bound(3, Some(track(1, "0"))), "5");
    assert_eq!(node.expect_bound(3, Some(track(2, "1"))), "6");
}

#[test]
fn a_track_that_ends_frees_its_m_line() {
    let node = Node::new();
    let line = camera(1111);
    let mut publisher = Client::new(1, node.address());
    let answer = node.offer(1, publisher.offer(&[line])).unwrap();
    let up = MediaEvent::TrackUp { track: track(1, "1"), kind: Kind::Video };
    node.expect(|event| *event == up);
    publisher.connect(&answer);
    let (_receiver, _) = node.join(2, &[shown()]);
    node.forward(2, &[track(1, "1")]);
    node.expect_bound(2, Some(track(1, "1")));
    let idle = Line { direction: "inactive", ..line };
    let answer = node.offer(1, publisher.offer(&[idle])).unwrap();
    assert!(section(&answer, "1").contains("a=inactive"));
    node.expect(|event| *event == MediaEvent::TrackDown { track: track(1, "1") });
    assert_eq!(node.expect_bound(2, None), "0");
    node.offer(1, publisher.offer(&[line])).unwrap();
    assert_eq!(node.expect_bound(2, Some(track(1, "1"))), "0", "the wish still stands");
}

#[test]
fn a_rejoin_replaces_the_peer_and_is_shown_again() {
    let node = Node::new();
    let line = camera(1111);
    let (old, _) = node.join(1, &[line]);
    let (mut receiver, _) = node.join(2, &[shown()]);
    node.forward(2, &[track(1, "1")]);
    node.expect_bound(2, Some(track(1, "1")));
    let mut new = Client::new(900, old.node);
    let again = Line { ssrc: 3333, ..line };
    let answer = node.offer(1, new.offer(&[again])).unwrap();
    node.expect(|event| *event == MediaEvent::TrackDown { track: track(1, "1") });
    node.expect_bound(2, None);
    node.expect_bound(2, Some(track(1, "1")));
    new.connect(&answer);
    new.send(&again, 1, 0, KEY);
    assert_eq!(&receiver.media().payload[..], KEY);
    assert_eq!(node.count("peers"), 2);
}

#[test]
fn m2_a_hushed_track_is_not_heard_until_it_is_released() {
    let node = Node::new();
    let line = camera(1111);
    let (mut publisher, _) = node.join(1, &[line]);
    let (mut receiver, _) = node.join(2, &[shown()]);
    node.forward(2, &[track(1, "1")]);
    node.expect_bound(2, Some(track(1, "1")));
    publisher.send(&line, 1, 0, KEY);
    let before = receiver.media().header.sequence_number;
    let hush = |hushed| Order::Hush { peer: 1, track: track(1, "1"), hushed };
    node.order(hush(true));
    stats(&node); // Orders are obeyed in turn: the hush is in force when this is answered.
    publisher.send(&line, 2, 0, KEY);
    assert!(receiver.hear(QUIET).is_none());
    node.order(hush(false));
    stats(&node);
    publisher.send(&line, 3, 0, KEY);
    let after = receiver.media().header.sequence_number;
    assert_eq!(after, before.wrapping_add(1), "what was hushed leaves no gap to ask for");
    assert_eq!(node.count("hushed"), 1);
}

fn stats(node: &Node) -> Vec<node::media::PeerStats> {
    let (reply, answer) = mpsc::channel();
    node.order(Order::Stats { reply: Box::new(move |stats| drop(reply.send(stats))) });
    answer.recv().unwrap()
}

#[test]
fn figures_tell_what_was_sent_and_received() {
    let node = Node::new();
    let line = camera(1111);
    let (mut publisher, _) = node.join(1, &[line]);
    let (mut receiver, _) = node.join(2, &[shown()]);
    node.forward(2, &[track(1, "1")]);
    node.expect_bound(2, Some(track(1, "1")));
    publisher.send(&line, 1, 0, KEY);
    receiver.media();
    let stats = stats(&node);
    let of = |peer| stats.iter().find(|stats| stats.peer == peer).unwrap();
    assert_eq!((of(1).packets_in, of(1).published, of(1).connected), (1, 1, true));
    assert_eq!((of(2).packets_out, of(2).shown), (1, 1));
}

#[test]
fn a_moment_is_told_on_the_nodes_clock() {
    let node = Node::new();
    let line = camera(1111);
    let (mut publisher, _) = node.join(1, &[line]);
    let (mut receiver, _) = node.join(2, &[shown()]);
    node.forward(2, &[track(1, "1")]);
    node.expect_bound(2, Some(track(1, "1")));
    publisher.send(&line, 1, 90_000, KEY);
    let shown = receiver.media().header;
    let said =
        SenderReport { ssrc: 1111, ntp_time: 5 << 32, rtp_time: 90_000 + 45, ..Default::default() };
    publisher.send_control(&said);
    let told = receiver.control::<SenderReport>(|report| report.ssrc == shown.ssrc);
    assert_eq!(told.rtp_time.wrapping_sub(shown.timestamp), 45);
    assert!(told.ntp_time >> 32 > 3_900_000_000, "not the publisher's year 1900");
}

#[test]
fn a_join_takes_milliseconds() {
    let node = Node::new();
    let mut times: Vec<Duration> = (0..10)
        .map(|peer| {
            let mut client = Client::new(peer, node.address());
            let answer = node.offer(u128::from(peer), client.offer(&[shown()])).unwrap();
            client.connect(&answer)
        })
        .collect();
    times.sort();
    // Far above what it takes, far below any timer that could hide in the way.
    assert!(times[5] < Duration::from_millis(150), "{times:?}");
}

#[test]
fn those_who_leave_are_gone() {
    let config = MediaConfig { silence_max: Duration::from_millis(400), ..MediaConfig::default() };
    let node = Node::with(config);
    let (mut polite, _) = node.join(1, &[camera(1111)]);
    let (_silent, _) = node.join(2, &[shown()]);
    polite.hang_up();
    node.expect(|event| *event == MediaEvent::Gone { peer: 1 });
    node.expect(|event| *event == MediaEvent::Gone { peer: 2 });
    node.order(Order::Close { peer: 1 });
    stats(&node);
    assert_eq!(node.count("peers"), 0);
}

#[test]
fn one_socket_serves_both_families() {
    let listen = "[::]:0".parse().unwrap();
    let node = Node::with(MediaConfig { listen, ..MediaConfig::default() });
    let line = camera(1111);
    let (mut publisher, _) = node.join(1, &[line]);
    let (mut receiver, _) = node.join(2, &[shown()]);
    node.forward(2, &[track(1, "1")]);
    node.expect_bound(2, Some(track(1, "1")));
    publisher.send(&line, 1, 0, KEY);
    assert_eq!(&receiver.media().payload[..], KEY);
}

#[test]
fn there_is_room_for_so_many() {
    let node = Node::with(MediaConfig { peers_max: 1, ..MediaConfig::default() });
    let (client, _) = node.join(1, &[shown()]);
    assert_eq!(node.offer(2, client.offer(&[shown()])), Err(MediaFault::Full));
    assert!(node.offer(1, client.offer(&[shown()])).is_ok(), "a renegotiation is no newcomer");
}

#[test]
fn m1_hostile_datagrams_and_offers_harm_nobody() {
    let node = Node::new();
    let line = camera(1111);
    let (mut publisher, _) = node.join(1, &[line]);
    let (mut receiver, _) = node.join(2, &[shown()]);
    node.forward(2, &[track(1, "1")]);
    node.expect_bound(2, Some(track(1, "1")));
    let mut seed = 1u32;
    let mut chance = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed >> 8
    };
    let stranger = Client::new(77, node.address());
    let sealed = publisher.seal(&packet(&line, 1, 0, KEY));
    let check = publisher.check(&format!("{}:theirs", publisher.remote.0), "wrong");
    for n in 0..3_000u32 {
        let mut junk = match n % 4 {
            0 => (0..chance() % 1_400).map(|_| chance() as u8).collect(),
            1 => sealed.clone(),
            2 => check.clone(),
            _ => [22, 0xfe, 0xfd].iter().copied().chain((0..60).map(|_| chance() as u8)).collect(),
        };
        if n % 4 != 0 {
            let at = chance() as usize % junk.len();
            junk[at] ^= 1 << (chance() % 8);
        }
        stranger.raw(&junk);
        publisher.raw(&junk); // The same from an address that is trusted.
        if n % 64 == 0 {
            stats(&node); // Keeps the kernel's buffer from dropping what shall be judged.
        }
    }
    for bad in ["", "v=0", "m=", &"a".repeat(1 << 20)] {
        assert!(node.offer(9, bad.to_owned()).is_err());
    }
    publisher.send(&line, 2, 0, KEY);
    assert_eq!(&receiver.media().payload[..], KEY);
    assert_eq!(node.count("faults"), 0);
    assert_eq!(node.count("peers"), 2);
}
