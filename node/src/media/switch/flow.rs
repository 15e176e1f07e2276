//! Packets through the table: who sent this, and who shall have it.

use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use bytes::Bytes;

use super::Switch;
use crate::media::counters::add;
use crate::media::crypt::Fact;
use crate::media::ice::Check;
use crate::media::limits;
use crate::media::peer::{Path, Peer};
use crate::media::publish::{Seat, Taken};
use crate::media::report::{self, Said};
use crate::media::rtp::{Class, View, classify};
use crate::media::show::Shown;
use crate::media::words::MediaEvent;

impl Switch {
    /// Takes one datagram. Whatever happens, it concerns at most one peer (M1).
    pub(in crate::media) fn receive(
        &mut self,
        now: Instant,
        from: SocketAddr,
        to: Option<IpAddr>,
        datagram: &[u8],
    ) {
        self.current = None;
        let step = AssertUnwindSafe(|| self.dispatch(now, from, to, datagram));
        if catch_unwind(step).is_err() {
            self.blame(now);
        }
    }

    /// Ends the peer whose handling panicked. If ending it panics too, it is only forgotten.
    pub(super) fn blame(&mut self, now: Instant) {
        add(&self.counters.faults, 1);
        let Some(ix) = self.current.take() else {
            return;
        };
        let Some(key) = self.peers[ix].as_ref().map(|peer| peer.key) else {
            return;
        };
        tracing::error!(peer = %key, "handling a peer failed; it is dropped");
        let step = AssertUnwindSafe(|| self.drop_peer(ix, now));
        if catch_unwind(step).is_err() {
            self.peers[ix] = None;
        }
        (self.outlet)(MediaEvent::Gone { peer: key });
    }

    fn dispatch(&mut self, now: Instant, from: SocketAddr, to: Option<IpAddr>, datagram: &[u8]) {
        add(&self.counters.datagrams_in, 1);
        add(&self.counters.bytes_in, datagram.len() as u64);
        let class = classify(datagram);
        if class == Some(Class::Stun) {
            return self.stun(now, Path { to: from, from: to }, datagram);
        }
        let (Some(class), Some(&ix)) = (class, self.by_address.get(&from)) else {
            return add(&self.counters.strange, 1);
        };
        self.current = Some(ix);
        match class {
            Class::Rtp => self.media(ix, now, datagram),
            Class::Rtcp => self.control(ix, now, datagram),
            Class::Dtls => self.handshake(ix, now, datagram),
            Class::Stun => {}
        }
    }

    fn stun(&mut self, now: Instant, path: Path, datagram: &[u8]) {
        let check = Check::read(datagram);
        let owner = check.as_ref().and_then(|check| self.by_ufrag.get(check.ufrag()).copied());
        let (Some(check), Some(ix)) = (check, owner) else {
            return add(&self.counters.strange, 1);
        };
        self.current = Some(ix);
        let Some(peer) = self.peers[ix].as_mut() else {
            return;
        };
        let nominates = check.is_nomination();
        let password = &peer.credentials.password;
        let Some(answer) = check.answer(path.to, password, self.identity.crypto()) else {
            return add(&self.counters.refused, 1);
        };
        peer.heard = now;
        // The browser decides which way to use; until it has, the first that works will do.
        if nominates || peer.path.is_none() {
            peer.path = Some(path);
        }
        // The address proven longest ago gives way; it may be someone else's by now.
        peer.addresses.retain(|known| *known != path.to);
        peer.addresses.push(path.to);
        if peer.addresses.len() > limits::ADDRESSES_MAX {
            let oldest = peer.addresses.remove(0);
            if self.by_address.get(&oldest) == Some(&ix) {
                self.by_address.remove(&oldest);
            }
        }
        self.by_address.insert(path.to, ix);
        add(&self.counters.stun_answered, 1);
        // The answer goes back where the question came from, whichever way media takes.
        if peer.path == Some(path) {
            if peer.push(&answer) {
                self.dirty.push(ix);
            }
        } else {
            self.aside.push((path, answer));
        }
    }

    fn handshake(&mut self, ix: usize, now: Instant, datagram: &[u8]) {
        let Some(peer) = self.peers[ix].as_mut() else {
            return;
        };
        let was_ready = peer.crypt.is_ready();
        let fact = peer.crypt.handshake(now, datagram);
        if Self::flush_handshake(peer) {
            self.dirty.push(ix);
        }
        match fact {
            Ok(Some(Fact::Ready)) if !was_ready => {
                peer.heard = now;
                let (key, shown) = (peer.key, peer.places());
                add(&self.counters.connected, 1);
                (self.outlet)(MediaEvent::Connected { peer: key });
                let tracks = shown.into_iter().filter_map(|place| place.track);
                let sources: Vec<Seat> =
                    tracks.filter_map(|track| self.tracks.get(&track).copied()).collect();
                sources.into_iter().for_each(|source| self.want_key(source, now));
            }
            Ok(Some(Fact::Closed)) => self.gone(ix, now),
            Ok(_) => {}
            Err(fault) => {
                tracing::debug!(peer = %peer.key, %fault, "a handshake datagram was refused");
                add(&self.counters.refused, 1);
            }
        }
    }

    pub(super) fn flush_handshake(peer: &mut Peer) -> bool {
        let mut queued = false;
        while let Some(datagram) = peer.crypt.poll() {
            queued |= peer.push(&datagram);
        }
        queued
    }

    /// Drops a peer that is gone by itself, and says so.
    pub(super) fn gone(&mut self, ix: usize, now: Instant) {
        if let Some(key) = self.peers[ix].as_ref().map(|peer| peer.key) {
            self.drop_peer(ix, now);
            (self.outlet)(MediaEvent::Gone { peer: key });
        }
    }

    fn media(&mut self, ix: usize, now: Instant, datagram: &[u8]) {
        let micros = self.clock.micros(now);
        let Some(peer) = self.peers[ix].as_mut() else {
            return;
        };
        let Some((line, view, packet)) = peer.open(datagram, micros) else {
            return add(&self.counters.refused, 1);
        };
        peer.heard = now;
        add(&self.counters.packets_in, 1);
        let Some(publish) = peer.publish(line) else {
            return;
        };
        let was_rtx = publish.is_rtx(view.payload_type);
        let heard = publish.hear(&view, &packet, now).filter(|_| !publish.hushed);
        let track = publish.track;
        match publish.take(view, packet, now, micros) {
            Taken::Fresh(view, packet) => {
                add(&self.counters.recovered, u64::from(was_rtx));
                self.forward(Seat { peer: ix, line }, now, &view, &packet);
            }
            Taken::Hushed => add(&self.counters.hushed, 1),
            Taken::Spent => {}
        }
        if let Some(heard) = heard {
            self.tell_speaking(track, heard);
        }
    }

    /// Hands a packet to everyone who shows its track.
    fn forward(&mut self, source: Seat, now: Instant, view: &View, packet: &Bytes) {
        let publisher = self.peers[source.peer].as_mut();
        let Some(publish) = publisher.and_then(|peer| peer.publish(source.line)) else {
            return;
        };
        // A copy, so that a panic on the way cannot lose anyone's seat.
        self.seats.clear();
        self.seats.extend_from_slice(&publish.seats);
        let mut needs_key = false;
        let mut sent = 0;
        for n in 0..self.seats.len() {
            let seat = self.seats[n];
            self.current = Some(seat.peer);
            let Some(peer) = self.peers[seat.peer].as_mut().filter(|peer| peer.crypt.is_ready())
            else {
                continue; // M2
            };
            self.scratch.clear();
            let Some(show) = peer.show(seat.line) else {
                continue;
            };
            match show.write(view, packet, now, &mut self.scratch) {
                Shown::Written(len, ssrc, seq) => {
                    if Self::send(peer, &self.scratch, len, ssrc, seq) {
                        self.dirty.push(seat.peer);
                        sent += 1;
                    }
                }
                Shown::NeedsKey => needs_key = true,
                Shown::Unknown => add(&self.counters.codec_missing, 1),
                Shown::Stale => {}
            }
        }
        self.current = Some(source.peer);
        add(&self.counters.packets_out, sent);
        if needs_key {
            self.want_key(source, now);
        }
    }

    /// Seals and queues one written packet.
    fn send(peer: &mut Peer, packet: &[u8], len: usize, ssrc: u32, seq: u16) -> bool {
        let Some(sealed) = peer.crypt.seal(packet, len, ssrc, seq) else {
            return false;
        };
        peer.stats.packets_out += 1;
        peer.stats.bytes_out += sealed.len() as u64;
        peer.push(&sealed)
    }

    fn control(&mut self, ix: usize, now: Instant, datagram: &[u8]) {
        let Some(peer) = self.peers[ix].as_mut() else {
            return;
        };
        let Some(packet) = peer.crypt.open_control(datagram) else {
            return add(&self.counters.refused, 1);
        };
        peer.heard = now;
        for said in report::read(&packet) {
            match said {
                Said::Moment { ssrc, ntp, timestamp } => {
                    self.relay_moment(ix, ssrc, ntp, timestamp, now);
                }
                Said::Loss { ssrc, fraction } => {
                    if let Some((_, show)) = self.shown_as(ix, ssrc) {
                        show.fraction_lost = fraction;
                    }
                }
                Said::Missing { ssrc, seqs } => self.resend(ix, ssrc, &seqs, now),
                Said::Key { ssrc } => {
                    let track = self.shown_as(ix, ssrc).and_then(|(_, show)| show.track());
                    if let Some(source) = track.and_then(|t| self.tracks.get(&t).copied()) {
                        self.want_key(source, now);
                    }
                }
            }
        }
    }

    fn shown_as(&mut self, ix: usize, ssrc: u32) -> Option<(usize, &mut crate::media::show::Show)> {
        let peer = self.peers[ix].as_mut()?;
        peer.shown().find(|(_, show)| show.numbers.ssrc == ssrc)
    }

    /// Sends again what a receiver is missing, from the ring of the track it is shown.
    fn resend(&mut self, ix: usize, ssrc: u32, seqs: &[u16], now: Instant) {
        let Some((line, track)) =
            self.shown_as(ix, ssrc).and_then(|(line, show)| Some((line, show.track()?)))
        else {
            return;
        };
        let Some(source) = self.tracks.get(&track).copied() else {
            return;
        };
        let Ok([Some(publisher), Some(peer)]) = self.peers.get_disjoint_mut([source.peer, ix])
        else {
            return;
        };
        // M2: what is kept in the ring of a hushed track is not said again either.
        let Some(publish) = publisher.publish(source.line).filter(|publish| !publish.hushed) else {
            return;
        };
        for seq in seqs {
            let Some(show) = peer.show(line) else { break };
            let kept = show.source(*seq, now).and_then(|number| publish.ring.find(number));
            self.scratch.clear();
            if let Some(kept) = kept
                && let Shown::Written(len, ssrc, number) =
                    show.rewrite(kept, *seq, &mut self.scratch)
                && Self::send(peer, &self.scratch, len, ssrc, number)
            {
                peer.stats.resent += 1;
                add(&self.counters.resent, 1);
                self.dirty.push(ix);
            }
        }
    }

    /// Passes on when a moment of a track was, on our clock, so lips and words stay together.
    fn relay_moment(&mut self, ix: usize, ssrc: u32, ntp: u64, timestamp: u32, now: Instant) {
        let ours = self.clock.ntp(now);
        let Some(peer) = self.peers[ix].as_mut() else {
            return;
        };
        let skew = ours.wrapping_sub(ntp) as i64;
        // One skew for all tracks of a publisher; a second of change means its clock was set.
        let kept = peer.skew.filter(|kept| kept.abs_diff(skew) < 1 << 32).unwrap_or(skew);
        peer.skew = Some(kept);
        let track = peer.published().find(|(_, publish)| publish.ssrc == Some(ssrc));
        let Some((_, publish)) = track else {
            return;
        };
        publish.reception.hear_report(ntp, now);
        let moment = ntp.wrapping_add_signed(kept);
        for seat in publish.seats.clone() {
            let Some(peer) = self.peers[seat.peer].as_mut() else { continue };
            let Some(show) = peer.show(seat.line) else { continue };
            if let Some(timestamp) = show.timestamp(timestamp) {
                let packet = report::sender(show.numbers.ssrc, moment, timestamp, show.sent);
                if peer.push_control(packet) {
                    self.dirty.push(seat.peer);
                }
            }
        }
    }
}
