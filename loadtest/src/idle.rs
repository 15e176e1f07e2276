//! People who are there and do nothing: what does the node keep for each?

use anyhow::Result;
use std::time::Duration;

use crate::{
    crowd::{Crowd, bar},
    plan::Idle,
    process::Process,
    report::Report,
};

/// Waits, and compares the node's memory with that before the guests came.
pub(crate) async fn run(
    plan: &Idle,
    crowd: &Crowd,
    process: Option<&Process>,
    report: &mut Report,
) -> Result<()> {
    let time_before = process.map(Process::time).transpose()?;
    let bar = bar("idle", plan.seconds as usize);
    for _ in 0..plan.seconds {
        tokio::time::sleep(Duration::from_secs(1)).await;
        bar.inc(1);
    }
    bar.finish_and_clear();
    let (Some(process), Some(before), Some(time)) = (process, crowd.memory_before, time_before)
    else {
        report.note("idle: without --node-pid no memory is measured");
        return Ok(());
    };
    let after = process.memory()?;
    let guests = crowd.guests().count().max(1) as f64;
    let grown = after.saturating_sub(before) as f64;
    report.figure("memory before the guests", before as f64 / MIB, "MiB");
    report.figure("memory with the guests, idle", after as f64 / MIB, "MiB");
    report.figure("memory per idle session, TLS included", grown / guests / 1024.0, "KiB");
    let spent = process.time()? - time;
    report.figure("processor while idle", 100.0 * spent / plan.seconds as f64, "% of a core");
    Ok(())
}

const MIB: f64 = 1024.0 * 1024.0;
