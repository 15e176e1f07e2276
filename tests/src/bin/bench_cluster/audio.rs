//! Sound in real browsers: two people talk, the node that carries their call is killed, and the clock
//! runs until both hear again. Chromium's own counters tell.

use anyhow::{Context, Result, bail};
use std::{fs, process::Command, time::Instant};
use tests::bench::figures::{Figure, Goal};

use crate::{Measured, asked::Asked};

/// Where Debian puts the browser.
const CHROMIUM: &str = "/usr/bin/chromium";
/// Seconds that setting up and cleaning up may take beyond the trials.
const AROUND: u64 = 120;

/// Runs the browsers.
pub(crate) fn run(asked: &Asked, end: Instant) -> Result<Measured> {
    let browser = std::env::var("CHROMIUM").unwrap_or_else(|_| CHROMIUM.into());
    if !fs::exists(&browser)? {
        return Ok(Measured {
            figures: vec![],
            notes: vec!["Chromium is not installed here".into()],
        });
    }
    let work = tempfile::tempdir_in(&asked.work)?;
    let out = work.path().join("audio.json");
    let left = end.saturating_duration_since(Instant::now()).as_secs().max(AROUND + 1);
    let konsil = asked.program("konsil")?.canonicalize()?;
    let mut browsers = Command::new("timeout");
    browsers.args(["-k", "10", &left.to_string(), "npm", "run", "--silent", "figures"]);
    browsers.current_dir(asked.file("node/web")).env("KONSIL_BIN", konsil);
    browsers.env("FIGURES_TRIALS", asked.trials.to_string()).env("FIGURES_OUT", &out);
    browsers.env("FIGURES_SECONDS", (left - AROUND).to_string());
    let status = browsers.status().context("npm cannot be started")?;
    let text = fs::read_to_string(&out).context("no trial came to its end");
    let mut took: Vec<f64> = serde_json::from_str(&text?)?;
    took.sort_by(f64::total_cmp);
    if took.is_empty() {
        bail!("no trial came to its end");
    }
    let upto = |percent: usize| took[(took.len() * percent).div_ceil(100).max(1) - 1];
    let who = format!("konsil, 3 nodes, {} trials", took.len());
    let figure = |what: &str, goals, value| {
        let what = format!("kill -9 of the node that carries a call until both hear again, {what}");
        let mut figure = Figure::new(&what, "ms", goals);
        figure.add(&who, true, value);
        figure
    };
    let figures = vec![
        figure("p50", vec![], upto(50)),
        figure("p95", vec![Goal::AtMost(1500.0)], upto(95)),
        figure("longest", vec![], upto(100)),
    ];
    let mut notes = vec!["two Chromiums, packets of sound, looked at every 20 ms".to_owned()];
    if !status.success() {
        notes.push(format!("A CALL DID NOT COME BACK after {} trials, or the cluster was not whole again: {status}", took.len()));
    }
    Ok(Measured { figures, notes })
}
