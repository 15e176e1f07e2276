//! The steady clock of leases: milliseconds since this machine started, asleep or not.
//!
//! `std::time::Instant` is `CLOCK_MONOTONIC` on Linux, which stands still while a machine is
//! suspended: a lease measured by it would outlive its promise. `CLOCK_BOOTTIME` goes on.

use rustix::time::{ClockId, clock_gettime};

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
