//! Time and Span: given to machines, never taken by them.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A moment: milliseconds since 1970-01-01T00:00:00Z, as the node's clock had it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, TS,
)]
#[ts(type = "number")]
pub struct Time(u64);

/// A length of time in milliseconds.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, TS,
)]
#[ts(type = "number")]
pub struct Span(u64);

impl Time {
    /// The moment `ms` milliseconds after the epoch.
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the epoch.
    pub const fn ms(self) -> u64 {
        self.0
    }

    /// This moment and `span` more; stays at the end of time instead of overflowing.
    pub const fn after(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// How long ago `earlier` was; zero when it lies ahead (clocks step back).
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Span {
    /// `ms` milliseconds.
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// `secs` seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Milliseconds.
    pub const fn ms(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_steps_back_never_makes_a_negative_span() {
        assert_eq!(Time::from_ms(5).since(Time::from_ms(9)), Span::from_ms(0));
        assert_eq!(Time::from_ms(u64::MAX).after(Span::from_secs(1)).ms(), u64::MAX);
    }
}
