//! One receiving m-line: an outgoing stream that shows whichever track it is bound to.
//!
//! # Invariants
//! - **M10** A picture begins with a key frame, so no decoder mixes two people; only after
//!   [`KEY_PATIENCE`] without one is the payload taken to be sealed and sent as it comes.

use std::time::Instant;

use super::answer::{Numbers, Terms};
use super::codec::{self, Name};
use super::keyframe;
use super::limits::{KEY_PATIENCE, RESEND_PER_SECOND_MAX};
use super::publish::Publish;
use super::rewrite::Rewriter;
use super::ring::Kept;
use super::rtp::{Head, View};
use super::words::{Kind, TrackKey};

/// How one of the publisher's codecs is sent here.
#[derive(Debug, Clone, Copy)]
struct Route {
    from: u8,
    to: u8,
    rtx: Option<u8>,
    name: Name,
}

/// What is shown, and how its numbers translate.
#[derive(Debug)]
struct Binding {
    track: TrackKey,
    routes: Vec<Route>,
    /// Header extensions: their identifier, then ours.
    extensions: Vec<(u8, u8)>,
    /// Whether a key frame must come first, and since when other packets came instead.
    waits: bool,
    waits_since: Option<Instant>,
}

/// An outgoing stream.
#[derive(Debug)]
pub(super) struct Show {
    pub(super) kind: Kind,
    pub(super) terms: Terms,
    pub(super) numbers: Numbers,
    rewriter: Rewriter,
    binding: Option<Binding>,
    rtx_seq: u16,
    /// Packets and payload bytes sent, for sender reports.
    pub(super) sent: (u32, u32),
    /// What the receiver last reported lost, in 256ths.
    pub(super) fraction_lost: u8,
    budget: (Option<Instant>, u32),
}

/// What shall be done with a packet on this m-line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// It was written: header length, SSRC and sequence number, for sealing.
    Written(usize, u32, u16),
    /// A key frame must come first.
    NeedsKey,
    /// The receiver has not negotiated this codec.
    Unknown,
    /// Not of this binding.
    Stale,
}

impl Show {
    /// An m-line that shows nothing yet. `start` is its first sequence number.
    pub(super) fn new(kind: Kind, terms: Terms, numbers: Numbers, start: u16) -> Show {
        let clock = if kind == Kind::Audio { Name::Opus.clock() } else { Name::Vp8.clock() };
        Show {
            kind,
            terms,
            numbers,
            rewriter: Rewriter::new(clock, start),
            binding: None,
            rtx_seq: start,
            sent: (0, 0),
            fraction_lost: 0,
            budget: (None, 0),
        }
    }

    /// What is shown.
    pub(super) fn track(&self) -> Option<TrackKey> {
        self.binding.as_ref().map(|binding| binding.track)
    }

    /// Shows a track, or nothing, from now on. Also after either side's terms have changed.
    pub(super) fn bind(&mut self, publish: Option<&Publish>) {
        self.rewriter.rebind();
        self.binding = publish.map(|publish| {
            assert_eq!(publish.kind, self.kind, "M4");
            let route = |sent: &codec::Codec| {
                let ours = codec::translate(sent, &self.terms.codecs)?;
                let (from, to) = (sent.payload_type, ours.payload_type);
                Some(Route { from, to, rtx: ours.rtx, name: ours.name })
            };
            Binding {
                track: publish.track,
                routes: publish.terms.codecs.iter().filter_map(route).collect(),
                extensions: publish.terms.extensions.towards(&self.terms.extensions),
                waits: self.kind == Kind::Video,
                waits_since: None,
            }
        });
    }

    /// Begins anew with the same track, as after moderation: numbers go on, pictures need a key.
    pub(super) fn resume(&mut self) {
        self.rewriter.rebind();
        if let Some(binding) = &mut self.binding {
            (binding.waits, binding.waits_since) = (self.kind == Kind::Video, None);
        }
    }

    /// Writes a packet of the bound track as this receiver shall see it.
    pub(super) fn write(
        &mut self,
        view: &View,
        packet: &[u8],
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Shown {
        let Some(binding) = &mut self.binding else {
            return Shown::Stale;
        };
        let Some(route) = binding.routes.iter().find(|route| route.from == view.payload_type)
        else {
            return Shown::Unknown;
        };
        let payload = &packet[view.header_len..];
        if binding.waits {
            let since = *binding.waits_since.get_or_insert(now);
            let patient = now.saturating_duration_since(since) < KEY_PATIENCE;
            if patient && !keyframe::starts_picture(route.name, payload) {
                return Shown::NeedsKey; // M10
            }
            binding.waits = false;
        }
        let to = route.to;
        let Some((seq, timestamp)) = self.rewriter.map(view.seq, view.timestamp, now) else {
            return Shown::Stale;
        };
        let ssrc = self.numbers.ssrc;
        let head = Head { payload_type: to, seq, timestamp, ssrc, ..head(view) };
        let len = write_head(&head, view, packet, &binding.extensions, out);
        out.extend_from_slice(payload);
        self.sent.0 = self.sent.0.wrapping_add(1);
        self.sent.1 = self.sent.1.wrapping_add(payload.len() as u32);
        Shown::Written(len, ssrc, seq)
    }

    /// The publisher's number of a packet the receiver is missing, within what it may ask for.
    pub(super) fn source(&mut self, seq: u16, now: Instant) -> Option<u16> {
        let (since, asked) = &mut self.budget;
        if since.is_none_or(|at| now.saturating_duration_since(at).as_secs() >= 1) {
            (*since, *asked) = (Some(now), 0);
        }
        *asked += 1;
        if *asked > RESEND_PER_SECOND_MAX { None } else { self.rewriter.source(seq) }
    }

    /// Writes a kept packet again: as a retransmission where the receiver knows those.
    pub(super) fn rewrite(&mut self, kept: &Kept, seq: u16, out: &mut Vec<u8>) -> Shown {
        let Kept { view, packet } = kept;
        let Some(binding) = &self.binding else {
            return Shown::Stale;
        };
        let Some(route) = binding.routes.iter().find(|route| route.from == view.payload_type)
        else {
            return Shown::Unknown;
        };
        let Some(timestamp) = self.rewriter.timestamp(view.timestamp) else {
            return Shown::Stale;
        };
        let payload = &packet[view.header_len..];
        let plain = (route.to, self.numbers.ssrc, seq);
        let (payload_type, ssrc, number) = match route.rtx {
            None => plain,
            Some(rtx) => {
                self.rtx_seq = self.rtx_seq.wrapping_add(1);
                (rtx, self.numbers.rtx_ssrc, self.rtx_seq)
            }
        };
        let head = Head { payload_type, seq: number, timestamp, ssrc, ..head(view) };
        let len = write_head(&head, view, packet, &binding.extensions, out);
        if route.rtx.is_some() {
            out.extend_from_slice(&seq.to_be_bytes());
        }
        out.extend_from_slice(payload);
        Shown::Written(len, ssrc, number)
    }

    /// The outgoing timestamp of a moment of the bound track, once it flows.
    pub(super) fn timestamp(&self, timestamp: u32) -> Option<u32> {
        self.rewriter.timestamp(timestamp).filter(|_| self.rewriter.is_begun())
    }
}

fn head(view: &View) -> Head {
    let View { marker, padding, payload_type, seq, timestamp, ssrc, .. } = *view;
    Head { marker, padding, payload_type, seq, timestamp, ssrc }
}

/// Writes the header with those extensions the receiver knows, under its own identifiers.
fn write_head(
    head: &Head,
    view: &View,
    packet: &[u8],
    extensions: &[(u8, u8)],
    out: &mut Vec<u8>,
) -> usize {
    const KEPT_MAX: usize = 4;
    let mut kept: [(u8, &[u8]); KEPT_MAX] = [(0, &[]); KEPT_MAX];
    let mut len = 0;
    if !extensions.is_empty() {
        for (theirs, value) in view.extensions(packet) {
            let ours = extensions.iter().find(|(from, _)| *from == theirs);
            if let (Some((_, ours)), true) = (ours, len < KEPT_MAX) {
                kept[len] = (*ours, value);
                len += 1;
            }
        }
    }
    head.write(&kept[..len], out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::codec::{Codec, Extension, ExtensionIds};
    use bytes::Bytes;
    use std::time::Duration;

    fn terms(payload_type: u8, rtx: Option<u8>, level: u8) -> Terms {
        let name = Name::Vp8;
        let codec = Codec { payload_type, name, fmtp: None, rtx, feedback: vec![] };
        let extensions = ExtensionIds(vec![(Extension::Orientation, level)]);
        Terms { codecs: vec![codec], extensions }
    }

    fn publish(publisher: u128) -> Publish {
        let track = TrackKey { publisher, mid: "1".parse().unwrap() };
        Publish::new(track, Kind::Video, terms(96, Some(97), 5))
    }

    fn show(rtx: Option<u8>) -> Show {
        let numbers = Numbers { ssrc: 70, rtx_ssrc: 71, ordinal: 0 };
        Show::new(Kind::Video, terms(120, rtx, 9), numbers, 100)
    }

    const KEY: &[u8] = &[0x10, 0x00, 1];
    const DELTA: &[u8] = &[0x10, 0x01, 2];

    fn packet(seq: u16, payload: &[u8]) -> (View, Bytes) {
        let head =
            Head { marker: true, padding: false, payload_type: 96, seq, timestamp: 3_000, ssrc: 1 };
        let mut out = Vec::new();
        head.write(&[(5, b"o"), (6, b"x")], &mut out);
        out.extend_from_slice(payload);
        (View::parse(&out).unwrap(), out.into())
    }

    fn send(show: &mut Show, seq: u16, payload: &[u8], now: Instant) -> (Shown, Vec<u8>) {
        let (view, bytes) = packet(seq, payload);
        let mut out = Vec::new();
        (show.write(&view, &bytes, now, &mut out), out)
    }

    #[test]
    fn numbers_and_extensions_are_the_receivers() {
        let now = Instant::now();
        let mut show = show(None);
        show.bind(Some(&publish(1)));
        let (shown, out) = send(&mut show, 7, KEY, now);
        let view = View::parse(&out).unwrap();
        assert_eq!(shown, Shown::Written(view.header_len, 70, 100));
        assert_eq!((view.payload_type, view.ssrc, view.seq), (120, 70, 100));
        assert_eq!(view.extensions(&out).collect::<Vec<_>>(), [(9, &b"o"[..])]);
        assert_eq!(&out[view.header_len..], KEY);
    }

    #[test]
    fn m10_a_picture_begins_with_a_key_frame_or_after_patience() {
        let now = Instant::now();
        let mut show = show(None);
        show.bind(Some(&publish(1)));
        assert_eq!(send(&mut show, 1, DELTA, now).0, Shown::NeedsKey);
        assert!(matches!(send(&mut show, 2, KEY, now).0, Shown::Written(_, _, 100)));
        assert!(matches!(send(&mut show, 3, DELTA, now).0, Shown::Written(_, _, 101)));
        show.bind(Some(&publish(2)));
        assert_eq!(send(&mut show, 900, DELTA, now).0, Shown::NeedsKey);
        let later = now + KEY_PATIENCE + Duration::from_millis(1);
        assert!(matches!(send(&mut show, 901, DELTA, later).0, Shown::Written(_, _, 102)));
    }

    #[test]
    fn m2_nothing_is_written_unbound() {
        let now = Instant::now();
        let mut show = show(None);
        assert_eq!(send(&mut show, 1, KEY, now).0, Shown::Stale);
        show.bind(Some(&publish(1)));
        show.bind(None);
        assert_eq!(send(&mut show, 1, KEY, now).0, Shown::Stale);
    }

    #[test]
    fn a_missing_packet_is_repeated_as_the_receiver_understands() {
        let now = Instant::now();
        for rtx in [None, Some(121)] {
            let mut show = show(rtx);
            show.bind(Some(&publish(1)));
            let (_, first) = send(&mut show, 7, KEY, now);
            assert_eq!(show.source(100, now), Some(7));
            let (view, packet) = packet(7, KEY);
            let mut out = Vec::new();
            show.rewrite(&Kept { view, packet }, 100, &mut out);
            let again = View::parse(&out).unwrap();
            match rtx {
                // Byte for byte the same, or a nonce would seal two texts.
                None => assert_eq!(out, first),
                Some(_) => {
                    assert_eq!((again.payload_type, again.ssrc), (121, 71));
                    assert_eq!(&out[again.header_len..], [&[0, 100], KEY].concat());
                }
            }
        }
    }

    #[test]
    fn a_greedy_receiver_is_held_to_its_budget() {
        let now = Instant::now();
        let mut show = show(None);
        show.bind(Some(&publish(1)));
        send(&mut show, 7, KEY, now);
        let served = (0..5_000).filter(|_| show.source(100, now).is_some()).count();
        assert_eq!(served, RESEND_PER_SECOND_MAX as usize);
        assert!(show.source(100, now + Duration::from_secs(1)).is_some());
    }
}
