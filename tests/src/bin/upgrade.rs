//! Nodes of the release before become nodes of this one: `cargo xtask upgrade` builds both and runs
//! this.
//!
//! `--old PROGRAM` and `--new PROGRAM`, `--seed S` where chance begins, `--out DIR` for what a
//! failure leaves.

use anyhow::{Context, Result, bail};
use std::{path::PathBuf, process::ExitCode, time::Instant};
use tests::nemesis::{
    crowd::{Crowd, Plan as People},
    machines::{Machines, Plan},
    network, suite,
    upgrade::{Releases, lone, rolling},
};

/// Nodes of the cluster that is upgraded.
const NODES: usize = 3;
/// Conversations: their shards lie on all nodes, so that many are served over two releases.
const CONVERSATIONS: usize = 6;
/// A writer goes to the next node after so many messages.
const WANDER: u64 = 25;

/// What the command line asks for.
struct Arguments {
    releases: Releases,
    seed: u64,
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
        bail!("upgrade skipped: {why}");
    }
    told("lone", 1, &arguments, lone)?;
    told("rolling", NODES, &arguments, rolling)?;
    println!("upgraded, back and forward again: nothing lost, nothing doubled, one order for all");
    Ok(())
}

/// A new cluster of the release before, and what becomes of it.
fn told(
    name: &str,
    nodes: usize,
    arguments: &Arguments,
    upgrade: fn(&mut Machines, &Crowd, &Releases) -> Result<()>,
) -> Result<()> {
    let (start, releases) = (Instant::now(), &arguments.releases);
    println!("▸ {name}: {nodes} of the release before (seed {})", arguments.seed);
    let mut machines = Machines::start(Plan::with(nodes, releases.old.clone())?)?;
    let people = People {
        conversations: CONVERSATIONS,
        wander: Some(WANDER),
        ..People::of(machines.folder(), arguments.seed)?
    };
    let place = arguments.out.join(format!("{}-{name}", arguments.seed));
    let summary = suite::judged(name, &mut machines, people, &place, |machines, crowd| {
        upgrade(machines, crowd, releases)
    })?;
    println!("✓ {name}: {summary} ({:.1} s)", start.elapsed().as_secs_f64());
    Ok(())
}

fn arguments(mut words: impl Iterator<Item = String>) -> Result<Arguments> {
    let (mut old, mut new, mut seed) = (None, None, 1);
    let mut out = PathBuf::from("target/upgrade");
    while let Some(word) = words.next() {
        let value = words.next().with_context(|| format!("{word} needs a value"))?;
        match word.as_str() {
            "--old" => old = Some(PathBuf::from(value)),
            "--new" => new = Some(PathBuf::from(value)),
            "--seed" => seed = value.parse()?,
            "--out" => out = value.into(),
            _ => bail!("{word} is none of --old, --new, --seed, --out"),
        }
    }
    let old = old.context("--old PROGRAM is missing: the node of the release before")?;
    let new = new.context("--new PROGRAM is missing: the node of this release")?;
    Ok(Arguments { releases: Releases { old, new }, seed, out })
}
