//! Clocks: the world's one true time, and what each node takes it for.
//!
//! A node's clock never goes back and never stops while the machine has power: not when its
//! process is stopped, not when it is started anew. It may run fast or slow, within what the lease
//! of the twins assumes, and two nodes' clocks have nothing else in common.

/// True time since the world began, in microseconds.
pub type Moment = u64;

/// So many milliseconds.
pub const fn ms(count: u64) -> Moment {
    count * 1000
}

/// So many seconds.
pub const fn secs(count: u64) -> Moment {
    count * 1_000_000
}

/// The slowest and the fastest clock, in thousandths of true time. Their ratio stays below that of
/// the twins' grace and lease (600 to 500), with a margin for whole milliseconds.
pub const RATES: (u64, u64) = (920, 1090);

/// What one machine takes for time: milliseconds since it got power.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    power: Moment,
    ahead: u64,
    rate: u64,
}

impl Clock {
    /// A machine that got power at `power`, whose clock then said `ahead`, with this rate.
    pub fn new(power: Moment, ahead: u64, rate: u64) -> Self {
        assert!((RATES.0..=RATES.1).contains(&rate), "no clock drifts further than leases assume");
        Self { power, ahead, rate }
    }

    /// What it shows.
    pub fn shows(&self, now: Moment) -> u64 {
        self.ahead + (now - self.power) * self.rate / 1_000_000
    }

    /// How fast it goes.
    pub fn rate(&self) -> u64 {
        self.rate
    }

    /// How long `span` of its own milliseconds take in truth.
    pub fn takes(&self, span: u64) -> Moment {
        (span * 1_000_000).div_ceil(self.rate)
    }
}
