//! Everybody loses the socket at the same moment and resumes.

use anyhow::Result;
use futures_util::future::join_all;
use std::time::{Duration, Instant};

use crate::{
    crowd::{Crowd, bar},
    measure::Latencies,
    plan::Storm,
    report::Report,
};

/// Wave after wave.
pub(crate) async fn run(plan: &Storm, crowd: &Crowd, report: &mut Report) -> Result<()> {
    let (each, mut slowest) = (Latencies::new(), Duration::ZERO);
    let bar = bar("storms", plan.waves as usize);
    for wave in 0..plan.waves {
        let start = Instant::now();
        let back = join_all(crowd.guests().map(|guest| guest.reconnect())).await;
        slowest = slowest.max(start.elapsed());
        for one in back {
            match one {
                Ok(took) => each.record_span(u64::from(wave), took),
                Err(why) => {
                    report.failed += 1;
                    report.note(&format!("wave {wave}: somebody did not come back: {why:#}"));
                }
            }
        }
        bar.inc(1);
        tokio::time::sleep(Duration::from_millis(plan.pause_ms)).await;
    }
    bar.finish_and_clear();
    report.figure("until the last one was back, slowest storm", slowest.as_secs_f64() * 1e3, "ms");
    report.latency("a lost socket until the conversation is seen again", &each.table());
    Ok(())
}
