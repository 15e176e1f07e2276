//! The nemesis suite: `cargo xtask nemesis` builds the node and runs this.
//!
//! `--minutes M` for how long (at least every story once when it is 0), `--seed S` where chance
//! begins, `--fault NAME,NAME` for these stories only, `--nodes N` (3), `--out DIR` for what failures leave.

use anyhow::{Context, Result, bail};
use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};
use storage::dice::Dice;
use tests::nemesis::{
    machines::{Machines, Plan},
    network,
    stories::{STORIES, Story},
    suite,
};

/// What the command line asks for.
struct Arguments {
    minutes: u64,
    seed: u64,
    faults: Vec<String>,
    nodes: usize,
    out: PathBuf,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("✗ {why:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments = arguments(std::env::args().skip(1))?;
    if let Some(why) = network::may_run() {
        bail!("nemesis skipped: {why}");
    }
    let fits: Vec<&Story> = STORIES.iter().filter(|story| story.nodes <= arguments.nodes).collect();
    let named = |name: &String| fits.iter().find(|story| story.name == name).copied();
    let stories: Option<Vec<&Story>> = match arguments.faults.as_slice() {
        [] => Some(fits.clone()),
        names => names.iter().map(named).collect(),
    };
    let Some(stories) = stories else {
        let names: Vec<_> = fits.iter().map(|story| story.name).collect();
        bail!("there is no such story for so many nodes: there are {}", names.join(", "));
    };
    let end = Instant::now() + Duration::from_secs(60 * arguments.minutes);
    let mut machines = Machines::start(Plan::of(arguments.nodes)?)?;
    let (mut dice, mut told) = (Dice::new(arguments.seed), 0_u64);
    while told < stories.len() as u64 || Instant::now() < end {
        // Once in their order, then as chance has it.
        let next =
            if told < stories.len() as u64 { told } else { dice.below(stories.len() as u64) };
        let story = stories[next as usize];
        let seed = arguments.seed.wrapping_add(told);
        let place = arguments.out.join(format!("{seed}-{}", story.name));
        let start = Instant::now();
        println!("▸ {}: {} (seed {seed})", story.name, story.what);
        let summary = suite::told(story, &mut machines, seed, &place)?;
        println!("✓ {}: {summary} ({:.1} s)", story.name, start.elapsed().as_secs_f64());
        told += 1;
    }
    println!("{told} stories, nothing lost, nothing doubled, one order for all");
    Ok(())
}

fn arguments(mut words: impl Iterator<Item = String>) -> Result<Arguments> {
    let out = PathBuf::from("target/nemesis");
    let mut asked = Arguments { minutes: 0, seed: 1, faults: Vec::new(), nodes: 3, out };
    while let Some(word) = words.next() {
        let value = words.next().with_context(|| format!("{word} needs a value"))?;
        match word.as_str() {
            "--minutes" => asked.minutes = value.parse()?,
            "--seed" => asked.seed = value.parse()?,
            "--fault" => asked.faults = value.split(',').map(str::to_owned).collect(),
            "--nodes" => asked.nodes = value.parse()?,
            "--out" => asked.out = value.into(),
            _ => bail!("{word} is none of --minutes, --seed, --fault, --nodes, --out"),
        }
    }
    Ok(asked)
}
