//! Simulated people of ours: the program `loadtest` with one of its plans, and what it wrote down.

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
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

/// One plan, once.
pub(crate) struct Life<'a> {
    /// Its name.
    pub(crate) plan: &'a str,
    /// The how-many-eth time, from 0.
    pub(crate) round: usize,
    /// Where the people go.
    pub(crate) nodes: &'a Konsil,
    /// Where they write down what they saw.
    pub(crate) folder: &'a Path,
    /// When it is over in any case.
    pub(crate) end: Instant,
}

impl Life<'_> {
    /// Lets the people in and waits until they are done.
    pub(crate) fn live(&self, asked: &Asked) -> Result<Seen> {
        self.watched(asked, || Ok(()))
    }

    /// The same; looks when everybody is in, and again when everything is heard.
    pub(crate) fn watched(
        &self,
        asked: &Asked,
        mut look: impl FnMut() -> Result<()>,
    ) -> Result<Seen> {
        let Self { plan, folder, .. } = self;
        let said = folder.join("said.log");
        let mut people = self.people(asked)?;
        people.stderr(File::create(&said)?).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut people = people.spawn().context("loadtest cannot be started")?;
        let (mut to, from) = (people.stdin.take(), people.stdout.take());
        for line in BufReader::new(from.context("a pipe was asked for")?).lines() {
            if ["in", "done"].contains(&line?.as_str()) {
                look()?;
                to.as_mut().context("a pipe was asked for")?.write_all(b"\n")?;
            }
        }
        let status = people.wait()?;
        if !status.success() {
            let said = fs::read_to_string(said).unwrap_or_default();
            bail!("people of the plan {plan} ended with {status}: {}", said.trim());
        }
        let text = fs::read_to_string(folder.join(format!("{plan}.json")))?;
        serde_json::from_str(&text).context("people wrote down something else")
    }

    fn people(&self, asked: &Asked) -> Result<Command> {
        let Self { plan, round, nodes, folder, end } = self;
        let path = asked.file(&format!("loadtest/plans/cluster/{plan}.toml"));
        let left = end.saturating_duration_since(Instant::now()).as_secs().max(1);
        let pids: Vec<String> = nodes.pids().iter().map(ToString::to_string).collect();
        let seed = asked.seed.wrapping_mul(1000).wrapping_add(*round as u64);
        let mut people = Command::new("timeout");
        people.args(["-k", "5", &left.to_string()]).arg(asked.program("loadtest")?);
        people.arg("--plan").arg(path).arg("--out").arg(folder).arg("--step");
        people.args(["--site", &nodes.sites(), "--insecure", "--node-pid", &pids.join(",")]);
        people.args(["--seed", &seed.to_string()]);
        // A password may begin with a dash.
        people.arg(format!("--login={}", nodes.login));
        people.arg(format!("--password={}", nodes.password));
        Ok(people)
    }
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
