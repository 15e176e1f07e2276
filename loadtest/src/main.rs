//! Simulated people: a plan in, a report out.
//!
//! They speak `protocol` and nothing else, over the sockets that browsers use, so what is measured
//! is what a person feels. Every answer and every delivery is checked on the way: a load test that
//! lost a message fails, however fast it was.

mod crowd;
mod glance;
mod http;
mod idle;
mod measure;
mod person;
mod plan;
mod process;
mod report;
mod site;
mod storm;
mod talk;
mod window;
mod wire;

#[cfg(test)]
mod fake;

use anyhow::{Context, Result, bail};
use clap::Parser;
use std::{path::PathBuf, process::ExitCode};

use crate::{crowd::Crowd, plan::Plan, process::Process, report::Report, site::Site};

/// Simulated people who speak only the protocol, and the report of what they saw.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// What they do: a file of loadtest/plans.
    #[arg(long)]
    plan: PathBuf,
    /// Where the nodes are, as browsers write it; people spread over them in turn.
    #[arg(long, value_delimiter = ',', default_value = "https://localhost:8443")]
    site: Vec<String>,
    /// Do not check the node's certificate. Only for a node on this machine.
    #[arg(long)]
    insecure: bool,
    /// PEM file of certificates that are trusted.
    #[arg(long, default_value = "/etc/ssl/certs/ca-certificates.crt")]
    roots: PathBuf,
    /// The expert's sign-in name.
    #[arg(long)]
    login: String,
    /// The expert's password.
    #[arg(long)]
    password: String,
    /// The nodes' processes on this machine, to measure their memory and time.
    #[arg(long, value_delimiter = ',')]
    node_pid: Vec<u32>,
    /// Another seed than the plan's.
    #[arg(long)]
    seed: Option<u64>,
    /// Says `in` when everybody is, and `done` when everything is heard, and waits each time for a
    /// line: for whoever looks at the nodes meanwhile.
    #[arg(long)]
    step: bool,
    /// Where the report goes, as JSON and as a page.
    #[arg(long, default_value = "target/loadtest")]
    out: PathBuf,
}

fn main() -> ExitCode {
    match measure(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("\n✗ {why:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the plan and fails when anything was lost: a fast node that loses is not fast.
fn measure(arguments: &Arguments) -> Result<()> {
    let mut plan = Plan::read(&arguments.plan)?;
    plan.seed = arguments.seed.unwrap_or(plan.seed);
    let site = |url: &String| Site::new(url, arguments.insecure, &arguments.roots);
    let sites = arguments.site.iter().map(site).collect::<Result<Vec<Site>>>()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(run(arguments, &plan, &sites))?;
    print!("{}", report.table());
    report.write(&arguments.out)?;
    if report.lost > 0 {
        bail!(
            "{} deliveries never arrived: figures of a node that loses count nothing",
            report.lost
        );
    }
    if report.failed > 0 {
        bail!("{} asks were refused or failed; the table says why", report.failed);
    }
    Ok(())
}

/// Lets the people in, then lets them talk, idle and storm, as the plan says.
async fn run(arguments: &Arguments, plan: &Plan, sites: &[Site]) -> Result<Report> {
    let pids = &arguments.node_pid;
    let process = (!pids.is_empty()).then(|| Process::new(pids)).transpose()?;
    let mut report = Report::of(plan);
    let crowd = Crowd::enter(plan, sites, &arguments.login, &arguments.password, process.as_ref())
        .await
        .context("the people could not come in")?;
    crowd.tell(&mut report);
    step(arguments, "in").await?;
    if let Some(idle) = &plan.idle {
        idle::run(idle, &crowd, process.as_ref(), &mut report).await?;
    }
    if let Some(talk) = &plan.talk {
        talk::run(talk, &crowd, process.as_ref(), &mut report).await?;
    }
    if let Some(storm) = &plan.storm {
        storm::run(storm, &crowd, &mut report).await?;
    }
    step(arguments, "done").await?;
    crowd.leave(&mut report).await;
    Ok(report)
}

/// Says where we are and waits until whoever started us has looked.
async fn step(arguments: &Arguments, word: &str) -> Result<()> {
    if arguments.step {
        println!("{word}");
        let seen = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
        seen.await?.context("nobody says that we may go on")?;
    }
    Ok(())
}
