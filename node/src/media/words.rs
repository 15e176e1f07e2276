//! The words spoken at the edge of the media loop: orders in, events out.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

/// A session in a room, opaque here.
pub type PeerKey = u128;

/// Everything an operator can change about media.
#[derive(Debug, Clone)]
pub struct MediaConfig {
    /// The one UDP address all media uses. Port 0 takes any free port.
    pub listen: SocketAddr,
    /// Addresses told to browsers. Empty: the listening address, or, if that is unspecified, the
    /// address this machine would use towards the network, and loopback.
    pub advertise: Vec<IpAddr>,
    /// Peers this node carries; each costs about 60 kB plus about 0.7 MB per published video.
    pub peers_max: usize,
    /// Orders that may wait for the loop before [`Busy`] is answered.
    pub orders_max: usize,
    /// A peer that says nothing for this long is gone. Browsers speak at least every 2.5 s.
    pub silence_max: Duration,
}

impl Default for MediaConfig {
    fn default() -> Self {
        MediaConfig {
            listen: SocketAddr::from(([0, 0, 0, 0], 0)),
            advertise: Vec::new(),
            peers_max: 2_000,
            orders_max: 4_096,
            silence_max: Duration::from_secs(8),
        }
    }
}

/// The name of an m-line: what SDP calls `a=mid`. At most 16 bytes, so it is plain data.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mid {
    bytes: [u8; 16],
    len: u8,
}

impl Mid {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }
}

impl FromStr for Mid {
    type Err = MediaFault;

    /// Accepts 1 to 16 letters, digits, `-` or `_`: what browsers use, and safe in a line of SDP.
    fn from_str(text: &str) -> Result<Mid, MediaFault> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if text.is_empty() || text.len() > 16 || !text.bytes().all(plain) {
            return Err(MediaFault::Sdp("mid"));
        }
        let mut bytes = [0; 16];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Mid { bytes, len: text.len() as u8 })
    }
}

impl fmt::Display for Mid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Mid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mid {}", self.as_str())
    }
}

/// One published track: who publishes it, and on which m-line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrackKey {
    /// The session that publishes.
    pub publisher: PeerKey,
    /// The publisher's m-line.
    pub mid: Mid,
}

/// Sound or picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A microphone or a tab's sound.
    Audio,
    /// A camera or a screen.
    Video,
}

/// The node's answer to an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// To be set as the browser's remote description.
    pub sdp: String,
}

/// Why an offer was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MediaFault {
    /// The node carries as many peers as it may.
    #[error("no room for another peer")]
    Full,
    /// The offer cannot be used; the word names the part.
    #[error("the offer's {0} cannot be used")]
    Sdp(&'static str),
    /// The core failed while keys were made.
    #[error("keys: {0}")]
    Keys(String),
    /// The loop has stopped.
    #[error("the media loop has stopped")]
    Stopped,
}

/// The loop's queue is full, or the loop has stopped: try again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the media loop is busy")]
pub struct Busy;

/// What the node asks of its media loop.
pub enum Order {
    /// Creates a peer, renegotiates it, or, when the offer is of another browser connection
    /// than the last one, drops the old peer and creates a new one.
    Offer {
        /// Whose offer.
        peer: PeerKey,
        /// The browser's offer.
        sdp: String,
        /// Called once, on the loop's thread: it must not block.
        reply: Box<dyn FnOnce(Result<Answer, MediaFault>) + Send>,
    },
    /// Ends a peer; its tracks go down, and what it wished for and what was hushed is forgotten.
    /// After [`MediaEvent::Gone`] these are kept, for the session may come back.
    Close {
        /// Which peer.
        peer: PeerKey,
    },
    /// The complete set this receiver shall get from now on. Idempotent; tracks that are not up
    /// yet are shown as soon as they are, and a receiver that has not offered yet is remembered.
    Forward {
        /// The receiver.
        peer: PeerKey,
        /// All it shall get, most wanted first.
        tracks: Vec<TrackKey>,
    },
    /// Moderation: while hushed, a publisher's packets are dropped on arrival.
    Hush {
        /// The publisher.
        peer: PeerKey,
        /// The track, named by the m-line.
        track: TrackKey,
        /// Whether it is silenced from now on.
        hushed: bool,
    },
    /// Asks what each peer sends and receives.
    Stats {
        /// Called once, on the loop's thread: it must not block.
        reply: Box<dyn FnOnce(Vec<PeerStats>) + Send>,
    },
}

/// What the media loop reports. The reply to an offer precedes the events it causes, but for one
/// thing: when an offer replaces a peer, the old one's tracks go down first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaEvent {
    /// Media can flow: address proven, keys agreed.
    Connected {
        /// Whose.
        peer: PeerKey,
    },
    /// Silent for too long, closed by the browser, or failed. The peer is already forgotten.
    Gone {
        /// Who.
        peer: PeerKey,
    },
    /// A track can be forwarded from now on.
    TrackUp {
        /// Which track.
        track: TrackKey,
        /// Sound or picture.
        kind: Kind,
    },
    /// A track ended. Whoever saw it has its m-line freed.
    TrackDown {
        /// Which track.
        track: TrackKey,
    },
    /// The browser has too few receiving m-lines: it should offer again with this many of each
    /// kind in total.
    Wanted {
        /// The receiver.
        peer: PeerKey,
        /// Receiving audio m-lines wanted in total.
        audio: usize,
        /// Receiving video m-lines wanted in total.
        video: usize,
    },
    /// An m-line shows another track from now on, or none.
    Bound {
        /// The receiver.
        peer: PeerKey,
        /// Its m-line.
        mid: String,
        /// What it shows.
        track: Option<TrackKey>,
    },
    /// Someone began or ended to speak, or speaks much louder or softer than before. A room's
    /// active speaker is the loudest of those who speak.
    Speaking {
        /// The publisher.
        peer: PeerKey,
        /// Which of its tracks.
        track: TrackKey,
        /// Whether this is speech.
        speaking: bool,
        /// 0 is silence, 127 as loud as can be.
        loudness: u8,
    },
}

/// What one peer sent and received since it connected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeerStats {
    /// Who.
    pub peer: PeerKey,
    /// Whether media can flow.
    pub connected: bool,
    /// Media packets from this peer.
    pub packets_in: u64,
    /// Media bytes from this peer.
    pub bytes_in: u64,
    /// Packets from this peer that never came.
    pub lost_in: u64,
    /// Media packets to this peer.
    pub packets_out: u64,
    /// Media bytes to this peer.
    pub bytes_out: u64,
    /// Packets sent to this peer again.
    pub resent: u64,
    /// The worst share of packets this peer lost lately, in 256ths, as it reports.
    pub fraction_lost: u8,
    /// Tracks this peer publishes.
    pub published: usize,
    /// Tracks this peer is shown.
    pub shown: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mid_is_short_and_plain() {
        assert_eq!("0".parse::<Mid>().unwrap().as_str(), "0");
        assert_eq!("sixteen-bytes-ok".parse::<Mid>().unwrap().to_string(), "sixteen-bytes-ok");
        for bad in ["", "seventeen-bytes-x", "a b", "a\r\nm=x", "ü"] {
            assert!(bad.parse::<Mid>().is_err(), "{bad:?}");
        }
    }
}
