//! The numbers of one outgoing stream: continuous, whoever is shown on it.
//!
//! # Invariants
//! - **M3** Out numbers are in numbers plus one offset per binding; a new binding continues right
//!   after the highest number sent, so a receiver sees one stream without a gap.
//! - **M6** A number that was sent before the binding began is never sent again: under SRTP that
//!   would use a nonce twice.

use std::time::Instant;

/// How far a packet may be older than the binding's newest and still be forwarded.
const LATE_MAX: u16 = 1_000;

#[derive(Debug, Clone, Copy)]
struct Offset {
    seq: u16,
    timestamp: u32,
    /// First incoming number of this binding.
    first: u16,
    /// Packets since the first, saturating: how far back `first` is still meaningful.
    span: u32,
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    seq: u16,
    timestamp: u32,
    at: Instant,
}

/// Rewrites sequence numbers and timestamps of one outgoing SSRC.
#[derive(Debug)]
pub(super) struct Rewriter {
    clock: u32,
    start: u16,
    offset: Option<Offset>,
    newest: Option<Sent>,
}

impl Rewriter {
    /// `start` is the first number to use; below 2^15, as an SRTP receiver that starts in the
    /// middle of a turn of the counter could guess the wrong turn.
    pub(super) fn new(clock: u32, start: u16) -> Rewriter {
        Rewriter { clock, start: start & 0x7fff, offset: None, newest: None }
    }

    /// From the next packet on, another track is shown.
    pub(super) fn rebind(&mut self) {
        self.offset = None;
    }

    /// Whether the current binding has begun.
    pub(super) fn is_begun(&self) -> bool {
        self.offset.is_some()
    }

    /// The outgoing numbers of a packet; `None` if it belongs to the time before the binding.
    pub(super) fn map(&mut self, seq: u16, timestamp: u32, now: Instant) -> Option<(u16, u32)> {
        let mut offset = match self.offset {
            Some(offset) => offset,
            None => self.begin(seq, timestamp, now),
        };
        let out = (seq.wrapping_add(offset.seq), timestamp.wrapping_add(offset.timestamp));
        let ahead = self.newest.map_or(1, |sent| out.0.wrapping_sub(sent.seq) as i16);
        let since_first = seq.wrapping_sub(offset.first) as i16;
        if ahead <= 0 {
            let late = ahead.unsigned_abs();
            if late > LATE_MAX || (offset.span < 0x7fff && since_first < 0) {
                return None; // M6: numbers before the binding belong to someone else.
            }
        } else {
            offset.span = offset.span.saturating_add(u32::from(ahead.unsigned_abs()));
            self.newest = Some(Sent { seq: out.0, timestamp: out.1, at: now });
        }
        self.offset = Some(offset);
        Some(out)
    }

    fn begin(&self, seq: u16, timestamp: u32, now: Instant) -> Offset {
        let (next_seq, next_timestamp) = match self.newest {
            None => (self.start, timestamp),
            Some(sent) => {
                let waited = now.saturating_duration_since(sent.at).as_millis() as u64;
                // At least one tick of a 30 Hz picture, so that time never stands still.
                let ticks =
                    (waited * u64::from(self.clock) / 1_000).max(u64::from(self.clock / 30));
                (sent.seq.wrapping_add(1), sent.timestamp.wrapping_add(ticks as u32))
            }
        };
        Offset {
            seq: next_seq.wrapping_sub(seq),
            timestamp: next_timestamp.wrapping_sub(timestamp),
            first: seq,
            span: 0,
        }
    }

    /// The publisher's number of an outgoing one, for retransmission within this binding.
    pub(super) fn source(&self, out: u16) -> Option<u16> {
        let (offset, sent) = (self.offset?, self.newest?);
        let age = sent.seq.wrapping_sub(out);
        (age <= LATE_MAX && u32::from(age) < offset.span).then(|| out.wrapping_sub(offset.seq))
    }

    /// The outgoing timestamp of a moment of the track now shown.
    pub(super) fn timestamp(&self, timestamp: u32) -> Option<u32> {
        Some(timestamp.wrapping_add(self.offset?.timestamp))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn m3_a_rebinding_continues_without_a_gap() {
        let start = Instant::now();
        let mut rewriter = Rewriter::new(90_000, 65_535);
        let (first, _) = rewriter.map(500, 9_000, start).unwrap();
        assert_eq!(first, 32_767, "kept below the middle");
        assert_eq!(rewriter.map(501, 12_000, start).unwrap(), (32_768, 12_000));
        rewriter.rebind();
        let later = start + Duration::from_millis(100);
        let (seq, timestamp) = rewriter.map(65_535, 7, later).unwrap();
        assert_eq!((seq, timestamp), (32_769, 12_000 + 9_000));
        let (seq, timestamp) = rewriter.map(0, 3_007, later).unwrap();
        assert_eq!((seq, timestamp), (32_770, 12_000 + 12_000), "across the wrap");
    }

    #[test]
    fn m3_the_publishers_own_gaps_stay() {
        let now = Instant::now();
        let mut rewriter = Rewriter::new(48_000, 10);
        assert_eq!(rewriter.map(100, 0, now).unwrap().0, 10);
        assert_eq!(rewriter.map(103, 0, now).unwrap().0, 13);
        assert_eq!(rewriter.map(101, 0, now).unwrap().0, 11, "late, but ours");
    }

    #[test]
    fn m6_packets_from_before_the_binding_are_dropped() {
        let now = Instant::now();
        let mut rewriter = Rewriter::new(90_000, 10);
        rewriter.map(100, 0, now).unwrap();
        rewriter.map(101, 0, now).unwrap();
        rewriter.rebind();
        assert_eq!(rewriter.map(7_000, 0, now).unwrap().0, 12);
        assert_eq!(rewriter.map(6_999, 0, now), None);
        assert_eq!(rewriter.map(7_001, 0, now).unwrap().0, 13);
    }

    #[test]
    fn a_resend_finds_its_source_only_within_the_binding() {
        let now = Instant::now();
        let mut rewriter = Rewriter::new(90_000, 10);
        assert_eq!(rewriter.source(10), None);
        for seq in 100..110 {
            rewriter.map(seq, 0, now).unwrap();
        }
        assert_eq!(rewriter.source(15), Some(105));
        assert_eq!(rewriter.source(25), None);
        rewriter.rebind();
        for seq in 7_000..7_005 {
            rewriter.map(seq, 0, now).unwrap();
        }
        assert_eq!(rewriter.source(15), None, "another track's number");
        assert_eq!(rewriter.source(21), Some(7_001));
    }

    #[test]
    fn a_long_life_keeps_its_offset() {
        let now = Instant::now();
        let mut rewriter = Rewriter::new(90_000, 10);
        for n in 0..200_000u32 {
            let (seq, _) = rewriter.map(n as u16, n, now).unwrap();
            assert_eq!(seq, (n as u16).wrapping_add(10));
        }
        assert_eq!(rewriter.source((199_995u32 as u16).wrapping_add(10)), Some(199_995u32 as u16));
    }
}
