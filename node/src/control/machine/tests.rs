//! Snapshots: whole or the one before, never older.

use openraft::testing::{log_id, membership_ent};
use protocol::{
    cluster::{Candidate, Change, Labels, Purpose},
    id::NodeId,
};
use storage::disk::memory::MemoryDisk;

use super::*;

fn open(disk: &MemoryDisk) -> Machine {
    Machine::open(Arc::new(disk.clone())).expect("a sound snapshot, or none")
}

fn founded() -> Entry {
    let first = Candidate {
        storage: 1,
        id: NodeId::from_u128(1),
        peer: "peer-1".into(),
        addresses: Vec::new(),
        web: Vec::new(),
        labels: Labels::default(),
        purpose: Purpose::Data,
        release: "0.1.0".into(),
        wire: 1,
    };
    let change = Change::Found { cluster: NodeId::from_u128(7), shards: 4, first };
    Entry { log_id: log_id(1, 1, 2), payload: EntryPayload::Normal(change) }
}

fn drained(index: u64, on: bool) -> Entry {
    let change = Change::Drain { number: 9, on };
    Entry { log_id: log_id(1, 1, index), payload: EntryPayload::Normal(change) }
}

fn machine_with_a_map(disk: &MemoryDisk) -> Machine {
    let machine = open(disk);
    let voters = membership_ent(0, 0, 0, vec![[1].into()]);
    assert!(machine.apply_all([voters, founded()]).iter().all(Result::is_ok));
    machine
}

#[test]
fn k2_a_snapshot_is_read_back_and_a_crash_leaves_the_one_before() {
    for seed in 0..30 {
        let disk = MemoryDisk::new();
        let machine = machine_with_a_map(&disk);
        machine.build().expect("kept");
        assert_eq!(machine.snapshot(), Some(2));
        machine.apply_all([drained(3, true)]);
        // A second one that is cut off while it is written.
        disk.create("map.new").expect("made").write_at(b"half of it", 0).expect("written");
        disk.crash(seed);
        let again = open(&disk);
        assert_eq!(again.snapshot(), Some(2), "K2, seed {seed}");
        let state = again.state.lock().clone();
        assert_eq!((state.map.index, state.map.places.len()), (2, 4));
        assert_eq!(state.membership.membership().voter_ids().collect::<Vec<_>>(), [1]);
    }
}

#[test]
fn a_damaged_snapshot_is_a_fault_with_a_name() {
    let disk = MemoryDisk::new();
    machine_with_a_map(&disk).build().expect("kept");
    let len = disk.bytes("map").len() as u64;
    for at in [0, 9, 13, 17, 30, len - 1] {
        let copy = MemoryDisk::new();
        copy.copy(&disk);
        copy.flip("map", at, 2);
        assert!(Machine::open(Arc::new(copy)).is_err(), "byte {at}");
    }
}

#[test]
fn k3_an_older_snapshot_never_replaces_a_newer_one() {
    let disk = MemoryDisk::new();
    let machine = machine_with_a_map(&disk);
    let old = machine.build().expect("kept");
    machine.apply_all([drained(3, true)]);
    machine.build().expect("kept");
    let (meta, _) = machine.keep(old.0, Vec::clone(&old.1)).expect("the newer one");
    assert_eq!(meta.last_log_id, Some(log_id(1, 1, 3)), "K3");
}

#[test]
fn k1_maps_are_seen_in_order_and_only_when_something_was_asked() {
    let disk = MemoryDisk::new();
    let machine = machine_with_a_map(&disk);
    let mut maps = machine.maps();
    maps.borrow_and_update();
    let blank = Entry { log_id: log_id(1, 1, 3), payload: EntryPayload::Blank };
    machine.apply_all([blank]);
    assert!(!maps.has_changed().expect("the machine lives"));
    assert!(machine.apply_all([drained(4, true)])[0].is_err(), "there is no member 9");
    assert_eq!(maps.borrow_and_update().index, 4, "K1");
}
