//! `cargo xtask sim`: whole clusters from a number each, as many as asked for.

use anyhow::Result;
use clap::Args;

use crate::{
    house::{self, Profile},
    run::{cargo, program, step},
};

/// Seeds in which each broken rule must be noticed.
const BOUND: u64 = 3000;

/// Simulated clusters under faults; a failure prints the line that runs it again.
#[derive(Args)]
pub(crate) struct Sim {
    /// How many seeds.
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Break this rule of the twins, to see it noticed.
    #[arg(long)]
    mutant: Option<String>,
    /// Break each rule in turn, for at most so many seeds.
    #[arg(long)]
    mutants: Option<u64>,
    /// Worlds side by side.
    #[arg(long, default_value_t = 2)]
    threads: u8,
}

impl Sim {
    /// Builds the simulator in release, where a second is worth more, and runs it.
    pub(crate) fn run(self) -> Result<()> {
        build()?;
        let mut sim = program(house::built(Profile::Release, "sim"));
        sim.args(["--threads", &self.threads.to_string(), "--from", &self.from.to_string()]);
        if let Some(mutant) = &self.mutant {
            sim.args(["--mutant", mutant]);
        }
        let what = match self.mutants {
            Some(bound) => {
                sim.args(["--mutants", &bound.to_string()]);
                format!("every broken rule, {bound} seeds at most")
            }
            None => {
                sim.args(["--seeds", &self.seeds.to_string()]);
                format!("{} simulated clusters from seed {}", self.seeds, self.from)
            }
        };
        step(&what, &mut sim)
    }
}

/// Every deadly broken rule must be noticed: the test that the tests can see.
pub(crate) fn sees() -> Result<()> {
    let all = Sim { seeds: 0, from: 1, mutant: None, mutants: Some(BOUND), threads: 2 };
    all.run()
}

fn build() -> Result<()> {
    let build = ["build", "--release", "--locked", "-p", "tests", "--no-default-features"];
    let mut build = cargo(build);
    step("building the simulator", build.args(["--features", "mutants", "--bin", "sim"]))
}
