//! Hostile bytes for every decoder, for so many seconds: `cargo xtask fuzz`.
//!
//! Valid values of every word are broken in a few places and decoded, beside plain noise; nothing
//! may panic or take more memory than its bound (P1). Every round has a seed of its own, so a
//! failure is one number: `--seed N --rounds 1` shows it again.
#![allow(missing_docs)] // the words' makers are shared with the protocol's own tests

#[path = "../../../protocol/tests/words/mod.rs"]
mod words;

use anyhow::{Context, Result, bail};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};
use words::{attack::Attack, meter};

#[global_allocator]
static METER: meter::Meter = meter::Meter;

/// Attacks on each decoder and encoding in one round: a round is short, so that the end is kept.
const TRIES: usize = 40;

/// What the command line asks for.
struct Arguments {
    seconds: u64,
    seed: u64,
    rounds: u64,
}

fn main() -> Result<()> {
    let Arguments { seconds, seed, rounds } = arguments(std::env::args().skip(1))?;
    let end = Instant::now() + Duration::from_secs(seconds);
    let (mut decoded, mut valid, mut most, mut round) = (0, 0, 0, 0);
    while round < rounds && (round == 0 || Instant::now() < end) {
        let seed = seed.wrapping_add(round);
        let mut attack = Attack::new(seed, TRIES);
        if catch_unwind(AssertUnwindSafe(|| attack.run())).is_err() {
            bail!("seed {seed} broke a decoder; again: --seed {seed} --rounds 1");
        }
        decoded += attack.decoded;
        valid += attack.valid;
        most = most.max(attack.most);
        round += 1;
    }
    println!(
        "{round} rounds from seed {seed}: {decoded} inputs, {valid} of them valid, {} KiB held at \
         most, none of them broke anything",
        most / 1024
    );
    Ok(())
}

/// `--seconds N`, `--seed N`, `--rounds N`.
fn arguments(words: impl Iterator<Item = String>) -> Result<Arguments> {
    let mut known = Arguments { seconds: 60, seed: 1, rounds: u64::MAX };
    let mut words = words;
    while let Some(name) = words.next() {
        let place = match name.as_str() {
            "--seconds" => &mut known.seconds,
            "--seed" => &mut known.seed,
            "--rounds" => &mut known.rounds,
            other => bail!("unknown argument {other}: there are --seconds, --seed and --rounds"),
        };
        let value = words.next().with_context(|| format!("{name} needs a number"))?;
        *place = value.parse().with_context(|| format!("{name} {value} is no number"))?;
    }
    Ok(known)
}
