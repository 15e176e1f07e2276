//! The consensus' own suite, and what a crash or a flipped bit leaves.

use openraft::{
    EntryPayload,
    storage::{RaftLogStorage, RaftLogStorageExt},
    testing::{StoreBuilder, Suite, blank_ent, log_id},
};
use protocol::{
    cluster::{Change, Purpose},
    time::Time,
};
use storage::disk::memory::MemoryDisk;

use super::*;
use crate::control::machine::Machine;

const SEGMENT: u64 = 64 * 1024;

struct OnMemory;

impl StoreBuilder<Plane, LogStore, Machine> for OnMemory {
    async fn build(&self) -> Result<((), LogStore, Machine), Fault> {
        let disk = MemoryDisk::new();
        Ok(((), open(&disk), Machine::open(Arc::new(disk)).expect("an empty disk")))
    }
}

#[test]
fn the_suite_of_the_consensus_passes() {
    Suite::test_all(OnMemory).expect("every test of the suite");
}

fn open(disk: &MemoryDisk) -> LogStore {
    LogStore::open(Arc::new(disk.clone()), SEGMENT).expect("a sound log")
}

fn entry(term: u64, index: u64) -> Entry {
    let change = Change::Invite {
        digest: [index as u8; 32],
        expires: Time::from_ms(term),
        purpose: Purpose::Data,
    };
    Entry { log_id: log_id(term, 1, index), payload: EntryPayload::Normal(change) }
}

async fn append(log: &mut LogStore, term: u64, indexes: std::ops::Range<u64>) {
    let entries: Vec<Entry> = indexes.map(|index| entry(term, index)).collect();
    log.blocking_append(entries).await.expect("kept");
}

fn indexes(log: &LogStore) -> Vec<u64> {
    log.book.lock().range(.., usize::MAX).iter().map(|it| it.log_id.index).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn g1_what_was_kept_is_there_after_any_crash() {
    for seed in 0..40 {
        let disk = MemoryDisk::new();
        let mut log = open(&disk);
        log.save_vote(&Vote::new(3, 1)).await.expect("kept");
        append(&mut log, 3, 0..5).await;
        let torn: Vec<Entry> = (5..40).map(|index| entry(3, index)).collect();
        let _ = log.append_all(torn).expect("queued, and nobody waits for it");
        // The power goes for all at once: nobody writes to these platters any more.
        let platters = MemoryDisk::new();
        platters.copy(&disk);
        drop(log);
        platters.crash(seed);

        let again = open(&platters);
        let found = indexes(&again);
        assert!(found.len() >= 5, "G1, seed {seed}: {found:?}");
        assert!(found.iter().copied().eq(0..found.len() as u64), "G2, seed {seed}: {found:?}");
        assert_eq!(again.book.lock().vote(), Some(Vote::new(3, 1)), "G1, seed {seed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bit_that_flips_in_the_middle_is_a_fault_with_a_name() {
    let disk = MemoryDisk::new();
    let mut log = open(&disk);
    for at in 0..8 {
        append(&mut log, 1, at..at + 1).await;
    }
    drop(log);
    let name = storage::wal::place::segment_name(1);
    disk.flip(&name, 512 + 200, 3);
    let no = LogStore::open(Arc::new(disk), SEGMENT).err();
    assert!(matches!(no, Some(StorageFault::LogCorrupt { .. })), "{no:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn g3_a_cut_tail_stays_cut_and_the_newer_entry_wins() {
    let disk = MemoryDisk::new();
    let mut log = open(&disk);
    append(&mut log, 1, 0..9).await;
    log.truncate(log_id(1, 1, 4)).await.expect("cut");
    drop(log);
    let mut log = open(&disk);
    assert_eq!(indexes(&log), [0, 1, 2, 3]);
    append(&mut log, 2, 4..6).await;
    drop(log);
    let log = open(&disk);
    assert_eq!(log.book.lock().last(), Some(log_id(2, 1, 5)));
}

#[tokio::test(flavor = "multi_thread")]
async fn g4_purging_gives_segments_back_and_keeps_the_vote() {
    let disk = MemoryDisk::new();
    let mut log = open(&disk);
    log.save_vote(&Vote::new(7, 2)).await.expect("kept");
    for round in 0..60 {
        append(&mut log, 7, round * 40..(round + 1) * 40).await;
        log.save_committed(Some(log_id(7, 1, round * 40))).await.expect("noted");
        if let Some(upto) = (round * 40).checked_sub(20) {
            log.purge(log_id(7, 1, upto)).await.expect("purged");
        }
    }
    let bytes = log.bytes();
    drop(log);
    let names = disk.list("wal-").expect("a memory disk lists");
    assert!(names.len() <= 3, "G4: {names:?}");
    let log = open(&disk);
    assert_eq!(log.bytes(), bytes);
    assert_eq!(log.book.lock().vote(), Some(Vote::new(7, 2)), "G4");
    assert_eq!(log.book.lock().purged(), Some(log_id(7, 1, 59 * 40 - 20)));
    assert_eq!(indexes(&log).first(), Some(&(59 * 40 - 19)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_is_found_again_after_a_stop_in_good_order() {
    let disk = MemoryDisk::new();
    let mut log = open(&disk);
    append(&mut log, 1, 0..4).await;
    log.save_committed(Some(log_id(1, 1, 3))).await.expect("noted");
    log.close().await;
    drop(log);
    assert_eq!(open(&disk).book.lock().committed(), Some(log_id(1, 1, 3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn g1_a_failed_sync_is_told_and_nothing_is_written_after_it() {
    let disk = MemoryDisk::new();
    let mut log = open(&disk);
    append(&mut log, 1, 0..2).await;
    disk.faults(|it| it.syncs_fail = 1);
    let no = log.save_vote(&Vote::new(2, 1)).await;
    assert!(no.is_err(), "G1");
    assert!(log.save_vote(&Vote::new(2, 1)).await.is_err(), "never tried again (rule R1)");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_holds_as_many_entries_as_fit_and_at_least_one() {
    let disk = MemoryDisk::new();
    let log = LogStore::open(Arc::new(disk), 8 * 1024 * 1024).expect("an empty disk");
    for index in 0..3 {
        log.book.lock().put(blank_ent(1, 1, index), MESSAGE_BYTES - 10);
    }
    assert_eq!(log.book.lock().range(0..3, MESSAGE_BYTES).len(), 1);
}
