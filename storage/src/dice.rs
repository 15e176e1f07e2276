//! Chance from a seed: the same number, the same story.
//!
//! Used by the memory disk and the memory store, which tear and lie, and by the tests.

/// A generator of pseudo-random numbers (SplitMix64). Not for secrets.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice that fall the same way for the same seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 when the bound is 0.
    pub const fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.roll() % bound }
    }

    /// True in one of `of` cases.
    pub const fn one_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_falls_the_same_way() {
        let mut left = Dice::new(42);
        let mut right = Dice::new(42);
        for _ in 0..100 {
            assert_eq!(left.roll(), right.roll());
            assert!(left.below(7) < 7 && right.below(7) < 7);
        }
        assert_eq!(Dice::new(1).below(0), 0);
    }
}
