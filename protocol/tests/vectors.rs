//! What was ever stored or sent can be read for ever: `vectors/<word>/*.json`, in both encodings.
//!
//! A file is a list of `{name, json, bincode}`. Entries are only ever added. When a new variant has
//! none, this test fails; `KONSIL_WRITE_VECTORS=1 cargo test -p protocol --test vectors` adds one,
//! and its diff is to be read: an old line that changes is a stored shape that broke.

mod words;

use protocol::codec;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fs, path::PathBuf};
use words::{Chance, Made, Visitor, every, seed_of};

/// One value, as it was first encoded.
#[derive(Serialize, Deserialize)]
struct Vector {
    name: String,
    json: serde_json::Value,
    bincode: String,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

/// The vectors of one file; none when there is no such file.
fn stored(file: &str) -> Vec<Vector> {
    let path = folder().join(file).with_extension("json");
    let Ok(text) = fs::read_to_string(&path) else { return Vec::new() };
    serde_json::from_str(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

fn write(file: &str, vectors: &[Vector]) {
    let path = folder().join(file).with_extension("json");
    let lines: Vec<String> = vectors.iter().map(codec::to_json).collect();
    fs::create_dir_all(path.parent().expect("a word has a folder")).expect("writable");
    fs::write(path, format!("[\n{}\n]\n", lines.join(",\n"))).expect("writable");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "hex has two letters a byte");
    let pairs = (0..text.len()).step_by(2).map(|at| &text[at..at + 2]);
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hex")).collect()
}

/// Adds a vector for each variant that has none.
struct Write;

impl Visitor for Write {
    fn visit<T: Made, const MAX: usize>(&mut self, file: &'static str) {
        let mut vectors = stored(file);
        let had = vectors.len();
        for (index, name) in T::NAMES.iter().enumerate() {
            if vectors.iter().any(|vector| vector.name == *name) {
                continue;
            }
            let mut chance = Chance::seeded(seed_of(&format!("{file}/{name}")));
            let value = T::made(index, &mut chance);
            vectors.push(Vector {
                name: (*name).to_owned(),
                json: serde_json::to_value(&value).expect("a word is JSON"),
                bincode: hex(&codec::encode(&value)),
            });
        }
        if vectors.len() > had {
            write(file, &vectors);
        }
    }
}

/// Reads every stored vector in both encodings and compares them, there and back.
struct Check {
    files: BTreeSet<&'static str>,
    vectors: usize,
}

impl Visitor for Check {
    fn visit<T: Made, const MAX: usize>(&mut self, file: &'static str) {
        let vectors = stored(file);
        for name in T::NAMES {
            let known = vectors.iter().any(|vector| vector.name == *name);
            assert!(known, "{file}.json has no vector of {name}: see the head of this test");
        }
        for vector in &vectors {
            let at = format!("{file}.json, {}", vector.name);
            let bytes = unhex(&vector.bincode);
            let from_bytes: T = codec::decode::<T, MAX>(&bytes).expect(&at);
            let text = vector.json.to_string();
            let from_text: T = codec::from_json::<T, MAX>(&text).expect(&at);
            assert_eq!(from_bytes, from_text, "{at}: the two encodings differ");
            assert_eq!(from_bytes.name(), vector.name, "{at}: another variant came back");
            assert_eq!(hex(&codec::encode(&from_bytes)), vector.bincode, "{at}: bincode drifted");
            let again = serde_json::to_value(&from_bytes).expect(&at);
            assert_eq!(again, vector.json, "{at}: JSON drifted");
        }
        assert!(self.files.insert(file), "{file} is visited twice");
        self.vectors += vectors.len();
    }
}

#[test]
fn p2_vr2_every_vector_ever_stored_is_read_and_every_variant_has_one() {
    if std::env::var_os("KONSIL_WRITE_VECTORS").is_some() {
        every(&mut Write);
    }
    let mut check = Check { files: BTreeSet::new(), vectors: 0 };
    every(&mut check);
    assert!(check.vectors > 200, "only {} vectors were found", check.vectors);
    for word in fs::read_dir(folder()).expect("vectors/ exists") {
        let word = word.expect("readable").path();
        for file in fs::read_dir(&word).expect("a word has a folder") {
            let path = file.expect("readable").path();
            let stem = path.strip_prefix(folder()).expect("inside").with_extension("");
            let stem = stem.to_str().expect("plain names").to_owned();
            let known = stem.ends_with("/folds") || check.files.contains(stem.as_str());
            assert!(known, "vectors/{stem}.json belongs to no word: a stored shape was dropped");
        }
    }
}

#[test]
fn a_vector_that_drifted_would_be_seen() {
    let mut vectors = stored("room/events");
    let first = vectors.remove(0);
    let mut bytes = unhex(&first.bincode);
    bytes[0] += 1;
    let other = codec::decode::<protocol::room::RoomEvent, 65_536>(&bytes);
    let told: protocol::room::RoomEvent = serde_json::from_value(first.json).expect("a vector");
    assert_ne!(other.ok(), Some(told), "another index is another variant or none");
}
