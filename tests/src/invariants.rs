//! What the twins promise, one file per promise: judged after every step of a world.
//!
//! They look from above, at the control plane, the disks and what people were told; nothing in
//! them trusts a machine's own word for what it holds.
//!
//! # Invariants
//! - **I1** One configuration per shard and epoch.
//! - **I2** Every acknowledged entry is durable at every eligible node of the configuration.
//! - **I3** At most one entry is ever published at a place.
//! - **I4** Nobody publishes or acknowledges in an epoch unless active in it and not fenced.
//! - **I5** While a proposal is under way, both the old and the proposed copies hold what is
//!   acknowledged.
//! - **I6** Promotion stays inside the eligible set; only force leaves it, and raises the generation.
//! - **I7** Two logs with the same entry at a place are the same before it.
//! - **I8** What is published only grows, and nobody is shown more than that.
//! - **I9** A command takes effect at most once.
//! - **I10** A read shows every write that was acknowledged before it began.
//! - **I11** What was acknowledged with two copies survives the loss of any one disk; what has one
//!   survives a crash of its node.

use crate::{oracle::Fact, world::cluster::Cluster};

mod i10_reads;
mod i11_copies;
mod i1_one_configuration;
mod i2_durable;
mod i3_one_entry;
mod i4_active;
mod i5_joint;
mod i6_eligible;
mod i7_matching;
mod i8_growing;
mod i9_once;

/// Kept, or the sentence that says how not.
pub type Verdict = Result<(), String>;

/// One promise.
trait Promise: std::fmt::Debug {
    /// Judges a step: what happened in it, and how things stand after it.
    fn judge(&mut self, cluster: &Cluster, facts: &[Fact]) -> Verdict;

    /// Judges what is too much work for every step.
    fn look_again(&mut self, _: &Cluster) -> Verdict {
        Ok(())
    }
}

/// All of them.
#[derive(Debug)]
pub struct Promises(Vec<(&'static str, Box<dyn Promise>)>);

impl Default for Promises {
    fn default() -> Self {
        Self(vec![
            ("I1", Box::new(i1_one_configuration::OneConfiguration::default())),
            ("I6", Box::new(i6_eligible::Eligible)),
            ("I4", Box::new(i4_active::Active)),
            ("I7", Box::new(i7_matching::Matching::default())),
            ("I5", Box::new(i5_joint::Joint::default())),
            ("I3", Box::new(i3_one_entry::OneEntry)),
            ("I8", Box::new(i8_growing::Growing::default())),
            ("I2", Box::new(i2_durable::Durable::default())),
            ("I9", Box::new(i9_once::Once::default())),
            ("I10", Box::new(i10_reads::Reads)),
            ("I11", Box::new(i11_copies::Copies)),
        ])
    }
}

impl Promises {
    /// Judges a step.
    ///
    /// # Errors
    /// Which promise was broken, and how.
    pub fn judge(&mut self, cluster: &Cluster, facts: &[Fact]) -> Verdict {
        self.each(|promise| promise.judge(cluster, facts))
    }

    /// Judges what is too much work for every step.
    ///
    /// # Errors
    /// Which promise was broken, and how.
    pub fn look_again(&mut self, cluster: &Cluster) -> Verdict {
        self.each(|promise| promise.look_again(cluster))
    }

    fn each(&mut self, judge: impl Fn(&mut dyn Promise) -> Verdict) -> Verdict {
        for (name, promise) in &mut self.0 {
            judge(promise.as_mut()).map_err(|how| format!("{name}: {how}"))?;
        }
        Ok(())
    }
}
