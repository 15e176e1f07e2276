//! What the swarm counts.

use protocol::peer::Class;
use std::sync::atomic::{AtomicU64, Ordering};

/// What went through one class, over all members.
#[derive(Debug, Default)]
pub struct ClassFigures {
    /// Frames written.
    pub frames_out: AtomicU64,
    /// Bytes of them.
    pub bytes_out: AtomicU64,
    /// Frames read.
    pub frames_in: AtomicU64,
    /// Bytes of them.
    pub bytes_in: AtomicU64,
    /// Frames that wait now.
    pub queued: AtomicU64,
    /// Bytes that wait now.
    pub queued_bytes: AtomicU64,
    /// Frames that were not taken because too much waited.
    pub full: AtomicU64,
}

/// The swarm's counters since it started.
#[derive(Debug, Default)]
pub struct Figures {
    classes: [ClassFigures; 4],
    /// Connections of peers that are not admitted, refused.
    pub strangers: AtomicU64,
    /// Streams cut for a frame beyond the bound or a bad hello.
    pub cut: AtomicU64,
    /// Connections tried.
    pub dials: AtomicU64,
    /// Tries that failed.
    pub failed_dials: AtomicU64,
    /// Times a member came up.
    pub ups: AtomicU64,
    /// Times a member went down.
    pub downs: AtomicU64,
    /// Connections closed because there was a better one to the same member.
    pub surplus: AtomicU64,
    /// Connections closed because two pings in a row went unanswered.
    pub silent: AtomicU64,
}

impl Figures {
    /// Those of one class.
    pub fn class(&self, class: Class) -> &ClassFigures {
        &self.classes[class as usize]
    }
}

/// The join door's counters since it was opened.
#[derive(Debug, Default)]
pub struct DoorFigures {
    /// Requests that were answered.
    pub answered: AtomicU64,
    /// Requests that were refused in words.
    pub refused: AtomicU64,
    /// Connections turned away because too many came.
    pub turned_away: AtomicU64,
    /// Requests not taken: too many at a time, too slow, or no request at all.
    pub dropped: AtomicU64,
}

pub(super) fn count(figure: &AtomicU64) {
    figure.fetch_add(1, Ordering::Relaxed);
}
