//! What happens to machines, one story each.
//!
//! A story knows a [`Cluster`] and the [`People`] who use it, and nothing else. It breaks something,
//! says what must go on meanwhile, and mends it. What a story forgets to mend is mended after it;
//! what people were told is judged after that.

use anyhow::{Context, Result};
use std::time::Duration;
use storage::dice::Dice;

use super::{cluster::Cluster, crowd::Crowd, run::lasting};

/// How long people may wait until their messages are acknowledged again. What it really takes is
/// measured by `cargo xtask bench failover`; beyond this something is stuck.
const FLOWS: Duration = Duration::from_secs(20);
/// How long a fault lasts when it has lasted long enough to be noticed.
const WHILE: Duration = Duration::from_secs(2);

/// People, as far as a story may ask them.
pub trait People {
    /// Waits until a message asked for from now on is acknowledged in every conversation.
    ///
    /// # Errors
    /// When that takes longer.
    fn flows(&self, within: Duration) -> Result<Duration>;

    /// Waits until every conversation gave a clear answer, be it a no.
    ///
    /// # Errors
    /// When that takes longer.
    fn answers(&self, within: Duration) -> Result<()>;

    /// The shard of a conversation.
    fn shard(&self, conversation: usize) -> u16;

    /// Writes down what is done.
    fn mark(&self, what: &str);

    /// Lets time pass: for faults that last.
    fn lasting(&self, time: Duration);
}

impl People for Crowd {
    fn flows(&self, within: Duration) -> Result<Duration> {
        Self::flows(self, within)
    }

    fn answers(&self, within: Duration) -> Result<()> {
        Self::answers(self, within)
    }

    fn shard(&self, conversation: usize) -> u16 {
        Self::shard(self, conversation)
    }

    fn mark(&self, what: &str) {
        Self::mark(self, what);
    }

    fn lasting(&self, time: Duration) {
        lasting(time);
    }
}

/// One story.
pub struct Story {
    /// Its name for `--fault`.
    pub name: &'static str,
    /// What happens in it.
    pub what: &'static str,
    /// Nodes it takes at least.
    pub nodes: usize,
    tell: fn(&mut Scene<'_>) -> Result<()>,
}

/// Every story. The first ones fit a lone node, too.
pub const STORIES: [Story; 16] = [
    story("kill", "the serving node is killed and comes back", 1, kill),
    story("power", "every node is killed at once", 1, power),
    story("pause", "the serving node is halted and goes on", 1, pause),
    story("full", "the serving node's disk is full for a while", 1, full),
    story("read-only", "the serving node's disk becomes read-only", 1, read_only),
    story("clock", "the serving node's clock jumps forward and back", 1, clock),
    story("rolling", "one node after another is stopped and started", 1, rolling),
    story("one-way", "the serving node is heard by nobody and hears all", 2, one_way),
    story("cut", "the serving node is cut off from the other nodes", 2, cut),
    story("flap", "the serving node's line comes and goes", 2, flap),
    story("pull", "the serving node's cable is pulled", 2, pull),
    story("loss", "a fifth of the serving node's packets is lost", 2, loss),
    story("narrow", "the serving node's line is narrow", 2, narrow),
    story("two", "the serving node is killed, and its heir is halted as it returns", 3, two),
    story("drain", "the serving node is emptied, stopped and taken back", 3, drain),
    story("replace", "the serving node is lost with its disk; a new one joins", 3, replace),
];

const fn story(
    name: &'static str,
    what: &'static str,
    nodes: usize,
    tell: fn(&mut Scene<'_>) -> Result<()>,
) -> Story {
    Story { name, what, nodes, tell }
}

impl Story {
    /// Tells it. Mending what is left is the caller's.
    ///
    /// # Errors
    /// When something did not go on that had to.
    pub fn tell(
        &self,
        cluster: &mut dyn Cluster,
        people: &dyn People,
        dice: &mut Dice,
    ) -> Result<()> {
        people.mark(self.what);
        let told = (self.tell)(&mut Scene { cluster, people, dice });
        told.with_context(|| format!("in the story `{}`", self.name))
    }
}

struct Scene<'a> {
    cluster: &'a mut dyn Cluster,
    people: &'a dyn People,
    dice: &'a mut Dice,
}

impl Scene<'_> {
    /// The node that serves the first conversation.
    fn serving(&mut self) -> Result<usize> {
        let holders = self.cluster.holders(self.people.shard(0))?;
        let node = holders.primary.context("nobody serves the first conversation")?;
        self.people.mark(&format!("node {node} serves, {:?} is its twin", holders.twin));
        Ok(node)
    }

    /// Every conversation goes on.
    fn flows(&self, when: &str) -> Result<()> {
        let took = self.people.flows(FLOWS).with_context(|| when.to_owned())?;
        self.people.mark(&format!("{when}: acknowledged after {} ms", took.as_millis()));
        Ok(())
    }

    /// The others take over, when there are others.
    fn others_go_on(&self, when: &str) -> Result<()> {
        if self.cluster.nodes() > 2 { self.flows(when) } else { Ok(()) }
    }

    /// One node's lines to the others, in one direction or in both.
    fn sever(&mut self, node: usize, both: bool) -> Result<()> {
        for other in (0..self.cluster.nodes()).filter(|other| *other != node) {
            self.cluster.cut(node, other)?;
            if both {
                self.cluster.cut(other, node)?;
            }
        }
        Ok(())
    }

    fn healed(&mut self) -> Result<()> {
        self.people.mark("the lines are good again");
        self.cluster.heal()?;
        self.flows("after healing")
    }
}

fn kill(scene: &mut Scene<'_>) -> Result<()> {
    let node = scene.serving()?;
    scene.cluster.kill(node)?;
    scene.others_go_on("with the node killed")?;
    scene.cluster.start(node)?;
    scene.flows("with the node back")
}

fn power(scene: &mut Scene<'_>) -> Result<()> {
    // Not in the same order every time.
    let first = scene.dice.below(scene.cluster.nodes() as u64) as usize;
    let order: Vec<usize> =
        (0..scene.cluster.nodes()).map(|it| (it + first) % scene.cluster.nodes()).collect();
    for node in &order {
        scene.cluster.kill(*node)?;
    }
    for node in &order {
        scene.cluster.start(*node)?;
    }
    scene.flows("with everybody back")
}

fn pause(scene: &mut Scene<'_>) -> Result<()> {
    let node = scene.serving()?;
    scene.cluster.halt(node, true)?;
    scene.others_go_on("with the node halted")?;
    scene.people.lasting(WHILE);
    scene.people.mark("the halted node goes on");
    scene.cluster.halt(node, false)?;
    scene.flows("with the node going on")
}

fn full(scene: &mut Scene<'_>) -> Result<()> {
    let node = scene.serving()?;
    scene.cluster.fill(node, true)?;
    // A no is fine as long as it is one: what stands in a preallocated log may go on for long.
    scene.people.answers(FLOWS).context("with the disk full")?;
    scene.people.lasting(WHILE);
    scene.people.mark("the disk has room again");
    scene.cluster.fill(node, false)?;
    if !scene.cluster.runs(node)? {
        scene.people.mark("the node had ended on its full disk");
        scene.cluster.start(node)?;
    }
    scene.flows("with room on the disk")
}

fn read_only(scene: &mut Scene<'_>) -> Result<()> {
    let node = scene.serving()?;
    scene.cluster.fail_disk(node)?;
    scene.others_go_on("with the disk failed")?;
    scene.people.mark("the disk is mended");
    scene.cluster.mend_disk(node)?;
    scene.cluster.start(node)?;
    scene.flows("with the disk mended")
}

fn clock(scene: &mut Scene<'_>) -> Result<()> {
    let node = scene.serving()?;
    for seconds in [1800, -1800, 5, 0] {
        scene.people.mark(&format!("the clock of node {node} is {seconds} s off"));
        scene.cluster.set_clock(node, seconds)?;
        scene.flows("with a jumping clock")?;
    }
    Ok(())
}

fn rolling(scene: &mut Scene<'_>) -> Result<()> {
    for node in 0..scene.cluster.nodes() {
        scene.people.mark(&format!("node {node} is stopped"));
        scene.cluster.stop(node)?;
        scene.others_go_on("with a node stopped")?;
        scene.cluster.start(node)?;
        scene.flows("with the node back")?;
        settled(scene)?;
    }
    Ok(())
}

/// The next machine is touched when the last one is whole again, as an operator would.
fn settled(scene: &mut Scene<'_>) -> Result<()> {
    let cluster = &mut *scene.cluster;
    let whole = super::machines::WHOLE;
    super::run::until("two copies of everything", whole, || cluster.is_whole())?;
    Ok(())
}

fn one_way(scene: &mut Scene<'_>) -> Result<()> {
    let node = scene.serving()?;
    scene.sever(node, false)?;
    scene.others_go_on("with a node unheard")?;
    scene.people.lasting(WHILE);
    scene.healed()
}

fn cut(scene: &mut Scene<'_>) -> Result<()> {
    let node = scene.serving()?;
    scene.sever(node, true)?;
    scene.others_go_on("with a node cut off")?;
    scene.people.lasting(WHILE);
    scene.healed()
}

fn flap(scene: &mut Scene<'_>) -> Result<()> {
    let node = scene.serving()?;
    for _ in 0..8 {
        scene.sever(node, true)?;
        scene.people.lasting(Duration::from_millis(100 + scene.dice.below(900)));
        scene.cluster.heal()?;
        scene.people.lasting(Duration::from_millis(100 + scene.dice.below(900)));
    }
    scene.healed()
}

fn pull(scene: &mut Scene<'_>) -> Result<()> {
    let node = scene.serving()?;
    scene.cluster.plug(node, false)?;
    scene.others_go_on("with a cable pulled")?;
    scene.people.lasting(WHILE);
    scene.cluster.plug(node, true)?;
    scene.flows("with the cable plugged in")
}

fn loss(scene: &mut Scene<'_>) -> Result<()> {
    let node = scene.serving()?;
    scene.cluster.lose(node, 20)?;
    scene.flows("with a bad line")?;
    scene.people.lasting(WHILE);
    scene.healed()
}

fn narrow(scene: &mut Scene<'_>) -> Result<()> {
    let node = scene.serving()?;
    scene.cluster.narrow(node, 512)?;
    scene.flows("with a narrow line")?;
    scene.people.lasting(WHILE);
    scene.healed()
}

fn two(scene: &mut Scene<'_>) -> Result<()> {
    let node = scene.serving()?;
    scene.cluster.kill(node)?;
    scene.others_go_on("with the first fault")?;
    scene.cluster.start(node)?;
    // The returning node holds perhaps no whole copy yet: nothing has to go on now, and nothing
    // may be made up.
    let heir = scene.serving()?;
    scene.cluster.halt(heir, true)?;
    scene.people.mark(&format!("node {heir} is halted"));
    scene.people.lasting(WHILE);
    scene.cluster.halt(heir, false)?;
    scene.flows("after both faults")
}

fn drain(scene: &mut Scene<'_>) -> Result<()> {
    let node = scene.serving()?;
    scene.cluster.drain(node, true)?;
    scene.flows("while a node is emptied")?;
    let cluster = &mut *scene.cluster;
    let empty = || cluster.copies(node).map(|copies| copies == 0);
    super::run::until("the node to be empty", super::machines::WHOLE, empty)?;
    scene.people.mark("it holds nothing any more");
    scene.cluster.stop(node)?;
    scene.flows("with the empty node stopped")?;
    scene.cluster.start(node)?;
    scene.cluster.drain(node, false)?;
    scene.flows("with the node taken back")
}

fn replace(scene: &mut Scene<'_>) -> Result<()> {
    let node = scene.serving()?;
    scene.cluster.kill(node)?;
    scene.others_go_on("with the node lost")?;
    scene.cluster.replace(node)?;
    scene.flows("with another in its place")
}
