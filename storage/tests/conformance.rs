//! One suite for every store engine: E1, E2 and E3 of `store.rs`, and that all of them agree.

use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;
use storage::store::{Batch, Store, memory::MemoryStore, redb::RedbStore, sled::SledStore};
use tempfile::TempDir;

const CACHE: u64 = 8 * 1024 * 1024;

/// Every engine: its name, and how to open it in a directory.
type Open = fn(&TempDir) -> Arc<dyn Store>;

fn engines() -> Vec<(&'static str, Open)> {
    vec![
        ("memory", |_| Arc::new(MemoryStore::new())),
        ("sled", |dir| Arc::new(SledStore::open(&dir.path().join("sled"), CACHE).expect("opens"))),
        ("redb", |dir| Arc::new(RedbStore::open(&dir.path().join("redb"), CACHE).expect("opens"))),
    ]
}

fn batch(changes: &[(&[u8], Option<&[u8]>)]) -> Batch {
    let mut batch = Batch::default();
    for (key, value) in changes {
        match value {
            Some(value) => batch.put(key.to_vec(), value.to_vec()),
            None => batch.delete(key.to_vec()),
        }
    }
    batch
}

#[test]
fn a_batch_is_read_back_in_order_and_by_prefix() {
    for (name, open) in engines() {
        let dir = TempDir::new().expect("a directory");
        let store = open(&dir);
        assert_eq!(store.get(b"none"), Ok(None), "{name}");
        assert_eq!(store.scan(b"", b"", 10), Ok(vec![]), "{name}");
        let changes: [(&[u8], Option<&[u8]>); 5] = [
            (b"b2", Some(b"2")),
            (b"b1", Some(b"1")),
            (b"a", Some(b"")),
            (b"c", Some(b"x")),
            (b"c", None),
        ];
        store.apply(&batch(&changes)).expect("applied");
        assert_eq!(store.get(b"b2"), Ok(Some(b"2".to_vec())), "{name}");
        assert_eq!(store.get(b"a"), Ok(Some(vec![])), "{name}: an empty value is a value");
        assert_eq!(store.get(b"c"), Ok(None), "{name}: changes apply in order");
        let pairs = |limit| store.scan(b"b", b"b", limit).expect("scanned");
        assert_eq!(pairs(9), [(b"b1".to_vec(), b"1".to_vec()), (b"b2".to_vec(), b"2".to_vec())]);
        assert_eq!(pairs(1).len(), 1, "{name}");
        assert_eq!(store.scan(b"b", b"b2", 9).expect("scanned").len(), 1, "{name}");
        assert_eq!(store.scan(b"b", b"a", 9).expect("scanned").len(), 2, "{name}: from below");
        assert_eq!(store.scan(b"b", b"z", 9).expect("scanned").len(), 0, "{name}: from above");
        store.sync().expect("synced");
        assert!(store.size_on_disk().expect("measured") > 0, "{name}");
    }
}

#[test]
fn e2_what_was_synced_is_there_when_opened_again() {
    for (name, open) in engines().into_iter().filter(|(name, _)| *name != "memory") {
        let dir = TempDir::new().expect("a directory");
        for round in 0..5_u8 {
            let store = open(&dir);
            for earlier in 0..round {
                assert_eq!(store.get(&[earlier]), Ok(Some(vec![earlier; 3000])), "{name}");
            }
            store.apply(&batch(&[(&[round], Some(&[round; 3000]))])).expect("applied");
            store.sync().expect("synced");
        }
    }
}

#[test]
fn many_writers_and_readers_see_whole_batches() {
    for (name, open) in engines() {
        let dir = TempDir::new().expect("a directory");
        let store = open(&dir);
        std::thread::scope(|scope| {
            let writing = Arc::clone(&store);
            let writer = scope.spawn(move || {
                for turn in 1..200_u32 {
                    let value = turn.to_be_bytes();
                    let both = batch(&[(b"x", Some(&value)), (b"y", Some(&value))]);
                    writing.apply(&both).expect("applied");
                }
            });
            while !writer.is_finished() {
                let x = store.get(b"x").expect("read");
                let y = store.get(b"y").expect("read");
                assert!(y >= x, "{name}: E1, y was read after x");
            }
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_engine_is_a_sorted_map(
        steps in proptest::collection::vec(
            proptest::collection::vec(
                (proptest::collection::vec(0..4_u8, 0..4), proptest::option::of(0..9_u8)), 1..6),
            1..20),
        prefix in proptest::collection::vec(0..4_u8, 0..3),
    ) {
        for (name, open) in engines() {
            let dir = TempDir::new().expect("a directory");
            let store = open(&dir);
            let mut model = BTreeMap::new();
            for step in &steps {
                let mut batch = Batch::default();
                for (key, value) in step {
                    // Some engines know no empty key.
                    let key = [b"k", &key[..]].concat();
                    match value {
                        Some(value) => {
                            model.insert(key.clone(), vec![*value; 20]);
                            batch.put(key, vec![*value; 20]);
                        }
                        None => {
                            model.remove(&key);
                            batch.delete(key);
                        }
                    }
                }
                store.apply(&batch).expect("applied");
            }
            let prefix = [b"k", &prefix[..]].concat();
            let expected: Vec<_> = model.into_iter().filter(|(key, _)| key.starts_with(&prefix)).collect();
            prop_assert_eq!(store.scan(&prefix, &prefix, 1000).expect("scanned"), expected, "{}", name);
        }
    }
}
