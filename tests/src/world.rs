//! A whole cluster from one number: nodes, links, disks, clocks, people, the control plane.
//!
//! Three questions are asked of a world. Is it **safe**: every promise of `invariants` is judged
//! after every step. Is it **alive**: when the faults are over, everything must converge in bounded
//! time. Is it **honest**: nothing that people saw is missing, nothing is there twice, and what
//! nobody answered is unknown, which is not "no". And it proves itself: same seed, same story.
//!
//! Nothing in here waits, asks a clock or throws real dice. The twins' machine is the one that
//! runs in production; around it everything is made of ordered maps and one queue of events.

pub mod book;
pub mod clock;
pub mod cluster;
pub mod disk;
pub mod event;
pub mod fault;
pub mod figures;
pub mod network;
pub mod node;
pub mod person;
pub mod plan;
pub mod register;
pub mod run;
pub mod story;
pub mod weather;

mod audit;

pub use clock::{ms, secs};
pub use fault::Fault;
pub use plan::Plan;

use clock::Moment;
use cluster::Cluster;
use event::Event;
use figures::Figures;
use protocol::cluster::Config;

use crate::invariants::Promises;

/// What is too much work for every step is looked at after so many.
const LOOK_AGAIN: u64 = 64;

/// Calm weather lasts at most this long before everything must be well: two copies, one after the
/// other, over the slowest pages and the roughest air a seed makes take more than a minute.
const CONVERGES: Moment = secs(120);

/// A cluster, what it promised, and what comes of it.
#[derive(Debug)]
pub struct World {
    /// The cluster.
    pub cluster: Cluster,
    promises: Promises,
}

impl World {
    /// A world as planned.
    pub fn new(plan: Plan) -> Self {
        Self { cluster: Cluster::new(plan, false), promises: Promises::default() }
    }

    /// A world whose story is written down in full.
    pub fn told(plan: Plan) -> Self {
        Self { cluster: Cluster::new(plan, true), promises: Promises::default() }
    }

    /// The whole life of a world: its bad part, calm, audit.
    pub fn live(&mut self) {
        let span = self.cluster.plan.span;
        self.run(span);
        self.calm();
        self.audit();
    }

    /// The story of a seed, in full.
    pub fn story(seed: u64) -> Vec<String> {
        let mut world = Self::told(Plan::of(seed));
        world.live();
        world.cluster.story.text().to_vec()
    }

    /// A fault will happen then.
    pub fn at(&mut self, when: Moment, fault: Fault) {
        self.cluster.queue.at(when, Event::Fault(fault));
    }

    /// A fault happens now.
    pub fn now(&mut self, fault: Fault) {
        self.cluster.fault(fault);
        self.judge();
    }

    /// Safety: the world goes on for so long, judged after every step.
    ///
    /// # Panics
    /// When a promise is broken.
    pub fn run(&mut self, span: Moment) {
        let until = self.cluster.now + span;
        while self.cluster.step(until) {
            self.judge();
        }
    }

    /// Goes on until something is so, for at most so long.
    ///
    /// # Panics
    /// When it does not come about, or a promise is broken.
    pub fn until(&mut self, what: &str, span: Moment, so: impl Fn(&Cluster) -> bool) {
        let until = self.cluster.now + span;
        while !so(&self.cluster) {
            assert!(self.cluster.step(until), "not within {} ms: {what}", span / 1000);
            self.judge();
        }
    }

    fn judge(&mut self) {
        let facts = self.cluster.oracle.fresh();
        let mut verdict = self.promises.judge(&self.cluster, &facts);
        if self.cluster.story.steps.is_multiple_of(LOOK_AGAIN) {
            verdict = verdict.and_then(|()| self.promises.look_again(&self.cluster));
        }
        if let Err(how) = verdict {
            panic!("{how} (after {} ms)", self.cluster.now / 1000);
        }
    }

    /// Liveness: no more faults, and everything must be well before long.
    ///
    /// # Panics
    /// When it is not.
    pub fn calm(&mut self) {
        self.cluster.calm();
        self.judge();
        let until = self.cluster.now + CONVERGES;
        while let Some(ill) = self.cluster.ill() {
            if self.cluster.now >= until {
                panic!("not alive {} s after the last fault: {ill}", CONVERGES / 1_000_000);
            }
            for (shard, slot) in self.cluster.lost() {
                self.now(Fault::Force { shard, slot });
            }
            self.run(ms(200));
        }
        // What is committed last has to be told to those who follow.
        self.run(secs(1));
        self.judge();
    }

    /// Honesty: what people saw is there, once, in one order.
    ///
    /// # Panics
    /// When it is not.
    pub fn audit(&mut self) {
        if let Err(how) = audit::audit(&self.cluster) {
            panic!("audit: {how}");
        }
        if let Err(how) = self.promises.look_again(&self.cluster) {
            panic!("{how}");
        }
    }

    /// Who holds a shard in truth.
    pub fn config(&self, shard: u16) -> Config {
        self.cluster.register.config(shard)
    }

    /// What it went through, in figures.
    pub fn figures(&self) -> Figures {
        let mut figures = self.cluster.figures.clone();
        figures.steps = self.cluster.story.steps;
        figures.simulated = self.cluster.now;
        for (name, count) in [
            ("frame lost", self.cluster.network.lost),
            ("frame doubled", self.cluster.network.doubled),
            ("write torn", self.cluster.nodes.iter().map(|node| node.disk.torn).sum()),
        ] {
            *figures.faults.entry(name).or_default() += count;
        }
        figures
    }
}
