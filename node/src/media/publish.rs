//! One published track: what comes in on a browser's sending m-line.

use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::answer::Terms;
use super::codec::{Extension, Name};
use super::limits::KEY_PAUSE;
use super::reception::{Arrival, Reception};
use super::ring::Ring;
use super::rtp::View;
use super::speaker::{Ear, Heard};
use super::words::{Kind, TrackKey};

/// A receiver's m-line that shows this track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seat {
    pub(super) peer: usize,
    pub(super) line: usize,
}

/// A track and its books.
#[derive(Debug)]
pub(super) struct Publish {
    pub(super) track: TrackKey,
    pub(super) kind: Kind,
    pub(super) terms: Terms,
    pub(super) ssrc: Option<u32>,
    pub(super) rtx_ssrc: Option<u32>,
    pub(super) seats: Vec<Seat>,
    pub(super) ring: Ring,
    pub(super) reception: Reception,
    pub(super) hushed: bool,
    ear: Ear,
    key_asked: Option<Instant>,
    key_owed: bool,
}

/// What became of a packet.
#[derive(Debug)]
pub(super) enum Taken {
    /// To be forwarded.
    Fresh(View, Bytes),
    /// To be dropped: a duplicate, a probe, or moderation.
    Spent,
    /// To be dropped: silenced by moderation.
    Hushed,
}

impl Publish {
    /// A track that was just offered.
    pub(super) fn new(track: TrackKey, kind: Kind, terms: Terms) -> Publish {
        let clock = if kind == Kind::Audio { Name::Opus.clock() } else { Name::Vp8.clock() };
        Publish {
            track,
            kind,
            terms,
            ssrc: None,
            rtx_ssrc: None,
            seats: Vec::new(),
            ring: Ring::default(),
            reception: Reception::new(clock),
            hushed: false,
            ear: Ear::default(),
            key_asked: None,
            key_owed: false,
        }
    }

    /// Whether this payload type marks retransmissions.
    pub(super) fn is_rtx(&self, payload_type: u8) -> bool {
        self.terms.codecs.iter().any(|codec| codec.rtx == Some(payload_type))
    }

    /// Takes an opened packet of this track. A retransmission is turned into what it repeats.
    pub(super) fn take(
        &mut self,
        view: View,
        packet: BytesMut,
        now: Instant,
        micros: u64,
    ) -> Taken {
        let is_rtx = self.is_rtx(view.payload_type);
        let unwrapped =
            if is_rtx { self.unwrap(&view, &packet) } else { Some((view, packet.freeze())) };
        let Some((view, packet)) = unwrapped else {
            return Taken::Spent;
        };
        let arrival = self.reception.enter(view.seq, now);
        if arrival == Arrival::Old {
            return Taken::Spent;
        }
        if arrival == Arrival::New && !is_rtx {
            self.reception.time(view.timestamp, micros);
        }
        if self.hushed {
            return Taken::Hushed;
        }
        if self.kind == Kind::Video {
            self.ring.keep(view, packet.clone());
        }
        Taken::Fresh(view, packet)
    }

    /// What a retransmission repeats (RFC 4588); `None` for padding that only probes bandwidth.
    fn unwrap(&self, view: &View, packet: &BytesMut) -> Option<(View, Bytes)> {
        let codec = self.terms.codecs.iter().find(|codec| codec.rtx == Some(view.payload_type))?;
        let padding = if view.padding { usize::from(*packet.last()?) } else { 0 };
        let end = packet.len().checked_sub(padding).filter(|end| *end > view.header_len + 2)?;
        let mut whole = BytesMut::with_capacity(end);
        whole.extend_from_slice(&packet[..view.header_len]);
        whole.extend_from_slice(&packet[view.header_len + 2..end]);
        whole[0] &= !0x20;
        whole[1] = (whole[1] & 0x80) | codec.payload_type;
        whole[2..4].copy_from_slice(&packet[view.header_len..view.header_len + 2]);
        whole[8..12].copy_from_slice(&self.ssrc?.to_be_bytes());
        Some((View::parse(&whole)?, whole.freeze()))
    }

    /// Hears how loud a packet is.
    pub(super) fn hear(&mut self, view: &View, packet: &[u8], now: Instant) -> Option<Heard> {
        let id = self.terms.extensions.id(Extension::Level).filter(|_| self.kind == Kind::Audio)?;
        let (_, value) = view.extensions(packet).find(|(known, _)| *known == id)?;
        self.ear.hear(*value.first()?, now)
    }

    /// Notices silence.
    pub(super) fn listen(&mut self, now: Instant) -> Option<Heard> {
        self.ear.tick(now)
    }

    /// Someone needs a key frame. True if it shall be asked for at once; otherwise it is owed.
    pub(super) fn wants_key(&mut self, now: Instant) -> bool {
        let rested = self.key_asked.is_none_or(|at| now.saturating_duration_since(at) >= KEY_PAUSE);
        self.key_owed = !rested;
        if rested {
            self.key_asked = Some(now);
        }
        rested
    }

    /// Whether a key frame is owed and may be asked for now.
    pub(super) fn owes_key(&mut self, now: Instant) -> bool {
        self.key_owed && self.wants_key(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::codec::Codec;
    use crate::media::rtp::Head;
    use std::time::Duration;

    fn publish() -> Publish {
        let track = TrackKey { publisher: 1, mid: "1".parse().unwrap() };
        let codec = Codec {
            payload_type: 96,
            name: Name::Vp8,
            fmtp: None,
            rtx: Some(97),
            feedback: vec![],
        };
        let terms = Terms { codecs: vec![codec], ..Terms::default() };
        let mut publish = Publish::new(track, Kind::Video, terms);
        publish.ssrc = Some(5);
        publish
    }

    fn packet(payload_type: u8, seq: u16, payload: &[u8]) -> (View, BytesMut) {
        let head = Head { marker: true, padding: false, payload_type, seq, timestamp: 9, ssrc: 6 };
        let mut out = Vec::new();
        head.write(&[(1, b"x")], &mut out);
        out.extend_from_slice(payload);
        (View::parse(&out).unwrap(), out[..].into())
    }

    #[test]
    fn a_retransmission_fills_its_gap_once() {
        let mut publish = publish();
        let now = Instant::now();
        for seq in [10, 12] {
            let (view, bytes) = packet(96, seq, b"media");
            assert!(matches!(publish.take(view, bytes, now, 0), Taken::Fresh(..)));
        }
        let (view, bytes) = packet(97, 900, b"\x00\x0brepeated");
        let Taken::Fresh(view, bytes) = publish.take(view, bytes, now, 0) else { panic!() };
        assert_eq!((view.seq, view.payload_type, view.ssrc), (11, 96, 5));
        assert_eq!(&bytes[view.header_len..], b"repeated");
        let (view, bytes) = packet(96, 11, b"late original");
        assert!(matches!(publish.take(view, bytes, now, 0), Taken::Spent));
        assert_eq!(&publish.ring.find(11).unwrap().packet[view.header_len..], b"repeated");
    }

    #[test]
    fn probes_and_stumps_are_spent() {
        let mut publish = publish();
        for payload in [&b""[..], b"\x00", b"\x00\x0b"] {
            let (view, bytes) = packet(97, 900, payload);
            assert!(matches!(publish.take(view, bytes, Instant::now(), 0), Taken::Spent));
        }
    }

    #[test]
    fn key_frames_are_asked_for_with_pauses_and_none_is_forgotten() {
        let mut publish = publish();
        let now = Instant::now();
        assert!(publish.wants_key(now));
        assert!(!publish.wants_key(now + Duration::from_millis(10)));
        assert!(!publish.owes_key(now + Duration::from_millis(20)));
        assert!(publish.owes_key(now + KEY_PAUSE));
        assert!(!publish.owes_key(now + KEY_PAUSE * 3), "asked once for each need");
    }
}
