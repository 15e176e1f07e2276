//! The node's clocks: the one people set, and the steady one of leases.
//!
//! The steady clock counts milliseconds since this machine started, asleep or not.
//! `std::time::Instant` is `CLOCK_MONOTONIC` on Linux, which stands still while a machine is
//! suspended: a lease measured by it would outlive its promise. `CLOCK_BOOTTIME` goes on.

use protocol::time::Time;
use rustix::time::{ClockId, clock_gettime};
use std::time::{SystemTime, UNIX_EPOCH};

/// What people call now.
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_ms(since.as_millis() as u64)
}

/// Milliseconds on the steady clock.
pub fn steady_ms() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    now.tv_sec.unsigned_abs() * 1000 + now.tv_nsec.unsigned_abs() / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_goes_back() {
        let first = steady_ms();
        assert!((0..1000).all(|_| steady_ms() >= first));
    }
}
