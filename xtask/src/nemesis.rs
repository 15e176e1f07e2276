//! `cargo xtask nemesis`: real nodes on a network and on disks that fail, and people who chat.

use anyhow::{Result, bail};
use clap::Args;

use crate::{
    dev,
    house::{self, Profile},
    run::{cargo, output, program, step},
    tools, web,
};

/// Real nodes, real network, real disks: killed, cut off, filled up; nothing may be lost.
#[derive(Args)]
pub(crate) struct Nemesis {
    /// For how long; every story is told once in any case.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// Where all chance comes from; a failure names it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// These stories only, with commas between; a wrong name shows them all.
    #[arg(long)]
    fault: Option<String>,
    /// How many nodes.
    #[arg(long, default_value_t = 3)]
    nodes: usize,
    /// Optimized builds, which stand more.
    #[arg(long)]
    release: bool,
}

impl Nemesis {
    /// Builds the node and runs the suite.
    pub(crate) fn run(self) -> Result<()> {
        if let Some(why) = cannot() {
            bail!("nemesis skipped: {why}");
        }
        let profile = if self.release { Profile::Release } else { Profile::Dev };
        tools::for_building()?;
        web::build()?;
        let numbers = [self.minutes, self.seed, self.nodes as u64].map(|it| it.to_string());
        let mut words = vec!["--minutes", &numbers[0], "--seed", &numbers[1]];
        words.extend(["--nodes", &numbers[2]]);
        words.extend(self.fault.iter().flat_map(|name| ["--fault", name]));
        suite(profile, &words)
    }
}

/// Every story once, with so many nodes.
pub(crate) fn slice(nodes: usize) -> Result<()> {
    suite(Profile::Dev, &["--nodes", &nodes.to_string(), "--seed", "1"])
}

/// Why it cannot run here; nothing when it can. Whoever skips it says this aloud.
pub(crate) fn cannot() -> Option<String> {
    if output(program("id").arg("-u")).as_deref() != Some("0") {
        return Some("it needs root, for namespaces and mounts".to_owned());
    }
    if let Err(why) = tools::for_nemesis() {
        return Some(format!("{why:#}"));
    }
    let name = format!("konsil-nemesis-{}-may", std::process::id());
    if output(program("ip").args(["netns", "add", &name])).is_none() {
        return Some("this machine allows no network namespaces".to_owned());
    }
    // It was made a moment ago: whoever takes it away meanwhile has done the same.
    let _ = output(program("ip").args(["netns", "del", &name]));
    None
}

/// Builds the node and the suite, and runs it.
fn suite(profile: Profile, words: &[&str]) -> Result<()> {
    dev::build(profile)?;
    let build = ["build", "--locked", "-p", "tests", "--bin", "nemesis"];
    step("building the nemesis", cargo(build).args(profile.flags()))?;
    let mut suite = program(house::built(profile, "nemesis"));
    suite.env("KONSIL_BIN", house::built(profile, "konsil"));
    suite.args(words).arg("--out").arg(house::target().join("nemesis"));
    step("nemesis", &mut suite)
}
