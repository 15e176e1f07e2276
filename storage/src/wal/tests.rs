//! The log against its invariants, on a disk that tears: one seed, one story.

use std::sync::mpsc;

use bytes::Bytes;

use super::{place::segment_name, queue::Item, record::Draft, *};
use crate::{dice::Dice, disk::memory::MemoryDisk};

const LAYOUT: Layout = Layout { segment_bytes: 4096, keep: 0, reserve: 0 };

type Records = Vec<(u64, Bytes)>;

fn open(disk: &MemoryDisk, from: Option<Place>) -> Result<(Log, Records), StorageFault> {
    let mut records = Vec::new();
    let log = Log::open(Arc::new(disk.clone()), LAYOUT, from, &mut |record, place| {
        assert_eq!((record.number, record.shard, record.kind), (place.number, 3, 1));
        records.push((record.number, Bytes::copy_from_slice(record.payload)));
        Ok(())
    })?;
    Ok((log, records))
}

fn drafts(dice: &mut Dice) -> Vec<Draft> {
    let one = |dice: &mut Dice| {
        let fill = dice.roll() as u8;
        Draft::new(3, 1, vec![fill; dice.below(200) as usize].into())
    };
    (0..=dice.below(4)).map(|_| one(dice)).collect()
}

/// The payloads of a log, marks left out.
fn payloads(records: &Records) -> Vec<Bytes> {
    records.iter().map(|(_, payload)| payload.clone()).collect()
}

#[test]
fn l1_l2_r1_every_crash_of_a_thousand_keeps_what_was_committed() {
    for seed in 0..1000 {
        let mut dice = Dice::new(seed);
        let disk = MemoryDisk::new();
        let mut kept: Vec<Bytes> = Vec::new();
        for _ in 0..4 {
            let (mut log, records) = open(&disk, None).expect("it opens");
            assert_eq!(payloads(&records), kept, "R1, seed {seed}");
            for _ in 0..dice.below(12) {
                let group = drafts(&mut dice);
                let places = log.commit(&group).expect("nothing is wrong");
                assert_eq!(places.last().copied(), Some(log.end()), "L2");
                kept.extend(group.into_iter().map(|draft| draft.payload));
                if dice.one_in(5) {
                    log.mark().expect("nothing is wrong");
                }
            }
            // A group that never came to its sync: torn at will, never to be seen.
            disk.faults(|faults| faults.sync_lies = true);
            let unsynced = drafts(&mut dice);
            let in_segment = unsynced.iter().map(Draft::room).sum::<usize>() as u64
                + log.end().offset
                <= LAYOUT.segment_bytes;
            if in_segment {
                log.commit(&unsynced).expect("it says so");
            }
            disk.faults(|faults| faults.sync_lies = false);
            disk.crash(dice.roll());
            // Some of its first records may have made it whole; those count from now on.
            let (_, records) = open(&disk, None).expect("it opens");
            let found = payloads(&records);
            let more = found.len() - kept.len();
            assert_eq!(found[..kept.len()], kept, "R1, seed {seed}");
            let extra: Vec<_> =
                unsynced.iter().take(more).map(|draft| draft.payload.clone()).collect();
            assert_eq!(found[kept.len()..], extra, "R2, seed {seed}");
            kept = found;
            disk.crash(dice.roll());
        }
    }
}

#[test]
fn r2_a_flipped_bit_before_the_durable_end_is_named() {
    let mut found = std::collections::BTreeSet::new();
    for seed in 0..500 {
        let mut dice = Dice::new(seed);
        let disk = MemoryDisk::new();
        let (mut log, _) = open(&disk, None).expect("it opens");
        let mut kept = Vec::new();
        while log.segments() < 3 {
            let group = drafts(&mut dice);
            log.commit(&group).expect("nothing is wrong");
            kept.extend(group.into_iter().map(|draft| draft.payload));
        }
        log.mark().expect("nothing is wrong");
        let segment = segment_name(log.segments[dice.below(3) as usize]);
        let used = if segment == segment_name(log.end().segment) {
            log.end().offset - record::HEAD as u64
        } else {
            disk.bytes(&segment).iter().rposition(|byte| *byte != 0).expect("it was written") as u64
        };
        disk.flip(&segment, dice.below(used), dice.roll() as u8);
        match open(&disk, None) {
            Err(StorageFault::LogCorrupt { segment: named, offset, lsn }) => {
                assert_eq!(named, segment, "seed {seed}");
                assert!(lsn <= kept.len() as u64 + 2 && offset < LAYOUT.segment_bytes);
                found.insert("named");
            }
            Ok((_, records)) => {
                // The bit was in the padding between two records: nothing is damaged.
                assert_eq!(payloads(&records), kept, "seed {seed}");
                found.insert("harmless");
            }
            Err(fault) => panic!("seed {seed}: {fault}"),
        }
    }
    assert!(found.contains("named"), "{found:?}");
}

#[test]
fn r2_no_ghost_of_a_torn_group_comes_back_behind_the_next() {
    let disk = MemoryDisk::new();
    let draft = |fill| Draft::new(3, 1, vec![fill; 1000].into());
    let (mut log, _) = open(&disk, None).expect("it opens");
    log.commit(&[draft(1), draft(2), draft(3)]).expect("kept");
    // Of three records the first is torn; the other two stand behind it, whole.
    disk.flip(&segment_name(1), record::SEGMENT_HEAD as u64 + 100, 0);
    let (mut log, records) = open(&disk, None).expect("a torn tail");
    assert_eq!(records, []);
    log.commit(&[draft(9)]).expect("kept");
    let (_, records) = open(&disk, None).expect("it opens");
    assert_eq!(payloads(&records), [Bytes::from(vec![9; 1000])], "R2");
}

#[test]
fn l4_a_group_without_room_leaves_nothing() {
    let disk = MemoryDisk::new();
    let draft = || Draft::new(3, 1, vec![1; 1500].into());
    let (mut log, _) = open(&disk, None).expect("it opens");
    log.commit(&[draft(), draft()]).expect("there is room");
    disk.faults(|faults| faults.capacity = Some(6000));
    let full = StorageFault::DiskFull { needed: 4096, free: 6000 - 4096 };
    for _ in 0..3 {
        assert_eq!(log.commit(&[draft()]), Err(full.clone()), "L4");
        assert_eq!(log.end().number, 2, "L4");
    }
    log.commit(&[Draft::new(3, 1, vec![1; 100].into())]).expect("a small one still fits");
    disk.faults(|faults| faults.capacity = None);
    log.commit(&[draft()]).expect("there is room again");
    assert_eq!(open(&disk, None).expect("it opens").1.len(), 4);
}

#[test]
fn l3_after_a_failed_sync_nothing_is_written() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, None).expect("it opens");
    disk.faults(|faults| faults.syncs_fail = 1);
    let draft = Draft::new(3, 1, Bytes::from_static(b"x"));
    let before = disk.syncs();
    for _ in 0..3 {
        let fault = log.commit(std::slice::from_ref(&draft));
        assert!(matches!(fault, Err(StorageFault::LogFaulted { .. })), "L3");
    }
    assert_eq!(disk.syncs(), before + 1, "L3");
    disk.crash(3);
    assert_eq!(open(&disk, None).expect("it opens").1, [], "what was refused is not there");
}

#[test]
fn r3_what_a_failed_sync_left_in_the_cache_is_kept_before_it_is_believed() {
    for seed in 0..50 {
        let mut dice = Dice::new(seed);
        let disk = MemoryDisk::new();
        let (mut log, _) = open(&disk, None).expect("it opens");
        for _ in 0..dice.below(12) {
            log.commit(&drafts(&mut dice)).expect("kept");
        }
        disk.faults(|faults| faults.syncs_fail = 1);
        log.commit(&drafts(&mut dice)).expect_err("the sync failed");
        drop(log);
        // The process is started anew, the machine is not: its cache shows what no platter has.
        disk.faults(|faults| faults.syncs_fail = 0);
        let (_, believed) = open(&disk, None).expect("it opens");
        disk.crash(seed);
        assert_eq!(open(&disk, None).expect("it opens").1, believed, "R3, seed {seed}");
    }
}

#[test]
fn l3_a_release_whose_sync_fails_closes_the_log() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, None).expect("it opens");
    let mut dice = Dice::new(4);
    while log.segments() < 3 {
        log.commit(&drafts(&mut dice)).expect("kept");
    }
    disk.faults(|faults| faults.dir_syncs_fail = 1);
    let faulted = |it: Result<(), StorageFault>| matches!(it, Err(StorageFault::LogFaulted { .. }));
    assert!(faulted(log.release(log.end().number)), "L3");
    assert!(faulted(log.mark()), "L3");
}

#[test]
fn l5_released_segments_are_used_again_and_reading_starts_behind_them() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, None).expect("it opens");
    let mut dice = Dice::new(5);
    let mut last = log.end();
    for round in 0..50 {
        let places = log.commit(&drafts(&mut dice)).expect("kept");
        if round % 3 == 0 {
            last = places[0];
            log.release(last.number).expect("released");
        }
    }
    assert!(log.segments() <= 3, "L5: {} segments", log.segments());
    let files = disk.list("").expect("listed").len();
    assert!(files <= log.segments() + 2, "{files} files");
    for seed in 0..20 {
        disk.crash(seed);
        let (log, records) = open(&disk, Some(last)).expect("it opens");
        assert_eq!(records.first().map(|(number, _)| *number), Some(last.number + 1), "R1");
        assert_eq!(records.last().map(|(number, _)| *number), Some(log.end().number));
    }
    let gone = Place { number: 1, segment: 1, offset: 600 };
    assert!(matches!(open(&disk, Some(gone)), Err(StorageFault::LogCorrupt { .. })));
}

#[test]
fn a_newer_log_is_refused() {
    let disk = MemoryDisk::new();
    drop(open(&disk, None).expect("it opens"));
    let mut head = record::segment_head(1);
    head[8] = 2;
    let sum = crate::digest::crc32(&head[..24]);
    head[24..28].copy_from_slice(&sum.to_le_bytes());
    disk.open(&segment_name(1)).expect("there").write_at(&head, 0).expect("written");
    let newer = StorageFault::NewerData { found: 2, known: 1 };
    assert_eq!(open(&disk, None).err(), Some(newer));
}

#[test]
fn w1_w2_completions_come_in_order_after_their_sync() {
    let disk = MemoryDisk::new();
    let seen = disk.clone();
    let wal = Wal::open(Arc::new(disk.clone()), LAYOUT, 99, 9999, None, &mut |_, _| Ok(()));
    let wal = wal.expect("it opens");
    let (sent, told) = mpsc::channel();
    for number in 1..=99_u64 {
        let (sent, seen) = (sent.clone(), seen.clone());
        let draft = Draft::new(3, 1, number.to_le_bytes().to_vec().into());
        let done = Box::new(move |place: Result<Place, StorageFault>| {
            // A copy of the disk that loses its power now must hold the record.
            let platter = MemoryDisk::new();
            platter.copy(&seen);
            platter.crash(number);
            let place = place.expect("nothing is wrong");
            let bytes = platter.bytes(&segment_name(place.segment));
            let needle = number.to_le_bytes();
            assert_eq!(bytes[place.offset as usize - 8..place.offset as usize], needle, "W1");
            sent.send(number).expect("the test listens");
        });
        wal.queue().enter(8).expect("there is room").push(Item { draft, done });
    }
    drop(wal);
    drop(sent);
    assert_eq!(told.iter().collect::<Vec<_>>(), (1..=99).collect::<Vec<_>>(), "W2");
}

#[test]
fn w3_a_bug_in_a_completion_shuts_the_log() {
    let disk = Arc::new(MemoryDisk::new());
    let wal = Wal::open(disk, LAYOUT, 99, 9999, None, &mut |_, _| Ok(())).expect("it opens");
    let draft = Draft::new(3, 1, Bytes::from_static(b"x"));
    let done = Box::new(|_| panic!("a bug, on purpose"));
    wal.queue().enter(1).expect("there is room").push(Item { draft, done });
    while wal.queue().open().is_ok() {
        std::thread::yield_now();
    }
    assert!(matches!(wal.queue().open(), Err(StorageFault::LogFaulted { .. })), "W3");
}
