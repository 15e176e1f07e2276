//! I6: promotion stays inside the eligible set; only force leaves it, and raises the generation.

use super::{Promise, Verdict};
use crate::{oracle::Fact, world::cluster::Cluster};

/// Nothing to remember.
#[derive(Debug)]
pub(super) struct Eligible;

impl Promise for Eligible {
    fn judge(&mut self, _: &Cluster, facts: &[Fact]) -> Verdict {
        for fact in facts {
            let Fact::Configured { shard, before, after, proposer } = fact else { continue };
            let kept = match proposer {
                Some(_) => {
                    before.is_eligible(after.primary) && after.generation == before.generation
                }
                None => after.generation == before.generation + 1,
            };
            if !kept {
                return Err(format!("shard {shard}: {before:?} became {after:?} by {proposer:?}"));
            }
        }
        Ok(())
    }
}
