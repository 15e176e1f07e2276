//! A backup against its promises: whatever is done to the file, it is found and its place named.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::{
    content::ContentId,
    crypto::SealKey,
    digest::sha256,
    disk::memory::MemoryDisk,
    files::Files,
    history,
    journal::Seq,
    ledger::{Engine, Ledger, Options, rebuild::Source},
};

mod damage;
mod restored;

/// Bytes of a chunk in these tests: many chunks from little.
const CHUNK: usize = 64;

fn begin() -> Begin {
    Begin { begun: Time::from_ms(7), release: "0.1.0".into(), more: vec![1, 2, 3] }
}

fn journal(name: &str) -> JournalId {
    JournalId::new(name).expect("a good name")
}

/// A journal with these bodies.
fn written(name: &str, bodies: &[Vec<u8>]) -> Vec<Item> {
    let journal = journal(name);
    let at = Time::from_ms(9);
    let (append, ..) = history::write_append(&journal, Link::genesis(&journal), at, bodies);
    let entries = append.entries.into_iter().map(Item::Entry);
    [Item::Journal(journal)].into_iter().chain(entries).collect()
}

fn id_of(bytes: &[u8]) -> ContentId {
    ContentId { hash: sha256(bytes), len: bytes.len() as u64 }
}

/// A content in pieces.
fn kept(bytes: &[u8]) -> Vec<Item> {
    let pieces = bytes.chunks(50).map(|piece| Item::Piece(Bytes::copy_from_slice(piece)));
    [Item::Content(id_of(bytes))].into_iter().chain(pieces).chain([Item::Kept]).collect()
}

/// Some of everything.
fn sample() -> Vec<Item> {
    let bodies = |count: usize| (0..count).map(|it| vec![it as u8; it * 7]).collect::<Vec<_>>();
    let lost = vec![Item::Content(id_of(b"gone")), Item::Lost];
    [
        written("room/1", &bodies(5)),
        written("room/2", &bodies(1)),
        written("file/1", &bodies(2)),
        kept(&[7; 120]),
        lost,
        written("vault/9", &bodies(3)),
    ]
    .concat()
}

/// A backup of these items.
fn sealed(items: &[Item], key: &SealKey, chunk: usize) -> Vec<u8> {
    let mut writer = Writer::with_chunks(Vec::new(), key, begin(), chunk).expect("begun");
    items.iter().for_each(|item| writer.put(item).expect("it follows"));
    writer.end(Time::from_ms(99)).expect("ended").0
}

fn read(bytes: &[u8], key: &SealKey) -> Result<Vec<Item>, BackupFault> {
    Reader::begin(bytes, key)?.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_and_counted(
        journals in proptest::collection::btree_map(
            "[a-z]{1,9}/[a-z0-9]{1,20}",
            proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 1..6),
            0..8,
        ),
        contents in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..400), 0..4),
        chunk in 1usize..700,
    ) {
        let mut items = Vec::new();
        for (name, bodies) in &journals {
            items.extend(written(name, bodies));
        }
        contents.iter().for_each(|bytes| items.extend(kept(bytes)));
        let key = SealKey::generate();
        let mut back = read(&sealed(&items, &key, chunk), &key).expect("sound");
        let Some(Item::End(manifest)) = back.pop() else { panic!("the end is last") };
        prop_assert_eq!(back.remove(0), Item::Begin(begin()));
        prop_assert_eq!(back, items);
        let entries: usize = journals.values().map(Vec::len).sum();
        let bytes: usize = contents.iter().map(Vec::len).sum();
        prop_assert_eq!(manifest.tally.journals(), journals.len() as u64, "BK4");
        prop_assert_eq!(manifest.tally.entries(), entries as u64, "BK4");
        prop_assert_eq!(manifest.tally.contents, contents.len() as u64, "BK4");
        prop_assert_eq!(manifest.tally.bytes, bytes as u64, "BK4");
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let key = SealKey::generate();
        prop_assert!(read(&bytes, &key).is_err());
        let whole = sealed(&sample(), &key, CHUNK);
        let patched = [&whole[..58], &bytes].concat();
        prop_assert!(read(&patched, &key).is_err(), "BK1");
    }
}

/// What these items are refused with, by the writer.
fn refused(items: &[Item]) -> Wrong {
    let key = SealKey::generate();
    let mut writer = Writer::begin(Vec::new(), &key, begin()).expect("begun");
    for item in items {
        match writer.put(item) {
            Ok(()) => {}
            Err(BackupFault::Wrong { wrong, .. }) => return wrong,
            Err(fault) => panic!("{fault}"),
        }
    }
    match writer.end(Time::from_ms(1)) {
        Err(BackupFault::Wrong { wrong, .. }) => wrong,
        other => panic!("taken: {:?}", other.map(|(_, manifest)| manifest)),
    }
}

#[test]
fn bk2_bk3_what_does_not_follow_is_not_even_written() {
    let bodies = vec![b"one".to_vec(), b"two".to_vec(), b"three".to_vec()];
    let sound = written("room/1", &bodies);
    let chain = |seq| Wrong::Chain { journal: journal("room/1"), seq: Seq(seq) };
    let without = |at: usize| {
        let mut items = sound.clone();
        items.remove(at);
        items
    };
    assert_eq!(refused(&without(1)), chain(1), "BK3: it does not begin with its first");
    assert_eq!(refused(&without(2)), chain(2), "BK3: a gap");
    assert_eq!(refused(&without(0)), Wrong::Order { what: "an entry" });
    let other = written("room/1x", &bodies);
    let mixed = [sound[0].clone(), other[1].clone()];
    assert_eq!(refused(&mixed), chain(1), "BK3: another journal's");
    let mut flipped = sound.clone();
    if let Item::Entry(entry) = &mut flipped[2] {
        let mut bytes = entry.to_vec();
        *bytes.last_mut().expect("it has bytes") ^= 1;
        *entry = bytes.into();
    }
    assert_eq!(refused(&flipped), chain(2), "BK3: its sum");
    let twice = [sound.clone(), sound.clone()].concat();
    assert_eq!(refused(&twice), Wrong::Order { what: "a journal" });
    let empty = [sound[0].clone()];
    assert_eq!(refused(&empty), Wrong::Order { what: "the end of a journal" });
}

#[test]
fn bk2_bk3_a_content_is_what_it_is_named_by() {
    let (id, piece) = (id_of(b"abc"), |text: &'static [u8]| Item::Piece(Bytes::from_static(text)));
    let wrong = Wrong::Content { content: id };
    let content = Item::Content(id);
    for pieces in
        [vec![], vec![piece(b"ab")], vec![piece(b"abd")], vec![piece(b"abc"), piece(b"d")]]
    {
        let items = [vec![content.clone()], pieces, vec![Item::Kept]].concat();
        assert_eq!(refused(&items), wrong, "BK3");
    }
    let open = [content.clone(), piece(b"abc")];
    assert_eq!(refused(&open), Wrong::Order { what: "the end" }, "it is not over");
    assert_eq!(refused(&[Item::Kept]), Wrong::Order { what: "the end of a content" });
    assert_eq!(refused(&[piece(b"a")]), Wrong::Order { what: "a piece of a content" });
    let inside = [content, Item::Journal(journal("room/1"))];
    assert_eq!(refused(&inside), Wrong::Order { what: "a journal" });
    assert_eq!(refused(&[Item::Begin(begin())]), Wrong::Order { what: "a beginning" });
}

#[test]
fn bk4_an_end_that_tells_of_something_else_is_no_end() {
    let items = written("room/1", &[b"one".to_vec()]);
    let shards = vec![Sum::default(); usize::from(protocol::key::SHARDS)];
    let none = Tally { shards, ..Tally::default() };
    let end = |tally: Tally| Item::End(Manifest { ended: Time::from_ms(1), tally });
    assert_eq!(refused(&[&items[..], &[end(none.clone())]].concat()), Wrong::Tally, "BK4");
    let more = Tally { contents: 1, ..none };
    assert_eq!(refused(&[end(more)]), Wrong::Tally, "BK4");
}

#[test]
fn a_sum_does_not_depend_on_the_order_and_on_everything_else() {
    let ends = [("room/1", 3, 1), ("room/2", 3, 2)]
        .map(|(name, seq, hash)| (journal(name), Link { seq: Seq(seq), hash: [hash; 32] }));
    let sum = |ends: &[(JournalId, Link)]| {
        let mut sum = Sum::default();
        ends.iter().for_each(|(name, end)| sum.add(name, *end));
        sum
    };
    let mut turned = ends.clone();
    turned.reverse();
    assert_eq!(sum(&ends), sum(&turned));
    let mut other = ends.clone();
    other[1].1.hash[5] ^= 1;
    assert_ne!(sum(&ends), sum(&other));
    assert!(!format!("{:?}", begin()).contains("[1, 2, 3]"), "what is secret is not shown");
}
