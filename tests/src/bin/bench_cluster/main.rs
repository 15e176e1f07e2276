//! Konsil beside others: `cargo xtask bench cluster`.
//!
//! Every part starts what it compares, measures in turns and prints one table: our figure, each
//! peer's, what is aimed at. What is not installed is left out, and that is said. Each part has an
//! end in time: when it comes, the rounds so far are what there is.
//!
//! `--only commands,fanout,…` (all), `--rounds N` (3), `--seed N` (1), `--trials N` (30, of what is
//! killed), `--out DIR` for the figures as JSON and as a page, `--work DIR` for what is written
//! meanwhile (its disk is the one that is measured), `--bins DIR` and `--root DIR` for our own
//! programs and files.

mod asked;
mod audio;
mod commands;
mod failover;
mod fanout;
mod idle;
mod people;
mod publish;
mod rooms;
mod sockets;
mod spread;
mod tls;

use anyhow::{Context, Result};
use std::{
    fs,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant, SystemTime},
};
use tests::bench::{
    figures::{self, Figure, Part},
    machine::Machine,
    page,
};

use asked::Asked;

/// What a part measured, and what one has to know to read it.
#[derive(Default)]
pub(crate) struct Measured {
    pub(crate) figures: Vec<Figure>,
    pub(crate) notes: Vec<String>,
}

/// A part: its name, the longest it may take, and how it is measured.
type Known = (&'static str, Duration, fn(&Asked, Instant) -> Result<Measured>);

const MINUTE: Duration = Duration::from_secs(60);
const PARTS: [Known; 6] = [
    ("commands", MINUTE.saturating_mul(7), commands::run),
    ("fanout", MINUTE.saturating_mul(7), fanout::run),
    ("idle", MINUTE.saturating_mul(15), idle::run),
    ("spread", MINUTE.saturating_mul(5), spread::run),
    ("audio", MINUTE.saturating_mul(20), audio::run),
    ("failover", MINUTE.saturating_mul(25), failover::run),
];

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
    let names = PARTS.map(|(name, ..)| name);
    let asked = Asked::read(std::env::args().skip(1), &names)?;
    let folder = asked.out.join("cluster");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let mut failed = Vec::new();
    for (name, longest, measure) in PARTS {
        if !asked.only.iter().any(|only| only == name) {
            continue;
        }
        println!("▸ {name}");
        let start = Instant::now();
        // A part that cannot be measured keeps no other from it.
        match measure(&asked, start + longest) {
            Ok(measured) => keep(&folder, part(name, &asked, measured))?,
            Err(why) => failed.push(format!("{name}: {why:#}")),
        }
        println!("✓ {name} ({:.0} s)", start.elapsed().as_secs_f64());
    }
    let parts = kept(&folder)?;
    print!("{}", figures::table(&parts));
    let page = asked.out.join("cluster.html");
    fs::write(&page, page::page(&parts)).with_context(|| page.display().to_string())?;
    println!("\n{}", page.display());
    anyhow::ensure!(failed.is_empty(), "{}", failed.join("; "));
    Ok(())
}

fn part(name: &str, asked: &Asked, measured: Measured) -> Part {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let Measured { figures, notes } = measured;
    let machine = Machine::here(&asked.work);
    Part { name: name.into(), machine, seed: asked.seed, at: now.as_secs(), figures, notes }
}

fn keep(folder: &Path, part: Part) -> Result<()> {
    let path = folder.join(format!("{}.json", part.name));
    let text = serde_json::to_string_pretty(&part)? + "\n";
    fs::write(&path, text).with_context(|| path.display().to_string())
}

/// Every part that was measured of this very commit, now or before, in their order.
fn kept(folder: &Path) -> Result<Vec<Part>> {
    let commit = Machine::here(folder).commit;
    let mut parts = Vec::new();
    for (name, ..) in PARTS {
        let Ok(text) = fs::read_to_string(folder.join(format!("{name}.json"))) else { continue };
        let part: Part = serde_json::from_str(&text)?;
        match part.machine.commit == commit {
            true => parts.push(part),
            false => println!("  {name} was measured of {}: left out", part.machine.commit),
        }
    }
    Ok(parts)
}
