//! BK1: flipped, cut, doubled, moved, exchanged.

use super::*;

/// Bytes of a header.
const HEADER: usize = 58;
/// Bytes of a sealed chunk.
const SEALED: usize = CHUNK + crate::crypto::TAG_BYTES;

/// The header, and the sealed chunks.
fn split(backup: &[u8]) -> (&[u8], Vec<&[u8]>) {
    let (header, chunks) = backup.split_at(HEADER);
    (header, chunks.chunks(SEALED).collect())
}

fn joined(header: &[u8], chunks: &[&[u8]]) -> Vec<u8> {
    [header, &chunks.concat()].concat()
}

fn offset(chunk: usize) -> u64 {
    (HEADER + chunk * SEALED) as u64
}

/// The chunk that is named as damaged, with its place.
fn damaged(backup: &[u8], key: &SealKey) -> u64 {
    match read(backup, key) {
        Err(BackupFault::Damaged { chunk, offset: found }) => {
            assert_eq!(found, offset(chunk as usize));
            chunk
        }
        other => panic!("not damaged: {other:?}"),
    }
}

#[test]
fn bk1_a_flipped_bit_anywhere_is_found_and_its_place_named() {
    let key = SealKey::generate();
    let whole = sealed(&sample(), &key, CHUNK);
    assert!(split(&whole).1.len() > 10, "there are several chunks");
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8); // all bits of a chunk: `crypto`
        match at.checked_sub(HEADER) {
            Some(inside) => assert_eq!(damaged(&flipped, &key), (inside / SEALED) as u64),
            None => {
                let found = read(&flipped, &key);
                let named = match at {
                    0..8 => matches!(found, Err(BackupFault::NoBackup)),
                    _ => matches!(found, Err(BackupFault::BadHeader { bytes: HEADER })),
                };
                assert!(named, "BK1: byte {at}: {found:?}");
            }
        }
    }
}

#[test]
fn bk1_wherever_it_is_cut_the_end_is_missed() {
    let key = SealKey::generate();
    let whole = sealed(&sample(), &key, CHUNK);
    for len in 0..whole.len() {
        let found = read(&whole[..len], &key);
        match len.checked_sub(HEADER) {
            None => assert!(matches!(found, Err(BackupFault::NoBackup)), "{len}: {found:?}"),
            Some(inside) if inside % SEALED == 0 => match found {
                Err(BackupFault::CutShort { offset }) => assert_eq!(offset, len as u64, "BK1"),
                other => panic!("{len}: {other:?}"),
            },
            Some(inside) => {
                assert_eq!(damaged(&whole[..len], &key), (inside / SEALED) as u64);
            }
        }
    }
}

#[test]
fn bk1_chunks_that_are_moved_doubled_or_left_out_are_found() {
    let key = SealKey::generate();
    let whole = sealed(&sample(), &key, CHUNK);
    let (header, chunks) = split(&whole);
    let last = chunks.len() - 1;
    for (one, two) in [(0, 1), (2, 5), (0, last - 1), (last - 2, last - 1)] {
        let mut moved = chunks.clone();
        moved.swap(one, two);
        assert_eq!(damaged(&joined(header, &moved), &key), one as u64, "BK1");
    }
    for at in 0..last {
        let mut fewer = chunks.clone();
        fewer.remove(at);
        assert_eq!(damaged(&joined(header, &fewer), &key), at as u64, "BK1");
        let mut more = chunks.clone();
        more.insert(at, chunks[at]);
        assert_eq!(damaged(&joined(header, &more), &key), at as u64 + 1, "BK1");
    }
}

#[test]
fn bk1_what_follows_the_end_is_not_overlooked() {
    let key = SealKey::generate();
    let whole = sealed(&sample(), &key, CHUNK);
    let last = split(&whole).1.len() as u64 - 1;
    let longer = [&whole[..], b"x"].concat();
    assert_eq!(damaged(&longer, &key), last);
    // Also when the last chunk is full, so that what follows begins a chunk of its own.
    let full = (1..400).map(|len| {
        let items = written("room/1", &[vec![0; len]]);
        sealed(&items, &key, CHUNK)
    });
    let full =
        full.into_iter().find(|it| (it.len() - HEADER).is_multiple_of(SEALED)).expect("one fits");
    assert!(read(&full, &key).is_ok());
    let longer = read(&[&full[..], b"x"].concat(), &key);
    assert!(matches!(longer, Err(BackupFault::Longer { .. })), "BK1: {longer:?}");
}

#[test]
fn bk1_chunks_of_two_backups_under_one_key_are_told_apart() {
    let key = SealKey::generate();
    let (one, two) = (sealed(&sample(), &key, CHUNK), sealed(&sample(), &key, CHUNK));
    assert_eq!(one.len(), two.len(), "the same in both");
    let ((header, chunks), (other, others)) = (split(&one), split(&two));
    for at in 0..chunks.len() {
        let mut mixed = chunks.clone();
        mixed[at] = others[at];
        assert_eq!(damaged(&joined(header, &mixed), &key), at as u64, "BK1");
    }
    assert_eq!(damaged(&joined(other, &chunks), &key), 0, "BK1: the header of another");
}

#[test]
fn another_key_is_named_as_that() {
    let (key, other) = (SealKey::generate(), SealKey::generate());
    let whole = sealed(&sample(), &key, CHUNK);
    match read(&whole, &other) {
        Err(fault @ BackupFault::OtherKey { wanted, given }) => {
            assert_eq!((wanted, given), (key.mark(), other.mark()));
            assert!(fault.to_string().contains(&key.mark().to_string()));
        }
        found => panic!("{found:?}"),
    }
}

#[test]
fn a_later_shape_and_a_foreign_file_are_named_as_that() {
    let key = SealKey::generate();
    let mut later = sealed(&sample(), &key, CHUNK);
    later[8] += 1;
    let sum = crate::digest::crc32(&later[..HEADER - 4]).to_le_bytes();
    later[HEADER - 4..HEADER].copy_from_slice(&sum);
    let found = read(&later, &key);
    assert!(matches!(found, Err(BackupFault::Newer { found: 2, known: 1 })), "{found:?}");
    for foreign in [&b""[..], b"PK\x03\x04", &[0; 500]] {
        assert!(matches!(read(foreign, &key), Err(BackupFault::NoBackup)));
    }
}

#[test]
fn after_a_fault_nothing_more_is_given() {
    let key = SealKey::generate();
    let mut whole = sealed(&sample(), &key, CHUNK);
    whole[HEADER + 3 * SEALED] ^= 1;
    let items: Vec<_> = Reader::begin(&whole[..], &key).expect("a sound header").collect();
    assert!(items.len() > 1 && items[..items.len() - 1].iter().all(Result::is_ok));
    assert!(items.last().is_some_and(Result::is_err));
}
