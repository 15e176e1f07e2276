//! The heartbeat: what is due without a packet, and what leaves the table to be sent.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use super::Switch;
use crate::media::counters::add;
use crate::media::limits;
use crate::media::peer::Path;
use crate::media::speaker::Heard;
use crate::media::words::{MediaEvent, TrackKey};

impl Switch {
    /// Keeps time for every peer. A panic ends the peer it happened in (M1).
    pub(in crate::media) fn tick(&mut self, now: Instant) {
        for ix in 0..self.peers.len() {
            if self.peers[ix].is_none() {
                continue;
            }
            self.current = Some(ix);
            let step = AssertUnwindSafe(|| self.pulse(ix, now));
            if catch_unwind(step).is_err() {
                self.blame(now);
            }
        }
        self.current = None;
    }

    fn pulse(&mut self, ix: usize, now: Instant) {
        let Some(peer) = self.peers[ix].as_mut() else {
            return;
        };
        let silent = now.saturating_duration_since(peer.heard) > self.config.silence_max;
        let age = now.saturating_duration_since(peer.born);
        let patient = peer.crypt.is_ready() || age < limits::CONNECT_PATIENCE;
        // Before the first check there is nothing to be silent about: the answer may be on its way.
        let expected = !peer.addresses.is_empty();
        if peer.crypt.tick(now).is_err() || !patient || (silent && expected) {
            return self.gone(ix, now);
        }
        let handshakes = Self::flush_handshake(peer);
        let asked = if peer.crypt.is_ready() { peer.pulse(now) } else { 0 };
        add(&self.counters.asked, asked as u64);
        if handshakes || !peer.lengths.is_empty() {
            self.dirty.push(ix);
        }
        let mut owed = Vec::new();
        let mut heard = Vec::new();
        for (_, publish) in peer.published() {
            if publish.owes_key(now) {
                owed.push(publish.ssrc);
            }
            heard.extend(publish.listen(now).map(|heard| (publish.track, heard)));
        }
        let own = peer.ssrc;
        for ssrc in owed.into_iter().flatten() {
            add(&self.counters.keys_asked, 1);
            if peer.push_control(crate::media::report::key(own, ssrc)) {
                self.dirty.push(ix);
            }
        }
        heard.into_iter().for_each(|(track, heard)| self.tell_speaking(track, heard));
    }

    pub(super) fn tell_speaking(&mut self, track: TrackKey, heard: Heard) {
        let Heard { speaking, loudness } = heard;
        (self.outlet)(MediaEvent::Speaking { peer: track.publisher, track, speaking, loudness });
    }

    /// Says farewell to every peer, as the loop stops.
    pub(in crate::media) fn farewell(&mut self, now: Instant) {
        for ix in 0..self.peers.len() {
            if let Some(peer) = self.peers[ix].as_mut() {
                peer.crypt.close(now);
                if Self::flush_handshake(peer) {
                    self.dirty.push(ix);
                }
            }
        }
    }

    /// Drops everyone, as when the socket has failed: nobody shall wait for what cannot come.
    pub(in crate::media) fn drop_all(&mut self, now: Instant) {
        for ix in 0..self.peers.len() {
            self.gone(ix, now);
        }
    }

    /// Gives everything that waits to be sent to `send`: a path, the datagrams one behind the
    /// other, and their lengths.
    pub(in crate::media) fn drain(&mut self, mut send: impl FnMut(Path, &[u8], &[usize])) {
        for (path, datagram) in self.aside.drain(..) {
            send(path, &datagram, &[datagram.len()]);
        }
        while let Some(ix) = self.dirty.pop() {
            let Some(peer) = self.peers[ix].as_mut() else {
                continue;
            };
            if let Some(path) = peer.path
                && !peer.lengths.is_empty()
            {
                send(path, &peer.queue, &peer.lengths);
            }
            peer.queue.clear();
            peer.lengths.clear();
        }
    }
}
