//! What kind of world a seed makes: how many, how fast, how bad.

use storage::{dice::Dice, twin::Settings};

use super::{
    clock::{Moment, ms, secs},
    network::{Air, Slot},
    register::Manners,
    weather::Weather,
};

/// Machines at most; newcomers find a place among them.
pub const SLOTS_MAX: usize = 6;

/// Everything about a world that is settled before it begins.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where all chance comes from.
    pub seed: u64,
    /// Machines at the start.
    pub nodes: usize,
    /// Shards.
    pub shards: u16,
    /// People.
    pub people: usize,
    /// The bad part takes this long.
    pub span: Moment,
    /// How the network is.
    pub air: Air,
    /// How the control plane is.
    pub manners: Manners,
    /// A sync ordinarily takes about this long.
    pub sync: Moment,
    /// Clocks drift.
    pub drift: bool,
    /// A checkpoint follows after this many entries.
    pub checkpoint: u64,
    /// The longest that a person thinks.
    pub pause: Moment,
    /// Of ten wishes, so many are reads.
    pub reads: u64,
    /// The twins' figures.
    pub settings: Settings,
    /// Every machine has a pace of its own.
    pub mixed: bool,
    /// What goes wrong, and how often.
    pub weather: Weather,
}

impl Plan {
    /// The world of a seed: everything in it is chance.
    pub fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ 0x5eed);
        let dice = &mut dice;
        Self {
            nodes: 3 + count(dice, 3),
            shards: 2 + u16::try_from(dice.below(3)).expect("few"),
            people: 2 + count(dice, 5),
            span: secs(5) + dice.below(secs(12)),
            air: air(dice),
            manners: manners(dice),
            sync: [200, ms(1), ms(4), ms(15)][count(dice, 4)],
            drift: !dice.one_in(3),
            checkpoint: 4 + dice.below(40),
            pause: ms(10 + dice.below(200)),
            reads: dice.below(7),
            settings: settings(dice),
            mixed: Dice::new(seed ^ 0x917ed).one_in(2),
            weather: Weather::of(dice),
            ..Self::quiet(seed)
        }
    }

    /// A world in which nothing goes wrong unless it is asked to: for scenarios.
    pub fn quiet(seed: u64) -> Self {
        Self {
            seed,
            nodes: 3,
            shards: 2,
            people: 4,
            span: secs(30),
            air: Air { quick: 200, spread: ms(1), loss: 0, double: 0, stray: 0 },
            manners: Manners {
                delay: ms(10),
                deaf: 0,
                mute: 0,
                twice: 0,
                late: 0,
                stale: 0,
                promotes_learners: false,
            },
            sync: ms(1),
            drift: true,
            checkpoint: 16,
            pause: ms(40),
            reads: 4,
            settings: Settings::default(),
            mixed: false,
            weather: Weather::fair(),
        }
    }

    /// The twins' figures on one machine: each operator chose what the configuration allows.
    pub fn settings_of(&self, slot: Slot) -> Settings {
        if !self.mixed {
            return self.settings.clone();
        }
        let dice = &mut Dice::new(self.seed ^ 0xf16 ^ (slot as u64) << 32);
        let beat = [25, 50, 100, 200][count(dice, 4)];
        // Nobody chooses less patience than the roughest air asks for.
        let silence = (400 + dice.below(1200)).max(Settings::PATIENCE * beat);
        let Settings { beat, suspect_twin, suspect_primary, resend, cas_again, .. } =
            Settings::of(beat, silence);
        let common = self.settings.clone();
        Settings { beat, suspect_twin, suspect_primary, resend, cas_again, ..common }
    }

    /// The same with a broken rule. The control plane's rule (b) falls with the twins' own.
    #[cfg(feature = "mutants")]
    #[must_use]
    pub fn breaking(mut self, mutant: storage::twin::Mutant) -> Self {
        self.settings.mutant = Some(mutant);
        self.manners.promotes_learners = mutant == storage::twin::Mutant::PromoteLearner;
        self
    }

    /// With so many machines.
    #[must_use]
    pub fn nodes(mut self, nodes: usize) -> Self {
        self.nodes = nodes;
        self
    }

    /// With so many shards.
    #[must_use]
    pub fn shards(mut self, shards: u16) -> Self {
        self.shards = shards;
        self
    }

    /// With so many people.
    #[must_use]
    pub fn people(mut self, people: usize) -> Self {
        self.people = people;
        self
    }
}

fn count(dice: &mut Dice, below: u64) -> usize {
    usize::try_from(dice.below(below)).expect("counts are small")
}

fn air(dice: &mut Dice) -> Air {
    let rough = dice.one_in(3);
    let rarely = |dice: &mut Dice, most: u64| if dice.one_in(2) { 0 } else { dice.below(most) };
    Air {
        quick: 50 + dice.below(ms(2)),
        spread: if rough { ms(60) } else { dice.below(ms(5)) },
        loss: rarely(dice, if rough { 150 } else { 20 }),
        double: rarely(dice, 60),
        stray: rarely(dice, if rough { 150 } else { 30 }),
    }
}

fn manners(dice: &mut Dice) -> Manners {
    let rarely = |dice: &mut Dice, most: u64| if dice.one_in(2) { 0 } else { dice.below(most) };
    Manners {
        delay: ms(2 + dice.below(60)),
        deaf: rarely(dice, 200),
        mute: rarely(dice, 300),
        twice: rarely(dice, 100),
        late: rarely(dice, 500),
        stale: rarely(dice, 200),
        promotes_learners: false,
    }
}

/// Short buffers, so that their ends are met.
fn settings(dice: &mut Dice) -> Settings {
    let standard = Settings::default();
    if dice.one_in(3) {
        return standard;
    }
    let batch = 64 << dice.below(6);
    let keep = dice.below(1024);
    Settings {
        batch_max_bytes: batch,
        window_max_bytes: batch * (1 + dice.below(4)),
        uncommitted_max_bytes: 128 << dice.below(6),
        ring_keep_bytes: keep,
        ring_max_bytes: keep + dice.below(2048),
        ..standard
    }
}
