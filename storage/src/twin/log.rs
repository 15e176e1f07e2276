//! The end of a shard's log, as far as it is kept in memory.
//!
//! # Invariants
//! - **I7** Positions are gapless and epochs never fall, so that an equal epoch and position mean
//!   an equal beginning.

use protocol::{
    cluster::Lsn,
    twin::{At, Entry},
};
use std::collections::VecDeque;

/// What an entry costs beside its payload.
const OVERHEAD: u64 = 64;

/// Entries without a gap, behind a place that is known.
#[derive(Debug)]
pub(super) struct Log {
    start: At,
    /// Bytes of everything up to `start`, counted since the node started.
    start_bytes: u64,
    entries: VecDeque<Kept>,
}

#[derive(Debug)]
struct Kept {
    entry: Entry,
    /// Bytes of everything up to and with this entry.
    bytes: u64,
}

/// What an entry counts for.
pub(super) fn weight(payload: usize) -> u64 {
    payload as u64 + OVERHEAD
}

impl Log {
    pub(super) fn new(start: At, tail: Vec<Entry>) -> Self {
        let mut log = Self { start, start_bytes: 0, entries: VecDeque::new() };
        tail.into_iter().for_each(|entry| log.push(entry));
        log
    }

    /// The place before the first entry in memory.
    pub(super) fn start(&self) -> At {
        self.start
    }

    pub(super) fn last(&self) -> At {
        self.entries.back().map_or(self.start, |kept| kept.entry.at)
    }

    pub(super) fn get(&self, lsn: Lsn) -> Option<&Entry> {
        self.kept(lsn).map(|kept| &kept.entry)
    }

    fn kept(&self, lsn: Lsn) -> Option<&Kept> {
        let index = lsn.0.checked_sub(self.start.lsn.0 + 1)?;
        self.entries.get(usize::try_from(index).ok()?)
    }

    /// The full name of a position, when it is in memory or just before it.
    pub(super) fn at(&self, lsn: Lsn) -> Option<At> {
        if lsn == self.start.lsn { Some(self.start) } else { self.get(lsn).map(|it| it.at) }
    }

    /// Bytes up to and with this position.
    pub(super) fn bytes(&self, lsn: Lsn) -> u64 {
        if lsn <= self.start.lsn {
            return self.start_bytes;
        }
        self.kept(lsn.min(self.last().lsn)).map_or(self.start_bytes, |kept| kept.bytes)
    }

    /// Bytes behind `from`, up to and with `to`.
    pub(super) fn between(&self, from: Lsn, to: Lsn) -> u64 {
        self.bytes(to).saturating_sub(self.bytes(from))
    }

    pub(super) fn push(&mut self, entry: Entry) {
        let last = self.last();
        assert_eq!(entry.at.lsn, last.lsn.next(), "I7: positions are gapless");
        assert!(entry.at.epoch >= last.epoch, "I7: epochs never fall");
        let bytes = self.bytes(last.lsn) + weight(entry.payload.len());
        self.entries.push_back(Kept { entry, bytes });
    }

    /// Drops everything behind `keep` and hands it out.
    pub(super) fn cut(&mut self, keep: Lsn) -> Vec<Entry> {
        assert!(keep >= self.start.lsn, "what is applied is not cut");
        let stays = usize::try_from(keep.0 - self.start.lsn.0).unwrap_or(usize::MAX);
        if stays >= self.entries.len() {
            return Vec::new();
        }
        self.entries.split_off(stays).into_iter().map(|kept| kept.entry).collect()
    }

    /// Entries behind `from`, at most so many bytes but at least one, when there is one.
    pub(super) fn batch(&self, from: Lsn, max_bytes: u64) -> Vec<Entry> {
        let mut bytes = 0;
        let skip = usize::try_from(from.0.saturating_sub(self.start.lsn.0)).unwrap_or(usize::MAX);
        self.entries
            .range(skip.min(self.entries.len())..)
            .map(|kept| &kept.entry)
            .take_while(|entry| {
                let first = bytes == 0;
                bytes += weight(entry.payload.len());
                first || bytes <= max_bytes
            })
            .cloned()
            .collect()
    }

    /// The last place here at which a log whose place `hint` is known may agree: neither position
    /// nor epoch beyond it. None when it lies before everything in memory.
    pub(super) fn floor(&self, hint: At) -> Option<At> {
        if hint.lsn < self.start.lsn || hint.epoch < self.start.epoch {
            return None;
        }
        let in_epoch = self.entries.partition_point(|kept| kept.entry.at.epoch <= hint.epoch);
        let lsn = hint.lsn.0.min(self.start.lsn.0 + in_epoch as u64);
        self.at(Lsn(lsn))
    }

    /// Forgets the first entry, when its position is not beyond `upto`.
    pub(super) fn forget_first(&mut self, upto: Lsn) -> bool {
        match self.entries.front() {
            Some(kept) if kept.entry.at.lsn <= upto => {
                (self.start, self.start_bytes) = (kept.entry.at, kept.bytes);
                self.entries.pop_front();
                true
            }
            _ => false,
        }
    }

    /// Everything in memory, handed out; the log begins anew behind `start`.
    pub(super) fn restart(&mut self, start: At) -> Vec<Entry> {
        let gone = std::mem::take(&mut self.entries);
        (self.start, self.start_bytes) = (start, 0);
        gone.into_iter().map(|kept| kept.entry).collect()
    }
}
