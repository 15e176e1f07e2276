//! One room's watchers spread over three nodes: what is told crosses once to each node, however many
//! watch there, and what that makes of the fan-out.

use anyhow::Result;
use std::time::{Duration, Instant};
use tests::{
    bench::figures::{Figure, Goal},
    peers::konsil::Konsil,
};

use crate::{Measured, asked::Asked, people};

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
    let who = "konsil, 3 nodes, 2 copies, WebSocket and TLS";
    let mut notes = vec![
        "counted by the nodes themselves while people came in and talked: every event of the \
         conversation, told to the two nodes that do not serve it"
            .to_owned(),
    ];
    for round in 0..asked.rounds {
        if round > 0 && Instant::now() + ROUND > end {
            notes.push(format!("only {round} rounds: the time was over"));
            break;
        }
        let total = |name: &str| Ok::<f64, anyhow::Error>(ours.figure(name)?.iter().sum());
        let (frames, watches) = (total(TOLD)?, total(WATCHES)?);
        let seen = people::live(asked, "spread", round, &ours, work.path(), end)?;
        let (frames, watches) = (total(TOLD)? - frames, total(WATCHES)? - watches);
        let events = seen.figure("events of all conversations")?;
        crossed.add(who, true, frames / events / (NODES - 1) as f64);
        named.add(who, true, watches / frames);
        core.add(who, true, seen.figure("deliveries per core-second of the node")?);
        wall.add(who, true, seen.figure("deliveries")?);
    }
    Ok(Measured { figures: vec![crossed, named, core, wall], notes })
}
