//! One room's watchers spread over three nodes: what is told crosses once to each node, however many
//! watch there, and what that makes of the fan-out.

use anyhow::{Result, bail};
use std::time::{Duration, Instant};
use tests::{
    bench::figures::{Figure, Goal},
    peers::konsil::Konsil,
};

use crate::{Measured, asked::Asked, people::Life};

/// Nodes.
const NODES: usize = 3;
/// What one round takes, about.
const ROUND: Duration = Duration::from_secs(60);
/// What the nodes count.
const TOLD: &str = "konsil_told_frames_total";
const WATCHES: &str = "konsil_told_watches_total";

/// Measures.
pub(crate) fn run(asked: &Asked, end: Instant) -> Result<Measured> {
    let work = tempfile::tempdir_in(&asked.work)?;
    let ours = Konsil::start(&asked.program("konsil")?, NODES, &work.path().join("konsil"))?;
    let mut crossed = Figure::new(
        "frames between nodes for an event and a node that watches it",
        "",
        vec![Goal::AtMost(1.0)],
    );
    let mut named = Figure::new("watches told by one such frame", "", vec![]);
    let what =
        |of: &str| format!("fan-out of a room of 1,000 over three nodes, 64 on their way: {of}");
    let mut core = Figure::new(&what("per core-second of all nodes"), "deliveries", vec![]);
    let mut wall = Figure::new(&what("per second on the wall"), "deliveries", vec![]);
    let who = "konsil with TLS, 3 nodes";
    let mut notes = vec![
        "counted by the nodes themselves from when everybody was in until everything was heard: \
         every event of the conversation, told to the two nodes that do not serve it"
            .to_owned(),
    ];
    for round in 0..asked.rounds {
        if round > 0 && Instant::now() + ROUND > end {
            notes.push(format!("only {round} rounds: the time was over"));
            break;
        }
        let total = |name: &str| Ok::<f64, anyhow::Error>(ours.figure(name)?.iter().sum());
        let mut looks = Vec::new();
        let life = Life { plan: "spread", round, nodes: &ours, folder: work.path(), end };
        let seen = life.watched(asked, || {
            looks.push((total(TOLD)?, total(WATCHES)?));
            Ok(())
        })?;
        let [before, after] = looks[..] else {
            bail!("people were looked at {} times", looks.len())
        };
        let (frames, watches) = (after.0 - before.0, after.1 - before.1);
        let events = seen.figure("events while people talked")?;
        crossed.add(who, true, frames / events / (NODES - 1) as f64);
        named.add(who, true, watches / frames);
        core.add(who, true, seen.figure("deliveries per core-second of the node")?);
        wall.add(who, true, seen.figure("deliveries")?);
    }
    Ok(Measured { figures: vec![crossed, named, core, wall], notes })
}
