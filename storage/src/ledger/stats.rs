//! What a ledger tells about itself.

use std::sync::atomic::Ordering::Relaxed;

use super::Ledger;
use crate::wal::meter::SYNC_BUCKETS;

/// The ledger at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stats {
    /// Appends and snapshots made durable since the ledger was opened.
    pub commits: u64,
    /// Groups made durable: one write and one sync each.
    pub fsyncs: u64,
    /// Seconds spent writing and syncing groups, in all.
    pub fsync_seconds_sum: f64,
    /// How many groups took at most so many seconds, each counted once; the last bound is infinity.
    pub fsync_seconds: Vec<(f64, u64)>,
    /// Payload bytes made durable.
    pub bytes: u64,
    /// Appends refused after they were queued.
    pub refused: u64,
    /// Snapshots that were not kept.
    pub snapshots_lost: u64,
    /// Appends that wait for the log.
    pub queue_depth: u64,
    /// Bytes in the log that the engine does not hold yet.
    pub unapplied_bytes: u64,
    /// Bytes that another copy has not acknowledged, or this one's disk.
    pub uncommitted_bytes: u64,
    /// Shards that are served here.
    pub shards_served: u64,
    /// Entries written once more so that the log could shrink.
    pub entries_carried: u64,
    /// Segments of the log.
    pub segments: u64,
    /// Journals in memory.
    pub journals_resident: u64,
    /// Bytes free on the disk of the log; none when it does not say.
    pub free_bytes: Option<u64>,
    /// Bytes the engine takes; none when it does not say.
    pub engine_bytes: Option<u64>,
}

impl Ledger {
    /// The counters now.
    pub fn stats(&self) -> Stats {
        let (core, read) = (&self.0.core, self.0.meter.read());
        let twins = self.0.twins.as_ref().map(|twins| twins.figures()).unwrap_or_default();
        let bounds = SYNC_BUCKETS.into_iter().chain([f64::INFINITY]);
        Stats {
            commits: read.commits,
            fsyncs: read.fsyncs,
            fsync_seconds_sum: read.fsync_seconds_sum,
            fsync_seconds: bounds.zip(read.fsync_seconds).collect(),
            bytes: read.bytes,
            refused: read.refused,
            snapshots_lost: core.folds_lost.load(Relaxed),
            queue_depth: self.0.queue.depth() as u64,
            unapplied_bytes: core.trouble.unapplied.load(Relaxed),
            uncommitted_bytes: twins.uncommitted_bytes,
            shards_served: twins.served,
            entries_carried: twins.carried,
            segments: read.segments,
            journals_resident: core.slots.len() as u64,
            free_bytes: core.disk.free().ok(),
            engine_bytes: core.store.size_on_disk().ok(),
        }
    }
}
