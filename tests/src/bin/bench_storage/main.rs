//! Measures the storage floor beside its peers, in one run on one machine.
//!
//! ```text
//! bench_storage [--seconds 3] [--rounds 3] [--overwrites 1000000] [--reopen-mb 1024] [--seed 1]
//!               [--dir DIR] [--skip-postgres]
//! ```
//!
//! What is compared is measured in turns, because a disk's sync swings from minute to minute; the
//! table shows medians. A zero leaves a part out.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, bail};
use tests::bench::machine::Machine;

mod commits;
mod engines;
mod reopen;

/// Commits in flight at a time: one person, a busy room, a busy node.
pub(crate) const IN_FLIGHT: [usize; 3] = [1, 16, 128];
/// Bytes of one appended body.
pub(crate) const BODY_BYTES: usize = 200;

/// What was asked for.
pub(crate) struct Asked {
    pub(crate) seconds: Duration,
    pub(crate) rounds: usize,
    pub(crate) overwrites: u64,
    pub(crate) reopen_mb: u64,
    pub(crate) seed: u64,
    pub(crate) dir: PathBuf,
    pub(crate) postgres: bool,
}

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [first, dir, engine] = &words[..]
        && first == reopen::CHILD
    {
        return reopen::fill(dir, engine);
    }
    let asked = read_words(&words)?;
    let work = tempfile::tempdir_in(&asked.dir)?;
    println!("{}; seed {}", Machine::here(&asked.dir).line(), asked.seed);
    if asked.rounds > 0 {
        commits::run(&asked, work.path())?;
    }
    if asked.overwrites > 0 {
        engines::run(&asked, work.path())?;
    }
    if asked.reopen_mb > 0 {
        reopen::run(&asked, work.path())?;
    }
    Ok(())
}

fn read_words(words: &[String]) -> anyhow::Result<Asked> {
    let mut asked = Asked {
        seconds: Duration::from_secs(3),
        rounds: 3,
        overwrites: 1_000_000,
        reopen_mb: 1024,
        seed: 1,
        dir: std::env::temp_dir(),
        postgres: true,
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--skip-postgres" {
            asked.postgres = false;
            continue;
        }
        let value = words.next().with_context(|| format!("{word} wants a value"))?;
        let number = || value.parse::<u64>().with_context(|| format!("{word} wants a number"));
        match word.as_str() {
            "--seconds" => asked.seconds = Duration::from_secs(number()?),
            "--rounds" => asked.rounds = number()? as usize,
            "--overwrites" => asked.overwrites = number()?,
            "--reopen-mb" => asked.reopen_mb = number()?,
            "--seed" => asked.seed = number()?,
            "--dir" => asked.dir = value.into(),
            _ => bail!("{word} is not a word of this benchmark"),
        }
    }
    Ok(asked)
}
