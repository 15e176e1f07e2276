//! Opening a log: reads what is there, tells a torn tail from damage, and goes on after it.
//!
//! # Invariants
//! - **R1** Every durable record after the given place is handed over once, in order.
//! - **R2** A damaged record below the durable end is named and nothing is opened; one above it is
//!   a torn tail, never acknowledged, and is wiped.
//! - **R3** What is handed over is durable: records that no later one says to be so are written once
//!   more and synced first. A sync alone would not do: pages that an earlier one failed to keep
//!   count as kept in the page cache.
//!
//! The durable end is known from the records themselves: each says how far the log was synced
//! before it was written. So a sound record *behind* a damaged one decides which of the two it is.

use std::{collections::VecDeque, io, sync::Arc};

use super::{
    log::{Layout, Log, Spare, fault},
    place::{Place, segment_first, segment_name, spare_name},
    record::{self, HEAD, MARK, Record, SEGMENT_HEAD, VERSION},
};
use crate::{
    disk::{Disk, DiskFile, read_from},
    fault::StorageFault,
};

/// Takes each record that is found: the record, and the place after it.
pub type Found<'a> = &'a mut dyn FnMut(Record<'_>, Place) -> Result<(), StorageFault>;

/// The first numbers of the segments on this disk, oldest first.
///
/// # Errors
/// What the disk says.
pub fn survey(disk: &dyn Disk) -> Result<Vec<u64>, StorageFault> {
    let names = disk.list("wal-").map_err(|error| fault("list the log", &error))?;
    Ok(names.iter().filter_map(|name| segment_first(name)).collect())
}

/// Where reading goes on after `from`, when the segments still reach it. A segment that ended with
/// that very record may have been released; then it goes on with the next one.
pub fn locate(mut segments: impl Iterator<Item = u64>, from: Place) -> Option<Place> {
    let next = Place { segment: from.number + 1, offset: SEGMENT_HEAD as u64, ..from };
    segments.find_map(|first| match first {
        first if first == from.segment => Some(from),
        first if first == next.segment => Some(next),
        _ => None,
    })
}

impl Log {
    /// Opens the log on `disk` and hands every record after `from` to `found`; all of them when
    /// there is no such place. An empty disk becomes an empty log.
    ///
    /// # Errors
    /// [`StorageFault::LogCorrupt`] (R2), [`StorageFault::NewerData`], what `found` says, or what
    /// the disk says.
    pub fn open(
        disk: Arc<dyn Disk>,
        layout: Layout,
        from: Option<Place>,
        found: Found<'_>,
    ) -> Result<Self, StorageFault> {
        let segments: VecDeque<u64> = survey(&*disk)?.into();
        let mut spares = disk.list("spare-").map_err(|error| fault("list the log", &error))?;
        spares.retain(|spare| keep_spare(&*disk, spare, layout));
        let spare = |name| Spare { name, written: false };
        let spares: Vec<Spare> = spares.into_iter().map(spare).collect();
        let start = match from {
            Some(place) => locate(segments.iter().copied(), place).ok_or_else(|| corrupt(place))?,
            None => {
                let first = segments.front().copied().unwrap_or(1);
                Place { number: first - 1, segment: first, offset: SEGMENT_HEAD as u64 }
            }
        };
        if segments.is_empty() {
            return Self::create(disk, layout, spares, start);
        }

        let (file, end) = walk(&*disk, &segments, start, found)?;
        let marked = end.number;
        Ok(Self {
            disk,
            layout,
            segments,
            spares,
            file,
            written: end.offset,
            end,
            marked,
            buffer: Vec::new(),
            faulted: None,
        })
    }

    fn create(
        disk: Arc<dyn Disk>,
        layout: Layout,
        spares: Vec<Spare>,
        start: Place,
    ) -> Result<Self, StorageFault> {
        let spare = spare_name(start.segment);
        let name = segment_name(start.segment);
        let begin = || {
            let file = disk.create(&spare)?;
            file.allocate(layout.segment_bytes)?;
            file.write_at(&record::segment_head(start.segment), 0)?;
            file.sync_data()?;
            disk.rename(&spare, &name)?;
            disk.sync_dir("")?;
            Ok(file)
        };
        let file = begin().map_err(|error: std::io::Error| match super::log::is_full(&error) {
            true => StorageFault::DiskFull {
                needed: layout.segment_bytes,
                free: disk.free().unwrap_or(0),
            },
            false => fault("begin the log", &error),
        })?;
        Ok(Self {
            disk,
            layout,
            segments: VecDeque::from([start.segment]),
            spares: spares.into_iter().filter(|other| other.name != spare).collect(),
            file,
            written: start.offset,
            end: start,
            marked: start.number,
            buffer: Vec::new(),
            faulted: None,
        })
    }
}

/// Reads the segments from `start` on; returns the last one and where it ends.
fn walk(
    disk: &dyn Disk,
    segments: &VecDeque<u64>,
    start: Place,
    found: Found<'_>,
) -> Result<(Box<dyn DiskFile>, Place), StorageFault> {
    let mut end = start;
    let mut left = segments.iter().copied().skip_while(|first| *first < start.segment).peekable();
    while let Some(first) = left.next() {
        let name = segment_name(first);
        let told = |error| StorageFault::disk(format!("read {name}"), &error);
        let file = disk.open(&name).map_err(told)?;
        if first != end.segment {
            end = Place { segment: first, offset: SEGMENT_HEAD as u64, ..end };
        }
        check_head(&*file, first, end)?;
        let skipped = end.offset;
        let bytes = read_from(&*file, skipped).map_err(told)?;
        let last = left.peek().is_none();
        if last {
            // R3: before anything of it is believed.
            write_again(&*file, &bytes, end, first).map_err(told)?;
            disk.sync_dir("").map_err(told)?;
        }
        read_records(&bytes, skipped, &mut end, found)?;
        match left.peek() {
            Some(next) if *next != end.number + 1 => return Err(corrupt(end)),
            Some(_) => {}
            None => {
                let tail = &bytes[(end.offset - skipped) as usize..];
                cut_torn_tail(&*file, tail, end)?;
                return Ok((file, end));
            }
        }
    }
    Err(corrupt(end))
}

/// Writes what may be in the page cache alone once more, and syncs it (R3).
fn write_again(file: &dyn DiskFile, bytes: &[u8], start: Place, first: u64) -> io::Result<()> {
    let (mut at, mut number, mut synced) = (0, start.number, 0);
    let mut unsure: VecDeque<(u64, usize)> = VecDeque::new();
    while let Some(record) = bytes.get(at..).and_then(record::read) {
        if record.number != number + 1 {
            break;
        }
        number = record.number;
        synced = record.synced;
        unsure.push_back((number, at));
        at += record::room(record.payload.len());
        while unsure.pop_front_if(|(number, _)| *number <= synced).is_some() {}
    }
    if synced < first {
        file.write_at(&record::segment_head(first), 0)?;
    }
    if let Some((_, from)) = unsure.front() {
        file.write_at(&bytes[*from..at.min(bytes.len())], start.offset + *from as u64)?;
    }
    file.sync_data()
}

fn read_records(
    bytes: &[u8],
    skipped: u64,
    end: &mut Place,
    found: Found<'_>,
) -> Result<(), StorageFault> {
    while let Some(record) = record::read(&bytes[(end.offset - skipped) as usize..]) {
        if record.number != end.number + 1 {
            break; // what a segment held in its life before this one
        }
        end.number = record.number;
        end.offset += record::room(record.payload.len()) as u64;
        if record.kind != MARK {
            found(record, *end)?;
        }
        if end.offset - skipped >= bytes.len() as u64 {
            break;
        }
    }
    Ok(())
}

/// Looks at what follows the last sound record (R2) and wipes what a torn group left there, so
/// that no record of it can be read after the next group has been written over its beginning.
fn cut_torn_tail(file: &dyn DiskFile, tail: &[u8], end: Place) -> Result<(), StorageFault> {
    let missing = end.number + 1;
    let mut ghosts = Vec::new();
    for at in (0..tail.len()).step_by(8) {
        let Some(head) = record::read_head(&tail[at..]) else { continue };
        if head.number < missing {
            continue;
        }
        if head.synced >= missing {
            return Err(corrupt(end));
        }
        ghosts.push(at as u64);
    }
    if ghosts.is_empty() {
        return Ok(());
    }
    let wipe = || {
        for ghost in &ghosts {
            file.write_at(&[0; HEAD], end.offset + ghost)?;
        }
        file.sync_data()
    };
    wipe().map_err(|error| fault("cut the torn tail of the log", &error))
}

fn check_head(file: &dyn DiskFile, first: u64, end: Place) -> Result<(), StorageFault> {
    let mut head = [0; SEGMENT_HEAD];
    let read = file.read_at(&mut head, 0).map_err(|error| fault("read a segment", &error))?;
    match record::read_segment_head(&head[..read]) {
        Some((version, _)) if version > VERSION => {
            Err(StorageFault::NewerData { found: version.into(), known: VERSION.into() })
        }
        Some((_, found)) if found == first => Ok(()),
        _ => Err(StorageFault::LogCorrupt {
            segment: segment_name(first),
            offset: 0,
            lsn: end.number + 1,
        }),
    }
}

/// A spare of another size, or one whose making was cut short, is not worth keeping.
fn keep_spare(disk: &dyn Disk, name: &str, layout: Layout) -> bool {
    let whole =
        disk.open(name).and_then(|file| file.len()).is_ok_and(|len| len == layout.segment_bytes);
    whole || disk.remove(name).is_err()
}

fn corrupt(end: Place) -> StorageFault {
    let Place { number, segment, offset } = end;
    StorageFault::LogCorrupt { segment: segment_name(segment), offset, lsn: number + 1 }
}
