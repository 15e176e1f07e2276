//! Every record of a small log, and some of a large one, is changed, removed, moved and cut off.

use super::*;
use crate::audit::note::SigningKey;
use protocol::{
    audit::{By, Outcome, Verb},
    time::Time,
};
use std::{fs, path::PathBuf};
use storage::digest::hex;

/// A log in a folder of its own.
struct Bench {
    folder: PathBuf,
    key: SigningKey,
}

fn line(number: u64, before: &Hash) -> Vec<u8> {
    let record = Record {
        number,
        at: Time::from_ms(1_800_000_000_000 + number),
        verb: if number.is_multiple_of(3) { Verb::SignOut } else { Verb::SignIn },
        by: By::Stranger {},
        what: Vec::new(),
        purpose: None,
        result: Outcome::Done,
        change: None,
        from: None,
        before: hex(before),
    };
    codec::to_json(&record).into_bytes()
}

/// The lines of a log of this size.
fn log(size: u64) -> Vec<Vec<u8>> {
    let mut before = [0; HASH_BYTES];
    let next = |number| {
        let line = line(number, &before);
        before = merkle::leaf(&line);
        line
    };
    (1..=size).map(next).collect()
}

fn root(lines: &[Vec<u8>]) -> Hash {
    let leaves: Vec<Hash> = lines.iter().map(|it| merkle::leaf(it)).collect();
    Frontier::of(&leaves).root()
}

impl Bench {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("konsil-log-{name}-{}", std::process::id()));
        Self { folder, key: SigningKey::new("konsil/bank/application", &[3; 32]) }
    }

    /// Writes these lines; with the hashes of `hashed`.
    fn write(&self, lines: &[Vec<u8>], hashed: &[Vec<u8>]) {
        drop(fs::remove_dir_all(&self.folder));
        let folder = &self.folder;
        let put = |entries: bool| {
            move |path: &str, bytes: &[u8]| {
                let path = folder.join(path);
                if path.components().any(|it| it.as_os_str() == "entries") != entries {
                    return Ok(());
                }
                fs::create_dir_all(path.parent().expect("a folder"))?;
                fs::write(path, bytes)
            }
        };
        let (mut bundles, mut hashes) = (Tiles::new(put(true)), Tiles::new(put(false)));
        lines.iter().for_each(|line| bundles.push(line).expect("written"));
        hashed.iter().for_each(|line| hashes.push(line).expect("written"));
        bundles.finish().expect("written");
        hashes.finish().expect("written");
        fs::create_dir_all(folder).expect("a folder");
    }

    fn signed(&self, lines: &[Vec<u8>]) -> String {
        self.key.sign(lines.len() as u64, root(lines))
    }

    /// What is found when the log was `right` and is `now`, with the old hashes and with new ones.
    fn found(&self, right: &[Vec<u8>], now: &[Vec<u8>]) -> [Vec<Wrong>; 2] {
        [right, now].map(|hashed| {
            self.write(now, hashed);
            fs::write(self.folder.join("checkpoint"), self.signed(right)).expect("written");
            verify(&self.folder, &self.key.verifier(), None).expect_err("VA1: it was tampered with")
        })
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// Whether a record is named.
fn names(wrong: &[Wrong], number: u64) -> bool {
    wrong.iter().any(|it| match it {
        Wrong::Changed(it) | Wrong::Removed(it) | Wrong::Last(it) | Wrong::Added(it) => {
            *it == number
        }
        Wrong::Either(one, other) => [*one, *other].contains(&number),
        Wrong::Moved { record, place } => [*record, *place].contains(&number),
        Wrong::CutOff { from, to } => (*from..=*to).contains(&number),
        _ => false,
    })
}

/// Everything that can be done to one record.
fn tamper(bench: &Bench, right: &[Vec<u8>], at: usize) {
    let number = at as u64 + 1;
    // Some byte in the middle of a word, which leaves a record; and one that leaves none.
    for byte in [line(number, &[0; 32]).len() / 3, 0, right[at].len() - 4] {
        let mut now = right.to_vec();
        now[at][byte] ^= 1;
        let [exact, links] = bench.found(right, &now);
        assert_eq!(exact, [Wrong::Changed(number)], "VA2");
        assert!(names(&links, number), "VA2: record {number}, byte {byte}: {links:?}");
    }
    let mut now = right.to_vec();
    now.remove(at);
    let [exact, links] = bench.found(right, &now);
    let last = number == right.len() as u64;
    let gone =
        if last { Wrong::CutOff { from: number, to: number } } else { Wrong::Removed(number) };
    assert_eq!((&exact[..], &links[0]), (&[gone.clone()][..], &gone), "VA2");
    let mut now = right.to_vec();
    now.insert(at, line(number, &[1; 32]));
    let [exact, links] = bench.found(right, &now);
    assert_eq!(exact, [Wrong::Added(number)], "VA2");
    assert!(!links.is_empty(), "VA2");
}

#[test]
fn va2_every_record_of_a_small_log_is_named_whatever_is_done_to_it() {
    let bench = Bench::new("small");
    for size in [1, 2, 3, 9] {
        let right = log(size);
        (0..right.len()).for_each(|at| tamper(&bench, &right, at));
        for (one, other) in (0..right.len()).flat_map(|a| (0..a).map(move |b| (b, a))) {
            let mut now = right.clone();
            now.swap(one, other);
            let (a, b) = (one as u64 + 1, other as u64 + 1);
            let moved =
                [Wrong::Moved { record: b, place: a }, Wrong::Moved { record: a, place: b }];
            assert_eq!(bench.found(&right, &now), [moved.to_vec(), moved.to_vec()], "VA2");
        }
        for keep in 0..right.len() {
            let cut = Wrong::CutOff { from: keep as u64 + 1, to: size };
            let found = bench.found(&right, &right[..keep]);
            assert_eq!(found, [vec![cut.clone()], vec![cut]], "VA2");
        }
    }
}

#[test]
fn va2_records_of_a_large_log_are_named_at_every_edge_of_a_tile() {
    let (bench, right) = (Bench::new("large"), log(1000));
    for at in [0, 1, 254, 255, 256, 257, 511, 512, 613, 767, 768, 998, 999] {
        tamper(&bench, &right, at);
        let mut now = right.clone();
        now.swap(at, 400);
        let found = bench.found(&right, &now);
        assert!(
            found.iter().all(|it| names(it, at as u64 + 1) && names(it, 401)),
            "VA2: {found:?}"
        );
    }
}

#[test]
fn va1_every_pair_of_sizes_up_to_64_fits_and_another_past_does_not() {
    let (bench, all) = (Bench::new("pairs"), log(64));
    let key = bench.key.verifier();
    for size in 1..=all.len() {
        bench.write(&all[..size], &all[..size]);
        fs::write(bench.folder.join("checkpoint"), bench.signed(&all[..size])).expect("written");
        for then in 0..=all.len() {
            let (was, is) = (then as u64, size as u64);
            let older = bench.signed(&all[..then]);
            let found = verify(&bench.folder, &key, Some(&older));
            if was > is {
                assert_eq!(found.expect_err("VA1"), [Wrong::Shorter { was, is }]);
                continue;
            }
            assert_eq!(found.expect("VA1: it only grew").size, is, "{was} {is}");
            for other in 0..then {
                let mut past = all[..then].to_vec();
                past[other][10] ^= 1;
                let older = bench.signed(&past);
                let found = verify(&bench.folder, &key, Some(&older)).expect_err("another past");
                assert_eq!(found, [Wrong::History(was)], "{was} {is} {other}");
            }
        }
    }
}

#[test]
fn va2_lengths_that_lie_spoil_a_file_and_no_record() {
    let (bench, all) = (Bench::new("torn"), log(600));
    let path = bench.folder.join("tile/entries/002.p/88");
    let found = |bundle: &[u8]| {
        fs::write(&path, bundle).expect("written");
        verify(&bench.folder, &bench.key.verifier(), None)
    };
    bench.write(&all, &all);
    fs::write(bench.folder.join("checkpoint"), bench.signed(&all)).expect("written");
    let right = fs::read(&path).expect("there");
    for (place, bit) in [(0, 1), (1, 2), (right.len(), 0)] {
        let mut bytes = right.clone();
        bytes.resize(right.len().max(place + 1), 7);
        bytes[place] ^= bit;
        let torn = Wrong::Torn("tile/entries/002.p/88".into());
        assert_eq!(found(&bytes).expect_err("VA1"), [torn], "{place}");
    }
    // A record that became longer is named, and those behind it are not.
    for entry in [550, 599] {
        let place = right.windows(all[entry].len()).position(|it| it == all[entry]);
        let mut bytes = right.clone();
        bytes.insert(place.expect("it lies there") + 20, b' ');
        assert_eq!(found(&bytes).expect_err("VA1"), [Wrong::Changed(entry as u64 + 1)], "VA2");
    }
    assert!(found(&right).is_ok(), "VA1");
    fs::rename(&path, bench.folder.join("tile/entries/002.p/99")).expect("renamed");
    let wrong = verify(&bench.folder, &bench.key.verifier(), None).expect_err("VA1");
    assert_eq!(wrong, [Wrong::Torn("tile/entries/002.p/88".into())]);
}

#[test]
fn va1_a_file_of_hashes_that_is_damaged_or_missing_is_named() {
    let (bench, all) = (Bench::new("tiles"), log(600));
    let files = ["tile/0/000", "tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2"];
    for file in files {
        bench.write(&all, &all);
        fs::write(bench.folder.join("checkpoint"), bench.signed(&all)).expect("written");
        assert!(verify(&bench.folder, &bench.key.verifier(), None).is_ok(), "VA1");
        let path = bench.folder.join(file);
        let mut bytes = fs::read(&path).expect("there");
        bytes[40] ^= 1;
        fs::write(&path, bytes).expect("written");
        let found = || verify(&bench.folder, &bench.key.verifier(), None).expect_err("VA1");
        assert_eq!(found(), [Wrong::Tile(file.into())]);
        fs::remove_file(&path).expect("removed");
        assert_eq!(found(), [Wrong::Tile(file.into())]);
    }
    // A bundle that is gone takes its records along.
    fs::remove_file(bench.folder.join("tile/entries/001")).expect("removed");
    let found = verify(&bench.folder, &bench.key.verifier(), None).expect_err("VA1");
    assert_eq!(found[..2], [Wrong::Removed(257), Wrong::Removed(258)], "VA2");
    let other = SigningKey::new("konsil/bank/application", &[4; 32]).verifier();
    let found = verify(&bench.folder, &other, None).expect_err("VA1");
    assert_eq!(found, [Wrong::Checkpoint(NoteFault::NotSigned)]);
}
