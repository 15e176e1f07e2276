//! How long another copy takes to acknowledge, and when that is far too long (rule R7).
//!
//! Silence and standing still are measured elsewhere. This is about a copy that answers every beat
//! and comes closer all the time, but each time so late that everybody who writes waits for its
//! disk: such a twin does more harm than one that is dead.

use protocol::cluster::Lsn;

use super::Settings;

/// So many times slower than in the long run is too slow,
const TIMES: u64 = 10;
/// but never so few milliseconds,
const FLOOR: u64 = 500;
/// and always so many.
const CEILING: u64 = 2_000;
/// Fewer measurements in a row prove nothing.
const PROOFS: u32 = 3;

/// What is known of one copy's pace. Milliseconds.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The median of the long run: a millisecond nearer to each measurement.
    usual: u64,
    /// Of the last few, a quarter of it the last.
    recent: u64,
    /// What is measured now: up to where, since when.
    timed: Option<(Lsn, u64)>,
    /// Slow since then, in so many measurements.
    slow: Option<(u64, u32)>,
    /// Known to be too slow until then; who is not measured any more is not known to be.
    until: u64,
}

impl Pace {
    /// Entries up to here were sent, behind next to nothing else.
    pub(super) fn sent(&mut self, upto: Lsn, now: u64) {
        self.timed.get_or_insert((upto, now));
    }

    /// Everything up to here is acknowledged.
    pub(super) fn acknowledged(&mut self, upto: Lsn, now: u64, settings: &Settings) {
        let Some((_, since)) = self.timed.take_if(|(timed, _)| *timed <= upto) else { return };
        let took = now.saturating_sub(since);
        self.recent = (3 * self.recent + took) / 4;
        let bearable = (TIMES * self.usual).clamp(FLOOR, CEILING);
        self.slow = (self.recent > bearable).then(|| {
            let (since, proofs) = self.slow.unwrap_or((now, 0));
            (since, proofs + 1)
        });
        self.until = match self.slow {
            Some((since, proofs)) if proofs >= PROOFS && now >= since + settings.slow_twin => {
                now + settings.slow_twin
            }
            _ => 0,
        };
        self.usual = self.usual.saturating_add_signed(took.cmp(&self.usual) as i64);
    }

    /// Whether it is too slow to be waited for.
    pub(super) fn is_slow(&self, now: u64) -> bool {
        now < self.until
    }

    /// What is under way says nothing: something of it was lost.
    pub(super) fn lose_count(&mut self) {
        self.timed = None;
    }

    /// Nothing counts of what was seen lately: this node itself may have been the slow one.
    pub(super) fn spare(&mut self) {
        (self.timed, self.slow, self.until) = (None, None, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Measures this latency again and again for so long; says when the copy was slow, if it was.
    fn measure(pace: &mut Pace, now: &mut u64, took: u64, span: u64) -> Option<u64> {
        let (settings, start) = (Settings::default(), *now);
        while *now < start + span {
            pace.sent(Lsn(*now), *now);
            pace.sent(Lsn(*now + 1), *now + 1);
            *now += took;
            pace.acknowledged(Lsn(*now), *now, &settings);
            if pace.is_slow(*now) {
                return Some(*now - start);
            }
        }
        None
    }

    #[test]
    fn r7_only_what_is_far_slower_than_usual_for_long_is_slow() {
        let (mut pace, mut now) = (Pace::default(), 1);
        assert_eq!(measure(&mut pace, &mut now, 2, 5_000), None);
        assert_eq!(measure(&mut pace, &mut now, 400, 60_000), None, "below the floor");
        assert_eq!(measure(&mut pace, &mut now, 2, 1_000), None);
        assert_eq!(measure(&mut pace, &mut now, 900, 2_000), None, "not for long");
        assert_eq!(measure(&mut pace, &mut now, 2, 1_000), None);
        let after = measure(&mut pace, &mut now, 900, 60_000).expect("slow");
        assert!((3_000..9_000).contains(&after), "R7, after {after} ms");
        assert!(pace.is_slow(now + 2_999) && !pace.is_slow(now + 3_000), "not known any more");
        pace.spare();
        assert_eq!(measure(&mut pace, &mut now, 2, 1_000), None);
    }

    #[test]
    fn r7_a_copy_that_always_took_long_is_measured_by_itself_up_to_a_bound() {
        let (mut pace, mut now) = (Pace { usual: 120, ..Pace::default() }, 1);
        assert_eq!(measure(&mut pace, &mut now, 900, 30_000), None, "not ten times as long");
        let (mut pace, mut now) = (Pace { usual: 9_000, ..Pace::default() }, 1);
        assert!(measure(&mut pace, &mut now, 2_500, 60_000).is_some(), "R7");
    }
}
