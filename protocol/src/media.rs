//! Media: tracks, and the signals between a browser and its node.
//!
//! The browser always offers, the node always answers: there is no glare by construction. When a
//! browser should receive more than it has lines for, the node says how many it wants, and the
//! browser offers again.

use crate::id::SessionId;

names! {
    /// What a track shows.
    pub enum Source {
        /// A face.
        Camera,
        /// A voice.
        Microphone,
        /// A screen, a window or a tab.
        Screen,
        /// The sound of a shared tab.
        ScreenSound,
    }
}

shape! {
    /// One published track.
    pub struct Track {
        /// The line (`mid`) of the publisher's session description.
        pub mid: String,
        /// What it shows.
        pub source: Source,
        /// Switched on by its owner.
        pub on: bool,
    }
}

word! {
    /// What a browser tells its node about its call in one room.
    pub enum MediaCommand {
        /// A session description (RFC 8829), as an offer. Answered by `Reply::Answer`.
        Offer { sdp: String },
        /// Hang up; the seat stays.
        Hangup {},
    }
}

word! {
    /// What the node tells a browser about its call. Not kept.
    pub enum MediaSignal {
        /// So many receiving lines of each kind are needed in all: add the missing ones, offer again.
        Wanted { audio: u32, video: u32 },
        /// This line shows that track from now on, or nothing.
        Bound { mid: String, session: Option<SessionId>, source: Option<Source> },
        /// Who is heard now, loudest first.
        Speaking { sessions: Vec<SessionId> },
        /// The call is gone on the node's side: offer afresh with a new connection.
        Gone {},
    }
}

names! {
    /// Why the media path says no.
    pub enum MediaRefusal {
        /// The device has no seat in that room.
        NotSeated,
        /// The session description is not understood or too long.
        BadOffer,
        /// This node carries as many calls as it may.
        Full,
    }
}
