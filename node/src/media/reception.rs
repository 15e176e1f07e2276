//! What one published stream delivered and what it owes: gaps to ask for, figures to report.
//!
//! # Invariants
//! - **M8** At most [`MISSING_MAX`] gaps are remembered, each asked for at most [`ASK_MAX`] times.

use std::collections::VecDeque;
use std::time::Instant;

use rtc::rtcp::reception_report::ReceptionReport;

use super::limits::{ASK_MAX, ASK_PAUSE, JUMP_MAX, MISSING_MAX};

/// How a packet relates to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// The newest so far.
    New,
    /// It fills a gap.
    Filled,
    /// Seen before, or given up. It must not be forwarded: its number may have been used.
    Old,
}

#[derive(Debug)]
struct Missing {
    seq: u64,
    asked: u8,
    due: Instant,
}

#[derive(Debug)]
struct Heard {
    base: u64,
    newest: u64,
    received: u64,
    /// Of the last report.
    expected_told: u64,
    received_told: u64,
}

/// The books of one SSRC.
#[derive(Debug, Default)]
pub(super) struct Reception {
    clock: u32,
    heard: Option<Heard>,
    missing: VecDeque<Missing>,
    /// RFC 3550's estimate, times 16.
    jitter: u32,
    transit: Option<i64>,
    /// Middle of the last sender report's time, and when it came.
    report: Option<(u32, Instant)>,
}

impl Reception {
    /// Books for a stream whose timestamps tick this often per second.
    pub(super) fn new(clock: u32) -> Reception {
        Reception { clock, ..Reception::default() }
    }

    /// Enters one packet.
    pub(super) fn enter(&mut self, seq: u16, now: Instant) -> Arrival {
        let Some(heard) = &mut self.heard else {
            self.restart(seq);
            return Arrival::New;
        };
        let ahead = seq.wrapping_sub(heard.newest as u16) as i16;
        let seq64 = heard.newest.wrapping_add_signed(i64::from(ahead));
        heard.received += 1;
        if ahead <= 0 {
            let known = self.missing.iter().position(|missing| missing.seq == seq64);
            return match known.and_then(|at| self.missing.remove(at)) {
                Some(_) => Arrival::Filled,
                None => Arrival::Old,
            };
        }
        if u64::from(ahead.unsigned_abs()) > JUMP_MAX {
            self.restart(seq);
            return Arrival::New;
        }
        let gap = heard.newest + 1..seq64;
        heard.newest = seq64;
        let oldest = gap.start.max(gap.end.saturating_sub(MISSING_MAX as u64));
        self.missing.extend((oldest..gap.end).map(|seq| Missing { seq, asked: 0, due: now }));
        let excess = self.missing.len().saturating_sub(MISSING_MAX);
        self.missing.drain(..excess);
        assert!(self.missing.len() <= MISSING_MAX, "M8");
        Arrival::New
    }

    fn restart(&mut self, seq: u16) {
        // One turn of the counter ahead, so that packets before the first stay above zero.
        let base = 65_536 + u64::from(seq);
        let heard = Heard { base, newest: base, received: 1, expected_told: 0, received_told: 0 };
        self.heard = Some(heard);
        self.missing.clear();
        self.transit = None;
    }

    /// Enters when a packet came against when it was made.
    pub(super) fn time(&mut self, timestamp: u32, micros: u64) {
        let arrival = (micros as i64).wrapping_mul(i64::from(self.clock)) / 1_000_000;
        let transit = i64::from((arrival as u32).wrapping_sub(timestamp) as i32);
        if let Some(before) = self.transit {
            let moved = (transit - before).unsigned_abs().min(u64::from(self.clock)) as u32;
            self.jitter = self.jitter.wrapping_add(moved).wrapping_sub((self.jitter + 8) >> 4);
        }
        self.transit = Some(transit);
    }

    /// The numbers to ask for now.
    pub(super) fn ask(&mut self, now: Instant) -> Vec<u16> {
        let mut asked = Vec::new();
        self.missing.retain_mut(|missing| {
            if missing.due <= now {
                missing.asked += 1;
                missing.due = now + ASK_PAUSE;
                if missing.asked > ASK_MAX {
                    return false; // M8: given up.
                }
                asked.push(missing.seq as u16);
            }
            true
        });
        asked
    }

    /// Enters a sender report.
    pub(super) fn hear_report(&mut self, ntp: u64, now: Instant) {
        self.report = Some(((ntp >> 16) as u32, now));
    }

    /// Packets that never came.
    pub(super) fn lost(&self) -> u64 {
        let lost = |h: &Heard| (h.newest - h.base + 1).saturating_sub(h.received);
        self.heard.as_ref().map_or(0, lost)
    }

    /// The report block about this stream, for its sender.
    pub(super) fn report(&mut self, ssrc: u32, now: Instant) -> Option<ReceptionReport> {
        let total_lost = self.lost().min(0x7f_ffff) as u32;
        let heard = self.heard.as_mut()?;
        let expected = heard.newest - heard.base + 1;
        let due = expected - heard.expected_told;
        let came = heard.received - heard.received_told;
        (heard.expected_told, heard.received_told) = (expected, heard.received);
        let lost = due.saturating_sub(came);
        let (last_sender_report, delay) = self.report.map_or((0, 0), |(middle, at)| {
            let waited = now.saturating_duration_since(at);
            (middle, (waited.as_secs_f64() * 65_536.0) as u32)
        });
        Some(ReceptionReport {
            ssrc,
            fraction_lost: (lost * 256).checked_div(due).unwrap_or(0).min(255) as u8,
            total_lost,
            last_sequence_number: (heard.newest - 65_536) as u32,
            jitter: self.jitter >> 4,
            last_sender_report,
            delay,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_asked_for_until_it_is_filled() {
        let start = Instant::now();
        let mut books = Reception::new(90_000);
        assert_eq!(books.enter(65_534, start), Arrival::New);
        assert_eq!(books.enter(1, start), Arrival::New);
        assert_eq!(books.ask(start), [65_535, 0]);
        assert_eq!(books.ask(start), [0u16; 0], "not twice at once");
        assert_eq!(books.enter(0, start), Arrival::Filled);
        assert_eq!(books.ask(start + ASK_PAUSE), [65_535]);
        assert_eq!(books.enter(0, start), Arrival::Old);
    }

    #[test]
    fn m8_gaps_are_bounded_and_given_up() {
        let start = Instant::now();
        let mut books = Reception::new(90_000);
        books.enter(0, start);
        books.enter(2_000, start);
        assert_eq!(books.missing.len(), MISSING_MAX);
        let asks = (0..100u32).filter(|n| !books.ask(start + ASK_PAUSE * *n).is_empty()).count();
        assert_eq!(asks, usize::from(ASK_MAX));
        assert!(books.missing.is_empty());
        assert_eq!(books.enter(20_000, start), Arrival::New, "a restart");
        assert!(books.missing.is_empty());
    }

    #[test]
    fn a_report_tells_the_share_that_was_lost() {
        let start = Instant::now();
        let mut books = Reception::new(90_000);
        for seq in (0..100).filter(|seq| seq % 4 != 1) {
            books.enter(seq, start);
        }
        let report = books.report(9, start).unwrap();
        assert_eq!((report.ssrc, report.total_lost, report.fraction_lost), (9, 25, 64));
        assert_eq!(report.last_sequence_number, 99);
        assert_eq!(books.report(9, start).unwrap().fraction_lost, 0, "only since the last one");
    }

    #[test]
    fn an_even_stream_has_no_jitter() {
        let mut books = Reception::new(90_000);
        for n in 0..100u32 {
            books.time(n * 900, u64::from(n) * 10_000);
        }
        assert_eq!(books.jitter, 0);
        books.time(100 * 900, 1_020_000);
        assert!(books.jitter > 0);
    }
}
