//! The network: from every machine to every other, each direction for itself.
//!
//! It may lose, double, delay and reorder. Cuts have an end of their own, so that nothing has to
//! remember to heal them.

use std::collections::BTreeMap;
use storage::dice::Dice;

use super::clock::{Moment, ms};

/// The place of a machine in the world; nodes come and go on it.
pub type Slot = usize;

/// How the network is on an ordinary moment.
#[derive(Debug, Clone, Copy)]
pub struct Air {
    /// The quickest a frame arrives.
    pub quick: Moment,
    /// How much later it may be, ordinarily.
    pub spread: Moment,
    /// Frames lost, in thousands.
    pub loss: u64,
    /// Frames doubled, in thousands.
    pub double: u64,
    /// Frames that come much later than those sent after them, in thousands.
    pub stray: u64,
}

/// What is wrong with one direction between two machines.
#[derive(Debug, Clone, Copy, Default)]
struct Trouble {
    cut: Moment,
    lossy: Moment,
    loss: u64,
    slow: Moment,
    delay: Moment,
}

/// All links.
#[derive(Debug)]
pub struct Network {
    dice: Dice,
    air: Air,
    trouble: BTreeMap<(Slot, Slot), Trouble>,
    latest: BTreeMap<(Slot, Slot), Moment>,
    /// Frames lost so far, for whatever reason.
    pub lost: u64,
    /// Frames doubled so far.
    pub doubled: u64,
}

impl Network {
    /// A network like this.
    pub fn new(seed: u64, air: Air) -> Self {
        Self {
            dice: Dice::new(seed),
            air,
            trouble: BTreeMap::new(),
            latest: BTreeMap::new(),
            lost: 0,
            doubled: 0,
        }
    }

    /// When what is sent now arrives: never, once or twice.
    pub fn carry(&mut self, now: Moment, from: Slot, to: Slot) -> [Option<Moment>; 2] {
        let trouble = self.trouble.get(&(from, to)).copied().unwrap_or_default();
        let lossy = if now < trouble.lossy { trouble.loss } else { 0 };
        if now < trouble.cut || self.dice.below(1000) < self.air.loss.max(lossy) {
            self.lost += 1;
            return [None, None];
        }
        let slow = if now < trouble.slow { trouble.delay } else { 0 };
        let mut at = now + self.air.quick + slow + self.dice.below(self.air.spread + 1);
        if self.dice.below(1000) < self.air.stray {
            at += self.dice.below(ms(400));
        } else {
            // In order with what was sent before, as on one stream.
            let latest = self.latest.entry((from, to)).or_default();
            at = at.max(*latest);
            *latest = at;
        }
        let again =
            (self.dice.below(1000) < self.air.double).then(|| at + self.dice.below(ms(300)));
        self.doubled += u64::from(again.is_some());
        [Some(at), again]
    }

    /// Nothing gets from `from` to `to` until then.
    pub fn cut(&mut self, from: Slot, to: Slot, until: Moment) {
        let cut = &mut self.trouble.entry((from, to)).or_default().cut;
        *cut = until.max(*cut);
    }

    /// Whether frames get from `from` to `to` now.
    pub fn is_cut(&self, now: Moment, from: Slot, to: Slot) -> bool {
        self.trouble.get(&(from, to)).is_some_and(|it| now < it.cut)
    }

    /// So many in a thousand are lost until then.
    pub fn lossy(&mut self, from: Slot, to: Slot, loss: u64, until: Moment) {
        let trouble = self.trouble.entry((from, to)).or_default();
        (trouble.loss, trouble.lossy) = (loss, until);
    }

    /// Everything takes so much longer until then.
    pub fn slow(&mut self, from: Slot, to: Slot, delay: Moment, until: Moment) {
        let trouble = self.trouble.entry((from, to)).or_default();
        (trouble.delay, trouble.slow) = (delay, until);
    }

    /// All links are well; the ordinary air stays.
    pub fn heal(&mut self) {
        self.trouble.clear();
    }
}
