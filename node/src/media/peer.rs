//! One browser's connection: its address, its keys, its m-lines, and what waits to be sent to it.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use bytes::BytesMut;

use super::answer::{self, Numbers, Part, Terms};
use super::bind::Place;
use super::codec::Extension;
use super::crypt::{Crypt, Identity};
use super::ice::Credentials;
use super::limits;
use super::offer::{Direction, Fingerprint, Offer, OfferLine};
use super::publish::Publish;
use super::report;
use super::rtp::View;
use super::show::Show;
use super::twcc::Arrivals;
use super::words::{MediaFault, Mid, PeerKey, PeerStats, TrackKey};

/// What an m-line does.
#[derive(Debug)]
pub(super) enum Role {
    /// The browser publishes on it.
    Take(Box<Publish>),
    /// The node shows something on it.
    Show(Box<Show>),
    /// Nothing.
    Rest,
}

/// One m-line. Its position never changes while the connection lives.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) mid: Option<Mid>,
    pub(super) role: Role,
}

/// What a negotiation changed.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// m-lines whose role ended, with that role.
    pub(super) ended: Vec<(usize, Role)>,
    /// m-lines that go on under other terms.
    pub(super) terms: Vec<usize>,
}

/// Where to send: the browser's address, and the address of ours that it speaks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) to: SocketAddr,
    pub(super) from: Option<IpAddr>,
}

/// One browser's connection.
pub(super) struct Peer {
    pub(super) key: PeerKey,
    pub(super) session: String,
    pub(super) fingerprint: Fingerprint,
    pub(super) ufrag: String,
    pub(super) credentials: Credentials,
    pub(super) crypt: Crypt,
    pub(super) lines: Vec<Line>,
    /// Addresses that proved themselves, oldest first.
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) path: Option<Path>,
    pub(super) born: Instant,
    pub(super) heard: Instant,
    pub(super) arrivals: Arrivals,
    pub(super) reported: Instant,
    /// Our name in RTCP where no stream of ours is meant.
    pub(super) ssrc: u32,
    /// The publisher's clock against ours, in NTP units.
    pub(super) skew: Option<i64>,
    pub(super) wanted_told: Option<(usize, usize)>,
    pub(super) stats: PeerStats,
    /// Datagrams to send, one behind the other, and their lengths.
    pub(super) queue: Vec<u8>,
    pub(super) lengths: Vec<usize>,
    /// SSRCs the browser uses, and the m-line each belongs to.
    flows: HashMap<u32, usize>,
    #[cfg(test)]
    pub(super) trap: bool,
}

impl Peer {
    /// A peer for a first offer. Its m-lines come from [`Peer::negotiate`].
    pub(super) fn new(
        key: PeerKey,
        offer: &Offer,
        identity: &Identity,
        now: Instant,
    ) -> Result<Peer, MediaFault> {
        Ok(Peer {
            key,
            session: offer.session.clone(),
            fingerprint: offer.fingerprint,
            ufrag: offer.ufrag.clone(),
            credentials: Credentials::new(identity.random()?),
            crypt: Crypt::new(identity, offer.fingerprint)?,
            lines: Vec::new(),
            addresses: Vec::new(),
            path: None,
            born: now,
            heard: now,
            arrivals: Arrivals::default(),
            reported: now,
            ssrc: u32::from_be_bytes(identity.random()?),
            skew: None,
            wanted_told: None,
            stats: PeerStats { peer: key, ..PeerStats::default() },
            queue: Vec::new(),
            lengths: Vec::new(),
            flows: HashMap::new(),
            #[cfg(test)]
            trap: false,
        })
    }

    /// Whether this offer belongs to the same browser connection.
    pub(super) fn is_of(&self, offer: &Offer) -> bool {
        self.session == offer.session
            && self.fingerprint == offer.fingerprint
            && self.lines.len() <= offer.lines.len()
    }

    /// Fits the m-lines to an offer and says what to answer, and what else follows.
    pub(super) fn negotiate(
        &mut self,
        offer: &Offer,
        identity: &Identity,
    ) -> Result<(Vec<Part>, Change), MediaFault> {
        let mut change = Change::default();
        let mut parts = Vec::with_capacity(offer.lines.len());
        for (n, offered) in offer.lines.iter().enumerate() {
            if n == self.lines.len() {
                self.lines.push(Line { mid: None, role: Role::Rest });
            }
            let before = self.terms(n);
            let (part, role) = self.fit(n, offered, identity)?;
            parts.push(part);
            if role.is_none() && self.terms(n) != before {
                change.terms.push(n);
            }
            let line = &mut self.lines[n];
            line.mid = offered.mid;
            if let Some(role) = role {
                change.ended.push((n, std::mem::replace(&mut line.role, role)));
            }
        }
        self.learn_flows();
        Ok((parts, change))
    }

    fn terms(&self, n: usize) -> Option<Terms> {
        match &self.lines.get(n)?.role {
            Role::Take(publish) => Some(publish.terms.clone()),
            Role::Show(show) => Some(show.terms.clone()),
            Role::Rest => None,
        }
    }

    /// The answer to one m-line, and its new role if the old one ends.
    fn fit(
        &mut self,
        n: usize,
        offered: &OfferLine,
        identity: &Identity,
    ) -> Result<(Part, Option<Role>), MediaFault> {
        let (Some((kind, terms)), Some(mid)) = (answer::terms(offered), offered.mid) else {
            return Ok((Part::Reject, Some(Role::Rest)));
        };
        let ordinals = |line: &Line| match &line.role {
            Role::Show(show) if show.kind == kind => Some(show.numbers.ordinal + 1),
            _ => None,
        };
        let ordinal = self.lines.iter().filter_map(ordinals).max().unwrap_or(0);
        let line = &mut self.lines[n];
        let same = line.mid == Some(mid);
        match (offered.direction, &mut line.role) {
            (Direction::Idle, _) => Ok((Part::Rest(terms), Some(Role::Rest))),
            (Direction::Send, Role::Take(publish)) if same && publish.kind == kind => {
                publish.terms = terms.clone();
                publish.ssrc = offered.ssrc.or(publish.ssrc);
                publish.rtx_ssrc = offered.rtx_ssrc.or(publish.rtx_ssrc);
                Ok((Part::Take(terms), None))
            }
            (Direction::Send, _) => {
                let track = TrackKey { publisher: self.key, mid };
                let mut publish = Publish::new(track, kind, terms.clone());
                (publish.ssrc, publish.rtx_ssrc) = (offered.ssrc, offered.rtx_ssrc);
                Ok((Part::Take(terms), Some(Role::Take(Box::new(publish)))))
            }
            (Direction::Receive, Role::Show(show)) if same && show.kind == kind => {
                show.terms = terms.clone();
                Ok((Part::Show(terms, show.numbers), None))
            }
            (Direction::Receive, _) => {
                let [a, b, c, d, e, f, g, h, i, j] = identity.random::<10>()?;
                let numbers = Numbers {
                    ssrc: u32::from_be_bytes([a, b, c, d]) | 1,
                    rtx_ssrc: u32::from_be_bytes([e, f, g, h]) & !1,
                    ordinal,
                };
                let start = u16::from_be_bytes([i, j]) & 0x3fff;
                let show = Show::new(kind, terms.clone(), numbers, start);
                Ok((Part::Show(terms, numbers), Some(Role::Show(Box::new(show)))))
            }
        }
    }

    /// Enters the SSRCs the offer declared.
    fn learn_flows(&mut self) {
        let lines = &self.lines;
        self.flows.retain(|_, n| matches!(lines.get(*n), Some(Line { role: Role::Take(_), .. })));
        for (n, line) in self.lines.iter().enumerate() {
            if let Role::Take(publish) = &line.role {
                self.flows.extend(publish.ssrc.map(|ssrc| (ssrc, n)));
                self.flows.extend(publish.rtx_ssrc.map(|ssrc| (ssrc, n)));
            }
        }
    }

    /// The track published on an m-line.
    pub(super) fn publish(&mut self, line: usize) -> Option<&mut Publish> {
        match &mut self.lines.get_mut(line)?.role {
            Role::Take(publish) => Some(publish),
            _ => None,
        }
    }

    /// The stream sent on an m-line.
    pub(super) fn show(&mut self, line: usize) -> Option<&mut Show> {
        match &mut self.lines.get_mut(line)?.role {
            Role::Show(show) => Some(show),
            _ => None,
        }
    }

    /// All published tracks, with their m-lines.
    pub(super) fn published(&mut self) -> impl Iterator<Item = (usize, &mut Publish)> {
        self.lines.iter_mut().enumerate().filter_map(|(n, line)| match &mut line.role {
            Role::Take(publish) => Some((n, &mut **publish)),
            _ => None,
        })
    }

    /// All streams sent, with their m-lines.
    pub(super) fn shown(&mut self) -> impl Iterator<Item = (usize, &mut Show)> {
        self.lines.iter_mut().enumerate().filter_map(|(n, line)| match &mut line.role {
            Role::Show(show) => Some((n, &mut **show)),
            _ => None,
        })
    }

    /// The receiving m-lines, for the binding table.
    pub(super) fn places(&mut self) -> Vec<Place> {
        let place = |(line, show): (usize, &mut Show)| Place {
            line,
            kind: show.kind,
            ordinal: show.numbers.ordinal,
            track: show.track(),
        };
        self.shown().map(place).collect()
    }

    /// Opens a media packet and says on which m-line it came.
    pub(super) fn open(&mut self, datagram: &[u8], micros: u64) -> Option<(usize, View, BytesMut)> {
        #[cfg(test)]
        assert!(!self.trap, "a test asked for this");
        let mut view = View::parse(datagram)?;
        let known = self.flows.get(&view.ssrc).copied();
        let line = known.or_else(|| self.guess(&view, datagram))?;
        let packet = self.crypt.open(datagram, &view)?;
        if packet.len() < view.header_len {
            return None;
        }
        self.learn(&mut view, line, known.is_none());
        self.stats.packets_in += 1;
        self.stats.bytes_in += datagram.len() as u64;
        let publish = self.publish(line)?;
        if let Some(id) = publish.terms.extensions.id(Extension::TransportCc)
            && let Some((_, &[high, low])) =
                view.extensions(&packet).find(|(known, _)| *known == id)
        {
            self.arrivals.enter(u16::from_be_bytes([high, low]), view.ssrc, micros);
        }
        Some((line, view, packet))
    }

    /// The m-line a packet of an undeclared SSRC names.
    fn guess(&self, view: &View, datagram: &[u8]) -> Option<usize> {
        self.lines.iter().position(|line| {
            let Role::Take(publish) = &line.role else {
                return false;
            };
            let (Some(id), Some(mid)) = (publish.terms.extensions.id(Extension::Mid), line.mid)
            else {
                return false;
            };
            view.extensions(datagram).any(|(k, value)| k == id && value == mid.as_str().as_bytes())
        })
    }

    /// Remembers an SSRC that was genuine.
    fn learn(&mut self, view: &mut View, line: usize, is_news: bool) {
        if is_news {
            self.flows.insert(view.ssrc, line);
        }
        let (ssrc, payload_type) = (view.ssrc, view.payload_type);
        if let Some(publish) = self.publish(line) {
            let slot = if publish.is_rtx(payload_type) {
                &mut publish.rtx_ssrc
            } else {
                &mut publish.ssrc
            };
            slot.get_or_insert(ssrc);
        }
    }

    /// Queues a datagram. False when there is no way to the browser or too much waits already.
    pub(super) fn push(&mut self, datagram: &[u8]) -> bool {
        // M5: a path exists only after a genuine STUN request came over it.
        if self.path.is_none() || self.queue.len() + datagram.len() > limits::QUEUE_BYTES_MAX {
            return false;
        }
        self.queue.extend_from_slice(datagram);
        self.lengths.push(datagram.len());
        true
    }

    /// Seals and queues a control packet.
    pub(super) fn push_control(&mut self, packet: Option<BytesMut>) -> bool {
        let sealed = packet.and_then(|packet| self.crypt.seal_control(&packet));
        sealed.is_some_and(|sealed| self.push(&sealed))
    }

    /// Queues what a heartbeat owes to the browser as a publisher: feedback, requests, reports.
    /// Returns how many packets were asked for.
    pub(super) fn pulse(&mut self, now: Instant) -> usize {
        let own = self.ssrc;
        let mut packets = Vec::new();
        if self.arrivals.is_due(now) {
            while let Some(feedback) = self.arrivals.tell(own, now) {
                packets.push(report::write(&feedback));
            }
        }
        let mut asked = 0;
        for (_, publish) in self.published() {
            let nack = publish.terms.codecs.first().is_some_and(|codec| codec.takes_nack());
            let (true, Some(ssrc)) = (nack, publish.ssrc) else {
                continue;
            };
            let seqs = publish.reception.ask(now);
            if !seqs.is_empty() {
                asked += seqs.len();
                packets.push(report::missing(own, ssrc, &seqs));
            }
        }
        if now.saturating_duration_since(self.reported) >= limits::REPORT_PAUSE {
            self.reported = now;
            let blocks: Vec<_> = self
                .published()
                .filter_map(|(_, publish)| publish.reception.report(publish.ssrc?, now))
                .collect();
            // One report packet holds 31 blocks.
            for some in blocks.chunks(31) {
                packets.push(report::receiver(own, some.to_vec()));
            }
        }
        for packet in packets {
            self.push_control(packet);
        }
        asked
    }

    /// The figures as of now.
    pub(super) fn figures(&mut self) -> PeerStats {
        let mut stats = self.stats.clone();
        stats.connected = self.crypt.is_ready();
        for (_, publish) in self.published() {
            stats.published += 1;
            stats.lost_in += publish.reception.lost();
        }
        for (_, show) in self.shown() {
            stats.shown += usize::from(show.track().is_some());
            stats.fraction_lost = stats.fraction_lost.max(show.fraction_lost);
        }
        stats
    }
}
