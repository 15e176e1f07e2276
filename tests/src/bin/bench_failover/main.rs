//! How long people wait when a node dies: `cargo xtask bench failover`.
//!
//! Three nodes on a network and on disks of their own, eight writers in one conversation. The node
//! that serves the conversation is killed (`kill -9`); the time runs from just before that until the
//! first acknowledgement of a message that was asked for after it. In every trial all that people
//! were told is judged as well. Beside it, in the same run and in turns, the same is done to the
//! leader of a NATS stream with three copies, when `nats-server` is installed.
//!
//! `--trials N` (30), `--seed S`, `--peer nats|none|only`, `--json FILE` for the figures as a part of
//! `cargo xtask bench cluster`.

mod nats;
mod ours;
mod report;

use anyhow::{Context, Result, bail};
use std::{fs, path::PathBuf, process::ExitCode};
use tests::{bench::machine::Machine, nemesis::network, peers::nats::Program};

use report::Trial;

/// Who is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Peer {
    /// Both, in turns.
    Beside,
    /// Ours alone.
    None,
    /// The peer alone.
    Only,
}

/// What the command line asks for.
struct Arguments {
    trials: u32,
    seed: u64,
    peer: Peer,
    json: Option<PathBuf>,
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
    let Arguments { trials, seed, peer, json } = arguments(std::env::args().skip(1))?;
    if let Some(why) = network::may_run() {
        bail!("the failover bench was not run: {why}");
    }
    let machine = Machine::here(&std::env::temp_dir());
    println!("failover after kill -9: {trials} trials from seed {seed}\n{}", machine.line());
    let mut ours = if peer == Peer::Only { None } else { Some(ours::Ours::start()?) };
    let mut nats = match Program::find().filter(|_| peer != Peer::None) {
        Some(program) => Some(nats::Nats::start(program)?),
        None => {
            println!("no peer beside it: nats-server is not installed, or was not asked for");
            None
        }
    };
    let (mut own, mut theirs) = (Vec::new(), Vec::new());
    for number in 0..trials {
        if let Some(ours) = &mut ours {
            let trial = ours.trial(seed.wrapping_add(number.into()));
            let trial = trial.with_context(|| format!("trial {number}"))?;
            println!("{}", report::line("konsil", number, &trial));
            own.push(trial);
        }
        if let Some(nats) = &mut nats {
            let trial = nats.trial().with_context(|| format!("trial {number} of nats-server"))?;
            println!("{}", report::line("nats-server", number, &trial));
            theirs.push(trial);
        }
    }
    let (led, not): (Vec<Trial>, Vec<Trial>) = own.iter().partition(|trial| trial.led);
    println!("\n{}", report::table_head());
    println!("{}", report::table_row("konsil, all trials", &own));
    println!("{}", report::table_row("konsil, the node did not lead the control plane", &not));
    println!("{}", report::table_row("konsil, the node led the control plane, too", &led));
    let peer = nats.map(|nats| format!("{}, 3 copies", nats.name()));
    if let Some(peer) = &peer {
        println!("{}", report::table_row(peer, &theirs));
    }
    if let Some(path) = json {
        let part = report::part(machine, seed, &own, peer.as_deref().zip(Some(&theirs)));
        fs::write(&path, serde_json::to_string_pretty(&part)?)
            .with_context(|| path.display().to_string())?;
    }
    Ok(())
}

fn arguments(mut words: impl Iterator<Item = String>) -> Result<Arguments> {
    let mut asked = Arguments { trials: 30, seed: 1, peer: Peer::Beside, json: None };
    while let Some(word) = words.next() {
        let value = words.next().with_context(|| format!("{word} needs a value"))?;
        match word.as_str() {
            "--trials" => asked.trials = value.parse()?,
            "--seed" => asked.seed = value.parse()?,
            "--peer" => {
                asked.peer = match value.as_str() {
                    "nats" => Peer::Beside,
                    "none" => Peer::None,
                    "only" => Peer::Only,
                    _ => bail!("--peer is nats, none or only"),
                }
            }
            "--json" => asked.json = Some(value.into()),
            _ => bail!("{word} is none of --trials, --seed, --peer, --json"),
        }
    }
    Ok(asked)
}
