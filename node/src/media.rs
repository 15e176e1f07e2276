//! The node's SFU: it takes each published track once and hands it to everyone who shall have it.
//!
//! One thread, one UDP port, no task and no mailbox per packet. The thread ([`run`]) moves
//! datagrams between the socket ([`wire`]) and the [`switch`], which is synchronous and is handed
//! the time. DTLS, SRTP, STUN and RTCP come from the sans-IO `rtc` crates and are named only in
//! [`crypt`], [`ice`] and [`report`], so another core can take their place.
//!
//! The browser always offers and the node always answers, so two offers can never cross.
//!
//! # Invariants
//! - **M1** A fault, or even a panic, in the handling of one peer ends that peer and no other.
//! - **M2** A packet leaves only towards a connected peer whose m-line is bound to its track, and
//!   never while that track is hushed.
//! - **M3** On one outgoing SSRC, sequence numbers have no gap the publisher's own did not have,
//!   also across a re-binding.
//! - **M4** A track is shown by at most one m-line of a receiver, and an m-line shows at most one
//!   track of its own kind.
//! - **M5** Nothing is sent to an address that has not answered for it with a valid STUN request.
//!
//! # Why not one `RTCPeerConnection` per browser?
//! It would own its socket set, clone every packet per receiver and parse SDP into a model of both
//! directions. A forwarder needs the keys, the numbers and the table of who sees whom.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test stops at the first surprise"))]

mod answer;
mod bind;
mod clock;
mod codec;
mod counters;
mod crypt;
mod hello;
mod ice;
mod keyframe;
mod limits;
mod offer;
mod peer;
mod publish;
mod reception;
mod report;
mod rewrite;
mod ring;
mod rtp;
mod run;
mod show;
mod speaker;
mod switch;
mod twcc;
mod wire;
mod words;

pub use counters::Counters;
pub use run::{MediaHandle, MediaLoop};
pub use words::{
    Answer, Busy, Kind, MediaConfig, MediaEvent, MediaFault, Mid, Order, PeerKey, PeerStats,
    TrackKey,
};
