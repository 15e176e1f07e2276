//! Weather: which faults come of themselves, and how often.

use storage::dice::Dice;

use super::{
    clock::{Moment, ms, secs},
    fault::Fault,
    network::Slot,
};

/// Kinds of weather. A world has some of them, so that none hides another for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Crash,
    Blackout,
    Pause,
    Cut,
    Split,
    Flap,
    Lossy,
    Reset,
    Disk,
    Rot,
    Replace,
    Register,
    Members,
    Want,
    Ambush,
    Force,
}

/// Kinds, each with how often it comes beside the others.
const KINDS: [(Kind, u64); 16] = [
    (Kind::Crash, 8),
    (Kind::Blackout, 1),
    (Kind::Pause, 6),
    (Kind::Cut, 6),
    (Kind::Split, 5),
    (Kind::Flap, 2),
    (Kind::Lossy, 4),
    (Kind::Reset, 3),
    (Kind::Disk, 4),
    (Kind::Rot, 1),
    (Kind::Replace, 2),
    (Kind::Register, 5),
    (Kind::Members, 3),
    (Kind::Want, 6),
    (Kind::Ambush, 4),
    (Kind::Force, 1),
];

/// What goes wrong in a world, and how often.
#[derive(Debug, Clone)]
pub struct Weather {
    kinds: Vec<(Kind, u64)>,
    pace: Moment,
    longest: Moment,
    /// Everything may be lost: whoever holds the only copy may lose its disk too, and an operator
    /// then gives the shard away by force.
    pub reckless: bool,
}

/// What the weather sees of the world when it chooses.
#[derive(Debug, Clone, Default)]
pub struct Sky {
    /// Machines that are nodes.
    pub slots: Vec<Slot>,
    /// Shards.
    pub shards: u16,
    /// Those whose disk may go for ever: somebody else holds all they hold.
    pub spare: Vec<Slot>,
    /// There is room for one more machine.
    pub room: bool,
    /// Members that run and stay.
    pub staying: usize,
    /// Members on their way out.
    pub draining: Vec<Slot>,
    /// Shards nobody can serve any more, each with who would lose least.
    pub orphans: Vec<(u16, Slot)>,
}

impl Weather {
    /// Nothing goes wrong.
    pub fn fair() -> Self {
        Self { kinds: Vec::new(), pace: 0, longest: 0, reckless: false }
    }

    /// Some of everything.
    pub fn of(dice: &mut Dice) -> Self {
        let reckless = dice.one_in(12);
        let all = dice.one_in(3);
        let kinds: Vec<(Kind, u64)> = KINDS
            .into_iter()
            .filter(|it| (all || dice.one_in(2)) && (reckless || it.0 != Kind::Force))
            .collect();
        let pace = ms(150 + dice.below(2500));
        Self { kinds, pace, longest: ms(200) + dice.below(secs(5)), reckless }
    }

    /// How long until the next fault; never when the weather is fair.
    pub fn pause(&self, dice: &mut Dice) -> Option<Moment> {
        (!self.kinds.is_empty()).then(|| dice.below(self.pace * 2) + 1)
    }

    /// The next fault, if one suits.
    pub fn next(&self, dice: &mut Dice, sky: &Sky) -> Option<Fault> {
        let all: u64 = self.kinds.iter().map(|it| it.1).sum();
        let mut left = dice.below(all);
        let kind = self.kinds.iter().find_map(|(kind, weight)| {
            let here = left < *weight;
            left = left.saturating_sub(*weight);
            here.then_some(*kind)
        })?;
        self.fault(kind, dice, sky)
    }

    fn fault(&self, kind: Kind, dice: &mut Dice, sky: &Sky) -> Option<Fault> {
        let slot = *pick(dice, &sky.slots)?;
        let other = *pick(dice, &sky.slots)?;
        let span = self.span(dice);
        let pair = slot != other;
        Some(match kind {
            Kind::Crash => {
                // Some are back before anybody noticed.
                let span = if dice.one_in(3) { ms(2) + dice.below(ms(60)) } else { span };
                Fault::Crash { slot, reboots: dice.one_in(2), span }
            }
            Kind::Blackout => Fault::Blackout { span: span / 4 },
            Kind::Pause => Fault::Pause { slot, span },
            Kind::Cut if pair && dice.one_in(2) => Fault::Cut { a: slot, b: other, span },
            Kind::Cut if pair => Fault::CutOneWay { from: slot, to: other, span },
            Kind::Split if dice.one_in(2) => Fault::Isolate { slot, span },
            Kind::Split => Fault::Split { side: u32::try_from(dice.below(64)).ok()?, span },
            Kind::Flap if pair => {
                Fault::Flap { a: slot, b: other, times: 2 + dice.below(8), span: ms(400) }
            }
            Kind::Lossy if pair && dice.one_in(2) => {
                Fault::Lossy { from: slot, to: other, loss: 100 + dice.below(800), span }
            }
            Kind::Lossy if pair => {
                Fault::Slow { from: slot, to: other, delay: ms(dice.below(800)), span }
            }
            Kind::Reset if pair => Fault::Reset { a: slot, b: other },
            Kind::Disk => match dice.below(3) {
                0 => {
                    // Some are only slow, some far too slow to be waited for.
                    let most = if dice.one_in(3) { 4000 } else { 900 };
                    Fault::DiskSlow { slot, delay: ms(dice.below(most)), span }
                }
                1 => Fault::DiskFull { slot, span: span / 2 },
                _ => Fault::DiskEio { slot },
            },
            Kind::Rot => Fault::DiskRots { slot: *pick(dice, &sky.spare)? },
            Kind::Replace => {
                let slots = if self.reckless { &sky.slots } else { &sky.spare };
                Fault::Replace { slot: *pick(dice, slots)?, span: span / 4 }
            }
            Kind::Register => match dice.below(5) {
                0 => Fault::RegisterDown { span },
                1 => Fault::RegisterDeaf { span },
                2 => Fault::RegisterMute { span },
                3 => Fault::RegisterSlow { span },
                _ => Fault::RegisterCut { slot, span },
            },
            Kind::Members if sky.room && dice.one_in(2) => Fault::Join,
            Kind::Members => match pick(dice, &sky.draining) {
                Some(slot) if dice.one_in(3) => Fault::Drain { slot: *slot, on: false },
                // No operator empties the last machines that run.
                _ if sky.staying > 2 => Fault::Drain { slot, on: true },
                _ => return None,
            },
            Kind::Want if pair => {
                let shard = u16::try_from(dice.below(u64::from(sky.shards))).ok()?;
                Fault::Want { shard, primary: slot, twin: other }
            }
            Kind::Ambush => {
                let shard = u16::try_from(dice.below(u64::from(sky.shards))).ok()?;
                Fault::Ambush { shard, restarts: dice.one_in(2) }
            }
            Kind::Force => {
                let (shard, slot) = *pick(dice, &sky.orphans)?;
                Fault::Force { shard, slot }
            }
            _ => return None,
        })
    }

    /// Mostly short, sometimes long.
    fn span(&self, dice: &mut Dice) -> Moment {
        let most = if dice.one_in(3) { self.longest } else { self.longest / 4 };
        ms(20) + dice.below(most)
    }
}

fn pick<'a, T>(dice: &mut Dice, from: &'a [T]) -> Option<&'a T> {
    let at = usize::try_from(dice.below(from.len() as u64)).ok()?;
    from.get(at)
}
