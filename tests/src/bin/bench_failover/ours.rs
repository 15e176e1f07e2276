//! Three of our nodes, and one of them killed.

use anyhow::{Context, Result, bail};
use std::time::Duration;
use tests::{
    history::Fate,
    nemesis::{
        cluster::Cluster,
        crowd::{Crowd, Plan as People},
        machines::{Machines, Plan, WHOLE},
        run::until,
    },
};

use crate::report::Trial;

/// Writers in the conversation.
pub(crate) const WRITERS: usize = 8;
/// How long a writer waits for an answer before it asks another node.
pub(crate) const PATIENCE: Duration = Duration::from_millis(250);
/// Between two messages of a writer.
pub(crate) const PACE: Duration = Duration::from_millis(10);
/// Beyond this a trial is a failure and not a figure.
pub(crate) const LONGEST: Duration = Duration::from_secs(60);

/// The cluster.
pub(crate) struct Ours {
    machines: Machines,
}

impl Ours {
    pub(crate) fn start() -> Result<Self> {
        Ok(Self { machines: Machines::start(Plan::of(3)?)? })
    }

    /// Kills the node that serves a new conversation, and lets it come back.
    pub(crate) fn trial(&mut self, seed: u64) -> Result<Trial> {
        let machines = &mut self.machines;
        let people = People {
            conversations: 1,
            writers: WRITERS,
            readers: 1,
            watchers: 1,
            pace: PACE,
            patience: PATIENCE,
            ..People::of(machines.folder(), seed)?
        };
        let door = machines.network().door(machines.network().people())?;
        let crowd = Crowd::start(door, machines.addresses(), people)?;
        crowd.flows(LONGEST).context("before the kill")?;
        let holders = machines.holders(crowd.shard(0))?;
        let node = holders.primary.context("nobody serves the conversation")?;
        let led = machines.leader()? == Some(node);
        let start = crowd.now();
        machines.kill(node)?;
        let back = crowd.acknowledged(0, crowd.now(), LONGEST).context("after the kill")?;
        machines.start(node)?;
        until("two copies of everything", WHOLE, || machines.is_whole())?;
        let history = crowd.finish()?;
        let wrong = history.judged();
        let kept = |it: &&tests::history::Said| matches!(it.fate, Fate::Kept { .. });
        let acknowledged = history.logs[0].said.iter().filter(kept).count();
        let lost = wrong.iter().filter(|it| it.contains("CC1")).count();
        if wrong.len() > lost {
            bail!("what people were told does not fit together: {}", wrong.join("; "));
        }
        let took = Duration::from_micros(back.saturating_sub(start));
        Ok(Trial { took, led, acknowledged, lost })
    }
}
