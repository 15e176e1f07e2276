//! One member and a disk that loses what was not synced, at any moment.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use storage::disk::memory::MemoryDisk;

use super::*;

async fn open(disk: &MemoryDisk) -> Control {
    let options =
        Options { snapshot_after: 8, entries_kept: 1, segment_bytes: 64 * 1024, ..quick() };
    let road = Arc::new(Road { me: 1, net: Net::default() });
    Control::open_on(Arc::new(disk.clone()), 1, road, options).await.expect("a sound disk")
}

fn invite(at: u64) -> Change {
    let mut digest = [0; 32];
    digest[..8].copy_from_slice(&at.to_le_bytes());
    Change::Invite { digest, expires: Time::from_ms(1), purpose: Purpose::Data }
}

/// The power goes while changes, snapshots and purges are under way; also between a snapshot and
/// the purge that follows it.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_there_after_the_power_went() {
    for seed in 0..12 {
        let disk = MemoryDisk::new();
        let control = open(&disk).await;
        let first = candidate(1, Purpose::Data);
        control.found(NodeId::from_u128(1), 4, first).await.expect("founded");
        let answered = Arc::new(AtomicU64::new(0));
        let (copy, asking) = (MemoryDisk::new(), control.clone());
        let busy = tokio::spawn({
            let answered = Arc::clone(&answered);
            async move {
                for at in 1..120 {
                    if asking.change(invite(at)).await.is_err() {
                        return;
                    }
                    answered.store(at, Relaxed);
                }
            }
        });
        until("some were answered", || answered.load(Relaxed) >= 5 + seed * 7).await;
        let sure = answered.load(Relaxed);
        copy.copy(&disk);
        copy.crash(seed);
        busy.abort();
        control.close().await;

        let again = open(&copy).await;
        let mut maps = again.maps();
        let all = maps.wait_for(|map| (1..=sure).all(|at| has(map, &invite(at))));
        // The map is let go at once: while it is looked at, no newer one is published.
        let found = tokio::time::timeout(PATIENCE, all).await.map(|it| it.is_ok());
        assert_eq!(found, Ok(true), "seed {seed}: {sure} were answered");
        again.change(invite(500)).await.expect("and it goes on");
        again.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_sync_ends_it_and_says_so() {
    let disk = MemoryDisk::new();
    let control = open(&disk).await;
    let first = candidate(1, Purpose::Data);
    control.found(NodeId::from_u128(1), 4, first).await.expect("founded");
    disk.faults(|it| it.syncs_fail = 1);
    let answer = control.change(invite(1)).await;
    assert!(answer.is_err(), "not kept, not answered");
    let why = tokio::time::timeout(PATIENCE, control.died()).await.expect("it ends (rule R1)");
    assert!(!why.is_empty());
    assert!(control.status().fault.is_some());
    assert_eq!(control.change(invite(2)).await, Err(ControlNo::Stopped));
}
