//! RS1, RS2: what is restored is what was backed up.

use super::*;
use crate::{fault::StorageFault, store::memory::MemoryStore};

/// An empty node's disk.
struct Empty {
    disk: MemoryDisk,
    store: MemoryStore,
}

impl Empty {
    fn new() -> Self {
        Self { disk: MemoryDisk::new(), store: MemoryStore::new() }
    }

    fn ledger(&self) -> Ledger {
        let options = Options {
            engine: Engine::Memory,
            segment_bytes: 1024 * 1024,
            checkpoint_bytes: 4096,
            unapplied_bytes_max: 64 * 1024, // so that a restore meets a journal that is busy
            reserve_bytes: 0,
            disk: Some(Arc::new(self.disk.clone())),
            store: Some(Arc::new(self.store.clone())),
            ..Options::new("")
        };
        Ledger::open(options).expect("it opens")
    }
}

/// More than one batch of one journal, and many journals.
fn much() -> Vec<Item> {
    let long: Vec<Vec<u8>> = (0..700).map(|it| vec![it as u8; 900]).collect();
    let many = (100..900).map(|it| written(&format!("room/{it}"), &[vec![1], vec![2; 40]]));
    let mut items = written("conversation/1", &long);
    items.extend(many.flatten());
    items.extend(sample());
    items
}

#[test]
fn rs1_rs2_every_byte_comes_back_and_the_disk_is_what_is_compared() {
    let (key, empty) = (SealKey::generate(), Empty::new());
    let items = much();
    let backup = sealed(&items, &key, 4096);
    let files = Files::on_disk(Arc::new(MemoryDisk::new())).expect("opened");
    let ledger = empty.ledger();
    let reader = Reader::begin(&backup[..], &key).expect("a sound header");
    let (first, manifest) = restore(reader, &ledger, &files).expect("restored");
    assert_eq!((first, manifest.ended), (begin(), Time::from_ms(99)));
    ledger.close();

    let ledger = empty.ledger();
    assert_eq!(compare(&ledger, &manifest), Ok(()), "RS2");
    let mut current = None;
    for item in &items {
        match item {
            Item::Journal(name) => {
                let stored = Source::stored(&ledger, name, Seq(0), 10_000).expect("sound");
                current = Some(stored.into_iter());
            }
            Item::Entry(entry) => {
                let next = current.as_mut().and_then(Iterator::next);
                assert_eq!(next.as_ref(), Some(entry), "RS1");
            }
            _ => {}
        }
    }
    let content = files.content(&id_of(&[7; 120])).expect("it is kept");
    assert_eq!(content.read_at(0, 500), Ok(vec![7; 120]));
    assert_eq!(files.hashes().expect("listed").len(), 1, "what is lost is not half there");
}

#[test]
fn rs2_less_or_more_than_the_backup_is_seen() {
    let (key, empty) = (SealKey::generate(), Empty::new());
    let backup = sealed(&sample(), &key, CHUNK);
    let files = Files::on_disk(Arc::new(MemoryDisk::new())).expect("opened");
    let ledger = empty.ledger();
    let reader = Reader::begin(&backup[..], &key).expect("a sound header");
    let (_, manifest) = restore(reader, &ledger, &files).expect("restored");
    ledger.close();
    let mut less = manifest.clone();
    less.tally.shards[usize::from(journal("room/2").shard())] = Sum::default();
    let seen = compare(&empty.ledger(), &less);
    assert!(matches!(seen, Err(StorageFault::BadCopy { .. })), "RS2: {seen:?}");
    assert!(empty.store.flip(b"e", 5));
    let seen = compare(&empty.ledger(), &manifest);
    assert!(matches!(seen, Err(StorageFault::Corrupt { .. })), "RS2: {seen:?}");
}

#[test]
fn ad1_what_does_not_follow_is_not_adopted() {
    let ledger = Empty::new().ledger();
    let items = written("room/1", &[b"one".to_vec(), b"two".to_vec()]);
    let entries: Vec<Bytes> = items
        .into_iter()
        .filter_map(|item| match item {
            Item::Entry(entry) => Some(entry),
            _ => None,
        })
        .collect();
    let name = journal("room/1");
    let late = ledger.adopt(&name, &entries[1..], Box::new(drop));
    assert_eq!(late, Err(StorageFault::Corrupt { journal: name.clone(), seq: Seq(1) }), "AD1");
    let foreign = ledger.adopt(&journal("room/2"), &entries, Box::new(drop));
    assert!(matches!(foreign, Err(StorageFault::Corrupt { .. })), "AD1");
    assert_eq!(ledger.head(&name), Ok(Seq(0)));
}

#[test]
fn a_broken_backup_ends_a_restore_with_its_place() {
    let key = SealKey::generate();
    let mut backup = sealed(&much(), &key, 4096);
    let at = backup.len() / 2;
    backup[at] ^= 1;
    let files = Files::on_disk(Arc::new(MemoryDisk::new())).expect("opened");
    let reader = Reader::begin(&backup[..], &key).expect("a sound header");
    let broken = restore(reader, &Empty::new().ledger(), &files).expect_err("it is damaged");
    assert!(matches!(broken, BackupFault::Damaged { .. }), "{broken}");
}
