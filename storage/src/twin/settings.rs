//! How long, how much: the figures a replica lives by, and what must hold between them.
//!
//! Every figure here is a node's own affair: two nodes may live by different ones. What they must
//! have in common is in `promise`.

use std::ops::RangeInclusive;

use super::promise::LEASE;

/// The figures of a replica. Times are milliseconds of a steady clock.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A primary beats this often; a host ticks at least this often, better four times as often.
    pub beat: u64,
    /// A primary drops a twin that was silent this long.
    pub suspect_twin: u64,
    /// A twin that answers but comes no closer for this long is dropped, too (rule R7).
    pub stall_twin: u64,
    /// A twin that acknowledges far more slowly than usual for this long is dropped as well (R7),
    pub slow_twin: u64,
    /// and is not taken in again before this long has passed.
    pub slow_again: u64,
    /// A twin takes over from a primary that was silent this long. Longer than `suspect_twin`:
    /// when only the link is cut, the primary should win.
    pub suspect_primary: u64,
    /// What was sent and not acknowledged is sent again after this long.
    pub resend: u64,
    /// A change that was proposed and not heard of is proposed again after this long.
    pub cas_again: u64,
    /// A handoff or a join that was refused is tried again after this long.
    pub handoff_again: u64,
    /// More than this is not taken in before some of it is committed.
    pub uncommitted_max_bytes: u64,
    /// Committed entries kept in memory for a copy that falls a little behind.
    pub ring_keep_bytes: u64,
    /// The same while somebody still needs them to catch up; beyond it they must copy the state.
    pub ring_max_bytes: u64,
    /// One frame carries at most this much, or a single entry.
    pub batch_max_bytes: u64,
    /// At most this much is on its way to one node and not acknowledged.
    pub window_max_bytes: u64,
    /// Which rule is broken, in order to see it noticed.
    #[cfg(feature = "mutants")]
    pub mutant: Option<super::Mutant>,
}

impl Default for Settings {
    fn default() -> Self {
        Self::of(100, 500)
    }
}

impl Settings {
    /// Milliseconds between two beats that a node may choose.
    pub const BEAT: RangeInclusive<u64> = 20..=200;
    /// Beats that a node must be patient for, at least: who is merely slow must not look dead.
    pub const PATIENCE: u64 = 4;
    /// Milliseconds of silence that a node may bear, at most.
    pub const SILENCE: u64 = 60_000;

    /// The figures of a node that beats this often and gives another copy up after this silence.
    pub fn of(beat: u64, silence: u64) -> Self {
        Self {
            beat,
            suspect_twin: silence,
            stall_twin: 5_000,
            slow_twin: 3_000,
            slow_again: 20_000,
            suspect_primary: silence + 2 * beat,
            resend: 2 * beat + beat / 2,
            cas_again: silence.clamp(200, 1_000),
            handoff_again: 5_000,
            uncommitted_max_bytes: 16 << 20,
            ring_keep_bytes: 256 << 10,
            ring_max_bytes: 16 << 20,
            batch_max_bytes: 1 << 20,
            window_max_bytes: 4 << 20,
            #[cfg(feature = "mutants")]
            mutant: None,
        }
    }

    /// Panics when the figures contradict each other; they are the code's, not a person's.
    pub fn check(&self) {
        assert!(self.beat > 0, "a beat takes time");
        assert!(self.suspect_twin < self.suspect_primary, "the primary suspects first");
        assert!(2 * self.beat < self.suspect_twin, "one lost beat is no death");
        assert!(2 * self.beat < LEASE, "one lost beat does not stop the reads");
        assert!(self.batch_max_bytes <= 1 << 20, "a frame fits its transport");
        assert!(self.batch_max_bytes <= self.window_max_bytes, "a window holds a batch");
        assert!(self.ring_keep_bytes <= self.ring_max_bytes, "the ring's bounds are in order");
    }
}
