//! Simulated people of ours: the program `loadtest` with one of its plans, and what it wrote down.

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};
use tests::peers::konsil::Konsil;

use crate::asked::Asked;

/// What people saw.
#[derive(Debug, Deserialize)]
pub(crate) struct Seen {
    figures: Vec<Named>,
    latencies: Vec<Times>,
}

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
    value: f64,
}

/// Milliseconds of something.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Times {
    name: String,
    /// What half of it took at most.
    pub(crate) p50: f64,
    /// And ninety-nine of a hundred.
    pub(crate) p99: f64,
}

/// Lets people of a plan in and waits until they are done, or until the time is over.
pub(crate) fn live(
    asked: &Asked,
    plan: &str,
    round: usize,
    nodes: &Konsil,
    folder: &Path,
    end: Instant,
) -> Result<Seen> {
    let path = asked.file(&format!("loadtest/plans/cluster/{plan}.toml"));
    let left = end.saturating_duration_since(Instant::now()).as_secs();
    let pids: Vec<String> = nodes.pids().iter().map(ToString::to_string).collect();
    let seed = asked.seed.wrapping_mul(1000).wrapping_add(round as u64);
    let mut people = Command::new("timeout");
    people.args(["-k", "5", &left.max(1).to_string()]).arg(asked.program("loadtest")?);
    people.arg("--plan").arg(path).arg("--out").arg(folder);
    people.args(["--site", &nodes.sites(), "--insecure", "--node-pid", &pids.join(",")]);
    people.args(["--seed", &seed.to_string()]);
    // A password may begin with a dash.
    people.arg(format!("--login={}", nodes.login)).arg(format!("--password={}", nodes.password));
    let output = people.stdin(Stdio::null()).output().context("loadtest cannot be started")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("people of the plan {plan} ended with {}: {}", output.status, said.trim());
    }
    let text = fs::read_to_string(folder.join(format!("{plan}.json")))?;
    serde_json::from_str(&text).context("people wrote down something else")
}

impl Seen {
    /// A number they wrote down.
    pub(crate) fn figure(&self, name: &str) -> Result<f64> {
        let found = self.figures.iter().find(|figure| figure.name == name);
        Ok(found.with_context(|| format!("people wrote down no `{name}`"))?.value)
    }

    /// Times they wrote down.
    pub(crate) fn times(&self, name: &str) -> Result<&Times> {
        let found = self.latencies.iter().find(|times| times.name == name);
        found.with_context(|| format!("people wrote down no times of `{name}`"))
    }
}
