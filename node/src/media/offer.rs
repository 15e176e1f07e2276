//! A browser's offer, read for the dozen things a forwarder needs to know.
//!
//! Everything unknown is skipped, everything read is bounded, and nothing read is ever copied
//! into an answer except payload numbers, feedback names from a fixed list and codec parameters.

use super::codec::{Codec, Extension, ExtensionIds, Name};
use super::limits;
use super::words::{Kind, MediaFault, Mid};

/// The SHA-256 of the certificate the browser will show.
pub(super) type Fingerprint = [u8; 32];

/// What the browser wants to do with an m-line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// It publishes (and whatever else it wants, it gets no answer to).
    Send,
    /// It wants to be shown something.
    Receive,
    /// Nothing for now.
    Idle,
}

/// One m-line of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OfferLine {
    /// The first word after `m=`, echoed.
    pub(super) media: String,
    /// `None` for what the node does not carry, such as data channels.
    pub(super) kind: Option<Kind>,
    pub(super) protocol: String,
    /// The formats as offered: a rejected m-line must echo some.
    pub(super) formats: String,
    pub(super) mid: Option<Mid>,
    /// Stopped by the browser.
    pub(super) is_stopped: bool,
    pub(super) direction: Direction,
    pub(super) codecs: Vec<Codec>,
    pub(super) extensions: ExtensionIds,
    pub(super) ssrc: Option<u32>,
    pub(super) rtx_ssrc: Option<u32>,
    pub(super) rsize: bool,
}

/// A whole offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offer {
    /// The session number of `o=`: the same for every offer of one browser connection.
    pub(super) session: String,
    pub(super) ufrag: String,
    pub(super) fingerprint: Fingerprint,
    pub(super) lines: Vec<OfferLine>,
    pub(super) mixed_extensions: bool,
}

/// What is collected while reading; only complete offers leave this file.
#[derive(Default)]
struct Reader {
    session: Option<String>,
    ufrag: Option<String>,
    fingerprint: Option<Fingerprint>,
    mixed_extensions: bool,
    direction: Option<Direction>,
    lines: Vec<OfferLine>,
    /// Of the m-line being read: retransmission types by what they retransmit, and port zero.
    rtx: Vec<(u8, u8)>,
    fmtp: Vec<(u8, String)>,
    feedback: Vec<(Option<u8>, String)>,
    zero_port: bool,
    bundle_only: bool,
}

/// Feedback the node gives or takes.
const FEEDBACK: [&str; 4] = ["nack", "nack pli", "ccm fir", "transport-cc"];

impl Offer {
    /// Reads an offer, or names the part that cannot be used.
    pub(super) fn parse(sdp: &str) -> Result<Offer, MediaFault> {
        if sdp.len() > limits::SDP_BYTES_MAX {
            return Err(MediaFault::Sdp("length"));
        }
        let mut reader = Reader::default();
        for (n, line) in sdp.lines().enumerate() {
            if n >= limits::SDP_LINES_MAX {
                return Err(MediaFault::Sdp("number of lines"));
            }
            reader.line(line.trim_end())?;
        }
        reader.end_line();
        let offer = Offer {
            session: reader.session.ok_or(MediaFault::Sdp("o="))?,
            ufrag: reader.ufrag.ok_or(MediaFault::Sdp("ice-ufrag"))?,
            fingerprint: reader.fingerprint.ok_or(MediaFault::Sdp("fingerprint"))?,
            lines: reader.lines,
            mixed_extensions: reader.mixed_extensions,
        };
        offer.check()?;
        Ok(offer)
    }

    fn check(&self) -> Result<(), MediaFault> {
        let mids: Vec<Mid> = self.lines.iter().filter_map(|line| line.mid).collect();
        let unique = |(n, mid): (usize, &Mid)| !mids[n + 1..].contains(mid);
        if !mids.iter().enumerate().all(unique) {
            return Err(MediaFault::Sdp("mid, used twice"));
        }
        let live = |line: &OfferLine| line.kind.is_some() && !line.is_stopped;
        if self.lines.iter().any(|line| live(line) && line.mid.is_none()) {
            return Err(MediaFault::Sdp("mid, missing"));
        }
        if !self.lines.iter().any(live) {
            return Err(MediaFault::Sdp("m-lines, none live"));
        }
        Ok(())
    }
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), MediaFault> {
        let Some((name, value)) = line.split_once('=') else {
            return Ok(());
        };
        match name {
            "o" => self.session = value.split(' ').nth(1).map(|s| bounded(s, 32)).transpose()?,
            "m" => self.media(value)?,
            "a" => {
                let (key, value) = value.split_once(':').unwrap_or((value, ""));
                self.attribute(key, value)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn media(&mut self, value: &str) -> Result<(), MediaFault> {
        self.end_line();
        if self.lines.len() >= limits::LINES_MAX {
            return Err(MediaFault::Sdp("number of m-lines"));
        }
        let mut words = value.splitn(4, ' ');
        let mut word = || words.next().ok_or(MediaFault::Sdp("m="));
        let (media, port, protocol, formats) = (word()?, word()?, word()?, word()?);
        let token =
            |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/ -_".contains(&b));
        if !token(media) || !token(protocol) || !token(formats) {
            return Err(MediaFault::Sdp("m="));
        }
        self.zero_port = port == "0";
        self.bundle_only = false;
        self.lines.push(OfferLine {
            media: bounded(media, 32)?,
            kind: match media {
                "audio" => Some(Kind::Audio),
                "video" => Some(Kind::Video),
                _ => None,
            },
            protocol: bounded(protocol, 32)?,
            formats: formats.split(' ').take(1).collect(),
            mid: None,
            is_stopped: false,
            direction: self.direction.unwrap_or(Direction::Send),
            codecs: Vec::new(),
            extensions: ExtensionIds::default(),
            ssrc: None,
            rtx_ssrc: None,
            rsize: false,
        });
        Ok(())
    }

    fn attribute(&mut self, key: &str, value: &str) -> Result<(), MediaFault> {
        match key {
            "ice-ufrag" if self.ufrag.is_none() => self.ufrag = Some(bounded(value, 256)?),
            "fingerprint" if self.fingerprint.is_none() => self.fingerprint = fingerprint(value),
            "setup" if value == "passive" => return Err(MediaFault::Sdp("setup")),
            "extmap-allow-mixed" => self.mixed_extensions = true,
            "sendrecv" | "sendonly" => self.set_direction(Direction::Send),
            "recvonly" => self.set_direction(Direction::Receive),
            "inactive" => self.set_direction(Direction::Idle),
            _ => return self.line_attribute(key, value),
        }
        Ok(())
    }

    fn set_direction(&mut self, direction: Direction) {
        match self.lines.last_mut() {
            Some(line) => line.direction = direction,
            None => self.direction = Some(direction),
        }
    }

    fn line_attribute(&mut self, key: &str, value: &str) -> Result<(), MediaFault> {
        let Some(line) = self.lines.last_mut() else {
            return Ok(());
        };
        match key {
            "mid" => line.mid = Some(value.parse()?),
            "bundle-only" => self.bundle_only = true,
            "rtcp-rsize" => line.rsize = true,
            "rtpmap" => {
                let codec = rtpmap(value).filter(|_| line.codecs.len() < 4 * limits::CODECS_MAX);
                line.codecs.extend(codec);
            }
            "fmtp" => self.read_fmtp(value),
            "rtcp-fb" => self.read_feedback(value),
            "extmap" => {
                let extension = extmap(value).filter(|_| line.extensions.0.len() < 16);
                line.extensions.0.extend(extension);
            }
            "ssrc-group" => {
                if let Some((first, second)) = flow(value) {
                    (line.ssrc, line.rtx_ssrc) = (Some(first), Some(second));
                }
            }
            "ssrc" if line.ssrc.is_none() => {
                line.ssrc = value.split(' ').next().and_then(|ssrc| ssrc.parse().ok());
            }
            "simulcast" => return Err(MediaFault::Sdp("simulcast")),
            _ => {}
        }
        Ok(())
    }

    fn read_fmtp(&mut self, value: &str) {
        let Some((payload_type, parameters)) = value.split_once(' ') else {
            return;
        };
        let Some(payload_type) = number(payload_type) else {
            return;
        };
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"=;-_., /".contains(&b);
        if let Some(apt) = parameters.trim().strip_prefix("apt=") {
            let apt = apt.split(';').next().and_then(number);
            self.rtx.extend(apt.map(|apt| (apt, payload_type)).filter(|_| self.rtx.len() < 64));
        } else if parameters.len() <= 256
            && parameters.bytes().all(plain)
            && self.fmtp.len() < 4 * limits::CODECS_MAX
        {
            self.fmtp.push((payload_type, parameters.to_owned()));
        }
    }

    fn read_feedback(&mut self, value: &str) {
        let Some((payload_type, feedback)) = value.split_once(' ') else {
            return;
        };
        let payload_type = match payload_type {
            "*" => None,
            text => match number(text) {
                Some(number) => Some(number),
                None => return,
            },
        };
        let known = FEEDBACK.iter().find(|known| **known == feedback.trim());
        let known = known.filter(|_| self.feedback.len() < 16 * limits::CODECS_MAX);
        self.feedback.extend(known.map(|known| (payload_type, (*known).to_owned())));
    }

    /// Joins what was said about the codecs of the m-line that ends here.
    fn end_line(&mut self) {
        if let Some(line) = self.lines.last_mut() {
            line.is_stopped = self.zero_port && !self.bundle_only;
            for codec in &mut line.codecs {
                let of = |pt: u8| pt == codec.payload_type;
                codec.fmtp = self.fmtp.iter().find(|(pt, _)| of(*pt)).map(|(_, text)| text.clone());
                codec.rtx = self.rtx.iter().find(|(apt, _)| of(*apt)).map(|(_, pt)| *pt);
                let about = self.feedback.iter().filter(|(pt, _)| pt.is_none_or(of));
                codec.feedback = about.map(|(_, text)| text.clone()).collect();
            }
        }
        self.rtx.clear();
        self.fmtp.clear();
        self.feedback.clear();
    }
}

fn bounded(text: &str, max: usize) -> Result<String, MediaFault> {
    if text.len() > max { Err(MediaFault::Sdp("length of a word")) } else { Ok(text.to_owned()) }
}

/// A payload type, 0 to 127.
fn number(text: &str) -> Option<u8> {
    text.trim().parse().ok().filter(|n| *n < 128)
}

fn rtpmap(value: &str) -> Option<Codec> {
    let (payload_type, rest) = value.split_once(' ')?;
    let name = Name::parse(rest.split('/').next()?)?;
    Some(Codec {
        payload_type: number(payload_type)?,
        name,
        fmtp: None,
        rtx: None,
        feedback: Vec::new(),
    })
}

fn extmap(value: &str) -> Option<(Extension, u8)> {
    let (id, rest) = value.split_once(' ')?;
    let id = id.split('/').next()?.parse().ok().filter(|id| (1..=255).contains(id))?;
    Some((Extension::parse(rest.split(' ').next()?)?, id))
}

/// `FID a b`: b retransmits a.
fn flow(value: &str) -> Option<(u32, u32)> {
    let mut words = value.strip_prefix("FID ")?.split(' ');
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

fn fingerprint(value: &str) -> Option<Fingerprint> {
    let (algorithm, hex) = value.split_once(' ')?;
    if !algorithm.eq_ignore_ascii_case("sha-256") || hex.trim().len() != 95 {
        return None;
    }
    let mut print = [0; 32];
    for (byte, pair) in print.iter_mut().zip(hex.trim().split(':')) {
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(print)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A shortened Chromium offer: a microphone, a camera, one m-line to be shown something.
    pub(in crate::media) const CHROMIUM: &str = include_str!("vectors/chromium-offer.sdp");

    #[test]
    fn golden_chromium() {
        let offer = Offer::parse(CHROMIUM).unwrap();
        assert_eq!(offer.session, "4611731400430051336");
        assert_eq!(offer.ufrag, "EsAw");
        assert_eq!(offer.fingerprint[..3], [0xd2, 0xfa, 0x0e]);
        assert_eq!(offer.lines.len(), 4);
        let [audio, video, shown, data] = &offer.lines[..] else { panic!() };
        assert_eq!((audio.direction, audio.ssrc), (Direction::Send, Some(3570614608)));
        assert_eq!(audio.codecs.len(), 1);
        assert_eq!(audio.extensions.id(Extension::Level), Some(14));
        assert_eq!((video.ssrc, video.rtx_ssrc), (Some(2231627014), Some(632943048)));
        assert_eq!(video.codecs[0].rtx, Some(97));
        assert!(video.codecs[0].takes_nack());
        assert_eq!(video.codecs[1].fmtp.as_deref(), Some("profile-id=0"));
        assert_eq!(shown.direction, Direction::Receive);
        assert_eq!(data.kind, None);
    }

    #[test]
    fn hostile_offers_are_refused() {
        let without = |what: &str| {
            let kept: Vec<&str> = CHROMIUM.lines().filter(|l| !l.starts_with(what)).collect();
            Offer::parse(&kept.join("\r\n"))
        };
        for part in ["o=", "a=ice-ufrag", "a=fingerprint", "m=", "a=mid"] {
            assert!(without(part).is_err(), "{part}");
        }
        assert_eq!(Offer::parse(""), Err(MediaFault::Sdp("o=")));
        let long = "a=x\n".repeat(limits::SDP_BYTES_MAX);
        assert_eq!(Offer::parse(&long), Err(MediaFault::Sdp("length")));
        let many = format!("{CHROMIUM}{}", "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n".repeat(100));
        assert_eq!(Offer::parse(&many), Err(MediaFault::Sdp("number of m-lines")));
        let twice = CHROMIUM.replace("a=mid:1", "a=mid:0");
        assert_eq!(Offer::parse(&twice), Err(MediaFault::Sdp("mid, used twice")));
        let weak = CHROMIUM.replace("sha-256", "sha-1");
        assert_eq!(Offer::parse(&weak), Err(MediaFault::Sdp("fingerprint")));
    }

    #[test]
    fn every_truncation_and_many_mutations_are_survived() {
        for end in (0..CHROMIUM.len()).step_by(7) {
            let _ = Offer::parse(&CHROMIUM[..end]);
        }
        let mut bytes = CHROMIUM.as_bytes().to_vec();
        let mut seed = 1u32;
        for _ in 0..3_000 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = seed as usize % bytes.len();
            let old = std::mem::replace(&mut bytes[at], (seed >> 24) as u8 & 0x7f);
            let _ = Offer::parse(std::str::from_utf8(&bytes).unwrap());
            bytes[at] = old;
        }
    }
}
