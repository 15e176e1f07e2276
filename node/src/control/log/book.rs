//! What the records of the log amount to. Pure.

use std::{collections::BTreeMap, ops::RangeBounds};

use protocol::codec;
use serde::{Deserialize, Serialize};
use storage::{
    StorageFault,
    wal::place::{Place, segment_name},
};

use crate::control::types::{Entry, LogId, Vote};

/// Bytes of one record that are believed.
const RECORD_MAX: usize = 64 * 1024 * 1024;

/// One record, as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Record {
    /// Encoded once, for its size is wanted too.
    Entry(Vec<u8>),
    Vote(Vote),
    Committed(LogId),
    /// Everything from here on is cut.
    Truncated(u64),
    /// Everything up to here is in a snapshot.
    Purged(LogId),
}

const ENTRY: u8 = 1;
const VOTE: u8 = 2;
const COMMITTED: u8 = 3;
const TRUNCATED: u8 = 4;
const PURGED: u8 = 5;

impl Record {
    /// The record of an entry, and how many bytes it has.
    pub(super) fn entry(entry: &Entry) -> (Self, usize) {
        let bytes = codec::encode(entry);
        let size = bytes.len();
        (Self::Entry(bytes), size)
    }

    pub(super) fn encode(self) -> (u8, Vec<u8>) {
        match self {
            Self::Entry(bytes) => (ENTRY, bytes),
            Self::Vote(vote) => (VOTE, codec::encode(&vote)),
            Self::Committed(at) => (COMMITTED, codec::encode(&at)),
            Self::Truncated(from) => (TRUNCATED, codec::encode(&from)),
            Self::Purged(at) => (PURGED, codec::encode(&at)),
        }
    }
}

/// An entry, and where in the write-ahead log it stands.
struct Page {
    entry: Entry,
    size: usize,
    /// The number of its record; none before it is durable.
    number: Option<u64>,
}

/// The log as it is now.
#[derive(Default)]
pub(super) struct Book {
    pages: BTreeMap<u64, Page>,
    bytes: u64,
    vote: Option<Vote>,
    vote_number: u64,
    committed: Option<LogId>,
    /// Committed up to `committed`, but not yet written down.
    unsaid: bool,
    purged: Option<LogId>,
    purged_number: u64,
}

impl Book {
    /// Takes a record that was read back.
    pub(super) fn replay(
        &mut self,
        kind: u8,
        payload: &[u8],
        place: Place,
    ) -> Result<(), StorageFault> {
        let number = place.number;
        match kind {
            ENTRY => {
                let entry: Entry = read(payload, place)?;
                let index = entry.log_id.index;
                self.truncate(index);
                self.put(entry, payload.len());
                self.entry_kept(index, number);
            }
            VOTE => self.vote_kept(read(payload, place)?, number),
            COMMITTED => self.committed = Some(read(payload, place)?),
            TRUNCATED => {
                let from: u64 = read(payload, place)?;
                self.truncate(from);
            }
            PURGED => {
                let at: LogId = read(payload, place)?;
                self.purge(at);
                self.purge_kept(at, number);
            }
            _ => return Err(StorageFault::NewerData { found: kind.into(), known: PURGED.into() }),
        }
        Ok(())
    }

    /// Everything was read: is it whole (G2)?
    pub(super) fn replayed(&mut self) -> Result<(), StorageFault> {
        // A released segment may have held what was purged; never what follows it.
        let first = match self.purged {
            Some(purged) => purged.index + 1,
            None => self.pages.keys().next().copied().unwrap_or(0),
        };
        for (expected, index) in (first..).zip(self.pages.keys()) {
            if *index != expected {
                return Err(StorageFault::Disk {
                    doing: "read the log of the control plane".into(),
                    kind: std::io::ErrorKind::InvalidData,
                    text: format!("entry {expected} is missing, {index} follows"),
                });
            }
        }
        // What was written of the commit may be ahead of a log that lost nothing but its tail.
        self.committed = self.committed.min(self.last());
        Ok(())
    }

    pub(super) fn put(&mut self, entry: Entry, size: usize) {
        let index = entry.log_id.index;
        self.bytes += size as u64;
        let before = self.pages.insert(index, Page { entry, size, number: None });
        self.bytes -= before.map_or(0, |page| page.size as u64);
    }

    pub(super) fn entry_kept(&mut self, index: u64, number: u64) {
        // Truncated meanwhile, perhaps: then there is nothing to note.
        if let Some(page) = self.pages.get_mut(&index) {
            page.number = Some(number);
        }
    }

    pub(super) fn vote_kept(&mut self, vote: Vote, number: u64) {
        self.vote = Some(vote);
        self.vote_number = number;
    }

    pub(super) fn commit(&mut self, at: Option<LogId>) {
        self.unsaid |= at != self.committed;
        self.committed = at;
    }

    /// What is to be written of how far the log is committed.
    pub(super) fn take_committed(&mut self) -> Option<Record> {
        let unsaid = std::mem::take(&mut self.unsaid);
        self.committed.filter(|_| unsaid).map(Record::Committed)
    }

    pub(super) fn truncate(&mut self, from: u64) {
        let cut = self.pages.split_off(&from);
        self.bytes -= cut.values().map(|page| page.size as u64).sum::<u64>();
    }

    pub(super) fn purge(&mut self, upto: LogId) {
        if self.purged.is_some_and(|purged| purged.index >= upto.index) {
            return;
        }
        let left = self.pages.split_off(&(upto.index + 1));
        let gone = std::mem::replace(&mut self.pages, left);
        self.bytes -= gone.values().map(|page| page.size as u64).sum::<u64>();
        self.purged = Some(upto);
    }

    pub(super) fn purge_kept(&mut self, upto: LogId, number: u64) {
        if self.purged == Some(upto) {
            self.purged_number = number;
        }
    }

    /// Records up to this one are needed no more (G4); none when everything is.
    pub(super) fn released(&self) -> Option<u64> {
        let mut needed = self.purged_number;
        if self.vote.is_some() {
            needed = needed.min(self.vote_number);
        }
        for page in self.pages.values() {
            needed = needed.min(page.number?);
        }
        needed.checked_sub(1).filter(|upto| *upto > 0)
    }

    /// Entries of a range, at least one when there is one, then as many as fit.
    pub(super) fn range(&self, range: impl RangeBounds<u64>, bytes_max: usize) -> Vec<Entry> {
        let mut entries = Vec::new();
        let mut bytes = 0usize;
        for (_, page) in self.pages.range(range) {
            bytes = bytes.saturating_add(page.size);
            if bytes > bytes_max && !entries.is_empty() {
                break;
            }
            entries.push(page.entry.clone());
        }
        entries
    }

    pub(super) const fn vote(&self) -> Option<Vote> {
        self.vote
    }

    pub(super) const fn committed(&self) -> Option<LogId> {
        self.committed
    }

    pub(super) const fn purged(&self) -> Option<LogId> {
        self.purged
    }

    pub(super) fn last(&self) -> Option<LogId> {
        self.pages.values().next_back().map(|page| page.entry.log_id).or(self.purged)
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.pages.len()
    }
}

fn read<T: serde::de::DeserializeOwned>(payload: &[u8], place: Place) -> Result<T, StorageFault> {
    codec::decode::<T, RECORD_MAX>(payload).map_err(|_| StorageFault::LogCorrupt {
        segment: segment_name(place.segment),
        offset: place.offset,
        lsn: place.number,
    })
}
