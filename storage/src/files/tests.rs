//! Kept files against their invariants, on a real directory and on a disk that tears and fills up.

use super::*;
use crate::{dice::Dice, digest::sha256, disk::memory::MemoryDisk};

fn bytes(len: usize, seed: u64) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    (0..len).map(|_| dice.roll() as u8).collect()
}

fn keep(files: &Files, bytes: &[u8]) -> ContentId {
    let mut upload = files.begin(u64::MAX).expect("begun");
    for part in bytes.chunks(100_000) {
        upload.write(part).expect("written");
    }
    upload.finish().expect("kept")
}

fn in_memory() -> (MemoryDisk, Files) {
    let disk = MemoryDisk::new();
    let files = Files::on_disk(Arc::new(disk.clone())).expect("opened");
    (disk, files)
}

#[test]
fn what_is_kept_is_read_back_at_any_offset() {
    let dir = tempfile::tempdir().expect("a directory");
    let files = Files::open(dir.path()).expect("opened");
    for len in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 77] {
        let bytes = bytes(len, len as u64);
        let id = keep(&files, &bytes);
        assert_eq!(id, ContentId { hash: sha256(&bytes), len: len as u64 });
        let content = files.content(&id).expect("opened");
        assert_eq!(content.read_at(0, usize::MAX >> 1), Ok(bytes.clone()));
        let mut dice = Dice::new(len as u64);
        for _ in 0..20 {
            let offset = dice.below(len as u64 + 2);
            let max = dice.below(2 * CHUNK_BYTES as u64) as usize;
            let start = (offset as usize).min(len);
            let expected = bytes[start..len.min(start + max)].to_vec();
            assert_eq!(content.read_at(offset, max), Ok(expected), "{max} bytes at {offset}");
        }
        assert_eq!(content.verify(), Ok(()));
        assert_eq!(files.has(&id), Ok(true));
    }
    assert_eq!(files.hashes().expect("listed").len(), 6);
    let id = keep(&files, b"twice");
    assert_eq!(keep(&files, b"twice"), id, "the same bytes are the same file");
    files.remove(&id).expect("removed");
    files.remove(&id).expect("removed again");
    assert_eq!(files.has(&id), Ok(false));
    assert_eq!(files.content(&id).err(), Some(StorageFault::NoFile { content: id }));
    let locked = Files::open(dir.path()).err();
    assert!(matches!(locked, Some(StorageFault::Locked { .. })), "{locked:?}");
}

#[test]
fn what_was_fetched_is_kept_only_when_it_is_what_its_name_says() {
    let (_, files) = in_memory();
    let whole = bytes(70_000, 1);
    let id = ContentId { hash: sha256(&whole), len: whole.len() as u64 };
    let fetch = |bytes: &[u8]| {
        let mut upload = files.begin(id.len).expect("begun");
        upload.write(bytes).and_then(|()| upload.finish_as(&id))
    };
    let mut other = whole.clone();
    other[69_999] ^= 1;
    for wrong in [&other[..], &whole[..69_999]] {
        assert!(matches!(fetch(wrong), Err(StorageFault::CorruptFile { .. })));
        assert_eq!((files.has(&id), files.hashes().map(|it| it.len())), (Ok(false), Ok(0)));
    }
    assert_eq!(fetch(&whole), Ok(()));
    assert_eq!(files.has(&id), Ok(true));
}

#[test]
fn c1_c3_a_crash_keeps_finished_files_and_sweeps_the_others() {
    for seed in 0..100 {
        let (disk, files) = in_memory();
        let done = bytes(10_000, seed);
        let id = keep(&files, &done);
        let mut upload = files.begin(u64::MAX).expect("begun");
        upload.write(&bytes(300_000, seed)).expect("written");
        std::mem::forget(upload); // the process dies
        disk.crash(seed);
        let files = Files::on_disk(Arc::new(disk.clone())).expect("opened");
        assert_eq!(files.content(&id).and_then(|found| found.read_at(0, 99_999)), Ok(done), "C1");
        assert_eq!(disk.list("temp/").expect("listed"), Vec::<String>::new(), "C3");
    }
}

#[test]
fn c2_a_flipped_bit_names_its_chunk_and_is_never_served() {
    let whole = bytes(3 * CHUNK_BYTES, 1);
    for seed in 0..100 {
        let (disk, files) = in_memory();
        let id = keep(&files, &whole);
        let name = kept_name(&id);
        let mut dice = Dice::new(seed);
        let at = dice.below(disk.bytes(&name).len() as u64);
        disk.flip(&name, at, dice.roll() as u8);
        let chunk = (at / CHUNK_BYTES as u64).min(3);
        let corrupt = StorageFault::CorruptFile { content: id, chunk };
        let fault = match files.content(&id) {
            Err(fault) => fault,
            Ok(content) => {
                for good in (0..3).filter(|good| *good != chunk) {
                    let start = good as usize * CHUNK_BYTES;
                    let served = content.read_at(start as u64, CHUNK_BYTES);
                    assert_eq!(served, Ok(whole[start..start + CHUNK_BYTES].to_vec()));
                }
                let served = content.read_at(at, 1).expect_err("C2");
                assert_eq!(content.verify(), Err(corrupt.clone()));
                served
            }
        };
        assert_eq!(fault, corrupt, "C2");
        assert_eq!(keep(&files, &whole), id, "keeping it again heals it");
        assert_eq!(files.content(&id).and_then(|content| content.verify()), Ok(()));
    }
}

#[test]
fn a_changed_file_whose_sums_were_changed_too_does_not_fit_its_name() {
    let (disk, files) = in_memory();
    let id = keep(&files, b"what was signed");
    let forged = keep(&files, b"what was forged");
    disk.rename(&kept_name(&forged), &kept_name(&id)).expect("renamed");
    let content = files.content(&id).expect("every sum fits");
    assert_eq!(content.verify(), Err(StorageFault::CorruptFile { content: id, chunk: 1 }));
}

#[test]
fn c3_too_large_full_or_a_failed_sync_leaves_nothing() {
    let (disk, files) = in_memory();
    let mut upload = files.begin(10).expect("begun");
    upload.write(b"12345").expect("fits");
    let large = StorageFault::TooLarge { what: "a file", len: 11, max: 10 };
    assert_eq!(upload.write(b"678901"), Err(large));
    assert!(upload.finish().is_err(), "a file that failed is never finished");

    disk.faults(|faults| faults.capacity = Some(CHUNK_BYTES as u64));
    let mut upload = files.begin(u64::MAX).expect("begun");
    let full = upload.write(&bytes(2 * CHUNK_BYTES, 1));
    assert!(matches!(full, Err(StorageFault::DiskFull { free: 0, .. })), "{full:?}");
    drop(upload);
    disk.faults(|faults| (faults.capacity, faults.syncs_fail) = (None, 1));
    let mut upload = files.begin(u64::MAX).expect("begun");
    upload.write(b"x").expect("written");
    assert!(matches!(upload.finish(), Err(StorageFault::Disk { .. })));
    drop(files.begin(9).expect("begun"));
    assert_eq!(disk.list("").expect("listed"), Vec::<String>::new(), "C3");
}
