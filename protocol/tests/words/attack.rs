//! Hostile bytes for every decoder: never a panic, never more memory than the bound allows.

use super::{
    Chance, Made, Visitor, every,
    meter::most_held,
    mutation::{mutate, noise},
};
use protocol::codec;

/// What serde may reserve on the word of a length alone, for each list that lies inside another.
const ON_TRUST: usize = 3 * 1024 * 1024;
/// Bytes held for each byte of bincode: the smallest element of a list against its place in memory.
const PER_BYTE: usize = 40;
/// Bytes held for each byte of JSON: a tagged enum is first read into a tree of 32-byte nodes, in
/// vectors that double.
const PER_LETTER: usize = 48;

/// One round: some attacks on each decoder.
pub(crate) struct Attack {
    /// Where all chance of this round comes from.
    pub(crate) seed: u64,
    /// Attacks on each decoder and encoding.
    pub(crate) tries: usize,
    /// Inputs decoded so far.
    pub(crate) decoded: u64,
    /// Of these, how many were valid all the same.
    pub(crate) valid: u64,
    /// The most bytes one decoder held.
    pub(crate) most: usize,
}

impl Attack {
    /// A round that attacks each decoder `tries` times with each encoding.
    pub(crate) const fn new(seed: u64, tries: usize) -> Self {
        Self { seed, tries, decoded: 0, valid: 0, most: 0 }
    }

    /// Attacks every decoder there is.
    pub(crate) fn run(&mut self) {
        every(self);
    }

    fn bytes<T: Made, const MAX: usize>(&mut self, file: &str, bytes: &[u8]) {
        let (value, held) = most_held(|| codec::decode::<T, MAX>(bytes));
        let bound = ON_TRUST + PER_BYTE * bytes.len();
        assert!(held <= bound, "P1/C1 {file}: {held} bytes held for {bytes:02x?}");
        self.note(held, value.is_ok());
        if let Ok(value) = value {
            // What was accepted can be kept and read again.
            let again = codec::decode::<T, MAX>(&codec::encode(&value));
            assert_eq!(again.as_ref(), Ok(&value), "C3 {file}: {bytes:02x?}");
        }
    }

    fn text<T: Made, const MAX: usize>(&mut self, file: &str, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let (value, held) = most_held(|| codec::from_json::<T, MAX>(&text));
        let bound = 64 * 1024 + PER_LETTER * text.len();
        assert!(held <= bound, "P1/C1 {file}: {held} bytes held for {text:?}");
        self.note(held, value.is_ok());
    }

    fn note(&mut self, held: usize, valid: bool) {
        self.decoded += 1;
        self.valid += u64::from(valid);
        self.most = self.most.max(held);
    }
}

impl Visitor for Attack {
    fn visit<T: Made, const MAX: usize>(&mut self, file: &'static str) {
        let mut chance = Chance::seeded(self.seed ^ super::seed_of(file));
        for _ in 0..self.tries {
            let value = T::any(&mut chance);
            let mut bytes = codec::encode(&value);
            mutate(&mut bytes, &mut chance, MAX + 1);
            self.bytes::<T, MAX>(file, &bytes);
            let mut text = codec::to_json(&value).into_bytes();
            mutate(&mut text, &mut chance, MAX + 1);
            self.text::<T, MAX>(file, &text);
            let noise = noise(&mut chance);
            self.bytes::<T, MAX>(file, &noise);
            self.text::<T, MAX>(file, &noise);
        }
        for hostile in giants(MAX) {
            self.bytes::<T, MAX>(file, &hostile);
            self.text::<T, MAX>(file, &hostile);
        }
    }
}

/// Inputs as long as the bound allows, made to look like as much as possible.
fn giants(max: usize) -> Vec<Vec<u8>> {
    let deep = b"[".repeat(max);
    // The tag stands last, so that everything before it is kept until it is known.
    let many = format!("{{\"a\":[{}0],\"kind\":\"x\"}}", "0,".repeat(max / 2 - 16)).into_bytes();
    let keys = format!("{{{}\"kind\":\"x\"}}", "\"\":0,".repeat(max / 5 - 16)).into_bytes();
    let nested = "{\"kind\":".repeat(max / 8).into_bytes();
    let zeros = vec![0; max];
    let ends = vec![255; max];
    let mut lists = vec![1, 253, 255, 255, 255, 0, 0, 0, 0, 0];
    lists.resize(max, 0);
    vec![deep, many, keys, nested, zeros, ends, lists]
}
