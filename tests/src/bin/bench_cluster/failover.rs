//! How long nobody is answered when a node is killed: the bench of its own, as a part of this one.

use anyhow::{Result, bail};
use std::{process::Command, time::Instant};
use tests::{bench::figures::Part, nemesis::network};

use crate::{Measured, asked::Asked};

/// Runs `bench_failover`.
pub(crate) fn run(asked: &Asked, end: Instant) -> Result<Measured> {
    if let Some(why) = network::may_run() {
        return Ok(Measured { figures: vec![], notes: vec![format!("not measured here: {why}")] });
    }
    let work = tempfile::tempdir_in(&asked.work)?;
    let json = work.path().join("failover.json");
    let left = end.saturating_duration_since(Instant::now()).as_secs();
    let mut bench = Command::new("timeout");
    bench.args(["-k", "10", &left.to_string()]).arg(asked.program("bench_failover")?);
    bench.env("KONSIL_BIN", asked.program("konsil")?).arg("--json").arg(&json);
    bench.args(["--trials", &asked.trials.to_string(), "--seed", &asked.seed.to_string()]);
    let status = bench.status()?;
    if !status.success() {
        bail!("bench_failover ended with {status}");
    }
    let part: Part = serde_json::from_str(&std::fs::read_to_string(json)?)?;
    Ok(Measured { figures: part.figures, notes: part.notes })
}
