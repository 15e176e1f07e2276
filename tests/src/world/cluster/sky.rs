//! What the weather may do, seen from the cluster as it is.

use super::{Cluster, Slot};
use crate::world::{event::Event, plan::SLOTS_MAX, weather::Sky};

impl Cluster {
    /// The weather changes: perhaps something goes wrong.
    pub(super) fn weather(&mut self) {
        let sky = self.sky();
        let weather = self.plan.weather.clone();
        if let Some(fault) = weather.next(self.dice(), &sky) {
            self.fault(fault);
        }
        if let Some(pause) = weather.pause(self.dice()) {
            self.queue.at(self.now + pause, Event::Weather);
        }
    }

    fn sky(&self) -> Sky {
        let slots: Vec<Slot> =
            (0..self.nodes.len()).filter(|slot| self.nodes[*slot].member).collect();
        let spare = slots.iter().copied().filter(|slot| self.may_go(*slot)).collect();
        let map = self.register.map();
        let draining =
            |slot: &Slot| map.member(self.nodes[*slot].key).is_some_and(|it| it.draining);
        Sky {
            spare,
            staying: self.staying().into_iter().filter(|slot| self.nodes[*slot].up).count(),
            draining: slots.iter().copied().filter(draining).collect(),
            shards: self.plan.shards,
            room: self.nodes.len() < SLOTS_MAX,
            orphans: self.orphans(),
            slots,
        }
    }

    /// Whether somebody else holds everything that this machine's disk may be needed for.
    fn may_go(&self, slot: Slot) -> bool {
        let key = self.nodes[slot].key;
        (0..self.plan.shards).all(|shard| {
            let config = self.register.config(shard);
            let sound = |other: &super::Node| {
                other.key != key && config.is_eligible(other.key) && !other.disk.ills.rotten
            };
            !config.is_eligible(key) || self.nodes.iter().any(sound)
        })
    }

    /// Shards that nobody who runs may serve, each with the running member that would lose least.
    pub fn orphans(&self) -> Vec<(u16, Slot)> {
        let orphan = |shard: &u16| {
            let config = self.register.config(*shard);
            !self.nodes.iter().any(|node| node.up && config.is_eligible(node.key))
        };
        let best = |shard: u16| {
            let map = self.register.map();
            let sound = (0..self.nodes.len()).filter(|slot| {
                let node = &self.nodes[*slot];
                node.up && map.member(node.key).is_some()
            });
            let fitting = sound.filter_map(|slot| Some((self.keeps(shard, slot)?, slot)));
            let best = fitting.max_by_key(|(keeps, slot)| {
                (*keeps, self.nodes[*slot].disk.image(shard).last(), self.nodes.len() - slot)
            });
            best.map(|it| it.1)
        };
        (0..self.plan.shards).filter(orphan).filter_map(|it| Some((it, best(it)?))).collect()
    }

    /// Shards whose every whole copy is gone for ever.
    pub fn lost(&self) -> Vec<(u16, Slot)> {
        let gone = |shard: u16| {
            let config = self.register.config(shard);
            !self.nodes.iter().any(|node| config.is_eligible(node.key))
        };
        self.orphans().into_iter().filter(|it| gone(it.0)).collect()
    }
}
