//! Chance as a string of bytes: when it runs out everything is zero, so shrinking the bytes
//! shrinks the value.

/// Bytes that decisions are made from.
pub(crate) struct Chance<'a> {
    bytes: &'a [u8],
    /// Beyond the bytes: a generator, or zeros for ever.
    seed: Option<u64>,
}

impl<'a> Chance<'a> {
    /// From bytes of somebody who shrinks them.
    pub(crate) const fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, seed: None }
    }

    /// Endless, from one number.
    pub(crate) const fn seeded(seed: u64) -> Self {
        Self { bytes: &[], seed: Some(seed) }
    }

    /// The next byte.
    pub(crate) fn byte(&mut self) -> u8 {
        if let Some((first, rest)) = self.bytes.split_first() {
            self.bytes = rest;
            return *first;
        }
        match &mut self.seed {
            None => 0,
            Some(seed) => {
                // SplitMix64: short, and the same on every machine for ever.
                *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut mixed = *seed;
                mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                (mixed >> 56) as u8
            }
        }
    }

    /// The next `N` bytes.
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    /// A number below `end`, which is small.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::from(u16::from_be_bytes(self.bytes())) % end
    }

    /// True about once in `n`.
    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }
}

/// A seed from a name, so that one word's sample does not change with its neighbours.
pub(crate) fn seed_of(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
