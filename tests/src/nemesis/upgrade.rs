//! An upgrade as an operator makes it: another release on one node after the other, back once, and
//! forward again, while people talk through all of them.
//!
//! At every stage each node acknowledges messages, whatever it runs, every shard has two copies, and
//! the nodes of this release say who is behind and that the level is still the old one. When the
//! last node is upgraded the level rises; from then on the release before must refuse the folder in
//! words. A release that raised no level can be left again at any time, and that is tried instead.

use anyhow::{Context, Result, ensure};
use protocol::version::PEER_WIRE;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    cluster::Cluster,
    crowd::Crowd,
    machines::{Machines, WHOLE},
    run::{run, until},
};

/// How long people may take until their messages are acknowledged through every node.
const FLOWS: Duration = Duration::from_secs(30);
/// How long it may take until what a node runs is known to all.
const KNOWN: Duration = Duration::from_secs(20);
/// The level of a cluster whose nodes know of none.
const FIRST: u64 = 1;

/// Two programs: of the release before, and of this one.
#[derive(Debug, Clone)]
pub struct Releases {
    /// The release before.
    pub old: PathBuf,
    /// This release.
    pub new: PathBuf,
}

/// What runs where, and who talks.
struct Upgrade<'a> {
    machines: &'a mut Machines,
    crowd: &'a Crowd,
    releases: &'a Releases,
    upgraded: Vec<bool>,
    /// The level before, as long as one node runs the release before.
    before: u64,
    /// Whether the two call themselves differently.
    named: bool,
}

/// A cluster of the release before becomes one of this release.
///
/// # Errors
/// When something did not go on that had to, or was not refused that had to be.
pub fn rolling(machines: &mut Machines, crowd: &Crowd, releases: &Releases) -> Result<()> {
    let nodes = machines.nodes();
    let last = nodes - 1;
    let mut upgrade = Upgrade::begin(machines, crowd, releases)?;
    upgrade.settled("everybody runs the release before")?;
    upgrade.drained(last).context("a node is drained and upgraded")?;
    upgrade.runs(last, false).context("it goes back to the release before")?;
    for node in (0..nodes).rev() {
        upgrade.runs(node, true).with_context(|| format!("node {node} is upgraded"))?;
    }
    upgrade.leaves(last)
}

/// A node that is alone, with all it ever kept, becomes one of this release.
///
/// # Errors
/// As above.
pub fn lone(machines: &mut Machines, crowd: &Crowd, releases: &Releases) -> Result<()> {
    let mut upgrade = Upgrade::begin(machines, crowd, releases)?;
    upgrade.settled("a lone node of the release before")?;
    upgrade.runs(0, true)?;
    upgrade.leaves(0)
}

/// What a program calls itself.
fn version(konsil: &Path) -> Result<String> {
    Ok(run(&konsil.to_string_lossy(), &["--version"])?.trim().to_owned())
}

impl<'a> Upgrade<'a> {
    fn begin(machines: &'a mut Machines, crowd: &'a Crowd, releases: &'a Releases) -> Result<Self> {
        let upgraded = vec![false; machines.nodes()];
        let before = machines.seen_by(0)?.level().unwrap_or(FIRST);
        let named = version(&releases.old)? != version(&releases.new)?;
        Ok(Self { machines, crowd, releases, upgraded, before, named })
    }

    const fn program(&self, new: bool) -> &PathBuf {
        if new { &self.releases.new } else { &self.releases.old }
    }

    /// Stops a node and starts it with one of the two releases on the same disk.
    fn runs(&mut self, node: usize, new: bool) -> Result<()> {
        self.crowd.mark(&format!("node {node} is stopped"));
        match self.machines.stop(node) {
            // The release before hears SIGTERM only when it serves; earlier it dies of it, and its
            // journals stand that.
            Err(_) if !self.upgraded[node] => self.machines.kill(node)?,
            stopped => stopped?,
        }
        self.begins(node, new)
    }

    /// Starts a node that does not run with one of the two releases on its disk.
    fn begins(&mut self, node: usize, new: bool) -> Result<()> {
        let program = self.program(new).clone();
        self.machines.install(node, &program);
        self.machines.start(node)?;
        self.upgraded[node] = new;
        let which = if new { "this release" } else { "the release before" };
        self.settled(&format!("node {node} runs {which}"))
    }

    /// The same as [`Self::runs`] for a node that was relieved of everything before: its copies go
    /// to nodes of the release before, and come back from them.
    fn drained(&mut self, node: usize) -> Result<()> {
        let (name, host) = (self.machines.name(node), usize::from(node == 0));
        self.crowd.mark(&format!("{name} is drained"));
        self.machines.order(host, &["drain", &name])?;
        let machines = &mut *self.machines;
        let empty = || Ok(machines.seen_by(host).is_ok_and(|it| it.copies(&name) == 0));
        until(&format!("{name} to be empty"), WHOLE, empty)?;
        self.machines.stop(node)?;
        let program = self.program(true).clone();
        self.machines.install(node, &program);
        self.machines.start(node)?;
        self.upgraded[node] = true;
        self.machines.order(host, &["drain", &name, "--undo"])?;
        let machines = &mut *self.machines;
        let back = || Ok(machines.seen_by(host).is_ok_and(|it| it.copies(&name) > 0));
        until(&format!("{name} to be given its share"), WHOLE, back)?;
        self.settled("a drained node runs this release")
    }

    /// Two copies of everything, messages through every node, and everybody knows what runs.
    fn settled(&mut self, stage: &str) -> Result<()> {
        let machines = &mut *self.machines;
        until("two copies of everything", WHOLE, || machines.is_whole())?;
        self.crowd.flows(FLOWS).with_context(|| stage.to_owned())?;
        let took = self.crowd.flows_through_all(FLOWS).with_context(|| stage.to_owned())?;
        self.told().with_context(|| format!("{stage}: what the nodes say of it"))?;
        let across = self.machines.seen_by(0)?.served_across();
        let across = across.iter().map(|((one, other), count)| format!("{count} {one}→{other}"));
        let across: Vec<_> = across.collect();
        let across = if across.is_empty() { "none".into() } else { across.join(", ") };
        let line = format!(
            "{stage}: acknowledged through all nodes after {} ms; shards over two releases: {across}",
            took.as_millis()
        );
        println!("  {line}");
        self.crowd.mark(&line);
        Ok(())
    }

    /// Nodes of this release say who is behind, and a level that fits.
    fn told(&self) -> Result<()> {
        let all = self.upgraded.iter().all(|new| *new);
        let level = if all { u64::from(PEER_WIRE) } else { self.before };
        let nodes = || (0..self.upgraded.len()).filter(|node| self.upgraded[*node]);
        let behind = (0..self.upgraded.len()).filter(|node| !self.upgraded[*node] && self.named);
        let behind: Vec<String> = behind.map(|node| self.machines.name(node)).collect();
        for node in nodes() {
            let what = format!("node {node} to say level {level}, and {behind:?} are behind");
            until(&what, KNOWN, || {
                // Nobody may be able to say for a moment.
                let Ok(seen) = self.machines.seen_by(node) else { return Ok(false) };
                Ok(seen.level() == Some(level) && seen.behind() == behind)
            })?;
        }
        Ok(())
    }

    /// Everybody is upgraded. When the level rose with that, the release before must not take up a
    /// folder again, and says so; else it can.
    fn leaves(&mut self, node: usize) -> Result<()> {
        if self.before == u64::from(PEER_WIRE) {
            self.runs(node, false).context("this release raised no level")?;
            return self.runs(node, true);
        }
        self.machines.stop(node)?;
        let old = self.program(false).clone();
        self.machines.install(node, &old);
        let words = self.machines.refusal(node).context("there must be no way back")?;
        let sentence = words.lines().last().unwrap_or_default();
        // The first release takes a change it does not know, when it meets one in the log before it
        // meets the level, for damage: it refuses all the same.
        let refused = ["version", "level", "is damaged"].iter().any(|it| sentence.contains(it));
        ensure!(refused, "it said: {words}");
        println!("  the release before refuses the folder: {sentence}");
        self.crowd.mark("the release before refused the folder");
        self.begins(node, true).context("and this release goes on with it")
    }
}
