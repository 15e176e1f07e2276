//! The log itself: segments on a disk, one group of records at a time. No thread, no clock.
//!
//! # Invariants
//! - **L1** [`Log::commit`] returns places only after a sync covered every record of the group.
//! - **L2** Record numbers start at 1 and have no gaps, over all segments.
//! - **L3** A failed sync is never followed by another: the log is faulted and refuses writes.
//! - **L4** A group that found no room leaves nothing: the next group takes the same numbers and
//!   the same bytes, and no record of the refused one can be read back.
//! - **L5** A segment is released only when the caller has named a place behind its last record.
//!
//! # Why is a group never split over two segments?
//! A new segment is begun only when everything before it is durable. So a damaged record in any
//! but the last segment is damage, never a torn tail.

use std::{collections::VecDeque, io, sync::Arc};

use super::{
    place::{Place, segment_name, spare_name},
    record::{self, Draft, MARK, SEGMENT_HEAD},
};
use crate::{
    disk::{Disk, DiskFile},
    fault::StorageFault,
};

/// Released segments kept for use again: one being filled, one to follow.
const SPARES: usize = 2;

/// Bytes of one group, unless its only record is larger.
const GROUP_BYTES: usize = 1024 * 1024;

/// How the log is laid out.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Bytes of one segment.
    pub segment_bytes: u64,
    /// Released segments that stay readable, for a rebuild of the engine.
    pub keep: usize,
    /// Bytes that must stay free when a segment is made: others on this disk need them.
    pub reserve: u64,
}

impl Layout {
    /// Bytes of records one segment holds.
    pub const fn capacity(&self) -> u64 {
        self.segment_bytes.saturating_sub(SEGMENT_HEAD as u64)
    }

    /// Bytes of one group, unless its only record is larger.
    pub const fn group_bytes(&self) -> usize {
        let quarter = (self.capacity() / 4) as usize;
        if quarter < GROUP_BYTES { quarter } else { GROUP_BYTES }
    }

    /// Bytes of the largest payload.
    pub const fn payload_max(&self) -> usize {
        (self.capacity() as usize).saturating_sub(record::HEAD + 8)
    }
}

/// Bytes written ahead of the log where a segment was never written. A block that is only allocated
/// costs the file system's own journal with every sync; so it is written once, a stretch at a time,
/// together with the group that reaches it.
const AHEAD: u64 = 1024 * 1024;

/// A file that waits to become a segment.
pub(super) struct Spare {
    pub(super) name: String,
    /// It was a segment before, so all of it was written.
    pub(super) written: bool,
}

/// The log of one node.
pub struct Log {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) layout: Layout,
    /// First numbers of the segments, oldest first; the last one is written.
    pub(super) segments: VecDeque<u64>,
    pub(super) spares: Vec<Spare>,
    pub(super) file: Box<dyn DiskFile>,
    /// Where the next group goes: the last record and the byte after it.
    pub(super) end: Place,
    /// Up to where the segment was written before, in this life or an earlier one.
    pub(super) written: u64,
    /// The last number any sync covered before the group under way.
    pub(super) marked: u64,
    pub(super) buffer: Vec<u8>,
    pub(super) faulted: Option<String>,
}

impl Log {
    /// Appends the drafts as one group and makes it durable: one write, one sync. The places are
    /// those of the drafts, in order.
    ///
    /// # Errors
    /// [`StorageFault::DiskFull`] when there is no room (L4), [`StorageFault::LogFaulted`] when
    /// the disk failed, now or before (L3).
    pub fn commit(&mut self, drafts: &[Draft]) -> Result<Vec<Place>, StorageFault> {
        self.refuse_when_faulted()?;
        let room: usize = drafts.iter().map(Draft::room).sum();
        assert!(room as u64 <= self.layout.capacity(), "a group fits a segment: `payload_max`");
        if self.end.offset + room as u64 > self.layout.segment_bytes {
            self.begin_segment()?;
        }

        self.buffer.clear();
        let mut places = Vec::with_capacity(drafts.len());
        let mut end = self.end;
        for draft in drafts {
            end.number += 1;
            end.offset += draft.room() as u64;
            record::write(&mut self.buffer, draft, end.number, self.marked);
            places.push(end);
        }
        assert_eq!(end.offset - self.end.offset, self.buffer.len() as u64, "L2");
        let wrote = self.write_ahead(end.offset);
        if let Err(error) = wrote.and_then(|()| self.file.write_at(&self.buffer, self.end.offset)) {
            return Err(self.undo(&error, room));
        }
        if let Err(error) = self.file.sync_data() {
            return Err(self.fail("sync", &error));
        }
        assert_eq!(end.number, self.end.number + drafts.len() as u64, "L2");
        self.end = end;
        self.marked = end.number;
        Ok(places)
    }

    /// Writes a record that only says how far the log is durable, so that damage to the last
    /// group is told from a torn tail. Done when the log falls quiet; skipped when it would need
    /// a new segment.
    ///
    /// # Errors
    /// As [`Log::commit`].
    pub fn mark(&mut self) -> Result<(), StorageFault> {
        let mark = Draft::new(0, MARK, bytes::Bytes::new());
        if self.end.offset + mark.room() as u64 > self.layout.segment_bytes {
            return Ok(());
        }
        self.commit(&[mark]).map(|_| ())
    }

    /// Gives up the segments that lie wholly before `upto` (L5), but for those the layout keeps.
    ///
    /// # Errors
    /// What the disk says; a segment that could not be released is tried again next time. After a
    /// failed sync it is [`StorageFault::LogFaulted`] (L3).
    pub fn release(&mut self, upto: u64) -> Result<(), StorageFault> {
        self.refuse_when_faulted()?;
        let mut released = false;
        while self.segments.len() > self.layout.keep + 1 && self.segments[1] <= upto + 1 {
            let first = self.segments[0];
            assert!(first <= upto && upto <= self.end.number, "L5");
            let name = segment_name(first);
            if self.spares.len() < SPARES {
                let spare = spare_name(first);
                self.disk.rename(&name, &spare).map_err(|e| fault("release a segment", &e))?;
                self.spares.push(Spare { name: spare, written: true });
            } else {
                self.disk.remove(&name).map_err(|e| fault("remove a segment", &e))?;
            }
            self.segments.pop_front();
            released = true;
        }
        if released {
            // Durable before a spare gets a new head: else its old name could come back with it.
            self.disk.sync_dir("").map_err(|e| self.fail("sync the log's directory", &e))?;
        }
        Ok(())
    }

    /// Tries whether a segment could be begun, and keeps it as a spare.
    ///
    /// # Errors
    /// [`StorageFault::DiskFull`] when it could not.
    pub fn reserve(&mut self) -> Result<(), StorageFault> {
        self.refuse_when_faulted()?;
        if !self.spares.is_empty() {
            return Ok(());
        }
        if self.layout.reserve > 0 {
            let free = self.disk.free().unwrap_or(u64::MAX);
            if free < self.layout.segment_bytes.saturating_add(self.layout.reserve) {
                return Err(self.full());
            }
        }
        let name = spare_name(self.end.number + 1);
        self.make_spare(&name).map_err(|error| self.full_or_fail("make a segment", &error))?;
        self.spares.push(Spare { name, written: false });
        Ok(())
    }

    /// Where the log ends.
    pub const fn end(&self) -> Place {
        self.end
    }

    /// How many segments it has, spares aside.
    pub fn segments(&self) -> usize {
        self.segments.len()
    }

    /// Why it refuses writes, when it does.
    pub fn faulted(&self) -> Option<&str> {
        self.faulted.as_deref()
    }

    fn begin_segment(&mut self) -> Result<(), StorageFault> {
        self.reserve()?;
        let first = self.end.number + 1;
        let spare = self.spares.pop().expect("`reserve` has made one, or has failed");
        match self.open_segment(&spare.name, first) {
            Ok(file) => {
                self.file = file;
                self.segments.push_back(first);
                let offset = SEGMENT_HEAD as u64;
                self.end = Place { number: self.end.number, segment: first, offset };
                self.written = if spare.written { self.layout.segment_bytes } else { offset };
                Ok(())
            }
            Err(error) => Err(self.fail("begin a segment", &error)),
        }
    }

    /// Writes zeros ahead when the next group, which ends at `upto`, leaves what was written.
    fn write_ahead(&mut self, upto: u64) -> io::Result<()> {
        if upto <= self.written {
            return Ok(());
        }
        let until = upto.saturating_add(AHEAD).min(self.layout.segment_bytes);
        // What the group itself covers needs no zeros.
        self.file.write_at(&vec![0; (until - upto) as usize], upto)?;
        self.written = until;
        Ok(())
    }

    /// The head is durable before the name is: a file named as a segment is one.
    fn open_segment(&self, spare: &str, first: u64) -> io::Result<Box<dyn DiskFile>> {
        let file = self.disk.open(spare)?;
        file.write_at(&record::segment_head(first), 0)?;
        file.sync_data()?;
        self.disk.rename(spare, &segment_name(first))?;
        self.disk.sync_dir("")?;
        Ok(file)
    }

    fn make_spare(&self, name: &str) -> io::Result<()> {
        let file = self.disk.create(name)?;
        let made = file.allocate(self.layout.segment_bytes).and_then(|()| file.sync_data());
        made.inspect_err(|_| {
            // The room it took is given back; when even that fails, opening removes it.
            let _ = self.disk.remove(name);
        })
    }

    /// A write found no room: wipes what it left (L4).
    fn undo(&mut self, error: &io::Error, room: usize) -> StorageFault {
        let left = self.file.len().unwrap_or(0).saturating_sub(self.end.offset);
        let zeros = vec![0; room.min(usize::try_from(left).unwrap_or(room))];
        let wiped = self.file.write_at(&zeros, self.end.offset);
        match wiped.and_then(|()| self.file.sync_data()) {
            Ok(()) if is_full(error) => self.full(),
            _ => self.fail("write", error),
        }
    }

    fn full_or_fail(&mut self, doing: &str, error: &io::Error) -> StorageFault {
        if is_full(error) { self.full() } else { self.fail(doing, error) }
    }

    fn full(&self) -> StorageFault {
        let free = self.disk.free().unwrap_or(0);
        StorageFault::DiskFull { needed: self.layout.segment_bytes + self.layout.reserve, free }
    }

    fn fail(&mut self, doing: &str, error: &io::Error) -> StorageFault {
        let why = format!("{doing}: {error}");
        self.faulted = Some(why.clone());
        StorageFault::LogFaulted { why }
    }

    fn refuse_when_faulted(&self) -> Result<(), StorageFault> {
        match &self.faulted {
            Some(why) => Err(StorageFault::LogFaulted { why: why.clone() }),
            None => Ok(()),
        }
    }
}

pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

pub(super) fn fault(doing: &str, error: &io::Error) -> StorageFault {
    StorageFault::disk(doing, error)
}
