//! I9: a command takes effect at most once.

use std::collections::BTreeMap;

use super::{Promise, Verdict};
use crate::{oracle::Fact, world::cluster::Cluster};

/// Where people were told that each command took effect.
#[derive(Debug, Default)]
pub(super) struct Once(BTreeMap<(u16, u32, u64), usize>);

impl Promise for Once {
    fn judge(&mut self, _: &Cluster, facts: &[Fact]) -> Verdict {
        for fact in facts {
            match fact {
                Fact::Answered { shard, command, place, generation, .. } => {
                    let told = self.0.entry((*shard, *generation, *command)).or_insert(*place);
                    if told != place {
                        return Err(format!(
                            "shard {shard}: {command:x} took effect at {told} and at {place}"
                        ));
                    }
                }
                Fact::Shown { shard, order, generation, .. } => {
                    for (place, command) in order.iter().enumerate() {
                        let told = self.0.get(&(*shard, *generation, *command));
                        if told.is_some_and(|told| *told != place) {
                            return Err(format!(
                                "shard {shard}: {command:x} is shown at {place}, told {told:?}"
                            ));
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}
