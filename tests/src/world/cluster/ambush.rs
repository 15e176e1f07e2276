//! Misfortunes in a bad order: what chance alone would bring together once in a thousand worlds.
//!
//! Each is made of ordinary faults. They aim at the time rule between two copies: a primary that
//! hears neither its twin nor the control plane still reads under its lease, while its twin does
//! everything to serve in its place.

use super::{Cluster, Slot};
use crate::world::{clock::ms, event::Event, fault::Fault};

/// How long the primary is left alone.
const ALONE: u64 = ms(1600);

impl Cluster {
    /// The primary of a shard is cut off; its twin restarts at that very moment, or heard it late
    /// for a while before.
    pub(super) fn ambush(&mut self, shard: u16, restarts: bool) {
        let config = self.register.config(shard);
        let slots = (self.slot_of(config.primary), config.twin.and_then(|it| self.slot_of(it)));
        let (Some(primary), Some(twin)) = slots else { return };
        if restarts {
            self.left_alone(primary, twin, 0);
            let span = ms(2) + self.dice.below(ms(20));
            self.fault(Fault::Crash { slot: twin, reboots: false, span });
        } else {
            // Its answers take long, but come: the lease is renewed all the time.
            let delay = ms(150) + self.dice.below(ms(300));
            self.fault(Fault::Slow { from: twin, to: primary, delay, span: ms(3000) });
            let wait = ms(700) + self.dice.below(ms(300));
            self.left_alone(primary, twin, wait);
        }
    }

    fn left_alone(&mut self, primary: Slot, twin: Slot, wait: u64) {
        let when = self.now + wait;
        let cut = Fault::CutOneWay { from: primary, to: twin, span: ALONE };
        self.queue.at(when, Event::Fault(cut));
        self.queue.at(when, Event::Fault(Fault::RegisterCut { slot: primary, span: ALONE }));
        // The twin's transport notices at once, the primary's never.
        let (life, about) = (self.nodes[twin].life, self.nodes[primary].key);
        self.queue.at(when, Event::Hint { slot: twin, life, about, up: false });
    }
}
