//! Latencies, over all and second by second, from many tasks at once.

use hdrhistogram::Histogram;
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// The longest latency that is told apart: two minutes.
const LONGEST_US: u64 = 120_000_000;
/// Tasks that measure share so many tables, to rarely wait for each other.
const SHARDS: usize = 4;

/// The run's one clock, and the part of the run that counts.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
    from: AtomicU64,
    until: AtomicU64,
}

impl Clock {
    /// A clock that starts now and counts nothing yet.
    pub(crate) fn new() -> Self {
        let never = AtomicU64::new(u64::MAX);
        Self { start: Instant::now(), from: never, until: AtomicU64::new(u64::MAX) }
    }

    /// Microseconds since the start.
    pub(crate) fn now(&self) -> u64 {
        self.start.elapsed().as_micros() as u64
    }

    /// What is sent from now on counts.
    pub(crate) fn open(&self) {
        self.until.store(u64::MAX, Relaxed);
        self.from.store(self.now(), Relaxed);
    }

    /// What is sent from now on does not. Tells how long it was open.
    pub(crate) fn close(&self) -> Duration {
        self.until.store(self.now(), Relaxed);
        let open = self.until.load(Relaxed) - self.from.load(Relaxed);
        Duration::from_micros(open)
    }

    /// How far into the counted part this moment lies, when it does.
    fn counted(&self, at: u64) -> Option<u64> {
        let from = self.from.load(Relaxed);
        (at >= from && at < self.until.load(Relaxed)).then(|| at - from)
    }
}

/// Latencies of one kind.
#[derive(Debug)]
pub(crate) struct Latencies {
    shards: [Mutex<Table>; SHARDS],
}

/// All of them, and those of each second.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// All.
    pub(crate) all: Histogram<u64>,
    /// By the second in which they began.
    pub(crate) seconds: Vec<Histogram<u32>>,
}

impl Latencies {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::new(Table::new())) }
    }

    /// Something that began at `sent` is done now. `who` picks the table.
    pub(crate) fn record(&self, clock: &Clock, who: usize, sent: u64) {
        let Some(into) = clock.counted(sent) else { return };
        let took = clock.now().saturating_sub(sent).clamp(1, LONGEST_US);
        self.shard(who).record(into / 1_000_000, took);
    }

    /// Something that took so long, whenever it was.
    pub(crate) fn record_span(&self, second: u64, took: Duration) {
        self.shard(0).record(second, (took.as_micros() as u64).clamp(1, LONGEST_US));
    }

    /// Everything so far.
    pub(crate) fn table(&self) -> Table {
        let mut sum = Table::new();
        for shard in 0..SHARDS {
            sum.add(&self.shard(shard));
        }
        sum
    }

    fn shard(&self, who: usize) -> std::sync::MutexGuard<'_, Table> {
        self.shards[who % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn new() -> Self {
        Self { all: bounded(3), seconds: Vec::new() }
    }

    fn record(&mut self, second: u64, took: u64) {
        // A plan has at most an hour, so this list is bounded.
        let second = second as usize;
        if self.seconds.len() <= second {
            self.seconds.resize_with(second + 1, || bounded(2));
        }
        self.all.saturating_record(took);
        self.seconds[second].saturating_record(took);
    }

    fn add(&mut self, other: &Self) {
        self.all += &other.all;
        if self.seconds.len() < other.seconds.len() {
            self.seconds.resize_with(other.seconds.len(), || bounded(2));
        }
        for (mine, theirs) in self.seconds.iter_mut().zip(&other.seconds) {
            *mine += theirs;
        }
    }
}

fn bounded<C: hdrhistogram::Counter>(digits: u8) -> Histogram<C> {
    Histogram::new_with_bounds(1, LONGEST_US, digits).expect("the bounds are constants that fit")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_began_while_the_clock_was_open_counts() {
        let clock = Clock::new();
        let latencies = Latencies::new();
        // A microsecond later.
        let later = |than: u64| (0..).find(|_| clock.now() > than);
        let early = clock.now();
        latencies.record(&clock, 0, early);
        later(early);
        clock.open();
        let sent = clock.now();
        later(sent);
        clock.close();
        for who in 0..8 {
            latencies.record(&clock, who, sent);
        }
        latencies.record(&clock, 0, clock.now() + 1);
        let table = latencies.table();
        assert_eq!(table.all.len(), 8, "before and after do not count");
        assert_eq!(table.seconds[0].len(), 8);
    }

    #[test]
    fn percentiles_are_those_of_what_was_recorded() {
        let latencies = Latencies::new();
        for ms in 1..=1000 {
            latencies.record_span(ms / 500, Duration::from_millis(ms));
        }
        let table = latencies.table();
        let p99 = table.all.value_at_quantile(0.99) as f64 / 1000.0;
        assert!((985.0..=995.0).contains(&p99), "{p99}");
        assert_eq!(table.seconds.len(), 3);
    }
}
