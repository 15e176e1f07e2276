//! What the twins write into the log, and how it is found again.
//!
//! ```text
//! entry  shape 2 | epoch 8 | lsn 8 | kind 1 | the record as it is written without twins
//! cut    shape 2 | keep 8
//! fence  shape 2 | seen 8 | act 8
//! ```
//!
//! # Invariants
//! - **RC1** Of two entries with one lsn the later one counts. Of another epoch, it takes along
//!   everything above; of the same epoch it is the same entry, carried forward.
//! - **RC2** What is found behind the base is gapless and its epochs never fall; else the log is
//!   damaged, or belongs to a history that was replaced.

use std::collections::BTreeMap;

use bytes::Bytes;
use protocol::{
    cluster::{Epoch, Lsn},
    twin::{At, Entry},
};

use crate::wal::{
    place::Place,
    record::{Draft, Lead, Record, room},
};

/// Kinds of records in the log; 1 and 2 are those without twins.
pub(in crate::ledger) const ENTRY: u8 = 3;
/// See [`ENTRY`].
pub(in crate::ledger) const CUT: u8 = 4;
/// See [`ENTRY`].
pub(in crate::ledger) const FENCE: u8 = 5;

const SHAPE: u16 = 1;
/// Bytes an entry's record has more than its payload.
pub(in crate::ledger) const ENTRY_LEAD: usize = 2 + 8 + 8 + 1;

/// Where a record begins in the log, and how many bytes of the log were written until its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ledger) struct Stand {
    /// The place before it: replay that starts here finds it.
    pub(in crate::ledger) start: Place,
    /// Grows with everything that is written; only differences mean something.
    pub(in crate::ledger) age: u64,
}

impl Stand {
    /// Of a record that ends at `end` and takes `room` bytes.
    pub(in crate::ledger) fn new(end: Place, room: usize, age: u64) -> Self {
        let start = Place { number: end.number - 1, offset: end.offset - room as u64, ..end };
        Self { start, age }
    }
}

/// The record of an entry.
pub(in crate::ledger) fn write_entry(shard: u16, entry: &Entry) -> Draft {
    let mut lead = [0; ENTRY_LEAD];
    lead[..2].copy_from_slice(&SHAPE.to_le_bytes());
    lead[2..10].copy_from_slice(&entry.at.epoch.0.to_le_bytes());
    lead[10..18].copy_from_slice(&entry.at.lsn.0.to_le_bytes());
    lead[18] = entry.kind;
    Draft::led(shard, ENTRY, Lead::new(&lead), entry.payload.clone())
}

/// The record that ends a shard's log at `keep`.
pub(in crate::ledger) fn write_cut(shard: u16, keep: Lsn) -> Draft {
    let lead = [&SHAPE.to_le_bytes()[..], &keep.0.to_le_bytes()].concat();
    Draft::led(shard, CUT, Lead::new(&lead), Bytes::new())
}

/// The record of what a replica promised and did.
pub(in crate::ledger) fn write_fence(shard: u16, seen: Epoch, act: Epoch) -> Draft {
    let lead = [&SHAPE.to_le_bytes()[..], &seen.0.to_le_bytes(), &act.0.to_le_bytes()].concat();
    Draft::led(shard, FENCE, Lead::new(&lead), Bytes::new())
}

/// One record of the twins, read back.
enum Said {
    Entry(Entry),
    Cut(Lsn),
    Fence(Epoch, Epoch),
}

fn read(record: &Record<'_>) -> Option<Said> {
    let bytes = record.payload.strip_prefix(&SHAPE.to_le_bytes())?;
    let number = |at: usize| {
        let bytes = bytes.get(at..at + 8)?;
        bytes.try_into().ok().map(u64::from_le_bytes)
    };
    Some(match record.kind {
        ENTRY => {
            let at = At { epoch: Epoch(number(0)?), lsn: Lsn(number(8)?) };
            let payload = Bytes::copy_from_slice(bytes.get(17..)?);
            Said::Entry(Entry { at, kind: *bytes.get(16)?, payload })
        }
        CUT => Said::Cut(Lsn(number(0)?)),
        FENCE => Said::Fence(Epoch(number(0)?), Epoch(number(8)?)),
        _ => return None,
    })
}

/// One shard as engine and log have it.
#[derive(Debug, Default)]
pub(in crate::ledger) struct Found {
    /// The newest epoch that was seen.
    pub(in crate::ledger) seen: Epoch,
    /// The newest epoch in which it served.
    pub(in crate::ledger) act: Epoch,
    /// Where that stands in the log, when the engine does not have it.
    pub(in crate::ledger) fence: Option<Stand>,
    /// The engine holds everything up to here.
    pub(in crate::ledger) base: At,
    /// It was being dropped; what the engine has of it is nothing.
    pub(in crate::ledger) leaving: bool,
    tail: BTreeMap<Lsn, (Entry, Stand)>,
    /// A copy was being put in the place of what the engine held: nothing here counts.
    torn: bool,
    /// The log knows of entries that are neither in it nor below the base.
    hole: bool,
}

impl Found {
    /// As the engine has it.
    pub(in crate::ledger) fn new(seen: Epoch, act: Epoch, base: At, torn: bool) -> Self {
        let base = if torn { At::default() } else { base };
        Self { seen, act, base, torn, ..Self::default() }
    }

    /// The shard was written without twins: it begins at `old` unless it is further by now.
    pub(in crate::ledger) fn begin_at(&mut self, old: At) -> At {
        self.base = self.base.max(old);
        self.base
    }

    /// Whether engine and log together can be everything there ever was.
    pub(in crate::ledger) fn is_whole(&self) -> bool {
        let first = self.tail.keys().next();
        !self.hole && first.is_none_or(|first| *first == self.base.lsn.next())
    }

    /// Takes one record of the log; says no to one it cannot read.
    pub(in crate::ledger) fn take(&mut self, record: &Record<'_>, end: Place, age: u64) -> bool {
        let stand = Stand::new(end, room(record.payload.len()), age);
        match read(record) {
            Some(Said::Entry(entry)) => self.entry(entry, stand),
            Some(Said::Cut(keep)) => {
                let last = self.tail.keys().next_back().copied().unwrap_or(self.base.lsn);
                self.hole |= keep > last;
                drop(self.tail.split_off(&keep.next()));
            }
            Some(Said::Fence(seen, act)) => {
                (self.seen, self.act) = (self.seen.max(seen), self.act.max(act));
                self.fence = Some(stand);
            }
            None => return false,
        }
        true
    }

    fn entry(&mut self, entry: Entry, stand: Stand) {
        let lsn = entry.at.lsn;
        if lsn <= self.base.lsn || self.torn {
            return;
        }
        if self.tail.get(&lsn).is_some_and(|(before, _)| before.at != entry.at) {
            drop(self.tail.split_off(&lsn)); // RC1
        }
        self.tail.insert(lsn, (entry, stand));
    }

    /// The entries behind the base; what cannot follow it is left out (RC2).
    pub(in crate::ledger) fn into_tail(self) -> Vec<(Entry, Stand)> {
        let mut last = self.base;
        let mut tail = Vec::with_capacity(self.tail.len());
        for (entry, stand) in self.tail.into_values() {
            if entry.at.lsn != last.lsn.next() || entry.at.epoch < last.epoch {
                tracing::warn!(at = ?entry.at, after = ?last, "a tail that cannot follow is left");
                break; // RC2
            }
            last = entry.at;
            tail.push((entry, stand));
        }
        tail
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(epoch: u64, lsn: u64) -> Entry {
        let at = At { epoch: Epoch(epoch), lsn: Lsn(lsn) };
        Entry { at, kind: 1, payload: Bytes::from(format!("{epoch}.{lsn}")) }
    }

    fn take(found: &mut Found, draft: &Draft, number: u64) {
        let payload = [draft.lead.as_slice(), &draft.payload[..]].concat();
        let record =
            Record { number, synced: 0, shard: draft.shard, kind: draft.kind, payload: &payload };
        let end = Place { number, segment: 1, offset: 512 + 64 * number };
        assert!(found.take(&record, end, number));
    }

    fn ats(found: Found) -> Vec<(u64, u64)> {
        let tail = found.into_tail();
        tail.into_iter().map(|(entry, _)| (entry.at.epoch.0, entry.at.lsn.0)).collect()
    }

    #[test]
    fn rc1_the_later_record_counts_and_a_cut_is_honoured() {
        let mut found = Found { base: entry(1, 4).at, ..Found::default() };
        let entries = [(1, 3), (1, 4), (1, 5), (1, 6), (1, 7), (2, 6), (2, 7)];
        for (number, (epoch, lsn)) in (1..).zip(entries) {
            take(&mut found, &write_entry(9, &entry(epoch, lsn)), number);
        }
        take(&mut found, &write_fence(9, Epoch(3), Epoch(2)), 8);
        take(&mut found, &write_cut(9, Lsn(6)), 9);
        take(&mut found, &write_entry(9, &entry(1, 5)), 10);
        assert_eq!((found.seen, found.act), (Epoch(3), Epoch(2)));
        assert_eq!(found.fence.map(|stand| stand.start.number), Some(7));
        assert_eq!(ats(found), [(1, 5), (2, 6)], "carried forward, nothing above it is lost");
    }

    /// The sample of a shape, put together from the description in the head of this file.
    fn sample(parts: &[&[u8]]) -> Vec<u8> {
        [&[&1_u16.to_le_bytes()[..]], parts].concat().concat()
    }

    #[test]
    fn vr2_records_are_written_as_the_head_of_this_file_says() {
        let number = |it: u64| it.to_le_bytes();
        let written = |draft: &Draft| [draft.lead.as_slice(), &draft.payload[..]].concat();
        let at = At { epoch: Epoch(0x0102), lsn: Lsn(0x0a0b_0c0d) };
        let entry = Entry { at, kind: 2, payload: Bytes::from_static(b"what it holds") };
        let (epoch, lsn) = (number(at.epoch.0), number(at.lsn.0));
        let kept = sample(&[&epoch, &lsn, &[2], b"what it holds"]);
        let draft = write_entry(9, &entry);
        assert_eq!((draft.kind, draft.shard, written(&draft)), (3, 9, kept));
        let draft = write_cut(9, Lsn(77));
        assert_eq!((draft.kind, written(&draft)), (4, sample(&[&number(77)])));
        let draft = write_fence(9, Epoch(5), Epoch(4));
        assert_eq!((draft.kind, written(&draft)), (5, sample(&[&number(5), &number(4)])));
    }

    #[test]
    fn rc2_a_tail_that_does_not_follow_is_left() {
        let mut found = Found { base: entry(3, 4).at, ..Found::default() };
        take(&mut found, &write_entry(9, &entry(3, 6)), 1);
        assert_eq!(ats(found), [], "a gap");
        let mut found = Found { base: entry(3, 4).at, ..Found::default() };
        take(&mut found, &write_entry(9, &entry(2, 5)), 1);
        assert_eq!(ats(found), [], "of a history that was replaced");
    }
}
