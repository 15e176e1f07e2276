//! What is encoded is decoded to an equal value (C3), for every word and both encodings.

mod words;

use proptest::{
    collection::vec,
    num::u8::ANY,
    test_runner::{Config, TestRunner},
};
use protocol::codec;
use words::{Chance, Made, Visitor, every};

/// Values of each word that are tried.
const CASES: u32 = 128;

struct RoundTrip;

impl Visitor for RoundTrip {
    fn visit<T: Made, const MAX: usize>(&mut self, file: &'static str) {
        let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new(config);
        let outcome = runner.run(&vec(ANY, 0..400), |bytes| {
            let value = T::any(&mut Chance::of(&bytes));
            let encoded = codec::encode(&value);
            assert!(encoded.len() <= MAX, "a small value is inside its bound");
            let back = codec::decode::<T, MAX>(&encoded).expect("C3");
            assert_eq!(back, value, "C3");
            let text = codec::to_json(&value);
            let back = codec::from_json::<T, MAX>(&text).expect("C3");
            assert_eq!(back, value, "C3");
            Ok(())
        });
        outcome.unwrap_or_else(|why| panic!("{file}: {why}"));
    }
}

#[test]
fn c3_every_word_goes_there_and_back() {
    every(&mut RoundTrip);
}

/// Cuts one byte off, or adds one.
struct Bounds;

impl Visitor for Bounds {
    fn visit<T: Made, const MAX: usize>(&mut self, file: &'static str) {
        for seed in 0..32 {
            let value = T::any(&mut Chance::seeded(seed));
            let mut encoded = codec::encode(&value);
            encoded.push(0);
            assert!(codec::decode::<T, MAX>(&encoded).is_err(), "{file}: C2");
            encoded.truncate(encoded.len() - 2);
            assert!(codec::decode::<T, MAX>(&encoded).is_err(), "{file}: cut short");
        }
    }
}

#[test]
fn c2_a_byte_more_or_less_is_an_error() {
    every(&mut Bounds);
}
