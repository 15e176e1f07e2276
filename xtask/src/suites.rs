//! The slow suites: the crash suite for many rounds, hostile bytes for a long time.

use anyhow::{Result, bail};
use clap::Args;

use crate::{
    house::Profile,
    run::{cargo, step},
    tools,
};

/// The crash suite, for many rounds.
#[derive(Args)]
pub(crate) struct Crash {
    /// How many rounds of kill and recover.
    #[arg(long, default_value_t = 200)]
    rounds: u32,
    /// Where all chance comes from; a failure names it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Crash {
    /// Runs the tests of the binary `crash`.
    pub(crate) fn run(self) -> Result<()> {
        let mut tests = if tools::has("cargo-nextest") {
            // The rounds take as long as they take: no test is slow here.
            cargo(["nextest", "run", "--profile", "slow"])
        } else {
            cargo(["test"])
        };
        tests.args(["--locked", "-p", "tests", "--test", "crash"]);
        tests.env("KONSIL_CRASH_ROUNDS", self.rounds.to_string());
        tests.env("SEED", self.seed.to_string());
        let what = format!("crash suite, {} rounds from seed {}", self.rounds, self.seed);
        step(&what, &mut tests)
    }
}

/// Hostile bytes for every decoder.
#[derive(Args)]
pub(crate) struct Fuzz {
    /// For how long.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Where all chance comes from; a failure names it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Fuzz {
    /// Runs in release, where a second is worth more.
    pub(crate) fn run(self) -> Result<()> {
        if self.seconds > 7 * 24 * 3600 {
            bail!("--seconds is at most a week");
        }
        hostile(Profile::Release, self.seconds, self.seed)
    }
}

/// Hostile bytes for so many seconds.
pub(crate) fn hostile(profile: Profile, seconds: u64, seed: u64) -> Result<()> {
    let mut command = cargo(["run", "--quiet", "--locked", "-p", "tests", "--bin", "hostile"]);
    command.args(profile.flags()).arg("--");
    command.args(["--seconds", &seconds.to_string(), "--seed", &seed.to_string()]);
    step(&format!("hostile bytes for {seconds} s from seed {seed}"), &mut command)
}

/// The Rust tests of the whole workspace, with the runner there is.
pub(crate) fn rust_tests() -> std::process::Command {
    if tools::has("cargo-nextest") {
        return cargo(["nextest", "run", "--workspace", "--locked"]);
    }
    println!(
        "  cargo-nextest is not installed: `cargo test` runs the same tests a little slower \
         (`cargo install cargo-nextest --locked` takes minutes, once)"
    );
    cargo(["test", "--workspace", "--locked", "--quiet"])
}
