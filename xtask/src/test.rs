//! `cargo xtask test`: everything that must hold before a change is merged.
//!
//! The steps run in one order and stop at the first failure; the table at the end says what ran,
//! what did not and why. The last line counts the steps.

mod steps;
mod summary;

use clap::Args;
use std::{process::ExitCode, time::Instant};

use steps::{Outcome, STEPS};
use summary::{Row, Verdict};

/// Judge the whole tree: formats, lints, tests, hostile bytes, load, browsers.
#[derive(Args)]
pub(crate) struct Test {
    /// Only these steps, in their usual order.
    #[arg(long, value_parser = steps::names())]
    only: Vec<String>,
}

impl Test {
    /// Runs the steps and prints the table.
    pub(crate) fn run(self) -> ExitCode {
        let mut rows = Vec::new();
        let mut failed = false;
        for step in &STEPS {
            if !self.only.is_empty() && !self.only.iter().any(|name| name == step.name) {
                continue;
            }
            if failed {
                rows.push(Row::not_run(step.name));
                continue;
            }
            println!("\n── {}: {}", step.name, step.what);
            let start = Instant::now();
            let (verdict, note) = match (step.run)() {
                Ok(Outcome::Done) => (Verdict::Passed, String::new()),
                Ok(Outcome::Skipped(why)) => (Verdict::Skipped, why),
                Err(why) => (Verdict::Failed, format!("{why:#}")),
            };
            failed = verdict == Verdict::Failed;
            rows.push(Row { name: step.name, verdict, time: start.elapsed(), note });
        }
        print!("{}", summary::table(&rows));
        if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}
