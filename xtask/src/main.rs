//! The two commands of the README, and the slow suites beside them.
//!
//! `cargo xtask dev` starts Konsil on a machine that has Rust and nothing else; `cargo xtask test`
//! judges the whole tree. Everything else here is a longer run of a part of the second.

mod bench;
mod dev;
mod house;
mod judges;
mod nemesis;
mod run;
mod sim;
mod site;
mod suites;
mod test;
mod tools;
mod upgrade;
mod web;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// The two commands of the README, and the slow suites beside them.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build everything and start Konsil on this machine, with a demo tenant.
    Dev(dev::Dev),
    /// Judge the whole tree: formats, lints, tests, hostile bytes, load, browsers.
    Test(test::Test),
    /// Measure, in release builds.
    #[command(subcommand)]
    Bench(bench::Bench),
    /// The crash suite, for many rounds.
    Crash(suites::Crash),
    /// Real nodes, real network, real disks: killed, cut off, filled up; nothing may be lost.
    Nemesis(nemesis::Nemesis),
    /// Simulated clusters under faults, one for each seed; or the proof that they see.
    Sim(sim::Sim),
    /// The release before becomes this one, node by node, while people talk.
    Upgrade(upgrade::Upgrade),
    /// Hostile bytes for every decoder, for as long as you like.
    Fuzz(suites::Fuzz),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Dev(dev) => dev.run(),
        Task::Test(test) => return test.run(),
        Task::Bench(bench) => bench.run(),
        Task::Crash(crash) => crash.run(),
        Task::Nemesis(nemesis) => nemesis.run(),
        Task::Sim(sim) => sim.run(),
        Task::Upgrade(upgrade) => upgrade.run(),
        Task::Fuzz(fuzz) => fuzz.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("\n✗ {why:#}");
            ExitCode::FAILURE
        }
    }
}
