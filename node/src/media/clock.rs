//! Wall-clock time as RTCP tells it, derived from the monotonic clock so it never jumps.

use std::time::{Duration, Instant};

/// Seconds between 1900, where NTP begins, and 1970.
const NTP_UNIX: u64 = 2_208_988_800;

/// Turns instants into NTP timestamps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    start: Instant,
    unix: Duration,
}

impl Clock {
    /// `unix` is the wall-clock time since 1970 at `start`.
    pub(super) fn new(start: Instant, unix: Duration) -> Clock {
        Clock { start, unix }
    }

    /// 32 bits of seconds, 32 bits of fraction.
    pub(super) fn ntp(&self, at: Instant) -> u64 {
        let unix = self.unix + at.saturating_duration_since(self.start);
        let fraction = (u64::from(unix.subsec_nanos()) << 32) / 1_000_000_000;
        ((unix.as_secs() + NTP_UNIX) << 32) | fraction
    }

    /// Microseconds since the start.
    pub(super) fn micros(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.start).as_micros() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_time() {
        let start = Instant::now();
        let clock = Clock::new(start, Duration::from_secs(1_700_000_000));
        let half = clock.ntp(start + Duration::from_millis(500));
        assert_eq!(half >> 32, 1_700_000_000 + NTP_UNIX);
        assert_eq!(half & 0xffff_ffff, 1 << 31);
        assert_eq!(clock.micros(start + Duration::from_millis(2)), 2_000);
    }
}
