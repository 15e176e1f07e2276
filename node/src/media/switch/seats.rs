//! Who is shown on which m-line: carries out what [`bind`] plans.

use std::time::Instant;

use super::Switch;
use crate::media::bind;
use crate::media::counters::add;
use crate::media::publish::Seat;
use crate::media::report;
use crate::media::show::Show;
use crate::media::words::{Kind, MediaEvent, TrackKey};

impl Switch {
    pub(super) fn arrange_all_who_wish(&mut self, track: TrackKey, now: Instant) {
        let wishing = self.wishes.iter().filter(|(_, wishes)| wishes.contains(&track));
        let peers: Vec<usize> =
            wishing.filter_map(|(peer, _)| self.by_key.get(peer).copied()).collect();
        peers.into_iter().for_each(|ix| self.arrange(ix, now));
    }

    pub(super) fn show(&mut self, seat: Seat) -> Option<&mut Show> {
        self.peers.get_mut(seat.peer)?.as_mut()?.show(seat.line)
    }

    pub(super) fn tell_bound(&mut self, seat: Seat, track: Option<TrackKey>) {
        if let Some(peer) = self.peers.get(seat.peer).and_then(Option::as_ref)
            && let Some(mid) = peer.lines.get(seat.line).and_then(|line| line.mid)
        {
            let (peer, mid) = (peer.key, mid.to_string());
            (self.outlet)(MediaEvent::Bound { peer, mid, track });
        }
    }

    /// Fits a receiver's m-lines to its wishes.
    pub(super) fn arrange(&mut self, ix: usize, now: Instant) {
        let Some(peer) = self.peers.get_mut(ix).and_then(Option::as_mut) else {
            return;
        };
        let (key, places) = (peer.key, peer.places());
        let wishes = self.wishes.get(&key).cloned().unwrap_or_default();
        let mut up = Vec::with_capacity(wishes.len());
        for track in wishes {
            // Nobody is shown themselves.
            let Some(seat) = self.tracks.get(&track).filter(|seat| seat.peer != ix) else {
                continue;
            };
            let publisher = self.peers[seat.peer].as_mut();
            let publish = publisher.and_then(|publisher| publisher.publish(seat.line));
            up.extend(publish.map(|publish| (track, publish.kind)));
        }
        let plan = bind::plan(&places, &up);
        for (line, track) in plan.changes {
            let seat = Seat { peer: ix, line };
            let before = self.show(seat).and_then(|show| show.track());
            self.unseat(before, seat);
            self.seat(seat, track, now);
            self.tell_bound(seat, track);
        }
        if let Some(peer) = self.peers[ix].as_mut()
            && peer.wanted_told != plan.wanted
        {
            peer.wanted_told = plan.wanted;
            if let Some((audio, video)) = plan.wanted {
                (self.outlet)(MediaEvent::Wanted { peer: key, audio, video });
            }
        }
    }

    /// Shows a track on an m-line, or nothing.
    pub(super) fn seat(&mut self, seat: Seat, track: Option<TrackKey>, now: Instant) {
        let source = track.and_then(|track| self.tracks.get(&track).copied());
        let Some(source) = source else {
            if let Some(show) = self.show(seat) {
                show.bind(None);
            }
            return;
        };
        let Ok([Some(publisher), Some(receiver)]) =
            self.peers.get_disjoint_mut([source.peer, seat.peer])
        else {
            return;
        };
        let (Some(publish), Some(show)) =
            (publisher.publish(source.line), receiver.show(seat.line))
        else {
            return;
        };
        show.bind(Some(publish));
        if !publish.seats.contains(&seat) {
            publish.seats.push(seat);
        }
        self.want_key(source, now);
    }

    pub(super) fn unseat(&mut self, track: Option<TrackKey>, seat: Seat) {
        let source = track.and_then(|track| self.tracks.get(&track).copied());
        if let Some(source) = source
            && let Some(publisher) = self.peers[source.peer].as_mut()
            && let Some(publish) = publisher.publish(source.line)
        {
            publish.seats.retain(|known| *known != seat);
        }
    }

    /// Asks a publisher for a key frame, now or as soon as manners allow.
    pub(super) fn want_key(&mut self, source: Seat, now: Instant) {
        let Some(peer) = self.peers[source.peer].as_mut().filter(|peer| peer.crypt.is_ready())
        else {
            return;
        };
        let own = peer.ssrc;
        let wanted = peer.publish(source.line).filter(|publish| publish.kind == Kind::Video);
        if let Some(publish) = wanted
            && publish.wants_key(now)
            && let Some(ssrc) = publish.ssrc
        {
            add(&self.counters.keys_asked, 1);
            if peer.push_control(report::key(own, ssrc)) {
                self.dirty.push(source.peer);
            }
        }
    }
}
