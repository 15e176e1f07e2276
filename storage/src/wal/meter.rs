//! What the log counts about itself.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Upper bounds of the sync histogram, in seconds; one more bucket holds what took longer.
pub const SYNC_BUCKETS: [f64; 10] = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0];

/// Counters of one log; all only grow, but for the gauges.
#[derive(Default)]
pub struct Meter {
    pub(super) commits: AtomicU64,
    pub(super) groups: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) segments: AtomicU64,
    sync_nanos: AtomicU64,
    sync_buckets: [AtomicU64; SYNC_BUCKETS.len() + 1],
}

/// The counters at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metered {
    /// Records made durable.
    pub commits: u64,
    /// Groups made durable: one write and one sync each.
    pub fsyncs: u64,
    /// Payload bytes made durable.
    pub bytes: u64,
    /// Records refused after they were queued.
    pub refused: u64,
    /// Segments the log has now.
    pub segments: u64,
    /// Seconds spent in commits, in all.
    pub fsync_seconds_sum: f64,
    /// Commits that took at most [`SYNC_BUCKETS`] seconds, one by one, and those that took longer.
    pub fsync_seconds: [u64; SYNC_BUCKETS.len() + 1],
}

impl Meter {
    pub(super) fn group(&self, records: usize, bytes: usize, took: Duration) {
        self.commits.fetch_add(records as u64, Relaxed);
        self.bytes.fetch_add(bytes as u64, Relaxed);
        self.groups.fetch_add(1, Relaxed);
        self.sync_nanos.fetch_add(took.as_nanos() as u64, Relaxed);
        let secs = took.as_secs_f64();
        let bucket = SYNC_BUCKETS.partition_point(|bound| *bound < secs);
        self.sync_buckets[bucket].fetch_add(1, Relaxed);
    }

    /// The counters now.
    pub fn read(&self) -> Metered {
        Metered {
            commits: self.commits.load(Relaxed),
            fsyncs: self.groups.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            refused: self.refused.load(Relaxed),
            segments: self.segments.load(Relaxed),
            fsync_seconds_sum: Duration::from_nanos(self.sync_nanos.load(Relaxed)).as_secs_f64(),
            fsync_seconds: std::array::from_fn(|at| self.sync_buckets[at].load(Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_falls_into_the_first_bucket_that_holds_it() {
        let meter = Meter::default();
        meter.group(2, 10, Duration::from_micros(200));
        meter.group(1, 5, Duration::from_secs(9));
        let read = meter.read();
        assert_eq!((read.commits, read.fsyncs, read.bytes), (3, 2, 15));
        assert_eq!((read.fsync_seconds[1], read.fsync_seconds[SYNC_BUCKETS.len()]), (1, 1));
    }
}
