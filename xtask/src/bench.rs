//! `cargo xtask bench`: figures, from release builds.

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use std::path::PathBuf;

use crate::{
    dev,
    house::{self, Profile},
    nemesis,
    run::{cargo, program, step},
    site::Site,
    tools, web,
};

/// Measure, in release builds.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// The store and its log, alone.
    Storage {
        /// Handed to `bench_storage`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// How long people wait when a node is killed; NATS beside it when it is installed.
    Failover {
        /// Handed to `bench_failover`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Beside others: commands, fan-out, memory, spreading, audio and acknowledgements after a kill.
    Cluster {
        /// Handed to `bench_cluster`: `--only commands,fanout,…`, `--rounds`, `--seed`, `--trials`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// The media loop, alone: packets forwarded per CPU second.
    Media {
        /// Handed to `media_bench`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// A node of this machine under simulated people.
    Load {
        /// A plan of loadtest/plans, without `.toml`; all but the short one when not given.
        plan: Option<String>,
    },
}

impl Bench {
    /// Runs it.
    pub(crate) fn run(self) -> Result<()> {
        match self {
            Self::Storage { args } => {
                let bench = ["run", "--release", "--locked", "-p", "tests", "--bin"];
                let mut bench = cargo(bench);
                bench.args(["bench_storage", "--"]).args(args);
                step("bench_storage", &mut bench)
            }
            Self::Failover { args } => failover(&args),
            Self::Cluster { args } => cluster(&args),
            Self::Media { args } => {
                let bench =
                    ["run", "--release", "--locked", "-p", "node", "--example", "media_bench"];
                let mut bench = cargo(bench);
                bench.arg("--").args(args);
                step("media_bench", &mut bench)
            }
            Self::Load { plan: Some(plan) } => load(Profile::Release, &plan),
            Self::Load { plan: None } => {
                plans()?.iter().try_for_each(|plan| load(Profile::Release, plan))
            }
        }
    }
}

/// Kills nodes and counts the time.
fn failover(args: &[String]) -> Result<()> {
    if let Some(why) = nemesis::cannot() {
        bail!("the failover bench cannot run here: {why}");
    }
    let nats = tools::for_peers();
    tools::for_building()?;
    web::build()?;
    build(&["konsil", "bench_failover"])?;
    let mut bench = program(house::built(Profile::Release, "bench_failover"));
    bench.env("KONSIL_BIN", house::built(Profile::Release, "konsil"));
    if let Some(nats) = nats {
        bench.env("NATS_SERVER", nats);
    }
    step("bench_failover", bench.args(args))
}

/// Everything beside everybody.
fn cluster(args: &[String]) -> Result<()> {
    if let Some(why) = nemesis::cannot() {
        println!("  nothing is killed on a network of its own: {why}");
    }
    let nats = tools::for_peers();
    tools::for_building()?;
    web::build()?;
    web::install()?;
    build(&["konsil", "loadtest", "bench_cluster", "bench_failover"])?;
    let mut bench = program(house::built(Profile::Release, "bench_cluster"));
    if let Some(nats) = nats {
        bench.env("NATS_SERVER", nats);
    }
    bench.arg("--root").arg(house::root()).arg("--out").arg(house::target().join("bench"));
    step("bench_cluster", bench.args(args))
}

/// Release builds of these, in one go: one package after the other would build what they share anew
/// for each.
fn build(programs: &[&str]) -> Result<()> {
    let mut build = cargo(["build", "--release", "--locked", "--workspace"]);
    programs.iter().for_each(|program| {
        build.args(["--bin", program]);
    });
    step(&format!("building {}", programs.join(", ")), &mut build)
}

/// One plan against a node that lives as long as the plan, on an empty folder.
pub(crate) fn load(profile: Profile, plan: &str) -> Result<()> {
    let path = plan_path(plan)?;
    tools::for_building()?;
    web::build()?;
    dev::build(profile)?;
    let build = ["build", "--locked", "-p", "loadtest"];
    step("building loadtest", cargo(build).args(profile.flags()))?;
    let site = Site::start(profile)?;
    let mut people = program(house::built(profile, "loadtest"));
    people.arg("--plan").arg(path).arg("--out").arg(house::target().join("loadtest"));
    people.args(["--site", &site.url, "--insecure", "--node-pid", &site.pid().to_string()]);
    // A password may begin with a dash.
    people.arg(format!("--login={}", site.login)).arg(format!("--password={}", site.password));
    let done = step(&format!("load plan `{plan}`"), &mut people);
    let stopped = site.stop();
    done.and(stopped)
}

fn plan_path(plan: &str) -> Result<PathBuf> {
    let path = house::root().join("loadtest/plans").join(plan).with_extension("toml");
    if !path.is_file() {
        bail!("there is no plan `{plan}`: there are {}", plans()?.join(", "));
    }
    Ok(path)
}

/// The plans of figures, in the order of their names.
fn plans() -> Result<Vec<String>> {
    let folder = house::root().join("loadtest/plans");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).context("loadtest/plans cannot be read")? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.extension().is_some_and(|end| end == "toml") && name != "short" {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
