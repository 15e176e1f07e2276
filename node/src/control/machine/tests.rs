//! Snapshots: whole or the one before, never older.

use openraft::testing::{log_id, membership_ent};
use protocol::{
    cluster::{Candidate, Change, Labels, NodeKey, Purpose},
    id::NodeId,
};
use storage::{digest::hex, disk::memory::MemoryDisk};

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
    assert!(applied(&machine, [voters, founded()]).iter().all(Result::is_ok));
    machine
}

/// Applies what does not raise the level.
fn applied(machine: &Machine, entries: impl IntoIterator<Item = Entry>) -> Vec<Answered> {
    let (answers, rose) = machine.apply_all(entries).expect("a level this release knows");
    assert!(!rose);
    answers
}

/// The founder runs a release that speaks this.
fn speaks(index: u64, wire: u16) -> Entry {
    let (addresses, web, labels) = (Vec::new(), Vec::new(), Labels::default());
    let node = NodeKey { number: 1, storage: 1 };
    let release = format!("0.{wire}.0");
    let change = Change::Announce { node, addresses, web, labels, release, wire };
    Entry { log_id: log_id(1, 1, index), payload: EntryPayload::Normal(change) }
}

fn version_on(disk: &MemoryDisk) -> u16 {
    let bytes = disk.bytes("map");
    u16::from_le_bytes([bytes[8], bytes[9]])
}

#[test]
fn k2_a_snapshot_is_read_back_and_a_crash_leaves_the_one_before() {
    for seed in 0..30 {
        let disk = MemoryDisk::new();
        let machine = machine_with_a_map(&disk);
        machine.build().expect("kept");
        assert_eq!(machine.snapshot(), Some(2));
        applied(&machine, [drained(3, true)]);
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
    applied(&machine, [drained(3, true)]);
    machine.build().expect("kept");
    let map = read_map(&old.1).expect("just written");
    let (meta, _) = machine.keep(old.0, &map).expect("the newer one");
    assert_eq!(meta.last_log_id, Some(log_id(1, 1, 3)), "K3");
}

#[test]
fn k1_maps_are_seen_in_order_and_only_when_something_was_asked() {
    let disk = MemoryDisk::new();
    let machine = machine_with_a_map(&disk);
    let mut maps = machine.maps();
    maps.borrow_and_update();
    let blank = Entry { log_id: log_id(1, 1, 3), payload: EntryPayload::Blank };
    applied(&machine, [blank]);
    assert!(!maps.has_changed().expect("the machine lives"));
    assert!(applied(&machine, [drained(4, true)])[0].is_err(), "there is no member 9");
    assert_eq!(maps.borrow_and_update().index, 4, "K1");
}

#[test]
fn vr4_below_level_2_a_snapshot_is_as_the_first_release_wrote_it() {
    let disk = MemoryDisk::new();
    machine_with_a_map(&disk).build().expect("kept");
    let kept = include_bytes!("../../../vectors/map.v1");
    assert_eq!(hex(&disk.bytes("map")), hex(kept), "the release before cannot read this");
    assert_eq!(open(&disk).state.lock().map.level, 1);
}

#[test]
fn k4_a_level_is_on_the_disk_before_anybody_hears_of_it() {
    let disk = MemoryDisk::new();
    let machine = machine_with_a_map(&disk);
    machine.build().expect("kept");
    assert_eq!(version_on(&disk), 1);
    let maps = machine.maps();
    let (answers, rose) = machine.apply_all([speaks(3, 2)]).expect("a level this release knows");
    assert!(answers[0].is_ok() && rose);
    assert_eq!(maps.borrow().level, 1, "K4: not before it is written");
    machine.rise().expect("kept");
    assert_eq!((maps.borrow().level, version_on(&disk)), (2, 2), "K4");
    assert_eq!(machine.snapshot(), Some(3));
    let kept = include_bytes!("../../../vectors/map.v2");
    assert_eq!(hex(&disk.bytes("map")), hex(kept), "a changed shape needs a new number");
    let again = open(&disk).state.lock().map.clone();
    assert_eq!((again.level, again.index), (2, 3));
    applied(&machine, [speaks(4, 2)]);
}

#[test]
fn k4_what_the_release_before_wrote_is_marked_when_it_is_opened() {
    let disk = MemoryDisk::new();
    let machine = machine_with_a_map(&disk);
    machine.apply_all([speaks(3, 2)]).expect("a level this release knows");
    let (meta, _) = machine.build().expect("kept");
    // As a release wrote it that applied the same and knew no level.
    let map = machine.state.lock().map.clone();
    file::write(&disk, 1, &meta, &protocol::codec::encode(&*map)).expect("written");
    assert_eq!(open(&disk).state.lock().map.level, 2);
    assert_eq!(version_on(&disk), 2, "K4");
}

#[test]
fn k5_a_level_this_release_does_not_know_is_a_fault_with_words() {
    let disk = MemoryDisk::new();
    let machine = machine_with_a_map(&disk);
    let newer = machine.apply_all([speaks(3, PEER_WIRE + 1)]).expect_err("K5");
    let known = PEER_WIRE.into();
    assert_eq!(newer, StorageFault::NewerData { found: known + 1, known });
    let (meta, _) = machine.build().expect("the map before");
    let mut map = Map::clone(&machine.state.lock().map);
    map.level = PEER_WIRE + 1;
    file::write(&disk, 2, &meta, &map.to_bytes()).expect("written");
    assert!(Machine::open(Arc::new(disk.clone())).is_err(), "K5");
    file::write(&disk, 3, &meta, &map.to_bytes()).expect("written");
    assert!(Machine::open(Arc::new(disk)).is_err(), "K5");
    map.level = 0;
    let older = readable(&map).expect_err("K5").to_string();
    assert!(older.contains("between them first"), "{older}");
}
